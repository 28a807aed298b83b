/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apps_section.c - the section "apps": its text, what changed, the state file; and that the
 * server's own code makes of the changes what the phone has, whatever is installed, lost on the way
 * or forgotten by one of the two.
 */
#include "agent/enforcer/apps_section.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/digest.h"
#include "server/apps_merge.h"
#include "tests/lib/check.h"

static const struct apps_about about = {.manager = "apk", .n_packages = 1200, .n_base = 1000};

static struct app app_of(enum app_kind kind, const char *name, const char *version)
{
	return (struct app){
		.kind = kind,
		.name = name,
		.version = version,
		.origin = "",
		.repository = "",
		.remote = "",
		.user = "",
		.title = "",
		.sha256 = "",
	};
}

static const char *text_of(const struct apps_section *section)
{
	static struct buf text;

	buf_reset(&text);
	apps_section_write(section, &text);
	return text.data;
}

/* --- text ---------------------------------------------------------------------------------- */

static void test_text(void)
{
	struct app apps[] = {
		app_of(APP_PACKAGE, "firefox", "128.0-r0"),
		app_of(APP_FLATPAK, "org.gnome.Maps", "48.1"),
		app_of(APP_FILE, "/home/anna/Divorce/lawyer/game.AppImage", ""),
	};
	struct apps_entry entries[] = {{&apps[0], -1}, {&apps[1], -1}, {&apps[2], 10000}};
	_cleanup_apps_section_ struct apps_section section = {0}, again = {0};
	struct apps_about found = about;

	found.n_found = 3;
	apps[0].origin = "firefox";
	apps[0].title = "Firefox";
	apps[0].size_kib = 230000;
	apps[0].is_explicit = apps[0].is_shown = true;
	apps[1].remote = "flathub";
	apps[1].is_base = true;
	apps[2].user = "anna";
	CHECK_INT(apps_section_make(&found, entries, 3, &section), 0);
	CHECK_STR(text_of(&section),
		"{\"v\":1,\"about\":{\"manager\":\"apk\",\"packages\":1200,\"base\":1000,"
		"\"found\":3},\"apps\":["
		"{\"kind\":\"file\",\"name\":\"game.AppImage\",\"user\":10000},"
		"{\"kind\":\"flatpak\",\"name\":\"org.gnome.Maps\",\"version\":\"48.1\","
		"\"source\":\"flathub\",\"base\":true},"
		"{\"kind\":\"package\",\"name\":\"firefox\",\"version\":\"128.0-r0\","
		"\"title\":\"Firefox\",\"size_kib\":230000,\"explicit\":true,\"shown\":true}]}");
	/* Neither who it is nor where it lies. */
	CHECK(!strstr(text_of(&section), "anna") && !strstr(text_of(&section), "Divorce"));
	/* In whatever order they are found. */
	entries[0].app = &apps[1];
	entries[1].app = &apps[0];
	CHECK_INT(apps_section_make(&found, entries, 3, &again), 0);
	CHECK_STR(again.digest, section.digest);
	CHECK_INT(strlen(section.digest), APPS_SECTION_DIGEST);
}

static void test_empty(void)
{
	_cleanup_apps_section_ struct apps_section section = {0}, held = {0};
	_cleanup_buf_ struct buf file = BUF_INIT, delta = BUF_INIT;
	struct apps_about none = {.manager = "none", .found_is_cut = true};

	CHECK_INT(apps_section_make(&none, NULL, 0, &section), 0);
	CHECK_STR(text_of(&section), "{\"v\":1,\"about\":{\"manager\":\"none\",\"packages\":0,"
				     "\"base\":0,\"found\":0,\"found_more\":true},\"apps\":[]}");
	CHECK_INT(apps_section_save(&section, &file), 0);
	CHECK_INT(apps_section_load(file.data, file.n_bytes, &held), 0);
	CHECK_STR(held.digest, section.digest);
	apps_section_write_delta(&held, &section, &delta);
	CHECK(strstr(delta.data, "\"gone\":[],\"put\":[]}"));
}

