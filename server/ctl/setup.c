/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.c - builds an organisation; see setup.h. No signing key and no administrator's key is ever
 * written to the server's directory.
 */
#include "server/ctl/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "server/ctl/envelope.h"
#include "server/ctl/escrow.h"
#include "server/ctl/signing.h"

static const struct {
	const char *name;
	uint32_t roles;
} setup_keys[SETUP_KEYS] = {
	{"admin", 1u << TRUST_ROLE_KEYSET | 1u << TRUST_ROLE_POLICY | 1u << TRUST_ROLE_COMMAND |
			  1u << TRUST_ROLE_DESTROY},
	{"second", 1u << TRUST_ROLE_KEYSET | 1u << TRUST_ROLE_COMMAND | 1u << TRUST_ROLE_DESTROY},
	{"recovery", 1u << TRUST_ROLE_KEYSET | 1u << TRUST_ROLE_DESTROY},
};

static const uint32_t setup_thresholds[TRUST_ROLE_MAX] = {
	[TRUST_ROLE_KEYSET] = 2,
	[TRUST_ROLE_POLICY] = 1,
	[TRUST_ROLE_COMMAND] = 1,
	[TRUST_ROLE_DESTROY] = 2,
};

/* Everything that is made, before and while it is written. */
struct setup_build {
	const struct setup *setup;
	struct org org;
	EVP_PKEY *root_key, *device_key, *server_key, *admin_key, *escrow_key;
	X509 *root, *device_ca, *server, *admin, *escrow;
	struct signing_key signing[SETUP_KEYS];
};

static void setup_build_done(struct setup_build *b)
{
	EVP_PKEY_free(b->root_key);
	EVP_PKEY_free(b->device_key);
	EVP_PKEY_free(b->server_key);
	EVP_PKEY_free(b->admin_key);
	EVP_PKEY_free(b->escrow_key);
	X509_free(b->root);
	X509_free(b->device_ca);
	X509_free(b->server);
	X509_free(b->admin);
	X509_free(b->escrow);
	for (size_t i = 0; i < SETUP_KEYS; i++)
		signing_key_done(&b->signing[i]);
	org_done(&b->org);
}

static int setup_certificates(struct setup_build *b, struct fault *fault)
{
	const struct setup *s = b->setup;
	char root_name[65], device_name[65];
	struct ca_request request = {
		.kind = CA_ROOT,
		.org_name = s->name,
		.common_name = root_name,
		.now_s = s->now_s,
	};
	int r = keyfile_generate("P-256", &b->root_key, fault);

	if (!r)
		r = keyfile_generate("P-256", &b->device_key, fault);
	if (!r)
		r = keyfile_generate("P-256", &b->server_key, fault);
	if (!r)
		r = keyfile_generate("P-256", &b->admin_key, fault);
	if (r)
		return r;
	snprintf(root_name, sizeof(root_name), "MDM root CA %.8s", b->org.id);
	snprintf(device_name, sizeof(device_name), "MDM device CA %.8s", b->org.id);
	request.key = b->root_key;
	r = ca_issue(&request, &b->root, fault);
	if (r)
		return r;
	request.issuer = b->root;
	request.issuer_key = b->root_key;
	request.kind = CA_DEVICE;
	request.common_name = device_name;
	request.key = b->device_key;
	r = ca_issue(&request, &b->device_ca, fault);
	if (r)
		return r;
	request.kind = CA_ADMIN;
	request.common_name = s->admin_name;
	request.key = b->admin_key;
	r = ca_issue(&request, &b->admin, fault);
	if (r)
		return r;
	request.kind = CA_SERVER;
	request.common_name = strlen(s->hosts[0]) <= 64 ? s->hosts[0] : "mdm-server";
	request.key = b->server_key;
	request.hosts = s->hosts;
	request.n_hosts = s->n_hosts;
	return ca_issue(&request, &b->server, fault);
}

static int setup_signing_keys(struct setup_build *b, struct fault *fault)
{
	const char *kind = b->setup->alg == KEY_ALG_ES256 ? "P-256" : "ED25519";

	for (size_t i = 0; i < SETUP_KEYS; i++) {
		_cleanup_pkey_ EVP_PKEY *pkey = NULL;
		int r = keyfile_generate(kind, &pkey, fault);

		if (r)
			return r;
		if (key_from_pkey(pkey, &b->signing[i].key) < 0)
			return fault_set(fault, FAULT_KEY, "cannot make a signing key");
	}
	return 0;
}

