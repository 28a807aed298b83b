/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apk_graph.c - who needs whom: closing and chains, alternatives, beside a slow model over
 * arbitrary databases, and databases that would take squares of time.
 */
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "policies/apk_db.h"
#include "tests/lib/check.h"

static size_t find(const struct apk_db *db, const char *name)
{
	return apk_db_find(db, name, strlen(name));
}

static const char phone[] =
	"P:busybox\nV:1\nD:so:libc.musl-aarch64.so.1\n\n"
	"P:musl\nV:1\np:so:libc.musl-aarch64.so.1=1\n\n"
	"P:htop\nV:3.4.1-r0\nD:ncurses-libs so:libc.musl-aarch64.so.1\n\n"
	"P:ncurses-libs\nV:6.5-r0\nD:ncurses-terminfo-base>=6 !ncurses-old\n\n"
	"P:ncurses-terminfo-base\nV:6.5-r0\n\n"
	"P:htop-doc\nV:3.4.1-r0\ni:docs htop=3.4.1-r0\n\n"
	"P:docs\nV:1\n\n"
	"P:.rules-of-your-organisation--run-agentctl-apps\nV:20261123.063300\nD:!firefox htop\n\n";

static void test_close_and_chain(void)
{
	struct apk_db db;
	bool marks[8] = {false}, from[8] = {false};
	size_t chain[8], n;

	CHECK_INT(apk_db_read(phone, sizeof(phone) - 1, &db), 0);
	marks[find(&db, ".rules-of-your-organisation--run-agentctl-apps")] = true;
	apk_db_close(&db, marks);
	CHECK(marks[find(&db, "htop")] && marks[find(&db, "musl")]);
	CHECK(marks[find(&db, "ncurses-terminfo-base")]);
	CHECK(!marks[find(&db, "busybox")] && !marks[find(&db, "docs")]);
	CHECK(!marks[find(&db, "htop-doc")]); /* docs is not among them */
	marks[find(&db, "docs")] = true;
	apk_db_close(&db, marks);
	CHECK(marks[find(&db, "htop-doc")]);

	from[find(&db, ".rules-of-your-organisation--run-agentctl-apps")] = true;
	n = apk_db_chain(&db, from, find(&db, "ncurses-terminfo-base"), chain, 8);
	CHECK_INT(n, 4);
	CHECK_INT(chain[0], find(&db, ".rules-of-your-organisation--run-agentctl-apps"));
	CHECK_INT(chain[1], find(&db, "htop"));
	CHECK_INT(chain[2], find(&db, "ncurses-libs"));
	CHECK_INT(chain[3], find(&db, "ncurses-terminfo-base"));
	chain[2] = 77;
	CHECK_INT(apk_db_chain(&db, from, find(&db, "ncurses-terminfo-base"), chain, 2), 4);
	CHECK_INT(chain[0], find(&db, ".rules-of-your-organisation--run-agentctl-apps"));
	CHECK_INT(chain[2], 77);
	CHECK_INT(apk_db_chain(&db, from, find(&db, "busybox"), chain, 8), 0);
	CHECK_INT(apk_db_chain(&db, from,
			  find(&db, ".rules-of-your-organisation--run-agentctl-apps"), chain, 8),
		1);
	CHECK_INT(apk_db_chain(&db, from, db.n_packages, chain, 8), 0);
	apk_db_done(&db);
}

