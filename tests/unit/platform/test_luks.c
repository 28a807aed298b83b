/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_luks.c - the backend "luks" over made-up machines whose encrypted disks are files that the
 * real cryptsetup has made.
 */
#include "platform/blocktree.h"
#include "platform/luks_known.h"
#include "tests/unit/platform/luks_image.h"
#include "tests/unit/platform/machine.h"

struct phone {
	struct machine m;
	struct luks_known known;
	char program[320]; /* counts how often it runs, then is cryptsetup */
	unsigned int n_gets, n_puts;
	int remembered; /* what get answers */
	bool last_opens;
};

static int known_get(const uint8_t slots_digest[SHA256_BYTES], void *userdata)
{
	struct phone *phone = userdata;

	(void)slots_digest;
	phone->n_gets++;
	return phone->remembered;
}

static void known_put(const uint8_t slots_digest[SHA256_BYTES], bool opens, void *userdata)
{
	struct phone *phone = userdata;

	(void)slots_digest;
	phone->n_puts++;
	phone->last_opens = opens;
}

static void phone_open(struct phone *p)
{
	char script[512];

	memset(p, 0, sizeof(*p));
	machine_open(&p->m);
	backend_free(p->m.b);
	p->remembered = -ENOENT;
	p->known = (struct luks_known){.get = known_get, .put = known_put, .userdata = p};
	p->known.delay_s = 3600;
	p->m.f.platform.luks = &p->known;
	snprintf(script, sizeof(script), "#!/bin/sh\necho \"$1\" >>%s/runs\nexec %s \"$@\"\n",
		p->m.f.path, luks_image_program());
	fixture_text(&p->m.f, "program", script);
	snprintf(p->program, sizeof(p->program), "%s/program", p->m.f.path);
	if (chmod(p->program, 0755) < 0 || luks_backend_new(&p->m.f.platform, &p->m.b) < 0)
		abort();
	p->m.f.platform.cryptsetup_program = p->program;
	fixture_directory(&p->m.f, "dev");
	fixture_text(&p->m.f, "usr/sbin/cryptsetup", "");
	if (p->m.b->ops->watch(p->m.b, fixture_on_changed, &p->m.f) < 0)
		abort();
}

static void phone_close(struct phone *p)
{
	machine_close(&p->m);
}

static const char *phone_device(struct phone *p, const char *name)
{
	static char path[320];

	snprintf(path, sizeof(path), "%s/dev/%s", p->m.f.path, name);
	return path;
}

/* / on LUKS on mmcblk0p2. */
static void phone_root(struct phone *p, const char *options, const char *passphrase)
{
	disk(&p->m, "179:0", "mmcblk0");
	partition(&p->m, "179:2", "mmcblk0", "mmcblk0p2");
	mapped(&p->m, "254:0", "dm-0", "root", LUKS2("root"), LIST("mmcblk0/mmcblk0p2"));
	mounted(&p->m, "254:0", "/", "ext4", "/dev/mapper/root");
	luks_image_make(phone_device(p, "mmcblk0p2"), options, passphrase);
}

static const struct observation *saw(const struct phone *p, enum setting_id id)
{
	return p->m.b->observations[id];
}

static const struct observation *saw_empty(const struct phone *p)
{
	return saw(p, SETTING_ENCRYPTION_FORBID_EMPTY_PASSPHRASE);
}

static bool has_number(const struct observation *o, int64_t number)
{
	return o->state == COMPLIANCE_COMPLIANT && o->has_value && o->enforced &&
	       o->value.number == number;
}

/* Until the answer to one more trial is known. */
static void wait_for_trial(struct phone *p)
{
	unsigned int before = p->n_puts;

	while (p->n_puts == before && sd_event_run(p->m.f.platform.event, UINT64_MAX) >= 0)
		;
}

