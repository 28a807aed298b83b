# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016,SC2154 # the guest's shell expands; variables are those of fleet.sh
# The series of power cuts, for base.sh: a phone of its own whose power fails again and again while its
# agent writes. Runs beside the main story, in a process of its own, and leaves its findings in
# $cuts_dir/facts, lines of NAME VALUE; a line "trouble TEXT" is a failure. Sourced after fleet.sh.
#
# To be quick, the boots in between have no init system (init/bare): the root is opened, what is on the
# disk is copied out before the agent has touched it, then the agent is started by hand and kept busy.
# The last boot is a complete one.

cuts_dir=$VM_WORK/cuts
cuts_wanted=${VM_CUTS:-10}
# The longest time between the start of the agent and the cut.
cuts_span_ms=3000
# The name of a guest is its serial number.
cuts_phone=vm-cuts-2602

cuts_fact() {
	echo "$* ($(($(date +%s) - VM_BEGAN)) s)" >>"$cuts_dir/facts"
}

# So many milliseconds for each cut, from a seed that can be given again.
cuts_moments() { # SEED
	awk -v seed="$1" -v n="$cuts_wanted" -v span="$cuts_span_ms" \
		'BEGIN { srand(seed); for (i = 0; i < n; i++) print int(rand() * span) }'
}

cuts_policy() { # IDLE-DELAY
	fleet_policy cuts '{"checkin":{"interval":300,"jitter":0},"profiles":[{"id":"cuts","settings":{"screen_lock":
		{"enabled":true,"idle_delay":'"$1"',"require_unlock":true}}}]}'
}

# Where the cuts fall depends on this script as it stands: with a cheaper one (the agent started after the unrest, busybox
# in its loops) none of 50 cuts met a half-written file, with this one 10 of 50 did; beside each other, with one
# seed, 0 and 3 of 20.
# The agent as its service starts it, and somebody who gives it no rest: settings are changed back, so
# that it repairs and journals; it checks in, so that facts, reports and documents are written. Ends with
# the first write.
cuts_work='
size=$(stat -c %s /var/lib/mdm-agent/journal 2>/dev/null)
mkdir -p -m 0755 /run/mdm-agent
setsid sh -c "umask 077; /usr/sbin/mdm-agentd; echo ended: \$?" >/run/agent.log 2>&1 </dev/null &
setsid sh -c "while :; do
	echo \"[Daemon]\" >/etc/xdg/kscreenlockerrc
	rm -f /etc/dconf/db/mdm_agent
	sleep 0.1
done" >/dev/null 2>&1 </dev/null &
setsid sh -c "while :; do agentctl sync; done" >/dev/null 2>&1 </dev/null &
tries=0
until [ "$(stat -c %s /var/lib/mdm-agent/journal 2>/dev/null)" != "$size" ]; do
	[ $((tries += 1)) -lt 600 ] || { cat /run/agent.log; exit 1; }
	sleep 0.05
done
'

cuts_enrolled() {
	[ "$(vm_run 'agentctl status --json' | fleet_pick policies.0.serial)" -ge 1 ] 2>/dev/null
}

# What the disk holds, before the agent has seen it again.
cuts_copy() { # NUMBER
	mkdir -p "$cuts_dir/$1" &&
		vm_guest get "$(vm_seconds 60)" 'cd / && /usr/lib/mdm-vm/busybox tar -c var/lib/mdm-agent etc/xdg etc/dconf' \
			>"$cuts_dir/$1/state.tar" &&
		tar -C "$cuts_dir/$1" -xf "$cuts_dir/$1/state.tar"
}

# One line of numbers about the copy; 1 and the reason where it is not what a cut may leave.
cuts_judge() { # NUMBER
	/usr/bin/python3 "$fleet_py" state "$cuts_dir/$1" "$cuts_dir/$(($1 - 1))" 2>&1
}

cuts_bare_boot() {
	vm_start "$cuts_phone" init=/usr/lib/mdm-vm/bare && vm_wait_boot 120
}

# The agent writes already when this is called.
cuts_one() { # NUMBER MILLISECONDS
	sleep "$(($2 / 1000)).$(printf '%03d' "$(($2 % 1000))")"
	vm_cut
	if ! { cuts_bare_boot && cuts_copy "$1"; }; then
		cuts_fact "trouble after cut $1: the phone does not start"
		return 1
	fi
	cuts_line=$(cuts_judge "$1") || {
		cuts_fact "trouble after cut $1, $2 ms after the first write: $cuts_line"
		return 1
	}
	cuts_fact "cut $1, $2 ms after the first write: $cuts_line"
}

