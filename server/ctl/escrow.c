/* SPDX-License-Identifier: Apache-2.0 */
/* escrow.c - the escrow key and what it opens; see escrow.h. Runs as the administrator. */
#include "server/ctl/escrow.h"

#include <errno.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <sys/stat.h>

#include "agent/json/json_read.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

static void cms_free(CMS_ContentInfo *cms)
{
	CMS_ContentInfo_free(cms);
}
static void bio_free(BIO *bio)
{
	BIO_free(bio);
}
DEFINE_CLEANUP(CMS_ContentInfo *, cms_free)
DEFINE_CLEANUP(BIO *, bio_free)

int escrow_make(const char *org_id, const char *org_name, int64_t now_s, EVP_PKEY **ret_key,
	X509 **ret_x509, struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	char name[65];
	struct ca_request request = {
		.kind = CA_ESCROW,
		.org_name = org_name,
		.common_name = name,
		.now_s = now_s,
	};
	int r = keyfile_generate("P-256", &key, fault);

	if (r)
		return r;
	snprintf(name, sizeof(name), "MDM escrow %.8s", org_id);
	request.key = key;
	r = ca_issue(&request, ret_x509, fault);
	if (r)
		return r;
	*ret_key = TAKE_PTR(key);
	return 0;
}

bool escrow_exists(const struct ctl *ctl)
{
	struct stat st;

	return fstatat(ctl->org.fd, ESCROW_CERT_FILE, &st, 0) == 0;
}

int escrow_certificate_read(struct ctl *ctl, X509 **ret_x509,
	struct escrow_certificate *ret_certificate, struct fault *fault)
{
	_cleanup_x509_ X509 *x509 = NULL;
	_cleanup_free_ char *pem = NULL;
	char why[LIMIT_TEXT_BYTES + 1] = "";
	unsigned char *at = ret_certificate->der;
	size_t n_pem = 0;
	int n, r;

	if (!escrow_exists(ctl))
		return fault_set(fault, FAULT_FAILURE,
			"%s has no escrow certificate (%s); 'mdmctl escrow init' makes one, or "
			"copy it from the machine that has it",
			ctl->org.path, ESCROW_CERT_FILE);
	r = org_read(&ctl->org, ESCROW_CERT_FILE, &pem, &n_pem, fault);
	if (!r)
		r = ca_read(pem, n_pem, ESCROW_CERT_FILE, &x509, fault);
	if (r)
		return r;
	n = i2d_X509(x509, NULL);
	if (n > 0 && n <= ESCROW_CERTIFICATE_BYTES)
		ret_certificate->n_der = (size_t)i2d_X509(x509, &at);
	else
		ret_certificate->n_der = 0;
	if (escrow_certificate_check(ret_certificate, why) < 0)
		return fault_set(
			fault, FAULT_FAILURE, "%s/%s %s", ctl->org.path, ESCROW_CERT_FILE, why);
	*ret_x509 = TAKE_PTR(x509);
	return 0;
}

int escrow_member(
	const struct escrow_certificate *certificate, struct buf *out, struct fault *fault)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(out);

	base64_write(certificate->der, certificate->n_der, "", &text);
	if (text.error)
		return fault_errno(fault, text.error, "policy");
	jsonw_object(&w, NULL);
	jsonw_array(&w, "certificates");
	jsonw_text(&w, NULL, text.data, text.n_bytes);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	return out->error ? fault_errno(fault, out->error, "policy") : 0;
}

/* --- opening ----------------------------------------------------------------------------- */

static int escrow_closed(struct fault *fault)
{
	ERR_clear_error();
	return fault_set(fault, FAULT_KEY,
		"the escrow key of this directory does not open what the server sent: it is sealed "
		"to another key, or was altered");
}

/* Bytes of the plain text; the caller wipes. */
static int escrow_decrypt(EVP_PKEY *key, X509 *x509, const void *cms_der, size_t n_cms,
	char ret_text[ESCROW_SECRET_BYTES + 1], size_t *ret_n, struct fault *fault)
{
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;
	_cleanup_(bio_freep) BIO *out = BIO_new(BIO_s_secmem());
	const unsigned char *at = cms_der;
	char *data = NULL;
	long n;

	if (!out)
		return fault_errno(fault, ENOMEM, "sealed secret");
	cms = d2i_CMS_ContentInfo(NULL, &at, (long)n_cms);
	/* Anything else that CMS can be (signed, with a digest) was not made by a phone. */
	if (!cms || at != (const unsigned char *)cms_der + n_cms ||
		OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData ||
		CMS_decrypt(cms, key, x509, NULL, out, CMS_BINARY) != 1)
		return escrow_closed(fault);
	n = BIO_get_mem_data(out, &data);
	if (n <= 0 || n > ESCROW_SECRET_BYTES)
		return escrow_closed(fault);
	memcpy(ret_text, data, (size_t)n);
	ret_text[n] = 0;
	*ret_n = (size_t)n;
	return 0;
}

