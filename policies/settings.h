/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - the one table of everything a policy can set.
 *
 * Parser, merge, compliance, JSON Schema, `agentctl policy explain` and docs/policy-reference.md
 * all read this table; there is no second list. A new setting is one row (and, where a platform
 * mechanism serves it, a line in that backend). Pure: no system calls anywhere in policies/.
 */
#ifndef MDM_POLICIES_SETTINGS_H
#define MDM_POLICIES_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"

enum area_id {
	AREA_SCREEN_LOCK,
	AREA_ENCRYPTION,
	AREA_PASSWORD,
	AREA_APPS,
	AREA_RESTRICTIONS,
	AREA_LOCATION,
	AREA_MAX,
};

enum setting_id {
	SETTING_SCREEN_LOCK_IDLE_DELAY,
	SETTING_SCREEN_LOCK_ENABLED,
	SETTING_SCREEN_LOCK_DELAY,
	SETTING_SCREEN_LOCK_REQUIRE_UNLOCK,
	SETTING_ENCRYPTION_STORAGE,
	SETTING_ENCRYPTION_SWAP,
	SETTING_ENCRYPTION_SYSTEM,
	SETTING_ENCRYPTION_HOME,
	SETTING_ENCRYPTION_REMOVABLE,
	SETTING_ENCRYPTION_MIN_VERSION,
	SETTING_ENCRYPTION_CIPHERS,
	SETTING_ENCRYPTION_MIN_KEY_SIZE,
	SETTING_ENCRYPTION_MIN_KDF,
	SETTING_ENCRYPTION_MIN_KDF_MEMORY,
	SETTING_ENCRYPTION_MAX_KEYSLOTS,
	SETTING_ENCRYPTION_FORBID_EMPTY_PASSPHRASE,
	SETTING_ENCRYPTION_ESCROW,
	SETTING_ENCRYPTION_ESCROW_CHECK,
	SETTING_ENCRYPTION_ESCROW_MAX_AGE,
	SETTING_PASSWORD_MIN_LENGTH,
	SETTING_PASSWORD_ALLOW_NUMERIC,
	SETTING_PASSWORD_MIN_CLASSES,
	SETTING_PASSWORD_MAX_SEQUENCE,
	SETTING_PASSWORD_MAX_REPEAT,
	SETTING_PASSWORD_FORBID_COMMON,
	SETTING_PASSWORD_FORBID_USER_NAME,
	SETTING_PASSWORD_HISTORY,
	SETTING_PASSWORD_MAX_AGE,
	SETTING_PASSWORD_MIN_HASH,
	SETTING_PASSWORD_FORBID_EMPTY,
	SETTING_PASSWORD_FREE_ATTEMPTS,
	SETTING_PASSWORD_FIRST_DELAY,
	SETTING_PASSWORD_LONGEST_DELAY,
	SETTING_PASSWORD_MAX_ATTEMPTS,
	SETTING_PASSWORD_AT_MAXIMUM,
	SETTING_APPS_MODE,
	SETTING_APPS_ALLOWED,
	SETTING_APPS_BLOCKED,
	SETTING_APPS_REQUIRED,
	SETTING_APPS_PINNED,
	SETTING_APPS_REPOSITORIES,
	SETTING_APPS_SIGNING_KEYS,
	SETTING_APPS_FLATPAK_REMOTES,
	SETTING_APPS_USER_FLATPAKS,
	SETTING_APPS_USER_PROGRAMS,
	SETTING_APPS_NOEXEC,
	SETTING_APPS_HIDDEN,
	SETTING_APPS_UPDATE_EVERY,
	SETTING_APPS_UPDATE_HOURS,
	SETTING_APPS_GUARD,
	SETTING_APPS_GUARD_FAILURE,
	SETTING_RESTRICTIONS_CAMERA,
	SETTING_RESTRICTIONS_MICROPHONE,
	SETTING_RESTRICTIONS_BLUETOOTH,
	SETTING_RESTRICTIONS_NFC,
	SETTING_RESTRICTIONS_USB_HOST,
	SETTING_RESTRICTIONS_USB_GADGET,
	SETTING_RESTRICTIONS_WIFI,
	SETTING_RESTRICTIONS_MOBILE_DATA,
	SETTING_RESTRICTIONS_HOTSPOT,
	SETTING_RESTRICTIONS_LOCATION,
	SETTING_RESTRICTIONS_SSH,
	SETTING_RESTRICTIONS_AIRPLANE_MODE,
	SETTING_LOCATION_REPORT,
	SETTING_LOCATION_PRECISION,
	SETTING_LOCATION_OVERRIDE_SWITCH,
	SETTING_MAX,
};

