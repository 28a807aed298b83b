/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollover.h - one CA follows another. The next root and device CA wait in next/ until phones trust
 * both; the switch puts them in the place of the current ones, which go to previous/.
 *
 *   next/root.pem, root-key.pem, device-ca.pem, device-ca-key.pem   made by 'mdmctl ca new'
 *   next/next.pem                                   both certificates, for the server to announce
 *   next/admin.pem, server.pem, next/ready                          made by 'mdmctl ca switch'
 *   previous/PIN-root.pem, PIN-root-key.pem, PIN-device-ca.pem      what they replaced
 *
 * Once next/ready is there the switch has happened; whoever opens the directory finishes it.
 */
#ifndef MDM_MDMCTL_ROLLOVER_H
#define MDM_MDMCTL_ROLLOVER_H

#include "server/ctl/ca.h"
#include "server/ctl/org.h"

#define ROLLOVER_PIN_TEXT 44 /* base64url of a pin and NUL */

bool rollover_exists(const struct org *org);

bool rollover_is_unfinished(const struct org *org);
/* The directory is locked by the caller. */
int rollover_finish(const struct org *org, struct fault *fault);

/* Certificate of a file of the organisation, and its pin (may be NULL). X509_free() by the caller.
 */
int rollover_read(const struct org *org, const char *name, X509 **ret_x509,
	uint8_t ret_pin[SHA256_BYTES], struct fault *fault);

/* Makes next/ with a root and a device CA, both keys encrypted. */
int rollover_make(
	const struct org *org, const struct secret *passphrase, int64_t now_s, struct fault *fault);

/* What the switch needs, opened by the caller. */
struct rollover {
	const struct org *org;
	X509 *root, *device_ca, *admin;	  /* now */
	X509 *next_root, *next_device_ca; /* from now on */
	EVP_PKEY *root_key, *next_root_key, *next_device_key;
	const char *const *hosts;
	size_t n_hosts;
	const char *output; /* directory for the server, made whole or not at all */
	int64_t now_s;
};
void rollover_done(struct rollover *rollover);

int rollover_switch(const struct rollover *rollover, struct fault *fault);

/*
 * Calls found for each PIN-root.pem and PIN-device-ca.pem of previous/, with its path. Stops at the
 * first answer that is not 0 and returns it.
 */
int rollover_each_previous(
	const struct org *org, int (*found)(void *userdata, const char *path), void *userdata);

#endif
