#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A stand-in for Alpine's abuild, which Debian does not have: abuild.sh APKBUILD OUT
#
# It runs an APKBUILD as abuild 3.18 does: by busybox ash, the same phases in the same order, the
# same variables and split functions (abuild_split.sh), the same errors (abuild_check.sh).
#   OUT/pkg/NAME/…      a root for each package, as it would be packed
#   OUT/files/NAME      what is in it: type, mode, owner:group, path[ -> target]
#   OUT/info/NAME       lines "key = value" of .PKGINFO, "script" for each install script
#   OUT/scripts/NAME/   .pre-install and the like
#   OUT/warnings        one line for each warning
#   OUT/flags           CC, CFLAGS and the like that it was built with
#   OUT/src/            what was built, as it is after check()
# Environment: SRCDEST (where sources with a URL lie; nothing is downloaded), ABUILD_CHECK=no (leaves
# check() out), ABUILD_PACKAGED (a directory with what package() would install, made by who is not to
# wait for a build: sources are not looked at, and package() and what comes before it are left out),
# JOBS, CC, CFLAGS (as in abuild.conf).
#
# What it leaves out: makedepends are not installed but taken from this machine, so that programs are
# linked with Debian's libraries, not with musl; no archives, signatures, index; no dependencies on
# shared objects (scanelf); no cross-compiling; the licence is not looked up. Users of pkgusers are made
# in a private copy of /etc/passwd. Needs root, and runs in a mount namespace of its own.
# shellcheck disable=SC1091,SC2086,SC2154,SC2034 # its own parts; lists and settings of the APKBUILD
set -e
umask 022

drv_top=$(cd "$(dirname "$0")" && pwd)
if [ -z "$ABUILD_INSIDE" ]; then
	if [ $# -ne 2 ] || [ ! -f "$1" ]; then
		echo "usage: abuild.sh APKBUILD OUT" >&2
		exit 2
	fi
	[ "$(id -u)" -eq 0 ] || {
		echo "abuild.sh: owners of files are set, which needs root" >&2
		exit 2
	}
	for drv_i in busybox unshare strip readelf; do
		command -v "$drv_i" >/dev/null || {
			echo "abuild.sh: $drv_i is missing; run make deps" >&2
			exit 2
		}
	done
	drv_apkbuild=$(readlink -f "$1")
	mkdir -p "$2"
	drv_out=$(cd "$2" && pwd)
	# What a make above this one says of variants and directories is not for the package.
	exec env -i ABUILD_INSIDE=1 HOME="${HOME:-/root}" TMPDIR="${TMPDIR:-/tmp}" LC_ALL=C.UTF-8 \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin JOBS="${JOBS:-$(nproc)}" CC="${CC:-cc}" \
		${CFLAGS:+CFLAGS="$CFLAGS"} ${CCACHE_DIR:+CCACHE_DIR="$CCACHE_DIR"} \
		${SRCDEST:+SRCDEST="$SRCDEST"} ${ABUILD_CHECK:+ABUILD_CHECK="$ABUILD_CHECK"} \
		${ABUILD_PACKAGED:+ABUILD_PACKAGED="$(readlink -f "$ABUILD_PACKAGED")"} \
		${SOURCE_DATE_EPOCH:+SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH"} \
		unshare --mount busybox sh "$drv_top/abuild.sh" "$drv_apkbuild" "$drv_out"
fi
APKBUILD=$1
drv_out=$2

drv_say() {
	printf '>>> %s: %s\n' "${subpkgname:-$pkgname}" "$1" >&2
}
msg() {
	drv_say "$1"
}
warning() {
	drv_say "WARNING: $1"
	printf '%s: %s\n' "${subpkgname:-$pkgname}" "$1" >>"$drv_out/warnings"
}
error() {
	drv_say "ERROR: $1"
}
die() {
	error "$1"
	exit 1
}
list_has() { # WORD LIST…; "!WORD" in the list says no
	drv_word=$1
	shift
	for drv_w; do
		[ "$drv_w" != "$drv_word" ] || return 0
		[ "$drv_w" != "!$drv_word" ] || return 1
	done
	return 1
}
options_has() {
	list_has "${subpkgname:-$pkgname}::$1" $options || list_has "$1" $options
}
subpackages_has() {
	for drv_j in $subpackages; do
		[ "$1" != "${drv_j%%:*}" ] || return 0
	done
	return 1
}
is_function() {
	case $(type "$1" 2>/dev/null | head -n 1) in
	*' is a function' | *' is a shell function') return 0 ;;
	*) return 1 ;;
	esac
}
cross_compiling() {
	return 1
}
want_check() {
	[ "$ABUILD_CHECK" != no ] && ! options_has '!check'
}
is_remote() {
	case $1 in
	http://* | https://* | ftp://* | *::*) return 0 ;;
	*) return 1 ;;
	esac
}
filename_from_uri() {
	case $1 in
	*::*) printf '%s\n' "${1%%::*}" ;;
	*) printf '%s\n' "${1##*/}" ;;
	esac
}
drv_source_path() {
	if is_remote "$1"; then
		printf '%s/%s\n' "$SRCDEST" "$(filename_from_uri "$1")"
	else
		printf '%s/%s\n' "$startdir" "$1"
	fi
}

. "$drv_top/abuild_split.sh"
. "$drv_top/abuild_check.sh"

