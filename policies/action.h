/* SPDX-License-Identifier: Apache-2.0 */
/*
 * action.h - what a profile does once when its condition comes true, beside its settings. A kind of
 * action is a row of one table; parser, schema and reference read it. When actions are due is
 * decided by activation.h, and done by the enforcer. Pure; enforcer and tools.
 */
#ifndef MDM_POLICIES_ACTION_H
#define MDM_POLICIES_ACTION_H

#include "agent/json/json_read.h"
#include "agent/util/limits.h"

enum action_kind {
	ACTION_LOCK,
	ACTION_NOTIFY,
	ACTION_REPORT,
	ACTION_CRYPTO_LOCK,
	ACTION_WIPE, /* what the organisation brought; never the whole phone */
	ACTION_MAX,
};

#define ACTION_TITLE_BYTES 64 /* as long as that of a command */

struct action {
	enum action_kind kind;
	char title[ACTION_TITLE_BYTES + 1];	 /* ACTION_NOTIFY; "": none */
	char text[LIMIT_COMMAND_TEXT_BYTES + 1]; /* ACTION_NOTIFY */
};

struct jsonw;
struct action_row {
	const char *name; /* the member that selects it: "crypto_lock" */
	const char *help; /* for the reference */
	const char *example;
	bool destroys; /* takes as many signatures as a command that destroys */
	/* arguments: an object; path: its own. 0, -EBADMSG. */
	int (*parse)(struct json_object *arguments, const char *path, struct action *action,
		struct json_error *error);
	void (*schema)(struct jsonw *w, const char *key); /* JSON Schema of arguments */
};

const struct action_row *action_row(enum action_kind kind);
/* NULL if there is none of that name. */
const struct action_row *action_find(const char *name, enum action_kind *ret_kind);

#endif
