/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - the report of a check-in; see report.h. Enforcer: JSON is written here, never read.
 * Every member must be explained in report_items, which `agentctl privacy` shows.
 */
#include "agent/enforcer/report.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

#define NONCE_BYTES 16

const struct report_item report_items[] = {
	{"device and enrolment id, ticket id until an assignment is held",
		"to tell this phone from others; made up at enrolment, no hardware numbers"},
	{"serial numbers of keyset, assignment and policies held",
		"so that the server sends only what is newer"},
	{"compliance: for each setting of the policy its state, reason, wanted and seen value; for "
	 "encryption the mount points and the names of the devices below them",
		"this is what the organisation manages"},
	{"inventory: operating system and version, kernel, architecture, model, init system",
		"to know which phones need which update"},
	{"agent: version, which mechanisms exist on this phone, what the kernel's sandbox offers, "
	 "whether the clock is plausible",
		"to find phones on which something cannot be enforced"},
	{"events: what the agent accepted, refused, changed and repaired",
		"the same lines that `agentctl journal show` prints"},
};
const size_t report_n_items = ARRAY_SIZE(report_items);

const char *report_section_name(enum report_section section)
{
	static const char *const names[REPORT_SECTION_MAX] = {
		[REPORT_COMPLIANCE] = "compliance",
		[REPORT_INVENTORY] = "inventory",
		[REPORT_AGENT] = "agent",
	};

	return section < REPORT_SECTION_MAX ? names[section] : NULL;
}

static void report_write_compliance(struct enforcer *e, struct jsonw *w)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = documents_policies(&e->documents, policies);

	if (e->reconcile.has_compliance)
		compliance_write(&e->reconcile.compliance, policies, n, w, NULL);
	else
		jsonw_raw(
			w, NULL, "{\"state\":\"unknown\",\"settings\":[],\"unsupported\":[]}", 50);
}

static void report_write_inventory(struct enforcer *e, struct jsonw *w)
{
	struct platform_inventory inventory = {0};

	platform_inventory(&e->platform, &inventory);
	jsonw_object(w, NULL);
	jsonw_string(w, "os", inventory.os_id);
	jsonw_string(w, "os_version", inventory.os_version);
	jsonw_string(w, "os_name", inventory.os_name);
	jsonw_string(w, "manufacturer", inventory.manufacturer);
	jsonw_string(w, "model", inventory.model);
	jsonw_string(w, "codename", inventory.codename);
	jsonw_string(w, "kernel", inventory.kernel);
	jsonw_string(w, "arch", inventory.arch);
	jsonw_string(w, "init", inventory.init);
	jsonw_object_end(w);
}

