#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's initramfs-tools: what goes into an initramfs, and where its boot partition is.
[ "${1:-}" != prereqs ] || exit 0
# shellcheck source=/dev/null
. /usr/share/initramfs-tools/hook-functions

# Without a boot partition the root holds the plan, and nothing is to be done before it is mounted.
uuid=$(findmnt -n -o UUID --target /boot 2>/dev/null)
type=$(findmnt -n -o FSTYPE --target /boot 2>/dev/null)
[ -n "$uuid" ] && [ "$uuid" != "$(findmnt -n -o UUID --target / 2>/dev/null)" ] || exit 0
copy_exec @PREFIX@/libexec/mdm-agent/mdm-agent-wipe
copy_file script @PREFIX@/share/mdm-agent/early-wipe.sh
# Not ours alone, but nothing works without it.
copy_exec "$(command -v blkid)" /sbin/blkid
case $type in
vfat) manual_add_modules vfat nls_cp437 nls_ascii nls_iso8859_1 ;;
*) manual_add_modules "$type" ;;
esac
mkdir -p "$DESTDIR/etc/mdm-agent"
echo "$uuid" >"$DESTDIR/etc/mdm-agent/boot-uuid"
