/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_keyset.c - "mdmctl keyset show, draft, renew, threshold": the keyset in force and the next
 * one. Runs as the administrator; signs nothing.
 */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/commands.h"
#include "server/ctl/key_table.h"
#include "server/ctl/keyset_sign.h"
#include "server/ctl/keyset_words.h"
#include "server/ctl/rehearsal.h"
#include "server/ctl/span.h"

#define KEYSET_SPAN "2y"

static void keyset_write_pins(const struct keyset *keyset, struct jsonw *w)
{
	char text[BASE64URL_LENGTH(SHA256_BYTES) + 1];

	if (keyset->n_ca_pins == 0)
		return;
	jsonw_array(w, "ca_pins");
	for (size_t i = 0; i < keyset->n_ca_pins; i++) {
		base64url_encode(keyset->ca_pins[i], SHA256_BYTES, text);
		jsonw_string(w, NULL, text);
	}
	jsonw_array_end(w);
}

static void keyset_write(
	struct ctl *ctl, const struct keyset *keyset, const uint8_t *sha256, struct jsonw *w)
{
	char digest[2 * SHA256_BYTES + 1];

	jsonw_string(w, "org", keyset->org);
	jsonw_string(w, "org_name", keyset->org_name);
	jsonw_int(w, "version", keyset->version);
	jsonw_int(w, "issued", keyset->issued_s);
	jsonw_int(w, "expires", keyset->expires_s);
	if (sha256) {
		hex_encode(sha256, SHA256_BYTES, digest);
		jsonw_string(w, "sha256", digest);
	}
	jsonw_object(w, "thresholds");
	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		jsonw_int(w, trust_role_name((enum trust_role)role), keyset->threshold[role]);
	jsonw_object_end(w);
	keyset_write_pins(keyset, w);
	key_table_json(ctl, keyset, w);
}

static int keyset_print(struct ctl *ctl, struct fault *fault)
{
	const struct keyset *keyset = ctl->org.keyset;
	char issued[24], date[24], relative[32], digest[2 * SHA256_BYTES + 1];
	int r;

	hex_encode(ctl->org.keyset_sha256, SHA256_BYTES, digest);
	clock_format(keyset->issued_s, issued);
	clock_format(keyset->expires_s, date);
	span_format_relative(keyset->expires_s, ctl->now_s, relative);
	fprintf(ctl->out,
		"organisation  %s (%s)\nkeyset        %" PRId64
		"\nmade          %s\nexpires       %s (%s)\nSHA-256       %s\nsignatures    ",
		keyset->org_name, keyset->org, keyset->version, issued, date, relative, digest);
	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		fprintf(ctl->out, "%s%s %u", role ? ", " : "",
			trust_role_name((enum trust_role)role), keyset->threshold[role]);
	for (size_t i = 0; i < keyset->n_ca_pins; i++) {
		char pin[BASE64URL_LENGTH(SHA256_BYTES) + 1];

		base64url_encode(keyset->ca_pins[i], SHA256_BYTES, pin);
		fprintf(ctl->out, "\n%-13s %s", i ? "" : "CA pins", pin);
	}
	fprintf(ctl->out, "\n\n");
	r = key_table_print(ctl, keyset, fault);
	if (r)
		return r;
	keyset_words_warn(ctl->err, keyset, ctl->now_s);
	return ctl_flush(ctl, fault);
}

int cmd_keyset_show(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	int r = ctl_open(ctl, fault);

	(void)args;
	if (r || !ctl->json)
		return r ? r : keyset_print(ctl, fault);
	jsonw_object(&w, NULL);
	keyset_write(ctl, ctl->org.keyset, ctl->org.keyset_sha256, &w);
	key_table_json_risks(ctl, ctl->org.keyset, &w);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}

static int draft_discard(struct ctl *ctl, struct fault *fault)
{
	_cleanup_(keyset_freep) struct keyset *draft = NULL;
	_cleanup_close_ int lock_fd = -1;
	int r = org_lock(ctl->org.fd, &lock_fd, fault);

	if (r)
		return r;
	draft = draft_peek(&ctl->org);
	r = ctl_confirm(ctl, "Discard the draft of the next keyset, with its signatures?", fault);
	if (!r)
		r = draft_remove(&ctl->org, fault);
	if (r)
		return r;
	fprintf(ctl->err, "mdmctl: discarded the draft; keyset %" PRId64 " stays in force\n",
		ctl->org.keyset->version);
	for (size_t i = 0; draft && i < draft->n_keys; i++)
		if (!keyset_find(ctl->org.keyset, draft->keys[i].key.kid) &&
			keyring_is_here(&ctl->org, &draft->keys[i]))
			fprintf(ctl->err,
				"mdmctl: the new key %s made for it is still here; 'mdmctl key "
				"forget %s' removes it\n",
				draft->keys[i].name, draft->keys[i].name);
	return 0;
}

