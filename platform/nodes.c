/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes.c - backend "nodes": cameras and microphones, by their device nodes. Rules of udev shut
 * them from the start of the phone on; while it runs they are shut here, at once, and udevd is told
 * to look again, so that logind lets nobody in any more. What a program has open stays open to it,
 * but for cameras on USB, which are taken away.
 *
 * A microphone is open while somebody calls, from the first ring or digit on, whatever the policy
 * says: on some phones sound of calls goes through programs of the user. Enforcer only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/backends.h"
#include "platform/call_watch.h"
#include "platform/node_list.h"
#include "platform/nodes_rule.h"
#include "platform/nodes_see.h"
#include "platform/override.h"
#include "platform/restrict.h"
#include "platform/udev.h"
#include "platform/uevent.h"
#include "platform/watch.h"

/* The only other program that is known to make calls; it does not say what ModemManager says. */
#define OFONO "usr/sbin/ofonod"
/* Is there from before a node is shut until after all of them are open again. */
#define RECORD "nodes"

struct nodes {
	struct backend_call call;
	struct child *child;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	struct lock_listener lock;
	struct call_watch calls;
	enum gate_choice wanted[GATES];
	bool is_shut[GATES]; /* now */
	sd_event_source *uevents, *attributes;
	struct contest contest;
	unsigned int n_repaired;
	size_t n_seen;		/* nodes at the last look */
	struct trouble trouble; /* of the operation under way */
};

static void nodes_probe(struct backend *b, struct backend_fact *ret_fact)
{
	(void)udev_probe(b->platform->sysroot_fd, ret_fact);
}

static bool has_ofono(const struct backend *b)
{
	return backend_file_exists(b->platform->sysroot_fd, OFONO);
}

static bool is_wanted(const struct nodes *s)
{
	return s->wanted[CAMERA] != GATE_ON || s->wanted[MICROPHONE] != GATE_ON;
}

/* Whether a gate has to be shut now. */
static bool has_to_be_shut(struct backend *b, enum gate gate)
{
	struct nodes *s = b->state;

	if (!gate_is_shut(b->platform, s->wanted[gate]))
		return false;
	if (gate != MICROPHONE)
		return true;
	switch (call_watch_state(&s->calls)) {
	case CALLS_NONE:
		break;
	case CALLS_ON:
		return false;
	case CALLS_UNKNOWN:
		/* Known in a moment: neither is a call cut off nor a microphone opened. */
		return s->is_shut[gate] ||
		       !gate_is_marked_open(b->platform->sysroot_fd, node_settings[gate]);
	case CALLS_STATE_MAX:
		break;
	}
	return true;
}

/* --- enforcing ----------------------------------------------------------------------------- */

static void watch_attributes(struct backend *b, const struct node *nodes, size_t n);
static void look_once_more(struct backend *b);

/* One node. turned: its gate has just been opened or shut. 1: it was not as it should be. */
static int treat(struct backend *b, const struct node *node, bool shut, bool turned)
{
	int root_fd = b->platform->sysroot_fd;
	bool is_shut = node_is_shut(root_fd, node);
	struct nodes *s = b->state;
	int r = 0;

	if (shut && !is_shut)
		r = node_shut(root_fd, node);
	else if (!shut && turned && is_shut)
		r = node_open(root_fd, node);
	if (r < 0)
		trouble_note(&s->trouble, r, node->name);
	/* Without that its tag stays, and logind lets the next one in. */
	if (shut && (turned || !is_shut) && node->kind != NODE_USB_CAMERA)
		(void)node_trigger(root_fd, node);
	return shut && !is_shut;
}

