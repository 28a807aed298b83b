/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_escrow.c - recovery keys of encrypted disks: hands a passphrase to the agent, which does
 * everything. Holds it for a moment and wipes it. agentctl.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/verbs.h"
#include "agent/util/mem.h"

/* A passphrase is tried at each keyslot of each disk, and each costs seconds. */
#define ESCROW_TIMEOUT_S 900

/* One line of standard input, without its end; any bytes. 0; -EFBIG; -errno. */
static int escrow_read_line(struct msg_ctl_escrow *body)
{
	for (;;) {
		uint8_t c;
		ssize_t r = read(STDIN_FILENO, &c, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0 || c == '\n')
			return 0;
		if (body->n_passphrase == sizeof(body->passphrase))
			return -EFBIG;
		body->passphrase[body->n_passphrase++] = c;
	}
}

/* The same, without showing what is typed. */
static int escrow_read(struct ctl *ctl, struct msg_ctl_escrow *body)
{
	struct termios before, silent;
	int r;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return escrow_read_line(body);
	ctl_note(
		ctl, "A passphrase that opens the disk, as it is asked for when the phone starts:");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	silent.c_lflag |= ECHONL;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
		return -errno;
	(void)!write(STDERR_FILENO, "> ", 2);
	r = escrow_read_line(body);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return r;
}

/* The worst of the volumes: an error goes before what is only missing. */
static enum ctl_exit escrow_exit(struct json_object *answer)
{
	static const struct {
		const char *state;
		enum ctl_exit code;
	} rows[] = {
		{"failed", CTL_EXIT_FAILURE},
		{"no_keyslot", CTL_EXIT_FAILURE},
		{"wrong_passphrase", CTL_EXIT_REFUSED},
		{"broken", CTL_EXIT_NONCOMPLIANT},
		{"missing", CTL_EXIT_NONCOMPLIANT},
	};
	struct json_object *volumes = peek_array(answer, "volumes");

	for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
		for (size_t i = 0; i < peek_length(volumes); i++)
			if (strcmp(peek_text(peek_at(volumes, i), "state", ""), rows[row].state) ==
				0)
				return rows[row].code;
	return CTL_EXIT_OK;
}

static enum ctl_exit escrow_ask(struct ctl *ctl, struct msg_ctl_escrow *body)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	enum ctl_exit code = ctl_ask(ctl, MESSAGE_CTL_ESCROW, body, ESCROW_TIMEOUT_S, &answer);

	explicit_bzero(body, sizeof(*body));
	if (code != CTL_EXIT_OK)
		return code;
	if (!answer.object)
		return ctl_fail(ctl, CTL_EXIT_FAILURE,
			"The agent answered without saying what it did: agentctl escrow verify.");
	code = escrow_exit(answer.object);
	if (options_given(&ctl->options, OPTION_JSON))
		return ctl_write_json(ctl, answer.json, answer.n_json, code);
	page_init(&page, &out, ctl->width, ctl->colour);
	render_escrow(&page, answer.object);
	return ctl_write(ctl, &out, code);
}

enum ctl_exit verb_escrow(struct ctl *ctl)
{
	struct msg_ctl_escrow body = {
		.wish = options_given(&ctl->options, OPTION_NEW) ? ESCROW_RENEW : ESCROW_MAKE};
	enum ctl_exit code;
	int r;

	(void)mlock(&body, sizeof(body));
	r = escrow_read(ctl, &body);
	if (r == -EFBIG || (r == 0 && body.n_passphrase == 0))
		code = ctl_fail(ctl, CTL_EXIT_USAGE,
			"A passphrase has 1 to %d bytes in one line. Nothing was changed.",
			LIMIT_PASSWORD_BYTES);
	else if (r < 0)
		code = ctl_fail(ctl, CTL_EXIT_FAILURE,
			"The passphrase could not be read from standard input: %s.", strerror(-r));
	else
		code = escrow_ask(ctl, &body);
	explicit_bzero(&body, sizeof(body));
	return code;
}

enum ctl_exit verb_escrow_verify(struct ctl *ctl)
{
	struct msg_ctl_escrow body = {.wish = ESCROW_LOOK};

	return escrow_ask(ctl, &body);
}
