/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_sources.c - backend "apk-sources": where packages may come from, and whose signatures count.
 * Lines with repositories that are not listed become comments; keys that are not listed are
 * replaced by files that are no keys, their originals wait in the vault. What a distribution put
 * below /lib is covered by a file of the same name below /etc, which apk 3 reads in its place (apk
 * 2 reads neither).
 *
 * A phone that would be left without any repository, or without any key that came with its system,
 * is left as it is: it would get no repairs any more, and nobody would notice. Enforcer only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "platform/apk_keys.h"
#include "platform/apk_lines.h"
#include "platform/apk_source_files.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/listing.h"
#include "platform/override.h"
#include "platform/vault.h"
#include "platform/watch.h"

#define VAULT_SUFFIX ".override"
#define VAULT_NAMES_MAX 4096

struct apk_sources_backend {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
};

/* --- judging -------------------------------------------------------------------------------- */

static int digest_of(const struct source *source, char ret_hex[2 * SHA256_BYTES + 1])
{
	uint8_t digest[SHA256_BYTES];
	int r = sha256(source->text, source->n_text, digest);

	if (r == 0)
		hex_encode(digest, sizeof(digest), ret_hex);
	return r;
}

/* How many lines, or keys, of it are listed and how many are not. variables go on from file to
 * file. */
static int count(enum source_kind kind, const struct source *source, const struct string_set *list,
	struct apk_variables *variables, size_t *ret_kept, size_t *ret_out)
{
	_cleanup_buf_ struct buf out = {.max_bytes = 2 * LIMIT_PLATFORM_FILE_BYTES};
	char hex[2 * SHA256_BYTES + 1];
	bool is_listed;
	int r;

	*ret_kept = *ret_out = 0;
	if (!source->text)
		return 0;
	if (kind == SOURCE_LINES)
		return apk_lines_derive(
			source->text, source->n_text, list, variables, &out, ret_kept, ret_out);
	r = digest_of(source, hex);
	if (r < 0)
		return r;
	is_listed = string_set_has(list, hex);
	*ret_kept = is_listed;
	*ret_out = !is_listed;
	return 0;
}

static const struct string_set *wanted_of(const struct effective *desired, enum source_kind kind)
{
	const struct effective_setting *setting =
		desired ? &desired->settings[source_rows[kind].setting] : NULL;

	return setting && setting->present ? &setting->value.set : NULL;
}

/* --- observe --------------------------------------------------------------------------------- */

struct seen {
	struct string_set *set;	     /* all that is in force; grows */
	struct observed_item *items; /* what is not listed; LIMIT_APK_SOURCES of them */
	size_t n_items;
	const struct string_set *wanted; /* NULL: nothing is */
};

static int see(struct seen *seen, const char *text, const char *path)
{
	struct observed_item *item = &seen->items[seen->n_items];
	char **strings;
	size_t at = 0;

	if (string_set_has(seen->set, text))
		return 0;
	if (seen->wanted && !string_set_has(seen->wanted, text) &&
		seen->n_items < LIMIT_APK_SOURCES) {
		*item = (struct observed_item){
			.state = COMPLIANCE_NONCOMPLIANT, .reason = REASON_FOREIGN_SOURCE};
		text_printf(item->name, "%s", text);
		text_printf(item->detail, "in /%.240s", path);
		seen->n_items++;
	}
	strings = realloc(seen->set->strings, (seen->set->n_strings + 1) * sizeof(*strings));
	if (!strings)
		return -ENOMEM;
	seen->set->strings = strings;
	while (at < seen->set->n_strings && strcmp(strings[at], text) < 0)
		at++;
	memmove(&strings[at + 1], &strings[at], (seen->set->n_strings - at) * sizeof(*strings));
	strings[at] = strdup(text);
	if (!strings[at]) {
		memmove(&strings[at], &strings[at + 1],
			(seen->set->n_strings - at) * sizeof(*strings));
		return -ENOMEM;
	}
	seen->set->n_strings++;
	return 0;
}

/* What apk would use of a file with repositories, as it is. Lists are written as the policy's are.
 */
