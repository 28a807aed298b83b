/* SPDX-License-Identifier: Apache-2.0 */
/* test_documents.c - accepting, keeping, refusing and loading documents, with real signatures. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "agent/util/fs.h"
#include "tests/lib/phone_fixture.h"

static int64_t idle_delay(const struct phone *p)
{
	if (p->documents.n_policies != 1)
		return -1;
	return p->documents.policies[0]
		.policy->profiles[0]
		.values[SETTING_SCREEN_LOCK_IDLE_DELAY]
		.number;
}

static int count_record(const struct journal_record *record, void *userdata)
{
	size_t *counts = userdata;

	counts[record->type]++;
	return 0;
}

static size_t journalled(struct phone *p, enum journal_type type)
{
	size_t counts[JOURNAL_TYPE_MAX] = {0};

	signer_must(journal_each(p->journal, 0, count_record, counts) == 0);
	return counts[type];
}

static void test_accept_and_reload(void)
{
	_phone_ struct phone p;

	phone_init(&p);
	phone_provision(&p);
	CHECK_INT(idle_delay(&p), 300);
	CHECK_INT(journalled(&p, JOURNAL_DOCUMENT_ACCEPTED), 3);
	CHECK_INT(p.state.facts.highwater.signed_s, NOW - DAY);
	phone_restart(&p);
	CHECK_INT(idle_delay(&p), 300);
	CHECK_INT(p.documents.keyset->version, 1);
	CHECK_STR(p.documents.assignment.groups[0], "staff");
	CHECK_STR(p.documents.damaged, "");
}

static void test_same_again_changes_nothing(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct documents_change change;

	phone_init(&p);
	phone_provision(&p);
	add_policy(&p, "staff", 5, 300, NOW + DAY, &body);
	change = take(&p, &body, NOW);
	CHECK_INT(change.n_accepted, 0);
	CHECK_INT(change.n_refused, 0);
	CHECK(!change.policy);
}

static void test_wrong_pin(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct documents_change change;

	phone_init(&p);
	p.state.facts.pinned_keyset[0] ^= 1;
	add_keyset(&p, 1, 0, 1, &body);
	change = take(&p, &body, NOW);
	CHECK_INT(change.n_refused, 1);
	CHECK(!p.documents.keyset);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_PIN);
}

static void test_rollback_is_journalled_once(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&p);
	phone_provision(&p);
	add_policy(&p, "staff", 4, 3600, NOW + DAY, &body);
	for (int i = 0; i < 3; i++) {
		struct documents_change change = take(&p, &body, NOW + i);

		CHECK_INT(change.n_refused, 1);
		CHECK_INT(change.new_refusal, i == 0);
	}
	CHECK_INT(p.documents.n_refusals, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_ROLLBACK);
	CHECK_INT(p.documents.refusals[0].time_s, NOW + 2);
	CHECK_INT(journalled(&p, JOURNAL_DOCUMENT_REFUSED), 1);
	CHECK_INT(idle_delay(&p), 300);
}

static void test_rollback_over_unenrolment(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t pin[SHA256_BYTES];

	phone_init(&p);
	phone_provision(&p);
	add_assignment(&p, 3, "[\"staff\"]", "company", &body);
	CHECK_INT(take(&p, &body, NOW).n_accepted, 1);
	buf_reset(&body);
	memcpy(pin, p.state.facts.pinned_keyset, sizeof(pin));
	documents_forget(&p.documents);
	CHECK_INT(state_forget_enrolment(&p.state), 0);
	p.state.facts.enrolled = true;
	memcpy(p.state.facts.pinned_keyset, pin, sizeof(pin));
	memcpy(p.state.facts.ticket_id, TICKET, 33);
	add_keyset(&p, 1, 0, 1, &body);
	add_assignment(&p, 1, "[\"staff\"]", "company", &body);
	add_policy(&p, "staff", 4, 3600, NOW + DAY, &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_ROLLBACK);
	CHECK_INT(p.documents.n_policies, 0);
	/* The assignment counts anew: it is for this enrolment only. */
	CHECK_INT(p.documents.assignment.serial, 1);
}

