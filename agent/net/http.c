/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - one HTTPS exchange by libcurl; see http.h. Net role. The multi interface with a single
 * transfer, because it can wait for the enforcer's channel at the same time.
 */
#include "agent/net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/clock.h"

/* A peer that does not answer probes is gone: as many, this far apart. */
#define KEEPALIVE_PROBES 4
#define KEEPALIVE_INTERVAL_S 15

/* Why a callback of ours stopped the transfer. */
enum http_stop {
	HTTP_STOP_NONE,
	HTTP_STOP_HEADER_LARGE,
	HTTP_STOP_HEADER_FORM,
	HTTP_STOP_BODY_LARGE,
	HTTP_STOP_STORE,  /* our own trouble: the response cannot be kept */
	HTTP_STOP_REPORT, /* our own trouble: the body cannot be read */
	HTTP_STOP_TLS,	  /* our own trouble: OpenSSL refuses the set-up */
};

struct transfer {
	const struct http_request *request;
	struct http_headers headers;
	size_t n_sent, n_body, n_discarded;
	enum http_stop stop;
	bool tls_begun;
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers_out;
};

static void transfer_done(struct transfer *t)
{
	if (t->multi && t->easy)
		curl_multi_remove_handle(t->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_multi_cleanup(t->multi);
	curl_slist_free_all(t->headers_out);
}

static size_t stop(struct transfer *t, enum http_stop why)
{
	t->stop = why;
	return 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	struct transfer *t = userdata;
	int r = http_headers_line(&t->headers, line, size * n);

	if (r < 0)
		return stop(t, r == -EFBIG ? HTTP_STOP_HEADER_LARGE : HTTP_STOP_HEADER_FORM);
	return size * n;
}

static int keep(struct transfer *t, const char *data, size_t n_bytes)
{
	const struct http_request *request = t->request;

	if (request->response) {
		buf_append(request->response, data, n_bytes);
		return request->response->error;
	}
	for (size_t done = 0; done < n_bytes;) {
		ssize_t n = pwrite(request->response_fd, data + done, n_bytes - done,
			(off_t)(t->n_body + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct transfer *t = userdata;
	size_t n_bytes = size * n;

	if (n_bytes > t->request->response_max - t->n_body - t->n_discarded)
		return stop(t, HTTP_STOP_BODY_LARGE);
	if (t->headers.status != t->request->response_status) {
		t->n_discarded += n_bytes;
		return n_bytes;
	}
	if (keep(t, data, n_bytes) < 0)
		return stop(t, HTTP_STOP_STORE);
	t->n_body += n_bytes;
	return n_bytes;
}

static size_t on_send(char *buffer, size_t size, size_t n, void *userdata)
{
	struct transfer *t = userdata;
	const struct http_request *request = t->request;
	size_t n_bytes = request->n_body - t->n_sent;
	ssize_t n_read;

	if (n_bytes > size * n)
		n_bytes = size * n;
	if (n_bytes == 0)
		return 0;
	if (request->body_fd < 0) {
		memcpy(buffer, (const char *)request->body + t->n_sent, n_bytes);
		n_read = (ssize_t)n_bytes;
	} else {
		do
			n_read = pread(request->body_fd, buffer, n_bytes, (off_t)t->n_sent);
		while (n_read < 0 && errno == EINTR);
		if (n_read <= 0) {
			t->stop = HTTP_STOP_REPORT;
			return CURL_READFUNC_ABORT;
		}
	}
	t->n_sent += (size_t)n_read;
	return (size_t)n_read;
}

static int on_seek(void *userdata, curl_off_t offset, int origin)
{
	struct transfer *t = userdata;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > t->request->n_body)
		return CURL_SEEKFUNC_FAIL;
	t->n_sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static CURLcode on_ssl_context(CURL *easy, void *context, void *userdata)
{
	struct transfer *t = userdata;

	(void)easy;
	t->tls_begun = true;
	if (tls_prepare(t->request->tls, context) == 0)
		return CURLE_OK;
	t->stop = HTTP_STOP_TLS;
	return CURLE_SSL_CONNECT_ERROR;
}

/* libcurl has no word for the number of probes before version 8.9. */
static int on_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
	const struct transfer *t = userdata;
	int one = 1, idle_s = t->request->keepalive_s, interval_s = KEEPALIVE_INTERVAL_S,
	    probes = KEEPALIVE_PROBES;

	if (purpose != CURLSOCKTYPE_IPCXN || idle_s == 0)
		return CURL_SOCKOPT_OK;
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes)) < 0)
		return CURL_SOCKOPT_ERROR;
	return CURL_SOCKOPT_OK;
}

