/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c - one memory stick or card at one event; see media.h. Program mdm-agent-media only.
 *
 * USB storage is shut by its interface's authorization, a card by taking its driver away: then
 * there are no blocks at all. Where only some contents are forbidden, a partition is taken out of
 * the kernel's table (the disk's own table stays), and a disk without partitions is set offline.
 */
#include "platform/media/media.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "agent/util/fs.h"

/* A partition may be open for a moment: who made a file system on it looks at it once more. */
#define DROP_TRIES 20
#define DROP_PAUSE_MS 100

static const char *const verdicts[MEDIA_VERDICT_MAX] = {
	[MEDIA_NONE] = "none",
	[MEDIA_ALLOWED] = "allowed",
	[MEDIA_DENIED] = "denied",
	[MEDIA_LATER] = "in_use",
	[MEDIA_SYSTEM] = "system",
};

const char *media_verdict_name(enum media_verdict verdict)
{
	return verdicts[verdict];
}

static const struct {
	unsigned int mark;
	const char *name;
} marks_names[] = {
	{MEDIA_SHUT, "shut"},
	{MEDIA_READ_ONLY, "read_only"},
	{MEDIA_OFFLINE, "offline"},
};

void media_marks_format(unsigned int marks, char ret_text[64])
{
	size_t n = 0;

	snprintf(ret_text, 64, "none");
	for (size_t i = 0; i < ARRAY_SIZE(marks_names); i++)
		if (marks & marks_names[i].mark)
			n += (size_t)snprintf(
				ret_text + n, 64 - n, "%s%s", n ? "+" : "", marks_names[i].name);
}

unsigned int media_marks_parse(const char *text)
{
	unsigned int marks = 0;

	while (*text) {
		size_t n = strcspn(text, "+");

		for (size_t i = 0; i < ARRAY_SIZE(marks_names); i++)
			if (n == strlen(marks_names[i].name) &&
				memcmp(text, marks_names[i].name, n) == 0)
				marks |= marks_names[i].mark;
		text += n + (text[n] ? 1 : 0);
	}
	return marks;
}

/* A run of the program. */
struct media {
	int root_fd;
	const struct media_ioctls *ioctls;
	const struct media_event *event;
	struct removable_device device;
	enum removable_use use;
	enum media_verdict verdict;
	unsigned int marks;
	int result; /* the first failure */
};

static void note(struct media *m, int r)
{
	if (r < 0 && m->result == 0)
		m->result = r;
}

/*
 * "…/0:0:0:0/block/sda": the SCSI device can be told to refuse everything. No card is one. The
 * kernel takes the name of a state with the end of its line only.
 */
static int set_state(int root_fd, const struct removable_device *device, const char *state)
{
	char path[SYSFS_PATH_BYTES];
	char *end;

	snprintf(path, sizeof(path), "%s", device->path);
	end = strrchr(path, '/');
	*end = 0;
	end = strrchr(path, '/');
	if (strcmp(end, "/block") != 0)
		return -ENOENT;
	*end = 0;
	return sysfs_write(root_fd, path, "state", state);
}

static bool action_is(const struct media *m, const char *action)
{
	return strcmp(m->event->action, action) == 0;
}

/* --- interfaces and cards ------------------------------------------------------------------ */

static int shut(int root_fd, const char *path, bool is_card)
{
	const char *slash = strrchr(path, '/');

	if (is_card)
		return sysfs_write(root_fd, "sys/bus/mmc/drivers/mmcblk", "unbind", slash + 1);
	return sysfs_write(root_fd, path, "authorized", "0");
}

/* Authorization alone brings no driver. */
static int open_again(int root_fd, const struct removable_device *device)
{
	int r;

	if (device->is_card)
		return sysfs_write(root_fd, "sys/bus/mmc", "drivers_probe", device->name);
	r = sysfs_write(root_fd, device->path, "authorized", "1");
	return r < 0 ? r : sysfs_write(root_fd, "sys/bus/usb", "drivers_probe", device->name);
}

static void act_on_gate(struct media *m)
{
	const struct removable_device *device = &m->device;

	m->verdict = MEDIA_ALLOWED;
	if (m->event->choice == REMOVABLE_ANY) {
		if (device->shut && (m->marks & MEDIA_SHUT) && !action_is(m, "unbind"))
			note(m, open_again(m->root_fd, device));
		/* Its driver goes while it is being opened again, too. */
		if (!action_is(m, "unbind"))
			m->marks = 0;
	} else if (device->shut) {
		/* While these rules are in force whoever loses its driver lost it to them. */
		if (action_is(m, "unbind"))
			m->marks |= MEDIA_SHUT;
		m->verdict = MEDIA_DENIED;
	} else if (m->event->choice == REMOVABLE_BLOCKED) {
		m->verdict = m->use == REMOVABLE_SYSTEM	  ? MEDIA_SYSTEM
			     : m->use == REMOVABLE_IN_USE ? MEDIA_LATER
							  : MEDIA_DENIED;
		if (m->verdict == MEDIA_DENIED) {
			note(m, shut(m->root_fd, device->path, device->is_card));
			m->marks |= MEDIA_SHUT;
		}
	} else {
		m->marks = 0;
	}
}

