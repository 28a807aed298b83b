/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings.c - the table of settings, the lattice of values, reading and writing them. */
#include "policies/settings.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"
#include "policies/value_read.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

static const char *const bits[] = {"neither", "left", "right", "both", "nothing", NULL};
/* One row of every kind of merging; the real table does not use all of them. */
static const struct setting_row rows[MERGE_KIND_MAX] = {
	[MERGE_MIN] = {0, 0, "min", VALUE_INT, MERGE_MIN, "s", -3, 7, "x"},
	[MERGE_MAX] = {0, 0, "max", VALUE_INT, MERGE_MAX, "", -3, 7, "x"},
	[MERGE_OR] = {0, 0, "or", VALUE_BOOL, MERGE_OR, "", 0, 1, "x"},
	[MERGE_AND] = {0, 0, "and", VALUE_BOOL, MERGE_AND, "", 0, 1, "x"},
	[MERGE_UNION] = {0, 0, "union", VALUE_SET, MERGE_UNION, "", 0, 0, "x"},
	[MERGE_INTERSECTION] = {0, 0, "intersection", VALUE_SET, MERGE_INTERSECTION, "", 0, 0, "x"},
	[MERGE_JOIN] = {0, 0, "join", VALUE_CHOICE, MERGE_JOIN, "", 0, 4, "x", bits, NULL},
};

static const struct setting_row lists = {
	0, 0, "lists", VALUE_LISTS, MERGE_INTERSECTION, "", 0, 0, "x"};

static const char *const words[] = {"low", "middle", "high", NULL};
static const struct setting_row choice = {
	0, 0, "choice", VALUE_CHOICE, MERGE_MAX, "", 0, 2, "x", words, NULL};

static struct value number_value(enum value_type type, int64_t number)
{
	return (struct value){.type = type, .number = number};
}

/* Up to three lists of some of five texts, none of which has all texts of another. */
static struct value random_lists(struct gen *gen)
{
	static const char *const sorted[] = {"*", "a b", "a!b", "ab", "ü"};
	struct value value = {.type = VALUE_LISTS};

	value.set.strings = calloc(1, sizeof(char *));
	for (uint64_t n = gen_below(gen, 4); value.set.strings && n > 0; n--) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		char *list;
		struct value one = {.type = VALUE_LISTS, .set = {&list, 1}}, merged;

		buf_puts(&text, "");
		for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
			if (gen_below(gen, 2))
				buf_printf(&text, "%s%s", text.n_bytes ? "\n" : "", sorted[i]);
		list = text.data;
		if (value_merge(&lists, &value, &one, &merged) < 0)
			break;
		value_done(&value);
		value = merged;
	}
	return value;
}

/* A random value of a row; sets are subsets of eight strings. */
static struct value random_value(struct gen *gen, const struct setting_row *row)
{
	static const char *const sorted[] = {"a", "aa", "ab", "b", "org.example.x", "z", "~", "ü"};
	struct value value = {.type = row->type};

	if (row->type == VALUE_LISTS)
		return random_lists(gen);
	if (row->type != VALUE_SET) {
		value.number = row->type == VALUE_BOOL ? (int64_t)gen_below(gen, 2)
						       : gen_between(gen, row->min, row->max);
		return value;
	}
	value.set.strings = calloc(ARRAY_SIZE(sorted), sizeof(char *));
	for (size_t i = 0; value.set.strings && i < ARRAY_SIZE(sorted); i++)
		if (gen_below(gen, 2))
			value.set.strings[value.set.n_strings++] = strdup(sorted[i]);
	return value;
}

static bool set_is_sorted(const struct string_set *set)
{
	for (size_t i = 1; i < set->n_strings; i++)
		if (strcmp(set->strings[i - 1], set->strings[i]) >= 0)
			return false;
	return true;
}