default_fetch() {
	mkdir -p "$srcdir"
	set -- $sha512sums
	for drv_s in $source; do
		drv_file=$(drv_source_path "$drv_s")
		[ -f "$drv_file" ] || die "$drv_file is missing, and nothing is downloaded here"
		drv_sum=$(sha512sum <"$drv_file")
		[ "${drv_sum%% *}" = "$1" ] ||
			die "${drv_file##*/}: sha512 is ${drv_sum%% *}, the APKBUILD says $1"
		shift 2
		ln -sf "$drv_file" "$srcdir/"
	done
}
fetch() {
	default_fetch
}
default_unpack() {
	for drv_s in $source; do
		drv_file=$(drv_source_path "$drv_s")
		case $drv_file in
		*.tar.gz | *.tgz) gunzip -c "$drv_file" | tar -C "$srcdir" -xf - ;;
		*.tar.xz) unxz -c "$drv_file" | tar -C "$srcdir" -xf - ;;
		*.tar) tar -C "$srcdir" -xf "$drv_file" ;;
		esac
	done
}
unpack() {
	default_unpack
}
default_prepare() {
	[ ! -d "$builddir" ] || cd "$builddir"
	for drv_s in $source; do
		case $drv_s in
		*.patch)
			[ -d "$builddir" ] || die "builddir is not a directory: $builddir"
			patch ${patch_args:--p1} -i "$srcdir/$(filename_from_uri "$drv_s")"
			;;
		esac
	done
}
prepare() {
	default_prepare
}
build() {
	:
}
default_check() {
	warning "APKBUILD does not run any tests!"
}
check() {
	default_check
}

# Makes pkgusers and pkggroups where only this process and its children see them.
drv_users() {
	mkdir -p "$drv_out/etc"
	for drv_i in passwd group; do
		cp "/etc/$drv_i" "$drv_out/etc/$drv_i"
	done
	drv_id=70000
	for drv_i in $pkggroups; do
		grep -q "^$drv_i:" "$drv_out/etc/group" ||
			echo "$drv_i:x:$drv_id:" >>"$drv_out/etc/group"
		drv_id=$((drv_id + 1))
	done
	for drv_i in $pkgusers; do
		drv_gid=$(sed -n "s/^$drv_i:[^:]*:\([0-9]*\):.*/\1/p" "$drv_out/etc/group")
		grep -q "^$drv_i:" "$drv_out/etc/passwd" ||
			echo "$drv_i:x:$drv_id:${drv_gid:-65533}::/:/sbin/nologin" >>"$drv_out/etc/passwd"
		drv_id=$((drv_id + 1))
	done
	mount --make-rprivate /
	for drv_i in passwd group; do
		mount -o bind "$drv_out/etc/$drv_i" "/etc/$drv_i"
	done
}

# Each part is a process of its own, as in abuild: what it sets ends with it.
drv_part() {
	drv_say "$1"
	is_function "$1" || die "there is no function $1()"
	set +e
	(
		set -e
		case $1 in
		prepare | build | check | package) [ ! -d "$builddir" ] || cd "$builddir" ;;
		esac
		"$1"
	)
	drv_status=$?
	set -e
	[ "$drv_status" -eq 0 ] || die "$1 failed"
}

# busybox's tools before the machine's, as on Alpine; but not where Alpine builds with GNU's or with
# binutils', not what only Debian's busybox has, and not find, of which it has too little.
drv_tools() {
	mkdir -p "$drv_out/bin"
	for drv_i in $(busybox --list); do
		case $drv_i in
		tar | patch | ar | find | dpkg | dpkg-deb | rpm | rpm2cpio | busybox | su | login | passwd) ;;
		*) ln -sf "$(command -v busybox)" "$drv_out/bin/$drv_i" ;;
		esac
	done
	PATH=$drv_out/bin:$PATH
}
# This shell would take its own.
find() {
	/usr/bin/find "$@"
}

for drv_i in pkg info scripts files src warnings etc bin; do
	rm -rf "${drv_out:?}/$drv_i"
done
mkdir -p "$drv_out/pkg" "$drv_out/info" "$drv_out/scripts" "$drv_out/files"
: >"$drv_out/warnings"
startdir=${APKBUILD%/*}
srcdir=$drv_out/src
pkgbasedir=$drv_out/pkg
SRCDEST=${SRCDEST:-$startdir}
CARCH=$(uname -m)
CBUILD=$CARCH-alpine-linux-musl CHOST=$CBUILD CTARGET=$CBUILD
export CARCH CBUILD CHOST CTARGET CC
export CFLAGS="${CFLAGS:--Os -fstack-clash-protection -Wformat -Werror=format-security}"
export LDFLAGS="-Wl,--as-needed,-O1,--sort-common"
export MAKEFLAGS="-j$JOBS" JOBS
cd "$startdir"
# shellcheck disable=SC1090
. "$APKBUILD"
builddir=${builddir:-$srcdir/$pkgname-$pkgver}
pkgarch=$CARCH
! list_has noarch $arch || pkgarch=noarch
pkgdir=$pkgbasedir/$pkgname
: "${SOURCE_DATE_EPOCH:=$(stat -c %Y "$APKBUILD")}"
export SOURCE_DATE_EPOCH
# For who wants to install again from OUT/src without building it anew.
printf '%s\n' "CC=$CC" "CFLAGS=$CFLAGS" "LDFLAGS=$LDFLAGS" "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" \
	>"$drv_out/flags"

if [ -n "$ABUILD_PACKAGED" ]; then
	drv_users
	drv_tools
	cp -a "$ABUILD_PACKAGED" "$pkgdir"
else
	drv_part drv_validate
	drv_users
	drv_tools
	for drv_p in fetch unpack prepare build; do
		drv_part "$drv_p"
	done
	! want_check || drv_part check
	drv_part package
fi
drv_split_all
drv_part drv_prepare_package
if ! options_has keepdirs; then
	for drv_i in usr/lib usr/bin usr/share usr etc lib; do
		rmdir "$pkgdir/$drv_i" 2>/dev/null || :
	done
fi
drv_list_all
