# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2034,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The chapters of places.sh, each a function; in order, on one phone. Sourced after story.sh and restrictions.sh, whose
# drivers, sticks and pictures these are. GeoClue is Debian's own; behind its socket is gpx_feed_tool, which goes the
# way of bakery.gpx in the time that the file says, by the phone's own clock.

# The name of a guest is its serial number.
places_phone=vm-phone-2606
# Minutes on the way, and emulated: what is waited for comes when it comes.
places_patience=400
places_words="$restrict_words$story_enforced"'
default_is() { for d in /sys/bus/usb/devices/usb*/authorized_default; do [ "$(cat "$d")" = "$1" ] || return 1; done; }
at_office() { acl "$(camera)" && opens "$(camera)" && default_is 1 && enforced 300 >/dev/null; }
outside() { shut "$(camera)" && default_is 0 && enforced 120 >/dev/null; }
go() { echo "$1" >/run/feed; } # SEGMENT
arrived() { grep -qx "end $1" /run/feed.log; }
feed() { # [SEGMENT]: the receiver, from the start of the track or the end of a segment
	mkfifo -m 600 /run/feed
	: >/run/feed.log
	setsid sh -c "exec /usr/lib/mdm-vm/gpx_feed_tool /run/nmea.sock /usr/lib/mdm-vm/bakery.gpx $1 <>/run/feed >>/run/feed.log 2>&1" \
		</dev/null >/dev/null 2>&1 &
	again 90 [ -S /run/nmea.sock ]
}
look() {
	cat /run/feed.log
	enforced 0
	agentctl place list 2>/dev/null
	agentctl journal show -n 8
	agentctl compliance | head -n 40
	picture
}
'

check_places() { # NAME SCRIPT [SECONDS]
	check "$1" vm_run -t "${3:-$((places_patience * 2))}" "$places_words $2"
}

# What of "away" is more than a condition is what the issue of a place is: unknown counts as outside.
places_policy() {
	fleet_policy staff '{"checkin":{"interval":300,"jitter":0},
		"places":{"office":{"shape":{"circle":{"latitude":48.137154,"longitude":11.576124,"radius":150}},
			"enter_dwell":0,"leave_dwell":5,"unknown_is":"outside"}},
		"profiles":[
			{"id":"base","settings":{"screen_lock":{"enabled":true,"idle_delay":300,"lock_delay":0,"require_unlock":true}}},
			{"id":"away","when":{"place":{"outside":"office"}},"settings":{
				"restrictions":{"camera":"off","usb_host":"off"},"screen_lock":{"idle_delay":120}}}]}'
}

# --- the chapters

places_first_start() {
	mkdir -p "$restrict_work" "$story_work"
	vm_start "$places_phone"
	check "the phone starts" vm_wait_boot
	check "it has a camera and USB" restrict_furnish
	# A desktop, as far as the agent looks at it, and GeoClue with one source: a receiver behind a socket.
	vm_run "mkdir -p -m 0755 /etc/xdg /etc/mdm-agent; : >/usr/bin/plasmashell
		printf '[Daemon]\nAutolock=false\nTimeout=30\n' >/etc/xdg/kscreenlockerrc
		chmod 0644 /etc/xdg/kscreenlockerrc
		cat >/etc/geoclue/geoclue.conf <<'CONFIG'
[agent]
whitelist=geoclue-demo-agent
[network-nmea]
enable=true
nmea-socket=/run/nmea.sock
[3g]
enable=false
[cdma]
enable=false
[modem-gps]
enable=false
[wifi]
enable=false
CONFIG
		" &&
		vm_put "$VM_TREE/tests/lib/gpx_feed_tool" /usr/lib/mdm-vm/gpx_feed_tool &&
		vm_put "$VM_DIR/bakery.gpx" /usr/lib/mdm-vm/bakery.gpx &&
		vm_put "$fleet_home/staff.conf" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0755 /usr/lib/mdm-vm/gpx_feed_tool; chmod 0600 /etc/mdm-agent/zero-touch.conf'
	check_places "it lies in the office" feed
	restrict_login
	check "the phone as it is, is written down" restrict_picture unmanaged
	check "... and all files below /etc" restrict_etc etc-before
	service restart
	check "the phone enrols by itself" vm_host_until 90 phone_says enrolled true
	check "the policy of its group arrives" vm_host_until 60 phone_says policies.0.stream staff
	check_places "in the office: camera, USB, five minutes until it locks" "again $places_patience at_office"
	check "a stick is plugged in" vm_stick office MDM1
	check_places "... and taken" 'again 120 stick_is 1 && again 120 has_disk'
	check_places "it is carried around in the office: nothing changes" '
		go 0; again 120 arrived 0; sleep 15; at_office && has_disk'
	check "the phone in the office is written down" restrict_picture office
	check "... and all files below /etc" restrict_etc etc-office
}

