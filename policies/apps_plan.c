/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan.c - what has to change among the packages of a phone; see apps_plan.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by mdm-agent-apps. Here is what
 * the parts of a plan share; apps_plan_bans.c and apps_plan_demands.c decide.
 */
#include "policies/apps_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policies/apps_plan_private.h"

const char *apps_wish_name(enum apps_wish wish)
{
	static const char *const names[APPS_WISH_MAX] = {
		[APPS_WISH_BAN] = "ban",
		[APPS_WISH_REMOVE] = "remove",
		[APPS_WISH_INSTALL] = "install",
		[APPS_WISH_PIN] = "pin",
	};

	return names[wish];
}

const char *apps_why_not_help(enum apps_why_not why)
{
	static const char *const help[APPS_WHY_MAX] = {
		[APPS_CAN] = "nothing is against it",
		[APPS_WHY_PROTECTED] = "the phone does not work without it",
		[APPS_WHY_BASE] = "the phone came with it",
		[APPS_WHY_NEEDED] = "something that stays needs it",
		[APPS_WHY_CONFLICT] = "another rule is against it",
	};

	return help[why];
}

void apps_plan_done(struct apps_plan *plan)
{
	free(plan->items);
	*plan = (struct apps_plan){0};
}

/* --- items ---------------------------------------------------------------------------------- */

/* What agent/apps/job.h takes for a name, so that one strange package does not spoil the job. */
static bool name_is_word(const struct apk_text *name)
{
	if (name->n == 0 || name->n > LIMIT_TEXT_BYTES || name->at[0] == '-' ||
		name->at[0] == '/' || name->at[0] == '!')
		return false;
	for (size_t i = 0; i < name->n; i++)
		if ((unsigned char)name->at[i] <= ' ' || (unsigned char)name->at[i] >= 0x7f ||
			strchr("<>=~@", name->at[i]))
			return false;
	return true;
}

/* Requirements and pins, of which a policy has so many at most, always have their places. */
static bool has_room(const struct planner *p, enum apps_wish wish, const struct apk_text *name)
{
	const size_t n_demands = 2 * LIMIT_STRING_SET;

	switch (wish) {
	case APPS_WISH_BAN:
		return p->n_ban_items < LIMIT_APPS_BANS &&
		       p->n_ban_bytes + name->n + 2 <= LIMIT_APPS_BAN_BYTES;
	case APPS_WISH_REMOVE:
		return p->n_items + n_demands < LIMIT_APPS_ITEMS;
	case APPS_WISH_INSTALL:
	case APPS_WISH_PIN:
	case APPS_WISH_MAX:
		break;
	}
	return true;
}

int plan_add(struct planner *p, enum apps_wish wish, const struct apk_text *name,
	struct apps_item **ret_item)
{
	struct apps_item *item;

	if (ret_item)
		*ret_item = NULL;
	if (!name_is_word(name))
		return 0;
	if (!has_room(p, wish, name)) {
		p->n_later++;
		return 0;
	}
	if (p->n_items == p->n_max) {
		size_t n = p->n_max ? 2 * p->n_max : 32;
		struct apps_item *more = reallocarray(p->items, n, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->items = more;
		p->n_max = n;
	}
	item = &p->items[p->n_items++];
	memset(item, 0, sizeof(*item));
	item->wish = wish;
	memcpy(item->name, name->at, name->n);
	if (wish == APPS_WISH_BAN) {
		p->n_ban_items++;
		p->n_ban_bytes += name->n + 2; /* "!" and the space */
	}
	if (ret_item)
		*ret_item = item;
	return 0;
}

static int compare_items(const void *left, const void *right)
{
	const struct apps_item *a = left, *b = right;
	int order = (int)a->wish - (int)b->wish;

	if (!order)
		order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->version, b->version);
}

/* The world may name one package twice, with and without a tag. */
static void items_sort(struct planner *p)
{
	size_t n = 0;

	if (p->n_items)
		qsort(p->items, p->n_items, sizeof(*p->items), compare_items);
	for (size_t i = 0; i < p->n_items; i++)
		if (n == 0 || compare_items(&p->items[n - 1], &p->items[i]) != 0)
			p->items[n++] = p->items[i];
	p->n_items = n;
}

/* --- words for people ----------------------------------------------------------------------- */

void plan_say(struct apps_item *item, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(item->chain, sizeof(item->chain), format, args);
	va_end(args);
}

/* Cut off at the end; in names everything that is not printable is a question mark. */
static void say_more(struct apps_item *item, const char *text, size_t n_bytes)
{
	size_t n = strlen(item->chain);

	for (size_t i = 0; i < n_bytes && n + 1 < sizeof(item->chain); i++, n++)
		item->chain[n] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	item->chain[n] = 0;
}

