/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rfkill.c - backend "rfkill": radios by the kernel's switches, which whoever is logged in may
 * turn, so that they are listened to and turned back. What is blocked is one switch at a time, so
 * that those that come later start as they would have. The modem is left alone: where it has a
 * switch, calls end with it. Enforcer only.
 */
#include "platform/rfkill.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/backends.h"
#include "platform/radios.h"
#include "platform/restrict.h"
#include "platform/sysfs.h"
#include "platform/uevent.h"

#define SWITCHES "dev/rfkill"
#define SWITCHES_CLASS "sys/class/rfkill"
#define RECORD "radios"
/* All radios off within this are off at once. */
#define CALM_US USEC_PER_SEC

static const struct row {
	enum setting_id id;
	uint8_t type;
	const char *hardware; /* the class that its devices are in, whether they have a switch or
				 not */
	const char *title;
} rows[] = {
	{SETTING_RESTRICTIONS_WIFI, RFKILL_TYPE_WLAN, "sys/class/ieee80211", "Wi-Fi"},
	{SETTING_RESTRICTIONS_BLUETOOTH, RFKILL_TYPE_BLUETOOTH, "sys/class/bluetooth", "Bluetooth"},
	{SETTING_RESTRICTIONS_NFC, RFKILL_TYPE_NFC, "sys/class/nfc", "NFC"},
};

struct rfkill {
	struct backend_call call;
	backend_changed_fn changed;
	void *changed_userdata;
	rfkill_open_fn open_switches;
	struct lock_listener lock;
	struct radios radios;
	enum gate_choice wanted[ARRAY_SIZE(rows)];
	bool no_airplane;
	int fd; /* -1: nothing is restricted */
	sd_event_source *source, *calm;
	sd_event_source *uevents; /* while there are no switches yet */
	struct contest contest;
	unsigned int n_repaired; /* since the last apply */
	bool was_against;	 /* after our last turn something was not as it should be */
	struct buf saved;	 /* what the record holds */
};

static void rfkill_probe(struct backend *b, struct backend_fact *ret_fact)
{
	bool here = backend_file_exists(b->platform->sysroot_fd, "sys/class");

	*ret_fact = (struct backend_fact){.present = here, .reason = REASON_NO_MECHANISM};
	if (!here)
		text_printf(ret_fact->detail, "/sys is not mounted");
}

/* --- the switches -------------------------------------------------------------------------- */

static int open_switches(struct platform *platform)
{
	return fs_open_nofollow(platform->sysroot_fd, SWITCHES, O_RDWR | O_NONBLOCK, 0);
}

static void read_name(struct backend *b, uint32_t index, char ret_name[RADIO_NAME_BYTES])
{
	char directory[64];

	snprintf(directory, sizeof(directory), SWITCHES_CLASS "/rfkill%u", index);
	(void)sysfs_read(b->platform->sysroot_fd, directory, "name", ret_name, RADIO_NAME_BYTES);
}

/* Takes what the kernel has said up to now. 0 or -errno. */
static int drain(struct backend *b, int fd)
{
	struct rfkill *s = b->state;

	for (;;) {
		struct rfkill_event event;
		char name[RADIO_NAME_BYTES] = "";
		ssize_t n = read(fd, &event, sizeof(event));

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n < (ssize_t)RFKILL_EVENT_SIZE_V1)
			return -EBADMSG;
		if (event.op == RFKILL_OP_ADD)
			read_name(b, event.idx, name);
		radios_take(&s->radios, &event, name);
	}
}

/* All of them, or the first failure. */
static int carry_out(struct rfkill *s, const struct radio_order *orders, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const struct rfkill_event event = {
			.idx = orders[i].index,
			.type = orders[i].type,
			.op = RFKILL_OP_CHANGE,
			.soft = orders[i].block,
		};

		if (write(s->fd, &event, RFKILL_EVENT_SIZE_V1) < 0 && r == 0)
			r = -errno;
	}
	return r;
}

/* --- the record ---------------------------------------------------------------------------- */

static void load_record(struct backend *b)
{
	struct rfkill *s = b->state;
	_cleanup_free_ char *text = NULL;

	/* One that is damaged says nothing; what is found is then taken for the user's wish. */
	if (restrict_load(b->platform, RECORD, &text) == 0 && radios_read(&s->radios, text) == 0)
		buf_puts(&s->saved, text);
}

