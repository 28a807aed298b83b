/* SPDX-License-Identifier: Apache-2.0 */
/* render_apps.c - which apps the organisation hears of, and what its policy says of each. Pure;
 * agentctl. */
#include <inttypes.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "policies/compliance.h"

/* A verdict of docs/protocol.md in words; NULL: nothing has to be said. */
static struct render_words apps_verdict(const char *verdict)
{
	static const struct {
		const char *verdict;
		struct render_words words;
	} rows[] = {
		{"allowed", {NULL, PAGE_PLAIN, NULL}},
		{"blocked", {"blocked", PAGE_BAD, NULL}},
		{"not_allowed", {"not in the list of what is allowed", PAGE_BAD, NULL}},
		{"protected", {"stays whatever the rules say, because the phone needs it",
				      PAGE_PLAIN, NULL}},
	};

	for (size_t i = 0; verdict && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].verdict, verdict) == 0)
			return rows[i].words;
	return (struct render_words){verdict, PAGE_WARN, NULL};
}

static void apps_size(struct page *p, struct json_object *app)
{
	int64_t kib;

	if (!peek_int(app, "size_kib", &kib) || kib <= 0)
		return;
	if (kib < 1024)
		page_add(p, PAGE_DIM, ", %" PRId64 " KiB", kib);
	else
		page_add(p, PAGE_DIM, ", %" PRId64 " MiB", kib / 1024);
}

static void apps_one(struct page *p, struct json_object *app)
{
	struct render_words words = apps_verdict(peek_string(app, "verdict"));
	const char *title = peek_string(app, "title");
	int64_t user;

	page_open(p, 2, 4);
	page_add(p, PAGE_BOLD, "%s", title ? title : peek_text(app, "name", "?"));
	if (title)
		page_add(p, PAGE_PLAIN, " - %s", peek_text(app, "name", "?"));
	if (peek_string(app, "version"))
		page_add(p, PAGE_PLAIN, " %s", peek_string(app, "version"));
	if (strcmp(peek_text(app, "kind", ""), "flatpak") == 0)
		page_add(p, PAGE_DIM, ", Flatpak");
	if (peek_string(app, "source"))
		page_add(p, PAGE_DIM, " from %s", peek_string(app, "source"));
	apps_size(p, app);
	if (peek_int(app, "user", &user))
		page_add(p, PAGE_DIM, ", of user %" PRId64, user);
	if (words.text)
		page_add(p, words.style, ": %s", words.text);
	page_close(p);
}

enum apps_part {
	PART_APPS,
	PART_BASE,
	PART_FOUND,
	PART_MAX,
};

static enum apps_part apps_part(struct json_object *app)
{
	if (strcmp(peek_text(app, "kind", ""), "file") == 0)
		return PART_FOUND;
	return peek_true(app, "base") ? PART_BASE : PART_APPS;
}

static void apps_list(struct page *p, struct json_object *apps, enum apps_part part)
{
	static const char *const headings[PART_MAX] = {
		[PART_APPS] = "Apps",
		[PART_BASE] = "What the phone came with",
		[PART_FOUND] = "Programs in home directories",
	};
	bool any = false;

	for (size_t i = 0; i < peek_length(apps); i++) {
		struct json_object *app = peek_at(apps, i);

		if (!app || apps_part(app) != part)
			continue;
		if (!any)
			page_heading(p, headings[part]);
		any = true;
		apps_one(p, app);
	}
}

static void apps_waiting(struct page *p, struct json_object *waiting)
{
	static const struct {
		const char *setting, *words;
	} rows[] = {
		{"required", "has to be installed"},
		{"blocked", "has to go"},
		{"allowed", "is not allowed"},
		{"pinned", "has to have another version"},
	};

	if (peek_length(waiting))
		page_heading(p, "Not as the policy wants it");
	for (size_t i = 0; i < peek_length(waiting); i++) {
		struct json_object *item = peek_at(waiting, i);
		const char *setting = peek_text(item, "setting", "?"), *words = setting;
		char reason[64];

		for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
			if (strcmp(rows[k].setting, setting) == 0)
				words = rows[k].words;
		render_spaced(peek_text(item, "reason", ""), reason, sizeof(reason));
		/* Nobody is to wait for what will never happen. */
		if (strcmp(peek_text(item, "reason", ""),
			    compliance_reason_name(REASON_APP_PROTECTED)) == 0) {
			words = strcmp(setting, "blocked") == 0 ? "is blocked, and stays"
								: "is not allowed, and stays";
			reason[0] = 0;
		}
		page_open(p, 2, 4);
		page_add(p, PAGE_BOLD, "%s", peek_text(item, "name", "?"));
		page_add(p, PAGE_PLAIN, " %s", words);
		if (reason[0] && strcmp(reason, "ok") != 0)
			page_add(p, PAGE_PLAIN, " (%s)", reason);
		if (peek_string(item, "detail"))
			page_add(p, PAGE_PLAIN, ": %s", peek_string(item, "detail"));
		page_close(p);
	}
}