/* The certificate (and the one above it) as a file. */
static int setup_write_certificates(
	int fd, const char *name, X509 *first, X509 *second, struct fault *fault)
{
	_cleanup_free_ char *pem = NULL, *more = NULL;
	_cleanup_buf_ struct buf both = BUF_INIT;
	int r = ca_write(first, &pem, fault);

	if (!r && second)
		r = ca_write(second, &more, fault);
	if (r)
		return r;
	buf_printf(&both, "%s%s", pem, more ? more : "");
	if (both.error)
		return fault_errno(fault, both.error, "%s", name);
	return org_write(fd, name, both.data, both.n_bytes, fault);
}

/* passphrase NULL: not encrypted, for the server, which starts without anybody there. */
static int setup_write_key(int fd, const char *name, EVP_PKEY *pkey,
	const struct secret *passphrase, struct fault *fault)
{
	char *pem = NULL;
	int r = passphrase ? keyfile_encrypt(pkey, passphrase, &pem, fault)
			   : keyfile_plain(pkey, &pem, fault);

	if (!r)
		r = org_write(fd, name, pem, strlen(pem), fault);
	secret_free(pem, pem ? strlen(pem) : 0);
	return r;
}

static int setup_write_server(struct setup_build *b, int fd, struct fault *fault)
{
	int r = setup_write_key(fd, "server-key.pem", b->server_key, NULL, fault);

	if (!r)
		r = setup_write_certificates(fd, "server-chain.pem", b->server, b->root, fault);
	if (!r)
		r = setup_write_key(fd, "device-ca-key.pem", b->device_key, NULL, fault);
	if (!r)
		r = setup_write_certificates(fd, "device-ca.pem", b->device_ca, NULL, fault);
	if (!r)
		r = setup_write_certificates(fd, "root.pem", b->root, NULL, fault);
	return r;
}

/* A phone takes this document by its digest alone: check it here as the phone will. */
static int setup_check_keyset(struct setup_build *b, const struct buf *document,
	const struct buf *payload, struct fault *fault)
{
	_cleanup_(document_freep) struct document *checked = NULL;
	struct document_refusal refusal = {0};
	uint8_t digest[SHA256_BYTES];
	struct document_context context = {
		.pinned_keyset = digest,
		.device_id = "",
		.ticket_id = "",
		.enrolment_id = "",
		.now_s = b->setup->now_s,
	};
	int r = sha256(payload->data, payload->n_bytes, digest);

	if (!r)
		r = document_verify(
			document->data, document->n_bytes, &context, &checked, &refusal);
	if (r < 0)
		return fault_errno(fault, r, "keyset");
	if (r)
		return fault_set(
			fault, FAULT_FAILURE, "the new keyset does not verify: %s", refusal.detail);
	return 0;
}

static int setup_write_keyset(struct setup_build *b, int fd, struct fault *fault)
{
	_cleanup_buf_ struct buf payload = BUF_INIT, document = BUF_INIT;
	struct envelope envelope = {
		.org = b->org.id,
		.serial = 1,
		.issued_s = b->setup->now_s,
		.expires_s = b->setup->now_s + SETUP_KEYSET_SECONDS,
	};
	struct envelope_key keys[SETUP_KEYS];
	struct envelope_keyset keyset = {
		.org_name = b->setup->name,
		.keys = keys,
		.n_keys = SETUP_KEYS,
	};
	int r;

	memcpy(keyset.threshold, setup_thresholds, sizeof(keyset.threshold));
	for (size_t i = 0; i < SETUP_KEYS; i++)
		keys[i] = (struct envelope_key){.name = setup_keys[i].name,
			.key = &b->signing[i].key,
			.roles = setup_keys[i].roles};
	r = envelope_keyset(&envelope, &keyset, &payload, fault);
	for (size_t i = 0; i < keyset.threshold[TRUST_ROLE_KEYSET] && !r; i++)
		r = signing_line(DOCUMENT_KEYSET, payload.data, payload.n_bytes, &b->signing[i],
			&document, fault);
	if (!r)
		r = setup_check_keyset(b, &document, &payload, fault);
	if (!r)
		r = org_write(fd, ORG_KEYSETS "/1.jose", document.data, document.n_bytes, fault);
	return r;
}

