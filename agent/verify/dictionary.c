/* SPDX-License-Identifier: Apache-2.0 */
/* dictionary.c - asking libpwquality about words; see dictionary.h. Role verify. */
#include "agent/verify/dictionary.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"

/* The interface of libpwquality.so.1 (pwquality.h), which is not needed to build. */
#define SETTING_MIN_LENGTH 3
#define SETTING_DICT_CHECK 15
#define ERROR_CRACKLIB (-22)

struct dictionary {
	void *settings; /* pwquality_settings_t */
	int (*check)(void *settings, const char *password, const char *old_password,
		const char *user, void **ret_detail);
	void (*free_settings)(void *settings);
};

struct dictionary *dictionary_open(void)
{
	void *library = dlopen("libpwquality.so.1", RTLD_NOW | RTLD_LOCAL);
	struct dictionary *dictionary = NULL;
	void *(*make)(void) = NULL;
	int (*set)(void *settings, int setting, int value) = NULL;
	void *check = NULL, *free_settings = NULL;

	if (!library)
		return NULL;
	*(void **)&make = dlsym(library, "pwquality_default_settings");
	*(void **)&set = dlsym(library, "pwquality_set_int_value");
	check = dlsym(library, "pwquality_check");
	free_settings = dlsym(library, "pwquality_free_settings");
	if (make && set && check && free_settings)
		dictionary = calloc(1, sizeof(*dictionary));
	if (!dictionary)
		return NULL;
	*(void **)&dictionary->check = check;
	*(void **)&dictionary->free_settings = free_settings;
	dictionary->settings = make();
	/* Settings that it refuses stay as they are: it may then say less about words, not more. */
	if (dictionary->settings) {
		(void)set(dictionary->settings, SETTING_MIN_LENGTH, 0);
		(void)set(dictionary->settings, SETTING_DICT_CHECK, 1);
		return dictionary;
	}
	free(dictionary);
	return NULL;
}

void dictionary_free(struct dictionary *dictionary)
{
	if (!dictionary)
		return;
	dictionary->free_settings(dictionary->settings);
	free(dictionary);
}

bool dictionary_has(const struct dictionary *dictionary, const char *password)
{
	void *detail = NULL;

	if (!dictionary || strspn(password, "0123456789") == strlen(password))
		return false;
	if (dictionary->check(dictionary->settings, password, NULL, NULL, &detail) !=
		ERROR_CRACKLIB)
		return false;
	/* "it is based on a dictionary word", "... a (reversed) dictionary word"; cracklib also
	 * finds passwords too short or too simple, by rules of its own. No locale is loaded. */
	return detail && strstr(detail, "dictionary word") != NULL;
}
