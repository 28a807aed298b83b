/* SPDX-License-Identifier: Apache-2.0 */
/* test_recovery_store.c - the state file of recovery keys: what is written is read, what is damaged
 * or beyond limits is not. Enforcer, without its loop. */
#include "agent/enforcer/recovery_store.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/state_text.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define ENROLMENT "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"
#define UUID "8b2e0f5c-11aa-4c1d-9a55-0123456789ab"
#define SEAL "1111111111111111111111111111111111111111111111111111111111111111"

/* Everything that can be on record at once, all of it different. */
static void fill(struct recovery_record *record)
{
	memset(record, 0, sizeof(*record));
	record->is_locking = true;
	record->seen_generation = 3;
	memset(record->locked_boot, 'b', sizeof(record->locked_boot) - 1);
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++) {
		char uuid[LUKS_UUID_BYTES + 1];
		struct recovery_volume *v;

		snprintf(uuid, sizeof(uuid), "%.*s%02zx", (int)sizeof(UUID) - 3, UUID, i);
		v = recovery_place(record, uuid);
		signer_must(v);
		v->making_slot = i % 2 ? (int)i : -1;
		v->making_is_sealed = i % 4 == 3;
		if (v->making_is_sealed)
			memset(v->making_seal, (int)(0x80 + i), sizeof(v->making_seal));
		v->strays = i == 2 ? UINT32_C(0x80000005) : 0;
		v->checked_s = 1700000000 + (int64_t)i;
		v->is_broken = i == 3;
		v->kept_slot = i == 2 ? 0 : -1;
		if (i == 2)
			memset(v->kept_seal, 0x77, sizeof(v->kept_seal));
		for (size_t k = 0; k < RECOVERY_PLACE_MAX; k++) {
			struct recovery_key *key = &v->keys[k];

			key->generation = ++record->last_generation;
			key->slot = (int)(LUKS_SLOTS_MAX - 1 - i - k);
			key->made_s = 1600000000 + (int64_t)(3 * i + k);
			memset(key->seal, (int)(1 + 3 * i + k), sizeof(key->seal));
			if (k == RECOVERY_FORMER)
				continue;
			key->box.n_certificates = ESCROW_CERTIFICATES_MAX;
			for (size_t c = 0; c < ESCROW_CERTIFICATES_MAX; c++)
				memset(key->box.certificates[c], (int)(0x40 + c), SHA256_BYTES);
			key->box.n_cms = k ? 1 : ESCROW_BLOB_BYTES;
			for (size_t at = 0; at < key->box.n_cms; at++)
				key->box.cms[at] = (uint8_t)(at * 7 + i + k);
		}
	}
}

static bool same_key(const struct recovery_key *a, const struct recovery_key *b)
{
	return a->generation == b->generation && a->slot == b->slot && a->made_s == b->made_s &&
	       memcmp(a->seal, b->seal, sizeof(a->seal)) == 0 &&
	       a->box.n_certificates == b->box.n_certificates &&
	       memcmp(a->box.certificates, b->box.certificates, sizeof(a->box.certificates)) == 0 &&
	       a->box.n_cms == b->box.n_cms && memcmp(a->box.cms, b->box.cms, a->box.n_cms) == 0;
}

static bool same(const struct recovery_record *a, const struct recovery_record *b)
{
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++) {
		const struct recovery_volume *v = &a->volumes[i], *w = &b->volumes[i];

		if (strcmp(v->uuid, w->uuid) != 0 || v->making_slot != w->making_slot ||
			v->checked_s != w->checked_s || v->is_broken != w->is_broken ||
			v->kept_slot != w->kept_slot ||
			memcmp(v->kept_seal, w->kept_seal, sizeof(v->kept_seal)) != 0 ||
			v->making_is_sealed != w->making_is_sealed ||
			memcmp(v->making_seal, w->making_seal, sizeof(v->making_seal)) != 0 ||
			v->strays != w->strays)
			return false;
		for (size_t k = 0; k < RECOVERY_PLACE_MAX; k++)
			if (!same_key(&v->keys[k], &w->keys[k]))
				return false;
	}
	return a->is_locking == b->is_locking && a->last_generation == b->last_generation &&
	       a->seen_generation == b->seen_generation &&
	       strcmp(a->locked_boot, b->locked_boot) == 0;
}

