/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_post.c - one POST to a push service; see push.h. mdm-server only. TLS 1.2 at least, the host
 * is verified against the system's CAs, redirects are not followed, of the answer only the first
 * line is read.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/url.h"
#include "server/bounds.h"
#include "server/push.h"

#define POST_STATUS_BYTES 12 /* "HTTP/1.1 201" */
#define POST_TTL_S 3600	     /* later the phone has come by itself */

struct push_post {
	struct push_post_options options;
	struct url url;
	SSL *ssl;
	struct bufferevent *bev;
	struct event *deadline;
	struct buf request;
};

int push_post_context(SSL_CTX **ret_context)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_default_verify_paths(context) != 1) {
		SSL_CTX_free(context);
		ERR_clear_error();
		return -EIO;
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	*ret_context = context;
	return 0;
}

void push_post_free(struct push_post *post)
{
	if (!post)
		return;
	if (post->bev)
		bufferevent_free(post->bev); /* closes the socket and frees the SSL with it */
	else
		SSL_free(post->ssl);
	if (post->deadline)
		event_free(post->deadline);
	buf_done(&post->request);
	free(post);
	ERR_clear_error();
}
DEFINE_CLEANUP(struct push_post *, push_post_free)

static void post_finish(struct push_post *post, int status, const char *why)
{
	struct push_post_options options = post->options;

	push_post_free(post);
	options.done(status, why, options.userdata);
}

static void post_on_deadline(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd;
	(void)what;
	post_finish(userdata, 0, "no answer in time");
}

static void post_on_read(struct bufferevent *bev, void *userdata)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	char line[POST_STATUS_BYTES + 1] = "";
	int status = 0;

	if (evbuffer_get_length(input) < POST_STATUS_BYTES)
		return;
	(void)evbuffer_remove(input, line, POST_STATUS_BYTES);
	if (memcmp(line, "HTTP/1.", 7) == 0 && line[8] == ' ')
		for (const char *c = line + 9; *c >= '0' && *c <= '9'; c++)
			status = 10 * status + (*c - '0');
	if (status < 100 || status > 599)
		post_finish(userdata, 0, "it does not speak HTTP");
	else
		post_finish(userdata, status, "");
}

static void post_on_event(struct bufferevent *bev, short what, void *userdata)
{
	struct push_post *post = userdata;
	long verified = SSL_get_verify_result(post->ssl);

	if (what & BEV_EVENT_CONNECTED) {
		if (bufferevent_write(bev, post->request.data, post->request.n_bytes) < 0)
			post_finish(post, 0, "out of memory");
	} else if (verified != X509_V_OK) {
		post_finish(post, 0, X509_verify_cert_error_string(verified));
	} else {
		post_finish(post, 0, "it cannot be reached, or ended the connection");
	}
}

static int post_write_request(struct push_post *post)
{
	const char *path = strpbrk(post->options.endpoint + strlen("https://"), "/?");
	const char *host = post->options.endpoint + strlen("https://");
	size_t n_host = path ? (size_t)(path - host) : strlen(host);

	/* TTL is demanded by RFC 8030; the body has to have one byte at least. */
	buf_printf(&post->request,
		"POST %s%s HTTP/1.1\r\nHost: %.*s\r\nTTL: %d\r\nUrgency: high\r\n"
		"Content-Length: 1\r\nConnection: close\r\n\r\n1",
		path && *path == '/' ? "" : "/", path ? path : "", (int)n_host, host, POST_TTL_S);
	return post->request.error;
}

static bool post_verify_host(struct push_post *post)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(post->ssl);

	if (post->url.literal)
		return X509_VERIFY_PARAM_set1_ip_asc(param, post->url.host) == 1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, post->url.host, 0) == 1 &&
	       SSL_set_tlsext_host_name(post->ssl, post->url.host) == 1;
}

int push_post_new(const struct push_post_options *options, struct push_post **ret_post)
{
	struct timeval deadline = {.tv_sec = BOUND_PUSH_SECONDS};
	_cleanup_(push_post_freep) struct push_post *post = calloc(1, sizeof(*post));
	char base[LIMIT_URL_BYTES + 1];

	if (!post)
		return -ENOMEM;
	post->options = *options;
	snprintf(base, sizeof(base), "%.*s", (int)strcspn(options->endpoint, "?"),
		options->endpoint);
	if (url_parse(base, &post->url) < 0)
		return -EINVAL;
	if (!post->url.literal && !options->dns)
		return -ENOENT;
	post->ssl = SSL_new(options->context);
	if (!post->ssl || !post_verify_host(post) || post_write_request(post) < 0)
		return -ENOMEM;
	post->bev = bufferevent_openssl_socket_new(options->base, -1, post->ssl,
		BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	post->deadline = evtimer_new(options->base, post_on_deadline, post);
	if (!post->bev || !post->deadline || evtimer_add(post->deadline, &deadline) < 0)
		return -ENOMEM;
	bufferevent_openssl_set_allow_dirty_shutdown(post->bev, 1);
	bufferevent_setcb(post->bev, post_on_read, NULL, post_on_event, post);
	/* Of an answer, however long: the first line and what came with it. */
	bufferevent_setwatermark(post->bev, EV_READ, POST_STATUS_BYTES, 4096);
	if (bufferevent_enable(post->bev, EV_READ | EV_WRITE) < 0 ||
		bufferevent_socket_connect_hostname(
			post->bev, options->dns, AF_UNSPEC, post->url.host, post->url.port) < 0)
		return -EIO;
	*ret_post = TAKE_PTR(post);
	return 0;
}
