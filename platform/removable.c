/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removable.c - backend "removable": what memory sticks and cards may be used for. Writes a file of
 * udev rules and has udevd look at what is plugged in; what happens to a device is the business of
 * mdm-agent-media, which udevd starts, and which has the rights that the agent does not have.
 * Enforcer only.
 *
 * From one choice to another all that was done is undone first, by rules that say "any": only the
 * marks in udev's database know what that was.
 *
 * A device that is mounted, or has something built on it, stays as it is: taking it away would lose
 * its user's data. It is noncompliant until it is free; the change of the mount table, which the
 * backend "storage" watches, leads here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/override.h"
#include "platform/removable_view.h"
#include "platform/udev.h"
#include "platform/uevent.h"
#include "platform/watch.h"

#define SETTLE_SECONDS "15"
/* What could not be done is not tried again at once: each try makes new events. */
#define AGAIN_US (60 * UINT64_C(1000000))

enum removable_step {
	STEP_UNDO,    /* writes rules that undo everything */
	STEP_WRITE,   /* writes the rules of the policy */
	STEP_RESTORE, /* puts back what was there before the first rules */
	STEP_RELOAD,
	STEP_TRIGGER,
	STEP_SETTLE,
	STEP_END,
};

struct removable_backend {
	struct backend_call call;
	struct child *child;
	struct watch *watch;
	sd_event_source *uevents;
	backend_changed_fn changed;
	void *changed_userdata;
	/* Of the apply or revert under way. */
	const enum removable_step *steps;
	enum removable_choice wanted;
	struct removable_pin pins[REMOVABLE_PINS_MAX];
	size_t n_pins;
	int r;
	char message[LIMIT_TEXT_BYTES + 1];
	/* What was waiting when udevd was last asked for that alone. */
	char tried[LIMIT_TEXT_BYTES + 1];
	uint64_t tried_us;
};

static void removable_probe(struct backend *b, struct backend_fact *ret_fact)
{
	int root_fd = b->platform->sysroot_fd;

	if (!udev_probe(root_fd, ret_fact))
		return;
	if (!backend_file_exists(root_fd, REMOVABLE_PROGRAM)) {
		*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
		text_printf(ret_fact->detail, REMOVABLE_PROGRAM " is missing: install it again");
	}
}

static int removable_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct removable_backend *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	struct removable_view *view = NULL;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	r = removable_view_new(b->platform->sysroot_fd, &view);
	if (r == 0)
		r = removable_view_tell(view, b->observations[SETTING_ENCRYPTION_REMOVABLE]);
	if (r < 0) {
		text_printf(message, "cannot read what is plugged in: %s", strerror(-r));
		backend_saw_none(
			b, SETTING_ENCRYPTION_REMOVABLE, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	removable_view_free(view);
	return backend_call_end(&s->call, r, message);
}

/* --- the rules ----------------------------------------------------------------------------- */

struct rule {
	enum removable_choice choice;
	const struct removable_pin *pins;
	size_t n_pins;
};

static int derive_rule(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct rule *rule = userdata;

	(void)original;
	(void)n_bytes;
	return removable_rule_write(rule->choice, REMOVABLE_PROGRAM, rule->pins, rule->n_pins, out);
}

static const struct override_spec rule_spec = {
	.name = "removable-rules",
	.path = REMOVABLE_RULE_PATH,
	.mode = 0644,
	.derive = derive_rule,
	.mark = REMOVABLE_RULE_MARK,
};

static int write_rule(struct backend *b, enum removable_choice choice)
{
	struct removable_backend *s = b->state;
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct rule rule = {choice, s->pins, s->n_pins};
	struct override_spec spec = rule_spec;
	bool changed = false;
	int r;

	spec.userdata = &rule;
	r = override_apply(&place, &spec, &changed);
	b->apply_changed |= r == 0 && changed;
	return r;
}

static int restore_rule(struct backend *b)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	bool changed = false;
	int r = override_revert(&place, &rule_spec, &changed);

	b->apply_changed |= changed;
	return r;
}