static void test_values(void)
{
	const struct observation *o;
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	phone_root(&p, SMALL, "open");
	luks_image_add(phone_device(&p, "mmcblk0p2"), 2, "open", "two");
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_VERSION), 2));
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KEY_SIZE), 512));
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KDF), LUKS_KDF_PBKDF2));
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KDF_MEMORY), 0));
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MAX_KEYSLOTS), 2));
	o = saw(&p, SETTING_ENCRYPTION_CIPHERS);
	CHECK_INT(o->value.set.n_strings, 1);
	CHECK_STR(o->value.set.strings[0], "aes-xts-plain64");
	o = saw(&p, SETTING_ENCRYPTION_MIN_KDF);
	CHECK_STR(o->detail, "root (mmcblk0p2): keyslot 2 has pbkdf2; cryptsetup luksConvertKey "
			     "--pbkdf argon2id changes that");
	CHECK_INT(o->n_items, 1);
	CHECK_STR(o->items[0].name, "root (mmcblk0p2)");
	CHECK_STR(o->items[0].detail, "LUKS2 aes-xts-plain64 512 bits, slots 0 pbkdf2, 2 pbkdf2");
	/* Nobody has tried yet, and nobody has to wait for it. */
	CHECK(!saw_empty(&p)->has_value);
	CHECK_INT(saw_empty(&p)->state, COMPLIANCE_UNKNOWN);
	CHECK_INT(saw_empty(&p)->reason, REASON_NOT_OBSERVED);
	/* Again costs nothing until the header changes. */
	CHECK_INT(look(&p.m), 0);
	CHECK_STR(fixture_read(&p.m.f, "runs"), "luksDump\n");
	luks_image_do("cryptsetup luksKillSlot -q %s 2 </dev/null", phone_device(&p, "mmcblk0p2"));
	CHECK_INT(look(&p.m), 0);
	CHECK_STR(fixture_read(&p.m.f, "runs"), "luksDump\nluksDump\n");
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MAX_KEYSLOTS), 1));
	phone_close(&p);
}

/* Costs of what was drawn say nothing; of what was chosen, the least counts. */
static void test_drawn(void)
{
	const char *device;
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	phone_root(&p,
		"--type luks2 --pbkdf argon2id --pbkdf-memory 64 --pbkdf-parallel 1 "
		"--pbkdf-force-iterations 4",
		"open");
	device = phone_device(&p, "mmcblk0p2");
	luks_image_add(device, 1, "open", "recovery");
	luks_image_do("printf %%s '{\"type\":\"mdm-agent-recovery\",\"keyslots\":[\"1\"]}' | "
		      "cryptsetup token import %s",
		device);
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KDF), LUKS_KDF_ARGON2ID));
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KDF_MEMORY), 64));
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MAX_KEYSLOTS), 2));
	CHECK_STR(saw(&p, SETTING_ENCRYPTION_MIN_KDF)->items[0].detail,
		"LUKS2 aes-xts-plain64 512 bits, slots 0 argon2id 64 KiB, 1 (recovery)");
	luks_image_add(device, 2, "open", "chosen");
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KDF), LUKS_KDF_PBKDF2));
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KDF_MEMORY), 0));
	phone_close(&p);
}

/* The weakest of all counts, whichever it is. */
static void test_several(void)
{
	const struct observation *o;
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	phone_root(&p, SMALL, "open");
	disk(&p.m, "8:0", "sda");
	mapped(&p.m, "254:1", "dm-1", "old", "CRYPT-LUKS1-0123-old", LIST("sda"));
	mapped(&p.m, "254:2", "dm-2", "swap", "CRYPT-PLAIN-swap", LIST("mmcblk0/mmcblk0p2"));
	mounted(&p.m, "254:1", "/srv", "ext4", "/dev/mapper/old");
	swapping(&p.m, "/dev/dm-2", "partition");
	luks_image_make(phone_device(&p, "sda"), LUKS1, "old");
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_MIN_VERSION);
	CHECK(has_number(o, 1));
	CHECK_STR(o->detail, "old (sda): LUKS1; cryptsetup convert --type luks2 /dev/sda makes it "
			     "LUKS2 while it is closed");
	CHECK_INT(o->n_items, 3);
	CHECK_STR(o->items[1].detail, "LUKS1 aes-xts-plain64 256 bits, slots 0 pbkdf2");
	CHECK_STR(o->items[2].detail, "plain dm-crypt: there is no header that says with what");
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_KEY_SIZE), 256));
	CHECK_INT(saw(&p, SETTING_ENCRYPTION_CIPHERS)->value.set.n_strings, 1);
	phone_close(&p);
}

