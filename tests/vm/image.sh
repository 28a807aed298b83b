#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes what a guest boots from and prints its directory: image.sh BUILD-TREE systemd|openrc
# image.sh --booted IMAGE prints that of the same machine at the end of its start, made when it is first asked for.
# There: kernel, initramfs, disk (LUKS2), state (a machine that has just started), lock. Nothing is installed on this machine, nothing mounted, no
# device mapper used; README.md has the layers of the cache and what each depends on.
set -eu
cd "$(dirname "$0")"
here=$PWD
source=$(cd ../.. && pwd)
tree=$1
shape=$2
cache=${MDM_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mdm-agent-vm}
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
# How many images of a shape and roots stay; those in use stay in any case.
keep=2
# shellcheck disable=SC1091 # it is beside this
. ./hardware.sh
for layer in kernel root elogind state booted disk; do
	# shellcheck disable=SC1090 # each is checked by itself
	. "layers/$layer.sh"
done

say() {
	echo "image: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# Files belong to root, and to others, inside: as root, or in a namespace of this user.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		unshare --map-auto --map-root-user -- "$@"
	fi
}

digest() {
	sha256sum | cut -c 1-16
}

# made NAME FUNCTION: the directory NAME of the cache, made by FUNCTION in another one and renamed, by one
# run at a time. What a run that died left behind is removed by the next one that makes the same.
made() {
	[ ! -e "$cache/$1/complete" ] || {
		touch "$cache/$1/complete"
		return 0
	}
	(
		flock -w 900 9 || die "another run has been making $1 for a quarter of an hour"
		[ ! -e "$cache/$1/complete" ] || exit 0
		as_root rm -rf "$cache/$1" "$cache/$1.new"
		mkdir "$cache/$1.new"
		start=$(date +%s)
		cd "$cache/$1.new"
		# Not in a condition, where the shell would go on after what fails in it.
		set +e
		(
			set -e
			"$2"
		) >log 2>&1
		status=$?
		set -e
		[ "$status" -eq 0 ] || {
			tail -n 30 log >&2
			die "$1 could not be made; its log is in $cache/$1.new"
		}
		touch complete
		cd "$cache"
		mv "$1.new" "$1"
		say "$1 made in $(($(date +%s) - start)) s"
	) 9>"$cache/$1.lock" 8>&-
}

# Of each kind the newest stay; a lock that cannot be had says that somebody boots from it.
prune() {
	# shellcheck disable=SC2012 # names are ours
	ls -1dt "$cache/$1"-*/complete 2>/dev/null | tail -n +$((keep + 1)) | while read -r old; do
		old=${old%/complete}
		! flock -n "$old.lock" rm -rf "$old" || { rm -f "$old.lock" && say "${old##*/} removed"; }
	done
	return 0
}

# --- the small programs of this directory
host_make() {
	for program in channel_agent start_line; do
		${CC:-cc} -O2 -D_GNU_SOURCE -static -o "$program" "$here/$program.c"
	done
	${CC:-cc} -O2 -D_GNU_SOURCE -o luks_image "$here/luks_image.c" -lcrypto
}

if [ "$tree" = --booted ]; then
	image=$shape
	booted_name=booted-$(basename "$image")-$(digest <layers/booted.sh)
	made "$booted_name" booted_make
	prune booted-image-systemd
	prune booted-image-openrc
	echo "$cache/$booted_name"
	exit
fi

if [ "$tree" = --assemble ]; then
	shape=$3 tree=$4 programs=$5
	root_name=$6 kernel_name=$7 host_name=$8
	cd "$2"
	disk_fill
	exit
fi

# shellcheck disable=SC2154 # the lists are in layers/
case $shape in
systemd) packages="$common $only_systemd" ;;
openrc) packages="$common $only_openrc" ;;
*) die "there is no shape '$shape'; systemd and openrc are known" ;;
esac
tree=$(cd "$tree" && pwd)
mkdir -p "$cache"
kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
[ -n "$kernel" ] || die "apt knows no linux-image-amd64; run apt-get update"
# shellcheck disable=SC2086 # a list on purpose
versions=$(apt-cache policy $kernel $packages busybox-static | sed -n '/^[^ ]/p; s/^  Candidate: //p')
[ "${versions#*(none)}" = "$versions" ] || die "apt does not know all of: $packages; run apt-get update"

host_name=host-$(cat channel_agent.c start_line.c port.h luks_image.c | digest)
kernel_name=kernel-$({
	cat start_line.c port.h
	echo "$versions" | grep -A 1 -e "^$kernel" -e ^cryptsetup-bin -e ^busybox
	cat init/initramfs layers/kernel.sh unpack_kernel.py
} | digest)
root_name=root-$shape-$({
	echo "$versions"
	cat layers/root.sh
} | digest)
state_name=state-$({
	echo "$kernel_name"
	qemu-system-x86_64 --version
	# The kernel has measured how fast this machine's processor counts.
	grep -m 1 -e '^model name' -e '^CPU part' /proc/cpuinfo || :
	hw_boot='' hw_disk='' hw_rtc='' hw_serial='' hw_extra='' hardware echo
	cat guest.py layers/state.sh
} | digest)
made "$host_name" host_make
# Beside the root, which waits for the network more than it computes.
(
	made "$kernel_name" kernel_make
	made "$state_name" state_make
) &
kernel_pid=$!
made "$root_name" root_make
wait "$kernel_pid"
# Where the phone's own programs come from.
programs=$tree
if [ "$shape" = openrc ]; then
	elogind_name=elogind-$({
		apt-cache policy libelogind-dev
		cat layers/elogind.sh
	} | digest)
	made "$elogind_name" elogind_make
	elogind_build "$(dirname "$tree")/vm-elogind"
	programs=$(dirname "$tree")/vm-elogind/release
	prune elogind
fi
image_name=image-$shape-$({
	echo "$state_name $root_name $host_name"
	cat layers/disk.sh passphrase init/login init/network init/booted init/bare init/coldplug "init/$shape"/*
	# shellcheck disable=SC2086,SC2154 # a list on purpose, from layers/
	(cd "$programs" && sha256sum $phone_programs)
	# Those do without a bus.
	(cd "$tree" && sha256sum mdm-agent-verify mdm-agent-pamcheck mdm-agent-wipe mdm-agent-media pam_mdm.so)
	find "$source/packaging" "$source/tests/packaging" -type f ! -name '*.list' -exec sha256sum {} +
} | digest)
made "$image_name" disk_make
prune "image-$shape"
prune "root-$shape"
prune state
prune kernel
prune host
echo "$cache/$image_name"
