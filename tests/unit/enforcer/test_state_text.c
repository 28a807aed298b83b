/* SPDX-License-Identifier: Apache-2.0 */
/* test_state_text.c - the text of "facts" and "serials": every line, every limit, every changed
 * byte. */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/state_fixture.h"

/* What could not be read back is not written. */
static void test_facts_refused(void)
{
	for (int i = 0; i < 9; i++) {
		struct state_facts facts = enrolled_facts;
		_cleanup_buf_ struct buf text = BUF_INIT;

		switch (i) {
		case 0:
			memset(facts.server, 'a', sizeof(facts.server));
			break;
		case 1:
			strcpy(facts.server, "https://a\nenrolled 0");
			break;
		case 2:
			strcpy(facts.server, "https://a b");
			break;
		case 3:
			facts.device_id[31] = 0;
			break;
		case 4:
			memset(facts.ticket_id, '1', sizeof(facts.ticket_id));
			break;
		case 5:
			facts.highwater.tls_s = facts.highwater.signed_s - 1;
			break;
		case 6:
			facts.noncompliant_s[0] = -2;
			break;
		case 7:
			facts.acked_seq = UINT64_MAX;
			break;
		case 8:
			facts.report_seq = -1;
			break;
		}
		CHECK_INT(state_facts_write(&facts, &text), -EINVAL);
	}
}

/* Closes the text with its digest, as the writer does. */
static void close_text(struct buf *text)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	sha256(text->data, text->n_bytes, digest);
	hex_encode(digest, sizeof(digest), hex);
	buf_printf(text, "sha256 %s\n", hex);
}

