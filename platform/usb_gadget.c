/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb_gadget.c - backend "usb_gadget": whether the phone offers data to what it is plugged into.
 * Gadgets made in configfs are unbound from their controller, others are disconnected from the
 * cable; the controller and the charger are left alone. What a desktop binds again (usb-signaller,
 * usb-moded) is unbound again. Which gadget was bound where is kept in memory only, as gadgets are.
 * Enforcer only.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/backends.h"
#include "platform/restrict.h"
#include "platform/sysfs.h"
#include "platform/uevent.h"
#include "platform/watch.h"

#define ID SETTING_RESTRICTIONS_USB_GADGET
#define GADGETS "sys/kernel/config/usb_gadget"
#define CONTROLLERS "sys/class/udc"
/* "g1 ci_hdrc.0", a line for each that was unbound; "- ci_hdrc.0" for one that was disconnected. */
#define BINDINGS "run/mdm-agent/gadgets"
#define GADGETS_MAX 16
#define BINDINGS_BYTES (GADGETS_MAX * 2 * (SYSFS_NAME_BYTES + 1))

struct gadget {
	char name[SYSFS_NAME_BYTES];	   /* of configfs; "-": a driver without it */
	char controller[SYSFS_NAME_BYTES]; /* "": not bound */
};

struct usb_gadget {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	struct lock_listener lock;
	enum gate_choice wanted;
	bool is_shut;
	sd_event_source *uevents;
	struct contest contest;
	unsigned int n_repaired;
	char watched[GADGETS_MAX][SYSFS_NAME_BYTES]; /* gadgets whose files are watched */
	size_t n_watched;
	struct trouble trouble; /* of the operation under way */
};

static void usb_gadget_probe(struct backend *b, struct backend_fact *ret_fact)
{
	bool here = backend_file_exists(b->platform->sysroot_fd, "sys/class");

	*ret_fact = (struct backend_fact){.present = here, .reason = REASON_NO_MECHANISM};
	if (!here)
		text_printf(ret_fact->detail, "/sys is not mounted");
}

/* --- what there is ------------------------------------------------------------------------- */

struct gadgets {
	struct gadget all[GADGETS_MAX];
	size_t n;
};

static bool is_name(const char *name)
{
	return *name && strlen(name) < SYSFS_NAME_BYTES && strcmp(name, "-") != 0 &&
	       !strpbrk(name, " /\n");
}

static void gadgets_add(struct gadgets *gadgets, const char *name, const char *controller)
{
	struct gadget *gadget = &gadgets->all[gadgets->n];

	if (gadgets->n == GADGETS_MAX)
		return;
	snprintf(gadget->name, sizeof(gadget->name), "%.63s", name);
	snprintf(gadget->controller, sizeof(gadget->controller), "%.63s", controller);
	gadgets->n++;
}

static void list_configured(int root_fd, struct gadgets *gadgets)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;

	if (sysfs_open_directory(root_fd, GADGETS, &dir) < 0)
		return;
	while ((entry = sysfs_next_entry(dir))) {
		char path[SYSFS_PATH_BYTES], controller[SYSFS_NAME_BYTES];

		if (!is_name(entry->d_name))
			continue;
		snprintf(path, sizeof(path), GADGETS "/%.63s", entry->d_name);
		if (sysfs_read(root_fd, path, "UDC", controller, sizeof(controller)))
			gadgets_add(gadgets, entry->d_name, controller);
	}
}

static bool is_listed(const struct gadgets *gadgets, const char *controller)
{
	for (size_t i = 0; i < gadgets->n; i++)
		if (strcmp(gadgets->all[i].controller, controller) == 0)
			return true;
	return false;
}

/* Controllers that a driver of the kernel has, and no gadget of configfs. */
static void list_drivers(int root_fd, struct gadgets *gadgets)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;

	if (sysfs_open_directory(root_fd, CONTROLLERS, &dir) < 0)
		return;
	while ((entry = sysfs_next_entry(dir))) {
		char path[SYSFS_PATH_BYTES], driver[SYSFS_NAME_BYTES], state[32];

		if (!is_name(entry->d_name) || is_listed(gadgets, entry->d_name) ||
			sysfs_resolve(root_fd, CONTROLLERS, entry->d_name, path) < 0 ||
			!sysfs_read(root_fd, path, "function", driver, sizeof(driver)) || !*driver)
			continue;
		/* Disconnected, it is not attached. */
		(void)sysfs_read(root_fd, path, "state", state, sizeof(state));
		gadgets_add(gadgets, "-", strcmp(state, "not attached") == 0 ? "" : entry->d_name);
	}
}

