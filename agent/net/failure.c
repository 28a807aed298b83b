/* SPDX-License-Identifier: Apache-2.0 */
/* failure.c - why an exchange failed; see failure.h. Net role. */
#include "agent/net/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct failure *ret_failure, enum net_stage stage, const char *format, ...)
{
	va_list args;

	*ret_failure = (struct failure){.stage = stage, .retry_after_s = -1};
	va_start(args, format);
	vsnprintf(ret_failure->message, sizeof(ret_failure->message), format, args);
	va_end(args);
	return NET_E_FAILED;
}

int failure_errno(struct failure *ret_failure, enum net_stage stage, int error, const char *what)
{
	return failure_set(ret_failure, stage, "%s: %s", what, strerror(-error));
}
