#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-builds for 64-bit ARM and runs the unit tests under user-mode emulation: aarch64.sh DIRECTORY
set -eu
cd "$(dirname "$0")/.."
export PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
if [ "$(uname -m)" = aarch64 ]; then
	echo "aarch64: this machine is one already"
	exit 0
fi
make -j"$(nproc)" BUILD="$1" CC=aarch64-linux-gnu-gcc EXTRA_CFLAGS=-Werror all unit
RUNNER=qemu-aarch64-static scripts/check.sh "$1/release" unit
