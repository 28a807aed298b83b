/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c - the step "policy" (see policy.h). It knows apk through apk.h alone. Run by
 * mdm-agent-apps, as root.
 *
 * 1. What is banned leaves the world, in which it would contradict the ban; apk does nothing yet.
 *    It is written down before: a job that breaks off here loses nobody's choice.
 * 2. apk is asked, as a simulation, whether it can have all of it; if not, which words are to
 * blame. Each of them gets a result of its own, and what they took out of the world comes back.
 * 3. The rest is one transaction: what is banned goes, what is required comes.
 * 4. What failed to install all the same leaves the virtual package again: it would be in the way
 *    of whatever anybody asks of apk later.
 */
#include "agent/apps/policy.h"

#include <errno.h>
#include <string.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"

struct policy {
	struct apps_run *run;
	struct apk_state before, now;
	struct program_said refreshed;
	struct apps_words wanted; /* that apk can be asked for */
	struct apps_words good;	  /* that it can have */
	struct apps_words bad;	  /* that it cannot */
	char *taken;		  /* members of the world that are banned */
	size_t n_simulations;
	bool is_committed;	  /* the bans hold, whatever comes behind */
	enum apps_result trouble; /* that stops all of it */
	char why[LIMIT_TEXT_BYTES + 1];
};

static void policy_done(struct policy *p)
{
	apk_state_done(&p->before);
	apk_state_done(&p->now);
	program_said_done(&p->refreshed);
	free(p->wanted.words);
	free(p->good.words);
	free(p->bad.words);
	free(p->taken);
}

static int policy_init(struct apps_run *run, const struct apps_words *words, struct policy *p)
{
	int r = apk_state_read(run->root_fd, &p->before);

	p->run = run;
	p->wanted.words = calloc(words->n + 1, sizeof(char *));
	p->good.words = calloc(words->n + 1, sizeof(char *));
	p->bad.words = calloc(words->n + 1, sizeof(char *));
	if (r == 0 && (!p->wanted.words || !p->good.words || !p->bad.words))
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < words->n; i++) {
		if (apk_word_is_plain(words->words[i]) && !strchr(words->words[i], '@'))
			p->wanted.words[p->wanted.n++] = words->words[i];
		else
			r = apps_run_end(run, words->words[i], APPS_E_UNKNOWN,
				"that is no name of a package");
	}
	return r;
}

static size_t count_bytes(const struct apps_words *words)
{
	size_t n = 0;

	for (size_t i = 0; i < words->n; i++)
		n += strlen(words->words[i]) + 1;
	return n;
}

static bool fits_all(const struct apk_state *state, const struct apps_words *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (!apk_state_fits(state, words->words[i]))
			return false;
	return true;
}

/* --- which words apk can have ---------------------------------------------------------------- */

/* 1: all that is good so far, and these; 0: no. */
static int try_words(
	struct policy *p, const char *const *words, size_t n, struct program_said *ret_said)
{
	_cleanup_free_ const char **all = calloc(p->good.n + n + 1, sizeof(*all));
	struct apk_ask ask = {
		.verb = APK_ADD_POLICY, .words = all, .n_words = p->good.n + n, .simulated = true};
	char doing[80];
	int r;

	if (!all)
		return -ENOMEM;
	memcpy(all, p->good.words, p->good.n * sizeof(*all));
	if (n > 0)
		memcpy(all + p->good.n, words, n * sizeof(*all));
	snprintf(doing, sizeof(doing), "asking what is possible (%zu)", ++p->n_simulations);
	apps_run_say(p->run, -1, doing);
	r = apk_ask(p->run, &ask, ret_said);
	return r < 0 ? r : apk_is_solved(ret_said);
}

/* Why a ban cannot be, or a requirement. */
static int end_bad(struct policy *p, const char *word, const struct program_said *said)
{
	char name[LIMIT_TEXT_BYTES + 1], detail[LIMIT_TEXT_BYTES + 1];
	enum apps_result result, trouble;

	apk_word_name(word, name);
	result = apk_why_not(said, word, detail);
	if (*word == '!' && result == APPS_E_CONFLICT && apk_state_is_installed(&p->before, name)) {
		char chain[LIMIT_TEXT_BYTES + 1];

		apk_state_chain(&p->before, name, chain, sizeof(chain));
		if (strstr(chain, " <- ")) {
			result = APPS_E_NEEDED;
			memcpy(detail, chain, sizeof(detail));
		}
	}
	trouble = result == APPS_E_UNKNOWN ? apk_source_trouble(&p->refreshed, detail) : APPS_DONE;
	p->bad.words[p->bad.n++] = word;
	return apps_run_end(p->run, word, trouble != APPS_DONE ? trouble : result, detail);
}

