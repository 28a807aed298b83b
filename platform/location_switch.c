/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_switch.c - the switch by which the person at the phone turns location off: the key
 * /org/gnome/system/location/enabled of dconf, which the settings of phosh and GNOME show. Read
 * from the databases as programs are served it, without asking anybody's program. Reads only.
 * Enforcer only.
 *
 * Whose: that of the person in front of the screen; while nobody is, of the only person the phone
 * has. Plasma Mobile and Sxmo have no such switch, and their phones answer "unknown": nobody there
 * has said no.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "agent/util/fs.h"
#include "platform/dconf_read.h"
#include "platform/homes.h"
#include "platform/location_private.h"
#include "platform/session.h"

#define SWITCH_KEY "/org/gnome/system/location/enabled"
#define SWITCH_SCHEMA "org.gnome.system.location"
#define SCHEMAS_PATH "usr/share/glib-2.0/schemas/gschemas.compiled"
#define USER_DIRECTORY ".config/dconf"
#define USER_DATABASE ".config/dconf/user"
#define SESSION_PATIENCE_US (3 * USEC_PER_SEC)

/* --- reading -------------------------------------------------------------------------------- */

/* What the schema says where nobody has set anything. False: no desktop here has the switch. */
static bool read_default(int root_fd, enum truth *ret_state)
{
	_cleanup_free_ char *data = NULL;
	struct gvdb root, schema;
	bool enabled;
	size_t n;

	if (!backend_file_exists(root_fd, "usr/bin/gnome-shell") &&
		!backend_file_exists(root_fd, "usr/bin/phosh-session") &&
		!backend_file_exists(root_fd, "usr/libexec/phosh"))
		return false;
	if (fs_read(root_fd, SCHEMAS_PATH, LIMIT_SCHEMAS_BYTES, &data, &n) < 0 ||
		gvdb_open(data, n, &root) < 0 || !gvdb_find_table(&root, SWITCH_SCHEMA, &schema))
		return false;
	*ret_state = TRUTH_UNKNOWN;
	if (gvdb_find_default(&schema, "enabled", &enabled))
		*ret_state = enabled ? TRUTH_TRUE : TRUTH_FALSE;
	return true;
}

