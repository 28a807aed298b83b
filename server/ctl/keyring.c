/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c - files of signing keys; see keyring.h. Runs as the administrator. */
#include "server/ctl/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "agent/util/codec.h"

#define KEYRING_NEW ".new-"
#define KEYRING_OLD ".old-"

bool keyring_name_is_valid(const char *name)
{
	/* With what is put behind it, a file name stays short enough for every file system. */
	return name_is_valid(name) && !strstr(name, KEYRING_NEW) && !strstr(name, KEYRING_OLD);
}

void keyring_next_path(const char *name, const char *kid, char ret_path[KEYRING_PATH_BYTES])
{
	snprintf(ret_path, KEYRING_PATH_BYTES, "%s/%s" KEYRING_NEW "%.*s.pem", ORG_KEYS, name,
		KEYRING_KID_LENGTH, kid);
}

static bool keyring_exists(const struct org *org, const char *path)
{
	return faccessat(org->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void keyring_path(
	const struct org *org, const struct keyset_key *row, char ret_path[KEYRING_PATH_BYTES])
{
	keyring_next_path(row->name, row->key.kid, ret_path);
	if (!keyring_exists(org, ret_path))
		signing_key_path(row->name, ret_path, KEYRING_PATH_BYTES);
}

/*
 * keys/NAME.pem is the key of that name in the newest keyset; a row of the draft with the same name
 * and another id has its own file, or none here.
 */
bool keyring_is_here(const struct org *org, const struct keyset_key *row)
{
	char path[KEYRING_PATH_BYTES];

	keyring_next_path(row->name, row->key.kid, path);
	if (keyring_exists(org, path))
		return true;
	for (size_t i = 0; i < org->keyset->n_keys; i++)
		if (strcmp(org->keyset->keys[i].name, row->name) == 0 &&
			strcmp(org->keyset->keys[i].key.kid, row->key.kid) != 0)
			return false;
	signing_key_path(row->name, path, sizeof(path));
	return keyring_exists(org, path);
}

int keyring_open(struct ctl *ctl, const struct keyset_key *row, struct signing_key *ret_key,
	struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	char path[KEYRING_PATH_BYTES], what[LIMIT_NAME_BYTES + 32];
	struct key key;
	int r;

	if (!keyring_is_here(&ctl->org, row))
		return fault_set(fault, FAULT_KEY,
			"the file of key %s is not in %s/%s; use the machine that has it",
			row->name, ctl->org.path, ORG_KEYS);
	keyring_path(&ctl->org, row, path);
	snprintf(what, sizeof(what), "%ssigning key %s", strstr(path, KEYRING_NEW) ? "new " : "",
		row->name);
	r = ctl_unlock(ctl, path, what, &pkey, fault);
	if (r)
		return r;
	if (key_from_pkey(pkey, &key) < 0)
		return fault_set(
			fault, FAULT_KEY, "%s is neither an Ed25519 nor a P-256 key", path);
	if (strcmp(key.kid, row->key.kid) != 0) {
		key_done(&key);
		return fault_set(fault, FAULT_KEY,
			"%s does not hold the key %s of the keyset; restore it from your copy",
			path, row->name);
	}
	*ret_key = (struct signing_key){.key = key, .row = row};
	return 0;
}

int keyring_make(const struct org *org, const struct keyring_order *order, struct key *ret_key,
	struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	_cleanup_free_ char *pem = NULL;
	char path[KEYRING_PATH_BYTES];
	struct key key;
	int r = keyfile_generate(order->alg == KEY_ALG_ES256 ? "P-256" : "ED25519", &pkey, fault);

	if (r)
		return r;
	if (key_from_pkey(pkey, &key) < 0)
		return fault_set(fault, FAULT_KEY, "cannot make a signing key");
	if (order->replaces)
		keyring_next_path(order->name, key.kid, path);
	else
		signing_key_path(order->name, path, sizeof(path));
	if (keyring_exists(org, path))
		r = fault_set(fault, FAULT_KEY,
			"%s/%s is there already and no keyset lists it; "
			"'mdmctl key forget %s' removes it, or take another name",
			org->path, path, order->name);
	if (!r)
		r = keyfile_encrypt(pkey, order->passphrase, &pem, fault);
	if (!r)
		r = org_write(org->fd, path, pem, strlen(pem), fault);
	if (r)
		key_done(&key);
	else
		*ret_key = key;
	return r;
}

static int keyring_move(
	const struct org *org, const char *from, const char *to, struct fault *fault)
{
	/* link(2) and unlink(2) would not do on every stick; nothing else writes here meanwhile. */
	if (keyring_exists(org, to))
		return fault_set(fault, FAULT_FAILURE,
			"%s/%s is in the way of %s; move it elsewhere", org->path, to, from);
	if (renameat(org->fd, from, org->fd, to) < 0)
		return fault_errno(fault, errno, "cannot rename %s/%s", org->path, from);
	(void)fsync(org->fd);
	return 0;
}

bool keyring_is_unsettled(const struct org *org)
{
	char next[KEYRING_PATH_BYTES];

	for (size_t i = 0; i < org->keyset->n_keys; i++) {
		keyring_next_path(org->keyset->keys[i].name, org->keyset->keys[i].key.kid, next);
		if (keyring_exists(org, next))
			return true;
	}
	return false;
}

int keyring_settle(const struct org *org, struct fault *fault)
{
	const struct keyset *keyset = org->keyset;

	for (size_t i = 0; i < keyset->n_keys; i++) {
		const char *name = keyset->keys[i].name;
		char next[KEYRING_PATH_BYTES], path[KEYRING_PATH_BYTES], old[KEYRING_PATH_BYTES];
		int r = 0;

		keyring_next_path(name, keyset->keys[i].key.kid, next);
		if (!keyring_exists(org, next))
			continue;
		signing_key_path(name, path, sizeof(path));
		snprintf(old, sizeof(old), "%s/%s" KEYRING_OLD "%" PRId64 ".pem", ORG_KEYS, name,
			keyset->version - 1);
		if (keyring_exists(org, path))
			r = keyring_move(org, path, old, fault);
		if (!r)
			r = keyring_move(org, next, path, fault);
		if (r)
			return r;
	}
	return 0;
}

static bool keyring_needs(const struct org *org, const struct keyset *keyset, const char *path)
{
	char used[KEYRING_PATH_BYTES];

	for (size_t i = 0; keyset && i < keyset->n_keys; i++) {
		if (!keyring_is_here(org, &keyset->keys[i]))
			continue;
		keyring_path(org, &keyset->keys[i], used);
		if (strcmp(used, path) == 0)
			return true;
	}
	return false;
}

/* "second.pem", "second.old-3.pem", "second.new-abc.pem": all of the name second. */
static bool keyring_is_of(const char *file, const char *name)
{
	size_t n = strlen(name), n_file = strlen(file);

	return n_file > n + 3 && strncmp(file, name, n) == 0 &&
	       strcmp(file + n_file - 4, ".pem") == 0 &&
	       (n_file == n + 4 || strncmp(file + n, KEYRING_OLD, strlen(KEYRING_OLD)) == 0 ||
		       strncmp(file + n, KEYRING_NEW, strlen(KEYRING_NEW)) == 0);
}

int keyring_each_old(const struct org *org, const struct keyset *draft, const char *name,
	int (*found)(void *userdata, const char *path), void *userdata)
{
	int fd = openat(org->fd, ORG_KEYS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		closep(&fd);
		return 0;
	}
	while (!r && (entry = readdir(dir))) {
		char path[sizeof(ORG_KEYS) + sizeof(entry->d_name) + 1];

		if (name ? !keyring_is_of(entry->d_name, name) : *entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", ORG_KEYS, entry->d_name);
		if (!keyring_needs(org, org->keyset, path) && !keyring_needs(org, draft, path))
			r = found(userdata, path);
	}
	return r;
}