int http_setup(struct failure *ret_failure)
{
	/* First, so that libcurl's own initialisation finds it done: no openssl.cnf of the system.
	 */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) &&
		curl_global_init(CURL_GLOBAL_SSL) == CURLE_OK)
		return 0;
	return failure_set(ret_failure, NET_STAGE_TLS,
		"libcurl or OpenSSL cannot be started; memory may be short");
}

#define SET(option, value) (curl_easy_setopt(t->easy, option, value) == CURLE_OK)

static bool set_policy(struct transfer *t, int64_t timeout_ms)
{
	const struct http_request *request = t->request;
	bool verify = request->tls->anchors != NULL;
	/* Whoever waits long for an answer need not wait long for a connection. */
	int64_t connect_ms = timeout_ms < LIMIT_EXCHANGE_SECONDS * 1000
				     ? timeout_ms
				     : LIMIT_EXCHANGE_SECONDS * 1000;

	return SET(CURLOPT_URL, request->url) && SET(CURLOPT_PROTOCOLS_STR, "https") &&
	       SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) && SET(CURLOPT_PATH_AS_IS, 1L) &&
	       SET(CURLOPT_PROXY, "") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_HTTP09_ALLOWED, 0L) && SET(CURLOPT_NOSIGNAL, 1L) &&
	       SET(CURLOPT_NOPROGRESS, 1L) && SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) &&
	       SET(CURLOPT_SOCKOPTFUNCTION, on_socket) && SET(CURLOPT_SOCKOPTDATA, t) &&
	       SET(CURLOPT_QUICK_EXIT, 1L) && /* a resolver that hangs must not keep the process */
	       SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) &&
	       SET(CURLOPT_CAINFO, NULL) && SET(CURLOPT_CAPATH, NULL) &&
	       SET(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) &&
	       SET(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) &&
	       SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
	       SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_context) && SET(CURLOPT_SSL_CTX_DATA, t) &&
	       SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->response_max) &&
	       SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, t) &&
	       SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, t);
}

static bool add_header(struct transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->headers_out, line);

	if (list)
		t->headers_out = list;
	return list != NULL;
}

static bool set_content(struct transfer *t)
{
	const struct http_request *request = t->request;

	/* Each byte is paid for on a metered link. */
	if (!add_header(t, "Accept:"))
		return false;
	for (size_t i = 0; i < HTTP_HEADERS_MAX && request->headers[i]; i++)
		if (!add_header(t, request->headers[i]))
			return false;
	if (request->post &&
		!(add_header(t, "Expect:") && SET(CURLOPT_POST, 1L) &&
			SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->n_body) &&
			SET(CURLOPT_READFUNCTION, on_send) && SET(CURLOPT_READDATA, t) &&
			SET(CURLOPT_SEEKFUNCTION, on_seek) && SET(CURLOPT_SEEKDATA, t)))
		return false;
	if (request->user && !(SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) &&
				     SET(CURLOPT_USERNAME, request->user) &&
				     SET(CURLOPT_PASSWORD, request->secret)))
		return false;
	return SET(CURLOPT_HTTPHEADER, t->headers_out);
}

