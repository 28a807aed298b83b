/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents.c - accepting and keeping documents; see documents.h. Runs as root in the enforcer;
 * parses JSON only behind agent/trust's signatures. Commands are handed on.
 */
#include "agent/enforcer/documents.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/documents_private.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"

void documents_init(struct documents *d, struct state *state, struct journal *journal)
{
	*d = (struct documents){.state = state, .journal = journal};
}

void documents_forget(struct documents *d)
{
	keyset_free(d->keyset);
	for (size_t i = 0; i < d->n_policies; i++)
		policy_free(d->policies[i].policy);
	*d = (struct documents){.state = d->state, .journal = d->journal, .commands = d->commands};
}

void documents_done(struct documents *d)
{
	documents_forget(d);
}

size_t documents_policies(const struct documents *d, struct policy *ret[LIMIT_ASSIGNMENT_GROUPS])
{
	for (size_t i = 0; i < d->n_policies; i++)
		ret[i] = d->policies[i].policy;
	return d->n_policies;
}

void documents_name(
	enum document_type type, const char *stream, char ret_name[LIMIT_NAME_BYTES + 17])
{
	if (type == DOCUMENT_POLICY)
		snprintf(ret_name, LIMIT_NAME_BYTES + 17, "policy.%s", stream);
	else
		snprintf(ret_name, LIMIT_NAME_BYTES + 17, "%s", document_type_name(type));
}

static void documents_journal(struct documents *d, enum journal_type type, struct buf *payload)
{
	uint64_t seq;

	/* A journal that cannot be written is a problem of its own, shown by the status page. */
	if (d->journal && !payload->error)
		(void)journal_append(d->journal, type, payload->data, &seq);
}

static bool documents_in_groups(const struct assignment *assignment, const char *stream)
{
	for (size_t i = 0; i < assignment->n_groups; i++)
		if (strcmp(assignment->groups[i], stream) == 0)
			return true;
	return false;
}

void documents_put_policy(struct documents *d, struct held_policy held)
{
	size_t i = 0;

	while (i < d->n_policies && strcmp(d->policies[i].policy->stream, held.policy->stream) < 0)
		i++;
	if (i < d->n_policies && strcmp(d->policies[i].policy->stream, held.policy->stream) == 0) {
		policy_free(d->policies[i].policy);
		d->policies[i] = held;
		return;
	}
	memmove(&d->policies[i + 1], &d->policies[i], (d->n_policies - i) * sizeof(d->policies[0]));
	d->policies[i] = held;
	d->n_policies++;
}

/* Policies of groups that the phone left go, from memory and from the state directory. */
static bool documents_drop_strangers(struct documents *d)
{
	size_t kept = 0;
	bool dropped = false;

	for (size_t i = 0; i < d->n_policies; i++) {
		char name[LIMIT_NAME_BYTES + 17];

		if (documents_in_groups(&d->assignment, d->policies[i].policy->stream)) {
			d->policies[kept++] = d->policies[i];
			continue;
		}
		documents_name(DOCUMENT_POLICY, d->policies[i].policy->stream, name);
		(void)state_remove_document(d->state, name);
		policy_free(d->policies[i].policy);
		dropped = true;
	}
	d->n_policies = kept;
	return dropped;
}

struct document_context documents_context(const struct documents *d, int64_t now_s)
{
	return (struct document_context){
		.keyset = d->keyset,
		.pinned_keyset = d->state->facts.pinned_keyset,
		.device_id = d->state->facts.device_id,
		.ticket_id = d->state->facts.ticket_id,
		.enrolment_id = d->state->facts.enrolment_id,
		.streams = (const char(*)[LIMIT_NAME_BYTES + 1]) d->assignment.groups,
		.n_streams = d->has_assignment ? d->assignment.n_groups : 0,
		.now_s = now_s,
	};
}

/* --- taking ------------------------------------------------------------------------------ */

/* What is in force, not only what was once recorded: a damaged document is taken again. */
int64_t documents_held(void *userdata, enum document_type type, const char *stream,
	uint8_t ret_payload_sha256[SHA256_BYTES])
{
	struct documents *d = userdata;
	char name[LIMIT_NAME_BYTES + 17];

	if (!d->keyset)
		return 0;
	documents_name(type, stream, name);
	return state_serial(d->state, d->keyset->org, name, ret_payload_sha256);
}

