/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est.h - the pure half of EST (RFC 7030): decodes what a client sends, issues certificates,
 * encodes answers. No store, no network. mdm-server only.
 */
#ifndef MDM_SERVER_EST_H
#define MDM_SERVER_EST_H

#include "agent/util/buf.h"
#include "server/bounds.h"
#include "server/pki.h"

/* What is wrong with a request; est_problem_text() says it to people. */
enum est_problem {
	EST_E_BASE64 = 1,
	EST_E_SIZE,
	EST_E_CSR,	 /* not one PKCS #10 request */
	EST_E_KEY,	 /* not an uncompressed P-256 key */
	EST_E_SIGNATURE, /* not signed with that key: the client does not have it */
	EST_PROBLEM_MAX,
};
const char *est_problem_text(enum est_problem problem);

struct est_credentials {
	char id[33];			     /* the ticket's */
	char secret[BOUND_SECRET_BYTES + 1]; /* overwrite after use */
};
/* The value of an Authorization header of scheme Basic (RFC 7617), its padding present or left out.
 * 0 or -EBADMSG. */
int est_credentials_parse(const char *value, struct est_credentials *ret_credentials);

struct est_csr {
	X509_REQ *request;
	char device[DEVICE_ID_LENGTH + 1];
};
/* The body of a simpleenroll request, base64 with or without its padding. 0; EST_E_*; -ENOMEM,
 * -EIO. */
int est_csr_parse(const char *body, size_t n_body, struct est_csr *ret_csr);
void est_csr_done(struct est_csr *csr);

/*
 * Issues a certificate for the key of the request: CN = device id whatever the request says,
 * client authentication only. The validity ends with that of the CA at the latest. *ret_der is
 * the caller's. 0; -EINVAL: the CA has ended (est_can_issue()); or -EIO.
 */
struct est_validity {
	int64_t now_s;
	int64_t days;
};
/* Whether the device CA lives still: it may end while the server runs. */
bool est_can_issue(const struct pki *pki, int64_t now_s);
int est_issue(const struct pki *pki, const struct est_csr *csr, struct est_validity validity,
	struct buf *ret_der, int64_t *ret_until_s);

/* A certs-only PKCS #7 (RFC 7030, section 4.1.3) of n certificates in base64 with line breaks. */
int est_certs_only(X509 *const *certs, size_t n_certs, struct buf *out);

#endif
