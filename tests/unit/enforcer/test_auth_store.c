/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_auth_store.c - the two slots of counts, and the text of what is remembered of passwords:
 * power cuts at every byte, damage, limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/auth_passwords.h"
#include "agent/enforcer/auth_store.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static char place[] = "/tmp/auth-store-XXXXXX";

static int open_place(void)
{
	static bool made;

	if (!made && !mkdtemp(place))
		abort();
	made = true;
	return open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct attempts counts_of(uint32_t n)
{
	return (struct attempts){
		.rows = {{.user = "owner", .n_failed = n, .failed_at_us = 7 * n}},
		.n_rows = n > 0,
		.n_codes = n / 2,
	};
}

static void test_round_trip(void)
{
	_cleanup_close_ int dir_fd = open_place();
	struct auth_store store;
	struct attempts read;

	(void)fs_remove(dir_fd, AUTH_STORE_FILE);
	CHECK_INT(auth_store_open(dir_fd, false, &store, &read), -ENOENT);
	CHECK_INT(store.fd, -1);
	CHECK_INT(auth_store_write(&store, &read), -EBADF);
	CHECK_INT(auth_store_open(dir_fd, true, &store, &read), 0);
	CHECK_INT(read.n_rows, 0);
	for (uint32_t n = 1; n < 6; n++) {
		struct attempts wrote = counts_of(n);

		/* One under way may be one of which nobody will say how it ended. */
		wrote.rows[0].pending = n == 2;
		wrote.rows[0].unjudged = n == 3;
		CHECK_INT(auth_store_write(&store, &wrote), 0);
		auth_store_done(&store);
		CHECK_INT(auth_store_open(dir_fd, false, &store, &read), 0);
		CHECK_INT(read.rows[0].n_failed, n);
		CHECK_INT(read.rows[0].failed_at_us, 7 * n);
		CHECK_INT(read.rows[0].unjudged, n == 2 || n == 3);
		CHECK(!read.rows[0].pending);
		CHECK_INT(read.n_codes, n / 2);
	}
	auth_store_done(&store);
}

/* A power cut after each byte of a write: the count of before, or that of now; never less. */
static void test_power_cuts(void)
{
	_cleanup_close_ int dir_fd = open_place();
	uint8_t before[2 * AUTH_STORE_SLOT_BYTES], after[2 * AUTH_STORE_SLOT_BYTES];
	struct attempts counts, read;
	struct auth_store store;

	(void)fs_remove(dir_fd, AUTH_STORE_FILE);
	CHECK_INT(auth_store_open(dir_fd, true, &store, &read), 0);
	for (uint32_t n = 1; n < 4; n++) {
		counts = counts_of(n);
		CHECK_INT(pread(store.fd, before, sizeof(before), 0), sizeof(before));
		CHECK_INT(auth_store_write(&store, &counts), 0);
		CHECK_INT(pread(store.fd, after, sizeof(after), 0), sizeof(after));
		for (size_t cut = 0; cut <= sizeof(after); cut += cut % 512 < 100 ? 1 : 37) {
			struct auth_store again;

			CHECK_INT(pwrite(store.fd, after, cut, 0), cut);
			CHECK_INT(pwrite(store.fd, before + cut, sizeof(before) - cut, (off_t)cut),
				sizeof(before) - cut);
			CHECK_INT(auth_store_open(dir_fd, false, &again, &read), 0);
			CHECK((read.n_rows ? read.rows[0].n_failed : 0) + 1 >= n);
			auth_store_done(&again);
		}
		CHECK_INT(pwrite(store.fd, after, sizeof(after), 0), sizeof(after));
	}
	auth_store_done(&store);
}

static void test_damage(void)
{
	_cleanup_close_ int dir_fd = open_place();
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	static const uint8_t rubbish[3 * AUTH_STORE_SLOT_BYTES] = {1, 2, 3};
	struct attempts read, counts = counts_of(4);
	struct auth_store store;

	for (size_t n = 0; n <= sizeof(rubbish); n += 1000) {
		CHECK_INT(fs_replace(dir_fd, AUTH_STORE_FILE, rubbish, n, &owner), 0);
		CHECK_INT(auth_store_open(dir_fd, false, &store, &read), -EBADMSG);
		CHECK_INT(read.n_rows, 0);
		CHECK_INT(auth_store_write(&store, &counts), 0);
		auth_store_done(&store);
		CHECK_INT(auth_store_open(dir_fd, false, &store, &read), 0);
		CHECK_INT(read.rows[0].n_failed, 4);
		auth_store_done(&store);
	}
	CHECK_INT(unlinkat(dir_fd, AUTH_STORE_FILE, 0), 0);
	CHECK_INT(symlinkat("elsewhere", dir_fd, AUTH_STORE_FILE), 0);
	CHECK_INT(auth_store_open(dir_fd, false, &store, &read), -EBADMSG);
	CHECK(!check_exists(dir_fd, "elsewhere"));
	auth_store_done(&store);
}

/* A good digest over what cannot be is no slot either. */
static void test_slots(void)
{
	uint8_t bytes[AUTH_STORE_SLOT_BYTES], bad[AUTH_STORE_SLOT_BYTES];
	struct attempts read, counts = counts_of(2);
	uint64_t generation;
	static const struct {
		size_t offset;
		uint8_t value;
	} rows[] = {
		{0, 0}, {36, 17}, {36, 2}, {47, 0x80}, {48, 0}, {48, 0x1b}, {88, 0}, {103, 0x80}};

	CHECK_INT(auth_slot_encode(9, &counts, bytes), 0);
	CHECK_INT(auth_slot_decode(bytes, &generation, &read), 0);
	CHECK_INT(generation, 9);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memcpy(bad, bytes, sizeof(bad));
		bad[rows[i].offset] = rows[i].value;
		CHECK_INT(sha256(bad, sizeof(bad) - SHA256_BYTES, bad + sizeof(bad) - SHA256_BYTES),
			0);
		if (auth_slot_decode(bad, &generation, &read) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "row %zu was taken", i);
	}
}

