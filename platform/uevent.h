/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uevent.h - what the kernel tells of devices, and what udevd tells when its rules have been
 * applied, without libudev. A message is only a reason to look: who sent it does not matter.
 */
#ifndef MDM_PLATFORM_UEVENT_H
#define MDM_PLATFORM_UEVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

enum uevent_source {
	UEVENT_KERNEL = 1, /* at once */
	UEVENT_UDEV = 2,   /* when the rules have been applied */
};

#define UEVENT_BYTES 8192 /* the kernel's are at most 2048 and a path; udev adds its own */

/* A socket that does not block, without a filter. The descriptor or -errno. */
int uevent_open(enum uevent_source source);

#define UEVENT_SUBSYSTEMS_MAX 8

/*
 * Of udev's messages, leaves those of these subsystems; the others, which an idle phone has many
 * of, do not wake anybody up. 0; -E2BIG; -errno.
 */
int uevent_filter(int fd, const char *const *subsystems, size_t n_subsystems);
/* What udev puts into a message for a subsystem. */
uint32_t uevent_hash(const char *subsystem);

/* Takes all that has come; lost ones are fine, a message is a reason to look. False: the socket is
 * of no use any more. */
bool uevent_drain(int fd);

/*
 * Listens to what udev says of these subsystems, on a loop; the source owns the socket. on_event
 * takes what has come by uevent_drain(). 0 or -errno.
 */
int uevent_watch(sd_event *event, const char *const *subsystems, size_t n_subsystems,
	sd_event_io_handler_t on_event, void *userdata, sd_event_source **ret_source);

/*
 * Of udev's messages, leaves those of block devices, USB and memory cards; the others, which an
 * idle phone has many of, do not wake anybody up. 0 or -errno.
 */
int uevent_filter_media(int fd);

#endif
