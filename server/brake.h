/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brake.h - which commands destroy, and who may let one more of them through (docs/protocol.md,
 * section 5). It is the one place where the server reads what is inside a document: no signature is
 * checked and nothing is believed, but a stolen login and a script that runs wild must not be able
 * to empty a fleet within minutes, not even with signatures that are good. Pure; mdm-server only.
 */
#ifndef MDM_SERVER_BRAKE_H
#define MDM_SERVER_BRAKE_H

#include <stdbool.h>

#include "agent/util/limits.h"
#include "server/json_scan.h"

/*
 * The verbs of agent/trust/verb.h, which a courier does not see: a test compares the two. One that
 * stands here only, because phones are to learn it, does no harm.
 */
struct brake_verb {
	const char *name;
	bool destroys; /* it needs the role "destroy" */
};
/* The last has name NULL. */
extern const struct brake_verb brake_verbs[];

/*
 * Does this document order a phone to destroy something? What cannot be read does, and so does a
 * verb that is not in the table and quotes a nonce, as phones demand it of destructive ones: this
 * server may be older than its phones. ret_verb: what the payload says, "" if nothing readable.
 */
bool brake_destroys(struct span document, char ret_verb[LIMIT_NAME_BYTES + 1]);

/*
 * Is it a command at all? By the header of any line, or the payload: a phone goes by them and not
 * by where the server keeps the document, so that it may be kept in one place only.
 */
bool brake_is_command(struct span document);

/* An administrator, as TLS told. */
struct brake_admin {
	const char *name, *certificate; /* common name; serial number, hexadecimal */
};
/*
 * Is b somebody else than a? Not with the same certificate, and not with a renewed one of the same
 * name, however it is written.
 */
bool brake_is_another(const struct brake_admin *a, const struct brake_admin *b);

#endif
