# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2154 # what is sourced is beside this directory
# A phone whose passcode obeys a policy: a weak one is found at the next unlock and changed, wrong ones wait and
# lock, through a power cut as well; the organisation helps; nothing that happens to the agent, to the files of PAM
# or by a process of the user locks the owner out or lets anybody in; and nothing of it stays.
# One phone, two starts. passcode.sh has the chapters.
. "$VM_DIR/fleet.sh"
. "$VM_DIR/story.sh"
. "$VM_DIR/passcode.sh"

if fleet_start && passcode_policy 2 120 6 &&
	fleet_zero_touch staff "$fleet_home/staff.conf" "$passcode_phone"; then
	passcode_first_start
	passcode_enrol
	passcode_weak
	passcode_wrong
	passcode_cut
	passcode_locked_out
	passcode_from_afar
	passcode_agent_killed
	passcode_hostile
	passcode_vendor
	passcode_unenrol
else
	check "an organisation with a server" false
fi
fleet_stop
