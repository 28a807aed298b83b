# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The chapters of guard.sh, each a function; on one phone, after guard_first_start in any order. Sourced after story.sh.
# The database of packages is apk's, written here: the distribution is Debian, and has no apk. Programs are copies of
# Debian's; bubblewrap is Debian's own.

# The name of a guest is its serial number.
guard_phone=vm-phone-2604
guard_words='
package() { printf "P:%s\nV:%s\nA:x86_64\nF:usr/bin\nR:%s\na:0:0:755\n\n" "$1" "${2:-1-r0}" "$1"; }
# As a package manager does it: the file, then the database, each in one step.
install_programs() { # VERSION NAME…
	version=$1
	shift
	for name in "$@"; do cp /bin/true "/usr/bin/$name.new" && mv "/usr/bin/$name.new" "/usr/bin/$name"; done
	for name in base "$@"; do package "$name" "$version"; done >/lib/apk/db/new
	mv /lib/apk/db/new /lib/apk/db/installed
	printf "%s\n" base "$@" >/etc/apk/world
}
as_user() { setpriv --reuid=10000 --regid=10000 --clear-groups --inh-caps=-all env -i HOME=/home/phone PATH=/usr/bin:/bin "$@"; }
refused() { ! "$@" 2>/dev/null; }
again() { # SECONDS COMMAND…
	left=$(($1 * 4))
	shift
	until "$@"; do
		[ $((left -= 1)) -gt 0 ] || { echo "not in time: $*"; agentctl status; return 1; }
		sleep 0.25
	done
}
guard_is() { agentctl status --json | grep -q "\"guard\":{\"state\":\"$1\""; }
state_of() { # SETTING STATE
	agentctl compliance --json | tr "{" "\n" | grep "\"setting\":\"$1\"" | grep -q "\"state\":\"$2\""
}
guard_pids() { pgrep -x mdm-agent-guard; }
keeper() { pgrep -o -x mdm-agent-guard; }
answers() { pgrep -x mdm-agent-guard | while read -r p; do [ "$(awk "{print \$4}" "/proc/$p/stat")" != "$(keeper)" ] || echo "$p"; done; }
now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}0"; }
'

check_guard() { # NAME SCRIPT [SECONDS]
	check "$1" vm_run -t "${3:-240}" "$guard_words $2"
}

guard_policy() { # MEMBERS of the area
	fleet_policy staff '{"checkin":{"interval":300,"jitter":0},"profiles":[{"id":"apps","settings":{"apps":{'"$1"'}}}]}'
}

# The next policy is there, and the guard says that it is in force.
guard_policy_next() { # NAME MEMBERS [STATE of the guard]
	guard_before=$(phone_status policies.0.serial)
	guard_policy "$2" || return
	vm_run -t 90 'agentctl sync' >/dev/null 2>&1
	check "$1 comes" vm_host_until 90 guard_policy_newer "$guard_before"
	check_guard "... and the guard is ${3:-in_force}" "again 90 guard_is ${3:-in_force}"
}

guard_policy_newer() { # SERIAL
	[ "$(phone_status policies.0.serial)" -gt "$1" ]
}

guard_first_start() {
	vm_start "$guard_phone"
	check "the phone starts" vm_wait_boot
	vm_run 'mkdir -p -m 0755 /etc/mdm-agent /lib/apk/db /etc/apk' &&
		vm_put "$fleet_home/staff.conf" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0600 /etc/mdm-agent/zero-touch.conf'
	check_guard "it came with one package" 'install_programs 1-r0'
	service restart
	check "the phone enrols by itself" vm_host_until 90 phone_says enrolled true
	check "the policy of its group arrives" vm_host_until 60 phone_says policies.0.stream staff
	check_guard "what it came with is on record" '
		again 60 eval "agentctl journal show --json | tr \"{\" \"\n\" | grep -q \"\\\"what\\\":\\\"base\\\"\"" && agentctl journal show --json | tr "{" "\n" | grep \"base\"'
	check_guard "no guard runs" '! guard_pids && guard_is off'
	check_guard "two apps are installed, and a user has a program of their own" '
		install_programs 1-r0 game tool
		install -o 10000 -g 10000 -m 0755 /bin/true /home/phone/own
		game && tool && as_user /home/phone/own'
}

