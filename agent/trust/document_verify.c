/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document_verify.c - the checks between untrusted bytes and a trusted payload; see document.h.
 * The enforcer and administrators' tools. Pure; nothing is parsed as JSON before a known key, or a
 * digest that is trusted already, vouches for it.
 *
 * The table at the end is the order of the checks.
 */
#include "agent/trust/document.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "agent/trust/assignment.h"
#include "agent/trust/member.h"
#include "agent/trust/verify.h"
#include "agent/util/clock.h"

typedef int (*verify_step)(struct verify *v);

int refuse(struct verify *v, enum document_reason reason, const char *format, ...)
{
	va_list args;

	v->refusal->reason = reason;
	va_start(args, format);
	vsnprintf(v->refusal->detail, sizeof(v->refusal->detail), format, args);
	va_end(args);
	return 1;
}

int refuse_json(struct verify *v, enum document_reason reason, int r)
{
	if (r != -EBADMSG)
		return r;
	if (*v->error.path)
		return refuse(v, reason, "%s: %s", v->error.path, v->error.message);
	return refuse(v, reason, "%s", v->error.message);
}

void verify_set_type(struct verify *v, enum document_type type)
{
	v->doc->type = type;
	snprintf(v->refusal->type, sizeof(v->refusal->type), "%s", document_type_name(type));
}

static int step_split(struct verify *v)
{
	int r = jws_split(v->text, v->n_bytes, &v->doc->jws);

	switch (r) {
	case 0:
		break;
	case JWS_E_SIZE:
		return refuse(v, DOCUMENT_E_SIZE, "%zu bytes: empty, or a part above its limit",
			v->n_bytes);
	case JWS_E_FORM:
		return refuse(v, DOCUMENT_E_FORM, "not lines of three base64url fields");
	case JWS_E_PAYLOAD:
		return refuse(v, DOCUMENT_E_PAYLOAD_MISMATCH, "the lines sign different payloads");
	default:
		return r;
	}
	return sha256(v->doc->jws.payload, v->doc->jws.n_payload, v->doc->payload_sha256);
}

