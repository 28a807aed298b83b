/* SPDX-License-Identifier: Apache-2.0 */
/* test_documents_destroy.c - policies that can destroy by themselves: who has to sign them; plain
 * process. */
#include "agent/enforcer/documents_private.h"
#include "tests/lib/phone_fixture.h"

#define ROLE(role) (1u << TRUST_ROLE_##role)

/* A phone whose organisation has three keys with these roles; destroying takes two. */
struct trio {
	struct phone phone;
	struct signer_key keys[3];
};

static void trio_done(struct trio *t)
{
	phone_done(&t->phone);
	for (size_t i = 0; i < 3; i++)
		key_done(&t->keys[i].key);
}
#define _trio_ _cleanup_(trio_done)

/* Signed by all keys, so that it follows whatever was before. */
static void trio_add_keyset(struct trio *t, int64_t version, uint32_t of_destroy, struct buf *out)
{
	struct signer_keyset keyset = {
		.org = ORG,
		.version = version,
		.issued_s = NOW - DAY,
		.expires_s = NOW + 365 * DAY,
		.keys = t->keys,
		.n_keys = 3,
		.threshold = {1, 1, 1, of_destroy},
	};
	_cleanup_buf_ struct buf payload = BUF_INIT;

	signer_write_keyset(&keyset, &payload);
	if (version == 1)
		signer_must(sha256(payload.data, payload.n_bytes,
				    t->phone.state.facts.pinned_keyset) == 0);
	separate(out);
	for (size_t i = 0; i < 3; i++)
		signer_sign(DOCUMENT_KEYSET, payload.data, payload.n_bytes, &t->keys[i].key, out);
}

static void trio_init(struct trio *t, const uint32_t roles[3])
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	phone_init(&t->phone);
	for (uint8_t i = 0; i < 3; i++) {
		signer_ed25519(i + 1, &t->keys[i].key);
		t->keys[i].roles = roles[i];
		t->keys[i].name = i == 0 ? "first" : i == 1 ? "second" : "third";
	}
	trio_add_keyset(t, 1, 2, &body);
	add_assignment(&t->phone, 1, "[\"staff\"]", "company", &body);
	signer_must(take(&t->phone, &body, NOW).n_accepted == 2);
}

/* A policy signed by the keys whose bits are set. */
static void trio_add_policy(
	struct trio *t, int64_t serial, const char *profiles, unsigned int signers, struct buf *out)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;

	buf_printf(&payload,
		"{\"type\":\"policy\",\"org\":\"" ORG "\",\"serial\":%lld,\"issued\":%lld,"
		"\"expires\":%lld,\"target\":{\"stream\":\"staff\"},\"profiles\":[%s]}",
		(long long)serial, (long long)(NOW - DAY), (long long)(NOW + DAY), profiles);
	buf_reset(out);
	for (size_t i = 0; i < 3; i++)
		if (signers & 1u << i)
			signer_sign(DOCUMENT_POLICY, payload.data, payload.n_bytes, &t->keys[i].key,
				out);
}

static int64_t held_serial(const struct trio *t)
{
	const struct documents *d = &t->phone.documents;

	return d->n_policies == 1 ? d->policies[0].policy->serial : 0;
}

#define AT_MAXIMUM(word)                                                                           \
	"\"settings\":{\"password\":{\"max_attempts\":10,\"at_maximum\":\"" word "\"}}"
#define WIPE "{\"id\":\"a\"," AT_MAXIMUM("wipe") "}"

#define ACTING(actions)                                                                             \
	"{\"id\":\"a\",\"when\":{\"charging\":{\"is\":true}},\"settings\":{},\"actions\":[" actions \
	"]}"

static const uint32_t usual_roles[3] = {
	ROLE(KEYSET) | ROLE(POLICY) | ROLE(DESTROY),
	ROLE(KEYSET) | ROLE(DESTROY),
	ROLE(KEYSET) | ROLE(POLICY) | ROLE(COMMAND),
};

