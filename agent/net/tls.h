/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - whom the net role believes and how it shows itself: TLS 1.3, only the pinned CAs of the
 * enrolment, the host's name, a time that cannot be before the enforcer's floor. Net role; knows
 * OpenSSL, not libcurl.
 */
#ifndef MDM_NET_TLS_H
#define MDM_NET_TLS_H

#include <openssl/ssl.h>

#include "agent/net/certificates.h"
#include "agent/net/identity.h"

struct tls {
	/* set by the caller */
	const struct anchors *anchors;	 /* NULL: provisional (EST cacerts), nobody is verified */
	const struct identity *identity; /* NULL: no client certificate */
	const char *host;
	bool host_literal; /* host is an IP address */
	int64_t time_s;	   /* certificates are checked at this time */

	/* found during the handshake */
	int verify_error;	/* X509_V_*; X509_V_OK: none */
	bool verify_error_leaf; /* it is about the server's own certificate */
	int alert;		/* TLS alert from the server; 0: none */
	int64_t server_until_s; /* notAfter of the verified server certificate; 0: none */
	int64_t problem_from_s, problem_until_s; /* validity of the certificate at fault; 0: none */
};

/* Sets a context up; tls must outlive it. 0, or -EIO if OpenSSL refuses. */
int tls_prepare(struct tls *tls, SSL_CTX *context);

/*
 * Verifies leaf and the chain that came with it at tls->time_s. The results are the found fields.
 * True if the server is to be believed.
 */
bool tls_verify(struct tls *tls, X509 *leaf, STACK_OF(X509) * chain);

/* The sentence for a handshake that failed. NET_E_FAILED, or 0 if tls knows no reason. */
int tls_explain(const struct tls *tls, struct failure *ret_failure);

#endif