enum value_type {
	VALUE_BOOL,
	VALUE_INT,
	VALUE_SET,    /* sorted set of distinct strings */
	VALUE_CHOICE, /* one of a list of words, the weakest first; its number is the place there */
	/*
	 * Lists of texts, one from each profile, each of which has to be met: what fits is in all
	 * of them. An element of the set is one list, sorted, with '\n' between its texts; none has
	 * all the texts of another. So an intersection of patterns is exact without working out
	 * what two globs have in common.
	 */
	VALUE_LISTS,
	VALUE_TYPE_MAX,
};

/* How two values of one setting become the stricter one. All are commutative, associative and
 * idempotent (a semilattice each). */
enum merge_kind {
	MERGE_MIN,	    /* the smaller number is stricter */
	MERGE_MAX,	    /* the larger number is stricter */
	MERGE_OR,	    /* true is stricter */
	MERGE_AND,	    /* false is stricter */
	MERGE_UNION,	    /* more elements are stricter (things forbidden) */
	MERGE_INTERSECTION, /* fewer elements are stricter (things allowed) */
	MERGE_JOIN,	    /* words that hold beside each other: bits, the last place is all */
	MERGE_KIND_MAX,
};
const char *merge_kind_name(enum merge_kind kind);

struct area_row {
	enum area_id id;
	const char *name; /* "screen_lock" */
	const char *help; /* one sentence */
};

/* What each text of a set or list has to look like. */
struct value_form {
	/* *ret_why: what is wrong, to be read behind the text; static. */
	bool (*is_valid)(const char *text, size_t n_bytes, const char **ret_why);
	const char *pattern; /* for the schema; lets through all that is valid, and maybe more */
};

struct setting_row {
	enum setting_id id;
	enum area_id area;
	const char *name; /* "idle_delay" */
	enum value_type type;
	enum merge_kind merge;
	const char *unit;	    /* "s", "" */
	int64_t min, max;	    /* VALUE_INT; VALUE_CHOICE: 0 and the last word's place */
	const char *help;	    /* one sentence */
	const char *const *choices; /* VALUE_CHOICE: words, the weakest first */
	const char *why;	    /* whole sentences: the value to choose, the reason; or NULL */
	const struct value_form *form; /* VALUE_SET, VALUE_LISTS; NULL: any text */
};

const struct area_row *area_row(enum area_id id);
const struct setting_row *setting_row(enum setting_id id);
/* NULL if there is none of that name. */
const struct area_row *area_find(const char *name);
const struct setting_row *setting_find(enum area_id area, const char *name);

struct string_set {
	char **strings; /* sorted by strcmp, distinct, owned */
	size_t n_strings;
};

/* Whether text is in it; NULL is an empty set. */
bool string_set_has(const struct string_set *set, const char *text);

struct value {
	enum value_type type;
	int64_t number;	       /* VALUE_INT; VALUE_BOOL as 0 and 1; VALUE_CHOICE: the place */
	struct string_set set; /* VALUE_SET, VALUE_LISTS */
};

void value_done(struct value *value);
/* Deep copy. 0 or -ENOMEM. */
int value_copy(const struct value *value, struct value *ret_copy);
bool value_equal(const struct value *a, const struct value *b);
/* The stricter of two values of one row. 0 or -ENOMEM. */
int value_merge(const struct setting_row *row, const struct value *a, const struct value *b,
	struct value *ret_merged);
/* Whether observed is at least as strict as desired: merging desired into it changes nothing. */
bool value_satisfies(
	const struct setting_row *row, const struct value *observed, const struct value *desired);
/* Whether every value satisfies this one: false where true is stricter, an empty prohibition. */
bool value_demands_nothing(const struct setting_row *row, const struct value *value);
/* The next text of one list of VALUE_LISTS, not ended by NUL; *list moves behind it. False: none.
 */
bool value_list_next(const char **list, const char **ret_text, size_t *ret_n_bytes);
/* For people: "300 s", "yes", "a, b". */
void value_format(const struct setting_row *row, const struct value *value, struct buf *out);
/* As JSON value under key; value may be NULL: null. */
struct jsonw;
void value_write(
	const struct setting_row *row, const struct value *value, struct jsonw *w, const char *key);
/* The text of value_format() under key; value may be NULL: null. */
void value_write_text(
	const struct setting_row *row, const struct value *value, struct jsonw *w, const char *key);

#endif
