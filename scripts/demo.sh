#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration: demo.sh OBJECT-TREE
#
# A real server on loopback, a real agent over an overlay of this machine's root file system in
# private mount and process namespaces: it enforces on real files, and the machine stays untouched.
# Everything is made in a temporary directory and gone at the end. Last line "demo: ok".
set -eu
tree=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
here=$PWD

fail() {
	echo "demo: FAILED: $*" >&2
	exit 1
}

# --- into the namespaces -----------------------------------------------------------------------
if [ "${MDM_DEMO_INSIDE:-}" != 1 ]; then
	command -v unshare >/dev/null || fail "unshare is missing; run make deps"
	work=$(mktemp -d "${TMPDIR:-/tmp}/mdm-demo.XXXXXX")
	export MDM_DEMO_INSIDE=1 MDM_DEMO_WORK="$work"
	status=0
	if [ "$(id -u)" -eq 0 ]; then
		unshare --mount --pid --fork --kill-child "$0" "$tree" || status=$?
	elif unshare --user --map-root-user --map-auto --mount true 2>/dev/null; then
		echo "demo: not root: running as root of a user namespace"
		unshare --user --map-root-user --map-auto --mount --pid --fork --kill-child \
			"$0" "$tree" || status=$?
	else
		rmdir "$work"
		fail "this needs root, or user namespaces with a range of user ids (newuidmap," \
			"/etc/subuid); try: sudo make demo"
	fi
	# The overlay leaves a directory that only its owner may enter.
	chmod -R u+rwx "$work" 2>/dev/null || true
	rm -rf "$work"
	exit $status
fi

work=$MDM_DEMO_WORK
root=$work/root
mount --make-rprivate /
mount -t tmpfs -o mode=0755 mdm-demo "$work" || fail "no tmpfs can be mounted here"

server_pid='' agent_pid='' follow_pid=''
finish() {
	status=$?
	for pid in $follow_pid $agent_pid $server_pid; do
		kill "$pid" 2>/dev/null || true
	done
	if [ "$status" -ne 0 ]; then
		echo "--- the server's last lines"
		tail -n 15 "$work/server.log" 2>/dev/null || true
		echo "--- the agent's last lines"
		tail -n 15 "$work/agent.log" 2>/dev/null || true
	fi
}
trap finish EXIT

# --- the contained system ----------------------------------------------------------------------
overlay() { # DIRECTORY-OF-THE-MACHINE
	name=$(echo "$1" | tr / _)
	mkdir -p "$work/upper$name" "$work/work$name" "$root$1"
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/upper$name,workdir=$work/work$name" \
		"$root$1" || fail "no overlay of $1 can be mounted here"
}
overlay /
for part in usr etc var opt lib; do
	if mountpoint -q "/$part" 2>/dev/null; then
		overlay "/$part"
	fi
done
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
cp "$tree/mdm-agentd" "$tree/agentctl" "$root/usr/bin/"
mkdir -p "$root/usr/libexec/mdm-agent" "$root/run/mdm-agent" "$root/var/lib/mdm-agent"
cp "$tree/mdm-agent-net" "$root/usr/libexec/mdm-agent/"
grep -q '^mdm-agent:' "$root/etc/passwd" || {
	echo 'mdm-agent:x:64123:64123:mdm-agent:/nonexistent:/usr/sbin/nologin' >>"$root/etc/passwd"
	echo 'mdm-agent:x:64123:' >>"$root/etc/group"
}
# What an earlier agent of this machine may have left must not play along.
rm -rf "$root/var/lib/mdm-agent"
mkdir -m 0700 "$root/var/lib/mdm-agent"

