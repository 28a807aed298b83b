/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rfkill.c - the backend of radios against a kernel in this file, which keeps to what
 * /dev/rfkill does: a line for each switch at the start, one for each turn, packets both ways. The
 * real one: tests/vm/suites/restrictions.sh.
 */
#include <sys/socket.h>

#include "platform/radios.h"
#include "platform/restrict.h"
#include "platform/rfkill.h"
#include "tests/unit/platform/fixture.h"

#define SWITCHES_MAX 8

/* One for the whole file, as there is one kernel. */
static struct kernel {
	struct rfkill_event switches[SWITCHES_MAX];
	size_t n;
	int fd; /* our end; -1: nobody has opened it */
	unsigned int n_orders;
	bool absent;
} kernel;

static struct fixture fixture;
static struct backend *backend;
static struct effective wish;

static void kernel_tell(const struct rfkill_event *event, uint8_t op)
{
	struct rfkill_event copy = *event;

	copy.op = op;
	if (kernel.fd >= 0 && send(kernel.fd, &copy, RFKILL_EVENT_SIZE_V1, MSG_NOSIGNAL) < 0) {
		close(kernel.fd);
		kernel.fd = -1;
	}
}

static int kernel_open(struct platform *platform)
{
	int fds[2];

	(void)platform;
	if (kernel.absent)
		return -ENOENT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	if (kernel.fd >= 0)
		close(kernel.fd);
	kernel.fd = fds[0];
	for (size_t i = 0; i < kernel.n; i++)
		kernel_tell(&kernel.switches[i], RFKILL_OP_ADD);
	return fds[1];
}

static struct rfkill_event *kernel_find(uint32_t idx)
{
	for (size_t i = 0; i < kernel.n; i++)
		if (kernel.switches[i].idx == idx)
			return &kernel.switches[i];
	abort();
}

/* Somebody turns a switch. */
static void turn(uint32_t idx, bool off)
{
	struct rfkill_event *s = kernel_find(idx);

	if (s->soft == off)
		return;
	s->soft = off;
	kernel_tell(s, RFKILL_OP_CHANGE);
}

/* Does what it is ordered, and lets the agent see it. */
static void kernel_work(void)
{
	struct rfkill_event order;
	bool any = true;

	while (any) {
		any = false;
		fixture_settle(&fixture);
		while (kernel.fd >= 0 && recv(kernel.fd, &order, sizeof(order), MSG_DONTWAIT) ==
						 RFKILL_EVENT_SIZE_V1) {
			CHECK_INT(order.op, RFKILL_OP_CHANGE);
			kernel.n_orders++;
			turn(order.idx, order.soft);
			any = true;
		}
	}
}

static void plug(uint32_t idx, uint8_t type, bool off, const char *name)
{
	char path[64];

	kernel.switches[kernel.n] = (struct rfkill_event){.idx = idx, .type = type, .soft = off};
	snprintf(path, sizeof(path), "sys/class/rfkill/rfkill%u/name", idx);
	fixture_text(&fixture, path, name);
	kernel_tell(&kernel.switches[kernel.n++], RFKILL_OP_ADD);
}

static bool is_off(uint32_t idx)
{
	return kernel_find(idx)->soft;
}

static void start_agent(void)
{
	if (rfkill_backend_new_on(&fixture.platform, kernel_open, &backend) < 0)
		abort();
	(void)backend->ops->watch(backend, fixture_on_changed, &fixture);
	fixture.platform.desired = &wish;
}

static void stop_agent(void)
{
	backend_free(backend);
	backend = NULL;
	kernel_work();
}

static void begin(void)
{
	char path[256];

	fixture_open(&fixture);
	fixture.platform.state_fd = check_tmpdir(path);
	kernel = (struct kernel){.fd = -1};
	wish = (struct effective){0};
	fixture_directory(&fixture, "sys/class/rfkill");
	start_agent();
}

static void end(void)
{
	backend_free(backend);
	if (kernel.fd >= 0)
		close(kernel.fd);
	close(fixture.platform.state_fd);
	fixture_close(&fixture);
}

static void apply(void)
{
	CHECK_INT(fixture_apply(&fixture, backend, &wish), 0);
	kernel_work();
}

static const struct observation *look(enum setting_id id)
{
	if (fixture_observe(&fixture, backend) < 0)
		abort();
	return backend->observations[id];
}

static char *state_text(void)
{
	char *text = NULL;

	return restrict_load(&fixture.platform, "radios", &text) < 0 ? strdup("(none)") : text;
}

