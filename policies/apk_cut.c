/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_cut.c - which packages go along when one is taken away; see apk_cut.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by mdm-agent-apps. Each package
 * that goes is gone through once, breadth first, so that the chain that is found is a shortest one.
 */
#include "policies/apk_cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/limits.h"
#include "policies/apk_private.h"

/* Number of the name as it is asked for; APK_NONE if it is not there or is a conflict. */
static uint32_t need_of(const struct apk_db *db, const struct apk_dependency *word)
{
	uint32_t name =
		word->is_conflict ? APK_NONE : apk_names_find(db, word->name.at, word->name.n);

	return name == APK_NONE ? APK_NONE : 2 * name + (word->version.n > 0);
}

/* Counts the dependents of each need (dependents NULL), or puts them in their places. */
static size_t walk_needs(const struct apk_cut *cut, size_t ignored, uint32_t *dependents)
{
	const struct apk_db *db = cut->db;
	struct apk_dependency word;
	size_t n_needs = 0;

	for (size_t i = 0; i < db->n_packages; i++) {
		struct apk_text rest = db->packages[i].depends;

		while (i != ignored && apk_dependency_next(&rest, &word)) {
			uint32_t need = need_of(db, &word);

			if (need == APK_NONE)
				continue;
			if (dependents)
				dependents[--cut->first_dependent[need]] = (uint32_t)i;
			else
				cut->first_dependent[need]++;
			n_needs++;
		}
	}
	return n_needs;
}

int apk_cut_begin(
	const struct apk_db *db, const bool *kept, size_t ignored, struct apk_cut *ret_cut)
{
	struct apk_cut cut = {.db = db, .kept = kept};
	size_t n_needs;
	int r = -ENOMEM;

	cut.n_left = calloc(2 * db->n_names + 1, sizeof(*cut.n_left));
	cut.first_dependent = calloc(2 * db->n_names + 1, sizeof(*cut.first_dependent));
	cut.cause = calloc(db->n_packages + 1, sizeof(*cut.cause));
	cut.queue = calloc(db->n_packages + 1, sizeof(*cut.queue));
	if (!cut.n_left || !cut.first_dependent || !cut.cause || !cut.queue)
		goto fail;
	memset(cut.cause, 0xff, (db->n_packages + 1) * sizeof(*cut.cause));
	for (size_t i = 0; i < db->n_names; i++) {
		cut.n_left[2 * db->names[i].first]++;
		cut.n_left[2 * db->names[i].first + 1] += db->names[i].has_version;
	}
	n_needs = walk_needs(&cut, ignored, NULL);
	r = n_needs > LIMIT_APK_NEEDS ? -E2BIG : -ENOMEM;
	cut.dependents =
		n_needs > LIMIT_APK_NEEDS ? NULL : calloc(n_needs + 1, sizeof(*cut.dependents));
	if (!cut.dependents)
		goto fail;
	/* Ends of the places first; filling them from behind makes them beginnings. */
	for (size_t i = 1; i <= 2 * db->n_names; i++)
		cut.first_dependent[i] += cut.first_dependent[i - 1];
	walk_needs(&cut, ignored, cut.dependents);
	*ret_cut = cut;
	return 0;
fail:
	apk_cut_done(&cut);
	return r;
}

void apk_cut_done(struct apk_cut *cut)
{
	free(cut->n_left);
	free(cut->first_dependent);
	free(cut->dependents);
	free(cut->cause);
	free(cut->queue);
	*cut = (struct apk_cut){0};
}

/* The last places are for the last ones: the end of a chain says why. */
void apk_chain_add(struct apk_chain *chain, uint32_t package)
{
	const size_t gap = APK_CHAIN_MAX / 2;

	if (chain->n < APK_CHAIN_MAX) {
		chain->packages[chain->n++] = package;
		return;
	}
	memmove(&chain->packages[gap], &chain->packages[gap + 1],
		(APK_CHAIN_MAX - gap - 1) * sizeof(chain->packages[0]));
	chain->packages[APK_CHAIN_MAX - 1] = package;
	chain->gap = gap;
}

bool apk_cut_is_gone(const struct apk_cut *cut, size_t package)
{
	return cut->cause[package] != APK_NONE;
}

void apk_cut_chain(const struct apk_cut *cut, size_t package, struct apk_chain *ret_chain)
{
	struct apk_chain back = {0}, chain = {0};

	for (;; package = cut->cause[package]) {
		apk_chain_add(&back, (uint32_t)package);
		if (cut->cause[package] == package)
			break;
	}
	for (size_t i = back.n; i-- > 0;)
		chain.packages[chain.n++] = back.packages[i];
	chain.gap = back.gap ? back.n - back.gap : 0;
	*ret_chain = chain;
}

struct removal {
	struct apk_cut *cut;
	size_t n_queued, n_taken;
	uint32_t hit; /* the first that must not go */
};

static void removal_add(struct removal *removal, uint32_t package, uint32_t cause)
{
	struct apk_cut *cut = removal->cut;

	if (cut->cause[package] != APK_NONE || removal->hit != APK_NONE)
		return;
	cut->cause[package] = cause;
	removal->cut->queue[removal->n_queued++] = package;
	if (cut->kept[package])
		removal->hit = package;
}

static void lose_need(struct removal *removal, size_t need, uint32_t package)
{
	struct apk_cut *cut = removal->cut;

	if (--cut->n_left[need] > 0)
		return;
	for (uint32_t i = cut->first_dependent[need]; i < cut->first_dependent[need + 1]; i++)
		removal_add(removal, cut->dependents[i], package);
}

static void lose_names(struct removal *removal, uint32_t package)
{
	const struct apk_db *db = removal->cut->db;

	for (size_t i = db->packages[package].first_name;
		i < db->n_names && db->names[i].package == package; i++) {
		lose_need(removal, 2 * (size_t)db->names[i].first, package);
		if (db->names[i].has_version)
			lose_need(removal, 2 * (size_t)db->names[i].first + 1, package);
	}
}

/* As if nothing had been asked. */
static void removal_undo(const struct removal *removal)
{
	struct apk_cut *cut = removal->cut;
	const struct apk_db *db = cut->db;

	for (size_t k = 0; k < removal->n_queued; k++) {
		uint32_t package = cut->queue[k];

		cut->cause[package] = APK_NONE;
		for (size_t i = db->packages[package].first_name;
			k < removal->n_taken && i < db->n_names && db->names[i].package == package;
			i++) {
			cut->n_left[2 * db->names[i].first]++;
			cut->n_left[2 * db->names[i].first + 1] += db->names[i].has_version;
		}
	}
}

int apk_cut_remove(
	struct apk_cut *cut, const char *name, size_t n_name, struct apk_chain *ret_chain)
{
	struct removal removal = {.cut = cut, .hit = APK_NONE};
	const struct apk_db *db = cut->db;

	for (uint32_t i = apk_names_find(db, name, n_name); i != APK_NONE; i = db->names[i].next)
		removal_add(&removal, db->names[i].package, db->names[i].package);
	while (removal.n_taken < removal.n_queued && removal.hit == APK_NONE)
		lose_names(&removal, cut->queue[removal.n_taken++]);
	if (removal.hit == APK_NONE)
		return 0;
	apk_cut_chain(cut, removal.hit, ret_chain);
	removal_undo(&removal);
	return APK_CUT_E_KEPT;
}
