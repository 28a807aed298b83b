/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_file.c - "mdmctl key give, key passphrase", "mdmctl cert renew": the files that keys and
 * certificates live in. Runs as the administrator.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/x509v3.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "server/ctl/ca.h"
#include "server/ctl/commands.h"
#include "server/ctl/escrow.h"
#include "server/ctl/handout.h"
#include "server/ctl/keyring.h"
#include "server/ctl/newdir.h"
#include "server/ctl/signing.h"
#include "server/ctl/text.h"

/* "root-ca", "administrator", "escrow" or a signing key: path and words of its file. */
static int key_file(struct ctl *ctl, const char *name, char *ret_path, char *ret_what, size_t size,
	struct fault *fault)
{
	if (strcmp(name, "root-ca") == 0) {
		snprintf(ret_path, size, "%s", ORG_ROOT_KEY);
		snprintf(ret_what, size, "root CA's key");
		return 0;
	}
	if (strcmp(name, "administrator") == 0) {
		snprintf(ret_path, size, "%s", ORG_ADMIN_KEY);
		snprintf(ret_what, size, "administrator's key");
		return 0;
	}
	if (strcmp(name, "escrow") == 0) {
		snprintf(ret_path, size, "%s", ESCROW_KEY_FILE);
		snprintf(ret_what, size, "escrow key");
		return 0;
	}
	for (size_t i = 0; i < ctl->org.keyset->n_keys; i++) {
		if (strcmp(ctl->org.keyset->keys[i].name, name) != 0)
			continue;
		signing_key_path(name, ret_path, size);
		snprintf(ret_what, size, "signing key %s", name);
		return 0;
	}
	return fault_set(fault, FAULT_USAGE,
		"there is no key \"%.64s\"; there are root-ca, administrator, escrow and the names of "
		"'mdmctl key list'",
		name);
}

int cmd_key_passphrase(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	_cleanup_secret_ struct secret secret = {0};
	char path[LIMIT_NAME_BYTES + 32], what[LIMIT_NAME_BYTES + 32];
	int r = ctl_open(ctl, fault);

	if (!r)
		r = key_file(ctl, args->operands[0], path, what, sizeof(path), fault);
	if (!r)
		r = ctl_unlock(ctl, path, what, &pkey, fault);
	if (!r)
		r = handout_passphrase(args, "New passphrase", &secret, fault);
	if (!r)
		r = handout_key(ctl->org.fd, path, pkey, &secret, fault);
	if (!r)
		fprintf(ctl->err, "mdmctl: the %s has a new passphrase\n", what);
	return r;
}

static int give_write(struct ctl *ctl, struct newdir *place, const struct signing_key *key,
	const struct secret *passphrase, struct fault *fault)
{
	char path[LIMIT_NAME_BYTES + 16];
	int r = newdir_open(place, fault);

	if (!r)
		r = handout_public(ctl, place->fd, fault);
	signing_key_path(key->row->name, path, sizeof(path));
	if (!r)
		r = handout_key(place->fd, path, key->key.pkey, passphrase, fault);
	return r ? r : newdir_commit(place, fault);
}

int cmd_key_give(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	const char *name = args->operands[0], *directory = args->operands[1];
	_cleanup_signing_key_ struct signing_key key = {0};
	_cleanup_secret_ struct secret secret = {0};
	struct newdir place = {.path = directory, .fd = -1};
	char path[LIMIT_NAME_BYTES + 16];
	sigset_t before;
	int r = ctl_open(ctl, fault);

	if (!r && strchr(name, '/'))
		r = fault_set(fault, FAULT_USAGE, "give a key by its name, not by a file");
	if (!r)
		r = newdir_check_free(directory, "directory", fault);
	if (!r)
		r = signing_key_open(ctl, name, UINT32_MAX, &key, fault);
	if (!r)
		r = handout_passphrase(args,
			"New passphrase, entered by the person who gets the key", &secret, fault);
	if (r)
		return r;
	newdir_signals_block(&before);
	r = give_write(ctl, &place, &key, &secret, fault);
	newdir_done(&place);
	newdir_signals_restore(&before);
	if (r)
		return r;
	/* Only now that the other file is on the disk. */
	signing_key_path(key.row->name, path, sizeof(path));
	r = fs_remove(ctl->org.fd, path);
	if (r < 0)
		return fault_errno(fault, r,
			"%s was made, but %s/%s could not be removed; remove it yourself",
			directory, ctl->org.path, path);
	fprintf(ctl->err,
		"mdmctl: key %s is in %s alone now. Move that directory to the machine of its\n"
		"new holder, to ~/.config/mdmctl there; then 'mdmctl policy cosign' works there.\n",
		key.row->name, directory);
	return 0;
}

