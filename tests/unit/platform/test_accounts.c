/* SPDX-License-Identifier: Apache-2.0 */
/* test_accounts.c - accounts as the files of a root tell, and who gets in without being asked. */
#include "platform/accounts.h"

#include <inttypes.h>

#include "tests/unit/platform/fixture.h"

static const char *const password_names[ACCOUNT_PASSWORD_MAX] = {
	[ACCOUNT_HAS_PASSWORD] = "password",
	[ACCOUNT_EMPTY] = "empty",
	[ACCOUNT_LOCKED] = "locked",
	[ACCOUNT_UNKNOWN] = "unknown",
};

static void add_program(struct fixture *f, const char *path)
{
	fixture_text(f, path, "");
	if (fchmodat(f->platform.sysroot_fd, path, 0755, 0) < 0)
		abort();
}

/* "root 0 system password changed 20000; ..." of what is read, or the error. */
static const char *told(struct fixture *f)
{
	static char text[16 * 1024];
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct accounts accounts;
	int r = accounts_read(f->platform.sysroot_fd, &accounts);

	if (r < 0) {
		snprintf(text, sizeof(text), "%s", strerror(-r));
		return text;
	}
	buf_puts(&out, "");
	for (size_t i = 0; i < accounts.n_accounts; i++) {
		const struct account *a = &accounts.accounts[i];

		buf_printf(&out, "%s%s %u %s %s %" PRId64 " %" PRId64 " %s", i ? "; " : "", a->name,
			(unsigned int)a->uid, a->is_person ? "person" : "system",
			password_names[a->password], a->changed_day, a->expires_day,
			*a->hash ? a->hash : "-");
	}
	if (accounts.more)
		buf_puts(&out, "; more");
	snprintf(text, sizeof(text), "%s", out.data);
	accounts_done(&accounts);
	return text;
}

struct reading {
	const char *passwd, *shadow, *login_defs, *told;
};