static void gadgets_list(int root_fd, struct gadgets *ret_gadgets)
{
	*ret_gadgets = (struct gadgets){0};
	list_configured(root_fd, ret_gadgets);
	list_drivers(root_fd, ret_gadgets);
}

static size_t n_bound(const struct gadgets *gadgets)
{
	size_t n = 0;

	for (size_t i = 0; i < gadgets->n; i++)
		n += gadgets->all[i].controller[0] != 0;
	return n;
}

/* --- what was bound where ------------------------------------------------------------------ */

/* Lines of any other form are passed by: the file is ours, and root's. */
static void bindings_read(int root_fd, struct gadgets *ret_bindings)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest;

	*ret_bindings = (struct gadgets){0};
	if (fs_read(root_fd, BINDINGS, BINDINGS_BYTES, &text, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *space = strchr(line, ' ');

		if (!space)
			continue;
		*space = 0;
		if ((strcmp(line, "-") == 0 || is_name(line)) && is_name(space + 1) &&
			strcmp(line, "..") != 0 && strcmp(space + 1, "..") != 0)
			gadgets_add(ret_bindings, line, space + 1);
	}
}

/* Those bound now in the places of what was said of them before. 0 or -errno. */
static int bindings_write(int root_fd, const struct gadgets *now)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct gadgets before;
	int r;

	bindings_read(root_fd, &before);
	for (size_t i = 0; i < now->n; i++)
		if (now->all[i].controller[0])
			buf_printf(&text, "%s %s\n", now->all[i].name, now->all[i].controller);
	for (size_t i = 0; i < before.n; i++)
		if (!is_listed(now, before.all[i].controller))
			buf_printf(&text, "%s %s\n", before.all[i].name, before.all[i].controller);
	if (text.error < 0)
		return text.error;
	r = fs_make_dirs(root_fd, "run/mdm-agent", 0755);
	return r < 0 ? r
		     : fs_replace(
			       root_fd, BINDINGS, text.data ? text.data : "", text.n_bytes, &owner);
}

/* --- turning ------------------------------------------------------------------------------- */

static int connect_driver(int root_fd, const char *controller, bool on)
{
	char path[SYSFS_PATH_BYTES];
	int r = sysfs_resolve(root_fd, CONTROLLERS, controller, path);

	return r < 0 ? r
		     : sysfs_write(root_fd, path, "soft_connect", on ? "connect" : "disconnect");
}

static int bind_gadget(int root_fd, const struct gadget *gadget, bool on)
{
	char path[SYSFS_PATH_BYTES];

	if (strcmp(gadget->name, "-") == 0)
		return connect_driver(root_fd, gadget->controller, on);
	snprintf(path, sizeof(path), GADGETS "/%s", gadget->name);
	return sysfs_write(root_fd, path, "UDC", on ? gadget->controller : "\n");
}

static void shut_all(struct backend *b, const struct gadgets *gadgets)
{
	struct usb_gadget *s = b->state;
	int root_fd = b->platform->sysroot_fd;
	int r;

	if (n_bound(gadgets) == 0)
		return;
	r = bindings_write(root_fd, gadgets);
	/* What is bound where is not lost for good: whoever made it can bind it again. */
	trouble_note(&s->trouble, r, "/" BINDINGS);
	for (size_t i = 0; i < gadgets->n; i++) {
		if (!gadgets->all[i].controller[0])
			continue;
		r = bind_gadget(root_fd, &gadgets->all[i], false);
		trouble_note(
			&s->trouble, r == -ENODEV || r == -ENOENT ? 0 : r, gadgets->all[i].name);
	}
}

static void open_all(struct backend *b)
{
	struct usb_gadget *s = b->state;
	int root_fd = b->platform->sysroot_fd;
	struct gadgets bindings;

	bindings_read(root_fd, &bindings);
	for (size_t i = 0; i < bindings.n; i++) {
		int r = bind_gadget(root_fd, &bindings.all[i], true);

		/* Gone, or somebody else has the controller by now. */
		if (r != -ENODEV && r != -ENOENT && r != -EBUSY)
			trouble_note(&s->trouble, r, bindings.all[i].name);
	}
	(void)fs_remove(root_fd, BINDINGS);
}

static int rewatch(struct backend *b, const struct gadgets *gadgets);

