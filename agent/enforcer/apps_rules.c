/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_rules.c - see apps_rules.h. Of a package that is about to be installed no more is known than
 * its name and version, and whether somebody asked for it by name: patterns that depend on more let
 * it pass here, and the next round looks at what came. Enforcer.
 */
#include "agent/enforcer/apps_rules.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "policies/app_pattern.h"
#include "policies/apps.h"

#define HEAD "mdm-agent apps-rules 1"

static const char *const modes[APPS_MODE_MAX] = {"off", "deny", "allow"};

/* --- writing ------------------------------------------------------------------------------- */

static void write_set(const char *word, const struct string_set *set, struct buf *out)
{
	for (size_t i = 0; set && i < set->n_strings; i++)
		buf_printf(out, "%s %s\n", word, set->strings[i]);
}

void apps_rules_write(const struct apps_policy *policy, const char *organisation, struct buf *out)
{
	if (policy->mode == APPS_OFF)
		return;
	buf_printf(out, HEAD "\norganisation %s\nmode %s\n", organisation, modes[policy->mode]);
	write_set("blocked", policy->blocked, out);
	write_set("required", policy->required, out);
	for (size_t i = 0; policy->allowed && i < policy->allowed->n_strings; i++) {
		const char *list = policy->allowed->strings[i], *pattern;
		size_t n;

		buf_puts(out, "list\n");
		while (value_list_next(&list, &pattern, &n))
			buf_printf(out, "allowed %.*s\n", (int)n, pattern);
	}
	buf_puts(out, "end\n");
}

/* --- reading ------------------------------------------------------------------------------- */

void apps_rules_done(struct apps_rules *rules)
{
	for (size_t i = 0; i < rules->allowed.n_strings; i++)
		free(rules->allowed.strings[i]);
	free(rules->allowed.strings);
	free(rules->blocked.strings);
	free(rules->required.strings);
	*rules = (struct apps_rules){0};
}

