/* SPDX-License-Identifier: Apache-2.0 */
/* test_stage.c - service files with modules exchanged; see stage.h. */
#include "platform/pam/stage.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/check.h"

static void texts(void)
{
	static const struct {
		const char *in;
		enum stage_variant variant;
		enum stage_own own;
		const char *out;
	} rows[] = {
		{"auth required pam_unix.so nullok\n", STAGE_RIGHT, STAGE_OWN_DRY,
			"auth required pam_permit.so\n"},
		{"auth required pam_unix.so nullok\n", STAGE_WRONG, STAGE_OWN_DRY,
			"auth required pam_deny.so\n"},
		{"auth required pam_unix.so nullok\n", STAGE_REAL, STAGE_OWN_REAL,
			"auth required pam_unix.so nullok\n"},
		{"-auth [success=1 default=ignore]\t/lib/security/pam_unix.so\n", STAGE_RIGHT,
			STAGE_OWN_DRY, "-auth [success=1 default=ignore] pam_permit.so\n"},
		{"auth required pam_unix.so.old\n", STAGE_RIGHT, STAGE_OWN_DRY,
			"auth required pam_unix.so.old\n"},
		{"auth required my_pam_unix.so\n", STAGE_RIGHT, STAGE_OWN_DRY,
			"auth required my_pam_unix.so\n"},
		{"-auth [ignore=ignore default=die] pam_mdm.so quiet # ours\n", STAGE_RIGHT,
			STAGE_OWN_DRY, "-auth [ignore=ignore default=die] pam_mdm.so quiet dry\n"},
		{"auth required pam_mdm.so\n", STAGE_REAL, STAGE_OWN_REAL,
			"auth required pam_mdm.so\n"},
		{"-auth [default=die] pam_mdm.so quiet\n", STAGE_REAL, STAGE_OWN_SILENT,
			"-auth [default=ignore] pam_permit.so\n"},
		/* Nothing that is tried changes a password. */
		{"password optional pam_gnome_keyring.so use_authtok\n", STAGE_RIGHT, STAGE_OWN_DRY,
			"password optional pam_permit.so\n"},
		{"-PASSWORD optional pam_kwallet5.so\n", STAGE_WRONG, STAGE_OWN_DRY,
			"-PASSWORD optional pam_deny.so\n"},
		{"password requisite pam_deny.so\n", STAGE_RIGHT, STAGE_OWN_DRY,
			"password requisite pam_deny.so\n"},
		{"password include base-password\n@include common-password\n", STAGE_WRONG,
			STAGE_OWN_DRY,
			"password include /d/base-password\n@include /d/common-password\n"},
		{"@include /etc/pam.d/x\n-auth substack\t/usr/lib/pam.d/y\n@include /opt/z\n",
			STAGE_REAL, STAGE_OWN_REAL,
			"@include /d/x\n-auth substack\t/d/y\n@include /opt/z\n"},
		/* Lines that go on, comments, no end of line. */
		{"auth \\\n required \\\n pam_unix.so", STAGE_RIGHT, STAGE_OWN_DRY,
			"auth required pam_permit.so\n"},
		{"# auth required pam_unix.so\n\n", STAGE_RIGHT, STAGE_OWN_DRY, "\n\n"},
		{"# comment \\\nauth required pam_unix.so\n", STAGE_RIGHT, STAGE_OWN_DRY,
			"\nauth required pam_permit.so\n"},
		{"auth required pam_unix.so \\", STAGE_RIGHT, STAGE_OWN_DRY,
			"auth required pam_permit.so\n"},
		{"auth [default=\\]", STAGE_RIGHT, STAGE_OWN_DRY, "auth [default=\\]\n"},
		{"auth [", STAGE_RIGHT, STAGE_OWN_DRY, "auth [\n"},
		{"auth", STAGE_RIGHT, STAGE_OWN_DRY, "auth\n"},
		{"", STAGE_RIGHT, STAGE_OWN_DRY, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		CHECK_INT(stage_text(rows[i].in, strlen(rows[i].in), rows[i].variant, rows[i].own,
				  "/d", &out, NULL),
			0);
		CHECK_STR(out.data ? out.data : "", rows[i].out);
	}
}

static void modules(void)
{
	static const char text[] = "auth required pam_unix.so\n"
				   "auth required /opt/pam_mdm.so x\n"
				   "auth required pam_mdm.so\n"
				   "password required pam_mdm.so\n";
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct stage_modules modules = {0};

	CHECK_INT(stage_text(text, 10, STAGE_REAL, STAGE_OWN_DRY, NULL, &out, &modules), 0);
	CHECK_INT(modules.n, 0);
	CHECK_INT(
		stage_text(text, strlen(text), STAGE_REAL, STAGE_OWN_DRY, NULL, &out, &modules), 0);
	CHECK_INT(modules.n, 2);
	CHECK_STR(modules.paths[0], "/opt/pam_mdm.so");
	CHECK_STR(modules.paths[1], "pam_mdm.so");
}

static void refusals(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT, text = BUF_INIT;

	CHECK_INT(stage_text("auth\0x", 6, STAGE_REAL, STAGE_OWN_DRY, NULL, &out, NULL), -EBADMSG);
	for (int i = 0; i < 4096; i++)
		buf_puts(&text, "x");
	CHECK_INT(stage_text(text.data, text.n_bytes, STAGE_REAL, STAGE_OWN_DRY, NULL, &out, NULL),
		-EFBIG);
	CHECK_INT(stage_text(text.data, 4094, STAGE_REAL, STAGE_OWN_DRY, NULL, &out, NULL), 0);
}

static void names(void)
{
	for (enum stage_variant v = 0; v < STAGE_VARIANT_MAX; v++)
		CHECK(stage_variant_name(v));
	CHECK(!stage_variant_name(STAGE_VARIANT_MAX));
}

int main(int argc, char **argv)
{
	static const struct check_test tests[] = {
		{"texts", texts},
		{"modules", modules},
		{"refusals", refusals},
		{"names", names},
	};

	return check_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