/* Every node as its gate is. The number of those that were not, though the gate had been shut. */
static size_t enforce(struct backend *b)
{
	_cleanup_free_ struct node *nodes = calloc(NODES_MAX, sizeof(*nodes));
	bool turned[GATES], shut[GATES];
	struct nodes *s = b->state;
	size_t n = 0, n_wrong = 0;
	int r;

	r = nodes ? node_list(b->platform->sysroot_fd, nodes, &n) : -ENOMEM;
	if (r < 0 && r != -E2BIG) {
		trouble_note(&s->trouble, r, "cannot see which cameras and microphones there are");
		return 0;
	}
	for (enum gate g = 0; g < GATES; g++) {
		shut[g] = has_to_be_shut(b, g);
		turned[g] = shut[g] != s->is_shut[g];
		s->is_shut[g] = shut[g];
		if (s->wanted[g] == GATE_ON)
			gate_unmark(b->platform->sysroot_fd, node_settings[g]);
		else
			trouble_note(&s->trouble,
				gate_mark(b->platform->sysroot_fd, node_settings[g], !shut[g]),
				"/" RESTRICT_OPEN);
	}
	for (size_t i = 0; i < n; i++) {
		enum gate g = node_gate(&nodes[i]);

		if (treat(b, &nodes[i], shut[g], turned[g]) && !turned[g])
			n_wrong++;
	}
	s->n_seen = n;
	watch_attributes(b, nodes, n);
	look_once_more(b);
	return n_wrong;
}

/* Something happened; a round follows where it matters to others. */
static void repair(void *userdata)
{
	struct backend *b = userdata;
	struct nodes *s = b->state;
	size_t n_before = s->n_seen, n_wrong;

	s->trouble = (struct trouble){0};
	n_wrong = enforce(b);
	s->n_repaired += (unsigned int)n_wrong;
	if (n_wrong || s->trouble.r < 0 || s->n_seen != n_before)
		s->changed(b, s->changed_userdata);
}

static bool any_is_wrong(struct backend *b)
{
	_cleanup_free_ struct node *nodes = calloc(NODES_MAX, sizeof(*nodes));
	struct nodes *s = b->state;
	size_t n = 0;

	if (!nodes || node_list(b->platform->sysroot_fd, nodes, &n) < 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (s->is_shut[node_gate(&nodes[i])] &&
			!node_is_shut(b->platform->sysroot_fd, &nodes[i]))
			return true;
	return n != s->n_seen;
}

/* Nobody tells of what happened while it was being shut. */
static void look_once_more(struct backend *b)
{
	struct nodes *s = b->state;

	if (is_wanted(s) && s->trouble.r == 0 && any_is_wrong(b))
		contest_answer_later(&s->contest, b->platform->event);
}

/* Somebody changed a node, or one came. */
static void look(struct backend *b)
{
	struct nodes *s = b->state;

	if (!any_is_wrong(b))
		return;
	contest_answer(&s->contest, b->platform->event);
}

/* --- what wakes us up ---------------------------------------------------------------------- */

static int nodes_on_attributes(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	char data[4096];

	(void)source;
	(void)events;
	while (read(fd, data, sizeof(data)) > 0)
		;
	look(userdata);
	return 0;
}

/*
 * Whoever makes a node his own is seen at once: root may, and then everybody. By the directories,
 * since a service that may not open a device may not watch its node either.
 */
static void watch_attributes(struct backend *b, const struct node *nodes, size_t n)
{
	struct nodes *s = b->state;
	int fd;

	s->attributes = sd_event_source_unref(s->attributes);
	if (!is_wanted(s))
		return;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		_cleanup_close_ int directory_fd = -1;
		char link[64], directory[SYSFS_NAME_BYTES];
		const char *slash = strrchr(nodes[i].node, '/');

		if (!slash)
			continue;
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - nodes[i].node),
			nodes[i].node);
		directory_fd = fs_open_nofollow(
			b->platform->sysroot_fd, directory, O_PATH | O_DIRECTORY, 0);
		if (directory_fd < 0)
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", directory_fd);
		(void)inotify_add_watch(fd, link, IN_ATTRIB);
	}
	if (sd_event_add_io(
		    b->platform->event, &s->attributes, fd, EPOLLIN, nodes_on_attributes, b) < 0 ||
		sd_event_source_set_io_fd_own(s->attributes, 1) < 0) {
		s->attributes = sd_event_source_unref(s->attributes);
		close(fd);
	}
}

static int nodes_on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct backend *b = userdata;
	struct nodes *s = b->state;

	(void)source;
	(void)events;
	if (!uevent_drain(fd))
		s->uevents = sd_event_source_unref(s->uevents);
	look(b);
	return 0;
}

static int watch_uevents(struct backend *b)
{
	static const char *const subsystems[] = {"video4linux", "sound", "usb"};
	struct nodes *s = b->state;

	return s->uevents ? 0
			  : uevent_watch(b->platform->event, subsystems, ARRAY_SIZE(subsystems),
				    nodes_on_uevent, b, &s->uevents);
}

