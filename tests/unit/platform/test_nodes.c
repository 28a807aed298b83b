/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_nodes.c - cameras and microphones: the backend over made-up devices, whose nodes are real
 * ones of no driver. No udevd looks at them; what it would do is done by the tests, or in
 * tests/vm/suites/restrictions.sh by itself.
 */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "platform/node_list.h"
#include "platform/nodes_rule.h"
#include "platform/restrict.h"
#include "tests/unit/platform/udev_rig.h"

#define CAMERA SETTING_RESTRICTIONS_CAMERA
#define MICROPHONE SETTING_RESTRICTIONS_MICROPHONE

struct phone {
	struct fixture f;
	struct backend *b;
	struct effective wish;
};

static void put_node(struct phone *p, const char *node, unsigned int number)
{
	fixture_parents(&p->f, node);
	(void)unlinkat(p->f.platform.sysroot_fd, node, 0);
	if (mknodat(p->f.platform.sysroot_fd, node, S_IFCHR | 0660, makedev(60, number)) < 0 ||
		fchmodat(p->f.platform.sysroot_fd, node, 0660, 0) < 0 ||
		fchownat(p->f.platform.sysroot_fd, node, 0, 44, 0) < 0)
		abort();
}

static void put_device(
	struct phone *p, const char *class, const char *name, const char *node, unsigned int number)
{
	char path[256], text[256];

	snprintf(path, sizeof(path), "sys/devices/soc/%s/uevent", name);
	snprintf(text, sizeof(text), "MAJOR=60\nMINOR=%u\nDEVNAME=%s\n", number, node);
	fixture_text(&p->f, path, text);
	snprintf(path, sizeof(path), "sys/devices/soc/%s/dev", name);
	snprintf(text, sizeof(text), "60:%u\n", number);
	fixture_text(&p->f, path, text);
	snprintf(path, sizeof(path), "sys/devices/soc/%s/name", name);
	fixture_text(&p->f, path, "made\x01up\n");
	snprintf(path, sizeof(path), "sys/class/%s/%s", class, name);
	snprintf(text, sizeof(text), "../../devices/soc/%s", name);
	fixture_link(&p->f, path, text);
	snprintf(path, sizeof(path), "dev/%s", node);
	put_node(p, path, number);
}

/* What v4l_id said of it. */
static void put_abilities(struct phone *p, unsigned int number, const char *abilities)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "run/udev/data/c60:%u", number);
	snprintf(text, sizeof(text), "I:1\nE:ID_V4L_CAPABILITIES=%s\nG:uaccess\n", abilities);
	fixture_text(&p->f, path, text);
}

static bool begin(struct phone *p)
{
	memset(p, 0, sizeof(*p));
	fixture_open(&p->f);
	if (!udev_rig_begin(&p->f, UDEV_RIG_NOTES)) {
		fixture_close(&p->f);
		return false;
	}
	put_device(p, "video4linux", "video0", "video0", 0);
	put_abilities(p, 0, ":capture:");
	put_device(p, "video4linux", "video1", "video1", 1);
	put_abilities(p, 1, ":");
	put_device(p, "video4linux", "video2", "video2", 2);
	put_abilities(p, 2, ":capture:video_output:");
	put_device(p, "video4linux", "v4l-subdev0", "v4l-subdev0", 3);
	put_device(p, "sound", "pcmC0D0c", "snd/pcmC0D0c", 4);
	put_device(p, "sound", "pcmC0D0p", "snd/pcmC0D0p", 5);
	put_device(p, "sound", "controlC0", "snd/controlC0", 6);
	if (nodes_backend_new(&p->f.platform, &p->b) < 0 ||
		p->b->ops->watch(p->b, fixture_on_changed, &p->f) < 0)
		abort();
	p->f.platform.desired = &p->wish;
	return true;
}

static void end(struct phone *p)
{
	backend_free(p->b);
	fixture_close(&p->f);
}

static mode_t mode(struct phone *p, const char *node)
{
	struct stat st;

	return fstatat(p->f.platform.sysroot_fd, node, &st, AT_SYMLINK_NOFOLLOW) < 0
		       ? (mode_t)-1
		       : st.st_mode & 07777;
}

static bool was_triggered(struct phone *p, const char *name, const char *action)
{
	char path[128];
	bool was;

	snprintf(path, sizeof(path), "sys/devices/soc/%s/uevent", name);
	was = strncmp(fixture_read(&p->f, path), action, strlen(action)) == 0;
	return was;
}

static void apply(struct phone *p)
{
	CHECK_INT(fixture_apply(&p->f, p->b, &p->wish), 0);
}

static const struct observation *look(struct phone *p, enum setting_id id)
{
	if (fixture_observe(&p->f, p->b) < 0)
		abort();
	return p->b->observations[id];
}

