/* SPDX-License-Identifier: Apache-2.0 */
/* policy_file.c - reads, checks and shows policies; see policy_file.h. Signs nothing. */
#include "server/ctl/policy_file.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/trust/escrow.h"
#include "agent/util/clock.h"
#include "server/ctl/apps_advice.h"
#include "server/ctl/args.h"
#include "server/ctl/envelope.h"
#include "server/ctl/restrictions_advice.h"
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

/* Phones take a policy with certificates of any kind, and seal nothing to some of them. */
static int policy_file_check_escrow(const struct policy *policy, struct fault *fault)
{
	struct escrow_certificate certificate;
	char why[LIMIT_TEXT_BYTES + 1];

	for (size_t i = 0; i < policy->n_escrow; i++) {
		memcpy(certificate.der, policy->escrow[i].der, policy->escrow[i].n_der);
		certificate.n_der = policy->escrow[i].n_der;
		if (escrow_certificate_check(&certificate, why) < 0)
			return fault_set(
				fault, FAULT_FAILURE, "escrow.certificates[%zu]: %s", i, why);
	}
	return 0;
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

	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r = envelope_policy(&envelope, text, n_bytes, &payload, &policy, fault);

	if (!r)
		r = policy_file_check_escrow(policy, fault);
	if (r)
		return policy_file_fault(path, fault);
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

int policy_file_judge(struct ctl *ctl, const struct document *document, struct policy **ret_policy,
	enum document_reason *ret_reason, struct fault *fault)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct json_error error = {0};
	enum document_reason reason = DOCUMENT_OK;
	uint32_t missing;
	int r = policy_parse(document->json, &policy, &error);

	if (r < 0 && r != -EBADMSG)
		return fault_errno(fault, r, "policy");
	if (r == -EBADMSG) {
		reason = DOCUMENT_E_MEANING;
		r = fault_set(fault, FAULT_FAILURE, "%s%s%s", error.path, *error.path ? ": " : "",
			error.message);
	} else if (policy_destroys(policy) &&
		   (missing = signing_missing(document, ctl->org.keyset, TRUST_ROLE_DESTROY)) > 0) {
		reason = DOCUMENT_E_DESTROY;
		r = fault_set(fault, FAULT_FAILURE,
			"phones would refuse this document (%s): %s can destroy what is on them, "
			"and %u more signature%s of keys with the role destroy %s needed. %s",
			document_reason_name(reason), policy_destroys(policy), missing,
			missing == 1 ? "" : "s", missing == 1 ? "is" : "are",
			document_reason_advice(reason));
	}
	if (ret_reason)
		*ret_reason = reason;
	if (r)
		return r;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

void policy_file_missing(
	struct ctl *ctl, FILE *out, const struct document *document, const struct policy *policy)
{
	uint32_t missing;

	if (!document) {
		fprintf(out,
			"mdmctl: phones take it with %u signatures of keys with the role policy: "
			"'mdmctl policy cosign' adds one\n",
			ctl->org.keyset->threshold[TRUST_ROLE_POLICY]);
		return;
	}
	missing = signing_missing(document, ctl->org.keyset, TRUST_ROLE_DESTROY);
	if (!policy_destroys(policy) || missing == 0)
		return;
	fprintf(out,
		"mdmctl: it can destroy what is on phones, and phones take it with %u more "
		"signature%s of keys with the role destroy: 'mdmctl policy cosign'\n",
		missing, missing == 1 ? "" : "s");
}

int policy_file_verify(struct ctl *ctl, const char *path, const char *text, size_t n_bytes,
	struct document **ret_document, struct policy **ret_policy, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	int r = signing_verify(&ctl->org, text, n_bytes, ctl->now_s, &document, NULL, fault);

	if (r)
		return policy_file_fault(path, fault);
	if (document->type != DOCUMENT_POLICY)
		return fault_set(fault, FAULT_FAILURE,
			"%s is not a policy but a document of type %s", path,
			document_type_name(document->type));
	if (policy_file_judge(ctl, document, ret_policy, NULL, fault))
		return policy_file_fault(path, fault);
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

/* What a profile says of wrong attempts, as far as it says it alone. */
static void policy_file_warn_attempts(FILE *out, const struct profile *profile)
{
	const struct value *values = profile->values;
	const struct setting_row *row = setting_row(SETTING_PASSWORD_AT_MAXIMUM);
	bool has_max = profile->has[SETTING_PASSWORD_MAX_ATTEMPTS];

	if (profile->has[SETTING_PASSWORD_AT_MAXIMUM] &&
		values[SETTING_PASSWORD_AT_MAXIMUM].number > 0)
		fprintf(out,
			"warning: profile %s: password.at_maximum is %s: whoever holds a phone can "
			"destroy what is on it; the policy needs the signatures of the role "
			"destroy\n",
			profile->id, row->choices[values[SETTING_PASSWORD_AT_MAXIMUM].number]);
	if (profile->has[SETTING_PASSWORD_AT_MAXIMUM] && !has_max)
		fprintf(out,
			"warning: profile %s: password.at_maximum does nothing unless another "
			"profile that applies sets max_attempts\n",
			profile->id);
	if (has_max && profile->has[SETTING_PASSWORD_FREE_ATTEMPTS] &&
		values[SETTING_PASSWORD_FREE_ATTEMPTS].number >=
			values[SETTING_PASSWORD_MAX_ATTEMPTS].number)
		fprintf(out,
			"warning: profile %s: password.free_attempts is not below max_attempts: "
			"nobody waits before the last attempt\n",
			profile->id);
}

/* Actions that nobody takes back. */
static void policy_file_warn_actions(FILE *out, const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_actions; i++) {
		const struct action_row *row = action_row(profile->actions[i].kind);

		if (row->destroys)
			fprintf(out,
				"warning: profile %s: the action %s happens as soon as its condition "
				"is true, wherever the phone is and whoever has it; the policy needs "
				"the signatures of the role destroy\n",
				profile->id, row->name);
	}
}

/* The setting that AREA.SETTING may have been meant for; NULL: none is near. */
static const char *nearest_setting(const char *unknown)
{
	const char *names[SETTING_MAX], *dot = strchr(unknown, '.');
	size_t n = 0;

	for (size_t i = 0; dot && i < SETTING_MAX; i++) {
		const struct setting_row *row = setting_row((enum setting_id)i);
		const char *area = area_row(row->area)->name;

		if (strlen(area) == (size_t)(dot - unknown) &&
			memcmp(area, unknown, strlen(area)) == 0)
			names[n++] = row->name;
	}
	return dot ? args_nearest(dot + 1, names, n) : NULL;
}

void policy_file_warn(FILE *out, const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_profiles; i++) {
		policy_file_warn_attempts(out, &policy->profiles[i]);
		policy_file_warn_actions(out, &policy->profiles[i]);
		apps_advise(out, &policy->profiles[i]);
	}
	restrictions_advise(out, policy);
	for (size_t i = 0; i < policy->n_places; i++)
		if (!policy->places[i].relevant)
			fprintf(out,
				"warning: place %s: no condition names it, so phones do not look for "
				"it\n",
				policy->places[i].name);
	for (size_t i = 0; i < policy->n_unsupported; i++) {
		const char *meant = nearest_setting(policy->unsupported[i]);

		fprintf(out,
			"warning: %s: this version does not know it%s%s%s; phones that do not know "
			"it either leave it out and report it as unsupported\n",
			policy->unsupported[i], meant ? " (did you mean " : "", meant ? meant : "",
			meant ? "?)" : "");
	}
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
