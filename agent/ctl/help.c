/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - help and version, all of it from the tables of verbs, options and exit codes. agentctl.
 */
#include "agent/ctl/ctl.h"
#include "agent/ctl/help.h"
#include "agent/ctl/verbs.h"
#include "agent/util/jsonw.h"

static void help_option_name(const struct option_row *row, struct buf *out)
{
	if (row->letter)
		buf_printf(out, "-%c, ", row->letter);
	buf_printf(out, "--%s%s%s", row->name, row->argument ? " " : "",
		row->argument ? row->argument : "");
}

static void help_option(struct page *p, const struct option_row *row)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	help_option_name(row, &name);
	page_open(p, 2, 6);
	page_add(p, PAGE_BOLD, "%s", name.data ? name.data : "");
	page_add(p, PAGE_PLAIN, ": %s", row->help);
	page_close(p);
}

static void help_usage(const struct verb *verb, struct buf *out)
{
	buf_printf(out, "agentctl %s", verb->name);
	for (int i = 0; i < OPTION_MAX; i++) {
		const struct option_row *row = option_row((enum option_id)i);

		if (verb->options & OPTION_BIT(i))
			buf_printf(out, " [%s%s%s%s]", row->letter == 'n' ? "-" : "--",
				row->letter == 'n' ? "n" : row->name, row->argument ? " " : "",
				row->argument ? row->argument : "");
	}
	if (verb->arguments[0])
		buf_printf(out, " %s", verb->arguments);
}

void help_overview(struct page *p)
{
	page_line(p, 0, PAGE_BOLD, "agentctl - look at the management of this phone");
	page_blank(p);
	page_line(p, 0, PAGE_PLAIN,
		"Everybody may look at everything; enroll, unenroll, sync and escrow need "
		"root or the group " CTL_GROUP ".");
	page_heading(p, "Commands");
	for (size_t i = 0; i < verb_count(); i++) {
		const struct verb *verb = verb_at(i);

		page_open(p, 2, 6);
		page_add(p, PAGE_BOLD, "%s%s%s", verb->name, verb->arguments[0] ? " " : "",
			verb->arguments);
		page_add(p, PAGE_PLAIN, ": %s", verb->help);
		page_close(p);
	}
	page_heading(p, "Options of every command");
	for (int i = 0; i < OPTION_MAX; i++)
		if (option_row((enum option_id)i)->global)
			help_option(p, option_row((enum option_id)i));
	page_heading(p, "Exit codes");
	for (int i = 0; i < CTL_EXIT_MAX; i++) {
		page_open(p, 2, 6);
		page_add(p, PAGE_BOLD, "%d", i);
		page_add(p, PAGE_PLAIN, ": %s", ctl_exit_help((enum ctl_exit)i));
		page_close(p);
	}
}

void help_of_verb(struct page *p, const struct verb *verb)
{
	_cleanup_buf_ struct buf usage = BUF_INIT;
	const char *details = verb->details;

	help_usage(verb, &usage);
	page_open(p, 0, 4);
	page_add(p, PAGE_BOLD, "%s", usage.data ? usage.data : "");
	page_close(p);
	page_blank(p);
	page_line(p, 0, PAGE_PLAIN, "%s", verb->help);
	while (details[0]) {
		size_t n = strcspn(details, "\n");

		page_blank(p);
		page_line(p, 0, PAGE_PLAIN, "%.*s", (int)n, details);
		details += n + (details[n] == '\n');
	}
	page_heading(p, "Options");
	for (int i = 0; i < OPTION_MAX; i++)
		if (option_row((enum option_id)i)->global || (verb->options & OPTION_BIT(i)))
			help_option(p, option_row((enum option_id)i));
}

