/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mm_bearers.h - the data connections of the phone's modems, as ModemManager has them, whoever
 * asked for them. What calls, emergencies and messages need is never among them. Enforcer only.
 */
#ifndef MDM_PLATFORM_MM_BEARERS_H
#define MDM_PLATFORM_MM_BEARERS_H

#include "platform/bus_peer.h"

#define MM_BEARERS_COUNT 16
#define MM_PATH_BYTES 128

struct mm_bearers;

struct mm_bearer {
	struct mm_bearers *mm;
	char path[MM_PATH_BYTES]; /* "": a free place */
	bool is_data;		  /* connected, and of those that may be ended */
	sd_bus_slot *ask;
};

struct mm_bearers {
	/* Set by its owner: something of what follows changed. */
	void (*changed)(struct mm_bearers *mm);
	void *userdata;
	struct bus_peer peer;
	sd_bus_slot *ask;
	struct mm_bearer all[MM_BEARERS_COUNT];
	size_t n_modems;
	bool known;
};

int mm_bearers_open(struct mm_bearers *mm, struct platform *platform);
void mm_bearers_close(struct mm_bearers *mm);
bool mm_bearers_is_settled(const struct mm_bearers *mm);

/* Ends a bearer; the modem stays on. */
void mm_bearers_end(struct mm_bearers *mm, const struct mm_bearer *bearer);

/* Whether data goes over a bearer of this kind, by MMBearerType and MMBearerApnType. */
bool mm_bearer_is_data(uint32_t type, uint32_t apn_type);

#endif
