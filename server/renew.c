/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renew.c - EST simplereenroll (RFC 7030, section 4.2.2): a new certificate for a phone that shows
 * its present one, also when that has expired, for the same key and subject. mdm-server only.
 *
 * The new certificate is recorded before it is sent. A phone that lost the answer asks again and
 * gets another one; both are good.
 */
#include <errno.h>
#include <openssl/x509v3.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "server/est.h"
#include "server/server.h"

enum renew_verdict {
	RENEW_ISSUED,
	RENEW_UNKNOWN,
	RENEW_WITHDRAWN,
};

/* Inside a transaction. 0 with a verdict, or negative trouble. */
static int renew_issue(struct server *server, const struct est_csr *csr,
	enum renew_verdict *ret_verdict, struct buf *der)
{
	struct est_validity validity = {
		.now_s = clock_realtime_s(),
		.days = server->certificate_days,
	};
	struct store_device device;
	int r = store_device_get(server->store, csr->device, &device);

	if (r == STORE_E_NOT_FOUND || (r == 0 && device.withdrawn_s)) {
		*ret_verdict = r ? RENEW_UNKNOWN : RENEW_WITHDRAWN;
		return 0;
	}
	if (r == 0)
		r = est_issue(&server->pki, csr, validity, der, &device.certificate_until_s);
	if (r == 0)
		r = store_device_renew(server->store, &device, der->data, der->n_bytes);
	if (r == 0)
		*ret_verdict = RENEW_ISSUED;
	return r > 0 ? -EIO : r;
}

static int renew_transact(struct server *server, const struct est_csr *csr,
	enum renew_verdict *ret_verdict, struct buf *der)
{
	int r = store_begin(server->store, STORE_SURVIVES_POWER);

	if (r < 0)
		return r;
	r = renew_issue(server, csr, ret_verdict, der);
	if (r == 0)
		return store_commit(server->store);
	store_rollback(server->store);
	return r;
}

static void renew_decide(struct server *server, struct http_conn *conn, const struct est_csr *csr)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	enum renew_verdict verdict = RENEW_UNKNOWN;
	int r = renew_transact(server, csr, &verdict, &der);

	if (r < 0) {
		server_store_failed(server, conn, r, "renew a certificate");
		return;
	}
	server_note_store(server, 0, NULL);
	switch (verdict) {
	case RENEW_ISSUED:
		log_info("device %s got a new certificate", csr->device);
		enrol_answer(conn, &der);
		break;
	case RENEW_UNKNOWN:
		log_warning("renewal refused: device %s is not known", csr->device);
		http_refuse(conn, 403, "device", "this device is not known here; enrol it again");
		break;
	case RENEW_WITHDRAWN:
		log_warning("renewal refused: device %s was withdrawn", csr->device);
		http_refuse(conn, 403, "withdrawn",
			"this device was withdrawn; enrol it again with a new ticket");
		break;
	}
}

/* The request names what the certificate names, which is what est_issue() writes: CN=DEVICE-ID. */
static bool renew_is_same_subject(const struct est_csr *csr)
{
	X509_NAME *subject = X509_REQ_get_subject_name(csr->request);
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr->request);
	char name[DEVICE_ID_LENGTH + 2];
	bool same;

	same = X509_NAME_entry_count(subject) == 1 &&
	       X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof(name)) ==
		       DEVICE_ID_LENGTH &&
	       strcmp(name, csr->device) == 0 &&
	       X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, -1) < 0;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return same;
}

void renew_simple(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct est_csr csr = {0};
	int r;

	if (request->peer->kind != TLS_PEER_DEVICE) {
		http_refuse(
			conn, 403, "foreign", "this certificate is of another CA; renew it there");
		return;
	}
	if (!enrol_is_pkcs10(request->head->content_type)) {
		http_refuse(conn, 415, "type", "the content type must be application/pkcs10");
		return;
	}
	if (!enrol_can_issue(userdata, conn, clock_realtime_s()))
		return;
	r = est_csr_parse(request->body, request->n_body, &csr);
	if (r < 0)
		http_refuse(
			conn, 503, "failed", "the server could not read the request; try again");
	else if (r > 0)
		http_refuse(conn, 400, "request", est_problem_text((enum est_problem)r));
	else if (strcmp(csr.device, request->peer->device) != 0)
		http_refuse(conn, 400, "key",
			"the request is for another key than the certificate's; a new key is a "
			"new enrolment");
	else if (!renew_is_same_subject(&csr))
		http_refuse(conn, 400, "subject",
			"the request's subject must be that of the certificate, without "
			"alternative names");
	else
		renew_decide(userdata, conn, &csr);
	est_csr_done(&csr);
}
