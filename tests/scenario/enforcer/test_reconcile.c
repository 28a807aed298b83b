/* SPDX-License-Identifier: Apache-2.0 */
/* test_reconcile.c - whole rounds on a fake backend: desired state, drift, failure, escalation. */
#include <errno.h>
#include <signal.h>

#include "agent/enforcer/reconcile.h"
#include "platform/fake.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define ROUND_LIMIT 2000 /* dispatches until a round must have ended */

struct rig {
	char path[256];
	sd_event *event;
	struct state state;
	struct journal *journal;
	struct documents documents;
	struct platform platform;
	struct reconcile reconcile;
	struct fake_control fake;
	size_t n_done, n_changed;
	bool reverted, revert_failed;
};

/* The constructor has no argument for it. */
static struct fake_control *rig_fake;

static int rig_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return fake_backend_new(platform, rig_fake, ret_backend);
}

static const backend_new_fn rig_backends[] = {rig_backend_new};

static void rig_on_done(struct reconcile *r, bool changed, void *userdata)
{
	struct rig *rig = userdata;

	(void)r;
	rig->n_done++;
	rig->n_changed += changed;
}

static void rig_on_reverted(struct reconcile *r, bool failed, void *userdata)
{
	struct rig *rig = userdata;

	(void)r;
	rig->reverted = true;
	rig->revert_failed = failed;
}

static void rig_init(struct rig *rig)
{
	struct journal_recovery recovery;
	sigset_t mask;

	memset(rig, 0, sizeof(*rig));
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	rig_fake = &rig->fake;
	rig->fake.present = true;
	close(check_tmpdir(rig->path));
	signer_must(sd_event_new(&rig->event) >= 0);
	signer_must(state_open(rig->path, &rig->state) == 0);
	signer_must(journal_open(rig->state.dir_fd, 0, &rig->journal, &recovery) == 0);
	documents_init(&rig->documents, &rig->state, rig->journal);
	rig->platform = (struct platform){.event = rig->event, .sysroot_fd = -1, .vault_fd = -1};
	signer_must(reconcile_init(&rig->reconcile, rig->event, &rig->platform, &rig->documents,
			    rig_backends, 1) == 0);
	rig->reconcile.done = rig_on_done;
	rig->reconcile.reverted = rig_on_reverted;
	rig->reconcile.userdata = rig;
}

static void rig_done(struct rig *rig)
{
	reconcile_done(&rig->reconcile);
	documents_done(&rig->documents);
	journal_free(rig->journal);
	state_done(&rig->state);
	sd_event_unref(rig->event);
}
#define _rig_ _cleanup_(rig_done)

/* Puts a policy in force as documents.c would after verification. */
static void rig_policy(struct rig *rig, const char *profiles)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_json_ struct json_object *json = NULL;
	struct json_error error = {0};

	buf_printf(&text,
		"{\"type\":\"policy\",\"serial\":1,\"target\":{\"stream\":\"s\"},\"profiles\":%s}",
		profiles);
	if (rig->documents.n_policies)
		policy_free(rig->documents.policies[0].policy);
	signer_must(json_parse(text.data, text.n_bytes, &json, &error) == 0);
	signer_must(policy_parse(json, &rig->documents.policies[0].policy, &error) == 0);
	rig->documents.n_policies = 1;
	reconcile_request(&rig->reconcile, true);
}

/* Runs the loop until n rounds have ended in all. */
static bool rig_run(struct rig *rig, size_t n)
{
	for (int i = 0; i < ROUND_LIMIT && rig->n_done < n; i++)
		if (sd_event_run(rig->event, 1000 * 1000) < 0)
			return false;
	return rig->n_done >= n;
}

static int count_record(const struct journal_record *record, void *userdata)
{
	size_t *counts = userdata;

	counts[record->type]++;
	return 0;
}

static size_t journalled(struct rig *rig, enum journal_type type)
{
	size_t counts[JOURNAL_TYPE_MAX] = {0};

	signer_must(journal_each(rig->journal, 0, count_record, counts) == 0);
	return counts[type];
}

#define LOCK_300 "[{\"id\":\"base\",\"settings\":{\"screen_lock\":{\"idle_delay\":300}}}]"

static const struct compliance_result *idle(const struct rig *rig)
{
	return compliance_result(&rig->reconcile.compliance, SETTING_SCREEN_LOCK_IDLE_DELAY);
}

static void test_applies_and_settles(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 1));
	CHECK_INT(idle(&rig)->state, COMPLIANCE_COMPLIANT);
	CHECK_INT(rig.fake.in_force[SETTING_SCREEN_LOCK_IDLE_DELAY].number, 300);
	CHECK_INT(rig.n_changed, 1);
	CHECK_INT(journalled(&rig, JOURNAL_COMPLIANCE_CHANGED), 2); /* before and after applying */
	/* Nothing to do: no second apply, nothing new to tell. */
	reconcile_request(&rig.reconcile, false);
	CHECK(rig_run(&rig, 2));
	CHECK_INT(rig.fake.n_applies, 1);
	CHECK_INT(rig.n_changed, 1);
}

