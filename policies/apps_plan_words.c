/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan_words.c - the words of the virtual package that carries the wishes of a plan; see
 * apps_plan.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by mdm-agent-apps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/apps_plan_private.h"

static int compare_text(const struct apk_text *a, const struct apk_text *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int order = n ? memcmp(a->at, b->at, n) : 0;

	return order ? order : (a->n > b->n) - (a->n < b->n);
}

/* Bans first; the same order for looking up and for comparing. */
static int compare_subject(const struct apk_dependency *a, const struct apk_dependency *b)
{
	if (a->is_conflict != b->is_conflict)
		return a->is_conflict ? -1 : 1;
	return compare_text(&a->name, &b->name);
}

static int compare_words(const void *left, const void *right)
{
	const struct apk_dependency *a = left, *b = right;
	int order = compare_subject(a, b);

	if (!order)
		order = strcmp(a->operator, b->operator);
	if (!order)
		order = compare_text(&a->version, &b->version);
	return order ? order : compare_text(&a->tag, &b->tag);
}

int plan_words_read(struct apk_text text, struct plan_words *ret_words)
{
	struct plan_words words = {0};
	struct apk_text rest = text;
	struct apk_dependency word;
	size_t n_words = 0;

	while (apk_dependency_next(&rest, &word))
		n_words++;
	words.words = calloc(n_words + 1, sizeof(*words.words));
	if (!words.words)
		return -ENOMEM;
	for (rest = text; apk_dependency_next(&rest, &word);)
		words.words[words.n_words++] = word;
	qsort(words.words, words.n_words, sizeof(*words.words), compare_words);
	*ret_words = words;
	return 0;
}

void plan_words_done(struct plan_words *words)
{
	free(words->words);
	*words = (struct plan_words){0};
}

const struct apk_dependency *plan_words_find(
	const struct plan_words *words, const char *name, size_t n_name, bool is_conflict)
{
	struct apk_dependency wanted = {.name = {name, n_name}, .is_conflict = is_conflict};
	size_t low = 0, high = words->n_words;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_subject(&words->words[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < words->n_words && compare_subject(&words->words[low], &wanted) == 0
		       ? &words->words[low]
		       : NULL;
}

bool plan_words_equal(const struct plan_words *a, const struct plan_words *b)
{
	if (a->n_words != b->n_words)
		return false;
	for (size_t i = 0; i < a->n_words; i++)
		if (compare_words(&a->words[i], &b->words[i]) != 0)
			return false;
	return true;
}

static const struct apps_item *find_pin(const struct apps_plan *plan, const char *name)
{
	for (size_t i = plan->n_items; i-- > 0 && plan->items[i].wish == APPS_WISH_PIN;)
		if (plan->items[i].why_not == APPS_CAN && strcmp(plan->items[i].name, name) == 0)
			return &plan->items[i];
	return NULL;
}

static bool item_is_word(const struct apps_plan *plan, const struct apps_item *item)
{
	if (item->why_not != APPS_CAN || item->wish == APPS_WISH_REMOVE || item->is_later)
		return false;
	/* One word says both, which version and that it has to be there. */
	return item->wish != APPS_WISH_INSTALL || !find_pin(plan, item->name);
}

static int compare_pointers(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the texts, each ended by NUL, and puts a space between them. */
static int write_sorted(struct buf *texts, size_t n_texts, struct buf *out)
{
	_cleanup_free_ char **sorted = calloc(n_texts + 1, sizeof(*sorted));
	char *at = texts->data;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n_texts; i++, at += strlen(at) + 1)
		sorted[i] = at;
	qsort(sorted, n_texts, sizeof(*sorted), compare_pointers);
	buf_puts(out, "");
	for (size_t i = 0; i < n_texts; i++)
		if (i == 0 || strcmp(sorted[i - 1], sorted[i]) != 0)
			buf_printf(out, "%s%s", i ? " " : "", sorted[i]);
	return out->error;
}

int apps_plan_words(const struct apps_plan *plan, struct buf *out)
{
	_cleanup_buf_ struct buf texts = BUF_INIT;
	size_t n_texts = 0;

	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];

		if (!item_is_word(plan, item))
			continue;
		buf_printf(&texts, "%s%s%s%s", item->wish == APPS_WISH_BAN ? "!" : "", item->name,
			item->wish == APPS_WISH_PIN ? "=" : "", item->version);
		buf_append(&texts, "", 1);
		n_texts++;
	}
	return texts.error ? texts.error : write_sorted(&texts, n_texts, out);
}

int apps_plan_held(const struct apps_plan *plan, struct buf *out)
{
	buf_puts(out, "");
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];

		if (item->pattern && item_is_word(plan, item))
			buf_printf(out, "%s %s\n", item->name, item->pattern);
	}
	return out->error;
}

int apps_plan_is_settled(
	const struct apps_plan *plan, const struct apk_db *db, bool *ret_is_settled)
{
	size_t package = apk_db_find(db, APPS_VIRTUAL, strlen(APPS_VIRTUAL));
	_cleanup_(plan_words_done) struct plan_words wanted = {0}, in_force = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	bool is_there = package < db->n_packages;
	int r = apps_plan_words(plan, &text);

	if (r == 0)
		r = plan_words_read((struct apk_text){text.data, text.n_bytes}, &wanted);
	if (r == 0)
		r = plan_words_read(
			is_there ? db->packages[package].depends : (struct apk_text){0}, &in_force);
	if (r < 0)
		return r;
	*ret_is_settled = is_there == (wanted.n_words > 0) && !plan->n_later &&
			  plan_words_equal(&wanted, &in_force);
	for (size_t i = 0; i < plan->n_items; i++)
		if (plan->items[i].why_not == APPS_CAN && !plan->items[i].is_done)
			*ret_is_settled = false;
	return 0;
}
