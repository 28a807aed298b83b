# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The laboratory itself: whatever another suite relies on works on this shape.

vm_start phone
check "the control channel answers" vm_wait_channel
check "the guest comes up" vm_wait_boot
check_run "the root is LUKS2 by dm-crypt" 'dmsetup info -c --noheadings -o uuid root | grep ^CRYPT-LUKS2-'
