/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - TLS contexts and peers; see tls.h. mdm-server only. */
#include "server/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"

#define TLS_OPERATOR_UNIT "mdm-admin"
#define TLS_VIEWER_UNIT "mdm-viewer"

/*
 * On the devices' side the issuing CAs themselves are the anchors, not the root above ours: the
 * root signs administrators, and what it signs directly must not pass there. pki_load() has
 * verified that our device CA leads to the root.
 */
static bool tls_anchors(const struct pki *pki, enum tls_listener listener, X509_STORE *store)
{
	if (listener == TLS_ADMIN)
		return X509_STORE_add_cert(store, pki->root) == 1;
	if (X509_STORE_add_cert(store, pki->device_ca) != 1 ||
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return false;
	for (int i = 0; i < sk_X509_num(pki->other_cas); i++)
		if (pki_is_own_device_ca(pki, sk_X509_value(pki->other_cas, i)) &&
			X509_STORE_add_cert(store, sk_X509_value(pki->other_cas, i)) != 1)
			return false;
	for (int i = 0; i < sk_X509_num(pki->client_cas); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(pki->client_cas, i)) != 1)
			return false;
	return true;
}

static bool tls_own_certificate(const struct pki *pki, SSL_CTX *context)
{
	return SSL_CTX_use_certificate(context, pki->server_cert) == 1 &&
	       SSL_CTX_use_PrivateKey(context, pki->server_key) == 1 &&
	       SSL_CTX_set1_chain(context, pki->server_chain) == 1;
}

/* Called for each thing that is wrong: lets one pass, the end of a phone's own certificate. */
static int tls_verify(int good, X509_STORE_CTX *context)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct pki *pki = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
	int64_t until_s;

	if (good)
		return 1;
	if (X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_HAS_EXPIRED ||
		X509_STORE_CTX_get_error_depth(context) != 0 || sk_X509_num(chain) != 2 ||
		!pki_is_own_device_ca(pki, sk_X509_value(chain, 1)))
		return 0;
	until_s = pki_until(sk_X509_value(chain, 0));
	if (!until_s || clock_realtime_s() - until_s >= pki->expired_grace_s)
		return 0;
	X509_STORE_CTX_set_error(context, X509_V_OK);
	return 1;
}

int tls_context(
	const struct pki *pki, enum tls_listener listener, SSL_CTX **ret_context, char ret_why[256])
{
	_cleanup_(SSL_CTX_freep) SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	const unsigned char *session = (const unsigned char *)(listener == TLS_ADMIN ? "a" : "d");
	int demand = listener == TLS_ADMIN ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_session_id_context(context, session, 1) != 1 ||
		SSL_CTX_set_num_tickets(context, 0) != 1 || !tls_own_certificate(pki, context) ||
		!tls_anchors(pki, listener, SSL_CTX_get_cert_store(context))) {
		ERR_error_string_n(ERR_get_error(), ret_why, 256);
		ERR_clear_error();
		return -EIO;
	}
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* Verified chains are built from what the peer sends; ours is complete as it is. */
	SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS |
					  SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_app_data(context, (void *)(uintptr_t)pki);
	SSL_CTX_set_verify(
		context, SSL_VERIFY_PEER | demand, listener == TLS_DEVICES ? tls_verify : NULL);
	/* Administrators: the leaf and the root, nothing between. Devices: room for a foreign CA's.
	 */
	SSL_CTX_set_verify_depth(context, listener == TLS_ADMIN ? 0 : 3);
	SSL_CTX_set_max_cert_list(context, 16 * 1024);
	*ret_context = TAKE_PTR(context);
	return 0;
}

/* The name goes into log lines and answers, so it is cut down to printable ASCII. */
static void tls_common_name(X509 *x509, char ret_name[65])
{
	int n = X509_NAME_get_text_by_NID(
		X509_get_subject_name(x509), NID_commonName, ret_name, 65);

	if (n <= 0)
		memcpy(ret_name, "unnamed", sizeof("unnamed"));
	for (char *c = ret_name; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

/* Is the one organisational unit of the subject this? Two of them would be two answers. */
static bool tls_has_unit(X509 *x509, const char *unit)
{
	X509_NAME *subject = X509_get_subject_name(x509);
	int i = X509_NAME_get_index_by_NID(subject, NID_organizationalUnitName, -1);
	const ASN1_STRING *value;

	if (i < 0 || X509_NAME_get_index_by_NID(subject, NID_organizationalUnitName, i) >= 0)
		return false;
	value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));
	return ASN1_STRING_length(value) == (int)strlen(unit) &&
	       memcmp(ASN1_STRING_get0_data(value), unit, strlen(unit)) == 0;
}

static void tls_serial(X509 *x509, char ret_serial[TLS_SERIAL_LENGTH + 1])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
	int n = ASN1_STRING_length(serial);

	/* A longer one is none that our root gave out; the first bytes name it well enough. */
	hex_encode(ASN1_STRING_get0_data(serial),
		(size_t)(n > TLS_SERIAL_LENGTH / 2 ? TLS_SERIAL_LENGTH / 2 : n), ret_serial);
}

static void tls_identify_administrator(
	const struct pki *pki, X509 *x509, STACK_OF(X509) * chain, struct tls_peer *peer)
{
	tls_serial(x509, peer->serial);
	peer->viewer = tls_has_unit(x509, TLS_VIEWER_UNIT);
	peer->kind = (peer->viewer || tls_has_unit(x509, TLS_OPERATOR_UNIT)) &&
				     sk_X509_num(chain) == 2 &&
				     X509_cmp(sk_X509_value(chain, 1), pki->root) == 0
			     ? TLS_PEER_ADMIN
			     : TLS_PEER_MISFIT;
}

int tls_peer_identify(
	const struct pki *pki, enum tls_listener listener, SSL *ssl, struct tls_peer *ret_peer)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	X509 *x509 = SSL_get0_peer_certificate(ssl), *issuer;
	struct tls_peer peer = {.kind = TLS_PEER_NONE};
	int r;

	if (!x509) {
		*ret_peer = peer;
		return 0;
	}
	peer.until_s = pki_until(x509);
	tls_common_name(x509, peer.name);
	issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, sk_X509_num(chain) - 1) : NULL;
	if (SSL_get_verify_result(ssl) != X509_V_OK || !issuer) {
		/* A CA of --client-ca presenting itself has a chain of one. */
		peer.kind = TLS_PEER_MISFIT;
	} else if (listener == TLS_ADMIN) {
		tls_identify_administrator(pki, x509, chain, &peer);
	} else {
		peer.kind = pki_is_own_device_ca(pki, issuer) ? TLS_PEER_DEVICE : TLS_PEER_FOREIGN;
		peer.expired = peer.until_s <= clock_realtime_s();
		r = pki_device_id(X509_get_X509_PUBKEY(x509), peer.device);
		if (r < 0)
			return r;
	}
	*ret_peer = peer;
	return 0;
}
