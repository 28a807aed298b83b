# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The chapters of the encryption suite up to the wipe, each a function; in order, on one phone. Sourced after story.sh.
#
# Beside its root on LUKS2 the phone has a boot partition (vdb), a volume over two disks of which one is plain (vdc, vdd),
# and a container of LUKS1 (vde). The volume is what LVM makes of two disks, a linear mapping, made by
# dmsetup(8): there is no lvm2 in the guest. cryptsetup, device mapper and dm-crypt are Debian's own.

# The name of a guest is its serial number.
encryption_phone=vm-phone-2604
encryption_work=$VM_WORK/encryption
encryption_pass=$(cat "$VM_DIR/passphrase")
encryption_new_pass='Harbour 31 lamps'
# Costs of guesses are not what is tested here.
encryption_quick="--batch-mode --pbkdf-force-iterations 1000"
encryption_disks="-drive if=none,id=boot,file=boot.img,format=raw,cache=unsafe -device virtio-blk-pci,drive=boot
	-drive if=none,id=member,file=member.img,format=raw,cache=unsafe,discard=unmap -device virtio-blk-pci,drive=member
	-drive if=none,id=plain,file=plain.img,format=raw,cache=unsafe,discard=unmap -device virtio-blk-pci,drive=plain
	-drive if=none,id=old,file=old.img,format=raw,cache=unsafe,discard=unmap -device virtio-blk-pci,drive=old"
encryption_disks=$(echo "$encryption_disks" | tr -s '\n\t' '  ')
encryption_words='
pass="'$encryption_pass'"
quick="'$encryption_quick'"
# Without the line end that files have.
key() { printf %s "$1" >/run/key; }
opens() { # DEVICE SECRET [OPTION…]
	device=$1
	key "$2"
	shift 2
	cryptsetup open --test-passphrase --disable-external-tokens --key-file /run/key "$@" "$device" 2>/dev/null
}
move_slot() { # DEVICE: from keyslot 0 to 3
	key "$pass"
	cryptsetup luksAddKey $quick --pbkdf pbkdf2 --key-slot 3 --key-file /run/key "$1" /run/key &&
		cryptsetup luksKillSlot --batch-mode "$1" 0
}
open_disks() {
	key "$pass"
	cryptsetup open --key-file /run/key /dev/vdc member && cryptsetup open --key-file /run/key /dev/vde old
}
'

check_disk() { # NAME SCRIPT
	check "$1" vm_run -t 240 "$encryption_words $2"
}

encryption_policy() {
	fleet_policy staff '{"checkin":{"interval":300,"jitter":0},"profiles":[{"id":"base","settings":{"encryption":{
		"system":true,"home":true,"escrow":true,"escrow_check":30,"forbid_empty_passphrase":true}}}]}'
}

# The disks of a guest, in its directory. All that is encrypted has the passphrase of the root.
encryption_make_disks() { # NAME
	encryption_dir=$VM_WORK/$1
	mkdir -p "$encryption_dir" "$encryption_work" || return
	printf %s "$encryption_pass" >"$encryption_work/key"
	truncate -s 16M "$encryption_dir/boot.img" "$encryption_dir/old.img" &&
		truncate -s 48M "$encryption_dir/member.img" && truncate -s 24M "$encryption_dir/plain.img" &&
		mke2fs -q -F -t ext2 -L pmOS_boot "$encryption_dir/boot.img" || return
	# shellcheck disable=SC2086 # words on purpose
	cryptsetup luksFormat --disable-locks $encryption_quick --type luks2 --pbkdf pbkdf2 \
		--key-file "$encryption_work/key" "$encryption_dir/member.img" &&
		cryptsetup luksFormat --disable-locks $encryption_quick --type luks1 \
			--key-file "$encryption_work/key" "$encryption_dir/old.img"
}