/* Texts of strangers: cut, without what steers terminals, a line of a state file at most. */
static void test_hostile_texts(void)
{
	char name[600], title[600];
	struct app app = app_of(APP_FILE, name, title);
	struct apps_entry entry = {&app, 1000};
	_cleanup_apps_section_ struct apps_section section = {0}, again = {0};
	_cleanup_buf_ struct buf file = BUF_INIT;
	static const char fills[] = {'\x01', '"', '\xff', '\n', 'x', '\xc3', '\x7f'};

	app.title = app.origin = app.remote = app.repository = title;
	app.sha256 = title;
	for (size_t i = 0; i < sizeof(fills); i++) {
		memset(name, fills[i], sizeof(name) - 1);
		memset(title, fills[(i + 1) % sizeof(fills)], sizeof(title) - 1);
		name[sizeof(name) - 1] = title[sizeof(title) - 1] = 0;
		apps_section_done(&section);
		apps_section_done(&again);
		buf_reset(&file);
		CHECK_INT(apps_section_make(&about, &entry, 1, &section), 0);
		CHECK_INT(section.n_apps, 1);
		CHECK(strlen(section.text.data + section.starts[0]) < 1024);
		CHECK(!strpbrk(text_of(&section), "\n\x01\x7f"));
		CHECK_INT(apps_section_save(&section, &file), 0);
		CHECK_INT(apps_section_load(file.data, file.n_bytes, &again), 0);
		CHECK_STR(again.digest, section.digest);
	}
	/* Not cut inside of a character. */
	memset(name, 'x', sizeof(name) - 1);
	memcpy(name + LIMIT_TEXT_BYTES - 2, "\xc3\xa4", 2);
	app = app_of(APP_PACKAGE, name, "1");
	apps_section_done(&section);
	CHECK_INT(apps_section_make(&about, &entry, 1, &section), 0);
	CHECK(!strchr(text_of(&section), '\xc3') && !strstr(text_of(&section), "\xef\xbf\xbd"));
}

/* --- limits -------------------------------------------------------------------------------- */

#define MANY (LIMIT_APPS + LIMIT_APPS_FOUND + 1)

struct many {
	struct app apps[MANY];
	struct apps_entry entries[MANY];
	char names[MANY][LIMIT_TEXT_BYTES];
};

static struct many *many_new(int n_name)
{
	struct many *many = calloc(1, sizeof(*many));

	for (size_t i = 0; many && i < MANY; i++) {
		snprintf(many->names[i], sizeof(many->names[i]), "%0*zu", n_name, i);
		many->apps[i] = app_of(APP_PACKAGE, many->names[i], "1");
		many->entries[i] = (struct apps_entry){&many->apps[i], -1};
	}
	return many;
}

static void test_number_limit(void)
{
	_cleanup_free_ struct many *many = many_new(8);
	_cleanup_apps_section_ struct apps_section section = {0}, more = {0};

	CHECK(many != NULL);
	CHECK_INT(apps_section_make(&about, many->entries, MANY - 1, &section), 0);
	CHECK_INT(section.n_apps, MANY - 1);
	CHECK(!strstr(section.text.data, "left_out"));
	CHECK_INT(apps_section_make(&about, many->entries, MANY, &more), 0);
	CHECK_INT(more.n_apps, MANY - 1);
	CHECK(strstr(more.text.data, "\"left_out\":1}"));
}