/* Alternatives: all of them are base, none of them is needed; versions tell candidates apart. */
static void test_alternatives(void)
{
	static const char text[] = "P:desktop\nV:1\nD:font shell>=2\n\n"
				   "P:font-a\nV:1\np:font\n\n"
				   "P:font-b\nV:1\np:font\n\n"
				   "P:shell-a\nV:1\np:shell=3\n\n"
				   "P:shell-b\nV:1\np:shell\n\n"
				   "P:late\nV:1\ni:desktop font\n\n"
				   "P:later\nV:1\ni:late !never\n\n"
				   "P:odd\nV:1\ni:!never\n\n"
				   "P:gone\nV:1\ni:nobody desktop\n\n"
				   "P:versioned\nV:1\ni:shell>=2 font\n\n";
	struct apk_db db;
	bool marks[10] = {false}, from[10] = {false};
	size_t chain[4];

	CHECK_INT(apk_db_read(text, sizeof(text) - 1, &db), 0);
	marks[0] = from[0] = true;
	apk_db_close(&db, marks);
	CHECK(marks[1] && marks[2] && marks[3]);
	CHECK(!marks[4]); /* provides it without a version */
	CHECK(marks[5] && marks[6] && marks[9]);
	CHECK(!marks[7] && !marks[8]);
	CHECK_INT(apk_db_chain(&db, from, 1, chain, 4), 0);
	CHECK_INT(apk_db_chain(&db, from, 2, chain, 4), 0);
	CHECK_INT(apk_db_chain(&db, from, 3, chain, 4), 2);
	CHECK_INT(apk_db_chain(&db, from, 4, chain, 4), 0);
	apk_db_done(&db);
}

/* --- against a model ------------------------------------------------------------------------ */

#define MODEL_PACKAGES 24

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % n;
}

static void random_word(struct buf *out)
{
	static const char *const versions[] = {"", "", "=1", ">2"};

	buf_printf(out, "%s%c%u%s ", random_below(8) ? "" : "!", "ap"[random_below(2)],
		random_below(MODEL_PACKAGES), versions[random_below(4)]);
}

static void random_db(struct buf *out)
{
	for (unsigned int i = 0; i < MODEL_PACKAGES; i++) {
		static const char lines[] = "Dpi";

		buf_printf(out, "P:a%u\nV:1\n", i);
		for (size_t k = 0; k < 3; k++) {
			uint32_t n = random_below(lines[k] == 'D' ? 4 : 3);

			if (!n || (lines[k] == 'i' && random_below(2)))
				continue;
			buf_printf(out, "%c:", lines[k]);
			while (n--)
				random_word(out);
			buf_puts(out, "\n");
		}
		buf_puts(out, "\n");
	}
}

static bool model_has(const struct apk_db *db, size_t package, const struct apk_dependency *wanted)
{
	struct apk_text rest = db->packages[package].provides;
	struct apk_dependency word;

	if (db->packages[package].name.n == wanted->name.n &&
		memcmp(db->packages[package].name.at, wanted->name.at, wanted->name.n) == 0)
		return true;
	while (apk_dependency_next(&rest, &word))
		if (!word.is_conflict && word.name.n == wanted->name.n &&
			memcmp(word.name.at, wanted->name.at, wanted->name.n) == 0 &&
			(word.version.n || !wanted->version.n))
			return true;
	return false;
}

/* How many packages can be what is wanted; *ret_last is one of them. */
static size_t model_candidates(
	const struct apk_db *db, const struct apk_dependency *wanted, size_t *ret_last)
{
	size_t n = 0;

	for (size_t i = 0; i < db->n_packages; i++)
		if (model_has(db, i, wanted)) {
			*ret_last = i;
			n++;
		}
	return n;
}

static bool model_conditions(const struct apk_db *db, size_t package, const bool *marks)
{
	struct apk_text rest = db->packages[package].install_if;
	struct apk_dependency word;
	size_t n_conditions = 0;

	while (apk_dependency_next(&rest, &word)) {
		bool holds = false;

		if (word.is_conflict)
			continue;
		n_conditions++;
		for (size_t i = 0; i < db->n_packages; i++)
			holds |= marks[i] && model_has(db, i, &word);
		if (!holds)
			return false;
	}
	return n_conditions > 0;
}

static void model_close(const struct apk_db *db, bool *marks)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < db->n_packages; i++) {
			struct apk_text rest = db->packages[i].depends;
			struct apk_dependency word;

			if (!marks[i] && model_conditions(db, i, marks))
				changed = marks[i] = true;
			while (marks[i] && apk_dependency_next(&rest, &word))
				for (size_t k = 0; k < db->n_packages; k++)
					if (!word.is_conflict && !marks[k] &&
						model_has(db, k, &word))
						changed = marks[k] = true;
		}
	}
}

