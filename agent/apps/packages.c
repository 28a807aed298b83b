/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packages.c - the steps for packages: what is asked of apk, in which order, and how each item
 * ended by what is installed afterwards. It knows apk through apk.h alone. Run by mdm-agent-apps,
 * as root.
 */
#include <errno.h>
#include <string.h>

#include "agent/apps/apk.h"
#include "agent/apps/policy.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "policies/apps.h"

/* True: there is no apk to be asked, which is the end of the step. Otherwise what a job that broke
 * off left undone is put right first. */
static bool is_unavailable(struct apps_run *run, int *ret)
{
	const char *why = "";
	enum apps_result result = apk_probe(run, &why);

	if (result != APPS_DONE)
		*ret = apps_run_end(run, "", result, why);
	else
		*ret = apk_world_recover(run);
	return result != APPS_DONE || *ret < 0;
}

int apk_refresh(struct apps_run *run, struct program_said *ret_said, enum apps_result *ret_late)
{
	static const struct apk_ask ask = {.verb = APK_UPDATE};
	char detail[LIMIT_TEXT_BYTES + 1];
	int r;

	apps_run_say(run, -1, "looking for new versions");
	r = apk_ask(run, &ask, ret_said);
	*ret_late = r == 0 && apps_run_is_late(run) ? apk_why(ret_said, "", detail) : APPS_DONE;
	if (*ret_late != APPS_DONE && *ret_late != APPS_E_BUSY)
		*ret_late = APPS_E_DEADLINE;
	return r;
}

/* --- policy --------------------------------------------------------------------------------- */

static int lift_policy(struct apps_run *run)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	_cleanup_(apk_state_done) struct apk_state before = {0}, after = {0};
	const char *const name = APPS_VIRTUAL;
	const struct apk_ask ask = {.verb = APK_DEL, .words = &name, .n_words = 1};
	char detail[LIMIT_TEXT_BYTES + 1];
	enum apps_result result;
	int r = apk_state_read(run->root_fd, &before);

	if (r < 0)
		return r;
	if (!apk_state_is_installed(&before, name) && !apk_state_is_in_world(&before, name))
		return apps_run_end(run, "", APPS_NOTHING_TO_DO, "");
	r = apk_keep(run, &ask);
	if (r == 0)
		r = apk_ask(run, &ask, &said);
	if (r == 0)
		r = apk_state_read(run->root_fd, &after);
	if (r < 0)
		return r;
	if (!apk_state_is_installed(&after, name) && !apk_state_is_in_world(&after, name))
		return apps_run_end(run, "", APPS_DONE, "");
	result = apk_why(&said, name, detail);
	return apps_run_end(run, "", result, detail);
}

int apk_step_policy(struct apps_run *run, const struct apps_words *words)
{
	int r = 0;

	if (is_unavailable(run, &r))
		return r;
	return words->n == 0 ? lift_policy(run) : policy_apply(run, words);
}

/* --- one-off -------------------------------------------------------------------------------- */

/* What an item came to, by what is installed now. */
static int end_added(struct apps_run *run, const struct apk_state *after, const char *word,
	const struct program_said *said, enum apps_result *ret_worst)
{
	char name[LIMIT_TEXT_BYTES + 1], detail[LIMIT_TEXT_BYTES + 1] = "";
	enum apps_result result = APPS_DONE;

	apk_word_name(word, name);
	if (!apk_state_fits(after, word))
		result = apk_why(said, name, detail);
	else if (apk_state_is_broken(after, name))
		result = APPS_E_SCRIPT;
	if (result == APPS_E_SCRIPT)
		snprintf(detail, sizeof(detail), "it is installed, but its script failed");
	if (result != APPS_DONE)
		*ret_worst = result;
	return apps_run_end(run, word, result, detail);
}

/* What could not be had must not stay in the world: it would be in the way of all that follows. */
static int clean_world(
	struct apps_run *run, const struct apk_state *before, const struct apps_words *words)
{
	_cleanup_(apk_state_done) struct apk_state after = {0};
	_cleanup_free_ const char **gone = calloc(words->n + 1, sizeof(*gone));
	struct apps_words out = {.words = gone};
	char name[LIMIT_TEXT_BYTES + 1];
	int r = apk_state_read(run->root_fd, &after);

	if (!gone)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < words->n; i++) {
		apk_word_name(words->words[i], name);
		if (!apk_state_fits(&after, words->words[i]) &&
			apk_state_is_in_world(&after, name) && !apk_state_is_in_world(before, name))
			gone[out.n++] = words->words[i];
	}
	return r < 0 || out.n == 0 ? r : apk_world_edit(run, &out, NULL, NULL);
}

