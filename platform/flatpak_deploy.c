/* SPDX-License-Identifier: Apache-2.0 */
/* flatpak_deploy.c - Flatpak's own files; see flatpak_deploy.h. Pure. Enforcer only. */
#include "platform/flatpak_deploy.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"
#include "policies/keyfile.h"

/* --- GVariant: containers end with the ends of their children, in as few bytes as do ---------- */

struct bytes {
	const uint8_t *at;
	size_t n;
};

static unsigned int offset_size(size_t n_bytes)
{
	if (n_bytes <= UINT8_MAX)
		return 1;
	return n_bytes <= UINT16_MAX ? 2 : 4;
}

/* The offset that is the i-th from the end, from 1. False: it is not inside. */
static bool read_offset(const struct bytes *container, size_t i, size_t *ret_offset)
{
	unsigned int size = offset_size(container->n);
	uint64_t offset;

	if (container->n / size < i)
		return false;
	offset = le_get(container->at + container->n - i * size, size);
	if (offset > container->n - i * size)
		return false;
	*ret_offset = (size_t)offset;
	return true;
}

static size_t align8(size_t offset)
{
	return (offset + 7) & ~(size_t)7;
}

/* A child from start to end. False: it is none. */
static bool take_child(
	const struct bytes *container, size_t start, size_t end, struct bytes *ret_child)
{
	if (start > end || end > container->n)
		return false;
	*ret_child = (struct bytes){container->at + start, end - start};
	return true;
}

/* A string has its NUL, and no other one. */
static bool is_string(const struct bytes *value)
{
	return value->n > 0 && memchr(value->at, 0, value->n) == value->at + value->n - 1;
}

static bool set_text(const struct bytes *value, char *ret_text, size_t size_bytes)
{
	if (!is_string(value))
		return false;
	text_clean((const char *)value->at, value->n - 1, ret_text, size_bytes);
	return true;
}

/* {sv}: keeps the value if it is a string that somebody asks for. */
static void read_entry(const struct bytes *entry, struct flatpak_app *app)
{
	struct bytes key, variant, value;
	const uint8_t *type;
	size_t key_end, n = entry->n;

	if (!read_offset(entry, 1, &key_end) || !take_child(entry, 0, key_end, &key) ||
		!is_string(&key) ||
		!take_child(entry, align8(key_end), n - offset_size(n), &variant))
		return;
	/* The type stands behind the value, after a NUL. */
	type = variant.n ? memrchr(variant.at, 0, variant.n) : NULL;
	if (!type || type + 2 != variant.at + variant.n || type[1] != 's')
		return;
	value = (struct bytes){variant.at, (size_t)(type - variant.at)};
	if (strcmp((const char *)key.at, "appdata-version") == 0)
		(void)set_text(&value, app->version, sizeof(app->version));
	else if (strcmp((const char *)key.at, "appdata-name") == 0)
		(void)set_text(&value, app->title, sizeof(app->title));
}

/* a{sv} */
static bool read_entries(const struct bytes *array, struct flatpak_app *app)
{
	unsigned int size = offset_size(array->n);
	size_t ends, n_entries, start = 0;

	if (!array->n)
		return true;
	if (!read_offset(array, 1, &ends) || (array->n - ends) % size)
		return false;
	n_entries = (array->n - ends) / size;
	for (size_t i = 0; i < n_entries; i++) {
		struct bytes entry;
		size_t end;

		if (!read_offset(array, n_entries - i, &end) ||
			!take_child(array, start, end, &entry))
			return false;
		read_entry(&entry, app);
		start = align8(end);
	}
	return true;
}

static uint64_t read_be64(const uint8_t *at)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

