/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_device.c - what the device makes of sysfs, uevents and the words of NetworkManager and
 * ModemManager. The services themselves: tests/system/device.py.
 */
#include <sys/socket.h>

#include "platform/device_fake.h"
#include "platform/device_private.h"
#include "tests/lib/check.h"
#include "tests/unit/platform/fixture.h"

static void test_names(void)
{
	for (size_t i = 0; i < DEVICE_EVENT_MAX; i++) {
		CHECK(device_event_name((enum device_event)i));
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(device_event_name((enum device_event)i),
				      device_event_name((enum device_event)k)) != 0);
	}
	CHECK(!device_event_name(DEVICE_EVENT_MAX));
}

static void test_nothing_is_known(void)
{
	const struct device_facts *facts = device_facts(NULL);

	CHECK_INT(facts->charging, TRUTH_UNKNOWN);
	CHECK_INT(facts->online, TRUTH_UNKNOWN);
	CHECK_INT(facts->metered, TRUTH_UNKNOWN);
	CHECK_INT(facts->roaming, TRUTH_UNKNOWN);
	device_hold(NULL, "nothing");
	device_release(NULL);
	device_free(NULL);
}

/* --- what services say -------------------------------------------------------------------- */

static void test_link(void)
{
	static const struct {
		uint32_t state, connectivity, metered;
		enum truth online, is_metered;
	} cases[] = {
		{0, 0, 0, TRUTH_UNKNOWN, TRUTH_UNKNOWN},
		{10, 1, 2, TRUTH_FALSE, TRUTH_FALSE},
		{20, 4, 1, TRUTH_FALSE, TRUTH_TRUE},
		{40, 0, 3, TRUTH_FALSE, TRUTH_TRUE},
		{50, 0, 4, TRUTH_FALSE, TRUTH_FALSE},
		{59, 0, 5, TRUTH_FALSE, TRUTH_UNKNOWN},
		/* The organisation's server may be reachable where the internet is not. */
		{60, 3, 0, TRUTH_TRUE, TRUTH_UNKNOWN},
		{60, 2, 0, TRUTH_FALSE, TRUTH_UNKNOWN},
		{60, 1, 0, TRUTH_FALSE, TRUTH_UNKNOWN},
		{70, 4, UINT32_MAX, TRUTH_TRUE, TRUTH_UNKNOWN},
		/* No check of the internet is configured. */
		{70, 0, 2, TRUTH_TRUE, TRUTH_FALSE},
		{UINT32_MAX, UINT32_MAX, 1, TRUTH_TRUE, TRUTH_TRUE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device_link link = {
			.state = cases[i].state,
			.connectivity = cases[i].connectivity,
			.metered = cases[i].metered,
		};

		CHECK_INT(device_link_online(&link), cases[i].online);
		CHECK_INT(device_link_metered(&link), cases[i].is_metered);
	}
}

static void test_modems(void)
{
	static const struct {
		uint32_t registrations[DEVICE_MODEMS_COUNT]; /* UINT32_MAX: no modem */
		enum truth roaming;
	} cases[] = {
		{{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, TRUTH_FALSE},
		{{1, UINT32_MAX, UINT32_MAX, UINT32_MAX}, TRUTH_FALSE},
		{{5, UINT32_MAX, UINT32_MAX, UINT32_MAX}, TRUTH_TRUE},
		{{7, 1, UINT32_MAX, UINT32_MAX}, TRUTH_TRUE},
		{{10, 1, 2, 3}, TRUTH_TRUE},
		{{0, 2, 3, 8}, TRUTH_FALSE},
		{{4, UINT32_MAX, UINT32_MAX, UINT32_MAX}, TRUTH_UNKNOWN},
		{{1, 4, UINT32_MAX, UINT32_MAX}, TRUTH_UNKNOWN},
		{{4, 5, UINT32_MAX, UINT32_MAX}, TRUTH_TRUE},
		{{UINT32_MAX, UINT32_MAX, UINT32_MAX, 5}, TRUTH_TRUE},
		{{99, UINT32_MAX, UINT32_MAX, UINT32_MAX}, TRUTH_FALSE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device_modems modems = {0};

		for (size_t k = 0; k < DEVICE_MODEMS_COUNT; k++) {
			if (cases[i].registrations[k] == UINT32_MAX)
				continue;
			snprintf(modems.modems[k].path, sizeof(modems.modems[k].path), "/m/%zu", k);
			modems.modems[k].registration = cases[i].registrations[k];
		}
		CHECK_INT(device_modems_roaming(&modems), cases[i].roaming);
	}
}

/* --- power -------------------------------------------------------------------------------- */

static void supply(struct fixture *f, const char *name, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "sys/class/power_supply/%s/%s", name, file);
	fixture_write(f, path, text, strlen(text));
}

static void test_power(void)
{
	static const struct {
		const char *type, *online, *status, *scope;
		enum truth charging;
	} cases[] = {
		{"Mains", "1", NULL, NULL, TRUTH_TRUE},
		{"USB", "0", NULL, NULL, TRUTH_FALSE},
		/* Programmable supplies. */
		{"USB_PD", "2", NULL, "System", TRUTH_TRUE},
		{"Wireless", "0", NULL, NULL, TRUTH_FALSE},
		{"Mains", NULL, NULL, NULL, TRUTH_UNKNOWN},
		{"Battery", "1", NULL, NULL, TRUTH_UNKNOWN},
		{"Battery", NULL, "Discharging", NULL, TRUTH_FALSE},
		{"Battery", NULL, "Charging", NULL, TRUTH_TRUE},
		{"Battery", NULL, "Full", NULL, TRUTH_TRUE},
		{"Battery", NULL, "Not charging", NULL, TRUTH_TRUE},
		{"Battery", NULL, "Unknown", NULL, TRUTH_UNKNOWN},
		{"Battery", NULL, "Charging", "Device", TRUTH_UNKNOWN},
		{"UPS", "1", NULL, NULL, TRUTH_UNKNOWN},
		{NULL, "1", NULL, NULL, TRUTH_UNKNOWN},
		{"Mains", "", NULL, NULL, TRUTH_UNKNOWN},
		{"Mains", "yes", NULL, NULL, TRUTH_UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		fixture_open(&f);
		CHECK_INT(device_power_read(f.platform.sysroot_fd), TRUTH_UNKNOWN);
		if (cases[i].type)
			supply(&f, "a", "type", cases[i].type);
		if (cases[i].online)
			supply(&f, "a", "online", cases[i].online);
		if (cases[i].status)
			supply(&f, "a", "status", cases[i].status);
		if (cases[i].scope)
			supply(&f, "a", "scope", cases[i].scope);
		CHECK_INT(device_power_read(f.platform.sysroot_fd), cases[i].charging);
		fixture_close(&f);
	}
}

static void test_power_of_several(void)
{
	struct fixture f;

	fixture_open(&f);
	supply(&f, "bat", "type", "Battery\n");
	supply(&f, "bat", "status", "Discharging\n");
	supply(&f, "usb", "type", "USB\n");
	supply(&f, "usb", "online", "1\n");
	/* The charger's word goes before the battery's: a weak one does not charge. */
	CHECK_INT(device_power_read(f.platform.sysroot_fd), TRUTH_TRUE);
	supply(&f, "usb", "online", "0\n");
	CHECK_INT(device_power_read(f.platform.sysroot_fd), TRUTH_FALSE);
	supply(&f, "wireless", "type", "Wireless\n");
	supply(&f, "wireless", "online", "1\n");
	CHECK_INT(device_power_read(f.platform.sysroot_fd), TRUTH_TRUE);
	fixture_close(&f);
}

/* --- uevents ------------------------------------------------------------------------------ */

#define ADAPTER                                                                                    \
	"\0ACTION=change\0DEVPATH=/devices/x/power_supply/usb\0SUBSYSTEM=power_supply\0"           \
	"POWER_SUPPLY_NAME=usb\0POWER_SUPPLY_TYPE=USB\0POWER_SUPPLY_ONLINE=1\0SEQNUM=7"
#define BATTERY                                                                                    \
	"\0ACTION=change\0DEVPATH=/devices/x/power_supply/bat\0SUBSYSTEM=power_supply\0"           \
	"POWER_SUPPLY_NAME=bat\0POWER_SUPPLY_TYPE=Battery\0POWER_SUPPLY_STATUS=Discharging\0"      \
	"POWER_SUPPLY_CAPACITY=51\0SEQNUM=8"
#define UNRELATED "\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=usb\0SEQNUM=9"

/* A message as the kernel makes it, its header of n characters. */
static void send_uevent(int fd, size_t n, const char *lines, size_t n_lines)
{
	char message[4096];

	memset(message, 'h', n);
	memcpy(message + n, lines, n_lines);
	if (send(fd, message, n + n_lines, 0) < 0)
		abort();
}

static bool arrives(int fd)
{
	char message[4096];

	return recv(fd, message, sizeof(message), MSG_DONTWAIT) > 0;
}

/* Every alignment, and paths of every length the kernel's messages have. */
static void check_filter(bool batteries)
{
	int fds[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_INT(device_power_filter(fds[0], batteries), 0);
	for (size_t n = 1; n < 700; n++) {
		send_uevent(fds[1], n, ADAPTER, sizeof(ADAPTER));
		if (arrives(fds[0]) == batteries)
			check_fail(__FILE__, __LINE__, "the charger, %zu characters", n);
		send_uevent(fds[1], n, BATTERY, sizeof(BATTERY));
		if (arrives(fds[0]) != batteries)
			check_fail(__FILE__, __LINE__, "the battery, %zu characters", n);
		send_uevent(fds[1], n, UNRELATED, sizeof(UNRELATED));
		if (arrives(fds[0]))
			check_fail(__FILE__, __LINE__, "something else, %zu characters", n);
	}
	CHECK_INT(send(fds[1], "", 1, 0), 1);
	CHECK(!arrives(fds[0]));
	close(fds[0]);
	close(fds[1]);
}

static void test_filter(void)
{
	check_filter(false);
	check_filter(true);
}

struct seen {
	unsigned int n[DEVICE_EVENT_MAX];
};

static void on_event(enum device_event event, void *userdata)
{
	((struct seen *)userdata)->n[event]++;
}

static void run_loop(struct fixture *f)
{
	while (sd_event_run(f->platform.event, 0) > 0)
		;
}

static void test_uevents(void)
{
	struct seen seen = {0};
	struct device *device;
	struct fixture f;
	int fds[2];

	fixture_open(&f);
	supply(&f, "usb", "type", "USB\n");
	supply(&f, "usb", "online", "0\n");
	CHECK_INT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	CHECK_INT(device_fake_new(&f.platform, on_event, &seen, &device), 0);
	CHECK(device_power_start(device, fds[0]) >= 0);
	CHECK_INT(device->power.charging, TRUTH_FALSE);
	supply(&f, "usb", "online", "1\n");
	/* Nobody has said anything yet; and these are not about power. */
	send_uevent(fds[1], 30, UNRELATED, sizeof(UNRELATED));
	send_uevent(fds[1], 30, BATTERY, sizeof(BATTERY));
	run_loop(&f);
	CHECK_INT(device_facts(device)->charging, TRUTH_UNKNOWN);
	send_uevent(fds[1], 30, ADAPTER, sizeof(ADAPTER));
	run_loop(&f);
	CHECK_INT(device_facts(device)->charging, TRUTH_TRUE);
	CHECK_INT(seen.n[DEVICE_FACTS_CHANGED], 1);
	/* The same again is no change. */
	send_uevent(fds[1], 31, ADAPTER, sizeof(ADAPTER));
	run_loop(&f);
	CHECK_INT(seen.n[DEVICE_FACTS_CHANGED], 1);
	supply(&f, "usb", "online", "0\n");
	for (int i = 0; i < 5; i++)
		send_uevent(fds[1], 32, ADAPTER, sizeof(ADAPTER));
	run_loop(&f);
	CHECK_INT(device_facts(device)->charging, TRUTH_FALSE);
	CHECK_INT(seen.n[DEVICE_FACTS_CHANGED], 2);
	device_free(device);
	close(fds[1]);
	fixture_close(&f);
}

/* Without a charger's driver the battery is listened to. */
static void test_uevents_of_batteries(void)
{
	struct seen seen = {0};
	struct device *device;
	struct fixture f;
	int fds[2];

	fixture_open(&f);
	supply(&f, "bat", "type", "Battery\n");
	supply(&f, "bat", "status", "Charging\n");
	CHECK_INT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	CHECK_INT(device_fake_new(&f.platform, on_event, &seen, &device), 0);
	CHECK(device_power_start(device, fds[0]) >= 0);
	CHECK_INT(device->power.charging, TRUTH_TRUE);
	supply(&f, "bat", "status", "Discharging\n");
	send_uevent(fds[1], 30, BATTERY, sizeof(BATTERY));
	run_loop(&f);
	CHECK_INT(device_facts(device)->charging, TRUTH_FALSE);
	device_free(device);
	close(fds[1]);
	fixture_close(&f);
}

/* --- edges -------------------------------------------------------------------------------- */

static void test_edges(void)
{
	static const struct {
		enum truth before, after;
		unsigned int n_online;
	} cases[] = {
		{TRUTH_FALSE, TRUTH_TRUE, 1},
		{TRUTH_TRUE, TRUTH_TRUE, 0},
		{TRUTH_TRUE, TRUTH_FALSE, 0},
		/* What nobody told of may have been so all the time. */
		{TRUTH_UNKNOWN, TRUTH_TRUE, 0},
		{TRUTH_FALSE, TRUTH_UNKNOWN, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device_facts facts = *device_facts(NULL);
		struct seen seen = {0};
		struct device *device;

		CHECK_INT(device_fake_new(NULL, on_event, &seen, &device), 0);
		facts.online = cases[i].before;
		device_fake_see(device, &facts);
		memset(&seen, 0, sizeof(seen));
		facts.online = cases[i].after;
		device_fake_see(device, &facts);
		CHECK_INT(seen.n[DEVICE_ONLINE], cases[i].n_online);
		CHECK_INT(seen.n[DEVICE_FACTS_CHANGED], cases[i].before != cases[i].after);
		device_free(device);
	}
}

/* Abroad, but on somebody's Wi-Fi: that is not the modem's business. */
static void test_roaming_needs_a_mobile_link(void)
{
	static const struct {
		const char *type;
		enum truth roaming;
	} cases[] = {
		{"gsm", TRUTH_TRUE},
		{"", TRUTH_TRUE},
		{"wireguard", TRUTH_TRUE},
		{"802-11-wireless", TRUTH_FALSE},
		{"802-3-ethernet", TRUTH_FALSE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device_facts facts = *device_facts(NULL);
		struct device *device;

		CHECK_INT(device_fake_new(NULL, NULL, NULL, &device), 0);
		facts.roaming = TRUTH_TRUE;
		device_fake_see(device, &facts);
		CHECK_INT(device_facts(device)->roaming, TRUTH_TRUE);
		snprintf(device->network.link.primary_type, DEVICE_TYPE_BYTES, "%s", cases[i].type);
		device_update(device);
		CHECK_INT(device_facts(device)->roaming, cases[i].roaming);
		device_free(device);
	}
}

static void test_holds(void)
{
	struct device *device;

	CHECK_INT(device_fake_new(NULL, NULL, NULL, &device), 0);
	device_release(device);
	CHECK_INT(device_fake_holds(device), 0);
	device_hold(device, "one");
	device_hold(device, "two");
	CHECK_INT(device_fake_holds(device), 2);
	device_release(device);
	device_release(device);
	device_release(device);
	CHECK_INT(device_fake_holds(device), 0);
	device_free(device);
}

/* No bus at all: known at once, said in words, and no reason to fail or to wait. */
static void test_no_bus(void)
{
	struct seen seen = {0};
	struct device *device;
	struct fixture f;

	fixture_open(&f);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	CHECK_INT(device_new(&f.platform, on_event, &seen, &device), 0);
	CHECK_INT(device_facts(device)->online, TRUTH_UNKNOWN);
	CHECK(strstr(device_facts(device)->detail, "no connection to the system bus"));
	CHECK(strstr(device_facts(device)->detail, "no power supply"));
	device_hold(device, "an exchange");
	device_release(device);
	run_loop(&f);
	device_free(device);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"nothing_is_known", test_nothing_is_known},
	{"link", test_link},
	{"modems", test_modems},
	{"power", test_power},
	{"power_of_several", test_power_of_several},
	{"filter", test_filter},
	{"uevents", test_uevents},
	{"uevents_of_batteries", test_uevents_of_batteries},
	{"edges", test_edges},
	{"roaming_needs_a_mobile_link", test_roaming_needs_a_mobile_link},
	{"holds", test_holds},
	{"no_bus", test_no_bus},
};
CHECK_MAIN(tests)
