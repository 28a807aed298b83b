/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb_host.c - backend "usb_host": whether what is plugged into the phone is taken, by the kernel's
 * own authorization. What is built in, the modem and network cards that were there when the rule
 * began, and the disk that the system runs from stay; what something is mounted from stays until
 * it is ejected. While the phone is locked nothing new is taken, and what was taken stays.
 * Rules of udev do the same from the start of the phone on. Enforcer only.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/util/clock.h"
#include "platform/backends.h"
#include "platform/override.h"
#include "platform/restrict.h"
#include "platform/udev.h"
#include "platform/uevent.h"
#include "platform/usb_list.h"
#include "platform/usb_record.h"
#include "platform/watch.h"

#define ID SETTING_RESTRICTIONS_USB_HOST
#define RECORD "usb_host"
#define PARAMETERS "sys/module/usbcore/parameters"
#define BUS "sys/bus/usb"

struct usb_host {
	struct backend_call call;
	struct child *child;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	struct lock_listener lock;
	enum gate_choice wanted;
	bool is_shut, has_record;
	struct usb_record record;
	sd_event_source *uevents;
	struct contest contest;
	unsigned int n_repaired;
	struct trouble trouble; /* of the operation under way */
};

static void usb_host_probe(struct backend *b, struct backend_fact *ret_fact)
{
	(void)udev_probe(b->platform->sysroot_fd, ret_fact);
}

/* --- what was there before ----------------------------------------------------------------- */

