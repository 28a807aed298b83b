# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1091,SC2154 # what is sourced is beside this directory
# Encryption on real LUKS: recovery keys, a phone that is locked for good and opened again, and wipes: one to its end,
# and as many as VM_CUTS says whose power is cut, each gone on with by what packages put into an initramfs.
# encryption.sh and wipe.sh have the chapters.
. "$VM_DIR/fleet.sh"
. "$VM_DIR/story.sh"
. "$VM_DIR/encryption.sh"
. "$VM_DIR/wipe.sh"

if fleet_start && encryption_policy && fleet_zero_touch staff "$fleet_home/staff.conf" "$encryption_phone"; then
	encryption_first_start
	encryption_nothing_to_lock_with
	encryption_two_disks
	encryption_keyslots
	encryption_escrow
	encryption_generations
	encryption_drift
	encryption_empty
	encryption_crypto_lock
	encryption_recovery
	wipe_whole
	wipe_cuts
else
	check "an organisation with a server" false
fi
fleet_stop