/* Those that apk can install, each tried alone where it cannot have all; the others end here. */
static int choose_added(struct apps_run *run, const struct apps_words *words,
	struct apps_words *good, enum apps_result *ret_worst)
{
	_cleanup_(program_said_done) struct program_said all = {0};
	struct apk_ask ask = {
		.verb = APK_ADD, .words = words->words, .n_words = words->n, .simulated = true};
	int r = apk_ask(run, &ask, &all);

	if (r < 0)
		return r;
	if (apk_is_solved(&all)) {
		memcpy(good->words, words->words, words->n * sizeof(*good->words));
		good->n = words->n;
		return 0;
	}
	for (size_t i = 0; i < words->n; i++) {
		_cleanup_(program_said_done) struct program_said one = {0};
		char detail[LIMIT_TEXT_BYTES + 1];

		ask.words = &words->words[i];
		ask.n_words = 1;
		r = apk_ask(run, &ask, &one);
		if (r < 0)
			return r;
		if (apk_is_solved(&one)) {
			good->words[good->n++] = words->words[i];
			continue;
		}
		*ret_worst = apk_why_not(&one, words->words[i], detail);
		r = apps_run_end(run, words->words[i], *ret_worst, detail);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Without what no repository that can be reached has, the reason is that it cannot be reached. */
static int explain_unknown(struct apps_run *run, const struct program_said *refreshed, size_t first)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	enum apps_result trouble = apk_source_trouble(refreshed, detail);

	for (size_t i = first; trouble != APPS_DONE && i < run->progress.n_outcomes; i++) {
		struct apps_outcome *outcome = &run->progress.outcomes[i];

		if (outcome->result != APPS_E_UNKNOWN)
			continue;
		outcome->result = trouble;
		snprintf(outcome->detail, sizeof(outcome->detail), "%s", detail);
	}
	return (int)trouble;
}

static int add_good(struct apps_run *run, const struct apk_state *before,
	const struct apps_words *good, enum apps_result *ret_worst)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	_cleanup_(apk_state_done) struct apk_state after = {0};
	const struct apk_ask ask = {.verb = APK_ADD, .words = good->words, .n_words = good->n};
	int r = apk_keep(run, &ask);

	if (r == 0)
		r = apk_ask(run, &ask, &said);
	if (r == 0 && said.end == PROGRAM_EXITED)
		r = clean_world(run, before, good);
	if (r == 0)
		r = apk_state_read(run->root_fd, &after);
	for (size_t i = 0; r == 0 && i < good->n; i++)
		r = end_added(run, &after, good->words[i], &said, ret_worst);
	return r;
}

int apk_step_add(struct apps_run *run, const struct apps_words *words)
{
	_cleanup_(program_said_done) struct program_said refreshed = {0};
	_cleanup_(apk_state_done) struct apk_state before = {0};
	_cleanup_free_ const char **good_words = calloc(words->n + 1, sizeof(*good_words));
	_cleanup_free_ const char **new_words = calloc(words->n + 1, sizeof(*new_words));
	struct apps_words good = {.words = good_words}, new = {.words = new_words};
	enum apps_result worst = APPS_DONE, late;
	size_t first = run->progress.n_outcomes;
	char name[LIMIT_TEXT_BYTES + 1];
	int r = 0;

	if (!good_words || !new_words)
		return -ENOMEM;
	if (is_unavailable(run, &r))
		return r;
	r = apk_state_read(run->root_fd, &before);
	for (size_t i = 0; r == 0 && i < words->n; i++) {
		const char *word = words->words[i];

		apk_word_name(word, name);
		if (!apk_word_is_plain(word)) {
			worst = APPS_E_UNKNOWN;
			r = apps_run_end(run, word, worst, "that is no name of a package");
		} else if (apk_state_fits(&before, word) && apk_state_is_in_world(&before, name)) {
			r = apps_run_end(run, word, APPS_NOTHING_TO_DO, "");
		} else {
			new.words[new.n++] = word;
		}
	}
	if (r < 0)
		return r;
	if (new.n == 0)
		return apps_run_end(run, "", worst == APPS_DONE ? APPS_NOTHING_TO_DO : worst, "");
	r = apk_refresh(run, &refreshed, &late);
	if (r < 0 || late != APPS_DONE)
		return r < 0 ? r : apps_run_end(run, "", late, "");
	r = choose_added(run, &new, &good, &worst);
	if (r == 0 && good.n > 0)
		r = add_good(run, &before, &good, &worst);
	if (r < 0)
		return r;
	r = explain_unknown(run, &refreshed, first);
	if (r != APPS_DONE && worst == APPS_E_UNKNOWN)
		worst = (enum apps_result)r;
	return apps_run_end(run, "", worst, "");
}

