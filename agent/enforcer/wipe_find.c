/* SPDX-License-Identifier: Apache-2.0 */
/* wipe_find.c - see wipe_find.h. Enforcer. */
#include "agent/enforcer/wipe_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "agent/wipe/sysfs.h"
#include "agent/wipe/target.h"
#include "agent/wipe/tpm.h"
#include "platform/luks_disks.h"

#define DEVICES_MAX 512
#define FIND_PATH_BYTES 320

struct find {
	int root_fd;
	bool is_root;
	struct mount_table mounts;
	struct swap swaps[SWAPS_MAX];
	size_t n_swaps;
	struct wipe_findings *out;
};

static void find_done(struct find *f)
{
	mount_table_done(&f->mounts);
}

/* What is in use and stays is said. */
static void find_leave(struct find *f, const char *what, const char *why)
{
	char *left = f->out->left;
	size_t n = strlen(left);

	/* Whatever does not fit has its like in what does. */
	if (n + strlen(what) + strlen(why) + 5 < LIMIT_TEXT_BYTES)
		snprintf(left + n, LIMIT_TEXT_BYTES + 1 - n, "%s%s: %s", n ? ", " : "", what, why);
}

/* The place of one more; NULL: there is none. */
static struct wipe_device *find_place(struct find *f, enum wipe_kind kind, const char *path)
{
	struct wipe_plan *plan = &f->out->plan;
	struct wipe_device *device;

	for (size_t i = 0; i < plan->n_devices; i++)
		if (strcmp(plan->devices[i].path, path) == 0)
			return NULL;
	if (plan->n_devices == LIMIT_WIPE_DEVICES || strlen(path) > LIMIT_WIPE_PATH_BYTES) {
		find_leave(f, path, "more than a plan holds");
		return NULL;
	}
	device = &plan->devices[plan->n_devices++];
	memset(device, 0, sizeof(*device));
	device->kind = kind;
	snprintf(device->path, sizeof(device->path), "%s", path);
	return device;
}

/* --- devices ----------------------------------------------------------------------------- */

/* The name below /dev. 0 or -errno. */
static int device_path(
	const struct find *f, struct sysfs_number number, char ret_path[FIND_PATH_BYTES])
{
	char link[64], target[FIND_PATH_BYTES];
	const char *name;
	int r;

	snprintf(link, sizeof(link), "sys/dev/block/%u:%u", number.major, number.minor);
	r = fs_read_link(f->root_fd, link, target, sizeof(target));
	if (r < 0)
		return r;
	name = strrchr(target, '/');
	snprintf(ret_path, FIND_PATH_BYTES, "/dev/%.200s", name ? name + 1 : target);
	for (char *p = ret_path; *p; p++)
		if (*p == '!')
			*p = '/';
	return 0;
}

/* For reading. A tree that only looks like a phone has files there. */
static int device_open(const struct find *f, struct sysfs_number number, const char *path)
{
	if (f->is_root)
		return sysfs_open_device(f->root_fd, number.major, number.minor, O_RDONLY);
	return fs_open_in_root(f->root_fd, path, O_RDONLY);
}

static int read_at(int fd, void *data, size_t n_bytes, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, data, n_bytes, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (size_t)n == n_bytes ? 0 : -ENODATA;
}

/* Where the first header is damaged the keys can still be behind the second. */
static bool device_is_luks(int fd, struct wipe_header *ret_header)
{
	uint8_t block[WIPE_BLOCK_BYTES];

	if (read_at(fd, block, sizeof(block), 0) < 0)
		return false;
	if (wipe_header_read(block, false, 0, ret_header) == 0)
		return true;
	for (size_t i = 0; i < WIPE_HEADER_SIZES; i++)
		if (read_at(fd, block, sizeof(block), wipe_header_sizes[i]) == 0 &&
			wipe_header_read(block, true, wipe_header_sizes[i], ret_header) == 0)
			return true;
	return false;
}

