/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_usb_host.c - what is plugged in: the backend over a made-up sysfs, in which nothing answers
 * to what is written; what the kernel would do is done by the tests. The real one, with sticks that
 * are plugged in: tests/vm/suites/restrictions.sh.
 */
#include "platform/nodes_rule.h"
#include "platform/restrict.h"
#include "platform/usb_list.h"
#include "platform/usb_record.h"
#include "tests/unit/platform/removable_machine.h"
#include "tests/unit/platform/udev_rig.h"

#define ID SETTING_RESTRICTIONS_USB_HOST
#define ROOT "sys/devices/pci/usb1"
#define MODEM ROOT "/1-2"
#define PARAMETER "sys/module/usbcore/parameters/authorized_default"

struct phone {
	struct removable_machine m;
	struct effective wish;
};

static void put_device(struct phone *p, const char *path, const char *vendor, const char *product,
	const char *removable)
{
	put(&p->m, path, "idVendor", vendor);
	put(&p->m, path, "idProduct", product);
	put(&p->m, path, "removable", removable);
	put(&p->m, path, "authorized", "1");
	put_name(&p->m, "sys/bus/usb/devices", path);
}

static void put_interface(struct phone *p, const char *path, const char *class)
{
	put(&p->m, path, "bInterfaceClass", class);
	put(&p->m, path, "authorized", "1");
	put_name(&p->m, "sys/bus/usb/devices", path);
}

static void plug(struct phone *p)
{
	plug_stick(&p->m);
	put(&p->m, STICK, "removable", "removable");
	put(&p->m, STICK, "authorized", "1");
	put_name(&p->m, "sys/bus/usb/devices", STICK);
}

/* The running system lies where "/" is. */
static void put_mount(struct removable_machine *m, const char *number, const char *point)
{
	if (strcmp(point, "/") == 0)
		buf_reset(&m->mounts);
	machine_mount(m, number, point, "/dev/x");
	machine_tables(m);
}

static bool begin(struct phone *p)
{
	memset(p, 0, sizeof(*p));
	machine_open(&p->m);
	if (!udev_rig_begin(&p->m.f, UDEV_RIG_NOTES)) {
		machine_close(&p->m);
		return false;
	}
	p->m.f.platform.state_fd = p->m.f.platform.vault_fd;
	put(&p->m, ROOT, "authorized_default", "1");
	put_name(&p->m, "sys/bus/usb/devices", ROOT);
	fixture_text(&p->m.f, PARAMETER, "-1\n");
	put_device(p, MODEM, "2c7c", "0125", "unknown");
	put_interface(p, MODEM "/1-2:1.4", "ff");
	fixture_directory(&p->m.f, MODEM "/1-2:1.4/net/wwan0");
	fixture_directory(&p->m.f, "sys/class/net");
	fixture_link(
		&p->m.f, "sys/class/net/wwan0", "../../devices/pci/usb1/1-2/1-2:1.4/net/wwan0");
	if (usb_host_backend_new(&p->m.f.platform, &p->m.b) < 0 ||
		p->m.b->ops->watch(p->m.b, fixture_on_changed, &p->m.f) < 0)
		abort();
	p->m.f.platform.desired = &p->wish;
	return true;
}

static void apply(struct phone *p)
{
	CHECK_INT(fixture_apply(&p->m.f, p->m.b, &p->wish), 0);
}

static const struct observation *look(struct phone *p)
{
	if (fixture_observe(&p->m.f, p->m.b) < 0)
		abort();
	return p->m.b->observations[ID];
}

static const char *parameter(struct phone *p)
{
	return fixture_read(&p->m.f, PARAMETER);
}

