/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: platform
 * restrict_tool.c - runs one backend below a root file system of a test's, on the bus that
 * DBUS_SYSTEM_BUS_ADDRESS names, for tests/system/restrictions.py and tests/vm:
 * restrict_tool ROOT STATE BACKEND. Reads orders from standard input, one a line: "apply
 * SETTING=NUMBER...", "observe SETTING", "revert", and prints what came of each: "done RESULT
 * MESSAGE", "seen STATE NUMBER ENFORCED DETAIL". "changed" whenever the backend says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "agent/util/mem.h"
#include "platform/backends.h"

#define LINE_BYTES 1024

struct tool {
	sd_event *event;
	struct platform platform;
	struct backend *backend;
	struct effective wish;
	enum setting_id shown; /* of an observe; SETTING_MAX: of none */
	char line[LINE_BYTES];
	size_t n_line;
};

static void on_done(struct backend *b, int r, const char *message, void *userdata)
{
	struct tool *tool = userdata;
	const struct observation *o;

	if (tool->shown == SETTING_MAX || r < 0) {
		printf("done %d %s\n", r, message);
	} else {
		o = b->observations[tool->shown];
		printf("seen %s %" PRId64 " %d %s\n", compliance_state_name(o->state),
			o->has_value ? o->value.number : -1, o->enforced, o->detail);
	}
	fflush(stdout);
}

static void on_changed(struct backend *b, void *userdata)
{
	(void)b;
	(void)userdata;
	printf("changed\n");
	fflush(stdout);
}

static bool find_setting(const char *name, enum setting_id *ret_id)
{
	const struct setting_row *row = setting_find(AREA_RESTRICTIONS, name);

	if (row)
		*ret_id = row->id;
	return row;
}

static int read_wish(struct tool *tool, char *words)
{
	char *rest, *word;

	tool->wish = (struct effective){0};
	for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');
		enum setting_id id;

		if (!value)
			return -EINVAL;
		*value++ = 0;
		if (!find_setting(word, &id))
			return -EINVAL;
		tool->wish.settings[id] = (struct effective_setting){
			.present = true, .value = {.type = VALUE_CHOICE, .number = *value - '0'}};
	}
	return 0;
}

static int carry_out(struct tool *tool, char *line)
{
	struct backend *b = tool->backend;
	struct backend_fact fact;

	tool->shown = SETTING_MAX;
	b->ops->probe(b, &fact);
	if (!fact.present) {
		printf("absent %s\n", fact.detail);
		fflush(stdout);
		return 0;
	}
	if (strncmp(line, "apply", 5) == 0) {
		if (read_wish(tool, line + 5) < 0)
			return -EINVAL;
		return b->ops->apply(b, &tool->wish, on_done, tool);
	}
	if (strcmp(line, "revert") == 0) {
		tool->wish = (struct effective){0};
		return b->ops->revert(b, on_done, tool);
	}
	if (strncmp(line, "observe ", 8) == 0 && find_setting(line + 8, &tool->shown))
		return b->ops->observe(b, on_done, tool);
	return -EINVAL;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct tool *tool = userdata;
	ssize_t n = read(fd, tool->line + tool->n_line, sizeof(tool->line) - 1 - tool->n_line);
	char *end;

	(void)source;
	(void)events;
	if (n <= 0)
		return sd_event_exit(tool->event, 0);
	tool->n_line += (size_t)n;
	tool->line[tool->n_line] = 0;
	while ((end = strchr(tool->line, '\n'))) {
		*end = 0;
		if (carry_out(tool, tool->line) < 0)
			return sd_event_exit(tool->event, 3);
		tool->n_line -= (size_t)(end + 1 - tool->line);
		memmove(tool->line, end + 1, tool->n_line + 1);
	}
	return 0;
}

static int make_backend(struct tool *tool, const char *name)
{
	for (size_t i = 0; i < platform_n_backends; i++) {
		int r = platform_backends[i](&tool->platform, &tool->backend);

		if (r < 0)
			return r;
		if (strcmp(tool->backend->ops->name, name) == 0)
			return 0;
		backend_free(TAKE_PTR(tool->backend));
	}
	return -ENOENT;
}

int main(int argc, char **argv)
{
	struct tool tool = {0};
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (argc != 4 || sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ||
		sd_event_default(&tool.event) < 0)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	tool.platform.event = tool.event;
	tool.platform.sysroot_is_root = strcmp(argv[1], "/") == 0;
	tool.platform.sysroot_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tool.platform.state_fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tool.platform.desired = &tool.wish;
	if (tool.platform.sysroot_fd < 0 || tool.platform.state_fd < 0 ||
		fs_make_dirs(tool.platform.state_fd, "vault", 0700) < 0)
		return 2;
	tool.platform.vault_fd =
		openat(tool.platform.state_fd, "vault", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tool.platform.vault_fd < 0 || make_backend(&tool, argv[3]) < 0)
		return 2;
	(void)tool.backend->ops->watch(tool.backend, on_changed, &tool);
	r = sd_event_add_io(tool.event, NULL, STDIN_FILENO, EPOLLIN, on_input, &tool);
	if (r >= 0)
		r = sd_event_loop(tool.event);
	backend_free(tool.backend);
	/* What was let go is released by the loop. */
	sd_event_unref(tool.event);
	return r < 0 ? 1 : r;
}
