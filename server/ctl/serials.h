/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serials.h - the highest serial ever used for a stream, a device or a ticket, remembered durably
 * in the organisation directory: a phone refuses anything lower, so none may be used twice.
 *
 * One file serials/ADDRESS each, holding the decimal number and LF.
 */
#ifndef MDM_MDMCTL_SERIALS_H
#define MDM_MDMCTL_SERIALS_H

#include <stdint.h>

#include "agent/trust/document.h"
#include "server/ctl/fault.h"

#define SERIAL_MAX INT64_C(9007199254740991) /* 2^53-1, docs/protocol.md 1 */

/* "policy.staff", "assignment.0123…": size must hold LIMIT_NAME_BYTES + 16. */
void serial_address(enum document_type type, const char *target, char *ret_address, size_t size);

/* 0 where nothing is remembered. A damaged file is a fault, never a zero. */
int serial_remembered(int org_fd, const char *address, int64_t *ret_serial, struct fault *fault);

/*
 * Takes the next serial under a lock of the directory and remembers it before returning:
 * max(remembered, at_least) + 1, or wanted itself if that is not 0 (it must be above what is
 * remembered).
 */
int serial_take(int org_fd, const char *address, int64_t at_least, int64_t wanted,
	int64_t *ret_serial, struct fault *fault);

/* Raises what is remembered to serial; never lowers it. */
int serial_raise(int org_fd, const char *address, int64_t serial, struct fault *fault);

#endif
