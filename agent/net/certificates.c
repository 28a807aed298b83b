/* SPDX-License-Identifier: Apache-2.0 */
/* certificates.c - pinned and intermediate certificates; see certificates.h. Net role; pure. */
#include "agent/net/certificates.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

#include "agent/util/limits.h"

#define MARK_PINNED "pinned\n"
#define MARK_INTERMEDIATE "intermediate\n"
#define PEM_END "-----END CERTIFICATE-----\n"

void certificates_free(STACK_OF(X509) * certificates)
{
	sk_X509_pop_free(certificates, X509_free);
}

void certificates_freep(STACK_OF(X509) * *certificates)
{
	certificates_free(*certificates);
}

void certificate_freep(X509 **certificate)
{
	X509_free(*certificate);
}

static void bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

void anchors_done(struct anchors *anchors)
{
	certificates_free(anchors->pinned);
	certificates_free(anchors->intermediates);
	*anchors = (struct anchors){0};
}

static void write_marked(STACK_OF(X509) * certificates, const char *mark, struct buf *out)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		_cleanup_(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
		char *data;
		long n;

		if (!bio || !PEM_write_bio_X509(bio, sk_X509_value(certificates, i))) {
			out->error = out->error ? out->error : -ENOMEM;
			return;
		}
		n = BIO_get_mem_data(bio, &data);
		buf_puts(out, mark);
		buf_append(out, data, (size_t)n);
	}
}

void anchors_write(const struct anchors *anchors, struct buf *out)
{
	write_marked(anchors->pinned, MARK_PINNED, out);
	write_marked(anchors->intermediates, MARK_INTERMEDIATE, out);
}

/* The PEM block at the start of text, up to and with its end line. */
static int parse_block(const char *text, STACK_OF(X509) * into, const char **ret_rest)
{
	const char *end = strstr(text, PEM_END);
	_cleanup_(bio_freep) BIO *bio = NULL;
	_cleanup_(certificate_freep) X509 *certificate = NULL;

	if (!end || strncmp(text, "-----BEGIN CERTIFICATE-----\n", 28) != 0)
		return -EBADMSG;
	end += strlen(PEM_END);
	bio = BIO_new_mem_buf(text, (int)(end - text));
	if (!bio)
		return -ENOMEM;
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (!certificate) {
		ERR_clear_error();
		return -EBADMSG;
	}
	if (!sk_X509_push(into, certificate))
		return -ENOMEM;
	certificate = NULL;
	*ret_rest = end;
	return 0;
}

int anchors_parse(const char *text, size_t n_bytes, struct anchors *ret_anchors)
{
	_cleanup_(anchors_done) struct anchors anchors = {
		.pinned = sk_X509_new_null(),
		.intermediates = sk_X509_new_null(),
	};
	int r;

	if (!anchors.pinned || !anchors.intermediates)
		return -ENOMEM;
	if (n_bytes > LIMIT_PEM_BYTES || strlen(text) != n_bytes)
		return -EBADMSG;
	while (*text) {
		STACK_OF(X509) * into;

		if (sk_X509_num(anchors.pinned) + sk_X509_num(anchors.intermediates) >=
			LIMIT_EST_CERTIFICATES)
			return -EBADMSG;
		if (strncmp(text, MARK_PINNED, strlen(MARK_PINNED)) == 0) {
			into = anchors.pinned;
			text += strlen(MARK_PINNED);
		} else if (strncmp(text, MARK_INTERMEDIATE, strlen(MARK_INTERMEDIATE)) == 0) {
			into = anchors.intermediates;
			text += strlen(MARK_INTERMEDIATE);
		} else {
			return -EBADMSG;
		}
		r = parse_block(text, into, &text);
		if (r < 0)
			return r;
	}
	if (sk_X509_num(anchors.pinned) == 0)
		return -EBADMSG;
	*ret_anchors = anchors;
	anchors = (struct anchors){0};
	return 0;
}

int certificate_pin(X509 *certificate, uint8_t ret_pin[SHA256_BYTES])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	int r;

	if (n <= 0)
		return -EIO;
	r = sha256(der, (size_t)n, ret_pin);
	OPENSSL_free(der);
	return r;
}

bool certificate_is_pinned(X509 *certificate, const uint8_t (*pins)[SHA256_BYTES], size_t n_pins)
{
	uint8_t pin[SHA256_BYTES];

	if (certificate_pin(certificate, pin) < 0)
		return false;
	for (size_t i = 0; i < n_pins; i++)
		if (memcmp(pin, pins[i], SHA256_BYTES) == 0)
			return true;
	return false;
}

void anchors_keep_pinned(
	struct anchors *anchors, const uint8_t (*pins)[SHA256_BYTES], size_t n_pins)
{
	for (int i = sk_X509_num(anchors->pinned) - 1; i >= 0; i--)
		if (!certificate_is_pinned(sk_X509_value(anchors->pinned, i), pins, n_pins))
			X509_free(sk_X509_delete(anchors->pinned, i));
}

static int time_of(const ASN1_TIME *time, int64_t *ret_time_s)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return -EBADMSG;
	*ret_time_s = (int64_t)timegm(&tm);
	return 0;
}

int certificate_validity(X509 *certificate, int64_t *ret_from_s, int64_t *ret_until_s)
{
	int64_t from, until;

	if (time_of(X509_get0_notBefore(certificate), &from) < 0 ||
		time_of(X509_get0_notAfter(certificate), &until) < 0 || from < 0 || until <= from)
		return -EBADMSG;
	*ret_from_s = from;
	*ret_until_s = until;
	return 0;
}
