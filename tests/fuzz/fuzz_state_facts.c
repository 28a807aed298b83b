/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer */
/*
 * fuzz_state_facts.c - the files "facts" and "serials" of arbitrary bytes. What is taken can be
 * written, is taken again, and is then written as the same bytes.
 *
 * First byte: bit 0 closes the text with its right digest; bit 1: serials. Rest: the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void close_text(struct buf *text)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	expect(sha256(text->data, text->n_bytes, digest) == 0);
	hex_encode(digest, sizeof(digest), hex);
	buf_printf(text, "sha256 %s\n", hex);
}

static void check_facts(const struct buf *text)
{
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	struct state_facts facts, again;
	int r = state_facts_parse(text->data, text->n_bytes, &facts);

	expect(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	expect(strlen(facts.server) <= LIMIT_URL_BYTES);
	expect(facts.highwater.tls_s >= facts.highwater.signed_s);
	expect(state_facts_write(&facts, &first) == 0);
	expect(state_facts_parse(first.data, first.n_bytes, &again) == 0);
	expect(state_facts_write(&again, &second) == 0);
	expect(first.n_bytes == second.n_bytes &&
		memcmp(first.data, second.data, first.n_bytes) == 0);
}

static void check_serials(const struct buf *text)
{
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	_cleanup_free_ struct state_serial *serials = NULL, *again = NULL;
	size_t n_serials, n_again;
	int r = state_serials_parse(text->data, text->n_bytes, &serials, &n_serials);

	expect(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	expect(state_serials_write(serials, n_serials, &first) == 0);
	expect(state_serials_parse(first.data, first.n_bytes, &again, &n_again) == 0);
	expect(n_again == n_serials);
	expect(state_serials_write(again, n_again, &second) == 0);
	expect(first.n_bytes == second.n_bytes &&
		memcmp(first.data, second.data, first.n_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (n_bytes < 1)
		return 0;
	buf_append(&text, data + 1, n_bytes - 1);
	if (data[0] & 1)
		close_text(&text);
	if (data[0] & 2)
		check_serials(&text);
	else
		check_facts(&text);
	return 0;
}
