/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix.h - where the phone was seen to be, and which networks: what sources of location tell
 * (platform/location.h) and places are decided from (policies/place.h). Values only.
 */
#ifndef MDM_POLICIES_FIX_H
#define MDM_POLICIES_FIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fix_source {
	FIX_NONE,
	FIX_GNSS,    /* satellites */
	FIX_NETWORK, /* looked up from Wi-Fi networks and cells by somebody else */
	FIX_CELL,    /* the cell that serves the phone */
	FIX_FIXED,   /* an administrator or a test wrote it down */
	FIX_SOURCE_MAX,
};
const char *fix_source_name(enum fix_source source); /* "gnss" */

/* A disc that the phone is probably in. */
struct fix {
	double latitude, longitude; /* degrees, WGS-84 */
	double accuracy_m;	    /* radius that holds the phone in 68 of 100 cases; > 0 */
	double speed_ms;	    /* over ground; negative: unknown */
	int64_t taken_us;	    /* CLOCK_BOOTTIME when it was true, not when it was told */
	enum fix_source source;
	bool mock;	   /* the source says, or can be seen, to be made up */
	char provider[32]; /* who told: "geoclue", "modemmanager", "gnss-share", "gpsd", "file" */
};

#define FIX_SSID_BYTES 32
#define FIX_NETWORKS_MAX 128 /* seen at once; a railway station has fewer */

struct fix_network {
	uint8_t ssid[FIX_SSID_BYTES]; /* any bytes */
	uint8_t n_ssid;		      /* 0: hidden */
	uint8_t bssid[6];
	bool connected; /* the phone is in it, and it proved its key if it has one */
	bool secured;	/* it asks for a key: only then does being connected prove anything */
};

/* The Wi-Fi networks in sight at one moment. */
struct fix_networks {
	struct fix_network networks[FIX_NETWORKS_MAX];
	size_t n_networks;
	int64_t taken_us; /* CLOCK_BOOTTIME of the scan; 0: never looked, nothing is known */
};

#endif
