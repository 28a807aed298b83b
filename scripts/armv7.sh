#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the programs for 32-bit ARM with a time_t of 64 bits, and links and runs nothing:
# armv7.sh DIRECTORY
# Once with glibc's headers and once with musl's, whose time_t has 64 bits by itself; of the second only
# what the headers can change is asked: whether it compiles, and the warnings.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "$1"
dir=$(cd "$1" && pwd)
triplet=arm-linux-gnueabihf
gcc=${CC:-$triplet-gcc}

# The libraries' headers come from packages of that architecture, which the machine's own package
# manager need not know: the list of packages and what is unpacked stay below the directory.
if [ ! -d "$dir/root" ]; then
	apt=$dir/apt
	mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$dir/debs"
	cat >"$apt/apt.conf" <<-END
		APT::Architecture "armhf";
		APT::Architectures { "armhf"; };
		APT::Get::AllowUnauthenticated "false";
		APT::Sandbox::User "root";
		Dir::State "$apt";
		Dir::State::status "/dev/null";
		Dir::Cache "$apt";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	export APT_CONFIG="$apt/apt.conf"
	# A source that has nothing for this architecture is no harm; what is missing fails below.
	apt-get update -q || echo "armv7: not all lists of packages could be fetched"
	(cd "$dir/debs" && apt-get download -q libjson-c-dev libssl-dev libsystemd-dev \
		libcurl4-openssl-dev libseccomp-dev libevent-dev libsqlite3-dev libqrencode-dev libpam0g-dev musl-dev)
	unset APT_CONFIG
	rm -rf "$dir/root.new"
	for package in "$dir"/debs/*.deb; do
		dpkg-deb -x "$package" "$dir/root.new"
	done
	sed -i "s|/usr|$dir/root/usr|g" "$dir/root.new/usr/lib/$triplet/pkgconfig/"*.pc
	mv "$dir/root.new" "$dir/root"
	rm -rf "$apt" "$dir/debs"
fi
root=$dir/root/usr
export PKG_CONFIG_LIBDIR="$root/lib/$triplet/pkgconfig"
libraries="-idirafter $root/include -idirafter $root/include/$triplet"
processor="-march=armv7-a+fp -Werror"

echo "armv7: glibc"
make -j"$(nproc)" BUILD="$dir/glibc" CC="$gcc" CFLAGS=-O2 objects \
	EXTRA_CFLAGS="$processor -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 $libraries"
echo "armv7: musl"
# The compiler's own headers and the kernel's are those of the cross-compiler; its C library's are not.
make -j"$(nproc)" BUILD="$dir/musl" CC="$gcc" CFLAGS="-O2 -fsyntax-only" objects \
	EXTRA_CFLAGS="$processor -nostdinc -isystem $root/include/arm-linux-musleabihf \
	-isystem tests/lib/musl \
	-isystem $($gcc -print-file-name=include) $libraries -idirafter /usr/$triplet/include"
