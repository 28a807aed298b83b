/* SPDX-License-Identifier: Apache-2.0 */
/* escrow_box.c - secrets sealed for the organisation; see escrow_box.h. Enforcer. */
#include "agent/enforcer/escrow_box.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

#define BOX_CHUNK_BYTES 384 /* of the sealed secret in one line */

/* --- to whom ----------------------------------------------------------------------------- */

/* One that cannot be sealed to must not keep the others from it. */
static void escrow_want(struct escrow_wanted *wanted, const struct escrow_certificate *certificate)
{
	char why[LIMIT_TEXT_BYTES + 1];
	uint8_t digest[SHA256_BYTES];
	size_t at = 0;

	if (escrow_certificate_check(certificate, why) < 0) {
		log_warning("an escrow certificate of the policy %s; it is passed over", why);
		return;
	}
	if (escrow_certificate_digest(certificate, digest) < 0)
		return;
	while (at < wanted->n && memcmp(wanted->digests[at], digest, sizeof(digest)) < 0)
		at++;
	if (at == ESCROW_CERTIFICATES_MAX ||
		(at < wanted->n && memcmp(wanted->digests[at], digest, sizeof(digest)) == 0))
		return;
	if (wanted->n < ESCROW_CERTIFICATES_MAX)
		wanted->n++;
	for (size_t i = wanted->n - 1; i > at; i--) {
		wanted->certificates[i] = wanted->certificates[i - 1];
		memcpy(wanted->digests[i], wanted->digests[i - 1], SHA256_BYTES);
	}
	wanted->certificates[at] = *certificate;
	memcpy(wanted->digests[at], digest, SHA256_BYTES);
}

void escrow_wanted_look(struct enforcer *e, struct escrow_wanted *ret_wanted)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = e->state.facts.enrolled ? documents_policies(&e->documents, policies) : 0;
	struct escrow_certificate certificate;

	memset(ret_wanted, 0, sizeof(*ret_wanted));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < policies[i]->n_escrow; j++) {
			const struct policy_certificate *named = &policies[i]->escrow[j];

			memcpy(certificate.der, named->der, named->n_der);
			certificate.n_der = named->n_der;
			escrow_want(ret_wanted, &certificate);
		}
}

bool escrow_box_fits(const struct escrow_box *box, const struct escrow_wanted *wanted)
{
	return box->n_certificates == wanted->n &&
	       memcmp(box->certificates, wanted->digests, wanted->n * SHA256_BYTES) == 0;
}

/* --- sealing ----------------------------------------------------------------------------- */

void escrow_text_reserve(struct buf *out, size_t n_bytes)
{
	static const char zeros[256];

	for (size_t n = 0; n < n_bytes && !out->error; n += sizeof(zeros))
		buf_append(out, zeros, n_bytes - n < sizeof(zeros) ? n_bytes - n : sizeof(zeros));
	if (!out->error)
		buf_reset(out);
	out->max_bytes = n_bytes;
}

void escrow_text_done(struct buf *out)
{
	if (out->data)
		explicit_bzero(out->data, out->capacity);
	buf_done(out);
}

/* Nothing in it is of use on another phone. */
int escrow_box_seal(struct enforcer *e, const struct escrow_inside *inside,
	const struct escrow_wanted *wanted, struct escrow_box *ret_box)
{
	_cleanup_(escrow_text_done) struct buf text = BUF_INIT;
	_cleanup_buf_ struct buf cms = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);
	int r;

	escrow_text_reserve(&text, ESCROW_SECRET_BYTES);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "kind", inside->kind);
	jsonw_string(&w, "device", e->state.facts.device_id);
	jsonw_string(&w, "enrolment", e->state.facts.enrolment_id);
	jsonw_int(&w, "generation", inside->generation);
	if (inside->volume)
		jsonw_string(&w, "volume", inside->volume);
	if (inside->slot >= 0)
		jsonw_int(&w, "slot", inside->slot);
	jsonw_string(&w, "secret", inside->secret);
	jsonw_object_end(&w);
	r = text.error;
	if (r == 0)
		r = escrow_seal(wanted->certificates, wanted->n, text.data, text.n_bytes, &cms);
	if (r < 0)
		return r;
	memcpy(ret_box->certificates, wanted->digests, sizeof(ret_box->certificates));
	ret_box->n_certificates = wanted->n;
	memcpy(ret_box->cms, cms.data, cms.n_bytes);
	ret_box->n_cms = cms.n_bytes;
	return 0;
}

/* --- state files and reports ------------------------------------------------------------- */

void escrow_box_write(const struct escrow_box *box, const char *place, struct buf *out)
{
	char digits[2 * BOX_CHUNK_BYTES + 1];

	for (size_t i = 0; i < box->n_certificates; i++) {
		hex_encode(box->certificates[i], SHA256_BYTES, digits);
		buf_printf(out, "%s certificate %s\n", place, digits);
	}
	for (size_t at = 0; at < box->n_cms; at += BOX_CHUNK_BYTES) {
		size_t n = box->n_cms - at < BOX_CHUNK_BYTES ? box->n_cms - at : BOX_CHUNK_BYTES;

		hex_encode(box->cms + at, n, digits);
		buf_printf(out, "%s cms %s\n", place, digits);
	}
}

int escrow_box_take(struct escrow_box *box, const char *name, const char *value)
{
	size_t n = strlen(value) / 2;

	if (strcmp(name, "certificate") == 0)
		return box->n_certificates == ESCROW_CERTIFICATES_MAX
			       ? -EBADMSG
			       : hex_decode(value, box->certificates[box->n_certificates++],
					 SHA256_BYTES);
	if (strcmp(name, "cms") != 0)
		return 1;
	if (n > sizeof(box->cms) - box->n_cms || hex_decode(value, box->cms + box->n_cms, n) < 0)
		return -EBADMSG;
	box->n_cms += n;
	return 0;
}

void escrow_box_report(const struct escrow_box *box, const char *kind, int64_t generation,
	int64_t counter, struct jsonw *w)
{
	_cleanup_buf_ struct buf cms = BUF_INIT;
	char digits[2 * SHA256_BYTES + 1];

	jsonw_object(w, NULL);
	jsonw_string(w, "kind", kind);
	jsonw_int(w, "generation", generation);
	if (counter >= 0)
		jsonw_int(w, "counter", counter);
	jsonw_array(w, "certificates");
	for (size_t i = 0; i < box->n_certificates; i++) {
		hex_encode(box->certificates[i], SHA256_BYTES, digits);
		jsonw_string(w, NULL, digits);
	}
	jsonw_array_end(w);
	base64_write(box->cms, box->n_cms, "", &cms);
	if (cms.error)
		w->out->error = cms.error;
	jsonw_text(w, "cms", cms.data ? cms.data : "", cms.n_bytes);
	jsonw_object_end(w);
}
