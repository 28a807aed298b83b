/* SPDX-License-Identifier: Apache-2.0 */
/* render_commands.c - what the organisation ordered this phone to do, and what came of it. Pure;
 * agentctl. */
#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

/* A state of docs/protocol.md, section 7, in words; one of a newer agent as it came. */
struct render_words render_command_state(const char *state)
{
	static const struct {
		const char *state;
		struct render_words words;
	} rows[] = {
		{"accepted", {"waits for its turn", PAGE_PLAIN, NULL}},
		{"running", {"running", PAGE_BOLD, NULL}},
		{"done", {"done", PAGE_GOOD, NULL}},
		{"failed", {"failed", PAGE_BAD, NULL}},
		{"refused", {"refused", PAGE_WARN, NULL}},
		{"expired", {"came too late", PAGE_WARN, NULL}},
		{"interrupted", {"interrupted", PAGE_WARN, NULL}},
	};

	for (size_t i = 0; state && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].state, state) == 0)
			return rows[i].words;
	return (struct render_words){state ? state : "in an unknown state", PAGE_WARN, NULL};
}

static void commands_one(struct page *p, struct json_object *command, int64_t now_s)
{
	struct render_words words = render_command_state(peek_string(command, "state"));
	char text[AGO_TEXT], reason[64];
	int64_t t;

	page_open(p, 0, 2);
	page_add(p, PAGE_BOLD, "%s", peek_text(command, "verb", "?"));
	page_add(p, PAGE_PLAIN, ": ");
	page_add(p, words.style, "%s", words.text);
	render_spaced(peek_text(command, "reason", ""), reason, sizeof(reason));
	if (reason[0])
		page_add(p, PAGE_PLAIN, " (%s)", reason);
	if (peek_int(command, "changed", &t) && t > 0) {
		ago_format(now_s, t, text);
		page_add(p, PAGE_PLAIN, ", %s", text);
	}
	page_close(p);
	if (peek_string(command, "detail"))
		page_line(p, 2, PAGE_PLAIN, "%s", peek_string(command, "detail"));
	page_open(p, 2, 4);
	page_add(p, PAGE_DIM, "%s", peek_text(command, "id", "no id"));
	if (peek_int(command, "accepted", &t) && t > 0) {
		ago_format(now_s, t, text);
		page_add(p, PAGE_DIM, "; accepted %s", text);
	}
	page_close(p);
}

void render_commands(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *commands = peek_array(answer, "commands");

	if (peek_length(commands) == 0) {
		page_line(p, 0, PAGE_DIM,
			"The organisation has ordered nothing that this phone still remembers.");
		return;
	}
	for (size_t i = 0; i < peek_length(commands); i++)
		commands_one(p, peek_at(commands, i), now_s);
}

/* "Command   lock is running, since 3 minutes" */
static void commands_field(struct page *p, struct json_object *command, int64_t now_s)
{
	struct render_words words = render_command_state(peek_string(command, "state"));
	char text[AGO_TEXT];
	int64_t t;

	if (!command)
		return;
	page_field(p, "Command");
	page_add(p, PAGE_PLAIN, "%s: ", peek_text(command, "verb", "?"));
	page_add(p, words.style, "%s", words.text);
	if (peek_int(command, "changed", &t) && t > 0) {
		ago_format(now_s, t, text);
		page_add(p, PAGE_PLAIN, ", %s", text);
	}
	page_add(p, PAGE_PLAIN, " (agentctl command list)");
	page_close(p);
}

void render_commands_status(struct page *p, struct json_object *status, int64_t now_s)
{
	struct json_object *commands = peek_object(status, "commands");

	commands_field(p, peek_object(commands, "running"), now_s);
	commands_field(p, peek_object(commands, "failed"), now_s);
}
