/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_escrow.c - the backend "escrow" over made-up machines whose encrypted disks are files that
 * the real cryptsetup has made. What is known of their keys is said by the test.
 */
#include <time.h>

#include "platform/escrow_known.h"
#include "tests/unit/platform/luks_image.h"
#include "tests/unit/platform/machine.h"

#define DAY_S (24 * 3600)

struct phone {
	struct machine m;
	struct escrow_known known;
	struct escrow_volume volume;	/* what is known of each */
	char uuid[LUKS_UUID_BYTES + 1]; /* the last that was asked for */
	uint8_t header[SHA256_BYTES];
	unsigned int n_asked;
};

static void known_get(const char *uuid, const uint8_t header[SHA256_BYTES],
	struct escrow_volume *ret_volume, void *userdata)
{
	struct phone *p = userdata;

	p->n_asked++;
	snprintf(p->uuid, sizeof(p->uuid), "%s", uuid);
	memcpy(p->header, header, SHA256_BYTES);
	*ret_volume = p->volume;
}

/* / on LUKS on mmcblk0p2. */
static void phone_open(struct phone *p, const char *options)
{
	char path[320];

	memset(p, 0, sizeof(*p));
	machine_open(&p->m);
	backend_free(p->m.b);
	p->known = (struct escrow_known){.get = known_get, .userdata = p};
	p->m.f.platform.escrow = &p->known;
	if (escrow_backend_new(&p->m.f.platform, &p->m.b) < 0)
		abort();
	fixture_directory(&p->m.f, "dev");
	fixture_text(&p->m.f, "usr/sbin/cryptsetup", "");
	disk(&p->m, "179:0", "mmcblk0");
	partition(&p->m, "179:2", "mmcblk0", "mmcblk0p2");
	mapped(&p->m, "254:0", "dm-0", "root", LUKS2("root"), LIST("mmcblk0/mmcblk0p2"));
	mounted(&p->m, "254:0", "/", "ext4", "/dev/mapper/root");
	snprintf(path, sizeof(path), "%s/dev/mmcblk0p2", p->m.f.path);
	luks_image_make(path, options, "open");
}

static const struct observation *saw(const struct phone *p, enum setting_id id)
{
	return p->m.b->observations[id];
}

static void test_standings(void)
{
	static const struct {
		enum escrow_standing standing;
		bool value;
		enum compliance_state state;
		enum compliance_reason reason;
		const char *detail;
	} rows[] = {
		{ESCROW_NO_KEY, false, COMPLIANCE_NONCOMPLIANT, REASON_ESCROW_MISSING,
			"root (mmcblk0p2): no recovery key; have one made: agentctl escrow"},
		{ESCROW_UNTOLD, true, COMPLIANCE_PENDING, REASON_ESCROW_UNTOLD,
			"root (mmcblk0p2): the server does not have the recovery key yet"},
		{ESCROW_HELD, true, COMPLIANCE_COMPLIANT, REASON_NONE, ""},
		{ESCROW_OTHER, false, COMPLIANCE_NONCOMPLIANT, REASON_ESCROW_OTHER_KEY,
			"root (mmcblk0p2): the recovery key is sealed to another escrow "
			"certificate than the policy's; have one made: agentctl escrow"},
		{ESCROW_BROKEN, false, COMPLIANCE_NONCOMPLIANT, REASON_ESCROW_BROKEN,
			"root (mmcblk0p2): the recovery key no longer opens it; have one made: "
			"agentctl escrow"},
	};
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p, SMALL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct observation *o = saw(&p, SETTING_ENCRYPTION_ESCROW);
		bool held = rows[i].standing == ESCROW_HELD;

		p.volume = (struct escrow_volume){.standing = rows[i].standing,
			.made_s = time(NULL) - 40 * DAY_S,
			.checked_s = time(NULL) - 3 * DAY_S};
		CHECK_INT(look(&p.m), 0);
		CHECK(o->has_value && o->enforced);
		CHECK_INT(o->value.number, rows[i].value);
		CHECK_INT(o->n_items, 1);
		CHECK_STR(o->items[0].name, "root (mmcblk0p2)");
		CHECK_INT(o->items[0].state, rows[i].state);
		CHECK_INT(o->items[0].reason, rows[i].reason);
		CHECK_INT(o->reason, rows[i].reason);
		CHECK_STR(o->detail, rows[i].detail);
		/* What the server does not have has no age. */
		CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW_CHECK)->has_value, held);
		CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW_MAX_AGE)->has_value, held);
		if (held) {
			CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW_CHECK)->value.number, 3);
			CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW_MAX_AGE)->value.number, 40);
		}
	}
	CHECK_INT(p.n_asked, ARRAY_SIZE(rows));
	CHECK_INT(strlen(p.uuid), 36);
	machine_close(&p.m);
}

