/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the log of what administrators did and tried (docs/protocol.md, section 5). Every
 * entry's chain is over the one before, so that nothing in it can be changed, taken out or put in
 * without all that follows changing, too. mdm-server only.
 *
 * What the chain cannot show is that the newest entries are missing. Who wants to see that keeps
 * number and chain of an entry elsewhere and compares (audit_verify()).
 */
#ifndef MDM_SERVER_AUDIT_H
#define MDM_SERVER_AUDIT_H

#include "server/server.h"

/* Inside a transaction, with what the request did in it: both are there, or neither is. */
int audit_append(struct server *server, const struct http_request *request, int status);

/*
 * http_options.record of the administrators' listener: what changed nothing, in a transaction of
 * its own. More than BOUND_REFUSALS_PER_HOUR refused attempts are not taken: 429.
 */
int audit_record(void *userdata, const struct http_request *request, int status);

/* {"entries":[…],"next":N}: the entry as it is stored, with its chain. */
void audit_list(void *userdata, struct http_conn *conn, const struct http_request *request);

/* What an entry's chain must be. 0 or -EIO. */
int audit_chain(
	const uint8_t before[SHA256_BYTES], struct span json, uint8_t ret_chain[SHA256_BYTES]);

struct audit_verdict {
	int64_t entries;
	int64_t bad;		     /* the first entry that does not fit the one before; 0: none */
	uint8_t chain[SHA256_BYTES]; /* of the last good one */
	bool known;		     /* an entry with the number that was asked for is there … */
	uint8_t known_chain[SHA256_BYTES]; /* … and has this chain */
};
/* Reads the whole log. known_n: the entry whose chain is wanted; 0: none. 0 or as the store. */
int audit_verify(struct store *store, int64_t known_n, struct audit_verdict *ret_verdict);

/*
 * `mdm-server audit verify` and `audit export`: opens DIR/mdm.db for reading only, the server may
 * be running. known: "N:CHAIN" that somebody noted, or NULL. Prints to standard output what it
 * found, or every entry as one line of JSON. The exit status: 0; 1: the log was tampered with, or
 * cannot be read.
 */
int audit_main_verify(const char *directory, const char *known);
int audit_main_export(const char *directory);

#endif