static bool is_empty(const struct recovery_record *record)
{
	static const struct recovery_record nothing;

	return memcmp(record, &nothing, sizeof(nothing)) == 0;
}

static void test_all_there_can_be(void)
{
	static struct recovery_record record, again;
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	char enrolment[RECOVERY_ENROLMENT_DIGITS + 1] = "";

	fill(&record);
	CHECK(!recovery_place(&record, UUID));
	CHECK_INT(recovery_write(&record, ENROLMENT, &text), 0);
	CHECK_INT(recovery_parse(text.data, text.n_bytes, &again, enrolment), 0);
	CHECK(same(&record, &again));
	CHECK_STR(enrolment, ENROLMENT);
}

static void test_volumes(void)
{
	static struct recovery_record record;
	char too_long[LUKS_UUID_BYTES + 2];
	struct recovery_volume *v;

	memset(&record, 0, sizeof(record));
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = 0;
	CHECK(!recovery_find(&record, ""));
	CHECK(!recovery_find(&record, UUID));
	CHECK(!recovery_place(&record, too_long));
	v = recovery_place(&record, UUID);
	CHECK(v && v->making_slot == -1 && !v->keys[RECOVERY_CURRENT].generation);
	CHECK(recovery_place(&record, UUID) == v && recovery_find(&record, UUID) == v);
}

/* One volume, one key; lines of a file as the agent writes it. */
#define HEAD "enrolment " ENROLMENT "\ngenerations 7\n"
#define VOLUME "volume " UUID "\nchecked 5\n"
#define KEY "current generation 7\ncurrent slot 1\ncurrent made 4\ncurrent seal " SEAL "\n"
#define BOX "current certificate " SEAL "\ncurrent cms 3030\n"

static int parse_lines(const char *lines, struct recovery_record *ret_record)
{
	char enrolment[RECOVERY_ENROLMENT_DIGITS + 1];
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text, "mdm-agent-recovery 1\n%s", lines);
	signer_must(state_text_close(&text) == 0);
	return recovery_parse(text.data, text.n_bytes, ret_record, enrolment);
}