static void test_facts_lines(void)
{
	static const struct {
		const char *lines;
		int result;
	} rows[] = {
		{"", 0},
		{"enrolled 1\n", 0},
		{"enrolled 1\nenrolled 1\n", -EBADMSG},
		{"enrolled 2\n", -EBADMSG},
		{"enrolled 01\n", -EBADMSG},
		{"enrolled \n", -EBADMSG},
		{"enrolled\n", -EBADMSG},
		{" 1\n", -EBADMSG},
		{"\n", -EBADMSG},
		{"enrolled 1 \n", -EBADMSG},
		{"enrolled 1\r\n", -EBADMSG},
		{"server https://a\tb\n", -EBADMSG},
		{"server \n", 0},
		{"device 00\n", -EBADMSG},
		{"device \n", 0},
		{"device 0123456789ABCDEF0123456789abcdef\n", -EBADMSG},
		{"pinned_keyset 00\n", -EBADMSG},
		{"enrolled_at -1\n", -EBADMSG},
		{"enrolled_at 9223372036854775808\n", -EBADMSG},
		{"acknowledged 9223372036854775807\n", 0},
		{"signed_floor 5\n", -EBADMSG}, /* the other floor is below it */
		{"signed_floor 5\ntls_floor 5\n", 0},
		{"noncompliant.encryption -1\n", 0},
		{"noncompliant.encryption -2\n", -EBADMSG},
		{"noncompliant.encryption 1\nnoncompliant.encryption 1\n", -EBADMSG},
		/* Of a newer agent: skipped. */
		{"noncompliant.teleportation whatever\n", 0},
		{"weather sunny with clouds\nweather rain\n", 0},
		{"noncompliant. 1\n", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct state_facts facts = {.report_seq = 99};
		int r;

		buf_puts(&text, "mdm-agent-facts 1\n");
		buf_puts(&text, rows[i].lines);
		close_text(&text);
		r = state_facts_parse(text.data, text.n_bytes, &facts);
		if (r != rows[i].result)
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
		CHECK_INT(facts.report_seq, r == 0 ? 0 : 99);
	}
}

/* What renewal and copies need is read back; a file from before they were there loads without. */
static void test_facts_identity(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, old = BUF_INIT;
	struct state_facts facts = enrolled_facts, read;

	strcpy(facts.est, "https://est.example.org/base");
	strcpy(facts.key_uri, "pkcs11:token=mdm;object=device?pin-source=file:/etc/pin");
	memset(facts.ca_pins[0], 1, SHA256_BYTES);
	memset(facts.ca_pins[1], 2, SHA256_BYTES);
	memset(facts.anchors_pins, 3, SHA256_BYTES);
	memset(facts.fingerprint, 4, SHA256_BYTES);
	facts.certificate_from_s = 5;
	facts.certificate_until_s = 6;
	facts.candidate_from_s = 7;
	facts.candidate_until_s = 8;
	facts.renewal_failing_s = 9;
	facts.n_anchors = 10;
	CHECK_INT(state_facts_write(&facts, &text), 0);
	CHECK_INT(state_facts_parse(text.data, text.n_bytes, &read), 0);
	CHECK_STR(read.est, facts.est);
	CHECK_STR(read.key_uri, facts.key_uri);
	CHECK(memcmp(read.ca_pins, facts.ca_pins, sizeof(facts.ca_pins)) == 0);
	CHECK(memcmp(read.anchors_pins, facts.anchors_pins, SHA256_BYTES) == 0);
	CHECK(memcmp(read.fingerprint, facts.fingerprint, SHA256_BYTES) == 0);
	CHECK_INT(read.certificate_from_s, 5);
	CHECK_INT(read.certificate_until_s, 6);
	CHECK_INT(read.candidate_from_s, 7);
	CHECK_INT(read.candidate_until_s, 8);
	CHECK_INT(read.renewal_failing_s, 9);
	CHECK_INT(read.n_anchors, 10);

	buf_puts(&old, "mdm-agent-facts 1\nenrolled 1\nserver https://a.example.org\n"
		       "device 0123456789abcdef0123456789abcdef\n");
	close_text(&old);
	CHECK_INT(state_facts_parse(old.data, old.n_bytes, &read), 0);
	CHECK(read.enrolled && read.est[0] == 0 && read.certificate_until_s == 0);
	CHECK(read.candidate_until_s == 0 && read.n_anchors == 0);
	CHECK(read.ca_pins[0][0] == 0 && read.ca_pins[1][0] == 0 && read.fingerprint[0] == 0);
}

static void test_facts_frame(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, other = BUF_INIT, large = BUF_INIT;
	struct state_facts facts;

	CHECK_INT(state_facts_write(&enrolled_facts, &text), 0);
	CHECK_INT(state_facts_parse(text.data, text.n_bytes, &facts), 0);
	/* Every shorter text, every text with a changed byte. */
	for (size_t n = 0; n < text.n_bytes; n++) {
		CHECK_INT(state_facts_parse(text.data, n, &facts), -EBADMSG);
		text.data[n] ^= 1;
		CHECK_INT(state_facts_parse(text.data, text.n_bytes, &facts), -EBADMSG);
		text.data[n] ^= 1;
	}
	buf_puts(&text, "x");
	CHECK_INT(state_facts_parse(text.data, text.n_bytes, &facts), -EBADMSG);
	buf_puts(&other, "mdm-agent-facts 2\n");
	close_text(&other);
	CHECK_INT(state_facts_parse(other.data, other.n_bytes, &facts), -EBADMSG);
	/* One step above the limits of a line and of a file. */
	for (int above = 0; above < 2; above++) {
		buf_reset(&other);
		buf_puts(&other, "mdm-agent-facts 1\nx ");
		for (int i = 0; i < 1023 - 2 + above; i++)
			buf_puts(&other, "y");
		buf_puts(&other, "\n");
		close_text(&other);
		CHECK_INT(
			state_facts_parse(other.data, other.n_bytes, &facts), above ? -EBADMSG : 0);
	}
	buf_puts(&large, "mdm-agent-facts 1\n");
	while (large.n_bytes <= LIMIT_STATE_BYTES)
		buf_puts(&large, "weather sunny with clouds\n");
	close_text(&large);
	CHECK_INT(state_facts_parse(large.data, large.n_bytes, &facts), -EBADMSG);
}

static void test_serials_lines(void)
{
#define HEX64 "0000000000000000000000000000000000000000000000000000000000000001"
	static const struct {
		const char *lines;
		int result;
	} rows[] = {
		{"", 0},
		{ORG " keyset 1 " HEX64 "\n", 0},
		{ORG " keyset 1 " HEX64 "\n" OTHER " keyset 1 " HEX64 "\n", 0},
		{ORG " keyset 1 " HEX64 "\n" ORG " keyset 2 " HEX64 "\n", -EBADMSG},
		{ORG " keyset 0 " HEX64 "\n", -EBADMSG},
		{ORG " keyset -1 " HEX64 "\n", -EBADMSG},
		{ORG " keyset 9007199254740992 " HEX64 "\n", -EBADMSG},
		{ORG " keyset 1 " HEX64 " \n", -EBADMSG},
		{ORG " keyset 1 " HEX64 "0\n", -EBADMSG},
		{ORG " keyset 1\n", -EBADMSG},
		{ORG "  keyset 1 " HEX64 "\n", -EBADMSG},
		{ORG " command 1 " HEX64 "\n", -EBADMSG},
		{ORG " policy.../x 1 " HEX64 "\n", -EBADMSG},
		{ORG "00 keyset 1 " HEX64 "\n", -EBADMSG},
		{"keyset 1 " HEX64 "\n", -EBADMSG},
		{"\n", -EBADMSG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
		_cleanup_free_ struct state_serial *serials = NULL;
		size_t n_serials = 77;
		int r;

		buf_puts(&text, "mdm-agent-serials 1\n");
		buf_puts(&text, rows[i].lines);
		close_text(&text);
		r = state_serials_parse(text.data, text.n_bytes, &serials, &n_serials);
		if (r != rows[i].result)
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
		if (r < 0) {
			CHECK(!serials && n_serials == 77);
			continue;
		}
		CHECK_INT(state_serials_write(serials, n_serials, &again), 0);
		CHECK_STR(again.data, text.data);
	}
}

static void test_document_names(void)
{
	static const char *const good[] = {"keyset", "assignment", "policy.a", "policy.A-b_c.d"};
	static const char *const bad[] = {"", "policy", "policy.", "policy..", "policy.-a",
		"keyset ", "Keyset", "keyset/", "../facts", "policy.../../facts", "policy.a/b",
		"facts", "command", "policy.\xc3\xa4", "policy.a\nb"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CHECK(state_document_name_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!state_document_name_is_valid(bad[i]));
}

static const struct check_test tests[] = {
	{"document_names", test_document_names},
	{"facts_refused", test_facts_refused},
	{"facts_lines", test_facts_lines},
	{"facts_identity", test_facts_identity},
	{"facts_frame", test_facts_frame},
	{"serials_lines", test_serials_lines},
};
CHECK_MAIN(tests)
