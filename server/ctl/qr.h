/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qr.h - QR codes (ISO/IEC 18004) in a terminal: two modules in one character cell, four modules of
 * quiet zone. Pure but for the buffer it is given.
 */
#ifndef MDM_MDMCTL_QR_H
#define MDM_MDMCTL_QR_H

#include <stdbool.h>

#include "agent/util/buf.h"

#define QR_QUIET 4

enum qr_style {
	QR_COLOUR, /* half blocks, black on white by escape sequences: right on every terminal */
	QR_BLOCKS, /* half blocks alone: light characters on a dark terminal */
	QR_ASCII,  /* "##" for what is light on a dark terminal */
	QR_STYLE_MAX,
};

struct qr {
	unsigned char *dark; /* width * width, 1 = dark; owned */
	int width;	     /* modules, without the quiet zone */
};

/* Smallest code of level L, 8-bit mode. 0, -EFBIG (too long for any code) or -errno. */
int qr_encode(const char *text, struct qr *ret_qr);
void qr_done(struct qr *qr);

/* inverted: for dark characters on a light terminal; QR_COLOUR needs no such thing. */
void qr_write(const struct qr *qr, enum qr_style style, bool inverted, struct buf *out);

#endif