static void test_table(void)
{
	for (size_t i = 0; i < AREA_MAX; i++) {
		CHECK_INT(area_row(i)->id, i);
		CHECK(name_is_valid(area_row(i)->name));
		CHECK(area_row(i)->help && strlen(area_row(i)->help) > 10);
		CHECK(area_find(area_row(i)->name) == area_row(i));
	}
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_row *row = setting_row(i);

		CHECK_INT(row->id, i);
		CHECK(row->area < AREA_MAX);
		CHECK(name_is_valid(row->name));
		CHECK(row->unit && row->help && strlen(row->help) > 10);
		CHECK(row->help[strlen(row->help) - 1] == '.');
		CHECK(!row->why || row->why[strlen(row->why) - 1] == '.');
		CHECK(row->min <= row->max);
		/* Also says that no two settings of an area have one name. */
		CHECK(setting_find(row->area, row->name) == row);
		switch (row->type) {
		case VALUE_BOOL:
			CHECK(row->merge == MERGE_OR || row->merge == MERGE_AND);
			break;
		case VALUE_INT:
			CHECK(row->merge == MERGE_MIN || row->merge == MERGE_MAX);
			break;
		case VALUE_CHOICE:
			CHECK(row->merge == MERGE_MAX || row->merge == MERGE_JOIN);
			/* Nothing beside the last place has its bit. */
			CHECK(row->merge != MERGE_JOIN || (row->max & (row->max - 1)) == 0);
			CHECK(row->min == 0 && row->max > 0);
			for (int64_t word = 0; word <= row->max; word++)
				CHECK(name_is_valid(row->choices[word]));
			CHECK(!row->choices[row->max + 1]);
			break;
		case VALUE_SET:
			CHECK(row->merge == MERGE_UNION || row->merge == MERGE_INTERSECTION);
			break;
		case VALUE_LISTS:
			CHECK(row->merge == MERGE_INTERSECTION);
			break;
		case VALUE_TYPE_MAX:
			CHECK(false);
		}
		CHECK(!row->form || row->type == VALUE_SET || row->type == VALUE_LISTS);
	}
	CHECK(!area_find("gadgets"));
	CHECK(!area_find(""));
	CHECK(!setting_find(AREA_SCREEN_LOCK, "storage"));
	CHECK(!setting_find(AREA_SCREEN_LOCK, "Enabled"));
}

static void test_merge_names(void)
{
	for (size_t i = 0; i < MERGE_KIND_MAX; i++) {
		CHECK(merge_kind_name(i) && *merge_kind_name(i));
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(merge_kind_name(i), merge_kind_name(k)) != 0);
	}
}

/* The laws of a semilattice, and what "stricter" means. */
static bool laws_hold(const struct setting_row *row, const struct value *a, const struct value *b,
	const struct value *c)
{
	struct value ab, ba, aa, bc, left, right;
	bool ok;

	if (value_merge(row, a, b, &ab) || value_merge(row, b, a, &ba) ||
		value_merge(row, a, a, &aa) || value_merge(row, b, c, &bc) ||
		value_merge(row, &ab, c, &left) || value_merge(row, a, &bc, &right))
		return false;
	ok = value_equal(&ab, &ba) && value_equal(&aa, a) && value_equal(&left, &right) &&
	     value_satisfies(row, &ab, a) && value_satisfies(row, &ab, b) &&
	     value_satisfies(row, &left, a) && value_satisfies(row, a, a) &&
	     value_satisfies(row, a, b) == value_equal(&ab, a) &&
	     value_satisfies(row, b, a) == value_equal(&ab, b) && set_is_sorted(&ab.set) &&
	     ab.type == row->type;
	/* Antisymmetry: two values that satisfy each other are one. */
	if (value_satisfies(row, a, b) && value_satisfies(row, b, a))
		ok = ok && value_equal(a, b);
	value_done(&ab);
	value_done(&ba);
	value_done(&aa);
	value_done(&bc);
	value_done(&left);
	value_done(&right);
	return ok;
}

static void test_merge_laws(void)
{
	struct gen gen = {1};

	for (size_t kind = 0; kind <= MERGE_KIND_MAX; kind++) {
		const struct setting_row *row = kind < MERGE_KIND_MAX ? &rows[kind] : &lists;

		for (int i = 0; i < 500; i++) {
			struct value a = random_value(&gen, row), b = random_value(&gen, row);
			struct value c = random_value(&gen, row);
			bool ok = laws_hold(row, &a, &b, &c);

			value_done(&a);
			value_done(&b);
			value_done(&c);
			CHECK(ok);
		}
	}
}