/* Unplugged meanwhile: no trouble. */
static int unless_gone(int r)
{
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static void learn(struct backend *b, const struct usb_device *devices, size_t n)
{
	struct usb_host *s = b->state;
	char word[16];

	s->record = (struct usb_record){0};
	if (sysfs_read(b->platform->sysroot_fd, PARAMETERS, "authorized_default", word,
		    sizeof(word)) &&
		strlen(word) < sizeof(s->record.parameter))
		memcpy(s->record.parameter, word, strlen(word) + 1);
	for (size_t i = 0; i < n; i++) {
		const struct usb_device *device = &devices[i];

		if (device->is_root) {
			(void)sysfs_read(b->platform->sysroot_fd, device->path,
				"authorized_default", word, sizeof(word));
			usb_record_hub(&s->record, device->name, word);
		} else if (!device->authorized) {
			usb_record_refused(&s->record, device->name);
		} else if (device->is_network || (device->says_fixed && !device->is_fixed)) {
			/* On a hub of which the firmware says nothing: what is there now, alone. */
			usb_record_pin(&s->record, &device->pin);
		}
	}
}

static int save(struct backend *b)
{
	struct usb_host *s = b->state;
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = usb_record_write(&s->record, &text);

	return r < 0 ? r
		     : restrict_save(b->platform, RECORD, text.data ? text.data : "", text.n_bytes);
}

static bool load(struct backend *b)
{
	struct usb_host *s = b->state;
	_cleanup_free_ char *text = NULL;

	if (!s->has_record)
		s->has_record = restrict_load(b->platform, RECORD, &text) == 0 &&
				usb_record_read(text, &s->record) == 0;
	return s->has_record;
}

/* On disk before anything changes. 0 or -errno. */
static int remember(struct backend *b)
{
	_cleanup_free_ struct usb_device *devices = calloc(USB_DEVICES_MAX, sizeof(*devices));
	struct usb_host *s = b->state;
	bool changed = !load(b);
	size_t n = 0;
	int r = devices ? usb_list(b->platform->sysroot_fd, devices, &n) : -ENOMEM;

	if (r < 0 && r != -E2BIG)
		return r;
	if (changed)
		learn(b, devices, n);
	s->has_record = true;
	/* A phone that runs from a disk on USB must find it at its next start. */
	for (size_t i = 0; i < n; i++) {
		if (!devices[i].is_system || devices[i].is_root ||
			usb_is_pinned(&devices[i], s->record.pins, s->record.n_pins))
			continue;
		usb_record_pin(&s->record, &devices[i].pin);
		changed = true;
	}
	return changed ? save(b) : 0;
}

/* --- enforcing ----------------------------------------------------------------------------- */

static bool is_kept(const struct usb_host *s, const struct usb_device *device)
{
	return device->is_fixed || device->is_system ||
	       usb_is_pinned(device, s->record.pins, s->record.n_pins);
}

/* Whether a device that is taken has to go. */
static bool has_to_go(const struct usb_host *s, const struct usb_device *device)
{
	return s->is_shut && s->wanted == GATE_OFF && !device->is_root && device->authorized &&
	       !is_kept(s, device);
}

static bool is_default_wrong(const struct usb_host *s, const struct usb_device *device)
{
	return device->is_root && device->authorized && s->is_shut;
}

static bool has_to_come(const struct usb_host *s, const struct usb_device *device, bool turned)
{
	if (device->is_root || device->authorized)
		return false;
	return s->is_shut ? is_kept(s, device)
			  : turned && !usb_record_is_refused(&s->record, device->name);
}

/* 1: it was not as it should be. */
static size_t treat(struct backend *b, const struct usb_device *device, bool turned)
{
	int root_fd = b->platform->sysroot_fd;
	struct usb_host *s = b->state;

	if (device->is_root && !s->is_shut && turned) {
		trouble_note(&s->trouble,
			unless_gone(sysfs_write(root_fd, device->path, "authorized_default",
				usb_record_default(&s->record, device->name))),
			device->name);
	} else if (is_default_wrong(s, device)) {
		trouble_note(&s->trouble,
			unless_gone(sysfs_write(root_fd, device->path, "authorized_default", "0")),
			device->name);
		return 1;
	} else if (has_to_go(s, device) && !device->is_busy) {
		trouble_note(&s->trouble,
			unless_gone(sysfs_write(root_fd, device->path, "authorized", "0")),
			device->name);
		return 1;
	} else if (has_to_come(s, device, turned)) {
		trouble_note(&s->trouble,
			unless_gone(sysfs_write(root_fd, device->path, "authorized", "1")),
			device->name);
	}
	return 0;
}

static size_t enforce(struct backend *b)
{
	_cleanup_free_ struct usb_device *devices = calloc(USB_DEVICES_MAX, sizeof(*devices));
	int root_fd = b->platform->sysroot_fd;
	struct usb_host *s = b->state;
	bool shut = gate_is_shut(b->platform, s->wanted), turned = shut != s->is_shut;
	size_t n = 0, n_wrong = 0;
	int r = devices ? usb_list(root_fd, devices, &n) : -ENOMEM;

	if (r < 0 && r != -E2BIG) {
		trouble_note(&s->trouble, r, "cannot see what is on USB");
		return 0;
	}
	s->is_shut = shut;
	if (s->wanted == GATE_ON)
		gate_unmark(root_fd, ID);
	else
		trouble_note(&s->trouble, gate_mark(root_fd, ID, !shut), "/" RESTRICT_OPEN);
	/* Controllers that come later; what cannot be set here, the rules set a moment later. */
	if (s->record.parameter[0])
		(void)sysfs_write(root_fd, PARAMETERS, "authorized_default",
			shut ? "0" : s->record.parameter);
	for (size_t i = 0; i < n; i++)
		n_wrong += treat(b, &devices[i], turned);
	return turned ? 0 : n_wrong;
}

static void repair(void *userdata)
{
	struct backend *b = userdata;
	struct usb_host *s = b->state;
	size_t n_wrong;

	s->trouble = (struct trouble){0};
	n_wrong = enforce(b);
	s->n_repaired += (unsigned int)n_wrong;
	if (n_wrong || s->trouble.r < 0)
		s->changed(b, s->changed_userdata);
}

static bool any_is_wrong(struct backend *b)
{
	_cleanup_free_ struct usb_device *devices = calloc(USB_DEVICES_MAX, sizeof(*devices));
	struct usb_host *s = b->state;
	bool wrong = false;
	size_t n = 0;

	if (!devices)
		return false;
	(void)usb_list(b->platform->sysroot_fd, devices, &n);
	for (size_t i = 0; i < n; i++)
		wrong |= is_default_wrong(s, &devices[i]) ||
			 (has_to_go(s, &devices[i]) && !devices[i].is_busy) ||
			 has_to_come(s, &devices[i], false);
	return wrong;
}

/* Something was plugged in or out, or its authorization changed. */
static void look(struct backend *b)
{
	struct usb_host *s = b->state;
	bool wrong = any_is_wrong(b);

	/* What was refused is told in the next report. */
	s->changed(b, s->changed_userdata);
	if (wrong)
		contest_answer(&s->contest, b->platform->event);
}

static int usb_host_on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct backend *b = userdata;
	struct usb_host *s = b->state;

	(void)source;
	(void)events;
	if (!uevent_drain(fd))
		s->uevents = sd_event_source_unref(s->uevents);
	look(b);
	return 0;
}

static void usb_host_on_lock(struct lock_listener *listener, bool locked)
{
	struct backend *b = listener->userdata;
	struct usb_host *s = b->state;

	(void)locked;
	s->trouble = (struct trouble){0};
	(void)enforce(b);
	if (s->trouble.r < 0)
		s->changed(b, s->changed_userdata);
}

