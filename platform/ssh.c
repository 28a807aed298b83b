/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh.c - backend "ssh": whether the SSH server may run. Files of the agent keep its services from
 * starting, whoever asks; those that run are stopped, and people who are logged in over a network
 * are logged out. What ran before is started when it may. Under systemd by its bus, under OpenRC by
 * rc-service. Enforcer only.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/backends.h"
#include "platform/bus_peer.h"
#include "platform/remote_sessions.h"
#include "platform/restrict.h"
#include "platform/ssh_units.h"
#include "platform/watch.h"

#define ID SETTING_RESTRICTIONS_SSH
#define RECORD "ssh"
#define PATIENCE_US (15 * USEC_PER_SEC)

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD ".Manager"

enum ssh_step {
	STEP_RELOAD, /* the init system reads the files */
	STEP_LIST,   /* which services run */
	STEP_TURN,   /* stops those, or starts what ran before, one after the other */
	STEP_END,
};

struct ssh {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	/* Of the operation under way. */
	bool observing, shut, files_changed, reloaded;
	enum ssh_init init;
	enum ssh_step step;
	struct ssh_units units, running, turning;
	size_t next; /* of turning */
	struct bus_peer systemd;
	sd_bus_slot *ask;
	struct child *child;
	sd_event_source *patience;
	struct trouble trouble;
	struct remote_sessions *remote; /* until they were told to end */
};

static void next_step(struct backend *b);
static void take_step(struct backend *b);

static void ssh_probe(struct backend *b, struct backend_fact *ret_fact)
{
	enum ssh_init init = ssh_init_find(b->platform->sysroot_fd);

	*ret_fact = (struct backend_fact){
		.present = init != SSH_NO_INIT, .reason = REASON_NO_MECHANISM};
	if (init == SSH_NO_INIT)
		text_printf(ret_fact->detail,
			"neither systemd nor OpenRC runs here: how services are stopped is not "
			"known");
}

/* --- what ran before ----------------------------------------------------------------------- */

static void load_record(struct backend *b, struct ssh_units *ret_units)
{
	_cleanup_free_ char *text = NULL;

	*ret_units = (struct ssh_units){0};
	if (restrict_load(b->platform, RECORD, &text) == 0)
		ssh_units_read(text, ret_units);
}

/* Adds what runs now. On disk before it is stopped. 0 or -errno. */
static int save_record(struct backend *b)
{
	struct ssh *s = b->state;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct ssh_units record;
	size_t before;
	int r;

	load_record(b, &record);
	before = record.n;
	for (size_t i = 0; i < s->running.n; i++)
		ssh_units_add(&record, s->running.names[i]);
	if (record.n == before)
		return 0;
	r = ssh_units_write(&record, &text);
	return r < 0 ? r : restrict_save(b->platform, RECORD, text.data, text.n_bytes);
}

/* --- the end of an operation --------------------------------------------------------------- */

static void observe_end(struct backend *b)
{
	struct ssh *s = b->state;
	struct observation *o = b->observations[ID];
	bool files = ssh_files_are_set(b->platform->sysroot_fd, s->init, &s->units);

	if (s->trouble.r < 0) {
		backend_saw_none(b, ID, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
		return;
	}
	gate_saw(b, ID, s->units.n == 0 || (files && s->running.n == 0));
	if (s->running.n) {
		text_printf(o->detail, "%s runs", s->running.names[0]);
	} else if (ssh_port_is_open(b->platform->sysroot_fd)) {
		gate_saw(b, ID, false);
		text_printf(o->detail, "something that is no known service listens on port 22");
	} else if (s->units.n == 0) {
		gate_saw_nothing(b, ID, "this phone has no SSH server");
	}
}

static void operation_end(struct backend *b)
{
	struct ssh *s = b->state;

	s->ask = sd_bus_slot_unref(s->ask);
	s->patience = sd_event_source_unref(s->patience);
	bus_peer_close(&s->systemd);
	if (s->observing)
		observe_end(b);
	else if (!s->shut && s->trouble.r == 0)
		trouble_note_why(&s->trouble, restrict_forget(b->platform, RECORD),
			"what ran before", "it stays known");
	watch_settle(s->watch);
	backend_call_finish(&s->call, s->trouble.r, s->trouble.message);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct backend *b = userdata;
	struct ssh *s = b->state;

	(void)source;
	(void)usec;
	child_free(TAKE_PTR(s->child));
	trouble_note_why(&s->trouble, -ETIMEDOUT, s->init == SSH_SYSTEMD ? "systemd" : "rc-service",
		"it does not answer");
	operation_end(b);
	return 0;
}

/* --- systemd ------------------------------------------------------------------------------- */

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct backend *b = userdata;
	struct ssh *s = b->state;
	const sd_bus_error *why = sd_bus_message_get_error(m);

	(void)error;
	s->ask = sd_bus_slot_unref(s->ask);
	if (why)
		trouble_note_why(
			&s->trouble, -EIO, "systemd", why->message ? why->message : why->name);
	next_step(b);
	return 0;
}

