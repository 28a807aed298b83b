/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - reads the body of a check-in; see report.h. Pure; mdm-server only. */
#include "server/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/url.h"
#include "server/apps_merge.h"

#define SERIAL_MAX ((INT64_C(1) << 53) - 1)

static int report_fail(const char **ret_problem, const char *problem)
{
	*ret_problem = problem;
	return -EBADMSG;
}

/* 1 to 32 lower-case hexadecimal digits. */
static bool report_hex(const char *text)
{
	size_t n = strspn(text, "0123456789abcdef");

	return n >= 1 && n <= 32 && !text[n];
}

static int report_identity(struct span root, struct report *r, const char **ret_problem)
{
	struct span value;
	int64_t version;

	if (json_member(root, "v", &value) < 0 || json_integer(value, 1, 1, &version) < 0)
		return report_fail(ret_problem, "\"v\" must be 1");
	if (json_member(root, "device", &value) < 0 ||
		json_string(value, r->device, sizeof(r->device)) < 0 ||
		!hex_is_valid(r->device, 16))
		return report_fail(ret_problem, "\"device\" must be 32 hexadecimal digits");
	if (json_member(root, "enrolment", &value) < 0 ||
		json_string(value, r->enrolment, sizeof(r->enrolment)) < 0 ||
		!report_hex(r->enrolment))
		return report_fail(ret_problem, "\"enrolment\" must be hexadecimal");
	r->ticket[0] = 0;
	if (json_member(root, "ticket", &value) < 0 ||
		(value.at && (json_string(value, r->ticket, sizeof(r->ticket)) < 0 ||
				     (r->ticket[0] && !hex_is_valid(r->ticket, 16)))))
		return report_fail(ret_problem, "\"ticket\" must be 32 hexadecimal digits");
	if (json_member(root, "agent", &value) < 0 ||
		json_string(value, r->agent, sizeof(r->agent)) < 0 || !r->agent[0] ||
		!text_is_valid(r->agent, strlen(r->agent)))
		return report_fail(ret_problem, "\"agent\" must be a version");
	return 0;
}

static int report_nonce(struct span root, struct report *r, const char **ret_problem)
{
	uint8_t nonce[16];
	struct span value;
	size_t n;

	if (json_member(root, "nonce", &value) < 0 ||
		json_string(value, r->nonce, sizeof(r->nonce)) < 0 ||
		base64url_decode(r->nonce, strlen(r->nonce), nonce, sizeof(nonce), &n) < 0 ||
		n != sizeof(nonce))
		return report_fail(ret_problem, "\"nonce\" must be 16 bytes in base64url");
	return 0;
}

static int report_number(struct span object, const char *name, int64_t *ret_value)
{
	struct span value;

	if (json_member(object, name, &value) < 0)
		return -EBADMSG;
	*ret_value = 0;
	return value.at ? json_integer(value, 0, SERIAL_MAX, ret_value) : 0;
}

static int report_wake(struct span root, struct report *r, const char **ret_problem)
{
	struct span value;

	if (report_number(root, "report", &r->number) < 0)
		return report_fail(ret_problem, "\"report\" must be a number that counts reports");
	r->push[0] = 0;
	if (json_member(root, "push", &value) < 0 ||
		(value.at && (json_string(value, r->push, sizeof(r->push)) < 0 ||
				     (r->push[0] && !url_is_endpoint(r->push)))))
		return report_fail(ret_problem, "\"push\" must be an https URL");
	return 0;
}

static int report_policies(struct span policy, struct report *r, const char **ret_problem)
{
	struct span key, value;
	struct json_walk walk;

	if (!json_is_object(policy) || !json_walk_begin(policy, &walk))
		return report_fail(ret_problem, "\"have.policy\" must be an object");
	while (json_walk_next(&walk, &key, &value)) {
		struct report_stream *s = &r->have_policies[r->n_have_policies];

		if (r->n_have_policies == BOUND_HAVE_STREAMS)
			return report_fail(ret_problem, "\"have.policy\" names too many streams");
		if (json_string(key, s->name, sizeof(s->name)) < 0 || !name_is_valid(s->name) ||
			json_integer(value, 0, SERIAL_MAX, &s->serial) < 0)
			return report_fail(
				ret_problem, "\"have.policy\" must hold names and serials");
		for (size_t i = 0; i < r->n_have_policies; i++)
			if (strcmp(r->have_policies[i].name, s->name) == 0)
				return report_fail(
					ret_problem, "\"have.policy\" names a stream twice");
		r->n_have_policies++;
	}
	return 0;
}

