# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # read by image.sh, whose variables it uses
# The root with the agent in it, encrypted.
passphrase=$(cat passphrase)

# As apk does it: what "make install" puts in place is split by the APKBUILD, and the packages for this
# init system are installed with their scripts, which make the users. tests/packaging/ has the stand-ins
# for abuild and apk, and accounts.sh for busybox's programs. What is enabled is up to the guest.
agent_install() {
	make -s -C "$source" -o all -o completions install "DESTDIR=$PWD/packaged" PREFIX=/usr \
		"SERVICES=systemd openrc apk" BUILD="$(dirname "$tree")" VARIANT="$(basename "$tree")"
	cp "$programs/mdm-agentd" packaged/usr/sbin
	cp "$programs/agentctl" packaged/usr/bin
	cp "$programs/mdm-agent-net" "$programs/mdm-agent-session" packaged/usr/libexec/mdm-agent
	ABUILD_PACKAGED=packaged "$source/tests/packaging/abuild.sh" \
		"$source/packaging/apkbuild/mdm-agent/APKBUILD" packages
	cp "$source/tests/packaging/accounts.sh" "$1/usr/sbin/adduser"
	cp "$source/tests/packaging/accounts.sh" "$1/usr/sbin/addgroup"
	"$source/tests/packaging/apk.sh" "$1" base debian=1:/bin/sh "$shape=1"
	"$source/tests/packaging/apk.sh" "$1" add mdm-agent --repo packages
	rm "$1/usr/sbin/adduser" "$1/usr/sbin/addgroup"
	rm -rf packaged packages
}

users_make() {
	echo "phone:x:10000:" >>"$1/etc/group"
	echo "phone:x:10000:10000:phone:/home/phone:/bin/sh" >>"$1/etc/passwd"
	echo "phone:$(openssl passwd -6 "$passphrase"):19000:0:99999:7:::" >>"$1/etc/shadow"
	mkdir -p "$1/home/phone"
	chown 10000:10000 "$1/home/phone"
	chmod 0700 "$1/home/phone"
}

guest_common() {
	mkdir -p "$1/usr/lib/mdm-vm"
	cp "$cache/$host_name/channel_agent" "$cache/$host_name/start_line" "$here/init/login" "$here/init/network" "$here/init/booted" "$here/init/bare" \
		"$here/init/coldplug" /bin/busybox \
		"$1/usr/lib/mdm-vm"
	echo phone >"$1/etc/hostname"
	printf '127.0.0.1 localhost phone\n10.0.2.2 mdm-host\n' >"$1/etc/hosts"
	rm -f "$1/etc/fstab" "$1/etc/machine-id" "$1/var/lib/dbus/machine-id"
	: >"$1/etc/machine-id"
	tar -C "$1/usr" -xf "$cache/$kernel_name/modules.tar"
	rm -rf "$1"/usr/lib/x86_64-linux-gnu/gconv \
		"$1"/var/cache/* "$1"/var/lib/apt "$1"/usr/lib/udev/hwdb.bin
	# A server of SSH is there; whoever wants it to run switches it on.
	rm -f "$1"/etc/systemd/system/*.wants/ssh.service "$1"/etc/systemd/system/sshd.service
}

guest_systemd() {
	units=$1/etc/systemd/system
	for unit in "$here"/init/systemd/*.service; do
		name=$(basename "$unit")
		target=$(sed -n 's/^WantedBy=//p' "$unit")
		cp "$unit" "$units/$name"
		mkdir -p "$units/$target.wants"
		ln -s "../$name" "$units/$target.wants/$name"
	done
	ln -s /usr/lib/systemd/system/mdm-agentd.service "$units/multi-user.target.wants/mdm-agentd.service"
	mkdir -p "$units/sysinit.target.wants"
	ln -s /usr/lib/systemd/system/mdm-agent-wipe.service "$units/sysinit.target.wants/mdm-agent-wipe.service"
	for unit in getty@tty1.service serial-getty@ttyS0.service console-getty.service \
		dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		systemd-pstore.service systemd-binfmt.service systemd-firstboot.service \
		systemd-machine-id-commit.service systemd-random-seed.service \
		systemd-update-utmp.service systemd-update-utmp-runlevel.service \
		systemd-tpm2-setup.service systemd-hwdb-update.service systemd-remount-fs.service \
		systemd-sysusers.service systemd-modules-load.service systemd-sysctl.service \
		systemd-tmpfiles-setup-dev.service systemd-journal-flush.service \
		dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
		sys-kernel-config.mount sys-fs-fuse-connections.mount modprobe@configfs.service \
		modprobe@drm.service modprobe@fuse.service modprobe@loop.service modprobe@dm_mod.service \
		modprobe@efi_pstore.service kmod-static-nodes.service; do
		ln -sf /dev/null "$units/$unit"
	done
	# What makes units of disks, tables and kernel arguments that are not there: a dozen programs at each start.
	mkdir -p "$1/etc/systemd/system-generators" "$1/etc/systemd/journald.conf.d"
	for generator in "$1"/usr/lib/systemd/system-generators/*; do
		ln -s /dev/null "$1/etc/systemd/system-generators/${generator##*/}"
	done
	printf '[Journal]\nStorage=volatile\n' >"$1/etc/systemd/journald.conf.d/short.conf"
	mkdir -p "$units/systemd-udev-trigger.service.d"
	printf '[Service]\nExecStart=\nExecStart=/usr/lib/mdm-vm/coldplug\n' \
		>"$units/systemd-udev-trigger.service.d/short.conf"
}