static bool documents_is_loaded(const struct documents *d, const struct document *document)
{
	switch (document->type) {
	case DOCUMENT_KEYSET:
		return d->keyset && d->keyset->version == document->serial;
	case DOCUMENT_ASSIGNMENT:
		return d->has_assignment && d->assignment.serial == document->serial;
	case DOCUMENT_POLICY:
		for (size_t i = 0; i < d->n_policies; i++)
			if (strcmp(d->policies[i].policy->stream, document->stream) == 0)
				return d->policies[i].policy->serial == document->serial;
		return false;
	case DOCUMENT_COMMAND:
	case DOCUMENT_TYPE_MAX:
		break;
	}
	return false;
}

static int documents_refuse_meaning(struct document_refusal *why, const struct document *document,
	const char *path, const char *text)
{
	why->reason = DOCUMENT_E_MEANING;
	snprintf(why->type, sizeof(why->type), "%s", document_type_name(document->type));
	snprintf(why->detail, sizeof(why->detail), "%s%s%s", path, *path ? ": " : "", text);
	return 1;
}

static int documents_take_keyset(
	struct documents *d, struct document *document, struct document_refusal *why)
{
	uint8_t digest[SHA256_BYTES];
	int64_t recorded = state_serial(d->state, document->org, "keyset", digest);

	/* The first keyset of an enrolment is known by its digest; an old ticket must not take the
	 * phone back behind what it has seen of this organisation. */
	if (document->serial < recorded) {
		why->reason = DOCUMENT_E_ROLLBACK;
		snprintf(why->type, sizeof(why->type), "keyset");
		snprintf(why->detail, sizeof(why->detail),
			"version %" PRId64 " was offered, version %" PRId64 " was held before",
			document->serial, recorded);
		return 1;
	}
	keyset_free(d->keyset);
	d->keyset = TAKE_PTR(document->keyset);
	return 0;
}

static int documents_take_assignment(struct documents *d, const struct document *document,
	struct document_refusal *why, bool *ret_policy)
{
	struct json_error error = {0};
	struct assignment assignment;
	int r = assignment_parse(document->json, &assignment, &error);

	if (r == -EBADMSG)
		return documents_refuse_meaning(why, document, error.path, error.message);
	if (r < 0)
		return r;
	if (d->has_assignment && d->assignment.ownership == OWNERSHIP_PERSONAL &&
		assignment.ownership == OWNERSHIP_COMPANY)
		return documents_refuse_meaning(why, document, "ownership",
			"a personal phone becomes a company phone only by unenrolling and enrolling "
			"again on the phone itself");
	d->assignment = assignment;
	d->has_assignment = true;
	*ret_policy |= documents_drop_strangers(d);
	return 0;
}

/*
 * What can destroy by itself takes as many people as a command that destroys. Asked when a policy
 * comes, not when it is read back: what was accepted outlives the keys that signed it.
 */
static bool documents_may_destroy(const struct documents *d, const struct document *document,
	const struct policy *policy, struct document_refusal *why)
{
	const char *what = policy_destroys(policy);

	if (!what || document_satisfies(document, d->keyset, TRUST_ROLE_DESTROY))
		return true;
	why->reason = DOCUMENT_E_DESTROY;
	snprintf(why->type, sizeof(why->type), "%s", document_type_name(document->type));
	snprintf(why->detail, sizeof(why->detail),
		"%s can destroy what is on the phone; keyset %" PRId64
		" asks for %u signatures of keys with the role destroy",
		what, d->keyset->version, d->keyset->threshold[TRUST_ROLE_DESTROY]);
	return false;
}

static int documents_take_policy(
	struct documents *d, const struct document *document, struct document_refusal *why)
{
	struct json_error error = {0};
	struct held_policy held = {
		.issued_s = document->issued_s,
		.expires_s = document->expires_s,
	};
	int r = policy_parse(document->json, &held.policy, &error);

	if (r == -EBADMSG)
		return documents_refuse_meaning(why, document, error.path, error.message);
	if (r < 0)
		return r;
	if (!documents_may_destroy(d, document, held.policy, why)) {
		policy_free(held.policy);
		return 1;
	}
	/* Without it the next start asks for the signatures once more. */
	if (policy_destroys(held.policy))
		(void)documents_note_destroyer(d, held.policy->stream, document->payload_sha256);
	documents_put_policy(d, held);
	return 0;
}