void help_markdown(struct buf *out)
{
	buf_puts(out, "| command | does |\n|---|---|\n");
	for (size_t i = 0; i < verb_count(); i++) {
		_cleanup_buf_ struct buf usage = BUF_INIT;

		help_usage(verb_at(i), &usage);
		/* A bar would end the cell. */
		buf_puts(out, "| `");
		for (const char *c = usage.data ? usage.data : ""; *c; c++)
			buf_printf(out, "%s%c", *c == '|' ? "\\" : "", *c);
		buf_printf(out, "` | %s |\n", verb_at(i)->help);
	}
	buf_puts(out, "\n| option | with | does |\n|---|---|---|\n");
	for (int i = 0; i < OPTION_MAX; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		const char *separator = "";

		buf_puts(out, "| `");
		help_option_name(row, out);
		buf_puts(out, "` | ");
		if (row->global)
			buf_puts(out, "every command");
		for (size_t j = 0; j < verb_count(); j++) {
			if (row->global || !(verb_at(j)->options & OPTION_BIT(i)))
				continue;
			buf_printf(out, "%s%s", separator, verb_at(j)->name);
			separator = ", ";
		}
		buf_printf(out, " | %s |\n", row->help);
	}
	buf_puts(out, "\n| exit code | `error` | means |\n|---|---|---|\n");
	for (int i = 0; i < CTL_EXIT_MAX; i++)
		buf_printf(out, "| %d | `%s` | %s |\n", i, ctl_exit_name((enum ctl_exit)i),
			ctl_exit_help((enum ctl_exit)i));
}

void help_json(struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_array(&w, "commands");
	for (size_t i = 0; i < verb_count(); i++) {
		_cleanup_buf_ struct buf usage = BUF_INIT;

		help_usage(verb_at(i), &usage);
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", verb_at(i)->name);
		jsonw_string(&w, "usage", usage.data);
		jsonw_string(&w, "help", verb_at(i)->help);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_array(&w, "exit_codes");
	for (int i = 0; i < CTL_EXIT_MAX; i++) {
		jsonw_object(&w, NULL);
		jsonw_int(&w, "code", i);
		jsonw_string(&w, "name", ctl_exit_name((enum ctl_exit)i));
		jsonw_string(&w, "help", ctl_exit_help((enum ctl_exit)i));
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_puts(out, "\n");
}

/* Every verb of a group: "help policy". */
static bool help_group(struct page *p, const char *word)
{
	bool found = false;

	if (!verb_is_group(word))
		return false;
	for (size_t i = 0; i < verb_count(); i++) {
		const char *name = verb_at(i)->name;
		size_t n = strlen(word);

		if (strncmp(name, word, n) != 0 || (name[n] && name[n] != ' '))
			continue;
		if (found)
			page_blank(p);
		help_of_verb(p, verb_at(i));
		found = true;
	}
	return found;
}

enum ctl_exit verb_help(struct ctl *ctl)
{
	const struct options *o = &ctl->options;
	bool is_help = o->verb && o->verb->run == verb_help;
	const char *first = is_help && o->n_arguments > 0 ? o->arguments[0] : NULL;
	const char *second = is_help && o->n_arguments > 1 ? o->arguments[1] : NULL;
	const struct verb *verb = first ? verb_find(first, second) : is_help ? NULL : o->verb;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};

	page_init(&page, &out, ctl->width, ctl->colour);
	if (options_given(o, OPTION_JSON))
		help_json(&out);
	else if (is_help && options_given(o, OPTION_MARKDOWN))
		help_markdown(&out);
	else if (first && !second && help_group(&page, first))
		;
	else if (verb)
		help_of_verb(&page, verb);
	else if (!first)
		help_overview(&page);
	else
		return ctl_fail(ctl, CTL_EXIT_USAGE,
			"There is no command \"%.40s%s%.40s\"; see agentctl help.", first,
			second ? " " : "", second ? second : "");
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}

enum ctl_exit verb_version(struct ctl *ctl)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);

	if (options_given(&ctl->options, OPTION_JSON)) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "version", MDM_VERSION);
		jsonw_object_end(&w);
		buf_puts(&out, "\n");
	} else {
		buf_puts(&out, "agentctl " MDM_VERSION "\n");
	}
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}
