/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_point.h - dying, or failing, at the k-th operation that changes a file.
 *
 * Included by exactly one file of a test program: its definitions of write(2), fsync(2), rename and
 * so on take the place of the C library's for all code that is linked statically. fsync() does not
 * reach the disk here; instead the model of a power cut undoes what was not synced: bytes behind
 * the last synced size of each file, and renames whose directory was not synced.
 */
#ifndef MDM_TESTS_CRASH_POINT_H
#define MDM_TESTS_CRASH_POINT_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum crash_mode {
	CRASH_NONE,
	CRASH_KILL,	   /* the process dies, the kernel goes on */
	CRASH_POWER_EARLY, /* power cut; unsynced renames are lost */
	CRASH_POWER_LATE,  /* power cut; unsynced renames were done, unsynced bytes were not */
	CRASH_FAIL,	   /* the operation fails with an error */
	CRASH_MODE_MAX,
};

/* How much of the write at the point is done: nothing, one byte, half, all but one, all. */
#define CRASH_PARTS 5

struct crash_plan {
	enum crash_mode mode;
	unsigned long at; /* 1: the first operation */
	unsigned int part;
	int error;		 /* of CRASH_FAIL */
	unsigned int n_failures; /* as many operations fail in a row */

	unsigned long count; /* operations so far */
};
static struct crash_plan crash_plan;

#define CRASH_FILES 64
static struct {
	dev_t dev;
	ino_t ino;
	int fd; /* a duplicate, to cut the file at the end */
	off_t synced;
} crash_files[CRASH_FILES];
static size_t crash_n_files;

static struct {
	int dir_fd;
	char name[256], backup[256];
	bool had_old, open;
} crash_renames[8];
static size_t crash_n_renames;

__attribute__((unused)) static void crash_begin(
	enum crash_mode mode, unsigned long at, unsigned int part)
{
	crash_plan = (struct crash_plan){.mode = mode, .at = at, .part = part};
}

static bool crash_is_power_cut(void)
{
	return crash_plan.mode == CRASH_POWER_EARLY || crash_plan.mode == CRASH_POWER_LATE;
}

