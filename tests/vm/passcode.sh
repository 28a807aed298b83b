# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The chapters of password.sh, each a function; in order, on one phone. Sourced after story.sh.

# The name of a guest is its serial number.
passcode_phone=vm-phone-2602
passcode_work=$VM_WORK/passcode
passcode_weak=1234
passcode_good='lantern-Oboe 77'
passcode_next='violet-Kayak 93'
passcode_root='granite-Ferry 41'
# What the guest runs in the chapters. The screen locker of a phone is a program of the user that asks PAM by a
# name for which there is no file; "owner" is such a one. "system" is a service of root's.
passcode_words='
as_phone() { setpriv --reuid=10000 --regid=10000 --clear-groups env HOME=/home/phone "$@"; }
owner() { # ANSWER…
	printf "%s\n" "$@" | as_phone pam_tool phosh phone authenticate
}
system() { # SERVICE USER ANSWER…
	service=$1 user=$2
	shift 2
	printf "%s\n" "$@" | pam_tool "$service" "$user" authenticate
}
# Without the agent, and without the files of PAM that it changed, there is nobody who would wait.
again() { # SECONDS COMMAND…
	left=$1
	shift
	until "$@"; do
		[ $((left -= 1)) -gt 0 ] || return 1
		sleep 1
	done
}
pam_files() {
	(cd /etc/pam.d && find . -printf "%y %m %U:%G %l  %p\n" && find . -type f -exec sha256sum {} +) | sort
}
guarded() { # FILE…: the line stands right in front of each pam_unix, once
	for file in "$@"; do
		awk -v file="$file" "
			/^[^#]*pam_unix\\.so/ && (\$1 ~ /^-?(auth|password)\$/) { unix++; ours += last ~ /^[^#]*pam_mdm\\.so/ }
			/^[^#]*pam_mdm\\.so/ { lines++ }
			/^[^#]/ { last = \$0 }
			END { if (!unix || unix != ours || lines != ours) { print file, unix, ours, lines; exit 1 } }" \
			"/etc/pam.d/$file" || { cat "/etc/pam.d/$file"; return 1; }
	done
}
'

phone_runs() { # [-t SECONDS] SCRIPT
	if [ "$1" = -t ]; then
		vm_run -t "$2" "$passcode_words $3"
	else
		vm_run "$passcode_words $1"
	fi
}

check_phone() { # NAME SCRIPT
	check "$1" phone_runs -t 240 "$2"
}

passcode_policy() { # FREE-ATTEMPTS DELAY MAX-ATTEMPTS
	fleet_policy staff '{"checkin":{"interval":300,"jitter":0},"profiles":[{"id":"base","settings":{"password":{
		"min_length":6,"max_sequence":3,"forbid_common":true,"forbid_empty":true,"free_attempts":'"$1"',
		"first_delay":'"$2"',"longest_delay":'"$2"',"max_attempts":'"$3"',"at_maximum":"lock_out"}}}]}'
}

# The next policy is in force.
passcode_policy_next() { # FREE-ATTEMPTS DELAY MAX-ATTEMPTS
	passcode_before=$(phone_status policies.0.serial)
	passcode_policy "$@" || return
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	vm_host_until 90 passcode_policy_newer "$passcode_before"
}

passcode_policy_newer() { # SERIAL
	[ "$(phone_status policies.0.serial)" -gt "$1" ]
}

passcode_account() { # MEMBER: of what the agent knows of the user's passcode
	phone_status "passwords.accounts[user=phone].$1"
}

passcode_account_says() { # MEMBER VALUE
	[ "$(passcode_account "$1")" = "$2" ]
}

passcode_reports() { # REASON: what the server has of the user's passcode
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	fleet_get "$passcode_id" sections.compliance.body.settings >"$passcode_work/settings"
	fleet_pick '[setting=min_length]' <"$passcode_work/settings" | tee "$passcode_work/min_length" |
		grep -q "\"$1\"" || { cat "$passcode_work/min_length"; return 1; }
}