/* a(ssssssouso): name, description, load state, active state, … */
static int read_units(sd_bus_message *m, struct ssh_units *ret_running)
{
	const char *name, *description, *load, *active;
	int r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "ssssssouso")) > 0) {
		r = sd_bus_message_read(m, "ssss", &name, &description, &load, &active);
		if (r >= 0 && strcmp(active, "inactive") != 0 && strcmp(active, "failed") != 0 &&
			strcmp(active, "deactivating") != 0)
			ssh_units_add(ret_running, name);
		if (r >= 0)
			r = sd_bus_message_skip(m, "ssouso");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int on_units(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct backend *b = userdata;
	struct ssh *s = b->state;

	(void)error;
	s->ask = sd_bus_slot_unref(s->ask);
	if (sd_bus_message_is_method_error(m, NULL) || !bus_peer_is_from(&s->systemd, m) ||
		read_units(m, &s->running) < 0)
		trouble_note_why(
			&s->trouble, -EIO, "systemd", "it does not say which services run");
	next_step(b);
	return 0;
}

static int ask_units(struct backend *b)
{
	struct ssh *s = b->state;
	const struct bus_method list = {SYSTEMD_PATH, SYSTEMD_MANAGER, "ListUnitsByNames"};
	char text[SSH_UNITS_MAX][SSH_NAME_BYTES];
	const char *names[SSH_UNITS_MAX + 1] = {0};
	size_t n = 0;

	for (size_t i = 0; i < s->units.n; i++) {
		/* A template is nothing that runs. */
		if (strchr(s->units.names[i], '@'))
			continue;
		memcpy(text[n], s->units.names[i], SSH_NAME_BYTES);
		names[n] = text[n];
		n++;
	}
	if (n == 0)
		return -ENOENT;
	return bus_peer_call_strings(&s->systemd, &list, &s->ask, on_units, names);
}

static int turn_unit(struct backend *b, const char *name)
{
	struct ssh *s = b->state;
	const struct bus_method turn = {
		SYSTEMD_PATH, SYSTEMD_MANAGER, s->shut ? "StopUnit" : "StartUnit"};

	return bus_peer_call(&s->systemd, &turn, &s->ask, on_answer, "ss", name, "replace");
}

static int systemd_step(struct backend *b, const char *name)
{
	static const struct bus_method reload = {SYSTEMD_PATH, SYSTEMD_MANAGER, "Reload"};
	struct ssh *s = b->state;

	switch (s->step) {
	case STEP_RELOAD:
		return bus_peer_call(&s->systemd, &reload, &s->ask, on_answer, "");
	case STEP_LIST:
		return ask_units(b);
	case STEP_TURN:
		return turn_unit(b, name);
	case STEP_END:
		break;
	}
	return -ENOENT;
}

static void systemd_appeared(struct bus_peer *peer)
{
	struct backend *b = peer->userdata;
	struct ssh *s = b->state;

	if (!s->patience || s->ask)
		return;
	s->step = s->files_changed ? STEP_RELOAD : STEP_LIST;
	take_step(b);
}

static void systemd_lost(struct bus_peer *peer)
{
	struct backend *b = peer->userdata;
	struct ssh *s = b->state;

	if (!s->patience)
		return;
	trouble_note_why(&s->trouble, -ENOTCONN, "systemd", "it is not on the bus");
	operation_end(b);
}

static const struct bus_peer_row systemd_row = {
	.bus_name = SYSTEMD,
	.appeared = systemd_appeared,
	.absent = systemd_lost,
	.vanished = systemd_lost,
};

/* --- OpenRC -------------------------------------------------------------------------------- */

static void on_openrc(const struct child_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct ssh *s = b->state;

	/* What it did is looked at in any case. */
	if (result->end != CHILD_EXITED || result->code != 0)
		trouble_note_why(&s->trouble, -EIO,
			s->step == STEP_RELOAD ? "rc-update" : "rc-service",
			*result->output ? result->output : "it failed");
	next_step(b);
}

/* A program of OpenRC and its arguments behind argv[0], which is its name. -ENOENT: there is none.
 */
static int run_openrc(struct backend *b, const char *argv[4])
{
	static const char *const places[] = {"/sbin", "/usr/sbin", "/usr/bin", "/bin"};
	/* Scripts of services look for programs. */
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct ssh *s = b->state;
	const struct child_spec spec = {
		.argv = argv,
		.env = env,
		.root_fd = b->platform->sysroot_is_root ? -1 : b->platform->sysroot_fd,
		.deadline_s = LIMIT_CHILD_SECONDS,
		.merge_stderr = true,
	};
	char path[32];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], argv[0]);
		if (!backend_file_exists(b->platform->sysroot_fd, path))
			continue;
		argv[0] = path;
		return child_start(b->platform->event, &spec, on_openrc, b, &s->child);
	}
	return -ENOENT;
}

