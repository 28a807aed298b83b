/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - verification and client identity; see tls.h. Net role. No system CA is ever asked. */
#include "agent/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/util/clock.h"
#include "agent/util/limits.h"

#define SECURITY_LEVEL 2 /* 112 bits: no SHA-1, no RSA below 2048 */

static void store_freep(X509_STORE **store)
{
	X509_STORE_free(*store);
}

static void store_context_freep(X509_STORE_CTX **context)
{
	X509_STORE_CTX_free(*context);
}

static X509_STORE *store_of(STACK_OF(X509) * pinned)
{
	_cleanup_(store_freep) X509_STORE *store = X509_STORE_new();

	if (!store)
		return NULL;
	for (int i = 0; i < sk_X509_num(pinned); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(pinned, i)))
			return NULL;
	return TAKE_PTR(store);
}

static bool set_parameters(const struct tls *tls, X509_STORE_CTX *context)
{
	X509_VERIFY_PARAM *param;

	if (!X509_STORE_CTX_set_default(context, "ssl_server"))
		return false;
	param = X509_STORE_CTX_get0_param(context);
	/* A pinned CA may itself be an intermediate one: what is pinned is where the chain ends. */
	if (!X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN))
		return false;
	X509_VERIFY_PARAM_set_time(param, (time_t)tls->time_s);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_depth(param, LIMIT_EST_CERTIFICATES);
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return tls->host_literal ? X509_VERIFY_PARAM_set1_ip_asc(param, tls->host) == 1
				 : X509_VERIFY_PARAM_set1_host(param, tls->host, 0) == 1;
}

static STACK_OF(X509) * untrusted_of(const struct tls *tls, STACK_OF(X509) * chain)
{
	STACK_OF(X509) *all = chain ? sk_X509_dup(chain) : sk_X509_new_null();

	for (int i = 0; all && i < sk_X509_num(tls->anchors->intermediates); i++)
		if (!sk_X509_push(all, sk_X509_value(tls->anchors->intermediates, i))) {
			sk_X509_free(all);
			return NULL;
		}
	return all;
}

static int verify(struct tls *tls, X509_STORE_CTX *context, X509_STORE *store, X509 *leaf,
	STACK_OF(X509) * untrusted)
{
	X509 *problem;
	int error;

	if (!X509_STORE_CTX_init(context, store, leaf, untrusted) || !set_parameters(tls, context))
		return X509_V_ERR_OUT_OF_MEM;
	if (X509_verify_cert(context) == 1)
		return X509_V_OK;
	error = X509_STORE_CTX_get_error(context);
	tls->verify_error_leaf = X509_STORE_CTX_get_error_depth(context) == 0;
	problem = X509_STORE_CTX_get_current_cert(context);
	if (problem)
		certificate_validity(problem, &tls->problem_from_s, &tls->problem_until_s);
	return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
}

bool tls_verify(struct tls *tls, X509 *leaf, STACK_OF(X509) * chain)
{
	_cleanup_(store_context_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
	_cleanup_(store_freep) X509_STORE *store = store_of(tls->anchors->pinned);
	STACK_OF(X509) *untrusted = untrusted_of(tls, chain);
	int64_t from;

	tls->verify_error = X509_V_ERR_OUT_OF_MEM;
	if (context && store && untrusted)
		tls->verify_error = verify(tls, context, store, leaf, untrusted);
	sk_X509_free(untrusted);
	if (tls->verify_error == X509_V_OK &&
		certificate_validity(leaf, &from, &tls->server_until_s) < 0)
		tls->verify_error = X509_V_ERR_UNSPECIFIED;
	return tls->verify_error == X509_V_OK;
}

/* Called instead of OpenSSL's own verification, whatever libcurl put into the context's store. */
static int verify_callback(X509_STORE_CTX *context, void *userdata)
{
	struct tls *tls = userdata;

	if (!tls->anchors)
		return 1;
	if (tls_verify(
		    tls, X509_STORE_CTX_get0_cert(context), X509_STORE_CTX_get0_untrusted(context)))
		return 1;
	/* So that the alert to the server names the reason. */
	X509_STORE_CTX_set_error(context, tls->verify_error);
	return 0;
}

static void info_callback(const SSL *ssl, int where, int value)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
		(value & 0xff) != SSL_AD_CLOSE_NOTIFY)
		tls->alert = value & 0xff;
}

