/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apps_plan_rounds.c - plans one after the other: each is done, by something that does what
 * apk does, and the next one is made of what is there then. They come to an end, whatever there is
 * to do, and the last one says the same words as the one before it.
 */
#include <stdlib.h>

#include "agent/util/limits.h"
#include "policies/apps_plan.h"
#include "tests/lib/check.h"

#define WORLD_MAX 6000

/* A package that there is, whether or not anybody has it. */
struct pack {
	char name[32], depends[80], provides[24], origin[24];
	bool is_base;
};

struct phone {
	struct pack *packs;
	size_t n_packs;
	bool *installed;	      /* of packs */
	const char *world[WORLD_MAX]; /* borrowed */
	size_t n_world;
	char *words, *held; /* of the virtual package; what is remembered */
	struct string_set blocked, allowed, required;
	struct apps_policy policy;
	/* Made anew for each plan. */
	struct buf text, world_text;
	struct apk_db db;
	bool *base;
	struct apps_plan plan;
};

static void phone_forget(struct phone *phone)
{
	apps_plan_done(&phone->plan);
	apk_db_done(&phone->db);
	free(phone->base);
	phone->base = NULL;
	buf_reset(&phone->text);
	buf_reset(&phone->world_text);
}

static void phone_done(struct phone *phone)
{
	phone_forget(phone);
	buf_done(&phone->text);
	buf_done(&phone->world_text);
	free(phone->packs);
	free(phone->installed);
	free(phone->words);
	free(phone->held);
}

static bool phone_init(struct phone *phone, size_t n_packs)
{
	*phone = (struct phone){
		.n_packs = n_packs, .policy = {.user_flatpaks = true, .user_programs = true}};
	phone->packs = calloc(n_packs, sizeof(*phone->packs));
	phone->installed = calloc(n_packs, sizeof(bool));
	phone->words = strdup("");
	phone->held = strdup("");
	return phone->packs && phone->installed && phone->words && phone->held;
}

static bool has_name(const struct pack *pack, const char *name, size_t n)
{
	return (strlen(pack->name) == n && memcmp(pack->name, name, n) == 0) ||
	       (n > 0 && strlen(pack->provides) == n && memcmp(pack->provides, name, n) == 0);
}

static bool has_word(const char *words, char mark, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = words; (at = strstr(at, name)); at++)
		if ((at[n] == ' ' || !at[n]) &&
			(mark ? at > words && at[-1] == mark : at == words || at[-1] == ' '))
			return true;
	return false;
}

static bool is_banned(const struct phone *phone, const struct pack *pack)
{
	return has_word(phone->words, '!', pack->name) ||
	       (*pack->provides && has_word(phone->words, '!', pack->provides));
}

/* --- apk ------------------------------------------------------------------------------------- */

/* Who has that name: one that is there already, else any; n_packs: nobody who may. */
static size_t choose(const struct phone *phone, const bool *wanted, const char *name, size_t n)
{
	size_t found = phone->n_packs;

	for (size_t i = 0; i < phone->n_packs; i++) {
		if (!has_name(&phone->packs[i], name, n) || is_banned(phone, &phone->packs[i]))
			continue;
		if (wanted[i])
			return i;
		if (found == phone->n_packs || (phone->installed[i] && !phone->installed[found]))
			found = i;
	}
	return found;
}

/* False: it cannot be had, and neither can what asks for it. */
static bool want(const struct phone *phone, const char *name, size_t n, bool *wanted)
{
	size_t i = choose(phone, wanted, name, n);

	if (i == phone->n_packs)
		return false;
	if (wanted[i])
		return true;
	wanted[i] = true;
	for (const char *at = phone->packs[i].depends; *at;) {
		size_t n_word = strcspn(at, " ");

		if (!want(phone, at, n_word, wanted))
			return false;
		at += n_word + (at[n_word] == ' ');
	}
	return true;
}