/* The home of that person; uid 0: of the only one there is. The index, or -1. */
static int find_home(const struct homes *homes, uint32_t uid)
{
	int found = -1;

	for (size_t i = 0; i < homes->n_homes; i++) {
		if (homes->homes[i].uid == 0 || (uid != 0 && homes->homes[i].uid != uid))
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return uid == 0 && homes->n_skipped ? -1 : found;
}

/* What the user set: 1 with the value; 0: nothing; -errno. */
static int read_users(const struct home *home, bool *ret_enabled)
{
	_cleanup_free_ char *data = NULL;
	struct gvdb_value value;
	struct gvdb database;
	size_t n;
	int r = home_read_at(home->fd, USER_DATABASE, LIMIT_PLATFORM_FILE_BYTES, &data, &n);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return r;
	/* dconf takes a damaged database for an empty one. */
	if (gvdb_open(data, n, &database) < 0 || !gvdb_find_value(&database, SWITCH_KEY, &value) ||
		value.type != GVDB_BOOLEAN)
		return 0;
	*ret_enabled = value.number != 0;
	return 1;
}

/* What the system's databases say; enforced: nothing that the user sets counts. */
static bool read_systems(int root_fd, bool *ret_enabled, bool *ret_enforced)
{
	_cleanup_(dconf_view_done) struct dconf_view view = {0};
	struct dconf_answer answer;

	if (dconf_view_open(root_fd, &view) < 0)
		return false;
	dconf_view_read(&view, SWITCH_KEY, &answer);
	if (!answer.has_value || answer.value.type != GVDB_BOOLEAN)
		return false;
	*ret_enabled = answer.value.number != 0;
	*ret_enforced = answer.enforced;
	return true;
}

static enum truth truth_of(bool enabled)
{
	return enabled ? TRUTH_TRUE : TRUTH_FALSE;
}

void location_switch_read(
	int root_fd, uint32_t uid, enum truth *ret_state, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	_cleanup_(homes_done) struct homes homes = {0};
	bool has_system, enabled = false, users = false, enforced = false;
	enum truth state;
	int home, r;

	ret_detail[0] = 0;
	*ret_state = TRUTH_UNKNOWN;
	if (!read_default(root_fd, &state)) {
		text_printf(ret_detail, "no desktop of this phone has a switch for location");
		return;
	}
	has_system = read_systems(root_fd, &enabled, &enforced);
	if (has_system) {
		state = truth_of(enabled);
		if (enforced) {
			text_printf(ret_detail, "set by the system, users cannot change it");
			*ret_state = state;
			return;
		}
	}
	homes_open(root_fd, &homes);
	home = find_home(&homes, uid);
	if (home < 0) {
		text_printf(ret_detail, "nobody is in front of the screen");
		return;
	}
	r = read_users(&homes.homes[home], &users);
	if (r < 0) {
		text_printf(ret_detail,
			"the settings of the person at the phone cannot be read: %s", strerror(-r));
		return;
	}
	*ret_state = r > 0 ? truth_of(users) : state;
	if (r == 0)
		text_printf(ret_detail, "the person at the phone has not touched it");
}

/* --- watching ------------------------------------------------------------------------------- */

static void switch_arm(struct location *l);

static void switch_look(struct location *l)
{
	struct location_switch *s = &l->user_switch;
	enum truth before = s->state;
	bool looked = s->looked;

	/* What comes while it is read is seen by the next look. */
	switch_arm(l);
	location_switch_read(l->platform->sysroot_fd, s->uid, &s->state, s->detail);
	s->looked = true;
	if (!looked || s->state != before)
		location_post(l, LOCATION_SWITCHED);
}

static void switch_disarm(struct location_switch *s)
{
	s->watch = sd_event_source_unref(s->watch);
	if (s->inotify_fd >= 0)
		close(TAKE_FD(s->inotify_fd));
}

static int switch_on_change(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct location *l = userdata;
	char chunk[4096];

	(void)source;
	(void)revents;
	while (read(fd, chunk, sizeof(chunk)) > 0)
		;
	switch_look(l);
	return 0;
}

/* Watches the directory of the user's database. Where there is none yet, and for what the system's
 * databases say, the switch is read anew when something is wanted the next time. */
static void switch_arm(struct location *l)
{
	_cleanup_(homes_done) struct homes homes = {0};
	struct location_switch *s = &l->user_switch;
	_cleanup_close_ int fd = -1;
	char link[64];
	int home;

	switch_disarm(s);
	homes_open(l->platform->sysroot_fd, &homes);
	home = find_home(&homes, s->uid);
	if (home < 0)
		return;
	fd = home_open_at(homes.homes[home].fd, USER_DIRECTORY, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return;
	s->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify_fd < 0)
		return;
	/* The place that was just opened and no other. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (inotify_add_watch(s->inotify_fd, link,
		    IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
			    IN_ONLYDIR) < 0 ||
		sd_event_add_io(l->platform->event, &s->watch, s->inotify_fd, EPOLLIN,
			switch_on_change, l) < 0)
		switch_disarm(s);
}

static void switch_on_session(uint32_t uid, uint32_t gid, bool lost, void *userdata)
{
	struct location *l = userdata;
	struct location_switch *s = &l->user_switch;

	(void)gid;
	(void)lost;
	s->deadline = sd_event_source_unref(s->deadline);
	if (s->looked && uid == s->uid)
		return;
	s->uid = uid;
	switch_look(l);
}

/* Nobody said who is in front of the screen. */
static int switch_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct location *l = userdata;

	(void)source;
	(void)usec;
	l->user_switch.deadline = sd_event_source_unref(l->user_switch.deadline);
	switch_look(l);
	return 0;
}

void location_switch_start(struct location *l)
{
	struct location_switch *s = &l->user_switch;

	if (s->running)
		return;
	s->running = true;
	s->looked = false;
	s->uid = 0;
	if (session_watch_new(l->platform, switch_on_session, l, &s->session) < 0 ||
		location_set_timer(l, &s->deadline, clock_boottime_us() + SESSION_PATIENCE_US,
			switch_on_deadline) < 0)
		switch_look(l);
}

void location_switch_refresh(struct location *l)
{
	if (l->user_switch.looked)
		switch_look(l);
}

void location_switch_stop(struct location *l)
{
	struct location_switch *s = &l->user_switch;

	session_watch_free(TAKE_PTR(s->session));
	s->deadline = sd_event_source_unref(s->deadline);
	switch_disarm(s);
	s->running = s->looked = false;
}