static void test_merge_direction(void)
{
	static const struct {
		enum merge_kind kind;
		int64_t a, b, merged;
	} cases[] = {
		{MERGE_MIN, 3, 5, 3},
		{MERGE_MAX, 3, 5, 5},
		{MERGE_OR, 0, 1, 1},
		{MERGE_OR, 0, 0, 0},
		{MERGE_AND, 0, 1, 0},
		{MERGE_AND, 1, 1, 1},
		{MERGE_JOIN, 0, 2, 2},
		{MERGE_JOIN, 1, 2, 3},
		{MERGE_JOIN, 3, 2, 3},
		{MERGE_JOIN, 4, 1, 4},
		{MERGE_JOIN, 3, 4, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct setting_row *row = &rows[cases[i].kind];
		struct value a = number_value(row->type, cases[i].a);
		struct value b = number_value(row->type, cases[i].b);
		struct value merged;

		CHECK_INT(value_merge(row, &a, &b, &merged), 0);
		CHECK_INT(merged.number, cases[i].merged);
	}
}

static void test_merge_sets(void)
{
	char text_a[] = "a", text_b[] = "b", text_c[] = "c", text_d[] = "d";
	char *left[] = {text_a, text_c, text_d}, *right[] = {text_b, text_c};
	struct value a = {.type = VALUE_SET, .set = {left, 3}};
	struct value b = {.type = VALUE_SET, .set = {right, 2}};
	_cleanup_(value_done) struct value both = {0}, common = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;

	CHECK_INT(value_merge(&rows[MERGE_UNION], &a, &b, &both), 0);
	value_format(&rows[MERGE_UNION], &both, &text);
	CHECK_STR(text.data, "a, b, c, d");
	CHECK_INT(value_merge(&rows[MERGE_INTERSECTION], &a, &b, &common), 0);
	buf_reset(&text);
	value_format(&rows[MERGE_INTERSECTION], &common, &text);
	CHECK_STR(text.data, "c");
	CHECK(value_satisfies(&rows[MERGE_UNION], &both, &a));
	CHECK(!value_satisfies(&rows[MERGE_UNION], &a, &both));
	CHECK(value_satisfies(&rows[MERGE_INTERSECTION], &common, &a));
	CHECK(!value_satisfies(&rows[MERGE_INTERSECTION], &a, &common));
}

/* A value demands nothing exactly if every value satisfies it. */
static void test_demands_nothing(void)
{
	struct gen gen = {2};

	for (size_t kind = 0; kind <= MERGE_KIND_MAX; kind++) {
		const struct setting_row *row = kind < MERGE_KIND_MAX ? &rows[kind] : &lists;

		for (int i = 0; i < 100; i++) {
			struct value desired = random_value(&gen, row);
			bool nothing = value_demands_nothing(row, &desired);

			for (int k = 0; nothing && k < 50; k++) {
				struct value any = random_value(&gen, row);
				bool ok = value_satisfies(row, &any, &desired);

				value_done(&any);
				CHECK(ok);
			}
			value_done(&desired);
		}
	}
	CHECK(value_demands_nothing(&rows[MERGE_OR], &(struct value){VALUE_BOOL, 0, {0}}));
	CHECK(!value_demands_nothing(&rows[MERGE_OR], &(struct value){VALUE_BOOL, 1, {0}}));
	CHECK(value_demands_nothing(&rows[MERGE_AND], &(struct value){VALUE_BOOL, 1, {0}}));
	CHECK(!value_demands_nothing(&rows[MERGE_AND], &(struct value){VALUE_BOOL, 0, {0}}));
	CHECK(value_demands_nothing(&rows[MERGE_UNION], &(struct value){VALUE_SET, 0, {0}}));
	CHECK(!value_demands_nothing(
		&rows[MERGE_INTERSECTION], &(struct value){VALUE_SET, 0, {0}}));
	CHECK(value_demands_nothing(&lists, &(struct value){VALUE_LISTS, 0, {0}}));
	CHECK(value_demands_nothing(&rows[MERGE_JOIN], &(struct value){VALUE_CHOICE, 0, {0}}));
	CHECK(!value_demands_nothing(&rows[MERGE_JOIN], &(struct value){VALUE_CHOICE, 1, {0}}));
	CHECK(!value_demands_nothing(&rows[MERGE_MIN], &(struct value){VALUE_INT, 7, {0}}));
}

static void test_copy(void)
{
	struct gen gen = {3};

	for (int i = 0; i < 100; i++) {
		struct value a = random_value(&gen, &rows[MERGE_UNION]);
		_cleanup_(value_done) struct value copy = {0};

		CHECK_INT(value_copy(&a, &copy), 0);
		CHECK(value_equal(&a, &copy));
		value_done(&a);
		CHECK(set_is_sorted(&copy.set));
		CHECK_INT(a.set.n_strings, 0);
	}
	CHECK(!value_equal(
		&(struct value){VALUE_BOOL, 1, {0}}, &(struct value){VALUE_INT, 1, {0}}));
}

static void test_format(void)
{
	struct value yes = number_value(VALUE_BOOL, 1), no = number_value(VALUE_BOOL, 0);
	struct value seconds = number_value(VALUE_INT, 300), none = {.type = VALUE_SET};
	char quoted[] = "a\"b", *one[] = {quoted};
	struct value set = {.type = VALUE_SET, .set = {one, 1}};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);

	value_format(&rows[MERGE_OR], &yes, &out);
	buf_puts(&out, "|");
	value_format(&rows[MERGE_OR], &no, &out);
	buf_puts(&out, "|");
	value_format(&rows[MERGE_MIN], &seconds, &out);
	buf_puts(&out, "|");
	value_format(&rows[MERGE_MAX], &seconds, &out);
	buf_puts(&out, "|");
	value_format(&rows[MERGE_UNION], &none, &out);
	CHECK_STR(out.data, "yes|no|300 s|300|none");
	buf_reset(&out);
	/* One of something is one. */
	seconds.number = 1;
	value_format(&rows[MERGE_MIN], &seconds, &out);
	buf_puts(&out, "|");
	value_format(setting_row(SETTING_APPS_UPDATE_EVERY), &seconds, &out);
	buf_puts(&out, "|");
	seconds.number = 7;
	value_format(setting_row(SETTING_APPS_UPDATE_EVERY), &seconds, &out);
	CHECK_STR(out.data, "1 s|1 day|7 days");
	seconds.number = 300;
	buf_reset(&out);
	jsonw_array(&w, NULL);
	value_write(&rows[MERGE_OR], &yes, &w, NULL);
	value_write(&rows[MERGE_OR], &no, &w, NULL);
	value_write(&rows[MERGE_MIN], &seconds, &w, NULL);
	value_write(&rows[MERGE_UNION], &none, &w, NULL);
	value_write(&rows[MERGE_UNION], &set, &w, NULL);
	value_write(&rows[MERGE_MIN], NULL, &w, NULL);
	value_write_text(&rows[MERGE_MIN], &seconds, &w, NULL);
	value_write_text(&rows[MERGE_UNION], &set, &w, NULL);
	value_write_text(&rows[MERGE_UNION], NULL, &w, NULL);
	jsonw_array_end(&w);
	CHECK_STR(out.data, "[true,false,300,[],[\"a\\\"b\"],null,\"300 s\",\"a\\\"b\",null]");
}

