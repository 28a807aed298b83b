#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job on a contained system, and what happens when something is wrong: main_job.sh TREE
# Real server, real agent, real dconf, private mount and process namespaces. Needs root.
# shellcheck disable=SC2154 # root, work and the processes come from contained.sh
set -eu
tree=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
if [ "$(id -u)" -ne 0 ]; then
	echo "  skipped: the contained system of this test needs root"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
what=check
. scripts/contained.sh

contained_enter tests/system/main_job.sh
passed=0 failed=0 current=''
finish() {
	status=$?
	[ -z "$current" ] || {
		echo "FAILED $current"
		failed=$((failed + 1))
	}
	contained_finish "$failed" || true
	echo "$passed passed, $failed failed"
	[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
}
trap finish EXIT
contained_make

# begin NAME: the checks up to the next begin are one test; one that fails ends everything, because
# what follows builds on it.
begin() {
	[ -z "$current" ] || passed=$((passed + 1))
	current=$1
}
is() { # WHAT ACTUAL EXPECTED
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}
has() { # TEXT PATTERN
	printf '%s\n' "$1" | grep -q -- "$2" || fail "no '$2' in: $1"
}
lacks() { # TEXT PATTERN
	! printf '%s\n' "$1" | grep -q -- "$2" || fail "'$2' in: $1"
}
exits() { # STATUS COMMAND…: output in $output
	expected=$1
	shift
	status=0
	output=$("$@" 2>&1) || status=$?
	[ "$status" -eq "$expected" ] || fail "$* ended with $status, not $expected: $output"
}
json() { # PYTHON-EXPRESSION over j, from standard input
	/usr/bin/python3 -c 'import json,sys; j=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}
served() { # DCONF-KEY, as a user with a hostile database of his own sees it
	chroot "$root" /usr/bin/env -i HOME=/tmp/user PATH=/usr/bin dconf read "$1" 2>/dev/null
}
idle_key=/org/gnome/desktop/session/idle-delay
in_force() { # SECONDS
	[ "$(served $idle_key)" = "uint32 $1" ]
}
repaired() {
	in_force 120 && [ "$(agentctl compliance --json |
		json '[s["state"] for s in j["settings"] if s["setting"]=="idle_delay"][0]')" = compliant ]
}
policy() { # IDLE-DELAY: signs and pushes
	cat >"$work/policy.json" <<-POLICY
		{"checkin":{"interval":3600},"profiles":[{"id":"base","settings":{
		"screen_lock":{"enabled":true,"idle_delay":$1,"lock_delay":0,"require_unlock":true}}}]}
	POLICY
	mdmctl policy sign "$work/policy.json" --stream staff -o "$work/policy.jws" >/dev/null
	mdmctl policy push "$work/policy.jws" >/dev/null
}
as_user() { # GROUPS COMMAND…: of the contained system, as an ordinary user
	groups=$1
	shift
	chroot "$root" setpriv --reuid 61000 --regid 61000 --groups "$groups" "$@"
}
snapshot() { # everything below /etc: names, kinds, owners, modes, contents
	(cd "$root" && find etc -printf '%p %y %m %U %G %l\n' | sort &&
		find etc -type f -exec sha256sum {} + | sort)
}
etc_before=$work/etc.before etc_after=$work/etc.after

begin "an administrator prepares everything"
echo 'mdm-admin:x:61001:' >>"$root/etc/group"
mkdir -p "$root/tmp/user/.config/dconf" "$root/etc/dconf/profile"
printf 'user-db:user\nsystem-db:site\n' >"$root/etc/dconf/profile/user"
mkdir -p "$root/etc/dconf/db/site.d"
printf '[org/gnome/desktop/session]\nidle-delay=uint32 900\n' >"$root/etc/dconf/db/site.d/10"
chroot "$root" dconf update
snapshot >"$etc_before"
organisation_passphrase
mdmctl init --name "Test Organisation" --server https://127.0.0.1:1 --admin https://127.0.0.1:2 \
	--server-dir "$work/server" --admin-name tester >/dev/null
grep -rlE 'ED25519|ENCRYPTED' "$work/server" && fail "a signing key reached the server"
server_start
server_url=$address
policy 300
cp "$work/policy.jws" "$work/oldest.jws"
ticket_make staff

begin "the agent answers before it is enrolled"
agent_start
is "enrolled" "$(agentctl status --json | json 'j["enrolled"]')" False
exits 5 agentctl sync
has "$output" "not enrolled"
exits 5 agentctl unenroll --yes

begin "a ticket that is wrong changes nothing"
sed 's/&k=[^&]*/\&k=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/' "$root/tmp/ticket" >"$root/tmp/wrong"
sed 's/&s=[^&]*/\&s=AAAAAAAAAAAAAAAAAAAAAA/' "$root/tmp/ticket" >"$root/tmp/secret"
sed 's/&c=[^&]*/\&c=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/' "$root/tmp/ticket" >"$root/tmp/pin"
exits 7 agentctl enroll --yes /tmp/secret
exits 7 agentctl enroll --yes /tmp/pin
echo 'mdm://x/?t=1' >"$root/tmp/short"
exits 7 agentctl enroll --yes /tmp/short
is "enrolled" "$(agentctl status --json | json 'j["enrolled"]')" False
is "identity files" "$(find "$root/var/lib/mdm-agent/net" -type f 2>/dev/null | wc -l)" 0

begin "only root and the group mdm-admin may act; everybody may read"
exits 4 as_user 61000 agentctl enroll --yes /tmp/ticket
as_user 61000 agentctl status >/dev/null
as_user 61000 agentctl journal verify >/dev/null

begin "enrolment, policy, enforcement, report"
exits 0 as_user 61001 agentctl enroll --yes /tmp/ticket
wait_for 5 "the policy in force" in_force 300
is "state" "$(agentctl compliance --json | json 'j["state"]')" compliant
is "organisation" "$(agentctl status --json | json 'j["organisation"]["name"]')" "Test Organisation"
agentctl sync >/dev/null
device=$(mdmctl device list --json | json 'j["devices"][0]["id"]')
is "state at the server" "$(mdmctl device show "$device" --json | json 'j["state"]')" compliant
is "the role's user" "$(agentctl status --json | json 'j["sandbox"]["seccomp"]')" True
is "key's owner" "$(stat -c %u:%a "$root/var/lib/mdm-agent/net/key.pem")" \
	"$(sed -n 's/^mdm-agent:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd"):600"

begin "no D-Bus: nothing of this needs a system bus"
[ ! -e "$root/run/dbus/system_bus_socket" ] || fail "the contained system has a system bus"
[ ! -e "$root/var/run/dbus/system_bus_socket" ] || fail "the contained system has a system bus"
in_force 300 || fail "the policy is not in force without a system bus"
is "failures of dconf" "$(agentctl status --json |
	json '[b.get("failure") for b in j["backends"] if b["name"]=="dconf"]')" "[None]"