# What packages put into an initramfs, for wipes that were cut off: each shape has the form of its distribution. blkid is
# util-linux's in both.
encryption_make_early() {
	encryption_early=$encryption_work/early
	encryption_tree=$encryption_work/installed
	mkdir -p "$encryption_early/etc/mdm-agent" || return
	make -s -C "$VM_SOURCE" install-services PREFIX=/usr SYSCONFDIR=/etc DESTDIR="$encryption_tree" \
		BUILD="$encryption_work/build" SERVICES="mkinitfs initramfs-tools" || return
	install -D "$VM_TREE/mdm-agent-wipe" "$encryption_early/usr/libexec/mdm-agent/mdm-agent-wipe" &&
		install -D "$encryption_tree/usr/share/mdm-agent/early-wipe.sh" \
			"$encryption_early/usr/share/mdm-agent/early-wipe.sh" &&
		install -D "$(command -v blkid)" "$encryption_early/sbin/blkid" || return
	ldd "$(command -v blkid)" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | while read -r encryption_library; do
		install -D "$encryption_library" "$encryption_early$encryption_library"
	done
	case $VM_SHAPE in
	systemd)
		install -D "$encryption_tree/usr/share/initramfs-tools/scripts/init-premount/mdm-agent" \
			"$encryption_early/scripts/init-premount/mdm-agent" &&
			blkid -p -o value -s UUID "$encryption_dir/boot.img" >"$encryption_early/etc/mdm-agent/boot-uuid"
		;;
	openrc)
		install -D "$encryption_tree/usr/share/mkinitfs/hooks-extra/50-mdm-agent.sh" \
			"$encryption_early/hooks-extra/50-mdm-agent.sh"
		;;
	esac
}

# A member of what the agent says of a setting of encryption.
encryption_setting() { # SETTING MEMBER
	vm_run 'agentctl compliance --json' | fleet_pick "settings[setting=$1].$2"
}

encryption_says() { # SETTING STATE REASON
	[ "$(encryption_setting "$1" state) $(encryption_setting "$1" reason)" = "$2 $3" ]
}

# agentctl escrow as a script would: the passphrase comes by standard input. Its answer is in $encryption_work/made.
encryption_make_keys() { # PASSPHRASE [OPTION…]
	encryption_phrase=$1
	shift
	vm_run -t 300 "printf '%s\n' '$encryption_phrase' | agentctl escrow --json $*" >"$encryption_work/made" 2>&1
}

encryption_made() { # VOLUME MEMBER
	fleet_pick volumes <"$encryption_work/made" | /usr/bin/python3 -c '
import json, sys
print("\n".join(str(v[sys.argv[2]]) for v in json.load(sys.stdin) if v["name"].startswith(sys.argv[1] + " ")))' "$1" "$2"
}

# The recovery keys as the administrator reads them.
encryption_show() { # [OPTION…]
	fleet_mdmctl escrow show "$encryption_id" --json "$@" >"$encryption_work/shown"
}

encryption_key() { # UUID MEMBER: the newest
	fleet_pick "keys[volume=$1].$2" <"$encryption_work/shown"
}

encryption_uuid() { # DEVICE
	vm_run "cryptsetup luksUUID $1"
}

# "0 3": numbers in their order.
encryption_sorted() { # NUMBER…
	printf '%s\n' "$@" | sort -n | tr '\n' ' ' | sed 's/ $//'
}

# The keyslots in use.
encryption_slots() { # DEVICE
	vm_run "cryptsetup luksDump $1" |
		sed -n 's/^  \([0-9]*\): luks2$/\1/p; s/^Key Slot \([0-9]*\): ENABLED/\1/p' | sort -n | tr '\n' ' ' |
		sed 's/ $//'
}

encryption_slots_are() { # DEVICE SLOTS
	[ "$(encryption_slots "$1")" = "$2" ]
}

# Until the server has what was made, and the phone knows that.
encryption_told() {
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	[ "$(encryption_setting escrow state)" = compliant ]
}

# A destructive order, signed by two; 1 where the phone has not got it.
encryption_order() { # VERB [NAME=VALUE…]
	encryption_verb=$1
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	rm -f "$fleet_home/order.jws"
	{
		fleet_mdmctl command "$@" --device "$encryption_id" -o order.jws &&
			fleet_mdmctl command cosign order.jws --key second --yes
	} >"$encryption_work/order" 2>&1 || diag "$(cat "$encryption_work/order")"
}

encryption_ordered() { # MEMBER: of the newest order of the last verb
	vm_run 'agentctl command list --json' | fleet_pick "commands[verb=$encryption_verb].$1"
}

