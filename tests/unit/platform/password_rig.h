/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_rig.h - roots with PAM service files for the tests of the backend "password". The
 * program that tries the files out is a stand-in here, a shell script that only says yes or no.
 */
#ifndef MDM_TESTS_PASSWORD_RIG_H
#define MDM_TESTS_PASSWORD_RIG_H

#include "platform/password_known.h"
#include "platform/vault.h"
#include "tests/unit/platform/fixture.h"

struct rig {
	struct fixture f;
	struct backend *b, *accounts;
	struct effective desired;
	struct passwords_known known;
	char program[300];
};

struct layout {
	const char *name;
	const char *module_directory;
	const char *files[12][2];
	const char *guarded[4]; /* that are replaced */
};

#define INCLUDES                                                                                   \
	"auth include base-auth\naccount include base-account\npassword include base-password\n"
static const struct layout layouts[] = {
	{"vendor", "usr/lib/security/",
		{{"usr/lib/pam.d/base-auth",
			 "auth required pam_unix.so nullok\nauth required pam_nologin.so\n"},
			{"usr/lib/pam.d/base-account", "account required pam_unix.so\n"},
			{"usr/lib/pam.d/base-password",
				"password required pam_unix.so nullok sha512 shadow\n"},
			{"usr/lib/pam.d/other", INCLUDES}, {"usr/lib/pam.d/greetd", INCLUDES}},
		{"base-auth", "base-password"}},
	{"alpine", "lib/security/",
		{{"etc/pam.d/base-auth",
			 "auth required pam_unix.so nullok\nauth required pam_nologin.so\n"},
			{"etc/pam.d/base-account", "account required pam_unix.so\n"},
			{"etc/pam.d/base-password",
				"password required pam_unix.so nullok sha512 shadow\n"},
			{"etc/pam.d/other", INCLUDES}, {"etc/pam.d/other.apk-new", INCLUDES}},
		{"base-auth", "base-password"}},
	{"debian", "usr/lib/aarch64-linux-gnu/security/",
		{{"etc/pam.d/common-auth",
			 "#\n# /etc/pam.d/common-auth\n#\nauth\t[success=1 default=ignore]\tpam_unix.so "
			 "nullok\nauth\trequisite\t\t\tpam_deny.so\nauth\trequired\t\t\t"
			 "pam_permit.so\n"},
			{"etc/pam.d/common-password",
				"password\t[success=1 default=ignore]\tpam_unix.so obscure "
				"yescrypt\npassword\trequisite\tpam_deny.so\npassword\trequired\t"
				"pam_permit.so\n"},
			{"etc/pam.d/phosh", "auth include common-auth\n"},
			{"etc/pam.d/own",
				"auth [success=1 default=ignore] pam_fprintd.so\nauth required "
				"pam_unix.so\nauth required pam_permit.so\n"},
			{"etc/pam.d/other", "@include common-auth\n@include common-password\n"},
			{"etc/pam.d/common-auth.dpkg-dist", "auth required pam_unix.so\n"}},
		{"common-auth", "common-password", "own"}},
};

/* Where the stand-in lies, and what it writes. */
static inline const char *rig_programs(void)
{
	static char path[256];

	if (!path[0])
		close(check_tmpdir(path));
	return path;
}

static inline void rig_program(struct rig *rig, const char *body)
{
	FILE *file = fopen(rig->program, "we");

	if (!file)
		abort();
	fprintf(file, "#!/bin/sh\n# a stand-in: it tries nothing out\necho x >>'%s/runs'\n%s\n",
		rig_programs(), body);
	fclose(file);
	if (chmod(rig->program, 0755) < 0)
		abort();
}

/* How often the stand-in was started. */
static inline unsigned int rig_runs(void)
{
	unsigned int n = 0;
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/runs", rig_programs());
	file = fopen(path, "re");
	while (file && fgetc(file) == 'x' && fgetc(file) == '\n')
		n++;
	if (file)
		fclose(file);
	return n;
}

