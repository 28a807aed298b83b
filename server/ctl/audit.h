/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the server's chained log of what administrators did (docs/protocol.md, section 5): each
 * entry's chain is the SHA-256 over the chain before it and the entry without its chain. Pure.
 */
#ifndef MDM_MDMCTL_AUDIT_H
#define MDM_MDMCTL_AUDIT_H

#include "agent/util/digest.h"
#include "server/ctl/response.h"

/* Path and query of a request line, each byte of which may have become three in JSON's UTF-8. */
#define AUDIT_TARGET_BYTES (3 * 2048)

struct audit_entry {
	int64_t n, time_s, status;
	char who[LIMIT_NAME_BYTES + 2], role[LIMIT_NAME_BYTES + 1], method[16];
	char target[AUDIT_TARGET_BYTES + 1];
	uint8_t chain[SHA256_BYTES];
	struct json_object *json; /* borrowed */
};
struct audit_page {
	struct audit_entry *rows; /* owned */
	size_t n_rows;
	int64_t next;
	struct json_object *json; /* owned */
};
int audit_page_read(
	const char *text, size_t n_bytes, struct audit_page *ret_page, struct fault *fault);
void audit_page_done(struct audit_page *page);

/* How far the log was checked. */
struct audit_head {
	int64_t n; /* 0: from the beginning */
	uint8_t chain[SHA256_BYTES];
};

/* Moves the head over one entry. 0; FAULT_REFUSED: the log was altered there. */
int audit_follow(struct audit_head *head, const struct audit_entry *entry, struct fault *fault);

/* "N HEX", as it is remembered in the organisation directory. -EINVAL: not that. */
int audit_head_parse(const char *text, struct audit_head *ret_head);
void audit_head_format(const struct audit_head *head, char ret_text[96]);

#endif
