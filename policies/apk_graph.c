/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_graph.c - who needs whom among the installed packages; see apk_db.h. Pure: no system calls.
 * Enforcer only.
 *
 * Each package and each name is gone through once, whatever the text says, so that the work is
 * never more than a few times the text. Names that apk would compare versions of are told apart by
 * whether there is a version at all: what is installed was resolved once, and an unversioned
 * "provides" fits no dependency with a version.
 */
#include <string.h>

#include "policies/apk_private.h"

enum name_flags {
	NAME_GONE_THROUGH = 1,		 /* by a dependency without a version */
	NAME_GONE_THROUGH_VERSIONED = 2, /* by one with */
	NAME_HELD = 4,			 /* something marked has it */
	NAME_HELD_VERSIONED = 8,
};

/* Parts of the scratch memory. */
struct work {
	const struct apk_db *db;
	uint32_t *flags;   /* of names: of the first of each chain */
	uint32_t *waiting; /* of names: the first package that waits for it, by install_if */
	uint32_t *queue;   /* packages */
	uint32_t *other;   /* packages: close: the next that waits; chain: who needs it */
	uint32_t *at;	   /* packages: the condition that it waits for, offset in the text */
	size_t n_queued, n_taken;
};

size_t apk_scratch_words(const struct apk_db *db)
{
	return 2 * db->n_names + 3 * db->n_packages + 1;
}

static struct work work_begin(const struct apk_db *db)
{
	struct work w = {.db = db, .flags = db->scratch};

	w.waiting = w.flags + db->n_names;
	w.queue = w.waiting + db->n_names;
	w.other = w.queue + db->n_packages;
	w.at = w.other + db->n_packages;
	for (size_t i = 0; i < db->n_names; i++) {
		w.flags[i] = 0;
		w.waiting[i] = APK_NONE;
	}
	return w;
}

static bool fits(const struct apk_name *name, const struct apk_dependency *word)
{
	return name->has_version || !word->version.n;
}

/* The name that a dependency asks for, the first time that it is asked for like that. */
static uint32_t take_name(struct work *w, const struct apk_dependency *word)
{
	uint32_t flag = word->version.n ? NAME_GONE_THROUGH_VERSIONED : NAME_GONE_THROUGH;
	uint32_t name;

	if (word->is_conflict)
		return APK_NONE;
	name = apk_names_find(w->db, word->name.at, word->name.n);
	if (name == APK_NONE || (w->flags[name] & flag))
		return APK_NONE;
	w->flags[name] |= flag;
	return name;
}

/* --- what is needed ------------------------------------------------------------------------- */

static void mark(struct work *w, bool *marks, uint32_t package)
{
	if (marks[package])
		return;
	marks[package] = true;
	w->queue[w->n_queued++] = package;
}

static void mark_providers(struct work *w, bool *marks, uint32_t package)
{
	struct apk_text rest = w->db->packages[package].depends;
	struct apk_dependency word;

	while (apk_dependency_next(&rest, &word))
		for (uint32_t i = take_name(w, &word); i != APK_NONE; i = w->db->names[i].next)
			if (fits(&w->db->names[i], &word))
				mark(w, marks, w->db->names[i].package);
}

/*
 * Goes on with the conditions of a package from where it waited: marks it if all hold, or lets it
 * wait for the first that does not. What must not be there is not asked: it is installed, so it
 * was not.
 */
static void ask_conditions(struct work *w, bool *marks, uint32_t package)
{
	const struct apk_text *all = &w->db->packages[package].install_if;
	struct apk_text rest = {w->db->text + w->at[package], 0};
	struct apk_dependency word;

	rest.n = (size_t)(all->at + all->n - rest.at);
	while (apk_dependency_next(&rest, &word)) {
		uint32_t held = word.version.n ? NAME_HELD_VERSIONED : NAME_HELD;
		uint32_t name;

		if (word.is_conflict)
			continue;
		name = apk_names_find(w->db, word.name.at, word.name.n);
		if (name == APK_NONE)
			return; /* nothing ever has it */
		if (w->flags[name] & held)
			continue;
		w->at[package] = (uint32_t)(word.name.at - w->db->text);
		w->other[package] = w->waiting[name];
		w->waiting[name] = package;
		return;
	}
	mark(w, marks, package);
}

