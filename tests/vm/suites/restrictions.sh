# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2154 # what is sourced is beside this directory
# What of a phone may be used: camera, microphone, radios, USB on both sides, the SSH server, with the kernel's own
# drivers and somebody who is logged in and does not agree. One phone, two starts; restrictions.sh has the chapters.
# VM_CHAPTERS="camera ssh" runs these alone (the first and the last ones always).
. "$VM_DIR/fleet.sh"
. "$VM_DIR/story.sh"
. "$VM_DIR/restrictions.sh"

if fleet_start && restrict_policy '' && fleet_zero_touch staff "$fleet_home/staff.conf" "$restrict_phone"; then
	restrict_first_start
	for chapter in ${VM_CHAPTERS:-camera locked microphone radios usb gadget ssh restart}; do
		"restrict_$chapter"
	done
	restrict_unenrol
else
	check "an organisation with a server" false
fi
fleet_stop
