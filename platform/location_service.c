/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_service.c - backend "location_service": whether apps may ask where the phone is. A file
 * of policy of the system bus lets nobody but root talk to GeoClue, and nobody but root and GeoClue
 * ask the modem; the agent, which is root, goes on. What GeoClue decides about an app cannot be
 * relied on: an app outside of a sandbox says itself which one it is. Enforcer only.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/backends.h"
#include "platform/bus_peer.h"
#include "platform/override.h"
#include "platform/restrict.h"
#include "platform/watch.h"

#define ID SETTING_RESTRICTIONS_LOCATION
#define BUS_RULES "etc/dbus-1/system.d"
/* Read behind the files of packages, which are below /usr; the last rule that fits counts. */
#define RULE_PATH BUS_RULES "/zz-mdm-agent-location.conf"
#define RULE_MARK "<!-- Written by mdm-agent from the policy; changes are undone. -->\n"
#define PATIENCE_US (10 * USEC_PER_SEC)

#define GEOCLUE "org.freedesktop.GeoClue2"
#define MODEMS "org.freedesktop.ModemManager1"
#define MODEM_LOCATION MODEMS ".Modem.Location"

/* Files that a package may have put beside ours, where the order is nobody's promise. */
static const char *const rivals[] = {
	BUS_RULES "/org.freedesktop.GeoClue2.conf",
	BUS_RULES "/org.freedesktop.ModemManager1.conf",
};

struct location_service {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	struct bus_peer bus; /* the bus itself, while it is asked to read its files anew */
	sd_bus_slot *reload;
	sd_event_source *patience;
};

static void location_service_probe(struct backend *b, struct backend_fact *ret_fact)
{
	bool here = backend_file_exists(b->platform->sysroot_fd, "etc/dbus-1") ||
		    backend_file_exists(b->platform->sysroot_fd, "usr/share/dbus-1");

	*ret_fact = (struct backend_fact){.present = here, .reason = REASON_NO_MECHANISM};
	if (!here)
		text_printf(ret_fact->detail, "there is no system bus, and no location service");
}

/* --- the file ------------------------------------------------------------------------------ */

/* A name that the system does not have would be a warning of the bus at every start. */
static bool has_user(int root_fd, const char *name)
{
	_cleanup_free_ char *text = NULL;
	size_t n = strlen(name);

	if (fs_read(root_fd, "etc/passwd", LIMIT_PLATFORM_FILE_BYTES, &text, NULL) < 0)
		return false;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return true;
		if (!*line)
			break;
	}
	return false;
}

static void write_access(struct buf *out, const char *verb, bool geoclue)
{
	if (geoclue)
		buf_printf(out, "    <%s send_destination=\"" GEOCLUE "\"/>\n", verb);
	buf_printf(out,
		"    <%s send_destination=\"" MODEMS "\" send_interface=\"" MODEM_LOCATION "\"/>\n",
		verb);
}

static int derive_rule(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct backend *b = userdata;

	(void)original;
	(void)n_bytes;
	buf_puts(out, RULE_MARK
		"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
		" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
		"<busconfig>\n  <policy context=\"default\">\n");
	write_access(out, "deny", true);
	buf_puts(out, "  </policy>\n  <policy user=\"root\">\n");
	write_access(out, "allow", true);
	buf_puts(out, "  </policy>\n");
	if (has_user(b->platform->sysroot_fd, "geoclue")) {
		buf_puts(out, "  <policy user=\"geoclue\">\n");
		write_access(out, "allow", false);
		buf_puts(out, "  </policy>\n");
	}
	buf_puts(out, "</busconfig>\n");
	return out->error;
}

static const struct override_spec rule_spec = {
	.name = "location-bus-policy",
	.path = RULE_PATH,
	.mode = 0644,
	.derive = derive_rule,
	.mark = RULE_MARK,
};

/* --- the bus reads it ---------------------------------------------------------------------- */

static void finish(struct backend *b, int r, const char *message)
{
	struct location_service *s = b->state;

	s->reload = sd_bus_slot_unref(s->reload);
	s->patience = sd_event_source_unref(s->patience);
	bus_peer_close(&s->bus);
	watch_settle(s->watch);
	backend_call_finish(&s->call, r, message);
}

static int on_reloaded(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct backend *b = userdata;
	const sd_bus_error *why = sd_bus_message_get_error(m);
	char message[LIMIT_TEXT_BYTES + 1] = "";

	(void)error;
	if (why)
		text_printf(message, "the system bus does not read its policy anew: %.150s",
			why->message ? why->message : why->name);
	finish(b, why ? -EIO : 0, message);
	return 0;
}

static void bus_appeared(struct bus_peer *peer)
{
	static const struct bus_method reload = {
		"/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig"};
	struct backend *b = peer->userdata;
	struct location_service *s = b->state;

	if (bus_peer_call(peer, &reload, &s->reload, on_reloaded, "") < 0)
		finish(b, -EIO, "the system bus cannot be asked to read its policy anew");
}

