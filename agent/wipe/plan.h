/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - the plan of a wipe: what is destroyed, by what it is recognised, and what comes after.
 * The enforcer writes it, mdm-agent-wipe carries it out, now and after a power cut. Pure.
 *
 *	mdm-agent-wipe 1
 *	id 01JD-4
 *	finish poweroff
 *	linger 10
 *	device luks 179:2 /dev/mmcblk0p2 uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427
 *	device plain 179:3 /dev/mmcblk0p3 size=1073741824 uuid=-
 *	device files 179:4 /home inode=2
 *	tpm 81000001
 *	end
 *
 * There is one text for each plan: these lines, in this order, one space between words. "linger"
 * (only above 0), "test", "device" (one at least) and "tpm" lines may be missing.
 */
#ifndef MDM_WIPE_PLAN_H
#define MDM_WIPE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"

#define WIPE_UUID_BYTES 36

enum wipe_kind {
	WIPE_KIND_LUKS,	 /* a LUKS container, by the UUID of its header: the key slots go first */
	WIPE_KIND_PLAIN, /* a block device with data as it is: discarded, overwritten as time allows
			  */
	WIPE_KIND_FILES, /* what is below a directory, on its file system alone */
	WIPE_KIND_MAX,
};
extern const char *const wipe_kind_names[WIPE_KIND_MAX];

enum wipe_finish {
	WIPE_FINISH_NONE, /* the program ends, the system goes on */
	WIPE_FINISH_POWEROFF,
	WIPE_FINISH_REBOOT,
	WIPE_FINISH_MAX,
};
extern const char *const wipe_finish_names[WIPE_FINISH_MAX];

struct wipe_device {
	enum wipe_kind kind;
	unsigned int major, minor; /* when the plan was written; 0:0 for a regular file */
	char path[LIMIT_WIPE_PATH_BYTES + 1];
	/* luks: of the header; plain: of the file system, empty where it has none that is known. */
	char uuid[WIPE_UUID_BYTES + 1];
	uint64_t size_bytes; /* plain */
	uint64_t inode;	     /* files: of the directory */
};

struct wipe_plan {
	char id[LIMIT_NAME_BYTES + 1]; /* of the command */
	enum wipe_finish finish;
	unsigned int linger_s; /* between the keys and the rest: time for last words */
	/* Regular files and loop devices on files, and nothing else; finish is none, no TPM. */
	bool test;
	struct wipe_device devices[LIMIT_WIPE_DEVICES];
	size_t n_devices;
	uint32_t tpm_handles[LIMIT_WIPE_TPM_HANDLES]; /* persistent objects, 0x81…… */
	size_t n_tpm_handles;
};

/*
 * Reads a plan. 0; -EBADMSG, with ret_reason (a constant) saying what is wrong with it. No other
 * output on failure.
 */
int wipe_plan_parse(
	const char *text, size_t n_bytes, struct wipe_plan *ret_plan, const char **ret_reason);

/* Appends the text that wipe_plan_parse() reads. The plan must be one that it would accept. */
void wipe_plan_write(const struct wipe_plan *plan, struct buf *out);

/* Lower-case hexadecimal in groups of 8-4-4-4-12. */
bool wipe_uuid_is_valid(const char *text);

#endif