/* --- tests --------------------------------------------------------------------------------- */

/* The uevent file is what a trigger is written to: on this made-up sysfs the name of the node is
 * gone after it. */
static void forget_trigger(
	struct phone *p, const char *class, const char *name, const char *node, unsigned int number)
{
	char path[128], text[128];

	(void)class;
	snprintf(path, sizeof(path), "sys/devices/soc/%s/uevent", name);
	snprintf(text, sizeof(text), "MAJOR=60\nMINOR=%u\nDEVNAME=%s\n", number, node);
	fixture_text(&p->f, path, text);
}

static void forget_triggers(struct phone *p)
{
	forget_trigger(p, "video4linux", "video0", "video0", 0);
	forget_trigger(p, "video4linux", "v4l-subdev0", "v4l-subdev0", 3);
	forget_trigger(p, "sound", "pcmC0D0c", "snd/pcmC0D0c", 4);
}

static void test_camera(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	CHECK_INT(look(&p, CAMERA)->value.number, GATE_ON);
	CHECK_INT(look(&p, CAMERA)->n_items, 2);
	CHECK_STR(look(&p, CAMERA)->items[1].name, "video0 (made?up)");
	want(&p.wish, CAMERA, GATE_OFF);
	apply(&p);
	CHECK(p.b->apply_changed);
	CHECK_STR(fixture_read(&p.f, "asked"), "control --reload\n");
	CHECK_INT(mode(&p, "dev/video0"), 0);
	CHECK_INT(mode(&p, "dev/v4l-subdev0"), 0);
	/* Decoders and microphones go on. */
	CHECK_INT(mode(&p, "dev/video1"), 0660);
	CHECK_INT(mode(&p, "dev/video2"), 0660);
	CHECK_INT(mode(&p, "dev/snd/pcmC0D0c"), 0660);
	CHECK(was_triggered(&p, "video0", "change") && !was_triggered(&p, "video1", "change"));
	forget_triggers(&p);
	CHECK_INT(look(&p, CAMERA)->value.number, GATE_OFF);
	CHECK(look(&p, CAMERA)->enforced);
	apply(&p);
	CHECK(!p.b->apply_changed);
	CHECK_STR(fixture_read(&p.f, "asked"), "control --reload\n");
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	/* As the kernel makes it; udevd does the rest. */
	CHECK_INT(mode(&p, "dev/video0"), 0600);
	CHECK(was_triggered(&p, "video0", "add"));
	CHECK(!fixture_has(&p.f, NODES_RULE_PATH));
	CHECK(!fixture_has(&p.f, RESTRICT_OPEN));
	CHECK_STR(fixture_read(&p.f, "asked"), "control --reload\ncontrol --reload\n");
	end(&p);
}

static void test_access_list(void)
{
	/* POSIX ACL, version 2: user::rw-, user:1000:rw-, group::rw-, mask::rw-, other::--- */
	static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0,
		232, 3, 0, 0, 4, 0, 6, 0, 255, 255, 255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32,
		0, 0, 0, 255, 255, 255, 255};
	char path[512];
	struct phone p;

	if (!begin(&p))
		return;
	snprintf(path, sizeof(path), "%s/dev/video0", p.f.path);
	if (setxattr(path, "system.posix_acl_access", acl, sizeof(acl), 0) < 0) {
		check_skip("this file system keeps no access lists");
		end(&p);
		return;
	}
	want(&p.wish, CAMERA, GATE_OFF);
	apply(&p);
	CHECK_INT(mode(&p, "dev/video0"), 0);
	CHECK(getxattr(path, "system.posix_acl_access", NULL, 0) < 0);
	forget_triggers(&p);
	/* logind comes back with it: it is seen, and taken away at once. */
	p.f.n_changed = 0;
	CHECK_INT(setxattr(path, "system.posix_acl_access", acl, sizeof(acl), 0), 0);
	while (!p.f.n_changed && sd_event_run(p.f.platform.event, 5000000) > 0)
		;
	CHECK(getxattr(path, "system.posix_acl_access", NULL, 0) < 0);
	CHECK_INT(mode(&p, "dev/video0"), 0);
	forget_triggers(&p);
	apply(&p);
	CHECK(p.b->apply_changed);
	end(&p);
}

