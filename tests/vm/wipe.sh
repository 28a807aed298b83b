# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of encryption.sh
# The chapters of the encryption suite about wipes. Sourced after encryption.sh.

wipe_work=$VM_WORK/wipe
wipe_cuts_wanted=${VM_CUTS:-20}
# The name of a guest is its serial number.
wipe_phone=vm-wipe-2605

# The beginning of a disk that is off, as it is: where headers and keyslots are.
wipe_head() { # DISK FILE
	case $1 in
	*.qcow2) qemu-img dd -f qcow2 -O raw bs=1M count=16 "if=$1" "of=$2" ;;
	*) head -c 16M "$1" >"$2" ;;
	esac
}

# Of headers and keyslots that were, nothing is left; no secret opens what is there.
wipe_is_gone() { # BEFORE AFTER SECRET…
	wipe_before=$1 wipe_after=$2
	shift 2
	wipe_left=$(/usr/bin/python3 "$VM_DIR/disk.py" left "$wipe_before" "$wipe_after")
	[ "$wipe_left" = 0 ] || {
		echo "$wipe_after: sectors that are still there: $wipe_left"
		return 1
	}
	for wipe_secret in "$@"; do
		! wipe_opens "$wipe_after" "$wipe_secret" || {
			echo "$wipe_after: a former secret opens it"
			return 1
		}
	done
}

wipe_opens() { # FILE SECRET
	printf %s "$2" | cryptsetup open --test-passphrase --disable-locks --key-file - "$1" 2>/dev/null
}

# What early boot reads. Nothing, where there is no such file.
wipe_boot_file() { # NAME
	debugfs -R "cat /$1" "$VM_WORK/$VM/boot.img" 2>/dev/null
}

wipe_has_plan() {
	wipe_boot_file mdm-agent-wipe.plan | grep -q .
}

# --- cuts: no agent, and no init system. Plan and program are those that the agent uses.

wipe_plan() { # FINISH
	cat <<-PLAN
		mdm-agent-wipe 1
		id vm-wipe
		finish $1
		device luks $(vm_run 'cat /sys/block/vda/dev') /dev/vda uuid=$wipe_uuid_root
		device luks $(vm_run 'cat /sys/block/vdc/dev') /dev/vdc uuid=$wipe_uuid_member
		device luks $(vm_run 'cat /sys/block/vde/dev') /dev/vde uuid=$wipe_uuid_old
		end
	PLAN
}

# The same disks, as they were, each time.
wipe_renew() {
	rm -f "$VM_WORK/$wipe_phone/disk.qcow2"
	for wipe_disk in boot member plain old; do
		cp --sparse=always "$wipe_work/$wipe_disk.img" "$VM_WORK/$wipe_phone/$wipe_disk.img" || return
	done
	vm_start "$wipe_phone" saved=yes init=/usr/lib/mdm-vm/bare "extra=$encryption_disks" "early=$encryption_early"
}

# "started" is said when the plan is stored and before anything is written.
wipe_begin() {
	[ -n "${wipe_text:-}" ] || wipe_text=$(wipe_plan poweroff)
	vm_run -t 300 "mkdir -p /boot && mount /dev/vdb /boot && mkdir -p -m 0700 /var/lib/mdm-agent || exit
		echo '$wipe_text' >/run/plan
		/usr/libexec/mdm-agent/mdm-agent-wipe --detach --progress-fd 3 /run/plan 3>/dev/console >/dev/console 2>&1" ||
		return
	wipe_patience=0
	until grep -aq ' started vm-wipe' "$VM_WORK/$VM/console.log"; do
		sleep 0.02
		[ $((wipe_patience += 1)) -lt 3000 ] || return 1
	done
}

