#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the packages once for all tests of this folder: build.sh DIRECTORY. What is committed, from the tarball of
# "make dist", in an object tree of its own and with the flags of Alpine, but -O1 for -Os, which takes a fifth
# longer; below DIRECTORY/out is what abuild.sh leaves. check() of the APKBUILD is left out: "make check" runs
# those tests anyhow.
set -eu
work=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s BUILD="$work/build" apkbuild
CFLAGS="-O1 -fstack-clash-protection -Wformat -Werror=format-security" ABUILD_CHECK=no \
	tests/packaging/abuild.sh "$work/build/apkbuild/mdm-agent/APKBUILD" "$work/out" ||
	{ echo "0 passed, 1 failed"; exit 1; }
echo "1 passed, 0 failed"