static void test_off(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	plug(&p);
	CHECK_INT(look(&p)->value.number, GATE_ON);
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK(p.m.b->apply_changed);
	CHECK_STR(got(&p.m, ROOT, "authorized_default"), "0");
	CHECK_STR(got(&p.m, STICK, "authorized"), "0");
	/* The phone's own network stays, and is known to udev. */
	CHECK_STR(got(&p.m, MODEM, "authorized"), "1");
	CHECK_STR(parameter(&p), "0");
	CHECK(strstr(fixture_read(&p.m.f, USB_RULE_PATH),
		"KERNEL==\"1-2\", ATTR{idVendor}==\"2c7c\", ATTR{idProduct}==\"0125\", "
		"ATTR{authorized}=\"1\""));
	CHECK(!strstr(fixture_read(&p.m.f, USB_RULE_PATH), "0781"));
	CHECK_INT(look(&p)->value.number, GATE_OFF);
	CHECK_INT(look(&p)->n_items, 2);
	CHECK_STR(look(&p)->items[0].detail, "not taken");
	CHECK_STR(look(&p)->items[1].detail, "a network of the phone");
	apply(&p);
	CHECK(!p.m.b->apply_changed);
	/* Somebody authorizes it. */
	put(&p.m, STICK, "authorized", "1");
	CHECK_INT(look(&p)->value.number, GATE_ON);
	apply(&p);
	CHECK(p.m.b->apply_changed);
	CHECK_STR(got(&p.m, STICK, "authorized"), "0");
	CHECK_INT(fixture_revert(&p.m.f, p.m.b), 0);
	CHECK_STR(got(&p.m, ROOT, "authorized_default"), "1");
	CHECK_STR(got(&p.m, STICK, "authorized"), "1");
	CHECK_STR(parameter(&p), "-1");
	CHECK(!fixture_has(&p.m.f, USB_RULE_PATH) && !fixture_has(&p.m.f, RESTRICT_OPEN));
	CHECK(faccessat(p.m.f.platform.vault_fd, RESTRICT_STATE, F_OK, 0) < 0);
	machine_close(&p.m);
}

/* What is mounted from a stick would be lost. */
static void test_in_use(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	plug(&p);
	put_mount(&p.m, "8:1", "/media/stick");
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK_STR(got(&p.m, STICK, "authorized"), "1");
	CHECK_STR(got(&p.m, ROOT, "authorized_default"), "0");
	CHECK_INT(look(&p)->items[0].reason, REASON_IN_USE);
	CHECK(strstr(look(&p)->detail, "eject it"));
	machine_close(&p.m);
}

/* The phone runs from it: cut off it would be dead, now or after a restart. */
static void test_system(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	plug(&p);
	put_mount(&p.m, "8:1", "/");
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK_STR(got(&p.m, STICK, "authorized"), "1");
	CHECK(strstr(
		fixture_read(&p.m.f, USB_RULE_PATH), "KERNEL==\"1-1\", ATTR{idVendor}==\"0781\""));
	CHECK_INT(look(&p)->value.number, GATE_OFF);
	CHECK_STR(look(&p)->items[0].detail, "the running system lies on it");
	machine_close(&p.m);
}

/* A stick that says to be a network card as well, one that was refused before, one that is built
 * in. */
static void test_what_stays(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	plug(&p);
	put_interface(&p, STICK "/1-1:1.1", "02");
	fixture_directory(&p.m.f, STICK "/1-1:1.1/net/usb9");
	fixture_link(&p.m.f, "sys/class/net/usb9", "../../devices/pci/usb1/1-1/1-1:1.1/net/usb9");
	put_device(&p, ROOT "/1-3", "dead", "beef", "removable");
	put(&p.m, ROOT "/1-3", "authorized", "0");
	put_device(&p, ROOT "/1-4", "0bda", "8153", "fixed");
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK_STR(got(&p.m, STICK, "authorized"), "0");
	CHECK_STR(got(&p.m, ROOT "/1-4", "authorized"), "1");
	/* The modem starts anew and is not taken by its hub: it comes back. */
	put(&p.m, MODEM, "authorized", "0");
	apply(&p);
	CHECK_STR(got(&p.m, MODEM, "authorized"), "1");
	/* Another device in its place does not. */
	put(&p.m, MODEM, "idProduct", "0126");
	apply(&p);
	CHECK_STR(got(&p.m, MODEM, "authorized"), "0");
	CHECK_INT(fixture_revert(&p.m.f, p.m.b), 0);
	CHECK_STR(got(&p.m, STICK, "authorized"), "1");
	CHECK_STR(got(&p.m, ROOT "/1-3", "authorized"), "0");
	machine_close(&p.m);
}

