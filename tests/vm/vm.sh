#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs suites on a phone in a virtual machine: vm.sh BUILD-TREE SHAPE… [-- SUITE…]
# A shape is systemd or openrc; a suite is the name of one in tests/vm/suites, all without one. The shapes run
# beside each other. Last line: "N passed, N failed[, N skipped]". What failed is kept in VM_KEEP=DIRECTORY.
set -u
VM_SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
export VM_SOURCE PATH

[ -d "${1:-}" ] || {
	echo "usage: vm.sh BUILD-TREE systemd|openrc… [-- SUITE…]; the tree is what make all completions makes" >&2
	exit 2
}
VM_TREE=$(cd "$1" && pwd)
shift
shapes=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	shapes="$shapes $1"
	shift
done
[ $# -eq 0 ] || shift
suites="$*"
if [ -z "$suites" ]; then
	for suite in "$VM_SOURCE"/tests/vm/suites/*.sh; do
		suites="$suites $(basename "$suite" .sh)"
	done
fi
for suite in $suites; do
	[ -e "$VM_SOURCE/tests/vm/suites/$suite.sh" ] || {
		echo "vm.sh: there is no suite '$suite' in tests/vm/suites" >&2
		exit 2
	}
done
for program in qemu-system-x86_64 qemu-img mmdebstrap cryptsetup mke2fs depmod cpio; do
	command -v $program >/dev/null || {
		echo "vm.sh: $program is missing; run make deps" >&2
		exit 2
	}
done

# Says whether there is such an accelerator.
# shellcheck disable=SC1091 # it is beside this
. "$VM_SOURCE/tests/vm/hardware.sh"
VM_HOST=10.0.2.2
# Guests end with this process, however it ends.
VM_OWNER=$$
export VM_TREE VM_HOST VM_OWNER

top=$(mktemp -d "${TMPDIR:-/tmp}/mdm-vm.XXXXXX")
cleanup() {
	# Before their suites, or they go on with the next one.
	# shellcheck disable=SC2086 # a list of numbers on purpose
	[ -z "${pids:-}" ] || kill $pids 2>/dev/null
	for group in "$top"/*/*/group; do
		[ ! -e "$group" ] || kill -s KILL -- "-$(cat "$group")" 2>/dev/null
	done
	for pid in "$top"/*/*/*/pid; do
		[ ! -e "$pid" ] || kill -KILL "$(cat "$pid")" 2>/dev/null
	done
	# Their keepers write a last line or two.
	rm -rf "$top" 2>/dev/null || { sleep 1 && rm -rf "$top"; }
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# One suite on one shape: the shell that it runs in ends with it, and so do its guests.
suite_run() {
	VM_SHAPE=$1 VM_WORK=$top/$1/$2
	mkdir -p "$VM_WORK"
	export VM_SHAPE VM_WORK VM_IMAGE
	# timeout leads a process group of its own, with the shell and what that starts.
	# shellcheck disable=SC2016 # for the inner shell
	timeout -k 10 "${VM_SUITE_SECONDS:-3600}" sh -uc '
		echo "$PPID" >"$VM_WORK/group"
		# Even a vm.sh that was killed with SIGKILL leaves nothing behind that runs.
		/usr/bin/python3 -S -E "$VM_SOURCE/tests/vm/guest.py" follow "$VM_WORK" "$VM_OWNER" $$ "$PPID" </dev/null >/dev/null 2>&1 &
		. "$VM_SOURCE/tests/vm/lib.sh"
		. "$1"
		echo "1..$VM_TESTS"' sh "$VM_SOURCE/tests/vm/suites/$2.sh" </dev/null
}

# shape_run SHAPE: a line for each suite in SHAPE/counts
shape_run() {
	: >"$top/$1/counts"
	VM_IMAGE=$("$VM_SOURCE/tests/vm/image.sh" "$VM_TREE" "$1") || {
		echo "no image of the shape $1"
		echo "0 1 0" >>"$top/$1/counts"
		return
	}
	# Whoever removes old images leaves those alone that are locked.
	exec 8>"$VM_IMAGE.lock"
	flock -s 8
	[ -e "$VM_IMAGE/complete" ] || {
		echo "somebody removed $VM_IMAGE just now; run it again"
		echo "0 1 0" >>"$top/$1/counts"
		return
	}
	for suite in $suites; do
		start=$(date +%s)
		log=$top/$1/$suite.tap
		kill -0 "$VM_OWNER" 2>/dev/null || break
		: >"$log"
		suite_run "$1" "$suite" >"$log" 2>&1 &
		suite_pid=$!
		tail -q -n +1 -f -s 0.2 --pid="$suite_pid" "$log" 2>/dev/null | sed -u "s/^/$1 $suite: /"
		wait "$suite_pid"
		status=$?
		passed=$(grep -c '^ok ' "$log")
		failed=$(grep -c '^not ok ' "$log")
		skipped=$(grep -c '^ok .* # SKIP ' "$log")
		if [ "$status" -ne 0 ] || [ "$(tail -n 1 "$log")" != "1..$((passed + failed))" ]; then
			echo "$1 $suite: not ok - did not come to its end (status $status)"
			failed=$((failed + 1))
		fi
		echo "$1 $suite: $(($(date +%s) - start)) s"
		[ "$failed" -eq 0 ] || keep_failed "$1" "$suite"
		rm -rf "${top:?}/$1/$suite"
		echo "$((passed - skipped)) $failed $skipped" >>"$top/$1/counts"
	done
	# Nobody is left who would do it.
	kill -0 "$VM_OWNER" 2>/dev/null || rm -rf "$top"
}

keep_failed() {
	[ -n "${VM_KEEP:-}" ] || return 0
	mkdir -p "$VM_KEEP/$1-$2" && cp "$top/$1/$2"/*/console.* "$top/$1/$2"/*/*.log "$VM_KEEP/$1-$2" 2>/dev/null
}

# What two shapes say at once is kept apart and shown at the end.
for shape in $shapes; do
	mkdir -p "$top/$shape"
	if [ "$shapes" = " $shape" ]; then
		: >"$top/$shape/log"
		shape_run "$shape" 2>&1 &
	else
		shape_run "$shape" >"$top/$shape/log" 2>&1 &
	fi
	pids="${pids:-} $!"
done
# shellcheck disable=SC2086 # a list of numbers on purpose
wait $pids
pids=
passed=0 failed=0 skipped=0
for shape in $shapes; do
	cat "$top/$shape/log"
	while read -r p f s; do
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done <"$top/$shape/counts"
done
if [ "$skipped" -eq 0 ]; then
	echo "$passed passed, $failed failed"
else
	echo "$passed passed, $failed failed, $skipped skipped"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
