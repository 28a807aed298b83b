/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - numbers about the server in the Prometheus text format 0.0.4. No device, ticket or
 * address is a label: who may read numbers may not learn who has which phone. Pure; mdm-server
 * only.
 */
#ifndef MDM_SERVER_METRICS_H
#define MDM_SERVER_METRICS_H

#include <stdint.h>

#include "agent/util/buf.h"
#include "server/guard.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_BUCKETS 10 /* of durations; one more holds the rest */

/* Statuses of the answers that are counted apart; the last counts the others. */
enum metrics_status {
	METRICS_200,
	METRICS_204,
	METRICS_400,
	METRICS_403,
	METRICS_413,
	METRICS_415,
	METRICS_429,
	METRICS_503,
	METRICS_OTHER,
	METRICS_STATUS_MAX,
};

/* Counted since the start. */
struct metrics {
	uint64_t checkins[METRICS_STATUS_MAX];
	uint64_t durations[METRICS_BUCKETS + 1]; /* of check-ins that were answered 200 or 204 */
	int64_t duration_sum_us;
	uint64_t enrolments, renewals, requests, admin_requests, reloads, reloads_refused, pruned;
};

void metrics_count_checkin(struct metrics *metrics, int status, int64_t duration_us);

/* What is read when somebody asks. Times are 0 where there is none. */
struct metrics_state {
	const struct metrics *metrics;
	const uint64_t *refused; /* GUARD_MAX */
	uint64_t clones, commands_delivered, commands_held, hardware_refused, audit_dropped;
	int64_t device_connections, admin_connections, waiting;
	int64_t devices, tickets_open, documents, last_event, commands_waiting_approval;
	int64_t database_bytes;
	bool store_works; /* the six above are from now */
	int64_t started_s, last_backup_s;
	int64_t server_until_s, device_ca_until_s, root_until_s;
};
void metrics_write(const struct metrics_state *state, struct buf *out);

#endif
