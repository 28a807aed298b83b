/* SPDX-License-Identifier: Apache-2.0 */
/* test_commands_ledger.c - what is remembered of commands, forgotten and read back. Enforcer, pure.
 */
#include "agent/enforcer/commands_ledger.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/check.h"

#define NOW INT64_C(1800000000)
#define HOUR INT64_C(3600)

static struct command make(unsigned int number, enum verb_id verb, int64_t expires_s)
{
	struct command c = {.verb = verb, .issued_s = NOW - HOUR, .expires_s = expires_s};

	snprintf(c.id, sizeof(c.id), "%032x", number);
	return c;
}

static int add(struct ledger *ledger, unsigned int number, int64_t expires_s, int64_t now_s)
{
	struct command c = make(number, VERB_SYNC, expires_s);
	struct ledger_entry *entry;

	return ledger_add(ledger, &c, now_s, &entry);
}

static void end(struct ledger *ledger, unsigned int number)
{
	char id[33];

	snprintf(id, sizeof(id), "%032x", number);
	ledger_set(ledger_find(ledger, id), COMMAND_DONE, "", "");
}

static bool knows(const struct ledger *ledger, unsigned int number)
{
	char id[33];

	snprintf(id, sizeof(id), "%032x", number);
	return ledger_find(ledger, id);
}

/* Writes, reads, writes: the texts are the same. */
static bool survives(const struct ledger *ledger)
{
	_cleanup_(ledger_done) struct ledger again = {0};
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;

	return ledger_write(ledger, &first) == 0 &&
	       ledger_parse(first.data, first.n_bytes, &again) == 0 &&
	       ledger_write(&again, &second) == 0 && strcmp(first.data, second.data) == 0;
}

static void test_round_trip(void)
{
	_cleanup_(ledger_done) struct ledger ledger = {.ended_floor_s = 12,
		.issued_floor_s = 34,
		.enrolment = "ffeeddccbbaa99887766554433221100",
		.leaving = "00112233445566778899aabbccddeeff"};
	_cleanup_(ledger_done) struct ledger again = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct command message = make(1, VERB_MESSAGE, NOW + HOUR);
	struct command reboot = make(2, VERB_REBOOT, NOW + HOUR);
	struct ledger_entry *entry;

	message.values[0].has = true;
	snprintf(message.values[0].text, sizeof(message.values[0].text),
		"  two spaces - and \xc3\xa9");
	reboot.values[0] = (struct command_value){.has = true, .number = 3600};
	CHECK_INT(ledger_add(&ledger, &message, NOW, &entry), 0);
	CHECK_INT(ledger_add(&ledger, &reboot, NOW, &entry), 0);
	CHECK_INT(add(&ledger, 3, NOW + HOUR, NOW), 0);
	ledger_set(ledger_find(&ledger, reboot.id), COMMAND_RUNNING, "", "");
	memset(ledger_find(&ledger, reboot.id)->boot, 'a', 32);
	end(&ledger, 3);
	CHECK(survives(&ledger));
	CHECK_INT(ledger_write(&ledger, &text), 0);
	CHECK_INT(ledger_parse(text.data, text.n_bytes, &again), 0);
	CHECK_INT(again.n_entries, 3);
	CHECK_INT(again.ended_floor_s, 12);
	CHECK_INT(again.issued_floor_s, 34);
	CHECK_STR(again.enrolment, ledger.enrolment);
	CHECK_STR(again.leaving, ledger.leaving);
	CHECK_STR(again.entries[0].command->values[0].text, message.values[0].text);
	CHECK(!again.entries[0].command->values[1].has);
	CHECK_INT(again.entries[1].command->values[0].number, 3600);
	CHECK_INT(again.entries[1].state, COMMAND_RUNNING);
	CHECK(!again.entries[2].command);
}

/* What a message said goes with its end. */
static void test_end_forgets_the_text(void)
{
	_cleanup_(ledger_done) struct ledger ledger = {0};
	_cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT;
	struct command message = make(1, VERB_MESSAGE, NOW + HOUR);
	struct ledger_entry *entry;

	message.values[0].has = true;
	snprintf(message.values[0].text, sizeof(message.values[0].text), "secret");
	CHECK_INT(ledger_add(&ledger, &message, NOW, &entry), 0);
	CHECK_INT(ledger_write(&ledger, &before), 0);
	CHECK(strstr(before.data, "secret"));
	ledger_set(entry, COMMAND_FAILED, "no_session", "nobody is there");
	CHECK_INT(ledger_write(&ledger, &after), 0);
	CHECK(!strstr(after.data, "secret"));
	CHECK(survives(&ledger));
}