static void check_state(const char *wanted)
{
	_cleanup_free_ char *text = state_text();

	CHECK_STR(text, wanted);
}

/* --- tests --------------------------------------------------------------------------------- */

static void test_off_and_back(void)
{
	begin();
	plug(0, RFKILL_TYPE_WLAN, false, "phy0\n");
	plug(1, RFKILL_TYPE_BLUETOOTH, false, "hci0\n");
	plug(2, RFKILL_TYPE_BLUETOOTH, true, "hci1\n");
	plug(3, RFKILL_TYPE_WWAN, false, "modem\n");
	CHECK_INT(look(SETTING_RESTRICTIONS_BLUETOOTH)->value.number, GATE_ON);
	want(&wish, SETTING_RESTRICTIONS_BLUETOOTH, GATE_OFF);
	apply();
	CHECK(backend->apply_changed);
	CHECK(!is_off(0) && is_off(1) && is_off(2) && !is_off(3));
	CHECK_INT(look(SETTING_RESTRICTIONS_BLUETOOTH)->value.number, GATE_OFF);
	CHECK(look(SETTING_RESTRICTIONS_BLUETOOTH)->enforced);
	/* On disk is what its user had; of what nobody forbids, nothing. */
	check_state("2 0 hci0\n2 1 hci1\n");
	apply();
	CHECK(!backend->apply_changed);
	CHECK_INT(fixture_revert(&fixture, backend), 0);
	kernel_work();
	CHECK(!is_off(1) && is_off(2));
	check_state("(none)");
	CHECK(!fixture_has(&fixture, RESTRICT_OPEN));
	end();
}

static void test_turned_back(void)
{
	begin();
	plug(0, RFKILL_TYPE_WLAN, false, "phy0\n");
	want(&wish, SETTING_RESTRICTIONS_WIFI, 1);
	apply();
	fixture.n_changed = 0;
	for (int i = 0; i < 3; i++) {
		turn(0, false);
		kernel_work();
		CHECK(is_off(0));
	}
	/* When it is ordered, and when this kernel, which takes its time, has done it. */
	CHECK_INT(fixture.n_changed, 6);
	/* What was repaired on the way is drift that a round tells of. */
	apply();
	CHECK(backend->apply_changed);
	/* His turns while it is forbidden are no wishes; the last one before was. */
	check_state("1 0 phy0\n");
	end();
}

static void test_fight(void)
{
	unsigned int before;

	begin();
	plug(0, RFKILL_TYPE_WLAN, false, "phy0\n");
	want(&wish, SETTING_RESTRICTIONS_WIFI, 1);
	apply();
	before = kernel.n_orders;
	for (int i = 0; i < 100; i++) {
		turn(0, false);
		kernel_work();
		if (!is_off(0))
			break;
	}
	/* Answered at once a few times, then after a pause. */
	CHECK(!is_off(0));
	CHECK_INT(kernel.n_orders - before, CONTEST_FREE);
	CHECK(strstr(look(SETTING_RESTRICTIONS_WIFI)->detail, "keeps switching"));
	while (!is_off(0)) {
		CHECK(sd_event_run(fixture.platform.event, 4 * UINT64_C(1000000)) > 0);
		kernel_work();
	}
	end();
}

static void test_user_changes_his_mind(void)
{
	begin();
	plug(1, RFKILL_TYPE_BLUETOOTH, false, "hci0\n");
	want(&wish, SETTING_RESTRICTIONS_BLUETOOTH, GATE_OFF_WHILE_LOCKED);
	/* Nobody says that it is unlocked. */
	apply();
	CHECK(is_off(1));
	CHECK_INT(look(SETTING_RESTRICTIONS_BLUETOOTH)->value.number, GATE_OFF_WHILE_LOCKED);
	CHECK(look(SETTING_RESTRICTIONS_BLUETOOTH)->detail[0]);
	CHECK(!gate_is_marked_open(fixture.platform.sysroot_fd, SETTING_RESTRICTIONS_BLUETOOTH));
	end();
}

static void test_restart(void)
{
	begin();
	plug(1, RFKILL_TYPE_BLUETOOTH, false, "hci0\n");
	want(&wish, SETTING_RESTRICTIONS_BLUETOOTH, GATE_OFF);
	apply();
	stop_agent();
	/* After a start of the phone it is as systemd-rfkill found it: blocked, by us. */
	start_agent();
	apply();
	CHECK(is_off(1));
	check_state("2 0 hci0\n");
	/* The policy went while the agent was away. */
	stop_agent();
	start_agent();
	wish = (struct effective){0};
	CHECK_INT(fixture_revert(&fixture, backend), 0);
	kernel_work();
	CHECK(!is_off(1));
	check_state("(none)");
	end();
}

