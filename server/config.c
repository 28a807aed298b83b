/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - the command line of mdm-server, and settings from it and from the file put together;
 * see config.h. Pure. mdm-server only.
 */
#include "server/config.h"

#include <errno.h>

#include "agent/util/log.h"
#include "server/config_file.h"
#include "server/settings.h"

/* --- the command line -------------------------------------------------------------------- */

/* One thing of the command line: a word, or an option and its value. */
struct config_item {
	const char *word; /* NULL: an option */
	const char *name;
	size_t n_name;
	const char *value; /* NULL: of those that have none */
};

static bool config_is(const struct config_item *item, const char *name)
{
	return !item->word && strlen(name) == item->n_name &&
	       memcmp(name, item->name, item->n_name) == 0;
}

static bool config_is_switch(const struct config_item *item)
{
	return config_is(item, "help") || config_is(item, "version") || config_is(item, "verbose");
}

/* 0 at the end, 1 with an item, or -EINVAL with ret_problem. */
static int config_next(
	int argc, char **argv, int *at, struct config_item *ret_item, char ret_problem[256])
{
	struct config_item item = {0};
	const char *equals;

	if (*at >= argc)
		return 0;
	if (strncmp(argv[*at], "--", 2) != 0) {
		item.word = argv[(*at)++];
		*ret_item = item;
		return 1;
	}
	item.name = argv[(*at)++] + 2;
	item.n_name = strcspn(item.name, "=");
	equals = item.name[item.n_name] == '=' ? item.name + item.n_name + 1 : NULL;
	if (config_is_switch(&item)) {
		if (equals) {
			snprintf(ret_problem, 256, "--%.*s has no value", (int)item.n_name,
				item.name);
			return -EINVAL;
		}
	} else if (equals) {
		item.value = equals;
	} else if (*at < argc) {
		item.value = argv[(*at)++];
	} else {
		snprintf(ret_problem, 256, "--%.100s is no option, or lacks its value", item.name);
		return -EINVAL;
	}
	*ret_item = item;
	return 1;
}

const struct config_verb config_verbs[] = {
	{{"run", NULL}, CONFIG_RUN,
		"--state DIR --listen HOST:PORT --admin-listen HOST:PORT [OPTION]...",
		"serve phones and administrators; what is done without a command"},
	{{"config", "check"}, CONFIG_CHECK, "[OPTION]...",
		"look for errors in configuration and keys"},
	{{"config", "show"}, CONFIG_SHOW, "[OPTION]...",
		"print every setting and where it comes from"},
	{{"audit", "verify"}, CONFIG_AUDIT_VERIFY, "--state DIR [--known N:CHAIN]",
		"was the audit log changed?"},
	{{"audit", "export"}, CONFIG_AUDIT_EXPORT, "--state DIR",
		"print the audit log, one entry a line"},
	{{"backup", NULL}, CONFIG_BACKUP, "--state DIR --output FILE",
		"database and keys into one file, at any time"},
	{{"restore", NULL}, CONFIG_RESTORE, "--state NEWDIR --from FILE",
		"and back, into an empty directory"},
	{{NULL, NULL}, CONFIG_RUN, NULL, NULL},
};

const struct config_option config_options[] = {
	{"known", "N:CHAIN", &config_verbs[3], "a line that an earlier check printed"},
	{"output", "FILE", &config_verbs[5], "the backup; nothing of that name may be there"},
	{"from", "FILE", &config_verbs[6], "the backup"},
	{"config", "FILE", NULL,
		"the configuration file; " CONFIG_FILE ", if it is there, without this option"},
	{"verbose", NULL, NULL, "the same as --log-level debug"},
	{"help", NULL, NULL, "this text"},
	{"version", NULL, NULL, "the version"},
	{0},
};

const char *const config_exits[CONFIG_EXITS] = {
	"ended when told to, or done",
	"anything else",
	"command line, settings or (config check) keys are wrong; starting again does not help",
};

static int config_verb(
	const char *const *words, size_t n, struct config_command *command, char ret_problem[256])
{
	for (const struct config_verb *verb = config_verbs; verb->words[0]; verb++) {
		size_t wanted = verb->words[1] ? 2 : 1;

		if (n == wanted && strcmp(words[0], verb->words[0]) == 0 &&
			(n == 1 || strcmp(words[1], verb->words[1]) == 0)) {
			command->action = verb->action;
			return 0;
		}
	}
	snprintf(ret_problem, 256, "\"%.100s%s%.100s\" is not understood", words[0],
		n > 1 ? " " : "", n > 1 ? words[1] : "");
	return -EINVAL;
}

/* Where an option that is no setting is kept; NULL: it is none of those. */
static const char **config_extra(struct config_command *command, const struct config_item *item)
{
	return config_is(item, "config")   ? &command->file
	       : config_is(item, "output") ? &command->output
	       : config_is(item, "from")   ? &command->from
	       : config_is(item, "known")  ? &command->known
					   : NULL;
}

static int config_command_option(
	struct config_command *command, const struct config_item *item, char ret_problem[256])
{
	const char **extra = config_extra(command, item);

	if (extra && (*extra || !*item->value)) {
		snprintf(ret_problem, 256, "--%.*s %s", (int)item->n_name, item->name,
			*extra ? "stands twice" : "must not be empty");
		return -EINVAL;
	}
	if (extra)
		*extra = item->value;
	else if (!setting_find(item->name, item->n_name)) {
		snprintf(ret_problem, 256, "--%.*s is no option; --help lists them",
			item->n_name > 100 ? 100 : (int)item->n_name, item->name);
		return -EINVAL;
	}
	return 0;
}