static void test_size_limit(void)
{
	_cleanup_free_ struct many *many = many_new(200);
	_cleanup_apps_section_ struct apps_section section = {0};
	struct apps_about less = about;
	size_t n_bytes, n_left;

	CHECK(many != NULL);
	less.n_left_out = 7;
	CHECK_INT(apps_section_make(&less, many->entries, MANY - 1, &section), 0);
	n_bytes = strlen(text_of(&section));
	/* As full as it can be: one more line has no room. */
	CHECK(n_bytes <= LIMIT_APPS_SECTION_BYTES);
	CHECK(n_bytes > LIMIT_APPS_SECTION_BYTES - 400);
	CHECK(section.n_apps < MANY - 1);
	CHECK(strstr(section.text.data, "\"left_out\":"));
	n_left = (size_t)atoi(strstr(section.text.data, "\"left_out\":") + 11);
	CHECK_INT(n_left, MANY - 1 - section.n_apps + 7);
}

/* --- the state file ------------------------------------------------------------------------ */

/* What is taken of these lines behind the first one. */
static int load(const char *lines)
{
	_cleanup_apps_section_ struct apps_section section = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "mdm-agent-apps 1\n");
	buf_puts(&text, lines);
	if (state_text_close(&text) < 0)
		return -EFAULT;
	return apps_section_load(text.data, text.n_bytes, &section);
}

static void test_damaged(void)
{
	_cleanup_apps_section_ struct apps_section section = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;

	CHECK_INT(load("{}\n"), 0);
	CHECK_INT(load("{}\n{\"a\":1}\n{\"a\":1}\n{\"b\":1}\n"), 0);
	CHECK_INT(load(""), -EBADMSG);
	CHECK_INT(load("{}\n{\"b\":1}\n{\"a\":1}\n"), -EBADMSG);
	CHECK_INT(load("{}\n[]\n"), -EBADMSG);
	CHECK_INT(load("{}\n{\n"), -EBADMSG);
	CHECK_INT(load("x\n{}\n"), -EBADMSG);
	buf_puts(&text, "mdm-agent-apps 1\n{}\n");
	CHECK_INT(state_text_close(&text), 0);
	text.data[18] = ' ';
	CHECK_INT(apps_section_load(text.data, text.n_bytes, &section), -EBADMSG);
	CHECK(!section.starts && !section.text.data);
}

static void test_file_limit(void)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;

	buf_puts(&lines, "{}\n");
	for (size_t i = 0; i < LIMIT_APPS + LIMIT_APPS_FOUND; i++)
		buf_printf(&lines, "{\"a\":%zu}\n", 1000000 + i);
	CHECK_INT(load(lines.data), 0);
	buf_puts(&lines, "{\"b\":1}\n");
	CHECK_INT(load(lines.data), -EBADMSG);
	buf_reset(&lines);
	buf_puts(&lines, "{}\n");
	for (size_t i = 0; i < LIMIT_APPS_SECTION_BYTES / 512; i++)
		buf_printf(&lines, "{\"a\":%0500zu}\n", 1000000 + i);
	CHECK_INT(load(lines.data), 0);
	for (size_t i = 0; i < 8; i++)
		buf_printf(&lines, "{\"b\":%0500zu}\n", 1000000 + i);
	CHECK_INT(load(lines.data), -EBADMSG);
}

/* --- what changed, put together by the server ------------------------------------------------ */

static int merge(const char *held, const char *delta)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct span a, b;

	if (json_check(held, strlen(held), &a) < 0 || json_check(delta, strlen(delta), &b) < 0)
		return -EFAULT;
	return apps_merge(a, b, &out);
}

#define HELD "{\"v\":1,\"about\":{},\"apps\":[{\"a\":1},{\"a\":2}]}"

static void test_merge_refuses(void)
{
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":[0,1],\"put\":[{\"b\":1}]}"), 0);
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":[2],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":[1,0],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":[0,0],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":[-1],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":[\"0\"],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":[],\"put\":[1]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":1,\"gone\":[],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"gone\":[],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":{},\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge(HELD, "{\"about\":{},\"gone\":{},\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge("{\"apps\":{}}", "{\"about\":{},\"gone\":[],\"put\":[]}"), -EBADMSG);
	CHECK_INT(merge("{\"too_large\":true}", "{\"about\":{},\"gone\":[],\"put\":[]}"), -EBADMSG);
}

