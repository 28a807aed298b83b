/* SPDX-License-Identifier: Apache-2.0 */
/* test_password_observe.c - what the backend "password" sees of accounts, services and gaps. */
#include <stdint.h>

#include "agent/util/clock.h"
#include "agent/util/digest.h"
#include "policies/password.h"
#include "tests/unit/platform/password_rig.h"

#define DAY 86400

static void know(struct rig *rig, const char *user, const char *hash, bool judged, uint32_t broken)
{
	struct password_known *known = &rig->known.known[rig->known.n_known++];

	*known = (struct password_known){.judged = judged, .broken = broken};
	snprintf(known->user, sizeof(known->user), "%s", user);
	if (sha256(hash, strlen(hash), known->hash_sha256) < 0)
		abort();
}

static void test_quality(void)
{
	struct rig rig;

	rig_open(&rig, &layouts[1]);
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, PENDING, PASSWORD_UNSEEN);
	know(&rig, "user", "$6$s$h", true, 1u << PASSWORD_MIN_LENGTH);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, NONCOMPLIANT, PASSWORD_WEAK);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_ALLOW_NUMERIC, 0, COMPLIANT, NONE);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_HISTORY, 3, COMPLIANT, NONE);
	rig.known.known[0].broken = 0;
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, COMPLIANT, NONE);
	rig.known.known[0].temporary = true;
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, NONCOMPLIANT, PASSWORD_TEMPORARY);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MAX_AGE, 6, NONCOMPLIANT, PASSWORD_TEMPORARY);
	rig.known.known[0].temporary = false;
	rig.known.known[0].judged = false;
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, PENDING, PASSWORD_UNSEEN);
	rig.known.known[0].judged = true;
	/* Another password than the one that was judged. */
	fixture_text(&rig.f, "etc/shadow", "root:!::0:::::\nuser:$6$s$other::0:99999:7:::\n");
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, PENDING, PASSWORD_UNSEEN);
	/* root's counts as soon as it is known; an empty one breaks every rule; a closed one none.
	 */
	fixture_text(&rig.f, "etc/shadow", "root:r::0:::::\nuser:!::0:99999:7:::\n");
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, COMPLIANT, NONE);
	know(&rig, "root", "r", true, 1u << PASSWORD_MIN_LENGTH);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, NONCOMPLIANT, PASSWORD_WEAK);
	fixture_text(&rig.f, "etc/shadow", "root:!::0:::::\nuser:::0:99999:7:::\n");
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, NONCOMPLIANT, PASSWORD_EMPTY);
	fixture_text(&rig.f, "etc/shadow", "");
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, UNKNOWN, NOT_OBSERVED);
	/* A stack that lets weak ones in. */
	fixture_text(&rig.f, "etc/shadow", "root:!::0:::::\nuser:!::0:99999:7:::\n");
	fixture_text(&rig.f, "etc/pam.d/passwd", "password required pam_unix.so\n");
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, NONCOMPLIANT, NOT_ENFORCED);
	fixture_text(&rig.f, "etc/passwd", "");
	(void)judge(&rig, SETTING_PASSWORD_MIN_LENGTH, 6);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, ERROR, OBSERVE_FAILED);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FORBID_EMPTY, 1, ERROR, OBSERVE_FAILED);
	rig_close(&rig);
}

static void shadow(struct rig *rig, const char *hash, int64_t changed, int64_t max)
{
	char text[300];

	snprintf(text, sizeof(text), "root:!::0:::::\nuser:%s:%lld:0:%lld:7:::\n", hash,
		(long long)changed, (long long)max);
	fixture_text(&rig->f, "etc/shadow", text);
}

