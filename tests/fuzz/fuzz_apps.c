/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_apps.c - patterns of apps and plans over any database of packages. Lines of the input up to
 * an empty one are the policy and what is known of the phone, "KEY:TEXT"; the rest is the database.
 *
 * Key h: what is remembered of bans. A plan takes along nothing that is kept, as a second, slower
 * count says. When its removals are done and its words are in force, the same policy has nothing
 * more to take away. What is said to be valid never fits differently for being asked twice, and
 * lists that are merged let through what each lets through.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/util/codec.h"
#include "policies/app_forms.h"
#include "policies/app_pattern.h"
#include "policies/apps_plan.h"
#include "tests/lib/policy_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define TEXTS_MAX 24

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* The lines of one key. */
struct texts {
	char *texts[TEXTS_MAX];
	size_t n_texts;
};

struct input {
	struct texts keys[128];
	struct apps_policy policy;
	struct string_set allowed, blocked, required, pinned;
	char *lists[1];
	struct buf world;
};

static void input_done(struct input *input)
{
	for (size_t key = 0; key < ARRAY_SIZE(input->keys); key++)
		for (size_t i = 0; i < input->keys[key].n_texts; i++)
			free(input->keys[key].texts[i]);
	free(input->lists[0]);
	buf_done(&input->world);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Texts of a policy are checked, sorted and distinct before anybody sees them. */
static struct string_set set_of(struct input *input, char key, const struct value_form *form)
{
	struct texts *texts = &input->keys[(unsigned char)key];
	size_t n = 0;

	qsort(texts->texts, texts->n_texts, sizeof(char *), compare);
	for (size_t i = 0; i < texts->n_texts; i++) {
		const char *why = NULL;
		bool is_valid = form->is_valid(texts->texts[i], strlen(texts->texts[i]), &why);

		expect(is_valid || *why);
		if (is_valid && (n == 0 || strcmp(texts->texts[n - 1], texts->texts[i]) != 0)) {
			char *kept = texts->texts[i];

			texts->texts[i] = texts->texts[n];
			texts->texts[n++] = kept;
		}
	}
	return (struct string_set){texts->texts, n};
}

/* Returns what is behind the empty line. */
static const char *read_lines(const char *at, const char *end, struct input *input)
{
	while (at < end && *at != '\n') {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t n;

		eol = eol ? eol : end;
		n = (size_t)(eol - at);
		if (n > 2 && n <= LIMIT_TEXT_BYTES && at[1] == ':' && (unsigned char)at[0] < 128 &&
			text_is_valid(at, n)) {
			struct texts *texts = &input->keys[(unsigned char)at[0]];

			if (texts->n_texts < TEXTS_MAX)
				texts->texts[texts->n_texts++] = strndup(at + 2, n - 2);
		}
		at = eol < end ? eol + 1 : end;
	}
	return at < end ? at + 1 : end;
}

static void read_policy(struct input *input)
{
	const struct texts *world = &input->keys['w'];
	struct value list = {.type = VALUE_LISTS, .set = {input->lists, 1}};
	size_t n;

	input->policy.mode = input->keys['m'].n_texts ? APPS_ALLOW : APPS_DENY;
	input->required = set_of(input, 'r', &app_form_required);
	input->blocked = set_of(input, 'b', &app_form_pattern);
	input->allowed = set_of(input, 'a', &app_form_pattern);
	input->pinned = set_of(input, 'p', &app_form_pinned);
	input->policy.required = &input->required;
	input->policy.blocked = &input->blocked;
	input->policy.pinned = &input->pinned;
	if (input->keys['l'].n_texts) {
		/* Its texts become one list, as those of a profile do. */
		_cleanup_buf_ struct buf joined = BUF_INIT;

		buf_puts(&joined, "");
		for (size_t i = 0; i < input->allowed.n_strings; i++)
			buf_printf(&joined, "%s%s", i ? "\n" : "", input->allowed.strings[i]);
		expect(buf_take(&joined, &input->lists[0], &n) == 0);
		expect(app_list_add_required(&list, &input->required) == 0);
		input->allowed = list.set;
		input->policy.allowed = &input->allowed;
	}
	for (size_t i = 0; i < world->n_texts; i++)
		buf_printf(&input->world, "%s ", world->texts[i]);
}

static bool *marks_of(const struct apk_db *db, const struct texts *names)
{
	bool *marks = calloc(db->n_packages + 1, sizeof(*marks));

	expect(marks);
	for (size_t i = 0; i < names->n_texts; i++) {
		size_t package = apk_db_find(db, names->texts[i], strlen(names->texts[i]));

		if (package < db->n_packages)
			marks[package] = true;
	}
	return marks;
}

/* Whether somebody who is not gone has what is asked for; also if nobody ever had it. */
static bool is_satisfied(
	const struct apk_db *db, const bool *gone, const struct apk_dependency *word)
{
	bool had = false;

	for (size_t i = 0; i < db->n_names; i++) {
		const struct apk_name *name = &db->names[i];

		if (name->n_bytes != word->name.n ||
			memcmp(db->text + name->at, word->name.at, word->name.n) != 0 ||
			(word->version.n && !name->has_version))
			continue;
		if (!gone[name->package])
			return true;
		had = true;
	}
	return !had;
}

/* Everything that cannot be without what is gone, the slow way. */
static void spread(const struct apk_db *db, size_t ignored, bool *gone)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < db->n_packages; i++) {
			struct apk_text rest = db->packages[i].depends;
			struct apk_dependency word;

			while (i != ignored && !gone[i] && apk_dependency_next(&rest, &word))
				if (!word.is_conflict && !is_satisfied(db, gone, &word))
					gone[i] = again = true;
		}
	}
}