static void crash_track(int fd)
{
	struct stat st;

	if (!crash_is_power_cut() || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	for (size_t i = 0; i < crash_n_files; i++)
		if (crash_files[i].dev == st.st_dev && crash_files[i].ino == st.st_ino)
			return;
	if (crash_n_files == CRASH_FILES)
		abort();
	crash_files[crash_n_files].dev = st.st_dev;
	crash_files[crash_n_files].ino = st.st_ino;
	crash_files[crash_n_files].fd = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	crash_files[crash_n_files].synced = st.st_size;
	crash_n_files++;
}

static void crash_synced(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	for (size_t i = 0; i < crash_n_files; i++)
		if (crash_files[i].dev == st.st_dev && crash_files[i].ino == st.st_ino)
			crash_files[i].synced = st.st_size;
	if (!S_ISDIR(st.st_mode))
		return;
	for (size_t i = 0; i < crash_n_renames; i++) {
		if (crash_renames[i].open && crash_renames[i].had_old)
			syscall(SYS_unlinkat, crash_renames[i].dir_fd, crash_renames[i].backup, 0);
		crash_renames[i].open = false;
	}
}

__attribute__((noreturn)) static void crash_die(void)
{
	struct stat st;

	if (crash_is_power_cut())
		for (size_t i = 0; i < crash_n_files; i++)
			if (fstat(crash_files[i].fd, &st) == 0 &&
				st.st_size > crash_files[i].synced)
				syscall(SYS_ftruncate, crash_files[i].fd, crash_files[i].synced);
	for (size_t i = crash_n_renames; i-- > 0;) {
		if (!crash_renames[i].open)
			continue;
		if (crash_plan.mode == CRASH_POWER_EARLY) {
			if (crash_renames[i].had_old)
				syscall(SYS_renameat2, crash_renames[i].dir_fd,
					crash_renames[i].backup, crash_renames[i].dir_fd,
					crash_renames[i].name, 0);
			else
				syscall(SYS_unlinkat, crash_renames[i].dir_fd,
					crash_renames[i].name, 0);
		} else if (crash_renames[i].had_old) {
			syscall(SYS_unlinkat, crash_renames[i].dir_fd, crash_renames[i].backup, 0);
		}
	}
	kill(getpid(), SIGKILL);
	_exit(99);
}

/* Whether this operation is the one. */
static bool crash_is_here(void)
{
	if (crash_plan.mode == CRASH_NONE)
		return false;
	crash_plan.count++;
	if (crash_plan.mode == CRASH_FAIL)
		return crash_plan.count >= crash_plan.at &&
		       crash_plan.count < crash_plan.at + crash_plan.n_failures;
	return crash_plan.count == crash_plan.at;
}

static size_t crash_part(size_t n)
{
	switch (crash_plan.part) {
	case 0:
		return 0;
	case 1:
		return n < 1 ? n : 1;
	case 2:
		return n / 2;
	case 3:
		return n ? n - 1 : 0;
	default:
		return n;
	}
}

static ssize_t crash_write(int fd, const void *data, size_t n, off_t offset)
{
	bool here;
	ssize_t done;

	crash_track(fd);
	here = crash_is_here();
	if (here)
		n = crash_part(n);
	done = n == 0	    ? 0
	       : offset < 0 ? syscall(SYS_write, fd, data, n)
			    : syscall(SYS_pwrite64, fd, data, n, offset);
	if (!here)
		return done;
	if (crash_plan.mode != CRASH_FAIL)
		crash_die();
	/* A short write first; the rest of it meets the error. */
	if (done > 0) {
		crash_plan.part = 0;
		crash_plan.n_failures++;
		return done;
	}
	errno = crash_plan.error;
	return -1;
}

ssize_t write(int fd, const void *data, size_t n)
{
	return crash_write(fd, data, n, -1);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
	return crash_write(fd, data, n, offset);
}

/* An operation that is done or not done. */
#define CRASH_OPERATION(call)                                                                      \
	do {                                                                                       \
		bool here_ = crash_is_here();                                                      \
		if (here_ && crash_plan.mode == CRASH_FAIL) {                                      \
			errno = crash_plan.error;                                                  \
			return -1;                                                                 \
		}                                                                                  \
		if (here_ && crash_plan.part < CRASH_PARTS - 1)                                    \
			crash_die();                                                               \
		int done_ = (int)(call);                                                           \
		if (here_)                                                                         \
			crash_die();                                                               \
		return done_;                                                                      \
	} while (0)

static int crash_sync(int fd)
{
	crash_synced(fd);
	return 0;
}

int fsync(int fd)
{
	CRASH_OPERATION(crash_sync(fd));
}

int fdatasync(int fd)
{
	CRASH_OPERATION(crash_sync(fd));
}

static int crash_truncate(int fd, off_t size)
{
	crash_track(fd);
	if (syscall(SYS_ftruncate, fd, size) < 0)
		return -1;
	for (size_t i = 0; i < crash_n_files; i++)
		if (crash_files[i].synced > size) {
			struct stat a, b;

			if (fstat(fd, &a) == 0 && fstat(crash_files[i].fd, &b) == 0 &&
				a.st_ino == b.st_ino && a.st_dev == b.st_dev)
				crash_files[i].synced = size;
		}
	return 0;
}

int ftruncate(int fd, off_t size)
{
	CRASH_OPERATION(crash_truncate(fd, size));
}

static int crash_rename(int from_fd, const char *from, int to_fd, const char *to)
{
	size_t i = crash_n_renames;

	if (crash_is_power_cut()) {
		for (i = 0; i < crash_n_renames && crash_renames[i].open; i++)
			;
		if (i == sizeof(crash_renames) / sizeof(crash_renames[0]))
			abort();
		if (i == crash_n_renames)
			crash_n_renames++;
		crash_renames[i].dir_fd = fcntl(to_fd, F_DUPFD_CLOEXEC, 100);
		snprintf(crash_renames[i].name, sizeof(crash_renames[i].name), "%s", to);
		snprintf(crash_renames[i].backup, sizeof(crash_renames[i].backup), ".crash-%zu", i);
		crash_renames[i].had_old =
			syscall(SYS_linkat, to_fd, to, to_fd, crash_renames[i].backup, 0) == 0;
		crash_renames[i].open = true;
	}
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	CRASH_OPERATION(crash_rename(from_fd, from, to_fd, to));
}

int unlinkat(int dir_fd, const char *name, int flags)
{
	CRASH_OPERATION(syscall(SYS_unlinkat, dir_fd, name, flags));
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	CRASH_OPERATION(syscall(SYS_linkat, from_fd, from, to_fd, to, flags));
}

int mkdirat(int dir_fd, const char *name, mode_t mode)
{
	CRASH_OPERATION(syscall(SYS_mkdirat, dir_fd, name, mode));
}

#endif