static int add_string(struct string_set *set, char *text)
{
	char **more;

	if (set->n_strings == LIMIT_STRING_SET)
		return -EBADMSG;
	more = realloc(set->strings, (set->n_strings + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	set->strings = more;
	more[set->n_strings++] = text;
	return 0;
}

/* One more pattern of the last list, which is a text of its own. */
static int add_allowed(struct string_set *lists, const char *pattern)
{
	size_t n_pattern = strlen(pattern), n;
	char *list, **at;

	if (!lists->n_strings)
		return -EBADMSG;
	at = &lists->strings[lists->n_strings - 1];
	n = strlen(*at);
	list = realloc(*at, n + n_pattern + 2);
	if (!list)
		return -ENOMEM;
	*at = list;
	if (n)
		list[n++] = '\n';
	memcpy(list + n, pattern, n_pattern + 1);
	return 0;
}

static int add_list(struct string_set *lists)
{
	char *list = calloc(1, 1);
	int r = list ? add_string(lists, list) : -ENOMEM;

	if (r < 0)
		free(list);
	return r;
}

static int read_mode(const char *word, enum apps_mode *ret_mode)
{
	for (enum apps_mode mode = APPS_OFF; mode < APPS_MODE_MAX; mode++)
		if (strcmp(word, modes[mode]) == 0) {
			*ret_mode = mode;
			return 0;
		}
	return -EBADMSG;
}

static int read_line(char *line, struct apps_rules *rules)
{
	const char *why;
	char *rest = line, *word = strsep(&rest, " ");

	if (!rest)
		return strcmp(word, "list") == 0 ? add_list(&rules->allowed) : -EBADMSG;
	if (strcmp(word, "organisation") == 0) {
		snprintf(rules->organisation, sizeof(rules->organisation), "%s", rest);
		return 0;
	}
	if (strcmp(word, "mode") == 0)
		return read_mode(rest, &rules->policy.mode);
	if (strcmp(word, "required") == 0)
		return add_string(&rules->required, rest);
	if (!app_pattern_is_valid(rest, strlen(rest), &why))
		return -EBADMSG;
	if (strcmp(word, "blocked") == 0)
		return add_string(&rules->blocked, rest);
	return strcmp(word, "allowed") == 0 ? add_allowed(&rules->allowed, rest) : -EBADMSG;
}

int apps_rules_read(char *text, size_t n_bytes, struct apps_rules *ret_rules)
{
	_cleanup_(apps_rules_done) struct apps_rules rules = {0};
	char *rest = text, *line = strsep(&rest, "\n");
	bool is_whole = false;

	if (strlen(text) > n_bytes || !rest || strcmp(line, HEAD) != 0)
		return -EBADMSG;
	while (rest && (line = strsep(&rest, "\n")) && rest) {
		int r;

		is_whole = strcmp(line, "end") == 0;
		if (is_whole)
			break;
		r = read_line(line, &rules);
		if (r < 0)
			return r;
	}
	if (!is_whole || !rest || *rest || rest != text + n_bytes)
		return -EBADMSG;
	*ret_rules = rules;
	ret_rules->policy.blocked = ret_rules->blocked.n_strings ? &ret_rules->blocked : NULL;
	ret_rules->policy.required = ret_rules->required.n_strings ? &ret_rules->required : NULL;
	ret_rules->policy.allowed = ret_rules->allowed.n_strings ? &ret_rules->allowed : NULL;
	ret_rules->policy.user_flatpaks = ret_rules->policy.user_programs = true;
	rules = (struct apps_rules){0};
	return 0;
}

/* --- judging ------------------------------------------------------------------------------- */

struct question {
	const char *words[LIMIT_APPS_STEPS];
	size_t n_words;
	/* Who provides what a word asks for, as apk says. */
	struct provider {
		size_t word;
		const char *name;
	} providers[LIMIT_APPS_STEPS];
	size_t n_providers;
	bool is_add, has_file, is_untrusted;
	/* Nobody can tell what is asked for by name and what comes along: all of it is judged. */
	bool is_unclear;
};

static bool is_repository_option(const char *word)
{
	return strncmp(word, "-X", 2) == 0 || strncmp(word, "--repositor", 11) == 0;
}

static void take_word(struct question *q, const char *word)
{
	size_t n = strlen(word);

	if (q->n_words < LIMIT_APPS_STEPS)
		q->words[q->n_words++] = word;
	else
		q->is_unclear = true;
	q->is_add |= strcmp(word, "add") == 0;
	q->is_untrusted |= strcmp(word, "--allow-untrusted") == 0;
	/* What only that repository has was not asked for. */
	q->is_unclear |= is_repository_option(word);
	/* The first one is apk itself. */
	if (q->n_words > 1 && word[0] != '-' && n > 4 && strcmp(word + n - 4, ".apk") == 0)
		q->has_file = true;
}

static void take_provider(struct question *q, const char *name)
{
	if (q->n_providers == LIMIT_APPS_STEPS || !q->n_words) {
		q->is_unclear = true;
		return;
	}
	q->providers[q->n_providers++] = (struct provider){q->n_words - 1, name};
}

/* A member of the world is asked for if it is about to be installed; there may be thousands. */
static void take_member(struct question *q, const char *name, const char *would)
{
	size_t n = strlen(name);

	for (const char *at = would; n && at && (at = strstr(at, name)); at += n) {
		if (at == would || at[-1] != ' ' || (at[n] != '@' && strncmp(at + n, " (", 2) != 0))
			continue;
		if (q->n_providers < LIMIT_APPS_STEPS)
			q->providers[q->n_providers++] = (struct provider){SIZE_MAX, name};
		else
			q->is_unclear = true;
		return;
	}
}

/* A name of what somebody can do, of which nobody says who that is. */
static bool is_unknown_provide(const struct question *q, size_t word)
{
	if (q->words[word][0] == '-' || !strchr(q->words[word], ':') || strchr(q->words[word], '/'))
		return false;
	for (size_t i = 0; i < q->n_providers; i++)
		if (q->providers[i].word == word)
			return false;
	return true;
}

/* Once all words are known. */
static void look_for_unclear(struct question *q)
{
	for (size_t i = 1; i < q->n_words; i++)
		q->is_unclear |= is_unknown_provide(q, i);
}

/* Whether a word asks for it by name, or is a file that may be it, or asks for what it provides. */
static bool is_asked_for(const struct question *q, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 1; i < q->n_words; i++) {
		const char *slash = strrchr(q->words[i], '/');
		const char *word = slash ? slash + 1 : q->words[i];

		if (strncmp(word, name, n) == 0 &&
			(!word[n] || strchr("=<>~@", word[n]) || (q->has_file && word[n] == '-')))
			return true;
	}
	for (size_t i = 0; i < q->n_providers; i++)
		if (strcmp(q->providers[i].name, name) == 0)
			return true;
	return q->is_unclear;
}

/* The name behind -t, alone or behind other short options; NULL: it is none of those. */
static const char *virtual_name(const char *word, const char *next)
{
	const char *t;

	if (strncmp(word, "--virtual=", 10) == 0)
		return word + 10;
	if (strcmp(word, "--virtual") == 0)
		return next;
	t = word[0] == '-' && word[1] != '-' ? strchr(word, 't') : NULL;
	return !t ? NULL : t[1] ? t + 1 : next;
}

/* Whether this command makes it: it has no contents then, and what it needs is judged by itself. */
static bool is_virtual(const struct question *q, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 1; name[0] == '.' && i < q->n_words; i++) {
		const char *made =
			virtual_name(q->words[i], i + 1 < q->n_words ? q->words[i + 1] : NULL);

		if (made && strncmp(made, name, n) == 0 && (!made[n] || made[n] == '='))
			return true;
	}
	return false;
}