guard_audit() {
	guard_policy_next "audit" '"mode":"deny","blocked":["game"],"user_programs":false,"guard":"audit"'
	check_guard "everything starts" 'game && tool && as_user /home/phone/own'
	check_guard "... and what would not is in the journal" '
		again 30 eval "agentctl journal show --json | grep -q exec_denied" && agentctl status | grep "Would stop"'
	check_guard "an audit is no enforcement" 'state_of guard compliant && again 30 state_of user_programs noncompliant'
}

guard_enforced='"mode":"deny","blocked":["game"],"user_programs":false,"guard":"enforce"'

guard_enforce() {
	guard_policy_next "enforce" "$guard_enforced"
	check_guard "the service is its own, and sees the mounts of the system" '
		[ "$(readlink /proc/$(keeper)/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] &&
		! grep -q mdm-agentd "/proc/$(keeper)/cgroup"'
	check_guard "it is locked in memory, and has few rights" '
		for p in $(guard_pids); do
			grep -q "^NoNewPrivs:.1" "/proc/$p/status" || exit 1
			caps=$(sed -n "s/^CapPrm:.//p" "/proc/$p/status")
			[ $((0x$caps & ~((1 << 2) | (1 << 21) | (1 << 28)))) -eq 0 ] || { echo "$caps"; exit 1; }
		done
		grep "^VmLck:" /proc/$(keeper)/status | grep -v " 0 kB"'
	check_guard "a blocked app does not start" 'refused game && refused as_user game'
	check_guard "others do, as root and as the user, again and again" '
		for i in $(seq 50); do tool && as_user tool && as_user /bin/true || exit 1; done'
	check_guard "by another name, by a link, by a bind mount: the same file" '
		ln /usr/bin/game /usr/bin/chess && refused chess && ln -s game /usr/bin/go && refused go
		: >/run/bound && mount --bind /usr/bin/game /run/bound && refused /run/bound; r=$?; umount /run/bound
		rm -f /usr/bin/chess /usr/bin/go; exit $r'
	check_guard "a program of the user does not start, wherever they put it" '
		refused as_user /home/phone/own
		as_user cp /bin/true /tmp/own && refused as_user /tmp/own && as_user cp /bin/true /dev/shm/own && refused as_user /dev/shm/own'
	check_guard "a file system that comes later is watched at once" '
		mkdir -p /mnt && mount -t tmpfs -o mode=1777 later /mnt && as_user cp /bin/true /mnt/own
		again 5 refused as_user /mnt/own; r=$?; umount /mnt; exit $r'
	check_guard "upgrades: the app stays refused, and its neighbour runs" '
		for v in 2 3 4 5; do install_programs "$v-r0" game tool && refused game && tool || exit 1; done'
	check_guard "it is gone, comes back, and is refused as soon as it is known" '
		install_programs 6-r0 tool && rm -f /usr/bin/game && again 30 guard_is in_force &&
		install_programs 7-r0 tool game && again 10 refused game'
	check_guard "the journal has it" 'again 30 eval "agentctl journal show --json | grep exec_denied | grep -q game"'
	check_guard "logins, services and scripts go on" '
		su -s /bin/sh phone -c "true" && printf "#!/bin/sh\nexit 0\n" >/usr/bin/script && chmod 755 /usr/bin/script && as_user script'
	check_guard "the policy is met, as far as the guard goes" 'state_of guard compliant && state_of user_programs compliant'
}

guard_allow() {
	guard_hash=$(vm_run 'sha256sum /bin/true | cut -d" " -f1')
	guard_policy_next "allow" '"mode":"allow","allowed":["tool","sha256:'"$guard_hash"'"],"guard":"enforce"'
	check_guard "an app that is in no list does not start, one that is does" 'refused game && refused as_user game && tool && as_user tool'
	check_guard "the system that the phone came with runs" 'as_user /bin/sh -c "/bin/true && /usr/bin/id" && su -s /bin/sh phone -c true'
	check_guard "a program of the user runs if its content is allowed" '
		again 10 as_user /home/phone/own && cp /bin/true /home/phone/other && printf x >>/home/phone/other &&
		chown 10000:10000 /home/phone/other && refused as_user /home/phone/other'
	check_guard "... and not after it was changed" '
		cp /home/phone/own /home/phone/own2 && chown 10000:10000 /home/phone/own2 && as_user /home/phone/own2 &&
		printf x >>/home/phone/own2 && refused as_user /home/phone/own2'
	check_guard "the policy is met, as far as the guard goes" 'state_of guard compliant'
}

guard_sandbox() {
	guard_policy_next "enforce" "$guard_enforced,\"pinned\":[]"
	check_guard "a sandbox as Flatpak makes it runs what may run" '
		bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-pid --die-with-parent tool'
	check_guard "... and not what may not" '! bwrap --ro-bind / / --dev /dev --proc /proc game'
	check_guard "... under another path either" '! bwrap --ro-bind / / --dev /dev --tmpfs /app --ro-bind /usr/bin/game /app/x /app/x'
	check_guard "the hole that is documented: a file system that the user makes for themselves" '
		as_user unshare -Urm sh -c "mount -t tmpfs none /mnt && cp /bin/true /mnt/own && /mnt/own" ||
		[ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null || echo 1)" = 0 ]'
}

# Ten workers make, change, replace and start programs of root; none of these may be refused. Beside them an app is
# upgraded, the log is rotated and the mounts change.
guard_load() {
	guard_policy_next "enforce" "$guard_enforced,\"hidden\":[]"
	guard_churn=${VM_CHURN:-60}
	check_guard "ten workers for $guard_churn s, and nothing is refused that may run" '
		seconds='"$guard_churn"'
		mkdir -p /opt/churn && rm -f /opt/churn/*
		end=$(($(now) / 1000 + seconds))
		worker() {
			i=0
			while [ $(($(now) / 1000)) -lt "$end" ]; do
				p=/opt/churn/$1-$((i % 7)) i=$((i + 1))
				case $((i % 4)) in
				0) rm -f "$p"; cp /bin/true "$p" ;;
				1) cp /bin/true "$p.new" && mv "$p.new" "$p" ;;
				2) rm -f "$p"; printf "#!/bin/sh\nexit 0\n" >"$p"; chmod 755 "$p"; printf "# more\n" >>"$p" ;;
				3) rm -f "$p"; cp /bin/true "$p" && printf x >>"$p" ;;
				esac
				"$p" || echo "refused: $p in turn $i" >>/opt/churn.failed
				"$p" || echo "refused again: $p in turn $i" >>/opt/churn.failed
			done
			echo "$i" >>/opt/churn.turns
		}
		rm -f /opt/churn.failed /opt/churn.turns
		for w in 1 2 3 4 5 6 7 8 9 10; do worker $w & done
		v=10
		while [ $(($(now) / 1000)) -lt "$end" ]; do
			install_programs "$((v += 1))-r0" tool game
			refused game || echo "game ran" >>/opt/churn.failed
			tool || echo "tool was refused" >>/opt/churn.failed
			if command -v journalctl >/dev/null; then
				journalctl --rotate >/dev/null 2>&1; journalctl --vacuum-files=2 >/dev/null 2>&1; logger -t churn "line $v"
			fi
			mount -t tmpfs churn /mnt && umount /mnt
			sleep 0.2
		done
		wait
		rm -rf /opt/churn
		[ ! -e /opt/churn.failed ] || { head /opt/churn.failed; exit 1; }
		echo "turns: $(awk "{n += \$1} END {print n}" /opt/churn.turns)"' $((guard_churn * 3 + 240))
	diag "$(vm_run 'awk "{n += \$1} END {print n \" turns\"}" /opt/churn.turns')"
	check_guard "nobody waits for an answer" '! ps -eo stat=,wchan= | grep -E "^D.*fanotify"'
	check_guard "the guard did not fall" 'agentctl status --json | grep -q "\"restarts\":0" && again 30 guard_is in_force'
}

# "within the stated time": answer_ms (3 s) until a silent judge is killed, and at most 5 s until the next one judges;
# the service manager starts it again after 0.1 s. Twice that, emulated.
guard_killed() {
	guard_policy_next "enforce, failing open" "$guard_enforced,\"guard_failure\":\"open\""
	for how in KILL STOP; do
		check_guard "whoever answers gets SIG$how: programs start within 16 s" '
			before=$(now)
			for p in $(answers); do kill -'"$how"' "$p"; done
			timeout 60 tool && [ $(($(now) - before)) -lt 16000 ] && echo "$(($(now) - before)) ms"'
		check_guard "... and are judged again" 'again 30 refused game && tool && again 60 guard_is in_force'
	done
	check_guard "all of it is killed: programs start at once" '
		before=$(now)
		kill -KILL $(guard_pids)
		timeout 60 tool && [ $(($(now) - before)) -lt 16000 ]'
	check_guard "... and it is back" 'again 60 refused game && again 60 guard_is in_force && state_of guard compliant'
	check_guard "the one that marks is stopped: nothing waits" '
		kill -STOP "$(keeper)"
		for i in $(seq 20); do timeout 60 tool || exit 1; done; refused game; r=$?
		kill -CONT "$(keeper)"; exit $r'
	check_guard "... and is found out: ended, told of, and another one judges" '
		again 60 guard_is in_force
		before=$(keeper)
		kill -STOP "$before"
		replaced() { agentctl status >/dev/null; [ -n "$(keeper)" ] && [ "$(keeper)" != "$before" ]; }
		again 90 replaced && again 60 guard_is in_force && again 30 refused game && tool &&
		agentctl journal show --json | grep -q "did not answer"' 300
	check_guard "... also where it hangs since before the agent came" '
		before=$(keeper)
		kill -STOP "$before"
		kill -KILL "$(pgrep -o -x mdm-agentd)"
		replaced() { [ -n "$(keeper)" ] && [ "$(keeper)" != "$before" ]; }
		again 120 replaced && again 90 guard_is in_force && refused game && tool' 300
	check_guard "the agent is killed: the guard stays" 'kill -KILL "$(pgrep -o -x mdm-agentd)"; refused game && tool'
	check_guard "... and they find each other" 'again 90 guard_is in_force && [ "$(guard_pids | wc -l)" -le 3 ]'
}

guard_closed() {
	guard_policy_next "enforce, failing closed" "$guard_enforced,\"guard_failure\":\"closed\""
	check_guard "the phone says that it would fail closed" 'again 60 state_of guard_failure compliant && refused game && tool'
	check_guard "nothing that may not run gets through a fall" '
		for i in 1 2 3; do
			for p in $(answers); do kill -KILL "$p"; done
			for j in 1 2 3 4 5; do refused game || { echo "it ran in fall $i"; exit 1; }; done
			again 30 tool || exit 1
		done'
	check_guard "... and it is in force again" 'again 60 guard_is in_force'
}

guard_noexec() {
	guard_policy_next "noexec" "$guard_enforced,\"noexec\":true"
	check_guard "places are closed" 'again 120 state_of noexec compliant'
	check_guard "in the mounts of the system" '
		for d in /home /tmp /var/tmp /dev/shm; do findmnt -no OPTIONS -T "$d" | grep -q noexec || { echo "$d"; exit 1; }; done'
	check_guard "a program there does not start, nor by way of the loader" '
		as_user cp /bin/true /tmp/x && refused as_user /tmp/x
		loader=$(ls /lib64/ld-linux-x86-64.so.2) && refused as_user "$loader" /tmp/x && cp /bin/true /tmp/r && refused /tmp/r'
	check_guard "memory files cannot be executed, where the kernel has such a switch" '
		[ ! -e /proc/sys/vm/memfd_noexec ] || [ "$(cat /proc/sys/vm/memfd_noexec)" -ge 1 ]'
	check_guard "what is mounted later is closed, too" '
		mkdir -p /media/x && mount -t tmpfs later /media/x
		again 60 eval "findmnt -no OPTIONS /media/x | grep -q noexec"; r=$?; umount /media/x; exit $r'
	check_guard "somebody opens /tmp: it is closed again" '
		mount -o remount,bind,exec /tmp && again 120 eval "findmnt -no OPTIONS -T /tmp | grep -q noexec"'
	guard_policy_next "without it" "$guard_enforced"
	check_guard "places are as they were" 'again 120 eval "! findmnt -no OPTIONS -T /home | grep -q noexec" && ! findmnt /home &&
		cp /bin/true /var/tmp/r && again 60 /var/tmp/r'
}

guard_restart() {
	guard_policy_next "enforce" "$guard_enforced,\"noexec\":true"
	check "a restart" vm_reboot
	check "up again" vm_wait_boot
	check_guard "the guard is there by itself, and places are closed" '
		again 120 guard_is in_force && refused game && tool && again 120 state_of noexec compliant'
	check_guard "the system came up whole" '[ ! -d /run/systemd/system ] || ! systemctl --failed --no-legend | grep .'
	check "the power is cut" vm_cut
	check "and back" vm_again clock=now
	check "up again" vm_wait_boot
	check_guard "judged again" 'again 120 guard_is in_force && refused game && tool'
}

guard_unenrol() {
	check_guard "the phone leaves" 'agentctl unenroll --yes'
	check_guard "everything runs, and nobody judges" '
		again 60 game && again 60 as_user /home/phone/own && again 60 eval "! guard_pids"'
	check_guard "no place is closed by us" '! findmnt /home && [ ! -e /run/mdm-agent/exec-mounts ]'
	check "switched off" vm_poweroff
}
