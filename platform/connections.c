/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections.c - backend "connections": mobile data, and sharing the phone's network, by what
 * NetworkManager and ModemManager have up. Both are ended when they come up, again and again; a
 * rule of polkit keeps people from opening access points. The modem is never switched off: calls,
 * messages and emergencies stay. Airplane mode is watched here as far as it is the modem's.
 * Enforcer only.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/backends.h"
#include "platform/mm_bearers.h"
#include "platform/nm_active.h"
#include "platform/override.h"
#include "platform/restrict.h"
#include "platform/watch.h"

#define DATA SETTING_RESTRICTIONS_MOBILE_DATA
#define HOTSPOT SETTING_RESTRICTIONS_HOTSPOT
#define AIRPLANE SETTING_RESTRICTIONS_AIRPLANE_MODE

/* Before the rules of the distribution, the first of which to answer counts. */
#define POLKIT_RULES "etc/polkit-1/rules.d"
#define RULE_PATH POLKIT_RULES "/00-mdm-agent-restrictions.rules"
#define RULE_MARK "// Written by mdm-agent from the policy; changes are undone.\n"
/* The settings of mobile connections that were ended, one a line, for as long as this boot. */
#define ENDED "run/mdm-agent/mobile-connections"
#define ENDED_MAX 4
#define PATIENCE_US (10 * USEC_PER_SEC) /* until it is up to NetworkManager alone */

struct connections {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	bool no_data, no_hotspot, no_airplane;
	struct nm_active nm;
	struct mm_bearers mm;
	char ended[ENDED_MAX][NM_PATH_BYTES];
	size_t n_ended;
	sd_event_source *again;
	struct contest contest;
	unsigned int n_repaired;
	bool was_settled, was_forbidden; /* at the last look */
	/* What was ended is being brought up again, one after the other; of a revert, which waits
	 * for it. */
	bool restoring, reverting;
	sd_bus_slot *begin;
	sd_event_source *patience;
};

/* Airplane mode is the radios' switches, too, so that this one is never missing for all. */
static void connections_probe(struct backend *b, struct backend_fact *ret_fact)
{
	(void)b;
	*ret_fact = (struct backend_fact){.present = true};
}

static bool has_manager(const struct backend *b)
{
	static const char *const places[] = {"usr/sbin/NetworkManager", "usr/bin/NetworkManager",
		"usr/sbin/ModemManager", "usr/bin/ModemManager",
		"usr/share/dbus-1/system.d/org.freedesktop.NetworkManager.conf"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (backend_file_exists(b->platform->sysroot_fd, places[i]))
			return true;
	return false;
}

/* --- what was ended ------------------------------------------------------------------------ */

static bool is_profile(const char *path)
{
	return path[0] == '/' && strlen(path) < NM_PATH_BYTES && !strpbrk(path, " \n");
}

static void ended_load(struct backend *b)
{
	struct connections *s = b->state;
	_cleanup_free_ char *text = NULL;
	char *line, *rest;

	if (s->n_ended ||
		fs_read(b->platform->sysroot_fd, ENDED, ENDED_MAX * NM_PATH_BYTES, &text, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &rest); line && s->n_ended < ENDED_MAX;
		line = strtok_r(NULL, "\n", &rest))
		if (is_profile(line))
			snprintf(s->ended[s->n_ended++], NM_PATH_BYTES, "%s", line);
}

/* Lost with the boot: NetworkManager brings up by itself what it brought up before. */
static void ended_add(struct backend *b, const char *profile)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	struct connections *s = b->state;
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < s->n_ended; i++)
		if (strcmp(s->ended[i], profile) == 0)
			return;
	if (s->n_ended == ENDED_MAX || !is_profile(profile))
		return;
	snprintf(s->ended[s->n_ended++], NM_PATH_BYTES, "%s", profile);
	for (size_t i = 0; i < s->n_ended; i++)
		buf_printf(&text, "%s\n", s->ended[i]);
	if (text.error == 0 && fs_make_dirs(b->platform->sysroot_fd, "run/mdm-agent", 0755) == 0)
		(void)fs_replace(b->platform->sysroot_fd, ENDED, text.data, text.n_bytes, &owner);
}

/* --- bringing up again --------------------------------------------------------------------- */

static void stop(struct backend *b);

static void restore_stop(struct connections *s)
{
	s->restoring = false;
	s->begin = sd_bus_slot_unref(s->begin);
	s->patience = sd_event_source_unref(s->patience);
}