/* --- apply, revert ------------------------------------------------------------------------- */

static int derive_rule(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct usb_host *s = userdata;

	(void)original;
	(void)n_bytes;
	return usb_rule_write(s->record.pins, s->record.n_pins, out);
}

static const struct override_spec rule_spec = {
	.name = "usb-rules",
	.path = USB_RULE_PATH,
	.mode = 0644,
	.derive = derive_rule,
	.mark = RESTRICT_MARK,
};

static int write_rule(struct backend *b, bool *ret_changed)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct override_spec spec = rule_spec;
	struct usb_host *s = b->state;

	spec.userdata = s;
	return s->wanted != GATE_ON ? override_apply(&place, &spec, ret_changed)
				    : override_revert(&place, &spec, ret_changed);
}

static void stop(struct backend *b)
{
	struct usb_host *s = b->state;

	lock_watch_leave(b->platform, &s->lock);
	s->uevents = sd_event_source_unref(s->uevents);
	contest_stop(&s->contest);
}

static void finish(struct backend *b)
{
	struct usb_host *s = b->state;
	size_t n_wrong = enforce(b);

	b->apply_changed |= n_wrong > 0 || s->n_repaired > 0;
	s->n_repaired = 0;
	if (s->wanted == GATE_ON) {
		stop(b);
		s->has_record = false;
		trouble_note(
			&s->trouble, restrict_forget(b->platform, RECORD), "what was there before");
	}
	/* What happened so far was our own doing, or what a last look finds. */
	if (s->uevents)
		(void)uevent_drain(sd_event_source_get_io_fd(s->uevents));
	if (s->wanted != GATE_ON && s->trouble.r == 0 && any_is_wrong(b))
		contest_answer_later(&s->contest, b->platform->event);
	watch_settle(s->watch);
	backend_call_finish(&s->call, s->trouble.r, s->trouble.message);
}

static void usb_host_reloaded(const struct child_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct usb_host *s = b->state;
	char why[LIMIT_TEXT_BYTES + 1];

	udev_explain(result, why);
	if (why[0])
		trouble_note_why(&s->trouble, -EIO, "udevadm", why);
	finish(b);
}

static int usb_host_on_start(sd_event_source *source, void *userdata)
{
	struct backend *b = userdata;
	struct usb_host *s = b->state;
	bool changed = false;
	int r;

	(void)source;
	s->call.source = sd_event_source_unref(s->call.source);
	trouble_note(&s->trouble, write_rule(b, &changed), "/" USB_RULE_PATH " cannot be written");
	if (changed) {
		b->apply_changed = true;
		r = udev_reload(b->platform, usb_host_reloaded, b, &s->child);
		if (r == 0)
			return 0;
		trouble_note(&s->trouble, r == -ENOENT ? -EIO : r, "udevadm cannot be run");
	}
	finish(b);
	return 0;
}

static int begin(struct backend *b)
{
	struct usb_host *s = b->state;

	s->trouble = (struct trouble){0};
	b->apply_changed = false;
	return sd_event_add_defer(b->platform->event, &s->call.source, usb_host_on_start, b);
}

static int usb_host_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct usb_host *s = b->state;

	backend_call_begin(&s->call, b, done, userdata);
	s->wanted = GATE_ON;
	if (!load(b) && !override_is_applied(&place, rule_spec.name) &&
		!backend_file_exists(place.root_fd, USB_RULE_PATH)) {
		stop(b);
		return backend_call_end(&s->call, 0, "");
	}
	s->is_shut = true;
	return begin(b);
}

static int watch_uevents(struct backend *b)
{
	static const char *const subsystems[] = {"usb"};
	struct usb_host *s = b->state;

	return s->uevents ? 0
			  : uevent_watch(b->platform->event, subsystems, ARRAY_SIZE(subsystems),
				    usb_host_on_uevent, b, &s->uevents);
}

static int usb_host_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct usb_host *s = b->state;
	int r = 0;

	s->wanted = gate_wanted(desired, ID);
	if (s->wanted == GATE_ON)
		return usb_host_revert(b, done, userdata);
	backend_call_begin(&s->call, b, done, userdata);
	s->is_shut = !gate_is_marked_open(b->platform->sysroot_fd, ID);
	if (s->wanted == GATE_OFF_WHILE_LOCKED)
		r = lock_watch_join(b->platform, &s->lock);
	else
		lock_watch_leave(b->platform, &s->lock);
	if (r == 0)
		r = remember(b);
	if (r < 0)
		return backend_call_end(
			&s->call, r, "what was on USB before the policy could not be remembered");
	(void)watch_uevents(b);
	return begin(b);
}