static int escrow_get(struct json_object *json, const char *name, char *ret_text, size_t size,
	struct json_error *error)
{
	const char *text;
	int r = json_required(
		json_get_string(json, "", name, size - 1, &text, error), "", name, error);

	if (r == 0)
		memcpy(ret_text, text, strlen(text) + 1);
	return r;
}

static int escrow_read(struct json_object *json, const char *kind, struct escrow_opened *ret_opened,
	struct json_error *error)
{
	char said[LIMIT_NAME_BYTES + 1];
	int64_t version;
	int r = json_required(json_get_int(json, "", "v", 1, 1, &version, error), "", "v", error);

	ret_opened->slot = -1;
	if (r == 0)
		r = escrow_get(json, "kind", said, sizeof(said), error);
	if (r == 0 && strcmp(said, kind) != 0)
		r = json_fail(error, "kind", "must be %s", kind);
	if (r == 0)
		r = escrow_get(
			json, "device", ret_opened->device, sizeof(ret_opened->device), error);
	if (r == 0)
		r = escrow_get(json, "enrolment", ret_opened->enrolment,
			sizeof(ret_opened->enrolment), error);
	if (r == 0)
		r = json_required(json_get_int(json, "", "generation", 1, INT64_MAX,
					  &ret_opened->generation, error),
			"", "generation", error);
	if (r == 0 && strcmp(kind, ESCROW_KIND_DISK) == 0) {
		r = escrow_get(
			json, "volume", ret_opened->volume, sizeof(ret_opened->volume), error);
		if (r == 0)
			r = json_required(
				json_get_int(json, "", "slot", 0, 31, &ret_opened->slot, error), "",
				"slot", error);
	}
	if (r == 0)
		r = escrow_get(
			json, "secret", ret_opened->secret, sizeof(ret_opened->secret), error);
	return r;
}

/* json-c keeps a copy of its own of every text. */
static void escrow_wipe(struct json_object *json)
{
	struct json_object *secret = NULL;

	if (!json || !json_object_object_get_ex(json, "secret", &secret) ||
		!json_object_is_type(secret, json_type_string))
		return;
	explicit_bzero((char *)(uintptr_t)json_object_get_string(secret),
		(size_t)json_object_get_string_len(secret));
}

int escrow_open(EVP_PKEY *key, X509 *x509, const char *kind, const void *cms, size_t n_cms,
	struct escrow_opened *ret_opened, struct fault *fault)
{
	_cleanup_json_ struct json_object *json = NULL;
	struct escrow_opened opened = {.generation = 0};
	char text[ESCROW_SECRET_BYTES + 1];
	struct json_error error = {0};
	size_t n = 0;
	int r = escrow_decrypt(key, x509, cms, n_cms, text, &n, fault);

	if (!r) {
		r = json_parse(text, n, &json, &error);
		if (r == 0)
			r = escrow_read(json, kind, &opened, &error);
		if (r == -EBADMSG)
			r = fault_set(fault, FAULT_REFUSED,
				"what was sealed is no secret of the kind \"%s\" (%s%s%s); no phone "
				"made that",
				kind, error.path, *error.path ? ": " : "", error.message);
		else if (r < 0)
			r = fault_errno(fault, r, "sealed secret");
	}
	escrow_wipe(json);
	explicit_bzero(text, sizeof(text));
	if (!r)
		*ret_opened = opened;
	explicit_bzero(&opened, sizeof(opened));
	return r;
}

int escrow_unlock_secret(const struct escrow_opened *opened, uint8_t ret_secret[HOTP_SECRET_BYTES],
	struct fault *fault)
{
	size_t n = 0;

	if (base64url_decode(opened->secret, strlen(opened->secret), ret_secret, HOTP_SECRET_BYTES,
		    &n) == 0 &&
		n == HOTP_SECRET_BYTES)
		return 0;
	return fault_set(fault, FAULT_REFUSED,
		"what was sealed is no secret of unlock codes (secret: must be %d bytes in "
		"base64url); no phone made that",
		HOTP_SECRET_BYTES);
}

bool escrow_key_is_whole(const char *key)
{
	if (strspn(key, "0123456789") != ESCROW_KEY_DIGITS || key[ESCROW_KEY_DIGITS])
		return false;
	for (size_t i = 0; i < ESCROW_KEY_DIGITS; i += ESCROW_KEY_GROUP) {
		uint32_t group = 0;

		for (size_t j = 0; j < ESCROW_KEY_GROUP; j++)
			group = group * 10 + (uint32_t)(key[i + j] - '0');
		if (group % 11 != 0 || group / 11 > UINT16_MAX)
			return false;
	}
	return true;
}
