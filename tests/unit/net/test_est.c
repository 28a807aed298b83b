/* SPDX-License-Identifier: Apache-2.0 */
/* test_est.c - EST answers: base64, PKCS #7, pins, the certificate for a key. */
#include <string.h>

#include "agent/net/est.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"
#include "tests/lib/check.h"
#include "tests/unit/net/pki.h"

#define FROM 1700000000
#define UNTIL 1900000000

struct chain {
	EVP_PKEY *root_key, *sub_key, *leaf_key;
	X509 *root, *sub, *leaf, *other_root;
	uint8_t root_pin[1][SHA256_BYTES], sub_pin[1][SHA256_BYTES], leaf_pin[1][SHA256_BYTES];
};

static void chain_init(struct chain *c)
{
	struct pki_spec spec = {.name = "Root", .ca = 1, .from_s = FROM, .until_s = UNTIL};

	c->root_key = EVP_EC_gen("P-256");
	c->sub_key = EVP_EC_gen("P-256");
	c->leaf_key = EVP_EC_gen("P-256");
	spec.key = c->root_key;
	c->root = pki_certificate(&spec);
	spec.name = "Other Root";
	spec.key = c->leaf_key;
	c->other_root = pki_certificate(&spec);
	spec.name = "Sub";
	spec.key = c->sub_key;
	spec.issuer = c->root;
	spec.issuer_key = c->root_key;
	c->sub = pki_certificate(&spec);
	spec.name = "leaf";
	spec.ca = 0;
	spec.key = c->leaf_key;
	spec.issuer = c->sub;
	spec.issuer_key = c->sub_key;
	c->leaf = pki_certificate(&spec);
	if (certificate_pin(c->root, c->root_pin[0]) < 0 ||
		certificate_pin(c->sub, c->sub_pin[0]) < 0 ||
		certificate_pin(c->leaf, c->leaf_pin[0]) < 0)
		abort();
}

static void chain_done(struct chain *c)
{
	EVP_PKEY_free(c->root_key);
	EVP_PKEY_free(c->sub_key);
	EVP_PKEY_free(c->leaf_key);
	X509_free(c->root);
	X509_free(c->sub);
	X509_free(c->leaf);
	X509_free(c->other_root);
}

static void test_parse(void)
{
	struct chain c;
	STACK_OF(X509) *found = NULL;
	size_t n;
	char *body;

	chain_init(&c);
	body = pki_body((X509 *[]){c.root, c.sub, NULL}, &n);
	CHECK_INT(est_parse(body, n, &found), EST_OK);
	CHECK_INT(sk_X509_num(found), 2);
	CHECK(X509_cmp(sk_X509_value(found, 0), c.root) == 0);
	certificates_free(found);
	free(body);
	chain_done(&c);
}

static void test_parse_refuses(void)
{
	struct chain c;
	STACK_OF(X509) *found = NULL;
	_cleanup_buf_ struct buf again = BUF_INIT;
	size_t n, n_der;
	char *body;
	uint8_t *der;

	chain_init(&c);
	CHECK_INT(est_parse("", 0, &found), EST_E_EMPTY);
	CHECK_INT(est_parse("\r\n", 2, &found), EST_E_EMPTY);
	CHECK_INT(est_parse("<html>", 6, &found), EST_E_BASE64);
	CHECK_INT(est_parse("Zg", 2, &found), EST_E_BASE64); /* cut short */
	CHECK_INT(est_parse("Zg==", 4, &found), EST_E_PKCS7);
	CHECK_INT(est_parse("Zm9v", 4, &found), EST_E_PKCS7);
	body = pki_body((X509 *[]){NULL}, &n);
	CHECK_INT(est_parse(body, n, &found), EST_E_NO_CERTIFICATE);
	free(body);

	/* Bytes behind the structure, and every truncation of it. */
	body = pki_body((X509 *[]){c.root, NULL}, &n);
	der = malloc(n + 1);
	CHECK(der != NULL);
	CHECK_INT(base64_decode(body, n, der, n, &n_der), 0);
	der[n_der] = 0;
	base64_write(der, n_der + 1, "\n", &again);
	CHECK_INT(est_parse(again.data, again.n_bytes, &found), EST_E_PKCS7);
	for (size_t cut = 1; cut < n_der; cut += 7) {
		buf_reset(&again);
		base64_write(der, cut, "\n", &again);
		CHECK_INT(est_parse(again.data, again.n_bytes, &found), EST_E_PKCS7);
	}
	CHECK(found == NULL);
	free(der);
	free(body);
	chain_done(&c);
}

