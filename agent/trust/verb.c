/* SPDX-License-Identifier: Apache-2.0 */
/* verb.c - the rows of the verbs and of their arguments; see verb.h. Any role that knows documents;
 * pure. */
#include "agent/trust/verb.h"

#include <string.h>

#include "agent/util/codec.h"

static const struct verb_argument verb_no_arguments[] = {{0}};

static const struct verb_argument verb_message_arguments[] = {
	{.name = "text",
		.type = VERB_TEXT,
		.min = 1,
		.max = LIMIT_COMMAND_TEXT_BYTES,
		.required = true,
		.unit = "",
		.help = "what the user is told"},
	{.name = "title",
		.type = VERB_TEXT,
		.min = 1,
		.max = 64,
		.unit = "",
		.help = "the line above it; without one, the organisation's name"},
	{0},
};

static const struct verb_argument verb_rotate_arguments[] = {
	{.name = "generation",
		.type = VERB_INT,
		.min = 1,
		.max = (INT64_C(1) << 53) - 1,
		.unit = "",
		.help = "the newest key that was seen, by its number; without one, all that there are"},
	{0},
};

static const struct verb_argument verb_reboot_arguments[] = {
	{.name = "delay",
		.type = VERB_INT,
		.min = 0,
		.max = 3600,
		.unit = "s",
		.help = "how long the user is warned before"},
	{0},
};

/* The field of shadow(5) ends at a colon, the line at its end: neither is in here. */
#define VERB_HASH_BYTES 127
#define VERB_HASH_METHOD "$6$rounds="
#define VERB_ROUNDS_MIN 100000
#define VERB_ROUNDS_MAX 1000000

bool verb_hash_is_valid(const char *text)
{
	static const char alphabet[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t n_method = strlen(VERB_HASH_METHOD), n;
	char digits[8];
	int64_t rounds;

	if (strncmp(text, VERB_HASH_METHOD, n_method) != 0)
		return false;
	text += n_method;
	n = strcspn(text, "$");
	if (n >= sizeof(digits) || text[n] != '$')
		return false;
	memcpy(digits, text, n);
	digits[n] = 0;
	if (parse_int64(digits, VERB_ROUNDS_MIN, VERB_ROUNDS_MAX, &rounds) < 0)
		return false;
	text += n + 1;
	n = strspn(text, alphabet);
	if (n < 8 || n > 16 || text[n] != '$')
		return false;
	text += n + 1;
	return strlen(text) == 86 && strspn(text, alphabet) == 86;
}

static const struct verb_argument verb_passcode_arguments[] = {
	{.name = "hash",
		.type = VERB_TEXT,
		.min = 1,
		.max = VERB_HASH_BYTES,
		.required = true,
		.unit = "",
		.form = verb_hash_is_valid,
		.help = "crypt(3) of the passcode; mdmctl makes both unless it is given"},
	{.name = "user",
		.type = VERB_TEXT,
		.min = 1,
		.max = LIMIT_USER_BYTES,
		.unit = "",
		.form = name_is_valid,
		.help = "whose; without it, the one person's who uses the phone"},
	{0},
};

bool verb_scope_is_valid(const char *text)
{
	return strcmp(text, "device") == 0 || strcmp(text, "corporate") == 0;
}

bool verb_finish_is_valid(const char *text)
{
	return strcmp(text, "poweroff") == 0 || strcmp(text, "reboot") == 0;
}

static const struct verb_argument verb_wipe_arguments[] = {
	{.name = "scope",
		.type = VERB_TEXT,
		.min = 1,
		.max = 16,
		.required = true,
		.unit = "",
		.form = verb_scope_is_valid,
		.help = "device (everything on it, for good, if it is the organisation's phone) or "
			"corporate (what the organisation brought)"},
	{.name = "finish",
		.type = VERB_TEXT,
		.min = 1,
		.max = 16,
		.unit = "",
		.form = verb_finish_is_valid,
		.help = "poweroff (default) or reboot, with the scope device"},
	{0},
};

#define VERB_APP_BYTES 128

bool verb_app_is_valid(const char *text)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	return *text && strchr(letters, *text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") ==
		       strlen(text);
}

static const struct verb_argument verb_install_arguments[] = {
	{.name = "name",
		.type = VERB_TEXT,
		.min = 1,
		.max = VERB_APP_BYTES,
		.required = true,
		.unit = "",
		.form = verb_app_is_valid,
		.help = "the name of the package; with source, the id of the Flatpak"},
	{.name = "source",
		.type = VERB_TEXT,
		.min = 1,
		.max = LIMIT_NAME_BYTES,
		.unit = "",
		.form = name_is_valid,
		.help = "the Flatpak remote that has it, such as flathub"},
	{0},
};

static const struct verb_argument verb_remove_arguments[] = {
	{.name = "name",
		.type = VERB_TEXT,
		.min = 1,
		.max = VERB_APP_BYTES,
		.required = true,
		.unit = "",
		.form = verb_app_is_valid,
		.help = "the name of the package, or the id of the Flatpak"},
	{0},
};

static const struct verb_argument verb_update_arguments[] = {
	{.name = "name",
		.type = VERB_TEXT,
		.min = 1,
		.max = VERB_APP_BYTES,
		.unit = "",
		.form = verb_app_is_valid,
		.help = "the name of the package, or the id of the Flatpak; without one, everything"},
	{0},
};

static const struct verb_argument verb_lost_arguments[] = {
	{.name = "is",
		.type = VERB_BOOL,
		.required = true,
		.unit = "",
		.help = "true: it is lost; false: it was found"},
	{0},
};

const struct command_verb command_verbs[VERB_MAX] = {
#define X(id, verb_name, verb_role, default_s, table, handler, text)                               \
	[VERB_##id] = {.name = verb_name,                                                          \
		.role = verb_role,                                                                 \
		.valid_s = default_s,                                                              \
		.arguments = table,                                                                \
		.help = text},
	VERB_TABLE(X)
#undef X
};

enum verb_id command_verb_find(const char *name)
{
	for (enum verb_id id = 0; id < VERB_MAX; id++)
		if (strcmp(command_verbs[id].name, name) == 0)
			return id;
	return VERB_MAX;
}