/* What cannot be read is said, and is no reason to be silent about the rest. */
static void test_unreadable(void)
{
	const struct observation *o;
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	phone_root(&p, SMALL, "open");
	disk(&p.m, "8:0", "sda");
	mapped(&p.m, "254:1", "dm-1", "card", LUKS2("card"), LIST("sda"));
	mounted(&p.m, "254:1", "/srv", "ext4", "/dev/mapper/card");
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_MIN_VERSION);
	CHECK(has_number(o, 2));
	CHECK_INT(o->items[0].state, COMPLIANCE_COMPLIANT);
	CHECK_INT(o->items[1].state, COMPLIANCE_ERROR);
	CHECK_STR(o->items[1].detail, "/dev/sda cannot be read: No such file or directory");
	/* Zeroes where the header is expected. */
	luks_image_do("truncate -s 1M %s", phone_device(&p, "sda"));
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_MIN_VERSION);
	CHECK_INT(o->items[1].state, COMPLIANCE_UNKNOWN);
	CHECK_INT(o->items[1].reason, REASON_UNTRACEABLE);
	/* A header that begins well. */
	luks_image_do("head -c 4096 %s/dev/mmcblk0p2 >%s/dev/sda", p.m.f.path, p.m.f.path);
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_MIN_VERSION);
	CHECK_INT(o->items[1].state, COMPLIANCE_ERROR);
	CHECK(strstr(o->items[1].detail, "the header cannot be read: ") != NULL);
	/* Alone: no value at all. */
	luks_image_do("rm %s", phone_device(&p, "mmcblk0p2"));
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_MIN_VERSION);
	CHECK(!o->has_value);
	CHECK_INT(o->state, COMPLIANCE_ERROR);
	CHECK(strstr(o->detail, "root (mmcblk0p2): /dev/mmcblk0p2 cannot be read") != NULL);
	phone_close(&p);
}

static void test_nothing(void)
{
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	disk(&p.m, "179:0", "mmcblk0");
	mounted(&p.m, "179:0", "/", "ext4", "/dev/mmcblk0");
	CHECK_INT(look(&p.m), 0);
	for (enum setting_id id = 0; id < SETTING_MAX; id++) {
		if (!p.m.b->ops->serves[id])
			continue;
		CHECK_INT(saw(&p, id)->state, COMPLIANCE_NONCOMPLIANT);
		CHECK_INT(saw(&p, id)->reason, REASON_PLAIN_STORAGE);
		CHECK_STR(saw(&p, id)->detail, "nothing of the phone lies on LUKS");
	}
	phone_close(&p);
}

/* What needs no cryptsetup is seen without it. */
static void test_no_cryptsetup(void)
{
	const struct observation *o;
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	CHECK_INT(unlinkat(p.m.f.platform.sysroot_fd, "usr/sbin/cryptsetup", 0), 0);
	phone_root(&p, SMALL, "open");
	CHECK_INT(look(&p.m), 0);
	o = saw(&p, SETTING_ENCRYPTION_MIN_VERSION);
	CHECK_INT(o->state, COMPLIANCE_UNSUPPORTED);
	CHECK_INT(o->reason, REASON_NO_MECHANISM);
	CHECK(strstr(o->detail, "cryptsetup is not installed") != NULL);
	fixture_text(&p.m.f, "sbin/cryptsetup", "");
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MIN_VERSION), 2));
	phone_close(&p);
}

static void test_empty_passphrase(void)
{
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	p.known.delay_s = 0;
	phone_root(&p, SMALL, "");
	CHECK_INT(look(&p.m), 0);
	CHECK_INT(saw_empty(&p)->reason, REASON_NOT_OBSERVED);
	wait_for_trial(&p);
	CHECK_INT(p.n_puts, 1);
	CHECK(p.last_opens);
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw_empty(&p), 0));
	CHECK_INT(saw_empty(&p)->reason, REASON_EMPTY_PASSPHRASE);
	CHECK_INT(saw_empty(&p)->items[0].state, COMPLIANCE_NONCOMPLIANT);
	CHECK_STR(saw_empty(&p)->detail,
		"root (mmcblk0p2): opens with an empty passphrase; cryptsetup luksChangeKey "
		"/dev/mmcblk0p2 sets one");
	/* Nothing has changed: nothing is tried. */
	fixture_settle(&p.m.f);
	CHECK_STR(fixture_read(&p.m.f, "runs"), "luksDump\nopen\n");
	/* Somebody sets one. The other keyslots' time of a day does not keep that waiting. */
	luks_image_make(phone_device(&p, "mmcblk0p2"), SMALL, "open");
	CHECK_INT(look(&p.m), 0);
	CHECK_INT(saw_empty(&p)->reason, REASON_NOT_OBSERVED);
	wait_for_trial(&p);
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw_empty(&p), 1));
	CHECK_INT(p.n_puts, 2);
	CHECK(!p.last_opens);
	CHECK_STR(saw_empty(&p)->items[0].detail, "an empty passphrase does not open it");
	/* Another change on the same day is tried the next. */
	luks_image_add(phone_device(&p, "mmcblk0p2"), 3, "open", "three");
	CHECK_INT(look(&p.m), 0);
	for (int i = 0; i < 5; i++)
		sd_event_run(p.m.f.platform.event, 100000);
	CHECK_INT(p.n_puts, 2);
	CHECK_INT(saw_empty(&p)->reason, REASON_NOT_OBSERVED);
	/* Which keeps no other volume waiting. */
	disk(&p.m, "8:0", "sda");
	mapped(&p.m, "254:1", "dm-1", "card", LUKS2("card"), LIST("sda"));
	mounted(&p.m, "254:1", "/srv", "ext4", "/dev/mapper/card");
	luks_image_make(phone_device(&p, "sda"), SMALL, "");
	CHECK_INT(look(&p.m), 0);
	wait_for_trial(&p);
	CHECK_INT(p.n_puts, 3);
	CHECK(p.last_opens);
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw_empty(&p), 0));
	CHECK_INT(saw_empty(&p)->items[0].state, COMPLIANCE_UNKNOWN);
	CHECK_INT(saw_empty(&p)->items[1].state, COMPLIANCE_NONCOMPLIANT);
	phone_close(&p);
}