static void test_read(void)
{
	static const struct reading readings[] = {
		{"root:x:0:0:root:/root:/bin/sh\nuser:x:10000:10000::/home/user:/bin/sh\n",
			"root:!::0:::::\nuser:$6$s$h:20000:0:99999:7:::\n", NULL,
			"root 0 system locked -1 -1 -; user 10000 person password 20000 -1 $6$s$h"},
		/* No shell to log in with, or none that is there; a uid outside. */
		{"a:x:1000:1::/:/sbin/nologin\nb:x:1001:1::/:/bin/false\nc:x:1002:1::/:/bin/gone\n"
		 "d:x:999:1::/:/bin/sh\ne:x:60001:1::/:/bin/sh\nf:x:1003:1::/:\n",
			"a:*:1::::::\nb:*:1::::::\nc:*:1::::::\nd:*:1::::::\ne:*:1::::::\n"
			"f:!h:1::::::\n",
			NULL, "f 1003 person locked 1 -1 -"},
		{"a:x:500:1::/:/bin/sh\nb:x:1000:1::/:/bin/sh\n", "a:h:1::::::\nb:h:1::::::\n",
			"#UID_MIN 7\nUID_MIN\t\t  400 \nUID_MAX 999\nUID_MAX 1e9\nSYS_UID_MIN 1\n",
			"a 500 person password 1 -1 h; b 1000 system password 1 -1 h"},
		/* Who has a password or gets in without one is told of whatever the shell. */
		{"a:x:10:1::/:/sbin/nologin\nb:x:11:1::/:/bin/sh\nc:x:12:1::/:/sbin/nologin\n",
			"a:h:1::::::\nb::1::::::\nc::1::::::\n", NULL,
			"a 10 system password 1 -1 h; b 11 system empty 1 -1 -"},
		/* What pam_unix takes from passwd itself. */
		{"a:h:1000:1::/:/bin/sh\nb::1001:1::/:/bin/sh\nc:*:1002:1::/:/bin/sh\n"
		 "d:x:1003:1::/:/bin/sh\n",
			"a:other:1::::::\n", NULL,
			"a 1000 person password -1 -1 h; b 1001 person empty -1 -1 -; c 1002 person "
			"locked -1 -1 -; d 1003 person unknown -1 -1 -"},
		/* Two lines of one name, NIS, comments, lines that are none. */
		{"# user:x:1:1::/:/bin/sh\n\n+user:x:1000:1::/:/bin/sh\n-user:x:1:1::/:/bin/sh\n+\n"
		 "user:x:1000:1::/:/bin/sh\nuser:x:0:0::/:/bin/sh\nshort:x:1000:1\n"
		 "bad:x:10x:1::/:/bin/sh\nneg:x:-1:1::/:/bin/sh\nbig:x:4294967295:1::/:/bin/sh\n"
		 "many:x:1000:1::/:/bin/sh:\n:x:1000:1::/:/bin/sh\n",
			"user:first:1::::::\nuser:second:2::::::\nuser:third\n", NULL,
			"user 1000 person password 1 -1 first"},
		/* Days. */
		{"a:x:1000:1::/:/bin/sh\nb:x:1001:1::/:/bin/sh\nc:x:1002:1::/:/bin/sh\n"
		 "d:x:1003:1::/:/bin/sh\ne:x:1004:1::/:/bin/sh\nf:x:1005:1::/:/bin/sh",
			"a:h:0:0:99999:7:::\nb:h:100:0:30:7:::\nc:h:100:0:30:7::120:\n"
			"d:h:-5:0:30:7:::\ne:h:x:0:30:7::200:\nf:h:100:0:-1:7:::",
			NULL,
			"a 1000 person password 0 0 h; b 1001 person password 100 130 h; c 1002 "
			"person password 100 120 h; d 1003 person password -1 -1 h; e 1004 person "
			"password -1 200 h; f 1005 person password 100 -1 h"},
		{"a:x:1000:1::/:/bin/sh\n", NULL, NULL, "a 1000 person unknown -1 -1 -"},
		{"", "", NULL, "Bad message"},
		{"nothing here\n", "", NULL, "Bad message"},
		{NULL, "", NULL, "No such file or directory"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		const struct reading *reading = &readings[i];
		struct fixture f;

		fixture_open(&f);
		add_program(&f, "bin/sh");
		add_program(&f, "sbin/nologin");
		add_program(&f, "bin/false");
		if (reading->passwd)
			fixture_text(&f, "etc/passwd", reading->passwd);
		if (reading->shadow)
			fixture_text(&f, "etc/shadow", reading->shadow);
		if (reading->login_defs)
			fixture_text(&f, "etc/login.defs", reading->login_defs);
		if (strcmp(told(&f), reading->told) != 0)
			check_fail(__FILE__, __LINE__, "reading %zu: %s", i, told(&f));
		fixture_close(&f);
	}
}

static void test_limits(void)
{
	_cleanup_buf_ struct buf passwd = BUF_INIT, shadow = BUF_INIT;
	char name[LIMIT_USER_BYTES + 2], hash[LIMIT_HASH_BYTES + 2];
	struct accounts accounts;
	struct fixture f;

	fixture_open(&f);
	add_program(&f, "bin/sh");
	/* Ten thousand of the system come first; root and the people are among them. */
	for (int i = 0; i < 10000; i++) {
		buf_printf(&passwd, "s%d:x:%d:1::/:/bin/sh\n", i, 100000 + i);
		buf_printf(&shadow, "s%d:h:1::::::\n", 9999 - i);
	}
	buf_puts(&passwd, "user:x:1000:1::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n");
	buf_puts(&shadow, "user:h:1::::::\nroot:h:1::::::\n");
	fixture_write(&f, "etc/passwd", passwd.data, passwd.n_bytes);
	fixture_write(&f, "etc/shadow", shadow.data, shadow.n_bytes);
	CHECK_INT(accounts_read(f.platform.sysroot_fd, &accounts), 0);
	CHECK_INT(accounts.n_accounts, LIMIT_ACCOUNTS);
	CHECK(accounts.more);
	CHECK_STR(accounts.accounts[0].name, "root");
	CHECK_STR(accounts.accounts[1].name, "user");
	CHECK_STR(accounts.accounts[2].name, "s0");
	CHECK(accounts_find(&accounts, "user") == &accounts.accounts[1]);
	CHECK(!accounts_find(&accounts, "s9999"));
	accounts_done(&accounts);

	/* One character more than fits, of the name and of the hash. */
	memset(name, 'n', sizeof(name));
	memset(hash, 'h', sizeof(hash));
	buf_reset(&passwd);
	buf_reset(&shadow);
	buf_printf(&passwd, "%.*s:x:1000:1::/:/bin/sh\n%.*s:x:1001:1::/:/bin/sh\n",
		LIMIT_USER_BYTES, name, LIMIT_USER_BYTES + 1, name);
	buf_printf(&passwd, "fits:x:1002:1::/:/bin/sh\nlong:x:1003:1::/:/bin/sh\n");
	buf_printf(&shadow, "fits:%.*s:1::::::\nlong:%.*s:1::::::\n", LIMIT_HASH_BYTES, hash,
		LIMIT_HASH_BYTES + 1, hash);
	fixture_write(&f, "etc/passwd", passwd.data, passwd.n_bytes);
	fixture_write(&f, "etc/shadow", shadow.data, shadow.n_bytes);
	CHECK_INT(accounts_read(f.platform.sysroot_fd, &accounts), 0);
	CHECK_INT(accounts.n_accounts, 3);
	CHECK(accounts.more);
	CHECK_INT(strlen(accounts.accounts[0].name), LIMIT_USER_BYTES);
	CHECK_INT(accounts_find(&accounts, "fits")->password, ACCOUNT_HAS_PASSWORD);
	CHECK_INT(accounts_find(&accounts, "long")->password, ACCOUNT_UNKNOWN);
	CHECK_STR(accounts_find(&accounts, "long")->hash, "");
	accounts_done(&accounts);

	/* A NUL ends a text for some of its readers and not for others. */
	fixture_write(&f, "etc/shadow", "fits:h:1::::::\n\0long:h:1::::::\n", 31);
	CHECK_INT(accounts_read(f.platform.sysroot_fd, &accounts), -EBADMSG);
	buf_reset(&passwd);
	while (passwd.n_bytes <= LIMIT_PLATFORM_FILE_BYTES)
		buf_puts(&passwd, "a:x:1000:1::/:/bin/sh\n");
	fixture_write(&f, "etc/passwd", passwd.data, passwd.n_bytes);
	CHECK_INT(accounts_read(f.platform.sysroot_fd, &accounts), -EFBIG);
	fixture_close(&f);
}

struct login {
	const char *program, *path, *text, *user, *by;
};

static void test_autologin(void)
{
	static const struct login logins[] = {
		{"usr/bin/greetd", "etc/greetd/config.toml",
			"[terminal]\nvt = 7\n[default_session]\ncommand = \"agreety\"\nuser = "
			"\"greetd\"\n[initial_session]\ncommand = \"phosh\"\nuser = \"user\" # me\n",
			"user", "greetd: user of [initial_session] in /etc/greetd/config.toml"},
		{"usr/sbin/greetd", "etc/phrog/greetd-config.toml",
			"[default_session]\ncommand = \"phrog\"\nuser = \"greetd\"\n", "", ""},
		{"usr/sbin/greetd", "etc/phrog/greetd-config.toml",
			"[default_session]\ncommand = \"phosh-session\"\nuser = 'user'\n", "user",
			"greetd: user of [default_session] in /etc/phrog/greetd-config.toml"},
		{"usr/bin/greetd", "etc/greetd/config.toml",
			"#[initial_session]\n#user = \"user\"\n", "", ""},
		{"usr/bin/other", "etc/greetd/config.toml", "[initial_session]\nuser=\"user\"\n",
			"", ""},
		{"usr/sbin/gdm3", "etc/gdm3/daemon.conf",
			"[daemon]\nAutomaticLoginEnable = true\nAutomaticLogin = user\n", "user",
			"gdm: AutomaticLogin of [daemon] in /etc/gdm3/daemon.conf"},
		{"usr/sbin/gdm", "etc/gdm/custom.conf",
			"[daemon]\nAutomaticLoginEnable=false\nAutomaticLogin=user\n", "", ""},
		{"usr/sbin/gdm", "etc/gdm/custom.conf",
			"[daemon]\nTimedLoginEnable=1\nTimedLogin=a\n", "a",
			"gdm: TimedLogin of [daemon] in /etc/gdm/custom.conf"},
		{"usr/bin/sddm", "etc/sddm.conf.d/auto.conf", "[Autologin]\nUser=user\nSession=x\n",
			"user", "sddm: User of [Autologin] in /etc/sddm.conf.d/auto.conf"},
		{"usr/bin/sddm", "etc/sddm.conf", "[Autologin]\nUser=\n[Users]\nUser=x\n", "", ""},
		{"usr/sbin/lightdm", "etc/lightdm/lightdm.conf", "[Seat:*]\nautologin-user=user\n",
			"user", "lightdm: autologin-user of [Seat] in /etc/lightdm/lightdm.conf"},
		{"usr/bin/tinydm-run-session", "etc/conf.d/tinydm", "AUTOLOGIN_UID=\"10000\"\n",
			"user", "tinydm: AUTOLOGIN_UID in /etc/conf.d/tinydm"},
		{"usr/bin/tinydm-run-session", "etc/conf.d/other", "", "1000",
			"tinydm: AUTOLOGIN_UID in /etc/conf.d/tinydm"},
		{"x", "etc/inittab",
			"#tty2::respawn:/sbin/agetty -a no\ntty1::respawn:/sbin/agetty --noclear -a user "
			"38400 tty1\n",
			"user", "console: /etc/inittab"},
		{"x", "etc/inittab", "tty1::respawn:/bin/login -f root\n", "root",
			"console: /etc/inittab"},
		{"x", "etc/inittab", "tty1::respawn:/sbin/getty 38400 tty1\n", "", ""},
		{"x", "etc/systemd/system/getty@tty1.service.d/auto.conf",
			"[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin user %I $TERM\n",
			"user", "console: /etc/systemd/system/getty@tty1.service.d/auto.conf"},
		{"x", "etc/conf.d/agetty.tty1", "agetty_options=\"--autologin=user --noclear\"\n",
			"user", "console: /etc/conf.d/agetty.tty1"},
		{"x", "etc/conf.d/agetty.tty1", "agetty_options=\"--autologin\"\n", "", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(logins); i++) {
		struct autologin autologin;
		struct fixture f;

		fixture_open(&f);
		fixture_text(&f, "etc/passwd",
			"greetd:x:101:1::/:/bin/false\nuser:x:10000:1::/:/bin/sh\n");
		add_program(&f, logins[i].program);
		fixture_text(&f, logins[i].path, logins[i].text);
		autologin_find(f.platform.sysroot_fd, &autologin);
		if (strcmp(autologin.user, logins[i].user) != 0 ||
			strcmp(autologin.by, logins[i].by) != 0)
			check_fail(__FILE__, __LINE__, "login %zu: %s by %s", i, autologin.user,
				autologin.by);
		fixture_close(&f);
	}
}

/* One that is installed and not started logs nobody in; later files count. */
static void test_autologin_started(void)
{
	struct autologin autologin;
	struct fixture f;

	fixture_open(&f);
	add_program(&f, "usr/bin/greetd");
	add_program(&f, "usr/bin/sddm");
	fixture_text(&f, "etc/greetd/config.toml", "[initial_session]\nuser = \"a\"\n");
	fixture_text(&f, "usr/lib/sddm/sddm.conf.d/x", "[Autologin]\nUser=b\n");
	fixture_directory(&f, "etc/runlevels/default");
	autologin_find(f.platform.sysroot_fd, &autologin);
	CHECK_STR(autologin.user, "");
	fixture_link(&f, "etc/runlevels/default/sddm", "/etc/init.d/sddm");
	autologin_find(f.platform.sysroot_fd, &autologin);
	CHECK_STR(autologin.user, "b");
	fixture_text(&f, "etc/sddm.conf", "[Autologin]\nUser=\n");
	autologin_find(f.platform.sysroot_fd, &autologin);
	CHECK_STR(autologin.user, "");
	fixture_link(&f, "etc/systemd/system/display-manager.service",
		"/usr/lib/systemd/system/greetd.service");
	autologin_find(f.platform.sysroot_fd, &autologin);
	CHECK_STR(autologin.user, "a");
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"read", test_read},
	{"limits", test_limits},
	{"autologin", test_autologin},
	{"autologin_started", test_autologin_started},
};
CHECK_MAIN(tests)