static void test_signers(void)
{
	static const struct {
		const char *name, *profiles;
		unsigned int signers; /* bits of the keys */
		bool taken;
		enum document_reason reason;
	} rows[] = {
		{"harmless", "{\"id\":\"a\"," AT_MAXIMUM("lock_out") "}", 1, true, DOCUMENT_OK},
		{"both", WIPE, 3, true, DOCUMENT_OK},
		{"all", WIPE, 7, true, DOCUMENT_OK},
		{"one short", WIPE, 1, false, DOCUMENT_E_DESTROY},
		{"two, of whom one has the role", WIPE, 5, false, DOCUMENT_E_DESTROY},
		{"none with the role", WIPE, 4, false, DOCUMENT_E_DESTROY},
		/* Those who may destroy say nothing about policies. */
		{"not of the role policy", WIPE, 2, false, DOCUMENT_E_THRESHOLD},
		{"second and third", WIPE, 6, false, DOCUMENT_E_DESTROY},
		{"locks for good", "{\"id\":\"a\"," AT_MAXIMUM("crypto_lock") "}", 1, false,
			DOCUMENT_E_DESTROY},
		{"never active",
			"{\"id\":\"a\",\"when\":{\"all\":[{\"charging\":{\"is\":true}},"
			"{\"charging\":{\"is\":false}}]}," AT_MAXIMUM("wipe") "}",
			1, false, DOCUMENT_E_DESTROY},
		{"a condition nobody knows",
			"{\"id\":\"z\",\"settings\":{}},{\"id\":\"a\",\"when\":{\"moon\":1}," AT_MAXIMUM(
				"wipe") "}",
			1, false, DOCUMENT_E_DESTROY},
		{"without a number of attempts",
			"{\"id\":\"a\",\"settings\":{\"password\":{\"at_maximum\":\"wipe\"}}}", 1,
			false, DOCUMENT_E_DESTROY},
		{"an action that does not destroy", ACTING("{\"lock\":{}}"), 1, true, DOCUMENT_OK},
		{"an action that wipes", ACTING("{\"wipe\":{\"scope\":\"corporate\"}}"), 1, false,
			DOCUMENT_E_DESTROY},
		{"an action that wipes, by both", ACTING("{\"wipe\":{\"scope\":\"corporate\"}}"), 3,
			true, DOCUMENT_OK},
		{"an action that locks for good", ACTING("{\"lock\":{}},{\"crypto_lock\":{}}"), 5,
			false, DOCUMENT_E_DESTROY},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT;
		struct documents_change change;
		_trio_ struct trio t;

		trio_init(&t, usual_roles);
		trio_add_policy(&t, 7, rows[i].profiles, rows[i].signers, &body);
		change = take(&t.phone, &body, NOW);
		if (change.n_accepted != rows[i].taken || change.n_refused != !rows[i].taken ||
			held_serial(&t) != (rows[i].taken ? 7 : 0) ||
			(!rows[i].taken &&
				t.phone.documents.refusals[0].why.reason != rows[i].reason))
			check_fail(__FILE__, __LINE__, "%s: accepted %zu, reason %s", rows[i].name,
				change.n_accepted,
				document_reason_name(t.phone.documents.refusals[0].why.reason));
	}
}

/* A refusal changes nothing: the one before stays, and its serial may be used again. */
static void test_refusal_changes_nothing(void)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct documents_change change;
	_trio_ struct trio t;

	trio_init(&t, usual_roles);
	trio_add_policy(&t, 5, "", 1, &body);
	CHECK_INT(take(&t.phone, &body, NOW).n_accepted, 1);
	trio_add_policy(&t, 6, WIPE, 1, &body);
	change = take(&t.phone, &body, NOW);
	CHECK_INT(change.n_refused, 1);
	CHECK(change.new_refusal && !change.policy);
	CHECK_INT(held_serial(&t), 5);
	CHECK_STR(t.phone.documents.refusals[0].why.type, "policy");
	CHECK(strstr(t.phone.documents.refusals[0].why.detail,
		"keyset 1 asks for 2 signatures of keys with the role destroy"));
	phone_restart(&t.phone);
	CHECK_INT(held_serial(&t), 5);
	trio_add_policy(&t, 6, WIPE, 3, &body);
	CHECK_INT(take(&t.phone, &body, NOW).n_accepted, 1);
	CHECK_INT(held_serial(&t), 6);
}

/* What was accepted stays, though the keyset asks for more since: it is not judged anew. */
static void test_accepted_stays(void)
{
	_cleanup_buf_ struct buf body = BUF_INIT, policy = BUF_INIT;
	_trio_ struct trio t;

	trio_init(&t, usual_roles);
	trio_add_policy(&t, 6, WIPE, 3, &policy);
	CHECK_INT(take(&t.phone, &policy, NOW).n_accepted, 1);
	t.keys[2].roles |= ROLE(DESTROY);
	trio_add_keyset(&t, 2, 3, &body);
	CHECK_INT(take(&t.phone, &body, NOW).n_accepted, 1);
	phone_restart(&t.phone);
	CHECK_INT(t.phone.documents.keyset->version, 2);
	CHECK_INT(held_serial(&t), 6);
	CHECK_INT(take(&t.phone, &policy, NOW).n_refused, 0);
	/* The next one is judged by the keyset held now. */
	trio_add_policy(&t, 7, WIPE, 3, &policy);
	CHECK_INT(take(&t.phone, &policy, NOW).n_refused, 1);
	CHECK_INT(t.phone.documents.refusals[0].why.reason, DOCUMENT_E_DESTROY);
	CHECK_INT(held_serial(&t), 6);
	trio_add_policy(&t, 7, WIPE, 7, &policy);
	CHECK_INT(take(&t.phone, &policy, NOW).n_accepted, 1);
}

