# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The chapters of media.sh, each a function; in order, on one phone. Sourced after story.sh. The sticks are QEMU's
# usb-storage, plugged in by its monitor; the card is QEMU's SD card behind an SDHCI controller, in its slot from the
# start. The kernel's drivers, udevd and the tools are Debian's own. There is no desktop and no UDisks: what they
# would be told is read from udev's database.

# The name of a guest is its serial number.
media_phone=vm-phone-2603
media_work=$VM_WORK/media
media_words='
disk() { basename "$(ls -d /sys/block/sd* 2>/dev/null | head -n 1)"; }
part() { basename "$(ls -d /sys/block/sd*/sd* 2>/dev/null | head -n 1)"; }
again() { # SECONDS COMMAND…
	left=$(($1 * 2))
	shift
	until "$@"; do
		[ $((left -= 1)) -gt 0 ] || { echo "not in time: $*"; look; return 1; }
		sleep 0.5
	done
}
look() {
	ls -d /sys/block/sd* /sys/block/sd*/sd* /sys/block/mmcblk* 2>/dev/null
	grep -s . /sys/bus/usb/devices/*:*/authorized /sys/block/sd*/ro /sys/block/sd*/device/state /sys/block/mmcblk0/ro
	cat /etc/udev/rules.d/61-mdm-agent-removable.rules
	for d in /sys/block/sd* /sys/block/sd*/sd*; do udevadm info -q property -p "$d" | grep -E "^(DEVNAME|MDM_|ID_FS_|UDISKS)"; done
	agentctl compliance
}
there() { [ -b "/dev/$1" ]; }
has_disk() { [ -n "$(disk)" ] && there "$(disk)"; }
has_part() { [ -n "$(part)" ] && there "$(part)"; }
no_part() { ! has_part; }
no_disk() { ! has_disk; }
# The rules have been applied to it.
judged() { udevadm info -q property -n "/dev/$1" | grep -q "^MDM_MEDIA_VERDICT=$2\$"; }
is_ro() { [ "$(blockdev --getro "/dev/$1")" = 1 ]; }
is_rw() { [ "$(blockdev --getro "/dev/$1")" = 0 ]; }
mounts() { mkdir -p /mnt && mount "$@" /mnt; }
writes() { touch /mnt/written 2>/dev/null; }
shut() { grep -qs "^0" /sys/bus/usb/devices/*:*/authorized; }
open_luks() { # NODE [OPTION…]
	printf secret >/run/key
	node=$1
	shift
	cryptsetup open "$@" --key-file /run/key "$node" stick
}
state_of() { # STATE: what the agent says of the setting
	agentctl compliance --json | tr "{" "\n" | grep "\"setting\":\"removable\"" | grep -q "\"state\":\"$1\""
}
'

# check_phone of another suite runs other words.
check_media() { # NAME SCRIPT
	check "$1" vm_run -t 240 "$media_words $2"
}

media_policy() { # CHOICE
	fleet_policy staff '{"checkin":{"interval":300,"jitter":0},"profiles":[{"id":"base","settings":{"encryption":{
		"removable":"'"$1"'"}}}]}'
}

# The next policy is there; what follows of it is looked for by what the tests look at.
media_policy_next() { # CHOICE
	media_before=$(phone_status policies.0.serial)
	media_policy "$1" || return
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	vm_host_until 90 media_policy_newer "$media_before"
}

media_policy_newer() { # SERIAL
	[ "$(phone_status policies.0.serial)" -gt "$1" ]
}

# One partition over everything behind the first MiB.
media_table() { # FILE
	/usr/bin/python3 -c '
import struct, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(446)
    f.write(struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", 2048, 30720) + bytes(48) + b"\x55\xaa")' "$1"
}

# media_image FILE KIND: what is on a stick: plain, luks, empty (a partition with nothing in it), bare (a file system
# and no partition), blank.
media_image() {
	rm -f "$1" && truncate -s 16M "$1" || return
	case $2 in
	plain) media_table "$1" && mke2fs -q -F -t ext2 -E offset=1048576 "$1" 14336k ;;
	luks)
		printf secret >"$media_work/key"
		rm -f "$media_work/luks" && truncate -s 15M "$media_work/luks" && media_table "$1" &&
			cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-file "$media_work/key" \
				"$media_work/luks" && dd if="$media_work/luks" of="$1" bs=1M seek=1 conv=notrunc status=none
		;;
	empty) media_table "$1" ;;
	bare) mke2fs -q -F -t ext2 "$1" ;;
	blank) : ;;
	esac
}

