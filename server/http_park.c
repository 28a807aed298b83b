/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_park.c - connections whose answer may take minutes; see http.h. mdm-server only.
 *
 * A TLS connection of OpenSSL that only waits holds about 20 KiB, most of it out of reach of its
 * API. But all that it may still say is one answer, known from the beginning: so that is encrypted
 * at once, and everything but the socket is freed. A record can be encrypted only once, hence
 * there is one answer or none; "none" is an end of the connection without a goodbye.
 */
#include <errno.h>
#include <openssl/err.h>

#include "server/http_conn.h"
#include "server/http_write.h"

/* Nobody of ours speaks before it has the answer: this is the end of the peer, or a misuse. */
static void http_on_parked_read(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd;
	(void)what;
	http_conn_free(userdata);
}

/* The answer and the goodbye as records. 0 or -ENOMEM: then the peer may not understand any more.
 */
static int http_seal(struct http_conn *c, const struct buf *plain, struct buf *sealed)
{
	BIO *memory, *socket;
	char *records;
	bool sealed_all;
	long n;

	if (!c->ssl) {
		buf_append(sealed, plain->data, plain->n_bytes);
		return sealed->error;
	}
	memory = BIO_new(BIO_s_mem());
	socket = SSL_get_wbio(c->ssl);
	if (!memory || BIO_up_ref(socket) != 1) {
		BIO_free(memory);
		return -ENOMEM;
	}
	SSL_set0_wbio(c->ssl, memory);
	sealed_all = SSL_write(c->ssl, plain->data, (int)plain->n_bytes) == (int)plain->n_bytes &&
		     SSL_shutdown(c->ssl) >= 0;
	n = BIO_get_mem_data(memory, &records);
	if (sealed_all && n > 0)
		buf_append(sealed, records, (size_t)n);
	SSL_set0_wbio(c->ssl, socket);
	ERR_clear_error();
	return sealed_all && n > 0 ? sealed->error : -ENOMEM;
}

int http_park(
	struct http_conn *c, const struct http_answer *answer, const struct http_parking *parking)
{
	_cleanup_buf_ struct buf plain = BUF_INIT, sealed = BUF_INIT;
	struct event *watch;

	if (c->listener->stopping)
		return -ESHUTDOWN;
	http_write_answer(answer, true, &plain);
	watch = event_new(c->listener->options.base, c->fd, EV_READ, http_on_parked_read, c);
	if (!watch || plain.error || event_add(watch, NULL) < 0 ||
		http_seal(c, &plain, &sealed) < 0) {
		if (watch)
			event_free(watch);
		return -ENOMEM;
	}
	http_drop_tls(c);
	http_forget(c);
	c->drain = watch;
	c->sealed = sealed;
	sealed = (struct buf)BUF_INIT;
	c->parking = *parking;
	http_set_state(c, HTTP_PARKED);
	return 0;
}

void http_unpark(struct http_conn *c, bool answer)
{
	ssize_t n = (ssize_t)c->sealed.n_bytes;

	http_observe(c, &(struct http_answer){.status = answer ? 200 : 204});
	/* The socket was silent for long: it takes this much, or its peer is gone. */
	if (answer && send(c->fd, c->sealed.data, c->sealed.n_bytes, MSG_NOSIGNAL) != n) {
		http_set_state(c, HTTP_ANSWER);
		http_conn_free(c);
		return;
	}
	http_set_state(c, HTTP_ANSWER);
	http_linger(c);
}