/* How one name ended; the worst of all is the step's. */
static int end_removed(struct apps_run *run, const struct apk_state *after, const char *name,
	const struct program_said *said, struct apps_outcome *worst)
{
	char detail[LIMIT_TEXT_BYTES + 1] = "";
	enum apps_result result = APPS_DONE;

	if (apk_state_is_in_world(after, name)) {
		result = apk_why(said, name, detail);
	} else if (apk_state_is_installed(after, name)) {
		result = APPS_E_NEEDED;
		apk_state_chain(after, name, detail, sizeof(detail));
	}
	if (result > APPS_NOTHING_TO_DO || worst->result == APPS_NOTHING_TO_DO) {
		worst->result = result;
		memcpy(worst->detail, detail, sizeof(detail));
	}
	return apps_run_end(run, name, result, detail);
}

static int ask_removal(struct apps_run *run, const struct apps_words *members,
	struct program_said *ret_said, struct apk_state *ret_after)
{
	const struct apk_ask ask = {
		.verb = APK_DEL, .words = members->words, .n_words = members->n};
	int r = apk_keep(run, &ask);

	if (r == 0)
		r = apk_ask(run, &ask, ret_said);
	apk_state_done(ret_after);
	return r < 0 ? r : apk_state_read(run->root_fd, ret_after);
}

/*
 * All in one transaction; where apk finds no way one after the other, so that one is not in the way
 * of the others. *ret_after: how it is then.
 */
static int remove_members(struct apps_run *run, struct apps_words *members,
	struct program_said *ret_said, struct apk_state *ret_after)
{
	size_t n = 0;
	int r = ask_removal(run, members, ret_said, ret_after);

	for (size_t i = 0; r == 0 && i < members->n; i++)
		if (apk_state_is_in_world(ret_after, members->words[i]))
			members->words[n++] = members->words[i];
	if (n == 0 || members->n == 1 || ret_said->end != PROGRAM_EXITED || apk_is_solved(ret_said))
		return r;
	for (size_t i = 0; r == 0 && i < n && !apps_run_is_late(run); i++) {
		struct apps_words one = {.words = &members->words[i], .n = 1};

		program_said_done(ret_said);
		*ret_said = (struct program_said){0};
		r = ask_removal(run, &one, ret_said, ret_after);
	}
	return r;
}

int apk_step_remove(struct apps_run *run, const struct apps_words *names)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	_cleanup_(apk_state_done) struct apk_state state = {0};
	_cleanup_free_ const char **there_words = calloc(names->n + 1, sizeof(*there_words));
	_cleanup_free_ const char **member_words = calloc(names->n + 1, sizeof(*member_words));
	struct apps_words there = {.words = there_words}, members = {.words = member_words};
	struct apps_outcome worst = {.result = APPS_NOTHING_TO_DO};
	int r = 0;

	if (!there_words || !member_words)
		return -ENOMEM;
	if (is_unavailable(run, &r))
		return r;
	r = apk_state_read(run->root_fd, &state);
	for (size_t i = 0; r == 0 && i < names->n; i++) {
		const char *name = names->words[i];
		bool in_world = apk_state_is_in_world(&state, name);

		if (!apk_word_is_plain(name) || strpbrk(name, "<>=~@!")) {
			worst = (struct apps_outcome){
				.result = APPS_E_UNKNOWN, .detail = "that is no name of a package"};
			r = names->n > 1 ? apps_run_end(run, name, worst.result, worst.detail) : 0;
			continue;
		}
		if (in_world)
			members.words[members.n++] = name;
		if (in_world || apk_state_is_installed(&state, name))
			there.words[there.n++] = name;
		else if (names->n > 1)
			r = apps_run_end(run, name, APPS_NOTHING_TO_DO, "");
	}
	if (r == 0 && members.n > 0)
		r = remove_members(run, &members, &said, &state);
	for (size_t i = 0; r == 0 && i < there.n; i++)
		r = end_removed(run, &state, there.words[i], &said, &worst);
	return r < 0 ? r : apps_run_end(run, "", worst.result, worst.detail);
}

/* --- upgrade -------------------------------------------------------------------------------- */

static int end_upgraded(struct apps_run *run, const struct apk_state states[2], const char *name,
	const struct program_said *said, bool *ret_failed)
{
	char old[LIMIT_TEXT_BYTES + 1], new[LIMIT_TEXT_BYTES + 1],
		detail[LIMIT_TEXT_BYTES + 1] = "";
	enum apps_result result = APPS_NOTHING_TO_DO;

	apk_state_version(&states[0], name, old, sizeof(old));
	apk_state_version(&states[1], name, new, sizeof(new));
	if (strcmp(old, new) != 0) {
		result = apk_state_is_broken(&states[1], name) ? APPS_E_SCRIPT : APPS_DONE;
		snprintf(detail, sizeof(detail), "%.120s -> %.120s", old, new);
	} else if (apk_why(said, name, detail) != APPS_E_FAILED) {
		result = apk_why(said, name, detail);
	} else {
		detail[0] = '\0';
	}
	*ret_failed |= result > APPS_NOTHING_TO_DO;
	return apps_run_end(run, name, result, detail);
}

