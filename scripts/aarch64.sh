#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-builds for 64-bit ARM and runs the tests under user-mode emulation:
# aarch64.sh DIRECTORY [HOST-TREE]
# HOST-TREE is an object tree of this machine's own; without one it is built below DIRECTORY. A phone
# is emulated and its server and administrator are not, as in the field; then the server is.
set -eu
if [ "$(uname -m)" = aarch64 ]; then
	echo "aarch64: this machine is one already"
	exit 0
fi
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
make "$jobs" BUILD="$dir" CC="$gcc" EXTRA_CFLAGS=-Werror all unit tools fuzzers
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
for program in mdm-agentd mdm-agent-net mdm-agent-session agentctl tests/lib/session_tool; do
	launcher "$program" phone
done
for program in mdmctl mdm-server; do
	ln -s "$host/$program" "$dir/phone/$program"
done
for program in mdmctl mdm-server tests/lib/reference_tool tests/interop/jws_tool; do
	launcher "$program" all
done

# What runs of the system tests. The others, with the reason:
#   completions manpages openapi readme services   texts and scripts, the same on each processor
#   main_job       its programs run in a root file system that has no emulator
#   hardware_key   OpenSSL's providers for keys in hardware are not there for this processor
#   identity* key_drill mdmctl* stolen_server   minutes each for derived keys, which cost an
#                  administrator's program four times the time here
#   commands net_renew session verbs wake zero_touch other server_*   not known yet to hold here
phone="agentctl device local_socket net_checkin net_role push"
server="server server_admin server_commands server_wait"

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
export MDM_EMULATED=1 MDM_CC="$gcc"
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