static void nodes_on_lock(struct lock_listener *listener, bool locked)
{
	struct backend *b = listener->userdata;
	struct nodes *s = b->state;

	(void)locked;
	s->trouble = (struct trouble){0};
	(void)enforce(b);
	if (s->trouble.r < 0)
		s->changed(b, s->changed_userdata);
}

static void nodes_on_calls(struct call_watch *watch)
{
	nodes_on_lock(&((struct nodes *)((struct backend *)watch->userdata)->state)->lock, false);
}

/* --- the rules ----------------------------------------------------------------------------- */

static int derive_rule(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct nodes *s = userdata;

	(void)original;
	(void)n_bytes;
	return nodes_rule_write(
		s->wanted[CAMERA] != GATE_ON, s->wanted[MICROPHONE] != GATE_ON, out);
}

static const struct override_spec rule_spec = {
	.name = "nodes-rules",
	.path = NODES_RULE_PATH,
	.mode = 0644,
	.derive = derive_rule,
	.mark = RESTRICT_MARK,
};

static bool has_record(struct backend *b)
{
	_cleanup_free_ char *text = NULL;

	return restrict_load(b->platform, RECORD, &text) == 0;
}

static int write_rule(struct backend *b, bool *ret_changed)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct override_spec spec = rule_spec;
	int r;

	spec.userdata = b->state;
	if (is_wanted(b->state) && !has_record(b)) {
		r = restrict_save(b->platform, RECORD, "shut\n", strlen("shut\n"));
		if (r < 0)
			return r;
	}
	return is_wanted(b->state) ? override_apply(&place, &spec, ret_changed)
				   : override_revert(&place, &spec, ret_changed);
}

static void stop(struct backend *b)
{
	struct nodes *s = b->state;

	lock_watch_leave(b->platform, &s->lock);
	call_watch_close(&s->calls);
	s->uevents = sd_event_source_unref(s->uevents);
	s->attributes = sd_event_source_unref(s->attributes);
	contest_stop(&s->contest);
}

/* The rules are in force, or nobody reads them: the nodes follow. */
static void finish(struct backend *b)
{
	struct nodes *s = b->state;
	size_t n_wrong = enforce(b);

	b->apply_changed |= n_wrong > 0 || s->n_repaired > 0;
	s->n_repaired = 0;
	if (!is_wanted(s)) {
		stop(b);
		if (s->trouble.r == 0)
			trouble_note(&s->trouble, restrict_forget(b->platform, RECORD),
				"what was shut before");
	}
	/* What happened so far was our own doing, or what a last look finds. */
	if (s->uevents)
		(void)uevent_drain(sd_event_source_get_io_fd(s->uevents));
	watch_settle(s->watch);
	look_once_more(b);
	backend_call_finish(&s->call, s->trouble.r, s->trouble.message);
}

static void nodes_reloaded(const struct child_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct nodes *s = b->state;
	char why[LIMIT_TEXT_BYTES + 1];

	udev_explain(result, why);
	if (why[0])
		trouble_note_why(&s->trouble, -EIO, "udevadm", why);
	finish(b);
}

static int nodes_on_start(sd_event_source *source, void *userdata)
{
	struct backend *b = userdata;
	struct nodes *s = b->state;
	bool changed = false;
	int r;

	(void)source;
	s->call.source = sd_event_source_unref(s->call.source);
	trouble_note(
		&s->trouble, write_rule(b, &changed), "/" NODES_RULE_PATH " cannot be written");
	if (changed) {
		b->apply_changed = true;
		r = udev_reload(b->platform, nodes_reloaded, b, &s->child);
		if (r == 0)
			return 0;
		trouble_note(&s->trouble, r, "udevadm cannot be run");
	}
	finish(b);
	return 0;
}

static int begin(struct backend *b, backend_done_fn done, void *userdata)
{
	struct nodes *s = b->state;

	backend_call_begin(&s->call, b, done, userdata);
	s->trouble = (struct trouble){0};
	b->apply_changed = false;
	return sd_event_add_defer(b->platform->event, &s->call.source, nodes_on_start, b);
}

