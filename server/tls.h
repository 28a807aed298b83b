/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS contexts of the two listeners and who the peer is. mdm-server only.
 *
 * TLS 1.3 without session tickets: a phone checks in from a fresh process and could not resume, a
 * resumed session would outlive its certificate, and two tickets cost every phone 500 bytes.
 */
#ifndef MDM_SERVER_TLS_H
#define MDM_SERVER_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "server/pki.h"

enum tls_listener {
	TLS_DEVICES, /* a certificate is asked for, not demanded: enrolment comes without */
	TLS_ADMIN,   /* a certificate is demanded */
};

/*
 * A device certificate of our own that has expired since less than pki->expired_grace_s passes the
 * handshake, with everything else about it verified; what it may ask for the routes say. pki is
 * borrowed by the context. 0 or -EIO with the reason in libcrypto's words.
 */
int tls_context(const struct pki *pki, enum tls_listener listener, SSL_CTX **ret_context,
	char ret_why[256]);
DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)

enum tls_peer_kind {
	TLS_PEER_NONE,	  /* no certificate */
	TLS_PEER_DEVICE,  /* our device CA's */
	TLS_PEER_FOREIGN, /* a device of a CA given with --client-ca */
	TLS_PEER_ADMIN,
	TLS_PEER_MISFIT, /* verified, but not meant for this listener */
};

#define TLS_SERIAL_LENGTH 40 /* 20 bytes at most (RFC 5280, 4.1.2.2) */

struct tls_peer {
	enum tls_peer_kind kind;
	char device[DEVICE_ID_LENGTH + 1]; /* of devices: derived from the key, whatever the name */
	char name[65];			   /* of administrators: common name, printable ASCII */
	char serial[TLS_SERIAL_LENGTH + 1]; /* and serial number of the certificate, hexadecimal */
	bool viewer;			    /* an administrator who may only look */
	int64_t until_s;		    /* end of the certificate */
	bool expired; /* TLS_PEER_DEVICE only: it has ended, but not for longer than is let pass */
};

/* After a handshake: TLS has verified the chain, this says what it means. 0 or -EIO. */
int tls_peer_identify(
	const struct pki *pki, enum tls_listener listener, SSL *ssl, struct tls_peer *ret_peer);

#endif
