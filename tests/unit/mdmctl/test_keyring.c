/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyring.c - where the files of keys are before, while and after keys are replaced. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/fs.h"
#include "server/ctl/keyring.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

struct ring {
	char path[256];
	struct org org;
	struct keyset *keyset; /* what org.keyset points to */
};

static void ring_done(struct ring *r)
{
	closep(&r->org.fd);
	keyset_free(r->keyset);
}
#define _ring_ _cleanup_(ring_done)

/* An organisation whose keyset has the key "admin", made of a number. */
static void ring_init(struct ring *r, uint8_t number)
{
	r->org = ORG_INIT;
	r->org.fd = check_tmpdir(r->path);
	r->org.path = r->path;
	r->keyset = calloc(1, sizeof(*r->keyset));
	signer_must(r->keyset && mkdirat(r->org.fd, ORG_KEYS, 0700) == 0);
	r->keyset->version = 5;
	r->keyset->n_keys = 1;
	signer_ed25519(number, &r->keyset->keys[0].key);
	snprintf(r->keyset->keys[0].name, sizeof(r->keyset->keys[0].name), "admin");
	r->org.keyset = r->keyset;
}

static void put(struct ring *r, const char *path, const char *text)
{
	struct fault fault = {0};

	signer_must(org_write(r->org.fd, path, text, strlen(text), &fault) == 0);
}

static bool holds(struct ring *r, const char *path, const char *text)
{
	_cleanup_free_ char *data = NULL;

	if (fs_read(r->org.fd, path, 64, &data, NULL) < 0)
		return text == NULL;
	return text && strcmp(data, text) == 0;
}

static void test_names(void)
{
	static const char *const bad[] = {
		"", ".", "a/b", "a b", "admin.new-x", "admin.old-1", ".new-", "-a", "\xc3\xa9"};
	static const char *const good[] = {"admin", "a.b", "new", "old-1", "a.new", "A_1-b"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (keyring_name_is_valid(bad[i]))
			check_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!keyring_name_is_valid(good[i]))
			check_fail(__FILE__, __LINE__, "refused: %s", good[i]);
}

/* From every state that an interruption can leave. */
static void test_settle(void)
{
	_ring_ struct ring r;
	char next[KEYRING_PATH_BYTES];
	struct fault fault = {0};

	ring_init(&r, 1);
	keyring_next_path("admin", r.keyset->keys[0].key.kid, next);
	put(&r, "keys/admin.pem", "old");
	CHECK(!keyring_is_unsettled(&r.org));
	CHECK_INT(keyring_settle(&r.org, &fault), 0);
	CHECK(holds(&r, "keys/admin.pem", "old"));
	put(&r, next, "new");
	CHECK(keyring_is_unsettled(&r.org));
	CHECK_INT(keyring_settle(&r.org, &fault), 0);
	CHECK(holds(&r, "keys/admin.pem", "new") && holds(&r, "keys/admin.old-4.pem", "old"));
	CHECK(holds(&r, next, NULL) && !keyring_is_unsettled(&r.org));
	CHECK_INT(keyring_settle(&r.org, &fault), 0);
	CHECK(holds(&r, "keys/admin.pem", "new"));
	/* Between the two renames; also where the old one was on another machine. */
	CHECK_INT(renameat(r.org.fd, "keys/admin.pem", r.org.fd, next), 0);
	CHECK_INT(keyring_settle(&r.org, &fault), 0);
	CHECK(holds(&r, "keys/admin.pem", "new") && holds(&r, "keys/admin.old-4.pem", "old"));
}

/* Nothing is overwritten, whatever lies there. */
static void test_settle_overwrites_nothing(void)
{
	_ring_ struct ring r;
	char next[KEYRING_PATH_BYTES];
	struct fault fault = {0};

	ring_init(&r, 1);
	keyring_next_path("admin", r.keyset->keys[0].key.kid, next);
	put(&r, "keys/admin.pem", "old");
	put(&r, "keys/admin.old-4.pem", "older");
	put(&r, next, "new");
	CHECK_INT(keyring_settle(&r.org, &fault), FAULT_FAILURE);
	CHECK(strstr(fault.text, "in the way"));
	CHECK(holds(&r, "keys/admin.pem", "old") && holds(&r, "keys/admin.old-4.pem", "older") &&
		holds(&r, next, "new"));
}