cuts_enrol() { # IMAGE-FILE
	cuts_bare_boot &&
		vm_run 'mkdir -p -m 0755 /etc/mdm-agent /etc/xdg; : >/usr/bin/plasmashell' &&
		vm_put "$1" /etc/mdm-agent/zero-touch.conf &&
		vm_run 'chmod 0600 /etc/mdm-agent/zero-touch.conf' && vm_run "$cuts_work" &&
		vm_host_until 120 cuts_enrolled && return 0
	vm_run 'cat /run/agent.log; agentctl status'
	cuts_fact "trouble the phone of the power cuts does not enrol"
	return 1
}

# The whole series. The disk is the same through all boots.
cuts_run() { # SEED IMAGE-FILE
	mkdir -p "$cuts_dir/0"
	: >"$cuts_dir/facts"
	cuts_enrol "$2" || return 1
	cuts_number=0
	for cuts_moment in $(cuts_moments "$1"); do
		cuts_number=$((cuts_number + 1))
		# Something new to fetch, each time.
		cuts_policy $((60 + cuts_number)) || return 1
		[ "$cuts_number" -eq 1 ] || vm_run "$cuts_work" || return 1
		cuts_one "$cuts_number" "$cuts_moment" || return 1
	done
	# Back to life: the init system, a network, a new policy, and a clock that has lost everything.
	cuts_policy 300 || return 1
	vm_cut
	if ! { vm_start "$cuts_phone" clock=0 && vm_wait_boot; }; then
		cuts_fact "trouble the phone does not start any more"
		return 1
	fi
	echo "done $cuts_number" >>"$cuts_dir/facts"
}

# --- what is made of the findings, by base.sh

cuts_no_trouble() {
	grep '^trouble' "$cuts_dir/facts" && return 1
	grep -qx "done $cuts_wanted" "$cuts_dir/facts" || {
		echo "the series did not come to its end; the last lines of its log:"
		tail -n 30 "$VM_WORK/cuts.log"
		return 1
	}
}

# Every start of the agent is in the journal, and nothing of it had to be given up.
cuts_journal() {
	vm_run 'agentctl journal verify' || return 1
	vm_run 'agentctl journal show --json --lines 5000' >"$cuts_dir/journal" || return 1
	/usr/bin/python3 "$fleet_py" starts "$((cuts_wanted + 1))" <"$cuts_dir/journal"
}

cuts_were_busy() {
	! grep ': 0 records more' "$cuts_dir/facts"
}

# What the agent complains of, but for the clock, and for what this kernel is too old for.
cuts_complaints() {
	phone_status problems | grep -o '"what": "[^"]*"' | grep -viE 'clock|sandbox of'
}

cuts_clock_is_behind() {
	[ "$(vm_run 'date +%s')" -lt $(($(date +%s) - 86400)) ]
}

cuts_checks() {
	vm_use "$cuts_phone"
	sed -n 's/^cut /# cut /p' "$cuts_dir/facts"
	diag "$(grep -c 'in the middle of a write' "$cuts_dir/facts") of $(grep -c '^cut ' "$cuts_dir/facts") cuts \
came in the middle of a write"
	check "$cuts_wanted power cuts: each time enrolment, serials and journal are whole" cuts_no_trouble
	check "the cuts did not meet an agent that idled: records were added before each" cuts_were_busy
	check "the journal verifies over all of them" cuts_journal
	is "the agent has no complaint about its state" "$(cuts_complaints)" ""
	cuts_id=$(fleet_device "$cuts_phone")
	check "the clock of the phone is far behind" cuts_clock_is_behind
	# By itself it would within the first minutes (a fleet that is switched on spreads); nobody waits for that.
	check "it checks in all the same, with certificates of its future" vm_run -t 120 'agentctl sync'
	check "and holds the newest policy" \
		vm_host_until 60 fleet_says "$cuts_id" have.policy.cuts $((cuts_wanted + 2))
	check "the agent did not set the clock" cuts_clock_is_behind
	check_run "it can leave after all that, and leaves nothing half written" \
		'agentctl unenroll --yes && ! find /etc /var -xdev -name ".mdm-*" | grep .'
}