static int report_have(struct span root, struct report *r, const char **ret_problem)
{
	struct span policy;

	r->have_keyset = r->have_assignment = 0;
	r->n_have_policies = 0;
	if (json_member(root, "have", &r->have) < 0)
		return report_fail(ret_problem, "\"have\" stands twice");
	if (!r->have.at)
		return 0;
	if (r->have.n > BOUND_HAVE_BYTES)
		return report_fail(ret_problem, "\"have\" is too large");
	if (report_number(r->have, "keyset", &r->have_keyset) < 0 ||
		report_number(r->have, "assignment", &r->have_assignment) < 0 ||
		json_member(r->have, "policy", &policy) < 0)
		return report_fail(ret_problem, "\"have\" must hold serials");
	return policy.at ? report_policies(policy, r, ret_problem) : 0;
}

/* The digest is over the bytes of the body exactly as they stand in the request. */
static int report_check_digest(const struct report_section *s, const char **ret_problem)
{
	char text[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];

	if (!json_is_object(s->body))
		return report_fail(ret_problem, "the body of a section must be an object");
	if (sha256(s->body.at, s->body.n, digest) < 0)
		return -EIO;
	hex_encode(digest, sizeof(digest), text);
	if (memcmp(text, s->digest, REPORT_DIGEST_LENGTH) != 0)
		return report_fail(ret_problem, "the digest of a section is not that of its body");
	return 0;
}

static void report_state(struct report *r, struct span body)
{
	struct span value;

	r->has_state = true;
	if (json_member(body, "state", &value) < 0 ||
		json_string(value, r->state, sizeof(r->state)) < 0 || !name_is_valid(r->state))
		snprintf(r->state, sizeof(r->state), "unknown");
}

static int report_section_read(
	struct span key, struct span value, struct report *r, const char **ret_problem)
{
	struct report_section *s = &r->sections[r->n_sections];
	char from[APPS_DIGEST_LENGTH + 1];
	struct span digest;
	int k;

	if (r->n_sections == BOUND_SECTIONS)
		return report_fail(ret_problem, "there are too many sections");
	if (json_string(key, s->name, sizeof(s->name)) < 0 || !name_is_valid(s->name))
		return report_fail(ret_problem, "the name of a section is not valid");
	for (size_t i = 0; i < r->n_sections; i++)
		if (strcmp(r->sections[i].name, s->name) == 0)
			return report_fail(ret_problem, "a section stands twice");
	if (json_member(value, "digest", &digest) < 0 ||
		json_string(digest, s->digest, sizeof(s->digest)) < 0 ||
		!hex_is_valid(s->digest, REPORT_DIGEST_LENGTH / 2))
		return report_fail(
			ret_problem, "a section needs a digest of 16 hexadecimal digits");
	if (json_member(value, "body", &s->body) < 0)
		return report_fail(ret_problem, "a section has two bodies");
	s->delta = (struct span){0};
	if (!s->body.at && strcmp(s->name, APPS_SECTION) == 0 &&
		(json_member(value, "delta", &s->delta) < 0 ||
			(s->delta.at && apps_delta_from(s->delta, from) < 0)))
		return report_fail(ret_problem, "the change of a section must say of which digest");
	if (s->body.at) {
		k = report_check_digest(s, ret_problem);
		if (k < 0)
			return k;
		if (strcmp(s->name, "compliance") == 0)
			report_state(r, s->body);
	}
	r->n_sections++;
	return 0;
}

static int report_sections(struct span root, struct report *r, const char **ret_problem)
{
	struct span sections, key, value;
	struct json_walk walk;
	int k;

	r->n_sections = 0;
	r->has_state = false;
	if (json_member(root, "sections", &sections) < 0)
		return report_fail(ret_problem, "\"sections\" stands twice");
	if (!sections.at)
		return 0;
	if (!json_is_object(sections) || !json_walk_begin(sections, &walk))
		return report_fail(ret_problem, "\"sections\" must be an object");
	while (json_walk_next(&walk, &key, &value)) {
		k = report_section_read(key, value, r, ret_problem);
		if (k < 0)
			return k;
	}
	return 0;
}