int verify_load_payload(struct verify *v)
{
	struct document *doc = v->doc;
	const char *type = "";
	int r;

	if (doc->json)
		return 0;
	r = json_parse(doc->jws.payload, doc->jws.n_payload, &doc->json, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	r = json_get_string(doc->json, "", "type", LIMIT_NAME_BYTES, &type, NULL);
	if (r < 0 || strcmp(type, document_type_name(doc->type)) != 0)
		return refuse(v, DOCUMENT_E_TYPE, "signed as a %s, but the payload is none",
			document_type_name(doc->type));
	return 0;
}

int verify_load_keyset(struct verify *v)
{
	int r;

	if (v->doc->keyset)
		return 0;
	r = verify_load_payload(v);
	if (r != 0)
		return r;
	r = keyset_from_json(v->doc->json, &v->doc->keyset, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	r = keyset_check(v->doc->keyset, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_MEANING, r);
	return 0;
}

static int check_threshold(struct verify *v, const struct keyset *keyset, enum trust_role role)
{
	if (document_satisfies(v->doc, keyset, role))
		return 0;
	return refuse(v, DOCUMENT_E_THRESHOLD,
		"keyset %" PRId64 " asks for %u signatures of keys with the role %s",
		keyset->version, keyset->threshold[role], trust_role_name(role));
}

/* The type is known by now, and with it how large the payload may be. */
static int step_command_size(struct verify *v)
{
	if (v->doc->type != DOCUMENT_COMMAND ||
		v->doc->jws.n_payload <= LIMIT_COMMAND_PAYLOAD_BYTES)
		return 0;
	return refuse(v, DOCUMENT_E_SIZE, "%zu bytes: a command has at most %d",
		v->doc->jws.n_payload, LIMIT_COMMAND_PAYLOAD_BYTES);
}

/* The role follows from typ, so that this comes before the payload is parsed. */
static int step_threshold(struct verify *v)
{
	const struct keyset *keyset = v->by_digest ? v->doc->keyset : v->context->keyset;

	/* It was asked for when the document came; its keys may have been replaced since. */
	if (v->accepted)
		return 0;
	/* Which of the two a verb needs is for those to ask who know verbs. */
	if (v->doc->type == DOCUMENT_COMMAND &&
		document_satisfies(v->doc, keyset, TRUST_ROLE_DESTROY))
		return 0;
	return check_threshold(v, keyset, document_type_role(v->doc->type));
}

static int step_organisation(struct verify *v)
{
	int r = member_id(v->doc->json, "", "org", v->doc->org, &v->error);

	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	if (v->context->keyset && strcmp(v->doc->org, v->context->keyset->org) != 0)
		return refuse(v, DOCUMENT_E_ORG, "signed for another organisation");
	return 0;
}

static int target_policy(struct verify *v, struct json_object *target)
{
	static const char *const members[] = {"stream", NULL};
	const struct document_context *context = v->context;
	int r;

	if (json_only(target, "target", members, &v->error) < 0)
		return refuse_json(v, DOCUMENT_E_TARGET, -EBADMSG);
	r = member_name(target, "target", "stream", v->doc->stream, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	for (size_t i = 0; i < context->n_streams; i++)
		if (strcmp(context->streams[i], v->doc->stream) == 0)
			return 0;
	return context->any_target
		       ? 0
		       : refuse(v, DOCUMENT_E_TARGET,
				 "for the group %s, to which this phone does not belong",
				 v->doc->stream);
}

static bool same_id(const char *a, const char *mine)
{
	return mine && *mine && strcmp(a, mine) == 0;
}

static int target_assignment(struct verify *v, struct json_object *target)
{
	static const char *const device[] = {"device", NULL}, *const ticket[] = {"ticket", NULL};
	const struct document_context *context = v->context;
	struct document *doc = v->doc;
	int r;

	doc->target_is_ticket = json_object_object_get_ex(target, "ticket", NULL);
	if (json_only(target, "target", doc->target_is_ticket ? ticket : device, &v->error) < 0)
		return refuse_json(v, DOCUMENT_E_TARGET, -EBADMSG);
	r = member_id(target, "target", doc->target_is_ticket ? "ticket" : "device", doc->target,
		&v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	if (context->any_target || same_id(doc->target, doc->target_is_ticket ? context->ticket_id
									      : context->device_id))
		return 0;
	return refuse(v, DOCUMENT_E_TARGET, "for another %s",
		doc->target_is_ticket ? "ticket" : "device");
}

static int target_command(struct verify *v, struct json_object *target)
{
	static const char *const members[] = {"device", "enrolment", NULL};
	const struct document_context *context = v->context;
	char enrolment[33];
	int r;

	if (json_only(target, "target", members, &v->error) < 0)
		return refuse_json(v, DOCUMENT_E_TARGET, -EBADMSG);
	r = member_id(target, "target", "device", v->doc->target, &v->error);
	if (r == 0)
		r = member_id(target, "target", "enrolment", enrolment, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	if (context->any_target)
		return 0;
	if (!same_id(v->doc->target, context->device_id))
		return refuse(v, DOCUMENT_E_TARGET, "for another device");
	if (!same_id(enrolment, context->enrolment_id))
		return refuse(v, DOCUMENT_E_TARGET, "for another enrolment of this device");
	return 0;
}

static int step_target(struct verify *v)
{
	struct json_object *target = NULL;
	int r;

	if (v->doc->type == DOCUMENT_KEYSET)
		return json_object_object_get_ex(v->doc->json, "target", NULL)
			       ? refuse(v, DOCUMENT_E_TARGET, "a keyset has no target")
			       : 0;
	r = json_required(json_get_object(v->doc->json, "", "target", &target, &v->error), "",
		"target", &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	if (v->doc->type == DOCUMENT_POLICY)
		return target_policy(v, target);
	return v->doc->type == DOCUMENT_COMMAND ? target_command(v, target)
						: target_assignment(v, target);
}

static int step_serial(struct verify *v)
{
	const struct document_context *context = v->context;
	struct document *doc = v->doc;
	uint8_t digest[SHA256_BYTES] = {0};
	int64_t held = 0;
	int r;

	r = member_serial(doc->json, "serial", &doc->serial, &v->error);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	/* The serial of a command means nothing; its id does, to those who remember ids. */
	if (context->any_target || doc->type == DOCUMENT_COMMAND)
		return 0;
	if (context->held)
		held = context->held(context->held_userdata, doc->type, doc->stream, digest);
	/* What signatures are checked with counts, even if nobody remembers its digest. */
	if (doc->type == DOCUMENT_KEYSET && context->keyset && context->keyset->version > held)
		held = context->keyset->version;
	if (doc->serial < held)
		return refuse(v, DOCUMENT_E_ROLLBACK, "serial %" PRId64 ", but %" PRId64 " is held",
			doc->serial, held);
	if (held > 0 && doc->serial == held) {
		if (memcmp(digest, doc->payload_sha256, sizeof(digest)) != 0)
			return refuse(v, DOCUMENT_E_SERIAL_REUSED,
				"serial %" PRId64 " is held with other content", held);
		doc->already_held = true;
	}
	if (doc->type == DOCUMENT_KEYSET && context->keyset &&
		doc->serial > context->keyset->version + 1)
		return refuse(v, DOCUMENT_E_GAP,
			"keyset %" PRId64 " does not follow keyset %" PRId64, doc->serial,
			context->keyset->version);
	return 0;
}

static int get_dates(struct verify *v)
{
	struct document *doc = v->doc;
	int r;

	r = member_time(doc->json, "issued", &doc->issued_s, &v->error);
	if (r < 0)
		return r;
	r = member_time(doc->json, "expires", &doc->expires_s, &v->error);
	if (r < 0)
		return r;
	doc->not_before_s = doc->issued_s;
	r = json_get_int(
		doc->json, "", "not_before", 1, MEMBER_MAX_TIME, &doc->not_before_s, &v->error);
	return r == -ENOENT ? 0 : r;
}

static int refuse_date(
	struct verify *v, enum document_reason reason, const char *what, int64_t realtime_s)
{
	char date[24];

	clock_format(realtime_s, date);
	return refuse(v, reason, "%s %s", what, date);
}

static int step_dates(struct verify *v)
{
	const struct document_context *context = v->context;
	struct document *doc = v->doc;
	int64_t now_s;
	int r;

	r = get_dates(v);
	if (r < 0)
		return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	if (doc->already_held || v->accepted)
		return 0;
	/* The signers say that it was issued, so that moment has passed whatever a clock shows. */
	now_s = doc->issued_s > context->now_s ? doc->issued_s : context->now_s;
	if (now_s < doc->not_before_s)
		return refuse_date(v, DOCUMENT_E_NOT_YET, "valid from", doc->not_before_s);
	/*
	 * A keyset that has expired is still taken, as a step to its successor; a phone that was
	 * off for long could not catch up otherwise. While it is the newest, nothing else is taken.
	 */
	if (doc->type == DOCUMENT_KEYSET)
		return 0;
	if (context->issued_until_s > 0 && doc->issued_s > context->issued_until_s)
		return refuse_date(v, DOCUMENT_E_NOT_YET, "from the future: issued", doc->issued_s);
	if (now_s > context->keyset->expires_s)
		return refuse_date(v, DOCUMENT_E_KEYSET_EXPIRED, "the keyset held expired",
			context->keyset->expires_s);
	if (now_s > doc->expires_s)
		return refuse_date(v, DOCUMENT_E_EXPIRED, "expired", doc->expires_s);
	return 0;
}

/* Members of the types that this layer knows; policies and commands have their own readers. */
static int step_body(struct verify *v)
{
	struct assignment assignment;
	int r;

	if (v->doc->type == DOCUMENT_ASSIGNMENT) {
		r = assignment_parse(v->doc->json, &assignment, &v->error);
		if (r < 0)
			return refuse_json(v, DOCUMENT_E_SYNTAX, r);
	}
	if (v->doc->type == DOCUMENT_KEYSET) {
		r = verify_load_keyset(v);
		if (r != 0)
			return r;
		return check_threshold(v, v->doc->keyset, TRUST_ROLE_KEYSET);
	}
	return 0;
}

static int step_meaning(struct verify *v)
{
	const struct document *doc = v->doc;

	if (doc->expires_s <= doc->issued_s || doc->expires_s <= doc->not_before_s)
		return refuse(
			v, DOCUMENT_E_MEANING, "expires must be later than issued and not_before");
	return 0;
}

static const verify_step steps[] = {
	step_split,
	verify_signatures,
	verify_headers,
	step_command_size,
	step_threshold,
	verify_load_payload,
	step_organisation,
	step_target,
	step_serial,
	step_dates,
	step_body,
	step_meaning,
};

/* Which command it was, also for those who have to hear that it was refused. */
static void verify_name_command(
	struct verify *v, char ret_id[33], char ret_verb[LIMIT_NAME_BYTES + 1])
{
	struct json_object *json = v->doc->json;

	if (!json || v->doc->type != DOCUMENT_COMMAND)
		return;
	(void)member_id(json, "", "id", ret_id, NULL);
	(void)member_name(json, "", "verb", ret_verb, NULL);
}

/*
 * Too few signatures of the role, but every one of a key that is known: JSON is read behind
 * signatures, not behind thresholds.
 */
static void verify_name_refused(struct verify *v)
{
	struct document_refusal *refusal = v->refusal, kept = *refusal;

	if (refusal->reason == DOCUMENT_E_THRESHOLD && v->doc->type == DOCUMENT_COMMAND)
		(void)verify_load_payload(v);
	*refusal = kept;
	verify_name_command(v, refusal->command_id, refusal->command_verb);
}

int document_verify(const char *text, size_t n_bytes, const struct document_context *context,
	struct document **ret_document, struct document_refusal *ret_refusal)
{
	_cleanup_(document_freep) struct document *doc = calloc(1, sizeof(*doc));
	struct document_refusal refusal = {.type = "unknown"};
	char verb[LIMIT_NAME_BYTES + 1];
	struct verify v = {
		.text = text,
		.n_bytes = n_bytes,
		.context = context,
		.doc = doc,
		.refusal = &refusal,
	};

	if (!doc)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i](&v);

		if (r > 0) {
			verify_name_refused(&v);
			*ret_refusal = refusal;
		}
		if (r != 0)
			return r;
	}
	verify_name_command(&v, doc->command_id, verb);
	*ret_document = TAKE_PTR(doc);
	return 0;
}