/* How an upgrade of everything ended: by what has changed, then by what stands in the way. */
static int end_upgrade(struct apps_run *run, const struct apk_state states[2],
	const struct program_said *said, const struct program_said *refreshed)
{
	bool is_same = states[0].n_db == states[1].n_db &&
		       memcmp(states[0].db_text, states[1].db_text, states[0].n_db) == 0;
	char detail[LIMIT_TEXT_BYTES + 1] = "";
	enum apps_result trouble = apk_source_trouble(refreshed, detail);

	if (!apk_is_solved(said) || strstr(said->output.data, "ERROR: ")) {
		char sources[LIMIT_TEXT_BYTES + 1];
		enum apps_result why;

		memcpy(sources, detail, sizeof(sources));
		why = apk_why(said, "", detail);
		/* It goes nowhere without its indexes, and does not say what is wrong with them. */
		if (why == APPS_E_NETWORK && trouble != APPS_DONE)
			return apps_run_end(run, "", trouble, sources);
		/* Packages whose scripts failed are installed all the same. */
		if (why != APPS_E_FAILED || is_same)
			return apps_run_end(run, "", why, detail);
		return apps_run_end(run, "", APPS_E_SCRIPT, detail);
	}
	if (trouble != APPS_DONE)
		return apps_run_end(run, "", trouble, detail);
	return apps_run_end(run, "", is_same ? APPS_NOTHING_TO_DO : APPS_DONE, "");
}

/*
 * What an upgrade would take away that has to stay, first of all: then it is not begun. What
 * replaces it may be as good, which is for somebody to look at. 1: refused, with a result; 0;
 * -errno.
 */
static int refuse_upgrade(
	struct apps_run *run, const struct apk_state *before, const struct apk_ask *ask)
{
	_cleanup_buf_ struct buf purged = BUF_INIT;
	char detail[LIMIT_TEXT_BYTES + 1];
	char *rest = NULL;
	int r = apk_purged(run, ask, &purged);

	for (char *name = r < 0 ? NULL : strtok_r(purged.data, " ", &rest); name;
		name = strtok_r(NULL, " ", &rest)) {
		const char *why = app_protected_why(name);

		if (!why && !apk_state_is_required(before, name))
			continue;
		snprintf(detail, sizeof(detail), "the upgrade would take away %.120s (%.80s)", name,
			why ? why : "the policy requires it");
		r = apps_run_end(run, "", APPS_E_NEEDED, detail);
		return r < 0 ? r : 1;
	}
	return r;
}

int apk_step_upgrade(struct apps_run *run, const struct apps_words *words)
{
	_cleanup_(program_said_done) struct program_said refreshed = {0}, said = {0};
	_cleanup_(apk_state_done) struct apk_state before = {0}, after = {0};
	_cleanup_free_ const char **there = calloc(words->n + 1, sizeof(*there));
	struct apk_ask ask = {.verb = APK_UPGRADE, .words = there};
	enum apps_result late;
	bool failed = false;
	int r = 0;

	if (!there)
		return -ENOMEM;
	if (is_unavailable(run, &r))
		return r;
	r = apk_state_read(run->root_fd, &before);
	for (size_t i = 0; r == 0 && i < words->n; i++) {
		if (apk_word_is_plain(words->words[i]) &&
			apk_state_is_installed(&before, words->words[i]))
			there[ask.n_words++] = words->words[i];
		else
			r = apps_run_end(
				run, words->words[i], APPS_E_UNKNOWN, "it is not installed");
	}
	if (r < 0)
		return r;
	/* Without words it would be everything. */
	if (words->n > 0 && ask.n_words == 0)
		return apps_run_end(run, "", APPS_E_UNKNOWN, "none of them is installed");
	r = apk_refresh(run, &refreshed, &late);
	if (r < 0 || late != APPS_DONE)
		return r < 0 ? r : apps_run_end(run, "", late, "");
	r = apk_keep(run, &ask);
	if (r == 0)
		r = refuse_upgrade(run, &before, &ask);
	if (r != 0)
		return r < 0 ? r : 0;
	r = apk_ask(run, &ask, &said);
	if (r == 0)
		r = apk_state_read(run->root_fd, &after);
	for (size_t i = 0; r == 0 && i < ask.n_words; i++) {
		struct apk_state states[2] = {before, after};

		r = end_upgraded(run, states, there[i], &said, &failed);
	}
	if (r < 0)
		return r;
	return end_upgrade(run, (struct apk_state[]){before, after}, &said, &refreshed);
}
