/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_file.c - the configuration file: its lines, and how it is read from the disk; see
 * config_file.h and config.h. mdm-server only.
 */
#include "server/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "server/settings.h"

struct config_lines {
	const char *file;
	struct config *config;
	struct buf *problems;
	unsigned int number, n_problems;
};

static void _printf_(2, 3) config_line_problem(struct config_lines *lines, const char *format, ...)
{
	char text[512];
	va_list args;

	lines->n_problems++;
	if (lines->n_problems > BOUND_CONFIG_PROBLEMS)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_printf(lines->problems, "%s:%u: %s\n", lines->file, lines->number, text);
}

static bool config_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Length without the comment and without white space at the end. */
static size_t config_trim(const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (line[i] == '#' && (i == 0 || config_is_blank(line[i - 1])))
			n = i;
	while (n && config_is_blank(line[n - 1]))
		n--;
	return n;
}

static int config_line_value(
	struct config_lines *lines, const struct setting *setting, const char *value)
{
	struct config_origin *origin = &lines->config->origins[setting_index(setting)];
	char why[160];
	int r;

	if (origin->source == CONFIG_FROM_FILE && setting->kind != SETTING_LIST) {
		config_line_problem(lines, "%s was set in line %u already; remove one of them",
			setting->name, origin->line);
		return 0;
	}
	*origin = (struct config_origin){.source = CONFIG_FROM_FILE, .line = lines->number};
	r = setting_set(setting, lines->config, value, why);
	if (r == -EINVAL)
		config_line_problem(lines, "%s \"%.100s\" %s", setting->name, value, why);
	return r == -EINVAL ? 0 : r;
}

/* 0 or -ENOMEM. */
static int config_line(struct config_lines *lines, const char *line, size_t n)
{
	char text[BOUND_CONFIG_LINE_BYTES + 1];
	const struct setting *setting;
	size_t n_name = 0, at;

	if (n > BOUND_CONFIG_LINE_BYTES) {
		config_line_problem(
			lines, "the line is longer than %d bytes", BOUND_CONFIG_LINE_BYTES);
		return 0;
	}
	while (n && config_is_blank(*line))
		line++, n--;
	n = config_trim(line, n);
	if (n == 0)
		return 0;
	memcpy(text, line, n);
	text[n] = 0;
	while (n_name < n && !config_is_blank(text[n_name]))
		n_name++;
	for (at = n_name; at < n && config_is_blank(text[at]);)
		at++;
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\t' && ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)) {
			config_line_problem(lines,
				"a control character (%s); write the file as plain text with Unix line ends",
				text[i] == '\r' ? "carriage return" : "not printable");
			return 0;
		}
	if (!text_is_valid(text, n_name)) {
		config_line_problem(lines, "this is not UTF-8 text");
		return 0;
	}
	setting = setting_find(text, n_name);
	if (!setting)
		config_line_problem(lines,
			"there is no setting %.*s; \"mdm-server --help\" lists them",
			n_name > 100 ? 100 : (int)n_name, text);
	else if (at == n)
		config_line_problem(lines, "%s has no value; write \"%s %s\"", setting->name,
			setting->name, setting->metavar);
	else
		return config_line_value(lines, setting, text + at);
	return 0;
}

int config_file_parse(const struct config_input *input, struct config *config, struct buf *problems)
{
	struct config_lines lines = {.file = input->file, .config = config, .problems = problems};
	const char *at = input->text, *end = input->text + input->n_text;
	int r = 0;

	while (at < end && r == 0) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		lines.number++;
		r = config_line(&lines, at, (size_t)(stop - at));
		at = newline ? newline + 1 : end;
	}
	if (lines.n_problems > BOUND_CONFIG_PROBLEMS)
		buf_printf(problems, "%s: %u more\n", input->file,
			lines.n_problems - BOUND_CONFIG_PROBLEMS);
	return r;
}

/* --- from the disk ----------------------------------------------------------------------- */

static void config_warn_of_writers(const char *file, int fd, struct buf *warnings)
{
	_cleanup_free_ char *directory = strdup(file);
	char *slash = directory ? strrchr(directory, '/') : NULL;
	struct stat st;

	if (fstat(fd, &st) == 0 && (st.st_mode & S_IWOTH))
		buf_printf(warnings,
			"everybody on this machine may change %s; run \"chmod o-w %s\"\n", file,
			file);
	if (!slash)
		return;
	*(slash == directory ? slash + 1 : slash) = 0;
	if (stat(directory, &st) == 0 && (st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
		buf_printf(warnings,
			"everybody on this machine may replace %s; run \"chmod o-w %s\"\n", file,
			directory);
}

/* 0 with the text, NULL if a file that nobody named is not there; -EINVAL with a problem. */
static int config_file_read(const struct config_command *command, char **ret_text,
	size_t *ret_n_text, struct buf *problems, struct buf *warnings)
{
	const char *file = command->file ? command->file : CONFIG_FILE;
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	*ret_text = NULL;
	if (fd < 0 && errno == ENOENT && !command->file)
		return 0;
	r = fd < 0 ? -errno : fs_read_fd(fd, BOUND_CONFIG_BYTES, ret_text, ret_n_text);
	if (r == 0) {
		config_warn_of_writers(file, fd, warnings);
		return 0;
	}
	if (r == -ENOMEM)
		return r;
	if (r == -EFBIG)
		buf_printf(problems, "%s: is larger than %d bytes; is it the right file?\n", file,
			BOUND_CONFIG_BYTES);
	else
		buf_printf(problems, "%s: cannot be read: %s; %s\n", file,
			r == -EBADF || r == -EISDIR ? "it is not a regular file" : strerror(-r),
			r == -EACCES ? "give the user that runs mdm-server the right to read it"
				     : "make it, or name another one with --config");
	return -EINVAL;
}

int config_load(int argc, char **argv, struct config *ret_config, struct buf *problems,
	struct buf *warnings)
{
	struct config_input input = {.argc = argc, .argv = argv};
	_cleanup_free_ char *text = NULL;
	struct config_command command;
	char problem[256];
	int r = config_command_parse(argc, argv, &command, problem);

	if (r < 0) {
		buf_printf(problems, "%s\n", problem);
		return r;
	}
	r = config_file_read(&command, &text, &input.n_text, problems, warnings);
	if (r < 0)
		return r;
	input.file = command.file ? command.file : CONFIG_FILE;
	input.text = text;
	input.partial = command.action != CONFIG_RUN && command.action != CONFIG_CHECK;
	return config_read(&input, ret_config, problems);
}
