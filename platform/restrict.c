/* SPDX-License-Identifier: Apache-2.0 */
/* restrict.c - gates and their marks; see restrict.h. Enforcer only. */
#include "platform/restrict.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"

#define CONTEST_WINDOW_US (60 * USEC_PER_SEC)

/* Settings that are on or off have no word in between. */
static bool has_locked(enum setting_id id)
{
	return setting_row(id)->max == GATE_OFF;
}

enum gate_choice gate_wanted(const struct effective *desired, enum setting_id id)
{
	const struct effective_setting *setting = desired ? &desired->settings[id] : NULL;

	if (!setting || !setting->present || setting->value.number <= 0)
		return GATE_ON;
	return has_locked(id) && setting->value.number == GATE_OFF_WHILE_LOCKED
		       ? GATE_OFF_WHILE_LOCKED
		       : GATE_OFF;
}

bool gate_is_shut(const struct platform *platform, enum gate_choice choice)
{
	switch (choice) {
	case GATE_ON:
		return false;
	case GATE_OFF_WHILE_LOCKED:
		return lock_watch_is_locked(platform);
	case GATE_OFF:
	case GATE_CHOICE_MAX:
		break;
	}
	return true;
}

/* --- marks --------------------------------------------------------------------------------- */

static void mark_path(enum setting_id id, char ret_path[128])
{
	snprintf(ret_path, 128, RESTRICT_OPEN "/%s", setting_row(id)->name);
}

int gate_mark(int root_fd, enum setting_id id, bool open)
{
	_cleanup_close_ int fd = -1, dir_fd = -1;
	char path[128];
	int r;

	mark_path(id, path);
	if (open) {
		r = fs_make_dirs(root_fd, RESTRICT_OPEN, 0755);
		if (r < 0)
			return r;
	}
	dir_fd = fs_open_nofollow(root_fd, RESTRICT_OPEN, O_RDONLY | O_DIRECTORY, 0);
	if (dir_fd < 0)
		return dir_fd == -ENOENT && !open ? 0 : dir_fd;
	if (!open)
		return unlinkat(dir_fd, setting_row(id)->name, 0) < 0 && errno != ENOENT ? -errno
											 : 0;
	fd = openat(dir_fd, setting_row(id)->name,
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
	return fd < 0 ? -errno : 0;
}

bool gate_is_marked_open(int root_fd, enum setting_id id)
{
	char path[128];

	mark_path(id, path);
	return backend_file_exists(root_fd, path);
}

void gate_unmark(int root_fd, enum setting_id id)
{
	(void)gate_mark(root_fd, id, false);
	/* The last one takes the directory along, as nothing stays of the agent. */
	(void)fs_remove_dir(root_fd, RESTRICT_OPEN);
}

/* --- observations -------------------------------------------------------------------------- */

static int64_t gate_number(enum setting_id id, enum gate_choice choice)
{
	if (has_locked(id))
		return choice;
	return choice == GATE_OFF ? 1 : 0;
}

void gate_saw(struct backend *b, enum setting_id id, bool is_shut)
{
	enum gate_choice wanted = gate_wanted(b->platform->desired, id);
	enum gate_choice seen = is_shut ? GATE_OFF : GATE_ON;

	/* What may be open need not: a radio that its user has switched off, too. */
	if (wanted == GATE_OFF_WHILE_LOCKED && (is_shut || !gate_is_shut(b->platform, wanted)))
		seen = GATE_OFF_WHILE_LOCKED;
	backend_saw(b, id, gate_number(id, seen), true);
	if (seen == GATE_OFF_WHILE_LOCKED)
		text_printf(b->observations[id].detail, "%s", lock_watch_why(b->platform));
	if (wanted != GATE_ON && seen < wanted)
		b->observations[id].reason = REASON_WEAKER;
}

void gate_saw_nothing(struct backend *b, enum setting_id id, const char *detail)
{
	backend_saw(b, id, setting_row(id)->max, true);
	text_printf(b->observations[id].detail, "%s", detail);
}

void gate_saw_unsupported(struct backend *b, enum setting_id id, const char *detail)
{
	backend_saw_none(b, id, COMPLIANCE_UNSUPPORTED, REASON_NO_MECHANISM);
	text_printf(b->observations[id].detail, "%s", detail);
}

bool gate_is_absent(struct backend *b)
{
	struct backend_fact fact;

	b->ops->probe(b, &fact);
	if (fact.present)
		return false;
	for (enum setting_id id = 0; id < SETTING_MAX; id++)
		if (b->ops->serves[id])
			gate_saw_unsupported(b, id, fact.detail);
	return true;
}

/* --- contests ------------------------------------------------------------------------------ */

bool contest_is_on(const struct contest *contest, int64_t now_us)
{
	/* The place of the next one holds the oldest of the last CONTEST_FREE. */
	return contest->n_all >= CONTEST_FREE &&
	       now_us - contest->recent_us[contest->next] < CONTEST_WINDOW_US;
}

int64_t contest_note(struct contest *contest, int64_t now_us)
{
	bool is_on = contest_is_on(contest, now_us);

	contest->recent_us[contest->next] = now_us;
	contest->next = (contest->next + 1) % CONTEST_FREE;
	contest->n_all++;
	return is_on ? CONTEST_WAIT_US : 0;
}

static int contest_on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct contest *contest = userdata;

	(void)source;
	(void)usec;
	contest->again = sd_event_source_unref(contest->again);
	if (contest->late)
		(void)contest_note(contest, clock_boottime_us());
	contest->late = false;
	contest->act(contest->userdata);
	return 0;
}

