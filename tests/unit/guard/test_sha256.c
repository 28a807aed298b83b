/* SPDX-License-Identifier: Apache-2.0 */
/* test_sha256.c - the guard's own SHA-256 against FIPS 180-4's examples, in pieces of any size. */
#include "agent/guard/sha256.h"

#include <string.h>

#include "agent/util/codec.h"
#include "tests/lib/check.h"

static const struct {
	const char *text, *hex;
} vectors[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
	 "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void hash(const void *data, size_t n, size_t piece, char ret_hex[2 * SHA256_BYTES + 1])
{
	struct guard_sha256 sha;
	uint8_t digest[SHA256_BYTES];

	guard_sha256_begin(&sha);
	for (size_t at = 0; at < n; at += piece)
		guard_sha256_add(&sha, (const char *)data + at, n - at < piece ? n - at : piece);
	guard_sha256_end(&sha, digest);
	hex_encode(digest, sizeof(digest), ret_hex);
}

static void test_vectors(void)
{
	char hex[2 * SHA256_BYTES + 1];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		for (size_t piece = 1; piece < 130; piece++) {
			hash(vectors[i].text, strlen(vectors[i].text), piece, hex);
			CHECK_STR(hex, vectors[i].hex);
		}
}

/* A million times "a". */
static void test_long(void)
{
	static char text[1000000];
	char hex[2 * SHA256_BYTES + 1];

	memset(text, 'a', sizeof(text));
	for (size_t piece = 1; piece < sizeof(text); piece = piece * 5 + 2) {
		hash(text, sizeof(text), piece, hex);
		CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
}

/* Around the end of a block the padding needs one more; each length in two ways. */
static void test_lengths(void)
{
	char text[300], whole[2 * SHA256_BYTES + 1], pieces[2 * SHA256_BYTES + 1];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (size_t n = 0; n < sizeof(text); n++) {
		hash(text, n, sizeof(text), whole);
		hash(text, n, 1, pieces);
		CHECK_STR(whole, pieces);
	}
	/* 119 bytes, counted with coreutils' sha256sum. */
	hash("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
	     "5678901234567890123456789012345678",
		119, 64, whole);
	CHECK_STR(whole, "d0cb70d05ff14123f114c0cca360c62077379cf1ac90e1bfafa9e9e4d827596a");
}

static const struct check_test tests[] = {
	{"vectors", test_vectors},
	{"long", test_long},
	{"lengths", test_lengths},
};
CHECK_MAIN(tests)
