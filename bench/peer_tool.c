/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/*
 * peer_tool.c - ends the TLS of one check-in with the server's own certificate, passes the bytes on
 * to the real server with the device's, and counts what was inside. Benchmarks only.
 *
 *   peer_tool SERVER-STATE-DIR IDENTITY-DIR PORT-OF-THE-SERVER
 *
 * Prints its port; after the connection "up N" and "down N".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "server/tls.h"

struct side {
	SSL *ssl;
	int fd;
	unsigned long long n_bytes; /* read from it */
	bool ended;
};

static int fail(const char *what)
{
	fprintf(stderr, "peer_tool: %s\n", what);
	return -EIO;
}

static int listen_anywhere(int *ret_fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 4) < 0 || getsockname(fd, (struct sockaddr *)&address, &n) < 0)
		return fail("cannot listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	*ret_fd = fd;
	return 0;
}

static int accept_device(const char *state_dir, int listen_fd, struct side *ret_side)
{
	SSL_CTX *context;
	struct pki_problem problem;
	struct pki pki;
	char why[256];

	if (pki_load(state_dir, NULL, clock_realtime_s(), &pki, &problem) < 0)
		return fail(problem.message);
	if (tls_context(&pki, TLS_DEVICES, &context, why) < 0)
		return fail(why);
	ret_side->ssl = SSL_new(context);
	ret_side->fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (!ret_side->ssl || ret_side->fd < 0 || SSL_set_fd(ret_side->ssl, ret_side->fd) != 1 ||
		SSL_accept(ret_side->ssl) != 1)
		return fail("no handshake with the device");
	return 0;
}

static int connect_server(const char *identity, int64_t port, struct side *ret_side)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char certificate[512], key[512];

	snprintf(certificate, sizeof(certificate), "%s/certificate.pem", identity);
	snprintf(key, sizeof(key), "%s/key.pem", identity);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!context || SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return fail("the device's identity cannot be read");
	ret_side->ssl = SSL_new(context);
	ret_side->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!ret_side->ssl || ret_side->fd < 0 ||
		connect(ret_side->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		SSL_set_fd(ret_side->ssl, ret_side->fd) != 1 || SSL_connect(ret_side->ssl) != 1)
		return fail("no handshake with the server");
	return 0;
}

/* What is there now, from one side to the other. */
static int pass(struct side *from, struct side *to)
{
	char bytes[16384];
	int n;

	do {
		n = SSL_read(from->ssl, bytes, sizeof(bytes));
		if (n <= 0) {
			from->ended = true;
			(void)SSL_shutdown(to->ssl);
			return 0;
		}
		from->n_bytes += (unsigned long long)n;
		if (SSL_write(to->ssl, bytes, n) != n)
			return fail("one side does not take what the other sent");
	} while (SSL_pending(from->ssl));
	return 0;
}

static int relay(struct side *device, struct side *server)
{
	struct pollfd fds[2] = {
		{.fd = device->fd, .events = POLLIN},
		{.fd = server->fd, .events = POLLIN},
	};
	int r = 0;

	while (r == 0 && !device->ended && !server->ended) {
		if (poll(fds, 2, 30000) <= 0)
			return fail("both sides are silent");
		if (fds[0].revents)
			r = pass(device, server);
		if (r == 0 && fds[1].revents)
			r = pass(server, device);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct side device = {.fd = -1}, server = {.fd = -1};
	int64_t port;
	int fd, r;

	if (argc != 4 || parse_int64(argv[3], 1, 65535, &port) < 0) {
		fprintf(stderr, "Usage: peer_tool SERVER-STATE-DIR IDENTITY-DIR PORT\n");
		return 2;
	}
	r = listen_anywhere(&fd);
	if (r == 0)
		r = accept_device(argv[1], fd, &device);
	if (r == 0)
		r = connect_server(argv[2], port, &server);
	if (r == 0)
		r = relay(&device, &server);
	if (r < 0)
		return 1;
	printf("up %llu\ndown %llu\n", device.n_bytes, server.n_bytes);
	return 0;
}