/* What everybody can make more of, and what has no storage of its own. */
static bool is_made_up(const char *name)
{
	static const char *const prefixes[] = {"loop", "ram", "zram", "nbd", "sr", "fd"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static void find_luks_on(struct find *f, struct sysfs_number number)
{
	_cleanup_close_ int fd = -1;
	struct wipe_device *device;
	struct wipe_header header;
	char path[FIND_PATH_BYTES];

	if (sysfs_foreign(f->root_fd, number.major, number.minor, false) ||
		device_path(f, number, path) < 0)
		return;
	fd = device_open(f, number, path);
	if (fd < 0 || !device_is_luks(fd, &header))
		return;
	device = find_place(f, WIPE_KIND_LUKS, path);
	if (!device)
		return;
	device->major = f->is_root ? number.major : 0;
	device->minor = f->is_root ? number.minor : 0;
	memcpy(device->uuid, header.uuid, sizeof(device->uuid));
	f->out->n_luks++;
}

static void find_luks(struct find *f)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	unsigned int n = 0;
	int fd = fs_open_in_root(f->root_fd, "sys/class/block", O_DIRECTORY);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return;
	}
	while ((entry = readdir(dir))) {
		char path[FIND_PATH_BYTES], text[32];
		struct sysfs_number number;

		if (entry->d_name[0] == '.' || is_made_up(entry->d_name))
			continue;
		if (++n > DEVICES_MAX) {
			find_leave(f, "devices", "too many to look at");
			return;
		}
		snprintf(path, sizeof(path), "sys/class/block/%s/dev", entry->d_name);
		if (fs_read_line(f->root_fd, path, text, sizeof(text)) == 0 &&
			sysfs_number_parse(text, &number))
			find_luks_on(f, number);
	}
}

/* What is open and not in the plan: on a stick, in a file, with its header elsewhere. */
static void find_open(struct find *f)
{
	_cleanup_free_ struct block_crypts *crypts = calloc(1, sizeof(*crypts));

	if (!crypts)
		return;
	block_find_crypts(f->root_fd, &f->mounts, f->swaps, f->n_swaps, crypts);
	for (size_t i = 0; i < crypts->n_crypts; i++) {
		const struct block_crypt *crypt = &crypts->crypts[i];
		char path[LUKS_DEVICE_BYTES];
		const char *why;
		bool found = false;

		luks_disk_device(crypt, path);
		for (size_t k = 0; k < f->out->plan.n_devices; k++)
			found |= strcmp(f->out->plan.devices[k].path, path) == 0;
		if (found)
			continue;
		why = crypt->device[0]
			      ? sysfs_foreign(f->root_fd, crypt->major, crypt->minor, false)
			      : "on something that cannot be found";
		find_leave(f, crypt->mapping, why ? why : "without a header of its own");
	}
	if (crypts->more)
		find_leave(f, "encrypted volumes", "too many to look at");
}

/* --- data as they are -------------------------------------------------------------------- */

static int device_size(int fd, uint64_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_size = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, ret_size) < 0)
		return -errno;
	return 0;
}

static void add_plain(struct find *f, struct sysfs_number number)
{
	_cleanup_free_ uint8_t *head = malloc(FILESYSTEM_HEAD_BYTES);
	_cleanup_close_ int fd = -1;
	struct wipe_device *device;
	char path[FIND_PATH_BYTES];
	const char *foreign;
	uint64_t size, at;

	if (!head || device_path(f, number, path) < 0)
		return;
	foreign = sysfs_foreign(f->root_fd, number.major, number.minor, false);
	if (foreign) {
		find_leave(f, path, foreign);
		return;
	}
	fd = device_open(f, number, path);
	if (fd < 0 || device_size(fd, &size) < 0 || size == 0)
		return;
	device = find_place(f, WIPE_KIND_PLAIN, path);
	if (!device)
		return;
	device->major = f->is_root ? number.major : 0;
	device->minor = f->is_root ? number.minor : 0;
	device->size_bytes = size;
	/* Without one it is not gone on with after a power cut. */
	if (read_at(fd, head, FILESYSTEM_HEAD_BYTES, 0) < 0 ||
		filesystem_uuid_read(head, device->uuid, &at) < 0)
		device->uuid[0] = 0;
}

