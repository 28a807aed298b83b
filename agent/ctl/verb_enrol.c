/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_enrol.c - enrolment, its end, and an early check-in. Reads a ticket, explains, asks; the
 * agent decides and acts. Holds the ticket's secret for a moment and wipes it. agentctl.
 */
#include <errno.h>
#include <strings.h>
#include <termios.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/ctl.h"
#include "agent/ctl/input.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/verbs.h"
#include "agent/trust/ticket.h"
#include "agent/util/jsonw.h"
#include "policies/settings.h"

/* Reads one line from standard input. True for "yes" or "y" in any case. */
static bool consent_read(void)
{
	char line[64];
	size_t n = 0;

	for (;;) {
		char c;
		ssize_t r = read(STDIN_FILENO, &c, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0 || c == '\n')
			break;
		if (n < sizeof(line) - 1)
			line[n++] = c;
	}
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\r'))
		n--;
	line[n] = 0;
	return strcasecmp(line, "yes") == 0 || strcasecmp(line, "y") == 0;
}

static bool consent_ask(struct ctl *ctl, const char *question)
{
	ctl_note(ctl, "%s Type yes to go on; anything else stops here.", question);
	/* What was typed ahead, before the question, is no answer. */
	tcflush(STDIN_FILENO, TCIFLUSH);
	(void)!write(STDERR_FILENO, "> ", 2);
	return consent_read();
}

/* What enrolment means, before anybody agrees to it. */
static void enrol_explain(struct ctl *ctl, const struct ticket *ticket)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	char expires[AGO_TEXT];

	page_init(&page, &out, ctl->width, false);
	ago_format(ctl->now_s, ticket->expires_s, expires);
	page_line(&page, 0, PAGE_PLAIN, "This ticket puts the phone under management.");
	page_blank(&page);
	page_field(&page, "Server");
	page_add(&page, PAGE_PLAIN, "%s", ticket->server);
	page_close(&page);
	if (ticket->est[0]) {
		page_field(&page, "Certificates");
		page_add(&page, PAGE_PLAIN, "%s", ticket->est);
		page_close(&page);
	}
	page_field(&page, "Ticket expires");
	page_add(&page, PAGE_PLAIN, "%s", expires);
	page_close(&page);
	page_blank(&page);
	page_line(&page, 0, PAGE_PLAIN, "Those who hold the organisation's signing keys can then:");
	for (int i = 0; i < AREA_MAX; i++) {
		page_open(&page, 2, 4);
		page_add(&page, PAGE_PLAIN, "- set rules for %s: %s",
			area_row((enum area_id)i)->name, area_row((enum area_id)i)->help);
		page_close(&page);
	}
	page_open(&page, 2, 4);
	page_add(&page, PAGE_PLAIN,
		"- learn model, system version, which apps are installed (never which of them you "
		"use), whether the rules hold, at which of the places that rules name the phone is "
		"(where else it is only if a rule for location says so), and what the agent did "
		"('agentctl privacy' shows every report)");
	page_close(&page);
	page_open(&page, 2, 4);
	page_add(&page, PAGE_PLAIN,
		"- lock the screen, show you messages, restart the phone, install, update and remove "
		"apps, count the phone as lost, end the management, and have the agent's log sent, "
		"without names and files of yours ('agentctl command list' shows what was ordered)");
	page_close(&page);
	page_open(&page, 2, 4);
	page_add(&page, PAGE_PLAIN,
		"- two of them together: give your account another passcode, lock the disks so that only "
		"the recovery key opens them, if you had one made, and erase the phone, if it is the "
		"organisation's");
	page_close(&page);
	page_open(&page, 2, 4);
	page_add(&page, PAGE_PLAIN,
		"- have your push service, if you use one, told when there is something for this "
		"phone, not what ('agentctl status' names the service)");
	page_close(&page);
	page_line(&page, 0, PAGE_PLAIN,
		"The server itself only carries their signed documents. Rules may come later for "
		"whatever this agent or a newer one supports. 'agentctl unenroll' (root) ends it and puts the "
		"settings back.");
	page_blank(&page);
	if (out.error == 0)
		(void)!write(STDERR_FILENO, out.data, out.n_bytes);
}