media_plug() { # KIND: always the same stick, with other contents
	media_n=$((${media_n:-0} + 1))
	media_stick_name=stick$media_n
	media_image "$VM_WORK/$VM/$media_stick_name.img" "$1" && vm_stick "$media_stick_name" "MDM$media_n"
}

media_unplug() {
	vm_unplug "$media_stick_name" && vm_until 60 "$media_words"'[ -z "$(ls /sys/bus/usb/devices/*:*/bInterfaceClass 2>/dev/null |
		xargs -r grep -l 08)" ]'
}

# --- the chapters

media_first_start() {
	mkdir -p "$media_work"
	media_image "$media_work/card.img" plain
	vm_start "$media_phone" extra="-device sdhci-pci -drive if=none,id=card,format=raw,file=$media_work/card.img -device sd-card,drive=card"
	check "the phone starts" vm_wait_boot
	vm_run 'modprobe sdhci_pci; modprobe mmc_block; modprobe usb_storage; modprobe sd_mod; mkdir -p -m 0755 /etc/mdm-agent' &&
		vm_put "$fleet_home/staff.conf" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0600 /etc/mdm-agent/zero-touch.conf'
	check_media "the card is in its slot" 'again 60 there mmcblk0p1'
	service restart
	check "the phone enrols by itself" vm_host_until 90 phone_says enrolled true
	check "the policy of its group arrives" vm_host_until 60 phone_says policies.0.stream staff
	check_media "no rule, and the card can be used" '
		! ls /etc/udev/rules.d/61-mdm-agent-removable.rules && is_rw mmcblk0 && mounts /dev/mmcblk0p1 && writes && umount /mnt'
	check "a stick is plugged in" media_plug plain
	check_media "... and used" 'again 60 has_part && mounts "/dev/$(part)" && writes'
}

media_read_only() {
	check "read_only comes while it is in use" media_policy_next read_only
	check_media "the card is read-only" 'again 60 is_ro mmcblk0 && again 30 is_ro mmcblk0p1'
	check_media "... whoever mounts it" 'mounts -r /dev/mmcblk0p1 && ! writes; r=$?; umount /mnt; exit $r'
	check_media "the stick in use stays as it was, and that is told" '
		again 60 state_of noncompliant && agentctl compliance | grep -i "in use" && writes && rm /mnt/written'
	check_media "as soon as it is free it is read-only" 'umount /mnt && again 60 is_ro "$(disk)" && again 30 is_ro "$(part)"'
	check_media "and the phone is compliant" 'again 60 state_of compliant'
	check_media "it cannot be written, nor its table" '
		! dd if=/dev/zero of="/dev/$(disk)" bs=512 count=1 conv=fsync 2>/dev/null && ! mkfs.ext2 -q -F "/dev/$(part)" 2>/dev/null &&
		! mount -o rw "/dev/$(part)" /mnt 2>/dev/null || { ! writes; r=$?; umount /mnt; exit $r; }'
	check "it is unplugged" media_unplug
	check "another one is plugged in" media_plug plain
	check_media "it is read-only from the start" '
		again 60 has_part && again 30 judged "$(part)" allowed && is_ro "$(disk)" && is_ro "$(part)" && again 60 state_of compliant'
}