static void test_policy_outlives_its_key(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&p);
	phone_provision(&p);
	add_keyset(&p, 2, 0, 2, &body);
	add_keyset(&p, 3, 1, 1, &body); /* the key that signed the policy is gone */
	CHECK_INT(take(&p, &body, NOW).n_accepted, 2);
	phone_restart(&p);
	CHECK_INT(p.documents.keyset->version, 3);
	CHECK_INT(idle_delay(&p), 300);
	buf_reset(&body);
	add_policy(&p, "staff", 6, 60, NOW + DAY, &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_SIGNATURE);
	CHECK_INT(idle_delay(&p), 300);
}

static void test_old_keyset_cannot_come_back(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t pin[SHA256_BYTES];

	phone_init(&p);
	memcpy(pin, p.state.facts.pinned_keyset, sizeof(pin));
	phone_provision(&p);
	add_keyset(&p, 2, 0, 2, &body);
	CHECK_INT(take(&p, &body, NOW).n_accepted, 1);
	/* A re-enrolment with an old ticket pins version 1 again. */
	documents_forget(&p.documents);
	memcpy(p.state.facts.pinned_keyset, pin, sizeof(pin));
	buf_reset(&body);
	add_keyset(&p, 1, 0, 1, &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_ROLLBACK);
	CHECK(!p.documents.keyset);
}

static void test_damaged_policy_is_taken_again(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&p);
	phone_provision(&p);
	add_policy(&p, "staff", 5, 300, NOW + DAY, &body);
	CHECK_INT(state_store_document(&p.state, "policy.staff", "x.y.z\n", 6), 0);
	phone_restart(&p);
	CHECK_STR(p.documents.damaged, "staff");
	CHECK_INT(p.documents.n_policies, 0);
	CHECK_INT(take(&p, &body, NOW).n_accepted, 1);
	CHECK_INT(idle_delay(&p), 300);
	phone_restart(&p);
	CHECK_INT(idle_delay(&p), 300);
}

static void test_exchanged_policy_file_is_not_loaded(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf weak = BUF_INIT;

	/* A validly signed but older policy put in place of the newer one. */
	phone_init(&p);
	phone_provision(&p);
	add_policy(&p, "staff", 4, 3600, NOW + DAY, &weak);
	CHECK_INT(state_store_document(&p.state, "policy.staff", weak.data, weak.n_bytes), 0);
	phone_restart(&p);
	CHECK_INT(p.documents.n_policies, 0);
	CHECK_STR(p.documents.damaged, "staff");
}

static void test_leaving_a_group(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;
	char *text;
	size_t n;

	phone_init(&p);
	phone_provision(&p);
	add_assignment(&p, 2, "[\"other\"]", "company", &body);
	CHECK(take(&p, &body, NOW).policy);
	CHECK_INT(p.documents.n_policies, 0);
	CHECK_INT(state_load_document(&p.state, "policy.staff", &text, &n), -ENOENT);
	buf_reset(&body);
	add_policy(&p, "staff", 6, 60, NOW + DAY, &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_TARGET);
}

static void test_personal_stays_personal(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&p);
	add_keyset(&p, 1, 0, 1, &body);
	add_assignment(&p, 1, "[]", "personal", &body);
	add_assignment(&p, 2, "[\"staff\"]", "company", &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_MEANING);
	CHECK_INT(p.documents.assignment.ownership, OWNERSHIP_PERSONAL);
	CHECK_INT(p.documents.assignment.serial, 1);
}

static void test_expiry(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&p);
	phone_provision(&p);
	add_policy(&p, "staff", 6, 60, NOW - 1, &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_EXPIRED);
	/* A clock in 1970 does not make it fresh: the floor is what was signed last. */
	buf_reset(&body);
	add_policy(&p, "staff", 7, 60, NOW - DAY - 1, &body);
	CHECK_INT(take(&p, &body, 0).n_refused, 1);
	/* What was accepted stays in force after its expiry, over a restart too. */
	phone_restart(&p);
	CHECK_INT(idle_delay(&p), 300);
}