/* Whoever changes keyslots is seen at once. */
static void test_watch(void)
{
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	phone_root(&p, SMALL, "open");
	CHECK_INT(look(&p.m), 0);
	fixture_settle(&p.m.f);
	CHECK_INT(p.m.f.n_changed, 0);
	luks_image_add(phone_device(&p, "mmcblk0p2"), 2, "open", "two");
	while (!p.m.f.n_changed && sd_event_run(p.m.f.platform.event, UINT64_MAX) >= 0)
		;
	/* Looking is no change. */
	CHECK_INT(look(&p.m), 0);
	CHECK(has_number(saw(&p, SETTING_ENCRYPTION_MAX_KEYSLOTS), 2));
	p.m.f.n_changed = 0;
	CHECK_INT(look(&p.m), 0);
	for (int i = 0; i < 3; i++)
		sd_event_run(p.m.f.platform.event, 100000);
	CHECK_INT(p.m.f.n_changed, 0);
	phone_close(&p);
}

/* A restart does not ask cryptsetup again. */
static void test_remembered(void)
{
	for (int opens = 0; opens < 2; opens++) {
		struct phone p;

		if (luks_image_skipped())
			return;
		phone_open(&p);
		p.known.delay_s = 0;
		p.remembered = opens;
		phone_root(&p, SMALL, "open");
		CHECK_INT(look(&p.m), 0);
		CHECK(has_number(saw_empty(&p), !opens));
		CHECK_INT(p.n_gets, 1);
		fixture_settle(&p.m.f);
		CHECK_STR(fixture_read(&p.m.f, "runs"), "luksDump\n");
		phone_close(&p);
	}
}

/* A trial that fails is an error, not an answer; nothing of it is kept. */
static void test_failed_trial(void)
{
	char script[512];
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	p.known.delay_s = 0;
	phone_root(&p, SMALL, "open");
	snprintf(script, sizeof(script),
		"#!/bin/sh\n[ \"$1\" != open ] || { echo Not enough memory; exit 3; }\n"
		"exec %s \"$@\"\n",
		luks_image_program());
	fixture_text(&p.m.f, "program", script);
	CHECK_INT(chmod(p.program, 0755), 0);
	CHECK_INT(look(&p.m), 0);
	while (!p.m.f.n_changed && sd_event_run(p.m.f.platform.event, UINT64_MAX) >= 0)
		;
	CHECK_INT(look(&p.m), 0);
	CHECK_INT(saw_empty(&p)->state, COMPLIANCE_ERROR);
	CHECK_STR(saw_empty(&p)->items[0].detail,
		"the empty passphrase cannot be tried: keyslot 0: Not enough memory");
	CHECK_INT(p.n_puts, 0);
	phone_close(&p);
}

/* Free in the middle of either: nothing is left to run. */
static void test_free_while_running(void)
{
	struct phone p;

	if (luks_image_skipped())
		return;
	phone_open(&p);
	p.known.delay_s = 0;
	phone_root(&p, SMALL, "open");
	CHECK_INT(look(&p.m), 0); /* plans the trial */
	luks_image_make(phone_device(&p, "mmcblk0p2"), SMALL, "other");
	CHECK_INT(p.m.b->ops->observe(p.m.b, fixture_on_done, &p.m.f), 0);
	phone_close(&p);
}

