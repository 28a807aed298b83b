/* SPDX-License-Identifier: Apache-2.0 */
/* answers.c - what agentctl gets to see; see answers.h. Enforcer: writes JSON, reads none. */
#include "agent/enforcer/answers.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/apps_work.h"
#include "agent/enforcer/auth.h"
#include "agent/enforcer/diagnostics.h"
#include "agent/enforcer/guard_host.h"
#include "agent/enforcer/location_report.h"
#include "agent/enforcer/renewal.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/unlock_code.h"
#include "agent/enforcer/wake.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "policies/location_report.h"

static void write_time(struct jsonw *w, const char *key, int64_t time_s)
{
	if (time_s > 0)
		jsonw_int(w, key, time_s);
	else
		jsonw_null(w, key);
}

static void status_documents(struct enforcer *e, struct jsonw *w)
{
	const struct documents *d = &e->documents;
	int64_t now = highwater_document_now(&e->state.facts.highwater, clock_realtime_s());

	jsonw_array(w, "groups");
	for (size_t i = 0; d->has_assignment && i < d->assignment.n_groups; i++)
		jsonw_string(w, NULL, d->assignment.groups[i]);
	jsonw_array_end(w);
	if (d->has_assignment) {
		jsonw_string(w, "ownership", ownership_name(d->assignment.ownership));
		jsonw_string(w, "user", d->assignment.user);
	}
	if (d->keyset) {
		jsonw_object(w, "keyset");
		jsonw_int(w, "version", d->keyset->version);
		jsonw_int(w, "expires", d->keyset->expires_s);
		jsonw_bool(w, "expired", d->keyset->expires_s <= now);
		jsonw_object_end(w);
	}
	jsonw_array(w, "policies");
	for (size_t i = 0; i < d->n_policies; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "stream", d->policies[i].policy->stream);
		jsonw_int(w, "serial", d->policies[i].policy->serial);
		jsonw_int(w, "issued", d->policies[i].issued_s);
		jsonw_int(w, "expires", d->policies[i].expires_s);
		jsonw_bool(w, "expired", d->policies[i].expires_s <= now);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void status_enrolment(struct enforcer *e, struct jsonw *w)
{
	const struct state_facts *facts = &e->state.facts;

	jsonw_bool(w, "enrolled", facts->enrolled);
	if (!facts->enrolled)
		return;
	if (e->documents.keyset) {
		jsonw_object(w, "organisation");
		jsonw_string(w, "id", e->documents.keyset->org);
		jsonw_string(w, "name", e->documents.keyset->org_name);
		jsonw_object_end(w);
	}
	jsonw_string(w, "server", facts->server);
	jsonw_string(w, "device", facts->device_id);
	jsonw_string(w, "enrolment", facts->enrolment_id);
	status_documents(e, w);
	jsonw_object(w, "certificate");
	write_time(w, "from", facts->certificate_from_s);
	write_time(w, "until", facts->certificate_until_s);
	jsonw_object_end(w);
	renewal_write(e, w, "renewal");
	wake_write(e, w, "wake");
	unlock_code_write_status(e, w, "unlock_code");
}

static void status_checkin(struct enforcer *e, struct jsonw *w)
{
	int64_t due = pacing_due_us(&e->pacing, clock_boottime_us());

	jsonw_object(w, "checkin");
	jsonw_string(w, "state", pacing_state_name(e->pacing.state));
	write_time(w, "last_success", e->last_success_s);
	if (due >= 0)
		jsonw_int(w, "next_in_s", due / USEC_PER_SEC);
	else
		jsonw_null(w, "next_in_s");
	jsonw_int(w, "interval_s", e->pacing.interval_s);
	jsonw_int(w, "failures", e->pacing.failures);
	jsonw_string(w, "last_error", e->last_error[0] ? e->last_error : NULL);
	jsonw_int(w, "bytes_up", (int64_t)e->last_bytes_up);
	jsonw_int(w, "bytes_down", (int64_t)e->last_bytes_down);
	jsonw_object_end(w);
}

static void status_device(struct enforcer *e, struct jsonw *w)
{
	const struct device_facts *facts = reactions_facts(e);

	jsonw_object(w, "device_facts");
	jsonw_string(w, "charging", truth_name(facts->charging));
	jsonw_string(w, "online", truth_name(facts->online));
	jsonw_string(w, "metered", truth_name(facts->metered));
	jsonw_string(w, "roaming", truth_name(facts->roaming));
	jsonw_string(w, "detail", facts->detail);
	jsonw_object_end(w);
}

static void status_compliance(struct enforcer *e, struct jsonw *w)
{
	const struct compliance *compliance = &e->reconcile.compliance;
	bool known = e->reconcile.has_compliance;

	jsonw_object(w, "compliance");
	jsonw_string(w, "state",
		compliance_state_name(known ? compliance->overall : COMPLIANCE_UNKNOWN));
	jsonw_object(w, "areas");
	for (size_t i = 0; i < AREA_MAX; i++)
		jsonw_string(w, area_row((enum area_id)i)->name,
			compliance_state_name(known ? compliance->area[i] : COMPLIANCE_UNKNOWN));
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void status_refusals(struct enforcer *e, struct jsonw *w)
{
	jsonw_array(w, "refusals");
	for (size_t i = 0; i < e->documents.n_refusals; i++) {
		const struct refusal *refusal = &e->documents.refusals[i];

		jsonw_object(w, NULL);
		jsonw_int(w, "time", refusal->time_s);
		jsonw_string(w, "type", refusal->why.type);
		jsonw_string(w, "reason", document_reason_name(refusal->why.reason));
		jsonw_string(w, "detail", refusal->why.detail);
		jsonw_string(w, "advice", document_reason_advice(refusal->why.reason));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void status_platform(struct enforcer *e, struct jsonw *w)
{
	jsonw_array(w, "backends");
	for (size_t i = 0; i < e->reconcile.n_backends; i++) {
		const struct reconcile_backend *rb = &e->reconcile.backends[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "name", rb->backend->ops->name);
		jsonw_string(w, "help", rb->backend->ops->help);
		jsonw_bool(w, "present", rb->fact.present);
		jsonw_string(w, "detail",
			*reconcile_failure(rb) ? reconcile_failure(rb) : rb->fact.detail);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	if (e->has_net_facts) {
		jsonw_object(w, "sandbox");
		jsonw_string(w, "role", role_name(ROLE_NET));
		jsonw_int(w, "landlock_abi", e->net_facts.landlock_abi);
		jsonw_bool(w, "seccomp", e->net_facts.seccomp != 0);
		jsonw_string(w, "note", e->net_facts.note);
		jsonw_object_end(w);
	} else {
		jsonw_null(w, "sandbox");
	}
}

void answer_status(struct enforcer *e, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	enforcer_check_clock(e);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "version", MDM_VERSION);
	jsonw_bool(&w, "ready", e->ready);
	status_enrolment(e, &w);
	status_checkin(e, &w);
	status_device(e, &w);
	status_compliance(e, &w);
	status_refusals(e, &w);
	commands_write_status(e, &w, "commands");
	apps_work_write_status(e, &w, "apps");
	auth_write_status(e, &w, "passwords");
	guard_host_write(e, &w, "guard");
	location_report_write_status(e, &w, "location");
	status_platform(e, &w);
	jsonw_object(&w, "clock");
	jsonw_string(&w, "verdict", clock_verdict_name(enforcer_clock_verdict(e)));
	jsonw_int(&w, "high_water", highwater_tls_now(&e->state.facts.highwater, 0));
	jsonw_object_end(&w);
	jsonw_object(&w, "journal");
	jsonw_int(&w, "last_seq", e->journal ? (int64_t)journal_last_seq(e->journal) : 0);
	jsonw_int(&w, "acked_seq", (int64_t)e->state.facts.acked_seq);
	jsonw_int(&w, "dropped", e->journal ? (int64_t)journal_dropped(e->journal) : 0);
	jsonw_object_end(&w);
	jsonw_array(&w, "problems");
	for (size_t i = 0; i < PROBLEM_MAX; i++) {
		if (!e->problems[i].what[0])
			continue;
		jsonw_object(&w, NULL);
		jsonw_string(&w, "what", e->problems[i].what);
		jsonw_string(&w, "advice", e->problems[i].advice);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

/* The payload as it was signed. It is kept on disk only; the resident process stays small. */
static void policy_payload(struct enforcer *e, const char *stream, struct jsonw *w)
{
	_cleanup_free_ char *text = NULL;
	char name[LIMIT_NAME_BYTES + 17];
	struct jws jws;
	size_t n;

	snprintf(name, sizeof(name), "policy.%s", stream);
	if (state_load_document(&e->state, name, &text, &n) < 0 || jws_split(text, n, &jws) != 0) {
		jsonw_null(w, "payload");
		return;
	}
	jsonw_raw(w, "payload", jws.payload, jws.n_payload);
	jws_done(&jws);
}

void answer_unmanaged(struct enforcer *e, struct jsonw *w)
{
	if (!e->state.facts.enrolled)
		jsonw_bool(w, "enrolled", false);
}

void answer_policy_show(struct enforcer *e, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	answer_unmanaged(e, &w);
	jsonw_array(&w, "policies");
	for (size_t i = 0; i < e->documents.n_policies; i++) {
		const struct policy *policy = e->documents.policies[i].policy;

		jsonw_object(&w, NULL);
		jsonw_string(&w, "stream", policy->stream);
		jsonw_int(&w, "serial", policy->serial);
		policy_payload(e, policy->stream, &w);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_array(&w, "effective");
	for (size_t i = 0; e->reconcile.has_effective && i < SETTING_MAX; i++) {
		const struct effective_setting *setting = &e->reconcile.effective.settings[i];
		const struct setting_row *row = setting_row((enum setting_id)i);
		_cleanup_buf_ struct buf text = BUF_INIT;

		if (!setting->present)
			continue;
		value_format(row, &setting->value, &text);
		jsonw_object(&w, NULL);
		jsonw_string(&w, "area", area_row(row->area)->name);
		jsonw_string(&w, "setting", row->name);
		value_write(row, &setting->value, &w, "value");
		jsonw_text(&w, "text", text.data ? text.data : "", text.n_bytes);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

void answer_policy_explain(struct enforcer *e, struct buf *out)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = documents_policies(&e->documents, policies);
	struct jsonw w = JSONW_INIT(out);
	struct effective effective;
	struct when_facts facts;
	int r;

	reconcile_facts(&e->reconcile, &facts);
	r = effective_compute(policies, n, &facts, &effective);
	if (r < 0) {
		out->error = r;
		return;
	}
	jsonw_object(&w, NULL);
	answer_unmanaged(e, &w);
	effective_write_explain(&effective, policies, n, &facts, &w, "settings");
	jsonw_object_end(&w);
	effective_done(&effective);
}

void answer_compliance(struct enforcer *e, struct buf *out)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = documents_policies(&e->documents, policies);
	struct jsonw w = JSONW_INIT(out);

	if (!e->state.facts.enrolled)
		buf_puts(out, "{\"enrolled\":false,\"state\":\"unknown\",\"settings\":[],"
			      "\"unsupported\":[]}");
	else if (e->reconcile.has_compliance)
		compliance_write(&e->reconcile.compliance, policies, n, &w, NULL);
	else
		buf_puts(out, "{\"state\":\"unknown\",\"settings\":[],\"unsupported\":[]}");
}

static int journal_write_record(const struct journal_record *record, void *userdata)
{
	struct jsonw *w = userdata;
	char boot[9];

	hex_encode(record->boot_id, 4, boot);
	jsonw_object(w, NULL);
	jsonw_int(w, "seq", (int64_t)record->seq);
	jsonw_int(w, "time", record->realtime_us / USEC_PER_SEC);
	jsonw_string(w, "boot", boot);
	jsonw_int(w, "uptime_s", record->boottime_us / USEC_PER_SEC);
	jsonw_int(w, "uptime_us", record->boottime_us);
	jsonw_string(w, "type", journal_type_name(record->type));
	jsonw_raw(w, "data", record->payload, record->n_payload);
	jsonw_object_end(w);
	return 0;
}

void answer_journal(struct enforcer *e, int64_t after_seq, uint32_t count, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	uint64_t last = e->journal ? journal_last_seq(e->journal) : 0;
	uint64_t after = after_seq > 0 ? (uint64_t)after_seq : 0;

	if (count && last > count && after < last - count)
		after = last - count;
	jsonw_object(&w, NULL);
	jsonw_array(&w, "records");
	if (e->journal)
		(void)journal_each(e->journal, after, journal_write_record, &w);
	jsonw_array_end(&w);
	jsonw_int(&w, "dropped", e->journal ? (int64_t)journal_dropped(e->journal) : 0);
	jsonw_object_end(&w);
}

void answer_journal_verify(struct enforcer *e, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	uint64_t records = 0, bad = 0;
	int r = e->journal ? journal_verify(e->journal, &records, &bad) : -ENODATA;

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", r == 0);
	jsonw_int(&w, "records", (int64_t)records);
	if (r == -EBADMSG)
		jsonw_int(&w, "bad_offset", (int64_t)bad);
	else
		jsonw_null(&w, "bad_offset");
	jsonw_int(&w, "dropped", e->journal ? (int64_t)journal_dropped(e->journal) : 0);
	jsonw_object_end(&w);
}

/* The bundle of the last order, from when it was made until the enrolment ends. */
static void privacy_diagnostics(struct enforcer *e, struct jsonw *w)
{
	_cleanup_free_ char *text = NULL;
	int64_t sent_s = 0;
	size_t n = 0;
	int r = diagnostics_last(e, &text, &n, &sent_s);

	write_time(w, "last_diagnostics_time", sent_s);
	if (r == 0)
		jsonw_raw(w, "last_diagnostics", text, n);
	else
		jsonw_null(w, "last_diagnostics");
}

/* The report as it was sent, without where the phone is for those whom that is none of. */
static void privacy_report(const char *text, size_t n, bool may_see, struct jsonw *w)
{
	_cleanup_buf_ struct buf without = BUF_INIT;

	if (!may_see) {
		location_redact(text, n, &without);
		if (without.error && !w->out->error)
			w->out->error = without.error;
		text = without.data;
		n = without.n_bytes;
	}
	if (!w->out->error)
		jsonw_raw(w, "last_report", text, n);
}

void answer_privacy(struct enforcer *e, bool may_see, struct buf *out)
{
	_cleanup_free_ char *last = NULL;
	struct jsonw w = JSONW_INIT(out);
	size_t n = 0;
	int r = fs_read(e->state.dir_fd, ENFORCER_LAST_REPORT, LIMIT_REPORT_BYTES, &last, &n);

	jsonw_object(&w, NULL);
	jsonw_array(&w, "collected");
	for (size_t i = 0; i < report_n_items; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "what", report_items[i].what);
		jsonw_string(&w, "why", report_items[i].why);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	write_time(&w, "last_report_time", r == 0 ? e->report.last_s : 0);
	if (r == 0)
		privacy_report(last, n, may_see, &w);
	else
		jsonw_null(&w, "last_report");
	privacy_diagnostics(e, &w);
	location_report_write_privacy(e, &w, "location", may_see);
	jsonw_object_end(&w);
}

void answer_commands(struct enforcer *e, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	commands_write(e, &w, NULL);
}

void answer_escrow(const struct recovery_outcome *outcomes, size_t n_outcomes, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_array(&w, "volumes");
	for (size_t i = 0; i < n_outcomes; i++) {
		const struct recovery_outcome *o = &outcomes[i];

		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", o->name);
		if (o->uuid[0])
			jsonw_string(&w, "uuid", o->uuid);
		else
			jsonw_null(&w, "uuid");
		jsonw_string(&w, "state", recovery_end_name(o->end));
		if (o->slot >= 0)
			jsonw_int(&w, "slot", o->slot);
		else
			jsonw_null(&w, "slot");
		jsonw_int(&w, "generation", o->generation);
		jsonw_bool(&w, "kept", o->kept);
		if (o->passphrase_slot >= 0)
			jsonw_int(&w, "passphrase_slot", o->passphrase_slot);
		jsonw_string(&w, "detail", o->detail);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}