/* All names of a marked package hold from now on; who waited for one is asked again. */
static void hold_names(struct work *w, bool *marks, uint32_t package)
{
	const struct apk_db *db = w->db;

	for (uint32_t i = db->packages[package].first_name;
		i < db->n_names && db->names[i].package == package; i++) {
		uint32_t first = db->names[i].first;
		uint32_t held = NAME_HELD | (db->names[i].has_version ? NAME_HELD_VERSIONED : 0);
		uint32_t waiting;

		if ((w->flags[first] & held) == held)
			continue;
		w->flags[first] |= held;
		waiting = w->waiting[first];
		w->waiting[first] = APK_NONE;
		while (waiting != APK_NONE) {
			uint32_t next = w->other[waiting];

			ask_conditions(w, marks, waiting);
			waiting = next;
		}
	}
}

static bool has_conditions(const struct apk_package *package)
{
	struct apk_text rest = package->install_if;
	struct apk_dependency word;

	while (apk_dependency_next(&rest, &word))
		if (!word.is_conflict)
			return true;
	return false;
}

void apk_db_close(const struct apk_db *db, bool *marks)
{
	struct work w = work_begin(db);

	for (uint32_t i = 0; i < db->n_packages; i++)
		if (marks[i])
			w.queue[w.n_queued++] = i;
	for (uint32_t i = 0; i < db->n_packages; i++) {
		if (marks[i] || !has_conditions(&db->packages[i]))
			continue;
		w.at[i] = (uint32_t)(db->packages[i].install_if.at - db->text);
		ask_conditions(&w, marks, i);
	}
	while (w.n_taken < w.n_queued) {
		uint32_t package = w.queue[w.n_taken++];

		hold_names(&w, marks, package);
		mark_providers(&w, marks, package);
	}
}

/* --- who needs it --------------------------------------------------------------------------- */

/* The one package that can be what is needed; APK_NONE if there are none, or more. */
static uint32_t sole_provider(
	const struct apk_db *db, uint32_t name, const struct apk_dependency *word)
{
	uint32_t provider = APK_NONE;

	for (; name != APK_NONE; name = db->names[name].next) {
		if (!fits(&db->names[name], word) || db->names[name].package == provider)
			continue;
		if (provider != APK_NONE)
			return APK_NONE;
		provider = db->names[name].package;
	}
	return provider;
}

static void reach_needed(struct work *w, uint32_t package)
{
	struct apk_text rest = w->db->packages[package].depends;
	struct apk_dependency word;

	while (apk_dependency_next(&rest, &word)) {
		uint32_t needed = sole_provider(w->db, take_name(w, &word), &word);

		if (needed == APK_NONE || w->other[needed] != APK_NONE)
			continue;
		w->other[needed] = package;
		w->queue[w->n_queued++] = needed;
	}
}

static size_t write_chain(const struct work *w, uint32_t package, size_t *ret_chain, size_t max)
{
	size_t n = 1, i;

	for (uint32_t p = package; w->other[p] != p; p = w->other[p])
		n++;
	for (i = n; i-- > 0; package = w->other[package])
		if (i < max)
			ret_chain[i] = package;
	return n;
}

size_t apk_db_chain(
	const struct apk_db *db, const bool *from, size_t package, size_t *ret_chain, size_t max)
{
	struct work w = work_begin(db);

	if (package >= db->n_packages)
		return 0;
	for (uint32_t i = 0; i < db->n_packages; i++) {
		w.other[i] = APK_NONE;
		if (!from[i])
			continue;
		w.other[i] = i; /* a beginning */
		w.queue[w.n_queued++] = i;
	}
	while (w.other[package] == APK_NONE && w.n_taken < w.n_queued)
		reach_needed(&w, w.queue[w.n_taken++]);
	return w.other[package] == APK_NONE ? 0
					    : write_chain(&w, (uint32_t)package, ret_chain, max);
}
