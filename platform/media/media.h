/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.h - what happens to one memory stick or card when udev asks about it. Program
 * mdm-agent-media only.
 *
 * What is mounted, or has something built on it, is never taken away: its user would lose data.
 */
#ifndef MDM_PLATFORM_MEDIA_MEDIA_H
#define MDM_PLATFORM_MEDIA_MEDIA_H

#include "platform/removable_device.h"
#include "platform/removable_rule.h"

/* What was done to a device, so that it can be undone: bits, kept in udev's database. */
enum {
	MEDIA_SHUT = 1,	     /* interface or card: without authorization, without driver */
	MEDIA_READ_ONLY = 2, /* blocks */
	MEDIA_OFFLINE = 4,   /* disk */
};

/* One event of udev. Texts are "" where udev says nothing. */
struct media_event {
	enum removable_choice choice;
	const char *path;     /* "sys/devices/…" */
	const char *action;   /* "add" */
	const char *fs_usage; /* of blkid: "filesystem", "crypto" */
	const char *fs_type;  /* of blkid: "crypto_LUKS" */
	unsigned int marks;   /* of the events before */
	bool synthetic;	      /* asked for by somebody; else the kernel's own */
};

enum media_verdict {
	MEDIA_NONE,    /* none that is meant */
	MEDIA_ALLOWED, /* as far as the choice goes: perhaps to be read only */
	MEDIA_DENIED,
	MEDIA_LATER, /* in use; treated when it is free */
	MEDIA_SYSTEM,
	MEDIA_VERDICT_MAX,
};
const char *media_verdict_name(enum media_verdict verdict);

/* What takes a device node; sysfs is written directly. name: "sda". 0 or -errno. */
struct media_ioctls {
	int (*set_read_only)(int root_fd, const struct removable_device *device, bool on);
	int (*drop_partition)(int root_fd, const struct removable_device *device);
	int (*reread)(int root_fd, const struct removable_device *device);
};
extern const struct media_ioctls media_ioctls;

/*
 * Does what the choice demands of the device of this event. 0, or -errno of what could not be
 * done, in which case the verdict stands all the same; *ret_marks are those to remember.
 */
int media_act(int root_fd, const struct media_ioctls *ioctls, const struct media_event *event,
	enum media_verdict *ret_verdict, unsigned int *ret_marks);

/* "shut+offline" and back; "none" for no mark, nothing for words that there are not. */
void media_marks_format(unsigned int marks, char ret_text[64]);
unsigned int media_marks_parse(const char *text);

#endif
