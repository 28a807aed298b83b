/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zerotouch.h - enrolling by itself: an image carries a ticket in zero-touch.conf, the server knows
 * the serial numbers and IMEIs of the phones that may use it. Enforcer only.
 *
 * Only a phone that is not enrolled does so, and with each file once: who leaves the organisation
 * is not taken back by the file that is still there.
 */
#ifndef MDM_ENFORCER_ZEROTOUCH_H
#define MDM_ENFORCER_ZEROTOUCH_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ipc/message.h"
#include "agent/util/hardware.h"

struct enforcer;
struct zerotouch; /* e->zerotouch */

/* The numbers of this phone, as far as there are any that are no placeholders; "" otherwise. */
struct enrolment_hardware {
	char serial[LIMIT_HARDWARE_BYTES + 1];
	char imei[HARDWARE_IMEI_LENGTH + 1];
};

/* Reads the file and starts, if there is one that this phone has not left. 0 or -ENOMEM. */
int zerotouch_new(struct enforcer *e, struct zerotouch **ret_zerotouch);
void zerotouch_free(struct zerotouch *zerotouch);

/* A network came up, or an enrolment by hand ended: tries soon, if it is waiting. */
void zerotouch_update(struct enforcer *e);

/* Whether the enrolment under way is one of these. */
bool zerotouch_is_enrolling(const struct enforcer *e);
/* The digest of the file that this enrolment, of whatever kind, leaves behind: who leaves is not
 * taken back by it. Untouched if there is none. */
void zerotouch_remember(struct enforcer *e, uint8_t digest[SHA256_BYTES]);

/* It ended. code CTL_OK: enrolled; otherwise message says why not. */
void zerotouch_ended(struct enforcer *e, enum ctl_code code, const char *message);

/*
 * Seconds until the next attempt: exponential with full jitter, from a minute to six hours; from an
 * hour to a day where the server said no, which only an administrator changes. Pure.
 */
int64_t zerotouch_delay_s(uint32_t failures, bool refused, uint64_t random);

#endif
