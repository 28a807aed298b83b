# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The chapters of base.sh's main story, each a function; in order, on one phone. Sourced after fleet.sh.

# The name of a guest is its serial number.
story_phone=vm-phone-2601
story_work=$VM_WORK/story
# The lines of the agent are changed, its database goes. What was there before it stays as it is.
story_tampering='sed -i "s/^Autolock\[\$i\]=.*/Autolock=false/; s/^Timeout\[\$i\]=.*/Timeout=90/" /etc/xdg/kscreenlockerrc
rm -f /etc/dconf/db/mdm_agent /etc/dconf/profile/user'
# Whether every file-based setting is as the policy wants it, asked of the files and of dconf itself, as
# the user of the phone. N: the idle delay in seconds, a multiple of 60. Says what it saw where it is not.
story_enforced='
as_user() { setpriv --reuid=10000 --regid=10000 --clear-groups env -i HOME=/home/phone "$@" 2>&1; }
enforced() {
	seen="$(grep -E "^(Autolock|Timeout).*i.=" /etc/xdg/kscreenlockerrc | tr "\n" " ")"
	seen="$seen$(as_user /bin/sh -c "/usr/bin/dconf read /org/gnome/desktop/session/idle-delay
		/usr/bin/dconf read /org/gnome/desktop/screensaver/lock-enabled" | tr "\n" " ")"
	case $seen in
	*"Autolock[\$i]=true Timeout[\$i]=$(($1 / 60)) uint32 $1 true ") return 0 ;;
	esac
	echo "in force: $seen"
	return 1
}'
# Everything below /etc: kind, mode, owner, target; and the digest of what is in it.
story_etc='find /etc -xdev -printf "%y %m %U:%G %l  %p\n"
find /etc -xdev -type f -exec sha256sum {} + | sed "s/\$/ (contents)/"'

story_policy() { # IDLE-DELAY
	fleet_policy staff '{"checkin":{"interval":300,"jitter":0},"profiles":[{"id":"base","settings":{
		"screen_lock":{"enabled":true,"idle_delay":'"$1"',"lock_delay":0,"require_unlock":true},
		"encryption":{"storage":true,"swap":true}}}]}'
}

# A member of the agent's own status, "" if there is none.
phone_status() { # PATH
	vm_run 'i=0; until agentctl status --json || [ $((i += 1)) -gt 20 ]; do sleep 0.5; done 2>/dev/null' |
		fleet_pick "$1"
}

phone_says() { # PATH VALUE
	[ "$(phone_status "$1")" = "$2" ]
}

# The whole log of the agent and its answers, for whoever reads of a failure.
phone_tells() {
	vm_run 'agentctl status; agentctl compliance; agentctl journal show -n 12'
	story_log | tail -n 20
}

# The main process of the agent, "" if it does not run.
story_pid='
agent_pid() { pgrep -o -x -u root mdm-agentd; }
'

service() { # start|stop|restart: as an administrator of this init system does it
	case $VM_SHAPE in
	systemd) vm_run "systemctl $1 mdm-agentd" ;;
	openrc) vm_run "rc-service -q mdm-agentd $1" ;;
	esac
}

# --- the chapters

story_first_boot() {
	mkdir -p "$story_work"
	# Its first start was another one's; those that follow are whole ones.
	vm_start "$story_phone" start=booted
	check "the phone starts" vm_wait_boot
	check_run "mdm-agentd is a running service of a phone that nobody manages" "
		case $VM_SHAPE in
		systemd) systemctl is-active mdm-agentd ;;
		openrc) rc-service mdm-agentd status ;;
		esac && agentctl status --json | grep '\"enrolled\":false'"
	# What an image of Plasma Mobile would bring, as far as the agent looks at it: there is no shell here.
	# The hook notes what is in force when the login prompt appears. There is no syslog: with OpenRC the log
	# goes to a file, as an administrator would set it.
	vm_run "mkdir -p -m 0755 /etc/xdg /etc/mdm-agent; : >/usr/bin/plasmashell
		[ ! -e /etc/conf.d/mdm-agentd ] || sed -i 's/^error_logger/#&/; s/^#error_log=/error_log=/' /etc/conf.d/mdm-agentd
		printf '[Daemon]\nAutolock=false\nTimeout=30\n' >/etc/xdg/kscreenlockerrc
		chmod 0644 /etc/xdg/kscreenlockerrc
		cat >/etc/mdm-vm-at-login <<'HOOK'
#!/bin/sh
$story_enforced
enforced 120 && echo enforced || { echo weaker; cat /etc/xdg/kscreenlockerrc; }
HOOK
		chmod 0755 /etc/mdm-vm-at-login" &&
		vm_put "$fleet_home/staff.conf" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0600 /etc/mdm-agent/zero-touch.conf'
	check "the list of all files below /etc is taken" vm_list_etc before
}

vm_list_etc() { # NAME
	vm_run "$story_etc" >"$story_work/$1" && [ "$(wc -l <"$story_work/$1")" -gt 100 ]
}

