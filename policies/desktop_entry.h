/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desktop_entry.h - files NAME.desktop as the Desktop Entry Specification (freedesktop.org, 1.5)
 * describes them, read as the launchers read them: what is it called, and is it shown? Pure.
 * Whoever can write to a home chooses every byte.
 */
#ifndef MDM_POLICIES_DESKTOP_ENTRY_H
#define MDM_POLICIES_DESKTOP_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/limits.h"

struct desktop_entry {
	bool is_application; /* Type=Application */
	bool no_display, hidden;
	/* Clean text, cut; "" if there is none. Without a language. */
	char name[LIMIT_TEXT_BYTES + 1];
	char flatpak[LIMIT_TEXT_BYTES + 1]; /* X-Flatpak: id of the app that exported it */
	/* Programs without which it is not shown: a name or an absolute path; "" for none. */
	char try_exec[LIMIT_TEXT_BYTES + 1];
	char program[LIMIT_TEXT_BYTES + 1]; /* the first word of Exec */
	/* Lists as they stand there; NULL: not said. Borrowed from the text. */
	const char *only_show_in, *not_show_in;
	size_t n_only_show_in, n_not_show_in;
};

/*
 * Reads the group [Desktop Entry], which must be the first; of a key that is there twice the last
 * counts. 0; -EBADMSG: no such group, or Name or Type are missing; -EFBIG: more than
 * LIMIT_DESKTOP_BYTES.
 */
int desktop_entry_read(const char *text, size_t n_bytes, struct desktop_entry *ret_entry);

/* The names of one desktop, as XDG_CURRENT_DESKTOP has them: "Phosh:GNOME". */
struct desktop_names {
	char names[LIMIT_DESKTOP_NAMES][LIMIT_NAME_BYTES + 1];
	size_t n_names;
};

/* Adds the names of a list, separated by any of separators; those that do not fit are left out. */
void desktop_names_add(
	struct desktop_names *names, const char *list, size_t n_bytes, const char *separators);

/*
 * Whether a launcher of that desktop shows it, its programs aside: an application, neither hidden
 * nor without display, and meant for one of the names. The first name that one of the lists has
 * decides, as in GLib.
 */
bool desktop_entry_is_shown(const struct desktop_entry *entry, const struct desktop_names *desktop);

/* NAME.desktop of a file at that path below a directory applications/: "kde/x.desktop" has the id
 * "kde-x.desktop". False: it is no name of a desktop entry, or is too long. */
bool desktop_id(const char *path, char ret_id[LIMIT_TEXT_BYTES + 1]);

#endif
