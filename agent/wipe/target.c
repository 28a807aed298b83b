/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - see target.h. */
#include "agent/wipe/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"
#include "agent/wipe/sysfs.h"

#define DEVICES_MAX 256
#define JSON_BYTES_MAX (4 * 1024 * 1024)

const char *const wipe_verdict_names[WIPE_VERDICT_MAX] = {
	[WIPE_VERDICT_READY] = "ready",
	[WIPE_VERDICT_MISMATCH] = "mismatch",
	[WIPE_VERDICT_FOREIGN] = "foreign",
	[WIPE_VERDICT_FAILED] = "failed",
};

static void say(struct wipe_target *t, enum wipe_verdict verdict, const char *format, ...)
	_printf_(3, 4);
static void say(struct wipe_target *t, enum wipe_verdict verdict, const char *format, ...)
{
	va_list args;

	t->verdict = verdict;
	va_start(args, format);
	vsnprintf(t->detail, sizeof(t->detail), format, args);
	va_end(args);
}

static int read_at(int fd, void *data, size_t n_bytes, uint64_t at)
{
	for (size_t n = 0; n < n_bytes;) {
		ssize_t got = pread(fd, (char *)data + n, n_bytes - n, (off_t)(at + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
		n += (size_t)got;
	}
	return 0;
}

static void uuid_format(const uint8_t bytes[16], char ret_text[WIPE_UUID_BYTES + 1])
{
	char digits[33];

	hex_encode(bytes, 16, digits);
	snprintf(ret_text, WIPE_UUID_BYTES + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8,
		digits + 12, digits + 16, digits + 20);
}

int filesystem_uuid_read(const uint8_t head[FILESYSTEM_HEAD_BYTES],
	char ret_uuid[WIPE_UUID_BYTES + 1], uint64_t *ret_at)
{
	const uint8_t *ext = head + 1024, *btrfs = head + 65536;

	if (le_get(ext + 56, 2) == 0xef53) {
		uuid_format(ext + 104, ret_uuid);
		*ret_at = 0;
	} else if (le_get(ext, 4) == 0xf2f52010) {
		uuid_format(ext + 108, ret_uuid);
		*ret_at = 0;
	} else if (memcmp(btrfs + 64, "_BHRfS_M", 8) == 0) {
		uuid_format(btrfs + 32, ret_uuid);
		*ret_at = 65536;
	} else {
		return -ENODATA;
	}
	return 0;
}

/* --- LUKS ----------------------------------------------------------------------------------- */

/* The header that has the UUID of the plan: the first, or where that is broken the second. */
static int read_header(int fd, const char *uuid, struct wipe_header *ret_header)
{
	uint8_t block[WIPE_BLOCK_BYTES];
	int r = read_at(fd, block, sizeof(block), 0);

	if (r < 0)
		return r;
	if (wipe_header_read(block, false, 0, ret_header) == 0)
		return strcmp(ret_header->uuid, uuid) == 0 ? 0 : -ENODATA;
	for (size_t i = 0; i < WIPE_HEADER_SIZES; i++)
		if (read_at(fd, block, sizeof(block), wipe_header_sizes[i]) == 0 &&
			wipe_header_read(block, true, wipe_header_sizes[i], ret_header) == 0 &&
			strcmp(ret_header->uuid, uuid) == 0)
			return 0;
	return -ENODATA;
}

/* How far the keys reach; the JSON of either header tells. Without one the usual area stays. */
static void read_area(int fd, struct wipe_header *header)
{
	size_t n_bytes = (size_t)header->header_bytes - WIPE_BLOCK_BYTES;
	_cleanup_free_ char *json = NULL;

	if (header->version != 2 || n_bytes > JSON_BYTES_MAX)
		return;
	json = malloc(n_bytes);
	if (!json)
		return;
	for (unsigned int i = 0; i < 2; i++)
		if (read_at(fd, json, n_bytes, WIPE_BLOCK_BYTES + i * header->header_bytes) == 0 &&
			wipe_header_add_json(header, json, n_bytes) == 0)
			return;
}

/* --- finding -------------------------------------------------------------------------------- */

/* Whether what is open there is what the plan means. 0, -ENODATA: something else, -errno. */
static int recognise(struct wipe_target *t, int fd)
{
	const struct wipe_device *device = t->device;
	_cleanup_free_ uint8_t *head = NULL;
	char uuid[WIPE_UUID_BYTES + 1];
	uint64_t size = 0;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, &size) < 0)
			return -errno;
	} else {
		size = (uint64_t)st.st_size;
	}
	t->is_block = S_ISBLK(st.st_mode);
	t->size_bytes = size;
	t->mark_at = 0;
	if (device->kind == WIPE_KIND_LUKS) {
		r = read_header(fd, device->uuid, &t->header);
		if (r < 0)
			return r;
		read_area(fd, &t->header);
		if (t->header.area_bytes > size)
			t->header.area_bytes = size;
		return 0;
	}
	if (size != device->size_bytes)
		return -ENODATA;
	if (!device->uuid[0])
		return 0;
	head = malloc(FILESYSTEM_HEAD_BYTES);
	if (!head)
		return -ENOMEM;
	r = read_at(fd, head, FILESYSTEM_HEAD_BYTES, 0);
	if (r < 0)
		return r;
	r = filesystem_uuid_read(head, uuid, &t->mark_at);
	return r < 0 || strcmp(uuid, device->uuid) != 0 ? -ENODATA : 0;
}

