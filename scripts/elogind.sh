#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds against elogind instead of systemd and runs the unit tests: elogind.sh DIRECTORY
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
make -j"$(nproc)" BUILD="$dir/build" SYSTEMD_PC=libelogind EXTRA_CFLAGS=-Werror all unit
readelf -d "$dir/build/release/mdm-agentd" | grep -q 'libelogind' ||
	{ echo "mdm-agentd does not link libelogind"; exit 1; }
make BUILD="$dir/build" SYSTEMD_PC=libelogind EXTRA_CFLAGS=-Werror fuzzers
scripts/check.sh "$dir/build/release" unit