/* Bytes without their serial, as a power cut leaves them, are judged as if they came now. */
static void test_not_by_way_of_a_power_cut(void)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	_trio_ struct trio t;

	trio_init(&t, usual_roles);
	trio_add_policy(&t, 6, WIPE, 1, &body);
	CHECK_INT(state_store_document(&t.phone.state, "policy.staff", body.data, body.n_bytes), 0);
	phone_restart(&t.phone);
	CHECK_INT(held_serial(&t), 0);
	CHECK_STR(t.phone.documents.damaged, "staff");
	trio_add_policy(&t, 6, WIPE, 3, &body);
	CHECK_INT(state_store_document(&t.phone.state, "policy.staff", body.data, body.n_bytes), 0);
	phone_restart(&t.phone);
	CHECK_INT(held_serial(&t), 6);
}

#define ACTS ACTING("{\"lock\":{}},{\"crypto_lock\":{}}")

/* As a version that knows no actions takes it: the bytes and the serial, and nobody was asked for.
 */
static void take_as_before(struct trio *t, const struct buf *body)
{
	_cleanup_(document_freep) struct document *document = NULL;
	struct document_context context = documents_context(&t->phone.documents, NOW);
	struct document_refusal why;

	signer_must(document_verify(body->data, body->n_bytes, &context, &document, &why) == 0);
	signer_must(state_store_document(
			    &t->phone.state, "policy.staff", body->data, body->n_bytes) == 0);
	signer_must(state_set_serial(&t->phone.state, ORG, "policy.staff", document->serial,
			    document->payload_sha256) == 0);
}

static size_t n_actions(const struct trio *t)
{
	return t->phone.documents.n_policies == 1
		       ? t->phone.documents.policies[0].policy->profiles[0].n_actions
		       : 0;
}

static void test_not_by_way_of_an_upgrade(void)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	_trio_ struct trio t;

	trio_init(&t, usual_roles);
	trio_add_policy(&t, 6, ACTS, 1, &body);
	take_as_before(&t, &body);
	phone_restart(&t.phone);
	CHECK_INT(held_serial(&t), 6);
	CHECK_INT(n_actions(&t), 1);
	CHECK(!policy_destroys(t.phone.documents.policies[0].policy));
	/* One that had the signatures has them still. */
	trio_add_policy(&t, 7, ACTS, 3, &body);
	take_as_before(&t, &body);
	phone_restart(&t.phone);
	CHECK_INT(held_serial(&t), 7);
	CHECK_INT(n_actions(&t), 2);
}

/* Asked for when it came, and on record, though the keyset asks for more since. */
static void test_actions_stay(void)
{
	_cleanup_buf_ struct buf body = BUF_INIT, policy = BUF_INIT;
	_trio_ struct trio t;

	trio_init(&t, usual_roles);
	trio_add_policy(&t, 6, ACTS, 3, &policy);
	CHECK_INT(take(&t.phone, &policy, NOW).n_accepted, 1);
	t.keys[2].roles |= ROLE(DESTROY);
	trio_add_keyset(&t, 2, 3, &body);
	CHECK_INT(take(&t.phone, &body, NOW).n_accepted, 1);
	phone_restart(&t.phone);
	CHECK_INT(n_actions(&t), 2);
	/* The record is of that payload, not of the stream. */
	trio_add_policy(&t, 7, ACTS, 3, &policy);
	take_as_before(&t, &policy);
	phone_restart(&t.phone);
	CHECK_INT(held_serial(&t), 7);
	CHECK_INT(n_actions(&t), 1);
	/* Without the record, or with one that is damaged, there is nothing but the signatures. */
	CHECK_INT(state_write(&t.phone.state, "destroying", "x", 1), 0);
	phone_restart(&t.phone);
	CHECK_INT(n_actions(&t), 1);
	trio_add_policy(&t, 8, ACTS, 7, &policy);
	CHECK_INT(take(&t.phone, &policy, NOW).n_accepted, 1);
	phone_restart(&t.phone);
	CHECK_INT(n_actions(&t), 2);
}

static const struct check_test tests[] = {
	{"signers", test_signers},
	{"refusal_changes_nothing", test_refusal_changes_nothing},
	{"accepted_stays", test_accepted_stays},
	{"not_by_way_of_a_power_cut", test_not_by_way_of_a_power_cut},
	{"not_by_way_of_an_upgrade", test_not_by_way_of_an_upgrade},
	{"actions_stay", test_actions_stay},
};
CHECK_MAIN(tests)