static void test_microphone(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	fixture_text(&p.f, "proc/asound/card0/pcm0c/sub0/status", "closed\n");
	fixture_text(&p.f, "proc/asound/card0/pcm0c/sub1/status", "closed\n");
	want(&p.wish, MICROPHONE, GATE_OFF);
	apply(&p);
	forget_triggers(&p);
	CHECK_INT(mode(&p, "dev/snd/pcmC0D0c"), 0);
	CHECK_INT(mode(&p, "dev/snd/pcmC0D0p"), 0660);
	CHECK_INT(mode(&p, "dev/snd/controlC0"), 0660);
	CHECK_INT(mode(&p, "dev/video0"), 0660);
	CHECK_INT(look(&p, MICROPHONE)->value.number, GATE_OFF);
	/* Somebody had it open. */
	fixture_text(&p.f, "proc/asound/card0/pcm0c/sub1/status", "state: RUNNING\nowner_pid: 1\n");
	CHECK_INT(look(&p, MICROPHONE)->value.number, GATE_ON);
	CHECK_INT(look(&p, MICROPHONE)->items[0].reason, REASON_IN_USE);
	CHECK(strstr(look(&p, MICROPHONE)->detail, "still records"));
	end(&p);
}

static void test_calls_of_others(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	fixture_text(&p.f, "usr/sbin/ofonod", "");
	want(&p.wish, MICROPHONE, GATE_OFF);
	want(&p.wish, CAMERA, GATE_OFF);
	apply(&p);
	CHECK_INT(mode(&p, "dev/snd/pcmC0D0c"), 0660);
	CHECK_INT(mode(&p, "dev/video0"), 0);
	CHECK_INT(look(&p, MICROPHONE)->state, COMPLIANCE_UNSUPPORTED);
	CHECK(strstr(look(&p, MICROPHONE)->detail, "oFono"));
	end(&p);
}

/* Nobody says that it is unlocked; a start of the agent in between changes nothing. */
static void test_locked(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	want(&p.wish, CAMERA, GATE_OFF_WHILE_LOCKED);
	apply(&p);
	forget_triggers(&p);
	CHECK_INT(mode(&p, "dev/video0"), 0);
	CHECK_INT(look(&p, CAMERA)->value.number, GATE_OFF_WHILE_LOCKED);
	CHECK(!gate_is_marked_open(p.f.platform.sysroot_fd, CAMERA));
	backend_free(p.b);
	if (nodes_backend_new(&p.f.platform, &p.b) < 0 ||
		p.b->ops->watch(p.b, fixture_on_changed, &p.f) < 0)
		abort();
	apply(&p);
	CHECK(!p.b->apply_changed);
	/* A process before this one left it open, and the phone was locked meanwhile. */
	forget_triggers(&p);
	CHECK_INT(gate_mark(p.f.platform.sysroot_fd, CAMERA, true), 0);
	CHECK_INT(fchmodat(p.f.platform.sysroot_fd, "dev/video0", 0660, 0), 0);
	apply(&p);
	CHECK_INT(mode(&p, "dev/video0"), 0);
	CHECK(!gate_is_marked_open(p.f.platform.sysroot_fd, CAMERA));
	end(&p);
}

static void test_usb_camera(void)
{
	static const char interface[] = "sys/devices/usb1/1-1/1-1:1.0";
	struct phone p;
	char path[128];

	if (!begin(&p))
		return;
	snprintf(path, sizeof(path), "%s/bInterfaceClass", interface);
	fixture_text(&p.f, path, "0e\n");
	snprintf(path, sizeof(path), "%s/authorized", interface);
	fixture_text(&p.f, path, "1\n");
	fixture_text(&p.f, "sys/bus/usb/drivers_probe", "");
	fixture_link(&p.f, "sys/bus/usb/devices/1-1:1.0", "../../../devices/usb1/1-1/1-1:1.0");
	want(&p.wish, CAMERA, GATE_OFF);
	apply(&p);
	CHECK_STR(fixture_read(&p.f, path), "0");
	forget_triggers(&p);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, path), "1");
	CHECK_STR(fixture_read(&p.f, "sys/bus/usb/drivers_probe"), "1-1:1.0");
	end(&p);
}

static void test_nothing(void)
{
	struct phone p;

	memset(&p, 0, sizeof(p));
	fixture_open(&p.f);
	if (!udev_rig_begin(&p.f, UDEV_RIG_NOTES)) {
		fixture_close(&p.f);
		return;
	}
	CHECK_INT(nodes_backend_new(&p.f.platform, &p.b), 0);
	p.f.platform.desired = &p.wish;
	want(&p.wish, CAMERA, GATE_OFF);
	want(&p.wish, MICROPHONE, GATE_OFF_WHILE_LOCKED);
	CHECK_STR(look(&p, CAMERA)->detail, "this phone has no camera");
	CHECK_INT(look(&p, CAMERA)->value.number, GATE_OFF);
	CHECK_STR(look(&p, MICROPHONE)->detail, "this phone has no microphone");
	end(&p);
}