/* Looks through all devices for the one that says it is it. -ENODATA: there is none. */
static int search_all(
	struct wipe_target *t, const struct wipe_search *s, struct sysfs_number *ret_number)
{
	struct sysfs_number numbers[DEVICES_MAX];
	int n = sysfs_list_devices(s->root_fd, numbers, DEVICES_MAX);

	for (int i = 0; i < n; i++) {
		_cleanup_close_ int fd = -1;

		if (sysfs_foreign(s->root_fd, numbers[i].major, numbers[i].minor, s->test))
			continue;
		fd = sysfs_open_device(s->root_fd, numbers[i].major, numbers[i].minor, O_RDONLY);
		if (fd >= 0 && recognise(t, fd) == 0) {
			*ret_number = numbers[i];
			return 0;
		}
	}
	return -ENODATA;
}

/* The device of the plan's number, else the one that moved. The descriptor for reading, or -errno.
 */
static int find(struct wipe_target *t, const struct wipe_search *s, struct sysfs_number *ret_number)
{
	const struct wipe_device *device = t->device;
	_cleanup_close_ int fd = -1;
	const char *reason;
	int r;

	*ret_number = (struct sysfs_number){device->major, device->minor};
	if (device->major == 0 && device->minor == 0) {
		if (!s->test) {
			say(t, WIPE_VERDICT_FOREIGN, "a file, and the plan is no test");
			return -EPERM;
		}
		fd = fs_open_nofollow(s->root_fd, device->path, O_RDONLY, 0);
		r = fd < 0 ? fd : recognise(t, fd);
		if (r == 0 && t->is_block)
			r = -ENOTBLK;
		return r < 0 ? r : TAKE_FD(fd);
	}
	reason = sysfs_foreign(s->root_fd, device->major, device->minor, s->test);
	if (!reason) {
		fd = sysfs_open_device(s->root_fd, device->major, device->minor, O_RDONLY);
		r = fd < 0 ? fd : recognise(t, fd);
		if (r == 0)
			return TAKE_FD(fd);
	} else if (!s->may_move) {
		say(t, WIPE_VERDICT_FOREIGN, "%s", reason);
		return -EPERM;
	} else {
		r = -ENODATA;
	}
	/* What is known by its number alone could be anything now. */
	if (!s->may_move || !device->uuid[0] || search_all(t, s, ret_number) < 0)
		return r;
	closep(&fd);
	fd = sysfs_open_device(s->root_fd, ret_number->major, ret_number->minor, O_RDONLY);
	return fd < 0 ? fd : TAKE_FD(fd);
}

/* --- opening -------------------------------------------------------------------------------- */