static int openrc_step(struct backend *b, const char *name)
{
	struct ssh *s = b->state;
	/* OpenRC remembers what services need, and does not see that a file of rc.conf.d is gone.
	 */
	const char *reload[] = {"rc-update", "-u", NULL, NULL};
	const char *turn[] = {"rc-service", name, s->shut ? "stop" : "start", NULL};

	if (s->step == STEP_RELOAD)
		return run_openrc(b, reload);
	if (s->step == STEP_TURN)
		return run_openrc(b, turn);
	ssh_units_started(b->platform->sysroot_fd, &s->units, &s->running);
	return -ENOENT;
}

/* --- steps --------------------------------------------------------------------------------- */

/* What STEP_TURN is about, when it is known what runs. */
static void choose_turning(struct backend *b)
{
	struct ssh *s = b->state;
	struct ssh_units record;

	s->next = 0;
	s->turning = (struct ssh_units){0};
	if (s->observing || s->trouble.r < 0)
		return;
	if (s->shut) {
		trouble_note_why(
			&s->trouble, save_record(b), "what runs", "it cannot be remembered");
		if (s->trouble.r == 0)
			s->turning = s->running;
		b->apply_changed |= s->running.n > 0;
		return;
	}
	load_record(b, &record);
	for (size_t i = 0; i < record.n; i++)
		if (ssh_units_has(&s->units, record.names[i]) &&
			!ssh_units_has(&s->running, record.names[i]))
			ssh_units_add(&s->turning, record.names[i]);
}

/* The step after this one. */
static void advance(struct backend *b)
{
	struct ssh *s = b->state;

	if (s->step == STEP_RELOAD) {
		s->reloaded = true;
		s->step = STEP_LIST;
	} else if (s->step == STEP_LIST) {
		choose_turning(b);
		s->step = !s->turning.n				  ? STEP_END
			  : s->init == SSH_OPENRC && !s->reloaded ? STEP_RELOAD
								  : STEP_TURN;
	} else if (s->step == STEP_TURN && ++s->next == s->turning.n) {
		s->step = STEP_END;
	}
}

static void take_step(struct backend *b)
{
	struct ssh *s = b->state;

	while (s->step != STEP_END) {
		const char *name = s->step == STEP_TURN ? s->turning.names[s->next] : "";
		int r = s->init == SSH_SYSTEMD ? systemd_step(b, name) : openrc_step(b, name);

		if (r == 0)
			return; /* it goes on with the answer */
		if (r != -ENOENT)
			trouble_note_why(&s->trouble, r,
				s->init == SSH_SYSTEMD ? "systemd" : "rc-service", strerror(-r));
		advance(b);
	}
	if (!s->observing && s->shut && s->files_changed)
		remote_sessions_end(b->platform, &s->remote);
	operation_end(b);
}

static void next_step(struct backend *b)
{
	advance(b);
	take_step(b);
}

