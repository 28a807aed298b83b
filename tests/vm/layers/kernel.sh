# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # read by image.sh, whose variables it uses
# The kernel of the distribution, its initramfs and the modules that go into the root.
# Before the root is open: what opens it, and what every start of a distribution loads, since a saved state has it for
# nothing. The rest is loaded by udev or by suites.
initramfs_modules="virtio_pci virtio_console virtio_blk virtio_net virtio_rng crc32c_generic crc32c_intel ext4
	dm_crypt xts aesni_intel xhci_pci"
guest_modules="$initramfs_modules 9p 9pnet_virtio xhci_pci usb_storage uas sd_mod
	usbhid usb_f_mass_storage dummy_hcd vhci_hcd mac80211_hwsim hci_vhci nfcsim rfkill vivid uinput snd_dummy loop
	nf_tables nft_ct nft_log nft_limit nft_reject_inet nft_counter nft_masq nft_nat nft_compat nf_conntrack
	nfnetlink_log tun fuse overlay sdhci_pci mmc_block vfat nls_cp437 nls_ascii nls_iso8859_1 dm_verity zram algif_skcipher"

kernel_make() {
	apt-get download -q "$kernel"
	dpkg-deb --fsys-tarfile ./*.deb | tar -x --exclude='./usr/share'
	rm -f ./*.deb
	version=$(basename lib/modules/*)
	# Unpacked here, in a moment, instead of by an emulated processor at each start; the initramfs likewise.
	"$here/unpack_kernel.py" boot/vmlinuz-* vmlinux
	mkdir -p initramfs/bin initramfs/root initramfs/dev initramfs/proc initramfs/sys
	depmod -b . "$version"
	# shellcheck disable=SC2086 # lists on purpose
	for modules in initramfs:"$initramfs_modules" guest:"$guest_modules"; do
		for module in ${modules#*:}; do
			modprobe -d . -S "$version" --show-depends "$module" ||
				echo "there is no module $module" >&2
		done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
			install -D -m 0644 "$file" "${modules%%:*}/lib/modules/${file##*lib/modules/}"
		done
		cp lib/modules/"$version"/modules.builtin* lib/modules/"$version"/modules.order \
			"${modules%%:*}/lib/modules/$version"
		depmod -b "${modules%%:*}" "$version"
	done
	initramfs_fill initramfs
	(cd initramfs && find . | cpio -o -H newc -R 0:0 --quiet) >initrd
	tar -C guest -cf modules.tar lib
	rm -rf boot lib initramfs guest usr etc
}

initramfs_fill() {
	echo "$initramfs_modules" >"$1/modules"
	install -m 0755 "$here/init/initramfs" "$1/init"
	cp /bin/busybox "$1/bin/busybox"
	cp "$cache/$host_name/start_line" "$1/bin/start_line"
	for name in sh mount umount modprobe sleep cat printf rm mkdir rmdir poweroff switch_root; do
		ln -s busybox "$1/bin/$name"
	done
	cryptsetup=$(command -v cryptsetup)
	cp "$cryptsetup" "$1/bin/cryptsetup"
	ldd "$cryptsetup" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\).*/\1/p' |
		while read -r library; do
			mkdir -p "$1$(dirname "$library")"
			cp -L "$library" "$1$library"
		done
}