/* The number of gadgets that were bound though they may not be. */
static size_t enforce(struct backend *b)
{
	struct usb_gadget *s = b->state;
	bool shut = gate_is_shut(b->platform, s->wanted), turned = shut != s->is_shut;
	struct gadgets gadgets;
	size_t n = 0;

	s->is_shut = shut;
	if (s->wanted == GATE_ON)
		gate_unmark(b->platform->sysroot_fd, ID);
	else
		trouble_note(&s->trouble, gate_mark(b->platform->sysroot_fd, ID, !shut),
			"/" RESTRICT_OPEN);
	gadgets_list(b->platform->sysroot_fd, &gadgets);
	if (shut) {
		n = n_bound(&gadgets);
		shut_all(b, &gadgets);
	} else if (turned) {
		open_all(b);
	}
	(void)rewatch(b, &gadgets);
	/* Our own turns are nothing to look at. */
	if (s->uevents)
		(void)uevent_drain(sd_event_source_get_io_fd(s->uevents));
	watch_settle(s->watch);
	/* Those of somebody who was quicker are. */
	gadgets_list(b->platform->sysroot_fd, &gadgets);
	if (shut && s->trouble.r == 0 && n_bound(&gadgets) > 0)
		contest_answer_later(&s->contest, b->platform->event);
	return turned ? 0 : n;
}

static void repair(void *userdata)
{
	struct backend *b = userdata;
	struct usb_gadget *s = b->state;
	size_t n;

	s->trouble = (struct trouble){0};
	n = enforce(b);
	s->n_repaired += (unsigned int)n;
	if (n || s->trouble.r < 0)
		s->changed(b, s->changed_userdata);
}

static void look(struct backend *b)
{
	struct usb_gadget *s = b->state;
	struct gadgets gadgets;

	gadgets_list(b->platform->sysroot_fd, &gadgets);
	/* A new one may have been bound before it was watched. */
	if (rewatch(b, &gadgets) > 0)
		gadgets_list(b->platform->sysroot_fd, &gadgets);
	if (!s->is_shut || n_bound(&gadgets) == 0)
		return;
	contest_answer(&s->contest, b->platform->event);
}

/* --- what wakes us up ---------------------------------------------------------------------- */

static void usb_gadget_on_change(void *userdata)
{
	look(userdata);
}

static int usb_gadget_on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct backend *b = userdata;
	struct usb_gadget *s = b->state;

	(void)source;
	(void)events;
	if (!uevent_drain(fd))
		s->uevents = sd_event_source_unref(s->uevents);
	look(b);
	return 0;
}

static bool is_watched(const struct usb_gadget *s, const struct gadgets *gadgets)
{
	size_t n = 0;

	for (size_t i = 0; i < gadgets->n; i++) {
		if (strcmp(gadgets->all[i].name, "-") == 0)
			continue;
		if (n == s->n_watched || strcmp(s->watched[n], gadgets->all[i].name) != 0)
			return false;
		n++;
	}
	return s->watch && n == s->n_watched;
}

/* The gadgets' own files, besides the directory in which others may appear. 1: others than before.
 */
static int rewatch(struct backend *b, const struct gadgets *gadgets)
{
	struct usb_gadget *s = b->state;
	char files[GADGETS_MAX][SYSFS_NAME_BYTES + sizeof(GADGETS) + 8];
	const char *paths[GADGETS_MAX + 1] = {GADGETS "/"};
	struct watch *watch = NULL;
	size_t n = 0;
	int r;

	if (s->wanted == GATE_ON || is_watched(s, gadgets))
		return 0;
	for (size_t i = 0; i < gadgets->n; i++) {
		if (strcmp(gadgets->all[i].name, "-") == 0)
			continue;
		snprintf(files[n], sizeof(files[n]), GADGETS "/%s/UDC", gadgets->all[i].name);
		memcpy(s->watched[n], gadgets->all[i].name, SYSFS_NAME_BYTES);
		paths[n + 1] = files[n];
		n++;
	}
	s->n_watched = n;
	r = watch_new(b->platform->event, b->platform->sysroot_fd, paths, n + 1,
		usb_gadget_on_change, b, &watch);
	if (r < 0)
		return r;
	watch_free(s->watch);
	s->watch = watch;
	return 1;
}

static void stop(struct backend *b)
{
	struct usb_gadget *s = b->state;

	lock_watch_leave(b->platform, &s->lock);
	s->uevents = sd_event_source_unref(s->uevents);
	contest_stop(&s->contest);
	watch_free(TAKE_PTR(s->watch));
	s->n_watched = 0;
}