static int ssh_on_start(sd_event_source *source, void *userdata)
{
	struct backend *b = userdata;
	struct ssh *s = b->state;
	int r;

	(void)source;
	s->call.source = sd_event_source_unref(s->call.source);
	/* Nothing of SSH's is installed: there is nobody to ask. */
	if (s->units.n == 0 && !s->files_changed) {
		operation_end(b);
		return 0;
	}
	r = sd_event_add_time(b->platform->event, &s->patience, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + PATIENCE_US), 100000, on_patience, b);
	if (r >= 0 && s->init == SSH_SYSTEMD) {
		s->systemd.row = &systemd_row;
		s->systemd.userdata = b;
		r = bus_peer_open(&s->systemd, b->platform);
		if (r == 0 && bus_peer_is_connected(&s->systemd))
			return 0;
		r = r < 0 ? r : -ENOTCONN;
	}
	if (r < 0) {
		trouble_note_why(&s->trouble, r, "systemd", "there is no bus to ask it");
		operation_end(b);
		return 0;
	}
	s->step = !s->observing && s->files_changed ? STEP_RELOAD : STEP_LIST;
	take_step(b);
	return 0;
}

static int begin(struct backend *b, bool observing, bool shut)
{
	struct ssh *s = b->state;

	s->observing = observing;
	s->shut = shut;
	s->next = 0;
	s->reloaded = false;
	s->running = s->turning = (struct ssh_units){0};
	s->trouble = (struct trouble){0};
	return sd_event_add_defer(b->platform->event, &s->call.source, ssh_on_start, b);
}

/* --- apply, revert, looking ---------------------------------------------------------------- */

static int set(struct backend *b, bool shut, backend_done_fn done, void *userdata)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct ssh *s = b->state;
	struct ssh_units record;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	s->init = ssh_init_find(b->platform->sysroot_fd);
	ssh_units_find(b->platform->sysroot_fd, s->init, &s->units);
	r = ssh_files_set(&place, s->init, &s->units, shut, &s->files_changed);
	b->apply_changed = s->files_changed;
	if (r < 0)
		return backend_call_end(&s->call, r, "the files that keep SSH off cannot be set");
	load_record(b, &record);
	if (!shut && !s->files_changed && record.n == 0)
		return backend_call_end(&s->call, 0, "");
	return begin(b, false, shut);
}

static int ssh_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	return set(b, gate_wanted(desired, ID) != GATE_ON, done, userdata);
}

static int ssh_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	return set(b, false, done, userdata);
}

static int ssh_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct ssh *s = b->state;

	backend_call_begin(&s->call, b, done, userdata);
	if (gate_is_absent(b))
		return backend_call_end(&s->call, 0, "");
	/* Without a rule nobody has to be asked what runs. */
	if (gate_wanted(b->platform->desired, ID) == GATE_ON) {
		gate_saw(b, ID, false);
		return backend_call_end(&s->call, 0, "");
	}
	s->init = ssh_init_find(b->platform->sysroot_fd);
	ssh_units_find(b->platform->sysroot_fd, s->init, &s->units);
	s->files_changed = false;
	return begin(b, true, false);
}

static void ssh_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct ssh *s = b->state;

	s->changed(b, s->changed_userdata);
}

static int ssh_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {
		"etc/rc.conf.d/mdm-agent-restrictions.conf",
		"run/openrc/started/sshd",
		"run/openrc/started/dropbear",
		"etc/systemd/system/ssh.service.d/90-mdm-agent-restrictions.conf",
		"etc/systemd/system/sshd.service.d/90-mdm-agent-restrictions.conf",
		"etc/systemd/system/ssh.socket.d/90-mdm-agent-restrictions.conf",
		"etc/systemd/system/sshd.socket.d/90-mdm-agent-restrictions.conf",
		"etc/systemd/system/dropbear.service.d/90-mdm-agent-restrictions.conf",
	};
	struct ssh *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		ssh_on_change, b, &s->watch);
}

static void ssh_free(struct backend *b)
{
	struct ssh *s = b->state;

	backend_call_cancel(&s->call);
	s->ask = sd_bus_slot_unref(s->ask);
	s->patience = sd_event_source_unref(s->patience);
	child_free(s->child);
	bus_peer_close(&s->systemd);
	remote_sessions_free(s->remote);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops ssh_ops = {
	.name = "ssh",
	.help = "The SSH server, by drop-ins of systemd's units or the conditions of OpenRC's.",
	.serves = {[ID] = true},
	.probe = ssh_probe,
	.observe = ssh_observe,
	.apply = ssh_apply,
	.watch = ssh_watch,
	.revert = ssh_revert,
	.free = ssh_free,
};

int ssh_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &ssh_ops, sizeof(struct ssh), ret_backend);
}