/* One line more than a phone can have. */
static void test_merge_limit(void)
{
	_cleanup_buf_ struct buf held = BUF_INIT;

	buf_puts(&held, "{\"apps\":[{}");
	for (size_t i = 1; i < LIMIT_APPS + LIMIT_APPS_FOUND; i++)
		buf_puts(&held, ",{}");
	buf_puts(&held, "]}");
	CHECK_INT(merge(held.data, "{\"about\":{},\"gone\":[],\"put\":[]}"), 0);
	held.n_bytes -= 2;
	buf_puts(&held, ",{}]}");
	CHECK_INT(merge(held.data, "{\"about\":{},\"gone\":[],\"put\":[]}"), -EBADMSG);
}

#define POOL 24

/* A phone and a server, and what is between them. */
struct world {
	uint32_t random;
	struct app apps[POOL];
	char versions[POOL][12];
	bool installed[POOL], twice[POOL];
	struct apps_about about;
	/* The phone: what it knows that the server has (its state file), and what it sends. */
	struct buf file;
	bool knows_acked;
	struct apps_section now;
	/* The server. */
	struct buf body, backup;
	char digest[APPS_DIGEST_LENGTH + 1], backup_digest[APPS_DIGEST_LENGTH + 1];
	size_t n_whole, n_deltas, n_resends, n_failed;
};

static uint32_t draw(struct world *w, uint32_t n)
{
	w->random = w->random * 1664525 + 1013904223;
	return (w->random >> 8) % n;
}

static void world_change(struct world *w)
{
	for (uint32_t i = draw(w, 4); i > 0; i--) {
		size_t k = draw(w, POOL);

		switch (draw(w, 4)) {
		case 0:
			w->installed[k] = !w->installed[k];
			break;
		case 1:
			w->twice[k] = !w->twice[k];
			break;
		case 2:
			snprintf(w->versions[k], sizeof(w->versions[k]), "%u", draw(w, 3));
			break;
		default:
			w->about.n_packages = draw(w, 3);
		}
	}
}

static void world_look(struct world *w)
{
	struct apps_entry entries[2 * POOL];
	size_t n = 0;

	for (size_t k = 0; k < POOL; k++)
		for (int t = 0; w->installed[k] && t < 1 + w->twice[k]; t++)
			entries[n++] = (struct apps_entry){&w->apps[k], -1};
	apps_section_done(&w->now);
	if (apps_section_make(&w->about, entries, n, &w->now) < 0)
		abort();
}

static bool world_server_delta(struct world *w, const struct buf *delta)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct span span;

	if (json_check(delta->data, delta->n_bytes, &span) < 0)
		abort();
	if (strcmp(w->digest, w->now.digest) == 0)
		return true; /* the answer to the last one was lost */
	if (!w->digest[0] ||
		apps_update(&(struct apps_held){w->digest, {w->body.data, w->body.n_bytes}},
			w->now.digest, span, &out) < 0)
		return false;
	buf_reset(&w->body);
	buf_append(&w->body, out.data, out.n_bytes);
	memcpy(w->digest, w->now.digest, sizeof(w->digest));
	return true;
}

/* One report and its answer. True: nothing is asked for again. */
static bool world_exchange(struct world *w)
{
	_cleanup_apps_section_ struct apps_section held = {0};
	_cleanup_buf_ struct buf delta = BUF_INIT;
	bool taken;

	if (w->knows_acked && w->file.n_bytes &&
		apps_section_load(w->file.data, w->file.n_bytes, &held) == 0) {
		if (strcmp(held.digest, w->now.digest) == 0)
			return strcmp(w->digest, w->now.digest) == 0;
		apps_section_write_delta(&held, &w->now, &delta);
		w->n_deltas++;
		return world_server_delta(w, &delta);
	}
	w->n_whole++;
	buf_reset(&w->body);
	apps_section_write(&w->now, &w->body);
	memcpy(w->digest, w->now.digest, sizeof(w->digest));
	taken = true;
	return taken;
}

