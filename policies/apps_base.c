/* SPDX-License-Identifier: Apache-2.0 */
/* apps_base.c - which packages are base; see apps_base.h. Pure: no system calls. Enforcer only. */
#include "policies/apps_base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/limits.h"

/* Members of the world that an image or its installer put there; a final '-' begins a family. */
static const char *const image_names[] = {
	"alpine-", /* alpine-base, alpine-baselayout, alpine-conf, alpine-keys */
	"postmarketos-",
	"device-",
	"soc-",
	"firmware-",
	"linux-",
	"mdm-agent",
	"mdm-agent-",
	/* The user interface, where it is asked for by its own name: nobody could log in without.
	 */
	"gdm",
	"gnome",
	"gnome-mobile",
	"gnome-shell",
	"greetd",
	"greetd-",
	"lightdm",
	"phosh",
	"plasma-desktop",
	"plasma-mobile",
	"sddm",
	"sxmo-",
	"tinydm",
	"tinydm-",
	/* What setup-alpine and postmarketOS's installer add for disks, boot, time, language. */
	"btrfs-progs",
	"chrony",
	"chrony-openrc",
	"cryptsetup",
	"dosfstools",
	"e2fsprogs",
	"efibootmgr",
	"eudev",
	"f2fs-tools",
	"grub",
	"grub-efi",
	"lang",
	"lvm2",
	"mkinitfs",
	"musl-locales",
	"osk-sdl",
	"syslinux",
	"systemd-boot",
	"tzdata",
	"unl0kr",
};

static bool is_of_image(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_names); i++) {
		size_t n = strlen(image_names[i]);

		if (image_names[i][n - 1] == '-' ? strncmp(name, image_names[i], n) == 0
						 : strcmp(name, image_names[i]) == 0)
			return true;
	}
	return false;
}

static bool is_virtual(const struct apk_package *package)
{
	return package->name.at[0] == '.';
}

/* Marks what a list of dependencies names. */
static void mark_named(const struct apk_db *db, struct apk_text words, bool *marks)
{
	struct apk_dependency word;

	while (apk_dependency_next(&words, &word)) {
		size_t i;

		if (word.is_conflict)
			continue;
		i = apk_db_provider(db, word.name.at, word.name.n);
		if (i < db->n_packages)
			marks[i] = true;
	}
}

void apps_world_mark(const struct apk_db *db, struct apk_text world, bool *ret_marks)
{
	for (size_t i = 0; i < db->n_packages; i++)
		ret_marks[i] = false;
	mark_named(db, world, ret_marks);
	/* "apk add --virtual": what was asked for is what the virtual package needs. */
	for (size_t i = 0; i < db->n_packages; i++) {
		if (!ret_marks[i] || !is_virtual(&db->packages[i]))
			continue;
		ret_marks[i] = false;
		mark_named(db, db->packages[i].depends, ret_marks);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int write_sorted(const struct apk_db *db, const bool *marks, struct buf *out)
{
	_cleanup_free_ char *texts = NULL;
	_cleanup_free_ char **names = NULL;
	size_t n_bytes = 1, n = 0;
	char *at;

	for (size_t i = 0; i < db->n_packages; i++)
		n_bytes += db->packages[i].name.n + 1;
	texts = malloc(n_bytes);
	names = calloc(db->n_packages + 1, sizeof(*names));
	if (!texts || !names)
		return -ENOMEM;
	at = texts;
	for (size_t i = 0; i < db->n_packages; i++) {
		const struct apk_text *name = &db->packages[i].name;

		if (!marks[i])
			continue;
		names[n++] = memcpy(at, name->at, name->n);
		at += name->n;
		*at++ = 0;
	}
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 0; i < n; i++) {
		if (i && strcmp(names[i], names[i - 1]) == 0)
			continue; /* a database with a name twice */
		buf_puts(out, names[i]);
		buf_puts(out, "\n");
	}
	return out->error;
}

int apps_base_make(const struct apk_db *db, struct apk_text world,
	bool (*is_protected)(const char *package_name), struct buf *out)
{
	_cleanup_free_ bool *base = calloc(db->n_packages + 1, sizeof(*base));
	_cleanup_free_ bool *chosen = calloc(db->n_packages + 1, sizeof(*chosen));

	if (!base || !chosen)
		return -ENOMEM;
	apps_world_mark(db, world, chosen);
	for (size_t i = 0; i < db->n_packages; i++) {
		char name[LIMIT_TEXT_BYTES + 1];

		memcpy(name, db->packages[i].name.at, db->packages[i].name.n);
		name[db->packages[i].name.n] = 0;
		base[i] = is_protected(name) || (chosen[i] && is_of_image(name));
	}
	apk_db_close(db, base);
	return write_sorted(db, base, out);
}

size_t apps_base_mark(const struct apk_db *db, struct apk_text names, bool *ret_marks)
{
	const char *at = names.at, *end = at ? at + names.n : NULL;
	size_t n_marked = 0;

	for (size_t i = 0; i < db->n_packages; i++)
		ret_marks[i] = false;
	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t i;

		if (!eol)
			eol = end;
		i = apk_db_find(db, at, (size_t)(eol - at));
		if (i < db->n_packages && !ret_marks[i]) {
			ret_marks[i] = true;
			n_marked++;
		}
		at = eol < end ? eol + 1 : end;
	}
	return n_marked;
}

static void add_stray(const struct apk_db *db, size_t package, bool *held, struct buf *out)
{
	const struct apk_text *name = &db->packages[package].name;

	buf_puts(out, out->n_bytes ? " " : "");
	buf_append(out, name->at, name->n);
	held[package] = true;
}

int apps_base_strays(
	const struct apk_db *db, struct apk_text world, const bool *base, struct buf *out)
{
	_cleanup_free_ bool *held = calloc(db->n_packages + 1, sizeof(*held));
	_cleanup_free_ bool *needed = calloc(db->n_packages + 1, sizeof(*needed));

	if (!held || !needed)
		return -ENOMEM;
	mark_named(db, world, held);
	for (size_t i = 0; i < db->n_packages; i++)
		held[i] = held[i] && base[i] && !is_virtual(&db->packages[i]);
	apk_db_close(db, held);
	for (size_t i = 0; i < db->n_packages; i++)
		if (base[i] && !held[i])
			mark_named(db, db->packages[i].depends, needed);
	for (size_t i = 0; i < db->n_packages; i++)
		if (base[i] && !held[i] && !needed[i])
			add_stray(db, i, held, out);
	apk_db_close(db, held);
	/* What is left needs itself in a circle. */
	for (size_t i = 0; i < db->n_packages; i++) {
		if (!base[i] || held[i])
			continue;
		add_stray(db, i, held, out);
		apk_db_close(db, held);
	}
	return out->error;
}
