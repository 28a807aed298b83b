/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_wish.h - conditions on facts that are true, false or unknown: one wish for each, and all of
 * a list have to fit. What "charging", "locked" and "network" have in common. Only for policies/.
 */
#ifndef MDM_POLICIES_WHEN_WISH_H
#define MDM_POLICIES_WHEN_WISH_H

#include "policies/when_leaf.h"

struct wish {
	const char *name;     /* the member of the condition */
	const char *yes, *no; /* for people */
	enum truth (*fact)(const struct when_facts *facts);
};

#define WISHES_MAX 3

struct wishes {
	const struct wish *rows; /* ended by one without name */
	bool has[WISHES_MAX], wanted[WISHES_MAX];
};

/* Reads the members that rows name; others are not looked at. 0 or
 * -EBADMSG. */
int wishes_parse(const struct wish *rows, struct json_object *arguments, const char *path,
	struct wishes *ret_wishes, struct json_error *error);
size_t wishes_count(const struct wishes *wishes);

enum truth wishes_evaluate(const struct wishes *wishes, const struct when_facts *facts);
/* "online and unmetered"; *separator ("" first) goes before, and is " and " afterwards. */
void wishes_format(const struct wishes *wishes, const char **separator, struct buf *out);
/* The members of "properties". */
void wishes_schema(const struct wish *rows, struct jsonw *w);

/* A row's next() where events alone change the answer. */
int64_t wish_next_never(const void *data, const struct when_facts *facts);

#endif
