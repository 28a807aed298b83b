/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_media.c - what happens to a stick or card at an event. The ioctls are stand-ins that note
 * that they were asked; those of the kernel are tried in a virtual machine.
 */
#include "platform/media/media.h"
#include "tests/unit/platform/removable_machine.h"

static struct {
	int read_only, writable, dropped, reread;
	int drop_result;
	unsigned int n_busy;
} asked;

static int stand_in_read_only(int root_fd, const struct removable_device *device, bool on)
{
	(void)root_fd;
	(void)device;
	asked.read_only += on;
	asked.writable += !on;
	return 0;
}

static int stand_in_drop(int root_fd, const struct removable_device *device)
{
	(void)root_fd;
	(void)device;
	asked.dropped++;
	if (asked.n_busy) {
		asked.n_busy--;
		return -EBUSY;
	}
	return asked.drop_result;
}

static int stand_in_reread(int root_fd, const struct removable_device *device)
{
	(void)root_fd;
	(void)device;
	asked.reread++;
	return 0;
}

static const struct media_ioctls stand_ins = {stand_in_read_only, stand_in_drop, stand_in_reread};

struct answer {
	enum media_verdict verdict;
	unsigned int marks;
	int r;
};

static struct answer ask(struct removable_machine *m, struct media_event event)
{
	struct answer answer = {.verdict = MEDIA_VERDICT_MAX};

	event.action = event.action ? event.action : "change";
	event.fs_usage = event.fs_usage ? event.fs_usage : "";
	event.fs_type = event.fs_type ? event.fs_type : "";
	answer.r = media_act(
		m->f.platform.sysroot_fd, &stand_ins, &event, &answer.verdict, &answer.marks);
	return answer;
}

#define ASK(path_, choice_, ...)                                                                   \
	ask(&m, (struct media_event){.path = (path_), .choice = (choice_), ##__VA_ARGS__})

/* Everything that any test below may write to. */
static void check_untouched(struct removable_machine *m)
{
	CHECK_STR(got(m, STICK_INTERFACE, "authorized"), "1");
	CHECK_STR(got(m, STICK_SCSI, "state"), "running");
	CHECK_STR(fixture_read(&m->f, "sys/bus/mmc/drivers/mmcblk/unbind"), "");
	CHECK_STR(fixture_read(&m->f, "sys/bus/mmc/drivers_probe"), "");
	CHECK_STR(fixture_read(&m->f, "sys/bus/usb/drivers_probe"), "");
	CHECK_INT(asked.read_only + asked.writable + asked.dropped + asked.reread, 0);
}

static void begin(struct removable_machine *m)
{
	memset(&asked, 0, sizeof(asked));
	machine_open(m);
	plug_stick(m);
	plug_card(m);
}

static void test_blocked_usb(void)
{
	struct removable_machine m;
	struct answer a;

	begin(&m);
	a = ASK(STICK_INTERFACE, REMOVABLE_BLOCKED, .action = "add");
	CHECK_INT(a.r, 0);
	CHECK_INT(a.verdict, MEDIA_DENIED);
	CHECK_INT(a.marks, MEDIA_SHUT);
	CHECK_STR(got(&m, STICK_INTERFACE, "authorized"), "0");
	/* The event of its driver going, and any other. */
	a = ASK(STICK_INTERFACE, REMOVABLE_BLOCKED, .action = "unbind", .marks = MEDIA_SHUT);
	CHECK_INT(a.marks, MEDIA_SHUT);
	a = ASK(STICK_INTERFACE, REMOVABLE_BLOCKED, .marks = MEDIA_SHUT);
	CHECK_INT(a.verdict, MEDIA_DENIED);
	CHECK_INT(a.marks, MEDIA_SHUT);
	CHECK_STR(got(&m, STICK_INTERFACE, "authorized"), "0");
	/* Undone: authorized, and a driver looked for. */
	a = ASK(STICK_INTERFACE, REMOVABLE_ANY, .marks = MEDIA_SHUT);
	CHECK_INT(a.verdict, MEDIA_ALLOWED);
	CHECK_INT(a.marks, 0);
	CHECK_STR(got(&m, STICK_INTERFACE, "authorized"), "1");
	CHECK_STR(fixture_read(&m.f, "sys/bus/usb/drivers_probe"), "1-1:1.0");
	machine_close(&m);
}

/* What somebody else shut stays shut when the policy goes. */
static void test_not_ours(void)
{
	struct removable_machine m;
	struct answer a;

	begin(&m);
	put(&m, STICK_INTERFACE, "authorized", "0");
	a = ASK(STICK_INTERFACE, REMOVABLE_BLOCKED);
	CHECK_INT(a.marks, 0);
	a = ASK(STICK_INTERFACE, REMOVABLE_ANY, .marks = a.marks);
	CHECK_STR(got(&m, STICK_INTERFACE, "authorized"), "0");
	/* And what was read-only before the policy stays so. */
	put(&m, STICK_DISK, "ro", "1");
	a = ASK(STICK_DISK, REMOVABLE_READ_ONLY);
	CHECK_INT(a.marks, 0);
	a = ASK(STICK_DISK, REMOVABLE_ANY, .marks = a.marks);
	CHECK_INT(asked.writable + asked.read_only, 0);
	put(&m, STICK_SCSI, "state", "offline");
	a = ASK(STICK_DISK, REMOVABLE_ANY, .marks = 0);
	CHECK_STR(got(&m, STICK_SCSI, "state"), "offline");
	machine_close(&m);
}

static void test_blocked_card(void)
{
	struct removable_machine m;
	struct answer a;

	begin(&m);
	a = ASK(CARD, REMOVABLE_BLOCKED, .action = "bind");
	CHECK_INT(a.verdict, MEDIA_DENIED);
	CHECK_INT(a.marks, MEDIA_SHUT);
	CHECK_STR(fixture_read(&m.f, "sys/bus/mmc/drivers/mmcblk/unbind"), "mmc0:aaaa");
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, CARD "/driver", 0), 0);
	a = ASK(CARD, REMOVABLE_BLOCKED, .action = "unbind", .marks = MEDIA_SHUT);
	CHECK_INT(a.marks, MEDIA_SHUT);
	/* Opening it again makes events of its own, which lead nowhere. */
	a = ASK(CARD, REMOVABLE_ANY, .action = "unbind", .marks = MEDIA_SHUT);
	CHECK_STR(fixture_read(&m.f, "sys/bus/mmc/drivers_probe"), "");
	a = ASK(CARD, REMOVABLE_ANY, .marks = MEDIA_SHUT);
	CHECK_STR(fixture_read(&m.f, "sys/bus/mmc/drivers_probe"), "mmc0:aaaa");
	CHECK_INT(a.marks, 0);
	machine_close(&m);
}

