/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uevent.h - what the kernel tells of devices, and what udevd tells when its rules have been
 * applied, without libudev. A message is only a reason to look: who sent it does not matter.
 */
#ifndef MDM_PLATFORM_UEVENT_H
#define MDM_PLATFORM_UEVENT_H

enum uevent_source {
	UEVENT_KERNEL = 1, /* at once */
	UEVENT_UDEV = 2,   /* when the rules have been applied */
};

#define UEVENT_BYTES 8192 /* the kernel's are at most 2048 and a path; udev adds its own */

/* A socket that does not block, without a filter. The descriptor or -errno. */
int uevent_open(enum uevent_source source);

/*
 * Of udev's messages, leaves those of block devices, USB and memory cards; the others, which an
 * idle phone has many of, do not wake anybody up. 0 or -errno.
 */
int uevent_filter_media(int fd);

#endif