places_away() {
	check_places "it leaves" 'go 1'
	check_places "the camera is off, USB is shut, the lock is shorter" "again $places_patience outside"
	check_places "whoever is at the screen does not open the camera" 'refused opens "$(camera)"'
	check_places "the stick is gone" 'again 120 stick_is 0 && again 120 no_disk'
	check "it is pulled out" vm_unplug office
	check "another one is plugged in, outside" vm_stick away MDM2
	check_places "it never becomes a disk" 'again 120 stick_is 0 && sleep 5 && no_disk && stick_is 0'
	check_places "at the bakery it is still so" "again $places_patience arrived 1; outside && stick_is 0"
	check_places "the phone is compliant there" 'again 120 state_of camera compliant && again 120 state_of usb_host compliant'
}

places_back() {
	check_places "it comes back" 'go 2'
	check_places "camera, USB and lock are those of the office" "again $places_patience at_office"
	check_places "the stick that was plugged in outside can be used" 'again 120 stick_is 1 && again 120 has_disk'
	check_places "back at the desk" "again $places_patience arrived 2; at_office"
	check "the sticks change" places_sticks_change away office2
	check "everything is as it was in the office" places_is_office
	check "so is everything below /etc" places_etc_is_office
}

places_sticks_change() { # OLD NEW
	vm_unplug "$1" && vm_until 60 "$restrict_words no_disk" && vm_stick "$2" MDM1 &&
		vm_until 60 "$restrict_words stick_is 1 && has_disk"
}

places_is_office() {
	vm_host_until 60 places_is_office_now || restrict_same office now
}

places_is_office_now() {
	restrict_picture now && restrict_same office now >/dev/null
}

places_etc_is_office() {
	restrict_etc etc-now && restrict_same etc-office etc-now
}

# The same once more, with nobody to ask.
places_offline() {
	check "the network is cut" vm_network off
	check_places "it leaves" ': >/run/feed.log; go 1'
	check_places "the camera is off, USB is shut, the lock is shorter" "again $places_patience outside"
	check_places "... and the stick is gone" 'again 120 stick_is 0 && again 120 no_disk'
	check_places "at the bakery" "again $places_patience arrived 1"
	check_places "it comes back" 'go 2'
	check_places "all of it is as in the office" "again $places_patience at_office && again 120 stick_is 1 && again 120 has_disk"
	check_places "back at the desk" "again $places_patience arrived 2; at_office"
	check "everything is as it was in the office" places_is_office
	check "so is everything below /etc" places_etc_is_office
}

# It is switched off outside and on again, and nothing tells where it is until somebody has logged in.
places_restart() {
	check_places "it leaves" ': >/run/feed.log; go 1'
	check_places "restricted" "again $places_patience outside"
	check_places "at the bakery" "again $places_patience arrived 1"
	check "the stick is pulled out" vm_unplug office2
	vm_run "cat >/etc/mdm-vm-at-login <<'HOOK'
#!/bin/sh
$places_words
udevadm settle --timeout=30
outside && echo restricted || { echo open; picture; enforced 120; }
HOOK
		chmod 0755 /etc/mdm-vm-at-login"
	check "the phone restarts, without a network" vm_reboot network=no clock=now
	check "... to the end" vm_wait_boot
	check "... where somebody may log in" vm_console 'login is possible now' 180
	is "when login became possible, it was restricted" "$(vm_run 'cat /run/mdm-vm/at-login')" restricted
	vm_run 'rm -f /etc/mdm-vm-at-login
		setsid /sbin/agetty --autologin phone --noclear tty1 linux </dev/null >/dev/null 2>&1 &'
	check_places "whoever logs in has no camera" 'again 120 session && again 90 acl "$(screen)" && outside && refused opens "$(camera)"'
	check "a stick is plugged in" vm_stick restart MDM1
	check_places "... in vain" 'again 120 stick_is 0 && no_disk'
	check "gadget and Bluetooth are made, as at each start" places_make
	check_places "the receiver says where it is: at the bakery" 'feed 1; sleep 45; outside'
	check_places "it comes back" 'go 2'
	check_places "all of it is as in the office" "again $places_patience at_office && again 120 stick_is 1 && again 120 has_disk"
	check_places "back at the desk" "again $places_patience arrived 2; at_office"
	check "everything is as it was in the office" places_is_office
	check "so is everything below /etc" places_etc_is_office
}

places_make() {
	restrict_bluetooth_make && restrict_gadget_make
}

places_unenrol() {
	check_places "it leaves once more" ': >/run/feed.log; go 1'
	check_places "restricted" "again $places_patience outside"
	check "the stick is pulled out" vm_unplug restart
	vm_network on
	check_places "the phone leaves the organisation, outside" 'agentctl unenroll --yes'
	check_places "camera and USB can be used" 'again 120 acl "$(camera)" && opens "$(camera)" && default_is 1'
	check "everything is as it was before" vm_host_until 60 places_is_unmanaged_now
	diag "$(restrict_same unmanaged now)"
	check "so is everything below /etc" places_etc_is_before
	check_places "nobody asks where it is any more" '
		again 90 eval "! pgrep -x geoclue" && ! ls /var/lib/mdm-agent/places /var/lib/mdm-agent/activations 2>/dev/null'
}

places_is_unmanaged_now() {
	restrict_picture now && restrict_same unmanaged now >/dev/null
}

places_etc_is_before() {
	restrict_etc etc-after && /usr/bin/python3 "$fleet_py" etc "$restrict_work/etc-before" "$restrict_work/etc-after"
}