static void apps_counts(struct page *p, struct json_object *answer, struct json_object *about)
{
	int64_t packages = 0, base = 0, found = 0, left_out = 0;

	peek_int(about, "packages", &packages);
	peek_int(about, "base", &base);
	peek_int(about, "found", &found);
	if (strcmp(peek_text(about, "manager", ""), "apk") == 0)
		page_line(p, 0, PAGE_PLAIN,
			"%" PRId64 " packages are installed; %" PRId64
			" of them came with the phone and stay. Listed are those that somebody "
			"chose or that a launcher shows, and Flatpaks.",
			packages, base);
	else
		page_line(p, 0, PAGE_PLAIN,
			"Packages of this system are not known to the agent%s%s.",
			peek_string(answer, "detail") ? ": " : "", peek_text(answer, "detail", ""));
	if (found)
		page_line(p, 0, PAGE_PLAIN,
			"Programs in home directories: %" PRId64
			"%s. Of each the organisation hears "
			"the name of the file, and no folder.",
			found, peek_true(about, "found_more") ? " or more" : "");
	if (peek_int(about, "left_out", &left_out))
		page_line(p, 0, PAGE_WARN, "%" PRId64 " more apps have no place in the list.",
			left_out);
}

void render_apps(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *about = peek_object(answer, "about");
	struct json_object *apps = peek_array(answer, "apps");
	char when[AGO_TEXT];
	int64_t t;

	if (render_is_unmanaged(answer)) {
		page_line(p, 0, PAGE_BOLD, "This phone is not managed.");
		page_line(
			p, 0, PAGE_PLAIN, "No apps are looked at, and nothing is told to anybody.");
		return;
	}
	if (!about) {
		page_line(p, 0, PAGE_BOLD, "No apps have been looked at yet.");
		page_line(p, 0, PAGE_PLAIN,
			"The agent has just started; try again in a few seconds.");
		return;
	}
	apps_counts(p, answer, about);
	if (peek_int(answer, "looked", &t)) {
		ago_format(now_s, t, when);
		page_line(p, 0, PAGE_DIM, "Looked at %s.", when);
	}
	for (int part = 0; part < PART_MAX; part++)
		apps_list(p, apps, (enum apps_part)part);
	apps_waiting(p, peek_array(answer, "waiting"));
}

/* --- the status page ---------------------------------------------------------------------- */

struct apps_words {
	const char *name, *words;
};

static const char *apps_find(
	const struct apps_words *rows, size_t n_rows, const char *name, const char *otherwise)
{
	for (size_t i = 0; i < n_rows; i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].words;
	return otherwise;
}

/* Where the package manager has said nothing yet. */
static const char *apps_step(const char *step)
{
	static const struct apps_words rows[] = {
		{"policy", "bringing packages in line with the rules"},
		{"add", "installing"},
		{"remove", "removing"},
		{"upgrade", "bringing packages up to date"},
		{"flatpak-install", "installing a Flatpak"},
		{"flatpak-remove", "removing a Flatpak"},
		{"flatpak-update", "bringing Flatpaks up to date"},
	};

	return apps_find(rows, ARRAY_SIZE(rows), step, *step ? "getting ready" : "about to begin");
}

static const char *apps_cause(const char *cause)
{
	static const struct apps_words rows[] = {
		{"policy", "for the organisation's rules"},
		{"update", "an update that the rules ask for"},
		{"command", "by an order of the organisation"},
	};

	return apps_find(rows, ARRAY_SIZE(rows), cause, "for the agent");
}

void render_apps_status(struct page *p, struct json_object *status, int64_t now_s)
{
	struct json_object *apps = peek_object(status, "apps");
	const char *step = peek_text(apps, "step", "");
	int64_t percent, waiting = 0, since;
	char when[AGO_TEXT];

	if (!peek_true(apps, "running"))
		return;
	page_field(p, "Apps");
	page_add(p, PAGE_BOLD, "%s", peek_text(apps, "doing", apps_step(step)));
	if (peek_int(apps, "percent", &percent))
		page_add(p, PAGE_PLAIN, ", %" PRId64 " %%", percent);
	if (peek_string(apps, "cause"))
		page_add(p, PAGE_PLAIN, "; %s", apps_cause(peek_string(apps, "cause")));
	if (peek_int(apps, "since", &since)) {
		ago_format(now_s, since, when);
		page_add(p, PAGE_PLAIN, "; begun %s", when);
	}
	if (peek_int(apps, "waiting", &waiting) && waiting > 0)
		page_add(p, PAGE_PLAIN, "; %" PRId64 " more to do after it", waiting);
	page_close(p);
}
