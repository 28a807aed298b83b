/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_usb_gadget.c - what the phone offers by USB: the backend over a made-up configfs, in which a
 * file holds what was written to it. The real one: tests/vm/suites/restrictions.sh.
 */
#include "platform/restrict.h"
#include "tests/unit/platform/fixture.h"

#define ID SETTING_RESTRICTIONS_USB_GADGET
#define G1 "sys/kernel/config/usb_gadget/g1/UDC"
#define G2 "sys/kernel/config/usb_gadget/g2/UDC"
#define BINDINGS "run/mdm-agent/gadgets"

struct phone {
	struct fixture f;
	struct backend *b;
	struct effective wish;
};

static void put_controller(struct phone *p, const char *name, const char *driver)
{
	char path[128], target[128];

	snprintf(path, sizeof(path), "sys/devices/soc/udc/%s/function", name);
	fixture_text(&p->f, path, driver);
	snprintf(path, sizeof(path), "sys/devices/soc/udc/%s/state", name);
	fixture_text(&p->f, path, "configured\n");
	snprintf(path, sizeof(path), "sys/devices/soc/udc/%s/soft_connect", name);
	fixture_text(&p->f, path, "");
	snprintf(path, sizeof(path), "sys/class/udc/%s", name);
	snprintf(target, sizeof(target), "../../devices/soc/udc/%s", name);
	fixture_link(&p->f, path, target);
}

static void start(struct phone *p)
{
	if (usb_gadget_backend_new(&p->f.platform, &p->b) < 0 ||
		p->b->ops->watch(p->b, fixture_on_changed, &p->f) < 0)
		abort();
}

static void begin(struct phone *p)
{
	memset(p, 0, sizeof(*p));
	fixture_open(&p->f);
	put_controller(p, "ci_hdrc.0", "g1\n");
	fixture_text(&p->f, G1, "ci_hdrc.0\n");
	fixture_text(&p->f, G2, "\n");
	start(p);
	p->f.platform.desired = &p->wish;
}

static void end(struct phone *p)
{
	backend_free(p->b);
	fixture_close(&p->f);
}

static void apply(struct phone *p)
{
	CHECK_INT(fixture_apply(&p->f, p->b, &p->wish), 0);
}

static const struct observation *look(struct phone *p)
{
	if (fixture_observe(&p->f, p->b) < 0)
		abort();
	return p->b->observations[ID];
}

static void test_unbound_and_back(void)
{
	struct phone p;

	begin(&p);
	CHECK_INT(look(&p)->value.number, GATE_ON);
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK_STR(fixture_read(&p.f, G1), "\n");
	CHECK_STR(fixture_read(&p.f, BINDINGS), "g1 ci_hdrc.0\n");
	/* The kernel has no driver for it now. */
	fixture_text(&p.f, "sys/devices/soc/udc/ci_hdrc.0/function", "\n");
	CHECK_INT(look(&p)->value.number, GATE_OFF);
	apply(&p);
	CHECK(!p.b->apply_changed);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, G1), "ci_hdrc.0");
	CHECK_STR(fixture_read(&p.f, G2), "\n");
	CHECK(!fixture_has(&p.f, BINDINGS) && !fixture_has(&p.f, RESTRICT_OPEN));
	end(&p);
}

/* Whoever binds it again has it unbound again. */
static void test_bound_again(void)
{
	struct phone p;

	begin(&p);
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	fixture_text(&p.f, "sys/devices/soc/udc/ci_hdrc.0/function", "\n");
	for (int i = 0; i < 3; i++) {
		p.f.n_changed = 0;
		fixture_text(&p.f, i == 1 ? G2 : G1, "ci_hdrc.0\n");
		while (!p.f.n_changed && sd_event_run(p.f.platform.event, 5000000) > 0)
			;
		CHECK_STR(fixture_read(&p.f, i == 1 ? G2 : G1), "\n");
	}
	/* A gadget that is new. */
	p.f.n_changed = 0;
	fixture_text(&p.f, "sys/kernel/config/usb_gadget/g3/UDC", "ci_hdrc.0\n");
	while (!p.f.n_changed && sd_event_run(p.f.platform.event, 5000000) > 0)
		;
	CHECK_STR(fixture_read(&p.f, "sys/kernel/config/usb_gadget/g3/UDC"), "\n");
	apply(&p);
	CHECK(p.b->apply_changed);
	end(&p);
}

