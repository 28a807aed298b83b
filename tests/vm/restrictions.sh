# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The chapters of restrictions.sh, each a function; on one phone, after restrict_first_start in any order, restart last.
# Sourced after story.sh, and by places.sh. Drivers are the kernel's own (vivid, snd-dummy, mac80211_hwsim, hci_vhci,
# nfcsim, dummy_hcd), rules and logins those of Debian's udev and logind; sticks are QEMU's.

# The name of a guest is its serial number.
restrict_phone=vm-phone-2605
restrict_work=$VM_WORK/restrict
# vivid: a camera, and an output that is none. The order makes names that stay.
restrict_drivers='
modprobe vivid n_devs=1 node_types=0x101
modprobe snd_dummy enable=1
modprobe mac80211_hwsim radios=1
modprobe hci_vhci
modprobe nfcsim
modprobe dummy_hcd
modprobe usb_storage
modprobe sd_mod
'
restrict_words='
camera() { grep -l -e -vid-cap /sys/class/video4linux/video*/name | head -n 1 | cut -d/ -f5; }
screen() { grep -l -e -vid-out /sys/class/video4linux/video*/name | head -n 1 | cut -d/ -f5; }
again() { # SECONDS COMMAND… by the clock: emulated, a look may take seconds
	until_at=$(($(seconds) + $1))
	shift
	until "$@"; do
		[ "$(seconds)" -lt "$until_at" ] || { echo "not in time: $*"; look; return 1; }
		sleep 0.25
	done
}
seconds() { read -r up _ </proc/uptime; echo "${up%.*}"; }
refused() { ! "$@" 2>/dev/null; }
as_user() { setpriv --reuid=10000 --regid=10000 --init-groups --inh-caps=-all env -i HOME=/home/phone PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
opens() { as_user sh -c "exec 3<\"/dev/$1\"" 2>/dev/null; }
mode() { stat -c "%a %U:%G" "/dev/$1"; }
shut() { [ "$(mode "$1")" = "0 root:root" ] && ! getfacl -cp "/dev/$1" | grep -q "^user:[^:]"; }
acl() { getfacl -cp "/dev/$1" | grep -q "^user:phone:rw-"; }
tagged() { udevadm info -q property -n "/dev/$1" | grep -q "^CURRENT_TAGS=.*:uaccess:"; }
state_of() { # SETTING STATE
	agentctl compliance --json | tr "{" "\n" | grep "\"setting\":\"$1\"" | grep -q "\"state\":\"$2\""
}
# By whoever is at the screen; where no rule of udev lets him (elogind of Debian), by root.
turn() { as_user rfkill "$@" 2>/dev/null || rfkill "$@"; }
radio() { # TYPE: of each of them whether it is blocked by software
	for r in /sys/class/rfkill/rfkill*; do [ "$(cat "$r/type")" != "$1" ] || cat "$r/soft"; done
}
blocked() { radio "$1" | grep -q 1 && ! radio "$1" | grep -q 0; }
free() { radio "$1" | grep -q 0 && ! radio "$1" | grep -q 1; }
disk() { for d in /sys/block/sd*; do [ ! -e "$d" ] || readlink -f "$d" | grep -v dummy_hcd | sed "s,.*/,,"; done | head -n 1; }
has_disk() { [ -n "$(disk)" ] && [ -b "/dev/$(disk)" ]; }
no_disk() { ! has_disk; }
stick() { # what the kernel says of the stick, whether it is taken
	for d in /sys/bus/usb/devices/*/serial; do grep -qs "^MDM" "$d" && cat "${d%/serial}/authorized"; done
}
stick_is() { [ "$(stick | tr -d "\n")" = "$1" ]; }
gadget=/sys/kernel/config/usb_gadget/g1
bound() { [ -n "$(cat $gadget/UDC)" ]; }
unbound() { [ -z "$(cat $gadget/UDC)" ]; }
listens() { ss -Hltn "sport = :22" | grep -q .; }
silent() { ! listens; }
ssh_service() { # start|stop|status
	if [ -d /run/systemd/system ]; then
		case $1 in status) systemctl is-active ssh ;; *) systemctl "$1" ssh ;; esac
	else
		rc-service sshd "$1"
	fi
}
session() { loginctl list-sessions --no-legend | grep -w phone | awk "{print \$1}" | head -n 1; }
locked_hint() { # true|false: as the locker of a desktop says it
	dbus-send --system --print-reply --dest=org.freedesktop.login1 \
		"$(dbus-send --system --print-reply=literal --dest=org.freedesktop.login1 /org/freedesktop/login1 \
			org.freedesktop.login1.Manager.GetSession "string:$(session)" | tr -d " ")" \
		org.freedesktop.login1.Session.SetLockedHint "boolean:$1" >/dev/null
}
uptime_ms() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}0"; }
# All that restrictions may change, for comparing.
picture() {
	for n in /dev/video* /dev/snd/* /dev/rfkill; do
		[ ! -c "$n" ] || { stat -c "%n %a %u:%g" "$n"; getfacl -cp "$n" 2>/dev/null | tr "\n" " "; echo
			udevadm info -q property -n "$n" | grep -E "TAGS=" | tr ":" "\n" | sort | tr "\n" " "; echo; }
	done
	for r in /sys/class/rfkill/rfkill*; do echo "$(cat "$r/type") $(cat "$r/soft") $(cat "$r/hard")"; done | sort
	grep . /sys/module/usbcore/parameters/authorized_default
	# A stick may be in another port.
	for d in /sys/bus/usb/devices/usb* /sys/bus/usb/devices/*-*; do
		name=${d##*/}
		! grep -qs "^MDM" "${d%:*}/serial" || name=stick${name#"${name%:*}"}
		[ ! -e "$d/authorized" ] || echo "$name $(cat "$d/authorized") $(cat "$d/authorized_default" 2>/dev/null)"
	done | sort
	echo "gadget $(cat $gadget/UDC)"
	echo "ssh $(ssh_service status 2>&1 | grep -oE "active|inactive|started|stopped" | head -n 1)"
	listens && echo "somebody listens"
	[ ! -d /run/systemd/system ] || { systemctl is-enabled ssh; systemctl show -p DropInPaths ssh; }
	ls -lR /run/mdm-agent/open /etc/udev/rules.d 2>/dev/null | grep -v ^total
}
look() {
	agentctl compliance
	agentctl status | tail -n 20
	picture
	loginctl list-sessions --no-legend
}
'

check_restrict() { # NAME SCRIPT [SECONDS]
	check "$1" vm_run -t "${3:-240}" "$restrict_words $2"
}

restrict_policy() { # MEMBERS of the area
	fleet_policy staff '{"checkin":{"interval":300,"jitter":0},"profiles":[{"id":"base","settings":{"restrictions":{'"$1"'}}}]}'
}

# The next policy is there; what follows of it is looked for by what the tests look at.
restrict_policy_next() { # NAME MEMBERS
	restrict_before=$(phone_status policies.0.serial)
	restrict_policy "$2" || return
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	check "$1" vm_host_until 90 restrict_policy_newer "$restrict_before"
}

restrict_policy_newer() { # SERIAL
	[ "$(phone_status policies.0.serial)" -gt "$1" ]
}

restrict_picture() { # NAME
	vm_run "$restrict_words picture" >"$restrict_work/$1" 2>&1 && [ "$(wc -l <"$restrict_work/$1")" -gt 20 ]
}

restrict_etc() { # NAME
	vm_run "$story_etc" >"$restrict_work/$1" && [ "$(wc -l <"$restrict_work/$1")" -gt 100 ]
}

restrict_same() { # NAME OTHER
	diff "$restrict_work/$1" "$restrict_work/$2"
}

# Drivers as a phone has them, at each start before anybody logs in; a gadget; an owner who is in all groups that a
# distribution would put him into; the SSH server.
restrict_furnish() {
	vm_run "cat >/usr/lib/mdm-vm/drivers <<'DRIVERS'
#!/bin/sh
$restrict_drivers
DRIVERS
		chmod 755 /usr/lib/mdm-vm/drivers
		for g in video audio netdev plugdev; do getent group \$g >/dev/null && usermod -aG \$g phone; done
		mkdir -p /etc/udev/rules.d /run/sshd
		echo 'SUBSYSTEM==\"net\", KERNEL==\"lo\", ACTION==\"add\", RUN+=\"/usr/lib/mdm-vm/drivers\"' >/etc/udev/rules.d/10-drivers.rules

		/usr/lib/mdm-vm/drivers
		udevadm settle --timeout=60" || return
	restrict_bluetooth_make && restrict_gadget_make
}

# A controller is there while somebody plays it, which no rule of udev may do for long.
restrict_bluetooth_make() {
	vm_run 'modprobe hci_vhci
		setsid sh -c "exec 3<>/dev/vhci; printf \"\\377\\000\" >&3; exec sleep 100000" </dev/null >/dev/null 2>&1 &'
}

# As a distribution makes it at each start: a disk for whoever the phone is plugged into.
restrict_gadget_make() {
	vm_run 'modprobe configfs; mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
		modprobe libcomposite && modprobe usb_f_mass_storage && truncate -s 4M /run/gadget.img &&
		g=/sys/kernel/config/usb_gadget/g1 && mkdir -p $g/strings/0x409 $g/configs/c.1 $g/functions/mass_storage.0 &&
		echo 0x1d6b >$g/idVendor && echo 0x0104 >$g/idProduct && echo /run/gadget.img >$g/functions/mass_storage.0/lun.0/file &&
		ln -sf $g/functions/mass_storage.0 $g/configs/c.1 && ls /sys/class/udc | head -n 1 >$g/UDC'
}

# Somebody logs in at the screen: a session of logind on a seat, who gets what is there by its ACLs.
restrict_login() {
	vm_run 'setsid /sbin/agetty --autologin phone --noclear tty1 linux </dev/null >/dev/null 2>&1 &'
	check_restrict "somebody is logged in" 'again 120 session && again 90 acl "$(camera)"'
}

# --- the chapters

restrict_first_start() {
	mkdir -p "$restrict_work"
	vm_start "$restrict_phone"
	check "the phone starts" vm_wait_boot
	vm_run 'mkdir -p -m 0755 /etc/mdm-agent' &&
		vm_put "$fleet_home/staff.conf" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0600 /etc/mdm-agent/zero-touch.conf'
	check "it has cameras, radios, USB on both sides" restrict_furnish
	check_restrict "... all of them" '
		[ -n "$(camera)" ] && [ -n "$(screen)" ] && [ -c /dev/snd/pcmC0D0c ] && bound &&
		again 90 free wlan && again 90 free bluetooth && radio nfc | grep .' || true
	check_restrict "the SSH server runs" '
		if [ -d /run/systemd/system ]; then systemctl enable --now ssh; else ssh_service start; fi; again 120 listens'
	service restart
	check "the phone enrols by itself" vm_host_until 90 phone_says enrolled true
	check "the policy of its group arrives" vm_host_until 60 phone_says policies.0.stream staff
	restrict_login
	check "the phone as it is, is written down" restrict_picture before
	check "... and all files below /etc" restrict_etc etc-before
}

restrict_camera() {
	check_restrict "somebody uses the camera" 'opens "$(camera)" && tagged "$(camera)"
		c=$(camera); as_user sh -c "exec 3</dev/$c; : >/tmp/has; while [ ! -e /run/stop ]; do sleep 1; done
			dd bs=64k count=1 <&3 of=/tmp/frame 2>/dev/null; : >/tmp/done" </dev/null >/dev/null 2>&1 &
		again 90 [ -e /tmp/has ]'
	restrict_policy_next "no camera" '"camera":"off"'
	check_restrict "it is shut: mode, group and ACL" 'again 120 shut "$(camera)" && again 90 refused tagged "$(camera)"'
	check_restrict "nobody opens it who is in its group and at the screen" 'refused opens "$(camera)"'
	check_restrict "what puts pictures out is none" '[ "$(mode "$(screen)")" != "0 root:root" ] && opens "$(screen)"'
	check_restrict "the phone is compliant" 'again 120 state_of camera compliant'
	check_restrict "what was open stays so, as is documented" ': >/run/stop; again 120 [ -e /tmp/done ] && [ -s /tmp/frame ]
		rm -f /run/stop /tmp/done /tmp/has /tmp/frame'
	check_restrict "root opens it to everybody: shut again" 'chmod 666 "/dev/$(camera)" && again 90 shut "$(camera)"'
	check_restrict "... by an ACL" 'setfacl -m u:phone:rw "/dev/$(camera)" && again 90 shut "$(camera)"'
	check_restrict "devices are told to udev again: it stays shut" '
		udevadm trigger --settle --subsystem-match=video4linux && shut "$(camera)" && refused opens "$(camera)"'
	check_restrict "the driver goes and comes: shut from the start" '
		modprobe -r vivid && modprobe vivid n_devs=1 node_types=0x101 && again 90 shut "$(camera)" && refused opens "$(camera)" &&
		udevadm settle && shut "$(camera)"'
	check_restrict "the agent is killed: it stays shut, and is shut again by the next one" '
		kill -KILL "$(pgrep -o -x mdm-agentd)"; shut "$(camera)" && chmod 666 "/dev/$(camera)"; again 90 shut "$(camera)"'
	restrict_policy_next "the camera may be used again" ''
	check_restrict "it is as it was" '
		again 120 acl "$(camera)" && again 90 opens "$(camera)" && tagged "$(camera)" && [ "$(mode "$(camera)")" = "660 root:video" ]'
	check "so is everything" restrict_is_before
}

restrict_is_before() {
	vm_host_until 60 restrict_is_before_now || restrict_same before now
}

restrict_is_before_now() {
	restrict_picture now && restrict_same before now >/dev/null
}

restrict_locked() {
	restrict_policy_next "no camera and no USB while locked" '"camera":"off_while_locked","usb_host":"off_while_locked"'
	check_restrict "unlocked, it can be used" 'locked_hint false; again 120 eval "acl \$(camera) && opens \$(camera)" && again 120 state_of camera compliant'
	check_restrict "locked, it cannot" 'locked_hint true && again 90 shut "$(camera)" && refused opens "$(camera)"'
	check "a stick is plugged in" vm_stick locked1 MDM0
	check_restrict "it is not taken" 'again 120 stick_is 0 && no_disk'
	check_restrict "unlocked: camera and stick" 'locked_hint false && again 90 acl "$(camera)" && opens "$(camera)" && again 120 stick_is 1 && again 120 has_disk'
	check_restrict "locked again: what was taken stays" 'locked_hint true && again 90 shut "$(camera)" && stick_is 1 && has_disk'
	check "the stick goes" vm_unplug locked1
	check_restrict "..." 'again 120 no_disk; locked_hint false'
	restrict_policy_next "anything again" ''
	check "everything is as it was" restrict_is_before
}

restrict_microphone() {
	check_restrict "somebody may record" 'again 90 acl snd/pcmC0D0c && opens snd/pcmC0D0c'
	restrict_policy_next "no microphone" '"microphone":"off"'
	check_restrict "it is shut" 'again 120 shut snd/pcmC0D0c && refused opens snd/pcmC0D0c && again 120 state_of microphone compliant'
	check_restrict "sound is not" 'opens snd/controlC0 && [ "$(mode snd/pcmC0D0p)" = "660 root:audio" ]'
	restrict_policy_next "the microphone may be used again" ''
	check "everything is as it was" restrict_is_before
}

restrict_radios() {
	check_restrict "whoever is at the screen turns radios off and on" '
		{ [ ! -d /run/systemd/system ] || again 90 acl rfkill; } && turn block wlan && again 120 blocked wlan && turn unblock wlan && again 120 free wlan'
	check_restrict "NFC is off, by its owner" 'turn block nfc && again 120 blocked nfc'
	check "the phone as it is, is written down" restrict_picture nfc
	restrict_policy_next "no radios but the modem's" '"wifi":"off","bluetooth":"off","nfc":"off"'
	check_restrict "they are off" 'again 120 blocked wlan && again 90 blocked bluetooth && again 90 blocked nfc'
	check_restrict "... as Wi-Fi sees it" 'refused ip link set wlan0 up'
	check_restrict "the phone is compliant" 'for s in wifi bluetooth nfc; do again 120 state_of $s compliant || exit 1; done'
	check "they are turned on at the screen, and off again by the agent" restrict_reasserted
	check_restrict "all at once" 'turn unblock all; again 120 blocked wlan && again 120 blocked bluetooth && again 120 blocked nfc'
	check_restrict "somebody who does not stop loses" '
		i=0; while [ $((i += 1)) -le 40 ]; do turn unblock all; done; again 120 blocked wlan && again 120 blocked bluetooth'
	check_restrict "a new radio is off" '
		modprobe -r mac80211_hwsim && modprobe mac80211_hwsim radios=2 && [ "$(again 90 blocked wlan; radio wlan | wc -l)" = 2 ] && blocked wlan'
	check_restrict "killed, the agent has left them off, and goes on" '
		kill -KILL "$(pgrep -o -x mdm-agentd)"; blocked wlan && turn unblock wlan; again 90 blocked wlan'
	check_restrict "(one radio, as before)" 'modprobe -r mac80211_hwsim && modprobe mac80211_hwsim radios=1 && again 90 blocked wlan'
	restrict_policy_next "radios may be used again" ''
	check_restrict "Wi-Fi and Bluetooth are on, NFC is off, as its owner had it" '
		again 120 free wlan && again 90 free bluetooth && again 90 blocked nfc && ip link set wlan0 up && ip link set wlan0 down'
	check_restrict "(NFC as before)" 'turn unblock nfc; again 120 free nfc'
	restrict_policy_next "no airplane mode" '"airplane_mode":"off"'
	check_restrict "one radio may be off" 'sleep 2; turn block wlan; sleep 5; blocked wlan && free bluetooth; r=$?; turn unblock wlan; exit $r'
	check_restrict "all at once may not: what keeps the phone in reach is on again" '
		sleep 3; turn block all; again 120 free wlan && again 120 free bluetooth && blocked nfc; turn unblock nfc'
	restrict_policy_next "anything again" ''
	check "everything is as it was" restrict_is_before
}

# Prints how long it took, by the phone's clock, of which most is what the emulated tools take to look.
restrict_reasserted() {
	vm_run -t 240 "$restrict_words"'
		for type in wlan bluetooth nfc; do
			before=$(uptime_ms)
			turn unblock $type
			again 120 blocked $type || exit 1
			echo "$type: off again within $(($(uptime_ms) - before)) ms"
		done' >"$restrict_work/reasserted"
	restrict_status=$?
	sed 's/^/# /' "$restrict_work/reasserted" >&2
	return "$restrict_status"
}

restrict_usb() {
	check "a stick is plugged in" vm_stick usb1 MDM1
	check_restrict "... and used" 'again 120 has_disk && mkfs.ext2 -q -F "/dev/$(disk)" && mkdir -p /mnt && mount "/dev/$(disk)" /mnt && touch /mnt/written'
	restrict_policy_next "no USB" '"usb_host":"off"'
	check_restrict "what is mounted stays until it is ejected, and that is told" '
		again 120 state_of usb_host noncompliant && touch /mnt/written && has_disk'
	check_restrict "ejected, it goes" 'umount /mnt && again 90 stick_is 0 && again 90 no_disk'
	check_restrict "the phone is compliant" 'again 120 state_of usb_host compliant'
	check_restrict "controllers take nothing" '! grep -h 1 /sys/bus/usb/devices/usb*/authorized_default'
	check "the stick goes" vm_unplug usb1
	check "another one is plugged in" vm_stick usb2 MDM2
	check_restrict "it never becomes a disk" 'again 120 stick_is 0 && sleep 5 && no_disk && stick_is 0'
	check_restrict "root takes it: it goes again" '
		for d in /sys/bus/usb/devices/*/serial; do grep -qs "^MDM" $d && echo 1 >"${d%/serial}/authorized"; done
		again 90 stick_is 0 && again 90 no_disk'
	check "a keyboard is plugged in" vm_plug keys usb-kbd,bus=usb.0
	check_restrict "... in vain" '
		sleep 5; ! grep -il keyboard /sys/class/input/input*/name | xargs -r readlink -f | grep usb'
	check "it goes" vm_unplug keys
	restrict_policy_next "USB again" ''
	check_restrict "the stick is there, without being touched" 'again 120 stick_is 1 && again 120 has_disk'
	check "it goes" vm_unplug usb2
	check_restrict "..." 'again 120 no_disk'
	check "everything is as it was" restrict_is_before
}

restrict_gadget() {
	check_restrict "whoever the phone is plugged into sees a disk" 'bound && again 90 eval "ls /sys/block/sd* >/dev/null 2>&1"'
	restrict_policy_next "no data for others" '"usb_gadget":"off"'
	check_restrict "the gadget is unbound" 'again 120 unbound && again 120 state_of usb_gadget compliant'
	check_restrict "somebody binds it: unbound again" 'ls /sys/class/udc | head -n 1 >$gadget/UDC; again 120 unbound'
	restrict_policy_next "data again" ''
	check_restrict "it is bound to what it was bound to" 'again 120 bound && [ "$(cat $gadget/UDC)" = "$(ls /sys/class/udc | head -n 1)" ]'
	check "everything is as it was" restrict_is_before
}

restrict_ssh() {
	check_restrict "somebody could log in from elsewhere" 'listens && ssh_service status'
	restrict_policy_next "no SSH" '"ssh":"off"'
	check_restrict "the server has stopped" 'again 120 silent && ! ssh_service status && again 120 state_of ssh compliant'
	check_restrict "nobody starts it" 'ssh_service start; sleep 2; silent && ! ssh_service status'
	check_restrict "nothing else failed by that" '[ ! -d /run/systemd/system ] || ! systemctl --failed --no-legend | grep .'
	restrict_policy_next "SSH again" ''
	check_restrict "it runs again" 'again 120 listens && ssh_service status'
	check "everything is as it was" restrict_is_before
}

# Everything off, and a restart: nothing of it is open before somebody logs in, nor once he has.
restrict_restart() {
	restrict_policy_next "nothing may be used" '"camera":"off","microphone":"off","wifi":"off","bluetooth":"off","usb_host":"off","ssh":"off"'
	check_restrict "... nor can it" '
		again 120 shut "$(camera)" && again 120 shut snd/pcmC0D0c && again 120 blocked wlan && again 120 silent && again 120 state_of usb_host compliant'
	vm_run "cat >/etc/mdm-vm-at-login <<'HOOK'
#!/bin/sh
$restrict_words
udevadm settle --timeout=30
shut \"\$(camera)\" && shut snd/pcmC0D0c && blocked wlan && silent &&
	! grep -h 1 /sys/bus/usb/devices/usb*/authorized_default && echo restricted || { echo open; picture; }
HOOK
		chmod 0755 /etc/mdm-vm-at-login"
	truncate -s 16M "$VM_WORK/$VM/cold.img"
	check "the phone restarts, with a stick in it" vm_reboot clock=now \
		extra="-drive if=none,id=cold,format=raw,file=$VM_WORK/$VM/cold.img -device usb-storage,bus=usb.0,drive=cold,serial=MDM9,id=cold"
	check "... to the end" vm_wait_boot
	check "... where somebody may log in" vm_console 'login is possible now' 180
	is "when login became possible, it was restricted" "$(vm_run 'cat /run/mdm-vm/at-login')" restricted
	check_restrict "the stick was never taken" 'stick_is 0 && no_disk'
	vm_run 'setsid /sbin/agetty --autologin phone --noclear tty1 linux </dev/null >/dev/null 2>&1 &'
	check_restrict "whoever logs in gets none of it" 'again 120 session && again 90 acl "$(screen)" && shut "$(camera)" && refused opens "$(camera)" && refused opens snd/pcmC0D0c'
	check_restrict "... nor by turning the radios on" 'turn unblock all; again 120 blocked wlan'
	check "another radio comes" restrict_bluetooth_make
	check_restrict "... and is off" 'again 90 blocked bluetooth'
	check_restrict "the phone is compliant" 'for s in camera microphone wifi bluetooth usb_host ssh; do again 120 state_of $s compliant || exit 1; done'
	vm_run 'rm -f /etc/mdm-vm-at-login'
	check "the gadget is made, as at each start" restrict_gadget_make
	check "the stick goes" vm_unplug cold
}

restrict_unenrol() {
	restrict_policy_next "nothing may be used" \
		'"camera":"off","microphone":"off","wifi":"off","bluetooth":"off","nfc":"off","usb_host":"off","usb_gadget":"off","ssh":"off","airplane_mode":"off"'
	check_restrict "... nor can it" 'again 120 shut "$(camera)" && again 120 blocked wlan && again 120 silent && again 120 unbound'
	check_restrict "the phone leaves" 'agentctl unenroll --yes' 300
	check "everything is as it was before" restrict_is_before
	check "so is everything below /etc" restrict_etc_is_before
	check_restrict "nothing of the agent is left elsewhere" '
		! find /run/mdm-agent/open /run/mdm-agent/gadgets /var/lib/mdm-agent/restrictions -mindepth 1 2>/dev/null | grep .'
	check_restrict "all of it works" 'opens "$(camera)" && opens snd/pcmC0D0c && free wlan && listens && bound'
}

restrict_etc_is_before() {
	restrict_etc etc-after && /usr/bin/python3 "$fleet_py" etc "$restrict_work/etc-before" "$restrict_work/etc-after"
}
