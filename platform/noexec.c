/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noexec.c - backend "noexec": whether programs start from places where people can write. What is
 * so is read from the kernel's list of mounts of the system, not of this process, whose sandbox has
 * mounts of its own; what is to be changed is a job of mdm-agent-apps (agent/apps/mounts.h), which
 * is outside of that sandbox. Enforcer only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "agent/apps/mount_list.h"
#include "agent/apps/mounts.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/apps_job.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/mounts_watch.h"

#define MOUNTINFO "proc/self/mountinfo"
#define JOB_DEADLINE_S 60
/* What could not be closed is tried again after this, or when something is mounted. */
#define RETRY_US (600 * USEC_PER_SEC)
#define ITEMS_MAX 64

struct noexec {
	struct backend_call call;
	backend_changed_fn changed;
	void *changed_userdata;
	struct mounts_watch *mounts;
	struct apps_order order;
	struct apps_step step;
	bool is_given, is_opening, waits; /* waits: the call ends with the order */
	int64_t failed_us;		  /* 0: the last one went well */
	char failure[LIMIT_TEXT_BYTES + 1];
};

static void noexec_probe(struct backend *b, struct backend_fact *ret_fact)
{
	bool mounts = b->platform->host_mounts_fd > 0 ||
		      backend_file_exists(b->platform->sysroot_fd, MOUNTINFO);

	*ret_fact = (struct backend_fact){.present = mounts, .reason = REASON_NO_MECHANISM};
	if (!mounts)
		text_printf(ret_fact->detail, "/proc is not mounted");
}

/* --- looking ------------------------------------------------------------------------------ */

static int read_mounts(struct backend *b, struct mount_list *ret_list)
{
	_cleanup_close_ int own = -1;
	_cleanup_free_ char *text = NULL;
	int fd = b->platform->host_mounts_fd;
	size_t n;
	int r;

	if (fd <= 0)
		fd = own = fs_open_in_root(b->platform->sysroot_fd, MOUNTINFO, O_RDONLY);
	if (fd < 0)
		return fd;
	r = fs_read_fd(fd, MOUNT_LIST_BYTES, &text, &n);
	return r < 0 ? r : mount_list_parse(text, n, ret_list);
}

struct look {
	struct observed_item *items;
	size_t n, n_open;
};

static void add_item(struct look *look, const char *name, bool is_closed, const char *detail)
{
	struct observed_item *item = &look->items[look->n];

	look->n_open += !is_closed;
	/* Where there are more than fit, those that are open are named. */
	if (look->n == ITEMS_MAX && is_closed)
		return;
	if (look->n == ITEMS_MAX)
		item = &look->items[ITEMS_MAX - 1];
	else
		look->n++;
	item->state = is_closed ? COMPLIANCE_COMPLIANT : COMPLIANCE_NONCOMPLIANT;
	item->reason = is_closed ? REASON_NONE : REASON_EXEC_MOUNT;
	text_printf(item->name, "%s", name);
	text_printf(item->detail, "%s", detail);
}

/* A directory that is no mount of its own is what holds it. */
static void look_at_places(struct backend *b, const struct mount_list *list, struct look *look)
{
	for (size_t i = 0; mount_places[i]; i++) {
		const struct mount_entry *cover = mount_list_covering(list, mount_places[i]);
		_cleanup_close_ int fd = -1;

		if (mount_list_at(list, mount_places[i]))
			continue;
		fd = fs_open_nofollow(
			b->platform->sysroot_fd, mount_places[i] + 1, O_PATH | O_DIRECTORY, 0);
		if (fd >= 0 && cover)
			add_item(look, mount_places[i], cover->is_noexec,
				cover->is_noexec ? "" : "part of what programs start from");
	}
}

/* Of two at one point only the later is seen. */
static void look_at_mounts(const struct mount_list *list, struct look *look)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct mount_entry *entry = &list->entries[i];

		if (mount_is_peoples(entry) && mount_list_at(list, entry->point) == entry)
			add_item(look, entry->point, entry->is_noexec, entry->type);
	}
}

