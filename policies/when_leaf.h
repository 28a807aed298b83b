/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_leaf.h - what a kind of condition is: one row, listed in when_leaves[] in when.c. The
 * parser, the evaluation, the JSON Schema and the reference read the same rows. Only for policies/.
 */
#ifndef MDM_POLICIES_WHEN_LEAF_H
#define MDM_POLICIES_WHEN_LEAF_H

#include "agent/util/jsonw.h"
#include "policies/when.h"

struct when_leaf_row {
	const char *name;    /* the member that selects it: "time" */
	const char *help;    /* for the reference: when it is true, what its members are */
	const char *example; /* one JSON object */
	/* arguments: an object; path: its own. 0 with *ret_data owned by the caller; -EBADMSG;
	 * -ENOMEM. */
	int (*parse)(struct json_object *arguments, const char *path, void **ret_data,
		struct json_error *error);
	enum truth (*evaluate)(const void *data, const struct when_facts *facts);
	/* Seconds until evaluate() gives another answer by time alone; INT64_MAX: never. */
	int64_t (*next)(const void *data, const struct when_facts *facts);
	/* What this agent does not know inside a known condition; NULL: there can be nothing. */
	void (*each_unknown)(
		const void *data, void (*visit)(void *userdata, const char *kind), void *userdata);
	void (*format)(const void *data, struct buf *out);
	void (*free)(void *data);
	void (*schema)(struct jsonw *w, const char *key); /* JSON Schema of arguments */
	/* WHEN_NEEDS_*; NULL: nothing of them. */
	unsigned int (*needs)(const void *data);
	/* The place that it depends on, and whose it is; NULL: on none. */
	const char *(*place)(const void *data);
	void (*bind)(void *data, const char *stream);
};

extern const struct when_leaf_row when_leaf_time, when_leaf_noncompliant, when_leaf_charging,
	when_leaf_network, when_leaf_locked, when_leaf_enrolled, when_leaf_place;

extern const struct when_leaf_row *const when_leaves[];
extern const size_t when_n_leaves;

/* The longest "for": a year. */
#define WHEN_FOR_MAX_S (INT64_C(365) * 24 * 3600)
/* " for 7 d"; nothing for 0. */
void when_format_for(int64_t for_s, struct buf *out);
/* The property "for". */
void when_schema_for(struct jsonw *w);

#endif
