/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - the Prometheus text format; see metrics.h. mdm-server only. */
#include "server/metrics.h"

#include <inttypes.h>

#include "agent/util/clock.h"

static const int metrics_statuses[METRICS_STATUS_MAX] = {
	[METRICS_200] = 200,
	[METRICS_204] = 204,
	[METRICS_400] = 400,
	[METRICS_403] = 403,
	[METRICS_413] = 413,
	[METRICS_415] = 415,
	[METRICS_429] = 429,
	[METRICS_503] = 503,
};

/* Upper ends in microseconds, and as the format writes them, in seconds. */
static const struct {
	int64_t us;
	const char *le;
} metrics_buckets[METRICS_BUCKETS] = {
	{1000, "0.001"},
	{2500, "0.0025"},
	{5000, "0.005"},
	{10000, "0.01"},
	{25000, "0.025"},
	{50000, "0.05"},
	{100000, "0.1"},
	{500000, "0.5"},
	{2500000, "2.5"},
	{10000000, "10"},
};

void metrics_count_checkin(struct metrics *metrics, int status, int64_t duration_us)
{
	size_t at = 0, bucket = 0;

	while (at < METRICS_OTHER && metrics_statuses[at] != status)
		at++;
	metrics->checkins[at]++;
	if (status != 200 && status != 204)
		return;
	while (bucket < METRICS_BUCKETS && duration_us > metrics_buckets[bucket].us)
		bucket++;
	metrics->durations[bucket]++;
	metrics->duration_sum_us += duration_us;
}

static void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP mdm_%s %s\n# TYPE mdm_%s %s\n", name, help, name, type);
}

static void metrics_counter(struct buf *out, const char *name, uint64_t value, const char *help)
{
	metrics_head(out, name, "counter", help);
	buf_printf(out, "mdm_%s %" PRIu64 "\n", name, value);
}

static void metrics_gauge(struct buf *out, const char *name, int64_t value, const char *help)
{
	metrics_head(out, name, "gauge", help);
	buf_printf(out, "mdm_%s %" PRId64 "\n", name, value);
}

static void metrics_checkins(const struct metrics *metrics, struct buf *out)
{
	uint64_t sum = 0;

	metrics_head(out, "checkins_total", "counter", "Check-ins by status of the answer.");
	for (size_t i = 0; i < METRICS_OTHER; i++)
		buf_printf(out, "mdm_checkins_total{status=\"%d\"} %" PRIu64 "\n",
			metrics_statuses[i], metrics->checkins[i]);
	buf_printf(out, "mdm_checkins_total{status=\"other\"} %" PRIu64 "\n",
		metrics->checkins[METRICS_OTHER]);
	metrics_head(out, "checkin_duration_seconds", "histogram",
		"From the first byte of a check-in to its answer.");
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		sum += metrics->durations[i];
		buf_printf(out, "mdm_checkin_duration_seconds_bucket{le=\"%s\"} %" PRIu64 "\n",
			metrics_buckets[i].le, sum);
	}
	sum += metrics->durations[METRICS_BUCKETS];
	buf_printf(out, "mdm_checkin_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", sum);
	buf_printf(out, "mdm_checkin_duration_seconds_sum %" PRId64 ".%06" PRId64 "\n",
		metrics->duration_sum_us / USEC_PER_SEC, metrics->duration_sum_us % USEC_PER_SEC);
	buf_printf(out, "mdm_checkin_duration_seconds_count %" PRIu64 "\n", sum);
}

static void metrics_activity(const struct metrics_state *state, struct buf *out)
{
	const struct metrics *m = state->metrics;

	metrics_counter(out, "requests_total", m->requests, "Requests of phones.");
	metrics_counter(
		out, "admin_requests_total", m->admin_requests, "Requests of administrators.");
	metrics_counter(out, "enrolments_total", m->enrolments, "Phones enrolled.");
	metrics_counter(out, "renewals_total", m->renewals, "Certificates renewed.");
	metrics_counter(out, "commands_delivered_total", state->commands_delivered,
		"Commands sent in answers, repetitions included.");
	metrics_counter(out, "commands_held_total", state->commands_held,
		"Destructive commands that had to wait for another administrator.");
	metrics_counter(out, "clones_total", state->clones,
		"Reports that show two phones with one identity.");
	metrics_counter(out, "hardware_refused_total", state->hardware_refused,
		"Zero-touch enrolments that the allow-list did not cover.");
	metrics_counter(out, "audit_dropped_total", state->audit_dropped,
		"Refused requests of administrators beyond what the audit log takes.");
	metrics_counter(
		out, "pruned_rows_total", m->pruned, "Old events and tickets that were removed.");
	metrics_counter(out, "reloads_total", m->reloads, "Configurations taken over by SIGHUP.");
	metrics_counter(out, "reloads_refused_total", m->reloads_refused,
		"SIGHUPs after which everything stayed as it was.");
	metrics_head(
		out, "refused_total", "counter", "Connections and requests refused by reason.");
	for (int i = 0; i < GUARD_MAX; i++)
		buf_printf(out, "mdm_refused_total{reason=\"%s\"} %" PRIu64 "\n",
			guard_refusal_name((enum guard_refusal)i), state->refused[i]);
}

static void metrics_certificates(const struct metrics_state *state, struct buf *out)
{
	metrics_head(out, "certificate_expiry_seconds", "gauge",
		"Unix time at which the certificate ends.");
	buf_printf(out,
		"mdm_certificate_expiry_seconds{certificate=\"server\"} %" PRId64 "\n"
		"mdm_certificate_expiry_seconds{certificate=\"device_ca\"} %" PRId64 "\n"
		"mdm_certificate_expiry_seconds{certificate=\"root\"} %" PRId64 "\n",
		state->server_until_s, state->device_ca_until_s, state->root_until_s);
}

void metrics_write(const struct metrics_state *state, struct buf *out)
{
	metrics_head(out, "build_info", "gauge", "1, with the version as a label.");
	buf_puts(out, "mdm_build_info{version=\"" MDM_VERSION "\"} 1\n");
	metrics_gauge(out, "start_time_seconds", state->started_s, "Unix time of the start.");
	metrics_checkins(state->metrics, out);
	metrics_activity(state, out);
	metrics_head(out, "connections", "gauge", "Open connections by listener.");
	buf_printf(out,
		"mdm_connections{listener=\"devices\"} %" PRId64 "\n"
		"mdm_connections{listener=\"admin\"} %" PRId64 "\n",
		state->device_connections, state->admin_connections);
	metrics_gauge(out, "waiting_phones", state->waiting, "Phones waiting for news.");
	metrics_gauge(out, "store_works", state->store_works, "1 if the database could be read.");
	if (state->store_works) {
		metrics_gauge(out, "devices", state->devices, "Phones on record.");
		metrics_gauge(out, "tickets_open", state->tickets_open, "Tickets not used yet.");
		metrics_gauge(out, "documents", state->documents, "Signed documents kept.");
		metrics_gauge(out, "commands_waiting_approval", state->commands_waiting_approval,
			"Destructive commands that wait for another administrator now.");
		metrics_counter(out, "events_total", (uint64_t)state->last_event,
			"Events stored since the database was made.");
		metrics_gauge(out, "database_bytes", state->database_bytes,
			"Size of the database without its write-ahead log.");
	}
	metrics_gauge(out, "last_backup_seconds", state->last_backup_s,
		"Unix time of the last backup; 0: none.");
	metrics_certificates(state, out);
}
