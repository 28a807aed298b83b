# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2154 # what is sourced is beside this directory
# The whole system under the guard: programs that may not run, upgrades, sandboxes, load, a guard that is killed and
# stopped, both kinds of failure, places that start no programs. One phone; guard.sh has the chapters.
# VM_CHAPTERS="load killed" runs these alone (the first and the last one always); VM_CHURN=600 is the long form.
. "$VM_DIR/fleet.sh"
. "$VM_DIR/story.sh"
. "$VM_DIR/guard.sh"

if fleet_start && guard_policy '"mode":"off"' && fleet_zero_touch staff "$fleet_home/staff.conf" "$guard_phone"; then
	guard_first_start
	for chapter in ${VM_CHAPTERS:-audit enforce allow sandbox load killed closed noexec restart}; do
		"guard_$chapter"
	done
	guard_unenrol
else
	check "an organisation with a server" false
fi
fleet_stop