/* What another policy leaves alone is not touched by the end of one, nor by a restart. */
static void test_other_radios_are_left_alone(void)
{
	begin();
	plug(0, RFKILL_TYPE_WLAN, false, "phy0\n");
	plug(1, RFKILL_TYPE_BLUETOOTH, false, "hci0\n");
	want(&wish, SETTING_RESTRICTIONS_BLUETOOTH, GATE_OFF);
	apply();
	turn(0, true);
	kernel_work();
	stop_agent();
	start_agent();
	apply();
	CHECK(is_off(0) && is_off(1));
	CHECK_INT(fixture_revert(&fixture, backend), 0);
	kernel_work();
	CHECK(is_off(0) && !is_off(1));
	end();
}

static void test_hotplug(void)
{
	begin();
	want(&wish, SETTING_RESTRICTIONS_BLUETOOTH, GATE_OFF);
	apply();
	CHECK_STR(look(SETTING_RESTRICTIONS_BLUETOOTH)->detail, "this phone has no Bluetooth");
	CHECK_INT(look(SETTING_RESTRICTIONS_BLUETOOTH)->value.number, GATE_OFF);
	plug(7, RFKILL_TYPE_BLUETOOTH, false, "hci\n7\n");
	kernel_work();
	CHECK(is_off(7));
	kernel_tell(&kernel.switches[0], RFKILL_OP_DEL);
	kernel.n = 0;
	kernel_work();
	CHECK_STR(look(SETTING_RESTRICTIONS_BLUETOOTH)->detail, "this phone has no Bluetooth");
	end();
}

static void test_airplane(void)
{
	begin();
	plug(0, RFKILL_TYPE_WLAN, false, "phy0\n");
	plug(1, RFKILL_TYPE_BLUETOOTH, true, "hci0\n");
	plug(2, RFKILL_TYPE_NFC, false, "nfc0\n");
	want(&wish, SETTING_RESTRICTIONS_AIRPLANE_MODE, 1);
	apply();
	CHECK_INT(look(SETTING_RESTRICTIONS_AIRPLANE_MODE)->value.number, 1);
	/* All at once; NFC reaches nobody. */
	turn(0, true);
	turn(2, true);
	kernel_work();
	CHECK(!is_off(0) && is_off(1) && is_off(2));
	/* One that was never on is not what was switched off. */
	turn(1, false);
	kernel_work();
	turn(0, true);
	kernel_work();
	CHECK(is_off(0) && !is_off(1));
	end();
}

/* Switched off at once, all of them come back, not only the last one. */
static void test_airplane_brings_back_all(void)
{
	begin();
	plug(0, RFKILL_TYPE_WLAN, false, "phy0\n");
	plug(1, RFKILL_TYPE_BLUETOOTH, false, "hci0\n");
	want(&wish, SETTING_RESTRICTIONS_AIRPLANE_MODE, 1);
	apply();
	turn(0, true);
	turn(1, true);
	kernel_work();
	CHECK(!is_off(0) && !is_off(1));
	/* It was on before the policy came. */
	CHECK_INT(fixture_revert(&fixture, backend), 0);
	turn(0, true);
	turn(1, true);
	apply();
	CHECK(!is_off(0) && !is_off(1));
	/* What the policy itself has off does not count. */
	want(&wish, SETTING_RESTRICTIONS_BLUETOOTH, GATE_OFF);
	apply();
	CHECK(!is_off(0) && is_off(1));
	turn(0, true);
	kernel_work();
	CHECK(!is_off(0) && is_off(1));
	end();
}

static void test_no_switches(void)
{
	begin();
	kernel.absent = true;
	fixture_directory(&fixture, "sys/class/ieee80211/phy0");
	want(&wish, SETTING_RESTRICTIONS_WIFI, 1);
	want(&wish, SETTING_RESTRICTIONS_NFC, GATE_OFF);
	apply();
	CHECK_INT(look(SETTING_RESTRICTIONS_WIFI)->state, COMPLIANCE_UNSUPPORTED);
	CHECK_STR(look(SETTING_RESTRICTIONS_WIFI)->detail, "the kernel has no switch for Wi-Fi");
	CHECK_INT(look(SETTING_RESTRICTIONS_NFC)->state, COMPLIANCE_COMPLIANT);
	CHECK_STR(look(SETTING_RESTRICTIONS_NFC)->detail, "this phone has no NFC");
	end();
}

