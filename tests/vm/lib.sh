# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2034 # hardware.sh is beside this, and reads hw_…
# The language of the suites in tests/vm/suites; README.md explains it with examples. vm.sh sets VM_SHAPE,
# VM_WORK, VM_TREE, VM_HOST, VM_IMAGE, VM_OWNER and sources this and then the suite. A guest is a directory
# below VM_WORK with its disk, sockets and console; VM is the one that is spoken to.

VM=
VM_TESTS=0
VM_BEGAN=$(date +%s)
VM_DIR=$VM_SOURCE/tests/vm
. "$VM_DIR/hardware.sh"
# Everything below is emulated on a machine that may be busy: a deadline is for what hangs, not for what is slow.
: "${VM_PATIENCE:=1}"

# Without the site's packages: nothing of them is used, and this is started at each word.
vm_guest() {
	vm_action=$1
	shift
	/usr/bin/python3 -S -E "$VM_DIR/guest.py" "$vm_action" "$VM_WORK/$VM" "$@"
}

vm_seconds() {
	echo $(($1 * VM_PATIENCE))
}

# What happened, and the end of the guest's console, as comments of TAP on standard error; status 1.
vm_complain() {
	{
		echo "$*"
		[ -z "$VM" ] || {
			echo "the end of the console of $VM:"
			tail -n 30 "$VM_WORK/$VM/console.log" 2>/dev/null | tr -d '\r'
			cat "$VM_WORK/$VM/qemu.log" 2>/dev/null
		}
	} | sed 's/^/# /' >&2
	return 1
}

vm_alive() {
	[ -e "$VM_WORK/$VM/pid" ] && kill -0 "$(cat "$VM_WORK/$VM/pid")" 2>/dev/null
}

# --- power

# vm_start NAME [clock=EPOCH|now] [network=yes|no] [disk=FILE] [memory=MiB] [share=DIR] [passphrase=…] [cpus=N]
#	[init=PROGRAM] [extra="QEMU arguments"] [early=DIRECTORY] [saved=yes] [start=cold|booted].
#	init=/usr/lib/mdm-vm/bare is up soon and starts no service. Files of extra= are those of the guest's directory.
#	early= lies over the initramfs. saved=yes: the first guest of such hardware starts its kernel, and is saved for all.
vm_start() {
	VM=$1
	shift
	mkdir -p "$VM_WORK/$VM" || return
	: >"$VM_WORK/$VM/settings"
	vm_again "$@"
}

# The settings that a guest was started with, later ones over earlier ones.
vm_setting() {
	sed -n "s/^$1=//p" "$VM_WORK/$VM/settings" | tail -n 1
}

# vm_again [key=value…]: switches a guest that is off on again, with its disk.
vm_again() {
	vm_alive && {
		vm_complain "$VM is switched on already"
		return
	}
	for vm_word in "$@"; do
		case $vm_word in
		clock=* | network=* | disk=* | memory=* | share=* | passphrase=* | cpus=* | init=* | extra=* | early=* | \
			saved=* | start=*)
			printf '%s\n' "$vm_word" >>"$VM_WORK/$VM/settings"
			;;
		*)
			vm_complain "vm_start: '$vm_word' is none of its settings"
			return
			;;
		esac
	done
	vm_power_on
}

