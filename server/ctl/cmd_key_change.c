/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_change.c - "mdmctl key new, rotate, revoke, forget": whose signatures shall count from
 * the next keyset on. Runs as the administrator; changes the draft, never what is in force.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "agent/util/fs.h"
#include "server/ctl/commands.h"
#include "server/ctl/draft.h"
#include "server/ctl/handout.h"
#include "server/ctl/keyset_sign.h"
#include "server/ctl/keyset_words.h"

static int change_alg(
	const struct args *args, enum key_alg fallback, enum key_alg *ret_alg, struct fault *fault)
{
	const char *alg = args_get(args, "alg");

	*ret_alg = fallback;
	if (!alg)
		return 0;
	if (strcmp(alg, "eddsa") != 0 && strcmp(alg, "es256") != 0)
		return fault_set(fault, FAULT_USAGE, "--alg is eddsa or es256");
	*ret_alg = *alg == 'e' && alg[1] == 's' ? KEY_ALG_ES256 : KEY_ALG_EDDSA;
	return 0;
}

static int change_roles(const struct args *args, uint32_t *ret_roles, struct fault *fault)
{
	enum trust_role role;
	const char *name;

	*ret_roles = 0;
	for (size_t i = 0; (name = args_nth(args, "role", i)); i++) {
		if (keyset_words_role(name, &role, fault))
			return fault->code;
		*ret_roles |= 1u << role;
	}
	return *ret_roles ? 0
			  : fault_set(fault, FAULT_USAGE,
				    "say what the key may sign: --role keyset, policy, command, "
				    "destroy; the option repeats");
}

/* The file of an interrupted "key new": whoever knows its passphrase may go on with it. */
static int change_adopt(struct ctl *ctl, const char *name, struct key *ret_key, struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	char path[KEYRING_PATH_BYTES], what[LIMIT_NAME_BYTES + 32];
	int r;

	signing_key_path(name, path, sizeof(path));
	snprintf(what, sizeof(what), "key %s, which no keyset lists yet", name);
	r = ctl_unlock(ctl, path, what, &pkey, fault);
	if (r)
		return r;
	return key_from_pkey(pkey, ret_key) < 0
		       ? fault_set(
				 fault, FAULT_KEY, "%s is neither an Ed25519 nor a P-256 key", path)
		       : 0;
}

static int change_make(struct ctl *ctl, const struct args *args, struct keyring_order *order,
	struct key *ret_key, struct fault *fault)
{
	_cleanup_secret_ struct secret secret = {0};
	char path[KEYRING_PATH_BYTES], prompt[LIMIT_NAME_BYTES + 64];
	int r;