static void test_parse_limits(void)
{
	X509 *many[LIMIT_EST_CERTIFICATES + 2] = {NULL};
	struct chain c;
	STACK_OF(X509) *found = NULL;
	size_t n;
	char *body;

	chain_init(&c);
	for (size_t i = 0; i < LIMIT_EST_CERTIFICATES; i++)
		many[i] = c.root;
	body = pki_body(many, &n);
	CHECK_INT(est_parse(body, n, &found), EST_OK);
	certificates_free(found);
	free(body);
	many[LIMIT_EST_CERTIFICATES] = c.root;
	body = pki_body(many, &n);
	CHECK_INT(est_parse(body, n, &found), EST_E_MANY);
	free(body);

	body = malloc(LIMIT_EST_BYTES + 1);
	CHECK(body != NULL);
	memset(body, '\n', LIMIT_EST_BYTES + 1);
	CHECK_INT(est_parse(body, LIMIT_EST_BYTES, &found), EST_E_EMPTY);
	CHECK_INT(est_parse(body, LIMIT_EST_BYTES + 1, &found), EST_E_LARGE);
	free(body);
	chain_done(&c);
}

static STACK_OF(X509) * stack_of(X509 **certificates)
{
	STACK_OF(X509) *stack = sk_X509_new_null();

	for (; *certificates; certificates++)
		sk_X509_push(stack, *certificates);
	return stack;
}

static void test_anchors(void)
{
	struct chain c;
	struct anchors anchors;
	STACK_OF(X509) * all;

	chain_init(&c);
	all = stack_of((X509 *[]){c.leaf, c.sub, c.other_root, c.root, NULL});
	/* Root pinned: the other root and the leaf are left out, the CA below it is kept. */
	CHECK_INT(est_select_anchors(all, c.root_pin, 1, &anchors), EST_OK);
	CHECK_INT(sk_X509_num(anchors.pinned), 1);
	CHECK(sk_X509_value(anchors.pinned, 0) == c.root);
	CHECK_INT(sk_X509_num(anchors.intermediates), 1);
	CHECK(sk_X509_value(anchors.intermediates, 0) == c.sub);
	anchors_done(&anchors);
	/* From anybody: the pinned one and nothing else. */
	CHECK_INT(est_select_pinned(all, c.root_pin, 1, &anchors), EST_OK);
	CHECK_INT(sk_X509_num(anchors.pinned), 1);
	CHECK(sk_X509_value(anchors.pinned, 0) == c.root);
	CHECK_INT(sk_X509_num(anchors.intermediates), 0);
	anchors_done(&anchors);
	CHECK_INT(est_select_pinned(all, c.root_pin, 0, &anchors), EST_E_NO_PIN);
	/* The CA below pinned: the root above it is of no use. */
	CHECK_INT(est_select_anchors(all, c.sub_pin, 1, &anchors), EST_OK);
	CHECK(sk_X509_value(anchors.pinned, 0) == c.sub);
	CHECK_INT(sk_X509_num(anchors.intermediates), 0);
	anchors_done(&anchors);
	sk_X509_free(all);
	chain_done(&c);
}

static void test_anchors_refused(void)
{
	static const uint8_t nobody[1][SHA256_BYTES];
	struct chain c;
	struct anchors anchors = {0};
	STACK_OF(X509) * all;

	chain_init(&c);
	all = stack_of((X509 *[]){c.root, c.sub, NULL});
	CHECK_INT(est_select_anchors(all, nobody, 1, &anchors), EST_E_NO_PIN);
	CHECK_INT(est_select_anchors(all, c.root_pin, 0, &anchors), EST_E_NO_PIN);
	sk_X509_free(all);
	all = stack_of((X509 *[]){c.leaf, c.root, NULL});
	/* The leaf's key is pinned, but the leaf is no CA. */
	CHECK_INT(est_select_anchors(all, c.leaf_pin, 1, &anchors), EST_E_NOT_CA);
	CHECK_INT(est_select_pinned(all, c.leaf_pin, 1, &anchors), EST_E_NOT_CA);
	CHECK(anchors.pinned == NULL);
	sk_X509_free(all);
	chain_done(&c);
}

static void test_certificate(void)
{
	struct chain c;
	X509 *found = NULL;
	EVP_PKEY *stranger = EVP_EC_gen("P-256");
	STACK_OF(X509) * all;

	chain_init(&c);
	all = stack_of((X509 *[]){c.root, c.sub, c.leaf, NULL});
	CHECK_INT(est_select_certificate(all, stranger, &found), EST_E_NO_MATCH);
	CHECK(found == NULL);
	CHECK_INT(est_select_certificate(all, c.leaf_key, &found), EST_OK);
	CHECK(found == c.leaf);
	sk_X509_free(all);
	EVP_PKEY_free(stranger);
	chain_done(&c);
}

static void test_texts(void)
{
	for (int i = 0; i < EST_ANSWER_MAX; i++)
		CHECK(est_answer_text(i) && est_answer_text(i)[0]);
	for (unsigned int status = 100; status < 600; status++)
		CHECK(est_status_text(status)[0]);
}

static const struct check_test tests[] = {
	{"parse", test_parse},
	{"parse refuses", test_parse_refuses},
	{"parse limits", test_parse_limits},
	{"anchors", test_anchors},
	{"anchors refused", test_anchors_refused},
	{"certificate", test_certificate},
	{"texts", test_texts},
};

CHECK_MAIN(tests)