static int see_lines(
	struct seen *seen, const struct source *source, struct apk_variables *variables)
{
	struct apk_line *line = calloc(1, sizeof(*line));
	int r = line ? 0 : -ENOMEM;

	for (const char *at = source->text; r == 0 && at && *at;) {
		size_t n = strcspn(at, "\n");

		if (apk_line_read(at, n, variables, line)) {
			for (size_t i = 0; r == 0 && i < line->n_urls; i++) {
				const char *url = line->urls[i];
				struct string_set *w = (struct string_set *)seen->wanted;

				/* The policy may write a slash at the end. */
				for (size_t k = 0; w && k < w->n_strings; k++) {
					struct string_set one = {&w->strings[k], 1};
					struct apk_line single = {.n_urls = 1};

					memcpy(single.urls[0], url, strlen(url) + 1);
					if (apk_line_is_listed(&single, &one))
						url = w->strings[k];
				}
				r = see(seen, url, source->path);
			}
			if (r == 0 && line->is_strange)
				r = see(seen, "(a line that is too long)", source->path);
		}
		at += n + (at[n] == '\n');
	}
	free(line);
	return r;
}

static int see_key(struct seen *seen, const struct source *source)
{
	char hex[2 * SHA256_BYTES + 1];
	int r;

	if (!source->text || source->is_covered)
		return 0;
	r = digest_of(source, hex);
	return r < 0 ? r : see(seen, hex, source->path);
}

static int observe_kind(struct backend *b, enum source_kind kind)
{
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct observation o = {.has_value = true, .enforced = true, .value.type = VALUE_SET};
	_cleanup_(sources_freep) struct sources *sources = NULL;
	struct apk_variables *variables = calloc(1, sizeof(*variables));
	struct apk_keys_loss loss = {0};
	struct seen seen = {&o.value.set, calloc(LIMIT_APK_SOURCES, sizeof(*o.items)), 0,
		wanted_of(b->platform->desired, kind)};
	int r = seen.items && variables ? 0 : -ENOMEM;

	o.items = seen.items;
	if (r == 0)
		r = sources_read(&place, kind, &sources);
	for (size_t i = 0; r == 0 && i < sources->n; i++)
		r = kind == SOURCE_LINES ? see_lines(&seen, &sources->sources[i], variables)
					 : see_key(&seen, &sources->sources[i]);
	o.n_items = seen.n_items;
	if (r == 0 && sources->more)
		r = -E2BIG;
	if (r == 0 && kind == SOURCE_KEY && seen.wanted)
		r = apk_keys_judge(b->platform, sources, seen.wanted, &loss);
	/* It holds, and may have cost more than was meant. */
	if (r == 0 && loss.package[0] && !loss.is_all)
		text_printf(o.detail,
			"no key of %.100s is listed: what is signed with them gets no updates",
			loss.package);
	if (r == 0)
		observation_move(b->observations[source_rows[kind].setting], &o);
	free(variables);
	observation_done(&o);
	return r;
}

static void sources_probe(struct backend *b, struct backend_fact *ret_fact)
{
	int root_fd = b->platform->sysroot_fd;

	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	if (backend_file_exists(root_fd, "lib/apk/db") && backend_file_exists(root_fd, "etc/apk"))
		*ret_fact = (struct backend_fact){.present = true};
	else
		text_printf(ret_fact->detail, "this system does not use apk");
}

static int sources_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct apk_sources_backend *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int result = 0;

	struct backend_fact fact;

	backend_call_begin(&s->call, b, done, userdata);
	sources_probe(b, &fact);
	for (enum source_kind kind = 0; kind < SOURCE_KIND_MAX; kind++) {
		int r = fact.present ? observe_kind(b, kind) : 0;

		if (!fact.present)
			backend_saw_none(
				b, source_rows[kind].setting, COMPLIANCE_UNSUPPORTED, fact.reason);

		if (r == 0)
			continue;
		result = r;
		text_printf(message, "%s cannot be read: %s",
			kind == SOURCE_LINES ? "the repositories of apk" : "the keys of apk",
			r == -E2BIG ? "there are too many" : strerror(-r));
		backend_saw_none(
			b, source_rows[kind].setting, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
		text_printf(b->observations[source_rows[kind].setting]->detail, "%s", message);
	}
	return backend_call_end(&s->call, result, message);
}