static void restore_end(struct backend *b)
{
	struct connections *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1];

	restore_stop(s);
	s->n_ended = 0;
	(void)fs_remove(b->platform->sysroot_fd, ENDED);
	if (!s->reverting)
		return;
	s->reverting = false;
	stop(b);
	text_printf(message, "%s", s->call.message);
	backend_call_finish(&s->call, s->call.r, message);
}

static void restore_next(struct backend *b);

/* One that was refused is gone, or has no modem: its user brings it up. */
static int on_begun(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct backend *b = ((struct nm_active *)userdata)->userdata;
	struct connections *s = b->state;

	(void)m;
	(void)error;
	s->begin = sd_bus_slot_unref(s->begin);
	restore_next(b);
	return 0;
}

/* As far as NetworkManager can be asked; where it is away it brings up by itself what it did. */
static void restore_next(struct backend *b)
{
	struct connections *s = b->state;

	if (!s->restoring || s->begin)
		return;
	if (bus_peer_is_connected(&s->nm.peer) &&
		(bus_peer_is_asking(&s->nm.peer) || (s->nm.ask && !s->nm.known)))
		return;
	while (s->n_ended) {
		const char *profile = s->ended[--s->n_ended];

		if (nm_active_begin(&s->nm, profile, &s->begin, on_begun) == 0)
			return;
	}
	restore_end(b);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	restore_end(userdata);
	return 0;
}

/* The connection to NetworkManager is open. What cannot be waited for is not. */
static void restore(struct backend *b)
{
	struct connections *s = b->state;

	s->restoring = true;
	if (sd_event_add_time(b->platform->event, &s->patience, CLOCK_BOOTTIME,
		    (uint64_t)(clock_boottime_us() + PATIENCE_US), 100000, on_patience, b) < 0)
		restore_end(b);
	else
		restore_next(b);
}

/* --- enforcing ----------------------------------------------------------------------------- */

static bool is_forbidden(const struct connections *s, const struct nm_connection *connection)
{
	if (!connection->path[0])
		return false;
	return (connection->kind == NM_MOBILE && s->no_data) ||
	       (connection->kind == NM_SHARING && s->no_hotspot);
}

static bool is_flying(const struct connections *s)
{
	return s->nm.known && !s->nm.wwan_enabled && !s->nm.wireless_enabled;
}

static size_t n_forbidden(const struct connections *s)
{
	size_t n = s->no_airplane && is_flying(s);

	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		n += is_forbidden(s, &s->nm.all[i]);
	for (size_t i = 0; s->no_data && i < MM_BEARERS_COUNT; i++)
		n += s->mm.all[i].path[0] && s->mm.all[i].is_data;
	return n;
}

static void end_all(struct backend *b)
{
	struct connections *s = b->state;

	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++) {
		if (!is_forbidden(s, &s->nm.all[i]))
			continue;
		if (s->nm.all[i].kind == NM_MOBILE)
			ended_add(b, s->nm.all[i].profile);
		nm_active_end(&s->nm, &s->nm.all[i]);
	}
	for (size_t i = 0; s->no_data && i < MM_BEARERS_COUNT; i++)
		if (s->mm.all[i].path[0] && s->mm.all[i].is_data)
			mm_bearers_end(&s->mm, &s->mm.all[i]);
	if (s->no_airplane && is_flying(s))
		nm_active_enable_wwan(&s->nm);
}

static void look_later(struct backend *b, int64_t wait_us);

/* What cannot be ended at once is ended the next time; a round tells of it. */
static void look(struct backend *b)
{
	struct connections *s = b->state;
	size_t n = n_forbidden(s);
	int64_t wait_us;

	/* What was being ended is gone: a round tells of that, too. */
	if (n == 0 && s->was_forbidden)
		s->changed(b, s->changed_userdata);
	s->was_forbidden = n > 0;
	if (n == 0 || s->again)
		return;
	wait_us = contest_note(&s->contest, clock_boottime_us());
	s->n_repaired += (unsigned int)n;
	if (wait_us == 0)
		end_all(b);
	/* Whether it went down is seen then, too: an order may be refused. */
	look_later(b, CONTEST_WAIT_US);
	s->changed(b, s->changed_userdata);
}

static int connections_on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct backend *b = userdata;
	struct connections *s = b->state;

	(void)source;
	(void)usec;
	s->again = sd_event_source_unref(s->again);
	if (n_forbidden(s) == 0)
		return 0;
	end_all(b);
	look_later(b, CONTEST_WAIT_US);
	return 0;
}

