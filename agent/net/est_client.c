/* SPDX-License-Identifier: Apache-2.0 */
/* est_client.c - requests of an EST client; see est_client.h. Net role. */
#include "agent/net/est_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"

#define TYPE_CERTIFICATES "application/pkcs7-mime"
#define EST_OPERATION_BYTES 24 /* "/simplereenroll" */

int est_call_failed(
	const struct est_call *call, enum est_answer answer, struct failure *ret_failure)
{
	return failure_set(ret_failure, NET_STAGE_EST, "%.80s %s", call->exchange->est.host,
		est_answer_text(answer));
}

/* One request; 0 with the certificates of the answer. */
static int est_request(struct est_call *call, struct http_request *request,
	STACK_OF(X509) * *ret_certificates, struct failure *ret_failure)
{
	_cleanup_buf_ struct buf body = {.max_bytes = LIMIT_EST_BYTES};
	const struct exchange *exchange = call->exchange;
	struct http_response response;
	enum est_answer answer;
	int r;

	request->tls = call->tls;
	request->host = exchange->est.host;
	request->response = &body;
	request->response_max = LIMIT_EST_BYTES;
	request->response_status = 200;
	request->deadline_us = exchange->deadline_us;
	request->cancel_fd = exchange->cancel_fd;
	request->body_fd = request->response_fd = -1;
	r = http_exchange(request, &response, ret_failure);
	if (r != 0)
		return r;
	if (response.headers.status != 200)
		return exchange_refused(NET_STAGE_EST, exchange->est.host,
			call->status_text(response.headers.status), &response.headers, ret_failure);
	if (body.n_bytes == 0)
		return est_call_failed(call, EST_E_EMPTY, ret_failure);
	if (strcmp(response.headers.content_type, TYPE_CERTIFICATES) != 0)
		return exchange_refused(NET_STAGE_EST, exchange->est.host,
			"did not answer as an EST server but with another content type; is the "
			"address in the ticket right?",
			&response.headers, ret_failure);
	answer = est_parse(body.data, body.n_bytes, ret_certificates);
	if (answer != EST_OK)
		return est_call_failed(call, answer, ret_failure);
	call->date_s = response.headers.date_s;
	return 0;
}

int est_call_anchors(struct est_call *call, const struct est_pins *pins,
	struct anchors *ret_anchors, struct failure *ret_failure)
{
	_cleanup_(certificates_freep) STACK_OF(X509) *certificates = NULL;
	char url[sizeof(call->exchange->est_base) + EST_OPERATION_BYTES];
	struct http_request request = {.url = url};
	enum est_answer answer;
	int r;

	snprintf(url, sizeof(url), "%s/cacerts", call->exchange->est_base);
	r = est_request(call, &request, &certificates, ret_failure);
	if (r != 0)
		return r;
	answer = pins->only
			 ? est_select_pinned(certificates, pins->pins, pins->n_pins, ret_anchors)
			 : est_select_anchors(certificates, pins->pins, pins->n_pins, ret_anchors);
	return answer == EST_OK ? 0 : est_call_failed(call, answer, ret_failure);
}

int est_call_certificate(struct est_call *call, const char *operation,
	const struct identity *identity, X509 **ret_certificate, struct failure *ret_failure)
{
	_cleanup_(certificates_freep) STACK_OF(X509) *certificates = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	char url[sizeof(call->exchange->est_base) + EST_OPERATION_BYTES];
	struct http_request request = {
		.url = url,
		.headers = {"Content-Type: application/pkcs10",
			/* RFC 8951 lets servers ignore it; older ones insist. */
			"Content-Transfer-Encoding: base64"},
		.post = true,
		.user = call->user,
		.secret = call->secret,
	};
	enum est_answer answer;
	unsigned char *der;
	X509 *certificate;
	size_t n_der;
	int r;

	snprintf(url, sizeof(url), "%s/%s", call->exchange->est_base, operation);
	r = identity_request(identity, call->numbers, &der, &n_der, ret_failure);
	if (r != 0)
		return r;
	/* Mail's line ends: servers of others may read MIME and nothing else. */
	base64_write(der, n_der, "\r\n", &text);
	OPENSSL_free(der);
	if (text.error)
		return failure_errno(
			ret_failure, NET_STAGE_EST, text.error, "the certificate request");
	request.body = text.data;
	request.n_body = text.n_bytes;
	r = est_request(call, &request, &certificates, ret_failure);
	if (r != 0)
		return r;
	answer = est_select_certificate(certificates, identity->key, &certificate);
	if (answer != EST_OK)
		return est_call_failed(call, answer, ret_failure);
	if (X509_up_ref(certificate) != 1)
		return est_call_failed(call, EST_E_MEMORY, ret_failure);
	*ret_certificate = certificate;
	return 0;
}