static void test_drift(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 1));
	fake_backend_tamper(
		rig.reconcile.backends[0].backend, SETTING_SCREEN_LOCK_IDLE_DELAY, 3600);
	CHECK(rig_run(&rig, 2));
	CHECK_INT(rig.fake.in_force[SETTING_SCREEN_LOCK_IDLE_DELAY].number, 300);
	CHECK_INT(idle(&rig)->state, COMPLIANCE_COMPLIANT);
	CHECK_INT(journalled(&rig, JOURNAL_DRIFT_DETECTED), 1);
	CHECK(journalled(&rig, JOURNAL_DRIFT_REPAIRED) >= 1);
	/* Stricter than asked is no drift. */
	fake_backend_tamper(rig.reconcile.backends[0].backend, SETTING_SCREEN_LOCK_IDLE_DELAY, 60);
	CHECK(rig_run(&rig, 3));
	CHECK_INT(idle(&rig)->state, COMPLIANCE_COMPLIANT);
	CHECK_INT(journalled(&rig, JOURNAL_DRIFT_DETECTED), 1);
}

static void test_apply_that_does_not_help(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig.fake.weaken_apply = true;
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 1));
	/* What was applied does not count, what was seen does. */
	CHECK_INT(idle(&rig)->state, COMPLIANCE_NONCOMPLIANT);
}

static void test_failures(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig.fake.fail_apply = true;
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 1));
	CHECK(idle(&rig)->state != COMPLIANCE_COMPLIANT);
	CHECK_INT(journalled(&rig, JOURNAL_APPLY_FAILED), 1);
	CHECK_STR(reconcile_failure(&rig.reconcile.backends[0]), "the fake fails to apply");
	CHECK_INT(idle(&rig)->reason, REASON_APPLY_FAILED);
	/* The same failure again is not told again. */
	reconcile_request(&rig.reconcile, false);
	CHECK(rig_run(&rig, 2));
	CHECK_INT(journalled(&rig, JOURNAL_APPLY_FAILED), 1);
	rig.fake.fail_apply = false;
	reconcile_request(&rig.reconcile, false);
	CHECK(rig_run(&rig, 3));
	CHECK_INT(idle(&rig)->state, COMPLIANCE_COMPLIANT);
	CHECK_STR(reconcile_failure(&rig.reconcile.backends[0]), "");
}

static void test_absent_backend(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig.fake.present = false;
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 1));
	CHECK_INT(idle(&rig)->state, COMPLIANCE_UNSUPPORTED);
	CHECK_INT(rig.fake.n_applies, 0);
}

static void test_removed_setting_is_reverted(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 1));
	rig_policy(&rig, "[]");
	CHECK(rig_run(&rig, 2));
	CHECK_INT(rig.fake.n_reverts, 1);
	CHECK(!idle(&rig)->present);
}

static void test_escalation_by_noncompliance(void)
{
	_rig_ struct rig rig;

	/* Encryption cannot be had here; after the time it asks for a shorter delay. */
	rig_init(&rig);
	rig.fake.weaken_apply = true;
	rig_policy(&rig,
		"[{\"id\":\"base\",\"settings\":{\"encryption\":{\"storage\":true}}},"
		"{\"id\":\"worse\",\"when\":{\"noncompliant\":{\"area\":\"encryption\",\"for\":1}},"
		"\"settings\":{\"screen_lock\":{\"idle_delay\":30}}}]");
	CHECK(rig_run(&rig, 1));
	CHECK(!idle(&rig)->present);
	/* The timer of the condition starts the next round by itself. */
	CHECK(rig_run(&rig, 2));
	CHECK(idle(&rig)->present);
	CHECK_INT(idle(&rig)->desired.number, 30);
	reconcile_export_timers(&rig.reconcile);
	CHECK(rig.state.facts.noncompliant_s[AREA_ENCRYPTION] >= 1);
	CHECK_INT(rig.state.facts.noncompliant_s[AREA_SCREEN_LOCK],
		idle(&rig)->state == COMPLIANCE_NONCOMPLIANT ? 0 : -1);
}

static void test_revert_during_a_round(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_policy(&rig, LOCK_300);
	CHECK(sd_event_run(rig.event, 0) >= 0); /* the round has begun */
	reconcile_revert(&rig.reconcile);
	for (int i = 0; i < ROUND_LIMIT && !rig.reverted; i++)
		CHECK(sd_event_run(rig.event, 1000 * 1000) >= 0);
	CHECK(rig.reverted);
	CHECK(!rig.revert_failed);
	CHECK_INT(rig.fake.n_reverts, 1);
	CHECK(!rig.reconcile.has_compliance);
}

/* Two people unenrol at once; whoever enrols afterwards must not be reverted. */
static void test_revert_twice(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 1));
	reconcile_revert(&rig.reconcile);
	reconcile_revert(&rig.reconcile);
	for (int i = 0; i < ROUND_LIMIT && !rig.reverted; i++)
		CHECK(sd_event_run(rig.event, 1000 * 1000) >= 0);
	CHECK(rig.reverted);
	rig.reverted = false;
	rig_policy(&rig, LOCK_300);
	CHECK(rig_run(&rig, 2));
	CHECK(!rig.reverted);
	CHECK_INT(rig.fake.n_reverts, 1);
	CHECK_INT(idle(&rig)->state, COMPLIANCE_COMPLIANT);
}

static const struct check_test tests[] = {
	{"applies_and_settles", test_applies_and_settles},
	{"drift", test_drift},
	{"apply_that_does_not_help", test_apply_that_does_not_help},
	{"failures", test_failures},
	{"absent_backend", test_absent_backend},
	{"removed_setting_is_reverted", test_removed_setting_is_reverted},
	{"escalation_by_noncompliance", test_escalation_by_noncompliance},
	{"revert_during_a_round", test_revert_during_a_round},
	{"revert_twice", test_revert_twice},
};
CHECK_MAIN(tests)
