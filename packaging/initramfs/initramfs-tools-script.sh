#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's initramfs: init-premount, when the drivers are loaded and before local-top opens the root.
case ${1:-} in
prereqs)
	echo udev
	exit 0
	;;
esac
uuid=$(cat /etc/mdm-agent/boot-uuid 2>/dev/null)
[ -z "$uuid" ] || sh @PREFIX@/share/mdm-agent/early-wipe.sh 10 "UUID=$uuid"
