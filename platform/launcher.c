/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher.c - backend "launcher": desktop files that launchers do not show. A copy with
 * NoDisplay=true in /usr/local/share/applications comes before the one of the package, of the same
 * name, in /usr/share; what opens files with the app goes on working. Hides and forbids nothing.
 *
 * What comes before /usr/local is looked at and reported: copies in home directories, and Flatpak's
 * own, which its sessions put first. Enforcer only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/homes.h"
#include "platform/listing.h"
#include "platform/override.h"
#include "platform/vault.h"
#include "platform/watch.h"

#define OURS "usr/local/share/applications"
#define OURS_PARENT "usr/local/share"
#define PACKAGES "usr/share/applications"
#define FLATPAK "var/lib/flatpak/exports/share/applications"
#define MARK "# Hidden by the organisation; comes back with the rule's end (mdm-agent).\n"
#define VAULT_PREFIX "desktop-"
#define VAULT_SUFFIX ".override"
#define VAULT_NAMES_MAX 4096
#define ID_HEX 32 /* digits of the digest of a name */
#define DESKTOP_BYTES (64 * 1024)

struct launcher_backend {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
};

static bool is_id(const char *id)
{
	size_t n = strlen(id);

	return n > 8 && n < 200 && id[0] != '.' && !strchr(id, '/') && text_is_valid(id, n) &&
	       strcmp(id + n - 8, ".desktop") == 0;
}

static void launcher_probe(struct backend *b, struct backend_fact *ret_fact)
{
	int root_fd = b->platform->sysroot_fd;

	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	if (backend_file_exists(root_fd, PACKAGES) || backend_file_exists(root_fd, FLATPAK))
		*ret_fact = (struct backend_fact){.present = true};
	else
		text_printf(
			ret_fact->detail, "there are no desktop files: no launcher is installed");
}

/* --- the copy ------------------------------------------------------------------------------ */

/* Takes the keys that we set out of the first group, and puts ours behind its name. */
static void write_copy(const char *text, struct buf *out)
{
	bool inside = false, done = false;

	buf_puts(out, MARK);
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		size_t n_line = n + (line[n] == '\n');

		if (line[0] == '[') {
			inside = n == 15 && strncmp(line, "[Desktop Entry]", n) == 0;
			buf_append(out, line, n);
			buf_puts(out, "\n");
			if (inside && !done)
				buf_puts(out, "NoDisplay=true\n");
			done |= inside;
		} else if (!inside || (strncmp(line, "NoDisplay", 9) != 0)) {
			buf_append(out, line, n);
			buf_puts(out, "\n");
		}
		line += n_line;
	}
	/* Whatever it was, it is not shown. */
	if (!done)
		buf_puts(out, "[Desktop Entry]\nType=Application\nName=-\nHidden=true\n");
}

struct copy {
	int root_fd;
	const char *id;
};

/* original: of the administrator, in the very place. Otherwise the package's. */
static int derive_copy(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct copy *copy = userdata;
	_cleanup_free_ char *text = NULL;
	char path[LIMIT_TEXT_BYTES + 1];
	int r;

	(void)n_bytes;
	if (original) {
		write_copy(original, out);
		return out->error;
	}
	snprintf(path, sizeof(path), PACKAGES "/%.200s", copy->id);
	r = fs_read(copy->root_fd, path, DESKTOP_BYTES, &text, NULL);
	if (r == -ENOMEM)
		return r;
	write_copy(r < 0 ? "" : text, out);
	return out->error;
}

struct hidden {
	struct override_spec spec;
	char name[LIMIT_NAME_BYTES + 1];
	char path[LIMIT_TEXT_BYTES + 1];
};

static int hidden_of(const char *id, struct copy *copy, struct hidden *ret_hidden)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	int r = sha256(id, strlen(id), digest);

	if (r < 0)
		return r;
	hex_encode(digest, sizeof(digest), hex);
	snprintf(ret_hidden->name, sizeof(ret_hidden->name), VAULT_PREFIX "%.*s", ID_HEX, hex);
	snprintf(ret_hidden->path, sizeof(ret_hidden->path), OURS "/%.200s", id);
	ret_hidden->spec = (struct override_spec){
		.name = ret_hidden->name,
		.path = ret_hidden->path,
		.mode = 0644,
		.derive = derive_copy,
		.mark = MARK,
		.userdata = copy,
	};
	return 0;
}