/*
 * A hub that anybody can plug in says of what is on it that it is built in, while the phone is
 * unlocked; locked, something is plugged into that. A hub that is built in may say so.
 */
static void test_hub_that_says_so(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	put_device(&p, ROOT "/1-3", "dead", "beef", "unknown");
	put_device(&p, ROOT "/1-3/1-3.1", "dead", "0001", "fixed");
	put_device(&p, ROOT "/1-4", "05e3", "0608", "fixed");
	want(&p.wish, ID, GATE_OFF_WHILE_LOCKED);
	apply(&p);
	put_device(&p, ROOT "/1-3/1-3.2", "dead", "0002", "fixed");
	put(&p.m, ROOT "/1-3/1-3.2", "authorized", "0");
	put_device(&p, ROOT "/1-4/1-4.1", "dead", "0003", "fixed");
	put(&p.m, ROOT "/1-4/1-4.1", "authorized", "0");
	put_device(&p, ROOT "/1-4/1-4.2", "dead", "0004", "removable");
	put(&p.m, ROOT "/1-4/1-4.2", "authorized", "0");
	/* What was there when the rule began starts anew. */
	put(&p.m, ROOT "/1-3/1-3.1", "authorized", "0");
	apply(&p);
	CHECK_STR(got(&p.m, ROOT "/1-3/1-3.2", "authorized"), "0");
	CHECK_STR(got(&p.m, ROOT "/1-3/1-3.1", "authorized"), "1");
	CHECK_STR(got(&p.m, ROOT "/1-4/1-4.1", "authorized"), "1");
	CHECK_STR(got(&p.m, ROOT "/1-4/1-4.2", "authorized"), "0");
	/* Something else in its place is not. */
	put(&p.m, ROOT "/1-3/1-3.1", "authorized", "0");
	put(&p.m, ROOT "/1-3/1-3.1", "idProduct", "0009");
	apply(&p);
	CHECK_STR(got(&p.m, ROOT "/1-3/1-3.1", "authorized"), "0");
	CHECK(strstr(fixture_read(&p.m.f, USB_RULE_PATH),
		"KERNELS==\"*-*\", ATTRS{removable}==\"removable|unknown\", "
		"GOTO=\"mdm_usb_plugged\"\n"));
	machine_close(&p.m);
}

/* Nobody says that it is unlocked: what is there stays, what comes is not taken. */
static void test_locked(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	plug(&p);
	want(&p.wish, ID, GATE_OFF_WHILE_LOCKED);
	apply(&p);
	CHECK_STR(got(&p.m, ROOT, "authorized_default"), "0");
	CHECK_STR(got(&p.m, STICK, "authorized"), "1");
	CHECK_INT(look(&p)->value.number, GATE_OFF_WHILE_LOCKED);
	/* A start of the agent in between, and the end of the policy. */
	backend_free(p.m.b);
	CHECK_INT(usb_host_backend_new(&p.m.f.platform, &p.m.b), 0);
	CHECK_INT(p.m.b->ops->watch(p.m.b, fixture_on_changed, &p.m.f), 0);
	CHECK_INT(fixture_revert(&p.m.f, p.m.b), 0);
	CHECK_STR(got(&p.m, ROOT, "authorized_default"), "1");
	CHECK_STR(parameter(&p), "-1");
	machine_close(&p.m);
}

static void test_no_usb(void)
{
	struct phone p = {0};

	fixture_open(&p.m.f);
	fixture_directory(&p.m.f, "sys/bus/mmc");
	CHECK_INT(usb_host_backend_new(&p.m.f.platform, &p.m.b), 0);
	p.m.f.platform.desired = &p.wish;
	want(&p.wish, ID, GATE_OFF);
	CHECK_INT(look(&p)->value.number, GATE_OFF);
	CHECK(strstr(look(&p)->detail, "no USB"));
	machine_close(&p.m);
}