/* Halves, until each word that cannot be had is alone. Ranges wait on a stack of their own. */
static int choose(struct policy *p)
{
	struct range {
		size_t first, n;
	} stack[64] = {{0, p->wanted.n}};
	size_t n_ranges = 1;

	while (n_ranges > 0) {
		_cleanup_(program_said_done) struct program_said said = {0};
		struct range range = stack[--n_ranges];
		const char **words = p->wanted.words + range.first;
		int r;

		if (p->n_simulations >= LIMIT_APPS_SIMULATIONS || apps_run_is_late(p->run)) {
			for (size_t i = 0; i < range.n; i++) {
				p->bad.words[p->bad.n++] = words[i];
				r = apps_run_end(p->run, words[i], APPS_E_FAILED,
					"too much else could not be had");
				if (r < 0)
					return r;
			}
			continue;
		}
		r = try_words(p, words, range.n, &said);
		if (r < 0)
			return r;
		if (r > 0) {
			memcpy(p->good.words + p->good.n, words, range.n * sizeof(*words));
			p->good.n += range.n;
		} else if (range.n == 1) {
			r = end_bad(p, words[0], &said);
			if (r < 0)
				return r;
		} else {
			/* The first half first: bans stand before requirements. */
			stack[n_ranges++] =
				(struct range){range.first + range.n / 2, range.n - range.n / 2};
			stack[n_ranges++] = (struct range){range.first, range.n / 2};
		}
	}
	return 0;
}

/* Before words are blamed: whether apk can have anything at all. */
static int look_at_world(struct policy *p)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	int r = try_words(p, NULL, 0, &said);

	if (r == 0)
		p->trouble = apk_why(&said, "", p->why);
	return r < 0 ? r : 0;
}

static int choose_words(struct policy *p)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	int r = try_words(p, p->wanted.words, p->wanted.n, &said);

	if (r < 0)
		return r;
	if (r > 0) {
		memcpy(p->good.words, p->wanted.words, p->wanted.n * sizeof(char *));
		p->good.n = p->wanted.n;
		return 0;
	}
	r = look_at_world(p);
	return r < 0 || p->trouble != APPS_DONE ? r : choose(p);
}

/* --- the world ------------------------------------------------------------------------------- */

static int take_banned(struct policy *p)
{
	_cleanup_free_ const char **banned = calloc(p->wanted.n + 1, sizeof(*banned));
	struct apps_words out = {.words = banned};
	char name[LIMIT_TEXT_BYTES + 1];
	int r;

	if (!banned)
		return -ENOMEM;
	for (size_t i = 0; i < p->wanted.n; i++) {
		apk_word_name(p->wanted.words[i], name);
		if (*p->wanted.words[i] == '!' && apk_state_is_in_world(&p->before, name))
			banned[out.n++] = p->wanted.words[i];
	}
	if (out.n == 0)
		return 0;
	r = apk_world_edit(p->run, &out, NULL, &p->taken);
	if (r == -EBUSY || r == -EROFS) {
		p->trouble = r == -EBUSY ? APPS_E_BUSY : APPS_E_READ_ONLY;
		snprintf(p->why, sizeof(p->why), "the world of apk cannot be changed");
		return 0;
	}
	return r;
}

/* What was taken out and is not banned after all (or nothing is: all). */
static int give_back(struct policy *p, bool all)
{
	_cleanup_buf_ struct buf in = BUF_INIT;
	char name[LIMIT_TEXT_BYTES + 1], member[LIMIT_TEXT_BYTES + 1];

	for (const char *at = p->taken ? p->taken : ""; *at;) {
		size_t n = strcspn(at, " ");
		bool back = all;

		snprintf(member, sizeof(member), "%.*s", (int)n, at);
		member[strcspn(member, "<>=~@")] = '\0';
		for (size_t i = 0; !back && i < p->bad.n; i++) {
			apk_word_name(p->bad.words[i], name);
			back = *p->bad.words[i] == '!' && strcmp(name, member) == 0;
		}
		if (back) {
			buf_puts(&in, in.n_bytes ? " " : "");
			buf_append(&in, at, n);
		}
		at += n + (at[n] == ' ');
	}
	if (in.error)
		return in.error;
	return in.n_bytes ? apk_world_edit(p->run, NULL, in.data, NULL) : 0;
}

/* --- the transaction ------------------------------------------------------------------------- */

/* Words that did not come true leave "good"; with "end" they get their results. */
static int drop_untrue(struct policy *p, const struct program_said *said, bool *ret_dropped)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->good.n; i++) {
		const char *word = p->good.words[i];
		char name[LIMIT_TEXT_BYTES + 1], detail[LIMIT_TEXT_BYTES + 1];
		enum apps_result result;

		if (apk_state_fits(&p->now, word)) {
			p->good.words[n++] = word;
			continue;
		}
		apk_word_name(word, name);
		result = apk_why(said, name, detail);
		p->bad.words[p->bad.n++] = word;
		*ret_dropped = true;
		r = apps_run_end(p->run, word, result, detail);
	}
	p->good.n = n;
	return r;
}

