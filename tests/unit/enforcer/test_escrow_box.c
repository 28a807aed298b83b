/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_escrow_box.c - secrets sealed for the organisation: to whom, what is in it, and what state
 * files and reports have of it. What is sealed is opened as the organisation would. Enforcer,
 * without its loop.
 */
#include "agent/enforcer/escrow_box.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/json/json_read.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "policies/luks.h"
#include "tests/lib/check.h"
#include "tests/lib/escrow_holders.h"

#define ENROLMENT "00112233445566778899aabbccddeeff"
#define DEVICE "fedcba9876543210fedcba9876543210"
#define UUID "8b2e0f5c-11aa-4c1d-9a55-0123456789ab"
#define KEY "000011720885360448000000000022000033000044000055"

/* An enrolled phone with two policies. */
struct rig {
	struct enforcer e;
	struct policy policies[2];
	struct policy_certificate certificates[2][POLICY_CERTIFICATES_MAX];
};

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig->e.state.facts.enrolled = true;
	memcpy(rig->e.state.facts.device_id, DEVICE, sizeof(DEVICE));
	memcpy(rig->e.state.facts.enrolment_id, ENROLMENT, sizeof(ENROLMENT));
	rig->e.documents.n_policies = 2;
	for (size_t i = 0; i < 2; i++) {
		rig->policies[i].escrow = rig->certificates[i];
		rig->e.documents.policies[i].policy = &rig->policies[i];
	}
}

/* A policy names these holders, by the bits of a mask. */
static void rig_policy(struct rig *rig, size_t policy, unsigned int mask)
{
	size_t n = 0;

	for (size_t i = 0; i < HOLDERS; i++)
		if (mask & 1u << i)
			rig->certificates[policy][n++] = escrow_holders()[i].certificate;
	rig->policies[policy].n_escrow = n;
}

static bool ascends(const struct escrow_wanted *wanted)
{
	for (size_t i = 1; i < wanted->n; i++)
		if (memcmp(wanted->digests[i - 1], wanted->digests[i], SHA256_BYTES) >= 0)
			return false;
	return true;
}

static void test_wanted(void)
{
	static struct escrow_wanted wanted, again;
	static struct rig rig;

	rig_init(&rig);
	escrow_wanted_look(&rig.e, &wanted);
	CHECK_INT(wanted.n, 0);
	rig_policy(&rig, 0, 1 | 4);
	rig_policy(&rig, 1, 2 | 4);
	escrow_wanted_look(&rig.e, &wanted);
	CHECK(wanted.n == 3 && ascends(&wanted));
	/* Whoever names them, in whatever order. */
	rig_policy(&rig, 0, 2 | 4);
	rig_policy(&rig, 1, 1);
	escrow_wanted_look(&rig.e, &again);
	CHECK(again.n == 3 && memcmp(again.digests, wanted.digests, 3 * SHA256_BYTES) == 0);
	/* One more than there can be. */
	rig_policy(&rig, 0, 1 | 2 | 4 | 8);
	rig_policy(&rig, 1, 16);
	escrow_wanted_look(&rig.e, &wanted);
	CHECK(wanted.n == ESCROW_CERTIFICATES_MAX && ascends(&wanted));
	/* One that nobody can seal to does not keep the others from it. */
	rig.certificates[0][0].der[0] ^= 0xff;
	escrow_wanted_look(&rig.e, &wanted);
	CHECK_INT(wanted.n, 4);
	rig_policy(&rig, 1, 0);
	rig.certificates[0][0].der[0] ^= 0xff;
	rig_policy(&rig, 0, 1 | 2);
	rig.certificates[0][1].der[0] ^= 0xff;
	escrow_wanted_look(&rig.e, &wanted);
	CHECK_INT(wanted.n, 1);
	rig.e.state.facts.enrolled = false;
	escrow_wanted_look(&rig.e, &wanted);
	CHECK_INT(wanted.n, 0);
}

static const char *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : "";
}

static size_t n_members(struct json_object *object)
{
	return (size_t)json_object_object_length(object);
}