/* On disk before a switch is turned. 0 or -errno. */
static int save_record(struct backend *b)
{
	struct rfkill *s = b->state;
	_cleanup_buf_ struct buf now = BUF_INIT;
	int r;

	radios_write(&s->radios, &now);
	if (now.error < 0)
		return now.error;
	if (now.n_bytes == s->saved.n_bytes &&
		(now.n_bytes == 0 || memcmp(now.data, s->saved.data, now.n_bytes) == 0))
		return 0;
	r = restrict_save(b->platform, RECORD, now.data ? now.data : "", now.n_bytes);
	if (r < 0)
		return r;
	buf_reset(&s->saved);
	buf_append(&s->saved, now.data, now.n_bytes);
	return s->saved.error;
}

/* --- enforcing ----------------------------------------------------------------------------- */

static bool is_wanted(const struct rfkill *s)
{
	bool any = s->no_airplane;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		any |= s->wanted[i] != GATE_ON;
	return any;
}

static void calm_later(struct backend *b);

static bool is_against(const struct rfkill *s)
{
	struct radio_order orders[RADIOS_MAX];

	return radios_to_shut(&s->radios, orders) > 0 ||
	       (s->no_airplane && radios_to_land(&s->radios, orders) > 0);
}

/* What the policy wants of every switch, now. *ret_n: switches that were not so. 0 or -errno. */
static int enforce(struct backend *b, size_t *ret_n)
{
	struct radio_order orders[RADIOS_MAX];
	struct rfkill *s = b->state;
	int r = drain(b, s->fd), error;
	size_t n = 0;

	*ret_n = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++) {
		bool shut = gate_is_shut(b->platform, s->wanted[i]);
		uint8_t type = rows[i].type;

		if (s->radios.shut[type] && !shut) {
			s->radios.shut[type] = false;
			n = radios_to_open(&s->radios, type, orders);
			r = carry_out(s, orders, n);
		}
		s->radios.shut[type] = shut;
		s->radios.kept[type] = s->wanted[i] != GATE_ON;
		if (s->wanted[i] == GATE_ON) {
			gate_unmark(b->platform->sysroot_fd, rows[i].id);
			continue;
		}
		error = gate_mark(b->platform->sysroot_fd, rows[i].id, !shut);
		r = r < 0 ? r : error;
	}
	if (r == 0)
		r = save_record(b);
	if (r < 0)
		return r;
	n = radios_to_shut(&s->radios, orders);
	r = carry_out(s, orders, n);
	*ret_n = n;
	if (r == 0 && s->no_airplane) {
		n = radios_to_land(&s->radios, orders);
		r = carry_out(s, orders, n);
		*ret_n += n;
	}
	/* Our own turns are read back, or they would be taken for the next reason to look; and
	 * perhaps those of somebody who was quicker. */
	error = drain(b, s->fd);
	s->was_against = is_against(s);
	if (r == 0 && error == 0 && s->source && s->was_against)
		contest_answer_later(&s->contest, b->platform->event);
	calm_later(b);
	return r < 0 ? r : error;
}

/* Somebody turned a switch back, or the phone was locked. */
static void repair(void *userdata)
{
	struct backend *b = userdata;
	struct rfkill *s = b->state;
	size_t n = 0;
	int r = enforce(b, &n);

	s->n_repaired += (unsigned int)n;
	/* A round looks what became of it, and tells. */
	if ((n || r < 0) && s->changed)
		s->changed(b, s->changed_userdata);
}

static int rfkill_on_event(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct backend *b = userdata;
	struct rfkill *s = b->state;
	int r = drain(b, fd);

	(void)source;
	(void)events;
	if (r < 0) {
		s->source = sd_event_source_unref(s->source);
		s->changed(b, s->changed_userdata);
		return 0;
	}
	if (!is_against(s)) {
		/* Its user turned a switch that is his: that is what he gets back later. */
		(void)save_record(b);
		calm_later(b);
		/* One that took its time to turn is told of. */
		if (s->was_against)
			s->changed(b, s->changed_userdata);
		s->was_against = false;
		return 0;
	}
	contest_answer(&s->contest, b->platform->event);
	return 0;
}

static int rfkill_on_calm(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct rfkill *s = ((struct backend *)userdata)->state;

	(void)source;
	(void)usec;
	s->calm = sd_event_source_unref(s->calm);
	radios_calm(&s->radios);
	return 0;
}

static void calm_later(struct backend *b)
{
	struct rfkill *s = b->state;

	s->calm = sd_event_source_unref(s->calm);
	if (s->no_airplane)
		(void)sd_event_add_time(b->platform->event, &s->calm, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + CALM_US), 100000, rfkill_on_calm, b);
}

