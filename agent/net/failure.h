/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.h - why an exchange failed: the stage, and a sentence for people that says what happened,
 * to what, and what to do. Net role. Text that a server sent never gets into it.
 */
#ifndef MDM_NET_FAILURE_H
#define MDM_NET_FAILURE_H

#include "agent/ipc/message.h"
#include "agent/util/mem.h"

/* The positive answer of everything in this layer that fills a failure. */
#define NET_E_FAILED 1

struct failure {
	enum net_stage stage;
	unsigned int http_status; /* 0: none */
	int64_t retry_after_s;	  /* -1: none */
	bool hung_up;		  /* after the request, the server ended the connection silently */
	char message[LIMIT_TEXT_BYTES + 1];
};

/* Fills ret_failure without status and Retry-After and returns NET_E_FAILED. */
int failure_set(struct failure *ret_failure, enum net_stage stage, const char *format, ...)
	_printf_(3, 4);

/* The same with ": reason" of a negative errno at the end. */
int failure_errno(struct failure *ret_failure, enum net_stage stage, int error, const char *what);

#endif
