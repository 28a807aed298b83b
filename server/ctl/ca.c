/* SPDX-License-Identifier: Apache-2.0 */
/* ca.c - makes the organisation's certificates; see ca.h. No files, no network. */
#include "server/ctl/ca.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/url.h"

/* A phone whose clock is a little behind must not refuse a certificate made a minute ago. */
#define CA_BACKDATE_S 3600
#define CA_SUBJECT_MAX 64 /* ub-common-name and ub-organization-name of RFC 5280 */

static const struct {
	int days;
	const char *basic, *usage, *extended; /* as X509V3_EXT_conf_nid() reads them */
	const char *unit;		      /* OU of the subject */
} ca_kinds[CA_KIND_MAX] = {
	[CA_ROOT] = {CA_DAYS, "critical,CA:TRUE,pathlen:1", "critical,keyCertSign,cRLSign", NULL},
	[CA_DEVICE] = {CA_DAYS, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign",
		"clientAuth"},
	[CA_SERVER] = {CA_LEAF_DAYS, "critical,CA:FALSE", "critical,digitalSignature",
		"serverAuth"},
	[CA_ADMIN] = {CA_LEAF_DAYS, "critical,CA:FALSE", "critical,digitalSignature", "clientAuth",
		CA_ADMIN_UNIT},
	[CA_VIEWER] = {CA_LEAF_DAYS, "critical,CA:FALSE", "critical,digitalSignature", "clientAuth",
		CA_VIEWER_UNIT},
	[CA_ESCROW] = {CA_DAYS, "critical,CA:FALSE", "critical,keyAgreement", NULL},
	[CA_CROSS] = {CA_DAYS, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign",
		"serverAuth"},
};

static int ca_trouble(struct fault *fault, const char *what)
{
	char reason[160];

	ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
	ERR_clear_error();
	return fault_set(fault, FAULT_FAILURE, "%s: libcrypto says: %s", what, reason);
}

bool ca_host_check(const char *host)
{
	char url[LIMIT_URL_BYTES + 1];
	int n = snprintf(url, sizeof(url), strchr(host, ':') ? "https://[%s]" : "https://%s", host);

	return n > 0 && (size_t)n < sizeof(url) && !strpbrk(host, "/@?#[]") &&
	       url_is_valid(url, false);
}

static bool ca_add_extension(X509 *x509, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *extension;
	bool ok;

	if (!value)
		return true;
	extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	ok = extension && X509_add_ext(x509, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* "DNS:a.example,IP:192.0.2.1". The hosts are checked: no comma, no line break can be in them. */
static int ca_alternative_names(const struct ca_request *request, struct buf *out)
{
	unsigned char address[16];

	for (size_t i = 0; i < request->n_hosts; i++) {
		const char *host = request->hosts[i];
		bool is_address = inet_pton(AF_INET, host, address) == 1 ||
				  inet_pton(AF_INET6, host, address) == 1;

		if (!ca_host_check(host))
			return -EINVAL;
		buf_printf(out, "%s%s:%s", i ? "," : "", is_address ? "IP" : "DNS", host);
	}
	return out->error;
}

static bool ca_add_extensions(X509 *x509, const struct ca_request *request, const char *names)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, request->issuer ? request->issuer : x509, x509, NULL, NULL, 0);
	return ca_add_extension(x509, &ctx, NID_basic_constraints, ca_kinds[request->kind].basic) &&
	       ca_add_extension(x509, &ctx, NID_key_usage, ca_kinds[request->kind].usage) &&
	       ca_add_extension(x509, &ctx, NID_ext_key_usage, ca_kinds[request->kind].extended) &&
	       ca_add_extension(x509, &ctx, NID_subject_key_identifier, "hash") &&
	       (!request->issuer || ca_add_extension(x509, &ctx, NID_authority_key_identifier,
					    "keyid:always")) &&
	       ca_add_extension(x509, &ctx, NID_subject_alt_name, names);
}

static bool ca_add_name(X509_NAME *name, const char *field, const char *text)
{
	return X509_NAME_add_entry_by_txt(
		       name, field, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1;
}

/* Random, positive, 127 bits (RFC 5280, 4.1.2.2 allows 159). */
static bool ca_set_serial(X509 *x509)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool ok;

	if (random_bytes(bytes, sizeof(bytes)) < 0)
		return false;
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
	BN_free(number);
	return ok;
}

/* How many characters a UTF-8 text has: the bounds of RFC 5280 count those. */
static size_t ca_characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