is "dconf is there" "$(agentctl status --json |
	json '[b["present"] for b in j["backends"] if b["name"]=="dconf"]')" "[True]"

begin "agentctl shows what was sent and what was signed"
agentctl privacy --json >"$work/privacy.json"
mdmctl device show "$device" --json >"$work/device.json"
agentctl policy show --json >"$work/shown.json"
/usr/bin/python3 - "$work" "$device" <<-'PYTHON'
	import base64, json, sys
	work, device = sys.argv[1:]
	def read(name):
	    with open(work + "/" + name) as file:
	        return json.load(file)
	last = read("privacy.json")["last_report"]
	assert last["device"] == device, last["device"]
	def digests(sections):
	    return {name: section["digest"] for name, section in sections.items()}
	held = read("device.json")["sections"]
	assert set(last["sections"]) == {"compliance", "inventory", "agent", "apps"}, last["sections"]
	assert digests(last["sections"]) == digests(held), (digests(last["sections"]), digests(held))
	with open(work + "/policy.jws") as file:
	    payload = file.readline().split(".")[1]
	signed = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
	shown = [p for p in read("shown.json")["policies"] if p["stream"] == "staff"]
	assert len(shown) == 1 and shown[0]["payload"] == signed, (shown, signed)
PYTHON

begin "a user's own database does not outrank the policy"
chroot "$root" setpriv --reuid 61000 --regid 61000 --clear-groups true
printf '[org/gnome/desktop/session]\nidle-delay=uint32 0\n' >"$work/hostile.ini"
mkdir -p "$work/hostile.d" && cp "$work/hostile.ini" "$work/hostile.d/00"
dconf compile "$root/tmp/user/.config/dconf/user" "$work/hostile.d"
in_force 300 || fail "a user's database outranks the policy"