static void test_words_are_cleaned(void)
{
	_cleanup_(ledger_done) struct ledger ledger = {0};
	char text[2 * LIMIT_TEXT_BYTES];

	CHECK_INT(add(&ledger, 1, NOW + HOUR, NOW), 0);
	ledger_set(&ledger.entries[0], COMMAND_RUNNING, "two words", "a\nb\tc\x7f");
	CHECK_STR(ledger.entries[0].reason, "");
	CHECK_STR(ledger.entries[0].detail, "a b c ");
	CHECK(survives(&ledger));
	/* Cut in the middle of a character. */
	memset(text, 'x', sizeof(text));
	memcpy(text + LIMIT_TEXT_BYTES - 1, "\xc3\xa9", 3);
	ledger_set(&ledger.entries[0], COMMAND_FAILED, "no_answer", text);
	CHECK_INT(strlen(ledger.entries[0].detail), LIMIT_TEXT_BYTES - 1);
	CHECK_STR(ledger.entries[0].reason, "no_answer");
	CHECK(survives(&ledger));
}

/* Full of commands whose time is not over, or that have not ended: no more. */
static void test_full(void)
{
	_cleanup_(ledger_done) struct ledger ledger = {0};

	for (unsigned int i = 0; i < LIMIT_COMMANDS; i++)
		CHECK_INT(add(&ledger, i, NOW + (int64_t)i, NOW), 0);
	CHECK_INT(add(&ledger, 1000, NOW + HOUR, NOW), -EBUSY);
	/* Over, but not ended. */
	CHECK_INT(add(&ledger, 1000, NOW + HOUR, NOW + 10), -EBUSY);
	for (unsigned int i = 0; i < LIMIT_COMMANDS; i++)
		end(&ledger, i);
	/* Ended, but not over. */
	CHECK_INT(add(&ledger, 1000, NOW + HOUR, NOW), -EBUSY);
	CHECK_INT(ledger.ended_floor_s, 0);
	CHECK(survives(&ledger));
	CHECK_INT(add(&ledger, 1000, NOW + HOUR, NOW + 3), 0);
	CHECK_INT(ledger.n_entries, LIMIT_COMMANDS);
	CHECK(!knows(&ledger, 0) && knows(&ledger, 1) && knows(&ledger, 1000));
	CHECK_INT(ledger.ended_floor_s, NOW);
}

/*
 * Property: whatever was taken and however the clock goes, an id that is not known any more is a
 * replay.
 */
static void test_forgotten_is_replay(void)
{
	static int64_t ends[2000];
	_cleanup_(ledger_done) struct ledger ledger = {0};
	uint64_t random = 1;
	size_t n_forgotten = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++) {
		int64_t now_s;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		now_s = NOW + (int64_t)(i * 60) - (int64_t)(random >> 60) * HOUR;
		ends[i] = now_s + 1 + (int64_t)(random >> 40) % HOUR;
		if (add(&ledger, i, ends[i], now_s) < 0) {
			ends[i] = 0;
			continue;
		}
		end(&ledger, i);
		for (unsigned int k = 0; k <= i; k += 1 + i / 50) {
			struct command c = make(k, VERB_SYNC, ends[k]);

			if (ends[k] == 0 || knows(&ledger, k))
				continue;
			n_forgotten++;
			CHECK(ledger_is_replay(&ledger, &c));
		}
	}
	CHECK(n_forgotten > 1000);
}

static void test_floors(void)
{
	_cleanup_(ledger_done) struct ledger ledger = {.ended_floor_s = NOW, .issued_floor_s = 0};
	struct command c = make(1, VERB_SYNC, NOW);

	CHECK(ledger_is_replay(&ledger, &c));
	c.expires_s++;
	CHECK(!ledger_is_replay(&ledger, &c));
	ledger.issued_floor_s = c.issued_s;
	CHECK(ledger_is_replay(&ledger, &c));
	c.issued_s++;
	CHECK(!ledger_is_replay(&ledger, &c));
}

static void test_forget(void)
{
	_cleanup_(ledger_done) struct ledger ledger = {.ended_floor_s = 7};
	struct command c = make(1, VERB_SYNC, NOW + HOUR), later = c;
	struct ledger_entry *entry;

	CHECK_INT(ledger_add(&ledger, &c, NOW, &entry), 0);
	memset(ledger.leaving, 'a', 32);
	ledger_forget(&ledger);
	CHECK_INT(ledger.n_entries, 0);
	CHECK_STR(ledger.leaving, "");
	CHECK(ledger_is_replay(&ledger, &c));
	/* What is signed afterwards works at once, however short it is valid. */
	later.issued_s++;
	later.expires_s = later.issued_s + 60;
	CHECK(!ledger_is_replay(&ledger, &later));
	CHECK(survives(&ledger));
}

