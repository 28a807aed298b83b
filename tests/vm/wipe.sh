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
	wipe_moments=$(awk -v seed="$wipe_seed" -v n="$wipe_cuts_wanted" -v span="$wipe_span" \
		'BEGIN { srand(seed); for (i = 0; i < n; i++) print int(rand() * span) }')
	for wipe_moment in $wipe_moments; do
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
	# Beyond the end, too: the host may be slower than the guest's clock says.
	wipe_span=$((${2:-2000} * 3 / 2))
	check "$wipe_cuts_wanted power cuts within $wipe_span ms: early boot ends each of the wipes" wipe_series
	diag "seed $wipe_seed; what the cuts left of the root: $(sed 's/.*: //' "$wipe_work/found" | sort | uniq -c |
		tr -s ' \n' ' ')"
}

# --- the whole story, by the command

# Writes to the console: when the ledger of commands first changed, which is the receipt of the order; what a login gets while
# the wipe is under way; whose control group that is in. Until there is no power.
wipe_watcher='
ledger=/var/lib/mdm-agent/commands
before=$(stat -c %.9Y $ledger)
until now=$(stat -c %.9Y $ledger 2>/dev/null) && [ "$now" != "$before" ]; do sleep 0.05; done
read -r up rest </proc/uptime
echo "vm: ordered at $up"
until [ -e /etc/nologin ]; do sleep 0.05; done
read -r up rest </proc/uptime
echo "vm: no way back at $up"
(echo "'$encryption_pass'" | pamtester login phone authenticate acct_mgmt; echo "vm: login gave $?") &
until grep -q " started " /boot/mdm-agent-wipe.progress 2>/dev/null; do sleep 0.1; done
echo "vm: wipe in $(cat /proc/$(pgrep -o -f "^@?(/usr/libexec/mdm-agent/)?mdm-agent-wipe")/cgroup)"
'

wipe_at_ms() { # WORDS: when the watcher said them
	sed -n "s/.*vm: $1 at \\([0-9]*\\)\\.\\([0-9][0-9]\\).*/\\1\\20/p" "$VM_WORK/$VM/console.log"
}

# What the phone has of a key is put beside the disks: a data volume over two disks, full, of which one is plain.
wipe_fill='
open_disks && m=$(blockdev --getsz /dev/mapper/member) && p=$(blockdev --getsz /dev/vdd) &&
printf "0 %d linear /dev/mapper/member 0\n%d %d linear /dev/vdd 0\n" "$m" "$m" "$p" |
	dmsetup create --noudevsync --uuid LVM-phone-data phone-data && dmsetup mknodes &&
mount /dev/mapper/phone-data /home && { cat /dev/urandom >/home/letters 2>/dev/null || sync; }
[ "$(stat -c %s /home/letters)" -gt 40000000 ]'

wipe_whole() {
	mkdir -p "$wipe_work"
	# Zero touch made it so; a phone that is somebody's own refuses (tests/system/wipe_command.py).
	is "it is the organisation's phone" "$(phone_status ownership)" company
	check_disk "the other disks are in use again, and full" "$wipe_fill"
	check_disk "the owner logs in" 'echo "$pass" | pamtester login phone authenticate acct_mgmt'
	vm_guest get "$(vm_seconds 240)" 'dd if=/dev/vda bs=1M count=16 iflag=direct 2>/dev/null' >"$wipe_work/root.before"
	head -c 16M "$VM_WORK/$VM/member.img" >"$wipe_work/member.before"
	head -c 2M "$VM_WORK/$VM/old.img" >"$wipe_work/old.before"
	cp --sparse=always "$VM_WORK/$VM/plain.img" "$wipe_work/plain.before"
	check "a copy of its headers opens, with the passphrase or the organisation's key" wipe_before_opens
	printf %s "$wipe_watcher" >"$wipe_work/watcher"
	vm_put "$wipe_work/watcher" /run/watcher
	encryption_order wipe scope=device finish=poweroff
	vm_run 'setsid sh /run/watcher >/dev/console 2>&1 </dev/null &'
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	check "wiped by an order that two have signed, it switches itself off" vm_wait_off 180
	check "a login in between is refused, for what it is" wipe_login_refused
	check "the wipe was not in the agent's control group" wipe_own_group
	wipe_boot_file mdm-agent-wipe.progress >"$wipe_work/progress"
	wipe_told
	check "of headers and keyslots nothing is left on any disk, and no secret opens one" wipe_whole_gone
	check "of the plain disk nothing is left, either" wipe_is_gone "$wipe_work/plain.before" "$VM_WORK/$VM/plain.img"
	diag "of the root $(/usr/bin/python3 "$VM_DIR/disk.py" used "$wipe_work/root.after" 16777216) sectors behind the \
keyslots are not empty, before: $(/usr/bin/python3 "$VM_DIR/disk.py" used "$VM_IMAGE/disk" 16777216)"
	check "it is switched on, with the owner's passphrase" vm_again "passphrase=$encryption_new_pass"
	check "there is nothing to open" vm_console 'the root cannot be opened, cryptsetup status 1' 60
	check "... and off it goes" vm_wait_off 60
	check "with the organisation's key" vm_again "passphrase=$encryption_next_key"
	check "it is the same" vm_console 'the root cannot be opened, cryptsetup status 1' 60
	check "... down to the end" vm_wait_off 60
}