/* Runs until the transfer is over. 0 with its result, -ECANCELED, or -EIO from libcurl itself. */
static int run(struct transfer *t, CURLcode *ret_code)
{
	const struct http_request *request = t->request;
	struct curl_waitfd cancel = {.fd = request->cancel_fd, .events = CURL_WAIT_POLLIN};
	unsigned int n_cancel = request->cancel_fd >= 0 ? 1 : 0;
	const CURLMsg *message;
	int running, n_left;

	for (;;) {
		int64_t left_us = request->deadline_us - clock_boottime_us();

		if (curl_multi_perform(t->multi, &running) != CURLM_OK)
			return -EIO;
		if (!running)
			break;
		/* libcurl's clock stands still while the phone sleeps; this one does not. */
		if (left_us <= 0) {
			*ret_code = CURLE_OPERATION_TIMEDOUT;
			return 0;
		}
		if (curl_multi_poll(t->multi, &cancel, n_cancel, (int)(left_us / 1000) + 1, NULL) !=
			CURLM_OK)
			return -EIO;
		if (cancel.revents)
			return -ECANCELED;
	}
	message = curl_multi_info_read(t->multi, &n_left);
	if (!message || message->msg != CURLMSG_DONE)
		return -EIO;
	*ret_code = message->data.result;
	return 0;
}

/* How far it got, for a failure that can happen anywhere. */
static enum net_stage stage_of(const struct transfer *t)
{
	curl_off_t resolved = 0, secured = 0;

	curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(t->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	if (secured > 0)
		return NET_STAGE_HTTP;
	if (t->tls_begun)
		return NET_STAGE_TLS;
	return resolved > 0 ? NET_STAGE_CONNECT : NET_STAGE_RESOLVE;
}

static int explain_stop(const struct transfer *t, struct failure *ret_failure)
{
	const struct http_request *request = t->request;

	switch (t->stop) {
	case HTTP_STOP_NONE:
		break;
	case HTTP_STOP_HEADER_LARGE:
		return failure_set(ret_failure, NET_STAGE_HTTP,
			"%.100s sends a header above %d bytes; look at the server", request->host,
			LIMIT_HTTP_HEADER_BYTES);
	case HTTP_STOP_HEADER_FORM:
		return failure_set(ret_failure, NET_STAGE_HTTP,
			"%.100s does not speak HTTP; is the port right?", request->host);
	case HTTP_STOP_BODY_LARGE:
		return failure_set(ret_failure, NET_STAGE_RESPONSE,
			"%.100s sends more than the %zu bytes allowed; look at the server",
			request->host, request->response_max);
	case HTTP_STOP_STORE:
		return failure_set(ret_failure, NET_STAGE_RESPONSE,
			"the answer cannot be kept; memory may be short");
	case HTTP_STOP_REPORT:
		return failure_set(ret_failure, NET_STAGE_HTTP,
			"the report is shorter than the enforcer announced");
	case HTTP_STOP_TLS:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"OpenSSL refuses the device's certificate or TLS 1.3; enrol the phone again");
	}
	return 0;
}

static int explain_timeout(const struct transfer *t, struct failure *ret_failure)
{
	enum net_stage stage = stage_of(t);

	if (stage == NET_STAGE_RESOLVE)
		return failure_set(ret_failure, stage,
			"no name server answered in time for %.100s; is there a network?",
			t->request->host);
	return failure_set(ret_failure, stage,
		"%.100s did not answer in time (%s); is it up and the network good enough?",
		t->request->host, net_stage_name(stage));
}