/* One that went reads its files when it comes. */
static void bus_vanished(struct bus_peer *peer)
{
	struct backend *b = peer->userdata;
	struct location_service *s = b->state;

	if (s->patience)
		finish(b, 0, "");
}

static const struct bus_peer_row bus_row = {
	.bus_name = "org.freedesktop.DBus",
	.appeared = bus_appeared,
	.vanished = bus_vanished,
};

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	finish(userdata, -ETIMEDOUT, "the system bus does not answer");
	return 0;
}

static int begin_reload(struct backend *b)
{
	struct location_service *s = b->state;
	int r = sd_event_add_time(b->platform->event, &s->patience, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + PATIENCE_US), 100000, on_patience, b);

	if (r < 0)
		return r;
	s->bus.row = &bus_row;
	s->bus.userdata = b;
	r = bus_peer_open(&s->bus, b->platform);
	if (r == 0 && bus_peer_is_connected(&s->bus))
		return 0;
	/* No bus: it reads the file when it starts. */
	s->patience = sd_event_source_unref(s->patience);
	bus_peer_close(&s->bus);
	return backend_call_end(&s->call, r, "");
}

static int set_rule(struct backend *b, bool wanted, backend_done_fn done, void *userdata)
{
	struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct location_service *s = b->state;
	struct override_spec spec = rule_spec;
	bool changed = false;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	spec.userdata = b;
	r = wanted ? override_apply(&place, &spec, &changed)
		   : override_revert(&place, &spec, &changed);
	b->apply_changed = r == 0 && changed;
	watch_settle(s->watch);
	if (r < 0)
		return backend_call_end(&s->call, r, "/" RULE_PATH " cannot be written");
	return changed ? begin_reload(b) : backend_call_end(&s->call, 0, "");
}

static int location_service_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	return set_rule(b, false, done, userdata);
}

static int location_service_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	return set_rule(b, gate_wanted(desired, ID) != GATE_ON, done, userdata);
}

/* --- looking ------------------------------------------------------------------------------- */

static bool rule_is_right(struct backend *b)
{
	_cleanup_buf_ struct buf wanted = BUF_INIT;
	_cleanup_free_ char *text = NULL;
	size_t n;

	return fs_read(b->platform->sysroot_fd, RULE_PATH, LIMIT_PLATFORM_FILE_BYTES, &text, &n) ==
		       0 &&
	       derive_rule(NULL, 0, b, &wanted) == 0 && wanted.n_bytes == n &&
	       memcmp(wanted.data, text, n) == 0;
}

static int location_service_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	int root_fd = b->platform->sysroot_fd;
	struct location_service *s = b->state;
	struct observation *o = b->observations[ID];

	backend_call_begin(&s->call, b, done, userdata);
	if (gate_is_absent(b))
		return backend_call_end(&s->call, 0, "");
	for (size_t i = 0; i < ARRAY_SIZE(rivals); i++) {
		char detail[LIMIT_TEXT_BYTES + 1];

		if (!backend_file_exists(root_fd, rivals[i]))
			continue;
		text_printf(detail,
			"/%s lets everybody in, and of files in one directory the bus may read it "
			"last; it belongs below /usr/share/dbus-1/system.d",
			rivals[i]);
		gate_saw_unsupported(b, ID, detail);
		return backend_call_end(&s->call, 0, "");
	}
	gate_saw(b, ID, rule_is_right(b));
	/* It tells every program on the phone, by a socket that has no owner. */
	if (o->value.number && (backend_file_exists(root_fd, "usr/sbin/gpsd") ||
				       backend_file_exists(root_fd, "usr/bin/gpsd"))) {
		o->enforced = false;
		text_printf(o->detail,
			"gpsd is installed and tells every program where the phone is; remove it");
	}
	return backend_call_end(&s->call, 0, "");
}

static void location_service_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct location_service *s = b->state;

	s->changed(b, s->changed_userdata);
}

static int location_service_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {RULE_PATH};
	struct location_service *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		location_service_on_change, b, &s->watch);
}

static void location_service_free(struct backend *b)
{
	struct location_service *s = b->state;

	backend_call_cancel(&s->call);
	s->reload = sd_bus_slot_unref(s->reload);
	s->patience = sd_event_source_unref(s->patience);
	bus_peer_close(&s->bus);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops location_service_ops = {
	.name = "location_service",
	.help = "Whether apps may ask where the phone is, by the policy of the system bus.",
	.serves = {[ID] = true},
	.probe = location_service_probe,
	.observe = location_service_observe,
	.apply = location_service_apply,
	.watch = location_service_watch,
	.revert = location_service_revert,
	.free = location_service_free,
};

int location_service_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(
		platform, &location_service_ops, sizeof(struct location_service), ret_backend);
}
