/* SPDX-License-Identifier: Apache-2.0 */
/* test_tls.c - whom the role believes: chains, names and times without a network. */
#include <string.h>

#include "agent/net/tls.h"
#include "tests/lib/check.h"
#include "tests/unit/net/pki.h"

#define FROM 1700000000
#define UNTIL 1900000000
#define NOW 1800000000

struct lab {
	EVP_PKEY *root_key, *sub_key, *leaf_key;
	X509 *root, *other_root, *sub, *leaf, *sub_leaf, *not_ca_leaf;
	struct anchors anchors;
	struct tls tls;
};

static void lab_init(struct lab *lab)
{
	struct pki_spec spec = {.name = "Root", .ca = 1, .from_s = FROM, .until_s = UNTIL};

	lab->root_key = EVP_EC_gen("P-256");
	lab->sub_key = EVP_EC_gen("P-256");
	lab->leaf_key = EVP_EC_gen("P-256");
	spec.key = lab->root_key;
	lab->root = pki_certificate(&spec);
	spec.key = lab->leaf_key; /* the same name, another key */
	lab->other_root = pki_certificate(&spec);
	spec = (struct pki_spec){
		"Sub", lab->sub_key, lab->root, lab->root_key, 1, NULL, FROM, UNTIL};
	lab->sub = pki_certificate(&spec);
	spec = (struct pki_spec){"mdm.example.org", lab->leaf_key, lab->root, lab->root_key, 0,
		"DNS:mdm.example.org,DNS:*.wild.example.org,IP:192.0.2.1", FROM + 10, UNTIL - 10};
	lab->leaf = pki_certificate(&spec);
	spec.issuer = lab->sub;
	spec.issuer_key = lab->sub_key;
	lab->sub_leaf = pki_certificate(&spec);
	spec.issuer = lab->leaf; /* no CA */
	spec.issuer_key = lab->leaf_key;
	lab->not_ca_leaf = pki_certificate(&spec);
	lab->anchors.pinned = sk_X509_new_null();
	lab->anchors.intermediates = sk_X509_new_null();
	X509_up_ref(lab->root);
	sk_X509_push(lab->anchors.pinned, lab->root);
	lab->tls = (struct tls){.anchors = &lab->anchors, .host = "mdm.example.org", .time_s = NOW};
}

static void lab_done(struct lab *lab)
{
	anchors_done(&lab->anchors);
	EVP_PKEY_free(lab->root_key);
	EVP_PKEY_free(lab->sub_key);
	EVP_PKEY_free(lab->leaf_key);
	X509_free(lab->root);
	X509_free(lab->other_root);
	X509_free(lab->sub);
	X509_free(lab->leaf);
	X509_free(lab->sub_leaf);
	X509_free(lab->not_ca_leaf);
}

static void test_names(void)
{
	static const struct {
		const char *host;
		bool literal, good;
	} rows[] = {
		{"mdm.example.org", false, true}, {"MDM.example.ORG", false, true},
		{"a.wild.example.org", false, true}, {"192.0.2.1", true, true},
		{"wild.example.org", false, false}, {"a.b.wild.example.org", false, false},
		{"example.org", false, false}, {"x.mdm.example.org", false, false},
		{"192.0.2.2", true, false},
		{"192.0.2.1", false, false}, /* a name that looks like an address */
	};
	struct lab lab = {0};

	lab_init(&lab);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lab.tls.host = rows[i].host;
		lab.tls.host_literal = rows[i].literal;
		if (tls_verify(&lab.tls, lab.leaf, NULL) != rows[i].good)
			check_fail(__FILE__, __LINE__, "%s", rows[i].host);
	}
	lab_done(&lab);
}

