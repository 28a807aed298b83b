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
	[WIPE_VERDICT_DONE] = "done",
	[WIPE_VERDICT_GIVEN] = "given-up",
	[WIPE_VERDICT_LATER] = "later",
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

void wipe_random_fill(uint64_t seed, uint64_t at, size_t n_bytes, uint8_t *ret_bytes)
{
	for (size_t i = 0; i < n_bytes; i += 8) {
		uint64_t z = seed + (at + i) / 8 * UINT64_C(0x9e3779b97f4a7c15);
		size_t part = n_bytes - i < 8 ? n_bytes - i : 8;

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		z ^= z >> 31;
		memcpy(ret_bytes + i, &z, part);
	}
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

static int read_size(struct wipe_target *t, int fd, uint64_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_size = (uint64_t)st.st_size;
	t->is_block = S_ISBLK(st.st_mode);
	return t->is_block && ioctl(fd, BLKGETSIZE64, ret_size) < 0 ? -errno : 0;
}

/* Whether the wipe wrote there what is there. 0, -ENODATA: no, -errno. */
static int recall(struct wipe_target *t, int fd, const struct wipe_memory *memory)
{
	uint8_t found[512], written[512];
	const uint64_t spots[] = {memory->mark_at, memory->header.header_bytes,
		(memory->header.area_bytes - 1) / WIPE_BLOCK_BYTES * WIPE_BLOCK_BYTES};
	size_t n_spots = t->device->kind == WIPE_KIND_LUKS ? ARRAY_SIZE(spots) : 1;
	int r = read_size(t, fd, &t->size_bytes);

	if (r < 0 || t->size_bytes != memory->size_bytes)
		return r < 0 ? r : -ENODATA;
	for (size_t i = 0; i < n_spots; i++) {
		wipe_random_fill(memory->seed, spots[i], sizeof(written), written);
		if (read_at(fd, found, sizeof(found), spots[i]) < 0 ||
			memcmp(found, written, sizeof(found)) != 0)
			continue;
		t->header = memory->header;
		t->mark_at = memory->mark_at;
		return 0;
	}
	return -ENODATA;
}

/* Whether what is open there is what the plan means. 0, -ENODATA: something else, -errno. */
static int recognise(struct wipe_target *t, int fd)
{
	const struct wipe_device *device = t->device;
	_cleanup_free_ uint8_t *head = NULL;
	char uuid[WIPE_UUID_BYTES + 1];
	uint64_t size = 0;
	int r = read_size(t, fd, &size);

	if (r < 0)
		return r;
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

/* NULL: the phone's own, and where it has to be. */
static const char *look_whose(const struct wipe_search *s, struct sysfs_number number)
{
	const char *reason = sysfs_foreign_from(s->root_fd, s->home_fd, number, s->test);
	struct lower lower;

	if (reason || !s->only_on)
		return reason;
	lower_of_device(s->root_fd, number, &lower);
	return lower_meet(&lower, s->only_on) ? NULL : "not on the card that the plan is on";
}

static bool is_taken(const struct wipe_search *s, struct sysfs_number number)
{
	for (size_t i = 0; i < s->n_taken; i++)
		if (s->taken[i].major == number.major && s->taken[i].minor == number.minor)
			return true;
	return false;
}

/*
 * Looks through all devices of the phone's own for one that says it is it, or, with memory, that
 * has what the wipe wrote. The descriptor for reading; -ENODATA: there is none.
 */
static int search_all(
	struct wipe_target *t, const struct wipe_search *s, const struct wipe_memory *memory)
{
	struct sysfs_number numbers[DEVICES_MAX];
	int n = sysfs_list_devices(s->root_fd, numbers, DEVICES_MAX);

	for (int i = 0; i < n; i++) {
		_cleanup_close_ int fd = -1;

		if (is_taken(s, numbers[i]) || look_whose(s, numbers[i]))
			continue;
		fd = sysfs_open_device(s->root_fd, numbers[i].major, numbers[i].minor, O_RDONLY);
		if (fd >= 0 && (memory ? recall(t, fd, memory) : recognise(t, fd)) == 0) {
			t->number = numbers[i];
			return TAKE_FD(fd);
		}
	}
	return -ENODATA;
}

/* The device of the plan's number, else the one that moved. The descriptor for reading, or -errno.
 */
static int find(struct wipe_target *t, const struct wipe_search *s)
{
	const struct wipe_device *device = t->device;
	_cleanup_close_ int fd = -1;
	const char *reason;
	int r;

	t->number = (struct sysfs_number){device->major, device->minor};
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
	reason = look_whose(s, t->number);
	if (!reason) {
		fd = sysfs_open_device(s->root_fd, device->major, device->minor, O_RDONLY);
		r = fd < 0 ? fd : recognise(t, fd);
		if (r == 0)
			return TAKE_FD(fd);
	} else if (!s->may_move) {
		say(t, WIPE_VERDICT_FOREIGN, "%s", reason);
		return -EPERM;
	} else {
		t->foreign = reason;
		r = -ENODATA;
	}
	return s->may_move ? search_all(t, s, NULL) : r;
}

/* The device of that number, or the plan's file. */
static int open_place(
	struct wipe_target *t, const struct wipe_search *s, struct sysfs_number number)
{
	if (t->device->major == 0 && t->device->minor == 0)
		return s->test ? fs_open_nofollow(s->root_fd, t->device->path, O_RDONLY, 0)
			       : -EPERM;
	if (look_whose(s, number))
		return -ENODATA;
	return sysfs_open_device(s->root_fd, number.major, number.minor, O_RDONLY);
}

/* Whether it reads as if nothing had ever been written, where it was when the wipe began. */
static bool is_place_blank(
	struct wipe_target *t, const struct wipe_search *s, const struct wipe_memory *memory)
{
	_cleanup_close_ int fd = open_place(t, s, memory->number);
	uint8_t block[WIPE_BLOCK_BYTES];
	uint64_t size;

	if (fd < 0 || read_size(t, fd, &size) < 0 || size != memory->size_bytes ||
		read_at(fd, block, sizeof(block), memory->mark_at) < 0)
		return false;
	return (block[0] == 0 || block[0] == 0xff) &&
	       memcmp(block, block + 1, sizeof(block) - 1) == 0;
}

/* After a restart, what is not what the plan means any more. The descriptor, or a verdict. */
static int find_again(
	struct wipe_target *t, const struct wipe_search *s, const struct wipe_memory *memory)
{
	int fd = -ENODATA;

	if (memory->is_gone) {
		say(t, WIPE_VERDICT_DONE, "before the restart");
		return -ENODATA;
	}
	if (memory->is_found) {
		fd = open_place(t, s, memory->number);
		if (fd >= 0 && recall(t, fd, memory) == 0) {
			t->number = memory->number;
			return fd;
		}
		closep(&fd);
		fd = search_all(t, s, memory);
		if (fd >= 0)
			return fd;
		if (is_place_blank(t, s, memory)) {
			say(t, WIPE_VERDICT_DONE, "before the restart: its place is blank");
			return -ENODATA;
		}
	}
	say(t, WIPE_VERDICT_FAILED, "%s",
		t->foreign ? t->foreign : "not there (yet), or something else is in its place");
	return -ENODATA;
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

static void open_files(
	struct wipe_target *t, const struct wipe_search *search, const struct wipe_memory *memory)
{
	const struct wipe_device *device = t->device;
	struct stat st;

	/* Directories of that name are the initramfs's own. */
	if (search->is_early) {
		if (memory->is_gone)
			say(t, WIPE_VERDICT_DONE, "before the restart");
		else
			say(t, WIPE_VERDICT_LATER, "its file system is not mounted yet");
		return;
	}
	t->fd = fs_open_nofollow(search->root_fd, device->path, O_RDONLY | O_DIRECTORY, 0);
	if (search->may_move && memory->is_gone && t->fd < 0)
		say(t, WIPE_VERDICT_DONE, "before the restart");
	else if (is_absence(t->fd))
		say(t, search->may_move ? WIPE_VERDICT_FAILED : WIPE_VERDICT_MISMATCH,
			"no such directory");
	else if (t->fd < 0)
		say(t, WIPE_VERDICT_FAILED, "cannot be opened: %s", strerror(-t->fd));
	else if (fstat(t->fd, &st) < 0 || st.st_ino != device->inode)
		say(t, search->may_move ? WIPE_VERDICT_FAILED : WIPE_VERDICT_MISMATCH,
			"another directory is there");
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

/* What was found, for what it is found for. */
static void open_found(struct wipe_target *t, const struct wipe_search *search, int fd)
{
	int r = search->is_only_look ? look_whether_writable(t, fd) : open_for_writing(t, fd);

	if (r < 0) {
		say(t, WIPE_VERDICT_FAILED, "cannot be written: %s", strerror(-r));
		return;
	}
	if (!search->is_only_look) {
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

/* All was written over once, and not all of it could be: another time would do no more. */
static bool is_given_up(const struct wipe_device *device, const struct wipe_memory *memory)
{
	return device->kind == WIPE_KIND_PLAIN && memory->is_left && memory->is_found &&
	       memory->written_bytes >= memory->size_bytes;
}

static void open_block(
	struct wipe_target *t, const struct wipe_search *search, const struct wipe_memory *memory)
{
	_cleanup_close_ int fd = -1;

	/* What is known by its number and size alone could be anything now. */
	if (search->may_move && t->device->kind == WIPE_KIND_PLAIN && !t->device->uuid[0]) {
		if (memory->is_gone)
			say(t, WIPE_VERDICT_DONE, "before the restart");
		else
			say(t, WIPE_VERDICT_GIVEN, "cannot be recognised after a restart");
		return;
	}
	if (search->may_move && is_given_up(t->device, memory)) {
		say(t, WIPE_VERDICT_GIVEN, "not all of it could be written over");
		return;
	}
	t->written_bytes = search->may_move ? memory->written_bytes : 0;
	/* A wipe that is cut off twice is recognised by the bytes of the first time. */
	t->seed = search->may_move && memory->is_found ? memory->seed : make_seed();
	fd = find(t, search);
	if (fd < 0 && search->may_move && t->verdict != WIPE_VERDICT_FOREIGN) {
		fd = find_again(t, search, memory);
		if (fd < 0)
			return;
	}
	if (fd >= 0)
		open_found(t, search, fd);
	else if (fd == -ENODATA || is_absence(fd))
		say(t, WIPE_VERDICT_MISMATCH, "not what the plan means");
	else if (t->verdict != WIPE_VERDICT_FOREIGN)
		say(t, WIPE_VERDICT_FAILED, "cannot be read: %s", strerror(-fd));
}

static void target_init(struct wipe_target *target, const struct wipe_device *device)
{
	memset(target, 0, sizeof(*target));
	target->device = device;
	target->fd = -1;
	target->verdict = WIPE_VERDICT_FAILED;
}

void wipe_target_open(struct wipe_target *target, const struct wipe_device *device,
	const struct wipe_search *search, const struct wipe_memory *memory)
{
	target_init(target, device);
	if (device->kind == WIPE_KIND_FILES)
		open_files(target, search, memory);
	else
		open_block(target, search, memory);
}

bool wipe_target_open_copy(struct wipe_target *target, const struct wipe_device *device,
	const struct wipe_search *search)
{
	_cleanup_close_ int fd = -1;

	target_init(target, device);
	if (device->kind != WIPE_KIND_LUKS)
		return false;
	fd = search_all(target, search, NULL);
	if (fd < 0)
		return false;
	target->seed = make_seed();
	open_found(target, search, fd);
	return true;
}

void wipe_target_done(struct wipe_target *target)
{
	closep(&target->fd);
	free(target->buffer);
	target->fd = -1;
	target->buffer = NULL;
}