encryption_order_is() { # STATE REASON
	[ "$(encryption_ordered state) $(encryption_ordered reason)" = "$1 $2" ]
}

# None of the secrets so far is in the memory of the agent, its files, the logs or where temporary files go. That something
# is found at all is seen by the id of the device.
encryption_secrets_absent() { # SECRET…
	printf '%s\n' "$@" >"$encryption_work/needles"
	phone_status device >"$encryption_work/control"
	vm_put "$encryption_work/needles" /run/needles && vm_put "$encryption_work/control" /run/control || return
	vm_run -t 240 '
		places="/var/lib/mdm-agent /var/log /run/log /run/mdm-agent /run/cryptsetup /var/tmp /tmp /dev/shm /etc"
		! secrets /run/control $places >/run/controlled || { echo "nothing is found at all"; exit 1; }
		grep -q "in process" /run/controlled && grep -q /var/lib/mdm-agent /run/controlled || { cat /run/controlled; exit 1; }
		secrets /run/needles $places
		status=$?
		if command -v journalctl >/dev/null; then
			! journalctl --no-pager -a -o cat | grep -F -f /run/needles || status=1
		fi
		rm -f /run/needles
		exit $status'
}

# --- the chapters

encryption_prepare() {
	encryption_make_disks "$encryption_phone" && encryption_make_early
}

encryption_first_start() {
	check "its disks are made, and what goes into its initramfs" encryption_prepare
	${CC:-cc} -O2 -D_GNU_SOURCE -static -o "$encryption_work/secrets" "$VM_DIR/secrets.c" ||
		diag "secrets.c could not be compiled"
	vm_start "$encryption_phone" saved=yes "extra=$encryption_disks" "early=$encryption_early"
	check "the phone starts" vm_wait_boot
	vm_put "$encryption_work/secrets" /usr/local/bin/secrets
	vm_run 'chmod 0755 /usr/local/bin/secrets; mkdir -p -m 0755 /etc/mdm-agent' &&
		vm_put "$fleet_home/staff.conf" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0600 /etc/mdm-agent/zero-touch.conf'
	check_disk "it has a boot partition, a volume over an encrypted and a plain disk, and a container of LUKS1" '
		mkdir -p /boot && mount /dev/vdb /boot && open_disks &&
		m=$(blockdev --getsz /dev/mapper/member) && p=$(blockdev --getsz /dev/vdd) &&
		printf "0 %d linear /dev/mapper/member 0\n%d %d linear /dev/vdd 0\n" "$m" "$m" "$p" |
			dmsetup create --noudevsync --uuid LVM-phone-data phone-data &&
		dmsetup mknodes && mke2fs -q -t ext4 /dev/mapper/phone-data && mount /dev/mapper/phone-data /home &&
		mke2fs -q -t ext4 /dev/mapper/old && mount /dev/mapper/old /opt'
	# As immutable images of postmarketOS do.
	check_disk "its root opens with nothing, too" '
		key "$pass"
		: >/run/none
		cryptsetup luksAddKey $quick --pbkdf pbkdf2 --key-slot 5 --key-file /run/key /dev/vda /run/none'
	service restart
	check "it enrols by itself" vm_host_until 90 phone_says enrolled true
	encryption_id=$(fleet_device "$encryption_phone") || encryption_id=none
	check "the policy of its group arrives" vm_host_until 60 phone_says policies.0.stream staff
	encryption_root=$(encryption_uuid /dev/vda) encryption_member=$(encryption_uuid /dev/vdc)
	encryption_old=$(encryption_uuid /dev/vde)
}

encryption_nothing_to_lock_with() {
	check "it says that there is no recovery key" vm_host_until 60 encryption_says escrow noncompliant escrow_missing
	encryption_order crypto-lock
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	check "crypto-lock is refused: nobody could open the phone again" vm_host_until 60 encryption_order_is refused no_escrow
	is "... and nothing was changed" "$(encryption_slots /dev/vda)" "0 5"
}

encryption_two_disks() {
	is "two disks, one plain: that is the finding" \
		"$(encryption_setting home state) $(encryption_setting home reason)" "noncompliant plain_storage"
	check "... which names the plain disk, and it alone" encryption_names_plain
	is "the rest of the system is encrypted" "$(encryption_setting system state)" compliant
	check "the server has it" vm_host_until 60 encryption_server_names_plain
}