static void usb_gadget_on_lock(struct lock_listener *listener, bool locked)
{
	struct backend *b = listener->userdata;
	struct usb_gadget *s = b->state;

	(void)locked;
	s->trouble = (struct trouble){0};
	(void)enforce(b);
	if (s->trouble.r < 0)
		s->changed(b, s->changed_userdata);
}

/* --- apply, revert, looking ---------------------------------------------------------------- */

static int usb_gadget_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct usb_gadget *s = b->state;

	backend_call_begin(&s->call, b, done, userdata);
	s->trouble = (struct trouble){0};
	s->wanted = GATE_ON;
	if (s->is_shut || backend_file_exists(b->platform->sysroot_fd, BINDINGS)) {
		s->is_shut = true;
		(void)enforce(b);
		b->apply_changed = true;
	}
	gate_unmark(b->platform->sysroot_fd, ID);
	stop(b);
	return backend_call_end(&s->call, s->trouble.r, s->trouble.message);
}

static int usb_gadget_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	static const char *const subsystems[] = {"udc"};
	struct usb_gadget *s = b->state;
	size_t n;
	int r = 0;

	s->wanted = gate_wanted(desired, ID);
	if (s->wanted == GATE_ON)
		return usb_gadget_revert(b, done, userdata);
	backend_call_begin(&s->call, b, done, userdata);
	s->trouble = (struct trouble){0};
	s->is_shut = !gate_is_marked_open(b->platform->sysroot_fd, ID);
	if (s->wanted == GATE_OFF_WHILE_LOCKED)
		r = lock_watch_join(b->platform, &s->lock);
	else
		lock_watch_leave(b->platform, &s->lock);
	trouble_note(&s->trouble, r, "whether the phone is locked");
	if (!s->uevents)
		(void)uevent_watch(b->platform->event, subsystems, ARRAY_SIZE(subsystems),
			usb_gadget_on_uevent, b, &s->uevents);
	n = enforce(b);
	b->apply_changed = n > 0 || s->n_repaired > 0;
	s->n_repaired = 0;
	return backend_call_end(&s->call, s->trouble.r, s->trouble.message);
}

static int usb_gadget_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	int root_fd = b->platform->sysroot_fd;
	struct usb_gadget *s = b->state;
	struct observation *o = &b->observations[ID];
	struct gadgets gadgets;

	backend_call_begin(&s->call, b, done, userdata);
	if (gate_is_absent(b))
		return backend_call_end(&s->call, 0, "");
	gadgets_list(root_fd, &gadgets);
	if (gadgets.n == 0 && !backend_file_exists(root_fd, CONTROLLERS)) {
		gate_saw_nothing(b, ID, "this phone cannot be a device for others");
	} else {
		gate_saw(b, ID, n_bound(&gadgets) == 0 && (s->wanted != GATE_ON));
		if (contest_is_on(&s->contest, clock_boottime_us()))
			text_printf(o->detail, "somebody keeps binding gadgets; they are unbound");
	}
	return backend_call_end(&s->call, 0, "");
}

static int usb_gadget_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct usb_gadget *s = b->state;

	/* Gadgets are watched from the first restriction on. */
	s->changed = changed;
	s->changed_userdata = userdata;
	return 0;
}

static void usb_gadget_free(struct backend *b)
{
	struct usb_gadget *s = b->state;

	backend_call_cancel(&s->call);
	stop(b);
	free(s);
}

static const struct backend_ops usb_gadget_ops = {
	.name = "usb_gadget",
	.help = "What the phone offers to what it is plugged into, by unbinding its gadgets.",
	.serves = {[ID] = true},
	.probe = usb_gadget_probe,
	.observe = usb_gadget_observe,
	.apply = usb_gadget_apply,
	.watch = usb_gadget_watch,
	.revert = usb_gadget_revert,
	.free = usb_gadget_free,
};

int usb_gadget_backend_new(struct platform *platform, struct backend **ret_backend)
{
	struct usb_gadget *s;
	int r = backend_new(platform, &usb_gadget_ops, sizeof(*s), ret_backend);

	if (r < 0)
		return r;
	s = (*ret_backend)->state;
	s->lock = (struct lock_listener){.changed = usb_gadget_on_lock, .userdata = *ret_backend};
	s->contest = (struct contest){.act = repair, .userdata = *ret_backend};
	return 0;
}