static void test_lines(void)
{
	static const struct {
		const char *lines;
		bool good;
	} rows[] = {
		{HEAD, true},
		{HEAD VOLUME KEY BOX, true},
		{HEAD VOLUME, true},
		{HEAD "locking yes\n" VOLUME "broken yes\nmaking 31\n", true},
		/* Of a newer agent. */
		{HEAD "colour red\n" VOLUME "mood good\n" KEY "current weight 3\n" BOX, true},
		{HEAD VOLUME KEY BOX VOLUME, false},
		{HEAD VOLUME KEY, false},
		{HEAD VOLUME KEY "current cms 3030\n", false},
		{HEAD VOLUME KEY "current certificate " SEAL "\n", false},
		/* The one before has none. */
		{HEAD VOLUME "former generation 6\nformer slot 2\nformer seal " SEAL "\n", true},
		/* Of a number that was never given. */
		{"enrolment " ENROLMENT "\ngenerations 6\n" VOLUME KEY BOX, false},
		{HEAD VOLUME "former generation 8\n", false},
		{HEAD "generations -1\n", false},
		{HEAD "generations 9007199254740992\n", false},
		{HEAD "generations 9007199254740991\n", true},
		{HEAD VOLUME "current generation 0\n", false},
		{HEAD VOLUME "current slot 32\n", false},
		{HEAD VOLUME "current slot -1\n", false},
		{HEAD VOLUME "current slot one\n", false},
		{HEAD VOLUME "making 32\n", false},
		{HEAD VOLUME "making -1\n", false},
		{HEAD VOLUME "kept 31\nkeptseal " SEAL "\n", true},
		{HEAD VOLUME "kept 32\n", false},
		{HEAD VOLUME "keptseal 11\n", false},
		{HEAD "seen 7\nlocked " ENROLMENT "\n", true},
		{HEAD "seen -1\n", false},
		{HEAD "locked 00\n", false},
		{HEAD VOLUME "making 3\nmakingseal " SEAL "\nstray 0\nstray 31\n", true},
		{HEAD VOLUME "making 3\nmakingseal 11\n", false},
		{HEAD VOLUME "stray 32\n", false},
		{HEAD VOLUME "stray -1\n", false},
		{HEAD VOLUME "checked -1\n", false},
		{HEAD VOLUME "current seal " SEAL "11\n", false},
		{HEAD VOLUME "current seal 11\n", false},
		{HEAD VOLUME "current certificate 11\n", false},
		{HEAD VOLUME "current cms 3\n", false},
		{HEAD VOLUME "current cms xx\n", false},
		{HEAD VOLUME "current slot\n", false},
		{HEAD VOLUME "current\n", false},
		{HEAD "volume \n", false},
		{HEAD "volume ../../x\n", false},
		{HEAD "volume " UUID "00000\n", false},
		{HEAD "enrolment 00\n", false},
		{HEAD "locking\n", false},
	};
	static struct recovery_record record;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = parse_lines(rows[i].lines, &record);

		if (r != (rows[i].good ? 0 : -EBADMSG) || (r < 0 && !is_empty(&record)))
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
	}
}

/* A line with two bytes more than there is room for, of each kind that adds up. */
static void test_limits(void)
{
	static struct recovery_record record;
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, HEAD VOLUME KEY);
	for (size_t i = 0; i < ESCROW_CERTIFICATES_MAX; i++)
		buf_puts(&text, "current certificate " SEAL "\n");
	for (size_t n = 0; n < ESCROW_BLOB_BYTES; n += SHA256_BYTES)
		buf_puts(&text, "current cms " SEAL "\n");
	CHECK_INT(parse_lines(text.data, &record), 0);
	CHECK_INT(record.volumes[0].keys[RECOVERY_CURRENT].box.n_cms, ESCROW_BLOB_BYTES);
	buf_puts(&text, "current cms 30\n");
	CHECK_INT(parse_lines(text.data, &record), -EBADMSG);
	buf_reset(&text);
	buf_puts(&text, HEAD VOLUME KEY BOX);
	for (size_t i = 0; i < ESCROW_CERTIFICATES_MAX; i++)
		buf_puts(&text, "current certificate " SEAL "\n");
	CHECK_INT(parse_lines(text.data, &record), -EBADMSG);
	buf_reset(&text);
	buf_puts(&text, HEAD);
	for (size_t i = 0; i <= RECOVERY_VOLUMES_MAX; i++) {
		CHECK_INT(parse_lines(text.data, &record), 0);
		buf_printf(&text, "volume %zx\n", i);
	}
	CHECK_INT(parse_lines(text.data, &record), -EBADMSG);
}

static void test_damaged(void)
{
	static struct recovery_record record;
	_cleanup_buf_ struct buf text = BUF_INIT;
	char enrolment[RECOVERY_ENROLMENT_DIGITS + 1];

	buf_puts(&text, "mdm-agent-recovery 1\n" HEAD VOLUME KEY BOX);
	CHECK_INT(state_text_close(&text), 0);
	CHECK_INT(recovery_parse(text.data, text.n_bytes, &record, enrolment), 0);
	for (size_t i = 0; i < text.n_bytes; i++)
		for (int bit = 0; bit < 8; bit++) {
			text.data[i] ^= (char)(1 << bit);
			CHECK_INT(recovery_parse(text.data, text.n_bytes, &record, enrolment),
				-EBADMSG);
			CHECK(is_empty(&record));
			text.data[i] ^= (char)(1 << bit);
		}
	for (size_t n = 0; n < text.n_bytes; n++)
		CHECK_INT(recovery_parse(text.data, n, &record, enrolment), -EBADMSG);
	buf_puts(&text, "x\n");
	CHECK_INT(recovery_parse(text.data, text.n_bytes, &record, enrolment), -EBADMSG);
}