passcode_state() { # STATE: of the phone, as the server has it
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	fleet_says "$passcode_id" state "$1" || { fleet_get "$passcode_id" sections.compliance.body.settings; return 1; }
}

passcode_event() { # TYPE: the server has heard of such an event
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	fleet_mdmctl events --json >"$passcode_work/events" &&
		grep "\"device\":\"$passcode_id\"" "$passcode_work/events" | grep -q "\"type\":\"$1\""
}

# Through agetty and login(1).
passcode_console() { # PASSWORD WORD
	vm_type "phone
"
	vm_run "until pgrep -x login >/dev/null; do sleep 0.2; done; sleep 0.5"
	vm_type "$1
"
	vm_run 'i=0; until pgrep -u 10000 -x sh || [ $((i += 1)) -gt 100 ]; do sleep 0.3; done' >/dev/null
	vm_type "echo '$2 '\$((40 + 2)); exit
"
	vm_console "$2 42" 60
}

# --- the chapters

passcode_first_start() {
	mkdir -p "$passcode_work"
	${CC:-cc} -O2 -D_GNU_SOURCE -static -I"$VM_SOURCE" -o "$passcode_work/hostile" "$VM_DIR/hostile.c" ||
		diag "hostile.c could not be compiled"
	for passcode_who in "phone $passcode_weak" "root $passcode_root"; do
		printf '%s:%s\n' "${passcode_who%% *}" "$(openssl passwd -6 "${passcode_who#* }")"
	done >"$passcode_work/accounts"
	vm_start "$passcode_phone" start=booted
	check "the phone starts" vm_wait_boot
	vm_put "$passcode_work/accounts" /root/accounts
	vm_put "$passcode_work/hostile" /usr/local/bin/hostile
	vm_put "$VM_TREE/tests/lib/pam_tool" /usr/local/bin/pam_tool
	vm_run "mkdir -p -m 0755 /etc/mdm-agent; chmod 0755 /usr/local/bin/*" &&
		vm_put "$fleet_home/staff.conf" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0600 /etc/mdm-agent/zero-touch.conf'
	# Each service is tried out before it is changed; what phones do not have costs a minute of emulation.
	# So does the session of each login, with a service manager of its own.
	# cracklib's dictionary is made by a trigger of dpkg in a cache that the image has not.
	vm_run 'cd /etc/pam.d && rm -f chfn chpasswd chsh newusers su-l runuser runuser-l
		echo "dictcheck = 0" >>/etc/security/pwquality.conf
		sed -i "/pam_systemd/d; /pam_elogind/d" common-session'
	check_phone "a PIN of four digits, and a password for root, as on any phone" '
		chpasswd -e </root/accounts && owner 1234 && ! owner 1235'
	check_run "before there is a policy, nothing of the agent is in the files of PAM" '! grep -r pam_mdm /etc/pam.d'
	phone_runs 'pam_files; cp -a /etc/pam.d /root/pam.d' >"$passcode_work/before"
}

passcode_enrol() {
	service restart
	check "the phone enrols by itself" vm_host_until 90 phone_says enrolled true
	passcode_id=$(fleet_device "$passcode_phone") || passcode_id=none
	check "the policy of its group arrives" vm_host_until 60 phone_says policies.0.stream staff
	check "the files of PAM have the agent's lines, each where it belongs" vm_until 180 \
		"$passcode_words guarded common-auth common-password"
	check "the phone has sealed what unlock codes are made of" vm_host_until 60 phone_says unlock_code.ready true
	is "that a passcode is good or bad is not known yet" "$(passcode_account judged)" false
	check "... which the server is told" vm_host_until 60 passcode_reports password_unseen
	check_phone "root logs in, by the service of login(1) and with su(1)" "
		system login root '$passcode_root' && ! system login root nonsense &&
		[ \"\$(printf '%s\n' '$passcode_root' | as_phone su root -c 'id -u')\" = 0 ]"
}

passcode_weak() {
	check "the owner logs in at the console, with the PIN that is too weak" passcode_console "$passcode_weak" first
	check_phone "and at the lock screen" "owner $passcode_weak"
	check "the phone knows now" vm_host_until 30 passcode_account_says judged true
	check "and so does the server" vm_host_until 60 passcode_reports password_weak
	is "which has the phone for what it is" "$(fleet_get "$passcode_id" state)" noncompliant
	check_phone "passwd(1) refuses another bad one, and says why" "
		said=\$(printf '%s\n' $passcode_weak 'lantern-Oboe 5678' 'lantern-Oboe 5678' | as_phone passwd 2>&1) && exit 1
		echo \"\$said\"
		echo \"\$said\" | grep 'This password cannot be used: ' && owner $passcode_weak"
	check_phone "and takes a good one" "
		printf '%s\n' $passcode_weak '$passcode_good' '$passcode_good' | as_phone passwd &&
		owner '$passcode_good' && ! owner $passcode_weak"
	check_phone "the owner logs in with it" "owner '$passcode_good'"
	check "the phone is compliant at the server" vm_host_until 60 passcode_state compliant
}

passcode_wrong() {
	check_phone "the right one begins the count anew" "owner '$passcode_good'"
	check "... at zero" vm_host_until 30 passcode_account_says failed 0
	check_phone "one wrong PIN at the lock screen, one at login: the third has to wait" "
		! owner 2580 || exit 1
		! system login phone 1379 || exit 1
		said=\$(owner '$passcode_good') && { echo 'the right one was not refused'; exit 1; }
		echo \"\$said\" | grep 'Too many wrong attempts. Try again in '"
	is "the count" "$(passcode_account failed)" 2
	check_run "agentctl status tells it to people" 'agentctl status | grep -i wrong'
}

passcode_cut() {
	check "the power is cut" vm_cut
	check "and back" vm_again
	check "... to the end" vm_wait_boot
	is "the count is what it was" "$(passcode_account failed)" 2
	check_phone "the right PIN has to wait as before" "
		said=\$(owner '$passcode_good') && exit 1
		echo \"\$said\" | grep 'Too many wrong attempts. Try again in '"
}

# Wrong ones until that is over; at most 20.
passcode_exhaust='
exhaust() {
	n=0
	until said=$(owner "wrong $n") || echo "$said" | grep -q "No attempts are left"; do
		[ $((n += 1)) -lt 20 ] || { echo "$said"; return 1; }
		sleep 1
	done
	echo "$said" | grep "No attempts are left"
}
'

passcode_locked_out() {
	check "the next policy has shorter delays" passcode_policy_next 2 1 6
	check_phone "wrong ones go on until none is left" "$passcode_exhaust exhaust"
	is "six are counted, and the phone is locked out" \
		"$(passcode_account failed) $(passcode_account locked_out)" "6 true"
	check_phone "the right PIN is refused, everywhere" "
		! owner '$passcode_good' && ! system login phone '$passcode_good'"
	check_phone "root is not locked out" "system login root '$passcode_root'"
	check "the server hears of it" vm_host_until 60 passcode_event auth_locked_out
	passcode_code=$(fleet_mdmctl unlock-code "$passcode_id" --json | fleet_pick code)
	check_phone "a code that the administrator reads out is taken where the PIN would be asked for" "
		said=\$(owner '$passcode_code') && { echo 'the code let somebody in'; exit 1; }
		echo \"\$said\" | grep 'Unlocked. Now enter your password'"
	check_phone "then the PIN works" "owner '$passcode_good'"
	check "and the count is over" vm_host_until 30 passcode_account_says failed 0
	check_phone "locked out once more" "$passcode_exhaust exhaust"
	check_phone "the same code does not help twice" "
		! echo '$passcode_code' | agentctl unlock && ! owner '$passcode_good'"
	fleet_mdmctl command unlock-attempts --device "$passcode_id" >"$passcode_work/unlock" 2>&1 ||
		diag "$(cat "$passcode_work/unlock")"
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	check "the organisation gives the attempts back by a command" \
		vm_host_until 60 passcode_account_says locked_out false
	check_phone "and the PIN works" "owner '$passcode_good'"
}

# Two people sign; the first is told the temporary passcode.
passcode_from_afar() {
	{
		fleet_mdmctl command set-passcode --device "$passcode_id" -o set.jws >"$passcode_work/set" 2>&1 &&
			fleet_mdmctl command cosign set.jws --key second --yes >"$passcode_work/cosign" 2>&1
	} || diag "$(cat "$passcode_work/set" "$passcode_work/cosign")"
	passcode_temporary=$(sed -n 's/^ *\([0-9 ]*\)$/\1/p' "$passcode_work/set" | tr -d ' \n')
	is "mdmctl tells a temporary passcode" "${#passcode_temporary}" 20
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	check "the phone has it" vm_host_until 60 passcode_account_says temporary true
	check_phone "the owner logs in with it" "owner '$passcode_temporary' && ! owner '$passcode_good'"
	check "which is not to stay so" vm_host_until 60 passcode_reports password_temporary
	check_phone "the owner changes it" "
		printf '%s\n' '$passcode_temporary' '$passcode_next' '$passcode_next' | as_phone passwd &&
		owner '$passcode_next'"
	check "and all is well again" vm_host_until 60 passcode_state compliant
}

passcode_agent_killed() {
	check "a policy with many attempts" passcode_policy_next 20 1 100
	check "while the agent is killed again and again, the owner gets in each time" passcode_kills
	diag "$(grep slowest "$passcode_work/kills")"
	check_run "the agent is back" 'i=0; until agentctl status --json | grep "\"ready\":true"; do
		[ $((i += 1)) -lt 60 ] || exit 1; sleep 0.5; done'
	check_phone "an agent that hangs keeps nobody out, neither the user nor root" "$story_pid"'
		kill -STOP "$(agent_pid)"
		owner "'"$passcode_next"'" && system login root "'"$passcode_root"'"
		status=$?
		kill -CONT "$(agent_pid)"
		exit $status'
	check_phone "it says later what it has missed" "system login root '$passcode_root' && again 20 sh -c '
		agentctl journal show --json --lines 200 | grep auth_missed'"
	check_phone "and what is right counts as right" "owner '$passcode_next'"
	check "... with nothing left over" vm_host_until 30 passcode_account_says failed 0
}

# At random moments, six seconds apart at most; whoever restarts it is the phone's own service manager.
passcode_kills() {
	phone_runs -t 300 "$story_pid"'
		rm -f /run/killed
		(while :; do
			sleep "$(awk "BEGIN { srand('"$(date +%s)"' + $(wc -l 2>/dev/null </run/killed || echo 0)); print rand() * 6 }")"
			kill -KILL "$(agent_pid)" && echo . >>/run/killed
		done) 2>/dev/null &
		killer=$!
		n=0 slowest=0 status=0
		while [ $((n += 1)) -le 15 ]; do
			begin=$(cut -d " " -f 1 /proc/uptime | tr -d .)
			said=$(owner "'"$passcode_next"'") || { echo "time $n: $said"; status=1; }
			took=$(($(cut -d " " -f 1 /proc/uptime | tr -d .) - begin))
			[ $took -le $slowest ] || slowest=$took
		done
		kill $killer
		echo "slowest of 15: $slowest hundredths of a second, killed $(wc -l </run/killed) times"
		[ "$(wc -l </run/killed)" -gt 2 ] && exit $status' >"$passcode_work/kills" 2>&1
	passcode_status=$?
	cat "$passcode_work/kills"
	return $passcode_status
}

passcode_hostile() {
	check "a process of the same user floods, holds and spoofs; a wrong attempt counts, a right one gets in" \
		passcode_attack
	diag "$(cat "$passcode_work/attack")"
	check_phone "the user can neither reset the count nor touch what keeps it" "
		! owner 2580
		as_phone sh -c '
			! kill -9 \$(pgrep -x mdm-agentd) && ! rm -f /run/mdm-agent/auth.sock &&
			! ls /var/lib/mdm-agent && ! rm /var/lib/mdm-agent/attempts' 2>/dev/null"
	is "... it is still there" "$(passcode_account failed)" 1
	check_phone "the right one ends it" "owner '$passcode_next'"
}

passcode_attack() {
	phone_runs -t 120 '
		as_phone hostile 20 >/run/hostile &
		sleep 2
		! owner 2580 || exit 1
		agentctl status --json >/run/status
		said=$(owner "'"$passcode_next"'") || { echo "the right one was refused: $said"; exit 1; }
		wait
		cat /run/hostile' >"$passcode_work/attack" 2>&1 || {
		cat "$passcode_work/attack"
		return 1
	}
	[ "$(vm_run 'cat /run/status' | fleet_pick 'passwords.accounts[user=phone].failed')" -ge 1 ] &&
		[ "$(sed -n 's/^spoofed //p' "$passcode_work/attack")" = 0 ] &&
		[ "$(sed -n 's/^flooded //p' "$passcode_work/attack")" -gt 20 ]
}

# What packages do to their files.
passcode_vendor() {
	check_phone "a package brings a new common-auth: derived anew, the line in it once" "
		{ echo '# of the next version'; cat /root/pam.d/common-auth; } >/etc/pam.d/common-auth.new &&
		mv /etc/pam.d/common-auth.new /etc/pam.d/common-auth &&
		again 180 guarded common-auth && grep 'of the next version' /etc/pam.d/common-auth"
	check_phone "... with which owner and root log in, and others do not" "
		owner '$passcode_next' && system login root '$passcode_root' && ! owner 2580 && owner '$passcode_next'"
	vm_run 'printf "auth [success=oops pam_unix.so\nauth required pam_unix.so\naccount required pam_unix.so\n" >/root/rubbish
		cp /root/rubbish /etc/pam.d/rubbish'
	check "a file that nobody understands is told to the server" vm_host_until 60 passcode_rubbish_told
	check_phone "... and stays as it is, as do those with lines in them" "
		cmp /root/rubbish /etc/pam.d/rubbish && guarded common-auth common-password && system login root '$passcode_root'"
	check_phone "the package takes both back" "
		rm /etc/pam.d/rubbish && cp -a /root/pam.d/. /etc/pam.d && again 180 guarded common-auth common-password &&
		owner '$passcode_next'"
}

passcode_rubbish_told() {
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	fleet_get "$passcode_id" sections.compliance.body.settings >"$passcode_work/settings"
	grep 'PAM rubbish' "$passcode_work/settings"
}

passcode_unenrol() {
	check_phone "where pam_mdm.so is gone and its lines are not, everybody logs in as before" '
		module=$(find /usr/lib -name pam_mdm.so) && [ -n "$module" ] && mv "$module" /root/pam_mdm.so || exit 1
		owner "'"$passcode_next"'" && ! owner 2580 && system login root "'"$passcode_root"'"
		status=$?
		mv /root/pam_mdm.so "$module"
		exit $status'
	check_phone "with the module back the lines are there" "again 180 guarded common-auth common-password"
	check_run "the phone leaves the organisation" 'agentctl unenroll --yes'
	check "the agent says so" phone_says enrolled false
	phone_runs pam_files >"$passcode_work/after"
	check "the files of PAM are byte for byte what they were" diff "$passcode_work/before" "$passcode_work/after"
	service stop
	check_phone "and everybody logs in without the agent" "
		owner '$passcode_next' && ! owner 2580 && system login root '$passcode_root' && ! system login root 2580"
	check "... at the console as well" passcode_console "$passcode_next" last
}
