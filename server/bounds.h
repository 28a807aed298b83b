/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounds.h - the second and last header of limits: those of mdm-server's HTTP layer and of what it
 * keeps of a report. They stand apart from agent/util/limits.h, which has the limits that a phone
 * or mdmctl enforces or must know, because nothing outside server/ may depend on them. No code;
 * mdm-server only.
 */
#ifndef MDM_SERVER_BOUNDS_H
#define MDM_SERVER_BOUNDS_H

#include "agent/util/limits.h"

/* HTTP. */
#define BOUND_HEAD_BYTES (8 * 1024) /* request line and header lines; curl sends about 300 */
#define BOUND_HEAD_LINES 64
#define BOUND_TARGET_BYTES 2048 /* path and query; the longest is an assignment of 16 groups */
#define BOUND_QUERY_PARAMS 8
#define BOUND_KEPT_REQUESTS 1000 /* on one connection, then it is closed */

/* Connections. A phone needs one for less than a second an hour. */
#define BOUND_CONNECTIONS 4096
#define BOUND_ADMIN_CONNECTIONS 64
/* Of a listener, for those of one address that have not shown who they are; but at least so many.
 */
#define BOUND_STRANGERS_SHARE 8
#define BOUND_STRANGERS_MIN 8
#define BOUND_WAITING 4096	   /* phones at /v1/wait, beside the connections above */
#define BOUND_WAKES_PER_SECOND 150 /* each costs two handshakes: half of a slow core */
/* Push services: told about as many phones at once, each once a minute. */
#define BOUND_PUSHES 1024
#define BOUND_PUSH_CONNECTIONS 16
#define BOUND_PUSH_SECONDS 10
#define BOUND_PUSH_DISTANCE_SECONDS 60
#define BOUND_REQUEST_SECONDS                                                                      \
	60 /* from the first byte (or the handshake's) to the last of the answer */
#define BOUND_HANDSHAKE_SECONDS 10 /* of it, for the handshake: two round trips */
#define BOUND_IDLE_SECONDS 15	   /* between two requests */
#define BOUND_LINGER_SECONDS 2	   /* for a peer to read why it was refused, before a reset */

/* The configuration file. A complete one with all its comments has 8 KiB. */
#define BOUND_CONFIG_BYTES (64 * 1024)
#define BOUND_CONFIG_LINE_BYTES 1024
#define BOUND_CONFIG_SETTINGS 64 /* rows of the table; it has half of that */
#define BOUND_CONFIG_ITEMS 16	 /* values of one setting that may be repeated */
#define BOUND_CONFIG_PROBLEMS 50 /* reported at once */

/* The log and the upkeep. Lines of requests beyond these are counted, not written. */
#define BOUND_LOG_LINES 100 /* a second, in the long run */
#define BOUND_LOG_BURST 1000
#define BOUND_UPKEEP_SECONDS 3600   /* between two rounds */
#define BOUND_UPKEEP_PAUSE_US 20000 /* between two steps of a round */

/* Plain HTTP for whoever watches us. */
#define BOUND_MONITOR_CONNECTIONS 16
#define BOUND_MONITOR_SECONDS 10

/* Buckets of each rate limit: who is limited at one time. 16 bytes each. */
#define BOUND_RATE_BUCKETS (64 * 1024)

/* EST. RFC 7617 has no limit of its own. */
#define BOUND_AUTHORIZATION_BYTES 512
#define BOUND_SECRET_BYTES 128

/* Reports. */
#define BOUND_SECTIONS 16     /* of one device, all reports together */
#define BOUND_HAVE_STREAMS 64 /* policies a phone says it holds, former groups included */
#define BOUND_HAVE_BYTES 8192
/* One event. A record of the journal has 4096 bytes of data at most; the rest is around it. */
#define BOUND_EVENT_BYTES 8192
#define BOUND_BATCH 64 /* check-ins in one transaction */

/* Sealed secrets are never removed: new ones of one device, within a day. A phone makes one where
 * the policy names other certificates. */
#define BOUND_ESCROW_PER_DAY 16

/* Keysets for a phone that holds none: the newest, one of which its ticket names. */
#define BOUND_FIRST_KEYSETS 24

/* Commands. 8 lines of the largest payload in base64url have 93560 bytes. */
#define BOUND_COMMAND_BYTES (92 * 1024)
#define BOUND_COMMANDS_PER_HOUR 1000
/* Of them, those that destroy something and that one administrator may give without another. On a
 * usual day a fleet loses fewer phones than that. */
#define BOUND_DESTRUCTIVE_PER_HOUR 5
#define BOUND_DETAIL_BYTES 512 /* what a phone says of how a command ended */

/* The audit log: refused attempts in it per hour; more are answered 429 and change nothing. */
#define BOUND_REFUSALS_PER_HOUR 1000

#endif
