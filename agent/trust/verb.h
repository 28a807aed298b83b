/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb.h - the one table of command verbs. mdmctl reads it to sign and to explain, the phone to
 * check; the enforcer expands the same rows into its table of handlers
 * (agent/enforcer/command_verbs.c), so that a new verb is one row here and its handler there. Pure.
 */
#ifndef MDM_TRUST_VERB_H
#define MDM_TRUST_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/trust/keyset.h"

enum verb_argument_type {
	VERB_TEXT, /* printable UTF-8; min, max: bytes */
	VERB_INT,  /* min, max: values */
	VERB_BOOL,
	VERB_ARGUMENT_TYPE_MAX,
};

struct verb_argument {
	const char *name;
	enum verb_argument_type type;
	int64_t min, max;
	bool required;
	const char *unit;		/* "s", or "" */
	bool (*form)(const char *text); /* VERB_TEXT: what else it has to be; NULL: nothing */
	const char *help;
};

/*
 * id, name, role whose threshold it needs, default validity in seconds, argument table, handler,
 * help. A verb of the role DESTROY must quote the phone's nonce and is valid for at most
 * LIMIT_DESTRUCTIVE_VALID_S.
 */
#define VERB_TABLE(X)                                                                                \
	X(SYNC, "sync", TRUST_ROLE_COMMAND, 24 * 3600, verb_no_arguments, command_sync,              \
		"looks at the phone and checks in once more, with everything the server may have "   \
		"lost")                                                                              \
	X(LOCK, "lock", TRUST_ROLE_COMMAND, 24 * 3600, verb_no_arguments, command_lock,              \
		"locks the screen of every session; done when the sessions say they are locked")     \
	X(MESSAGE, "message", TRUST_ROLE_COMMAND, 24 * 3600, verb_message_arguments,                 \
		command_message, "shows the user a notification")                                    \
	X(REBOOT, "reboot", TRUST_ROLE_COMMAND, 24 * 3600, verb_reboot_arguments, command_reboot,    \
		"restarts the phone; done when it has started again")                                \
	X(UNENROLL, "unenroll", TRUST_ROLE_COMMAND, 24 * 3600, verb_no_arguments,                    \
		command_unenroll,                                                                    \
		"lifts every rule, restores what was there before and leaves the organisation")      \
	X(DIAGNOSTICS, "diagnostics", TRUST_ROLE_COMMAND, 24 * 3600, verb_no_arguments,              \
		command_diagnostics,                                                                 \
		"sends status, journal, versions, mechanisms and the agent's log, without personal " \
		"data")                                                                              \
	X(UNLOCK_ATTEMPTS, "unlock-attempts", TRUST_ROLE_COMMAND, 24 * 3600, verb_no_arguments,      \
		command_unlock_attempts,                                                             \
		"counts wrong attempts at passcodes from zero again, so that whoever is locked out " \
		"can try")                                                                           \
	X(SET_PASSCODE, "set-passcode", TRUST_ROLE_DESTROY, 15 * 60, verb_passcode_arguments,        \
		command_set_passcode,                                                                \
		"takes another passcode for its user, who has to change it; attempts count from "    \
		"zero again")                                                                        \
	X(ROTATE_RECOVERY_KEY, "rotate-recovery-key", TRUST_ROLE_COMMAND, 24 * 3600,                 \
		verb_rotate_arguments, command_rotate_recovery_key,                                  \
		"counts the recovery keys of its disks as seen by somebody, until new ones are in "  \
		"their place")                                                                       \
	X(CRYPTO_LOCK, "crypto-lock", TRUST_ROLE_DESTROY, 15 * 60, verb_no_arguments,                \
		command_crypto_lock,                                                                 \
		"removes every key of its disks but the organisation's recovery key, and restarts")  \
	X(WIPE, "wipe", TRUST_ROLE_DESTROY, 15 * 60, verb_wipe_arguments, command_wipe,              \
		"destroys the keys of its disks and what is not encrypted, or only what is the "     \
		"organisation's")                                                                    \
	X(INSTALL, "install", TRUST_ROLE_COMMAND, 24 * 3600, verb_install_arguments,                 \
		command_install,                                                                     \
		"installs a package or a Flatpak, if its policy lets it be there")                   \
	X(REMOVE, "remove", TRUST_ROLE_COMMAND, 24 * 3600, verb_remove_arguments, command_remove,    \
		"removes a package or a Flatpak that is not part of its system")                     \
	X(UPDATE, "update", TRUST_ROLE_COMMAND, 24 * 3600, verb_update_arguments, command_update,    \
		"brings packages and Flatpaks up to date")                                           \
	X(LOST, "lost", TRUST_ROLE_COMMAND, 24 * 3600, verb_lost_arguments, command_lost,            \
		"counts as lost, or no more: where its policy says so it then tells where it is")

enum verb_id {
#define X(id, name, role, valid_s, arguments, handler, help) VERB_##id,
	VERB_TABLE(X)
#undef X
	VERB_MAX,
};

struct command_verb {
	const char *name;
	enum trust_role role;
	int64_t valid_s;		       /* default validity */
	const struct verb_argument *arguments; /* ended by a row without name */
	const char *help;		       /* end of the sentence "the phone …" */
};

extern const struct command_verb command_verbs[VERB_MAX];

/*
 * A field of shadow(5) as mdmctl makes it: SHA-512 with 100000 to 1000000 rounds. Every C library
 * of phones knows it; fewer rounds are too easy to try out for whoever sees the command, more would
 * keep the lock screen waiting.
 */
bool verb_hash_is_valid(const char *text);

/* What a wipe is about: "device" or "corporate"; and what follows: "poweroff" or "reboot". */
bool verb_scope_is_valid(const char *text);
bool verb_finish_is_valid(const char *text);

/* A name that package managers take for nothing but a name. */
bool verb_app_is_valid(const char *text);

/* VERB_MAX if there is none of that name. */
enum verb_id command_verb_find(const char *name);

#endif