static void test_disk_key(void)
{
	const struct escrow_inside inside = {.kind = ESCROW_KIND_DISK,
		.generation = 7,
		.volume = UUID,
		.slot = 31,
		.secret = KEY};
	_cleanup_json_ struct json_object *json = NULL;
	static struct escrow_wanted wanted;
	static struct escrow_box box;
	static struct rig rig;
	char text[ESCROW_SECRET_BYTES + 1];

	rig_init(&rig);
	rig_policy(&rig, 0, 1 | 2);
	escrow_wanted_look(&rig.e, &wanted);
	memset(&box, 0, sizeof(box));
	CHECK_INT(escrow_box_seal(&rig.e, &inside, &wanted, &box), 0);
	CHECK(escrow_box_fits(&box, &wanted));
	CHECK(box.n_cms > 0 && !memmem(box.cms, box.n_cms, KEY, 6));
	CHECK(!escrow_holder_open(&escrow_holders()[2], box.cms, box.n_cms, text, sizeof(text)));
	for (size_t i = 0; i < 2; i++)
		CHECK(escrow_holder_open(
			&escrow_holders()[i], box.cms, box.n_cms, text, sizeof(text)));
	CHECK_INT(json_parse(text, strlen(text), &json, NULL), 0);
	CHECK_INT(n_members(json), 8);
	CHECK_STR(member(json, "v"), "1");
	CHECK_STR(member(json, "kind"), "disk");
	CHECK_STR(member(json, "device"), DEVICE);
	CHECK_STR(member(json, "enrolment"), ENROLMENT);
	CHECK_STR(member(json, "generation"), "7");
	CHECK_STR(member(json, "volume"), UUID);
	CHECK_STR(member(json, "slot"), "31");
	CHECK_STR(member(json, "secret"), KEY);
	/* Another holder joins: it has to be sealed again. */
	rig_policy(&rig, 0, 1 | 2 | 4);
	escrow_wanted_look(&rig.e, &wanted);
	CHECK(!escrow_box_fits(&box, &wanted));
	rig_policy(&rig, 0, 1 | 4);
	escrow_wanted_look(&rig.e, &wanted);
	CHECK(!escrow_box_fits(&box, &wanted));
}

/* The longest numbers and names that a phone has still fit. */
static void test_largest(void)
{
	char volume[LUKS_UUID_BYTES + 1];
	const struct escrow_inside inside = {.kind = ESCROW_KIND_DISK,
		.generation = (INT64_C(1) << 53) - 1,
		.volume = volume,
		.slot = LUKS_SLOTS_MAX - 1,
		.secret = KEY};
	static struct escrow_wanted wanted;
	static struct escrow_box box;
	static struct rig rig;

	memset(volume, 'f', sizeof(volume) - 1);
	volume[sizeof(volume) - 1] = 0;
	rig_init(&rig);
	rig_policy(&rig, 0, 1 | 2 | 4 | 8);
	escrow_wanted_look(&rig.e, &wanted);
	CHECK_INT(escrow_box_seal(&rig.e, &inside, &wanted, &box), 0);
}

static void test_cannot_be_sealed(void)
{
	char long_secret[ESCROW_SECRET_BYTES + 1];
	struct escrow_inside inside = {.kind = ESCROW_KIND_DISK, .slot = -1, .secret = KEY};
	static struct escrow_wanted wanted;
	static struct escrow_box box, before;
	static struct rig rig;

	rig_init(&rig);
	memset(&box, 0x22, sizeof(box));
	before = box;
	CHECK_INT(escrow_box_seal(&rig.e, &inside, &wanted, &box), -EINVAL);
	rig_policy(&rig, 0, 1);
	escrow_wanted_look(&rig.e, &wanted);
	memset(long_secret, '7', sizeof(long_secret) - 1);
	long_secret[sizeof(long_secret) - 1] = 0;
	inside.secret = long_secret;
	CHECK_INT(escrow_box_seal(&rig.e, &inside, &wanted, &box), -EFBIG);
	CHECK(memcmp(&box, &before, sizeof(box)) == 0);
}

