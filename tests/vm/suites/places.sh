# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2154 # what is sourced is beside this directory
# A phone that is carried out of the office and back, as its receiver of satellites tells GeoClue: no camera, no USB
# and a shorter lock outside, all of it as before inside; without a network, and over a restart outside. places.sh has
# the chapters; the way is bakery.gpx.
. "$VM_DIR/fleet.sh"
. "$VM_DIR/story.sh"
. "$VM_DIR/restrictions.sh"
. "$VM_DIR/places.sh"

if fleet_start && places_policy && fleet_zero_touch staff "$fleet_home/staff.conf" "$places_phone"; then
	places_first_start
	places_away
	places_back
	places_offline
	places_restart
	places_unenrol
else
	check "an organisation with a server" false
fi
fleet_stop