begin "a ticket serves one phone once"
exits 5 agentctl enroll --yes /tmp/ticket
has "$output" "managed"

begin "a newer policy replaces the older one"
policy 120
agentctl sync >/dev/null
wait_for 5 "the newer policy" in_force 120
is "deciding profile" "$(agentctl policy explain --json |
	json '[s["profile"] for s in j["settings"] if s["setting"]=="idle_delay"][0]')" base

db=$root/etc/dconf/db
for tampering in \
	"rm -f $db/mdm_agent" \
	"rm -rf $db/mdm_agent.d" \
	"rm -f $db/mdm_agent.d/locks/*" \
	"sed -i 's/uint32 120/uint32 0/' $db/mdm_agent.d/00-mdm-agent" \
	"rm -f $root/etc/dconf/profile/user" \
	"sed -i /mdm_agent/d $root/etc/dconf/profile/user" \
	"rm -rf $root/etc/dconf/profile $db/mdm_agent $db/mdm_agent.d" \
	"cp $work/hostile.ini $db/mdm_agent" \
	"truncate -s 0 $db/mdm_agent" \
	"ln -sf /tmp/nowhere $db/mdm_agent"; do
	begin "repaired within two seconds: ${tampering%% *} ${tampering##*"$root"}"
	started=$(now_ms)
	eval "$tampering"
	sleep 0.1
	wait_for 3 "the repair" repaired
	[ $(($(now_ms) - started)) -le 2000 ] || fail "it took $(($(now_ms) - started)) ms"
done

begin "a database that locks another value behind ours"
mkdir -p "$db/evil.d/locks"
printf '[org/gnome/desktop/session]\nidle-delay=uint32 0\n' >"$db/evil.d/00"
echo $idle_key >"$db/evil.d/locks/00"
chroot "$root" dconf update
echo 'system-db:evil' >>"$root/etc/dconf/profile/user"
sleep 0.1
wait_for 3 "the repair" repaired
rm -rf "$db/evil" "$db/evil.d"
sed -i /evil/d "$root/etc/dconf/profile/user"

begin "drift is journalled and reported"
agentctl sync >/dev/null
has "$(mdmctl events --json)" drift_repaired
has "$(agentctl journal show --json)" drift_detected

begin "a stolen server: forged, foreign and older documents change nothing"
cp "$work/policy.jws" "$work/newest.jws"
serial=$(agentctl status --json | json 'j["policies"][0]["serial"]')
refusals() {
	agentctl status --json | json '" ".join(r["reason"] for r in j["refusals"])'
}
# What the courier stores it can exchange: its database is its own.
plant() { # FILE: as the policy of the group, with a serial the phone does not have
	/usr/bin/python3 - "$work/server/mdm.db" "$1" $((serial + 10)) <<-'PYTHON'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1], timeout=10)
		db.execute("UPDATE documents SET body = ?, serial = ? WHERE address = 'staff' AND"
		           " serial = (SELECT max(serial) FROM documents WHERE address = 'staff')",
		           (open(sys.argv[2], "rb").read(), int(sys.argv[3])))
		assert db.total_changes == 1
		db.commit()
	PYTHON
	agentctl sync >/dev/null || true
}
mdmctl2() {
	"$tree/mdmctl" --org "$work/org2" --passphrase-file "$work/passphrase" "$@"
}
mdmctl2 init --name Other --server https://127.0.0.1:1 --admin https://127.0.0.1:2 \
	--server-dir "$work/server2" --admin-name tester >/dev/null