static bool model_needs(const struct apk_db *db, size_t who, size_t what)
{
	struct apk_text rest = db->packages[who].depends;
	struct apk_dependency word;
	size_t sole = SIZE_MAX;

	while (apk_dependency_next(&rest, &word))
		if (!word.is_conflict && model_candidates(db, &word, &sole) == 1 && sole == what)
			return true;
	return false;
}

/* Steps from the marked ones; SIZE_MAX where there is no way. */
static void model_distances(const struct apk_db *db, const bool *from, size_t *ret)
{
	for (size_t i = 0; i < db->n_packages; i++)
		ret[i] = from[i] ? 1 : SIZE_MAX;
	for (size_t round = 0; round < db->n_packages; round++)
		for (size_t i = 0; i < db->n_packages; i++)
			for (size_t k = 0; k < db->n_packages; k++)
				if (ret[i] != SIZE_MAX && ret[k] > ret[i] + 1 &&
					model_needs(db, i, k))
					ret[k] = ret[i] + 1;
}

static void check_chains(const struct apk_db *db, const bool *from)
{
	size_t distances[MODEL_PACKAGES];

	model_distances(db, from, distances);
	for (size_t i = 0; i < db->n_packages; i++) {
		size_t chain[MODEL_PACKAGES];
		size_t n = apk_db_chain(db, from, i, chain, MODEL_PACKAGES);

		CHECK_INT(n, distances[i] == SIZE_MAX ? 0 : distances[i]);
		if (!n)
			continue;
		CHECK(from[chain[0]]);
		CHECK_INT(chain[n - 1], i);
		for (size_t k = 1; k < n; k++)
			CHECK(model_needs(db, chain[k - 1], chain[k]));
	}
}

static void test_model(void)
{
	size_t n_marked = 0, n_rounds = 400;

	for (size_t round = 0; round < n_rounds; round++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		bool marks[MODEL_PACKAGES], expected[MODEL_PACKAGES], from[MODEL_PACKAGES];
		struct apk_db db;

		random_db(&text);
		CHECK_INT(apk_db_read(text.data, text.n_bytes, &db), 0);
		CHECK_INT(db.n_packages, MODEL_PACKAGES);
		for (size_t i = 0; i < MODEL_PACKAGES; i++)
			from[i] = marks[i] = expected[i] = random_below(12) == 0;
		apk_db_close(&db, marks);
		model_close(&db, expected);
		CHECK(memcmp(marks, expected, sizeof(marks)) == 0);
		apk_db_close(&db, marks);
		CHECK(memcmp(marks, expected, sizeof(marks)) == 0);
		for (size_t i = 0; i < MODEL_PACKAGES; i++)
			n_marked += marks[i];
		check_chains(&db, from);
		apk_db_done(&db);
	}
	/* The model is of use only if there is something in between none and all. */
	CHECK(n_marked > n_rounds * 3 && n_marked < n_rounds * (MODEL_PACKAGES - 3));
}

/* One name that everybody provides, and a row in which each needs the next: no squares. */
static void test_dense(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	bool *marks = calloc(LIMIT_APK_PACKAGES, sizeof(*marks));
	size_t chain[2];
	struct apk_db db;

	CHECK(marks);
	for (unsigned int i = 0; i < LIMIT_APK_PACKAGES; i++)
		buf_printf(&text,
			"P:p%u\nV:1\nD:p%u common common>1\np:common common=2\ni:p%u common\n\n", i,
			i + 1, i + 2);
	CHECK_INT(apk_db_read(text.data, text.n_bytes, &db), 0);
	marks[0] = true;
	CHECK_INT(apk_db_chain(&db, marks, LIMIT_APK_PACKAGES - 1, chain, 2), LIMIT_APK_PACKAGES);
	CHECK_INT(chain[1], 1);
	apk_db_close(&db, marks);
	for (size_t i = 0; i < LIMIT_APK_PACKAGES; i++)
		CHECK(marks[i]);
	apk_db_done(&db);
	free(marks);
}

static const struct check_test tests[] = {
	{"close and chain", test_close_and_chain},
	{"alternatives", test_alternatives},
	{"model", test_model},
	{"dense", test_dense},
};
CHECK_MAIN(tests)