/* --- udevadm ------------------------------------------------------------------------------- */

static void next_step(struct backend *b);

/* The first failure is the one that is told; what follows may still do some good. */
static void note_failure(struct removable_backend *s, int r, const char *what, const char *why)
{
	if (s->r < 0)
		return;
	s->r = r;
	text_printf(s->message, "%.80s: %.160s", what, why);
}

static void removable_ran(const struct child_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct removable_backend *s = b->state;
	char why[LIMIT_TEXT_BYTES + 1];

	udev_explain(result, why);
	/* Others' events can last; what became of our own is looked at in any case. */
	if (why[0] && s->steps[-1] != STEP_SETTLE)
		note_failure(s, -EIO, "udevadm", why);
	next_step(b);
}

/* 0, or -errno: it did not start. */
static int run(struct backend *b, const char *const *argv)
{
	struct removable_backend *s = b->state;

	return udev_start(b->platform, argv, removable_ran, b, &s->child);
}

/*
 * Only what is meant, by its names; parents come first, as udevadm sorts by paths. 1: nothing is
 * plugged in.
 */
static int run_trigger(struct backend *b, const char *udevadm)
{
	static const char *const head[] = {"trigger", "--action=change", "--subsystem-match=usb",
		"--subsystem-match=mmc", "--subsystem-match=block"};
	_cleanup_free_ struct removable_device *devices =
		calloc(REMOVABLE_DEVICES_MAX, sizeof(*devices));
	char names[REMOVABLE_DEVICES_MAX][SYSFS_NAME_BYTES + 16];
	const char *argv[REMOVABLE_DEVICES_MAX + ARRAY_SIZE(head) + 2];
	size_t n_devices = 0, n = 0;
	int r;

	if (!devices)
		return -ENOMEM;
	r = removable_list(b->platform->sysroot_fd, devices, &n_devices);
	if (r < 0 && r != -E2BIG)
		return r;
	if (n_devices == 0)
		return 1;
	argv[n++] = udevadm;
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		argv[n++] = head[i];
	for (size_t i = 0; i < n_devices; i++) {
		snprintf(names[i], sizeof(names[i]), "--sysname-match=%s", devices[i].name);
		argv[n++] = names[i];
	}
	argv[n] = NULL;
	return run(b, argv);
}

/* --- steps --------------------------------------------------------------------------------- */

/* 0: a program is under way; 1: done; -errno. */
static int do_step(struct backend *b, enum removable_step step)
{
	const char *udevadm = udev_find_admin(b->platform->sysroot_fd);
	struct removable_backend *s = b->state;
	const char *const reload[] = {udevadm, "control", "--reload", NULL};
	const char *const settle[] = {udevadm, "settle", "--timeout=" SETTLE_SECONDS, NULL};
	int r = -ENOENT;

	switch (step) {
	case STEP_UNDO:
		r = write_rule(b, REMOVABLE_ANY);
		return r < 0 ? r : 1;
	case STEP_WRITE:
		r = write_rule(b, s->wanted);
		return r < 0 ? r : 1;
	case STEP_RESTORE:
		r = restore_rule(b);
		return r < 0 ? r : 1;
	case STEP_RELOAD:
		return udevadm ? run(b, reload) : r;
	case STEP_TRIGGER:
		return udevadm ? run_trigger(b, udevadm) : r;
	case STEP_SETTLE:
		return udevadm ? run(b, settle) : r;
	case STEP_END:
		break;
	}
	return 1;
}

/* What happened so far was our own doing. */
static void removable_settle(struct backend *b)
{
	struct removable_backend *s = b->state;

	if (s->uevents)
		(void)uevent_drain(sd_event_source_get_io_fd(s->uevents));
	watch_settle(s->watch);
}