/* The blocks of what slipped past its interface; also of a kernel that tells of no drivers. */
static void test_blocked_blocks(void)
{
	struct removable_machine m;
	struct answer a;

	begin(&m);
	a = ASK(STICK_DISK, REMOVABLE_BLOCKED, .action = "add");
	CHECK_INT(a.verdict, MEDIA_DENIED);
	CHECK_INT(a.marks, MEDIA_OFFLINE);
	/* The kernel takes no word without the end of its line. */
	CHECK_STR(fixture_read(&m.f, STICK_SCSI "/state"), "offline\n");
	a = ASK(STICK_DISK, REMOVABLE_ANY, .marks = MEDIA_OFFLINE, .synthetic = true);
	CHECK_STR(fixture_read(&m.f, STICK_SCSI "/state"), "running\n");
	CHECK_INT(a.marks, 0);
	CHECK_INT(asked.reread, 1);
	a = ASK(CARD_DISK, REMOVABLE_BLOCKED, .action = "add");
	CHECK_INT(a.verdict, MEDIA_DENIED);
	CHECK_STR(fixture_read(&m.f, "sys/bus/mmc/drivers/mmcblk/unbind"), "mmc0:aaaa");
	machine_close(&m);
}

static void test_read_only(void)
{
	struct removable_machine m;
	struct answer a;

	begin(&m);
	CHECK_INT(ASK(STICK_INTERFACE, REMOVABLE_READ_ONLY).verdict, MEDIA_ALLOWED);
	a = ASK(STICK_DISK, REMOVABLE_READ_ONLY);
	CHECK_INT(a.verdict, MEDIA_ALLOWED);
	CHECK_INT(a.marks, MEDIA_READ_ONLY);
	CHECK_INT(asked.read_only, 1);
	put(&m, STICK_DISK, "ro", "1");
	a = ASK(STICK_DISK, REMOVABLE_READ_ONLY, .marks = MEDIA_READ_ONLY);
	CHECK_INT(a.marks, MEDIA_READ_ONLY);
	CHECK_INT(asked.read_only, 1);
	/* A partition that is made later has an event of its own. */
	a = ASK(STICK_DISK "/sda1", REMOVABLE_READ_ONLY, .action = "add", .fs_usage = "filesystem",
		.fs_type = "vfat");
	CHECK_INT(a.verdict, MEDIA_ALLOWED);
	CHECK_INT(asked.read_only, 2);
	a = ASK(STICK_DISK, REMOVABLE_ANY, .marks = MEDIA_READ_ONLY);
	CHECK_INT(asked.writable, 1);
	CHECK_INT(a.marks, 0);
	machine_close(&m);
}