static void test_damaged_record(void)
{
	begin();
	plug(1, RFKILL_TYPE_BLUETOOTH, true, "hci0\n");
	CHECK_INT(restrict_save(&fixture.platform, "radios", "2 0 hci0\n2 x\n", 13), 0);
	want(&wish, SETTING_RESTRICTIONS_BLUETOOTH, GATE_OFF);
	apply();
	/* What is found is taken for his wish: nothing is switched on that may be off for a
	 * reason. */
	check_state("2 1 hci0\n");
	end();
}

static void test_record(void)
{
	static const char *const bad[] = {"2", "2 0", "2 0 ", "2 0 hci0", "32 0 a\n", "-1 0 a\n",
		"2 2 a\n", "2 00 a\n", "2 0 a\x01\n", " 2 0 a\n", "\n", "x 0 a\n"};
	struct radios radios = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(radios_read(&radios, bad[i]), -EBADMSG);
	CHECK_INT(radios_read(&radios, ""), 0);
	CHECK_INT(radios_read(&radios, "2 0 a name with blanks\n"), 0);
	CHECK(radios_has_record(&radios, 2) && !radios_has_record(&radios, 1));
	for (size_t i = 0; i < RADIOS_MAX; i++)
		buf_printf(&text, "1 0 phy%zu\n", i);
	CHECK_INT(radios_read(&radios, text.data), 0);
	CHECK_INT(radios.n_record, RADIOS_MAX);
	buf_puts(&text, "1 0 one too many\n");
	CHECK_INT(radios_read(&radios, text.data), -EBADMSG);
	CHECK_INT(radios.n_record, 0);
}

/* A name one too long, a switch one too many, a type that there is not. */
/* The kernel counts radios: after a restart, or when a driver comes again, one has another name. */
static void test_another_name(void)
{
	static const struct {
		const char *record;
		bool soft, wished;
	} cases[] = {
		/* The block that systemd-rfkill kept was ours. */
		{"1 0 phy3\n", true, false},
		/* Its user's. */
		{"1 1 phy3\n", true, true},
		{"1 1 phy3\n1 0 phy4\n", true, false},
		/* It is known by its name, whatever others were. */
		{"1 1 phy0\n1 0 phy4\n", true, true},
		/* Of another type; of none. */
		{"2 0 hci0\n", true, true},
		{"", true, true},
		/* One that comes unblocked is nobody's wish to block. */
		{"1 1 phy3\n", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rfkill_event event = {
			.type = RFKILL_TYPE_WLAN, .op = RFKILL_OP_ADD, .soft = cases[i].soft};
		struct radios radios = {.shut = {[RFKILL_TYPE_WLAN] = true}};

		CHECK_INT(radios_read(&radios, cases[i].record), 0);
		radios_take(&radios, &event, "phy0");
		CHECK_INT(radios.all[0].wished, cases[i].wished);
	}
}

static void test_limits(void)
{
	struct rfkill_event event = {.op = RFKILL_OP_ADD, .type = RADIO_TYPES};
	char name[RADIO_NAME_BYTES + 1], line[RADIO_NAME_BYTES + 8];
	struct radios radios = {0};

	radios_take(&radios, &event, "x");
	CHECK_INT(radios.n, 0);
	event.type = RFKILL_TYPE_WLAN;
	for (event.idx = 0; event.idx <= RADIOS_MAX; event.idx++)
		radios_take(&radios, &event, "x");
	CHECK_INT(radios.n, RADIOS_MAX);
	memset(name, 'n', sizeof(name));
	name[RADIO_NAME_BYTES] = 0;
	snprintf(line, sizeof(line), "1 0 %s\n", name + 1);
	CHECK_INT(radios_read(&radios, line), 0);
	snprintf(line, sizeof(line), "1 0 %s\n", name);
	CHECK_INT(radios_read(&radios, line), -EBADMSG);
}

static const struct check_test tests[] = {
	{"off_and_back", test_off_and_back},
	{"turned_back", test_turned_back},
	{"fight", test_fight},
	{"user_changes_his_mind", test_user_changes_his_mind},
	{"restart", test_restart},
	{"other_radios_are_left_alone", test_other_radios_are_left_alone},
	{"hotplug", test_hotplug},
	{"airplane", test_airplane},
	{"airplane_brings_back_all", test_airplane_brings_back_all},
	{"no_switches", test_no_switches},
	{"damaged_record", test_damaged_record},
	{"record", test_record},
	{"another_name", test_another_name},
	{"limits", test_limits},
};

CHECK_MAIN(tests)