static void next_step(struct backend *b)
{
	static const char *const names[] = {
		[STEP_UNDO] = "cannot write /" REMOVABLE_RULE_PATH,
		[STEP_WRITE] = "cannot write /" REMOVABLE_RULE_PATH,
		[STEP_RESTORE] = "cannot restore /" REMOVABLE_RULE_PATH,
		[STEP_RELOAD] = "cannot run udevadm control",
		[STEP_TRIGGER] = "cannot run udevadm trigger",
		[STEP_SETTLE] = "cannot run udevadm settle",
	};
	struct removable_backend *s = b->state;

	while (*s->steps != STEP_END) {
		enum removable_step step = *s->steps++;
		int r = do_step(b, step);

		if (r == 0)
			return;
		if (r < 0)
			note_failure(s, r, names[step], strerror(-r));
	}
	removable_settle(b);
	backend_call_finish(&s->call, s->r, s->message);
}

static int removable_on_start(sd_event_source *source, void *userdata)
{
	struct backend *b = userdata;
	struct removable_backend *s = b->state;

	(void)source;
	s->call.source = sd_event_source_unref(s->call.source);
	next_step(b);
	return 0;
}

/* The steps begin on the loop, so that the answer never comes from inside this call. */
static int begin(struct backend *b, const enum removable_step *steps)
{
	struct removable_backend *s = b->state;

	s->steps = steps;
	s->r = 0;
	s->message[0] = 0;
	return sd_event_add_defer(b->platform->event, &s->call.source, removable_on_start, b);
}

/* --- apply, revert ------------------------------------------------------------------------- */

static const enum removable_step steps_write[] = {
	STEP_WRITE, STEP_RELOAD, STEP_TRIGGER, STEP_SETTLE, STEP_END};
static const enum removable_step steps_undo_write[] = {STEP_UNDO, STEP_RELOAD, STEP_TRIGGER,
	STEP_SETTLE, STEP_WRITE, STEP_RELOAD, STEP_TRIGGER, STEP_SETTLE, STEP_END};
static const enum removable_step steps_trigger[] = {STEP_TRIGGER, STEP_SETTLE, STEP_END};
static const enum removable_step steps_undo[] = {STEP_UNDO, STEP_RELOAD, STEP_TRIGGER, STEP_SETTLE,
	STEP_RESTORE, STEP_RELOAD, STEP_TRIGGER, STEP_SETTLE, STEP_END};
static const enum removable_step steps_none[] = {STEP_END};

/* Whether devices that are idle and not as they should be are worth another try. */
static bool is_worth_a_try(const struct backend *b, const struct removable_view *view)
{
	struct removable_backend *s = b->state;
	uint64_t now = 0;

	(void)sd_event_now(b->platform->event, CLOCK_BOOTTIME, &now);
	if (strcmp(s->tried, view->waiting) == 0 && now - s->tried_us < AGAIN_US)
		return false;
	text_printf(s->tried, "%s", view->waiting);
	s->tried_us = now;
	return true;
}

static const enum removable_step *choose_steps(
	const struct backend *b, const struct removable_view *view)
{
	const struct removable_backend *s = b->state;

	if (view->rules == REMOVABLE_RULES_RIGHT && view->choice == s->wanted)
		return view->n_waiting && is_worth_a_try(b, view) ? steps_trigger : steps_none;
	/* Other pins, or a file that somebody changed: what was done stays done. */
	if (view->rules != REMOVABLE_RULES_NONE && view->choice == s->wanted)
		return steps_write;
	return view->rules == REMOVABLE_RULES_NONE ? steps_write : steps_undo_write;
}

/* Whether rules of ours are there, or were put where something else is now. */
static bool is_applied(const struct backend *b)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	_cleanup_free_ char *text = NULL;

	if (override_is_applied(&place, rule_spec.name))
		return true;
	return fs_read(place.root_fd, REMOVABLE_RULE_PATH, LIMIT_PLATFORM_FILE_BYTES, &text,
		       NULL) == 0 &&
	       strncmp(text, REMOVABLE_RULE_MARK, strlen(REMOVABLE_RULE_MARK)) == 0;
}