static void rfkill_on_lock(struct lock_listener *listener, bool locked)
{
	(void)locked;
	struct backend *b = listener->userdata;
	struct rfkill *s = b->state;
	size_t n;

	if (s->fd >= 0 && enforce(b, &n) < 0)
		s->changed(b, s->changed_userdata);
}

/* --- begin, end ---------------------------------------------------------------------------- */

static void stop(struct backend *b)
{
	struct rfkill *s = b->state;

	lock_watch_leave(b->platform, &s->lock);
	s->source = sd_event_source_unref(s->source);
	contest_stop(&s->contest);
	s->calm = sd_event_source_unref(s->calm);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->radios = (struct radios){0};
	buf_done(&s->saved);
}

static int start(struct backend *b)
{
	struct rfkill *s = b->state;
	int r;

	if (s->fd >= 0)
		return 0;
	r = s->open_switches(b->platform);
	if (r < 0)
		return r;
	s->fd = r;
	load_record(b);
	/* What was not said to be open was shut, by us, before this process began. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		s->radios.shut[rows[i].type] =
			radios_has_record(&s->radios, rows[i].type) &&
			!gate_is_marked_open(b->platform->sysroot_fd, rows[i].id);
	r = drain(b, s->fd);
	if (r >= 0 && s->changed)
		r = sd_event_add_io(
			b->platform->event, &s->source, s->fd, EPOLLIN, rfkill_on_event, b);
	if (r < 0)
		stop(b);
	return r < 0 ? r : 0;
}

static bool wants_lock(const struct rfkill *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (s->wanted[i] == GATE_OFF_WHILE_LOCKED)
			return true;
	return false;
}

/* Takes the switches up and does with them what is wanted. 0 or -errno. */
static int take_up(struct backend *b, size_t *ret_n)
{
	struct rfkill *s = b->state;
	int r = start(b);

	*ret_n = 0;
	if (r < 0)
		return r;
	s->uevents = sd_event_source_unref(s->uevents);
	if (wants_lock(s))
		r = lock_watch_join(b->platform, &s->lock);
	else
		lock_watch_leave(b->platform, &s->lock);
	return r < 0 ? r : enforce(b, ret_n);
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ENXIO;
}

/* A radio came; the first one brings the switches. */
static int rfkill_on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct backend *b = userdata;
	struct rfkill *s = b->state;
	size_t n;

	(void)source;
	(void)events;
	if (!uevent_drain(fd))
		s->uevents = sd_event_source_unref(s->uevents);
	if (s->fd >= 0 || !is_wanted(s) || is_missing(take_up(b, &n)))
		return 0;
	s->changed(b, s->changed_userdata);
	return 0;
}

static int watch_radios(struct backend *b)
{
	static const char *const subsystems[] = {"rfkill"};
	struct rfkill *s = b->state;

	return s->uevents || !s->changed
		       ? 0
		       : uevent_watch(b->platform->event, subsystems, ARRAY_SIZE(subsystems),
				 rfkill_on_uevent, b, &s->uevents);
}

static int rfkill_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct rfkill *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	size_t n = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		s->wanted[i] = gate_wanted(desired, rows[i].id);
	s->no_airplane = gate_wanted(desired, SETTING_RESTRICTIONS_AIRPLANE_MODE) == GATE_OFF;
	if (!is_wanted(s))
		return b->ops->revert(b, done, userdata);
	backend_call_begin(&s->call, b, done, userdata);
	r = take_up(b, &n);
	/* A phone without switches has nothing to switch; looking tells. At the start of a phone
	 * their driver may come after the policy. */
	if (is_missing(r)) {
		(void)watch_radios(b);
		r = take_up(b, &n);
	}
	if (is_missing(r))
		return backend_call_end(&s->call, 0, "");
	b->apply_changed = n > 0 || s->n_repaired > 0;
	s->n_repaired = 0;
	if (r < 0)
		text_printf(message, "the switches of radios (/dev/rfkill) cannot be set: %s",
			strerror(-r));
	return backend_call_end(&s->call, r, message);
}

static int rfkill_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct rfkill *s = b->state;
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = 0;

	backend_call_begin(&s->call, b, done, userdata);
	if (s->fd >= 0 || restrict_load(b->platform, RECORD, &text) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			s->wanted[i] = GATE_ON;
		s->no_airplane = false;
		r = start(b);
		if (r == 0)
			r = enforce(b, &n);
		if (is_missing(r))
			r = 0;
		b->apply_changed = true;
	}
	s->uevents = sd_event_source_unref(s->uevents);
	stop(b);
	if (r == 0)
		r = restrict_forget(b->platform, RECORD);
	return backend_call_end(
		&s->call, r, r < 0 ? "the switches of radios could not be given back" : "");
}

