#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration: demo.sh OBJECT-TREE
#
# In the contained system of contained.sh: the machine stays untouched. Last line "demo: ok".
set -eu
tree=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
what=demo
. scripts/contained.sh

contained_enter scripts/demo.sh
follow_pid=''
finish() {
	status=$?
	[ -z "$follow_pid" ] || kill "$follow_pid" 2>/dev/null || true
	contained_finish "$status"
}
trap finish EXIT
contained_make
# Where the machine's own file system can be seen, the agent traces it to its disk. In a user
# namespace it may not be mounted again; then it is left out.
mkdir -p "$root/mnt/machine"
if mount --bind / "$root/mnt/machine" 2>/dev/null; then
	mount -o remount,bind,ro "$root/mnt/machine"
fi

act() {
	printf '\n== %s\n' "$*"
}
served() { # DCONF-KEY: what dconf serves to every user of the contained system
	chroot "$root" /usr/bin/env -i HOME=/nonexistent PATH=/usr/bin dconf read "$1" 2>/dev/null
}

# --- act 1 --------------------------------------------------------------------------------------
act "1. The administrator makes an organisation: keys stay here, the server gets none of them"
organisation_passphrase
show mdmctl init --name "Demo Organisation" --server https://127.0.0.1:8443 \
	--admin https://127.0.0.1:8444 --server-dir "$server_dir" --admin-name admin
server_start
echo "mdm-server runs on $address"

act "2. The phone enrols with a one-time ticket and receives a signed policy"
cat >"$work/policy.json" <<'POLICY'
{
  "checkin": {"interval": 3600},
  "profiles": [
    {"id": "base", "settings": {
      "screen_lock": {"enabled": true, "idle_delay": 300, "lock_delay": 0, "require_unlock": true}}},
    {"id": "office", "when": {"time": {"days": ["mon","tue","wed","thu","fri","sat","sun"]}},
     "settings": {"screen_lock": {"idle_delay": 120}, "encryption": {"storage": true, "swap": true}}}
  ]
}
POLICY
show mdmctl policy check "$work/policy.json"
mdmctl policy sign "$work/policy.json" --stream demo -o "$work/policy.jws" >/dev/null
show mdmctl policy push "$work/policy.jws"
ticket_make demo
agent_start
show agentctl enroll --yes /tmp/ticket
show agentctl status
show agentctl policy explain screen_lock.idle_delay

act "3. It is enforced on real files, and what the phone saw is what counts"
show agentctl compliance || true
[ "$(served /org/gnome/desktop/session/idle-delay)" = "uint32 120" ] ||
	fail "dconf does not serve the idle delay of the policy"
[ "$(served /sm/puri/phosh/lockscreen/require-unlock)" = "true" ] ||
	fail "dconf does not serve require-unlock"
echo "dconf serves idle-delay = $(served /org/gnome/desktop/session/idle-delay) to every user"

act "4. Somebody tampers as root; the agent repairs within two seconds and says so"
tamper() {
	sed -i 's/idle-delay=.*/idle-delay=uint32 0/' "$root"/etc/dconf/db/mdm_agent.d/[0-9]*
	chroot "$root" dconf update
}
tamper
started=$(now_ms)
repaired() {
	[ "$(served /org/gnome/desktop/session/idle-delay)" = "uint32 120" ] &&
		grep -q 'idle-delay=uint32 120' "$root"/etc/dconf/db/mdm_agent.d/[0-9]*
}
wait_for 3 "the repair" repaired
echo "repaired after $(($(now_ms) - started)) ms"
[ $(($(now_ms) - started)) -le 2000 ] || fail "the repair took more than two seconds"
reported() {
	mdmctl events --json | grep -q drift_repaired
}
agentctl sync
wait_for 10 "the report of the repair" reported
show mdmctl events
device=$(mdmctl device list --json | sed -n 's/.*"id": *"\([0-9a-f]\{32\}\)".*/\1/p' | head -n 1)
show mdmctl device show "$device"

act "5. The server dies; enforcement goes on"
server_stop
printf '\n$ agentctl sync\n'
if agentctl sync; then
	fail "a dead server answered"
fi
tamper
started=$(now_ms)
wait_for 3 "the repair without a server" repaired
echo "repaired without a server after $(($(now_ms) - started)) ms"
agent_stop
tamper
echo "the agent was stopped, the file changed, the agent starts again without any network"
agent_start
wait_for 5 "the repair after the restart" repaired
show agentctl journal verify
show agentctl journal show -n 6

act "Unenrolment leaves no trace of policy"
show agentctl unenroll --yes
if [ -e "$root/etc/dconf/db/mdm_agent" ] || [ -e "$root/etc/dconf/db/mdm_agent.d" ]; then
	fail "files of the policy are left"
fi
[ -z "$(served /org/gnome/desktop/session/idle-delay)" ] || fail "the setting is still served"
echo
echo "demo: ok"