media_encrypted_only() {
	check "encrypted_only comes" media_policy_next encrypted_only
	check_media "the plain partition is gone, the disk is writable again" '
		again 60 no_part && again 30 has_disk && again 30 is_rw "$(disk)"'
	check_media "so is the plain partition of the card" '! there mmcblk0p1 && there mmcblk0 && is_rw mmcblk0'
	check_media "the phone is compliant" 'again 60 state_of compliant'
	check "it is unplugged" media_unplug
	check "the same plain one comes again" media_plug plain
	check_media "... in vain, also when its table is read again" '
		again 60 has_disk && again 30 no_part && blockdev --rereadpt "/dev/$(disk)" && again 30 no_part'
	check "it is unplugged" media_unplug
	check "a stick with a file system and no partition comes" media_plug bare
	check_media "it is offline" '
		again 60 has_disk && again 30 judged "$(disk)" denied && ! mounts "/dev/$(disk)" 2>/dev/null &&
		udevadm info -q property -n "/dev/$(disk)" | grep UDISKS_IGNORE=1'
	check "it is unplugged" media_unplug
	check "a stick with an empty partition comes" media_plug empty
	check_media "it can be used, but not for a plain file system" '
		again 60 has_part && again 30 judged "$(part)" allowed && mkfs.ext2 -q -F "/dev/$(part)" && again 30 no_part'
	check "it is unplugged" media_unplug
	check "one with LUKS comes" media_plug luks
	check_media "it is opened, and used" '
		again 60 has_part && again 30 judged "$(part)" allowed && open_luks "/dev/$(part)" &&
		mkfs.ext2 -q -F /dev/mapper/stick && mounts /dev/mapper/stick && writes && umount /mnt && cryptsetup close stick'
	check_media "the phone is compliant" 'again 60 state_of compliant'
}

media_encrypted_read_only() {
	check "encrypted_read_only comes" media_policy_next encrypted_read_only
	check_media "LUKS can be read" '
		again 60 is_ro "$(disk)" && again 30 is_ro "$(part)" && open_luks "/dev/$(part)" --readonly && mounts -r /dev/mapper/stick &&
		[ -e /mnt/written ] && ! writes; r=$?; umount /mnt; cryptsetup close stick; exit $r'
	check "it is unplugged" media_unplug
	check "a plain one comes" media_plug plain
	check_media "its partition is not there, and it is read-only" '
		again 60 has_disk && again 30 no_part && again 30 is_ro "$(disk)" && again 60 state_of compliant'
}

media_blocked() {
	check "blocked comes" media_policy_next blocked
	check_media "the stick is gone, and so is the card" 'again 60 shut && again 30 no_disk && again 60 eval "! there mmcblk0"'
	check_media "the phone is compliant" 'again 60 state_of compliant'
	check "it is unplugged" media_unplug
	check "another one is plugged in" media_plug luks
	check_media "it never becomes a disk" 'again 60 shut && sleep 5 && no_disk'
	check_media "the disk of the system is as it was" 'touch /root/here && sync && is_rw vda'
}

media_any() {
	check "any comes" media_policy_next any
	check_media "stick and card are back, writable, without being touched" '
		again 60 has_part && again 60 there mmcblk0p1 && is_rw "$(disk)" && is_rw mmcblk0 && ! shut &&
		mounts /dev/mmcblk0p1 && writes && umount /mnt'
	check_media "nothing is left of the rules" '
		! ls /etc/udev/rules.d/61-mdm-agent-removable.rules 2>/dev/null &&
		again 30 eval "! udevadm info -q property -n /dev/$(disk) | grep -E \"UDISKS_|MDM_MEDIA_V\""'
}

media_unenrol() {
	check "encrypted_only comes" media_policy_next encrypted_only
	check_media "the card's plain partition is gone" 'again 60 eval "! there mmcblk0p1"'
	check "the stick is unplugged" media_unplug
	check "one with a file system and no partition comes" media_plug bare
	check_media "it is offline" 'again 60 has_disk && again 30 judged "$(disk)" denied && ! mounts "/dev/$(disk)" 2>/dev/null'
	check_media "the phone leaves" 'agentctl unenroll --yes'
	check_media "and the partition is back" 'again 90 there mmcblk0p1 && [ ! -e /etc/udev/rules.d/61-mdm-agent-removable.rules ]'
	check_media "... and the stick can be used" 'again 60 mounts "/dev/$(disk)" 2>/dev/null && writes && umount /mnt'
}