/* Whoever sends a file decides what is in it: whom it lets in, and to do what, is read from there.
 */
static int cert_confirm(struct ctl *ctl, const char *path, X509 *old, struct fault *fault)
{
	char name[LIMIT_TEXT_BYTES + 1] = "", unit[LIMIT_NAME_BYTES + 1] = "";
	char until[24], question[2 * LIMIT_TEXT_BYTES];
	X509_NAME *subject = X509_get_subject_name(old);
	_cleanup_buf_ struct buf plain = BUF_INIT;

	/* A CA is refused below. */
	if (!path || X509_check_ca(old) || X509_check_purpose(old, X509_PURPOSE_SSL_SERVER, 0) == 1)
		return 0;
	X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof(name));
	X509_NAME_get_text_by_NID(subject, NID_organizationalUnitName, unit, sizeof(unit));
	text_plain(&plain, name);
	if (plain.error)
		return fault_errno(fault, plain.error, "certificate");
	clock_format(ca_until(old), until);
	snprintf(question, sizeof(question),
		"Renew the certificate of \"%s\", %s, which ends on %s?",
		plain.n_bytes ? plain.data : "",
		strcmp(unit, CA_ADMIN_UNIT) == 0    ? "an operator (everything the server allows)"
		: strcmp(unit, CA_VIEWER_UNIT) == 0 ? "a viewer (look only)"
						    : "NO administrator",
		until);
	if (ctl->yes)
		fprintf(ctl->err, "mdmctl: %s Yes.\n", question);
	return ctl_confirm(ctl, question, fault);
}

/* Reads, renews and replaces one file: the certificate and, if it was there, the root behind it. */
static int cert_renew_file(
	struct ctl *ctl, const char *path, int64_t *ret_until_s, struct fault *fault)
{
	_cleanup_x509_ X509 *old = NULL, *renewed = NULL, *root = NULL;
	_cleanup_pkey_ EVP_PKEY *root_key = NULL;
	_cleanup_free_ char *text = NULL, *root_text = NULL, *pem = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t n_bytes, n_root;
	const char *second;
	int r = path ? ctl_read_file(path, LIMIT_PEM_BYTES, &text, &n_bytes, fault)
		     : org_read(&ctl->org, ORG_ADMIN, &text, &n_bytes, fault);

	if (!r)
		r = ca_read(text, n_bytes, path ? path : ORG_ADMIN, &old, fault);
	if (!r)
		r = cert_confirm(ctl, path, old, fault);
	if (!r)
		r = org_read(&ctl->org, ORG_ROOT, &root_text, &n_root, fault);
	if (!r)
		r = ca_read(root_text, n_root, ORG_ROOT, &root, fault);
	if (!r)
		r = ctl_unlock(ctl, ORG_ROOT_KEY, "root CA's key", &root_key, fault);
	if (!r)
		r = ca_renew(old, root, root_key, ctl->now_s, &renewed, fault);
	if (!r)
		r = ca_write(renewed, &pem, fault);
	if (r)
		return r;
	second = strstr(text + 1, "-----BEGIN CERTIFICATE-----");
	/* What stands behind it, the root or a chain to an older one, stays. */
	buf_printf(&out, "%s%s", pem, second ? second : "");
	if (out.error)
		return fault_errno(fault, out.error, "certificate");
	*ret_until_s = ca_until(renewed);
	/* Warnings and a change of CAs look at the copy of the server's. */
	if (X509_check_purpose(renewed, X509_PURPOSE_SSL_SERVER, 0) == 1)
		r = org_write(ctl->org.fd, ORG_SERVER_CERT, pem, strlen(pem), fault);
	if (r)
		return r;
	return path ? ctl_write_file(path, out.data, out.n_bytes, fault)
		    : org_write(ctl->org.fd, ORG_ADMIN, out.data, out.n_bytes, fault);
}

/* "mdmctl admin renew [FILE]" is the same, with the administrator's own as what is meant. */
int cmd_admin_renew(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	struct args own = {.operands = {"administrator"}, .n_operands = 1};

	return cmd_cert_renew(ctl, args->n_operands ? args : &own, fault);
}

int cmd_cert_renew(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	const char *path = args->operands[0];
	int64_t until_s = 0;
	char until[24];
	int r = ctl_open(ctl, fault);

	if (!r)
		r = cert_renew_file(
			ctl, strcmp(path, "administrator") == 0 ? NULL : path, &until_s, fault);
	if (r)
		return r;
	clock_format(until_s, until);
	fprintf(ctl->err, "mdmctl: renewed the certificate %s, valid until %s\n", path, until);
	return 0;
}
