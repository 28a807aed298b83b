/* SPDX-License-Identifier: Apache-2.0 */
/* test_pam_stack.c - our lines in PAM service files, and the way back. */
#include "platform/pam_stack.h"

#include <dirent.h>
#include <errno.h>

#include "agent/util/fs.h"
#include "tests/lib/check.h"

#include <fcntl.h>

#define HEAD                                                                                       \
	"# mdm-agent: keeps pam_mdm.so in front of pam_unix.so here while the phone is managed\n"
#define NEXT "# mdm-agent: the next line\n"
#define BOTH "# mdm-agent: the next line, and use_authtok in the one behind it\n"
#define CONTROL                                                                                    \
	"[success=ignore ignore=ignore open_err=ignore symbol_err=ignore module_unknown=ignore "   \
	"default=die]"
#define AUTH NEXT "-auth\t" CONTROL "\tpam_mdm.so\n"
#define PASSWORD NEXT "-password\t" CONTROL "\tpam_mdm.so\n"
#define PASSWORD_BOTH BOTH "-password\t" CONTROL "\tpam_mdm.so\n"

struct change {
	const char *before, *after;
};

/* Of the texts below; "" marks one that is not understood. */
static const struct change changes[] = {
	/* Alpine. */
	{"auth required pam_unix.so nullok\nauth required pam_nologin.so\n",
		HEAD AUTH "auth required pam_unix.so nullok\nauth required pam_nologin.so\n"},
	{"password required pam_unix.so nullok sha512 shadow\n-password optional "
	 "pam_kwallet5.so use_authtok\n",
		HEAD PASSWORD_BOTH
		"password required pam_unix.so nullok sha512 shadow use_authtok\n-password "
		"optional pam_kwallet5.so use_authtok\n"},
	/* Debian. */
	{"# comment\nauth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth\trequisite\t"
	 "pam_deny.so\nauth\trequired\tpam_permit.so\n",
		HEAD AUTH "# comment\n"
			  "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth\trequisite\t"
			  "pam_deny.so\nauth\trequired\tpam_permit.so\n"},
	/* In front of the comments right above, so that pam-auth-update knows its block. */
	{"# header\n\n# here are the per-package modules (the \"Primary\" block)\n  # more\n"
	 "password\t[success=1 default=ignore]\tpam_unix.so obscure\npassword requisite x.so\n",
		HEAD "# header\n\n" PASSWORD_BOTH
		     "# here are the per-package modules (the \"Primary\" block)\n  # more\n"
		     "password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok\n"
		     "password requisite x.so\n"},
	/* A strength module asks already. */
	{"password requisite pam_pwquality.so retry=3\npassword [success=1 default=ignore] "
	 "pam_unix.so obscure use_authtok try_first_pass yescrypt\npassword requisite x.so\n",
		HEAD "password requisite pam_pwquality.so retry=3\n" PASSWORD
		     "password [success=1 default=ignore] pam_unix.so obscure use_authtok "
		     "try_first_pass yescrypt\npassword requisite x.so\n"},
	/* Jumps: over the line, to it, past it, to the end; of another type; before and behind. */
	{"auth [success=1 default=ignore] pam_a.so\nauth required pam_unix.so\n", HEAD
		"auth [success=2 default=ignore] pam_a.so\n" AUTH "auth required pam_unix.so\n"},
	{"auth [success=1 default=ignore] pam_a.so\nauth required pam_b.so\nauth required "
	 "pam_unix.so\n",
		HEAD "auth [success=1 default=ignore] pam_a.so\nauth required pam_b.so\n" AUTH
		     "auth required pam_unix.so\n"},
	{"auth [success=9 user_unknown=1 default=ignore] pam_a.so\nauth required pam_unix.so\n"
	 "auth required 1.so\nauth required 2.so\nauth required 3.so\nauth required 4.so\n"
	 "auth required 5.so\nauth required 6.so\nauth required 7.so\nauth required pam_unix.so\n",
		HEAD "auth [success=11 user_unknown=2 default=ignore] pam_a.so\n" AUTH
		     "auth required pam_unix.so\nauth required 1.so\nauth required 2.so\nauth "
		     "required 3.so\nauth required 4.so\nauth required 5.so\nauth required 6.so\n"
		     "auth required 7.so\n" AUTH "auth required pam_unix.so\n"},
	{"account [success=1 default=ignore] pam_unix.so\nauth required pam_unix.so\naccount "
	 "required pam_deny.so\n",
		HEAD "account [success=1 default=ignore] pam_unix.so\n" AUTH
		     "auth required pam_unix.so\naccount required pam_deny.so\n"},
	{"auth [success=2 default=ignore] pam_a.so\nauth substack base\nauth required "
	 "pam_unix.so\n",
		HEAD "auth [success=3 default=ignore] pam_a.so\nauth substack base\n" AUTH
		     "auth required pam_unix.so\n"},
	{"auth required \\\n  pam_unix.so \\\n nullok # why\nauth [success=1 \\\n default=die] "
	 "x.so\nauth required y.so",
		HEAD AUTH "auth required \\\n  pam_unix.so \\\n nullok # why\nauth [success=1 \\\n "
			  "default=die] x.so\nauth required y.so"},
	{"password required pam_unix.so \\\n\tsha512# why \\\n", NULL},
	{"AUTH Required /lib/security/pam_unix.so",
		HEAD AUTH "AUTH Required /lib/security/pam_unix.so"},
	{"-auth required pam_unix.so\n", HEAD AUTH "-auth required pam_unix.so\n"},
	{"password required pam_unix.so#x",
		HEAD PASSWORD_BOTH "password required pam_unix.so use_authtok#x"},
	/* Nothing to do but to say so. */
	{"", HEAD},
	{"@include common-auth\nsession required pam_unix.so\n",
		HEAD "@include common-auth\nsession required pam_unix.so\n"},
	{"auth required pam_mdm.so unreachable=refuse\nauth required pam_unix.so\n",
		HEAD "auth required pam_mdm.so unreachable=refuse\nauth required pam_unix.so\n"},
	{"strange line\n", HEAD "strange line\n"},
	/* Not understood. */
	{"auth required pam_unix.so\nstrange line\n", ""},
	{"auth [success=1 default=ignore] pam_a.so\n@include common-auth\nauth required "
	 "pam_unix.so\n",
		""},
	{"auth [success=1 default=ignore] pam_a.so\nauth include x\nauth required pam_unix.so\n",
		""},
	{"auth [success=2 default=ignore] pam_a.so\nauth required pam_unix.so\n", ""},
	{"auth [success=01 default=ignore] pam_a.so\nauth required pam_unix.so\n", ""},
	{"auth [success=0 default=ignore] pam_unix.so\n", ""},
	{"auth [success=1000 default=ignore] pam_unix.so\n", ""},
	{"auth [success] pam_unix.so\n", ""},
	{"auth [success=1default=die] pam_unix.so\n", ""},
	{"auth [success=ok pam_unix.so\n", ""},
	{"auth sometimes pam_unix.so\n", ""},
	{"auth required pam_unix.so\nauth required\n", ""},
	{"auth required pam_unix.so \\\n\nauth required x.so\n", ""},
	{"auth required pam_unix.so \\\n# comment\nnullok\n", ""},
	{"auth required pam_unix.so \\ \n nullok\n", ""},
	{"auth required pam_unix.so \\", ""},
	{"auth required pam_unix.so\r\n", ""},
	{"auth required pam_unix.so \x7f\n", ""},
};

