/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cryptsetup.h - what is asked of cryptsetup(8), each as a child process with a deadline.
 *
 * Fixed argv, the device behind "--", an empty environment; secrets only through pipes
 * (agent/util/child.h), so that no process list, file or swap ever has them. Whether a passphrase
 * is right is cryptsetup's own word, its exit status, and nothing else. Its locks of the metadata
 * (/run/cryptsetup) stay on: somebody may be at work with it at the same moment.
 *
 * Versions 2.4 (2021) and later. Older ones do not know --disable-external-tokens; they say so and
 * the verdict is CRYPTSETUP_FAILED. LUKS1: headers are read here, cryptsetup prints them for people
 * only; tokens do not exist, and asking for one is CRYPTSETUP_FAILED.
 */
#ifndef MDM_PLATFORM_CRYPTSETUP_H
#define MDM_PLATFORM_CRYPTSETUP_H

#include <systemd/sd-event.h>

#include "agent/util/child.h"
#include "policies/luks.h"

/* Of one run. A passphrase costs about two seconds where it was made, and more on a busy phone. */
#define CRYPTSETUP_DEADLINE_S 120

enum cryptsetup_action {
	CRYPTSETUP_DUMP,	 /* the header, in result.header */
	CRYPTSETUP_TEST,	 /* whether the secret opens it; nothing is opened */
	CRYPTSETUP_ADD_KEY,	 /* a keyslot for new_secret, by leave of secret */
	CRYPTSETUP_KILL_SLOT,	 /* removes one, not the last that opens */
	CRYPTSETUP_ERASE,	 /* removes all: nothing opens the volume any more */
	CRYPTSETUP_TOKEN_IMPORT, /* adds a token */
	CRYPTSETUP_TOKEN_REMOVE,
	CRYPTSETUP_ACTION_MAX,
};

enum cryptsetup_verdict {
	CRYPTSETUP_OK,		 /* exit status 0 */
	CRYPTSETUP_FAILED,	 /* 1, or it did not end by itself; said has the cause */
	CRYPTSETUP_WRONG_KEY,	 /* 2 */
	CRYPTSETUP_NO_MEMORY,	 /* 3 */
	CRYPTSETUP_WRONG_DEVICE, /* 4, and what is no LUKS volume */
	CRYPTSETUP_BUSY,	 /* 5, and a header that changes while it is read */
	CRYPTSETUP_DEADLINE,	 /* it was ended */
	CRYPTSETUP_GARBLED,	 /* it answered what is not understood */
	CRYPTSETUP_VERDICT_MAX,
};
const char *cryptsetup_verdict_name(enum cryptsetup_verdict verdict); /* "wrong_key" */

/* Everything is copied. */
struct cryptsetup_request {
	enum cryptsetup_action action;
	int root_fd;	     /* -1, or a directory to chroot(2) into */
	const char *program; /* absolute; see cryptsetup_find() */
	const char *device;  /* absolute, as the program sees it */
	uint32_t deadline_s; /* of each run; 0: CRYPTSETUP_DEADLINE_S */
	/*
	 * TEST: bit N: keyslot N is tried, by itself, one after the other until one opens. 0: left
	 * to cryptsetup, which passes over those of priority "ignore", and answers "failed" instead
	 * of "wrong key" where the last keyslot holds no key of the volume; so name them.
	 */
	uint32_t slots;
	int slot; /* ADD_KEY: the new one, -1: the first free; KILL_SLOT; TOKEN_REMOVE: token */
	/*
	 * TEST: what is tried; no bytes at all (n_bytes 0, bytes not NULL): the empty passphrase.
	 * ADD_KEY: one that opens. KILL_SLOT: one that opens another keyslot, so that nobody is
	 * shut out; bytes NULL: done without.
	 */
	struct child_secret secret;
	struct child_secret new_secret; /* ADD_KEY; never empty */
	/*
	 * ADD_KEY: new_secret was drawn, not chosen. Costs protect what people choose; those of
	 * cryptsetup's default take up to 1 GiB, which a phone may not have when it starts.
	 */
	bool drawn;
	const char *json; /* TOKEN_IMPORT */
};

struct cryptsetup_result {
	enum cryptsetup_verdict verdict;
	/* TEST: the keyslot that opened, or whose error this is; ADD_KEY: the new one;
	 * TOKEN_IMPORT: the token; else -1. */
	int slot;
	const struct luks_header *header; /* DUMP, valid during the callback; NULL unless OK */
	/* One sentence for people, "" where OK: what cryptsetup said, or what is wrong. */
	char said[LIMIT_TEXT_BYTES + 1];
};

struct cryptsetup;
typedef void (*cryptsetup_done_fn)(const struct cryptsetup_result *result, void *userdata);

/*
 * done is called exactly once from the loop, unless cryptsetup_free() comes first. *ret_operation
 * is set to NULL before. 0 or -errno: -EINVAL for a request that makes no sense, -ENOENT where
 * there is no such program.
 */
int cryptsetup_start(sd_event *event, const struct cryptsetup_request *request,
	cryptsetup_done_fn done, void *userdata, struct cryptsetup **ret_operation);
void cryptsetup_free(struct cryptsetup *operation);

/* Where the program is below a root: an absolute path inside it, or NULL. */
const char *cryptsetup_find(int root_fd);
#define CRYPTSETUP_ABSENT                                                                          \
	"cryptsetup is not installed: install the package cryptsetup (cryptsetup-bin on Debian)"

/*
 * The first LUKS_BINARY_BYTES of a block device or regular file, fewer if it is shorter. They tell
 * whether there is LUKS, and, as they hold the checksum of all metadata, whether any changed.
 * root_fd as in a request. Bytes read, or -errno; -ENOTBLK for anything else.
 */
ssize_t cryptsetup_read_start(
	int root_fd, const char *device, uint8_t ret_bytes[LUKS_BINARY_BYTES]);

#endif