/* Undoes everything. The marks of the devices say what that is: nothing has to be pinned. */
static int removable_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct removable_backend *s = b->state;

	backend_call_begin(&s->call, b, done, userdata);
	s->wanted = REMOVABLE_ANY;
	s->n_pins = 0;
	b->apply_changed = false;
	return is_applied(b) ? begin(b, steps_undo) : backend_call_end(&s->call, 0, "");
}

static int removable_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	const struct effective_setting *setting = &desired->settings[SETTING_ENCRYPTION_REMOVABLE];
	struct removable_backend *s = b->state;
	const enum removable_step *steps;
	struct removable_view *view = NULL;
	int r;

	if (!setting->present || setting->value.number <= REMOVABLE_ANY ||
		setting->value.number >= REMOVABLE_CHOICE_MAX)
		return removable_revert(b, done, userdata);
	backend_call_begin(&s->call, b, done, userdata);
	b->apply_changed = false;
	r = removable_view_new(b->platform->sysroot_fd, &view);
	if (r < 0)
		return backend_call_end(&s->call, r, "cannot read what is plugged in");
	s->wanted = (enum removable_choice)setting->value.number;
	memcpy(s->pins, view->pins, sizeof(s->pins));
	s->n_pins = view->n_pins;
	steps = choose_steps(b, view);
	removable_view_free(view);
	return steps == steps_none ? backend_call_end(&s->call, 0, "") : begin(b, steps);
}

/* --- watch --------------------------------------------------------------------------------- */

static void removable_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct removable_backend *s = b->state;

	s->changed(b, s->changed_userdata);
}

static int removable_on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct backend *b = userdata;
	struct removable_backend *s = b->state;

	(void)source;
	(void)events;
	if (!uevent_drain(fd))
		s->uevents = sd_event_source_unref(s->uevents);
	s->changed(b, s->changed_userdata);
	return 0;
}

static int watch_uevents(struct backend *b)
{
	struct removable_backend *s = b->state;
	_cleanup_close_ int fd = uevent_open(UEVENT_UDEV);
	int r;

	s->uevents = sd_event_source_unref(s->uevents);
	if (fd < 0)
		return fd;
	r = uevent_filter_media(fd);
	if (r == 0)
		r = sd_event_add_io(
			b->platform->event, &s->uevents, fd, EPOLLIN, removable_on_uevent, b);
	if (r < 0)
		return r;
	sd_event_source_set_io_fd_own(s->uevents, 1);
	TAKE_FD(fd);
	return 0;
}

static int removable_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	/* Not what is below /run/udev: with each event of a battery something comes and goes there.
	 */
	static const char *const paths[] = {REMOVABLE_RULE_PATH};
	struct removable_backend *s = b->state;
	int r;

	watch_free(TAKE_PTR(s->watch));
	s->changed = changed;
	s->changed_userdata = userdata;
	r = watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		removable_on_change, b, &s->watch);
	/* A fixture tree has no devices that come and go. */
	return r < 0 || !b->platform->sysroot_is_root ? r : watch_uevents(b);
}

static void removable_free(struct backend *b)
{
	struct removable_backend *s = b->state;

	child_free(TAKE_PTR(s->child));
	backend_call_cancel(&s->call);
	watch_free(s->watch);
	sd_event_source_unref(s->uevents);
	free(s);
}

static const struct backend_ops removable_ops = {
	.name = "removable",
	.help = "Memory sticks and cards, by udev, before anything is mounted.",
	.serves =
		{
			[SETTING_ENCRYPTION_REMOVABLE] = true,
		},
	.probe = removable_probe,
	.observe = removable_observe,
	.apply = removable_apply,
	.watch = removable_watch,
	.revert = removable_revert,
	.free = removable_free,
};

int removable_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &removable_ops, sizeof(struct removable_backend), ret_backend);
}