/* --- looking ------------------------------------------------------------------------------- */

static bool has_entries(int root_fd, const char *directory)
{
	_cleanup_(closedirp) DIR *dir = NULL;

	return sysfs_open_directory(root_fd, directory, &dir) == 0 && sysfs_next_entry(dir);
}

static void see_radio(struct backend *b, const struct row *row)
{
	struct rfkill *s = b->state;
	char detail[LIMIT_TEXT_BYTES + 1];
	bool off;
	size_t n = radios_count(&s->radios, row->type, &off);

	if (n > 0) {
		gate_saw(b, row->id, off);
		if (contest_is_on(&s->contest, clock_boottime_us()))
			detail_add(b->observations[row->id]->detail,
				"somebody keeps switching radios; they are switched back");
	} else if (has_entries(b->platform->sysroot_fd, row->hardware)) {
		text_printf(detail, "the kernel has no switch for %s", row->title);
		gate_saw_unsupported(b, row->id, detail);
	} else {
		text_printf(detail, "this phone has no %s", row->title);
		gate_saw_nothing(b, row->id, detail);
	}
}

static int rfkill_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct rfkill *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	bool was_open = s->fd >= 0, off;
	int r = 0;

	backend_call_begin(&s->call, b, done, userdata);
	if (gate_is_absent(b))
		return backend_call_end(&s->call, 0, "");
	if (!was_open)
		s->fd = s->open_switches(b->platform);
	r = s->fd < 0 ? s->fd : drain(b, s->fd);
	if (is_missing(r))
		r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (r < 0)
			backend_saw_none(b, rows[i].id, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
		else
			see_radio(b, &rows[i]);
	}
	if (r < 0)
		backend_saw_none(b, SETTING_RESTRICTIONS_AIRPLANE_MODE, COMPLIANCE_ERROR,
			REASON_OBSERVE_FAILED);
	else if (radios_count(&s->radios, RFKILL_TYPE_WLAN, &off) +
			 radios_count(&s->radios, RFKILL_TYPE_BLUETOOTH, &off) +
			 radios_count(&s->radios, RFKILL_TYPE_WWAN, &off) ==
		 0)
		gate_saw_nothing(b, SETTING_RESTRICTIONS_AIRPLANE_MODE,
			"this phone has no radio that can be switched off");
	else
		gate_saw(b, SETTING_RESTRICTIONS_AIRPLANE_MODE,
			s->no_airplane && !radios_all_off(&s->radios));
	if (r < 0)
		text_printf(message, "the switches of radios (/dev/rfkill) cannot be read: %s",
			strerror(-r));
	if (!was_open)
		stop(b);
	return backend_call_end(&s->call, r, message);
}

static int rfkill_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct rfkill *s = b->state;

	/* The switches are listened to from the first restriction on. */
	s->changed = changed;
	s->changed_userdata = userdata;
	return 0;
}

static void rfkill_free(struct backend *b)
{
	struct rfkill *s = b->state;

	backend_call_cancel(&s->call);
	s->uevents = sd_event_source_unref(s->uevents);
	stop(b);
	free(s);
}

static const struct backend_ops rfkill_ops = {
	.name = "rfkill",
	.help = "Wi-Fi, Bluetooth, NFC and airplane mode, by the kernel's switches of radios.",
	.serves = {[SETTING_RESTRICTIONS_WIFI] = true,
		[SETTING_RESTRICTIONS_BLUETOOTH] = true,
		[SETTING_RESTRICTIONS_NFC] = true,
		[SETTING_RESTRICTIONS_AIRPLANE_MODE] = true},
	.probe = rfkill_probe,
	.observe = rfkill_observe,
	.apply = rfkill_apply,
	.watch = rfkill_watch,
	.revert = rfkill_revert,
	.free = rfkill_free,
};

int rfkill_backend_new_on(
	struct platform *platform, rfkill_open_fn open_fn, struct backend **ret_backend)
{
	struct rfkill *s;
	int r = backend_new(platform, &rfkill_ops, sizeof(*s), ret_backend);

	if (r < 0)
		return r;
	s = (*ret_backend)->state;
	s->fd = -1;
	s->open_switches = open_fn;
	s->contest = (struct contest){.act = repair, .userdata = *ret_backend};
	s->lock = (struct lock_listener){.changed = rfkill_on_lock, .userdata = *ret_backend};
	return 0;
}

int rfkill_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return rfkill_backend_new_on(platform, open_switches, ret_backend);
}
