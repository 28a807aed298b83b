/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ssh.c - the services of SSH: the files that keep them from starting, who listens, and the
 * backend over OpenRC, whose rc-service is a stand-in that keeps its records as OpenRC does. With
 * systemd: tests/system/restrictions.py.
 */
#include "platform/restrict.h"
#include "platform/ssh_units.h"
#include "tests/unit/platform/udev_rig.h"

#define ID SETTING_RESTRICTIONS_SSH

static const char rc_service[] =
	"#!/bin/busybox sh\n"
	"# a stand-in: it starts nothing, and keeps the records\n"
	"echo \"$@\" >>/asked\n"
	"[ ! -e /broken ] || { echo it will not; exit 1; }\n"
	"case $2 in\n"
	"stop) /bin/busybox rm -f /run/openrc/started/$1 ;;\n"
	"start) /bin/busybox grep -qs \"rc_$1_need\" /run/openrc/deptree && exit 1\n"
	"	/bin/busybox ln -s /etc/init.d/$1 /run/openrc/started/$1 ;;\n"
	"esac\n";

/* OpenRC decides by what it remembered, and remembers what there was when it was told to. */
static const char rc_update[] = "#!/bin/busybox sh\n"
				"[ \"$1\" = -u ] || exit 1\n"
				"/bin/busybox cat /etc/rc.conf.d/*.conf >/run/openrc/deptree "
				"2>/dev/null || :\n";

static void test_units(void)
{
	struct ssh_units units, again;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct fixture f;

	fixture_open(&f);
	CHECK_INT(ssh_init_find(f.platform.sysroot_fd), SSH_NO_INIT);
	fixture_directory(&f, "run/systemd/system");
	CHECK_INT(ssh_init_find(f.platform.sysroot_fd), SSH_SYSTEMD);
	ssh_units_find(f.platform.sysroot_fd, SSH_SYSTEMD, &units);
	CHECK_INT(units.n, 0);
	fixture_text(&f, "usr/lib/systemd/system/sshd@.service", "");
	fixture_text(&f, "usr/lib/systemd/system/sshd.socket", "");
	fixture_text(&f, "etc/systemd/system/sshd.socket", "");
	fixture_text(&f, "usr/lib/systemd/system/cron.service", "");
	ssh_units_find(f.platform.sysroot_fd, SSH_SYSTEMD, &units);
	CHECK_INT(units.n, 2);
	CHECK_INT(ssh_units_write(&units, &text), 0);
	buf_append(&text, "", 1);
	ssh_units_read(text.data, &again);
	CHECK_INT(again.n, 2);
	/* Names that are not SSH's are not started for anybody. */
	ssh_units_read("poweroff.target\nsshd.socketx\nsshd\n\nsshd", &again);
	CHECK_INT(again.n, 1);
	CHECK_STR(again.names[0], "sshd");
	for (int i = 0; i <= SSH_UNITS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		ssh_units_add(&units, name);
	}
	CHECK_INT(units.n, SSH_UNITS_MAX);
	fixture_close(&f);
}

static void test_files(void)
{
	static const char drop_in[] =
		"etc/systemd/system/sshd@.service.d/90-mdm-agent-restrictions.conf";
	struct ssh_units units = {.names = {"sshd@.service", "sshd.socket"}, .n = 2};
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct override_place place;
	struct fixture f;
	bool changed;

	fixture_open(&f);
	place = (struct override_place){f.platform.sysroot_fd, f.platform.vault_fd};
	fixture_text(&f, "etc/systemd/system/sshd.socket.d/listen.conf", "[Socket]\n");
	before = fixture_listing(&f);
	CHECK_INT(ssh_files_set(&place, SSH_SYSTEMD, &units, true, &changed), 0);
	CHECK(changed);
	CHECK(strstr(fixture_read(&f, drop_in), "[Unit]\nConditionPathExists=!/\n"));
	CHECK(ssh_files_are_set(f.platform.sysroot_fd, SSH_SYSTEMD, &units));
	CHECK_INT(ssh_files_set(&place, SSH_SYSTEMD, &units, true, &changed), 0);
	CHECK(!changed);
	fixture_text(&f, drop_in, "[Unit]\n");
	CHECK(!ssh_files_are_set(f.platform.sysroot_fd, SSH_SYSTEMD, &units));
	CHECK_INT(ssh_files_set(&place, SSH_SYSTEMD, &units, true, &changed), 0);
	CHECK(changed && ssh_files_are_set(f.platform.sysroot_fd, SSH_SYSTEMD, &units));
	/* The package went. */
	units.n = 0;
	CHECK_INT(ssh_files_set(&place, SSH_SYSTEMD, &units, false, &changed), 0);
	CHECK(changed);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	fixture_close(&f);
}

