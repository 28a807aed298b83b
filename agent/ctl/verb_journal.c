/* SPDX-License-Identifier: Apache-2.0 */
/* verb_journal.c - shows, follows and verifies the journal; changes nothing. Any user; agentctl. */
#include <poll.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/verbs.h"
#include "agent/util/clock.h"

#define JOURNAL_LINES 20	/* without -n and --after */
#define JOURNAL_LINES_AFTER 500 /* with --after: two megabytes hold as many of the largest */
#define JOURNAL_POLL_MS 2000

/* Highest number in an answer; floor if there is none above it. */
static int64_t journal_last(struct json_object *answer, int64_t floor)
{
	struct json_object *records = peek_array(answer, "records");
	int64_t seq;

	for (size_t i = 0; i < peek_length(records); i++)
		if (peek_int(peek_at(records, i), "seq", &seq) && seq > floor)
			floor = seq;
	return floor;
}

static enum ctl_exit journal_ask(
	struct ctl *ctl, int64_t after, int64_t lines, struct client_answer *ret_answer)
{
	struct msg_ctl_journal body = {.after_seq = after, .count = (uint32_t)lines};
	struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code;

	code = ctl_ask(ctl, MESSAGE_CTL_JOURNAL_SHOW, &body, CLIENT_TIMEOUT_S, &answer);
	if (code != CTL_EXIT_OK)
		return code;
	if (!answer.object) {
		client_answer_done(&answer);
		return ctl_fail(
			ctl, CTL_EXIT_NO_AGENT, "%s.", client_error_text(CLIENT_E_NONSENSE));
	}
	*ret_answer = answer;
	return CTL_EXIT_OK;
}

/* One record a line, so that a reader need not wait for an end. */
static enum ctl_exit journal_write_lines(struct ctl *ctl, struct json_object *answer)
{
	struct json_object *records = peek_array(answer, "records");
	enum ctl_exit code = CTL_EXIT_OK;

	for (size_t i = 0; code == CTL_EXIT_OK && i < peek_length(records); i++) {
		struct json_object *record = peek_at(records, i);
		const char *json;

		if (!record)
			continue;
		json = json_object_to_json_string_ext(
			record, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		code = ctl_write_json(ctl, json, strlen(json), CTL_EXIT_OK);
	}
	return code;
}

static enum ctl_exit journal_write(struct ctl *ctl, const struct client_answer *answer, bool first)
{
	bool follow = options_given(&ctl->options, OPTION_FOLLOW);
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};

	if (options_given(&ctl->options, OPTION_JSON))
		return follow ? journal_write_lines(ctl, answer->object)
			      : ctl_write_json(ctl, answer->json, answer->n_json, CTL_EXIT_OK);
	page_init(&page, &out, ctl->width, ctl->colour);
	if (first || peek_length(peek_array(answer->object, "records")) > 0)
		render_journal(&page, answer->object, ctl->now_s);
	if (first && !follow && out.n_bytes == 0)
		page_line(&page, 0, PAGE_PLAIN, "No records.");
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}

/* Tells of records that came faster than they were asked for. */
static void journal_note_gap(struct ctl *ctl, struct json_object *answer, int64_t after)
{
	int64_t seq;

	if (peek_int(peek_at(peek_array(answer, "records"), 0), "seq", &seq) && seq > after + 1)
		ctl_note(ctl,
			"(%lld records are not shown here: agentctl journal show --after %lld)",
			(long long)(seq - after - 1), (long long)after);
}

enum ctl_exit verb_journal_show(struct ctl *ctl)
{
	const struct options *o = &ctl->options;
	int64_t after = options_given(o, OPTION_AFTER) ? o->after : 0;
	int64_t lines = options_given(o, OPTION_LINES)	 ? o->lines
			: options_given(o, OPTION_AFTER) ? JOURNAL_LINES_AFTER
							 : JOURNAL_LINES;
	enum ctl_exit code = CTL_EXIT_OK;

	for (bool first = true; code == CTL_EXIT_OK; first = false) {
		_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;

		ctl->now_s = clock_realtime_s();
		code = journal_ask(ctl, after, first ? lines : JOURNAL_LINES_AFTER, &answer);
		if (code != CTL_EXIT_OK)
			return code;
		if (!first)
			journal_note_gap(ctl, answer.object, after);
		after = journal_last(answer.object, after);
		code = journal_write(ctl, &answer, first);
		if (!options_given(o, OPTION_FOLLOW))
			return code;
		/* A signal ends the program here as anywhere: nothing is held. */
		poll(NULL, 0, JOURNAL_POLL_MS);
	}
	return code;
}

enum ctl_exit verb_journal_verify(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	enum ctl_exit code = ctl_ask_json(ctl, MESSAGE_CTL_JOURNAL_VERIFY, &answer);

	page_init(&page, &out, ctl->width, ctl->colour);
	if (code != CTL_EXIT_OK)
		return code;
	code = peek_true(answer.object, "ok") ? CTL_EXIT_OK : CTL_EXIT_JOURNAL;
	if (options_given(&ctl->options, OPTION_JSON))
		return ctl_write_json(ctl, answer.json, answer.n_json, code);
	render_journal_verify(&page, answer.object);
	return ctl_write(ctl, &out, code);
}
