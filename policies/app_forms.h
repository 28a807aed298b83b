/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_forms.h - what the texts in the settings of apps have to look like; rows of the table of
 * settings point at them. Pure.
 */
#ifndef MDM_POLICIES_APP_FORMS_H
#define MDM_POLICIES_APP_FORMS_H

#include "policies/settings.h"

extern const struct value_form app_form_pattern;
extern const struct value_form app_form_required;
extern const struct value_form app_form_pinned;
extern const struct value_form app_form_repository;
extern const struct value_form app_form_signing_key;
extern const struct value_form app_form_remote;
extern const struct value_form app_form_desktop_file;
extern const struct value_form app_form_hour;

/* A name that apk takes for a package: no options, paths, versions or tags. */
bool app_package_name_is_valid(const char *text, size_t n_bytes);

/* The parts of an element of required that is a Flatpak, flatpak:REMOTE/ID; false for packages. */
struct app_flatpak_name {
	const char *remote;
	size_t n_remote; /* remote is not ended by NUL */
	const char *id;
};
bool app_flatpak_read(const char *required, struct app_flatpak_name *ret_name);

/*
 * What a profile requires is allowed by its own list: adds a pattern for each of required to the
 * one list of allowed. 0; -ENOMEM with nothing changed.
 */
int app_list_add_required(struct value *allowed, const struct string_set *required);

/* Where the version begins in an element of pinned, NAME=VERSION; the name is n_name bytes. */
const char *app_pin_version(const char *pinned, size_t *ret_n_name);

#endif