static void test_trouble(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	fixture_text(&p.f, "broken", "");
	want(&p.wish, CAMERA, GATE_OFF);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.wish), -EIO);
	CHECK_STR(p.f.message, "udevadm: exit 1: broken");
	/* The nodes are shut all the same. */
	CHECK_INT(mode(&p, "dev/video0"), 0);
	/* A link in the place of a node is nothing that is changed. */
	forget_triggers(&p);
	(void)unlinkat(p.f.platform.sysroot_fd, "broken", 0);
	CHECK_INT(unlinkat(p.f.platform.sysroot_fd, "dev/video0", 0), 0);
	fixture_text(&p.f, "etc/shadow", "secret");
	fixture_link(&p.f, "dev/video0", "../etc/shadow");
	CHECK(fixture_apply(&p.f, p.b, &p.wish) < 0);
	CHECK_INT(mode(&p, "etc/shadow"), 0644);
	end(&p);
}

static void test_rules(void)
{
	_cleanup_buf_ struct buf both = BUF_INIT, one = BUF_INIT;

	CHECK_INT(nodes_rule_write(true, true, &both), 0);
	CHECK_INT(nodes_rule_write(false, true, &one), 0);
	buf_append(&both, "", 1);
	buf_append(&one, "", 1);
	CHECK(strncmp(both.data, RESTRICT_MARK, strlen(RESTRICT_MARK)) == 0);
	CHECK(strstr(both.data, "open/camera") && strstr(both.data, "open/microphone"));
	CHECK(!strstr(one.data, "camera"));
}

/* More than are listed, a name of a node that leads elsewhere, one that is too long. */
static void revert_cut_short_done(struct backend *b, int r, const char *message, void *userdata)
{
	(void)b;
	(void)r;
	(void)message;
	(void)userdata;
}

/* An agent that ends between the rules that it has taken away and the nodes that they shut. */
static void test_revert_cut_short(void)
{
	struct phone p;

	if (!begin(&p))
		return;
	p.f.platform.state_fd = p.f.platform.vault_fd;
	want(&p.wish, CAMERA, GATE_OFF);
	apply(&p);
	CHECK_INT(mode(&p, "dev/video0"), 0);
	CHECK_INT(p.b->ops->revert(p.b, revert_cut_short_done, NULL), 0);
	CHECK(sd_event_run(p.f.platform.event, 100000) > 0);
	CHECK_INT(faccessat(p.f.platform.sysroot_fd, NODES_RULE_PATH, F_OK, 0), -1);
	CHECK_INT(mode(&p, "dev/video0"), 0);
	CHECK_INT(faccessat(p.f.platform.vault_fd, RESTRICT_STATE "/nodes", F_OK, 0), 0);
	backend_free(p.b);
	CHECK_INT(nodes_backend_new(&p.f.platform, &p.b), 0);
	CHECK_INT(p.b->ops->watch(p.b, fixture_on_changed, &p.f), 0);
	forget_triggers(&p);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_INT(mode(&p, "dev/video0"), 0600);
	CHECK(was_triggered(&p, "video0", "add"));
	CHECK_INT(faccessat(p.f.platform.vault_fd, RESTRICT_STATE "/nodes", F_OK, 0), -1);
	end(&p);
}

static void test_limits(void)
{
	_cleanup_free_ struct node *nodes = calloc(NODES_MAX, sizeof(*nodes));
	struct phone p = {0};
	size_t n;

	if (geteuid() != 0) {
		check_skip("needs root, to make device nodes");
		return;
	}
	fixture_open(&p.f);
	put_device(&p, "video4linux", "video900", "../video900", 0);
	put_device(&p, "video4linux", "video901",
		"a-name-of-a-node-that-is-longer-than-any-that-a-driver-gives-to-one", 1);
	CHECK_INT(node_list(p.f.platform.sysroot_fd, nodes, &n), 0);
	CHECK_INT(n, 0);
	for (unsigned int i = 0; i <= NODES_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "video%u", i);
		put_device(&p, "video4linux", name, name, i);
		CHECK_INT(
			node_list(p.f.platform.sysroot_fd, nodes, &n), i == NODES_MAX ? -E2BIG : 0);
	}
	CHECK_INT(n, NODES_MAX);
	fixture_close(&p.f);
}

static const struct check_test tests[] = {
	{"camera", test_camera},
	{"access_list", test_access_list},
	{"microphone", test_microphone},
	{"calls_of_others", test_calls_of_others},
	{"locked", test_locked},
	{"usb_camera", test_usb_camera},
	{"nothing", test_nothing},
	{"trouble", test_trouble},
	{"rules", test_rules},
	{"revert_cut_short", test_revert_cut_short},
	{"limits", test_limits},
};

CHECK_MAIN(tests)