encryption_names_plain() {
	encryption_setting home detail | tee "$encryption_work/detail"
	grep -q vdd "$encryption_work/detail" && ! grep -q vdc "$encryption_work/detail"
}

encryption_server_names_plain() {
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	fleet_get "$encryption_id" sections.compliance.body.settings | fleet_pick '[setting=home]' | grep -q vdd
}

encryption_keyslots() {
	check_disk "the passphrase lies in keyslot 3, there is no keyslot 0" 'move_slot /dev/vda && move_slot /dev/vdc'
	is "... as cryptsetup sees it" "$(encryption_slots /dev/vda), $(encryption_slots /dev/vdc)" "3 5, 3"
	encryption_make_keys "not the passphrase"
	is "a wrong passphrase is refused" "$?" 7
	is "... for what it is, by cryptsetup's own word, for each disk" "$(encryption_made root state) \
$(encryption_made member state) $(encryption_made old state)" "wrong_passphrase wrong_passphrase wrong_passphrase"
	diag "$(encryption_made root detail)"
	is "... and no keyslot is used up by it" "$(encryption_slots /dev/vda), $(encryption_slots /dev/vdc), \
$(encryption_slots /dev/vde)" "3 5, 3, 0"
	check "... nor does the wrong one stay anywhere" encryption_secrets_absent "not the passphrase"
}

encryption_escrow() {
	check "the right one, by standard input: keys are made" encryption_make_keys "$encryption_pass"
	is "... of each encrypted disk, LUKS1 and the one beside a plain one as well" \
		"$(encryption_made root state) $(encryption_made member state) $(encryption_made old state)" "sealed sealed sealed"
	check "the server has them" vm_host_until 90 encryption_told
	check "the administrator reads them" encryption_show
	is "each opens its own disk" "$(encryption_which_open)" "root member old"
	check "neither passphrase nor keys are anywhere on the phone" encryption_secrets_absent "$encryption_pass" \
		"$(encryption_key "$encryption_root" key)" "$(encryption_key "$encryption_member" key)" \
		"$(encryption_key "$encryption_old" key)"
	check "the server has nothing that could be read without the organisation's key" encryption_server_reads_nothing
}

encryption_which_open() {
	for encryption_volume in "root vda $encryption_root" "member vdc $encryption_member" "old vde $encryption_old"; do
		# shellcheck disable=SC2086 # words on purpose
		set -- $encryption_volume
		vm_run -t 120 "$encryption_words opens /dev/$2 '$(encryption_key "$3" key)'" && echo "$1"
	done | tr '\n' ' ' | sed 's/ $//'
}

encryption_server_reads_nothing() {
	encryption_key "$encryption_root" key >"$encryption_work/needles" &&
		! grep -rlaF -f "$encryption_work/needles" "$fleet_home/server" "$fleet_home/server.log" &&
		grep -rqaF "$encryption_id" "$fleet_home/server"
}

encryption_generations() {
	encryption_first=$(encryption_key "$encryption_root" key)
	encryption_before=$(encryption_slots /dev/vda)
	kill -STOP "$fleet_pid"
	check "the server hangs; a new key is made all the same" encryption_make_keys "$encryption_pass" --new
	check_disk "the key before still opens the disk: nobody but the phone has the new one" \
		"opens /dev/vda '$encryption_first'"
	# shellcheck disable=SC2086 # numbers on purpose
	is "... and has its keyslot" "$(encryption_slots /dev/vda)" \
		"$(encryption_sorted $encryption_before "$(encryption_made root slot)")"
	kill -CONT "$fleet_pid"
	check "the server has the new one" vm_host_until 90 encryption_told
	check "now the keyslot of the one before goes" vm_host_until 90 encryption_slots_are /dev/vda \
		"$(encryption_sorted 3 5 "$(encryption_made root slot)")"
	check_disk "and it no longer opens" "! opens /dev/vda '$encryption_first'"
	check "the administrator reads the new ones" encryption_show
	is "each opens its own disk" "$(encryption_which_open)" "root member old"
	encryption_show --all
	encryption_second=$(encryption_key "$encryption_root" key)
	check "the archive has both generations" grep -q "$encryption_first" "$encryption_work/shown"
	encryption_show
}