static int report_event_read(struct span value, struct report_event *ret_event)
{
	char boot[33], type[LIMIT_NAME_BYTES + 1];
	struct span member;
	int64_t time_s;

	if (json_member(value, "seq", &member) < 0 ||
		json_integer(member, 1, SERIAL_MAX, &ret_event->seq) < 0)
		return -EBADMSG;
	if (json_member(value, "time", &member) < 0 ||
		json_integer(member, -SERIAL_MAX, SERIAL_MAX, &time_s) < 0)
		return -EBADMSG;
	if (json_member(value, "boot", &member) < 0 ||
		json_string(member, boot, sizeof(boot)) < 0 || !report_hex(boot))
		return -EBADMSG;
	if (json_member(value, "type", &member) < 0 ||
		json_string(member, type, sizeof(type)) < 0 || !name_is_valid(type))
		return -EBADMSG;
	if (json_member(value, "data", &member) < 0 || (member.at && !json_is_object(member)))
		return -EBADMSG;
	if (value.n > BOUND_EVENT_BYTES)
		return -EBADMSG;
	ret_event->json = value;
	ret_event->data = strcmp(type, "command") == 0 ? member : (struct span){0};
	return 0;
}

/* A member that may be missing or null, which is "". */
static int report_optional(struct span object, const char *name, char *ret_text, size_t size_bytes)
{
	struct span value;

	if (json_member(object, name, &value) < 0)
		return -EBADMSG;
	ret_text[0] = 0;
	if (!value.at || (value.n == 4 && memcmp(value.at, "null", 4) == 0))
		return 0;
	if (json_string(value, ret_text, size_bytes) < 0 ||
		(ret_text[0] && !text_is_valid(ret_text, strlen(ret_text))))
		return -EBADMSG;
	return 0;
}

/* queued, delivered and cancelled are the server's words. */
static bool report_may_say(enum command_state state)
{
	return state != COMMAND_QUEUED && state != COMMAND_DELIVERED &&
	       state != COMMAND_CANCELLED && state != COMMAND_STATE_MAX;
}

int report_command_parse(struct span data, struct report_command *ret_command)
{
	struct report_command c;
	char state[LIMIT_NAME_BYTES + 1];

	if (!data.at || !json_is_object(data))
		return -EBADMSG;
	if (report_optional(data, "id", c.id, sizeof(c.id)) < 0 || !hex_is_valid(c.id, 16) ||
		report_optional(data, "verb", c.verb, sizeof(c.verb)) < 0 ||
		(c.verb[0] && !name_is_valid(c.verb)) ||
		report_optional(data, "state", state, sizeof(state)) < 0 ||
		report_optional(data, "reason", c.reason, sizeof(c.reason)) < 0 ||
		(c.reason[0] && !name_is_valid(c.reason)) ||
		report_optional(data, "detail", c.detail, sizeof(c.detail)) < 0)
		return -EBADMSG;
	c.state = command_state_find(state);
	if (!report_may_say(c.state))
		return -EBADMSG;
	*ret_command = c;
	return 0;
}

static int report_events(struct span root, struct report *r, const char **ret_problem)
{
	struct span events, key, value;
	struct json_walk walk;

	r->n_events = 0;
	if (json_member(root, "events", &events) < 0)
		return report_fail(ret_problem, "\"events\" stands twice");
	if (!events.at)
		return 0;
	if (!json_is_array(events) || !json_walk_begin(events, &walk))
		return report_fail(ret_problem, "\"events\" must be an array");
	while (json_walk_next(&walk, &key, &value)) {
		if (r->n_events == LIMIT_REPORT_EVENTS)
			return report_fail(ret_problem, "there are too many events");
		if (report_event_read(value, &r->events[r->n_events]) < 0)
			return report_fail(ret_problem,
				"an event needs seq, time, boot, type and an object as data, and at most 8192 bytes");
		r->n_events++;
	}
	return 0;
}

int report_parse(
	const char *text, size_t n_bytes, struct report *ret_report, const char **ret_problem)
{
	struct span root;
	int r;

	if (n_bytes > LIMIT_REPORT_BYTES)
		return report_fail(ret_problem, "the report is too large");
	if (json_check(text, n_bytes, &root) < 0 || !json_is_object(root))
		return report_fail(ret_problem, "the report is not a JSON object");
	r = report_identity(root, ret_report, ret_problem);
	if (r == 0)
		r = report_nonce(root, ret_report, ret_problem);
	if (r == 0)
		r = report_wake(root, ret_report, ret_problem);
	if (r == 0)
		r = report_have(root, ret_report, ret_problem);
	if (r == 0)
		r = report_sections(root, ret_report, ret_problem);
	if (r == 0)
		r = report_events(root, ret_report, ret_problem);
	return r;
}

int64_t report_have_policy(const struct report *report, const char *stream)
{
	for (size_t i = 0; i < report->n_have_policies; i++)
		if (strcmp(report->have_policies[i].name, stream) == 0)
			return report->have_policies[i].serial;
	return 0;
}