sed 's/120/3600/' "$work/policy.json" >"$work/weak.json"
mdmctl2 policy sign "$work/weak.json" --stream staff --serial $((serial + 10)) --offline \
	-o "$work/foreign.jws" >/dev/null
plant "$work/foreign.jws"
has "$(refusals)" signature
in_force 120 || fail "a foreign policy is in force"
plant "$work/oldest.jws"
has "$(refusals)" rollback
echo 'not a document' >"$work/garbage"
plant "$work/garbage"
has "$(refusals)" form
mdmctl policy sign "$work/weak.json" --stream other --serial $((serial + 10)) --offline \
	-o "$work/target.jws" >/dev/null
plant "$work/target.jws"
has "$(refusals)" target
mdmctl policy sign "$work/weak.json" --stream staff --serial $((serial + 10)) --expires 1s --offline \
	-o "$work/expired.jws" >/dev/null
sleep 2
plant "$work/expired.jws"
has "$(refusals)" expired
sed 's/"idle_delay": *3600/"idle_delay": 1/' "$work/weak.json" >"$work/bad.json"
exits 1 mdmctl policy sign "$work/bad.json" --stream staff --offline -o "$work/bad.jws"
in_force 120 || fail "a refused policy changed something"
agentctl sync >/dev/null
journalled=$(agentctl journal show -n 100 --json | json '" ".join(r["data"]["reason"]
	for r in j["records"] if r["type"] == "document_refused")')
heard=$(mdmctl events --json | grep document_refused)
for reason in signature rollback form target expired; do
	has "$journalled" "$reason"
	has "$heard" "\"reason\": *\"$reason\""
done
# A document that is refused again and again is no reason to talk to the server again and again.
exchanges() {
	grep -c 'refused; `agentctl' "$work/agent.log"
}
before=$(exchanges)
sleep 3
[ $(($(exchanges) - before)) -le 1 ] || fail "the agent hammers the server"
plant "$work/newest.jws"
in_force 120 || fail "the true policy is gone"

begin "no dconf: said with what to do, and repaired when it is back"
mv "$root/usr/bin/dconf" "$root/usr/bin/dconf.away"
agentctl sync >/dev/null
has "$(agentctl compliance --json)" no_mechanism
has "$(agentctl status --json)" "dconf is not installed"
mv "$root/usr/bin/dconf.away" "$root/usr/bin/dconf"
policy 110
agentctl sync >/dev/null
wait_for 5 "the policy after dconf is back" in_force 110
policy 120
agentctl sync >/dev/null
wait_for 5 "the policy" in_force 120

begin "a full state directory: in force, said, and stored later"
agent_stop
cp -a "$root/var/lib/mdm-agent" "$work/state.copy"
mount -t tmpfs -o size=1m,mode=0700 state "$root/var/lib/mdm-agent"
cp -a "$work/state.copy/." "$root/var/lib/mdm-agent/"
agent_start
dd if=/dev/zero of="$root/var/lib/mdm-agent/ballast" bs=4k 2>/dev/null || true
policy 100
agentctl sync >/dev/null || true
wait_for 5 "the policy with a full disk" in_force 100
has "$(agentctl status --json | json 'j["problems"]')" 'No space left'
rm "$root/var/lib/mdm-agent/ballast"
agentctl sync >/dev/null
agentctl sync >/dev/null
lacks "$(agentctl status --json | json 'j["problems"]')" 'No space left'

begin "a read-only state directory: enforcement goes on"
policy 120
agentctl sync >/dev/null
wait_for 5 "the policy" in_force 120
agent_stop
mount -o remount,ro "$root/var/lib/mdm-agent"
sed -i 's/uint32 120/uint32 0/' "$db/mdm_agent.d/00-mdm-agent"
chroot "$root" dconf update
agent_start
has "$(agentctl status --json | json 'j["problems"]')" 'Read-only file system'
agent_stop
mount -o remount,rw "$root/var/lib/mdm-agent"
agent_start
wait_for 5 "the repair" repaired

begin "a dead server"
server_stop
exits 6 agentctl sync
has "$output" 127.0.0.1
in_force 120 || fail "the policy went with the server"

