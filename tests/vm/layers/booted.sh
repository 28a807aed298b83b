# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # read by image.sh, whose variables it uses
# A phone at the end of its first start, with a second start_line waiting in it: state and disk belong together. Whoever
# goes on from it has randomness, serial number and clock of its own, but the machine-id and the boot id of
# all that do.
booted_seconds=600

booted_reached() {
	guest_word on "$PWD" "$booted_seconds" "$image/state" now /sbin/init "$(cat "$here/passphrase")" on \
		"$HW_PLACEHOLDER" &&
		guest_word run "$PWD" "$booted_seconds" 'until [ -e /run/mdm-vm/booted ]; do sleep 0.2; done; sync
			setsid /usr/lib/mdm-vm/start_line </dev/null >/dev/null 2>&1 &' &&
		guest_word save "$PWD" "$HW_PLACEHOLDER"
}

booted_make() {
	qemu-img create -q -f qcow2 -F raw -b "$image/disk" disk
	hw_boot=$image hw_disk=disk hw_rtc=utc hw_serial=$HW_PLACEHOLDER hw_extra="-incoming defer"
	state_machine booted_reached
	rm -f pid ./*.sock
}
