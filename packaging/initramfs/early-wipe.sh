#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Early boot, before anybody is asked for a passphrase: a wipe that was cut off goes on.
# early-wipe.sh SECONDS BOOT…
# BOOT is UUID=… or LABEL=… of the boot partition; the first that is there counts, and is waited for as long as
# that. Without a plan on it nothing happens, and it is left as it was.
set -u
directory=/mdm-agent-boot
tries=$1
shift

find_boot() { # BOOT…
	for wanted in "$@"; do
		case $wanted in
		UUID=?*) device=$(blkid -U "${wanted#UUID=}" 2>/dev/null) ;;
		LABEL=?*) device=$(blkid -L "${wanted#LABEL=}" 2>/dev/null) ;;
		*) continue ;;
		esac
		[ -z "$device" ] || return 0
	done
	return 1
}

until find_boot "$@"; do
	[ "$tries" -gt 0 ] || exit 0
	tries=$((tries - 1))
	sleep 1
done
# Not every mount of an initramfs finds out by itself.
type=$(blkid -o value -s TYPE "$device" 2>/dev/null)
mkdir -p "$directory"
mount ${type:+-t "$type"} -o ro "$device" "$directory" || exit 0
if [ -e "$directory/mdm-agent-wipe.plan" ]; then
	# The plan is removed when all is gone. If it cannot be, what it names is destroyed all the same.
	mount ${type:+-t "$type"} -o remount,rw "$device" "$directory"
	echo "mdm-agent: a wipe was cut off; it goes on"
	@PREFIX@/libexec/mdm-agent/mdm-agent-wipe --resume --boot "$directory" --wait 10 ||
		echo "mdm-agent: the wipe ended with status $?"
fi
# Who reads on has no plan, or one that ends without ending the system.
umount "$directory"
rmdir "$directory"
exit 0
