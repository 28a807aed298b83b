/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.c - no programs from places where people can write; see mounts.h. mdm-agent-apps only.
 *
 * Paths below homes are people's: a mount is reached through no link, and changed only if it is the
 * one that the kernel's list named.
 */
#include "agent/apps/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/apps/mount_list.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/mount_line.h"

#define MOUNTINFO "proc/self/mountinfo"
#define RECORD_BYTES (256 * 1024)
#define RECORD_LINE_BYTES(point) (4 * strlen(point) + 32)

/* From linux/mount.h of 5.12 and asm-generic/unistd.h: the same on every processor. */
#define ATTR_NOEXEC 0x00000008
#define NR_OPEN_TREE 428
#define NR_MOVE_MOUNT 429
#define NR_MOUNT_SETATTR 442
#define TREE_CLONE 1U
#define TREE_RECURSIVE 0x8000U /* AT_RECURSIVE */
#define MOVE_FROM_EMPTY_PATH 0x00000004U
#define MOVE_TO_EMPTY_PATH 0x00000040U

struct attributes {
	uint64_t set, clear, propagation, userns_fd;
};

struct closing {
	int root_fd, runtime_fd;
	struct mount_list list;
	struct buf record; /* what is ours, as it will be written */
	apps_place_fn tell;
	void *userdata;
};

static void closing_done(struct closing *c)
{
	mount_list_done(&c->list);
	buf_done(&c->record);
}

static int list_mounts(struct closing *c)
{
	_cleanup_close_ int fd = fs_open_in_root(c->root_fd, MOUNTINFO, O_RDONLY);
	_cleanup_free_ char *text = NULL;
	struct mount_list list;
	size_t n;
	int r;

	if (fd < 0)
		return fd;
	r = fs_read_fd(fd, MOUNT_LIST_BYTES, &text, &n);
	if (r == 0)
		r = mount_list_parse(text, n, &list);
	if (r < 0)
		return r;
	mount_list_done(&c->list);
	c->list = list;
	return 0;
}

/* --- the record --------------------------------------------------------------------------- */

static int read_record(struct closing *c)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(c->runtime_fd, APPS_MOUNTS_FILE, RECORD_BYTES, &text, &n);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		buf_append(&c->record, text, n);
	return r < 0 ? r : c->record.error;
}

struct record_line {
	const char *what; /* "flag", "bind", "memfd" */
	int64_t number;	  /* of the mount, 0: it was about to be made; the value before */
	const char *point;
};

/* In place; false: not a line that was written here. */
static bool record_parse(char *line, struct record_line *ret_line)
{
	char *what = strsep(&line, " "), *number = line ? strsep(&line, " ") : NULL;
	struct mount_text point;

	if (!line || parse_int64(number, 0, INT32_MAX, &ret_line->number) < 0)
		return false;
	point = (struct mount_text){line, strlen(line)};
	(void)mount_text_copy(&point, line, point.n + 1);
	ret_line->what = what;
	ret_line->point = line;
	return true;
}

static int write_record(struct closing *c)
{
	struct fs_owner owner = {geteuid(), getegid(), 0600};

	if (c->record.error)
		return c->record.error;
	return fs_replace(c->runtime_fd, APPS_MOUNTS_FILE, c->record.n_bytes ? c->record.data : "",
		c->record.n_bytes, &owner);
}

/* "flag 37 /home" with escapes as the kernel writes them, so that a line is a line. */
static void record_add(struct closing *c, const char *what, unsigned int id, const char *point)
{
	buf_printf(&c->record, "%s %u ", what, id);
	for (const char *p = point; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == '\\')
			buf_printf(&c->record, "\\%03o", (unsigned char)*p);
		else
			buf_append(&c->record, p, 1);
	}
	buf_puts(&c->record, "\n");
}

/*
 * The bind of a line, which is ours whatever became of its flags. One that was about to be made
 * when somebody ended us has no number yet: a place that is a mount on its own file system, which
 * none was before. NULL: it is not there.
 */
static const struct mount_entry *find_bind(const struct mount_list *list, struct record_line *line)
{
	const struct mount_entry *made = mount_list_at(list, line->point), *below = NULL;

	for (size_t i = 0; made && i < list->n; i++)
		if (list->entries[i].id == made->parent)
			below = &list->entries[i];
	if (!below || below->major != made->major || below->minor != made->minor ||
		(line->number != 0 && line->number != made->id))
		return NULL;
	line->number = made->id;
	return made;
}

