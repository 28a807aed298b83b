/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca.h - the organisation's certificates (RFC 5280), all P-256 with SHA-256.
 *
 *   root CA (20 years, key encrypted on the administrator's machine)
 *   ├── device CA (20 years, path length 0, clientAuth only; its key lives on the server)
 *   ├── server certificate (2 years, serverAuth)
 *   └── administrators' certificates (2 years, clientAuth, OU=mdm-admin or mdm-viewer)
 *
 * Beside it the escrow certificate, self-signed: it is a key with a name, no part of the tree.
 *
 * Whoever takes the server gets the device CA and can make devices, but no server that a phone
 * trusts and no administrator: those are issued by the root alone. Makes no files.
 */
#ifndef MDM_MDMCTL_CA_H
#define MDM_MDMCTL_CA_H

#include <openssl/x509.h>
#include <stdint.h>

#include "agent/util/digest.h"
#include "server/ctl/keyfile.h"

#define CA_DAYS (20 * 365 + 5)
#define CA_LEAF_DAYS (2 * 365)
#define CA_MAX_HOSTS 16
#define CA_ADMIN_UNIT "mdm-admin"
#define CA_VIEWER_UNIT "mdm-viewer"

static inline void X509_freepp(X509 **x509)
{
	X509_free(*x509);
}
#define _cleanup_x509_ _cleanup_(X509_freepp)

enum ca_kind {
	CA_ROOT,
	CA_DEVICE,
	CA_SERVER,
	CA_ADMIN,  /* operator: may do everything the server allows */
	CA_VIEWER, /* may look */
	CA_ESCROW, /* self-signed; secrets are sealed to it, nothing else */
	CA_CROSS,  /* the next root's key under this root; for servers only */
	CA_KIND_MAX,
};

struct ca_request {
	enum ca_kind kind;
	const char *org_name;	 /* for people; left out of the subject above 64 characters */
	const char *common_name; /* 1..64 bytes */
	const char *const
		*hosts; /* CA_SERVER: DNS names and addresses, checked with ca_host_check() */
	size_t n_hosts;
	int64_t now_s;
	int64_t until_s; /* 0: as long as the kind is valid */
	EVP_PKEY *key;	 /* of the subject */
	X509 *issuer;	 /* NULL for the root */
	EVP_PKEY *issuer_key;
};

/* Makes and signs one certificate. ret_x509 is the caller's. 0 or FAULT_*. */
int ca_issue(const struct ca_request *request, X509 **ret_x509, struct fault *fault);

/*
 * The same certificate (subject, key, extensions) with a new serial and new dates. Refuses a CA and
 * what the issuer did not issue.
 */
int ca_renew(X509 *old, X509 *issuer, EVP_PKEY *issuer_key, int64_t now_s, X509 **ret_x509,
	struct fault *fault);

/* A host name or an address without brackets, as it may stand in a certificate. */
bool ca_host_check(const char *host);

/* PEM text; free() by the caller. */
int ca_write(X509 *x509, char **ret_pem, struct fault *fault);
/* First certificate of a PEM text. */
int ca_read(
	const char *pem, size_t n_bytes, const char *name, X509 **ret_x509, struct fault *fault);

/* SHA-256 of the SubjectPublicKeyInfo (RFC 7469, section 2.4). */
int ca_pin(X509 *x509, uint8_t ret_pin[SHA256_BYTES], struct fault *fault);

/* The n-th host name or address that a certificate is for; false behind the last. */
bool ca_host(const X509 *x509, size_t n, char *ret_host, size_t size);

/* Unix time of the end of validity; 0 if it cannot be told. */
int64_t ca_until(const X509 *x509);

#endif