/* Nothing of the server's own text goes into these sentences. */
static int explain(const struct transfer *t, CURLcode code, struct failure *ret_failure)
{
	const char *host = t->request->host;
	int r = explain_stop(t, ret_failure);

	if (r == 0)
		r = tls_explain(t->request->tls, ret_failure);
	if (r != 0)
		return r;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return failure_set(ret_failure, NET_STAGE_RESOLVE,
			"the name %.100s cannot be resolved; is there a network, is the name right?",
			host);
	case CURLE_COULDNT_CONNECT:
		return failure_set(ret_failure, NET_STAGE_CONNECT,
			"%.100s cannot be reached or refuses connections; is it up, is the port right?",
			host);
	case CURLE_OPERATION_TIMEDOUT:
		return explain_timeout(t, ret_failure);
	case CURLE_PEER_FAILED_VERIFICATION:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"the server's certificate is not for %.100s", host);
	case CURLE_SSL_CONNECT_ERROR:
		return failure_set(ret_failure, NET_STAGE_TLS,
			"%.100s does not finish a TLS handshake; is the port right?", host);
	case CURLE_FILESIZE_EXCEEDED:
		return failure_set(ret_failure, NET_STAGE_RESPONSE,
			"%.100s sends more than the %zu bytes allowed; look at the server", host,
			t->request->response_max);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		/* With TLS 1.3 a refused client hears of it late, and a reset may overtake the
		 * alert. */
		if (t->request->tls->identity && t->headers.n_bytes == 0 && t->tls_begun)
			return failure_set(ret_failure, stage_of(t),
				"%.100s closed the connection without an answer; it may be broken or "
				"refuse this phone's certificate",
				host);
		__attribute__((fallthrough));
	case CURLE_PARTIAL_FILE:
		return failure_set(ret_failure, stage_of(t),
			"%.100s closed the connection before its answer was whole; try again, look at "
			"the server",
			host);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return failure_set(ret_failure, NET_STAGE_HTTP,
			"%.100s does not speak HTTP; is the port right?", host);
	default:
		return failure_set(
			ret_failure, stage_of(t), "%.100s: %s", host, curl_easy_strerror(code));
	}
}

/* The request was sent, and then there was nothing but the end of the connection. */
static bool hung_up(const struct transfer *t, CURLcode code)
{
	const struct tls *tls = t->request->tls;
	long n_request = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &n_request);
	return (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR) && n_request > 0 &&
	       t->headers.n_bytes == 0 && tls->alert == 0 && tls->verify_error == X509_V_OK;
}

static void fill_response(const struct transfer *t, struct http_response *ret_response)
{
	curl_off_t n_down = 0;
	long n_request = 0, n_header = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &n_request);
	curl_easy_getinfo(t->easy, CURLINFO_HEADER_SIZE, &n_header);
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &n_down);
	*ret_response = (struct http_response){
		.headers = t->headers,
		.n_body = t->n_body,
		.bytes_up = (uint64_t)n_request + t->n_sent,
		.bytes_down = (uint64_t)n_header + (uint64_t)n_down,
	};
}

int http_exchange(const struct http_request *request, struct http_response *ret_response,
	struct failure *ret_failure)
{
	_cleanup_(transfer_done) struct transfer transfer = {.request = request};
	struct transfer *t = &transfer;
	int64_t timeout_ms = (request->deadline_us - clock_boottime_us()) / 1000;
	CURLcode code = CURLE_OK;
	int r;

	http_headers_init(&t->headers);
	/* 0 would mean no limit to libcurl. */
	if (timeout_ms < 1)
		timeout_ms = 1;
	t->easy = curl_easy_init();
	t->multi = curl_multi_init();
	if (!t->easy || !t->multi || !set_policy(t, timeout_ms) || !set_content(t) ||
		curl_multi_add_handle(t->multi, t->easy) != CURLM_OK)
		return failure_set(ret_failure, NET_STAGE_HTTP,
			"libcurl refuses the request; it is too old or memory is short");
	r = run(t, &code);
	if (r == -ECANCELED)
		return r;
	if (r < 0)
		return failure_set(ret_failure, NET_STAGE_HTTP,
			"libcurl failed to run the request; memory may be short");
	if (code != CURLE_OK || t->headers.status < 200) {
		r = explain(t, code == CURLE_OK ? CURLE_WEIRD_SERVER_REPLY : code, ret_failure);
		ret_failure->hung_up = hung_up(t, code);
		return r;
	}
	fill_response(t, ret_response);
	return 0;
}