static bool is_mounted(const struct closing *c, struct record_line *line)
{
	if (strcmp(line->what, "bind") == 0 && line->number == 0)
		return find_bind(&c->list, line) != NULL;
	for (size_t i = 0; i < c->list.n; i++)
		if (c->list.entries[i].id == line->number &&
			strcmp(c->list.entries[i].point, line->point) == 0)
			return true;
	return false;
}

/* Sticks come and go: what is gone need not be taken back. */
static int forget_gone(struct closing *c)
{
	_cleanup_buf_ struct buf before = c->record;
	char *rest, *text;

	c->record = (struct buf){.max_bytes = RECORD_BYTES};
	buf_append(&before, "", 0);
	if (before.error)
		return before.error;
	for (rest = before.data; (text = strsep(&rest, "\n"));) {
		struct record_line line;

		if (*text && record_parse(text, &line) &&
			(strcmp(line.what, "memfd") == 0 || is_mounted(c, &line)))
			record_add(c, line.what, (unsigned int)line.number, line.point);
	}
	return c->record.error;
}

/* --- one mount ---------------------------------------------------------------------------- */

/* Which mount a descriptor lies on; 0: not known. */
static unsigned int mount_id_of(int fd)
{
	char path[64], text[256], *at;
	int64_t id = 0;
	ssize_t n;
	_cleanup_close_ int info = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	at = strstr(text, "mnt_id:");
	if (!at)
		return 0;
	at += strlen("mnt_id:");
	at += strspn(at, " \t");
	at[strcspn(at, "\n")] = 0;
	return parse_int64(at, 0, INT32_MAX, &id) < 0 ? 0 : (unsigned int)id;
}

/* The root of exactly that mount. -ESTALE: there is another now. */
static int open_mount(const struct closing *c, const struct mount_entry *entry)
{
	const char *path = entry->point + strspn(entry->point, "/");
	int fd = fs_open_nofollow(c->root_fd, *path ? path : ".", O_PATH, 0);

	if (fd >= 0 && mount_id_of(fd) != entry->id) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static bool has_word(const char *words, const char *word)
{
	struct mount_text text = {words, strlen(words)};

	return mount_text_has(&text, word);
}

/* Before 5.12 all flags of a mount are set together: the others as they are. */
static int remount(int fd, const struct mount_entry *entry, bool noexec)
{
	static const struct {
		const char *word;
		unsigned long flag;
	} flags[] = {
		{"ro", MS_RDONLY},
		{"nosuid", MS_NOSUID},
		{"nodev", MS_NODEV},
		{"noatime", MS_NOATIME},
		{"nodiratime", MS_NODIRATIME},
		{"relatime", MS_RELATIME},
	};
	unsigned long all = MS_REMOUNT | MS_BIND | (noexec ? MS_NOEXEC : 0);
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (has_word(entry->flags, flags[i].word))
			all |= flags[i].flag;
	if (!has_word(entry->flags, "noatime") && !has_word(entry->flags, "relatime"))
		all |= MS_STRICTATIME;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return mount("none", path, NULL, all, NULL) < 0 ? -errno : 0;
}

static int set_noexec(int fd, const struct mount_entry *entry, bool noexec)
{
	struct attributes a = {
		.set = noexec ? ATTR_NOEXEC : 0,
		.clear = noexec ? 0 : ATTR_NOEXEC,
	};

	if (syscall(NR_MOUNT_SETATTR, fd, "", AT_EMPTY_PATH, &a, sizeof(a)) == 0)
		return 0;
	return errno == ENOSYS || errno == EPERM ? remount(fd, entry, noexec) : -errno;
}

static void tell_of(struct closing *c, const char *place, int r, const char *done)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	if (r == 0) {
		c->tell(place, APPS_DONE, done, c->userdata);
		return;
	}
	snprintf(detail, sizeof(detail), "%s", strerror(-r));
	c->tell(place, APPS_E_FAILED, detail, c->userdata);
}

static void close_mount(struct closing *c, const struct mount_entry *entry)
{
	_cleanup_close_ int fd = open_mount(c, entry);
	int r = fd < 0 ? fd : 0;

	/* It has gone, or something lies over it: nobody starts anything from it by this path. */
	if (r == -ENOENT || r == -ESTALE)
		return;
	/* Users choose how many mounts they make, and how long their paths are. What does not fit
	 * is closed for as long as it is there: better than open because of them. */
	if (r == 0 && c->record.n_bytes + RECORD_LINE_BYTES(entry->point) <= RECORD_BYTES) {
		record_add(c, "flag", entry->id, entry->point);
		r = write_record(c);
	}
	if (r == 0)
		r = set_noexec(fd, entry, true);
	tell_of(c, entry->point, r, "programs do not start from there");
}

