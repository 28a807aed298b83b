/* SPDX-License-Identifier: Apache-2.0 */
/* stage.c - service files with modules exchanged; see stage.h. Pure text. */
#include "platform/pam/stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STAGE_LINE_MAX 4096

struct span {
	const char *at;
	size_t n;
};

struct line {
	struct span type, control, module, arguments;
};

const char *stage_variant_name(enum stage_variant variant)
{
	static const char *const names[STAGE_VARIANT_MAX] = {
		[STAGE_RIGHT] = "right",
		[STAGE_WRONG] = "wrong",
		[STAGE_REAL] = "real",
	};

	return variant < STAGE_VARIANT_MAX ? names[variant] : NULL;
}

/* The next word, in which what stands in square brackets is one. */
static struct span word_next(const char **text, const char *end)
{
	const char *p = *text;
	struct span word;

	while (p < end && strchr(" \t", *p))
		p++;
	word.at = p;
	if (p < end && *p == '[') {
		while (p < end && (*p != ']' || p[-1] == '\\'))
			p++;
		if (p < end)
			p++;
	} else {
		while (p < end && !strchr(" \t", *p))
			p++;
	}
	word.n = (size_t)(p - word.at);
	*text = p;
	return word;
}

static bool word_is(struct span word, const char *text)
{
	return word.n == strlen(text) && strncasecmp(word.at, text, word.n) == 0;
}

static bool module_is(struct span module, const char *name)
{
	size_t n = strlen(name);

	return module.n >= n && memcmp(module.at + module.n - n, name, n) == 0 &&
	       (module.n == n || module.at[module.n - n - 1] == '/');
}

/* The name of a file that the line includes: "@include NAME", "auth include NAME", substack. */
static bool line_includes(const char *text, size_t n_text, struct span *ret_name)
{
	const char *end = text + n_text, *p = text;
	struct span word = word_next(&p, end);

	if (!word_is(word, "@include")) {
		word = word_next(&p, end);
		if (!word_is(word, "include") && !word_is(word, "substack"))
			return false;
	}
	*ret_name = word_next(&p, end);
	return ret_name->n > 0;
}

/* In the copies, a path into the directories of the system is one into these. */
static void include_write(
	struct buf *out, const char *text, size_t n_text, struct span name, const char *directory)
{
	static const char *const systems[] = {"/etc/pam.d/", "/usr/lib/pam.d/"};
	int n_before = (int)(name.at - text);

	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		size_t n = strlen(systems[i]);

		if (name.n > n && memcmp(name.at, systems[i], n) == 0)
			name = (struct span){name.at + n, name.n - n};
	}
	if (!directory || name.at[0] == '/')
		buf_printf(out, "%.*s\n", (int)n_text, text);
	else
		buf_printf(out, "%.*s%s/%.*s\n", n_before, text, directory, (int)name.n, name.at);
}

/* False: nothing that calls a module. */
static bool line_parse(const char *text, size_t n_text, struct line *ret_line)
{
	const char *end = text + n_text, *p = text;

	ret_line->type = word_next(&p, end);
	if (ret_line->type.n == 0 || ret_line->type.at[0] == '@')
		return false;
	ret_line->control = word_next(&p, end);
	if (ret_line->control.n == 0)
		return false;
	ret_line->module = word_next(&p, end);
	ret_line->arguments = (struct span){p, (size_t)(end - p)};
	return ret_line->module.n > 0;
}

static bool line_changes_passwords(const struct line *line)
{
	struct span type = line->type;

	if (type.n && type.at[0] == '-') {
		type.at++;
		type.n--;
	}
	return word_is(type, "password") && !module_is(line->module, "pam_deny.so") &&
	       !module_is(line->module, "pam_permit.so");
}

static void line_write(struct buf *out, struct span type, const char *control, size_t n_control,
	const char *module, size_t n_module, const char *arguments, size_t n_arguments)
{
	buf_printf(out, "%.*s %.*s %.*s%.*s\n", (int)type.n, type.at, (int)n_control, control,
		(int)n_module, module, (int)n_arguments, arguments);
}

static void modules_add(struct stage_modules *modules, struct span path)
{
	for (size_t i = 0; modules && i < modules->n; i++)
		if (word_is(path, modules->paths[i]))
			return;
	if (modules && modules->n < STAGE_MODULES_MAX && path.n < STAGE_MODULE_BYTES) {
		memcpy(modules->paths[modules->n], path.at, path.n);
		modules->paths[modules->n++][path.n] = 0;
	}
}

static void stage_line(const char *text, size_t n_text, enum stage_variant variant,
	enum stage_own own, const char *directory, struct buf *out, struct stage_modules *modules)
{
	static const char silent[] = "[default=ignore]";
	const char *other = variant == STAGE_RIGHT ? "pam_permit.so" : "pam_deny.so";
	struct span name;
	struct line line;

	if (line_includes(text, n_text, &name)) {
		include_write(out, text, n_text, name, directory);
		return;
	}
	if (!line_parse(text, n_text, &line)) {
		buf_printf(out, "%.*s\n", (int)n_text, text);
		return;
	}
	if (module_is(line.module, "pam_mdm.so")) {
		modules_add(modules, line.module);
		if (own == STAGE_OWN_SILENT)
			line_write(out, line.type, silent, sizeof(silent) - 1, "pam_permit.so",
				strlen("pam_permit.so"), "", 0);
		else
			buf_printf(out, "%.*s%s\n", (int)n_text, text,
				own == STAGE_OWN_DRY ? " dry" : "");
		return;
	}
	if (variant != STAGE_REAL &&
		(module_is(line.module, "pam_unix.so") || line_changes_passwords(&line))) {
		line_write(out, line.type, line.control.at, line.control.n, other, strlen(other),
			"", 0);
		return;
	}
	buf_printf(out, "%.*s\n", (int)n_text, text);
}

/* Lines as libpam puts them together: without comments, continued by a backslash at their end. */
int stage_text(const char *text, size_t n_text, enum stage_variant variant, enum stage_own own,
	const char *directory, struct buf *out, struct stage_modules *modules)
{
	const char *end = text + n_text;
	char line[STAGE_LINE_MAX];
	size_t n = 0;

	if (memchr(text, 0, n_text))
		return -EBADMSG;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n_piece = (size_t)((newline ? newline : end) - text);
		size_t n_used = n_piece;
		const char *comment = memchr(text, '#', n_piece);
		bool goes_on;

		if (comment)
			n_used = (size_t)(comment - text);
		while (n_used && strchr(" \t\r", text[n_used - 1]))
			n_used--;
		/* A line whose comment ends with a backslash ends there, too. */
		goes_on = !comment && n_used && text[n_used - 1] == '\\';
		if (goes_on)
			n_used--;
		if (n + n_used + 1 >= sizeof(line))
			return -EFBIG;
		memcpy(line + n, text, n_used);
		n += n_used;
		line[n++] = ' ';
		text = newline ? newline + 1 : end;
		if (goes_on && text < end)
			continue;
		stage_line(line, n - 1, variant, own, directory, out, modules);
		n = 0;
	}
	return out->error;
}
