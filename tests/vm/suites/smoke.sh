# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016 # the guest's shell expands
# The laboratory itself: whatever other suites rely on works on this shape. The words of lib.sh are tested by
# using them; some of their failures, too, since a word that cannot fail tests nothing.

year_1970=86400
vm_start phone clock=$year_1970
check "the control channel answers" vm_wait_channel
check "the guest comes up" vm_wait_boot
check "the login prompt is on the console" vm_console 'phone login:' 60
# Started, in ticks of a hundredth of a second, before the prompt.
check_run "the channel is there before anybody can log in" '
	awk -v login="$(cat /run/mdm-vm/login-at)" "{ exit !(\$22 / 100 < login) }" "/proc/$(pidof channel_agent)/stat"'
diag "uptime at the login prompt, at the end of the start: $(vm_run 'cat /run/mdm-vm/login-at /run/mdm-vm/booted' | tr '\n' ' ')"

is "the init system" "$(vm_run 'cat /proc/1/comm')" "$(case $VM_SHAPE in systemd) echo systemd ;; *) echo init ;; esac)"
check_run "the root is LUKS2 by dm-crypt" 'dmsetup info -c --noheadings -o uuid root | grep ^CRYPT-LUKS2-'
check_run "the agent runs" 'pidof mdm-agentd && agentctl status'
case $VM_SHAPE in
openrc) check_run "against elogind, kept by OpenRC" '
	grep -q libelogind /proc/$(pidof mdm-agentd)/maps && rc-service mdm-agentd status' ;;
systemd) check_run "kept by systemd, which has nothing to complain about" '
	systemctl is-active mdm-agentd && ! systemctl --failed --no-legend | grep .' ;;
esac
check_run "sessions are kept" 'loginctl list-sessions'
vm_type 'phone
'
check "a name brings the prompt for the password" vm_console 'Password:' 60
vm_type "$(cat "$VM_DIR/passphrase")
"
check "the user logs in, and has a session" vm_until 90 'loginctl list-sessions --no-legend | grep phone'
check_run "the account of the user" 'id phone | grep "uid=10000(phone)"'
check_run "modules of phones are there" '
	modprobe mac80211_hwsim radios=1 && until [ -e /sys/class/net/wlan0 ]; do sleep 0.2; done && rfkill list | grep -i wireless'

# systemd goes forward to the day it was built; OpenRC believes the clock of the hardware.
clock=$(vm_run 'date +%s')
diag "a phone whose clock says 1970 says $(date -u -d "@$clock" +%F)"
case $VM_SHAPE in
openrc) check "the clock starts where it was told to" test "$clock" -lt $((year_1970 + 86400)) ;;
systemd) check "the clock starts with systemd's own build" test "$clock" -gt 1600000000 -a "$clock" -lt "$(date +%s)" ;;
esac
check "the clock can be set" vm_clock 2000000000
check_run "and goes on from there" '[ $(($(date +%s) - 2000000000)) -lt 1000 ]'

is "status of a script" "$(vm_run 'exit 7' || echo $?)" 7
is "a script that does not end is ended" "$(vm_run -t 2 'sleep 1000' 2>/dev/null || echo $?)" 124
is "the channel answers after it" "$(vm_run 'echo here')" here
head -c 3000000 /dev/urandom >"$VM_WORK/there"
check "a file goes in" vm_put "$VM_WORK/there" /root/file
check "and comes out" vm_get /root/file "$VM_WORK/back"
check "the same" cmp "$VM_WORK/there" "$VM_WORK/back"

# The network: a listener on the host's loopback, seen as 10.0.2.2 and not when the link is cut.
/usr/bin/python3 -c '
import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
s.settimeout(1500)
while True:
	s.accept()[0].sendall(b"hello\n")' >"$VM_WORK/port" &
listener=$!
vm_host_until 10 test -s "$VM_WORK/port"
hear='[ "$(timeout 20 bash -c "read -r x <>/dev/tcp/'$VM_HOST/$(cat "$VM_WORK/port")'; echo \$x")" = hello ]'
check "the host's loopback is heard" vm_until 60 "$hear"
check "the network is cut" vm_network off
check_run "nothing is heard" "ip neigh flush dev eth0; ! timeout 5 sh -c '$(printf %s "$hear" | sed "s/'/'\\\\''/g")'"
check "the network is back" vm_network on
check "the host is heard again" vm_until 60 "$hear"
kill "$listener"

check "a memory stick is plugged in" vm_stick stick MDM0001
check "the guest sees it" vm_until 60 'grep -l MDM0001 /sys/bus/usb/devices/*/serial && ls /sys/block | grep sd'
check "it is unplugged" vm_unplug stick
check "the guest sees that, too" vm_until 60 '! grep -l MDM0001 /sys/bus/usb/devices/*/serial 2>/dev/null'

# What was flushed outlives the power; a reboot in order keeps everything.
check_run "a line is written and flushed" 'echo kept >/root/flushed && sync /root/flushed /root'
boot_id=$(vm_run 'cat /proc/sys/kernel/random/boot_id')
check "the power is cut" vm_cut
check "there is no guest without power" sh -c '! kill -0 "$1" 2>/dev/null' sh "$(cat "$VM_WORK/phone/pid" 2>/dev/null || echo 999999999)"
check "and back" vm_again clock=now
check "up again after the cut" vm_wait_boot
check "this is another start" test -n "$boot_id" -a "$boot_id" != "$(vm_run 'cat /proc/sys/kernel/random/boot_id')"
is "what was flushed is there" "$(vm_run 'cat /root/flushed')" kept
check_run "the clock is right" "[ \$((\$(date +%s) - $(date +%s))) -lt 600 ]"
check "a reboot in order" vm_reboot
check "up again" vm_wait_boot
check_run "the agent runs again" 'pidof mdm-agentd'
check "switched off" vm_poweroff

# Without key slots there is no root any more.
check "on, with a wrong passphrase" vm_again passphrase=wrong
check "the root stays closed, status 2" vm_console 'cannot be opened, cryptsetup status 2' 240
check "and the guest is off" vm_wait_off

# Guests are copies of one saved machine, unless they ask for other hardware or for the cold. Each is one of its own.
who='cat /sys/class/dmi/id/product_serial /proc/sys/kernel/random/boot_id; head -c 32 /dev/urandom | sha256sum; nproc; date +%s; hwclock'
for twin in one two-with-a-longer-name cold; do
	start=$([ "$twin" != cold ] || echo start=cold cpus=2)
	# shellcheck disable=SC2086 # words on purpose
	check "$twin starts without an init system" vm_start "$twin" init=/usr/lib/mdm-vm/bare clock=$year_1970 $start
	check "$twin is up" vm_wait_boot
	vm_run "$who" >"$VM_WORK/$twin.who"
	is "$twin has its serial number" "$(sed -n 1p "$VM_WORK/$twin.who")" "$twin"
	check "$twin is in 1970" test "$(sed -n 5p "$VM_WORK/$twin.who")" -lt $((year_1970 + 3600))
	check "so is its hardware" grep -q '^1970-01-02' "$VM_WORK/$twin.who"
	vm_cut
done
is "the third has two processors" "$(sed -n 4p "$VM_WORK/cold.who")" 2
for twin in one two-with-a-longer-name cold; do
	sed -n 2,3p "$VM_WORK/$twin.who"
done | sort -u >"$VM_WORK/all.who"
is "no two have an identity or random bytes in common" "$(wc -l <"$VM_WORK/all.who")" 6