/* --- the record ---------------------------------------------------------------------------- */

static void test_record(void)
{
	static const char text[] = "parameter -1\nhub usb1 1\nhub usb2 2\npin 1-1.2 2c7c 0125\n"
				   "refused 1-3\n";
	static const char *const bad[] = {"parameter 3\n", "parameter 1",
		"parameter 1\nparameter 1\n", "hub usb1\n", "hub ../x 1\n", "hub usb1 1 1\n",
		"pin 1-1 2c7c\n", "pin 1-1 2c7c 01\"5\n", "pin 1-1 2C7C 0125\n",
		"pin 1*1 2c7c 0125\n", "refused \n", "refused a b\n", "other\n", "\n",
		"refused 1-1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1\n"};
	struct usb_record record = {0};
	_cleanup_buf_ struct buf out = BUF_INIT, many = BUF_INIT;

	CHECK_INT(usb_record_read(text, &record), 0);
	CHECK_INT(usb_record_write(&record, &out), 0);
	buf_append(&out, "", 1);
	CHECK_STR(out.data, text);
	CHECK_STR(usb_record_default(&record, "usb2"), "2");
	CHECK_STR(usb_record_default(&record, "usb3"), "1");
	CHECK(usb_record_is_refused(&record, "1-3") && !usb_record_is_refused(&record, "1-1.2"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(usb_record_read(bad[i], &record), -EBADMSG);
	CHECK_INT(record.n_pins, 1);
	for (size_t i = 0; i < USB_RECORD_PINS; i++)
		buf_printf(&many, "pin 1-%zu 0000 0000\n", i);
	CHECK_INT(usb_record_read(many.data, &record), 0);
	buf_puts(&many, "pin 2-1 0000 0000\n");
	CHECK_INT(usb_record_read(many.data, &record), -EBADMSG);
	buf_reset(&many);
	for (size_t i = 0; i < USB_RECORD_NAMES; i++)
		buf_printf(&many, "hub usb%zu 1\nrefused 1-%zu\n", i, i);
	CHECK_INT(usb_record_read(many.data, &record), 0);
	buf_puts(&many, "refused 2-1\n");
	CHECK_INT(usb_record_read(many.data, &record), -EBADMSG);
}

/* Nothing that a device says of itself becomes a rule. */
static void test_rule(void)
{
	struct usb_pin pin = {"1-1", "2c7c", "01\"5"};
	_cleanup_buf_ struct buf out = BUF_INIT;

	CHECK_INT(usb_rule_write(&pin, 1, &out), -EINVAL);
	CHECK_INT(out.n_bytes, 0);
	memcpy(pin.product, "0125", 5);
	CHECK_INT(usb_rule_write(&pin, 1, &out), 0);
}

static void test_too_many(void)
{
	_cleanup_free_ struct usb_device *devices = calloc(USB_DEVICES_MAX, sizeof(*devices));
	struct phone p = {0};
	size_t n;

	machine_open(&p.m);
	for (int i = 0; i <= USB_DEVICES_MAX; i++) {
		char path[64];

		snprintf(path, sizeof(path), ROOT "/1-%d", i);
		put_device(&p, path, "0000", "0000", "unknown");
		CHECK_INT(usb_list(p.m.f.platform.sysroot_fd, devices, &n),
			i == USB_DEVICES_MAX ? -E2BIG : 0);
	}
	CHECK_INT(n, USB_DEVICES_MAX);
	machine_close(&p.m);
}

static const struct check_test tests[] = {
	{"off", test_off},
	{"in_use", test_in_use},
	{"system", test_system},
	{"what_stays", test_what_stays},
	{"hub_that_says_so", test_hub_that_says_so},
	{"locked", test_locked},
	{"no_usb", test_no_usb},
	{"record", test_record},
	{"rule", test_rule},
	{"too_many", test_too_many},
};

CHECK_MAIN(tests)