void plan_chain_write(const struct planner *p, const struct apk_chain *chain, const char *reason,
	struct apps_item *item)
{
	item->chain[0] = 0;
	for (size_t i = 0; i < chain->n; i++) {
		const struct apk_text *name = &p->db->packages[chain->packages[i]].name;

		if (i > 0)
			say_more(item, " <- ", 4);
		if (i > 0 && i == chain->gap)
			say_more(item, "... <- ", 7);
		/* Eight names and their signs in 256 bytes. */
		say_more(item, name->at, name->n < 48 || chain->n == 1 ? name->n : 48);
	}
	if (reason) {
		say_more(item, " (", 2);
		say_more(item, reason, strlen(reason));
		say_more(item, ")", 1);
	}
}

/* --- packages ------------------------------------------------------------------------------- */

static const char *text_copy(const struct apk_text *text, char ret_copy[LIMIT_TEXT_BYTES + 1])
{
	size_t n = text->n < LIMIT_TEXT_BYTES ? text->n : LIMIT_TEXT_BYTES;

	if (n)
		memcpy(ret_copy, text->at, n);
	ret_copy[n] = 0;
	return ret_copy;
}

void plan_app_read(const struct planner *p, size_t package, struct plan_app *ret_app)
{
	const struct apk_package *from = &p->db->packages[package];

	ret_app->app = (struct app){
		.kind = APP_PACKAGE,
		.name = text_copy(&from->name, ret_app->name),
		.version = "",
		.origin = text_copy(&from->origin, ret_app->origin),
		.repository = text_copy(&from->tag, ret_app->tag),
		.remote = "",
		.user = "",
		.title = "",
		.sha256 = "",
		.is_explicit = p->is_explicit[package],
		.is_base = p->in->base && p->in->base[package],
		.is_shown = p->in->has_desktop && p->in->has_desktop[package],
	};
}

/* What a package can do is protected as well, whatever it is called: names with a ':' or '/'. */
static const char *protected_why(const struct apk_package *package)
{
	char name[LIMIT_TEXT_BYTES + 1];
	const char *why = app_protected_why(text_copy(&package->name, name));
	struct apk_text rest = package->provides;
	struct apk_dependency word;

	while (!why && apk_dependency_next(&rest, &word))
		if (memchr(word.name.at, ':', word.name.n) || word.name.at[0] == '/')
			why = app_protected_why(text_copy(&word.name, name));
	return why;
}

const char *plan_kept_why(const struct planner *p, size_t package)
{
	const char *why;

	if (package == p->virtual_package)
		return NULL;
	why = protected_why(&p->db->packages[package]);
	if (!why && p->in->base && p->in->base[package])
		why = apps_why_not_help(APPS_WHY_BASE);
	return why;
}

/* --- the plan ------------------------------------------------------------------------------- */

static void mark_world(struct planner *p)
{
	struct apk_text rest = p->in->world;
	struct apk_dependency word;

	while (apk_dependency_next(&rest, &word)) {
		size_t package = apk_db_provider(p->db, word.name.at, word.name.n);

		if (!word.is_conflict && package < p->db->n_packages &&
			package != p->virtual_package)
			p->is_explicit[package] = true;
	}
}

static int planner_begin(struct planner *p)
{
	size_t n = p->db->n_packages;
	int r;

	p->kept = calloc(n + 1, sizeof(*p->kept));
	p->is_explicit = calloc(n + 1, sizeof(*p->is_explicit));
	p->is_leaving = calloc(n + 1, sizeof(*p->is_leaving));
	p->is_demanded = calloc(n + 1, sizeof(*p->is_demanded));
	if (!p->kept || !p->is_explicit || !p->is_leaving || !p->is_demanded)
		return -ENOMEM;
	p->virtual_package = apk_db_find(p->db, APPS_VIRTUAL, strlen(APPS_VIRTUAL));
	r = plan_words_read(p->virtual_package < n ? p->db->packages[p->virtual_package].depends
						   : (struct apk_text){0},
		&p->in_force);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		p->kept[i] = plan_kept_why(p, i) != NULL;
	mark_world(p);
	r = plan_globs_read(p);
	if (r < 0)
		return r;
	return apk_cut_begin(p->db, p->kept, p->virtual_package, &p->cut);
}

static void planner_done(struct planner *p)
{
	free(p->items);
	free(p->kept);
	free(p->is_explicit);
	free(p->is_leaving);
	free(p->is_demanded);
	free(p->globs);
	plan_words_done(&p->in_force);
	apk_cut_done(&p->cut);
}

int apps_plan_make(const struct apps_plan_input *input, struct apps_plan *ret_plan)
{
	_cleanup_(planner_done) struct planner p = {
		.in = input, .policy = input->policy, .db = input->db};
	int r;

	if (input->policy->mode == APPS_OFF) {
		*ret_plan = (struct apps_plan){0};
		return 0;
	}
	r = planner_begin(&p);
	if (r == 0)
		r = plan_bans(&p);
	if (r == 0)
		r = plan_demands(&p);
	if (r == 0)
		r = plan_permissions(&p);
	if (r == 0)
		r = plan_bans_ahead(&p);
	if (r < 0)
		return r;
	items_sort(&p);
	r = plan_portion(&p);
	if (r < 0)
		return r;
	*ret_plan = (struct apps_plan){TAKE_PTR(p.items), p.n_items, p.n_left_out, p.n_later};
	return 0;
}