/* Lines of a state file, each taken again. */
static bool take_lines(char *text, const char *place, struct escrow_box *box)
{
	size_t n_place = strlen(place);

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *name = line + n_place + 1, *value;

		if (strncmp(line, place, n_place) != 0 || line[n_place] != ' ')
			return false;
		value = strchr(name, ' ');
		if (!value)
			return false;
		*value++ = 0;
		if (escrow_box_take(box, name, value) != 0)
			return false;
	}
	return true;
}

static void test_lines(void)
{
	static struct escrow_box box, again;
	char digits[2 * SHA256_BYTES + 1];

	/* Around the length of one line. */
	for (size_t n = 383; n <= ESCROW_BLOB_BYTES; n += n < 386 ? 1 : 742) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		memset(&box, 0, sizeof(box));
		memset(&again, 0, sizeof(again));
		box.n_certificates = 1 + n % ESCROW_CERTIFICATES_MAX;
		for (size_t i = 0; i < box.n_certificates; i++)
			memset(box.certificates[i], (int)(i + 1), SHA256_BYTES);
		box.n_cms = n;
		for (size_t i = 0; i < n; i++)
			box.cms[i] = (uint8_t)(i * 31);
		escrow_box_write(&box, "next", &text);
		CHECK(!text.error && take_lines(text.data, "next", &again));
		CHECK(memcmp(&box, &again, sizeof(box)) == 0);
	}
	memset(digits, '1', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = 0;
	CHECK_INT(escrow_box_take(&box, "generation", "1"), 1);
	memset(&box, 0, sizeof(box));
	CHECK_INT(escrow_box_take(&box, "certificate", "11"), -EBADMSG);
	CHECK_INT(escrow_box_take(&box, "cms", "1"), -EBADMSG);
	CHECK_INT(escrow_box_take(&box, "cms", "1x"), -EBADMSG);
	memset(&box, 0, sizeof(box));
	for (size_t i = 0; i < ESCROW_CERTIFICATES_MAX; i++)
		CHECK_INT(escrow_box_take(&box, "certificate", digits), 0);
	CHECK_INT(escrow_box_take(&box, "certificate", digits), -EBADMSG);
	box.n_cms = ESCROW_BLOB_BYTES - 1;
	CHECK_INT(escrow_box_take(&box, "cms", "1111"), -EBADMSG);
	CHECK_INT(escrow_box_take(&box, "cms", "11"), 0);
	CHECK_INT(escrow_box_take(&box, "cms", "11"), -EBADMSG);
}

static void test_report(void)
{
	static struct escrow_box box;

	box.n_certificates = 1;
	memset(box.certificates[0], 0xab, SHA256_BYTES);
	memcpy(box.cms, "cms", 3);
	box.n_cms = 3;
	for (int counter = -1; counter < 2; counter++) {
		_cleanup_json_ struct json_object *json = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct jsonw w = JSONW_INIT(&text);
		struct json_object *certificates = NULL;
		char digits[2 * SHA256_BYTES + 1], number[12];

		escrow_box_report(&box, ESCROW_KIND_DISK, 7, counter, &w);
		CHECK_INT(json_parse(text.data, text.n_bytes, &json, NULL), 0);
		CHECK_INT(n_members(json), counter < 0 ? 4 : 5);
		snprintf(number, sizeof(number), "%d", counter);
		CHECK_STR(member(json, "counter"), counter < 0 ? "" : number);
		CHECK_STR(member(json, "kind"), "disk");
		CHECK_STR(member(json, "generation"), "7");
		CHECK_STR(member(json, "cms"), "Y21z");
		CHECK(json_object_object_get_ex(json, "certificates", &certificates));
		CHECK_INT(json_object_array_length(certificates), 1);
		hex_encode(box.certificates[0], SHA256_BYTES, digits);
		CHECK_STR(
			json_object_get_string(json_object_array_get_idx(certificates, 0)), digits);
	}
}

static const struct check_test tests[] = {
	{"wanted", test_wanted},
	{"disk_key", test_disk_key},
	{"largest", test_largest},
	{"cannot_be_sealed", test_cannot_be_sealed},
	{"lines", test_lines},
	{"report", test_report},
};
CHECK_MAIN(tests)