static int draft_show(struct ctl *ctl, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	_cleanup_buf_ struct buf json = BUF_INIT, missing = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	struct keyset_tally tally;
	int r = draft_open(ctl, DRAFT_MUST_EXIST, &draft, fault);

	if (!r)
		r = keyset_tally(ctl->org.keyset, draft.keyset, &draft.text, &tally, fault);
	if (r)
		return r;
	keyset_tally_missing(&tally, ctl->org.keyset, draft.keyset, &missing);
	if (ctl->json) {
		jsonw_object(&w, NULL);
		keyset_write(ctl, draft.keyset, NULL, &w);
		jsonw_array(&w, "signers");
		for (size_t i = 0; i < tally.n_signers; i++)
			jsonw_string(&w, NULL, tally.signers[i]->name);
		jsonw_array_end(&w);
		jsonw_bool(&w, "complete", keyset_tally_is_complete(&tally));
		jsonw_object_end(&w);
		return ctl_print_json(ctl, &json, fault);
	}
	fprintf(ctl->out, "draft of keyset %" PRId64 ":\n", draft.keyset->version);
	if (keyset_tell_difference(ctl, ctl->out, draft.keyset) == 0)
		fprintf(ctl->out, "  nothing but its version and its day changes\n");
	keyset_tally_print(ctl->out, &tally);
	fprintf(ctl->out, "%s\n",
		missing.n_bytes ? missing.data
				: "signed by enough keys; 'mdmctl keyset push' brings it in force");
	keyset_words_warn(ctl->err, draft.keyset, ctl->now_s);
	return ctl_flush(ctl, fault);
}

int cmd_keyset_draft(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	const char *verb = args->n_operands ? args->operands[0] : "show";
	bool discard = strcmp(verb, "discard") == 0;
	int r;

	if (!discard && strcmp(verb, "show") != 0)
		return fault_set(fault, FAULT_USAGE,
			"keyset draft knows show and discard, not \"%.40s\"", verb);
	r = ctl_open(ctl, fault);
	if (r)
		return r;
	return discard ? draft_discard(ctl, fault) : draft_show(ctl, fault);
}

/*
 * The clock was wrong when the keyset in force was made, or is wrong now; in that case its dates
 * would be refused by every phone.
 */
static int renew_confirm(struct ctl *ctl, enum draft_start *ret_start, struct fault *fault)
{
	const struct keyset *held = ctl->org.keyset;
	char issued[24], now[24], question[96];

	if (!rehearsal_is_ahead(held->issued_s, ctl->now_s) || draft_exists(&ctl->org))
		return 0;
	clock_format(held->issued_s, issued);
	clock_format(ctl->now_s, now);
	fprintf(ctl->err,
		"mdmctl: keyset %" PRId64 " says that it was made on %s, and here it is %s:\n"
		"one of the two clocks was wrong. If it was that one, the next keyset mends it: phones\n"
		"that took this one take it, too. Sign the policies and assignments of that time again.\n",
		held->version, issued, now);
	snprintf(question, sizeof(question), "Is it %s (UTC)?", now);
	*ret_start = DRAFT_BEGIN_EARLIER;
	return ctl_confirm(ctl, question, fault);
}

int cmd_keyset_renew(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	enum draft_start start = DRAFT_BEGIN;
	int64_t valid_s;
	int r = ctl_span_option(args, "expires", KEYSET_SPAN, &valid_s, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = renew_confirm(ctl, &start, fault);
	if (!r)
		r = draft_open(ctl, start, &draft, fault);
	if (r)
		return r;
	draft.keyset->expires_s = ctl->now_s + valid_s;
	r = draft_save(ctl, &draft, fault);
	if (!r)
		keyset_tell_draft(ctl, draft.keyset);
	return r;
}

int cmd_keyset_threshold(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	enum trust_role role = TRUST_ROLE_MAX;
	int64_t n;
	int r = keyset_words_role(args->operands[0], &role, fault);

	if (!r && parse_int64(args->operands[1], 1, LIMIT_THRESHOLD, &n) < 0)
		r = fault_set(fault, FAULT_USAGE,
			"%.40s is not a number of signatures from 1 to %d", args->operands[1],
			LIMIT_THRESHOLD);
	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = draft_open(ctl, DRAFT_BEGIN, &draft, fault);
	if (r)
		return r;
	if (keyset_count_role(draft.keyset, role) < (uint32_t)n)
		return fault_set(fault, FAULT_FAILURE,
			"%u keys have the role %s, so that %" PRId64
			" signatures could never be reached; make another with 'mdmctl key new NAME "
			"--role %s'",
			keyset_count_role(draft.keyset, role), trust_role_name(role), n,
			trust_role_name(role));
	draft.keyset->threshold[role] = (uint32_t)n;
	r = draft_save(ctl, &draft, fault);
	if (!r)
		keyset_tell_draft(ctl, draft.keyset);
	return r;
}
