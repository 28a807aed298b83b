/* SPDX-License-Identifier: Apache-2.0 */
/* qr.c - draws QR codes with characters; see qr.h. The only file that knows libqrencode. */
#include "server/ctl/qr.h"

#include <errno.h>
#include <qrencode.h>
#include <string.h>

int qr_encode(const char *text, struct qr *ret_qr)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	unsigned char *dark;
	size_t n;

	if (!code)
		return errno == ERANGE ? -EFBIG : -(errno ? errno : EINVAL);
	n = (size_t)code->width * (size_t)code->width;
	dark = malloc(n);
	if (dark) {
		for (size_t i = 0; i < n; i++)
			dark[i] = code->data[i] & 1;
		ret_qr->dark = dark;
		ret_qr->width = code->width;
	}
	QRcode_free(code);
	return dark ? 0 : -ENOMEM;
}

void qr_done(struct qr *qr)
{
	/* The code holds the secret of a ticket. */
	secret_free(qr->dark, (size_t)qr->width * (size_t)qr->width);
	qr->dark = NULL;
	qr->width = 0;
}

static bool qr_is_dark(const struct qr *qr, int x, int y)
{
	if (x < 0 || y < 0 || x >= qr->width || y >= qr->width)
		return false;
	return qr->dark[y * qr->width + x];
}

static void qr_write_ascii(const struct qr *qr, bool inverted, struct buf *out)
{
	for (int y = -QR_QUIET; y < qr->width + QR_QUIET; y++) {
		for (int x = -QR_QUIET; x < qr->width + QR_QUIET; x++)
			buf_puts(out, qr_is_dark(qr, x, y) == inverted ? "##" : "  ");
		buf_puts(out, "\n");
	}
}

void qr_write(const struct qr *qr, enum qr_style style, bool inverted, struct buf *out)
{
	/* Indexed by upper * 2 + lower: what is drawn in the character's colour. */
	static const char *const blocks[] = {" ", "\u2584", "\u2580", "\u2588"};

	if (style == QR_ASCII) {
		qr_write_ascii(qr, inverted, out);
		return;
	}
	/* With colours the dark modules are drawn (black, 16), without them the light ones. */
	if (style == QR_COLOUR)
		inverted = true;
	for (int y = -QR_QUIET; y < qr->width + QR_QUIET; y += 2) {
		if (style == QR_COLOUR)
			buf_puts(out, "\033[38;5;16;48;5;231m");
		for (int x = -QR_QUIET; x < qr->width + QR_QUIET; x++)
			buf_puts(out, blocks[(qr_is_dark(qr, x, y) == inverted) * 2 +
					      (qr_is_dark(qr, x, y + 1) == inverted)]);
		buf_puts(out, style == QR_COLOUR ? "\033[0m\n" : "\n");
	}
}