static void look_at_memfd(struct backend *b, struct look *look)
{
	struct utsname kernel;
	char value[16];

	/* Older kernels do not have it; the documentation says what that means. */
	if (fs_read_line(b->platform->sysroot_fd, APPS_MEMFD, value, sizeof(value)) < 0 ||
		uname(&kernel) < 0)
		return;
	add_item(look, "vm.memfd_noexec",
		value[0] >= '0' + mount_list_memfd(kernel.release) && value[0] <= '9',
		mount_list_memfd_stays(kernel.release)
			? "whether memory files can be executed; once set it stays until the "
			  "phone restarts (Linux 6.3 to 6.5)"
			: "whether memory files can be executed");
}

static int conclude(struct backend *b)
{
	struct observation *o = b->observations[SETTING_APPS_NOEXEC];
	struct noexec *s = b->state;
	_cleanup_(mount_list_done) struct mount_list list = {0};
	struct look look = {0};
	int r = read_mounts(b, &list);

	if (r < 0)
		return r;
	look.items = calloc(ITEMS_MAX, sizeof(*look.items));
	if (!look.items)
		return -ENOMEM;
	look_at_places(b, &list, &look);
	look_at_mounts(&list, &look);
	if (list.is_cut)
		add_item(&look, "other mounts", false, "more than can be looked at");
	look_at_memfd(b, &look);
	backend_saw(b, SETTING_APPS_NOEXEC, look.n_open == 0, true);
	if (look.n_open) {
		o->reason = REASON_EXEC_MOUNT;
		text_printf(o->detail, "programs start from %zu place%s%s%.150s", look.n_open,
			look.n_open == 1 ? "" : "s", s->failure[0] ? "; " : "", s->failure);
	}
	observation_keep_items(o, look.items, look.n);
	return 0;
}

static int noexec_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct noexec *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	r = conclude(b);
	if (r < 0) {
		text_printf(message, "cannot read the mounts: %s", strerror(-r));
		backend_saw_none(b, SETTING_APPS_NOEXEC, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	return backend_call_end(&s->call, r, message);
}

/* --- changing ------------------------------------------------------------------------------ */

static void note_failure(
	struct noexec *s, const struct apps_progress *progress, const char *failure)
{
	s->failure[0] = 0;
	s->failed_us = 0;
	if (!progress)
		text_printf(s->failure, "%s", failure);
	for (size_t i = 0; progress && i < progress->n_outcomes && !s->failure[0]; i++) {
		const struct apps_outcome *outcome = &progress->outcomes[i];

		if (outcome->result != APPS_DONE && outcome->result != APPS_NOTHING_TO_DO)
			text_printf(s->failure, "%.100s: %.150s", outcome->name, outcome->detail);
	}
	if (s->failure[0])
		s->failed_us = clock_boottime_us();
}

static void noexec_on_end(
	struct apps_order *order, const struct apps_progress *progress, const char *failure)
{
	struct backend *b = order->userdata;
	struct noexec *s = b->state;

	s->is_given = false;
	note_failure(s, progress, failure);
	if (s->waits) {
		s->waits = false;
		backend_call_finish(&s->call, s->failure[0] ? -EIO : 0, s->failure);
	} else if (s->changed) {
		s->changed(b, s->changed_userdata);
	}
}

static int give_order(struct backend *b, bool opening)
{
	struct noexec *s = b->state;
	int r;

	apps_jobs_forget(b->platform->apps_jobs, &s->order);
	s->step = (struct apps_step){
		.kind = opening ? APPS_STEP_EXEC : APPS_STEP_NOEXEC,
		.words = (char *)(uintptr_t) "",
	};
	s->order = (struct apps_order){
		.job = {.deadline_s = JOB_DEADLINE_S, .steps = &s->step, .n_steps = 1},
		.ended = noexec_on_end,
		.userdata = b,
	};
	snprintf(s->order.job.id, sizeof(s->order.job.id), "%s-%lld", apps_step_names[s->step.kind],
		(long long)clock_boottime_us());
	r = apps_jobs_give(b->platform->apps_jobs, &s->order);
	s->is_given = r == 0;
	s->is_opening = opening;
	return r;
}

/* Not over and over what fails, and not again what is under way. */
static bool is_due(const struct noexec *s)
{
	if (s->is_given && !s->is_opening)
		return false;
	return s->failed_us == 0 || clock_boottime_us() - s->failed_us >= RETRY_US;
}

static int noexec_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	const struct observation *o = b->observations[SETTING_APPS_NOEXEC];
	struct noexec *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r = 0;

	if (!desired->settings[SETTING_APPS_NOEXEC].value.number)
		return b->ops->revert(b, done, userdata);
	backend_call_begin(&s->call, b, done, userdata);
	if (o->has_value && !o->value.number && is_due(s)) {
		/* Its end is seen as a change; a round does not wait for it. */
		r = b->platform->apps_jobs ? give_order(b, false) : -ENOENT;
		b->apply_changed = r == 0;
	}
	if (r < 0)
		text_printf(message, "mdm-agent-apps cannot be asked to close places: %s",
			strerror(-r));
	return backend_call_end(&s->call, r, message);
}

