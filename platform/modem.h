/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modem.h - the IMEI of the phone's modem, from ModemManager. Asked once, for zero-touch enrolment
 * only. Enforcer only.
 */
#ifndef MDM_PLATFORM_MODEM_H
#define MDM_PLATFORM_MODEM_H

#include <systemd/sd-event.h>

#define MODEM_IMEI_LENGTH 15

/* imei: 15 digits with a valid check digit, or "" if there is no modem, no service, no answer. */
typedef void (*modem_imei_fn)(const char *imei, void *userdata);

struct modem_query;

/*
 * Asks; done is called once from the loop, within a few seconds, unless modem_query_free() comes
 * first. The query is freed by the caller, in done or later. 0 or -errno; then done is not called.
 */
int modem_query_imei(
	sd_event *event, modem_imei_fn done, void *userdata, struct modem_query **ret_query);
void modem_query_free(struct modem_query *query); /* NULL is fine */

#endif