	signing_key_path(order->name, path, sizeof(path));
	if (!order->replaces && faccessat(ctl->org.fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return change_adopt(ctl, order->name, ret_key, fault);
	snprintf(prompt, sizeof(prompt), "New passphrase of the key %s", order->name);
	r = handout_own_passphrase(ctl, args, prompt, &secret, fault);
	order->passphrase = &secret;
	return r ? r : keyring_make(&ctl->org, order, ret_key, fault);
}

int cmd_key_new(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	struct keyring_order order = {.name = args->operands[0]};
	struct keyset_key *row;
	uint32_t roles = 0;
	int r = change_roles(args, &roles, fault);

	if (!r)
		r = change_alg(args, KEY_ALG_EDDSA, &order.alg, fault);
	if (!r && !keyring_name_is_valid(order.name))
		return fault_set(fault, FAULT_USAGE,
			"\"%.64s\" is no name for a key: 1 to %d letters, digits, '.', '_', '-', "
			"without \".new-\" and \".old-\"",
			order.name, LIMIT_NAME_BYTES);
	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = draft_open(ctl, DRAFT_BEGIN, &draft, fault);
	if (r)
		return r;
	if (keyset_find_name(draft.keyset, order.name) ||
		keyset_find_name(ctl->org.keyset, order.name))
		return fault_set(fault, FAULT_USAGE,
			"there is a key %s already; 'mdmctl key rotate %s' replaces it", order.name,
			order.name);
	if (draft.keyset->n_keys == LIMIT_KEYSET_KEYS)
		return fault_set(
			fault, FAULT_FAILURE, "a keyset has at most %d keys", LIMIT_KEYSET_KEYS);
	row = &draft.keyset->keys[draft.keyset->n_keys];
	r = change_make(ctl, args, &order, &row->key, fault);
	if (r)
		return r;
	draft.keyset->n_keys++;
	row->roles = roles;
	snprintf(row->name, sizeof(row->name), "%s", order.name);
	r = draft_save(ctl, &draft, fault);
	if (!r)
		keyset_tell_draft(ctl, draft.keyset);
	return r;
}

int cmd_key_rotate(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	struct keyring_order order = {.name = args->operands[0], .replaces = true};
	const struct keyset_key *held;
	struct keyset_key *row = NULL;
	struct key key;
	int r = ctl_open(ctl, fault);

	if (!r)
		r = draft_open(ctl, DRAFT_BEGIN, &draft, fault);
	if (r)
		return r;
	for (size_t i = 0; i < draft.keyset->n_keys; i++)
		if (strcmp(draft.keyset->keys[i].name, order.name) == 0)
			row = &draft.keyset->keys[i];
	held = keyset_find_name(ctl->org.keyset, order.name);
	if (!row || !held)
		return fault_set(fault, FAULT_USAGE,
			"there is no key %.64s in the keyset%s; 'mdmctl key list' shows them",
			order.name,
			row    ? " in force"
			: held ? " that the draft makes"
			       : "");
	if (strcmp(row->key.kid, held->key.kid) != 0)
		return fault_set(fault, FAULT_FAILURE,
			"the draft replaces key %s already; 'mdmctl keyset draft discard' begins again",
			order.name);
	r = change_alg(args, row->key.alg, &order.alg, fault);
	if (!r)
		r = change_make(ctl, args, &order, &key, fault);
	if (r)
		return r;
	key_done(&row->key);
	row->key = key;
	r = draft_save(ctl, &draft, fault);
	if (!r)
		keyset_tell_draft(ctl, draft.keyset);
	return r;
}

static int revoke_check_thresholds(
	const struct keyset *keyset, const struct keyset_key *row, struct fault *fault)
{
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		uint32_t n = keyset_count_role(keyset, role);

		if (!(row->roles & 1u << role) || n - 1 >= keyset->threshold[role])
			continue;
		return fault_set(fault, FAULT_FAILURE,
			"without key %s the role %s has %u key%s, and it needs %u signatures: make "
			"another key for it first ('mdmctl key new NAME --role %s'), or let 'mdmctl "
			"keyset threshold %s' ask for fewer",
			row->name, trust_role_name(role), n - 1, n == 2 ? "" : "s",
			keyset->threshold[role], trust_role_name(role), trust_role_name(role));
	}
	return 0;
}

/* What a key signed stays where it was accepted; what was not, has to be signed again. */
static void revoke_tell(struct ctl *ctl, const char *name, uint32_t roles)
{
	int fd = openat(ctl->org.fd, ORG_SERIALS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	_cleanup_buf_ struct buf streams = BUF_INIT;
	struct dirent *entry;

	if (!dir)
		closep(&fd);
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "policy.", 7) == 0)
			buf_printf(
				&streams, "%s%s", streams.n_bytes ? ", " : "", entry->d_name + 7);
	fprintf(ctl->err,
		"mdmctl: what key %s signed and phones accepted stays in force there. Once the new\n"
		"keyset is on a phone, it refuses what it has not accepted before:\n",
		name);
	if (roles & 1u << TRUST_ROLE_POLICY)
		fprintf(ctl->err,
			"  - sign and push the policies again, for phones that enrol later (groups: %s)\n"
			"  - tickets that nobody used yet, and 'mdmctl assign': make them again\n",
			streams.n_bytes ? streams.data : "none known here");
	if (roles & (1u << TRUST_ROLE_COMMAND | 1u << TRUST_ROLE_DESTROY))
		fprintf(ctl->err, "  - commands that wait at the server: give them again\n");
}