wipe_before_opens() {
	wipe_opens "$wipe_work/root.before" "$encryption_next_key" && wipe_opens "$wipe_work/root.before" "$encryption_new_pass" &&
		wipe_opens "$wipe_work/member.before" "$encryption_pass" && wipe_opens "$wipe_work/old.before" "$encryption_pass"
}

wipe_login_refused() {
	grep -a 'being erased' "$VM_WORK/$VM/console.log" && ! grep -a 'login gave 0' "$VM_WORK/$VM/console.log"
}

wipe_own_group() {
	grep -a 'vm: wipe in' "$VM_WORK/$VM/console.log" && ! grep -a 'vm: wipe in.*mdm-agentd' "$VM_WORK/$VM/console.log"
}

wipe_whole_gone() {
	qemu-img convert -f qcow2 -O raw "$VM_WORK/$VM/disk.qcow2" "$wipe_work/root.after" &&
		wipe_is_gone "$wipe_work/root.before" "$wipe_work/root.after" "$encryption_pass" "$encryption_new_pass" \
			"$encryption_recovery_key" "$encryption_next_key" &&
		wipe_is_gone "$wipe_work/member.before" "$VM_WORK/$VM/member.img" "$encryption_pass" &&
		wipe_is_gone "$wipe_work/old.before" "$VM_WORK/$VM/old.img" "$encryption_pass" && ! wipe_has_plan
}

wipe_heard() {
	case "$(fleet_pick state <"$wipe_work/row") $(fleet_pick reason <"$wipe_work/row")" in
	"delivered null" | "accepted null" | "running null" | "running point_of_no_return" | "done null") return 0 ;;
	esac
	cat "$wipe_work/rows"
	return 1
}

# What the server heard, and how long it took by the phone's own clock.
wipe_told() {
	# Each of its last words has three seconds, which are short where TLS is emulated on a busy machine.
	fleet_mdmctl command list --device "$encryption_id" --json >"$wipe_work/rows" 2>&1
	fleet_pick 'commands[verb=wipe]' <"$wipe_work/rows" >"$wipe_work/row"
	check "the server has what the phone said of it, and nothing else" wipe_heard
	diag "$(fleet_pick state <"$wipe_work/row"): $(fleet_pick detail <"$wipe_work/row")"
	# shellcheck disable=SC2046 # numbers on purpose
	set -- $(/usr/bin/python3 "$VM_DIR/disk.py" times "$wipe_work/progress") 0 0 0
	wipe_receipt=$(wipe_at_ms ordered) wipe_no_way_back=$(wipe_at_ms 'no way back')
	diag "from the receipt of the order: logins refused after $((${wipe_no_way_back:-0} - ${wipe_receipt:-0})) ms, begun after \
$(($3 - ${wipe_receipt:-0})) ms, keys gone after $(($3 + $1 - ${wipe_receipt:-0})) ms, power off after \
$(($3 + $2 - ${wipe_receipt:-0})) ms"
}
