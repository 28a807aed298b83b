#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Early boot, before anybody is asked for a passphrase: a wipe that was cut off goes on.
# early-wipe.sh SECONDS BOOT…
# BOOT is UUID=… or LABEL=… of the boot partition; the first that is there counts, and is waited for as long as
# that. A stick or a card can have the same: all that do are looked at, and mdm-agent-wipe believes no plan on
# what is not the phone's own. Without a plan nothing happens, and they are left as they were.
set -u
directory=/mdm-agent-boot
tries=$1
shift

find_boot() { # BOOT…
	for wanted in "$@"; do
		case $wanted in
		UUID=?* | LABEL=?*) devices=$(blkid -t "$wanted" -o device 2>/dev/null) ;;
		*) continue ;;
		esac
		[ -z "$devices" ] || return 0
	done
	return 1
}

look_into() { # DEVICE
	# Not every mount of an initramfs finds out by itself.
	type=$(blkid -o value -s TYPE "$1" 2>/dev/null)
	mkdir -p "$directory"
	mount ${type:+-t "$type"} -o ro "$1" "$directory" || return 0
	if [ -e "$directory/mdm-agent-wipe.plan" ]; then
		# The plan is removed when all is gone. If it cannot be, what it names is destroyed all the same.
		mount ${type:+-t "$type"} -o remount,rw "$1" "$directory"
		echo "mdm-agent: a wipe was cut off; it goes on"
		@PREFIX@/libexec/mdm-agent/mdm-agent-wipe --resume --boot "$directory" --wait 10 ||
			echo "mdm-agent: the wipe ended with status $?"
	fi
	# Who reads on has no plan, or one that ends without ending the system.
	umount "$directory"
	rmdir "$directory"
}

until find_boot "$@"; do
	[ "$tries" -gt 0 ] || exit 0
	tries=$((tries - 1))
	sleep 1
done
for device in $devices; do
	look_into "$device"
done
exit 0