static void add_policy_issued(struct phone *p, int64_t serial, int64_t issued_s, struct buf *out)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;

	buf_printf(&payload,
		"{\"type\":\"policy\",\"org\":\"" ORG "\",\"serial\":%lld,\"issued\":%lld,"
		"\"expires\":%lld,\"target\":{\"stream\":\"staff\"},\"profiles\":[]}",
		(long long)serial, (long long)issued_s, (long long)(issued_s + DAY));
	buf_reset(out);
	signer_sign(DOCUMENT_POLICY, payload.data, payload.n_bytes, &p->keys[0].key, out);
}

/* Whoever stole one key must not push the phone's time to its end. */
static void test_from_the_future(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;
	int64_t before;

	phone_init(&p);
	phone_provision(&p);
	before = p.state.facts.highwater.signed_s;
	add_policy_issued(&p, 6, NOW + DOCUMENTS_AHEAD_S + 1, &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_NOT_YET);
	CHECK_INT(p.state.facts.highwater.signed_s, before);
	CHECK_INT(idle_delay(&p), 300);
	add_policy_issued(&p, 6, INT64_C(253402200000), &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	CHECK_INT(p.state.facts.highwater.signed_s, before);
	/* A clock that is right needs no server's word: a thief may have both server and key. */
	p.documents.server_date_s = NOW + 100 * DAY;
	add_policy_issued(&p, 6, NOW + 100 * DAY, &body);
	CHECK_INT(take(&p, &body, NOW).n_refused, 1);
	/* Nor does one document open the way for the next. */
	for (int i = 0; i < 10; i++) {
		add_policy_issued(&p, 6 + i, NOW + (i + 1) * DOCUMENTS_AHEAD_S, &body);
		CHECK_INT(take(&p, &body, NOW).n_accepted, i == 0);
	}
	CHECK_INT(p.state.facts.highwater.signed_s, NOW + DOCUMENTS_AHEAD_S);
	CHECK_INT(p.state.facts.highwater.tls_s, NOW + DOCUMENTS_AHEAD_S);
}

/* A phone that woke up in 1970 has the server's word for the day. */
static void test_issued_while_off(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&p);
	phone_provision(&p);
	add_policy_issued(&p, 6, NOW + 300 * DAY, &body);
	CHECK_INT(take(&p, &body, 0).n_refused, 1);
	p.documents.server_date_s = NOW + 300 * DAY;
	CHECK_INT(take(&p, &body, 0).n_accepted, 1);
	CHECK_INT(p.state.facts.highwater.signed_s, NOW + 300 * DAY);
}

/* A signer's clock that runs ahead, or a co-signer who was not watched, does not end the phone's
 * time: the keyset is taken, the floor stays with the clock. */
static void test_keyset_from_the_future(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT, payload = BUF_INIT;
	struct signer_keyset keyset;

	phone_init(&p);
	phone_provision(&p);
	keyset = phone_keyset(&p, 2, 0, 2);
	keyset.issued_s = NOW + 300 * DAY;
	signer_write_keyset(&keyset, &payload);
	signer_sign(DOCUMENT_KEYSET, payload.data, payload.n_bytes, &p.keys[0].key, &body);
	signer_sign(DOCUMENT_KEYSET, payload.data, payload.n_bytes, &p.keys[1].key, &body);
	CHECK_INT(take(&p, &body, NOW).n_accepted, 1);
	CHECK_INT(p.documents.keyset->version, 2);
	CHECK_INT(p.state.facts.highwater.signed_s, NOW + DOCUMENTS_AHEAD_S);
	add_policy_issued(&p, 6, NOW + DOCUMENTS_AHEAD_S, &body);
	CHECK_INT(take(&p, &body, NOW).n_accepted, 1);
}

