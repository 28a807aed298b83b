/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response_escrow.h - what mdm-server answers about sealed secrets, as structs; see response.h.
 * Pure.
 */
#ifndef MDM_MDMCTL_RESPONSE_ESCROW_H
#define MDM_MDMCTL_RESPONSE_ESCROW_H

#include "agent/util/digest.h"
#include "server/ctl/response.h"

struct response_sealed {
	int64_t row, generation, received_s;
	char device[33], enrolment[33], kind[LIMIT_NAME_BYTES + 1];
	char certificates[LIMIT_ESCROW_CERTIFICATES][2 * SHA256_BYTES + 1];
	size_t n_certificates;
	uint8_t cms[LIMIT_ESCROW_BYTES]; /* of one alone; in a list there is none */
	size_t n_cms;
};
/* Whether it is sealed to the certificate with this digest. */
bool response_sealed_to(const struct response_sealed *sealed, const char *sha256);

struct response_escrow {
	struct response_sealed *rows; /* owned */
	size_t n_rows;
	int64_t next; /* to give as "after"; 0 on the last page */
};
int response_escrow(
	const char *text, size_t n_bytes, struct response_escrow *ret_escrow, struct fault *fault);
/* One, with its bytes; it has one row. */
int response_escrow_one(
	const char *text, size_t n_bytes, struct response_escrow *ret_escrow, struct fault *fault);
void response_escrow_done(struct response_escrow *escrow);

/* The counter of the device's unlock codes of that generation, as it told last; 0 if it did not. */
int response_unlock_counter(const struct response_device *device, int64_t generation,
	int64_t *ret_counter, struct fault *fault);

#endif