/* Stops early, before any question is asked, if the agent is away or has an owner already. */
static enum ctl_exit enrol_precheck(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code = ctl_ask_json(ctl, MESSAGE_CTL_STATUS, &answer);

	if (code != CTL_EXIT_OK)
		return code;
	if (peek_true(answer.object, "enrolled"))
		return ctl_fail(ctl, CTL_EXIT_STATE,
			"This phone is already managed by %.256s. End that first, if it is meant: "
			"agentctl unenroll.",
			peek_text(peek_object(answer.object, "organisation"), "name",
				"an organisation"));
	return CTL_EXIT_OK;
}

/* The end of a verb that changes something: the agent's JSON, or a sentence. */
static enum ctl_exit enrol_done(struct ctl *ctl, const struct client_answer *answer,
	const char *otherwise, const char *hint)
{
	const char *message = answer->message[0] ? answer->message : otherwise;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	struct jsonw w = JSONW_INIT(&out);

	page_init(&page, &out, ctl->width, ctl->colour);
	if (options_given(&ctl->options, OPTION_JSON)) {
		if (answer->json)
			return ctl_write_json(ctl, answer->json, answer->n_json, CTL_EXIT_OK);
		jsonw_object(&w, NULL);
		jsonw_bool(&w, "ok", true);
		jsonw_string(&w, "message", message);
		jsonw_object_end(&w);
		buf_puts(&out, "\n");
		return ctl_write(ctl, &out, CTL_EXIT_OK);
	}
	page_line(&page, 0, PAGE_GOOD, "%s", message);
	page_line(&page, 0, PAGE_PLAIN, "%s", hint);
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}

static enum ctl_exit enrol_read_ticket(struct ctl *ctl, struct ticket *ret_ticket)
{
	char *argument = (char *)(uintptr_t)ctl->options.arguments[0];
	struct ticket_error error = {{0}};
	struct ticket ticket;
	char text[LIMIT_TICKET_BYTES + 1];
	size_t n_text;
	enum ctl_exit code = CTL_EXIT_OK;
	int r;

	if (strncmp(argument, "mdm://", 6) == 0 || strchr(argument, '\n')) {
		size_t n_argument = strlen(argument);

		n_text = n_argument < LIMIT_TICKET_BYTES ? n_argument : LIMIT_TICKET_BYTES;
		memcpy(text, argument, n_text);
		/* Out of sight of ps from now on. */
		explicit_bzero(argument, n_argument);
		r = n_text < n_argument ? -EFBIG : 0;
	} else {
		r = input_read(argument, LIMIT_TICKET_BYTES, text, &n_text);
	}
	if (r == -EFBIG)
		code = ctl_fail(ctl, CTL_EXIT_REFUSED,
			"This is no ticket: it is longer than %d bytes. Nothing was changed. Ask the "
			"organisation for a ticket.",
			LIMIT_TICKET_BYTES);
	else if (r < 0)
		code = ctl_fail(ctl, CTL_EXIT_FAILURE,
			"The ticket could not be read from %.200s: %s.",
			strcmp(argument, "-") == 0 ? "standard input" : argument, strerror(-r));
	else if (ticket_parse(text, n_text, &ticket, &error) < 0)
		code = ctl_fail(ctl, CTL_EXIT_REFUSED, "The ticket was refused: %s", error.message);
	explicit_bzero(text, sizeof(text));
	if (code != CTL_EXIT_OK)
		return code;
	*ret_ticket = ticket;
	explicit_bzero(&ticket, sizeof(ticket));
	if (ret_ticket->expires_s <= ctl->now_s) {
		char when[AGO_TEXT];

		ago_format(ctl->now_s, ret_ticket->expires_s, when);
		return ctl_fail(ctl, CTL_EXIT_REFUSED,
			"The ticket has expired (%s, by the clock of this phone). Nothing was changed. "
			"Ask the organisation for a new one.",
			when);
	}
	return CTL_EXIT_OK;
}