/* --- observe ------------------------------------------------------------------------------- */

static const struct value *wanted_of(const struct effective *desired)
{
	const struct effective_setting *setting =
		desired ? &desired->settings[SETTING_APPS_HIDDEN] : NULL;

	return setting && setting->present && setting->value.set.n_strings ? &setting->value : NULL;
}

/* Whether what is in our place hides it. */
static bool is_hidden(int root_fd, const char *id)
{
	_cleanup_free_ char *text = NULL;
	char path[LIMIT_TEXT_BYTES + 1];
	bool inside = false;

	snprintf(path, sizeof(path), OURS "/%.200s", id);
	if (fs_read(root_fd, path, DESKTOP_BYTES, &text, NULL) < 0)
		return false;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		if (line[0] == '[')
			inside = strcmp(line, "[Desktop Entry]") == 0;
		else if (inside &&
			 (strcmp(line, "NoDisplay=true") == 0 || strcmp(line, "Hidden=true") == 0))
			return true;
	}
	return false;
}

/* Whose own copy comes first; NULL: nobody's. */
static const struct home *find_own(const struct homes *homes, const char *id)
{
	static const char *const places[] = {
		".local/share/applications", ".local/share/flatpak/exports/share/applications"};

	for (size_t i = 0; i < homes->n_homes; i++)
		for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
			_cleanup_close_ int directory =
				home_open_at(homes->homes[i].fd, places[k], O_RDONLY | O_DIRECTORY);
			struct stat st;

			if (directory >= 0 && fstatat(directory, id, &st, AT_SYMLINK_NOFOLLOW) == 0)
				return &homes->homes[i];
		}
	return NULL;
}

static void judge(
	struct backend *b, const char *id, const struct homes *homes, struct observed_item *item)
{
	int root_fd = b->platform->sysroot_fd;
	char path[LIMIT_TEXT_BYTES + 1];
	const struct home *own;

	*item = (struct observed_item){.state = COMPLIANCE_NONCOMPLIANT, .reason = REASON_WEAKER};
	text_printf(item->name, "%.200s", id);
	snprintf(path, sizeof(path), FLATPAK "/%.200s", id);
	if (!is_id(id)) {
		text_printf(item->detail, "no name of a desktop file");
		return;
	}
	if (!is_hidden(root_fd, id)) {
		text_printf(item->detail, "launchers show it where it is installed");
		return;
	}
	own = find_own(homes, id);
	item->reason = REASON_NOT_ENFORCED;
	if (own)
		text_printf(item->detail, "account %u has an own copy, which comes first",
			(unsigned int)own->uid);
	else if (backend_file_exists(root_fd, path))
		text_printf(item->detail,
			"Flatpak's comes first: block the Flatpak if it may not be used");
	else
		*item = (struct observed_item){.state = COMPLIANCE_COMPLIANT};
	text_printf(item->name, "%.200s", id);
}

static int launcher_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct observation *o = b->observations[SETTING_APPS_HIDDEN];
	const struct value *wanted = wanted_of(b->platform->desired);
	struct launcher_backend *s = b->state;
	_cleanup_(homes_done) struct homes homes = {0};
	size_t n = wanted ? wanted->set.n_strings : 0;
	struct value value;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	observation_done(o);
	if (!wanted) {
		if (!b->platform->desired)
			backend_saw_none(
				b, SETTING_APPS_HIDDEN, COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED);
		return backend_call_end(&s->call, 0, "");
	}
	r = value_copy(wanted, &value);
	if (r < 0)
		return backend_call_end(&s->call, r, "out of memory");
	*o = (struct observation){.has_value = true, .value = value, .enforced = true};
	o->items = calloc(n, sizeof(*o->items));
	if (!o->items) {
		observation_done(o);
		return backend_call_end(&s->call, -ENOMEM, "out of memory");
	}
	homes_open(b->platform->sysroot_fd, &homes);
	for (size_t i = 0; i < n; i++)
		judge(b, wanted->set.strings[i], &homes, &o->items[i]);
	o->n_items = n;
	return backend_call_end(&s->call, 0, "");
}

