/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - a place as a policy defines it: a fence, Wi-Fi networks, or both, and how sure one has
 * to be of having come or gone. Values only; place_track.h says where the phone is. Pure; enforcer
 * and tools.
 */
#ifndef MDM_POLICIES_PLACE_H
#define MDM_POLICIES_PLACE_H

#include "agent/json/json_read.h"
#include "agent/util/limits.h"
#include "policies/fix.h"
#include "policies/geo.h"
#include "policies/when.h"

#define PLACE_DWELL_MAX_S 86400
#define PLACE_ENTER_DWELL_S 0  /* default: what restricts at a place does so at once */
#define PLACE_LEAVE_DWELL_S 60 /* default: one step out of the door is not gone */
#define PLACE_FORGET_MIN_S 300
#define PLACE_FORGET_MAX_S (30 * 86400)
#define PLACE_FORGET_S (12 * 3600) /* default: two looks of a phone that lies still */
#define PLACE_ACCURACY_MAX_M 100000
/* Default of max_accuracy: what it takes to be certain is counted anyway; farther off than that is
 * a cell or a guess by the address of a line. */
#define PLACE_ACCURACY_M 5000

/* A network whose being there says that the phone is. */
struct place_network {
	uint8_t ssid[FIX_SSID_BYTES];
	uint8_t n_ssid; /* 0: any */
	bool has_bssid;
	uint8_t bssid[6];
	bool connected; /* to be seen is not enough: the phone is in it, and it asks for a key */
};

struct place {
	char name[LIMIT_NAME_BYTES + 1];
	struct geo_fence *fence; /* owned; NULL: none */
	/* Some of its shapes or networks are of kinds that this agent does not know: to be outside
	 * of those it knows does not mean to be outside. */
	bool incomplete;
	struct place_network *networks; /* owned */
	size_t n_networks;
	int64_t enter_dwell_s, leave_dwell_s; /* 0..86400 */
	int64_t max_accuracy_m;		      /* 10..100000: larger discs prove nothing */
	int64_t forget_after_s; /* 300..2592000: without a certain answer for so long it is unknown
				 */
	enum truth unknown_is;	/* what conditions take it for then */
	uint64_t print;		/* of shape and networks: whether it is the same place still */
	bool relevant;		/* a condition of its policy names it */
};

void place_done(struct place *place);

/*
 * The definition of one place; name is that of a place. What is unknown in it is visited, as
 * "shape:corridor" or "member:places.colour". 0, then place_done(); -EBADMSG with error; -ENOMEM.
 */
int place_parse(const char *name, struct json_object *object, const char *path,
	int (*unknown)(void *userdata, const char *prefix, const char *name), void *userdata,
	struct place *ret_place, struct json_error *error);

/* JSON Schema of the member "places", and Markdown of its definitions. */
struct jsonw;
void place_schema(struct jsonw *w, const char *key);
void place_reference(struct buf *out);

/*
 * The canonical form of shapes, as "shape": circles as such, polygons as polylines, several as a
 * union. The same shapes have the same text.
 */
void place_shape_write(const struct geo_shapes *shapes, struct jsonw *w, const char *key);

/* Whether it is the network that is meant. */
bool place_network_fits(const struct place_network *wanted, const struct fix_network *seen);

#endif