static void check_items(const struct apps_plan *plan)
{
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];

		expect(item->wish < APPS_WISH_MAX && item->why_not < APPS_WHY_MAX);
		expect(*item->name && text_is_valid(item->chain, strlen(item->chain)));
		expect(item->why_not == APPS_CAN || (*item->chain && !item->is_done));
		expect((item->wish == APPS_WISH_PIN) == (*item->version != 0));
		expect(item->wish != APPS_WISH_BAN || item->why_not != APPS_CAN ||
			!app_is_protected(item->name));
		expect(i == 0 || item[-1].wish <= item->wish);
		expect(i == 0 || item[-1].wish != item->wish ||
			strcmp(item[-1].name, item->name) < 0 || *item->version);
	}
}

static void mark_gone(const struct apk_db *db, const struct apps_plan *plan, bool *gone)
{
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];

		for (size_t k = 0; k < db->n_names; k++)
			if (item->wish == APPS_WISH_BAN && item->why_not == APPS_CAN &&
				db->names[k].n_bytes == strlen(item->name) &&
				memcmp(db->text + db->names[k].at, item->name,
					db->names[k].n_bytes) == 0)
				gone[db->names[k].package] = true;
	}
}

static void write_field(char letter, const struct apk_text *text, struct buf *out)
{
	if (!text->n)
		return;
	buf_printf(out, "%c:", letter);
	buf_append(out, text->at, text->n);
	buf_puts(out, "\n");
}

/* The database after the plan, with its words in force. */
static void apply(
	const struct apk_db *db, const struct apps_plan *plan, const bool *gone, struct buf *out)
{
	_cleanup_buf_ struct buf words = BUF_INIT;

	for (size_t i = 0; i < db->n_packages; i++) {
		const struct apk_package *package = &db->packages[i];

		if (gone[i] || i == apk_db_find(db, APPS_VIRTUAL, strlen(APPS_VIRTUAL)))
			continue;
		write_field('P', &package->name, out);
		write_field('V', &package->version, out);
		write_field('o', &package->origin, out);
		write_field('s', &package->tag, out);
		write_field('D', &package->depends, out);
		write_field('p', &package->provides, out);
		write_field('i', &package->install_if, out);
		buf_puts(out, "\n");
	}
	expect(apps_plan_words(plan, &words) == 0);
	if (words.n_bytes)
		buf_printf(out, "P:" APPS_VIRTUAL "\nV:1\nD:%s\n\n", words.data);
}

/* The world without what leaves it and what is gone. */
static void leave(const struct apps_plan *plan, struct apk_text world, struct buf *out)
{
	struct apk_dependency word;

	while (apk_dependency_next(&world, &word)) {
		bool stays = !word.is_conflict;

		for (size_t i = 0; i < plan->n_items; i++)
			if ((plan->items[i].wish == APPS_WISH_REMOVE ||
				    plan->items[i].wish == APPS_WISH_BAN) &&
				plan->items[i].why_not == APPS_CAN &&
				strlen(plan->items[i].name) == word.name.n &&
				memcmp(plan->items[i].name, word.name.at, word.name.n) == 0)
				stays = false;
		if (!stays)
			continue;
		buf_append(out, word.name.at, word.name.n);
		buf_puts(out, " ");
	}
}

static int make(const struct input *input, const struct apk_db *db, const struct buf *world,
	const struct buf *held, struct apps_plan *ret_plan)
{
	const struct texts *available = &input->keys['v'];
	_cleanup_free_ bool *base = marks_of(db, &input->keys['k']);
	_cleanup_free_ bool *has_desktop = marks_of(db, &input->keys['d']);
	struct apps_plan_input in = {
		.policy = &input->policy,
		.db = db,
		.world = {world->data, world->n_bytes},
		.base = base,
		.available = (const char *const *)available->texts,
		.n_available = available->n_texts,
		.has_desktop = has_desktop,
		.held = {held->data, held->n_bytes},
	};

	return apps_plan_make(&in, ret_plan);
}

