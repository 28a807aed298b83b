# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # read by image.sh, whose variables it uses
# A machine whose kernel has started and which knows nothing yet of its disk, its network, its clock and its owner:
# init/initramfs at its start_line. Guests of the same hardware go on from there.
# Before the data area of the disk, as cryptsetup makes it by default.
data_offset=16777216
disk_mib=480

guest_word() {
	/usr/bin/python3 -S -E "$here/guest.py" "$@"
}

# state_machine COMMAND…: a machine that is there while COMMAND runs, which ends it; no later than this run.
state_machine() {
	hardware /usr/bin/python3 -S -E "$here/guest.py" keep "$PWD" $$ -- </dev/null &
	keeper=$!
	"$@" || {
		status=$?
		tail -n 30 console.log qemu.log
		kill $keeper
		return $status
	}
	wait $keeper
}

state_make() {
	# The disk is never looked at; that its size is right is for QEMU.
	truncate -s $((data_offset + disk_mib * 1024 * 1024)) disk
	mkdir boot
	ln "$cache/$kernel_name/vmlinux" boot/kernel
	ln "$cache/$kernel_name/initrd" boot/initramfs
	hw_boot=$PWD/boot hw_disk="disk,format=raw" hw_rtc=utc hw_serial=$HW_PLACEHOLDER hw_extra=''
	state_machine guest_word save "$PWD" "$HW_PLACEHOLDER"
	rm -rf disk boot pid ./*.sock
}