int flatpak_deploy_read(const void *data, size_t n_bytes, struct flatpak_app *app)
{
	const struct bytes all = {data, n_bytes};
	struct bytes origin, commit, subpaths, size, entries;
	char text[sizeof(app->commit)] = "", remote[sizeof(app->remote)] = "";
	struct flatpak_app read = {.installed_bytes = 0};
	size_t ends[3], body;

	if (n_bytes > LIMIT_FLATPAK_FILE_BYTES || !read_offset(&all, 1, &ends[0]) ||
		!read_offset(&all, 2, &ends[1]) || !read_offset(&all, 3, &ends[2]))
		return -EBADMSG;
	body = n_bytes - 3 * offset_size(n_bytes);
	if (ends[2] > body || !take_child(&all, 0, ends[0], &origin) ||
		!take_child(&all, ends[0], ends[1], &commit) ||
		!take_child(&all, ends[1], ends[2], &subpaths) || align8(ends[2]) + 8 > body ||
		!take_child(&all, align8(ends[2]), align8(ends[2]) + 8, &size) ||
		!take_child(&all, align8(ends[2]) + 8, body, &entries) ||
		!set_text(&origin, remote, sizeof(remote)) ||
		!set_text(&commit, text, sizeof(text)) || !read_entries(&entries, &read))
		return -EBADMSG;
	memcpy(app->remote, remote, sizeof(remote));
	memcpy(app->commit, text, sizeof(text));
	memcpy(app->version, read.version, sizeof(read.version));
	memcpy(app->title, read.title, sizeof(read.title));
	app->installed_bytes = read_be64(size.at);
	return 0;
}

/* --- key files ------------------------------------------------------------------------------ */

int flatpak_metadata_read(const char *text, size_t n_bytes, struct flatpak_app *app, char *ret_id,
	size_t id_size_bytes)
{
	char runtime[sizeof(app->runtime)] = "";
	struct span key, value, name = {NULL, 0};
	struct keyfile file;

	keyfile_begin(&file, text, n_bytes);
	while (keyfile_next(&file, &key, &value)) {
		if (!span_equals(&file.group, "Application"))
			continue;
		if (span_equals(&key, "name"))
			name = value;
		else if (span_equals(&key, "runtime"))
			span_read_string(&value, runtime, sizeof(runtime));
	}
	if (!name.n)
		return -EBADMSG;
	span_read_string(&name, ret_id, id_size_bytes);
	memcpy(app->runtime, runtime, sizeof(runtime));
	return 0;
}

/* NAME of [remote "NAME"]. */
static bool remote_name(const struct span *group, struct span *ret_name)
{
	static const char begin[] = "remote \"";
	const size_t n = sizeof(begin) - 1;

	if (group->n <= n + 1 || memcmp(group->at, begin, n) != 0 || group->at[group->n - 1] != '"')
		return false;
	*ret_name = (struct span){group->at + n, group->n - n - 1};
	return true;
}

static struct flatpak_remote *find_remote(
	struct flatpak_remote *remotes, size_t *n_remotes, size_t max, const char *name)
{
	for (size_t i = 0; i < *n_remotes; i++)
		if (strcmp(remotes[i].name, name) == 0)
			return &remotes[i];
	if (*n_remotes == max)
		return NULL;
	remotes[*n_remotes] = (struct flatpak_remote){.verifies = true};
	memcpy(remotes[*n_remotes].name, name, strlen(name) + 1);
	return &remotes[(*n_remotes)++];
}

static void read_remote_key(
	const struct span *key, const struct span *value, struct flatpak_remote *remote)
{
	if (span_equals(key, "url"))
		span_read_string(value, remote->url, sizeof(remote->url));
	else if (span_equals(key, "xa.filter"))
		span_read_string(value, remote->filter, sizeof(remote->filter));
	else if (span_equals(key, "xa.disable"))
		remote->is_disabled = span_is_true(value);
	else if (span_equals(key, "gpg-verify"))
		remote->verifies = span_is_true(value);
}

size_t flatpak_config_read(const char *text, size_t n_bytes, struct flatpak_remote *ret_remotes,
	size_t max, bool *ret_more)
{
	struct span key, value, name;
	struct keyfile file;
	size_t n_remotes = 0;

	*ret_more = false;
	keyfile_begin(&file, text, n_bytes);
	while (keyfile_next(&file, &key, &value)) {
		char clean[LIMIT_TEXT_BYTES + 1];
		struct flatpak_remote *remote;

		if (!remote_name(&file.group, &name))
			continue;
		text_clean(name.at, name.n, clean, sizeof(clean));
		remote = find_remote(ret_remotes, &n_remotes, max, clean);
		if (remote)
			read_remote_key(&key, &value, remote);
		else
			*ret_more = true;
	}
	return n_remotes;
}