/* The record of what was done lies where the jobs are. */
static bool has_closed(const struct backend *b)
{
	return b->platform->apps_jobs && faccessat(apps_jobs_directory(b->platform->apps_jobs),
						 APPS_MOUNTS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int noexec_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct noexec *s = b->state;
	int r = 0;

	backend_call_begin(&s->call, b, done, userdata);
	if (s->is_given && !s->is_opening && b->platform->apps_jobs) {
		apps_jobs_forget(b->platform->apps_jobs, &s->order);
		s->is_given = false;
	}
	if (!has_closed(b))
		return backend_call_end(&s->call, 0, "");
	r = give_order(b, true);
	if (r < 0)
		return backend_call_end(&s->call, r,
			"mdm-agent-apps cannot be asked to open places again; a restart of the "
			"phone does it");
	/* Who leaves wants it done. */
	b->apply_changed = true;
	s->waits = true;
	return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

static void noexec_on_mounts(void *userdata)
{
	struct backend *b = userdata;
	struct noexec *s = b->state;

	/* Something new may be closed where something before could not. */
	s->failed_us = 0;
	s->changed(b, s->changed_userdata);
}

static int noexec_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct noexec *s = b->state;
	_cleanup_close_ int own = -1;
	int fd = b->platform->host_mounts_fd;

	s->changed = changed;
	s->changed_userdata = userdata;
	/* Files of a fixture tree do not signal. */
	if (!b->platform->sysroot_is_root)
		return 0;
	if (fd <= 0)
		fd = own = fs_open_in_root(b->platform->sysroot_fd, MOUNTINFO, O_RDONLY);
	if (fd < 0)
		return fd;
	mounts_watch_free(TAKE_PTR(s->mounts));
	return mounts_watch_new(b->platform->event, fd, noexec_on_mounts, b, &s->mounts);
}

static void noexec_free(struct backend *b)
{
	struct noexec *s = b->state;

	backend_call_cancel(&s->call);
	if (b->platform->apps_jobs)
		apps_jobs_forget(b->platform->apps_jobs, &s->order);
	mounts_watch_free(s->mounts);
	free(s);
}

static const struct backend_ops noexec_ops = {
	.name = "noexec",
	.help = "Keeps programs from starting where people can write.",
	.serves = {[SETTING_APPS_NOEXEC] = true},
	.probe = noexec_probe,
	.observe = noexec_observe,
	.apply = noexec_apply,
	.watch = noexec_watch,
	.revert = noexec_revert,
	.free = noexec_free,
};

int noexec_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &noexec_ops, sizeof(struct noexec), ret_backend);
}
