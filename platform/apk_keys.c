/* SPDX-License-Identifier: Apache-2.0 */
/* apk_keys.c - see apk_keys.h. Enforcer only. */
#include "platform/apk_keys.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "platform/apps_known.h"
#include "policies/apk_db.h"
#include "policies/apps.h"

static bool text_is(const struct apk_text *text, const char *wanted)
{
	return text->n == strlen(wanted) && memcmp(text->at, wanted, text->n) == 0;
}

/* The key that is that file, and counts; NULL: none is. */
static const struct source *find_key(const struct sources *keys, const struct apk_file *file)
{
	if (!text_is(&file->directory, "etc/apk/keys") &&
		!text_is(&file->directory, "lib/apk/keys") &&
		!text_is(&file->directory, "usr/lib/apk/keys"))
		return NULL;
	for (size_t i = 0; i < keys->n; i++) {
		const char *slash = strrchr(keys->sources[i].path, '/');

		if (slash && keys->sources[i].text && text_is(&file->name, slash + 1))
			return &keys->sources[i];
	}
	return NULL;
}

static bool is_listed(const struct source *key, const struct string_set *list)
{
	char hex[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];

	if (sha256(key->text, key->n_text, digest) < 0)
		return false;
	hex_encode(digest, sizeof(digest), hex);
	return string_set_has(list, hex);
}

/* What anybody can install brings keys, too: those of the system alone count. */
static bool is_of_system(const struct apk_package *package, const char *base)
{
	char name[LIMIT_TEXT_BYTES + 1];

	snprintf(name, sizeof(name), "%.*s", (int)package->name.n, package->name.at);
	return app_is_protected(name) || (base && text_has_line(base, name));
}

static void judge_package(const struct apk_package *package, const struct sources *keys,
	const struct string_set *list, struct apk_keys_loss *loss)
{
	struct apk_files files;
	struct apk_file file;
	bool any = false, any_listed = false;

	apk_files_begin(package, &files);
	while (apk_files_next(&files, &file)) {
		const struct source *key = find_key(keys, &file);

		any |= key != NULL;
		any_listed |= key && is_listed(key, list);
	}
	if (any_listed)
		loss->is_all = false;
	else if (any && !loss->package[0])
		snprintf(loss->package, sizeof(loss->package), "%.*s", (int)package->name.n,
			package->name.at);
}

int apk_keys_judge(const struct platform *platform, const struct sources *keys,
	const struct string_set *list, struct apk_keys_loss *ret_loss)
{
	struct apk_keys_loss loss = {.is_all = true};
	_cleanup_free_ char *text = NULL, *base = NULL;
	struct apk_db db;
	size_t n, n_base;
	int r = fs_read(
		platform->sysroot_fd, "lib/apk/db/installed", LIMIT_APK_DB_BYTES, &text, &n);

	*ret_loss = (struct apk_keys_loss){0};
	if (r == 0)
		r = apk_db_read(text, n, &db);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (platform->apps && platform->apps->base(&base, &n_base, platform->apps->userdata) < 0)
		base = NULL;
	for (size_t i = 0; i < db.n_packages; i++)
		if (is_of_system(&db.packages[i], base))
			judge_package(&db.packages[i], keys, list, &loss);
	apk_db_done(&db);
	loss.is_all = loss.is_all && loss.package[0];
	*ret_loss = loss;
	return 0;
}
