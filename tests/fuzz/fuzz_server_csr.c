/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: server */
/*
 * fuzz_server_csr.c - what an enrolment sends: certificate requests and credentials. The input is
 * read three ways: as the body, as the DER inside one, and as an Authorization header. A request
 * that is accepted has a P-256 key, and its certificate is for that key and that device alone.
 */
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "agent/util/codec.h"
#include "server/est.h"
#include "server/zero_touch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static struct pki *ca(void)
{
	static struct pki pki;

	if (pki.device_ca)
		return &pki;
	pki.device_ca_key = EVP_EC_gen("P-256");
	pki.device_ca = X509_new();
	X509_set_pubkey(pki.device_ca, pki.device_ca_key);
	ASN1_TIME_set(X509_getm_notAfter(pki.device_ca), 2000000000);
	X509_add1_ext_i2d(pki.device_ca, NID_subject_key_identifier,
		X509_get0_pubkey_bitstr(pki.device_ca), 0, 0);
	require(X509_sign(pki.device_ca, pki.device_ca_key, EVP_sha256()) > 0);
	return &pki;
}

static void require_certificate(const struct est_csr *csr)
{
	struct est_validity validity = {.now_s = 1800000000, .days = 90};
	_cleanup_(X509_freep) X509 *x509 = NULL;
	_cleanup_buf_ struct buf der = BUF_INIT;
	char id[DEVICE_ID_LENGTH + 1], name[65];
	const unsigned char *at;
	int64_t until_s;

	require(hex_is_valid(csr->device, DEVICE_ID_LENGTH / 2));
	require(est_issue(ca(), csr, validity, &der, &until_s) == 0);
	at = (const unsigned char *)der.data;
	x509 = d2i_X509(NULL, &at, (long)der.n_bytes);
	require(x509 != NULL);
	require(pki_device_id(X509_get_X509_PUBKEY(x509), id) == 0 && strcmp(id, csr->device) == 0);
	require(X509_NAME_entry_count(X509_get_subject_name(x509)) == 1);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, sizeof(name));
	require(strcmp(name, csr->device) == 0 && X509_check_ca(x509) == 0);
}

/* What it says of its hardware is text that can be compared, logged and shown, or nothing. */
static void require_claim(const struct est_csr *csr)
{
	struct zero_touch claim;

	if (zero_touch_read(csr->request, &claim) < 0)
		return;
	require(claim.n_entries == 0 && strlen(claim.serial) <= LIMIT_HARDWARE_BYTES);
	require(!claim.serial[0] || !hardware_serial_is_placeholder(claim.serial));
	require(!claim.imei[0] || hardware_imei_is_valid(claim.imei));
	for (const char *c = claim.serial; *c; c++)
		require(*c >= 0x20 && *c <= 0x7e);
}

static void try_body(const char *body, size_t n_bytes)
{
	struct est_csr csr = {0};
	int r = est_csr_parse(body, n_bytes, &csr);

	require(r == 0 || (r > 0 && r < EST_PROBLEM_MAX && !csr.request));
	if (r == 0) {
		require_certificate(&csr);
		require_claim(&csr);
	}
	est_csr_done(&csr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_free_ char *text = malloc(2 * n_bytes + 8);
	struct est_credentials credentials = {0};

	if (n_bytes > LIMIT_SERVER_CSR_BYTES)
		return 0;
	memcpy(text, data, n_bytes);
	text[n_bytes] = 0;
	try_body(text, n_bytes);
	if (est_credentials_parse(text, &credentials) == 0)
		require(hex_is_valid(credentials.id, 16) && *credentials.secret &&
			strlen(credentials.secret) <= BOUND_SECRET_BYTES);
	try_body(text, (size_t)EVP_EncodeBlock((unsigned char *)text, data, (int)n_bytes));
	return 0;
}