/* --- apply, revert ---------------------------------------------------------------------------- */

struct derivation {
	enum source_kind kind;
	int root_fd;
	const struct source *source;
	const struct string_set *list;
	struct apk_variables *variables; /* as they are in front of the file */
};

static int derive_source(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct derivation *d = userdata;
	_cleanup_free_ char *vendor = NULL;
	size_t kept, gone;
	int r;

	if (d->kind == SOURCE_KEY) {
		buf_puts(out, APK_KEY_COVER);
		return out->error;
	}
	if (!original) {
		r = source_read_vendor(d->root_fd, d->source, &vendor, &n_bytes);
		if (r < 0)
			return r;
		original = vendor;
	}
	return apk_lines_derive(original, n_bytes, d->list, d->variables, out, &kept, &gone);
}

static struct override_spec spec_of(const struct source *source, struct derivation *derivation)
{
	return (struct override_spec){
		.name = source->vault,
		.path = source->path,
		.mode = 0644,
		.derive = derive_source,
		.strip = strncmp(source->vault, source_rows[SOURCE_KEY].vault_prefix,
				 strlen(source_rows[SOURCE_KEY].vault_prefix)) == 0
				 ? source_strip_key
				 : source_strip_lines,
		.userdata = derivation,
	};
}

/* Gives back what was changed and is not among those that stay changed. */
static int give_back(struct backend *b, enum source_kind kind, const struct sources *keep,
	const bool *stays, bool *changed)
{
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	_cleanup_(listing_done) struct listing listing = {0};
	size_t n_prefix = strlen(source_rows[kind].vault_prefix);
	int result = place.vault_fd < 0
			     ? 0
			     : listing_read(place.vault_fd, ".", VAULT_NAMES_MAX, &listing);

	for (size_t i = 0; i < listing.n_names; i++) {
		_cleanup_(vault_entry_done) struct vault_entry entry = {0};
		struct source source = {.path = ""};
		struct override_spec spec;
		bool did = false, is_kept = false;
		int r;

		if (strncmp(listing.names[i], source_rows[kind].vault_prefix, n_prefix) != 0 ||
			strlen(listing.names[i]) != n_prefix + APK_PATH_HEX + strlen(VAULT_SUFFIX))
			continue;
		snprintf(source.vault, sizeof(source.vault), "%.*s", (int)(n_prefix + APK_PATH_HEX),
			listing.names[i]);
		for (size_t k = 0; keep && k < keep->n; k++)
			is_kept |= stays[k] && strcmp(keep->sources[k].vault, source.vault) == 0;
		if (is_kept)
			continue;
		r = vault_load(place.vault_fd, source.vault, &entry);
		if (r == 0) {
			memcpy(source.path, entry.path, sizeof(source.path));
			spec = spec_of(&source, NULL);
			r = override_revert(&place, &spec, &did);
		}
		*changed |= did;
		result = result < 0 ? result : r;
	}
	return result;
}

/*
 * Which files have something that is not listed. 0; 1: nothing would be left; -errno.
 */
static int choose(enum source_kind kind, const struct sources *sources,
	const struct string_set *list, bool *ret_stays)
{
	struct apk_variables *variables = calloc(1, sizeof(*variables));
	size_t n_kept = 0, n_out = 0;
	int r = variables ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < sources->n; i++) {
		size_t kept, gone;

		r = count(kind, &sources->sources[i], list, variables, &kept, &gone);
		ret_stays[i] = gone > 0;
		n_kept += kept;
		n_out += gone;
	}
	free(variables);
	return r < 0 ? r : n_kept == 0 && n_out > 0;
}

