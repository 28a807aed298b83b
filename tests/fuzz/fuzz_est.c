/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: net */
/*
 * fuzz_est.c - any body of an EST server: what is accepted keeps the limits, trusts only what is
 * pinned, and survives being stored.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "agent/net/est.h"
#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes is decoded to the same from our own spelling of it. */
static void check_base64(const uint8_t *data, size_t size)
{
	uint8_t *first = malloc(size + 1), *second = malloc(size + 1);
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t n_first, n_second;

	if (!first || !second)
		abort();
	if (base64_decode((const char *)data, size, first, size, &n_first) == 0) {
		base64_write(first, n_first, "\r\n", &text);
		if (n_first > size / 4 * 3 || text.error ||
			base64_decode(text.data, text.n_bytes, second, n_first, &n_second) < 0 ||
			n_second != n_first || memcmp(first, second, n_first) != 0)
			abort();
	}
	free(first);
	free(second);
}

static void check_stored(const struct anchors *anchors)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct anchors again;

	anchors_write(anchors, &text);
	if (text.error)
		abort();
	/* A certificate may be re-encoded above the limit of the file, but not lost. */
	if (text.n_bytes > LIMIT_PEM_BYTES)
		return;
	if (anchors_parse(text.data, text.n_bytes, &again) < 0 ||
		sk_X509_num(again.pinned) != sk_X509_num(anchors->pinned) ||
		sk_X509_num(again.intermediates) != sk_X509_num(anchors->intermediates))
		abort();
	anchors_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(certificates_freep) STACK_OF(X509) *certificates = NULL;
	uint8_t pins[1][SHA256_BYTES] = {{0}}, pin[SHA256_BYTES];
	struct anchors anchors;
	X509 *first;

	check_base64(data, size);
	if (est_parse((const char *)data, size, &certificates) != EST_OK) {
		if (certificates)
			abort();
		return 0;
	}
	if (size > LIMIT_EST_BYTES || sk_X509_num(certificates) < 1 ||
		sk_X509_num(certificates) > LIMIT_EST_CERTIFICATES)
		abort();
	if (est_select_anchors(certificates, pins, 1, &anchors) == EST_OK)
		abort(); /* nothing hashes to zeroes */
	first = sk_X509_value(certificates, 0);
	if (certificate_pin(first, pins[0]) < 0 ||
		est_select_anchors(certificates, pins, 1, &anchors) != EST_OK)
		return 0;
	for (int i = 0; i < sk_X509_num(anchors.pinned); i++) {
		X509 *certificate = sk_X509_value(anchors.pinned, i);

		if (certificate_pin(certificate, pin) < 0 ||
			memcmp(pin, pins[0], sizeof(pin)) != 0 || X509_check_ca(certificate) != 1)
			abort();
	}
	check_stored(&anchors);
	anchors_done(&anchors);
	return 0;
}