/* What world and virtual package ask for is there, and nothing else. False: it cannot be. */
static bool solve(struct phone *phone)
{
	bool *wanted = calloc(phone->n_packs + 1, sizeof(*wanted));
	bool is_solved = wanted;

	for (size_t i = 0; is_solved && i < phone->n_world; i++)
		is_solved = want(phone, phone->world[i], strlen(phone->world[i]), wanted);
	for (const char *at = phone->words; is_solved && *at;) {
		size_t n = strcspn(at, " ");

		if (*at != '!')
			is_solved = want(phone, at, n, wanted);
		at += n + (at[n] == ' ');
	}
	if (!is_solved) {
		free(wanted);
		return false;
	}
	free(phone->installed);
	phone->installed = wanted;
	return true;
}

/* --- plans ----------------------------------------------------------------------------------- */

static void write_packs(struct phone *phone)
{
	for (size_t i = 0; i < phone->n_packs; i++) {
		const struct pack *pack = &phone->packs[i];

		if (!phone->installed[i])
			continue;
		buf_printf(&phone->text, "P:%s\nV:1\no:%s\n", pack->name, pack->origin);
		if (*pack->depends)
			buf_printf(&phone->text, "D:%s\n", pack->depends);
		if (*pack->provides)
			buf_printf(&phone->text, "p:%s\n", pack->provides);
		buf_puts(&phone->text, "\n");
	}
	if (*phone->words)
		buf_printf(&phone->text, "P:" APPS_VIRTUAL "\nV:1\nD:%s\n\n", phone->words);
	buf_append(&phone->text, "", 0);
}

static void plan_make(struct phone *phone)
{
	struct apps_plan_input input = {.policy = &phone->policy, .db = &phone->db};

	phone_forget(phone);
	write_packs(phone);
	buf_puts(&phone->world_text, "");
	for (size_t i = 0; i < phone->n_world; i++)
		buf_printf(&phone->world_text, "%s\n", phone->world[i]);
	CHECK_INT(apk_db_read(phone->text.data, phone->text.n_bytes, &phone->db), 0);
	phone->base = calloc(phone->db.n_packages + 1, sizeof(bool));
	CHECK(phone->base);
	for (size_t i = 0; phone->base && i < phone->n_packs; i++)
		if (phone->packs[i].is_base && phone->installed[i])
			phone->base[apk_db_find(&phone->db, phone->packs[i].name,
				strlen(phone->packs[i].name))] = true;
	input.world = (struct apk_text){phone->world_text.data, phone->world_text.n_bytes};
	input.base = phone->base;
	input.held = (struct apk_text){phone->held, strlen(phone->held)};
	CHECK_INT(apps_plan_make(&input, &phone->plan), 0);
}

static void expect(bool condition)
{
	if (!condition)
		check_fail(__FILE__, __LINE__, "a plan could not be made or written");
}

/* How much is to be done, and how much of that by this job. */
static size_t count_open(const struct apps_plan *plan, size_t *ret_now)
{
	size_t n = plan->n_later, now = 0;

	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];

		if (item->why_not == APPS_CAN && !item->is_done && !item->is_later) {
			n++;
			now += item->wish == APPS_WISH_REMOVE;
		}
	}
	*ret_now = now;
	return n;
}

static bool is_leaving(const struct phone *phone, const char *name, bool whole)
{
	for (size_t i = 0; i < phone->plan.n_items; i++) {
		const struct apps_item *item = &phone->plan.items[i];

		if (item->why_not == APPS_CAN && !item->is_later &&
			(item->wish == APPS_WISH_BAN ||
				(whole && item->wish == APPS_WISH_REMOVE)) &&
			strcmp(item->name, name) == 0)
			return true;
	}
	return false;
}

static void leave_world(struct phone *phone, bool whole)
{
	size_t n = 0;

	for (size_t i = 0; i < phone->n_world; i++)
		if (!is_leaving(phone, phone->world[i], whole))
			phone->world[n++] = phone->world[i];
	phone->n_world = n;
}

static char *take(struct buf *text)
{
	char *copy = strdup(text->data);

	buf_done(text);
	return copy;
}

/* As a job does it: where there is more to come the bans come first. False: apk could not. */
static bool carry_out(struct phone *phone)
{
	struct buf words = BUF_INIT, held = BUF_INIT;
	bool in_portions = phone->plan.n_later;

	expect(apps_plan_words(&phone->plan, &words) == 0);
	expect(apps_plan_held(&phone->plan, &held) == 0);
	expect(words.n_bytes <= LIMIT_APPS_POLICY_BYTES);
	free(phone->words);
	free(phone->held);
	phone->words = take(&words);
	phone->held = take(&held);
	leave_world(phone, !in_portions);
	if (!solve(phone))
		return false;
	leave_world(phone, true);
	return solve(phone);
}