/* "(1/3) Installing NAME@TAG (VERSION)", cut in place. False: another line. */
static bool read_installing(char *line, struct app *ret_app)
{
	char *at = strstr(line, "Installing "), *end, *tag;

	if (!at || (at != line && (at[-1] != ' ' || line[0] != '(')))
		return false;
	at += strlen("Installing ");
	end = strstr(at, " (");
	if (!end || end == at)
		return false;
	*end = 0;
	end[2 + strcspn(end + 2, ")")] = 0;
	tag = strchr(at, '@');
	if (tag)
		*tag = 0;
	*ret_app = (struct app){.kind = APP_PACKAGE,
		.name = at,
		.version = end + 2,
		.repository = tag ? tag + 1 : NULL,
		.remote = "",
		.user = "",
		.sha256 = ""};
	return true;
}

static int refuse(const struct apps_rules *rules, const char *name, const char *setting,
	char ret_why[2 * LIMIT_TEXT_BYTES])
{
	snprintf(ret_why, 2 * LIMIT_TEXT_BYTES,
		"mdm-agent: %.100s is not allowed on this phone by %.150s; `agentctl policy explain "
		"%s` says why. Nothing was changed.",
		name, rules->organisation, setting);
	return 1;
}

static int judge_app(const struct apps_rules *rules, const char *base, const struct question *q,
	struct app *app, char ret_why[2 * LIMIT_TEXT_BYTES])
{
	enum app_fit fit = APP_FITS_NOT;

	if (is_virtual(q, app->name) || text_has_line(base, app->name))
		return 0;
	app->is_explicit = is_asked_for(q, app->name);
	if (rules->policy.blocked)
		(void)app_set_fit(rules->policy.blocked, app, &fit);
	if (fit == APP_FITS)
		return refuse(rules, app->name, "apps.blocked", ret_why);
	if (rules->policy.mode != APPS_ALLOW || !app->is_explicit || app_is_protected(app->name) ||
		string_set_has(rules->policy.required, app->name))
		return 0;
	/* What a file calls itself is its maker's word, if nobody signed it. */
	if ((q->has_file && q->is_untrusted) || !rules->policy.allowed ||
		app_lists_fit(rules->policy.allowed, app) == APP_FITS_NOT)
		return refuse(rules, app->name, "apps.allowed", ret_why);
	return 0;
}

int apps_rules_judge(const struct apps_rules *rules, const char *base, char *question,
	char ret_why[2 * LIMIT_TEXT_BYTES])
{
	struct question *q = calloc(1, sizeof(*q));
	int r = 0;

	if (!q)
		return 0;
	for (char *rest = question, *line; r == 0 && (line = strsep(&rest, "\n"));) {
		struct app app;

		if (strncmp(line, "word ", 5) == 0) {
			take_word(q, line + 5);
		} else if (strncmp(line, "by ", 3) == 0) {
			take_provider(q, line + 3);
		} else if (strncmp(line, "world ", 6) == 0) {
			take_member(q, line + 6, rest);
		} else if (q->is_add && read_installing(line, &app)) {
			look_for_unclear(q);
			r = judge_app(rules, base, q, &app, ret_why);
		}
	}
	free(q);
	return r;
}
