/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/*
 * fuzz_accounts.c - passwd(5), shadow(5) and login.defs(5) from one input, cut at lines of "--":
 * what is read keeps its limits, and each account is there once.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/fs.h"
#include "platform/accounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root_path[] = "/tmp/mdm-fuzz-XXXXXX";

static void remove_root(void)
{
	(void)fs_remove_tree(AT_FDCWD, root_path);
}

/* One directory for all inputs of a process. */
static int open_root(void)
{
	static int fd = -1;

	if (fd >= 0)
		return fd;
	if (!mkdtemp(root_path))
		abort();
	atexit(remove_root);
	fd = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "etc", 0755) < 0 || mkdirat(fd, "bin", 0755) < 0)
		abort();
	close(openat(fd, "bin/sh", O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
	return fd;
}

static void write_part(int root_fd, const char *path, const uint8_t *data, size_t size)
{
	int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || fs_write_all(fd, data, size) < 0)
		abort();
	close(fd);
}

static void check_accounts(const struct accounts *accounts)
{
	if (accounts->n_accounts > LIMIT_ACCOUNTS)
		abort();
	for (size_t i = 0; i < accounts->n_accounts; i++) {
		const struct account *account = &accounts->accounts[i];

		if (!account->name[0] || strlen(account->name) > LIMIT_USER_BYTES ||
			accounts_find(accounts, account->name) != account ||
			(account->hash[0] != 0) != (account->password == ACCOUNT_HAS_PASSWORD))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"etc/passwd", "etc/shadow", "etc/login.defs"};
	int root_fd = open_root();
	struct accounts accounts;
	struct autologin autologin;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const uint8_t *cut =
			i + 1 < ARRAY_SIZE(paths) ? memmem(data, size, "\n--\n", 4) : NULL;
		size_t n = cut ? (size_t)(cut - data) + 1 : size;
		size_t n_cut = cut ? strlen("--\n") : 0;

		write_part(root_fd, paths[i], data, n);
		data += n + n_cut;
		size -= n + n_cut;
	}
	if (accounts_read(root_fd, &accounts) == 0) {
		check_accounts(&accounts);
		accounts_done(&accounts);
	}
	autologin_find(root_fd, &autologin);
	return 0;
}