static void test_facts(void)
{
	int64_t today = clock_realtime_s() / DAY;
	struct rig rig;

	rig_open(&rig, &layouts[1]);
	shadow(&rig, "$6$s$h", today - 90, 99999);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MAX_AGE, 91, COMPLIANT, NONE);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MAX_AGE, 80, NONCOMPLIANT, PASSWORD_OLD);
	shadow(&rig, "$6$s$h", today + 5, 99999);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MAX_AGE, 80, UNKNOWN, NOT_OBSERVED);
	shadow(&rig, "$6$s$h", today - 10, 5);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MAX_AGE, 80, NONCOMPLIANT, PASSWORD_OLD);
	shadow(&rig, "$6$s$h", 0, 99999);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MAX_AGE, 80, NONCOMPLIANT, PASSWORD_OLD);
	shadow(&rig, "$6$s$h", today - 10, 500);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MAX_AGE, 80, COMPLIANT, NONE);
	CHECK(strstr(
		rig.accounts->observations[SETTING_PASSWORD_MAX_AGE]->items[0].detail, "expire"));

	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_HASH, 2, COMPLIANT, NONE);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_HASH, 3, NONCOMPLIANT, PASSWORD_HASH);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FORBID_EMPTY, 1, COMPLIANT, NONE);
	fixture_text(&rig.f, "usr/bin/tinydm-run-session", "");
	fixture_text(&rig.f, "etc/conf.d/tinydm", "AUTOLOGIN_UID=10000\n");
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FORBID_EMPTY, 1, NONCOMPLIANT, AUTOLOGIN);
	shadow(&rig, "", 1, 99999);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FORBID_EMPTY, 1, NONCOMPLIANT, PASSWORD_EMPTY);
	rig_close(&rig);
}

static void test_gaps(void)
{
	static const char *const plain[][2] = {
		{"etc/doas.conf", "# permit :wheel\npermit nopass root\n"},
		{"etc/ssh/sshd_config", "PasswordAuthentication no\n"},
		{"etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM no\n"},
		{"etc/ssh/sshd_config", "\tusepam \"yes\"\n"},
	};
	static const char *const gaps[][2] = {
		{"etc/doas.d/a.conf", "permit persist :wheel\n"},
		{"etc/ssh/sshd_config", "UsePAM no\nUsePAM yes\n"},
		{"etc/ssh/sshd_config", "Match User x\nPasswordAuthentication no\nUsePAM yes\n"},
		{"etc/ssh/sshd_config", ""},
	};
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(plain) + ARRAY_SIZE(gaps); i++) {
		bool gap = i >= ARRAY_SIZE(plain);
		const char *const *file = gap ? gaps[i - ARRAY_SIZE(plain)] : plain[i];
		struct judged judged;

		rig_open(&rig, &layouts[1]);
		CHECK_INT(rig_apply(&rig), 0);
		fixture_text(&rig.f, "usr/bin/doas", "");
		fixture_text(&rig.f, "etc/ssh/sshd_config.d/50.conf", "UsePAM yes\n");
		if (strstr(file[0], "sshd"))
			fixture_link(&rig.f, "etc/runlevels/default/sshd", "/etc/init.d/sshd");
		fixture_text(&rig.f, file[0], file[1]);
		judged = judge(&rig, SETTING_PASSWORD_MAX_ATTEMPTS, 10);
		if ((judged.state == COMPLIANCE_NONCOMPLIANT) != gap ||
			(gap && judged.reason != REASON_NOT_ENFORCED))
			check_fail(__FILE__, __LINE__, "file %zu: %s", i, judged.detail);
		rig_close(&rig);
	}
	rig_open(&rig, &layouts[1]);
	CHECK_INT(rig_apply(&rig), 0);
	fixture_link(&rig.f, "bin/su", "/bin/bbsuid");
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, NONCOMPLIANT, NOT_ENFORCED);
	rig_close(&rig);
	/* An enforcer that does not listen counts nothing; neither does one that knows nothing. */
	rig_open(&rig, &layouts[1]);
	CHECK_INT(rig_apply(&rig), 0);
	rig.known.serving = false;
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, NONCOMPLIANT, NOT_ENFORCED);
	rig.f.platform.passwords = NULL;
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, NONCOMPLIANT, NOT_ENFORCED);
	rig_close(&rig);
	/* What only keys that may destroy can ask for, on a phone that will not do it. */
	rig_open(&rig, &layouts[1]);
	want(&rig.desired, SETTING_PASSWORD_AT_MAXIMUM, 2);
	CHECK_INT(rig_apply(&rig), 0);
	rig.known.at_maximum = 2;
	CHECK_JUDGED(&rig, SETTING_PASSWORD_AT_MAXIMUM, 2, COMPLIANT, NONE);
	rig.known.maximum_gap = "it is its user's";
	CHECK_JUDGED(&rig, SETTING_PASSWORD_AT_MAXIMUM, 2, NONCOMPLIANT, NOT_ENFORCED);
	rig_close(&rig);
}

static const struct check_test tests[] = {
	{"quality", test_quality},
	{"facts", test_facts},
	{"gaps", test_gaps},
};
CHECK_MAIN(tests)