wipe_prepare() {
	mkdir -p "$wipe_work" || return
	encryption_make_disks "$wipe_phone" || return
	for wipe_disk in boot member plain old; do
		cp --sparse=always "$VM_WORK/$wipe_phone/$wipe_disk.img" "$wipe_work" || return
	done
	# The one that the hook was told of.
	tune2fs -U "$(blkid -p -o value -s UUID "$VM_WORK/$encryption_phone/boot.img")" "$wipe_work/boot.img" >/dev/null || return
	wipe_uuid_root=$(cryptsetup luksUUID --disable-locks "$VM_IMAGE/disk")
	wipe_uuid_member=$(cryptsetup luksUUID --disable-locks "$wipe_work/member.img")
	wipe_uuid_old=$(cryptsetup luksUUID --disable-locks "$wipe_work/old.img")
	wipe_head "$VM_IMAGE/disk" "$wipe_work/root.before"
	wipe_head "$wipe_work/member.img" "$wipe_work/member.before"
	head -c 2M "$wipe_work/old.img" >"$wipe_work/old.before"
}

# All three disks of a guest that is off.
wipe_all_gone() {
	wipe_home=$VM_WORK/$wipe_phone
	wipe_head "$wipe_home/disk.qcow2" "$wipe_work/root.after"
	wipe_is_gone "$wipe_work/root.before" "$wipe_work/root.after" "$encryption_pass" &&
		wipe_is_gone "$wipe_work/member.before" "$wipe_home/member.img" "$encryption_pass" &&
		wipe_is_gone "$wipe_work/old.before" "$wipe_home/old.img" "$encryption_pass" || return
	! wipe_has_plan || {
		echo "the plan is still there"
		return 1
	}
}

# What the power cut left, in a word, of the root.
wipe_state() {
	wipe_head "$VM_WORK/$wipe_phone/disk.qcow2" "$wipe_work/root.cut"
	if wipe_opens "$wipe_work/root.cut" "$encryption_pass"; then
		echo whole
	elif wipe_is_gone "$wipe_work/root.before" "$wipe_work/root.cut" >/dev/null; then
		wipe_has_plan && echo gone || echo ended
	else
		echo partly
	fi
}

wipe_one() { # MILLISECONDS
	wipe_renew && wipe_begin || return
	sleep "$(($1 / 1000)).$(printf '%03d' "$(($1 % 1000))")"
	! vm_alive || vm_cut
	wipe_found=$(wipe_state)
	echo "$1 ms: $wipe_found" >>"$wipe_work/found"
	vm_again && vm_wait_off 120 || return
	if [ "$wipe_found" != ended ]; then
		grep -aq 'a wipe was cut off; it goes on' "$VM_WORK/$VM/console.log" || {
			echo "early boot did not go on"
			return 1
		}
	fi
	wipe_all_gone
}

wipe_series() {
	: >"$wipe_work/found"
	for wipe_moment in $(awk -v seed="$wipe_seed" -v n="$wipe_cuts_wanted" -v span="$wipe_span" \
		'BEGIN { srand(seed); for (i = 0; i < n; i++) print int(rand() * span) }'); do
		wipe_one "$wipe_moment" || {
			echo "after a cut $wipe_moment ms after the start"
			tail -n 20 "$VM_WORK/$VM/console.log"
			wipe_boot_file mdm-agent-wipe.progress
			return 1
		}
	done
}

wipe_cuts() {
	wipe_seed=${VM_SEED:-$(date +%s)}
	check "a phone for wipes, without an agent" wipe_prepare
	check "it starts" wipe_renew
	check "its wipe begins" wipe_begin
	check "and ends with the power" vm_wait_off 120
	check "nothing is left" wipe_all_gone
	wipe_boot_file mdm-agent-wipe.progress >"$wipe_work/progress"
	# shellcheck disable=SC2046 # numbers on purpose
	set -- $(/usr/bin/python3 "$VM_DIR/disk.py" times "$wipe_work/progress")
	diag "of three containers: keys gone after ${1:-?} ms, the end after ${2:-?} ms"
	wipe_span=${2:-3000}
	check "$wipe_cuts_wanted power cuts within $wipe_span ms: early boot ends each of the wipes" wipe_series
	diag "seed $wipe_seed; what the cuts left of the root: $(sed 's/.*: //' "$wipe_work/found" | sort | uniq -c |
		tr -s ' \n' ' ')"
}

# --- the whole story

wipe_whole() {
	:
}