static int contest_wait(struct contest *contest, sd_event *event)
{
	return sd_event_add_time(event, &contest->again, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + CONTEST_WAIT_US), 100000, contest_on_again,
		contest);
}

void contest_answer(struct contest *contest, sd_event *event)
{
	int64_t now = clock_boottime_us();

	if (contest->again && (!contest->late || contest_is_on(contest, now)))
		return;
	contest_stop(contest);
	if (contest_note(contest, now) == 0 || contest_wait(contest, event) < 0)
		contest->act(contest->userdata);
}

void contest_answer_later(struct contest *contest, sd_event *event)
{
	if (contest->again)
		return;
	/* Where that fails, the next round looks. */
	(void)contest_wait(contest, event);
	contest->late = true;
}

void contest_stop(struct contest *contest)
{
	contest->again = sd_event_source_unref(contest->again);
	contest->late = false;
}

/* --- trouble ------------------------------------------------------------------------------- */

void trouble_note_why(struct trouble *trouble, int r, const char *what, const char *why)
{
	if (r >= 0 || trouble->r < 0)
		return;
	trouble->r = r;
	text_printf(trouble->message, "%.110s: %.140s", what, why ? why : strerror(-r));
}

void trouble_note(struct trouble *trouble, int r, const char *what)
{
	trouble_note_why(trouble, r, what, NULL);
}

/* --- state --------------------------------------------------------------------------------- */

static void state_path(const char *name, char ret_path[128])
{
	snprintf(ret_path, 128, RESTRICT_STATE "/%s", name);
}

int restrict_save(const struct platform *platform, const char *name, const char *text, size_t n)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	char path[128];
	int r;

	if (platform->state_fd <= 0)
		return 0;
	r = fs_make_dirs(platform->state_fd, RESTRICT_STATE, 0700);
	if (r < 0)
		return r;
	state_path(name, path);
	return fs_replace(platform->state_fd, path, text, n, &owner);
}

int restrict_load(const struct platform *platform, const char *name, char **ret_text)
{
	char path[128];

	if (platform->state_fd <= 0)
		return -ENOENT;
	state_path(name, path);
	return fs_read(platform->state_fd, path, LIMIT_PLATFORM_FILE_BYTES, ret_text, NULL);
}

int restrict_forget(const struct platform *platform, const char *name)
{
	char path[128];
	int r;

	if (platform->state_fd <= 0)
		return 0;
	state_path(name, path);
	r = fs_remove(platform->state_fd, path);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		(void)fs_remove_dir(platform->state_fd, RESTRICT_STATE);
	return r;
}