static enum ctl_exit enrol_send(struct ctl *ctl, const struct ticket *ticket)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_buf_ struct buf uri = BUF_INIT;
	struct msg_ctl_enrol body = {{0}};
	enum ctl_exit code;

	/* Always the short form: the text form may hold comments, and line ends. */
	ticket_write_uri(ticket, &uri);
	if (uri.error != 0 || uri.n_bytes > LIMIT_TICKET_BYTES)
		return ctl_fail(ctl, CTL_EXIT_REFUSED, "The ticket does not fit into a request.");
	memcpy(body.ticket, uri.data, uri.n_bytes);
	explicit_bzero(uri.data, uri.n_bytes);
	ctl_note(ctl, "Enrolling at %s; this may take up to %d s.", ticket->server,
		CLIENT_LONG_TIMEOUT_S);
	code = ctl_ask(ctl, MESSAGE_CTL_ENROL, &body, CLIENT_LONG_TIMEOUT_S, &answer);
	explicit_bzero(&body, sizeof(body));
	if (code != CTL_EXIT_OK)
		return code;
	return enrol_done(ctl, &answer, "This phone is enrolled.",
		"What is enforced from now on: agentctl status. What is reported: agentctl privacy.");
}

enum ctl_exit verb_enroll(struct ctl *ctl)
{
	struct ticket ticket = {{0}};
	enum ctl_exit code = enrol_read_ticket(ctl, &ticket);

	if (code == CTL_EXIT_OK)
		code = enrol_precheck(ctl);
	if (code == CTL_EXIT_OK && isatty(STDIN_FILENO) &&
		!options_given(&ctl->options, OPTION_YES)) {
		enrol_explain(ctl, &ticket);
		if (!consent_ask(ctl, "Put this phone under management?"))
			code = ctl_fail(
				ctl, CTL_EXIT_FAILURE, "Not enrolled; nothing was changed.");
	}
	if (code == CTL_EXIT_OK)
		code = enrol_send(ctl, &ticket);
	explicit_bzero(&ticket, sizeof(ticket));
	return code;
}

enum ctl_exit verb_unenroll(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	bool asked = isatty(STDIN_FILENO);
	enum ctl_exit code;

	if (!options_given(&ctl->options, OPTION_YES)) {
		if (!asked)
			return ctl_fail(ctl, CTL_EXIT_USAGE,
				"Without a terminal to ask on, unenroll wants --yes. Nothing was changed.");
		if (!consent_ask(ctl,
			    "This ends the management of this phone: settings go back to what they were, the "
			    "identity of the phone at the server is deleted here. A new ticket is needed to "
			    "come back."))
			return ctl_fail(ctl, CTL_EXIT_FAILURE, "Stopped; nothing was changed.");
	}
	code = ctl_ask(ctl, MESSAGE_CTL_UNENROL, NULL, CLIENT_LONG_TIMEOUT_S, &answer);
	if (code != CTL_EXIT_OK)
		return code;
	return enrol_done(ctl, &answer, "This phone is not managed any more.",
		"What was done: agentctl journal show.");
}

enum ctl_exit verb_sync(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code;

	if (isatty(STDERR_FILENO))
		ctl_note(ctl, "Talking to the server; this may take up to %d s.",
			CLIENT_LONG_TIMEOUT_S);
	code = ctl_ask(ctl, MESSAGE_CTL_SYNC, NULL, CLIENT_LONG_TIMEOUT_S, &answer);
	if (code != CTL_EXIT_OK)
		return code;
	return enrol_done(
		ctl, &answer, "The server was reached.", "What is enforced: agentctl status.");
}