# --- telling ------------------------------------------------------------------------------------
act() {
	printf '\n== %s\n' "$*"
}
show() { # prints a command as the user would type it, then runs it
	printf '\n$ %s\n' "$*"
	"$@"
}
mdmctl() {
	"$tree/mdmctl" --org "$work/org" --passphrase-file "$work/passphrase" "$@"
}
agentctl() {
	chroot "$root" /usr/bin/agentctl "$@"
}
wait_for() { # SECONDS WHAT COMMAND…: until the command succeeds
	limit=$(($(date +%s%N) / 1000000 + $1 * 1000))
	what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $(($(date +%s%N) / 1000000)) -lt "$limit" ] || fail "$what did not happen in time"
		sleep 0.05
	done
}
start_agent() {
	chroot "$root" /usr/bin/mdm-agentd --net-program /usr/libexec/mdm-agent/mdm-agent-net \
		--state-dir /var/lib/mdm-agent --socket /run/mdm-agent/agent.sock >>"$work/agent.log" 2>&1 &
	agent_pid=$!
	wait_for 10 "the start of the agent" agentctl version --json
	wait_for 10 "an answer of the agent" agentctl status
}
served() { # DCONF-KEY: what dconf serves to every user of the contained system
	chroot "$root" /usr/bin/env -i HOME=/nonexistent PATH=/usr/bin dconf read "$1" 2>/dev/null
}

# --- act 1 --------------------------------------------------------------------------------------
act "1. The administrator makes an organisation: keys stay here, the server gets none of them"
(umask 077 && head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/passphrase")
mkdir -m 0700 "$work/server"
show mdmctl init --name "Demo Organisation" --server https://127.0.0.1:8443 \
	--admin https://127.0.0.1:8444 --server-dir "$work/server" --user admin
"$tree/mdm-server" --state "$work/server" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
	>"$work/server.log" 2>&1 &
server_pid=$!
wait_for 10 "the start of the server" grep -q 'listening on' "$work/server.log"
address=$(sed -n 's/.*listening on \(https:[^, ]*\).*/\1/p' "$work/server.log" | head -n 1)
admin=$(sed -n 's/.*administration on \(https:[^, ]*\).*/\1/p' "$work/server.log" | head -n 1)
mdmctl config set server "$address" >/dev/null
mdmctl config set admin "$admin" >/dev/null
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
mdmctl ticket new --group demo --json >"$work/ticket.json"
uri=$(sed -n 's/.*"uri": *"\(mdm:[^"]*\)".*/\1/p' "$work/ticket.json" | sed 's|\\/|/|g')
[ -n "$uri" ] || fail "mdmctl made no ticket"
start_agent
printf '%s\n' "$uri" >"$root/tmp/ticket"
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
	sed -i 's/idle-delay=.*/idle-delay=uint32 0/' "$root"/etc/dconf/db/mdm-agent.d/[0-9]*
	chroot "$root" dconf update
}
tamper
started=$(($(date +%s%N) / 1000000))
repaired() {
	[ "$(served /org/gnome/desktop/session/idle-delay)" = "uint32 120" ] &&
		grep -q 'idle-delay=uint32 120' "$root"/etc/dconf/db/mdm-agent.d/[0-9]*
}
wait_for 3 "the repair" repaired
echo "repaired after $(($(date +%s%N) / 1000000 - started)) ms"
[ $(($(date +%s%N) / 1000000 - started)) -le 2000 ] || fail "the repair took more than two seconds"
reported() {
	mdmctl events --json | grep -q drift_repaired
}
agentctl sync
wait_for 10 "the report of the repair" reported
show mdmctl events
device=$(mdmctl device list --json | sed -n 's/.*"id": *"\([0-9a-f]\{32\}\)".*/\1/p' | head -n 1)
show mdmctl device show "$device"

act "5. The server dies; enforcement goes on"
kill "$server_pid"
wait "$server_pid" 2>/dev/null || true
server_pid=''
printf '\n$ agentctl sync\n'
if agentctl sync; then
	fail "a dead server answered"
fi
tamper
started=$(($(date +%s%N) / 1000000))
wait_for 3 "the repair without a server" repaired
echo "repaired without a server after $(($(date +%s%N) / 1000000 - started)) ms"
kill "$agent_pid"
wait "$agent_pid" 2>/dev/null || true
tamper
echo "the agent was stopped, the file changed, the agent starts again without any network"
start_agent
wait_for 5 "the repair after the restart" repaired
show agentctl journal verify
show agentctl journal show -n 6

act "Unenrolment leaves no trace of policy"
show agentctl unenroll --yes
if [ -e "$root/etc/dconf/db/mdm-agent" ] || [ -e "$root/etc/dconf/db/mdm-agent.d" ]; then
	fail "files of the policy are left"
fi
[ -z "$(served /org/gnome/desktop/session/idle-delay)" ] || fail "the setting is still served"
cd "$here"
echo
echo "demo: ok"