begin "a server that answers garbage"
port=${server_url##*:}
/usr/bin/python3 - "$work/server" "$port" <<-'PYTHON' &
	import http.server, ssl, sys
	class Garbage(http.server.BaseHTTPRequestHandler):
	    protocol_version = "HTTP/1.1"
	    def do_POST(self):
	        self.rfile.read(int(self.headers["Content-Length"]))
	        body = b"<html>\x00\xff" * 100
	        self.send_response(200)
	        self.send_header("Content-Type", "application/jose")
	        self.send_header("Content-Length", str(len(body)))
	        self.end_headers()
	        self.wfile.write(body)
	    def log_message(self, *args):
	        pass
	server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Garbage)
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain(sys.argv[1] + "/server-chain.pem", sys.argv[1] + "/server-key.pem")
	server.socket = context.wrap_socket(server.socket, server_side=True)
	server.serve_forever()
PYTHON
server_pid=$!
wait_for 10 "the bad server" /usr/bin/python3 -c \
	"import socket; socket.create_connection(('127.0.0.1', $port)).close()"
agentctl sync >/dev/null 2>&1 || true
has "$(refusals)" form
in_force 120 || fail "garbage changed something"
server_stop

begin "a server that never answers: the phone answers and enforces meanwhile"
/usr/bin/python3 - "$port" >"$work/silent" <<-'PYTHON' &
	import socket, sys
	listener = socket.socket()
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	listener.bind(("127.0.0.1", int(sys.argv[1])))
	listener.listen(8)
	print("listening", flush=True)
	held = []
	while True:
	    held.append(listener.accept()[0])
	    print("accepted", flush=True)
PYTHON
server_pid=$!
wait_for 10 "the silent server" grep -q listening "$work/silent"
timeout 8 chroot "$root" /usr/bin/agentctl sync >"$work/sync.log" 2>&1 &
sync_pid=$!
wait_for 5 "the exchange" grep -q accepted "$work/silent"
started=$(now_ms)
agentctl status >/dev/null
[ $(($(now_ms) - started)) -le 2000 ] || fail "status took $(($(now_ms) - started)) ms"
kill -0 "$sync_pid" 2>/dev/null || fail "the exchange ended: $(cat "$work/sync.log")"
in_force 120 || fail "the policy is gone while a server keeps silent"
sed -i 's/uint32 120/uint32 0/' "$db/mdm_agent.d/00-mdm-agent"
wait_for 5 "the repair while a server keeps silent" repaired
status=0
wait "$sync_pid" || status=$?
is "the interrupted command" "$status" 124
agentctl status >/dev/null
server_stop
nobody_listens() { # the exchange is over, and the next one says what is wrong
	status=0
	agentctl sync || status=$?
	[ "$status" -eq 6 ]
}
wait_for 30 "the end of the exchange" nobody_listens
in_force 120 || fail "the silent server changed something"

begin "a server of another organisation"
listen=127.0.0.1:$port
"$tree/mdm-server" --state "$work/server2" --listen "$listen" --admin-listen 127.0.0.1:0 \
	>"$work/server.log" 2>&1 &
server_pid=$!
wait_for 10 "the foreign server" grep -q 'listening on' "$work/server.log"
exits 7 agentctl sync
has "$output" 'certificate\|CA'
server_stop

begin "a clock in 1970, and one far ahead"
"$tree/mdm-server" --state "$work/server" --listen "$listen" --admin-listen 127.0.0.1:0 \
	>"$work/server.log" 2>&1 &