static int setup_write_org(struct setup_build *b, int fd, struct fault *fault)
{
	static const char *const directories[] = {ORG_KEYS, ORG_KEYSETS, ORG_SERIALS};
	const struct setup *s = b->setup;
	char path[LIMIT_NAME_BYTES + 16];
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (mkdirat(fd, directories[i], 0700) < 0)
			return fault_errno(fault, errno, "cannot make %s", directories[i]);
	for (size_t i = 0; i < SETUP_KEYS && !r; i++) {
		signing_key_path(setup_keys[i].name, path, sizeof(path));
		r = setup_write_key(
			fd, path, b->signing[i].key.pkey, &s->key_passphrases[i], fault);
	}
	if (!r)
		r = setup_write_key(fd, ORG_ROOT_KEY, b->root_key, &s->passphrase, fault);
	if (!r)
		r = setup_write_key(fd, ORG_ADMIN_KEY, b->admin_key, &s->passphrase, fault);
	if (!r)
		r = setup_write_key(fd, ESCROW_KEY_FILE, b->escrow_key, &s->passphrase, fault);
	if (!r)
		r = setup_write_certificates(fd, ESCROW_CERT_FILE, b->escrow, NULL, fault);
	if (!r)
		r = setup_write_certificates(fd, ORG_ROOT, b->root, NULL, fault);
	if (!r)
		r = setup_write_certificates(fd, ORG_DEVICE_CA, b->device_ca, NULL, fault);
	if (!r)
		r = setup_write_certificates(fd, ORG_ADMIN, b->admin, NULL, fault);
	if (!r)
		r = setup_write_certificates(fd, ORG_SERVER_CERT, b->server, NULL, fault);
	if (!r)
		r = setup_write_keyset(b, fd, fault);
	if (!r)
		r = org_write_config(&b->org, fd, fault);
	return r;
}

static int setup_build(struct setup_build *b, struct fault *fault)
{
	uint8_t id[16];
	int r = random_bytes(id, sizeof(id));

	if (r < 0)
		return fault_errno(fault, r, "no random numbers");
	hex_encode(id, sizeof(id), b->org.id);
	snprintf(b->org.name, sizeof(b->org.name), "%s", b->setup->name);
	snprintf(b->org.server, sizeof(b->org.server), "%s", b->setup->server);
	snprintf(b->org.admin, sizeof(b->org.admin), "%s", b->setup->admin);
	r = setup_certificates(b, fault);
	if (!r)
		r = escrow_make(b->org.id, b->setup->name, b->setup->now_s, &b->escrow_key,
			&b->escrow, fault);
	return r ? r : setup_signing_keys(b, fault);
}

static int setup_write(
	struct setup_build *b, struct newdir *org, struct newdir *server, struct fault *fault)
{
	_cleanup_close_ int inner_fd = -1;
	int r = newdir_open(org, fault), server_fd;

	if (!r && server->path)
		r = newdir_open(server, fault);
	if (r)
		return r;
	if (!server->path) {
		if (mkdirat(org->fd, ORG_SERVER, 0700) < 0)
			return fault_errno(fault, errno, "cannot make %s", ORG_SERVER);
		inner_fd = openat(org->fd, ORG_SERVER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (inner_fd < 0)
			return fault_errno(fault, errno, "%s", ORG_SERVER);
	}
	server_fd = server->path ? server->fd : inner_fd;
	r = setup_write_server(b, server_fd, fault);
	return r ? r : setup_write_org(b, org->fd, fault);
}

/* Both directories or none: the server's goes first and comes back if the other fails. */
static int setup_commit(struct newdir *org, struct newdir *server, struct fault *fault)
{
	int r;

	if (server->path) {
		char *temporary = strdup(server->temporary);

		if (!temporary)
			return fault_errno(fault, ENOMEM, "%s", server->path);
		r = newdir_commit(server, fault);
		if (!r)
			r = newdir_commit(org, fault);
		if (r && !server->temporary && rename(server->path, temporary) == 0)
			server->temporary = TAKE_PTR(temporary);
		free(temporary);
		return r;
	}
	return newdir_commit(org, fault);
}

int setup_run(const struct setup *setup, struct fault *fault)
{
	_cleanup_(setup_build_done) struct setup_build build = {.setup = setup, .org = ORG_INIT};
	struct newdir org = {.path = setup->org_path, .fd = -1};
	struct newdir server = {.path = setup->server_path, .fd = -1};
	sigset_t before;
	int r = setup_build(&build, fault);

	if (r)
		return r;
	newdir_signals_block(&before);
	r = setup_write(&build, &org, &server, fault);
	if (!r)
		r = setup_commit(&org, &server, fault);
	newdir_done(&org);
	newdir_done(&server);
	newdir_signals_restore(&before);
	return r;
}
