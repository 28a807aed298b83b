/* SPDX-License-Identifier: Apache-2.0 */
/* rollover.c - replaces the organisation's CAs; see rollover.h. Runs as the administrator. */
#include "server/ctl/rollover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "server/ctl/newdir.h"

#define ROLLOVER_READY ORG_NEXT "/ready"
#define ROLLOVER_OVER "next.over" /* next/ once everything of it has its place */
#define ROLLOVER_MARK_LENGTH 10	  /* characters of a pin in a file name */

/* What moves from next/ to the top of the organisation directory. */
static const char *const rollover_moved[] = {
	ORG_ROOT, ORG_ROOT_KEY, ORG_DEVICE_CA, ORG_ADMIN, ORG_SERVER_CERT};
/* What is kept of the CAs that went. */
static const char *const rollover_kept[] = {ORG_ROOT, ORG_ROOT_KEY, ORG_DEVICE_CA};

static bool rollover_has(const struct org *org, const char *path)
{
	return faccessat(org->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool rollover_exists(const struct org *org)
{
	return rollover_has(org, ORG_NEXT);
}

bool rollover_is_unfinished(const struct org *org)
{
	return rollover_has(org, ROLLOVER_READY) || rollover_has(org, ROLLOVER_OVER);
}

int rollover_finish(const struct org *org, struct fault *fault)
{
	int r;

	if (rollover_has(org, ROLLOVER_READY)) {
		for (size_t i = 0; i < ARRAY_SIZE(rollover_moved); i++) {
			char path[64];

			snprintf(path, sizeof(path), "%s/%s", ORG_NEXT, rollover_moved[i]);
			if (renameat(org->fd, path, org->fd, rollover_moved[i]) < 0 &&
				errno != ENOENT)
				return fault_errno(
					fault, errno, "cannot put %s in place", rollover_moved[i]);
		}
		if (renameat(org->fd, ORG_NEXT, org->fd, ROLLOVER_OVER) < 0)
			return fault_errno(fault, errno, "cannot finish the change of CAs");
		(void)fsync(org->fd);
	}
	r = fs_remove_tree(org->fd, ROLLOVER_OVER);
	return r < 0 && r != -ENOENT ? fault_errno(fault, r, "cannot remove %s", ROLLOVER_OVER) : 0;
}

int rollover_read(const struct org *org, const char *name, X509 **ret_x509,
	uint8_t ret_pin[SHA256_BYTES], struct fault *fault)
{
	_cleanup_free_ char *pem = NULL;
	_cleanup_x509_ X509 *x509 = NULL;
	size_t n_bytes;
	int r = org_read(org, name, &pem, &n_bytes, fault);

	if (!r)
		r = ca_read(pem, n_bytes, name, &x509, fault);
	if (!r && ret_pin)
		r = ca_pin(x509, ret_pin, fault);
	if (r)
		return r;
	*ret_x509 = TAKE_PTR(x509);
	return 0;
}

void rollover_done(struct rollover *rollover)
{
	X509_free(rollover->root);
	X509_free(rollover->device_ca);
	X509_free(rollover->admin);
	X509_free(rollover->next_root);
	X509_free(rollover->next_device_ca);
	EVP_PKEY_free(rollover->root_key);
	EVP_PKEY_free(rollover->next_root_key);
	EVP_PKEY_free(rollover->next_device_key);
	*rollover = (struct rollover){0};
}

/* --- files ------------------------------------------------------------------------------- */

static int rollover_append(X509 *x509, struct buf *out, struct fault *fault)
{
	_cleanup_free_ char *pem = NULL;
	int r = ca_write(x509, &pem, fault);

	if (!r)
		buf_puts(out, pem);
	return r;
}

/* Up to two certificates as one file. */
static int rollover_write(int fd, const char *name, X509 *first, X509 *second, struct fault *fault)
{
	_cleanup_buf_ struct buf pem = BUF_INIT;
	int r = rollover_append(first, &pem, fault);

	if (!r && second)
		r = rollover_append(second, &pem, fault);
	if (r)
		return r;
	return pem.error ? fault_errno(fault, pem.error, "%s", name)
			 : org_write(fd, name, pem.data, pem.n_bytes, fault);
}

static int rollover_write_key(int fd, const char *name, EVP_PKEY *pkey,
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

/* --- the next ones ----------------------------------------------------------------------- */

static int rollover_count(void *userdata, const char *path)
{
	size_t *n = userdata;

	*n += strstr(path, ORG_ROOT) != NULL;
	return 0;
}

static int rollover_issue(const struct org *org, int64_t now_s, EVP_PKEY *root_key,
	EVP_PKEY *device_key, int fd, struct fault *fault)
{
	_cleanup_x509_ X509 *root = NULL, *device_ca = NULL;
	char root_name[65], device_name[65];
	struct ca_request request = {
		.kind = CA_ROOT,
		.org_name = org->name,
		.common_name = root_name,
		.now_s = now_s,
		.key = root_key,
	};
	size_t generation = 2;
	int r;

	/* Another name than the one before: chains are built by names first. */
	rollover_each_previous(org, rollover_count, &generation);
	snprintf(root_name, sizeof(root_name), "MDM root CA %.8s G%zu", org->id, generation);
	snprintf(device_name, sizeof(device_name), "MDM device CA %.8s G%zu", org->id, generation);
	r = ca_issue(&request, &root, fault);
	if (r)
		return r;
	request.kind = CA_DEVICE;
	request.common_name = device_name;
	request.key = device_key;
	request.issuer = root;
	request.issuer_key = root_key;
	r = ca_issue(&request, &device_ca, fault);
	if (!r)
		r = rollover_write(fd, ORG_ROOT, root, NULL, fault);
	if (!r)
		r = rollover_write(fd, ORG_DEVICE_CA, device_ca, NULL, fault);
	return r ? r : rollover_write(fd, "next.pem", root, device_ca, fault);
}

int rollover_make(
	const struct org *org, const struct secret *passphrase, int64_t now_s, struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *root_key = NULL, *device_key = NULL;
	_cleanup_free_ char *path = NULL;
	struct newdir place = {.fd = -1};
	sigset_t before;
	int r = keyfile_generate("P-256", &root_key, fault);

	if (!r)
		r = keyfile_generate("P-256", &device_key, fault);
	if (r)
		return r;
	if (asprintf(&path, "%s/%s", org->path, ORG_NEXT) < 0) {
		path = NULL;
		return fault_errno(fault, ENOMEM, "%s", ORG_NEXT);
	}
	place.path = path;
	newdir_signals_block(&before);
	r = newdir_open(&place, fault);
	if (!r)
		r = rollover_issue(org, now_s, root_key, device_key, place.fd, fault);
	if (!r)
		r = rollover_write_key(place.fd, ORG_ROOT_KEY, root_key, passphrase, fault);
	if (!r)
		r = rollover_write_key(place.fd, ORG_DEVICE_KEY, device_key, passphrase, fault);
	if (!r)
		r = newdir_commit(&place, fault);
	newdir_done(&place);
	newdir_signals_restore(&before);
	return r;
}

/* --- the switch -------------------------------------------------------------------------- */

int rollover_each_previous(
	const struct org *org, int (*found)(void *userdata, const char *path), void *userdata)
{
	int fd = openat(org->fd, ORG_PREVIOUS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		closep(&fd);
		return 0;
	}
	while (!r && (entry = readdir(dir))) {
		char path[sizeof(ORG_PREVIOUS) + sizeof(entry->d_name) + 1];

		if (!strstr(entry->d_name, "-" ORG_ROOT) &&
			!strstr(entry->d_name, "-" ORG_DEVICE_CA))
			continue;
		snprintf(path, sizeof(path), "%s/%s", ORG_PREVIOUS, entry->d_name);
		r = found(userdata, path);
	}
	return r;
}

/* The CAs that go, copied: the originals are replaced at the end. */
static int switch_keep(const struct rollover *s, struct fault *fault)
{
	char text[ROLLOVER_PIN_TEXT], path[96];
	uint8_t pin[SHA256_BYTES];
	int r = ca_pin(s->root, pin, fault);

	if (r)
		return r;
	base64url_encode(pin, sizeof(pin), text);
	r = fs_make_dirs(s->org->fd, ORG_PREVIOUS, 0700);
	if (r < 0)
		return fault_errno(fault, r, "cannot make %s", ORG_PREVIOUS);
	for (size_t i = 0; i < ARRAY_SIZE(rollover_kept); i++) {
		_cleanup_free_ char *data = NULL;
		size_t n_bytes;

		r = org_read(s->org, rollover_kept[i], &data, &n_bytes, fault);
		/* A pin may begin with a character that no file name should. */
		snprintf(path, sizeof(path), "%s/p%.*s-%s", ORG_PREVIOUS, ROLLOVER_MARK_LENGTH,
			text, rollover_kept[i]);
		if (!r)
			r = org_write(s->org->fd, path, data, n_bytes, fault);
		if (r)
			return r;
	}
	return 0;
}

static int switch_previous(void *userdata, const char *path)
{
	struct buf *paths = userdata;

	buf_puts(paths, path);
	buf_append(paths, "", 1);
	return 0;
}

/* previous.pem: every CA before, so that phones with certificates of theirs are accepted. */
static int switch_write_previous(const struct rollover *s, int fd, struct fault *fault)
{
	_cleanup_buf_ struct buf paths = BUF_INIT, pem = BUF_INIT;

	rollover_each_previous(s->org, switch_previous, &paths);
	for (size_t at = 0; !paths.error && at < paths.n_bytes; at += strlen(paths.data + at) + 1) {
		_cleanup_x509_ X509 *x509 = NULL;
		int r = rollover_read(s->org, paths.data + at, &x509, NULL, fault);

		if (!r && ca_until(x509) > s->now_s)
			r = rollover_append(x509, &pem, fault);
		if (r)
			return r;
	}
	if (paths.error || pem.error)
		return fault_errno(fault, ENOMEM, "previous.pem");
	return pem.n_bytes ? org_write(fd, "previous.pem", pem.data, pem.n_bytes, fault) : 0;
}

/*
 * The new root's key with a certificate of the old root: a phone that has heard nothing of the new
 * root yet follows the server's certificate up to the old one. Good for servers only.
 */
static int switch_cross(const struct rollover *s, X509 **ret_x509, struct fault *fault)
{
	char name[65];
	struct ca_request request = {
		.kind = CA_CROSS,
		.org_name = s->org->name,
		.common_name = name,
		.now_s = s->now_s,
		.until_s = ca_until(s->root) < ca_until(s->next_root) ? ca_until(s->root)
								      : ca_until(s->next_root),
		.key = X509_get0_pubkey(s->next_root),
		.issuer = s->root,
		.issuer_key = s->root_key,
	};

	if (X509_NAME_get_text_by_NID(
		    X509_get_subject_name(s->next_root), NID_commonName, name, sizeof(name)) < 1)
		return fault_set(fault, FAULT_FAILURE, "%s/%s has no name", ORG_NEXT, ORG_ROOT);
	return ca_issue(&request, ret_x509, fault);
}

static int switch_server(const struct rollover *s, int fd, X509 **ret_server, struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	_cleanup_x509_ X509 *server = NULL, *cross = NULL;
	struct ca_request request = {
		.kind = CA_SERVER,
		.org_name = s->org->name,
		.common_name = strlen(s->hosts[0]) <= 64 ? s->hosts[0] : "mdm-server",
		.hosts = s->hosts,
		.n_hosts = s->n_hosts,
		.now_s = s->now_s,
		.issuer = s->next_root,
		.issuer_key = s->next_root_key,
	};
	int r = keyfile_generate("P-256", &key, fault);

	request.key = key;
	if (!r)
		r = ca_issue(&request, &server, fault);
	if (!r)
		r = switch_cross(s, &cross, fault);
	if (!r)
		r = rollover_write_key(fd, "server-key.pem", key, NULL, fault);
	if (!r)
		r = rollover_write(fd, "server-chain.pem", server, cross, fault);
	if (!r)
		r = rollover_write_key(fd, ORG_DEVICE_KEY, s->next_device_key, NULL, fault);
	if (!r)
		r = rollover_write(fd, ORG_DEVICE_CA, s->next_device_ca, NULL, fault);
	if (!r)
		r = rollover_write(fd, ORG_ROOT, s->next_root, NULL, fault);
	if (!r)
		r = switch_write_previous(s, fd, fault);
	if (!r)
		*ret_server = TAKE_PTR(server);
	return r;
}

/* The administrator's key stays; its certificate is the new root's. */
static int switch_admin(const struct rollover *s, struct fault *fault)
{
	_cleanup_x509_ X509 *admin = NULL;
	char name[65];
	struct ca_request request = {
		.kind = CA_ADMIN,
		.org_name = s->org->name,
		.common_name = name,
		.now_s = s->now_s,
		.key = X509_get0_pubkey(s->admin),
		.issuer = s->next_root,
		.issuer_key = s->next_root_key,
	};
	int r;

	if (X509_NAME_get_text_by_NID(
		    X509_get_subject_name(s->admin), NID_commonName, name, sizeof(name)) < 1)
		return fault_set(fault, FAULT_FAILURE, "%s has no name", ORG_ADMIN);
	r = ca_issue(&request, &admin, fault);
	return r ? r : rollover_write(s->org->fd, ORG_NEXT "/" ORG_ADMIN, admin, NULL, fault);
}

int rollover_switch(const struct rollover *s, struct fault *fault)
{
	_cleanup_x509_ X509 *server = NULL;
	struct newdir place = {.path = s->output, .fd = -1};
	sigset_t before;
	int r;

	newdir_signals_block(&before);
	r = switch_keep(s, fault);
	if (!r)
		r = switch_admin(s, fault);
	if (!r)
		r = newdir_open(&place, fault);
	if (!r)
		r = switch_server(s, place.fd, &server, fault);
	if (!r)
		r = rollover_write(s->org->fd, ORG_NEXT "/" ORG_SERVER_CERT, server, NULL, fault);
	if (!r)
		r = newdir_commit(&place, fault);
	/* From here on the new CAs are the organisation's; the rest can be done at any time. */
	if (!r)
		r = org_write(s->org->fd, ROLLOVER_READY, "", 0, fault);
	if (!r)
		r = rollover_finish(s->org, fault);
	newdir_done(&place);
	newdir_signals_restore(&before);
	return r;
}