/* Reads {"NAME": json}; the value is released. */
static int read_text(const struct setting_row *row, const char *json, struct json_error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_(value_done) struct value value = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r;

	buf_printf(&text, "{\"%s\":%s}", row->name, json);
	r = json_parse(text.data, text.n_bytes, &object, error);
	if (r < 0)
		return r;
	r = value_read(row, object, "p", &value, error);
	if (r == 0 && !set_is_sorted(&value.set))
		return -EINVAL;
	return r;
}

static void test_read_scalars(void)
{
	static const struct {
		enum merge_kind kind;
		const char *json;
		int r;
	} cases[] = {
		{MERGE_OR, "true", 0},
		{MERGE_OR, "false", 0},
		{MERGE_OR, "0", -EBADMSG},
		{MERGE_OR, "\"true\"", -EBADMSG},
		{MERGE_OR, "null", -EBADMSG},
		{MERGE_MIN, "-3", 0},
		{MERGE_MIN, "-4", -EBADMSG},
		{MERGE_MIN, "7", 0},
		{MERGE_MIN, "8", -EBADMSG},
		{MERGE_MIN, "3.0", -EBADMSG},
		{MERGE_MIN, "\"3\"", -EBADMSG},
		{MERGE_MIN, "true", -EBADMSG},
		{MERGE_MIN, "99999999999999999999", -EBADMSG},
		{MERGE_UNION, "[\"b\",\"a\"]", 0},
		{MERGE_UNION, "[]", 0},
		{MERGE_UNION, "[\"a\",\"b\",\"a\"]", -EBADMSG},
		{MERGE_UNION, "[\"\"]", -EBADMSG},
		{MERGE_UNION, "[1]", -EBADMSG},
		{MERGE_UNION, "[null]", -EBADMSG},
		{MERGE_UNION, "[[\"a\"]]", -EBADMSG},
		{MERGE_UNION, "[\"a\\nb\"]", -EBADMSG},
		{MERGE_UNION, "\"a\"", -EBADMSG},
		{MERGE_UNION, "{}", -EBADMSG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_error error = {0};
		int r = read_text(&rows[cases[i].kind], cases[i].json, &error);

		if (r != cases[i].r)
			check_fail(__FILE__, __LINE__, "%s gives %d", cases[i].json, r);
		if (r == -EBADMSG && !*error.message)
			check_fail(__FILE__, __LINE__, "%s without a message", cases[i].json);
	}
}

static void test_read_missing(void)
{
	_cleanup_json_ struct json_object *object = NULL;
	struct value value = {.number = 42};

	CHECK_INT(json_parse("{}", 2, &object, NULL), 0);
	for (size_t i = 0; i < MERGE_KIND_MAX; i++)
		CHECK_INT(value_read(&rows[i], object, "p", &value, NULL), -ENOENT);
	CHECK_INT(value.number, 42);
}

static void test_read_set_limits(void)
{
	for (size_t n = LIMIT_STRING_SET; n <= LIMIT_STRING_SET + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct json_error error;

		buf_puts(&text, "[");
		for (size_t i = 0; i < n; i++)
			buf_printf(&text, "%s\"x%zu\"", i ? "," : "", i);
		buf_puts(&text, "]");
		CHECK_INT(read_text(&rows[MERGE_UNION], text.data, &error),
			n == LIMIT_STRING_SET ? 0 : -EBADMSG);
	}
	for (int n = LIMIT_TEXT_BYTES; n <= LIMIT_TEXT_BYTES + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct json_error error;

		buf_printf(&text, "[\"%0*d\"]", n, 0);
		CHECK_INT(read_text(&rows[MERGE_UNION], text.data, &error),
			n == LIMIT_TEXT_BYTES ? 0 : -EBADMSG);
	}
}

static void test_choice(void)
{
	static const struct {
		const char *json;
		int r;
		int64_t place;
	} cases[] = {
		{"\"low\"", 0, 0},
		{"\"middle\"", 0, 1},
		{"\"high\"", 0, 2},
		{"\"higher\"", -EBADMSG, 0},
		{"\"hig\"", -EBADMSG, 0},
		{"\"High\"", -EBADMSG, 0},
		{"\" high\"", -EBADMSG, 0},
		{"\"\"", -EBADMSG, 0},
		{"2", -EBADMSG, 0},
		{"true", -EBADMSG, 0},
		{"null", -EBADMSG, 0},
		{"[\"high\"]", -EBADMSG, 0},
	};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_json_ struct json_object *object = json_object_new_object();
		struct value value = {.number = 42};
		struct json_error error = {0};

		json_object_object_add(object, "choice", json_tokener_parse(cases[i].json));
		if (value_read(&choice, object, "p", &value, &error) != cases[i].r)
			check_fail(__FILE__, __LINE__, "%s", cases[i].json);
		CHECK_INT(value.number, cases[i].r < 0 ? 42 : cases[i].place);
		CHECK(i != 3 || strstr(error.message, "one of low, middle, high"));
		CHECK(cases[i].r == 0 || (*error.message && strcmp(error.path, "p.choice") == 0));
	}
	/* The later word is the stricter one. */
	for (int64_t a = 0; a <= choice.max; a++) {
		for (int64_t b = 0; b <= choice.max; b++) {
			struct value x = number_value(VALUE_CHOICE, a), merged;
			struct value y = number_value(VALUE_CHOICE, b);

			CHECK_INT(value_merge(&choice, &x, &y, &merged), 0);
			CHECK_INT(merged.number, a > b ? a : b);
			CHECK_INT(value_satisfies(&choice, &x, &y), a >= b);
		}
	}
	jsonw_array(&w, NULL);
	value_write(&choice, &(struct value){VALUE_CHOICE, 1, {0}}, &w, NULL);
	value_write_text(&choice, &(struct value){VALUE_CHOICE, 2, {0}}, &w, NULL);
	jsonw_array_end(&w);
	CHECK_STR(out.data, "[\"middle\",\"high\"]");
}

/* json_parse() refuses NUL and malformed UTF-8 itself; the reader must not rely on it. */
static void test_read_hostile_strings(void)
{
	static const char *const bytes[] = {"a\0b", "\xff\xff\xff", "\x7f\x7f\x7f"};

	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
		_cleanup_json_ struct json_object *object = json_object_new_object();
		struct json_object *array = json_object_new_array();
		struct value value;

		json_object_array_add(array, json_object_new_string_len(bytes[i], 3));
		json_object_object_add(object, "union", array);
		CHECK_INT(value_read(&rows[MERGE_UNION], object, "p", &value, NULL), -EBADMSG);
	}
}

static const struct check_test tests[] = {
	{"table", test_table},
	{"merge_names", test_merge_names},
	{"merge_laws", test_merge_laws},
	{"merge_direction", test_merge_direction},
	{"merge_sets", test_merge_sets},
	{"demands_nothing", test_demands_nothing},
	{"copy", test_copy},
	{"format", test_format},
	{"read_scalars", test_read_scalars},
	{"read_missing", test_read_missing},
	{"read_set_limits", test_read_set_limits},
	{"choice", test_choice},
	{"read_hostile_strings", test_read_hostile_strings},
};

CHECK_MAIN(tests)