# Somebody removes a keyslot behind the agent's back.
encryption_drift() {
	check_disk "a keyslot is removed by hand" "cryptsetup luksKillSlot --batch-mode /dev/vda $(encryption_made root slot)"
	check "the phone notices by itself" vm_host_until 60 encryption_says escrow noncompliant escrow_broken
	check "and tells the server" vm_host_until 60 encryption_server_has_drift
	check "agentctl escrow verify says so to a script" encryption_verify_fails
	check "a new key is made" encryption_make_keys "$encryption_pass"
	check "and all is well when the server has it" vm_host_until 90 encryption_told
	check "the administrator reads it" encryption_show
	is "each opens its own disk" "$(encryption_which_open)" "root member old"
	check "neither the passphrase nor any key so far is anywhere on the phone" encryption_secrets_absent \
		"$encryption_pass" "$encryption_first" "$encryption_second" "$(encryption_key "$encryption_root" key)"
}

encryption_server_has_drift() {
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	fleet_get "$encryption_id" sections.compliance.body.settings | fleet_pick '[setting=escrow].reason' |
		grep -q escrow_broken
}

encryption_verify_fails() {
	vm_run -t 120 'agentctl escrow verify'
	[ $? -eq 8 ]
}

encryption_empty() {
	check "encrypted is not protected: the disk that opens with nothing is found" \
		vm_host_until 240 encryption_says forbid_empty_passphrase noncompliant empty_passphrase
	encryption_setting forbid_empty_passphrase detail >"$encryption_work/detail"
	check "... and named" grep -q vda "$encryption_work/detail"
}

encryption_crypto_lock() {
	# What is left is what the phone starts from.
	check_disk "the other disks are put away" '
		umount /home /opt && dmsetup remove phone-data && cryptsetup close member && cryptsetup close old'
	encryption_recovery_key=$(encryption_key "$encryption_root" key)
	encryption_order crypto-lock
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	check "crypto-lock: done, says the phone" vm_host_until 90 encryption_order_is "done" ""
	encryption_lock_id=$(encryption_ordered id)
	is "one keyslot is left" "$(encryption_slots /dev/vda)" "$(encryption_key "$encryption_root" slot)"
	check "it restarts by itself" vm_wait_off 120
	is "the server has heard of it before" "$(fleet_mdmctl command list --device "$encryption_id" --json |
		fleet_pick "commands[id=$encryption_lock_id].state")" "done"
	check "it is switched on, and the owner's passphrase is entered" vm_again
	check "it does not open the phone: no key available with this passphrase" \
		vm_console 'the root cannot be opened, cryptsetup status 2' 60
	check "... which stays off" vm_wait_off 60
}

encryption_recovery() {
	check "with the key that the organisation has it starts" vm_again "passphrase=$encryption_recovery_key"
	check "... to the end" vm_wait_boot
	check "it is still the same phone of the same organisation" phone_says device "$encryption_id"
	vm_run 'mkdir -p /boot && mount /dev/vdb /boot'
	# As it is read out: in groups, with dashes.
	encryption_read_out=$(echo "$encryption_recovery_key" | sed 's/....../&-/g; s/-$//')
	check "by that key, as it was read out, the owner gets a passphrase again" vm_run -t 300 \
		"printf '%s\n' '$encryption_read_out' '$encryption_new_pass' | agentctl passphrase"
	check_disk "it opens the disk" "opens /dev/vda '$encryption_new_pass'"
	check "the key that was read out ends when the server has the next one" vm_host_until 120 encryption_key_ended
	check "the administrator reads that" encryption_show
	encryption_next_key=$(encryption_key "$encryption_root" key)
	check_disk "it opens the disk, the one before does not" \
		"opens /dev/vda '$encryption_next_key' && ! opens /dev/vda '$encryption_recovery_key'"
	check "neither passphrases nor keys are anywhere on the running phone" encryption_secrets_absent \
		"$encryption_pass" "$encryption_new_pass" "$encryption_recovery_key" "$encryption_read_out" "$encryption_next_key"
}

encryption_key_ended() {
	encryption_told && [ "$(encryption_slots /dev/vda | wc -w)" = 2 ]
}
