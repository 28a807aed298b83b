/* SPDX-License-Identifier: Apache-2.0 */
/* test_redact.c - what is taken out of sentences, and what is left. */
#include "agent/enforcer/redact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static const struct redact_row {
	const char *text, *clean;
} rows[] = {
	{"", ""},
	{"nothing private here", "nothing private here"},
	/* Known words, in any case, not as parts of others unless they are long. */
	{"Erika was here, ERIKA", REDACT_MARK " was here, " REDACT_MARK},
	{"erikaceae (erika)", "erikaceae (" REDACT_MARK ")"},
	{"x-averylongsecret.", "x-" REDACT_MARK "."},
	{"of max, maximum", "of " REDACT_MARK ", maximum"},
	{"J\xc3\xbcrgen", REDACT_MARK},
	/* Paths of people: nothing tells where they end. */
	{"cannot read /home/x/a b.txt: denied", "cannot read " REDACT_MARK},
	{"/run/user/1000/bus is gone", REDACT_MARK},
	{"/etc/passwd and /home are fine", "/etc/passwd and /home are fine"},
	{"/var/lib/mdm-agent/facts", "/var/lib/mdm-agent/facts"},
	/* Addresses. */
	{"at https://a.example/b?c now", "at https" REDACT_MARK " now"},
	{"\"mdm://x\"", "\"mdm" REDACT_MARK "\""},
	/* What looks made by chance: 16 characters of two kinds. */
	{"key AAECAwQFBgcICQoLDA0ODw end", "key " REDACT_MARK " end"},
	{"0123456789abcdef", REDACT_MARK},
	{"0123456789abcde", "0123456789abcde"},
	{"screen_lock_enabled_setting", "screen_lock_enabled_setting"},
	{"1234567890123456", "1234567890123456"},
	{"Linux 6.1.0-18-amd64", "Linux 6.1.0-18-amd64"},
	/* Not UTF-8. */
	{"\xff\xfe", "\xff\xfe"},
};

static void words(struct redact *redact)
{
	static const char *const known[] = {
		"Erika", "AVeryLongSecret", "max", "J\xc3\xbcrgen", "ab", ""};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (redact_add(redact, known[i]) < 0)
			abort();
}

static void test_rows(void)
{
	_cleanup_(redact_done) struct redact redact = {0};

	words(&redact);
	/* Two letters would be everywhere. */
	CHECK_INT(redact.n_words, 4);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		redact_text(&redact, rows[i].text, &out);
		CHECK_STR(out.data, rows[i].clean);
	}
}

static void test_too_many_words(void)
{
	_cleanup_(redact_done) struct redact redact = {0};
	char word[16];

	for (int i = 0; i < REDACT_WORDS; i++) {
		snprintf(word, sizeof(word), "word%d", i);
		CHECK_INT(redact_add(&redact, word), 0);
	}
	CHECK_INT(redact_add(&redact, "one more"), -ENOSPC);
}

/* Whatever stands around a secret, it does not get through. */
static void test_property(void)
{
	static const char letters[] = "aZ0-_ /.:@\"\\<>\xc3\xbc";
	_cleanup_(redact_done) struct redact redact = {0};
	uint32_t seed = 1;

	words(&redact);
	for (int i = 0; i < 20000; i++) {
		_cleanup_buf_ struct buf in = BUF_INIT, out = BUF_INIT;

		for (int part = 0; part < 2; part++) {
			seed = seed * 1664525 + 1013904223;
			for (uint32_t n = seed >> 28; n; n--) {
				seed = seed * 1664525 + 1013904223;
				buf_append(&in, &letters[(seed >> 16) % (sizeof(letters) - 1)], 1);
			}
			if (part == 0)
				buf_puts(&in, "aVeRyLongSecret");
		}
		redact_text(&redact, in.data, &out);
		CHECK_INT(out.error, 0);
		CHECK(!strcasestr(out.data, "averylongsecret"));
	}
}

static const struct check_test tests[] = {
	{"rows", test_rows},
	{"too_many_words", test_too_many_words},
	{"property", test_property},
};
CHECK_MAIN(tests)