static void world_step(struct world *w)
{
	bool taken, lost;

	world_change(w);
	world_look(w);
	if (draw(w, 40) == 0) { /* the server's database is put back */
		buf_reset(&w->body);
		buf_append(&w->body, w->backup.data ? w->backup.data : "", w->backup.n_bytes);
		memcpy(w->digest, w->backup_digest, sizeof(w->digest));
	}
	if (draw(w, 40) == 0) {
		buf_reset(&w->backup);
		buf_append(&w->backup, w->body.data ? w->body.data : "", w->body.n_bytes);
		memcpy(w->backup_digest, w->digest, sizeof(w->digest));
	}
	if (draw(w, 50) == 0)
		buf_reset(&w->file); /* the phone's file is gone */
	taken = world_exchange(w);
	lost = draw(w, 6) == 0;
	if (lost)
		return;
	/* MDM-Resend, or an acknowledgement. */
	w->knows_acked = taken;
	w->n_resends += !taken;
	buf_reset(&w->file);
	if (taken && apps_section_save(&w->now, &w->file) < 0)
		abort();
	/* What both believe to have is the same, to the byte. */
	w->n_failed += taken && (strcmp(w->body.data, text_of(&w->now)) != 0 ||
					strcmp(w->digest, w->now.digest) != 0);
}

static void test_whatever_happens(void)
{
	static char names[POOL][16];
	struct world w = {.random = 7, .about = about};

	for (size_t k = 0; k < POOL; k++) {
		snprintf(names[k], sizeof(names[k]), "app-%zu", k * k % POOL);
		snprintf(w.versions[k], sizeof(w.versions[k]), "1");
		w.apps[k] = app_of((enum app_kind)(k % 2), names[k], w.versions[k]);
	}
	for (int i = 0; i < 20000; i++)
		world_step(&w);
	CHECK_INT(w.n_failed, 0);
	/* All of that was tried. */
	CHECK(w.n_whole > 100 && w.n_deltas > 10000 && w.n_resends > 100);
	/* And once nothing happens any more they agree after two reports. */
	world_look(&w);
	if (!world_exchange(&w)) {
		w.knows_acked = false;
		CHECK(world_exchange(&w));
	}
	CHECK_STR(w.body.data, text_of(&w.now));
	buf_done(&w.file);
	buf_done(&w.body);
	buf_done(&w.backup);
	apps_section_done(&w.now);
}

/* One app on a phone with sixty: what it costs. */
static void test_small(void)
{
	_cleanup_free_ struct many *many = many_new(16);
	_cleanup_apps_section_ struct apps_section before = {0}, after = {0};
	_cleanup_buf_ struct buf delta = BUF_INIT;

	CHECK(many != NULL);
	CHECK_INT(apps_section_make(&about, many->entries, 60, &before), 0);
	CHECK_INT(apps_section_make(&about, many->entries, 61, &after), 0);
	apps_section_write_delta(&before, &after, &delta);
	CHECK(delta.n_bytes < 250);
	CHECK(10 * delta.n_bytes < strlen(text_of(&after)));
}

static const struct check_test tests[] = {
	{"text", test_text},
	{"empty", test_empty},
	{"hostile texts", test_hostile_texts},
	{"number limit", test_number_limit},
	{"size limit", test_size_limit},
	{"damaged files", test_damaged},
	{"limits of files", test_file_limit},
	{"merge refuses", test_merge_refuses},
	{"merge limit", test_merge_limit},
	{"whatever happens", test_whatever_happens},
	{"small", test_small},
};
CHECK_MAIN(tests)