/* Until nothing is left to do. Returns how many jobs that took; 0: it went wrong. */
static size_t run(struct phone *phone, const char *what)
{
	size_t n_open = SIZE_MAX, now;

	for (size_t n_rounds = 0; n_rounds < 100; n_rounds++) {
		bool is_settled = false;
		size_t n;

		plan_make(phone);
		expect(apps_plan_is_settled(&phone->plan, &phone->db, &is_settled) == 0);
		if (is_settled)
			return n_rounds;
		n = count_open(&phone->plan, &now);
		if (now > LIMIT_APPS_PORTION || (n >= n_open && n > 0)) {
			check_fail(__FILE__, __LINE__, "%s: round %zu has %zu to do, after %zu",
				what, n_rounds, n, n_open);
			return 0;
		}
		n_open = n;
		if (!carry_out(phone)) {
			check_fail(__FILE__, __LINE__, "%s: round %zu cannot be done: %.300s", what,
				n_rounds, phone->words);
			return 0;
		}
	}
	check_fail(__FILE__, __LINE__, "%s: it does not end", what);
	return 0;
}

static void set_policy(struct phone *phone, enum apps_mode mode, char **blocked, size_t n_blocked)
{
	phone->blocked = (struct string_set){blocked, n_blocked};
	phone->policy.mode = mode;
	phone->policy.blocked = &phone->blocked;
}

static size_t count_installed(const struct phone *phone)
{
	size_t n = 0;

	for (size_t i = 0; i < phone->n_packs; i++)
		n += phone->installed[i];
	return n;
}

/* --- many ------------------------------------------------------------------------------------ */

/* n packages in the world, each with another one that needs it there, too, if it is so. */
static void fill(struct phone *phone, size_t n, bool with_dependents)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(phone->packs[i].name, sizeof(phone->packs[i].name), "game-%04u",
			(unsigned int)i);
		phone->world[phone->n_world++] = phone->packs[i].name;
		phone->installed[i] = true;
	}
	for (size_t i = n; with_dependents && i < 2 * n; i++) {
		snprintf(phone->packs[i].name, sizeof(phone->packs[i].name), "user-%04u",
			(unsigned int)(i - n));
		snprintf(phone->packs[i].depends, sizeof(phone->packs[i].depends), "game-%04u",
			(unsigned int)(i - n));
		phone->world[phone->n_world++] = phone->packs[i].name;
		phone->installed[i] = true;
	}
}

static void test_many_bans(void)
{
	char pattern[] = "game-*", *blocked[] = {pattern};
	struct phone phone;

	CHECK(phone_init(&phone, 2000));
	fill(&phone, 2000, false);
	set_policy(&phone, APPS_DENY, blocked, 1);
	/* One transaction, however many. */
	CHECK_INT(run(&phone, "2000 bans"), 1);
	CHECK_INT(count_installed(&phone), 0);
	CHECK_INT(phone.plan.n_items, 2000);
	phone_done(&phone);
}

/* More than one plan has: those of the first stay away as far as there is room. */
static void test_too_many_bans(void)
{
	char pattern[] = "game-*", *blocked[] = {pattern};
	struct phone phone;

	CHECK(phone_init(&phone, 5000));
	fill(&phone, 5000, false);
	set_policy(&phone, APPS_DENY, blocked, 1);
	CHECK_INT(run(&phone, "5000 bans"), 3);
	CHECK_INT(count_installed(&phone), 0);
	CHECK(phone.plan.n_items > 0 && phone.plan.n_items <= LIMIT_APPS_BANS);
	phone_done(&phone);
}

