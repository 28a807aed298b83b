/* SPDX-License-Identifier: Apache-2.0 */
/*
 * radios.h - the kernel's radio switches: which there are, what their user wants of them, and what
 * is to be written so that the policy holds. Decides only: no descriptor is touched. Enforcer only.
 */
#ifndef MDM_PLATFORM_RADIOS_H
#define MDM_PLATFORM_RADIOS_H

#include <linux/rfkill.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"

#define RADIOS_MAX 32 /* a phone has three; the rest is not looked at */
#define RADIO_NAME_BYTES 48
#define RADIO_TYPES 32
#define RADIO_LINE_BYTES (RADIO_NAME_BYTES + 8)

struct radio {
	uint32_t index;		     /* the kernel's, of this boot */
	uint8_t type;		     /* RFKILL_TYPE_WLAN */
	char name[RADIO_NAME_BYTES]; /* "phy0": the same after a restart */
	bool soft, hard;	     /* blocked by software, by a switch of the case */
	bool wished;		     /* its user has it blocked; while shut: had it */
	bool calm;		     /* it was blocked when not all were for the last time */
};

struct radios {
	struct radio all[RADIOS_MAX];
	size_t n;
	bool shut[RADIO_TYPES]; /* by the policy, now */
	bool kept[RADIO_TYPES]; /* the policy says something of it: wishes are written down */
	struct radio record[RADIOS_MAX]; /* what was remembered: type, name, wished */
	size_t n_record;
};

/* One line of the kernel. name: of a switch that is added. */
void radios_take(struct radios *radios, const struct rfkill_event *event, const char *name);

struct radio_order {
	uint32_t index;
	uint8_t type;
	bool block;
};

/* What has to be blocked because its type is shut. The number of orders. */
size_t radios_to_shut(const struct radios *radios, struct radio_order ret_orders[RADIOS_MAX]);
/* What a type that is no longer shut gets back. */
size_t radios_to_open(
	const struct radios *radios, uint8_t type, struct radio_order ret_orders[RADIOS_MAX]);

/*
 * Airplane mode is when all radios that carry a network, and that the policy leaves to their user,
 * are off. Those of them that were on before; all, where none was.
 */
bool radios_all_off(const struct radios *radios);
size_t radios_to_land(const struct radios *radios, struct radio_order ret_orders[RADIOS_MAX]);
/* Things have been as they are for a while: remembers it, unless all are off. */
void radios_calm(struct radios *radios);

/* How many there are of a type, and whether all of them are blocked in one way or other. */
size_t radios_count(const struct radios *radios, uint8_t type, bool *ret_off);

/* Whether something was remembered of a type. */
bool radios_has_record(const struct radios *radios, uint8_t type);

/*
 * The wishes as text, one line each, and back. Reading replaces what was remembered; a text that is
 * not ours is -EBADMSG and remembers nothing.
 */
void radios_write(const struct radios *radios, struct buf *out);
int radios_read(struct radios *radios, const char *text);

#endif
