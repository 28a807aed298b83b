/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer */
/*
 * fuzz_auth.c - what peers send to the socket of pam_mdm.so, as packets in the bytes given, and the
 * state files of attempts and passwords. A request that is taken names its account and its service
 * in text; looking at one leaves it where it is. A slot or a text that is taken is written again as
 * it was read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/enforcer/auth_passwords.h"
#include "agent/enforcer/auth_store.h"
#include "agent/ipc/channel.h"
#include "agent/util/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_packet(const uint8_t *data, size_t n_bytes)
{
	struct message first, again;
	int pair[2], r;
	bool fds;

	expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	expect(send(pair[0], data, n_bytes, 0) == (ssize_t)n_bytes);
	r = channel_peek(pair[1], ROLE_ENFORCER, ROLE_PAM, &first, &fds);
	expect(r == 0 || r == -EPROTO || (r == -ECONNRESET && n_bytes == 0));
	if (r == 0) {
		const struct msg_auth_request *request = &first.body.as_24;

		/* Without a descriptor nothing but the question that needs none. */
		expect(first.type == MESSAGE_AUTH_CHECK && !fds);
		expect(text_is_valid(request->user, strlen(request->user)));
		expect(strlen(request->user) <= LIMIT_USER_BYTES);
		expect(text_is_valid(request->service, strlen(request->service)));
		expect(channel_peek(pair[1], ROLE_ENFORCER, ROLE_PAM, &again, &fds) == 0);
		expect(memcmp(&first.body, &again.body, sizeof(*request)) == 0);
		expect(channel_discard(pair[1]) == 0);
		expect(channel_peek(pair[1], ROLE_ENFORCER, ROLE_PAM, &again, &fds) == -EAGAIN);
	}
	close(pair[0]);
	close(pair[1]);
}

static void check_slot(const uint8_t *data, size_t n_bytes)
{
	uint8_t bytes[AUTH_STORE_SLOT_BYTES] = {0}, again[AUTH_STORE_SLOT_BYTES];
	struct attempts attempts, read;
	uint64_t generation;

	if (n_bytes > sizeof(bytes) - SHA256_BYTES)
		n_bytes = sizeof(bytes) - SHA256_BYTES;
	memcpy(bytes, data, n_bytes);
	expect(sha256(bytes, sizeof(bytes) - SHA256_BYTES, bytes + sizeof(bytes) - SHA256_BYTES) ==
		0);
	if (auth_slot_decode(bytes, &generation, &attempts) < 0)
		return;
	expect(attempts.n_rows <= LIMIT_ACCOUNTS);
	for (size_t i = 0; i < attempts.n_rows; i++) {
		expect(attempts.rows[i].n_failed > 0 && attempts.rows[i].failed_at_us >= 0);
		expect(attempts_find(&attempts, attempts.rows[i].user) == &attempts.rows[i]);
	}
	expect(auth_slot_encode(generation, &attempts, again) == 0);
	expect(auth_slot_decode(again, &generation, &read) == 0);
	expect(memcmp(&read, &attempts, sizeof(read)) == 0);
}

static void check_passwords(const uint8_t *data, size_t n_bytes)
{
	static const char line[] = "mdm-agent-passwords 1\n";
	_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
	struct auth_passwords passwords, read;
	uint8_t digest[SHA256_BYTES];
	char digits[2 * SHA256_BYTES + 1];

	buf_puts(&text, line);
	buf_append(&text, data, n_bytes);
	if (text.error || sha256(text.data, text.n_bytes, digest) < 0)
		return;
	hex_encode(digest, sizeof(digest), digits);
	buf_printf(&text, "sha256 %s\n", digits);
	if (auth_passwords_parse(text.data, text.n_bytes, &passwords) < 0)
		return;
	expect(passwords.n_rows <= LIMIT_ACCOUNTS);
	for (size_t i = 0; i < passwords.n_rows; i++)
		expect(passwords.rows[i].n_history <= LIMIT_PASSWORD_HISTORY);
	expect(auth_passwords_write(&passwords, &again) == 0);
	expect(auth_passwords_parse(again.data, again.n_bytes, &read) == 0);
	expect(read.n_rows == passwords.n_rows);
	auth_passwords_done(&passwords);
	auth_passwords_done(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	if (n_bytes == 0 || n_bytes > 16384)
		return 0;
	switch (data[0] % 3) {
	case 0:
		check_packet(data + 1, n_bytes - 1);
		break;
	case 1:
		check_slot(data + 1, n_bytes - 1);
		break;
	case 2:
		check_passwords(data + 1, n_bytes - 1);
		break;
	}
	return 0;
}