/* Each needed by something that leaves first. */
static void test_many_dependents(void)
{
	char pattern[] = "game-*", other[] = "other", *blocked[] = {pattern, other};
	struct phone phone;
	size_t now;

	CHECK(phone_init(&phone, 4000));
	fill(&phone, 2000, true);
	set_policy(&phone, APPS_DENY, blocked, 2);
	plan_make(&phone);
	CHECK(phone.plan.n_later > 0);
	CHECK_INT(count_open(&phone.plan, &now), 2000 + 2000 + 1);
	CHECK_INT(now, LIMIT_APPS_PORTION);
	/* What nobody has is banned at once. */
	CHECK(carry_out(&phone));
	CHECK_STR(phone.words, "!other");
	CHECK_INT(run(&phone, "2000 dependents"), 2000 / LIMIT_APPS_PORTION);
	CHECK_INT(count_installed(&phone), 0);
	phone_done(&phone);
}

static void test_many_without_permission(void)
{
	char list[] = "user-0001\ngame-0001", *lists[] = {list};
	struct phone phone;

	CHECK(phone_init(&phone, 2000));
	fill(&phone, 1000, true);
	set_policy(&phone, APPS_ALLOW, NULL, 0);
	phone.allowed = (struct string_set){lists, 1};
	phone.policy.allowed = &phone.allowed;
	CHECK_INT(run(&phone, "2000 without permission"), 1998 / LIMIT_APPS_PORTION + 1);
	CHECK_INT(count_installed(&phone), 2);
	phone_done(&phone);
}

/* One package more than goes into a portion, of each kind of limit. */
static void test_portion_limit(void)
{
	char *lists[] = {(char[]){"nothing"}};

	for (size_t n = LIMIT_APPS_PORTION; n <= LIMIT_APPS_PORTION + 1; n++) {
		struct phone phone;
		size_t now;

		CHECK(phone_init(&phone, n));
		fill(&phone, n, false);
		set_policy(&phone, APPS_ALLOW, NULL, 0);
		phone.allowed = (struct string_set){lists, 1};
		phone.policy.allowed = &phone.allowed;
		plan_make(&phone);
		CHECK_INT(phone.plan.n_later, n - LIMIT_APPS_PORTION);
		CHECK_INT(count_open(&phone.plan, &now), n);
		CHECK_INT(now, LIMIT_APPS_PORTION);
		phone_done(&phone);
	}
}

/* --- steady ---------------------------------------------------------------------------------- */

static void add_pack(struct phone *phone, size_t i, const char *name, const char *origin)
{
	snprintf(phone->packs[i].name, sizeof(phone->packs[i].name), "%s", name);
	snprintf(phone->packs[i].origin, sizeof(phone->packs[i].origin), "%s", origin);
}

/* A ban stays when what it was about is gone, and ends when the policy does not want it. */
static void test_bans_stay(void)
{
	char glob[] = "fire*", origin[] = "origin:moz name:*x", other[] = "origin:other";
	char *both[] = {glob, origin}, *one[] = {glob}, *two[] = {other, glob};
	struct phone phone;

	CHECK(phone_init(&phone, 3));
	add_pack(&phone, 0, "firewall", "net");
	add_pack(&phone, 1, "foxx", "moz");
	add_pack(&phone, 2, "box", "other");
	for (size_t i = 0; i < 3; i++) {
		phone.installed[i] = true;
		phone.world[phone.n_world++] = phone.packs[i].name;
	}
	set_policy(&phone, APPS_DENY, both, 2);
	CHECK_INT(run(&phone, "bans"), 1);
	CHECK_STR(phone.words, "!firewall !foxx");
	CHECK_STR(phone.held, "foxx origin:moz name:*x\n");
	CHECK_INT(count_installed(&phone), 1);
	CHECK_INT(run(&phone, "bans again"), 0);
	/* Without what is remembered nobody knows what it was built from. */
	phone.held[0] = 0;
	CHECK_INT(run(&phone, "nothing is remembered"), 1);
	CHECK_STR(phone.words, "!firewall");
	/* It comes back, and goes for good. */
	phone.world[phone.n_world++] = "foxx";
	CHECK(solve(&phone));
	CHECK_INT(run(&phone, "it came back"), 1);
	CHECK_STR(phone.words, "!firewall !foxx");
	/* The element is gone from the policy: so is the ban. Another one does not hold it. */
	set_policy(&phone, APPS_DENY, two, 2);
	CHECK_INT(run(&phone, "another origin"), 1);
	CHECK_STR(phone.words, "!box !firewall");
	set_policy(&phone, APPS_DENY, one, 1);
	CHECK_INT(run(&phone, "no origin"), 1);
	CHECK_STR(phone.words, "!firewall");
	/* Required by another profile: what is remembered is against it. */
	set_policy(&phone, APPS_DENY, NULL, 0);
	CHECK_INT(run(&phone, "nothing"), 1);
	CHECK_STR(phone.words, "");
	phone_done(&phone);
}

