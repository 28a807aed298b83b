/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ca.c - who may issue what: the device CA, which lives on the server, can make devices and
 * neither servers nor administrators nor further CAs.
 */
#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "server/ctl/ca.h"
#include "tests/lib/check.h"

#define NOW INT64_C(1795000000)

struct world {
	EVP_PKEY *root_key, *device_key, *server_key, *admin_key, *leaf_key;
	X509 *root, *device_ca, *server, *admin;
};

static void world_done(struct world *w)
{
	EVP_PKEY_free(w->root_key);
	EVP_PKEY_free(w->device_key);
	EVP_PKEY_free(w->server_key);
	EVP_PKEY_free(w->admin_key);
	EVP_PKEY_free(w->leaf_key);
	X509_free(w->root);
	X509_free(w->device_ca);
	X509_free(w->server);
	X509_free(w->admin);
}

static int issue(enum ca_kind kind, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, X509 **ret)
{
	static const char *const hosts[] = {"mdm.example.org", "192.0.2.7", "2001:db8::7"};
	struct fault fault = {0};
	struct ca_request request = {
		.kind = kind,
		.org_name = "Example Org",
		.common_name = "name",
		.hosts = hosts,
		.n_hosts = kind == CA_SERVER ? 3 : 0,
		.now_s = NOW,
		.key = key,
		.issuer = issuer,
		.issuer_key = issuer_key,
	};

	return ca_issue(&request, ret, &fault);
}

static bool world_make(struct world *w)
{
	struct fault fault = {0};
	EVP_PKEY **keys[] = {
		&w->root_key, &w->device_key, &w->server_key, &w->admin_key, &w->leaf_key};

	for (size_t i = 0; i < 5; i++)
		if (keyfile_generate("P-256", keys[i], &fault))
			return false;
	return !issue(CA_ROOT, w->root_key, NULL, NULL, &w->root) &&
	       !issue(CA_DEVICE, w->device_key, w->root, w->root_key, &w->device_ca) &&
	       !issue(CA_SERVER, w->server_key, w->root, w->root_key, &w->server) &&
	       !issue(CA_ADMIN, w->admin_key, w->root, w->root_key, &w->admin);
}

/* X509_V_OK or why not. depth < 0: any; 0: issued directly by the anchor. */
static int verify(struct world *w, X509 *leaf, int purpose, int depth, int64_t at)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	X509_VERIFY_PARAM *param;
	int result;

	X509_STORE_add_cert(store, w->root);
	sk_X509_push(between, w->device_ca);
	X509_STORE_CTX_init(ctx, store, leaf, between);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_purpose(param, purpose);
	X509_VERIFY_PARAM_set_time(param, (time_t)at);
	if (depth >= 0)
		X509_VERIFY_PARAM_set_depth(param, depth);
	result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	sk_X509_free(between);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return result;
}

static void test_good_chains(void)
{
	_cleanup_(world_done) struct world w = {0};
	_cleanup_x509_ X509 *device = NULL;

	CHECK(world_make(&w));
	CHECK_INT(verify(&w, w.server, X509_PURPOSE_SSL_SERVER, -1, NOW), X509_V_OK);
	CHECK_INT(verify(&w, w.admin, X509_PURPOSE_SSL_CLIENT, 0, NOW), X509_V_OK);
	CHECK_INT(issue(CA_ADMIN, w.leaf_key, w.device_ca, w.device_key, &device), 0);
	CHECK_INT(verify(&w, device, X509_PURPOSE_SSL_CLIENT, -1, NOW), X509_V_OK);
}

static void test_device_ca_is_confined(void)
{
	_cleanup_(world_done) struct world w = {0};
	_cleanup_x509_ X509 *server = NULL, *admin = NULL, *ca = NULL, *below = NULL;

	CHECK(world_make(&w));
	/* A server of its own: the purpose of the CA forbids it. */
	CHECK_INT(issue(CA_SERVER, w.leaf_key, w.device_ca, w.device_key, &server), 0);
	CHECK(verify(&w, server, X509_PURPOSE_SSL_SERVER, -1, NOW) != X509_V_OK);
	/* An administrator: not directly below the root. */
	CHECK_INT(issue(CA_ADMIN, w.leaf_key, w.device_ca, w.device_key, &admin), 0);
	CHECK(verify(&w, admin, X509_PURPOSE_SSL_CLIENT, 0, NOW) != X509_V_OK);
	CHECK(X509_verify(admin, w.root_key) != 1);
	/* A further CA: path length 0. */
	CHECK_INT(issue(CA_DEVICE, w.leaf_key, w.device_ca, w.device_key, &ca), 0);
	CHECK_INT(issue(CA_ADMIN, w.admin_key, ca, w.leaf_key, &below), 0);
	{
		X509 *honest = w.device_ca;
		int result;

		CHECK_INT(verify(&w, ca, X509_PURPOSE_ANY, -1, NOW), X509_V_OK);
		w.device_ca = ca;
		result = verify(&w, below, X509_PURPOSE_SSL_CLIENT, -1, NOW);
		w.device_ca = honest;
		CHECK(result != X509_V_OK);
	}
}

