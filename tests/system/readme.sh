#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands of README.md, "From nothing to a managed phone in five minutes", as they stand there:
# readme.sh TREE. One contained system plays all three machines; a network of its own with nothing but
# loopback gives it the host and the ports of the text. Needs root.
# shellcheck disable=SC2154 # root, work and the processes come from contained.sh
set -eu
tree=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
if [ "$(id -u)" -ne 0 ]; then
	echo "  skipped: the contained system of this test needs root"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
what=readme
. scripts/contained.sh

contained_enter tests/system/readme.sh
if [ -z "${MDM_README_NET:-}" ]; then
	MDM_README_NET=1
	export MDM_README_NET
	exec unshare --net tests/system/readme.sh "$tree"
fi
passed=0 failed=0 current='the contained system'
finish() {
	status=$?
	[ -z "$current" ] || {
		echo "FAILED $current"
		tail -n 30 "$work/output" 2>/dev/null || true
		failed=$((failed + 1))
	}
	contained_finish "$failed" || true
	echo "$passed passed, $failed failed"
	[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
}
trap finish EXIT
ip link set lo up
contained_make

# What "make install" does, and none of the users that the text makes itself.
cp "$tree/mdm-server" "$tree/mdmctl" "$root/usr/bin/"
for file in passwd group shadow gshadow; do
	[ ! -f "$root/etc/$file" ] || sed -i '/^mdm-/d' "$root/etc/$file"
done
rm -rf "$root/var/lib/mdm-server" "$root/etc/hosts"
echo '127.0.0.1 localhost mdm.example.org' >"$root/etc/hosts"
mkdir -m 0700 "$root/tmp/home"
(umask 077 && echo 'a passphrase for this test' >"$root/tmp/home/passphrase")

# One command a line, those that go on in the next line joined.
awk '/^## / { inside = /From nothing to a managed phone/ }
	inside && /^    / { print }' README.md |
	sed -e ':again' -e '/\\$/ { N; s/ *\\\n */ /; b again' -e '}' -e 's/^ *//' \
		-e 's/  *# .*$//' -e '/^#/d' -e '/^$/d' >"$work/commands"

run() { # COMMAND: in the contained system, as its root, in an empty home
	chroot "$root" /usr/bin/env -i HOME=/tmp/home PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		MDMCTL_PASSPHRASE_FILE=/tmp/home/passphrase sh -c "cd && $1"
}
# Starts a command that stays; gone with the process namespace.
stay() { # COMMAND LOG
	run "exec $1" >"$2" 2>&1 </dev/null &
}
listens() {
	grep -q 'listening on' "$work/server.log"
}
: >"$work/ticket"
while read -r command <&3; do
	current=$command
	status=0
	case $command in
	*mdm-server*'&')
		stay "${command%&}" "$work/server.log"
		wait_for 10 "the start of the server" listens
		;;
	*mdm-agentd*'&')
		stay "${command%&}" "$work/agent.log"
		wait_for 10 "the start of the agent" run 'agentctl status'
		;;
	'agentctl enroll -')
		run "$command" <"$work/ticket" >"$work/output" 2>&1 || status=$?
		;;
	*)
		run "$command" </dev/null >"$work/output" 2>&1 || status=$?
		;;
	esac
	case $command in
	'mdmctl ticket new'*) grep -o 'mdm://[^ ]*' "$work/output" | head -n 1 >"$work/ticket" ;;
	# The policy asks for encryption, which this machine need not have.
	'agentctl compliance') [ "$status" -ne 8 ] || status=0 ;;
	esac
	[ "$status" -eq 0 ] || fail "ended with $status: $command"
	passed=$((passed + 1))
done 3<"$work/commands"

current="a fresh agent finds nothing damaged"
if grep 'damaged' "$work/agent.log" >"$work/output"; then
	fail "it does"
fi
passed=$((passed + 1))

current="the text leads to a managed phone"
[ "$passed" -ge 15 ] || fail "only $passed commands were found in README.md"
run 'agentctl status' >"$work/output"
grep -q 'managed by Example' "$work/output" || fail "the phone is not managed"
run 'agentctl policy show' >"$work/output"
grep -q 'staff' "$work/output" || fail "the policy did not arrive"
[ "$(run 'mdmctl device list --json' | grep -c '"id"')" -eq 1 ] || fail "the server does not know the phone"
passed=$((passed + 1)) current=''