static void test_held_wins(void)
{
	char origin[] = "origin:moz", *blocked[] = {origin}, foxx[] = "foxx", *required[] = {foxx};
	struct phone phone;

	CHECK(phone_init(&phone, 1));
	add_pack(&phone, 0, "foxx", "moz");
	phone.installed[0] = true;
	phone.world[phone.n_world++] = phone.packs[0].name;
	set_policy(&phone, APPS_DENY, blocked, 1);
	CHECK_INT(run(&phone, "banned"), 1);
	phone.required = (struct string_set){required, 1};
	phone.policy.required = &phone.required;
	CHECK_INT(run(&phone, "and required"), 0);
	CHECK_STR(phone.words, "!foxx");
	CHECK_INT(phone.plan.n_items, 2);
	CHECK_INT(phone.plan.items[1].why_not, APPS_WHY_CONFLICT);
	phone_done(&phone);
}

/* --- any ------------------------------------------------------------------------------------- */

static uint32_t state;

static size_t any(size_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

#define PACKS 40

static void make_packs(struct phone *phone)
{
	for (size_t i = 0; i < PACKS; i++) {
		struct pack *pack = &phone->packs[i];
		size_t n = 0;

		snprintf(pack->name, sizeof(pack->name), "p%02zu", i);
		snprintf(pack->origin, sizeof(pack->origin), "o%zu", any(5));
		if (any(6) == 0)
			snprintf(pack->provides, sizeof(pack->provides), "v%zu", any(3));
		for (size_t k = any(4); i > 0 && k > 0; k--)
			n += (size_t)snprintf(pack->depends + n, sizeof(pack->depends) - n,
				"%sp%02zu", n ? " " : "", any(i));
		pack->is_base = i < 4 && any(2);
	}
}

static const char *const patterns[] = {"p0*", "p?1", "p13", "p2*", "origin:o1", "origin:o*2",
	"name:p*3 origin:o3", "v1", "p39", "p17", "origin:o0 name:p3*", "*"};

/* A random phone under a random policy comes to rest, and stays there. */
static void test_any(void)
{
	size_t n_worked = 0;

	for (uint32_t seed = 1; seed <= 3000; seed++) {
		char *blocked[4], *lists[1];
		char what[40];
		struct phone phone;

		state = seed;
		snprintf(what, sizeof(what), "seed %u", seed);
		CHECK(phone_init(&phone, PACKS));
		make_packs(&phone);
		for (size_t i = 0; i < PACKS; i++)
			if (any(3) == 0 || phone.packs[i].is_base)
				phone.world[phone.n_world++] = phone.packs[i].name;
		CHECK(solve(&phone));
		for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
			blocked[i] = (char *)patterns[any(ARRAY_SIZE(patterns) - (any(8) != 0))];
		set_policy(&phone, any(3) ? APPS_DENY : APPS_ALLOW, blocked, 1 + any(4));
		lists[0] = (char[]){"p0*\norigin:o2\np2?"};
		phone.allowed = (struct string_set){lists, 1};
		phone.policy.allowed = &phone.allowed;
		n_worked += run(&phone, what) > 0;
		/* Somebody installs something. */
		for (size_t k = 0; k < 3; k++) {
			const char *name = phone.packs[any(PACKS)].name;

			phone.world[phone.n_world++] = name;
			if (!solve(&phone))
				phone.n_world--;
			else
				n_worked += run(&phone, what) > 0;
		}
		phone_done(&phone);
	}
	/* And is not only ever at rest. */
	CHECK(n_worked > 3000);
}

static const struct check_test tests[] = {
	{"many_bans", test_many_bans},
	{"too_many_bans", test_too_many_bans},
	{"many_dependents", test_many_dependents},
	{"many_without_permission", test_many_without_permission},
	{"portion_limit", test_portion_limit},
	{"bans_stay", test_bans_stay},
	{"held_wins", test_held_wins},
	{"any", test_any},
};

CHECK_MAIN(tests)
