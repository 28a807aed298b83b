# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2154 # what is sourced is beside this directory
# What everything else rests on: a phone enrols by itself, obeys, reports, repairs; holds on without a
# network, without a right clock, through power cuts and an upgrade; and leaves no trace when it goes.
# Two phones at once: the story is told of one, the other's power is cut ten times beside it (cuts.sh).
# VM_SEED=N repeats the moments of the cuts.
. "$VM_DIR/fleet.sh"
. "$VM_DIR/cuts.sh"
. "$VM_DIR/story.sh"

seed=${VM_SEED:-$(date +%s)}
diag "VM_SEED=$seed"

if fleet_start && story_policy 120 && cuts_policy 60 &&
	fleet_zero_touch staff "$fleet_home/staff.conf" "$story_phone" &&
	fleet_zero_touch cuts "$fleet_home/cuts.conf" "$cuts_phone"; then
	# A shell of its own, so that each of the two speaks to its own phone.
	(cuts_run "$seed" "$fleet_home/cuts.conf") >"$VM_WORK/cuts.log" 2>&1 &
	cuts_pid=$!

	story_first_boot
	story_enrol
	story_service
	story_tamper
	story_upgrade
	story_reboot_without_network
	story_unenrol
	story_remove

	wait "$cuts_pid" || diag "$(tail -n 30 "$VM_WORK/cuts.log")"
	cuts_checks
else
	check "an organisation with a server" false
fi
fleet_stop
