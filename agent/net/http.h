/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - one request and its answer over HTTPS, by libcurl, under a deadline and limits. No
 * redirects, proxies, cookies or system CAs. The only file of the agent that knows libcurl. Net
 * role.
 */
#ifndef MDM_NET_HTTP_H
#define MDM_NET_HTTP_H

#include "agent/net/failure.h"
#include "agent/net/headers.h"
#include "agent/net/tls.h"
#include "agent/util/buf.h"

#define HTTP_HEADERS_MAX 3

struct http_request {
	const char *url;
	const char *host; /* for the sentences */
	struct tls *tls;
	const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; the rest NULL */
	bool post;
	const void *body; /* if body_fd is -1 */
	int body_fd;	  /* read by pread(2) from offset 0; -1: none */
	size_t n_body;
	const char *user, *secret; /* HTTP Basic; NULL: none */
	struct buf *response;	   /* or NULL: response_fd */
	int response_fd;	   /* written by pwrite(2) from offset 0 */
	size_t response_max;
	unsigned int response_status; /* the status whose body is kept; others are thrown away */
	int64_t deadline_us;	      /* CLOCK_BOOTTIME */
	int cancel_fd;		      /* readable or closed: stop at once; -1: none */
	int keepalive_s;	      /* silence until the peer is probed (TCP); 0: never */
};

struct http_response {
	struct http_headers headers;
	size_t n_body;		       /* kept bytes */
	uint64_t bytes_up, bytes_down; /* header and body, without TLS */
};

/* Prepares the libraries, without configuration files. Once per process. 0 or NET_E_FAILED. */
int http_setup(struct failure *ret_failure);

/*
 * 0 with any final HTTP status in ret_response; NET_E_FAILED; -ECANCELED after cancel_fd. On
 * failure what was written to the response is to be ignored.
 */
int http_exchange(const struct http_request *request, struct http_response *ret_response,
	struct failure *ret_failure);

#endif
