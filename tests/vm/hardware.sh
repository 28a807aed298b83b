# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # HW_PLACEHOLDER is for those who read this
# The machine that phones are, for lib.sh, which starts them, and for layers/state.sh, which saves one. A saved
# state fits the machine that it was saved from and no other: whatever is changed here makes a new one.
# Without what costs an emulator more than it saves: a fifth level of page tables, and copies byte by byte.
HW_CPU=max,la57=off,erms=off
HW_MACHINE="q35,usb=off"
# Emulation is what runs everywhere and what the figures are of; kvm is for whoever asks for it.
case ${VM_ACCEL:-tcg} in
tcg) HW_MACHINE="$HW_MACHINE -accel tcg,thread=multi" ;;
kvm) HW_MACHINE="$HW_MACHINE -accel kvm" HW_CPU=host ;;
*)
	echo "VM_ACCEL is tcg or kvm, not '$VM_ACCEL'" >&2
	exit 2
	;;
esac
HW_MEMORY=512
HW_CPUS=1
HW_LINE="console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0 no_timer_check tsc=reliable \
random.trust_cpu=on net.ifnames=0 systemd.show_status=0"
# The serial number of the machine that is saved. Who continues it has another one, of the same length at most.
HW_PLACEHOLDER=mdm-agent-serial-number-0000000

# hardware COMMAND…: runs COMMAND with QEMU's command line behind it. Reads
#	hw_boot (a directory with kernel and initramfs), hw_disk, hw_rtc, hw_serial, hw_extra (words);
#	hw_memory, hw_cpus, if they are not those above.
# Relative names: the path of a socket may not be long. Flushes of the guest end in the host's page cache
# (cache=unsafe), which a killed QEMU does not lose. What is discarded is gone, as on flash.
# shellcheck disable=SC2086,SC2154 # words on purpose, and the caller's
hardware() {
	"$@" qemu-system-x86_64 -nodefaults -no-user-config -display none -vga none -no-reboot -S \
		-machine $HW_MACHINE -cpu "$HW_CPU" -smp "${hw_cpus:-$HW_CPUS}" -m "${hw_memory:-$HW_MEMORY}" \
		-kernel "$hw_boot/kernel" -initrd "$hw_boot/initramfs" -append "$HW_LINE" \
		-rtc "base=$hw_rtc" -smbios "type=1,manufacturer=mdm-agent,product=test machine,serial=$hw_serial" \
		-chardev socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log \
		-serial chardev:console \
		-qmp unix:qmp.sock,server=on,wait=off \
		-device virtio-serial-pci -chardev socket,id=control,path=control.sock,server=on,wait=off \
		-device virtserialport,chardev=control,name=mdm.control \
		-chardev socket,id=power,path=power.sock,server=on,wait=off \
		-device virtserialport,chardev=power,name=mdm.power \
		-drive "if=none,id=disk,file=$hw_disk,cache=unsafe,discard=unmap" -device virtio-blk-pci,drive=disk \
		-netdev user,id=host,ipv6=off -device virtio-net-pci,id=net0,netdev=host,romfile= \
		-object rng-random,id=random,filename=/dev/urandom -device virtio-rng-pci,rng=random \
		-device qemu-xhci,id=usb \
		$hw_extra
}
