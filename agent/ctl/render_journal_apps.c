/* SPDX-License-Identifier: Apache-2.0 */
/* render_journal_apps.c - records about apps, and about programs that did not start, in sentences;
 * see render_journal.h. Pure; agentctl. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/render_journal.h"
#include "agent/util/mem.h"

#define WORDS_INDENT 2
#define WORDS_HANG 4

static void app_base(struct page *p, struct json_object *data)
{
	const char *cause = peek_text(data, "cause", "");

	page_line(p, WORDS_INDENT, PAGE_PLAIN,
		"Recorded what the phone came with, which stays: %" PRId64 " packages%s",
		journal_count(data, "packages"),
		strcmp(cause, "missing") == 0 ? ". There was no record so far."
		: strcmp(cause, "damaged") == 0
			? ". The record there was had been damaged; it is kept as "
			  "apps-base.broken."
			: ".");
}

/* What the steps of a job do; agent/apps/job.h has their names. */
static const struct {
	const char *step, *words, *nothing; /* nothing: without words behind it */
} app_steps[] = {
	{"policy", "", "take back the rules about packages"},
	{"add", "install", NULL},
	{"remove", "remove", NULL},
	{"upgrade", "update", "update all packages"},
	{"flatpak-install", "install the Flatpak", NULL},
	{"flatpak-remove", "remove the Flatpak", NULL},
	{"flatpak-update", "update the Flatpak", "update all Flatpaks"},
	{"flatpak-remote-disable", "switch off the Flatpak source", NULL},
	{"flatpak-remote-enable", "switch on the Flatpak source", NULL},
	{"flatpak-remote-filter", "limit what is offered by the Flatpak source", NULL},
	{"flatpak-remote-unfilter", "offer everything again of the Flatpak source", NULL},
	{"noexec", "have no programs start from where people can write",
		"have no programs start from where people can write"},
	{"exec", "have programs start from everywhere again",
		"have programs start from everywhere again"},
	{"keep", "keep", NULL},
};

/* "!firefox htop vim=9.1-r0": what is kept away, and what is kept. */
static void app_policy(struct page *p, const char *words, bool away)
{
	const char *separator = away ? "keep away " : "keep installed ";

	while (*words) {
		size_t n = strcspn(words, " ");

		if (n > 0 && (words[0] == '!') == away) {
			page_add(p, PAGE_PLAIN, "%s%.*s", separator, (int)n - away, words + away);
			separator = ", ";
		}
		words += n + (words[n] == ' ');
	}
}

static bool app_has(const char *words, bool away)
{
	for (; *words; words += strcspn(words, " ") + (words[strcspn(words, " ")] == ' '))
		if ((words[0] == '!') == away && words[0] != ' ')
			return true;
	return false;
}

static void app_step(struct page *p, struct json_object *step)
{
	const char *name = peek_text(step, "step", "?"), *words = peek_string(step, "words");

	if (words && strcmp(name, "policy") == 0) {
		app_policy(p, words, true);
		if (app_has(words, true) && app_has(words, false))
			page_add(p, PAGE_PLAIN, "; ");
		app_policy(p, words, false);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(app_steps); i++) {
		if (strcmp(app_steps[i].step, name) != 0)
			continue;
		name = !words && app_steps[i].nothing ? app_steps[i].nothing : app_steps[i].words;
		break;
	}
	page_add(p, PAGE_PLAIN, "%s%s%s", name, words ? " " : "", words ? words : "");
}

