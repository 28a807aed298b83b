# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2154 # what is sourced is beside this directory
# Memory sticks and a memory card under each choice of encryption.removable: plugged in before the policy and after
# it, in use when it comes, and back again when it goes. One phone, one start; media.sh has the chapters.
. "$VM_DIR/fleet.sh"
. "$VM_DIR/story.sh"
. "$VM_DIR/media.sh"

if fleet_start && media_policy any && fleet_zero_touch staff "$fleet_home/staff.conf" "$media_phone"; then
	media_first_start
	media_read_only
	media_encrypted_only
	media_encrypted_read_only
	media_blocked
	media_any
	media_unenrol
else
	check "an organisation with a server" false
fi
fleet_stop