int config_command_parse(
	int argc, char **argv, struct config_command *ret_command, char ret_problem[256])
{
	struct config_command command = {.action = CONFIG_RUN};
	enum config_action asked = CONFIG_RUN;
	const char *words[2] = {NULL};
	struct config_item item;
	size_t n_words = 0;
	int at = 1, r;

	while ((r = config_next(argc, argv, &at, &item, ret_problem)) > 0) {
		if (item.word && n_words == ARRAY_SIZE(words)) {
			snprintf(ret_problem, 256, "\"%.100s\" is not understood", item.word);
			return -EINVAL;
		}
		if (item.word)
			words[n_words++] = item.word;
		else if (!item.value)
			asked = config_is(&item, "help")      ? CONFIG_HELP
				: config_is(&item, "version") ? CONFIG_VERSION
							      : asked;
		else
			r = config_command_option(&command, &item, ret_problem);
		if (r < 0)
			return r;
	}
	if (r == 0 && n_words)
		r = config_verb(words, n_words, &command, ret_problem);
	if (r < 0)
		return r;
	if (asked != CONFIG_RUN)
		command.action = asked;
	if ((command.output && command.action == CONFIG_RUN) ||
		(command.from && command.action == CONFIG_RUN)) {
		snprintf(ret_problem, 256, "--output is for backup, --from for restore");
		return -EINVAL;
	}
	if (command.known && command.action != CONFIG_AUDIT_VERIFY) {
		snprintf(ret_problem, 256, "--known is for audit verify");
		return -EINVAL;
	}
	*ret_command = command;
	return 0;
}

/* --- settings ---------------------------------------------------------------------------- */

void config_done(struct config *config)
{
	for (const struct setting *s = config_settings; s->name; s++)
		setting_reset(s, config);
}

/* 0, or -ENOMEM; what is wrong with the value goes to problems. */
static int config_apply(struct config *config, const struct config_item *item, struct buf *problems)
{
	const struct setting *setting = setting_find(item->name, item->n_name);
	struct config_origin *origin;
	char why[160];
	int r;

	if (!setting)
		return 0; /* --config and the like */
	origin = &config->origins[setting_index(setting)];
	if (origin->source == CONFIG_FROM_ARGUMENTS && setting->kind != SETTING_LIST) {
		buf_printf(problems, "--%s stands twice; give it once\n", setting->name);
		return 0;
	}
	if (origin->source != CONFIG_FROM_ARGUMENTS)
		setting_reset(setting, config);
	*origin = (struct config_origin){.source = CONFIG_FROM_ARGUMENTS};
	r = setting_set(setting, config, item->value, why);
	if (r == -EINVAL)
		buf_printf(problems, "--%s \"%.100s\" %s\n", setting->name, item->value, why);
	return r == -EINVAL ? 0 : r;
}

static int config_apply_arguments(
	struct config *config, int argc, char **argv, struct buf *problems)
{
	const struct setting *level = setting_find("log-level", strlen("log-level"));
	struct config_item item;
	char problem[256];
	int at = 1, r;

	while ((r = config_next(argc, argv, &at, &item, problem)) > 0) {
		if (config_is(&item, "verbose"))
			item = (struct config_item){
				.name = level->name,
				.n_name = strlen(level->name),
				.value = level->choices[LOG_LEVEL_DEBUG],
			};
		if (item.value) {
			r = config_apply(config, &item, problems);
			if (r < 0)
				return r;
		}
	}
	if (r < 0)
		buf_printf(problems, "%s\n", problem);
	return 0;
}

static void config_find_missing(const struct config *config, const char *file, struct buf *problems)
{
	for (const struct setting *s = config_settings; s->name; s++)
		if (s->needed && setting_count(s, config) == 0)
			buf_printf(problems,
				"--%s is needed: give it on the command line, or as a line \"%s %s\" in %s\n",
				s->name, s->name, s->metavar, file);
}

int config_read(const struct config_input *input, struct config *ret_config, struct buf *problems)
{
	size_t n_before = problems->n_bytes;
	struct config config = {0};
	int r = 0;

	for (const struct setting *s = config_settings; s->name; s++)
		setting_reset(s, &config);
	if (input->text)
		r = config_file_parse(input, &config, problems);
	if (r == 0)
		r = config_apply_arguments(&config, input->argc, input->argv, problems);
	/* With errors, what is missing may only be misspelt. */
	if (r == 0 && !input->partial && problems->n_bytes == n_before)
		config_find_missing(&config, input->file, problems);
	if (r == 0)
		r = problems->error ? problems->error : problems->n_bytes > n_before ? -EINVAL : 0;
	if (r < 0) {
		config_done(&config);
		return r;
	}
	*ret_config = config;
	return 0;
}

int config_reload(struct config *config, const struct config *with, struct buf *ret_kept)
{
	struct config next = {0};
	const char *separator = "";
	int r = 0;

	for (const struct setting *s = config_settings; s->name && r == 0; s++) {
		size_t i = setting_index(s);

		next.origins[i] = s->reloadable ? with->origins[i] : config->origins[i];
		r = setting_copy(s, &next, s->reloadable ? with : config);
		if (s->reloadable || setting_equal(s, config, with))
			continue;
		buf_printf(ret_kept, "%s%s", separator, s->name);
		separator = ", ";
	}
	if (r == 0)
		r = ret_kept->error;
	if (r < 0) {
		config_done(&next);
		return r;
	}
	config_done(config);
	*config = next;
	return 0;
}