server_pid=$!
wait_for 10 "the server" grep -q 'listening on' "$work/server.log"
cc -shared -fPIC -D_GNU_SOURCE -o "$root/tmp/clock_shim.so" tests/lib/clock_shim.c
shifted() { # SECONDS: restarts the agent with its clock off by that
	agent_stop
	agent_prefix="env LD_PRELOAD=$root/tmp/clock_shim.so CLOCK_SHIM_OFFSET=$1"
	agent_prefix="$agent_prefix ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"
	# Inside of the new root the library has another path.
	mkdir -p "$root$root/tmp"
	cp "$root/tmp/clock_shim.so" "$root$root/tmp/"
	agent_start
	agent_prefix=
}
shifted -$(($(date +%s) - 86400))
has "$(agentctl status --json | json 'j["clock"]["verdict"]')" behind
has "$(agentctl status --json | json 'j["problems"]')" 'Set the clock'
in_force 120 || fail "a clock in 1970 loosened the policy"
agentctl sync >/dev/null
high_water=$(agentctl status --json | json 'j["clock"]["high_water"]')
shifted $((20 * 365 * 86400))
agentctl sync >/dev/null || true
has "$(agentctl status --json | json 'j["clock"]["verdict"]')" ahead
[ "$(agentctl status --json | json 'j["clock"]["high_water"]')" -lt $((high_water + 86400)) ] ||
	fail "the clock raised the high-water time"
in_force 120 || fail "a clock ahead loosened the policy"
# The keyset lasts two years: seen 20 years and 700 days later. What a certificate's age is the
# server says, whose clock is right: tests/system/identity_years.py.
has "$(agentctl status --json | json 'j["problems"]')" "keyset expired on"
has "$(agentctl journal show --json -n 50)" '"type":"keyset_expiring"'
shifted $((700 * 86400))
agentctl sync >/dev/null
has "$(agentctl status --json | json 'j["problems"]')" "keyset expires on"
agent_stop
agent_start
agentctl sync >/dev/null
has "$(agentctl status --json | json 'j["clock"]["verdict"]')" plausible

begin "killed at any moment, it enforces again and its journal is whole"
for pause in 0.01 0.05 0.1 0.2 0.4; do
	sed -i 's/uint32 120/uint32 0/' "$db/mdm_agent.d/00-mdm-agent"
	sleep $pause
	kill -9 "$agent_pid"
	wait "$agent_pid" 2>/dev/null || true
	agent_start
	wait_for 5 "the repair after a kill" repaired
	agentctl journal verify >/dev/null
done

begin "a second agent does not start beside the first, and touches nothing"
records=$(agentctl journal verify --json | json 'j["records"]')
exits 1 chroot "$root" /usr/bin/mdm-agentd --state-dir /tmp/other
has "$output" "another mdm-agentd is running"
exits 1 chroot "$root" /usr/bin/mdm-agentd
has "$output" "another mdm-agentd uses"
exits 1 chroot "$root" /usr/bin/mdm-agentd --socket /tmp/other.sock
is "records of the journal" "$(agentctl journal verify --json | json 'j["records"]')" "$records"
agentctl status >/dev/null

begin "leaving a group takes its policy along"
server_admin=$(sed -n 's/.*administration on \(https:[^, ]*\).*/\1/p' "$work/server.log" | head -n 1)
mdmctl config set admin "$server_admin" >/dev/null
mdmctl assign "$device" --group nobody --yes >/dev/null
agentctl sync >/dev/null
wait_for 5 "the end of the policy" in_force 0
is "policies" "$(agentctl status --json | json 'len(j["policies"])')" 0
mdmctl assign "$device" --group staff --yes >/dev/null
agentctl sync >/dev/null
agentctl sync >/dev/null
wait_for 5 "the policy of the group" in_force 120

begin "unenrolment leaves no trace of policy"
agentctl unenroll --yes >/dev/null
snapshot >"$etc_after"
diff "$etc_before" "$etc_after" || fail "/etc is not as it was"
is "state files" "$(cd "$root/var/lib/mdm-agent" && find documents net reports vault -type f 2>/dev/null)" ""
is "enrolled" "$(agentctl status --json | json 'j["enrolled"]')" False

begin "a used ticket does not enrol again, a new one does, and serials are remembered"
exits 7 agentctl enroll --yes /tmp/ticket
mdmctl config set server "https://$listen" >/dev/null
ticket_make staff
agentctl enroll --yes /tmp/ticket >/dev/null
wait_for 5 "the policy of the second enrolment" in_force 120
agentctl unenroll --yes >/dev/null

begin "orderly end"
agent_stop
[ ! -e "$root/run/mdm-agent/agent.sock" ] || fail "the socket stayed"
exits 3 agentctl status
passed=$((passed + 1))
current=''