/* A row of the draft with a name that is in force has a file of its own, or none. */
static void test_whose_file(void)
{
	_ring_ struct ring r;
	struct keyset_key row = {.name = "admin"};
	char path[KEYRING_PATH_BYTES], next[KEYRING_PATH_BYTES];

	ring_init(&r, 1);
	signer_ed25519(2, &row.key);
	put(&r, "keys/admin.pem", "old");
	CHECK(keyring_is_here(&r.org, &r.keyset->keys[0]));
	CHECK(!keyring_is_here(&r.org, &row));
	keyring_next_path("admin", row.key.kid, next);
	put(&r, next, "new");
	CHECK(keyring_is_here(&r.org, &row) && keyring_is_here(&r.org, &r.keyset->keys[0]));
	keyring_path(&r.org, &row, path);
	CHECK_STR(path, next);
	keyring_path(&r.org, &r.keyset->keys[0], path);
	CHECK_STR(path, "keys/admin.pem");
	key_done(&row.key);
}

static void test_make(void)
{
	_ring_ struct ring r;
	char text[] = "a passphrase";
	struct secret secret = {.text = text, .n_bytes = sizeof(text) - 1};
	struct keyring_order order = {.name = "other", .alg = KEY_ALG_ES256, .passphrase = &secret};
	struct fault fault = {0};
	struct key key;
	struct stat st;

	ring_init(&r, 1);
	CHECK_INT(keyring_make(&r.org, &order, &key, &fault), 0);
	CHECK_INT(key.alg, KEY_ALG_ES256);
	CHECK_INT(fstatat(r.org.fd, "keys/other.pem", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	key_done(&key);
	CHECK_INT(keyring_make(&r.org, &order, &key, &fault), FAULT_KEY);
	CHECK(strstr(fault.text, "there already"));
}

struct found {
	char paths[8][KEYRING_PATH_BYTES];
	size_t n;
};

static int note(void *userdata, const char *path)
{
	struct found *found = userdata;

	snprintf(found->paths[found->n++], KEYRING_PATH_BYTES, "%s", path);
	return 0;
}

static void test_old(void)
{
	_ring_ struct ring r;
	struct keyset draft = {.n_keys = 1};
	struct found found = {.n = 0};
	char next[KEYRING_PATH_BYTES];

	ring_init(&r, 1);
	signer_ed25519(2, &draft.keys[0].key);
	snprintf(draft.keys[0].name, sizeof(draft.keys[0].name), "admin");
	keyring_next_path("admin", draft.keys[0].key.kid, next);
	put(&r, "keys/admin.pem", "");
	put(&r, "keys/admin.old-3.pem", "");
	put(&r, "keys/administrator.pem", "");
	put(&r, next, "");
	keyring_each_old(&r.org, &draft, "admin", note, &found);
	CHECK_INT(found.n, 1);
	CHECK_STR(found.paths[0], "keys/admin.old-3.pem");
	/* Without the draft nobody needs the new one any more, and never the one in force. */
	found.n = 0;
	keyring_each_old(&r.org, NULL, "admin", note, &found);
	CHECK_INT(found.n, 2);
	for (size_t i = 0; i < found.n; i++)
		CHECK(strcmp(found.paths[i], "keys/admin.pem") != 0);
	found.n = 0;
	keyring_each_old(&r.org, NULL, NULL, note, &found);
	CHECK_INT(found.n, 3);
	key_done(&draft.keys[0].key);
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"settle", test_settle},
	{"settle_overwrites_nothing", test_settle_overwrites_nothing},
	{"whose_file", test_whose_file},
	{"make", test_make},
	{"old", test_old},
};
CHECK_MAIN(tests)
