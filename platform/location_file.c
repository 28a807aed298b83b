/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_file.c - where a device that does not move is, as its administrator wrote it down in
 * /etc/geolocation. Believed only if nobody but root can have written it. Reads only. Enforcer
 * only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/location_private.h"
#include "policies/geolocation.h"

#define GEOLOCATION_PATH "etc/geolocation"

/* 0; -ENOENT: there is none; other errors: there is one, and it does not count. */
static int file_read(const struct location *l, struct fix *ret_fix)
{
	_cleanup_close_ int fd =
		fs_open_in_root(l->platform->sysroot_fd, GEOLOCATION_PATH, O_RDONLY | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	r = fs_read_fd(fd, LIMIT_GEOLOCATION_BYTES, &text, &n);
	return r < 0 ? r : geolocation_parse(text, n, ret_fix);
}

static void file_look(struct location *l, struct location_source_fact *ret_fact)
{
	struct fix fix;
	int r = file_read(l, &fix);

	ret_fact->present = r == 0;
	if (r == -EPERM)
		text_printf(ret_fact->detail,
			"/" GEOLOCATION_PATH " does not count: others than root can write it");
	else if (r == -EBADMSG)
		text_printf(ret_fact->detail,
			"/" GEOLOCATION_PATH " is not four numbers: latitude, longitude, "
			"altitude, accuracy");
	else if (r == -ENOENT || r == -ENOTDIR)
		text_printf(ret_fact->detail, "there is no /" GEOLOCATION_PATH);
	else if (r < 0)
		text_printf(
			ret_fact->detail, "cannot read /" GEOLOCATION_PATH ": %s", strerror(-r));
	else
		text_printf(ret_fact->detail, "no other source is asked");
}

static bool file_is_wanted(const struct location *l)
{
	return location_is_looking(l);
}

static void file_start(struct location *l)
{
	struct fix fix;

	l->has_file = file_read(l, &fix) == 0;
	if (!l->has_file)
		return;
	fix.taken_us = clock_boottime_us();
	location_see(l, LOCATION_FILE, &fix);
}

static void file_stop(struct location *l)
{
	l->has_file = false;
}

const struct location_source_row location_file_row = {
	.name = "file",
	.title = "/" GEOLOCATION_PATH,
	.look = file_look,
	.is_wanted = file_is_wanted,
	.start = file_start,
	.stop = file_stop,
};