static int derive(const char *text, const char *vendor, struct buf *out)
{
	buf_puts(out, "");
	return pam_stack_derive(text, strlen(text), vendor, out);
}

static void test_changes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		const struct change *change = &changes[i];
		_cleanup_buf_ struct buf out = BUF_INIT, back = BUF_INIT;
		struct pam_facts facts;
		bool present = false;
		int r = derive(change->before, NULL, &out);

		if (change->after && !*change->after) {
			CHECK_INT(pam_stack_examine(change->before, strlen(change->before), &facts),
				0);
			if (r != -EBADMSG || out.n_bytes || !facts.unclear[0])
				check_fail(__FILE__, __LINE__, "change %zu was understood: %s", i,
					out.data);
			continue;
		}
		if (r < 0 || (change->after && strcmp(out.data, change->after) != 0)) {
			check_fail(__FILE__, __LINE__, "change %zu is %d: %s", i, r, out.data);
			continue;
		}
		buf_puts(&back, "");
		CHECK_INT(pam_stack_strip(out.data, out.n_bytes, &back, &present), 0);
		CHECK_STR(back.data, change->before);
		CHECK(present);
		CHECK_INT(derive(out.data, NULL, &back), -EEXIST);
		CHECK_INT(pam_stack_examine(out.data, out.n_bytes, &facts), 0);
		CHECK(facts.guarded_auth == facts.asks_auth);
		CHECK(facts.guarded_password == facts.asks_password);
	}
}