static void report_write_agent(struct enforcer *e, struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "version", MDM_VERSION);
	jsonw_string(w, "clock", clock_verdict_name(enforcer_clock_verdict(e)));
	jsonw_array(w, "backends");
	for (size_t i = 0; i < e->reconcile.n_backends; i++) {
		const struct reconcile_backend *rb = &e->reconcile.backends[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "name", rb->backend->ops->name);
		jsonw_bool(w, "present", rb->fact.present);
		jsonw_string(w, "detail", rb->fact.detail);
		if (*reconcile_failure(rb))
			jsonw_string(w, "failure", reconcile_failure(rb));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	if (e->has_net_facts) {
		jsonw_object(w, "sandbox");
		jsonw_int(w, "landlock_abi", e->net_facts.landlock_abi);
		jsonw_bool(w, "seccomp", e->net_facts.seccomp != 0);
		jsonw_string(w, "note", e->net_facts.note);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void report_write_section(struct enforcer *e, enum report_section section, struct jsonw *w)
{
	static void (*const writers[REPORT_SECTION_MAX])(struct enforcer *, struct jsonw *) = {
		[REPORT_COMPLIANCE] = report_write_compliance,
		[REPORT_INVENTORY] = report_write_inventory,
		[REPORT_AGENT] = report_write_agent,
	};
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw inner = JSONW_INIT(&body);
	uint8_t digest[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];

	writers[section](e, &inner);
	if (!body.error && sha256(body.data, body.n_bytes, digest) < 0)
		body.error = -EIO;
	if (body.error) {
		w->out->error = w->out->error ? w->out->error : body.error;
		return;
	}
	hex_encode(digest, sizeof(digest), text);
	text[REPORT_DIGEST_LENGTH] = 0;
	memcpy(e->report.sent[section], text, REPORT_DIGEST_LENGTH + 1);

	jsonw_object(w, report_section_name(section));
	jsonw_string(w, "digest", text);
	if (strcmp(text, e->report.acked[section]) != 0)
		jsonw_raw(w, "body", body.data, body.n_bytes);
	jsonw_object_end(w);
}

static void report_write_have(struct enforcer *e, struct jsonw *w)
{
	const struct documents *d = &e->documents;

	jsonw_object(w, "have");
	jsonw_int(w, "keyset", d->keyset ? d->keyset->version : 0);
	jsonw_int(w, "assignment", d->has_assignment ? d->assignment.serial : 0);
	jsonw_object(w, "policy");
	for (size_t i = 0; i < d->n_policies; i++)
		jsonw_int(w, d->policies[i].policy->stream, d->policies[i].policy->serial);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

struct report_events {
	struct enforcer *e;
	struct jsonw *w;
	size_t n;
};

static int report_write_event(const struct journal_record *record, void *userdata)
{
	struct report_events *events = userdata;
	struct report *report = &events->e->report;
	char boot[9];

	/* Room for one more record and the rest of the report. */
	if (events->n == LIMIT_REPORT_EVENTS ||
		events->w->out->n_bytes + record->n_payload + 1024 > LIMIT_REPORT_BYTES) {
		report->more_events = true;
		return 1;
	}
	events->n++;
	hex_encode(record->boot_id, 4, boot);
	jsonw_object(events->w, NULL);
	jsonw_int(events->w, "seq", (int64_t)record->seq);
	jsonw_int(events->w, "time", record->realtime_us / USEC_PER_SEC);
	jsonw_string(events->w, "boot", boot);
	jsonw_string(events->w, "type", journal_type_name(record->type));
	jsonw_raw(events->w, "data", record->payload, record->n_payload);
	jsonw_object_end(events->w);
	report->sent_seq = record->seq;
	return 0;
}

int report_write(struct enforcer *e, struct buf *out)
{
	const struct state_facts *facts = &e->state.facts;
	struct jsonw w = JSONW_INIT(out);
	struct report_events events = {.e = e, .w = &w};
	uint8_t nonce[NONCE_BYTES];
	char nonce_text[BASE64URL_LENGTH(NONCE_BYTES) + 1];
	int r = random_bytes(nonce, sizeof(nonce));

	if (r < 0)
		return r;
	base64url_encode(nonce, sizeof(nonce), nonce_text);
	out->max_bytes = LIMIT_REPORT_BYTES;
	e->report.more_events = false;
	e->report.sent_seq = facts->acked_seq;

	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", facts->device_id);
	jsonw_string(&w, "enrolment", facts->enrolment_id);
	if (!e->documents.has_assignment)
		jsonw_string(&w, "ticket", facts->ticket_id);
	jsonw_string(&w, "agent", MDM_VERSION);
	jsonw_string(&w, "nonce", nonce_text);
	report_write_have(e, &w);
	jsonw_object(&w, "sections");
	for (size_t i = 0; i < REPORT_SECTION_MAX; i++)
		report_write_section(e, (enum report_section)i, &w);
	jsonw_object_end(&w);
	jsonw_array(&w, "events");
	if (e->journal)
		(void)journal_each(e->journal, facts->acked_seq, report_write_event, &events);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	return out->error;
}

static bool report_in_list(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (*list) {
		size_t length = strcspn(list, ",");

		if (length == n && memcmp(list, name, n) == 0)
			return true;
		list += length;
		list += *list == ',';
	}
	return false;
}

void report_acknowledge(struct report *report, const char *resend)
{
	for (size_t i = 0; i < REPORT_SECTION_MAX; i++)
		if (report_in_list(resend, report_section_name((enum report_section)i)))
			report->acked[i][0] = 0;
		else
			memcpy(report->acked[i], report->sent[i], sizeof(report->acked[i]));
}
