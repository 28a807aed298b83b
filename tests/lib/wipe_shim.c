/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wipe_shim.c - a preloaded library that makes storage fail, for tests of mdm-agent-wipe. It stands
 * in for power cuts and broken devices; what is written is written by the real program.
 *
 *	WIPE_SHIM_KILL=N      the N-th operation that changes something is the last, half done
 *	WIPE_SHIM_FAIL=NAME   writing to a file of that name fails with EIO, at every other block
 *	WIPE_SHIM_HANG=NAME   writing to a file of that name, or syncing it, never ends
 *	WIPE_SHIM_SLOW=NAME   discarding parts of a file of that name never ends
 *	WIPE_SHIM_CRAWL=NAME  writing a part of a file of that name takes 20 ms
 *	WIPE_SHIM_KEEP=1      nothing can be discarded
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long count;

static bool is_last(void)
{
	const char *at = getenv("WIPE_SHIM_KILL");

	return at && atomic_fetch_add(&count, 1) + 1 == atol(at);
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	pause();
}

static bool is_file(int fd, const char *variable)
{
	const char *name = getenv(variable), *slash;
	char link[64], path[4096];
	ssize_t n;

	if (!name)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = 0;
	slash = strrchr(path, '/');
	return slash && strcmp(slash + 1, name) == 0;
}

static void hang_at(int fd)
{
	while (is_file(fd, "WIPE_SHIM_HANG"))
		pause();
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	hang_at(fd);
	if (is_file(fd, "WIPE_SHIM_CRAWL"))
		usleep(20000);
	if (is_file(fd, "WIPE_SHIM_FAIL") && (n > 4096 || at / 4096 % 2 == 1)) {
		errno = EIO;
		return -1;
	}
	if (is_last()) {
		/* Past the cache only whole sectors are written. */
		REAL(pwrite)(fd, data, n / 1024 * 512, at);
		die();
	}
	return REAL(pwrite)(fd, data, n, at);
}

ssize_t write(int fd, const void *data, size_t n)
{
	hang_at(fd);
	return REAL(write)(fd, data, n);
}

int fdatasync(int fd)
{
	hang_at(fd);
	if (is_last())
		die();
	return REAL(fdatasync)(fd);
}

int fsync(int fd)
{
	hang_at(fd);
	if (is_last())
		die();
	return REAL(fsync)(fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	if (is_last())
		die();
	return REAL(renameat)(from_fd, from, to_fd, to);
}

int unlinkat(int fd, const char *name, int flags)
{
	if (is_last())
		die();
	return REAL(unlinkat)(fd, name, flags);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
	while (is_file(fd, "WIPE_SHIM_SLOW"))
		pause();
	if (is_last())
		die();
	if (getenv("WIPE_SHIM_KEEP") || is_file(fd, "WIPE_SHIM_FAIL")) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return REAL(fallocate)(fd, mode, at, n);
}