/* Every changed byte is noticed. */
static void test_damage(void)
{
	_cleanup_(ledger_done) struct ledger ledger = {.ended_floor_s = 5};
	_cleanup_buf_ struct buf text = BUF_INIT;

	CHECK_INT(add(&ledger, 1, NOW + HOUR, NOW), 0);
	CHECK_INT(ledger_write(&ledger, &text), 0);
	for (size_t i = 0; i < text.n_bytes; i++) {
		struct ledger again = {.ended_floor_s = 77};

		text.data[i] ^= 1;
		CHECK_INT(ledger_parse(text.data, text.n_bytes, &again), -EBADMSG);
		CHECK_INT(again.ended_floor_s, 77);
		text.data[i] ^= 1;
	}
	for (size_t n = 0; n < text.n_bytes; n++) {
		struct ledger again = {0};

		CHECK_INT(ledger_parse(text.data, n, &again), -EBADMSG);
	}
}

static int parse_lines(const char *lines, struct ledger *ret_ledger)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint8_t digest[SHA256_BYTES];
	char digits[2 * SHA256_BYTES + 1];

	buf_printf(&text, "mdm-agent-commands 1\n%s", lines);
	if (sha256(text.data, text.n_bytes, digest) < 0)
		return -EIO;
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(digits + 2 * i, 3, "%02x", digest[i]);
	buf_printf(&text, "sha256 %s\n", digits);
	return ledger_parse(text.data, text.n_bytes, ret_ledger);
}

#define ID "00112233445566778899aabbccddeeff"
#define ENTRY(verb, state) "command " ID " " verb " " state " 1 2 3 4 5 - -\n"

/* Another version of the agent wrote it: what it does not understand is not run, but remembered. */
static void test_other_versions(void)
{
	static const struct {
		const char *lines;
		int r;
		bool runnable;
	} rows[] = {
		{ENTRY("sync", "accepted"), 0, true},
		{ENTRY("sync", "accepted") "colour blue\n", 0, true},
		{ENTRY("teleport", "accepted") "argument where there\n", 0, false},
		{ENTRY("reboot", "accepted") "argument delay 3600\n", 0, true},
		{ENTRY("reboot", "accepted") "argument delay 3601\n", 0, false},
		{ENTRY("reboot", "accepted") "argument force 1\n", 0, false},
		{ENTRY("message", "accepted"), 0, false},
		{ENTRY("message", "done"), 0, false},
		{ENTRY("sync", "queued"), -EBADMSG, false},
		{ENTRY("sync", "cancelled"), -EBADMSG, false},
		{ENTRY("sync", "elsewhere"), -EBADMSG, false},
		{ENTRY("sync", "done") ENTRY("sync", "done"), -EBADMSG, false},
		{"detail without a command\n", -EBADMSG, false},
		{"argument a b\n", -EBADMSG, false},
		{"ended_floor -1\n", -EBADMSG, false},
		{"leaving me\n", -EBADMSG, false},
		{"enrolment x\n", -EBADMSG, false},
		{"command " ID " sync done 1 2 3 4 5 -\n", -EBADMSG, false},
		{"command " ID " sync done 1 2 3 4 5 - - -\n", -EBADMSG, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(ledger_done) struct ledger ledger = {0};
		int r = parse_lines(rows[i].lines, &ledger);

		if (r != rows[i].r)
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
		else if (r == 0 &&
			 (ledger.n_entries != 1 || !!ledger.entries[0].command != rows[i].runnable))
			check_fail(__FILE__, __LINE__, "row %zu", i);
	}
}

/* One command more than are remembered: no agent wrote that. */
static void test_limit_of_the_file(void)
{
	for (unsigned int over = 0; over < 2; over++) {
		_cleanup_(ledger_done) struct ledger ledger = {0};
		_cleanup_buf_ struct buf lines = BUF_INIT;

		for (unsigned int i = 0; i < LIMIT_COMMANDS + over; i++)
			buf_printf(&lines, "command %032x sync done 1 2 3 4 5 - -\n", i);
		CHECK_INT(parse_lines(lines.data, &ledger), over ? -EBADMSG : 0);
	}
}

static const struct check_test tests[] = {
	{"round_trip", test_round_trip},
	{"end_forgets_the_text", test_end_forgets_the_text},
	{"words_are_cleaned", test_words_are_cleaned},
	{"full", test_full},
	{"forgotten_is_replay", test_forgotten_is_replay},
	{"floors", test_floors},
	{"forget", test_forget},
	{"damage", test_damage},
	{"other_versions", test_other_versions},
	{"limit_of_the_file", test_limit_of_the_file},
};
CHECK_MAIN(tests)