static void app_job(struct page *p, struct json_object *data)
{
	struct json_object *steps = peek_array(data, "steps"), *failed = peek_array(data, "failed");
	const char *cause = peek_text(data, "cause", "?"), *failure = peek_string(data, "failure");
	int64_t more = journal_count(data, "more");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_PLAIN, "%s",
		strcmp(cause, "policy") == 0   ? "The rules about apps were carried out: "
		: strcmp(cause, "update") == 0 ? "Apps were brought up to date, as the rules say: "
		: strcmp(cause, "command") == 0
			? "An order of the organisation was carried out: "
			: "The package manager was at work for the agent: ");
	for (size_t i = 0; i < peek_length(steps); i++) {
		page_add(p, PAGE_PLAIN, "%s", i ? "; " : "");
		app_step(p, peek_at(steps, i));
	}
	if (peek_length(steps) == 0)
		page_add(p, PAGE_PLAIN, "it is not known what for");
	if (more > 0)
		page_add(p, PAGE_PLAIN, "; %" PRId64 " more", more);
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
	if (failure) {
		page_open(p, WORDS_INDENT, WORDS_HANG);
		page_add(p, PAGE_BAD, "It did not come to its end");
		journal_end(p, failure);
		page_close(p);
	}
	for (size_t i = 0; i < peek_length(failed); i++) {
		struct json_object *one = peek_at(failed, i);
		char result[64];

		render_spaced(peek_text(one, "result", "?"), result, sizeof(result));
		page_open(p, WORDS_INDENT, WORDS_HANG);
		page_add(p, PAGE_BAD, "Failed:");
		/* Without a name it was the whole step. */
		page_add(p, PAGE_PLAIN, " %s%s%s%s", peek_text(one, "name", ""),
			peek_string(one, "name") ? " (" : "", result,
			peek_string(one, "name") ? ")" : "");
		journal_end(p, peek_string(one, "detail"));
		page_close(p);
	}
}

void journal_app(struct page *p, struct json_object *data)
{
	if (strcmp(peek_text(data, "what", ""), "base") == 0)
		app_base(p, data);
	else
		app_job(p, data);
}

void journal_app_found(struct page *p, struct json_object *data)
{
	static const struct {
		const char *member, *words;
	} rows[] = {{"appeared", "Came: "}, {"gone", "Went: "}};
	int64_t more = journal_count(data, "more");

	page_line(
		p, WORDS_INDENT, PAGE_PLAIN, "Apps came or went, and the agent had no part in it.");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *names = peek_array(data, rows[i].member);

		if (peek_length(names) == 0)
			continue;
		page_open(p, WORDS_INDENT, WORDS_HANG);
		page_add(p, PAGE_PLAIN, "%s", rows[i].words);
		journal_value(p, names);
		page_add(p, PAGE_PLAIN, ".");
		page_close(p);
	}
	if (more > 0)
		page_line(p, WORDS_INDENT, PAGE_PLAIN, "And %" PRId64 " more.", more);
}

void journal_exec_denied(struct page *p, struct json_object *data)
{
	const char *owner = peek_string(data, "owner"), *program = peek_text(data, "program", "?");
	int64_t n = journal_count(data, "count");

	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, PAGE_WARN, "%s %s", program,
		peek_true(data, "audit")
			? "would not have been started (so far starts are only watched)"
			: "was not started");
	page_add(p, PAGE_PLAIN, ": %s %s", peek_text(data, "path", "it"),
		render_guard_reason(peek_text(data, "reason", "?")));
	if (owner && strcmp(owner, program) != 0)
		page_add(p, PAGE_PLAIN, "; it belongs to %s", owner);
	if (n > 1)
		page_add(p, PAGE_PLAIN, "; %" PRId64 " times", n);
	page_add(p, PAGE_PLAIN, ".");
	page_close(p);
}

void journal_guard(struct page *p, struct json_object *data)
{
	static const struct {
		const char *what, *words;
		enum page_style style;
	} rows[] = {
		{"in_force", "Programs are looked at before they start", PAGE_PLAIN},
		{"fell", "What judges programs before they start has failed, and is started again",
			PAGE_WARN},
		{"restarted", "What judges programs before they start was started anew", PAGE_WARN},
		{"unwatched", "Programs on one file system start unjudged", PAGE_WARN},
		{"refused_table",
			"What judges programs did not take its list of them: it was damaged",
			PAGE_WARN},
		{"absent", "This phone's kernel cannot have programs judged before they start",
			PAGE_WARN},
	};
	const char *what = peek_text(data, "what", "?"), *words = what;
	enum page_style style = PAGE_PLAIN;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].what, what) == 0) {
			words = rows[i].words;
			style = rows[i].style;
		}
	page_open(p, WORDS_INDENT, WORDS_HANG);
	page_add(p, style, "%s", words);
	journal_end(p, peek_string(data, "detail"));
	page_close(p);
}