static void test_listening(void)
{
	static const char head[] =
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n";
	static const struct {
		const char *lines;
		bool listens;
	} cases[] = {
		{"", false},
		{"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000\n", true},
		{"   0: 00000000000000000000000000000000:0016 "
		 "00000000000000000000000000000000:0000 0A 00000000:00000000\n",
			true},
		/* Somebody who is connected, another port, the other end. */
		{"   0: 00000000:0016 0100007F:0016 01 0\n", false},
		{"   0: 00000000:1600 00000000:0000 0A 0\n", false},
		{"   0: 00000000:0015 00000000:0016 0A 0\n", false},
		{"0:\n\n:\n   0: 0016\n   0: 0016 x 0A", false},
		{"   0: 00000000:0016 00000000:0000 0A", true},
	};
	char text[1024];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "%s%s", head, cases[i].lines);
		CHECK_INT(tcp_table_listens(text, 22), cases[i].listens);
	}
	/* A line that is longer than any. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "0: a:0016 b:0 0A", 16);
	text[sizeof(text) - 1] = 0;
	CHECK(tcp_table_listens(text, 22));
}

/* --- OpenRC -------------------------------------------------------------------------------- */

static bool begin(struct fixture *f, struct backend **ret_b)
{
	fixture_open(f);
	if (!udev_rig_begin(f, UDEV_RIG_NOTES)) {
		fixture_close(f);
		return false;
	}
	f->platform.state_fd = f->platform.vault_fd;
	fixture_text(f, "sbin/rc-service", rc_service);
	make_executable(f, "sbin/rc-service");
	fixture_text(f, "sbin/rc-update", rc_update);
	make_executable(f, "sbin/rc-update");
	fixture_text(f, "etc/init.d/sshd", "");
	fixture_text(f, "etc/init.d/dropbear", "");
	fixture_link(f, "run/openrc/started/sshd", "/etc/init.d/sshd");
	if (ssh_backend_new(&f->platform, ret_b) < 0 ||
		(*ret_b)->ops->watch(*ret_b, fixture_on_changed, f) < 0)
		abort();
	return true;
}

static const struct observation *look(struct fixture *f, struct backend *b)
{
	if (fixture_observe(f, b) < 0)
		abort();
	return b->observations[ID];
}

static void test_openrc(void)
{
	struct effective wish = {0};
	struct backend *b;
	struct fixture f;

	if (!begin(&f, &b))
		return;
	f.platform.desired = &wish;
	CHECK_INT(look(&f, b)->value.number, 0);
	want(&wish, ID, 1);
	CHECK_INT(look(&f, b)->value.number, 0);
	CHECK_STR(look(&f, b)->detail, "sshd runs");
	CHECK_INT(fixture_apply(&f, b, &wish), 0);
	CHECK(b->apply_changed);
	CHECK_STR(fixture_read(&f, "asked"), "sshd stop\n");
	CHECK(strstr(fixture_read(&f, "etc/rc.conf.d/mdm-agent-restrictions.conf"),
		"rc_sshd_need=\"forbidden-by-mdm-agent\"\n"
		"rc_dropbear_need=\"forbidden-by-mdm-agent\"\n"));
	CHECK_INT(look(&f, b)->value.number, 1);
	CHECK(look(&f, b)->enforced);
	CHECK_INT(fixture_apply(&f, b, &wish), 0);
	CHECK(!b->apply_changed);
	/* Something else than a service. */
	fixture_text(&f, "proc/net/tcp6", "\n 0: 0:0016 0:0000 0A 0\n");
	CHECK_INT(look(&f, b)->value.number, 0);
	CHECK(strstr(look(&f, b)->detail, "port 22"));
	CHECK(strstr(fixture_read(&f, "run/openrc/deptree"), "rc_sshd_need"));
	/* Somebody starts it past the rule. */
	fixture_link(&f, "run/openrc/started/dropbear", "/etc/init.d/dropbear");
	CHECK_INT(fixture_apply(&f, b, &wish), 0);
	CHECK(!fixture_has(&f, "run/openrc/started/dropbear"));
	CHECK_INT(fixture_revert(&f, b), 0);
	/* What ran when it was forbidden, and what was started since, runs again. */
	CHECK(fixture_has(&f, "run/openrc/started/sshd"));
	CHECK(!fixture_has(&f, "etc/rc.conf.d"));
	CHECK(faccessat(f.platform.vault_fd, RESTRICT_STATE, F_OK, 0) < 0);
	backend_free(b);
	fixture_close(&f);
}

static void test_openrc_trouble(void)
{
	struct effective wish = {0};
	struct backend *b;
	struct fixture f;

	if (!begin(&f, &b))
		return;
	f.platform.desired = &wish;
	want(&wish, ID, 1);
	fixture_text(&f, "broken", "");
	CHECK_INT(fixture_apply(&f, b, &wish), -EIO);
	CHECK(strstr(f.message, "it will not"));
	CHECK_INT(look(&f, b)->value.number, 0);
	CHECK_INT(unlinkat(f.platform.sysroot_fd, "broken", 0), 0);
	CHECK_INT(fixture_apply(&f, b, &wish), 0);
	CHECK_INT(look(&f, b)->value.number, 1);
	/* No server at all. */
	CHECK_INT(unlinkat(f.platform.sysroot_fd, "etc/init.d/sshd", 0), 0);
	CHECK_INT(unlinkat(f.platform.sysroot_fd, "etc/init.d/dropbear", 0), 0);
	CHECK_STR(look(&f, b)->detail, "this phone has no SSH server");
	backend_free(b);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"units", test_units},
	{"files", test_files},
	{"listening", test_listening},
	{"openrc", test_openrc},
	{"openrc_trouble", test_openrc_trouble},
};

CHECK_MAIN(tests)
