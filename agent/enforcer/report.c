/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - the report of a check-in; see report.h. Enforcer: JSON is written here, never read.
 * A section too large for the server is replaced, so that the rest of the report still goes out.
 * Every member must be explained in report_items, which `agentctl privacy` shows.
 */
#include "agent/enforcer/report.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/apps_report.h"
#include "agent/enforcer/apps_work.h"
#include "agent/enforcer/diagnostics.h"
#include "agent/enforcer/commands.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/places.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/renewal.h"
#include "agent/enforcer/unlock_code.h"
#include "agent/enforcer/wake.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

const struct report_item report_items[] = {
	{"device and enrolment id, ticket id until an assignment is held, the number of the report",
		"to tell this phone from others; derived from its key or made up at enrolment, not "
		"from hardware numbers"},
	{"serial number and IMEI, once, and only by a phone that enrolls by itself from an image",
		"the organisation lists them beforehand, so that no stranger can enrol"},
	{"serial numbers of keyset, assignment and policies held",
		"so that the server sends only what is newer"},
	{"compliance: for each setting of the policy its state, reason, wanted and seen value; for "
	 "encryption the mount points, the names of the devices below them, and what sticks and cards "
	 "that are plugged in call themselves; for restrictions what cameras, microphones and "
	 "devices on USB call themselves",
		"this is what the organisation manages"},
	{"inventory: operating system and version, kernel, architecture, model, init system",
		"to know which phones need which update"},
	{"apps: how many packages are installed; name, version, source, size and title of the apps "
	 "among them and of Flatpaks, those of each user with the number of the user; of programs in "
	 "home directories the name of the file, and no folder",
		"to know which phones need which update, and to find what the organisation does not allow; "
		"never which of them you use, nor when"},
	{"places: which profiles with a condition apply, since when and why; of each place that the "
	 "policy names whether the phone is inside or outside, since when and by what that was seen; "
	 "no position, and no network",
		"to know which rules this phone follows now, and why"},
	{"agent: version, which mechanisms exist on this phone, what the kernel's sandbox offers, "
	 "whether the clock is plausible, until when the organisation's keyset and the phone's certificate are valid and since when it "
	 "cannot be renewed, whether the agent's files were copied from another device, what it "
	 "is installing or removing right now",
		"to find phones on which something cannot be enforced"},
	{"push: the address at which your push service takes messages for the agent, only where the "
	 "policy allows push",
		"so that the phone hears at once that there is something; the service learns when, not "
		"what"},
	{"nonce: a random number, made anew every hour",
		"so that an order to erase the phone can only be one that was signed just now"},
	{"events: what the agent accepted, refused, changed and repaired, and how each command of the "
	 "organisation ended",
		"the same lines that `agentctl journal show` prints"},
	{"diagnostics, only when the organisation orders them: status, versions, the newest lines of "
	 "journal and log, what the device is doing (power, network, metered, roaming), the name of "
	 "the push service; without names of people, secrets, files below home directories and "
	 "addresses",
		"to find out why this phone does not do what it should; shown below word for word"},
	{"escrow, only where a policy asks for it: a secret that this phone made up, sealed so that "
	 "only the organisation's own key opens it, and how many codes of it were used",
		"so that the organisation can read you a code that lets you try your passcode again "
		"when the phone is locked out and has no network; it is no passcode and opens "
		"nothing"},
	{"escrow, once you ran `agentctl escrow`: a recovery key of each encrypted disk, sealed in "
	 "the same way",
		"so that what is on the phone is not lost with its passphrase; whoever has the "
		"phone and the organisation's escrow key can open the disk"},
};
const size_t report_n_items = ARRAY_SIZE(report_items);