/* Whether a name that could be no word of a job is in the way of doing it all. */
static bool is_odd(const struct apk_db *db, struct apk_text world)
{
	struct apk_dependency word;

	for (size_t i = 0; i < db->n_packages; i++) {
		const struct apk_text *name = &db->packages[i].name;

		for (size_t k = 0; k < name->n; k++)
			if ((unsigned char)name->at[k] >= 0x7f || strchr("<>=~@!-/", name->at[k]))
				return true;
	}
	while (apk_dependency_next(&world, &word))
		if (word.name.at[0] == '-' || word.name.at[0] == '/' || word.name.at[0] == '!')
			return true;
	return false;
}

/* What is banned stays so when it is gone. */
static void check_steady(const struct apps_plan *plan, const struct apps_plan *next)
{
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];
		bool is_held = false;

		for (size_t k = 0; k < next->n_items; k++)
			is_held |= next->items[k].wish == APPS_WISH_BAN &&
				   next->items[k].why_not == APPS_CAN &&
				   strcmp(next->items[k].name, item->name) == 0;
		expect(is_held || item->wish != APPS_WISH_BAN || item->why_not != APPS_CAN ||
			item->is_later);
	}
}

static void check_plan(const struct input *input, const char *text, size_t n_bytes)
{
	struct apk_db db, after;
	struct apps_plan plan, next;
	_cleanup_buf_ struct buf applied = BUF_INIT, world = BUF_INIT, held = BUF_INIT;
	_cleanup_free_ bool *gone = NULL, *base = NULL;
	size_t own;

	if (apk_db_read(text, n_bytes, &db) < 0)
		return;
	/* Whatever stands in the record. */
	for (size_t i = 0; i < input->keys['h'].n_texts; i++)
		buf_printf(&held, "%s\n", input->keys['h'].texts[i]);
	if (make(input, &db, &input->world, &held, &plan) < 0) {
		apk_db_done(&db);
		return;
	}
	check_items(&plan);
	own = apk_db_find(&db, APPS_VIRTUAL, strlen(APPS_VIRTUAL));
	gone = calloc(db.n_packages + 1, sizeof(*gone));
	base = marks_of(&db, &input->keys['k']);
	expect(gone);
	mark_gone(&db, &plan, gone);
	spread(&db, own, gone);
	for (size_t i = 0; i < db.n_packages; i++)
		expect(!gone[i] || i == own || !base[i]);
	apply(&db, &plan, gone, &applied);
	leave(&plan, (struct apk_text){input->world.data, input->world.n_bytes}, &world);
	buf_reset(&held);
	expect(apps_plan_held(&plan, &held) == 0);
	expect(applied.error == 0 && world.error == 0);
	if (!is_odd(&db, (struct apk_text){input->world.data, input->world.n_bytes}) &&
		apk_db_read(applied.data ? applied.data : "", applied.n_bytes, &after) == 0) {
		expect(make(input, &after, &world, &held, &next) == 0);
		check_steady(&plan, &next);
		for (size_t i = 0; i < next.n_items; i++)
			expect(next.items[i].wish > APPS_WISH_REMOVE ||
				next.items[i].why_not != APPS_CAN || next.items[i].is_done);
		apps_plan_done(&next);
		apk_db_done(&after);
	}
	apps_plan_done(&plan);
	apk_db_done(&db);
}

/* Any bytes at all as a pattern. */
static void check_pattern(const char *text, size_t n_bytes)
{
	const struct app apps[] = {
		{.kind = APP_PACKAGE, .name = "firefox", .origin = "mozilla", .repository = "edge"},
		{.kind = APP_PACKAGE, .name = "firefox"},
		{.kind = APP_FLATPAK, .name = "org.x.Y", .remote = "hub"},
		{.kind = APP_FILE, .name = "", .sha256 = ""},
	};
	const char *why = NULL, *name;
	bool is_valid = app_pattern_is_valid(text, n_bytes, &why);
	size_t n;

	expect(is_valid == !why);
	for (size_t i = 0; i < ARRAY_SIZE(apps); i++) {
		enum app_fit fit = app_pattern_fit(text, n_bytes, &apps[i]);

		expect(app_pattern_fits(text, n_bytes, &apps[i]) == (fit == APP_FITS));
		/* What is true of an app of which less is known is true of it. */
		expect(i != 1 || fit == APP_MAY_FIT ||
			fit == app_pattern_fit(text, n_bytes, &apps[0]));
	}
	if (is_valid && app_pattern_is_one_package(text, n_bytes, &name, &n))
		expect(n > 0 && name >= text && name + n <= text + n_bytes);
	if (is_valid && app_pattern_is_everything(text, n_bytes))
		expect(app_pattern_fits(text, n_bytes, &apps[0]) ||
			app_pattern_fits(text, n_bytes, &apps[2]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_(input_done) struct input input = {0};
	const char *text = (const char *)data, *end = text + n_bytes, *db;
	const char *eol = n_bytes ? memchr(text, '\n', n_bytes) : NULL;

	/* The slow count is quadratic. */
	if (n_bytes > 8192)
		return 0;
	check_pattern(text, eol ? (size_t)(eol - text) : n_bytes);
	db = read_lines(text, end, &input);
	read_policy(&input);
	check_plan(&input, db, (size_t)(end - db));
	return 0;
}