static void look_later(struct backend *b, int64_t wait_us)
{
	struct connections *s = b->state;

	if (!s->again)
		(void)sd_event_add_time(b->platform->event, &s->again, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + wait_us), 100000, connections_on_again, b);
}

static bool is_settled(const struct connections *s)
{
	return (!s->nm.peer.link || nm_active_is_settled(&s->nm)) &&
	       (!s->mm.peer.link || mm_bearers_is_settled(&s->mm));
}

static void something_changed(struct backend *b)
{
	struct connections *s = b->state;
	bool settled = is_settled(s);

	if (s->restoring) {
		restore_next(b);
		if (s->restoring && s->reverting)
			return;
	}
	look(b);
	/* What was not known at the last look can be told now. */
	if (settled && !s->was_settled)
		s->changed(b, s->changed_userdata);
	s->was_settled = settled;
}

static void on_nm(struct nm_active *nm)
{
	something_changed(nm->userdata);
}

static void on_mm(struct mm_bearers *mm)
{
	something_changed(mm->userdata);
}

/* --- the rule of polkit -------------------------------------------------------------------- */

static int derive_rule(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	(void)original;
	(void)n_bytes;
	(void)userdata;
	buf_puts(out, RULE_MARK
		"polkit.addRule(function(action, subject) {\n"
		"\tif (action.id.indexOf(\"org.freedesktop.NetworkManager.wifi.share.\") == 0)\n"
		"\t\treturn polkit.Result.NO;\n"
		"});\n");
	return out->error;
}

static const struct override_spec rule_spec = {
	.name = "polkit-restrictions",
	.path = RULE_PATH,
	.mode = 0644,
	.derive = derive_rule,
	.mark = RULE_MARK,
};

static bool has_polkit(const struct backend *b)
{
	return backend_file_exists(b->platform->sysroot_fd, POLKIT_RULES);
}

static int write_rule(struct backend *b)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct connections *s = b->state;
	bool changed = false;
	int r;

	/* Without polkit NetworkManager lets root alone do anything. */
	r = s->no_hotspot && has_polkit(b) ? override_apply(&place, &rule_spec, &changed)
					   : override_revert(&place, &rule_spec, &changed);
	b->apply_changed |= changed;
	return r;
}

/* --- apply, revert ------------------------------------------------------------------------- */

static void stop(struct backend *b)
{
	struct connections *s = b->state;

	restore_stop(s);
	nm_active_close(&s->nm);
	mm_bearers_close(&s->mm);
	s->again = sd_event_source_unref(s->again);
}

static int connections_on_revert(sd_event_source *source, void *userdata)
{
	struct backend *b = userdata;
	struct connections *s = b->state;

	(void)source;
	s->call.source = sd_event_source_unref(s->call.source);
	s->reverting = true;
	restore(b);
	return 0;
}

static int connections_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct connections *s = b->state;
	const char *message;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	s->no_data = s->no_hotspot = s->no_airplane = false;
	b->apply_changed = false;
	restore_stop(s);
	r = write_rule(b);
	watch_settle(s->watch);
	message = r < 0 ? "/" RULE_PATH " cannot be removed" : "";
	/* Perhaps by a process before this one. */
	ended_load(b);
	if (s->n_ended && nm_active_open(&s->nm, b->platform) == 0) {
		s->call.r = r;
		text_printf(s->call.message, "%s", message);
		return sd_event_add_defer(
			b->platform->event, &s->call.source, connections_on_revert, b);
	}
	stop(b);
	return backend_call_end(&s->call, r, message);
}

static int connections_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct connections *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	s->no_data = gate_wanted(desired, DATA) != GATE_ON;
	s->no_hotspot = gate_wanted(desired, HOTSPOT) != GATE_ON;
	s->no_airplane = gate_wanted(desired, AIRPLANE) != GATE_ON;
	if ((!s->no_data && !s->no_hotspot && !s->no_airplane) || !has_manager(b))
		return connections_revert(b, done, userdata);
	backend_call_begin(&s->call, b, done, userdata);
	b->apply_changed = s->n_repaired > 0;
	s->n_repaired = 0;
	restore_stop(s);
	ended_load(b);
	r = nm_active_open(&s->nm, b->platform);
	if (r == 0 && s->n_ended && !s->no_data)
		restore(b);
	if (r == 0 && s->no_data)
		r = mm_bearers_open(&s->mm, b->platform);
	else
		mm_bearers_close(&s->mm);
	s->was_settled = is_settled(s);
	if (r == 0)
		r = write_rule(b);
	if (r < 0)
		text_printf(message, "/" RULE_PATH " cannot be written: %s", strerror(-r));
	look(b);
	watch_settle(s->watch);
	return backend_call_end(&s->call, r, message);
}

