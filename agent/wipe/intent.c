/* SPDX-License-Identifier: Apache-2.0 */
/* intent.c - see intent.h. Enforcer and mdm-agent-wipe. */
#include "agent/wipe/intent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "agent/util/mem.h"

#define PROGRESS_BYTES_MAX (64 * 1024)

/* Whether something of a disk is mounted there that is not the root's own. */
static bool is_own_file_system(int root_fd, int fd)
{
	struct stat root, st;
	struct statfs fs;

	if (fstat(root_fd, &root) < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return false;
	return st.st_dev != root.st_dev && (unsigned long)fs.f_type != TMPFS_MAGIC &&
	       (unsigned long)fs.f_type != RAMFS_MAGIC;
}

static void add_place(struct wipe_places *places, int fd, bool is_boot)
{
	places->place[places->n++] = (struct wipe_place){fd, is_boot};
}

size_t wipe_places_open(int root_fd, const char *boot_path, struct wipe_places *ret_places)
{
	static const char *const boots[] = {"boot", "boot/efi", "boot/firmware", "efi"};
	int fd;

	ret_places->n = 0;
	if (boot_path) {
		fd = fs_open_in_root(root_fd, boot_path, O_DIRECTORY);
		if (fd >= 0)
			add_place(ret_places, fd, true);
		return ret_places->n;
	}
	fd = fs_open_in_root(root_fd, MDM_STATE_DIR, O_DIRECTORY);
	if (fd >= 0)
		add_place(ret_places, fd, false);
	for (size_t i = 0; i < ARRAY_SIZE(boots); i++) {
		fd = fs_open_in_root(root_fd, boots[i], O_DIRECTORY);
		if (fd < 0)
			continue;
		if (is_own_file_system(root_fd, fd))
			add_place(ret_places, fd, true);
		else
			close(fd);
	}
	return ret_places->n;
}

void wipe_places_done(struct wipe_places *places)
{
	for (size_t i = 0; i < places->n; i++)
		close(places->place[i].fd);
	places->n = 0;
}

static const char *plan_name(const struct wipe_place *place)
{
	return place->is_boot ? WIPE_BOOT_PLAN : WIPE_STATE_PLAN;
}

/* Not fs_replace(): vfat, which boot partitions are made of, refuses every fchmod(2). */
static int write_plan(const struct wipe_place *place, const char *text, size_t n_bytes)
{
	static const char temporary[] = "mdm-agent-wipe.new";
	_cleanup_close_ int fd = openat(
		place->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, text, n_bytes);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(place->fd, temporary, place->fd, plan_name(place)) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(place->fd, temporary, 0);
		return r;
	}
	return fsync(place->fd) < 0 ? -errno : 0;
}

int wipe_intent_write_places(const struct wipe_places *places, const struct wipe_plan *plan)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int result = -ENOENT;

	wipe_plan_write(plan, &text);
	if (text.error)
		return text.error;
	for (size_t i = 0; i < places->n; i++) {
		int r = write_plan(&places->place[i], text.data, text.n_bytes);

		/* The state directory is the first. */
		if (i == 0)
			result = r;
		if (r < 0 && !places->place[i].is_boot)
			return r;
	}
	return result;
}

int wipe_intent_write(int root_fd, const struct wipe_plan *plan)
{
	_cleanup_(wipe_places_done) struct wipe_places places;

	wipe_places_open(root_fd, NULL, &places);
	if (places.n == 0 || places.place[0].is_boot)
		return -ENOENT;
	return wipe_intent_write_places(&places, plan);
}

int wipe_intent_read(
	const struct wipe_places *places, struct wipe_plan *ret_plan, const char **ret_reason)
{
	int result = -ENOENT;

	for (size_t i = 0; i < places->n; i++) {
		_cleanup_free_ char *text = NULL;
		size_t n_bytes;
		int r = fs_read(places->place[i].fd, plan_name(&places->place[i]),
			LIMIT_WIPE_PLAN_BYTES, &text, &n_bytes);

		if (r == -EFBIG) {
			*ret_reason = "it is too long";
			r = -EBADMSG;
		}
		if (r == 0)
			r = wipe_plan_parse(text, n_bytes, ret_plan, ret_reason);
		if (r == 0)
			return 0;
		if (r != -ENOENT)
			result = r;
	}
	return result;
}

int wipe_intent_remove(const struct wipe_places *places)
{
	int result = 0;

	for (size_t i = 0; i < places->n; i++) {
		int r = fs_remove(places->place[i].fd, plan_name(&places->place[i]));

		result = result ? result : r;
	}
	return result;
}

int wipe_intent_read_progress(const struct wipe_place *place, char **ret_text)
{
	const char *name = place->is_boot ? WIPE_BOOT_PROGRESS : WIPE_STATE_PROGRESS;
	_cleanup_close_ int fd = fs_open_nofollow(place->fd, name, O_RDONLY | O_NONBLOCK, 0);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	text = malloc(PROGRESS_BYTES_MAX + 1);
	if (!text)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	n = pread(fd, text, PROGRESS_BYTES_MAX,
		st.st_size > PROGRESS_BYTES_MAX ? st.st_size - PROGRESS_BYTES_MAX : 0);
	if (n < 0)
		return -errno;
	text[n] = 0;
	*ret_text = TAKE_PTR(text);
	return 0;
}

bool wipe_intent_was_started(const struct wipe_places *places, const char *id)
{
	char line[LIMIT_NAME_BYTES + 16];

	snprintf(line, sizeof(line), " started %s\n", id);
	for (size_t i = 0; i < places->n; i++) {
		_cleanup_free_ char *text = NULL;

		if (wipe_intent_read_progress(&places->place[i], &text) == 0 && strstr(text, line))
			return true;
	}
	return false;
}