/* Writing goes past the cache where the file system knows how; everybody else writes through. */
static int open_for_writing(struct wipe_target *t, int reading_fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", reading_fd);
	t->fd = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
	t->is_direct = t->fd >= 0;
	if (t->fd < 0 && errno == EINVAL)
		t->fd = open(path, O_RDWR | O_CLOEXEC | O_SYNC);
	return t->fd < 0 ? -errno : 0;
}

static uint64_t make_seed(void)
{
	uint64_t seed;

	/* Early in a boot the pool may be empty; what is written has to be no secret. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		return seed;
	return (uint64_t)clock_boottime_us() * UINT64_C(0x9e3779b97f4a7c15);
}

static void describe(struct wipe_target *t)
{
	if (t->device->kind == WIPE_KIND_LUKS)
		say(t, WIPE_VERDICT_READY, "LUKS%u, %" PRIu64 " bytes of headers and key slots",
			t->header.version, t->header.area_bytes);
	else if (!t->device->uuid[0])
		say(t, WIPE_VERDICT_READY,
			"data as they are: flash may keep old copies; a wipe that is cut off is not "
			"resumed");
	else
		say(t, WIPE_VERDICT_READY, "data as they are: flash may keep old copies");
}

/* Nothing of that name, or something else. */
static bool is_absence(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

static void open_files(struct wipe_target *t, int root_fd)
{
	const struct wipe_device *device = t->device;
	struct stat st;

	t->fd = fs_open_nofollow(root_fd, device->path, O_RDONLY | O_DIRECTORY, 0);
	if (is_absence(t->fd))
		say(t, WIPE_VERDICT_MISMATCH, "no such directory");
	else if (t->fd < 0)
		say(t, WIPE_VERDICT_FAILED, "cannot be opened: %s", strerror(-t->fd));
	else if (fstat(t->fd, &st) < 0 || st.st_ino != device->inode)
		say(t, WIPE_VERDICT_MISMATCH, "another directory is there");
	else
		say(t, WIPE_VERDICT_READY,
			"files without encryption: flash may keep old copies of them");
}

/* Without writing: by what the kernel says of it. */
static int look_whether_writable(struct wipe_target *t, int fd)
{
	int is_read_only = 0;

	if (t->is_block && ioctl(fd, BLKROGET, &is_read_only) < 0)
		return -errno;
	return is_read_only ? -EROFS : 0;
}

static void open_block(struct wipe_target *t, const struct wipe_search *search)
{
	struct sysfs_number number;
	_cleanup_close_ int fd = find(t, search, &number);
	int r;

	if (fd < 0) {
		if (t->verdict == WIPE_VERDICT_FOREIGN)
			return;
		if (fd == -ENODATA || is_absence(fd))
			say(t, WIPE_VERDICT_MISMATCH, "not what the plan means");
		else
			say(t, WIPE_VERDICT_FAILED, "cannot be read: %s", strerror(-fd));
		return;
	}
	r = search->is_only_look ? look_whether_writable(t, fd) : open_for_writing(t, fd);
	if (r < 0) {
		say(t, WIPE_VERDICT_FAILED, "cannot be written: %s", strerror(-r));
		return;
	}
	if (!search->is_only_look) {
		t->seed = make_seed();
		r = posix_memalign((void **)&t->buffer, WIPE_BLOCK_BYTES, 2 * WIPE_CHUNK_BYTES);
		if (r != 0) {
			t->buffer = NULL;
			say(t, WIPE_VERDICT_FAILED, "there is no memory for it");
			return;
		}
		/* Every page of it is there before the first byte is destroyed. */
		memset(t->buffer, 0xa5, 2 * WIPE_CHUNK_BYTES);
	}
	describe(t);
}

void wipe_target_open(struct wipe_target *target, const struct wipe_device *device,
	const struct wipe_search *search)
{
	memset(target, 0, sizeof(*target));
	target->device = device;
	target->fd = -1;
	target->verdict = WIPE_VERDICT_FAILED;
	if (device->kind == WIPE_KIND_FILES)
		open_files(target, search->root_fd);
	else
		open_block(target, search);
}

void wipe_target_done(struct wipe_target *target)
{
	closep(&target->fd);
	free(target->buffer);
	target->fd = -1;
	target->buffer = NULL;
}
