/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - the one table of what can be set in mdm-server, and reading and writing one value.
 * Options, configuration file, help, checks and `config show` all follow from it. Pure;
 * mdm-server only.
 */
#ifndef MDM_SERVER_SETTINGS_H
#define MDM_SERVER_SETTINGS_H

#include "server/config.h"

enum setting_kind {
	SETTING_TEXT,	 /* char * */
	SETTING_LIST,	 /* struct config_list: may be given several times */
	SETTING_NUMBER,	 /* int64_t from min to max */
	SETTING_CHOICE,	 /* int64_t, an index of choices */
	SETTING_ADDRESS, /* struct config_address */
};

struct setting {
	const char *name;    /* --NAME on the command line, NAME in the file */
	const char *metavar; /* what its value is called in the help */
	enum setting_kind kind;
	size_t offset; /* of the member in struct config */
	int64_t min, max, initial;
	const char *const *choices; /* the last is NULL */
	bool needed;		    /* to run */
	bool reloadable;	    /* SIGHUP takes a new value over */
	/* Of texts, lists and addresses: NULL, or what is wrong with this value. May be NULL. */
	const char *(*check)(const char *value);
	const char *help; /* a phrase; bounds and default are added to it */
};

/* The last has name NULL. At most BOUND_CONFIG_SETTINGS. */
extern const struct setting config_settings[];

/* NULL if there is none of that name. */
const struct setting *setting_find(const char *name, size_t n_name);
size_t setting_index(const struct setting *setting);

/*
 * Reads a value into its member; of a list, adds it. 0; -EINVAL with a clause for people that
 * follows the name ("must be a number from 1 to 825"); -ENOMEM.
 */
int setting_set(const struct setting *setting, struct config *config, const char *value,
	char ret_problem[160]);
/* Back to the default; frees what was there. */
void setting_reset(const struct setting *setting, struct config *config);
/* 0 or -ENOMEM with `to` untouched. */
int setting_copy(const struct setting *setting, struct config *to, const struct config *from);
bool setting_equal(const struct setting *setting, const struct config *a, const struct config *b);
/* Is there a value to show? Texts, lists and addresses may be unset. */
size_t setting_count(const struct setting *setting, const struct config *config);
/* The value, number i of a list, as the file has it. */
void setting_write(
	const struct setting *setting, const struct config *config, size_t i, struct buf *out);
/* "1 to 825, default 90"; nothing for texts. */
void setting_write_bounds(const struct setting *setting, struct buf *out);

#endif