static void test_roles_do_not_mix(void)
{
	_cleanup_(world_done) struct world w = {0};

	CHECK(world_make(&w));
	CHECK(verify(&w, w.server, X509_PURPOSE_SSL_CLIENT, -1, NOW) != X509_V_OK);
	CHECK(verify(&w, w.admin, X509_PURPOSE_SSL_SERVER, -1, NOW) != X509_V_OK);
	CHECK_INT(X509_check_ca(w.server), 0);
	CHECK_INT(X509_check_ca(w.admin), 0);
	CHECK_INT(X509_check_ca(w.root), 1);
	CHECK_INT(X509_get_pathlen(w.device_ca), 0);
	CHECK_INT(X509_get_extended_key_usage(w.device_ca), XKU_SSL_CLIENT);
	CHECK_INT(X509_get_key_usage(w.root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
}

static void test_names(void)
{
	_cleanup_(world_done) struct world w = {0};
	char text[128];

	CHECK(world_make(&w));
	CHECK_INT(X509_check_host(w.server, "mdm.example.org", 0, 0, NULL), 1);
	CHECK_INT(X509_check_host(w.server, "other.example.org", 0, 0, NULL), 0);
	CHECK_INT(X509_check_ip_asc(w.server, "192.0.2.7", 0), 1);
	CHECK_INT(X509_check_ip_asc(w.server, "2001:db8::7", 0), 1);
	CHECK_INT(X509_check_ip_asc(w.server, "192.0.2.8", 0), 0);
	CHECK(X509_NAME_get_text_by_NID(X509_get_subject_name(w.admin), NID_organizationalUnitName,
		      text, sizeof(text)) > 0);
	CHECK_STR(text, "mdm-admin");
	CHECK(X509_NAME_get_text_by_NID(X509_get_subject_name(w.server), NID_organizationalUnitName,
		      text, sizeof(text)) < 0);
}

/* What a client says that trusts one root and is sent up to two certificates between. */
static int verify_through(X509 *root, X509 *between, X509 *second, X509 *leaf, int purpose)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = -1;

	if (chain && store && ctx && X509_STORE_add_cert(store, root) == 1 &&
		(!between || sk_X509_push(chain, between)) &&
		(!second || sk_X509_push(chain, second)) &&
		X509_STORE_CTX_init(ctx, store, leaf, chain) == 1 &&
		(purpose < 0 || X509_STORE_CTX_set_purpose(ctx, purpose) == 1)) {
		X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)NOW);
		(void)X509_verify_cert(ctx);
		r = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(chain);
	return r;
}

static void test_dates(void)
{
	_cleanup_(world_done) struct world w = {0};

	CHECK(world_make(&w));
	CHECK_INT(ca_until(w.root), NOW + INT64_C(86400) * CA_DAYS);
	CHECK_INT(ca_until(w.server), NOW + INT64_C(86400) * CA_LEAF_DAYS);
	CHECK_INT(verify(&w, w.server, X509_PURPOSE_SSL_SERVER, -1, ca_until(w.server) + 1),
		X509_V_ERR_CERT_HAS_EXPIRED);
	/* A phone whose clock is half an hour behind. */
	CHECK_INT(verify(&w, w.server, X509_PURPOSE_SSL_SERVER, -1, NOW - 1800), X509_V_OK);
	CHECK(ASN1_INTEGER_cmp(X509_get_serialNumber(w.server), X509_get_serialNumber(w.admin)) !=
		0);
}