static void documents_journal_accepted(struct documents *d, const struct document *document)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", document_type_name(document->type));
	if (document->stream[0])
		jsonw_string(&w, "stream", document->stream);
	if (document->type == DOCUMENT_COMMAND)
		jsonw_string(&w, "id", document->command_id);
	else
		jsonw_int(&w, "serial", document->serial);
	jsonw_array(&w, "signers");
	for (size_t i = 0; i < document->n_signers; i++)
		jsonw_string(&w, NULL, document->signers[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	documents_journal(d, JOURNAL_DOCUMENT_ACCEPTED, &payload);
}

/*
 * Stores the bytes first, then the serial: after a power cut between the two, the keyset held
 * judges the bytes again. Nothing but its predecessor, which would be overwritten, could judge a
 * keyset: there the serial comes first, and the pin when the bytes are there.
 */
static int documents_store(
	struct documents *d, const char *text, size_t n_bytes, const struct document *document)
{
	bool keyset = document->type == DOCUMENT_KEYSET;
	char name[LIMIT_NAME_BYTES + 17];
	int64_t issued_s;
	int r = 0;

	documents_name(document->type, document->stream, name);
	if (!keyset)
		r = state_store_document(d->state, name, text, n_bytes);
	if (r == 0)
		r = state_set_serial(
			d->state, document->org, name, document->serial, document->payload_sha256);
	if (keyset && r == 0)
		r = state_store_document(d->state, name, text, n_bytes);
	if (keyset && r == 0)
		memcpy(d->state->facts.pinned_keyset, document->payload_sha256, SHA256_BYTES);
	/* A keyset may come from the future, for its signers are several; the floor does not. */
	issued_s = document->issued_s < d->issued_until_s ? document->issued_s : d->issued_until_s;
	if ((highwater_signed(&d->state->facts.highwater, issued_s) || keyset) && r == 0)
		r = state_save_facts(d->state);
	return r;
}

int documents_accept(struct documents *d, const char *text, size_t n_bytes,
	struct document *document, struct document_refusal *why, struct documents_change *change)
{
	int r = 0;

	switch (document->type) {
	case DOCUMENT_KEYSET:
		r = documents_take_keyset(d, document, why);
		break;
	case DOCUMENT_ASSIGNMENT:
		r = documents_take_assignment(d, document, why, &change->policy);
		break;
	case DOCUMENT_POLICY:
		r = documents_take_policy(d, document, why);
		change->policy |= r == 0;
		break;
	case DOCUMENT_COMMAND:
	case DOCUMENT_TYPE_MAX:
		return -EINVAL;
	}
	if (r != 0)
		return r;
	r = documents_store(d, text, n_bytes, document);
	if (r < 0)
		change->error = r;
	if (!document->already_held)
		documents_journal_accepted(d, document);
	change->n_accepted++;
	return 0;
}

/* Hands a verified command over. As documents_accept(); what could not be recorded comes again. */
static int documents_hand_over(struct documents *d, const struct document *document,
	struct document_refusal *why, struct documents_change *change)
{
	int r;

	if (!d->commands.take)
		return documents_refuse_meaning(why, document, "", "nobody here executes commands");
	r = d->commands.take(d->commands.userdata, document, why);
	if (r == 0) {
		documents_journal_accepted(d, document);
		change->n_accepted++;
	}
	return r == 1 || r == -ENOMEM ? r : 0;
}

/* Whether one more refusal may go into the journal in this hour. */
static bool documents_may_journal(struct documents *d)
{
	int64_t now_us = clock_boottime_us();

	if (d->hour_us == 0 || now_us - d->hour_us >= 3600 * USEC_PER_SEC) {
		d->hour_us = now_us;
		d->n_journalled = 0;
	}
	if (d->n_journalled == DOCUMENTS_REFUSALS_HOURLY) {
		d->n_not_journalled++;
		return false;
	}
	d->n_journalled++;
	return true;
}

/* True if this refusal is new and in the journal. */
static bool documents_refused(struct documents *d, const char *text, size_t n_bytes,
	const struct document_refusal *why, int64_t clock_s)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	struct refusal refusal = {.time_s = clock_s, .why = *why};
	size_t n = d->n_refusals;

	if (sha256(text, n_bytes, refusal.sha256) < 0)
		return false;
	/* The courier brings a refused document again and again: one line in the journal is enough.
	 */
	for (size_t i = 0; i < d->n_refusals; i++)
		if (memcmp(d->refusals[i].sha256, refusal.sha256, SHA256_BYTES) == 0 &&
			d->refusals[i].why.reason == why->reason) {
			d->refusals[i].time_s = clock_s;
			return false;
		}
	if (n == DOCUMENTS_REFUSALS)
		n--;
	memmove(&d->refusals[1], &d->refusals[0], n * sizeof(d->refusals[0]));
	d->refusals[0] = refusal;
	d->n_refusals = n + 1;
	if (!documents_may_journal(d))
		return false;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", why->type);
	jsonw_string(&w, "reason", document_reason_name(why->reason));
	jsonw_string(&w, "detail", why->detail);
	if (d->n_not_journalled)
		jsonw_int(&w, "not_journalled_before", (int64_t)d->n_not_journalled);
	d->n_not_journalled = 0;
	jsonw_object_end(&w);
	documents_journal(d, JOURNAL_DOCUMENT_REFUSED, &payload);
	return true;
}

