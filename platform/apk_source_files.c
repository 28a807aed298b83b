/* SPDX-License-Identifier: Apache-2.0 */
/* apk_source_files.c - see apk_source_files.h. Reads only. Enforcer only. */
#include "platform/apk_source_files.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "platform/apk_lines.h"
#include "platform/listing.h"
#include "platform/vault.h"

const struct source_row source_rows[SOURCE_KIND_MAX] = {
	[SOURCE_LINES] = {"etc/apk/repositories.d", "lib/apk/repositories.d", ".list", "apk-list-",
		SETTING_APPS_REPOSITORIES,
		"none of the phone's repositories is listed; without any it would get no updates, "
		"so that nothing was changed: list the addresses that its own system comes from"},
	[SOURCE_KEY] = {"etc/apk/keys", "lib/apk/keys", "", "apk-key-", SETTING_APPS_SIGNING_KEYS,
		"none of the phone's keys is listed; without any it would get no updates, so that "
		"nothing was changed: list the keys that its own system is signed with"},
};

void sources_free(struct sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		free(sources->sources[i].text);
	free(sources);
}

/* --- reading -------------------------------------------------------------------------------- */

static bool is_key_cover(const char *text, size_t n_bytes)
{
	return n_bytes >= strlen(APK_KEY_COVER) &&
	       memcmp(text, APK_KEY_COVER, strlen(APK_KEY_COVER)) == 0;
}

int source_strip_lines(const char *current, size_t n_bytes, struct buf *out, bool *ret_present)
{
	*ret_present = true;
	apk_lines_strip(current, n_bytes, out);
	return out->error;
}

int source_strip_key(const char *current, size_t n_bytes, struct buf *out, bool *ret_present)
{
	*ret_present = !is_key_cover(current, n_bytes);
	if (*ret_present)
		buf_append(out, current, n_bytes);
	return out->error;
}

/* What the vendor has, for what has no file of its own. */
int source_read_vendor(int root_fd, const struct source *source, char **ret_text, size_t *ret_n)
{
	if (!source->vendor[0])
		return -ENOENT;
	return fs_read(root_fd, source->vendor, LIMIT_PLATFORM_FILE_BYTES, ret_text, ret_n);
}

/*
 * A key that is covered: what the vault has of it, or the vendor's. A cover that somebody put back
 * without an entry in the vault covers nothing that could be restored.
 */
static int read_covered_key(const struct override_place *place, struct source *source)
{
	_cleanup_(vault_entry_done) struct vault_entry entry = {0};
	int r = vault_load(place->vault_fd, source->vault, &entry);

	source->is_covered = true;
	free(TAKE_PTR(source->text));
	source->n_text = 0;
	if (r == 0 && entry.kind == VAULT_FILE) {
		source->text = TAKE_PTR(entry.data);
		source->n_text = entry.n_data;
		return 0;
	}
	r = source_read_vendor(place->root_fd, source, &source->text, &source->n_text);
	return r == -ENOENT ? 0 : r;
}

static int read_source(
	const struct override_place *place, enum source_kind kind, struct source *source)
{
	int r = fs_read(place->root_fd, source->path, LIMIT_PLATFORM_FILE_BYTES, &source->text,
		&source->n_text);

	if (r == -ENOENT)
		r = source_read_vendor(place->root_fd, source, &source->text, &source->n_text);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (kind == SOURCE_KEY && is_key_cover(source->text, source->n_text))
		return read_covered_key(place, source);
	return 0;
}

static int name_source(enum source_kind kind, struct source *source)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	int r = sha256(source->path, strlen(source->path), digest);

	if (r < 0)
		return r;
	hex_encode(digest, sizeof(digest), hex);
	snprintf(source->vault, sizeof(source->vault), "%s%.*s", source_rows[kind].vault_prefix,
		APK_PATH_HEX, hex);
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), n_suffix = strlen(suffix);

	return n > n_suffix && strcmp(name + n - n_suffix, suffix) == 0;
}

static int add_source(const struct override_place *place, enum source_kind kind, const char *path,
	const char *vendor, struct sources *sources)
{
	struct source *source = &sources->sources[sources->n];
	int r;

	if (sources->n == LIMIT_APK_SOURCES || strlen(path) > LIMIT_TEXT_BYTES ||
		strlen(vendor) > LIMIT_TEXT_BYTES) {
		sources->more = true;
		return 0;
	}
	snprintf(source->path, sizeof(source->path), "%s", path);
	snprintf(source->vendor, sizeof(source->vendor), "%s", vendor);
	r = name_source(kind, source);
	sources->n++;
	return r < 0 ? r : read_source(place, kind, source);
}

/* Both directories, as apk goes through them: sorted by name, one file for each name. */
static int add_directories(
	const struct override_place *place, enum source_kind kind, struct sources *sources)
{
	_cleanup_(listing_done) struct listing own = {0}, vendor = {0};
	size_t i = 0, k = 0;
	int r = listing_read(place->root_fd, source_rows[kind].own, LIMIT_APK_SOURCES, &own);

	if (r == 0)
		r = listing_read(
			place->root_fd, source_rows[kind].vendor, LIMIT_APK_SOURCES, &vendor);
	sources->more |= own.more || vendor.more;
	while (r == 0 && (i < own.n_names || k < vendor.n_names)) {
		int order = i == own.n_names	  ? 1
			    : k == vendor.n_names ? -1
						  : strcmp(own.names[i], vendor.names[k]);
		const char *name = order <= 0 ? own.names[i] : vendor.names[k];
		char path[2 * LIMIT_TEXT_BYTES], other[2 * LIMIT_TEXT_BYTES] = "";

		snprintf(path, sizeof(path), "%s/%s", source_rows[kind].own, name);
		if (order >= 0)
			snprintf(other, sizeof(other), "%s/%s", source_rows[kind].vendor, name);
		if (ends_in(name, source_rows[kind].suffix))
			r = add_source(place, kind, path, other, sources);
		i += order <= 0;
		k += order >= 0;
	}
	return r;
}

int sources_read(
	const struct override_place *place, enum source_kind kind, struct sources **ret_sources)
{
	_cleanup_(sources_freep) struct sources *sources = calloc(1, sizeof(*sources));
	int r = 0;

	if (!sources)
		return -ENOMEM;
	if (kind == SOURCE_LINES)
		r = add_source(place, kind, APK_REPOSITORIES, "", sources);
	if (r == 0)
		r = add_directories(place, kind, sources);
	if (r < 0)
		return r;
	*ret_sources = TAKE_PTR(sources);
	return 0;
}
