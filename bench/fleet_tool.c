/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/*
 * fleet_tool.c - enrols many devices at once, in the state directory of a server that does not
 * run, through the server's own certificate authority and store; and checks afterwards what it
 * stored of them. Benchmarks only.
 *
 *   fleet_tool make STATE-DIR COUNT FILE    keys and certificates go to FILE
 *   fleet_tool check STATE-DIR ROUND FILE   every device's last report is that of the round,
 *                                           and its compliance section is there
 */
#include <errno.h>

#include "agent/util/clock.h"
#include "bench/fleet.h"
#include "server/est.h"
#include "server/store.h"

static int fail(const char *what)
{
	fprintf(stderr, "fleet_tool: %s\n", what);
	return -EIO;
}

/* --- make -------------------------------------------------------------------------------- */

static X509_REQ *request_of(EVP_PKEY *key)
{
	X509_REQ *request = X509_REQ_new();

	if (request && X509_REQ_set_pubkey(request, key) == 1 &&
		X509_REQ_sign(request, key, EVP_sha256()) > 0)
		return request;
	X509_REQ_free(request);
	return NULL;
}

static int write_device(FILE *out, EVP_PKEY *key, const struct buf *der)
{
	const unsigned char *at = (const unsigned char *)der->data;
	_cleanup_(X509_freep) X509 *x509 = d2i_X509(NULL, &at, (long)der->n_bytes);

	if (!x509 || PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1 ||
		PEM_write_X509(out, x509) != 1)
		return fail("a device cannot be written");
	return 0;
}

/* Documents are opaque to the server: this one only has to be looked up, never to be sent. */
static int assign(struct store *store, const char *id)
{
	static const char body[] = "e30.e30.e30\n";
	char address[DEVICE_ID_LENGTH + 8];
	struct store_document document = {
		.type = STORE_ASSIGNMENT,
		.address = address,
		.serial = 1,
		.groups = FLEET_GROUP,
		.body = {body, sizeof(body) - 1},
	};

	snprintf(address, sizeof(address), "device:%s", id);
	return store_document_put(store, &document, clock_realtime_s());
}

static int make_device(const struct pki *pki, struct store *store, FILE *out)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	_cleanup_(X509_REQ_freep) X509_REQ *request = key ? request_of(key) : NULL;
	struct est_validity validity = {.now_s = clock_realtime_s(), .days = 30};
	struct store_device device = {.enrolled_s = validity.now_s};
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct est_csr csr = {.request = request};
	int r;

	if (!request || pki_device_id(X509_REQ_get_X509_PUBKEY(request), csr.device) < 0)
		return fail("no key can be made");
	r = est_issue(pki, &csr, validity, &der, &device.certificate_until_s);
	if (r < 0)
		return fail("no certificate can be issued");
	memcpy(device.id, csr.device, sizeof(device.id));
	r = store_device_enrol(store, &device, der.data, der.n_bytes);
	if (r == 0)
		r = assign(store, device.id);
	if (r)
		return fail(store_trouble(store));
	return write_device(out, key, &der);
}

static int make(const char *directory, int64_t n, const char *path)
{
	_cleanup_(fclosep) FILE *out = fopen(path, "we");
	_cleanup_(store_closep) struct store *store = NULL;
	struct pki_problem problem;
	struct pki pki;
	char why[512];
	int r;

	if (!out)
		return fail("the file cannot be written");
	if (pki_load(directory, NULL, clock_realtime_s(), &pki, &problem) < 0)
		return fail(problem.message);
	if (store_open(directory, &store, why) < 0)
		return fail(why);
	r = store_begin(store, STORE_SURVIVES_CRASH);
	for (int64_t i = 0; i < n && r == 0; i++)
		r = make_device(&pki, store, out);
	if (r == 0)
		r = store_commit(store);
	pki_done(&pki);
	return r;
}

/* --- check ------------------------------------------------------------------------------- */

static int is_compliance(const struct store_section *section, void *userdata)
{
	bool *found = userdata;

	*found = *found || (strcmp(section->name, "compliance") == 0 && section->body.n > 0);
	return 0;
}

static int check_device(struct store *store, const char *id, uint64_t round)
{
	char nonce[BASE64URL_LENGTH(FLEET_NONCE_BYTES) + 1];
	struct store_device device;
	bool found = false;

	fleet_nonce(id, round, nonce);
	if (store_device_get(store, id, &device) != 0)
		return fail("a device is not stored");
	if (strcmp(device.nonce, nonce) != 0)
		return fail("the last report of a device is not stored");
	if (store_section_list(store, id, is_compliance, &found) < 0 || !found)
		return fail("the compliance of a device is not stored");
	return 0;
}

static int check(const char *directory, int64_t round, const char *path)
{
	static struct fleet_device devices[FLEET_DEVICES];
	_cleanup_(store_closep) struct store *store = NULL;
	int n = fleet_read(path, devices), r = 0;
	char why[512];

	if (n <= 0)
		return fail("the file of the fleet cannot be read");
	if (store_open(directory, &store, why) < 0)
		return fail(why);
	for (int i = 0; i < n && r == 0; i++)
		r = check_device(store, devices[i].id, (uint64_t)round);
	return r;
}

int main(int argc, char **argv)
{
	int64_t number;

	if (argc == 5 && strcmp(argv[1], "make") == 0 &&
		parse_int64(argv[3], 1, FLEET_DEVICES, &number) == 0)
		return make(argv[2], number, argv[4]) == 0 ? 0 : 1;
	if (argc == 5 && strcmp(argv[1], "check") == 0 &&
		parse_int64(argv[3], 0, INT64_MAX, &number) == 0)
		return check(argv[2], number, argv[4]) == 0 ? 0 : 1;
	fprintf(stderr, "Usage: fleet_tool make STATE-DIR COUNT FILE\n"
			"       fleet_tool check STATE-DIR ROUND FILE\n");
	return 2;
}