/* The courier brings a command until it has heard of its end, which may be after its time. */
static bool documents_is_known(const struct documents *d, const struct document_refusal *why)
{
	return why->command_id[0] && d->commands.known &&
	       d->commands.known(d->commands.userdata, why->command_id);
}

/*
 * What was issued later than this is not believed. The signed floor is no reason to believe more:
 * each document would open the way for the next. The server's date counts only where the clock is
 * clearly wrong; then whoever has the server and a key, too, can still move such a phone's floor.
 */
static int64_t documents_issued_until(const struct documents *d, int64_t clock_s)
{
	int64_t signed_s = d->state->facts.highwater.signed_s, now_s = clock_s;

	if (clock_s < signed_s - DOCUMENTS_AHEAD_S && d->server_date_s > clock_s)
		now_s = d->server_date_s;
	return now_s + DOCUMENTS_AHEAD_S > signed_s ? now_s + DOCUMENTS_AHEAD_S : signed_s;
}

static int documents_take_one(struct documents *d, const char *text, size_t n_bytes,
	int64_t clock_s, struct documents_change *change)
{
	_cleanup_(document_freep) struct document *document = NULL;
	struct document_refusal why = {0};
	struct document_context context =
		documents_context(d, highwater_document_now(&d->state->facts.highwater, clock_s));
	int r;

	context.held = documents_held;
	context.held_userdata = d;
	d->issued_until_s = documents_issued_until(d, clock_s);
	context.issued_until_s = d->issued_until_s;
	r = document_verify(text, n_bytes, &context, &document, &why);

	if (r == 0) {
		if (document->already_held && documents_is_loaded(d, document))
			return 0;
		if (document->type == DOCUMENT_COMMAND)
			r = documents_hand_over(d, document, &why, change);
		else
			r = documents_accept(d, text, n_bytes, document, &why, change);
	}
	if (r != 1 || documents_is_known(d, &why))
		return r < 0 ? r : 0;
	change->n_refused++;
	if (documents_refused(d, text, n_bytes, &why, clock_s)) {
		change->new_refusal = true;
		if (why.command_id[0] && d->commands.refused)
			d->commands.refused(d->commands.userdata, &why);
	}
	return 0;
}

static bool documents_is_pinned(const struct documents *d, const char *text, size_t n_bytes)
{
	uint8_t digest[SHA256_BYTES];
	struct jws jws;
	bool pinned;

	if (jws_split(text, n_bytes, &jws) != 0)
		return false;
	pinned = sha256(jws.payload, jws.n_payload, digest) == 0 &&
		 memcmp(digest, d->state->facts.pinned_keyset, sizeof(digest)) == 0;
	jws_done(&jws);
	return pinned;
}

/*
 * Where to begin: a phone without a keyset is sent every one there ever was, and those before the
 * one its ticket names are none of its business. Without the pinned one all are looked at, and
 * refused.
 */
static size_t documents_first(
	const struct documents *d, const char *body, const struct jws_span *spans, size_t n_spans)
{
	for (size_t i = 0; !d->keyset && i < n_spans; i++)
		if (documents_is_pinned(d, body + spans[i].offset, spans[i].length))
			return i;
	return 0;
}

int documents_take(struct documents *d, const char *body, size_t n_bytes, int64_t clock_s,
	struct documents_change *ret_change)
{
	struct jws_span spans[LIMIT_RESPONSE_DOCUMENTS];
	struct documents_change change = {0};
	size_t n_spans;
	int r = jws_documents(body, n_bytes, spans, &n_spans);

	if (r > 0) {
		struct document_refusal why = {
			.reason = r == JWS_E_SIZE ? DOCUMENT_E_SIZE : DOCUMENT_E_FORM,
			.type = "unknown",
			.detail = "the answer of the server is not a list of documents",
		};

		change.new_refusal = documents_refused(d, body, n_bytes, &why, clock_s);
		change.n_refused++;
		*ret_change = change;
		return 0;
	}
	if (r < 0)
		return r;
	for (size_t i = documents_first(d, body, spans, n_spans); i < n_spans; i++) {
		r = documents_take_one(
			d, body + spans[i].offset, spans[i].length, clock_s, &change);
		if (r < 0)
			return r;
	}
	*ret_change = change;
	return 0;
}
