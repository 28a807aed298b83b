/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.h - what operators watch: request log, numbers, /healthz and /metrics. mdm-server only.
 */
#ifndef MDM_SERVER_MONITOR_H
#define MDM_SERVER_MONITOR_H

#include "server/http.h"
#include "server/metrics.h"

#define BACKUP_STAMP "last-backup" /* in the state directory: Unix time of the last backup */

struct monitor {
	struct rate_bucket lines; /* of the request log */
	int64_t n_left_out;	  /* requests without a line since the last one */
	int64_t started_s;
};

/* A http_options.observe; userdata is the server. */
void monitor_observe(void *userdata, const struct http_seen *seen);

extern const struct http_route monitor_routes[];

#endif