/* A clock that went back makes nothing older. */
static void test_clock_went_back(void)
{
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p, LUKS1);
	p.volume = (struct escrow_volume){
		.standing = ESCROW_HELD, .made_s = time(NULL) + DAY_S, .checked_s = INT64_MAX};
	CHECK_INT(look(&p.m), 0);
	CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW_CHECK)->value.number, 0);
	CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW_MAX_AGE)->value.number, 0);
	machine_close(&p.m);
}

/* Whoever remembers the digest of the header sees that keyslots have changed. */
static void test_header_digest(void)
{
	uint8_t before[SHA256_BYTES];
	char path[320];
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p, SMALL);
	CHECK_INT(look(&p.m), 0);
	memcpy(before, p.header, sizeof(before));
	CHECK_INT(look(&p.m), 0);
	CHECK(memcmp(before, p.header, sizeof(before)) == 0);
	snprintf(path, sizeof(path), "%s/dev/mmcblk0p2", p.m.f.path);
	luks_image_add(path, 1, "open", "another");
	CHECK_INT(look(&p.m), 0);
	CHECK(memcmp(before, p.header, sizeof(before)) != 0);
	machine_close(&p.m);
}

static void test_without_cryptsetup(void)
{
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p, SMALL);
	if (unlinkat(p.m.f.platform.sysroot_fd, "usr/sbin/cryptsetup", 0) < 0)
		abort();
	CHECK_INT(look(&p.m), 0);
	CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW)->reason, REASON_ESCROW_MISSING);
	CHECK(strstr(
		saw(&p, SETTING_ENCRYPTION_ESCROW)->detail, "none can be made: cryptsetup is "));
	/* One that there is does not need it. */
	p.volume.standing = ESCROW_HELD;
	CHECK_INT(look(&p.m), 0);
	CHECK_STR(saw(&p, SETTING_ENCRYPTION_ESCROW)->detail, "");
	machine_close(&p.m);
}

/* Nothing is said of a volume that cannot be read, least of all that all is well. */
static void test_unreadable(void)
{
	const struct observation *o;
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p, SMALL);
	p.volume.standing = ESCROW_HELD;
	fixture_text(&p.m.f, "dev/mmcblk0p2", "no header");
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_ESCROW);
	CHECK(!o->has_value);
	CHECK_INT(o->state, COMPLIANCE_ERROR);
	CHECK_INT(o->items[0].state, COMPLIANCE_ERROR);
	CHECK_STR(o->detail, "root (mmcblk0p2): its header cannot be read");
	CHECK(!saw(&p, SETTING_ENCRYPTION_ESCROW_CHECK)->has_value);
	CHECK_INT(p.n_asked, 0);
	machine_close(&p.m);
}

static void test_nothing_encrypted(void)
{
	const struct observation *o;
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p, SMALL);
	buf_reset(&p.m.mounts);
	mounted(&p.m, "179:2", "/", "ext4", "/dev/mmcblk0p2");
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_ESCROW);
	CHECK(o->has_value && o->value.number == 0 && o->n_items == 0);
	CHECK_INT(o->reason, REASON_PLAIN_STORAGE);
	CHECK(!saw(&p, SETTING_ENCRYPTION_ESCROW_MAX_AGE)->has_value);
	/* Plain dm-crypt has no keyslots to put a key into. */
	mapped(&p.m, "254:1", "dm-1", "swap", "CRYPT-PLAIN-swap", LIST("mmcblk0/mmcblk0p2"));
	swapping(&p.m, "/dev/dm-1", "partition");
	CHECK_INT(look(&p.m), 0);
	CHECK_INT(o->value.number, 0);
	machine_close(&p.m);
}

/* Nobody lends what is known: nothing is. */
static void test_nothing_known(void)
{
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p, SMALL);
	p.m.f.platform.escrow = NULL;
	CHECK_INT(look(&p.m), 0);
	CHECK_INT(saw(&p, SETTING_ENCRYPTION_ESCROW)->reason, REASON_ESCROW_MISSING);
	machine_close(&p.m);
}

static const struct check_test tests[] = {
	{"standings", test_standings},
	{"clock_went_back", test_clock_went_back},
	{"header_digest", test_header_digest},
	{"without_cryptsetup", test_without_cryptsetup},
	{"unreadable", test_unreadable},
	{"nothing_encrypted", test_nothing_encrypted},
	{"nothing_known", test_nothing_known},
};
CHECK_MAIN(tests)
