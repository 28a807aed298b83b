#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-builds for 64-bit ARM and runs the tests under user-mode emulation:
# aarch64.sh [--short|--build] DIRECTORY [HOST-TREE]
# --short leaves out the tests that take longest for what they add ("make check-aarch64" runs all), and
# --build runs none.
# HOST-TREE is an object tree of this machine's own; without one it is built below DIRECTORY. A phone
# is emulated and its server and administrator are not, as in the field; then the server is.
set -eu
if [ "$(uname -m)" = aarch64 ]; then
	echo "aarch64: this machine is one already"
	exit 0
fi
what=all
case $1 in
--short | --build)
	what=$1
	shift
	;;
esac
cd "$(dirname "$0")/.."
mkdir -p "$1"
dir=$(cd "$1" && pwd)
jobs=-j$(nproc)
gcc=${AARCH64_CC:-aarch64-linux-gnu-gcc}
emulator=$(command -v qemu-aarch64-static)

if [ $# -gt 1 ]; then
	host=$(cd "$2" && pwd)
else
	make "$jobs" BUILD="$dir/host" all tools
	host=$dir/host/release
fi
# libevent's headers for two architectures do not install side by side; unpacked, they do.
if [ ! -d "$dir/root" ]; then
	(cd "$dir" && apt-get download -q libevent-dev:arm64 && dpkg-deb -x libevent-dev*.deb root)
	sed -i "s|/usr|$dir/root/usr|g" "$dir"/root/usr/lib/aarch64-linux-gnu/pkgconfig/*.pc
fi
PKG_CONFIG_LIBDIR=$dir/root/usr/lib/aarch64-linux-gnu/pkgconfig
PKG_CONFIG_LIBDIR=$PKG_CONFIG_LIBDIR:/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
export PKG_CONFIG_LIBDIR
make "$jobs" BUILD="$dir" CC="$gcc" CFLAGS=-O2 EXTRA_CFLAGS=-Werror all unit tools fuzzers
[ "$what" != --build ] || exit 0
real=$dir/release

# Two trees for tests that start programs: in the place of each stands a launcher of this machine
# (tests/lib/launcher.c). What it launches lies where users that roles become may read it, too.
programs=$(mktemp -d)
log=$(mktemp)
trap 'rm -rf "$programs" "$log"' EXIT
chmod 755 "$programs"
rm -rf "$dir/phone" "$dir/all"
launcher() { # PROGRAM TREE
	mkdir -p "$dir/$2/$(dirname "$1")"
	[ -e "$programs/${1##*/}" ] || cp "$real/$1" "$programs/"
	cc -O1 -static -DLAUNCHER_EMULATOR="\"$emulator\"" -DLAUNCHER_PROGRAM="\"$programs/${1##*/}\"" \
		-o "$dir/$2/$1" tests/lib/launcher.c
}
for program in mdm-agentd mdm-agent-net mdm-agent-session mdm-agent-verify agentctl tests/lib/session_tool; do
	launcher "$program" phone
done
for program in mdmctl mdm-server; do
	ln -s "$host/$program" "$dir/phone/$program"
done
for program in mdmctl mdm-server tests/lib/reference_tool tests/interop/jws_tool tests/interop/escrow_tool \
	tests/interop/geo_tool; do
	launcher "$program" all
done

# What runs of the system tests: what this processor could change and two of them do in some minutes.
# The others, with the reason, and seconds of processor time as measured here:
#   completions manpages openapi readme services dist   texts and scripts, the same on each processor
#   main_job       its programs run in a root file system that has no emulator
#   apps_worker apps_trouble apps_flatpak   they wait for package managers, which are this machine's
#   guard guard_content guard_falls guard_host guard_mounts   an emulator does not pass on what fanotify asks
#   hardware_key   OpenSSL's providers for keys in hardware are not there for this processor
#   mdmctl mdmctl_ca mdmctl_keys mdmctl_online mdmctl_taken_over key_drill   an administrator's program
#                  derives keys from passphrases, at four times the cost: more than 124 s for mdmctl
#   mdmctl_orders  71 s; holds, and its phone does what that of commands does
#   identity_years 63 s; holds; its renewals are like those of identity and identity_ca
#   stolen_server  more than 128 s; a phone that is slow checks in by itself between two steps of
#                  test_replay_and_swap, which then finds its refusal in the journal already
#   server_keep    more than 60 s, and not done in 600 s on a busy machine
#   verbs          109 s; all but lock_waits_for_the_hint hold, whose check-ins an emulated phone does
#                  not manage within the 10 s that lockers have
phone="agentctl commands device identity identity_ca local_socket net_checkin net_renew net_role
	push ready removal session wake what_works zero_touch"
server="server server_admin server_commands server_hostile server_ops server_push server_renewal
	server_wait server_zero_touch"
# Of the units' those that kill a process at each of its writes: what a disk holds then is no processor's.
[ "$what" = all ] || {
	UNIT=$(printf '%s\n' tests/unit/*/test_*.c tests/scenario/*/test_*.c | grep -v '_crash\.c$')
	export UNIT
	phone="agentctl device identity_ca local_socket net_checkin net_role ready removal what_works"
	server="server server_commands server_renewal server_wait server_zero_touch"
}

passed=0 failed=0
# suites TREE SUITE…
suites() {
	tree=$1
	shift
	status=0
	scripts/check.sh "$tree" "$@" >"$log" 2>&1 || status=$?
	cat "$log"
	# shellcheck disable=SC2046 # two numbers on purpose
	set -- $(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed.*$/\1 \2/p' "$log")
	passed=$((passed + ${1:-0}))
	failed=$((failed + ${2:-1}))
	[ "$status" -eq 0 ] || [ "${2:-1}" -gt 0 ] || failed=$((failed + 1))
}
# Of a compiler with a cache in front of it, the compiler: tests start it by one name.
export MDM_EMULATED=1 MDM_CC="${gcc##* }"
export RUNNER="$emulator"
suites "$real" unit corpus
unset RUNNER
suites "$dir/all" interop
export SYSTEM="$phone"
suites "$dir/phone" system
SYSTEM=$server
suites "$dir/all" system
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