static void test_times(void)
{
	static const struct {
		int64_t time_s;
		int error;
	} rows[] = {
		{0, X509_V_ERR_CERT_NOT_YET_VALID},
		{FROM + 9, X509_V_ERR_CERT_NOT_YET_VALID},
		{FROM + 10, X509_V_OK},
		{UNTIL - 11, X509_V_OK},
		{UNTIL - 10, X509_V_ERR_CERT_HAS_EXPIRED}, /* OpenSSL excludes the last second */
		{UNTIL + 1, X509_V_ERR_CERT_HAS_EXPIRED},
	};
	struct lab lab = {0};

	lab_init(&lab);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct failure failure;

		lab.tls.time_s = rows[i].time_s;
		CHECK_INT(tls_verify(&lab.tls, lab.leaf, NULL), rows[i].error == X509_V_OK);
		CHECK_INT(lab.tls.verify_error, rows[i].error);
		if (rows[i].error == X509_V_OK) {
			CHECK_INT(lab.tls.server_until_s, UNTIL - 10);
			continue;
		}
		CHECK_INT(tls_explain(&lab.tls, &failure), NET_E_FAILED);
		CHECK_INT(failure.stage, NET_STAGE_TLS);
		CHECK(strstr(failure.message, "clock") != NULL);
	}
	lab_done(&lab);
}

static STACK_OF(X509) * chain_of(X509 *a, X509 *b)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	sk_X509_push(chain, a);
	if (b)
		sk_X509_push(chain, b);
	return chain;
}

static void test_chains(void)
{
	struct lab lab = {0};
	STACK_OF(X509) * chain;

	lab_init(&lab);
	/* Through an intermediate: missing, sent by the server, or kept from the enrolment. */
	CHECK(!tls_verify(&lab.tls, lab.sub_leaf, NULL));
	chain = chain_of(lab.sub_leaf, lab.sub);
	CHECK(tls_verify(&lab.tls, lab.sub_leaf, chain));
	sk_X509_free(chain);
	X509_up_ref(lab.sub);
	sk_X509_push(lab.anchors.intermediates, lab.sub);
	CHECK(tls_verify(&lab.tls, lab.sub_leaf, NULL));
	/* A chain that the server ends in its own root is nothing. */
	chain = chain_of(lab.other_root, NULL);
	CHECK(!tls_verify(&lab.tls, lab.other_root, chain));
	sk_X509_free(chain);
	/* Issued by something that is no CA. */
	chain = chain_of(lab.not_ca_leaf, lab.leaf);
	CHECK(!tls_verify(&lab.tls, lab.not_ca_leaf, chain));
	sk_X509_free(chain);
	lab_done(&lab);
}

static void test_pinned_below_a_root(void)
{
	struct lab lab = {0};

	lab_init(&lab);
	X509_free(sk_X509_pop(lab.anchors.pinned));
	X509_up_ref(lab.sub);
	sk_X509_push(lab.anchors.pinned, lab.sub);
	CHECK(tls_verify(&lab.tls, lab.sub_leaf, NULL));
	CHECK(!tls_verify(&lab.tls, lab.leaf, NULL));
	/* An intermediate is no anchor. */
	X509_up_ref(lab.root);
	sk_X509_push(lab.anchors.intermediates, lab.root);
	CHECK(!tls_verify(&lab.tls, lab.leaf, NULL));
	lab_done(&lab);
}

static void test_other_root_of_the_same_name(void)
{
	struct lab lab = {0};
	struct failure failure;

	lab_init(&lab);
	X509_free(sk_X509_pop(lab.anchors.pinned));
	X509_up_ref(lab.other_root);
	sk_X509_push(lab.anchors.pinned, lab.other_root);
	CHECK(!tls_verify(&lab.tls, lab.leaf, NULL));
	CHECK_INT(tls_explain(&lab.tls, &failure), NET_E_FAILED);
	CHECK(strstr(failure.message, "not from the CA") != NULL);
	lab_done(&lab);
}

static void test_alerts(void)
{
	struct tls tls = {.host = "h"};
	struct failure failure;

	CHECK_INT(tls_explain(&tls, &failure), 0);
	for (tls.alert = 1; tls.alert < 256; tls.alert++) {
		CHECK_INT(tls_explain(&tls, &failure), NET_E_FAILED);
		CHECK_INT(failure.stage, NET_STAGE_TLS);
		CHECK_INT(failure.retry_after_s, -1);
	}
	tls.alert = SSL_AD_PROTOCOL_VERSION;
	tls_explain(&tls, &failure);
	CHECK(strstr(failure.message, "TLS 1.3") != NULL);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"times", test_times},
	{"chains", test_chains},
	{"pinned below a root", test_pinned_below_a_root},
	{"other root of the same name", test_other_root_of_the_same_name},
	{"alerts", test_alerts},
};

CHECK_MAIN(tests)