static void test_renew(void)
{
	_cleanup_(world_done) struct world w = {0};
	_cleanup_x509_ X509 *renewed = NULL, *none = NULL, *foreign = NULL;
	struct fault fault = {0};
	int64_t later = NOW + 700 * INT64_C(86400);

	CHECK(world_make(&w));
	CHECK_INT(ca_renew(w.server, w.root, w.root_key, later, &renewed, &fault), 0);
	CHECK_INT(ca_until(renewed), later + INT64_C(86400) * CA_LEAF_DAYS);
	CHECK_INT(EVP_PKEY_eq(X509_get0_pubkey(renewed), w.server_key), 1);
	CHECK_INT(X509_check_ip_asc(renewed, "192.0.2.7", 0), 1);
	CHECK_INT(verify(&w, renewed, X509_PURPOSE_SSL_SERVER, -1, later), X509_V_OK);
	CHECK(ASN1_INTEGER_cmp(X509_get_serialNumber(w.server), X509_get_serialNumber(renewed)) !=
		0);
	/* The root does not bless what others issued, nor CAs again. */
	CHECK_INT(issue(CA_ADMIN, w.leaf_key, w.device_ca, w.device_key, &foreign), 0);
	CHECK_INT(ca_renew(foreign, w.root, w.root_key, later, &none, &fault), FAULT_FAILURE);
	CHECK_INT(ca_renew(w.device_ca, w.root, w.root_key, later, &none, &fault), FAULT_FAILURE);
	CHECK_INT(ca_renew(w.root, w.root, w.root_key, later, &none, &fault), FAULT_FAILURE);
	CHECK(!none);
}