/* Every content but LUKS and none at all. */
static void test_contents(void)
{
	static const struct {
		const char *usage, *type;
		enum media_verdict verdict;
	} rows[] = {
		{"", "", MEDIA_ALLOWED},
		{"crypto", "crypto_LUKS", MEDIA_ALLOWED},
		{"filesystem", "vfat", MEDIA_DENIED},
		{"filesystem", "ext4", MEDIA_DENIED},
		{"filesystem", "crypto_LUKS", MEDIA_DENIED},
		{"crypto", "BitLocker", MEDIA_DENIED},
		{"crypto", "", MEDIA_DENIED},
		{"raid", "linux_raid_member", MEDIA_DENIED},
		{"raid", "LVM2_member", MEDIA_DENIED},
		{"other", "swap", MEDIA_DENIED},
		{"whatever", "comes", MEDIA_DENIED},
	};
	static const enum removable_choice choices[] = {
		REMOVABLE_ENCRYPTED_ONLY, REMOVABLE_ENCRYPTED_READ_ONLY};
	struct removable_machine m;

	begin(&m);
	for (size_t c = 0; c < ARRAY_SIZE(choices); c++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			bool denied = rows[i].verdict == MEDIA_DENIED;
			bool sets = !denied && removable_forbids_writing(choices[c]);
			struct answer a;

			memset(&asked, 0, sizeof(asked));
			put(&m, STICK_SCSI, "state", "running");
			a = ASK(STICK_DISK "/sda1", choices[c], .fs_usage = rows[i].usage,
				.fs_type = rows[i].type);
			CHECK_INT(a.verdict, rows[i].verdict);
			CHECK_INT(asked.dropped, denied);
			CHECK_INT(asked.read_only, sets);
			a = ASK(STICK_DISK, choices[c], .fs_usage = rows[i].usage,
				.fs_type = rows[i].type);
			CHECK_INT(a.verdict, rows[i].verdict);
			CHECK_STR(got(&m, STICK_SCSI, "state"), denied ? "offline" : "running");
			CHECK_INT(a.marks, denied ? MEDIA_OFFLINE : sets ? MEDIA_READ_ONLY : 0);
		}
	}
	machine_close(&m);
}

/* A disk that is offline shows nothing of itself: it does not come back by that. */
static void test_stays_offline(void)
{
	struct removable_machine m;
	struct answer a;

	begin(&m);
	put(&m, STICK_SCSI, "state", "offline");
	a = ASK(STICK_DISK, REMOVABLE_ENCRYPTED_ONLY, .marks = MEDIA_OFFLINE);
	CHECK_INT(a.verdict, MEDIA_DENIED);
	CHECK_INT(a.marks, MEDIA_OFFLINE);
	CHECK_STR(got(&m, STICK_SCSI, "state"), "offline");
	machine_close(&m);
}

static void test_busy(void)
{
	struct removable_machine m;
	struct answer a;

	begin(&m);
	asked.n_busy = 2;
	a = ASK(STICK_DISK "/sda1", REMOVABLE_ENCRYPTED_ONLY, .fs_usage = "filesystem");
	CHECK_INT(a.r, 0);
	CHECK_INT(asked.dropped, 3);
	/* Gone already. */
	asked.drop_result = -ENXIO;
	a = ASK(STICK_DISK "/sda1", REMOVABLE_ENCRYPTED_ONLY, .fs_usage = "filesystem");
	CHECK_INT(a.r, 0);
	/* Never free: denied all the same, and told. */
	asked.n_busy = 1000;
	a = ASK(STICK_DISK "/sda1", REMOVABLE_ENCRYPTED_ONLY, .fs_usage = "filesystem");
	CHECK_INT(a.r, -EBUSY);
	CHECK_INT(a.verdict, MEDIA_DENIED);
	machine_close(&m);
}

/* What is mounted is left alone, whatever the choice. */
static void test_in_use(void)
{
	static const char *const paths[] = {
		STICK_INTERFACE, STICK_DISK, STICK_DISK "/sda1", CARD, CARD_DISK};
	struct removable_machine m;

	begin(&m);
	machine_mount(&m, "8:1", "/run/media/user/a", "/dev/sda1");
	machine_mount(&m, "179:1", "/run/media/user/b", "/dev/mmcblk0p1");
	machine_tables(&m);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		for (int c = REMOVABLE_READ_ONLY; c < REMOVABLE_CHOICE_MAX; c++) {
			struct answer a = ASK(paths[i], (enum removable_choice)c,
				.fs_usage = "filesystem", .fs_type = "vfat");
			bool gate = strcmp(paths[i], STICK_INTERFACE) == 0 ||
				    strcmp(paths[i], CARD) == 0;

			CHECK_INT(a.verdict,
				gate && c != REMOVABLE_BLOCKED ? MEDIA_ALLOWED : MEDIA_LATER);
			CHECK_INT(a.marks, 0);
		}
	}
	check_untouched(&m);
	machine_close(&m);
}