/* A driver without configfs is disconnected from the cable. */
static void test_driver(void)
{
	struct phone p;

	begin(&p);
	fixture_text(&p.f, G1, "\n");
	fixture_text(&p.f, "sys/devices/soc/udc/ci_hdrc.0/function", "g_ether\n");
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK_STR(fixture_read(&p.f, "sys/devices/soc/udc/ci_hdrc.0/soft_connect"), "disconnect");
	CHECK_STR(fixture_read(&p.f, BINDINGS), "- ci_hdrc.0\n");
	fixture_text(&p.f, "sys/devices/soc/udc/ci_hdrc.0/state", "not attached\n");
	CHECK_INT(look(&p)->value.number, GATE_OFF);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, "sys/devices/soc/udc/ci_hdrc.0/soft_connect"), "connect");
	end(&p);
}

/* The agent starts anew, and the policy is gone. */
static void test_restart(void)
{
	struct phone p;

	begin(&p);
	want(&p.wish, ID, GATE_OFF_WHILE_LOCKED);
	apply(&p);
	fixture_text(&p.f, "sys/devices/soc/udc/ci_hdrc.0/function", "\n");
	CHECK_INT(look(&p)->value.number, GATE_OFF_WHILE_LOCKED);
	backend_free(p.b);
	start(&p);
	apply(&p);
	CHECK_STR(fixture_read(&p.f, BINDINGS), "g1 ci_hdrc.0\n");
	backend_free(p.b);
	start(&p);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, G1), "ci_hdrc.0");
	end(&p);
}

/* What the file says is not written just anywhere. */
static void test_bindings(void)
{
	struct phone p;

	begin(&p);
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	fixture_text(&p.f, "sys/kernel/config/usb_gadget/UDC", "\n");
	fixture_text(&p.f, BINDINGS, "../x y\n.. y\n/ y\ng1\n g1 y\ng1 a b\ng2 ci_hdrc.0\n");
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, G1), "\n");
	CHECK_STR(fixture_read(&p.f, G2), "ci_hdrc.0");
	CHECK_STR(fixture_read(&p.f, "sys/kernel/config/usb_gadget/UDC"), "\n");
	end(&p);
}

static void test_nothing(void)
{
	struct phone p = {0};

	fixture_open(&p.f);
	fixture_directory(&p.f, "sys/class");
	start(&p);
	p.f.platform.desired = &p.wish;
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK_STR(look(&p)->detail, "this phone cannot be a device for others");
	CHECK_INT(look(&p)->value.number, GATE_OFF);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	end(&p);
}

/* More gadgets than are looked at, and one whose name is too long. */
static void test_limits(void)
{
	struct phone p;
	char path[256];

	begin(&p);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "sys/kernel/config/usb_gadget/many%d/UDC", i);
		fixture_text(&p.f, path, "\n");
	}
	snprintf(path, sizeof(path), "sys/kernel/config/usb_gadget/%0100d/UDC", 1);
	fixture_text(&p.f, path, "x\n");
	want(&p.wish, ID, GATE_OFF);
	apply(&p);
	CHECK_STR(fixture_read(&p.f, path), "x\n");
	end(&p);
}

static const struct check_test tests[] = {
	{"unbound_and_back", test_unbound_and_back},
	{"bound_again", test_bound_again},
	{"driver", test_driver},
	{"restart", test_restart},
	{"bindings", test_bindings},
	{"nothing", test_nothing},
	{"limits", test_limits},
};

CHECK_MAIN(tests)