/* --- blocks -------------------------------------------------------------------------------- */

static void release_block(struct media *m)
{
	const struct removable_device *device = &m->device;
	bool offline = device->offline;

	m->verdict = MEDIA_ALLOWED;
	if (offline && (m->marks & MEDIA_OFFLINE)) {
		note(m, set_state(m->root_fd, device, "running\n"));
		offline = false;
	}
	if (device->read_only && !offline && (m->marks & MEDIA_READ_ONLY))
		note(m, m->ioctls->set_read_only(m->root_fd, device, false));
	/*
	 * Partitions that were dropped come back with the disk's table. Reading it makes events of
	 * the kernel, which must not lead here again.
	 */
	if (device->kind == REMOVABLE_DISK && m->event->synthetic && !offline &&
		m->use == REMOVABLE_IDLE)
		(void)m->ioctls->reread(m->root_fd, device);
	m->marks = 0;
}

/* Anything but LUKS: RAID and LVM have file systems on them which nobody asks about. */
static bool is_plain(const struct media_event *event)
{
	return event->fs_usage[0] && !(strcmp(event->fs_usage, "crypto") == 0 &&
					     strcmp(event->fs_type, "crypto_LUKS") == 0);
}

static int drop_partition(struct media *m)
{
	const struct timespec pause = {.tv_nsec = DROP_PAUSE_MS * 1000000};
	int r = -EBUSY;

	for (unsigned int i = 0; i < DROP_TRIES && r == -EBUSY; i++) {
		if (i)
			nanosleep(&pause, NULL);
		r = m->ioctls->drop_partition(m->root_fd, &m->device);
	}
	/* Somebody else was faster. */
	return r == -ENXIO || r == -ENOENT ? 0 : r;
}

static void deny_block(struct media *m)
{
	const struct removable_device *device = &m->device;
	int r;

	m->verdict = MEDIA_DENIED;
	if (device->offline)
		return;
	if (m->use == REMOVABLE_IN_USE) {
		m->verdict = MEDIA_LATER;
	} else if (device->kind == REMOVABLE_PARTITION) {
		note(m, drop_partition(m));
	} else {
		r = set_state(m->root_fd, device, "offline\n");
		if (r == 0)
			m->marks |= MEDIA_OFFLINE;
		else if (device->is_card)
			r = shut(m->root_fd, device->parent, true);
		note(m, r);
	}
}

static void act_on_block(struct media *m)
{
	const struct removable_device *device = &m->device;
	enum removable_choice choice = m->event->choice;

	if (choice == REMOVABLE_ANY) {
		release_block(m);
		return;
	}
	if (m->use == REMOVABLE_SYSTEM) {
		m->verdict = MEDIA_SYSTEM;
		return;
	}
	/* What is on a disk that is offline cannot be seen any more. */
	if (choice == REMOVABLE_BLOCKED ||
		(removable_forbids_plain(choice) && is_plain(m->event)) ||
		(device->offline && (m->marks & MEDIA_OFFLINE))) {
		deny_block(m);
		return;
	}
	m->verdict = MEDIA_ALLOWED;
	if (!removable_forbids_writing(choice) || device->read_only)
		return;
	if (m->use == REMOVABLE_IN_USE) {
		m->verdict = MEDIA_LATER;
		return;
	}
	note(m, m->ioctls->set_read_only(m->root_fd, device, true));
	m->marks |= MEDIA_READ_ONLY;
}

/* Where the tables cannot be read, nobody can use what has just come. */
static enum removable_use find_use(const struct media *m)
{
	struct removable_users users;
	enum removable_use use;

	if (removable_users_read(m->root_fd, &users) < 0)
		return strcmp(m->event->action, "add") == 0 && !m->event->synthetic
			       ? REMOVABLE_IDLE
			       : REMOVABLE_IN_USE;
	use = removable_used(m->root_fd, &users, &m->device);
	removable_users_done(&users);
	return use;
}

int media_act(int root_fd, const struct media_ioctls *ioctls, const struct media_event *event,
	enum media_verdict *ret_verdict, unsigned int *ret_marks)
{
	struct media m = {
		.root_fd = root_fd, .ioctls = ioctls, .event = event, .marks = event->marks};

	if (!removable_look(root_fd, event->path, &m.device)) {
		*ret_verdict = MEDIA_NONE;
		*ret_marks = event->marks;
		return 0;
	}
	m.use = find_use(&m);
	if (m.device.kind == REMOVABLE_INTERFACE || m.device.kind == REMOVABLE_CARD)
		act_on_gate(&m);
	else
		act_on_block(&m);
	*ret_verdict = m.verdict;
	*ret_marks = m.marks;
	return m.result;
}
