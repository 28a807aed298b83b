/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_unlock.c - hands an unlock code to the agent, which decides. Holds it for a moment and wipes
 * it. Any user; agentctl.
 */
#include <errno.h>
#include <string.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/secret.h"
#include "agent/ctl/verbs.h"
#include "agent/util/jsonw.h"
#include "agent/util/mem.h"

#define UNLOCK_LINE_BYTES 64 /* digits in groups, however they were read out */

/* Spaces and hyphens are how people group digits. False: something else is in it, or too few. */
static bool unlock_digits(const char *line, char ret_code[UNLOCK_CODE_DIGITS + 1])
{
	size_t n = 0;

	for (; *line; line++) {
		if (*line == ' ' || *line == '-' || *line == '\t' || *line == '\r')
			continue;
		if (*line < '0' || *line > '9' || n == UNLOCK_CODE_DIGITS)
			return false;
		ret_code[n++] = *line;
	}
	ret_code[n] = 0;
	return n == UNLOCK_CODE_DIGITS;
}

static enum ctl_exit unlock_done(struct ctl *ctl, const struct client_answer *answer)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	struct jsonw w = JSONW_INIT(&out);

	if (options_given(&ctl->options, OPTION_JSON)) {
		jsonw_object(&w, NULL);
		jsonw_bool(&w, "ok", true);
		jsonw_string(&w, "message", answer->message);
		jsonw_object_end(&w);
		buf_puts(&out, "\n");
		return ctl_write(ctl, &out, CTL_EXIT_OK);
	}
	page_init(&page, &out, ctl->width, ctl->colour);
	page_line(&page, 0, PAGE_GOOD, "Attempts count from zero again.");
	page_line(&page, 0, PAGE_PLAIN, "Enter the passcode where it is asked for.");
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}

enum ctl_exit verb_unlock(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	struct msg_ctl_unlock body = {{0}};
	char line[UNLOCK_LINE_BYTES + 1] = "";
	enum ctl_exit code;
	size_t n = 0;
	bool well;
	int r;

	if (isatty(STDIN_FILENO)) {
		ctl_note(ctl,
			"The code that the organisation read out, %d digits:", UNLOCK_CODE_DIGITS);
		(void)!write(STDERR_FILENO, "> ", 2);
	}
	r = secret_line((uint8_t *)line, UNLOCK_LINE_BYTES, &n);
	line[r == 0 ? n : 0] = 0;
	well = r == 0 && unlock_digits(line, body.code);
	explicit_bzero(line, sizeof(line));
	if (r < 0 && r != -EFBIG)
		return ctl_fail(ctl, CTL_EXIT_FAILURE,
			"The code could not be read from standard input: %s.", strerror(-r));
	if (!well)
		return ctl_fail(ctl, CTL_EXIT_USAGE,
			"This is no code: it has %d digits, spaces between them do not matter. "
			"Nothing was changed.",
			UNLOCK_CODE_DIGITS);
	code = ctl_ask(ctl, MESSAGE_CTL_UNLOCK, &body, CLIENT_TIMEOUT_S, &answer);
	explicit_bzero(&body, sizeof(body));
	return code == CTL_EXIT_OK ? unlock_done(ctl, &answer) : code;
}