/* --- looking ------------------------------------------------------------------------------- */

static void not_yet(struct backend *b, enum setting_id id)
{
	backend_saw_none(b, id, COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED);
	text_printf(b->observations[id].detail, "NetworkManager and ModemManager are being asked");
}

static void see_data(struct backend *b)
{
	struct connections *s = b->state;
	bool any = false;

	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		any |= s->nm.all[i].path[0] && s->nm.all[i].kind == NM_MOBILE;
	for (size_t i = 0; i < MM_BEARERS_COUNT; i++)
		any |= s->mm.all[i].path[0] && s->mm.all[i].is_data;
	if (!s->no_data)
		gate_saw(b, DATA, false);
	else if (!is_settled(s))
		not_yet(b, DATA);
	else if (s->mm.known && s->mm.n_modems == 0 && !any)
		gate_saw_nothing(b, DATA, "this phone has no modem");
	else
		gate_saw(b, DATA, !any);
	if (any && s->no_data)
		text_printf(
			b->observations[DATA].detail, "a data connection is up; it is being ended");
}

static void see_hotspot(struct backend *b)
{
	struct connections *s = b->state;
	bool any = false;

	for (size_t i = 0; i < NM_ACTIVE_COUNT; i++)
		any |= s->nm.all[i].path[0] && s->nm.all[i].kind == NM_SHARING;
	if (!s->no_hotspot)
		gate_saw(b, HOTSPOT, false);
	else if (!is_settled(s))
		not_yet(b, HOTSPOT);
	else
		gate_saw(b, HOTSPOT,
			!any && (!has_polkit(b) ||
					backend_file_exists(b->platform->sysroot_fd, RULE_PATH)));
	if (any && s->no_hotspot)
		text_printf(b->observations[HOTSPOT].detail,
			"the network is being shared; that is being ended");
}

static int connections_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	static const char nobody[] = "neither NetworkManager nor ModemManager is installed: who "
				     "else brings up connections is not known";
	struct connections *s = b->state;

	backend_call_begin(&s->call, b, done, userdata);
	if (!has_manager(b)) {
		gate_saw_unsupported(b, DATA, nobody);
		gate_saw_unsupported(b, HOTSPOT, nobody);
		observation_done(&b->observations[AIRPLANE]);
		return backend_call_end(&s->call, 0, "");
	}
	see_data(b);
	see_hotspot(b);
	/* Without NetworkManager this says nothing; the radios' switches do. */
	observation_done(&b->observations[AIRPLANE]);
	if (s->no_airplane && s->nm.known)
		gate_saw(b, AIRPLANE, !is_flying(s));
	if (contest_is_on(&s->contest, clock_boottime_us()))
		detail_add(b->observations[DATA].detail,
			"somebody keeps bringing up connections; they are ended");
	return backend_call_end(&s->call, 0, "");
}

static void connections_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct connections *s = b->state;

	s->changed(b, s->changed_userdata);
}

static int connections_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {RULE_PATH};
	struct connections *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		connections_on_change, b, &s->watch);
}

static void connections_free(struct backend *b)
{
	struct connections *s = b->state;

	backend_call_cancel(&s->call);
	stop(b);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops connections_ops = {
	.name = "connections",
	.help = "Mobile data and hotspots, by what NetworkManager and ModemManager have up.",
	.serves = {[DATA] = true, [HOTSPOT] = true, [AIRPLANE] = true},
	.probe = connections_probe,
	.observe = connections_observe,
	.apply = connections_apply,
	.watch = connections_watch,
	.revert = connections_revert,
	.free = connections_free,
};

int connections_backend_new(struct platform *platform, struct backend **ret_backend)
{
	struct connections *s;
	int r = backend_new(platform, &connections_ops, sizeof(*s), ret_backend);

	if (r < 0)
		return r;
	s = (*ret_backend)->state;
	s->nm.changed = on_nm;
	s->nm.userdata = *ret_backend;
	s->mm.changed = on_mm;
	s->mm.userdata = *ret_backend;
	return 0;
}
