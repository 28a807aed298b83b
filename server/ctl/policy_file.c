/* SPDX-License-Identifier: Apache-2.0 */
/* policy_file.c - reads, checks and shows policies; see policy_file.h. Signs nothing. */
#include "server/ctl/policy_file.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "server/ctl/envelope.h"
#include "server/ctl/signing.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

bool policy_file_is_signed(const char *text)
{
	return text[strspn(text, " \t\r\n")] != '{' && strncmp(text, "eyJ", 3) == 0;
}

/* Puts the file in front of what is wrong. */
static int policy_file_fault(const char *path, struct fault *fault)
{
	char text[sizeof(fault->text)];

	memcpy(text, fault->text, sizeof(text));
	return fault_set(fault, fault->code, "%s: %s", path, text);
}

int policy_file_check(const char *path, const char *text, size_t n_bytes,
	struct policy **ret_policy, struct fault *fault)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	/* As long as an envelope can be: what passes here fits when it is signed. */
	struct envelope envelope = {
		.org = "00000000000000000000000000000000",
		.serial = INT64_C(9007199254740991),
		.issued_s = INT64_C(9999999999),
		.expires_s = INT64_C(9999999999),
		.target = "check",
	};

	if (envelope_policy(&envelope, text, n_bytes, &payload, ret_policy, fault))
		return policy_file_fault(path, fault);
	return 0;
}

int policy_file_verify(struct ctl *ctl, const char *path, const char *text, size_t n_bytes,
	struct document **ret_document, struct policy **ret_policy, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	struct json_error error = {0};
	int r = signing_verify(&ctl->org, text, n_bytes, ctl->now_s, &document, NULL, fault);

	if (r)
		return policy_file_fault(path, fault);
	if (document->type != DOCUMENT_POLICY)
		return fault_set(fault, FAULT_FAILURE,
			"%s is not a policy but a document of type %s", path,
			document_type_name(document->type));
	r = policy_parse(document->json, ret_policy, &error);
	if (r == -EBADMSG)
		return fault_set(fault, FAULT_FAILURE, "%s: %s%s%s", path, error.path,
			*error.path ? ": " : "", error.message);
	if (r < 0)
		return fault_errno(fault, r, "%s", path);
	*ret_document = TAKE_PTR(document);
	return 0;
}

int policy_file_payload(const char *path, const char *text, size_t n_bytes,
	struct json_object **ret_payload, struct fault *fault)
{
	struct json_error error = {0};
	struct jws jws;
	int r = jws_split(text, n_bytes, &jws);

	if (r < 0)
		return fault_errno(fault, r, "%s", path);
	if (r)
		return fault_set(fault, FAULT_FAILURE,
			"%s is not a signed document; 'mdmctl policy sign' makes one of a policy",
			path);
	r = json_parse(jws.payload, jws.n_payload, ret_payload, &error);
	jws_done(&jws);
	if (r == -EBADMSG)
		return fault_set(fault, FAULT_FAILURE, "%s: the payload is not JSON: %s", path,
			error.message);
	return r < 0 ? fault_errno(fault, r, "%s", path) : 0;
}

void policy_file_warn(FILE *out, const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_unsupported; i++)
		fprintf(out,
			"warning: %s: this version does not know it; phones that do not either "
			"report it as unsupported\n",
			policy->unsupported[i]);
	if (policy->n_unsupported_dropped)
		fprintf(out, "warning: %zu more of these\n", policy->n_unsupported_dropped);
}

void policy_file_print_signers(struct ctl *ctl, const struct document *document)
{
	fprintf(ctl->out, "signed by ");
	for (size_t i = 0; i < document->n_signers; i++) {
		const struct keyset_key *row = keyset_find(ctl->org.keyset, document->signers[i]);

		fprintf(ctl->out, "%s%s", i ? ", " : "", row ? row->name : document->signers[i]);
	}
	fprintf(ctl->out, "\n");
}

static void print_date(struct ctl *ctl, struct json_object *payload, const char *name)
{
	char date[24], relative[32];
	int64_t time_s;

	if (json_get_int(payload, "", name, 0, INT64_MAX, &time_s, NULL) < 0)
		return;
	clock_format(time_s, date);
	span_format_relative(time_s, ctl->now_s, relative);
	fprintf(ctl->out, "%-9s %s (%s)\n", name, date, relative);
}

void policy_file_print(struct ctl *ctl, struct json_object *payload)
{
	const char *pretty;

	print_date(ctl, payload, "issued");
	print_date(ctl, payload, "not_before");
	print_date(ctl, payload, "expires");
	pretty = json_object_to_json_string_ext(payload,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (pretty)
		text_lines(ctl->out, pretty);
}