static int nodes_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct nodes *s = b->state;

	s->wanted[CAMERA] = s->wanted[MICROPHONE] = GATE_ON;
	/* Without rules nodes may be shut still: by a process that ended while it opened them. */
	if (!override_is_applied(&place, rule_spec.name) && !has_record(b) &&
		!backend_file_exists(place.root_fd, NODES_RULE_PATH)) {
		backend_call_begin(&s->call, b, done, userdata);
		stop(b);
		return backend_call_end(&s->call, 0, "");
	}
	/* A process that has just begun has shut nothing, but one before it may have. */
	s->is_shut[CAMERA] = s->is_shut[MICROPHONE] = true;
	return begin(b, done, userdata);
}

static int nodes_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct nodes *s = b->state;
	int r = 0;

	for (enum gate g = 0; g < GATES; g++) {
		s->wanted[g] = gate_wanted(desired, node_settings[g]);
		/* What is not said to be open was shut, perhaps by a process before this one. */
		s->is_shut[g] = !gate_is_marked_open(b->platform->sysroot_fd, node_settings[g]);
	}
	if (has_ofono(b))
		s->wanted[MICROPHONE] = GATE_ON;
	if (!is_wanted(s))
		return nodes_revert(b, done, userdata);
	if (s->wanted[CAMERA] == GATE_OFF_WHILE_LOCKED ||
		s->wanted[MICROPHONE] == GATE_OFF_WHILE_LOCKED)
		r = lock_watch_join(b->platform, &s->lock);
	else
		lock_watch_leave(b->platform, &s->lock);
	if (r == 0 && s->wanted[MICROPHONE] != GATE_ON)
		r = call_watch_open(&s->calls, b->platform);
	else
		call_watch_close(&s->calls);
	/* Without it new devices are seen at the next round only; the rules shut them all the
	 * same. */
	(void)watch_uevents(b);
	return r < 0 ? r : begin(b, done, userdata);
}

/* --- looking ------------------------------------------------------------------------------- */

static int nodes_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	_cleanup_free_ struct node *nodes = calloc(NODES_MAX, sizeof(*nodes));
	char message[LIMIT_TEXT_BYTES + 1] = "";
	struct nodes *s = b->state;
	struct nodes_view view = {.nodes = nodes, .no_calls = has_ofono(b)};
	int r = nodes ? node_list(b->platform->sysroot_fd, nodes, &view.n) : -ENOMEM;

	backend_call_begin(&s->call, b, done, userdata);
	if (gate_is_absent(b))
		return backend_call_end(&s->call, 0, "");
	memcpy(view.is_shut, s->is_shut, sizeof(view.is_shut));
	memcpy(view.wanted, s->wanted, sizeof(view.wanted));
	if (r == 0 || r == -E2BIG)
		r = nodes_see(b, &view);
	if (r < 0) {
		text_printf(message, "cannot see which cameras and microphones there are: %s",
			strerror(-r));
		for (enum gate g = 0; g < GATES; g++)
			backend_saw_none(
				b, node_settings[g], COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	return backend_call_end(&s->call, r, message);
}

/* --- life ---------------------------------------------------------------------------------- */

static void nodes_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct nodes *s = b->state;

	s->changed(b, s->changed_userdata);
}

static int nodes_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {NODES_RULE_PATH};
	struct nodes *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		nodes_on_change, b, &s->watch);
}

static void nodes_free(struct backend *b)
{
	struct nodes *s = b->state;

	backend_call_cancel(&s->call);
	child_free(s->child);
	stop(b);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops nodes_ops = {
	.name = "nodes",
	.help = "Cameras and microphones, by udev and their device nodes.",
	.serves = {[SETTING_RESTRICTIONS_CAMERA] = true, [SETTING_RESTRICTIONS_MICROPHONE] = true},
	.probe = nodes_probe,
	.observe = nodes_observe,
	.apply = nodes_apply,
	.watch = nodes_watch,
	.revert = nodes_revert,
	.free = nodes_free,
};

int nodes_backend_new(struct platform *platform, struct backend **ret_backend)
{
	struct nodes *s;
	int r = backend_new(platform, &nodes_ops, sizeof(*s), ret_backend);

	if (r < 0)
		return r;
	s = (*ret_backend)->state;
	s->lock = (struct lock_listener){.changed = nodes_on_lock, .userdata = *ret_backend};
	s->contest = (struct contest){.act = repair, .userdata = *ret_backend};
	s->calls.changed = nodes_on_calls;
	s->calls.userdata = *ret_backend;
	return 0;
}