/* --- looking ------------------------------------------------------------------------------- */

static void tell_device(
	const struct usb_host *s, const struct usb_device *device, struct observed_item *item)
{
	text_printf(item->name, "%s%s%s%s", device->name, *device->title ? " (" : "", device->title,
		*device->title ? ")" : "");
	item->state = COMPLIANCE_COMPLIANT;
	if (!device->authorized) {
		text_printf(item->detail, "not taken");
	} else if (s->wanted != GATE_ON && is_kept(s, device)) {
		text_printf(item->detail, device->is_fixed    ? "built in"
					  : device->is_system ? "the running system lies on it"
							      : "a network of the phone");
	} else if (has_to_go(s, device)) {
		item->state = COMPLIANCE_NONCOMPLIANT;
		item->reason = device->is_busy ? REASON_IN_USE : REASON_WEAKER;
		text_printf(item->detail,
			device->is_busy ? "in use since before the policy, left alone so that "
					  "nothing is lost: eject it"
					: "taken");
	} else {
		text_printf(item->detail, "taken");
	}
}

static int see(struct backend *b, const struct usb_device *devices, size_t n)
{
	struct usb_host *s = b->state;
	struct observation *o = b->observations[ID];
	struct observed_item *items = calloc(n + 1, sizeof(*items));
	const struct observed_item *bad = NULL;
	bool is_shut = true, any = false;
	size_t n_items = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (devices[i].is_root) {
			any = true;
			is_shut &= !devices[i].authorized;
			continue;
		}
		tell_device(s, &devices[i], &items[n_items]);
		if (items[n_items].state != COMPLIANCE_COMPLIANT && !bad)
			bad = &items[n_items];
		n_items++;
	}
	/* No controller now: one that comes is met by the rules. */
	is_shut &= any || backend_file_exists(b->platform->sysroot_fd, USB_RULE_PATH);
	gate_saw(b, ID, is_shut && !bad);
	o->items = items;
	o->n_items = n_items;
	if (bad)
		text_printf(o->detail, "%.100s: %.140s", bad->name, bad->detail);
	return 0;
}

static int usb_host_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	_cleanup_free_ struct usb_device *devices = calloc(USB_DEVICES_MAX, sizeof(*devices));
	char message[LIMIT_TEXT_BYTES + 1] = "";
	struct usb_host *s = b->state;
	size_t n = 0;
	int r = 0;

	backend_call_begin(&s->call, b, done, userdata);
	if (backend_file_exists(b->platform->sysroot_fd, "sys/bus") &&
		!backend_file_exists(b->platform->sysroot_fd, BUS)) {
		gate_saw_nothing(b, ID, "this phone has no USB for others to be plugged into");
		return backend_call_end(&s->call, 0, "");
	}
	if (gate_is_absent(b))
		return backend_call_end(&s->call, 0, "");
	r = devices ? usb_list(b->platform->sysroot_fd, devices, &n) : -ENOMEM;
	if (r == 0 || r == -E2BIG)
		r = see(b, devices, n);
	if (r < 0) {
		text_printf(message, "cannot see what is on USB: %s", strerror(-r));
		backend_saw_none(b, ID, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	return backend_call_end(&s->call, r, message);
}

/* --- life ---------------------------------------------------------------------------------- */

static void usb_host_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct usb_host *s = b->state;

	s->changed(b, s->changed_userdata);
}

static int usb_host_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {USB_RULE_PATH};
	struct usb_host *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		usb_host_on_change, b, &s->watch);
}

static void usb_host_free(struct backend *b)
{
	struct usb_host *s = b->state;

	backend_call_cancel(&s->call);
	child_free(s->child);
	stop(b);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops usb_host_ops = {
	.name = "usb_host",
	.help = "What is plugged into the phone, by the kernel's authorization of USB devices.",
	.serves = {[ID] = true},
	.probe = usb_host_probe,
	.observe = usb_host_observe,
	.apply = usb_host_apply,
	.watch = usb_host_watch,
	.revert = usb_host_revert,
	.free = usb_host_free,
};

int usb_host_backend_new(struct platform *platform, struct backend **ret_backend)
{
	struct usb_host *s;
	int r = backend_new(platform, &usb_host_ops, sizeof(*s), ret_backend);

	if (r < 0)
		return r;
	s = (*ret_backend)->state;
	s->lock = (struct lock_listener){.changed = usb_host_on_lock, .userdata = *ret_backend};
	s->contest = (struct contest){.act = repair, .userdata = *ret_backend};
	return 0;
}