static void add_files(struct find *f, const char *path)
{
	_cleanup_close_ int fd = fs_open_nofollow(f->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	struct wipe_device *device;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	device = find_place(f, WIPE_KIND_FILES, path);
	if (!device)
		return;
	device->major = f->is_root ? major(st.st_dev) : 0;
	device->minor = f->is_root ? minor(st.st_dev) : 0;
	device->inode = st.st_ino;
}

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(path, directory, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/*
 * Where file systems of their own hold what people made. Vendors mount firmware, and what the modem
 * was calibrated with, at the oddest places: so these, and no others.
 */
static bool is_user_data(const char *point)
{
	static const char *const trees[] = {"/home", "/root", "/srv", "/data", "/userdata"};
	static const char *const places[] = {
		"/var", "/var/lib", "/var/log", "/var/mail", "/var/spool"};

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		if (is_below(point, trees[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (strcmp(point, places[i]) == 0)
			return true;
	return false;
}

static bool is_read_only(const struct mount *mount)
{
	return strcmp(mount->options, "ro") == 0 || strncmp(mount->options, "ro,", 3) == 0;
}

static bool is_plain(const struct find *f, const struct mount *mount)
{
	struct block_trace trace;

	if (mount->class != MOUNT_DEVICE)
		return false;
	block_trace_mount(f->root_fd, &f->mounts, mount, &trace);
	/* What cannot be followed is not known to be encrypted. */
	return trace.n_plain > 0 || trace.n_untraceable > 0;
}

/* The same file system, whatever directory of it. */
static bool is_same_fs(const struct mount *a, const struct mount *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/*
 * Of a root that is not encrypted: what people and their accounts leave there. The agent sees some
 * directories as its service manager made them for it: only what is the same for everybody counts.
 */
static void find_in_root(struct find *f, const struct mount *root)
{
	static const char *const directories[] = {"/home", "/root", "/srv", "/var/mail",
		"/var/spool", "/var/tmp", "/var/lib/bluetooth", "/var/lib/iwd",
		"/etc/NetworkManager/system-connections"};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		const struct mount *mount = mount_table_find(&f->mounts, directories[i]);

		if (mount == root || (mount && is_same_fs(mount, root) &&
					     strcmp(mount->root, mount->point) == 0))
			add_files(f, directories[i]);
	}
}

static void find_mount(struct find *f, const struct mount *mount, const struct mount *root)
{
	if (!is_user_data(mount->point) || is_read_only(mount) || !is_plain(f, mount))
		return;
	/* A place of the root's own, which is looked at there. */
	if (root && is_same_fs(mount, root) && strcmp(mount->root, mount->point) == 0)
		return;
	/* Part of a file system that has more in it. */
	if (mount->major == 0 || strcmp(mount->root, "/") != 0 || (root && is_same_fs(mount, root)))
		add_files(f, mount->point);
	else
		add_plain(f, (struct sysfs_number){mount->major, mount->minor});
}

static void find_mounts(struct find *f)
{
	const struct mount *root = mount_table_find(&f->mounts, "/");

	for (size_t i = 0; i < f->mounts.n_mounts; i++)
		find_mount(f, &f->mounts.mounts[i], root);
	if (root && is_plain(f, root))
		find_in_root(f, root);
}

static void find_swaps(struct find *f)
{
	for (size_t i = 0; i < f->n_swaps; i++) {
		const char *name = strrchr(f->swaps[i].path, '/');
		struct sysfs_number number;
		struct block_trace trace;
		char path[FIND_PATH_BYTES], text[32];

		block_trace_swap(f->root_fd, &f->mounts, &f->swaps[i], &trace);
		if (!name || trace.n_plain + trace.n_untraceable == 0)
			continue;
		if (f->swaps[i].is_file) {
			find_leave(f, f->swaps[i].path, "a swap file that is not encrypted");
			continue;
		}
		snprintf(path, sizeof(path), "sys/class/block/%.200s/dev", name + 1);
		if (fs_read_line(f->root_fd, path, text, sizeof(text)) == 0 &&
			sysfs_number_parse(text, &number))
			add_plain(f, number);
	}
}

/* --- the TPM --------------------------------------------------------------------------- */

#define TPM_PATIENCE_MS 1000

/* What it keeps beyond a restart could open something that was copied before. */
static void find_tpm(struct find *f)
{
	struct wipe_plan *plan = &f->out->plan;
	_cleanup_close_ int fd = -1;

	if (!f->is_root)
		return;
	fd = fs_open_in_root(f->root_fd, "dev/tpmrm0", O_RDWR | O_NONBLOCK);
	if (fd >= 0)
		(void)tpm_list(fd, TPM_PATIENCE_MS, plan->tpm_handles, LIMIT_WIPE_TPM_HANDLES,
			&plan->n_tpm_handles);
}

/* --- all of it --------------------------------------------------------------------------- */

static int find_read(struct find *f)
{
	_cleanup_free_ char *mounts_text = NULL, *swaps_text = NULL;
	size_t n;
	int r = fs_read(f->root_fd, "proc/self/mountinfo", LIMIT_MOUNTINFO_BYTES, &mounts_text, &n);

	if (r == 0)
		r = mountinfo_parse(mounts_text, n, &f->mounts);
	if (r < 0)
		return r;
	r = fs_read(f->root_fd, "proc/swaps", LIMIT_PLATFORM_FILE_BYTES, &swaps_text, &n);
	if (r == 0)
		r = swaps_parse(swaps_text, n, f->swaps, &f->n_swaps);
	/* A kernel without swap has no such file. */
	return r == -ENOENT ? 0 : r;
}

int wipe_find(int root_fd, bool is_root, struct wipe_findings *ret_findings)
{
	_cleanup_(find_done) struct find find = {
		.root_fd = root_fd, .is_root = is_root, .out = ret_findings};
	int r;

	memset(ret_findings, 0, sizeof(*ret_findings));
	ret_findings->plan.test = !is_root;
	/* Keys first: where the plan is full, it is they that are in it. */
	find_luks(&find);
	find_tpm(&find);
	r = find_read(&find);
	if (r < 0)
		/* What cannot be seen does not keep what was seen. */
		return ret_findings->n_luks ? 0 : r;
	find_open(&find);
	find_mounts(&find);
	find_swaps(&find);
	return 0;
}

/* --- for people -------------------------------------------------------------------------- */

#define LIST_BYTES 64

static void list_devices(const struct wipe_plan *plan, bool luks, char text[LIST_BYTES])
{
	const size_t size = LIST_BYTES;
	size_t n = 0;

	text[0] = 0;
	for (size_t i = 0; i < plan->n_devices; i++) {
		const struct wipe_device *device = &plan->devices[i];
		int written;

		if ((device->kind == WIPE_KIND_LUKS) != luks)
			continue;
		written = snprintf(text + n, size - n, "%s%s", n ? ", " : "", device->path);
		if (written < 0 || (size_t)written >= size - n) {
			memcpy(text + size - 4, "...", 4);
			return;
		}
		n += (size_t)written;
	}
}

void wipe_describe(const struct wipe_findings *findings, char ret_text[LIMIT_TEXT_BYTES + 1])
{
	size_t n_plain = findings->plan.n_devices - findings->n_luks;
	const char *joint = findings->left[0] ? "; stays: " : "";
	char keys[LIST_BYTES], plain[LIST_BYTES];

	list_devices(&findings->plan, true, keys);
	list_devices(&findings->plan, false, plain);
	if (findings->n_luks && n_plain)
		snprintf(ret_text, LIMIT_TEXT_BYTES + 1,
			"keys destroyed: %s; not encrypted, overwritten or removed: %s (flash may "
			"keep copies)%s%.24s",
			keys, plain, joint, findings->left);
	else if (findings->n_luks)
		snprintf(ret_text, LIMIT_TEXT_BYTES + 1, "keys destroyed: %s%s%.150s", keys, joint,
			findings->left);
	else
		snprintf(ret_text, LIMIT_TEXT_BYTES + 1,
			"nothing is encrypted; overwritten or removed: %s (flash may keep "
			"copies)%s%.60s",
			plain, joint, findings->left);
}