int ca_issue(const struct ca_request *request, X509 **ret_x509, struct fault *fault)
{
	_cleanup_x509_ X509 *x509 = X509_new();
	_cleanup_buf_ struct buf names = BUF_INIT;
	EVP_PKEY *signer = request->issuer ? request->issuer_key : request->key;
	const char *unit = ca_kinds[request->kind].unit;
	int64_t until_s = request->until_s
				  ? request->until_s
				  : request->now_s + (int64_t)ca_kinds[request->kind].days * 86400;
	X509_NAME *subject;

	if (ca_alternative_names(request, &names) < 0)
		return fault_set(fault, FAULT_USAGE, "a host of the certificate is not valid");
	if (!x509 || X509_set_version(x509, X509_VERSION_3) != 1 || !ca_set_serial(x509) ||
		X509_set_pubkey(x509, request->key) != 1 ||
		!ASN1_TIME_set(
			X509_getm_notBefore(x509), (time_t)(request->now_s - CA_BACKDATE_S)) ||
		!ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)until_s))
		return ca_trouble(fault, "cannot make a certificate");
	subject = X509_get_subject_name(x509);
	if (ca_characters(request->org_name) <= CA_SUBJECT_MAX &&
		!ca_add_name(subject, "O", request->org_name))
		return ca_trouble(fault, "cannot write the organisation's name into a certificate");
	if ((unit && !ca_add_name(subject, "OU", unit)) ||
		!ca_add_name(subject, "CN", request->common_name) ||
		X509_set_issuer_name(x509,
			request->issuer ? X509_get_subject_name(request->issuer) : subject) != 1 ||
		!ca_add_extensions(x509, request, names.n_bytes ? names.data : NULL) ||
		X509_sign(x509, signer, EVP_sha256()) <= 0)
		return ca_trouble(fault, "cannot make a certificate");
	*ret_x509 = TAKE_PTR(x509);
	return 0;
}

int ca_renew(X509 *old, X509 *issuer, EVP_PKEY *issuer_key, int64_t now_s, X509 **ret_x509,
	struct fault *fault)
{
	_cleanup_x509_ X509 *x509 = NULL;
	int64_t until_s = now_s + (int64_t)CA_LEAF_DAYS * 86400;

	if (X509_check_ca(old) || X509_verify(old, X509_get0_pubkey(issuer)) != 1) {
		ERR_clear_error();
		return fault_set(fault, FAULT_FAILURE,
			"only certificates that the organisation's root issued to a server or an "
			"administrator can be renewed");
	}
	x509 = X509_dup(old);
	if (!x509 || !ca_set_serial(x509) ||
		!ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(now_s - CA_BACKDATE_S)) ||
		!ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)until_s) ||
		X509_sign(x509, issuer_key, EVP_sha256()) <= 0)
		return ca_trouble(fault, "cannot renew a certificate");
	*ret_x509 = TAKE_PTR(x509);
	return 0;
}

int ca_write(X509 *x509, char **ret_pem, struct fault *fault)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *pem = NULL;
	long n;

	if (bio && PEM_write_bio_X509(bio, x509) == 1) {
		n = BIO_get_mem_data(bio, &data);
		pem = strndup(data, (size_t)n);
	}
	BIO_free(bio);
	if (!pem)
		return ca_trouble(fault, "cannot write a certificate");
	*ret_pem = pem;
	return 0;
}

int ca_read(const char *pem, size_t n_bytes, const char *name, X509 **ret_x509, struct fault *fault)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)n_bytes);
	X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (!x509)
		return fault_set(fault, FAULT_FAILURE,
			"%s is not a certificate (PEM); restore it from your copy", name);
	*ret_x509 = x509;
	return 0;
}

int ca_pin(X509 *x509, uint8_t ret_pin[SHA256_BYTES], struct fault *fault)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
	int r = n > 0 ? sha256(der, (size_t)n, ret_pin) : -EIO;

	OPENSSL_free(der);
	return r < 0 ? ca_trouble(fault, "cannot make the pin of a certificate") : 0;
}

bool ca_host(const X509 *x509, size_t n, char *ret_host, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *value = name->type == GEN_DNS     ? name->d.dNSName
					   : name->type == GEN_IPADD ? name->d.iPAddress
								     : NULL;

		if (!value || n-- != 0)
			continue;
		if (name->type == GEN_DNS)
			found = snprintf(ret_host, size, "%.*s", ASN1_STRING_length(value),
					(const char *)ASN1_STRING_get0_data(value)) > 0;
		else
			found = inet_ntop(ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6,
					ASN1_STRING_get0_data(value), ret_host,
					(socklen_t)size) != NULL;
		if (!found)
			break;
	}
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	return found;
}

int64_t ca_until(const X509 *x509)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm);
}
