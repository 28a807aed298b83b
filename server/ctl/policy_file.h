/* SPDX-License-Identifier: Apache-2.0 */
/* policy_file.h - policies as the administrator holds them: as written, and signed. */
#ifndef MDM_MDMCTL_POLICY_FILE_H
#define MDM_MDMCTL_POLICY_FILE_H

#include "policies/policy.h"
#include "server/ctl/ctl.h"

/* A signed document, not JSON as somebody writes it. */
bool policy_file_is_signed(const char *text);

/* A policy as written, with an envelope of no meaning around it. path is for messages. */
int policy_file_check(const char *path, const char *text, size_t n_bytes,
	struct policy **ret_policy, struct fault *fault);

/* A signed policy: signatures, dates and contents. The document points into text. */
int policy_file_verify(struct ctl *ctl, const char *path, const char *text, size_t n_bytes,
	struct document **ret_document, struct policy **ret_policy, struct fault *fault);

/*
 * What phones ask of a policy beside signatures and dates, when those were found good: contents,
 * and the signatures that destroying takes. FAULT_FAILURE; *ret_reason (may be NULL) is set then.
 */
int policy_file_judge(struct ctl *ctl, const struct document *document, struct policy **ret_policy,
	enum document_reason *ret_reason, struct fault *fault);

/* Says what signatures a policy lacks that was signed just now; document NULL: the threshold of the
 * role policy is not reached. */
void policy_file_missing(
	struct ctl *ctl, FILE *out, const struct document *document, const struct policy *policy);

/* The payload, not verified: for showing it. */
int policy_file_payload(const char *path, const char *text, size_t n_bytes,
	struct json_object **ret_payload, struct fault *fault);

/* One line for each setting that this version does not know, and for what is worth a second look:
 * it can destroy, or rules that contradict each other or do nothing. */
void policy_file_warn(FILE *out, const struct policy *policy);

/* "signed by admin, second". */
void policy_file_print_signers(struct ctl *ctl, const struct document *document);

/* The payload in full, dates in words in front. */
void policy_file_print(struct ctl *ctl, struct json_object *payload);

#endif