/* 0; 1: nothing would be left; 2: nothing of the system's own (loss); -errno. */
static int apply_kind(struct backend *b, enum source_kind kind, const struct string_set *list,
	bool *changed, struct apk_keys_loss *ret_loss)
{
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	_cleanup_(sources_freep) struct sources *sources = NULL;
	_cleanup_free_ struct apk_variables *variables = calloc(1, sizeof(*variables));
	bool stays[LIMIT_APK_SOURCES] = {false};
	int r = variables ? sources_read(&place, kind, &sources) : -ENOMEM;

	if (r == 0)
		r = choose(kind, sources, list, stays);
	if (r == 0 && kind == SOURCE_KEY) {
		r = apk_keys_judge(b->platform, sources, list, ret_loss);
		r = r == 0 && ret_loss->is_all ? 2 : r;
	}
	if (r != 0)
		return r;
	r = give_back(b, kind, sources, stays, changed);
	for (size_t i = 0; r == 0 && i < sources->n; i++) {
		struct source *source = &sources->sources[i];
		struct derivation d = {kind, place.root_fd, source, list, variables};
		struct override_spec spec = spec_of(source, &d);
		size_t kept, gone;
		bool did = false;

		if (stays[i])
			r = override_apply(&place, &spec, &did);
		else
			r = count(kind, source, list, variables, &kept, &gone);
		*changed |= did;
	}
	return r;
}

static int sources_finish(struct backend *b, int r, const char *message, bool changed)
{
	struct apk_sources_backend *s = b->state;

	b->apply_changed = changed;
	watch_settle(s->watch);
	return backend_call_end(&s->call, r, message);
}

static int sources_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct apk_sources_backend *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	bool changed = false;
	int result = 0;

	backend_call_begin(&s->call, b, done, userdata);
	for (enum source_kind kind = 0; kind < SOURCE_KIND_MAX; kind++) {
		const struct string_set *list = wanted_of(desired, kind);
		struct apk_keys_loss loss = {0};
		int r = list ? apply_kind(b, kind, list, &changed, &loss)
			     : give_back(b, kind, NULL, NULL, &changed);

		if (r == 0)
			continue;
		result = r > 0 ? -ENOTSUP : r;
		text_printf(message, "%s", r == 1 ? source_rows[kind].none : "");
		if (r == 2)
			text_printf(message,
				"no key that came with the system (%.60s) is listed; it would get "
				"no updates, so that nothing was changed: list one, even if the "
				"phone's packages are signed by others",
				loss.package);
		if (r < 0)
			text_printf(message, "/%s and its like cannot be changed: %s",
				kind == SOURCE_LINES ? APK_REPOSITORIES : source_rows[kind].own,
				strerror(-r));
	}
	return sources_finish(b, result, message, changed);
}

static int sources_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct apk_sources_backend *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	bool changed = false;
	int result = 0;

	backend_call_begin(&s->call, b, done, userdata);
	for (enum source_kind kind = 0; kind < SOURCE_KIND_MAX; kind++) {
		int r = give_back(b, kind, NULL, NULL, &changed);

		result = result < 0 ? result : r;
	}
	if (result < 0)
		text_printf(message, "files below /etc/apk cannot be given back: %s",
			strerror(-result));
	return sources_finish(b, result, message, changed);
}

/* --- the backend ------------------------------------------------------------------------------ */

static void sources_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct apk_sources_backend *s = b->state;

	s->changed(b, s->changed_userdata);
}

static int sources_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {APK_REPOSITORIES, "etc/apk/repositories.d/",
		"lib/apk/repositories.d/", "etc/apk/keys/", "lib/apk/keys/"};
	struct apk_sources_backend *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	watch_free(s->watch);
	s->watch = NULL;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		sources_on_change, b, &s->watch);
}

static void sources_backend_free(struct backend *b)
{
	struct apk_sources_backend *s = b->state;

	backend_call_cancel(&s->call);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops sources_ops = {
	.name = "apk-sources",
	.help = "Lets packages come from the organisation's list of repositories and signers alone.",
	.serves =
		{
			[SETTING_APPS_REPOSITORIES] = true,
			[SETTING_APPS_SIGNING_KEYS] = true,
		},
	.probe = sources_probe,
	.observe = sources_observe,
	.apply = sources_apply,
	.watch = sources_watch,
	.revert = sources_revert,
	.free = sources_backend_free,
};

int apk_sources_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &sources_ops, sizeof(struct apk_sources_backend), ret_backend);
}
