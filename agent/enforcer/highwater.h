/* SPDX-License-Identifier: Apache-2.0 */
/*
 * highwater.h - the lowest time that can be now. Phones boot in 1970.
 *
 * Two floors. The signed floor (build time, "issued" of every accepted document) can be raised by
 * key holders only; documents expire against max(clock, signed floor). The TLS floor (also the
 * server's authenticated Date, but never beyond the end of the certificate that authenticated it,
 * so that a stolen server cannot push it into the far future) is for certificates only. The local
 * clock never raises a floor: a jump forward leaves no trace once it is put right. Pure.
 */
#ifndef MDM_ENFORCER_HIGHWATER_H
#define MDM_ENFORCER_HIGHWATER_H

#include <stdbool.h>
#include <stdint.h>

/* 31 December 9999: the end of what certificates (RFC 5280) and our own dates can say. */
#define HIGHWATER_MAX_S INT64_C(253402300799)

struct highwater {
	int64_t signed_s;
	int64_t tls_s; /* >= signed_s */
};

void highwater_init(struct highwater *h, int64_t build_s);
/* A document with this "issued" was accepted. True if a floor rose. */
bool highwater_signed(struct highwater *h, int64_t issued_s);
/*
 * Whether a server's date may count at all: not more than 30 days beyond what clock and signers
 * say. The certificate is no bound to whoever took the net role over, nor to a stolen CA, which
 * signs until 9999; a floor there would shut the true server out for ever.
 */
bool highwater_believes(const struct highwater *h, int64_t date_s, int64_t clock_s);
/* A server whose certificate is valid until until_s said date_s. True if the TLS floor rose. */
bool highwater_server(struct highwater *h, int64_t date_s, int64_t until_s);

int64_t highwater_document_now(const struct highwater *h, int64_t clock_s);
int64_t highwater_tls_now(const struct highwater *h, int64_t clock_s);

enum clock_verdict {
	CLOCK_PLAUSIBLE,
	CLOCK_BEHIND, /* more than 10 minutes below the TLS floor */
	CLOCK_AHEAD,  /* more than a day beyond the last server date of this boot */
	CLOCK_VERDICT_MAX,
};
const char *clock_verdict_name(enum clock_verdict verdict);
/* server_s: last server date of this boot, carried forward by CLOCK_BOOTTIME; 0: none. */
enum clock_verdict highwater_judge(const struct highwater *h, int64_t clock_s, int64_t server_s);

#endif