static void test_vendor(void)
{
	static const char text[] = "auth required pam_unix.so\n";
	_cleanup_buf_ struct buf out = BUF_INIT, back = BUF_INIT;
	bool present;

	CHECK_INT(derive(text, "/usr/lib/pam.d/base-auth", &out), 0);
	CHECK(strstr(out.data, "# mdm-agent: made of /usr/lib/pam.d/base-auth "));
	buf_puts(&back, "");
	CHECK_INT(pam_stack_strip(out.data, out.n_bytes, &back, &present), 0);
	CHECK_STR(back.data, text);
	CHECK(!present);
	/* Somebody wrote a line of his own into it. */
	buf_puts(&out, "auth required pam_own.so\n");
	buf_reset(&back);
	CHECK_INT(pam_stack_strip(out.data, out.n_bytes, &back, &present), 0);
	CHECK_STR(back.data, "auth required pam_unix.so\nauth required pam_own.so\n");
	CHECK(present);
}

/* What people and package managers do to a file with our lines in it. */
static void test_strip_edited(void)
{
	static const struct change edits[] = {
		{HEAD "strange line\n" AUTH "auth required pam_unix.so\n",
			"strange line\nauth required pam_unix.so\n"},
		{HEAD "strange \\", "strange \\"},
		{AUTH AUTH, ""},
		{NEXT "auth required pam_unix.so\n", NEXT "auth required pam_unix.so\n"},
		{"-auth\t" CONTROL "\tpam_mdm.so\n", "-auth\t" CONTROL "\tpam_mdm.so\n"},
		{PASSWORD_BOTH "password required pam_unix.so\n",
			"password required pam_unix.so\n"},
		{PASSWORD_BOTH "password required pam_unix.so use_authtok sha512\n",
			"password required pam_unix.so use_authtok sha512\n"},
		{"auth [success=1 default=ignore] x.so\n" AUTH "auth required pam_unix.so\n",
			"auth [success=1 default=ignore] x.so\nauth required pam_unix.so\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		_cleanup_buf_ struct buf back = BUF_INIT;
		bool present;

		buf_puts(&back, "");
		CHECK_INT(
			pam_stack_strip(edits[i].before, strlen(edits[i].before), &back, &present),
			0);
		CHECK_STR(back.data, edits[i].after);
		CHECK(present);
	}
}

static void note_include(const char *name, bool jumped, void *userdata)
{
	buf_printf(userdata, "%s%s ", name, jumped ? "!" : "");
}

static void test_includes(void)
{
	static const struct change files[] = {
		{"auth include base-auth\n@include common-auth\naccount substack /etc/x\n",
			"base-auth common-auth /etc/x "},
		{"auth [success=1 default=ignore] a.so\nauth include b\naccount include c\n@include d",
			"b! c d! "},
		{"auth [success=1 default=ignore] a.so\nauth substack b\nauth include c\n", "b c "},
		{"account [success=1 default=ignore] a.so\naccount include b\n", "b "},
		{"auth required pam_unix.so # include c\n#auth include d\n", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		buf_puts(&out, "");
		CHECK_INT(pam_stack_includes(
				  files[i].before, strlen(files[i].before), note_include, &out),
			0);
		CHECK_STR(out.data, files[i].after);
	}
}

/* Lines up to the limit and one byte more. */
static void test_limits(void)
{
	for (int more = 0; more < 2; more++) {
		_cleanup_buf_ struct buf line = BUF_INIT, out = BUF_INIT;

		buf_puts(&line, "password required pam_unix.so ");
		while (line.n_bytes < 1000 - strlen(" use_authtok") + (size_t)more)
			buf_puts(&line, "x");
		CHECK_INT(derive(line.data, NULL, &out), more ? -EBADMSG : 0);
	}
}

/* Every service file of this machine, be it Debian's. Read only. */
static void test_this_machine(void)
{
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = opendir("/etc/pam.d");
	const struct dirent *entry;
	unsigned int n_derived = 0;

	if (!dir) {
		close(root_fd);
		check_skip("no /etc/pam.d here");
		return;
	}
	while ((entry = readdir(dir))) {
		_cleanup_buf_ struct buf out = BUF_INIT, back = BUF_INIT;
		_cleanup_free_ char *text = NULL;
		char path[512];
		bool present;
		size_t n;

		snprintf(path, sizeof(path), "etc/pam.d/%s", entry->d_name);
		if (fs_read(root_fd, path, 64 * 1024, &text, &n) < 0)
			continue;
		if (pam_stack_derive(text, n, NULL, &out) < 0) {
			check_fail(__FILE__, __LINE__, "/%s is not understood", path);
			continue;
		}
		n_derived++;
		buf_puts(&back, "");
		if (pam_stack_strip(out.data, out.n_bytes, &back, &present) < 0 ||
			back.n_bytes != n || memcmp(back.data, text, n) != 0)
			check_fail(__FILE__, __LINE__, "/%s does not come back", path);
	}
	closedir(dir);
	close(root_fd);
	CHECK(n_derived > 0);
}

/* Any sequence of such pieces: understood or not, the way back is exact. */
static void test_property(void)
{
	/* Whole lines first: rounds with an even number have nothing else. */
	static const char *const pieces[] = {"auth required pam_unix.so\n",
		"password required pam_unix.so sha512\n", "auth [success=1 default=ignore] a.so\n",
		"auth required b.so\n", "auth required pam_unix.so \\\n nullok # x\n",
		"password [success=1 default=ignore] pam_unix.so use_authtok\n",
		"auth required c.so\npassword optional d.so\n",
		"password [success=2 default=ignore] e.so\n", "# x\n", "\n",
		"auth [user_unknown=3 success=9 default=1]\tpam_unix.so\n", "auth ", "password ",
		"-auth\t", "account ", "@include ", "required ", "include ", "substack ",
		"[success=9 default=2]\t", "[success=99 x=die] ", "pam_unix.so", "x.so ",
		"use_authtok", " use_authtok\n", " ", "\n", "\\\n", "#", "auth x\n", NEXT, BOTH,
		"mdm-agent: ", "]", "["};
	const size_t n_whole = 11;
	uint32_t state = 1;
	unsigned int n_derived = 0;

	for (int round = 0; round < 50000; round++) {
		_cleanup_buf_ struct buf text = BUF_INIT, out = BUF_INIT, back = BUF_INIT;
		bool present;

		buf_puts(&text, "");
		for (int k = 0; k < 12; k++) {
			state = state * 1664525 + 1013904223;
			buf_puts(&text,
				pieces[(state >> 16) % (round % 2 ? ARRAY_SIZE(pieces) : n_whole)]);
		}
		buf_puts(&out, "");
		buf_puts(&back, "");
		if (pam_stack_derive(text.data, text.n_bytes, NULL, &out) < 0)
			continue;
		n_derived += strstr(out.data, AUTH) || strstr(out.data, PASSWORD) ||
			     strstr(out.data, PASSWORD_BOTH);
		if (pam_stack_strip(out.data, out.n_bytes, &back, &present) < 0 || !present ||
			strcmp(back.data, text.data) != 0) {
			check_fail(__FILE__, __LINE__, "round %d: %s", round, text.data);
			return;
		}
	}
	CHECK(n_derived > 1000);
}

static const struct check_test tests[] = {
	{"changes", test_changes},
	{"vendor", test_vendor},
	{"strip_edited", test_strip_edited},
	{"includes", test_includes},
	{"limits", test_limits},
	{"this_machine", test_this_machine},
	{"property", test_property},
};
CHECK_MAIN(tests)