/* --- apply, revert -------------------------------------------------------------------------- */

static bool is_wanted(const struct value *wanted, const char *path)
{
	const char *id = strrchr(path, '/');

	for (size_t i = 0; id && wanted && i < wanted->set.n_strings; i++)
		if (strcmp(wanted->set.strings[i], id + 1) == 0)
			return true;
	return false;
}

/* Gives back what is hidden and not wanted so. The first failure counts, others go on. */
static int give_back(struct backend *b, const struct value *wanted, bool *changed)
{
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	_cleanup_(listing_done) struct listing listing = {0};
	int result = place.vault_fd < 0
			     ? 0
			     : listing_read(place.vault_fd, ".", VAULT_NAMES_MAX, &listing);

	for (size_t i = 0; i < listing.n_names; i++) {
		_cleanup_(vault_entry_done) struct vault_entry entry = {0};
		char name[LIMIT_NAME_BYTES + 1];
		struct override_spec spec = {.name = name, .mark = MARK};
		size_t n = strlen(VAULT_PREFIX) + ID_HEX;
		bool did = false;
		int r;

		if (strncmp(listing.names[i], VAULT_PREFIX, strlen(VAULT_PREFIX)) != 0 ||
			strlen(listing.names[i]) != n + strlen(VAULT_SUFFIX))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)n, listing.names[i]);
		r = vault_load(place.vault_fd, name, &entry);
		if (r == 0 && is_wanted(wanted, entry.path))
			continue;
		spec.path = entry.path;
		if (r == 0)
			r = override_revert(&place, &spec, &did);
		*changed |= did;
		result = result < 0 ? result : r;
	}
	return result;
}

static int launcher_finish(struct backend *b, int r, bool changed)
{
	struct launcher_backend *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";

	if (r == -EROFS)
		text_printf(message, "/" OURS_PARENT " cannot be written on this system");
	else if (r < 0)
		text_printf(message, "cannot write to /" OURS ": %s", strerror(-r));
	b->apply_changed = changed;
	watch_settle(s->watch);
	return backend_call_end(&s->call, r, message);
}

static int launcher_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	const struct value *wanted = wanted_of(desired);
	struct launcher_backend *s = b->state;
	bool changed = false;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	r = give_back(b, wanted, &changed);
	for (size_t i = 0; wanted && i < wanted->set.n_strings; i++) {
		struct copy copy = {place.root_fd, wanted->set.strings[i]};
		struct hidden hidden;
		bool did = false;
		int error;

		if (!is_id(copy.id))
			continue;
		error = hidden_of(copy.id, &copy, &hidden);
		if (error == 0)
			error = override_apply(&place, &hidden.spec, &did);
		changed |= did;
		r = r < 0 ? r : error;
	}
	return launcher_finish(b, r, changed);
}

static int launcher_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct launcher_backend *s = b->state;
	bool changed = false;

	backend_call_begin(&s->call, b, done, userdata);
	return launcher_finish(b, give_back(b, NULL, &changed), changed);
}

/* --- watch --------------------------------------------------------------------------------- */

static void launcher_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct launcher_backend *s = b->state;

	s->changed(b, s->changed_userdata);
}

/* Homes are not watched: whoever lives there could keep the agent awake. Every round looks. */
static int launcher_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {OURS "/", PACKAGES "/"};
	struct launcher_backend *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	watch_free(s->watch);
	s->watch = NULL;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		launcher_on_change, b, &s->watch);
}

static void launcher_free(struct backend *b)
{
	struct launcher_backend *s = b->state;

	backend_call_cancel(&s->call);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops launcher_ops = {
	.name = "launcher",
	.help = "Keeps apps out of the launcher by copies of their desktop files.",
	.serves = {[SETTING_APPS_HIDDEN] = true},
	.probe = launcher_probe,
	.observe = launcher_observe,
	.apply = launcher_apply,
	.watch = launcher_watch,
	.revert = launcher_revert,
	.free = launcher_free,
};

int launcher_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &launcher_ops, sizeof(struct launcher_backend), ret_backend);
}
