/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk.h - what mdm-agent-apps asks of apk, and what it reads of apk's state. apk.c is the only file
 * that knows apk's command line and its words, apk_state.c the one that knows its files: of
 * apk-tools 2.14 and 3.0.
 */
#ifndef MDM_APPS_APK_H
#define MDM_APPS_APK_H

#include "agent/apps/run.h"
#include "policies/apk_db.h"

/* The database of installed packages and the world, as they are now. */
struct apk_state {
	char *db_text, *world_text;
	size_t n_db, n_world;
	struct apk_db db;
};
void apk_state_done(struct apk_state *state);
/* 0; -ENOENT: no database; -EFBIG, -E2BIG, -ENOMEM or what else reading files may say. */
int apk_state_read(int root_fd, struct apk_state *ret_state);

bool apk_state_is_installed(const struct apk_state *state, const char *name);
bool apk_state_is_in_world(const struct apk_state *state, const char *name);
/* Whether the packages installed are as the word says: "name", "name=1.0-r0", "!name". */
bool apk_state_fits(const struct apk_state *state, const char *word);
/* Version of an installed package, "" if there is none. */
void apk_state_version(const struct apk_state *state, const char *name, char *ret, size_t size);
/* Whether a script of the package failed when it was installed, as the database says. */
bool apk_state_is_broken(const struct apk_state *state, const char *name);
/* Whether the virtual package is installed, in the world, and has exactly these dependencies. */
bool apk_state_has_policy(const struct apk_state *state, const char *const *words, size_t n);
/* Whether that asks for it. */
bool apk_state_is_required(const struct apk_state *state, const char *name);
/* "bar <- foo": why a package stays, though it is not asked for. "" if nothing needs it. */
void apk_state_chain(const struct apk_state *state, const char *name, char *ret, size_t size);

/* The name of a word: "vim" of "!vim", "vim=9.1-r0" or "vim@edge". */
void apk_word_name(const char *word, char ret_name[LIMIT_TEXT_BYTES + 1]);
/* A word that apk would take for a file, or that is no dependency, is none of ours. */
bool apk_word_is_plain(const char *word);

/*
 * APPS_DONE: there is an apk that may be used. Otherwise APPS_E_NO_MANAGER, APPS_E_READ_ONLY, with
 * a sentence.
 */
enum apps_result apk_probe(const struct apps_run *run, const char **ret_why);

/* What apk was asked. */
struct apk_ask {
	enum {
		APK_UPDATE,
		APK_ADD,
		APK_ADD_POLICY,
		APK_DEL,
		APK_UPGRADE
	} verb;
	const char *const *words;
	size_t n_words;
	bool simulated;
};

/*
 * Asks it, and while another program holds the lock, again, until the deadline of the job. 0 or
 * -errno. Of a simulation ret_said tells whether there is a solution, of all others nothing that
 * the state does not tell, except why.
 */
int apk_ask(struct apps_run *run, const struct apk_ask *ask, struct program_said *ret_said);
/* Names of what that would take away, as a simulation says, by single spaces. 0 or -errno. */
int apk_purged(struct apps_run *run, const struct apk_ask *ask, struct buf *ret_names);
/*
 * Before that is asked: what the step "keep" names and would go along, as nothing needs it any
 * more, becomes a member of the world. 0 or -errno, after which it must not be asked.
 */
int apk_keep(struct apps_run *run, const struct apk_ask *ask);
/* Between two tries to get the lock; the progress says what it is waiting for. */
void apk_wait_for_lock(struct apps_run *run, int64_t wait_us);
bool apk_is_solved(const struct program_said *said);

/*
 * Why the package with that name (or "": the whole of it) is not as it should be, by the words of
 * apk. *ret_detail: for people, in apk's own words.
 */
enum apps_result apk_why(
	const struct program_said *said, const char *name, char ret_detail[LIMIT_TEXT_BYTES + 1]);
/* The same for a word that apk could not have. */
enum apps_result apk_why_not(
	const struct program_said *said, const char *word, char ret_detail[LIMIT_TEXT_BYTES + 1]);
/* Likewise, only what is in the way of getting packages: APPS_DONE if nothing is. */
enum apps_result apk_source_trouble(
	const struct program_said *said, char ret_detail[LIMIT_TEXT_BYTES + 1]);

/*
 * Takes members out of the world whose name is that of a word of "out", and appends the lines "in",
 * with apk's lock held. *ret_taken: the lines that were taken out, by single spaces; owned by the
 * caller, or NULL if there were none; they are written down beside the world before. 0; -EBUSY: the
 * lock was held until the deadline; -errno.
 */
int apk_world_edit(
	struct apps_run *run, const struct apps_words *out, const char *in, char **ret_taken);

/*
 * What is written down of that: forgotten once the transaction is over, and put back into the world
 * where a job broke off before, unless the ban holds by now. 0 or -errno.
 */
int apk_world_forget(struct apps_run *run);
int apk_world_recover(struct apps_run *run);

#endif