static void test_history(void)
{
	struct auth_passwords p = {0};
	const struct auth_password *row;

	CHECK_INT(auth_passwords_see(&p, "owner", "$6$a", 2), AUTH_PASSWORD_KEPT);
	CHECK_INT(auth_passwords_see(&p, "owner", "$6$a", 2), 0);
	p.rows[0].judged = p.rows[0].temporary = true;
	CHECK_INT(auth_passwords_see(&p, "owner", "$6$b", 2), AUTH_PASSWORD_CHANGED);
	row = auth_passwords_find(&p, "owner");
	CHECK(row && !row->judged && !row->temporary);
	CHECK_INT(row->n_history, 1);
	CHECK_STR(row->history[0], "$6$a");
	CHECK_INT(auth_passwords_see(&p, "owner", "$6$c", 2), AUTH_PASSWORD_CHANGED);
	CHECK_INT(auth_passwords_see(&p, "owner", "$6$d", 2), AUTH_PASSWORD_CHANGED);
	CHECK_INT(row->n_history, 2);
	CHECK_STR(row->history[0], "$6$c");
	CHECK_STR(row->history[1], "$6$b");
	/* Fewer are wanted: fewer are kept; none: not even the hash in use. */
	CHECK_INT(auth_passwords_see(&p, "owner", "$6$d", 1), AUTH_PASSWORD_KEPT);
	CHECK_INT(row->n_history, 1);
	CHECK_INT(auth_passwords_see(&p, "owner", "$6$d", 0), AUTH_PASSWORD_KEPT);
	CHECK(row->n_history == 0 && !row->hash);
	CHECK_INT(auth_passwords_see(&p, "owner", "$6$e", 0), AUTH_PASSWORD_CHANGED);
	CHECK_INT(row->n_history, 0);
	auth_passwords_done(&p);
}

static void test_text(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
	struct auth_passwords p = {0}, read;
	char hash[LIMIT_HASH_BYTES + 1];

	memset(hash, 'x', sizeof(hash));
	hash[LIMIT_HASH_BYTES] = 0;
	for (int i = 0; i < 30; i++) {
		hash[0] = (char)('a' + i % 26);
		hash[1] = (char)('a' + i / 26);
		CHECK(auth_passwords_see(&p, "some one", hash, 24) > 0);
	}
	CHECK(auth_passwords_see(&p, "other", "$y$", 0) > 0);
	p.rows[0].judged = p.rows[1].temporary = true;
	p.rows[0].broken = 0x83;
	CHECK_INT(auth_passwords_write(&p, &text), 0);
	CHECK_INT(auth_passwords_parse(text.data, text.n_bytes, &read), 0);
	CHECK_INT(read.n_rows, 2);
	CHECK_STR(read.rows[0].user, "some one");
	CHECK(read.rows[0].judged && read.rows[0].broken == 0x83);
	CHECK_INT(read.rows[0].n_history, 24);
	CHECK(read.rows[1].temporary && !read.rows[1].hash);
	CHECK_INT(auth_passwords_write(&read, &again), 0);
	CHECK_INT(again.n_bytes, text.n_bytes);
	CHECK(memcmp(again.data, text.data, text.n_bytes) == 0);
	auth_passwords_done(&read);
	for (size_t i = 0; i < text.n_bytes; i += 11) {
		text.data[i] ^= 1;
		CHECK_INT(auth_passwords_parse(text.data, text.n_bytes, &read), -EBADMSG);
		text.data[i] ^= 1;
	}
	auth_passwords_done(&p);
}

static void test_bad_lines(void)
{
#define FIELD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	static const char *const bad[] = {
		"hash x\n",
		"account owner\n",
		"account " FIELD " \n",
		"account " FIELD "\n",
		"account 00 owner\n",
		"account " FIELD " 123456789012345678901234567890123\n",
		"account " FIELD " a\naccount " FIELD " a\n",
		"account " FIELD " a\nhash x\nhash x\n",
		"account " FIELD " a\nverdict " FIELD "\n",
		"account " FIELD " a\nverdict " FIELD " -1\n",
		"account " FIELD " a\nverdict " FIELD " 4294967296\n",
		"account " FIELD " a\ntemporary yes\n",
		"account " FIELD " a\nhistory \n",
		"account " FIELD " a\nother x\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct auth_passwords read;

		buf_puts(&text, "mdm-agent-passwords 1\n");
		buf_puts(&text, bad[i]);
		CHECK_INT(state_text_close(&text), 0);
		if (auth_passwords_parse(text.data, text.n_bytes, &read) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
	}
}

static const struct check_test tests[] = {
	{"round trip", test_round_trip},
	{"power cuts", test_power_cuts},
	{"damage", test_damage},
	{"slots", test_slots},
	{"history", test_history},
	{"text", test_text},
	{"bad lines", test_bad_lines},
};

int main(int argc, char **argv)
{
	int status = check_main(argc, argv, tests, ARRAY_SIZE(tests));
	int dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)fs_remove_tree(dir_fd, place + 5);
	return status;
}