static void test_hosts(void)
{
	static const char *const good[] = {
		"a", "mdm.example.org", "192.0.2.1", "::1", "2001:db8::1"};
	static const char *const bad[] = {"", "a b", "a,DNS:b", "a/b", "a:8443", "[::1]", "a@b",
		"a\nb", "*.example.org", "DNS:a", "a?b", "-a"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!ca_host_check(good[i]))
			check_fail(__FILE__, __LINE__, "refused %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ca_host_check(bad[i]))
			check_fail(__FILE__, __LINE__, "accepted \"%s\"", bad[i]);
}

/* One certificate of the server, two ways up: whoever trusts either root trusts it, and nobody
 * else. */
static void test_cross(void)
{
	_cleanup_(world_done) struct world w = {0};
	_cleanup_pkey_ EVP_PKEY *next_key = NULL;
	_cleanup_x509_ X509 *next = NULL, *cross = NULL, *server = NULL, *admin = NULL,
			    *intermediate = NULL, *below = NULL;
	struct fault fault = {0};
	struct ca_request request = {
		.kind = CA_ROOT, .org_name = "Example Org", .common_name = "next", .now_s = NOW};

	CHECK(world_make(&w));
	CHECK_INT(keyfile_generate("P-256", &next_key, &fault), 0);
	request.key = next_key;
	CHECK_INT(ca_issue(&request, &next, &fault), 0);
	request.kind = CA_CROSS;
	request.issuer = w.root;
	request.issuer_key = w.root_key;
	request.until_s = ca_until(w.root) - 86400;
	CHECK_INT(ca_issue(&request, &cross, &fault), 0);
	CHECK_INT(X509_NAME_cmp(X509_get_subject_name(cross), X509_get_subject_name(next)), 0);
	CHECK_INT(ca_until(cross), ca_until(w.root) - 86400);
	CHECK_INT(issue(CA_SERVER, w.leaf_key, next, next_key, &server), 0);
	CHECK_INT(issue(CA_ADMIN, w.leaf_key, next, next_key, &admin), 0);
	request = (struct ca_request){.kind = CA_ROOT,
		.org_name = "Example Org",
		.common_name = "intermediate",
		.now_s = NOW,
		.key = w.device_key,
		.issuer = next,
		.issuer_key = next_key};
	CHECK_INT(ca_issue(&request, &intermediate, &fault), 0);
	CHECK_INT(issue(CA_SERVER, w.leaf_key, intermediate, w.device_key, &below), 0);
	CHECK_INT(verify_through(w.root, cross, NULL, server, X509_PURPOSE_SSL_SERVER), X509_V_OK);
	CHECK_INT(verify_through(next, cross, NULL, server, X509_PURPOSE_SSL_SERVER), X509_V_OK);
	/* What the next root does is not all in the name of the old one. */
	CHECK(verify_through(w.root, cross, NULL, admin, X509_PURPOSE_SSL_CLIENT) != X509_V_OK);
	CHECK_INT(verify_through(next, NULL, intermediate, below, X509_PURPOSE_SSL_SERVER),
		X509_V_OK);
	CHECK(verify_through(w.root, cross, intermediate, below, X509_PURPOSE_SSL_SERVER) !=
		X509_V_OK);
	CHECK(verify_through(w.root, NULL, NULL, server, X509_PURPOSE_SSL_SERVER) != X509_V_OK);
	CHECK(verify_through(w.device_ca, cross, NULL, server, X509_PURPOSE_SSL_SERVER) !=
		X509_V_OK);
}

static void test_viewer(void)
{
	_cleanup_(world_done) struct world w = {0};
	_cleanup_x509_ X509 *viewer = NULL;
	char text[128];

	CHECK(world_make(&w));
	CHECK_INT(issue(CA_VIEWER, w.leaf_key, w.root, w.root_key, &viewer), 0);
	CHECK(X509_NAME_get_text_by_NID(X509_get_subject_name(viewer), NID_organizationalUnitName,
		      text, sizeof(text)) > 0);
	CHECK_STR(text, "mdm-viewer");
	CHECK_INT(verify(&w, viewer, X509_PURPOSE_SSL_CLIENT, -1, NOW), X509_V_OK);
}

static void test_names_of_a_certificate(void)
{
	static const char *const expected[] = {"mdm.example.org", "192.0.2.7", "2001:db8::7"};
	_cleanup_(world_done) struct world w = {0};
	char host[64];

	CHECK(world_make(&w));
	for (size_t i = 0; i < 3; i++) {
		CHECK(ca_host(w.server, i, host, sizeof(host)));
		CHECK_STR(host, expected[i]);
	}
	CHECK(!ca_host(w.server, 3, host, sizeof(host)));
	CHECK(!ca_host(w.root, 0, host, sizeof(host)));
}

static void test_long_name(void)
{
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	_cleanup_x509_ X509 *root = NULL;
	struct fault fault = {0};
	char name[257], text[16];
	struct ca_request request = {
		.kind = CA_ROOT,
		.org_name = name,
		.common_name = "MDM root CA 00112233",
		.now_s = NOW,
	};

	/* 64 characters fit, 65 are left out; 256 bytes are allowed for people. */
	memset(name, 'n', sizeof(name));
	name[256] = 0;
	CHECK_INT(keyfile_generate("P-256", &key, &fault), 0);
	request.key = key;
	CHECK_INT(ca_issue(&request, &root, &fault), 0);
	CHECK(X509_NAME_get_text_by_NID(
		      X509_get_subject_name(root), NID_organizationName, text, sizeof(text)) < 0);
	X509_free(root);
	root = NULL;
	name[64] = 0;
	CHECK_INT(ca_issue(&request, &root, &fault), 0);
	CHECK(X509_NAME_get_text_by_NID(
		      X509_get_subject_name(root), NID_organizationName, text, sizeof(text)) > 0);
}

static void test_pem(void)
{
	_cleanup_(world_done) struct world w = {0};
	_cleanup_x509_ X509 *again = NULL, *none = NULL;
	_cleanup_free_ char *pem = NULL;
	struct fault fault = {0};
	uint8_t pin[SHA256_BYTES], other[SHA256_BYTES];

	CHECK(world_make(&w));
	CHECK_INT(ca_write(w.root, &pem, &fault), 0);
	CHECK_INT(ca_read(pem, strlen(pem), "root.pem", &again, &fault), 0);
	CHECK_INT(X509_cmp(again, w.root), 0);
	CHECK_INT(ca_pin(w.root, pin, &fault), 0);
	CHECK_INT(ca_pin(again, other, &fault), 0);
	CHECK_INT(memcmp(pin, other, sizeof(pin)), 0);
	CHECK_INT(ca_pin(w.device_ca, other, &fault), 0);
	CHECK(memcmp(pin, other, sizeof(pin)) != 0);
	CHECK_INT(ca_read(pem, strlen(pem) / 2, "root.pem", &none, &fault), FAULT_FAILURE);
	CHECK_INT(ca_read("", 0, "root.pem", &none, &fault), FAULT_FAILURE);
	CHECK(!none);
}

static const struct check_test tests[] = {
	{"good_chains", test_good_chains},
	{"device_ca_is_confined", test_device_ca_is_confined},
	{"roles_do_not_mix", test_roles_do_not_mix},
	{"names", test_names},
	{"dates", test_dates},
	{"renew", test_renew},
	{"hosts", test_hosts},
	{"cross", test_cross},
	{"viewer", test_viewer},
	{"names_of_a_certificate", test_names_of_a_certificate},
	{"long_name", test_long_name},
	{"pem", test_pem},
};
CHECK_MAIN(tests)
