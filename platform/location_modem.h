/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_modem.h - what the files of the modem share; see location_modem.c. Only for
 * platform/location_modem*.c.
 */
#ifndef MDM_PLATFORM_LOCATION_MODEM_H
#define MDM_PLATFORM_LOCATION_MODEM_H

#include "platform/location_private.h"
#include "platform/bus_read.h"

#define MODEM_LOCATION "org.freedesktop.ModemManager1.Modem.Location"

/* MMModemLocationSource. */
#define MODEM_CELL 1u
#define MODEM_RAW 2u
#define MODEM_NMEA 4u
#define MODEM_UNMANAGED 16u

void modem_fail(struct location *location, const char *text);
/* NULL: there is none of that path. */
struct location_modem_object *modem_of_path(struct location_modem *modem, const char *path);
/* Starts, goes on with, or ends what the receiver does. */
void modem_settle(struct location *location);

/* The receiver: asked every two seconds while it is wanted. */
void modem_gps_begin(struct location_modem *modem);
void modem_gps_ask(struct location *location);
void modem_gps_end(struct location_modem *modem);

/* The mask: sees to it that the receiver is on, and gives back what the agent set of it. */
void modem_mask_take(struct location *location, struct location_modem_object *object);
void modem_mask_release(struct location *location);
/* Says the last word: nobody will be here for an answer. */
void modem_mask_abandon(struct location *location);
/* Nothing is owed any more. */
void modem_mask_is_quits(struct location *location);

/* Reads a{uv}, what is known by source; visit gets the variant, and returns as bus_property_fn. */
int modem_read_location(sd_bus_message *message,
	int (*visit)(uint32_t source, sd_bus_message *message, void *userdata), void *userdata);

#endif
