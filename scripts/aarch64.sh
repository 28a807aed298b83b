#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-builds for 64-bit ARM and runs the unit tests under user-mode emulation: aarch64.sh DIRECTORY
set -eu
if [ "$(uname -m)" = aarch64 ]; then
	echo "aarch64: this machine is one already"
	exit 0
fi
cd "$(dirname "$0")/.."
mkdir -p "$1"
dir=$(cd "$1" && pwd)
# libevent's headers for two architectures do not install side by side; unpacked, they do.
if [ ! -d "$dir/root" ]; then
	(cd "$dir" && apt-get download -q libevent-dev:arm64 && dpkg-deb -x libevent-dev*.deb root)
	sed -i "s|/usr|$dir/root/usr|g" "$dir"/root/usr/lib/aarch64-linux-gnu/pkgconfig/*.pc
fi
PKG_CONFIG_LIBDIR=$dir/root/usr/lib/aarch64-linux-gnu/pkgconfig
PKG_CONFIG_LIBDIR=$PKG_CONFIG_LIBDIR:/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
export PKG_CONFIG_LIBDIR
make -j"$(nproc)" BUILD="$dir" CC=aarch64-linux-gnu-gcc EXTRA_CFLAGS=-Werror all unit
MDM_EMULATED=1 RUNNER=qemu-aarch64-static scripts/check.sh "$dir/release" unit