static inline void rig_open(struct rig *rig, const struct layout *layout)
{
	char path[300];

	memset(rig, 0, sizeof(*rig));
	fixture_open(&rig->f);
	snprintf(path, sizeof(path), "%s/runs", rig_programs());
	(void)unlink(path);
	snprintf(rig->program, sizeof(rig->program), "%s/check", rig_programs());
	rig_program(rig, "exit 0");
	fixture_text(&rig->f, "bin/sh", "");
	if (fchmodat(rig->f.platform.sysroot_fd, "bin/sh", 0755, 0) < 0)
		abort();
	fixture_directory(&rig->f, "run/mdm-agent");
	fixture_text(&rig->f, "etc/passwd",
		"root:x:0:0::/root:/bin/sh\nuser:x:10000:1::/home:/bin/sh\n");
	fixture_text(&rig->f, "etc/shadow", "root:!::0:::::\nuser:$6$s$h::0:99999:7:::\n");
	for (size_t i = 0; layout && layout->files[i][0]; i++)
		fixture_text(&rig->f, layout->files[i][0], layout->files[i][1]);
	if (layout) {
		snprintf(path, sizeof(path), "%spam_unix.so", layout->module_directory);
		fixture_text(&rig->f, path, "");
		snprintf(path, sizeof(path), "%spam_mdm.so", layout->module_directory);
		fixture_text(&rig->f, path, "");
	}
	rig->known.serving = true;
	rig->f.platform.passwords = &rig->known;
	rig->f.platform.pam_check_program = rig->program;
	want(&rig->desired, SETTING_PASSWORD_MIN_LENGTH, 6);
	want(&rig->desired, SETTING_PASSWORD_FREE_ATTEMPTS, 5);
	if (password_backend_new(&rig->f.platform, &rig->b) < 0 ||
		accounts_backend_new(&rig->f.platform, &rig->accounts) < 0)
		abort();
}

static inline void rig_close(struct rig *rig)
{
	backend_free(rig->b);
	backend_free(rig->accounts);
	fixture_close(&rig->f);
}

static inline int rig_apply(struct rig *rig)
{
	return fixture_apply(&rig->f, rig->b, &rig->desired);
}

static inline const char *etc_file(struct rig *rig, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "etc/pam.d/%s", name);
	return fixture_read(&rig->f, path);
}

static inline bool vault_is_empty(const struct rig *rig)
{
	char name[LIMIT_NAME_BYTES + 16];

	return vault_first(rig->f.platform.vault_fd, name) == -ENOENT;
}

/* What compliance makes of one setting of the policy. */
struct judged {
	enum compliance_state state;
	enum compliance_reason reason;
	char detail[LIMIT_TEXT_BYTES + 1];
};

static inline struct judged judge(struct rig *rig, enum setting_id id, int64_t number)
{
	struct effective effective = {.next_change_s = INT64_MAX};
	struct compliance_input inputs[] = {
		{"password", rig->b->observations}, {"accounts", rig->accounts->observations}};
	struct compliance compliance;
	struct judged judged = {0};

	(void)fixture_observe(&rig->f, rig->b);
	(void)fixture_observe(&rig->f, rig->accounts);
	want(&effective, id, number);
	if (compliance_evaluate(&effective, inputs, ARRAY_SIZE(inputs), NULL, 0, &compliance) < 0)
		abort();
	judged.state = compliance.results[id]->state;
	judged.reason = compliance.results[id]->reason;
	memcpy(judged.detail, compliance.results[id]->detail, sizeof(judged.detail));
	compliance_done(&compliance);
	return judged;
}

#define CHECK_JUDGED(rig, id, number, expected_state, expected_reason)                             \
	do {                                                                                       \
		struct judged judged_ = judge(rig, id, number);                                    \
		if (judged_.state != COMPLIANCE_##expected_state ||                                \
			judged_.reason != REASON_##expected_reason) {                              \
			check_fail(__FILE__, __LINE__, "%s: %s, %s", #id,                          \
				compliance_reason_name(judged_.reason), judged_.detail);           \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#endif