const char *report_section_name(enum report_section section)
{
	static const char *const names[REPORT_SECTION_MAX] = {
		[REPORT_COMPLIANCE] = "compliance",
		[REPORT_INVENTORY] = "inventory",
		[REPORT_AGENT] = "agent",
		[REPORT_DIAGNOSTICS] = "diagnostics",
		[REPORT_ESCROW] = "escrow",
		[REPORT_APPS] = "apps",
		[REPORT_PLACES] = "places",
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
	if (e->clone)
		jsonw_bool(w, "clone", true);
	if (e->documents.keyset)
		jsonw_int(w, "keyset_until", e->documents.keyset->expires_s);
	if (e->renewal)
		renewal_write_report(e, w, "certificate");
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
	if (apps_work_is_running(e))
		apps_work_write_status(e, w, "apps");
	if (e->has_net_facts) {
		jsonw_object(w, "sandbox");
		jsonw_int(w, "landlock_abi", e->net_facts.landlock_abi);
		jsonw_bool(w, "seccomp", e->net_facts.seccomp != 0);
		jsonw_string(w, "note", e->net_facts.note);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

/* What stands for a section that would make the report too large for the server. */
#define REPORT_TOO_LARGE "{\"too_large\":true}"

/* The sections of one report, as they are or replaced. */
struct report_bodies {
	struct buf body[REPORT_SECTION_MAX];
};

static void report_bodies_done(struct report_bodies *bodies)
{
	for (size_t i = 0; i < REPORT_SECTION_MAX; i++)
		buf_done(&bodies->body[i]);
}

/* Notes the digest of a body as that of the exchange under way. */
static int report_digest(struct report *report, enum report_section section, const struct buf *body)
{
	uint8_t digest[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];

	if (sha256(body->data, body->n_bytes, digest) < 0)
		return -EIO;
	hex_encode(digest, sizeof(digest), text);
	text[REPORT_DIGEST_LENGTH] = 0;
	memcpy(report->sent[section], text, REPORT_DIGEST_LENGTH + 1);
	return 0;
}

static int report_replace(struct report *report, enum report_section section, struct buf *body)
{
	buf_reset(body);
	buf_puts(body, REPORT_TOO_LARGE);
	if (section == REPORT_DIAGNOSTICS)
		report->diagnostics_whole = false;
	if (section == REPORT_ESCROW)
		report->escrow_whole = false;
	if (section == REPORT_APPS)
		report->apps_delta = false;
	return body->error ? body->error : report_digest(report, section, body);
}

static void report_write_diagnostics(struct enforcer *e, struct jsonw *w)
{
	/* On links that cost money, too: somebody ordered it, and other commands wait for its end.
	 */
	int r = diagnostics_section(e, w->out);

	if (r < 0 && !w->out->error)
		w->out->error = r;
	e->report.diagnostics_whole = w->out->n_bytes > 0;
}

/* On links that cost money, too: it is short, and counts for nothing until the server has it. */
static void report_write_escrow(struct enforcer *e, struct jsonw *w)
{
	e->report.escrow_whole = unlock_code_reports(e) || recovery_reports(e);
	if (!e->report.escrow_whole)
		return;
	jsonw_object(w, NULL);
	jsonw_int(w, "v", 1);
	jsonw_array(w, "entries");
	unlock_code_write_entries(e, w);
	recovery_write_entries(e, w);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static bool report_is_acked(const struct report *report, size_t section)
{
	return strcmp(report->sent[section], report->acked[section]) == 0;
}

/*
 * The server gets what changed of the apps; where the link costs money nothing, and it hears of
 * what it has, so that it does not ask for the rest.
 */
static int report_shorten_apps(struct enforcer *e, struct buf *body)
{
	_cleanup_buf_ struct buf delta = {.max_bytes = LIMIT_REPORT_BYTES};
	struct report *report = &e->report;
	const char *acked = report->acked[REPORT_APPS];

	report->apps_delta = false;
	if (!body->n_bytes || !*acked || report_is_acked(report, REPORT_APPS))
		return 0;
	if (report->lean || apps_report_waits(e)) {
		memcpy(report->sent[REPORT_APPS], acked, sizeof(report->sent[REPORT_APPS]));
		return 0;
	}
	if (!apps_report_write_delta(e, body->n_bytes, &delta))
		return 0;
	report->apps_delta = true;
	buf_reset(body);
	buf_append(body, delta.data, delta.n_bytes);
	return body->error;
}

static int report_write_bodies(struct enforcer *e, struct report_bodies *bodies)
{
	static void (*const writers[REPORT_SECTION_MAX])(struct enforcer *, struct jsonw *) = {
		[REPORT_COMPLIANCE] = report_write_compliance,
		[REPORT_INVENTORY] = report_write_inventory,
		[REPORT_AGENT] = report_write_agent,
		[REPORT_DIAGNOSTICS] = report_write_diagnostics,
		[REPORT_ESCROW] = report_write_escrow,
		[REPORT_APPS] = apps_report_write,
		[REPORT_PLACES] = places_write_report,
	};

	for (size_t i = 0; i < REPORT_SECTION_MAX; i++) {
		struct buf *body = &bodies->body[i];
		struct jsonw w = JSONW_INIT(body);
		int r;

		body->max_bytes = LIMIT_REPORT_BYTES;
		writers[i](e, &w);
		e->report.sent[i][0] = 0;
		if (!body->n_bytes && !body->error)
			continue; /* there is no such section now */
		if (body->error == -EFBIG)
			r = report_replace(&e->report, (enum report_section)i, body);
		else
			r = body->error ? body->error
					: report_digest(&e->report, (enum report_section)i, body);
		if (r < 0)
			return r;
	}
	return report_shorten_apps(e, &bodies->body[REPORT_APPS]);
}

/* What an administrator can wait for, where the link costs money. */
static const bool report_bulk[REPORT_SECTION_MAX] = {
	[REPORT_INVENTORY] = true,
	[REPORT_AGENT] = true,
	[REPORT_APPS] = true,
};

static bool report_has_body(const struct report *report, size_t section)
{
	return !report_is_acked(report, section) && !(report->lean && report_bulk[section]);
}

/* Replaces the largest body that would be sent. -EFBIG: nothing is left to replace. */
static int report_shorten(struct report *report, struct report_bodies *bodies)
{
	size_t largest = REPORT_SECTION_MAX, n_largest = strlen(REPORT_TOO_LARGE);

	for (size_t i = 0; i < REPORT_SECTION_MAX; i++)
		if (report_has_body(report, i) && bodies->body[i].n_bytes > n_largest) {
			largest = i;
			n_largest = bodies->body[i].n_bytes;
		}
	if (largest == REPORT_SECTION_MAX)
		return -EFBIG;
	return report_replace(report, (enum report_section)largest, &bodies->body[largest]);
}

static void report_write_section(const struct report *report, const struct report_bodies *bodies,
	size_t section, struct jsonw *w)
{
	jsonw_object(w, report_section_name((enum report_section)section));
	jsonw_string(w, "digest", report->sent[section]);
	if (report_has_body(report, section))
		jsonw_raw(w, section == REPORT_APPS && report->apps_delta ? "delta" : "body",
			bodies->body[section].data, bodies->body[section].n_bytes);
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
	bool waiting; /* one was left out: what follows is not contiguous */
};

static int report_write_event(const struct journal_record *record, void *userdata)
{
	struct report_events *events = userdata;
	struct report *report = &events->e->report;
	bool pressing = journal_type_is_security(record->type);
	char boot[9];

	if (report->lean && !pressing) {
		events->waiting = true;
		return 0;
	}
	if (pressing && record->seq <= report->ahead_seq) {
		if (!events->waiting)
			report->sent_seq = record->seq;
		return 0;
	}
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
	report->lean_seq = record->seq;
	if (!events->waiting)
		report->sent_seq = record->seq;
	return 0;
}

uint64_t report_acknowledge_events(struct report *report, int64_t ack_seq)
{
	uint64_t ack = ack_seq > 0 ? (uint64_t)ack_seq : 0;

	if (report->lean && ack >= report->lean_seq && report->lean_seq > report->ahead_seq)
		report->ahead_seq = report->lean_seq;
	/* A server that was put back to an older state has less than it said. */
	if (ack > 0 && ack < report->ahead_seq)
		report->ahead_seq = ack;
	/* The server names the highest it has, which may lie beyond what waits here. */
	return ack < report->sent_seq ? ack : report->sent_seq;
}

static void report_write_all(
	struct enforcer *e, const struct report_bodies *bodies, const char *nonce, struct buf *out)
{
	const struct state_facts *facts = &e->state.facts;
	struct jsonw w = JSONW_INIT(out);
	struct report_events events = {.e = e, .w = &w};

	e->report.more_events = false;
	e->report.complete = true;
	e->report.sent_seq = facts->acked_seq;
	e->report.lean_seq = 0;
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", facts->device_id);
	jsonw_string(&w, "enrolment", facts->enrolment_id);
	if (!e->documents.has_assignment)
		jsonw_string(&w, "ticket", facts->ticket_id);
	jsonw_string(&w, "agent", MDM_VERSION);
	jsonw_string(&w, "nonce", nonce);
	if (e->report.number)
		jsonw_int(&w, "report", e->report.number);
	if (*wake_endpoint(e))
		jsonw_string(&w, "push", wake_endpoint(e));
	report_write_have(e, &w);
	jsonw_object(&w, "sections");
	for (size_t i = 0; i < REPORT_SECTION_MAX; i++)
		if (bodies->body[i].n_bytes) {
			report_write_section(&e->report, bodies, i, &w);
			e->report.complete &= report_has_body(&e->report, i);
		}
	jsonw_object_end(&w);
	jsonw_array(&w, "events");
	if (e->journal && !out->error)
		(void)journal_each(e->journal, facts->acked_seq, report_write_event, &events);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

/*
 * The number is on the disk before the report goes out, so that none is used twice. One that cannot
 * be stored might come again after a restart, and this phone look like two.
 */
static void report_count(struct enforcer *e)
{
	int64_t before = e->state.facts.report_seq;

	e->report.number = 0;
	if (before == INT64_MAX)
		return;
	e->state.facts.report_seq = before + 1;
	if (state_save_facts(&e->state) == 0)
		e->report.number = before + 1;
	else
		e->state.facts.report_seq = before;
}

int report_write(struct enforcer *e, bool lean, struct buf *out)
{
	_cleanup_(report_bodies_done) struct report_bodies bodies = {0};
	const char *nonce = commands_nonce(e);
	int r;

	e->report.lean = lean;
	r = *nonce ? report_write_bodies(e, &bodies) : -EIO;

	if (r < 0)
		return r;
	report_count(e);
	out->max_bytes = LIMIT_REPORT_BYTES;
	report_write_all(e, &bodies, nonce, out);
	/* The rest is still worth telling; a phone that says nothing looks lost. */
	while (out->error == -EFBIG) {
		r = report_shorten(&e->report, &bodies);
		if (r < 0)
			return r;
		buf_reset(out);
		report_write_all(e, &bodies, nonce, out);
	}
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

bool report_acknowledge(struct report *report, const char *resend)
{
	for (size_t i = 0; i < REPORT_SECTION_MAX; i++)
		if (report_in_list(resend, report_section_name((enum report_section)i)))
			report->acked[i][0] = 0;
		else
			memcpy(report->acked[i], report->sent[i], sizeof(report->acked[i]));
	return report->diagnostics_whole && report->acked[REPORT_DIAGNOSTICS][0] != 0;
}

bool report_has_escrow(const struct report *report)
{
	return report->escrow_whole && report->acked[REPORT_ESCROW][0] != 0;
}
