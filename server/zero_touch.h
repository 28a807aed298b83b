/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zero_touch.h - enrolment with the ticket of an image (docs/protocol.md, section 3): what hardware
 * a request says it comes from, and whether the allow-list has it. mdm-server only.
 *
 * What a phone says of its hardware proves nothing; the list makes a stolen image worth no more
 * than the phones that have not come yet, and each of them once.
 */
#ifndef MDM_SERVER_ZERO_TOUCH_H
#define MDM_SERVER_ZERO_TOUCH_H

#include <openssl/x509.h>

#include "agent/util/hardware.h"
#include "server/store_hardware.h"

struct zero_touch {
	char serial[LIMIT_HARDWARE_BYTES + 1]; /* "" if there is none, or only a placeholder */
	char imei[HARDWARE_IMEI_LENGTH + 1];   /* the same */
	struct store_hardware entries[2];      /* that it matches and that are free */
	size_t n_entries;
	bool is_listed; /* the ticket's list has at least one of the two */
};

/*
 * From the attributes serialNumber=SERIAL and serialNumber=imei:IMEI of the subject. 0, or -EBADMSG
 * if one stands twice, is too long or is not printable ASCII. Pure.
 */
int zero_touch_read(const X509_REQ *request, struct zero_touch *ret_claim);

enum zero_touch_verdict {
	ZERO_TOUCH_NEW,	     /* claim->entries are free for it */
	ZERO_TOUCH_AGAIN,    /* this device has used one of them */
	ZERO_TOUCH_UNLISTED, /* the ticket's list has none of it */
	ZERO_TOUCH_TAKEN,    /* another device has used one of the numbers, with whatever ticket */
};
/* Inside a transaction. 0 or as the store. */
int zero_touch_judge(struct store *store, const char *ticket, const char *device,
	struct zero_touch *claim, enum zero_touch_verdict *ret_verdict);
/*
 * Inside the same one, if the verdict is NEW or AGAIN: the free entries are this device's now, and
 * so is the number that nobody has listed, lest it come back with a new key by that.
 */
int zero_touch_use(struct store *store, const char *ticket, const struct zero_touch *claim,
	const char *device, int64_t now_s);

#endif