/* Every member below all file systems, once; the one that is plain is another backend's finding. */
static void test_members(void)
{
	struct mount_table table;
	struct block_crypts crypts;
	struct machine m;

	machine_open(&m);
	disk(&m, "259:0", "nvme0n1");
	partition(&m, "259:3", "nvme0n1", "nvme0n1p3");
	disk(&m, "8:0", "sda");
	disk(&m, "8:16", "sdb");
	disk(&m, "8:32", "sdc");
	mapped(&m, "254:0", "dm-0", "a\tb", LUKS2("crypt"), LIST("nvme0n1/nvme0n1p3"));
	mapped(&m, "254:4", "dm-4", "b", "CRYPT-LUKS1-01-b", LIST("sda"));
	mapped(&m, "254:1", "dm-1", "vg-root", "LVM-abcdef", LIST("dm-0", "dm-4", "sdc"));
	mapped(&m, "254:2", "dm-2", "vg-home", "LVM-abcdeh", LIST("dm-0"));
	mapped(&m, "254:3", "dm-3", "nothing", LUKS2("nothing"), LIST(NULL));
	mapped(&m, "254:5", "dm-5", "inner", LUKS2("inner"), LIST("dm-6"));
	mapped(&m, "254:6", "dm-6", "outer", LUKS2("outer"), LIST("sdb"));
	mounted(&m, "254:1", "/", "ext4", "/dev/mapper/vg-root");
	mounted(&m, "254:2", "/home", "ext4", "/dev/mapper/vg-home");
	mounted(&m, "254:3", "/srv", "ext4", "/dev/mapper/nothing");
	mounted(&m, "254:5", "/opt", "ext4", "/dev/mapper/inner");
	CHECK_INT(mountinfo_parse(m.mounts.data, m.mounts.n_bytes, &table), 0);
	block_find_crypts(m.f.platform.sysroot_fd, &table, NULL, 0, &crypts);
	CHECK_INT(crypts.n_crypts, 5);
	CHECK(!crypts.more);
	CHECK_STR(crypts.crypts[0].kind, "LUKS2");
	CHECK_STR(crypts.crypts[0].mapping, "a?b");
	CHECK_STR(crypts.crypts[0].device, "nvme0n1p3");
	CHECK_INT(crypts.crypts[0].major, 259);
	CHECK_INT(crypts.crypts[0].minor, 3);
	CHECK_STR(crypts.crypts[1].kind, "LUKS1");
	CHECK_STR(crypts.crypts[1].device, "sda");
	CHECK_STR(crypts.crypts[2].device, ""); /* a mapping onto nothing */
	CHECK_STR(crypts.crypts[3].device, "dm-6");
	CHECK_STR(crypts.crypts[4].device, "sdb");
	mount_table_done(&table);
	machine_close(&m);
}

static void test_too_many(void)
{
	struct mount_table table;
	struct block_crypts crypts;
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	for (int i = 0; i <= LIMIT_BLOCK_CRYPTS; i++) {
		char number[16], name[16], point[16];

		snprintf(number, sizeof(number), "254:%d", i);
		snprintf(name, sizeof(name), "dm-%d", i);
		snprintf(point, sizeof(point), "/m%d", i);
		mapped(&m, number, name, name, LUKS2("x"), LIST("sda"));
		mounted(&m, number, point, "ext4", "/dev/mapper/x");
	}
	CHECK_INT(mountinfo_parse(m.mounts.data, m.mounts.n_bytes, &table), 0);
	block_find_crypts(m.f.platform.sysroot_fd, &table, NULL, 0, &crypts);
	CHECK_INT(crypts.n_crypts, LIMIT_BLOCK_CRYPTS);
	CHECK(crypts.more);
	mount_table_done(&table);
	machine_close(&m);
}

static const struct check_test tests[] = {
	{"values", test_values},
	{"drawn", test_drawn},
	{"several", test_several},
	{"unreadable", test_unreadable},
	{"nothing", test_nothing},
	{"no_cryptsetup", test_no_cryptsetup},
	{"empty_passphrase", test_empty_passphrase},
	{"watch", test_watch},
	{"remembered", test_remembered},
	{"failed_trial", test_failed_trial},
	{"free_while_running", test_free_while_running},
	{"members", test_members},
	{"too_many", test_too_many},
};

CHECK_MAIN(tests)
