/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - looks at a document before it is used: form, JSON, members, meaning. Checks no
 * signature: there is no keyset here. Pure; agentctl.
 */
#ifndef MDM_CTL_CHECK_H
#define MDM_CTL_CHECK_H

#include "agent/ctl/page.h"
#include "agent/json/json_read.h"
#include "agent/trust/assignment.h"
#include "agent/trust/document.h"
#include "agent/trust/keyset.h"
#include "policies/policy.h"

struct check {
	bool is_signed;
	struct jws jws; /* valid if is_signed */
	char kids[LIMIT_DOCUMENT_LINES][KEY_ID_LENGTH + 1];
	struct json_object *json; /* payload */
	enum document_type type;
	char org[33];			     /* "" where a draft has none */
	int64_t serial, issued_s, expires_s; /* 0 where a draft has none */
	struct policy *policy;		     /* type policy */
	struct keyset *keyset;		     /* type keyset */
	struct assignment assignment;	     /* type assignment */
};

/*
 * Checks n_bytes of text, which must outlive ret_check. A payload without signatures is a draft:
 * org, serial, issued and expires may be missing unless its type needs them. 0 with *ret_check set
 * (check_done()); -EBADMSG with error; -ENOMEM.
 */
int check_document(
	const char *text, size_t n_bytes, struct check *ret_check, struct json_error *error);
void check_done(struct check *check);

void check_render(struct page *p, const struct check *check, int64_t now_s);
void check_write_json(const struct check *check, struct buf *out);

#endif