story_enrol() {
	service restart
	check "the phone enrols by itself, by the file of its image" \
		vm_host_until 90 phone_says enrolled true
	story_id=$(fleet_device "$story_phone") || story_id=none
	is "the server knows it by its serial number" "$story_id" "$(phone_status device)"
	check "the policy of its group arrives" vm_host_until 60 phone_says policies.0.stream staff
	check "every setting is in force, as the user's programs see it" \
		vm_until 30 "$story_enforced; enforced 120"
	check "the server sees it compliant, the encryption of its storage included" \
		vm_host_until 60 fleet_says "$story_id" state compliant
	fleet_get "$story_id" sections.compliance.body.settings >"$story_work/settings"
	is "... setting by setting" "$(fleet_pick '[setting=storage].state' <"$story_work/settings") \
$(fleet_pick '[setting=idle_delay].observed' <"$story_work/settings")" "compliant 120"
}

story_service() {
	case $VM_SHAPE in
	systemd)
		check_run "systemctl status has nothing to complain about" \
			'systemctl status --no-pager mdm-agentd && ! systemctl is-failed mdm-agentd'
		check_run "the sandbox of the unit is in force on the process" "$story_pid"'
			status=/proc/$(agent_pid)/status
			grep -q "^NoNewPrivs:.1" $status && grep -q "^Seccomp:.2" $status || { cat $status; exit 1; }
			all=$(sed -n "s/^CapBnd:.//p" $status)
			# CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SETPCAP, WAKE_ALARM
			[ "$((0x$all))" -eq "$(((1 << 0) + (1 << 1) + (1 << 3) + (1 << 5) + (1 << 6) + (1 << 7) +
				(1 << 8) + (1 << 35)))" ] || { echo "CapBnd $all"; exit 1; }
			! nsenter -t "$(agent_pid)" -m touch /usr/written /var/lib/written /home/phone/written 2>&1'
		;;
	openrc)
		check_run "rc-service status has nothing to complain about" 'rc-service mdm-agentd status'
		check_run "the service cannot gain privileges" "$story_pid"'
			grep "^NoNewPrivs:.1" "/proc/$(agent_pid)/status"'
		;;
	esac
	is "the network role was confined by seccomp and Landlock" \
		"$(vm_run 'agentctl status --json' | fleet_pick sandbox.seccomp) \
$(vm_run 'agentctl status --json' | fleet_pick sandbox.landlock_abi | sed 's/[1-9][0-9]*/some/')" "true some"
	check_run "killed, the agent is there again by itself" "$story_pid"'
		old=$(agent_pid) && kill -KILL "$old"
		i=0
		until new=$(agent_pid) && [ "$new" != "$old" ] && agentctl status --json | grep "\"ready\":true"; do
			[ $((i += 1)) -lt 60 ] || exit 1
			sleep 1
		done'
	check "no rule was lost by that" vm_run "$story_enforced; enforced 120"
}

# The log of the service, since the machine started.
story_log() {
	case $VM_SHAPE in
	systemd) vm_run 'journalctl --no-pager -b -o cat -u mdm-agentd' ;;
	openrc) vm_run 'cat /var/log/mdm-agentd.log' ;;
	esac
}

story_log_is_good() {
	story_log >"$story_work/log"
	grep -q 'enrolled at' "$story_work/log" || {
		echo "no log of the service is to be had:"
		cat "$story_work/log"
		return 1
	}
	# An agent that is killed cannot say so; its manager does.
	! grep -iE 'error|fail|cannot|denied' "$story_work/log" |
		grep -vE 'code=killed|Failed with result .signal'
}

story_tamper() {
	vm_run "$story_tampering"
	check "settings that root changed are put right again" vm_until 30 "$story_enforced; enforced 120"
	vm_run -t 90 'agentctl sync' >/dev/null
	check "the server hears what was changed and repaired" vm_host_until 60 story_repairs_told
	check "the log can be read and has no error in it" story_log_is_good
}

story_repairs_told() {
	fleet_mdmctl events --json >"$story_work/events" &&
		grep "\"device\":\"$story_id\"" "$story_work/events" | grep -q '"type":"drift_repaired"'
}