/* The intermediates between the device's certificate and the pinned CA, which the server holds. */
static bool add_chain(const struct identity *identity, SSL_CTX *context)
{
	X509 *last = identity->certificate;

	for (int n = 0; n < LIMIT_EST_CERTIFICATES; n++) {
		X509 *issuer = NULL;

		for (int i = 0; !issuer && i < sk_X509_num(identity->anchors.intermediates); i++) {
			X509 *candidate = sk_X509_value(identity->anchors.intermediates, i);

			if (candidate != last && X509_check_issued(candidate, last) == X509_V_OK)
				issuer = candidate;
		}
		if (!issuer)
			return true;
		if (!SSL_CTX_add1_chain_cert(context, issuer))
			return false;
		last = issuer;
	}
	return true;
}

int tls_prepare(struct tls *tls, SSL_CTX *context)
{
	tls->verify_error = X509_V_OK;
	tls->verify_error_leaf = false;
	tls->alert = 0;
	tls->server_until_s = tls->problem_from_s = tls->problem_until_s = 0;
	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	/* Otherwise OpenSSL would build the client's chain itself, root included, on every start.
	 */
	SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_app_data(context, tls);
	SSL_CTX_set_info_callback(context, info_callback);
	SSL_CTX_set_cert_verify_callback(context, verify_callback, tls);
	if (!SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION))
		return -EIO;
	if (!tls->identity)
		return 0;
	if (SSL_CTX_use_certificate(context, tls->identity->certificate) != 1 ||
		SSL_CTX_use_PrivateKey(context, tls->identity->key) != 1 ||
		!add_chain(tls->identity, context))
		return -EIO;
	return 0;
}

static int explain_dates(const struct tls *tls, struct failure *ret_failure)
{
	const char *whose = tls->verify_error_leaf ? "certificate" : "CA's certificate";
	bool early = tls->verify_error == X509_V_ERR_CERT_NOT_YET_VALID;
	char limit[24], now[24];

	clock_format(early ? tls->problem_from_s : tls->problem_until_s, limit);
	clock_format(tls->time_s, now);
	if (early)
		return failure_set(ret_failure, NET_STAGE_TLS,
			"the %s of %.100s is not valid before %s, and here it is %s; if the phone's "
			"clock is right, wait or look at the server",
			whose, tls->host, limit, now);
	return failure_set(ret_failure, NET_STAGE_TLS,
		"the %s of %.100s expired at %s, and here it is %s; renew it, unless the phone's "
		"clock runs ahead",
		whose, tls->host, limit, now);
}

static int explain_verification(const struct tls *tls, struct failure *ret_failure)
{
	if (sk_X509_num(tls->anchors->pinned) == 0)
		return failure_set(ret_failure, NET_STAGE_TLS,
			"%.100s cannot be verified: this phone holds no CA certificate that its "
			"keyset or ticket names; renewing its own certificate fetches them",
			tls->host);
	switch (tls->verify_error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return explain_dates(tls, ret_failure);
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"the server's certificate is not for %.100s; it must name it as a subject "
			"alternative name",
			tls->host);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"the certificate of %.100s is not from the CA this phone was enrolled with: a "
			"network that looks inside TLS, or a server without its intermediate",
			tls->host);
	}
	return failure_set(ret_failure, NET_STAGE_TLS, "the certificate of %.100s is refused: %s",
		tls->host, X509_verify_cert_error_string(tls->verify_error));
}

int tls_explain(const struct tls *tls, struct failure *ret_failure)
{
	if (tls->verify_error != X509_V_OK)
		return explain_verification(tls, ret_failure);
	switch (tls->alert) {
	case 0:
		return 0;
	case SSL_AD_PROTOCOL_VERSION:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"%.100s does not speak TLS 1.3, which is the least; update or configure it",
			tls->host);
	case SSL_AD_CERTIFICATE_EXPIRED:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"%.100s says that this phone's certificate has expired; enrol it again",
			tls->host);
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"%.100s refuses this phone's certificate (%s); was the device removed there?",
			tls->host, SSL_alert_desc_string_long(tls->alert));
	}
	return failure_set(ret_failure, NET_STAGE_TLS, "%.100s broke the handshake off (%s)",
		tls->host, SSL_alert_desc_string_long(tls->alert));
}