static int commit_once(struct policy *p, struct program_said *ret_said)
{
	const struct apk_ask ask = {
		.verb = APK_ADD_POLICY, .words = p->good.words, .n_words = p->good.n};
	int r = apk_keep(p->run, &ask);

	if (r == 0)
		r = apk_ask(p->run, &ask, ret_said);
	apk_state_done(&p->now);
	return r < 0 ? r : apk_state_read(p->run->root_fd, &p->now);
}

/* What had been there and went with a ban. */
static int end_removed(struct policy *p)
{
	char name[LIMIT_TEXT_BYTES + 1];
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->good.n; i++) {
		apk_word_name(p->good.words[i], name);
		if (*p->good.words[i] == '!' && apk_state_is_installed(&p->before, name) &&
			!apk_state_is_installed(&p->now, name))
			r = apps_run_end(p->run, p->good.words[i], APPS_DONE, "");
	}
	return r;
}

static int end_broken(struct policy *p)
{
	char name[LIMIT_TEXT_BYTES + 1];
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->good.n; i++) {
		apk_word_name(p->good.words[i], name);
		if (*p->good.words[i] != '!' && apk_state_is_broken(&p->now, name) &&
			!apk_state_is_broken(&p->before, name))
			r = apps_run_end(p->run, p->good.words[i], APPS_E_SCRIPT,
				"it is installed, but its script failed");
	}
	return r;
}

/* One transaction, and one more without what could not be installed. */
static int commit(struct policy *p)
{
	_cleanup_(program_said_done) struct program_said said = {0}, again = {0};
	bool dropped = false;
	int r = commit_once(p, &said);

	if (r < 0)
		return r;
	if (!apk_state_has_policy(&p->now, p->good.words, p->good.n)) {
		p->trouble = apk_why(&said, "", p->why);
		return 0;
	}
	p->is_committed = true;
	r = drop_untrue(p, &said, &dropped);
	if (r == 0 && dropped) {
		r = commit_once(p, &again);
		if (r == 0 && !apk_state_has_policy(&p->now, p->good.words, p->good.n))
			p->trouble = apk_why(&again, "", p->why);
	}
	if (r == 0)
		r = end_removed(p);
	return r < 0 ? r : end_broken(p);
}

static int apply(struct policy *p)
{
	int r;

	for (size_t i = 0; i < p->wanted.n; i++)
		if (*p->wanted.words[i] != '!' && !apk_state_fits(&p->before, p->wanted.words[i])) {
			r = apk_refresh(p->run, &p->refreshed, &p->trouble);
			if (r < 0 || p->trouble != APPS_DONE)
				return r;
			break;
		}
	r = take_banned(p);
	if (r == 0 && p->trouble == APPS_DONE)
		r = choose_words(p);
	if (r == 0 && p->trouble == APPS_DONE && p->bad.n > 0)
		r = give_back(p, false);
	if (r < 0 || p->trouble != APPS_DONE)
		return r;
	/* Without what cannot be had nothing may be new, or left. */
	if (!p->taken && p->good.n == 0 && !apk_state_is_installed(&p->before, APPS_VIRTUAL)) {
		p->trouble = APPS_NOTHING_TO_DO;
		return 0;
	}
	if (!p->taken && apk_state_has_policy(&p->before, p->good.words, p->good.n) &&
		fits_all(&p->before, &p->good)) {
		p->trouble = APPS_NOTHING_TO_DO;
		if (p->bad.n > 0)
			snprintf(p->why, sizeof(p->why), "all that can be had is there");
		return 0;
	}
	return commit(p);
}

int policy_apply(struct apps_run *run, const struct apps_words *words)
{
	_cleanup_(policy_done) struct policy p = {.trouble = APPS_DONE};
	int r = policy_init(run, words, &p), e = 0;

	if (r < 0)
		return r;
	if (count_bytes(&p.wanted) > LIMIT_APPS_POLICY_BYTES)
		return apps_run_end(run, "", APPS_E_FAILED,
			"these are more rules than apk can keep in one package");
	if (apk_state_has_policy(&p.before, p.wanted.words, p.wanted.n) &&
		fits_all(&p.before, &p.wanted))
		return apps_run_end(run, "", APPS_NOTHING_TO_DO, "");
	r = apply(&p);
	/* Nothing of it came to be: the world is as it was. */
	if ((r < 0 || p.trouble > APPS_NOTHING_TO_DO) && p.taken && !p.is_committed) {
		e = give_back(&p, true);
		if (e < 0 && r == 0 && !p.why[0])
			snprintf(p.why, sizeof(p.why),
				"and what is banned could not be put back into the world");
	}
	/* What could not be put back now is by the next step that asks apk. */
	if (p.taken && e == 0)
		e = apk_world_forget(run);
	return r < 0 ? r : apps_run_end(run, "", p.trouble, p.why);
}