guest_openrc() {
	cp "$here/init/openrc/inittab" "$1/etc/inittab"
	cp "$here/init/openrc/early" "$here/init/openrc/off" "$1/usr/lib/mdm-vm"
	find "$1/etc/init.d" -mindepth 1 ! -name 'mdm-*' -delete
	rm -rf "$1"/etc/runlevels "$1"/etc/rc?.d
	# runlevel service…: those of Alpine's names do what Alpine's do, in short.
	while read -r level services; do
		mkdir -p "$1/etc/runlevels/$level"
		for service in $services; do
			[ ! -e "$here/init/openrc/$service" ] ||
				install -m 0755 "$here/init/openrc/$service" "$1/etc/init.d/$service"
			ln -s "/etc/init.d/$service" "$1/etc/runlevels/$level/$service"
		done
	done <<-'LEVELS'
		sysinit sysfs udev
		boot localmount
		default dbus elogind mdm-vm-network mdm-agentd
		shutdown
	LEVELS
	# Whoever wants it to run starts it.
	install -m 0755 "$here/init/openrc/sshd" "$1/etc/init.d/sshd"
	printf '%s\n' 'rc_cgroup_mode="unified"' 'rc_logger="NO"' 'rc_parallel="NO"' >>"$1/etc/rc.conf"
}

# In a namespace of its own when this is not root: called again as "image.sh --assemble".
disk_fill() {
	mkdir root
	tar -C root -xf "$cache/$root_name/root.tar" --exclude='./dev/*'
	users_make root
	guest_common root
	agent_install "$PWD/root"
	"guest_$shape" root
	# Blocks as large as the sectors of dm-crypt, which refuses smaller ones.
	mke2fs -q -t ext4 -b 4096 -J size=8 -E lazy_itable_init=0,lazy_journal_init=0 -m 0 -L phone \
		-d root plain "${disk_mib}M"
	rm -rf root
}

disk_make() {
	as_root "$here/image.sh" --assemble "$PWD" "$shape" "$tree" "$programs" \
		"$root_name" "$kernel_name" "$host_name"
	head -c 64 /dev/urandom >key
	truncate -s "$data_offset" disk
	# Cheap key derivation: what it costs to guess is not what is tested.
	printf '%s' "$passphrase" | cryptsetup luksFormat --type luks2 --batch-mode --disable-locks \
		--cipher aes-xts-plain64 --key-size 512 --volume-key-file key --key-file - \
		--sector-size 4096 --offset $((data_offset / 512)) \
		--pbkdf pbkdf2 --pbkdf-force-iterations 1000 disk
	"$cache/$host_name/luks_image" key plain disk "$data_offset"
	rm -f key plain
	ln "$cache/$kernel_name/vmlinux" kernel
	ln "$cache/$kernel_name/initrd" initramfs
	ln "$cache/$state_name/state" "$cache/$state_name/state.serials" .
}