static void test_garbage(void)
{
	static const char *const bodies[] = {
		"{}", "a.b.c", "\n\n\n", "<html>", "a\001b", "...", "eyJ9.eyJ9.eyJ9"};
	_phone_ struct phone p;

	phone_init(&p);
	phone_provision(&p);
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct documents_change change;

		CHECK_INT(documents_take(&p.documents, bodies[i], strlen(bodies[i]), NOW, &change),
			0);
		CHECK_INT(change.n_accepted, 0);
	}
	CHECK_INT(idle_delay(&p), 300);
	CHECK(p.documents.n_refusals > 3);
}

static void test_too_many_documents(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&p);
	phone_provision(&p);
	for (int i = 0; i <= LIMIT_RESPONSE_DOCUMENTS; i++)
		add_policy(&p, "staff", 6 + i, 60, NOW + DAY, &body);
	CHECK_INT(take(&p, &body, NOW).n_accepted, 0);
	CHECK_INT(p.documents.refusals[0].why.reason, DOCUMENT_E_SIZE);
	CHECK_INT(idle_delay(&p), 300);
}

static void test_full_disk(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct rlimit before, none = {0};
	struct documents_change change;

	phone_init(&p);
	phone_provision(&p);
	add_policy(&p, "staff", 6, 60, NOW + DAY, &body);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
	none.rlim_max = before.rlim_max;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
	change = take(&p, &body, NOW);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	/* In force at once, said to be unsaved, and after a restart the stored one holds. */
	CHECK_INT(change.error, -EFBIG);
	CHECK_INT(idle_delay(&p), 60);
	phone_restart(&p);
	CHECK_INT(idle_delay(&p), 300);
	CHECK_INT(take(&p, &body, NOW).n_accepted, 1);
	phone_restart(&p);
	CHECK_INT(idle_delay(&p), 60);
}

/* Power cuts between the bytes of a document and its serial: the rules hold without a network. */
static void test_cut_before_the_serial(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf policy = BUF_INIT, assignment = BUF_INIT;
	uint8_t digest[SHA256_BYTES];

	phone_init(&p);
	phone_provision(&p);
	add_policy(&p, "staff", 6, 60, INT64_C(4000000000), &policy);
	CHECK_INT(state_store_document(&p.state, "policy.staff", policy.data, policy.n_bytes), 0);
	phone_restart(&p);
	CHECK_STR(p.documents.damaged, "");
	CHECK_INT(idle_delay(&p), 60);
	CHECK_INT(state_serial(&p.state, ORG, "policy.staff", digest), 6);
	/* The first policy of a group has no serial yet at all. */
	add_assignment(&p, 2, "[\"other\"]", "company", &assignment);
	CHECK(take(&p, &assignment, NOW).policy);
	buf_reset(&policy);
	add_policy(&p, "other", 1, 30, INT64_C(4000000000), &policy);
	CHECK_INT(state_store_document(&p.state, "policy.other", policy.data, policy.n_bytes), 0);
	phone_restart(&p);
	CHECK_INT(idle_delay(&p), 30);
	/* What is signed for one group is not stored as another's. */
	CHECK_INT(state_store_document(&p.state, "assignment", policy.data, policy.n_bytes), 0);
	phone_restart(&p);
	CHECK_STR(p.documents.damaged, "assignment");
}

static void test_cut_in_a_keyset(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf keyset = BUF_INIT, payload = BUF_INIT;
	uint8_t digest[SHA256_BYTES];

	phone_init(&p);
	phone_provision(&p);
	add_keyset(&p, 2, 0, 2, &keyset);
	write_keyset(&p, 2, 0, 2, &payload);
	signer_must(sha256(payload.data, payload.n_bytes, digest) == 0);
	/* Between serial and bytes the old one holds, and the new one is taken when it comes. */
	CHECK_INT(state_set_serial(&p.state, ORG, "keyset", 2, digest), 0);
	phone_restart(&p);
	CHECK_INT(p.documents.keyset->version, 1);
	CHECK_INT(idle_delay(&p), 300);
	CHECK_INT(take(&p, &keyset, NOW).n_accepted, 1);
	CHECK_INT(p.documents.keyset->version, 2);
}

