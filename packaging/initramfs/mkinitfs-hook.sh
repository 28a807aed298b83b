#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# postmarketOS: run by the initramfs when devices are there, before the root is opened (/hooks-extra). The boot
# partition has its UUID in the kernel's command line, or the label that the installer gives it.
boot=
# shellcheck disable=SC2013 # words on purpose
for word in $(cat /proc/cmdline); do
	case $word in
	pmos_boot_uuid=*) boot=UUID=${word#*=} ;;
	esac
done
# One with a UUID is there, if late; a label may be on no device at all.
if [ -n "$boot" ]; then
	sh @PREFIX@/share/mdm-agent/early-wipe.sh 10 "$boot"
else
	sh @PREFIX@/share/mdm-agent/early-wipe.sh 2 LABEL=pmOS_boot
fi