/* The disk of the system, and all that is soldered in: never touched by any choice or event. */
static void test_system(void)
{
	static const char *const paths[] = {
		CARD, CARD_DISK, CARD_DISK "/mmcblk0p1", CHIP, CHIP_DISK, CHIP_DISK "/mmcblk2p1"};
	static const char *const actions[] = {"add", "change", "bind", "online"};
	static const char *const usages[] = {"", "filesystem", "crypto", "raid"};
	struct removable_machine m;

	begin(&m);
	machine_mount(&m, "179:1", "/home", "/dev/mmcblk0p1");
	machine_tables(&m);
	for (size_t p = 0; p < ARRAY_SIZE(paths); p++)
		for (size_t a = 0; a < ARRAY_SIZE(actions); a++)
			for (size_t u = 0; u < ARRAY_SIZE(usages); u++)
				for (int c = 0; c < REMOVABLE_CHOICE_MAX; c++) {
					struct answer answer = ASK(paths[p],
						(enum removable_choice)c, .action = actions[a],
						.fs_usage = usages[u], .fs_type = "ext4");

					CHECK_INT(answer.r, 0);
					CHECK_INT(answer.marks, 0);
					CHECK(answer.verdict != MEDIA_DENIED);
				}
	check_untouched(&m);
	machine_close(&m);
}

/* Without a table of mounts what has just come cannot be in use, and everything else may be. */
static void test_no_table(void)
{
	struct removable_machine m;

	begin(&m);
	fixture_text(&m.f, "proc/self/mountinfo", "no table\n");
	CHECK_INT(ASK(STICK_DISK, REMOVABLE_BLOCKED).verdict, MEDIA_LATER);
	CHECK_INT(ASK(STICK_DISK, REMOVABLE_BLOCKED, .action = "add", .synthetic = true).verdict,
		MEDIA_LATER);
	check_untouched(&m);
	CHECK_INT(ASK(STICK_DISK, REMOVABLE_BLOCKED, .action = "add").verdict, MEDIA_DENIED);
	machine_close(&m);
}

static void test_release_partitions(void)
{
	struct removable_machine m;

	begin(&m);
	(void)ASK(STICK_DISK, REMOVABLE_ANY, .synthetic = true);
	CHECK_INT(asked.reread, 1);
	/* The kernel's own events, which that makes, do not lead there again. */
	(void)ASK(STICK_DISK, REMOVABLE_ANY);
	(void)ASK(STICK_DISK "/sda1", REMOVABLE_ANY, .synthetic = true);
	CHECK_INT(asked.reread, 1);
	machine_mount(&m, "8:1", "/run/media/user/a", "/dev/sda1");
	machine_tables(&m);
	(void)ASK(STICK_DISK, REMOVABLE_ANY, .synthetic = true);
	CHECK_INT(asked.reread, 1);
	machine_close(&m);
}

static void test_marks(void)
{
	char text[64];

	for (unsigned int marks = 0; marks < 8; marks++) {
		media_marks_format(marks, text);
		CHECK_INT(media_marks_parse(text), marks);
	}
	media_marks_format(0, text);
	CHECK_STR(text, "none");
	media_marks_format(MEDIA_READ_ONLY | MEDIA_OFFLINE, text);
	CHECK_STR(text, "read_only+offline");
	CHECK_INT(media_marks_parse(""), 0);
	CHECK_INT(media_marks_parse("shutter+off+read_onl+"), 0);
	for (int i = 0; i < MEDIA_VERDICT_MAX; i++)
		CHECK(media_verdict_name((enum media_verdict)i) != NULL);
}

static const struct check_test tests[] = {
	{"blocked_usb", test_blocked_usb},
	{"not_ours", test_not_ours},
	{"blocked_card", test_blocked_card},
	{"blocked_blocks", test_blocked_blocks},
	{"read_only", test_read_only},
	{"contents", test_contents},
	{"stays_offline", test_stays_offline},
	{"busy", test_busy},
	{"in_use", test_in_use},
	{"system", test_system},
	{"no_table", test_no_table},
	{"release_partitions", test_release_partitions},
	{"marks", test_marks},
};

CHECK_MAIN(tests)