vm_power_on() {
	vm_home=$VM_WORK/$VM
	vm_disk=$(vm_setting disk)
	vm_disk=${vm_disk:-$vm_home/disk.qcow2}
	vm_state=
	case $(vm_setting start) in
	booted)
		# Once: what follows is a start of its own.
		echo start= >>"$vm_home/settings"
		vm_state=$("$VM_DIR/image.sh" --booted "$VM_IMAGE") && cp "$vm_state/disk" "$vm_disk" || return
		vm_state=$vm_state/state
		;;
	esac
	[ -e "$vm_disk" ] ||
		qemu-img create -q -f qcow2 -F raw -b "$VM_IMAGE/disk" "$vm_disk" || return
	[ ! -e "$vm_home/console.log" ] || mv "$vm_home/console.log" "$vm_home/console.last"
	rm -f "$vm_home/pid" "$vm_home"/*.sock
	vm_clock=$(vm_setting clock)
	vm_clock=${vm_clock:-now}
	vm_phrase=$(vm_setting passphrase)
	vm_init=$(vm_setting init)
	vm_share=$(vm_setting share)
	hw_boot=$VM_IMAGE hw_disk=$vm_disk hw_serial=$VM
	vm_boot_with "$(vm_setting early)" || return
	hw_memory=$(vm_setting memory)
	hw_cpus=$(vm_setting cpus)
	hw_extra="${vm_share:+-virtfs local,path=$vm_share,mount_tag=share,security_model=none} $(vm_setting extra)"
	case $vm_clock in
	now) hw_rtc=utc ;;
	*) hw_rtc=$(date -u -d "@$vm_clock" +%Y-%m-%dT%H:%M:%S) ;;
	esac
	if [ "$(vm_setting saved)" = yes ]; then
		vm_save || return
		hw_extra="-incoming defer $hw_extra"
	elif vm_as_saved; then
		vm_state=${vm_state:-$VM_IMAGE/state}
		hw_extra="-incoming defer"
	elif [ -n "$vm_state" ]; then
		vm_complain "$VM: start=booted is of the hardware that was saved"
		return
	fi
	hardware /usr/bin/python3 -S -E "$VM_DIR/guest.py" keep "$vm_home" "$VM_OWNER" $$ -- \
		</dev/null >"$vm_home/keep.log" 2>&1 &
	case $(vm_setting network) in
	no) vm_link=off ;;
	*) vm_link=on ;;
	esac
	vm_guest on "$(vm_seconds 300)" "$vm_state" "$vm_clock" "${vm_init:-/sbin/init}" "${vm_phrase:-$(cat "$VM_DIR/passphrase")}" \
		"$vm_link" "$VM" || vm_complain "$VM could not be switched on"
}

# What packages put into an initramfs, over that of the image, as a second archive.
vm_boot_with() { # DIRECTORY
	[ -n "$1" ] || return 0
	hw_boot=$VM_WORK/boot-$(printf '%s' "$1" | cksum | tr ' ' -)
	[ ! -e "$hw_boot/kernel" ] || return 0
	mkdir -p "$hw_boot" && cp "$VM_IMAGE/initramfs" "$hw_boot/initramfs" &&
		(cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) >>"$hw_boot/initramfs" &&
		ln -s "$VM_IMAGE/kernel" "$hw_boot/kernel"
}

# A machine of this hardware at its start_line, which has looked at none of its disks: sets vm_state.
vm_save() {
	vm_saved=$VM_WORK/saved-$(printf '%s' "$hw_boot $hw_memory $hw_cpus $hw_extra" | cksum | tr ' ' -)
	vm_state=$vm_saved/state
	[ ! -e "$vm_state.serials" ] || return 0
	mkdir -p "$vm_saved" || return
	hw_serial=$HW_PLACEHOLDER
	hardware /usr/bin/python3 -S -E "$VM_DIR/guest.py" keep "$vm_home" "$VM_OWNER" $$ -- \
		</dev/null >"$vm_home/keep.log" 2>&1 &
	vm_keeper=$!
	vm_guest save "$HW_PLACEHOLDER" || {
		vm_complain "$VM: a machine of its hardware could not be saved"
		kill "$vm_keeper"
		return 1
	}
	wait "$vm_keeper"
	rm -f "$vm_home/pid" "$vm_home"/*.sock
	hw_serial=$VM
	mv "$vm_home/state" "$vm_saved" && mv "$vm_home/state.serials" "$vm_saved"
}

# A machine like the one of the image goes on from there; any other starts its kernel.
vm_as_saved() {
	[ "$(vm_setting start)" != cold ] && [ -z "$(vm_setting early)" ] && [ "${hw_memory:-$HW_MEMORY}" = "$HW_MEMORY" ] &&
		[ "${hw_cpus:-$HW_CPUS}" = "$HW_CPUS" ] && [ "$hw_extra" = " " ] && [ "${#VM}" -le "${#HW_PLACEHOLDER}" ]
}

# vm_wait_channel [SECONDS]: until scripts can be run; long before login is possible.
vm_wait_channel() {
	vm_guest run "$(vm_seconds "${1:-400}")" true || vm_complain "$VM: no control channel"
}

# vm_wait_boot [SECONDS]: until the init system has reached its goal.
vm_wait_boot() {
	vm_guest run "$(vm_seconds "${1:-600}")" \
		'until [ -e /run/mdm-vm/booted ]; do sleep 0.2; done' ||
		vm_complain "$VM has not reached the end of its start"
}

# vm_wait_off [SECONDS]: until the guest has switched itself off, or begins a reboot (which ends QEMU, too).
vm_wait_off() {
	vm_end=$(($(date +%s) + $(vm_seconds "${1:-300}")))
	while vm_alive; do
		[ "$(date +%s)" -lt "$vm_end" ] || {
			vm_complain "$VM did not switch itself off"
			return
		}
		sleep 0.2
	done
}

vm_poweroff() {
	vm_run '(sleep 0.3; poweroff) >/dev/null 2>&1 &' && vm_wait_off
}

# vm_reboot [key=value…]: in order, and up again as far as QEMU goes.
vm_reboot() {
	vm_run '(sleep 0.3; reboot) >/dev/null 2>&1 &' && vm_wait_off && vm_again "$@"
}

# The power is gone. What the guest has flushed is on the disk; what it has not may be.
vm_cut() {
	vm_alive || {
		vm_complain "$VM has no power that could be cut"
		return
	}
	kill -KILL "$(cat "$VM_WORK/$VM/pid")"
	vm_wait_off 30
}

vm_use() {
	[ -d "$VM_WORK/$1" ] || {
		vm_complain "there is no guest $1"
		return
	}
	VM=$1
}

# --- in the guest

# vm_run [-t SECONDS] SCRIPT: as root; prints what it prints. 124: out of time, 125: no answer.
vm_run() {
	vm_time=60
	[ "$1" != -t ] || {
		vm_time=$2
		shift 2
	}
	vm_guest run "$(vm_seconds "$vm_time")" "$1"
	vm_status=$?
	[ "$vm_status" -ne 125 ] || vm_complain "$VM did not answer" || :
	return "$vm_status"
}

# vm_until SECONDS SCRIPT: until it ends with 0; otherwise prints what it said last.
vm_until() {
	vm_end=$(($(date +%s) + $(vm_seconds "$1")))
	while :; do
		vm_said=$(vm_run -t "$1" "$2" 2>&1) && {
			printf '%s' "${vm_said:+$vm_said
}"
			return 0
		}
		[ "$(date +%s)" -lt "$vm_end" ] || break
		sleep 0.5
	done
	printf '%s\n' "$vm_said" | sed 's/^/# /' >&2
	vm_complain "$VM: not within $1 s: $2"
}

# vm_put FILE PATH, vm_get PATH FILE: at most 64 MiB; modes are the guest's umask.
vm_put() {
	vm_guest run "$(vm_seconds 120)" "cat >'$2'" "$1" || vm_complain "$1 did not get to $2 of $VM"
}

vm_get() {
	vm_guest get "$(vm_seconds 120)" "cat '$1'" >"$2" || vm_complain "$1 of $VM did not get to $2"
}

# vm_console PATTERN SECONDS: waits for a line of the serial console (grep -E) since the power came.
vm_console() {
	vm_host_until "$2" grep -aqE -e "$1" "$VM_WORK/$VM/console.log" ||
		vm_complain "$VM: nothing on the console like $1"
}

# vm_type TEXT: at the serial console; \n at its end has to be there.
vm_type() {
	vm_guest type "$1"
}

# --- around the guest

vm_host_until() {
	vm_end=$(($(date +%s) + $(vm_seconds "$1")))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$vm_end" ] || {
			echo "# not in time: $*" >&2
			return 1
		}
		sleep 0.2
	done
}

# vm_qmp COMMAND: of QEMU's monitor for people; prints the answer.
vm_qmp() {
	vm_guest hmp "$1"
}

# vm_plug NAME DEVICE[,PROPERTY…], vm_unplug NAME
vm_plug() {
	vm_qmp "device_add $2,id=$1" || vm_complain "$1 could not be plugged in"
}

vm_unplug() {
	vm_qmp "device_del $1" || vm_complain "$1 could not be unplugged"
}

# vm_stick NAME SERIAL: a memory stick with a partition's worth of nothing; vm_unplug takes it out.
vm_stick() {
	truncate -s 16M "$VM_WORK/$VM/$1.img" &&
		vm_qmp "drive_add 0 if=none,id=$1-drive,format=raw,file=$VM_WORK/$VM/$1.img" >/dev/null &&
		vm_plug "$1" "usb-storage,bus=usb.0,drive=$1-drive,serial=$2"
}

vm_network() {
	vm_qmp "set_link net0 $1" || vm_complain "the network could not be switched $1"
}

# vm_clock EPOCH: now, in the running guest.
vm_clock() {
	vm_run "date -s @$1 >/dev/null"
}

# --- tests

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# vm_result STATUS NAME [OUTPUT-FILE]; with the seconds since the suite began
vm_result() {
	VM_TESTS=$((VM_TESTS + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $VM_TESTS - $2 ($(($(date +%s) - VM_BEGAN)) s)"
		return 0
	fi
	echo "not ok $VM_TESTS - $2"
	echo "# status $1"
	[ -z "${3:-}" ] || tail -n 60 "$3" | sed 's/^# //; s/^/# /'
	return 0
}

# check NAME COMMAND…
check() {
	vm_name=$1
	shift
	"$@" >"$VM_WORK/check.log" 2>&1
	vm_result $? "$vm_name" "$VM_WORK/check.log"
}

# check_run NAME SCRIPT: in the guest
check_run() {
	vm_run "$2" >"$VM_WORK/check.log" 2>&1
	vm_result $? "$1" "$VM_WORK/check.log"
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		vm_result 0 "$1"
	else
		printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$VM_WORK/check.log"
		vm_result 1 "$1" "$VM_WORK/check.log"
	fi
}

skip() {
	VM_TESTS=$((VM_TESTS + 1))
	echo "ok $VM_TESTS - $1 # SKIP $2"
}