static void test_cut_before_the_pin(void)
{
	_phone_ struct phone p;
	_cleanup_buf_ struct buf keyset = BUF_INIT, payload = BUF_INIT;
	uint8_t digest[SHA256_BYTES];

	phone_init(&p);
	phone_provision(&p);
	add_keyset(&p, 2, 0, 2, &keyset);
	write_keyset(&p, 2, 0, 2, &payload);
	signer_must(sha256(payload.data, payload.n_bytes, digest) == 0);
	CHECK_INT(state_set_serial(&p.state, ORG, "keyset", 2, digest), 0);
	CHECK_INT(state_store_document(&p.state, "keyset", keyset.data, keyset.n_bytes), 0);
	for (int i = 0; i < 2; i++) {
		phone_restart(&p);
		CHECK_STR(p.documents.damaged, "");
		CHECK(p.documents.keyset);
		CHECK_INT(p.documents.keyset->version, 2);
		CHECK_INT(idle_delay(&p), 300);
		CHECK(memcmp(p.state.facts.pinned_keyset, digest, sizeof(digest)) == 0);
	}
}

static void test_a_courier_cannot_flush_the_journal(void)
{
	_phone_ struct phone p;

	phone_init(&p);
	phone_provision(&p);
	for (int i = 0; i < 100; i++) {
		struct documents_change change;
		char junk[32];

		snprintf(junk, sizeof(junk), "junk%d", i);
		CHECK_INT(documents_take(&p.documents, junk, strlen(junk), NOW, &change), 0);
		CHECK_INT(change.new_refusal, i < DOCUMENTS_REFUSALS_HOURLY);
	}
	CHECK_INT(journalled(&p, JOURNAL_DOCUMENT_REFUSED), DOCUMENTS_REFUSALS_HOURLY);
	/* An hour later the next one tells how many were left out. */
	CHECK_INT(p.documents.n_not_journalled, 100 - DOCUMENTS_REFUSALS_HOURLY);
	p.documents.hour_us -= 3600 * USEC_PER_SEC;
	{
		struct documents_change change;

		CHECK_INT(documents_take(&p.documents, "later", 5, NOW, &change), 0);
		CHECK(change.new_refusal);
	}
	CHECK_INT(p.documents.n_not_journalled, 0);
}

static const struct check_test tests[] = {
	{"a_courier_cannot_flush_the_journal", test_a_courier_cannot_flush_the_journal},
	{"accept_and_reload", test_accept_and_reload},
	{"same_again_changes_nothing", test_same_again_changes_nothing},
	{"wrong_pin", test_wrong_pin},
	{"rollback_is_journalled_once", test_rollback_is_journalled_once},
	{"rollback_over_unenrolment", test_rollback_over_unenrolment},
	{"policy_outlives_its_key", test_policy_outlives_its_key},
	{"old_keyset_cannot_come_back", test_old_keyset_cannot_come_back},
	{"damaged_policy_is_taken_again", test_damaged_policy_is_taken_again},
	{"exchanged_policy_file_is_not_loaded", test_exchanged_policy_file_is_not_loaded},
	{"leaving_a_group", test_leaving_a_group},
	{"personal_stays_personal", test_personal_stays_personal},
	{"expiry", test_expiry},
	{"cut_before_the_serial", test_cut_before_the_serial},
	{"cut_in_a_keyset", test_cut_in_a_keyset},
	{"cut_before_the_pin", test_cut_before_the_pin},
	{"from_the_future", test_from_the_future},
	{"issued_while_off", test_issued_while_off},
	{"keyset_from_the_future", test_keyset_from_the_future},
	{"garbage", test_garbage},
	{"too_many_documents", test_too_many_documents},
	{"full_disk", test_full_disk},
};
CHECK_MAIN(tests)
