/* SPDX-License-Identifier: Apache-2.0 */
/* config_show.c - the table of settings for people: --help and `config show`. Pure. mdm-server
 * only. */
#include "server/config.h"
#include "server/settings.h"

#define HELP_COLUMN 33
#define HELP_WIDTH 80

static const char config_help_head[] =
	"\n"
	"Courier and certificate authority for phones that run mdm-agent. Every setting may also\n"
	"stand in the configuration file, a line \"name value\" each; the command line beats the\n"
	"file. SIGHUP reads file, keys and certificates again; settings with a star take effect\n"
	"then, the others at the next start.\n"
	"\n";

/* The words of text from HELP_COLUMN on; the line is `column` long already. */
static void config_wrap(const char *text, size_t column, struct buf *out)
{
	bool first = true;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + n > HELP_WIDTH) {
			buf_puts(out, "\n");
			column = 0;
			first = true;
		}
		if (column < HELP_COLUMN)
			buf_printf(out, "%*s", (int)(HELP_COLUMN - column), "");
		buf_printf(out, "%s%.*s", first ? "" : " ", (int)n, text);
		column = (column < HELP_COLUMN ? HELP_COLUMN : column) + n + !first;
		first = false;
		text += n;
		text += *text == ' ';
	}
	buf_puts(out, "\n");
}

static void config_help_row(
	const char *name, const char *metavar, bool star, const char *help, struct buf *out)
{
	size_t before = out->n_bytes;
	size_t column;

	buf_printf(out, "  --%s%s%s%s", name, *metavar ? " " : "", metavar, star ? " *" : "");
	column = out->n_bytes - before;
	if (column + 2 > HELP_COLUMN) {
		buf_puts(out, "\n");
		column = 0;
	}
	config_wrap(help, column, out);
}

static void config_help_verbs(struct buf *out)
{
	for (const struct config_verb *v = config_verbs; v->words[0]; v++)
		buf_printf(out, "%s mdm-server %s%s%s %s\n           %s\n",
			v == config_verbs ? "Usage:" : "      ", v->words[0],
			v->words[1] ? " " : "", v->words[1] ? v->words[1] : "", v->usage, v->help);
}

void config_help(struct buf *out)
{
	config_help_verbs(out);
	buf_puts(out, config_help_head);
	for (const struct setting *s = config_settings; s->name; s++) {
		_cleanup_buf_ struct buf bounds = BUF_INIT, help = BUF_INIT;

		setting_write_bounds(s, &bounds);
		buf_printf(&help, "%s%s%s%s", s->help, bounds.n_bytes ? " (" : "",
			bounds.n_bytes ? bounds.data : "", bounds.n_bytes ? ")" : "");
		config_help_row(s->name, s->metavar, s->reloadable,
			help.error ? "out of memory" : help.data, out);
	}
	buf_puts(out, "\n");
	for (const struct config_option *o = config_options; o->name; o++)
		if (!o->verb)
			config_help_row(o->name, o->metavar ? o->metavar : "", false, o->help, out);
	buf_puts(out, "\nExit codes:\n");
	for (int code = 0; code < CONFIG_EXITS; code++)
		buf_printf(out, "  %d  %s\n", code, config_exits[code]);
}

static void config_show_origin(
	const struct config_origin *origin, const char *file, struct buf *out)
{
	switch (origin->source) {
	case CONFIG_DEFAULT:
		buf_puts(out, "  # default\n");
		break;
	case CONFIG_FROM_FILE:
		buf_printf(out, "  # %s:%u\n", file, origin->line);
		break;
	case CONFIG_FROM_ARGUMENTS:
		buf_puts(out, "  # command line\n");
		break;
	}
}

void config_show(const struct config *config, const char *file, struct buf *out)
{
	for (const struct setting *s = config_settings; s->name; s++) {
		size_t n = setting_count(s, config);

		if (n == 0)
			buf_printf(out, "# %s is not set\n", s->name);
		for (size_t i = 0; i < n; i++) {
			buf_printf(out, "%s ", s->name);
			setting_write(s, config, i, out);
			config_show_origin(&config->origins[setting_index(s)], file, out);
		}
	}
}
