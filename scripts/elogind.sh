#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the agent against elogind instead of systemd and runs its unit tests: elogind.sh DIRECTORY
# Debian's libelogind-dev conflicts with libsystemd0, so the packages are unpacked, not installed.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "$1"
dir=$(cd "$1" && pwd)
if [ ! -d "$dir/root" ]; then
	(cd "$dir" && apt-get download -q libelogind-dev libelogind0)
	for package in "$dir"/*.deb; do
		dpkg-deb -x "$package" "$dir/root.new"
	done
	# The link for the linker is absolute and leads out of here; this one stands beside the library.
	(cd "$dir"/root.new/lib/*-linux-gnu && ln -s libelogind.so.0 libelogind.so)
	mv "$dir/root.new" "$dir/root"
fi
triplet=$(basename "$dir"/root/lib/*-linux-gnu)
libs=$dir/root/lib/$triplet
mkdir -p "$dir/pkgconfig"
sed "s|/usr|$dir/root/usr|g; s|^libdir=.*|libdir=$libs|" \
	"$dir/root/usr/lib/$triplet/pkgconfig/libelogind.pc" >"$dir/pkgconfig/libelogind.pc"
export PKG_CONFIG_PATH="$dir/pkgconfig"
# Found by its path, as programs that tests start with an empty environment need it.
export LDFLAGS="-Wl,-rpath,$libs"
# Only what uses it can differ: two programs, and the tests of the layers that include its headers.
tests=
for test in tests/unit/util/test_*.c tests/unit/platform/test_*.c tests/unit/enforcer/test_*.c \
	tests/scenario/*/test_*.c; do
	tests="$tests ${test%.c}"
done
programs=
for program in mdm-agentd mdm-agent-session $tests; do
	programs="$programs $dir/build/release/$program"
done
# shellcheck disable=SC2086 # lists of names
make -j"$(nproc)" BUILD="$dir/build" SYSTEMD_PC=libelogind CFLAGS=-O1 EXTRA_CFLAGS=-Werror $programs
readelf -d "$dir/build/release/mdm-agentd" | grep -q 'libelogind' ||
	{ echo "mdm-agentd does not link libelogind"; exit 1; }
# As whoever builds packages, where this tree can be read by anybody: nothing of it may need root.
as=
other="setpriv --reuid=65534 --regid=65534 --clear-groups"
if [ "$(id -u)" -eq 0 ] && $other test -r Makefile && $other test -x "$dir/build/release/mdm-agentd"; then
	as=$other
fi
export UNIT="$tests"
# shellcheck disable=SC2086 # a command with arguments
$as scripts/check.sh "$dir/build/release" unit
