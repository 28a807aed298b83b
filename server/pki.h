/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki.h - the keys and certificates of the state directory that `mdmctl init` prepared.
 *
 * Two keys are here: that of the server's own TLS certificate, and that of the CA which issues
 * device certificates. A key that signs documents is never here. mdm-server only.
 */
#ifndef MDM_SERVER_PKI_H
#define MDM_SERVER_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/util/mem.h"

#define DEVICE_ID_LENGTH 32

/*
 * CA certificates of another generation, PEM, each file optional: those that were in root.pem and
 * device-ca.pem before a change of the CA, and those that will be. Served in cacerts; certificates
 * that their device CAs issued are accepted.
 */
#define PKI_PREVIOUS_FILE "previous.pem"
#define PKI_NEXT_FILE "next.pem"

struct pki {
	EVP_PKEY *server_key;
	X509 *server_cert;
	STACK_OF(X509) * server_chain; /* intermediates; a root is not sent, who trusts it has it */
	EVP_PKEY *device_ca_key;
	X509 *device_ca, *root;
	STACK_OF(X509) * client_cas; /* other CAs whose device certificates count; may be empty */
	STACK_OF(X509) * other_cas;  /* of previous.pem and next.pem; may be NULL */
	int64_t expired_grace_s;     /* certificates of our own device CAs may be expired so long */
};

struct pki_problem {
	char message[512]; /* what is wrong and what to do */
};

/*
 * Reads and checks everything: keys belong to their certificates, both chains end in root,
 * nothing has expired at now_s. client_ca is a PEM file or NULL. 0 or -EINVAL with ret_problem.
 */
int pki_load(const char *directory, const char *client_ca, int64_t now_s, struct pki *ret_pki,
	struct pki_problem *ret_problem);
void pki_done(struct pki *pki);

/* Whether it is one of our own device CAs, present or of another generation. */
bool pki_is_own_device_ca(const struct pki *pki, X509 *x509);

/* First 16 bytes of SHA-256 over the SubjectPublicKeyInfo, in hexadecimal. 0 or -EIO. */
int pki_device_id(X509_PUBKEY *key, char ret_id[DEVICE_ID_LENGTH + 1]);

/* The end of a certificate's validity as Unix time; 0 if it has no readable one. */
int64_t pki_until(const X509 *x509);

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)

#endif