int cmd_key_revoke(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	const char *name = args->operands[0];
	uint32_t roles;
	size_t i = 0;
	int r = ctl_open(ctl, fault);

	if (!r)
		r = draft_open(ctl, DRAFT_BEGIN, &draft, fault);
	if (r)
		return r;
	while (i < draft.keyset->n_keys && strcmp(draft.keyset->keys[i].name, name) != 0)
		i++;
	if (i == draft.keyset->n_keys)
		return fault_set(fault, FAULT_USAGE,
			"there is no key %.64s in the keyset; 'mdmctl key list' shows them", name);
	r = revoke_check_thresholds(draft.keyset, &draft.keyset->keys[i], fault);
	if (r)
		return r;
	roles = draft.keyset->keys[i].roles;
	key_done(&draft.keyset->keys[i].key);
	draft.keyset->n_keys--;
	memmove(&draft.keyset->keys[i], &draft.keyset->keys[i + 1],
		(draft.keyset->n_keys - i) * sizeof(draft.keyset->keys[0]));
	r = draft_save(ctl, &draft, fault);
	if (r)
		return r;
	keyset_tell_draft(ctl, draft.keyset);
	if (keyset_find_name(ctl->org.keyset, name))
		revoke_tell(ctl, name, roles);
	return 0;
}

/* Overwritten before it goes. Flash and copies may keep it; the passphrase still closes it. */
static int forget_file(const struct org *org, const char *path, struct fault *fault)
{
	_cleanup_close_ int fd = fs_open_nofollow(org->fd, path, O_WRONLY | O_CLOEXEC, 0);
	char zeros[4096] = {0};
	struct stat st;
	off_t left;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fault_errno(
			fault, fd < 0 ? fd : errno, "cannot open %s/%s", org->path, path);
	for (left = st.st_size; left > 0 && r >= 0; left -= (off_t)sizeof(zeros))
		r = fs_write_all(
			fd, zeros, left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros));
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	if (r >= 0)
		r = fs_remove(org->fd, path);
	return r < 0 ? fault_errno(fault, r, "cannot remove %s/%s", org->path, path) : 0;
}

struct forgotten {
	char paths[64][KEYRING_PATH_BYTES];
	size_t n_paths;
};

static int forget_note(void *userdata, const char *path)
{
	struct forgotten *forgotten = userdata;

	if (forgotten->n_paths < ARRAY_SIZE(forgotten->paths))
		snprintf(forgotten->paths[forgotten->n_paths++], KEYRING_PATH_BYTES, "%s", path);
	return 0;
}

int cmd_key_forget(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(keyset_freep) struct keyset *draft = NULL;
	_cleanup_close_ int lock_fd = -1;
	_cleanup_buf_ struct buf question = BUF_INIT;
	const char *name = args->operands[0];
	struct forgotten forgotten = {0};
	int r = ctl_open(ctl, fault);

	if (!r)
		r = org_lock(ctl->org.fd, &lock_fd, fault);
	if (r)
		return r;
	draft = draft_peek(&ctl->org);
	keyring_each_old(&ctl->org, draft, name, forget_note, &forgotten);
	if (forgotten.n_paths == 0)
		return fault_set(fault, FAULT_USAGE,
			"no file of a key %.64s can go: what the keyset in force or its draft lists "
			"stays",
			name);
	buf_puts(&question, "Remove for ever");
	for (size_t i = 0; i < forgotten.n_paths; i++)
		buf_printf(&question, "%s %s", i ? "," : "", forgotten.paths[i]);
	buf_puts(&question, "?");
	if (question.error)
		return fault_errno(fault, question.error, "question");
	r = ctl_confirm(ctl, question.data, fault);
	for (size_t i = 0; i < forgotten.n_paths && !r; i++) {
		r = forget_file(&ctl->org, forgotten.paths[i], fault);
		if (!r)
			fprintf(ctl->err, "mdmctl: removed %s/%s\n", ctl->org.path,
				forgotten.paths[i]);
	}
	return r;
}
