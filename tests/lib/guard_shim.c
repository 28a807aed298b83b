/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_shim.c - a preloaded library that makes mdm-agent-guard hang: looking at a file of
 * GUARD_SHIM_HANG bytes never ends. It stands in for a fault in the program; who ends it is the
 * kernel and the keeper themselves. GUARD_SHIM_ERRORS="5,22": every other time that events are read
 * the kernel says one of these in turn, as for a file that it cannot open. GUARD_SHIM_ROUNDS=file
 * gets a byte each time that the list of mounts is opened. GUARD_SHIM_READS="60001:700": reading
 * from a file of so many bytes takes so many milliseconds each time; -1: for ever.
 * GUARD_SHIM_ABSENT=init or mark: a kernel without fanotify, or one that does not ask.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fstat(int fd, struct stat *ret_st)
{
	int (*real)(int, struct stat *) = (int (*)(int, struct stat *))dlsym(RTLD_NEXT, "fstat");
	const char *size = getenv("GUARD_SHIM_HANG");
	int r = real(fd, ret_st);

	if (r == 0 && size && S_ISREG(ret_st->st_mode) && ret_st->st_size == atol(size))
		for (;;)
			;
	return r;
}

static void dawdle(int fd)
{
	int (*real)(int, struct stat *) = (int (*)(int, struct stat *))dlsym(RTLD_NEXT, "fstat");
	const char *how = getenv("GUARD_SHIM_READS");
	char *ms;
	struct stat st;

	/* Not nanosleep(2), which the filter does not let through. */
	if (how && real(fd, &st) == 0 && st.st_size == strtol(how, &ms, 10))
		(void)poll(NULL, 0, (int)strtol(ms + 1, NULL, 10));
}

ssize_t pread(int fd, void *ret_data, size_t n_bytes, off_t at)
{
	ssize_t (*real)(int, void *, size_t, off_t) =
		(ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");

	dawdle(fd);
	return real(fd, ret_data, n_bytes, at);
}

static void note(const char *path)
{
	const char *rounds = getenv("GUARD_SHIM_ROUNDS");
	int fd = -1;

	if (rounds && strcmp(path, "/proc/self/mountinfo") == 0)
		fd = (int)syscall(SYS_openat, AT_FDCWD, rounds, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, ".", 1);
		close(fd);
	}
}

static int open_really(const char *name, const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);

	note(path);
	return real(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	return open_really("open", path, flags, mode);
}

/* What glibc makes of open(2) where files may be large, or where it checks. */
#ifdef __GLIBC__
ssize_t pread64(int fd, void *ret_data, size_t n_bytes, off64_t at)
{
	return pread(fd, ret_data, n_bytes, at);
}
ssize_t __pread_chk(int fd, void *ret_data, size_t n_bytes, off_t at, size_t size);
ssize_t __pread_chk(int fd, void *ret_data, size_t n_bytes, off_t at, size_t size)
{
	(void)size;
	return pread(fd, ret_data, n_bytes, at);
}
ssize_t __pread64_chk(int fd, void *ret_data, size_t n_bytes, off_t at, size_t size);
ssize_t __pread64_chk(int fd, void *ret_data, size_t n_bytes, off_t at, size_t size)
{
	(void)size;
	return pread(fd, ret_data, n_bytes, at);
}
int open64(const char *path, int flags, ...);
int open64(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	return open_really("open64", path, flags, mode);
}
int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	return open_really("open64", path, flags, 0);
}
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open_really("open", path, flags, 0);
}
#endif

int fanotify_init(unsigned int flags, unsigned int event_flags)
{
	int (*real)(unsigned int, unsigned int) =
		(int (*)(unsigned int, unsigned int))dlsym(RTLD_NEXT, "fanotify_init");
	const char *absent = getenv("GUARD_SHIM_ABSENT");

	if (absent && strcmp(absent, "init") == 0) {
		errno = ENOSYS;
		return -1;
	}
	return real(flags, event_flags);
}

int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int dir_fd, const char *path)
{
	int (*real)(int, unsigned int, uint64_t, int, const char *) = (int (*)(
		int, unsigned int, uint64_t, int, const char *))dlsym(RTLD_NEXT, "fanotify_mark");
	const char *absent = getenv("GUARD_SHIM_ABSENT");

	if (absent && strcmp(absent, "mark") == 0) {
		errno = EINVAL;
		return -1;
	}
	return real(fd, flags, mask, dir_fd, path);
}

ssize_t read(int fd, void *ret_data, size_t n_bytes)
{
	ssize_t (*real)(int, void *, size_t) =
		(ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	const char *errors = getenv("GUARD_SHIM_ERRORS");
	static unsigned int n;
	static const char *at;

	/* Nobody else reads that much of them. */
	if (errors && n_bytes == 32 * sizeof(struct fanotify_event_metadata) && n++ % 2 == 0) {
		at = at && *at ? at : errors;
		errno = (int)strtol(at, (char **)&at, 10);
		at += *at == ',';
		return -1;
	}
	return real(fd, ret_data, n_bytes);
}