/* Its digest is right, and what it says may mean something else. */
static void test_another_version(void)
{
	static struct recovery_record record;
	char enrolment[RECOVERY_ENROLMENT_DIGITS + 1];
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "mdm-agent-recovery 2\n" HEAD VOLUME KEY BOX);
	CHECK_INT(state_text_close(&text), 0);
	CHECK_INT(recovery_parse(text.data, text.n_bytes, &record, enrolment), -EBADMSG);
}

/* --- the file ---------------------------------------------------------------------------- */

static void start(struct enforcer *e, char path[256])
{
	memset(e, 0, sizeof(*e));
	close(check_tmpdir(path));
	signer_must(state_open(path, &e->state) == 0);
	e->options.state_dir = path;
	e->state.facts.enrolled = true;
	memcpy(e->state.facts.enrolment_id, ENROLMENT, sizeof(ENROLMENT));
}

static void test_file(void)
{
	static struct recovery_record record, again;
	struct enforcer e;
	char path[256];
	int dir_fd;

	start(&e, path);
	fill(&record);
	CHECK_INT(recovery_load(&e, &again), -ENOENT);
	CHECK_INT(recovery_save(&e, &record), 0);
	CHECK_INT(recovery_load(&e, &again), 0);
	CHECK(same(&record, &again));
	/* Keyslots of an enrolment that ended are nothing to this one. */
	memcpy(e.state.facts.enrolment_id, OTHER, sizeof(OTHER));
	CHECK_INT(recovery_load(&e, &again), -ENOENT);
	CHECK(is_empty(&again));
	memcpy(e.state.facts.enrolment_id, ENROLMENT, sizeof(ENROLMENT));
	e.state.facts.enrolled = false;
	CHECK_INT(recovery_load(&e, &again), -ENOENT);
	CHECK(is_empty(&again));
	e.state.facts.enrolled = true;
	/* What cannot be written changes nothing, and is said. */
	dir_fd = e.state.dir_fd;
	e.state.dir_fd = -1;
	record.last_generation++;
	CHECK(recovery_save(&e, &record) < 0);
	CHECK(e.problems[PROBLEM_STATE].what[0]);
	e.state.dir_fd = dir_fd;
	CHECK_INT(recovery_load(&e, &again), 0);
	CHECK_INT(again.last_generation, record.last_generation - 1);
	CHECK_INT(recovery_save(&e, &record), 0);
	CHECK(!e.problems[PROBLEM_STATE].what[0]);
	state_done(&e.state);
}

static void test_clear(void)
{
	static struct recovery_record record, again;
	struct enforcer e;
	char path[256];
	int64_t last;

	start(&e, path);
	fill(&record);
	last = record.last_generation;
	CHECK_INT(recovery_save(&e, &record), 0);
	recovery_clear(&e, &record);
	CHECK_INT(record.last_generation, last);
	CHECK_INT(recovery_load(&e, &again), 0);
	CHECK(same(&record, &again) && !again.is_locking && !again.volumes[0].uuid[0]);
	e.state.facts.enrolled = false;
	recovery_clear(&e, &record);
	CHECK(is_empty(&record) && !check_exists(e.state.dir_fd, "recovery"));
	state_done(&e.state);
}

static const struct check_test tests[] = {
	{"all_there_can_be", test_all_there_can_be},
	{"volumes", test_volumes},
	{"lines", test_lines},
	{"limits", test_limits},
	{"damaged", test_damaged},
	{"another_version", test_another_version},
	{"file", test_file},
	{"clear", test_clear},
};
CHECK_MAIN(tests)