/* --- directories that are no mounts ------------------------------------------------------- */

/* Closed before anybody sees it, in every namespace that it comes to. 0 or -errno. */
static int bind_closed(int fd)
{
	struct attributes a = {.set = ATTR_NOEXEC};
	_cleanup_close_ int tree = (int)syscall(
		NR_OPEN_TREE, fd, "", TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | TREE_RECURSIVE);

	if (tree < 0)
		return -errno;
	if (syscall(NR_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0 ||
		syscall(NR_MOVE_MOUNT, tree, "", fd, "",
			MOVE_FROM_EMPTY_PATH | MOVE_TO_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int bind_onto_itself(int fd)
{
	char path[64];
	int r = bind_closed(fd);

	if (r != -ENOSYS && r != -EPERM)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

static void close_directory(struct closing *c, const char *place)
{
	const struct mount_entry *cover = mount_list_covering(&c->list, place), *made;
	size_t n_before = c->record.n_bytes;
	_cleanup_close_ int fd = fs_open_nofollow(c->root_fd, place + 1, O_PATH | O_DIRECTORY, 0);
	_cleanup_close_ int over = -1;
	int r;

	/* Where it is a link, what it leads to is a place of its own. */
	if (fd < 0 || !cover || cover->is_noexec || strcmp(cover->point, place) == 0)
		return;
	/* First that it is about to be made: whoever ends us in between leaves nothing unknown. */
	record_add(c, "bind", 0, place);
	r = write_record(c);
	if (r == 0)
		r = bind_onto_itself(fd);
	if (r == 0)
		r = list_mounts(c);
	made = r == 0 ? mount_list_at(&c->list, place) : NULL;
	if (made) {
		c->record.n_bytes = n_before;
		record_add(c, "bind", made->id, place);
		r = write_record(c);
	}
	if (r == 0 && made && !made->is_noexec) {
		over = open_mount(c, made);
		r = over < 0 ? over : set_noexec(over, made, true);
	}
	tell_of(c, place, r, "programs do not start from there");
}

/* --- memory files ------------------------------------------------------------------------- */

static int write_memfd(struct closing *c, int value)
{
	char text[16];
	_cleanup_close_ int fd = fs_open_in_root(c->root_fd, APPS_MEMFD, O_WRONLY);
	int n = snprintf(text, sizeof(text), "%d\n", value);

	if (fd < 0)
		return fd;
	return write(fd, text, (size_t)n) < 0 ? -errno : 0;
}

static int read_memfd(struct closing *c, int *ret_value)
{
	char text[16];
	int64_t value;
	int r = fs_read_line(c->root_fd, APPS_MEMFD, text, sizeof(text));

	if (r == 0)
		r = parse_int64(text, 0, 2, &value);
	if (r == 0)
		*ret_value = (int)value;
	return r;
}

static void close_memfd(struct closing *c)
{
	struct utsname kernel;
	int before = 0, wanted, r;

	if (read_memfd(c, &before) < 0 || uname(&kernel) < 0)
		return;
	wanted = mount_list_memfd(kernel.release);
	if (before >= wanted)
		return;
	record_add(c, "memfd", (unsigned int)before, "-");
	r = write_record(c);
	if (r == 0)
		r = write_memfd(c, wanted);
	tell_of(c, "vm.memfd_noexec", r, "memory files cannot be executed");
}

int apps_mounts_close(int root_fd, int runtime_fd, apps_place_fn tell, void *userdata)
{
	_cleanup_(closing_done) struct closing c = {
		.root_fd = root_fd,
		.runtime_fd = runtime_fd,
		.record = {.max_bytes = RECORD_BYTES},
		.tell = tell,
		.userdata = userdata,
	};
	int r = read_record(&c);

	if (r == 0)
		r = list_mounts(&c);
	if (r == 0)
		r = forget_gone(&c);
	if (r < 0)
		return r;
	/* Directories first: their copies bring what is mounted below them along. */
	for (size_t i = 0; mount_places[i]; i++)
		close_directory(&c, mount_places[i]);
	r = list_mounts(&c);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.list.n; i++)
		if (!c.list.entries[i].is_noexec && mount_is_peoples(&c.list.entries[i]))
			close_mount(&c, &c.list.entries[i]);
	if (c.list.is_cut)
		tell("other mounts", APPS_E_FAILED, "there are more than can be looked at",
			userdata);
	close_memfd(&c);
	return 0;
}

/* --- taking it back ----------------------------------------------------------------------- */

/* Whether what is mounted on a bind of ours is there without it as well: it was mounted before, or
 * where mounts are shared. */
static bool is_below_as_well(
	const struct mount_list *list, const struct mount_entry *entry, unsigned int bind)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct mount_entry *other = &list->entries[i];

		if (strcmp(other->point, entry->point) == 0 && other->major == entry->major &&
			other->minor == entry->minor && other->id != bind &&
			!mount_list_is_upon(list, other, bind))
			return true;
	}
	return false;
}

/*
 * Sessions have mounted things on it since, their run-time directories above all. Where mounts are
 * shared the bind would take along what is mounted below: so it is made private first. Where they
 * are not, what came later is nowhere else: then the bind stays, until the phone restarts, and
 * programs start from it.
 */
static int take_bind_away(struct closing *c, int fd, const struct mount_entry *entry)
{
	struct attributes private = {.propagation = MS_PRIVATE};
	char path[64];

	/* Of very many it is not known what lies on it. */
	if (c->list.is_cut)
		return set_noexec(fd, entry, false);
	for (size_t i = 0; i < c->list.n; i++)
		if (mount_list_is_upon(&c->list, &c->list.entries[i], entry->id) &&
			!is_below_as_well(&c->list, &c->list.entries[i], entry->id))
			return set_noexec(fd, entry, false);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (syscall(NR_MOUNT_SETATTR, fd, "", AT_EMPTY_PATH | TREE_RECURSIVE, &private,
		    sizeof(private)) < 0 &&
		mount(NULL, path, NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return -errno;
	return umount2(path, MNT_DETACH) < 0 ? -errno : 0;
}

/* The value of before, if the kernel lets anybody set it. */
static void open_memfd(struct closing *c, int before)
{
	struct utsname kernel;
	int now = 0, r = write_memfd(c, before);

	if (r < 0 && uname(&kernel) == 0 && mount_list_memfd_stays(kernel.release) &&
		read_memfd(c, &now) == 0 && now > before)
		c->tell("vm.memfd_noexec", APPS_E_FAILED,
			"this kernel (Linux 6.3 to 6.5) lets nobody lower it; it is as it was "
			"after a restart of the phone",
			c->userdata);
	else
		tell_of(c, "vm.memfd_noexec", r, "as it was");
}

static void open_line(struct closing *c, struct record_line *line)
{
	bool is_bind = strcmp(line->what, "bind") == 0;
	const struct mount_entry *entry;
	_cleanup_close_ int fd = -1;
	int r;

	if (strcmp(line->what, "memfd") == 0) {
		open_memfd(c, (int)line->number);
		return;
	}
	/* Another mount by now is not ours. */
	entry = is_bind ? find_bind(&c->list, line) : mount_list_at(&c->list, line->point);
	if (entry && entry->id == line->number && (is_bind || entry->is_noexec))
		fd = open_mount(c, entry);
	if (fd < 0)
		return;
	if (is_bind)
		r = take_bind_away(c, fd, entry);
	else
		r = set_noexec(fd, entry, false);
	tell_of(c, entry->point, r, "as it was");
}

int apps_mounts_open(int root_fd, int runtime_fd, apps_place_fn tell, void *userdata)
{
	_cleanup_(closing_done) struct closing c = {
		.root_fd = root_fd,
		.runtime_fd = runtime_fd,
		.tell = tell,
		.userdata = userdata,
	};
	struct record_line line;
	char *end;
	int r = read_record(&c);

	/* The last first: what lies over something goes before it. */
	while (r == 0 && c.record.n_bytes > 0) {
		c.record.data[c.record.n_bytes - 1] = 0;
		end = strrchr(c.record.data, '\n');
		r = list_mounts(&c);
		if (r == 0 && record_parse(end ? end + 1 : c.record.data, &line))
			open_line(&c, &line);
		c.record.n_bytes = end ? (size_t)(end + 1 - c.record.data) : 0;
	}
	return r < 0 ? r : fs_remove(runtime_fd, APPS_MOUNTS_FILE);
}
