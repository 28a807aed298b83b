/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_escrow.c - recovery keys of encrypted disks, and passphrases: hands what was typed to the
 * agent, which does everything. Holds it for a moment and wipes it. agentctl.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/secret.h"
#include "agent/ctl/verbs.h"
#include "agent/util/mem.h"
#include "agent/util/process.h"

/* A passphrase is tried at each keyslot of each disk, and each costs seconds. */
#define ESCROW_TIMEOUT_S 900

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
		{"other_key", CTL_EXIT_NONCOMPLIANT},
		{"broken", CTL_EXIT_NONCOMPLIANT},
		{"seen", CTL_EXIT_NONCOMPLIANT},
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

/* 1..LIMIT_PASSWORD_BYTES bytes, or the exit code that was told. */
static enum ctl_exit escrow_read(
	struct ctl *ctl, const char *prompt, uint8_t *ret_bytes, uint32_t *ret_n_bytes)
{
	size_t n = 0;
	int r = secret_read(ctl, prompt, ret_bytes, LIMIT_PASSWORD_BYTES, &n);

	if (r == -EFBIG || (r == 0 && n == 0))
		return ctl_fail(ctl, CTL_EXIT_USAGE,
			"A passphrase has 1 to %d bytes in one line. Nothing was changed.",
			LIMIT_PASSWORD_BYTES);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXIT_FAILURE,
			"The passphrase could not be read from standard input: %s.", strerror(-r));
	*ret_n_bytes = (uint32_t)n;
	return CTL_EXIT_OK;
}

enum ctl_exit verb_escrow(struct ctl *ctl)
{
	struct msg_ctl_escrow body = {
		.wish = options_given(&ctl->options, OPTION_KEEP_KEY) ? ESCROW_KEEP
			: options_given(&ctl->options, OPTION_NEW)    ? ESCROW_RENEW
								      : ESCROW_MAKE};
	enum ctl_exit code;

	if (options_given(&ctl->options, OPTION_KEEP_KEY) &&
		options_given(&ctl->options, OPTION_NEW))
		return ctl_fail(ctl, CTL_EXIT_USAGE,
			"--new and --keep-key are two things to do: one after the other.");
	(void)mlock(&body, sizeof(body));
	(void)process_leave_no_core();
	code = escrow_read(ctl,
		"A passphrase that opens the disk, as it is asked for when the phone starts:",
		body.passphrase, &body.n_passphrase);
	if (code == CTL_EXIT_OK)
		code = escrow_ask(ctl, &body);
	explicit_bzero(&body, sizeof(body));
	return code;
}

/* --- a passphrase ------------------------------------------------------------------------- */

static enum ctl_exit passphrase_read_known(struct ctl *ctl, struct msg_ctl_escrow *body)
{
	enum ctl_exit code = escrow_read(ctl,
		"What opens the disk now: the recovery key that the organisation told you, or a "
		"passphrase:",
		body->passphrase, &body->n_passphrase);
	size_t n = body->n_passphrase;
	unsigned int group;

	if (code != CTL_EXIT_OK)
		return code;
	if (secret_judge(body->passphrase, &n, &group) == SECRET_MISTYPED)
		return ctl_fail(ctl, CTL_EXIT_USAGE,
			"There is a mistake in group %u of the recovery key. Nothing was changed.",
			group);
	body->n_passphrase = (uint32_t)n;
	return CTL_EXIT_OK;
}

/* At a terminal twice: nobody sees what they type. */
static enum ctl_exit passphrase_read_new(struct ctl *ctl, struct msg_ctl_escrow *body)
{
	uint8_t again[LIMIT_PASSWORD_BYTES] = {0};
	uint32_t n_again = 0;
	enum ctl_exit code = escrow_read(ctl, "The new passphrase:", body->given, &body->n_given);

	if (code != CTL_EXIT_OK || !isatty(STDIN_FILENO))
		return code;
	(void)mlock(again, sizeof(again));
	code = escrow_read(ctl, "The new passphrase once more:", again, &n_again);
	if (code == CTL_EXIT_OK &&
		(n_again != body->n_given || memcmp(again, body->given, n_again) != 0))
		code = ctl_fail(
			ctl, CTL_EXIT_USAGE, "That was not the same twice. Nothing was changed.");
	explicit_bzero(again, sizeof(again));
	return code;
}

enum ctl_exit verb_passphrase(struct ctl *ctl)
{
	struct msg_ctl_escrow body = {.wish = ESCROW_RESTORE};
	enum ctl_exit code;

	(void)mlock(&body, sizeof(body));
	(void)process_leave_no_core();
	code = passphrase_read_known(ctl, &body);
	if (code == CTL_EXIT_OK)
		code = passphrase_read_new(ctl, &body);
	if (code == CTL_EXIT_OK)
		code = escrow_ask(ctl, &body);
	explicit_bzero(&body, sizeof(body));
	return code;
}

enum ctl_exit verb_escrow_verify(struct ctl *ctl)
{
	struct msg_ctl_escrow body = {.wish = ESCROW_LOOK};

	return escrow_ask(ctl, &body);
}