# The next version of the package over the running one, in the order in which package managers go about it:
# files, then the script. The stand-in for the next version is this one with another number in it.
story_upgrade() {
	next=$(sed 's/[0-9]$/9/' "$VM_SOURCE/VERSION")
	before=$(phone_status journal.last_seq)
	programs="usr/sbin/mdm-agentd usr/bin/agentctl usr/libexec/mdm-agent/mdm-agent-net
		usr/libexec/mdm-agent/mdm-agent-session"
	for program in $programs; do
		mkdir -p "$story_work/next/$(dirname "$program")"
		vm_get "/$program" "$story_work/old"
		LC_ALL=C sed "s/\\x00$(sed 's/\./\\./g' "$VM_SOURCE/VERSION")\\x00/\\x00$next\\x00/g" \
			"$story_work/old" >"$story_work/next/$program"
		chmod 0755 "$story_work/next/$program"
	done
	# shellcheck disable=SC2086 # a list on purpose
	tar -C "$story_work/next" --owner=0 --group=0 -cf "$story_work/next.tar" $programs
	vm_put "$story_work/next.tar" /root/next.tar
	vm_put "$VM_SOURCE/packaging/apkbuild/mdm-agent/mdm-agent.post-upgrade" /root/post-upgrade
	check_run "a new version is installed over the running one" "$story_enforced$story_pid"'
		(while :; do enforced 120 || echo weaker >>/root/weaker; echo . >>/root/looks; done) 2>/dev/null &
		looker=$!
		old=$(agent_pid)
		# Each file beside its place and then into it: what runs keeps what it has.
		tar -C / --unlink-first -xf /root/next.tar && sh /root/post-upgrade
		i=0
		until new=$(agent_pid) && [ "$new" != "$old" ] && agentctl status --json | grep "\"ready\":true"; do
			[ $((i += 1)) -lt 60 ] || exit 1
			sleep 1
		done
		kill $looker'
	is "the new version runs, without anybody restarting it" "$(phone_status version)" "$next"
	is "it is still enrolled as the same phone" "$(phone_status enrolled) $(phone_status device)" "true $story_id"
	check "the journal goes on where it was, unbroken" story_journal_went_on "$before"
	is "the rules were in force all the time" \
		"$(vm_run 'cat /root/weaker 2>/dev/null; [ "$(wc -l </root/looks)" -gt 3 ] || echo "hardly looked"')" ""
	vm_run -t 90 'agentctl sync' >/dev/null
	check "the server sees the new version" vm_host_until 60 fleet_says "$story_id" agent "$next"
}

story_journal_went_on() { # NUMBER
	vm_run 'agentctl journal verify' && [ "$(phone_status journal.last_seq)" -gt "$1" ]
}

# Off, tampered with behind the agent's back, and on again where there is no network.
story_reboot_without_network() {
	service stop
	vm_run "$story_tampering"
	check_run "with the agent stopped, nothing repairs" "sleep 1; $story_enforced; ! enforced 120"
	check "the phone restarts, without a network" vm_reboot network=no
	check "... to the end" vm_wait_boot
	check "... where somebody may log in" vm_console 'login is possible now' 120
	is "when login became possible, the rules were in force" "$(vm_run 'cat /run/mdm-vm/at-login')" enforced
	vm_run 'agentctl journal show --json --lines 30' >"$story_work/journal"
	vm_run 'cat /run/mdm-vm/login-at; cat /proc/sys/kernel/random/boot_id' >"$story_work/login"
	check "by the phone's own clock: repaired first, login behind it" story_order
	is "it does not claim to have reached the server" "$(phone_status checkin.last_success)" null
	fleet_before=$(fleet_get "$story_id" last_seen)
	vm_network on
	vm_run -t 90 'agentctl sync' >"$story_work/sync" 2>&1
	check "with the network back it checks in" vm_host_until 60 fleet_checked_in_after "$story_id" "$fleet_before"
	check "and tells what it repaired meanwhile" vm_host_until 60 fleet_says "$story_id" state compliant
}

# The last repair of this boot and the prompt, both in microseconds since the power came.
story_order() {
	login=$(awk 'NR == 1 { printf "%d", $1 * 1000000 }' "$story_work/login")
	boot=$(sed -n '2s/-.*//p' "$story_work/login")
	repaired=$(/usr/bin/python3 "$fleet_py" repaired "$boot" <"$story_work/journal") || return 1
	echo "repaired at $repaired us, login possible at $login us"
	[ "$repaired" -lt "$login" ]
}

story_unenrol() {
	check_run "a managed phone does not let go of the package" \
		'mdm-agentd --prepare-removal; [ $? -ne 0 ]'
	check_run "the phone leaves the organisation" 'agentctl unenroll --yes'
	check "the agent says so" phone_says enrolled false
	check "the list of all files below /etc is taken again" vm_list_etc after
	check "nothing below /etc tells that it was ever managed" \
		/usr/bin/python3 "$fleet_py" etc "$story_work/before" "$story_work/after"
	check_run "no file of the agent is anywhere but in its own directories" \
		'! find / -xdev \( -name ".mdm-*" -o -name "*mdm_agent*" \) -print | grep .'
}

# What package managers do: the script, then the files.
story_remove() {
	vm_put "$VM_SOURCE/packaging/apkbuild/mdm-agent/mdm-agent.pre-deinstall" /root/pre-deinstall
	vm_put "$VM_SOURCE/packaging/apkbuild/mdm-agent/mdm-agent.post-deinstall" /root/post-deinstall
	check_run "the package goes without complaint" "$story_pid"'
		sh /root/pre-deinstall || exit 1
		! agent_pid || { echo "the agent still runs"; exit 1; }
		rm -rf /usr/sbin/mdm-agentd /usr/bin/agentctl /usr/libexec/mdm-agent
		sh /root/post-deinstall'
	is "what stays is what keeps old orders from coming back, and the journal" \
		"$(vm_run 'cd /var/lib/mdm-agent && find . -type f | sort | tr "\n" " "; ls /run/mdm-agent 2>/dev/null')" \
		"./commands ./facts ./journal ./serials "
}
