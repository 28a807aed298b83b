/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnostics.c - the life of a bundle: made, kept, sent, acknowledged; see diagnostics.h. The
 * command is done when the server has said that it holds the section. Enforcer only.
 */
#include "agent/enforcer/diagnostics.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/enforcer.h"
#include "agent/util/fs.h"

static int diagnostics_store(struct enforcer *e, const struct buf *bundle)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	int r = fs_make_dirs(e->state.dir_fd, ENFORCER_REPORTS, 0700);

	if (r == 0)
		r = fs_replace(e->state.dir_fd, DIAGNOSTICS_PENDING, bundle->data, bundle->n_bytes,
			&owner);
	return r;
}

static void diagnostics_failed(struct enforcer *e, const char *reason, const char *detail)
{
	effects_stop(e);
	(void)fs_remove(e->state.dir_fd, DIAGNOSTICS_PENDING);
	effects_finish(e, COMMAND_FAILED, reason, detail);
}

static int diagnostics_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	diagnostics_failed(userdata, "not_acknowledged",
		"the server did not take the bundle within an hour; it was dropped");
	return 0;
}

void command_diagnostics(struct enforcer *e, const struct command *command)
{
	_cleanup_buf_ struct buf bundle = BUF_INIT;
	char detail[LIMIT_TEXT_BYTES + 1];
	int r;

	effects_stop(e);
	r = diagnostics_write(e, command->id, &bundle);
	if (r == 0)
		r = diagnostics_store(e, &bundle);
	if (r == 0)
		r = effects_after(e, EFFECTS_DIAGNOSTICS_WAIT_S, diagnostics_on_time);
	if (r < 0) {
		snprintf(detail, sizeof(detail), "the bundle could not be made or stored: %s",
			strerror(-r));
		diagnostics_failed(e, session_result_name(SESSION_TROUBLE), detail);
		return;
	}
	e->effects.diagnostics_wait = true;
	pacing_request(&e->pacing, clock_boottime_us(), checkin_random(), true);
	checkin_schedule(e);
}

/* Whether that command's bundle is the one that was sent last. */
static bool diagnostics_was_sent(struct enforcer *e, const char *command_id)
{
	_cleanup_free_ char *text = NULL;
	char begin[64];

	snprintf(begin, sizeof(begin), "{\"v\":1,\"command\":\"%s\"", command_id);
	return fs_read(e->state.dir_fd, DIAGNOSTICS_SENT, LIMIT_DIAGNOSTICS_BYTES, &text, NULL) ==
		       0 &&
	       strncmp(text, begin, strlen(begin)) == 0;
}

void command_diagnostics_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result)
{
	(void)same_boot;
	if (diagnostics_was_sent(e, command->id)) {
		*ret_result = (struct command_result){
			.state = COMMAND_DONE,
			.reason = "",
			.detail = "the server has the bundle",
		};
		return;
	}
	/* What is interrupted does not go on in secret. */
	(void)fs_remove(e->state.dir_fd, DIAGNOSTICS_PENDING);
	*ret_result = (struct command_result){
		.state = COMMAND_INTERRUPTED,
		.reason = "restarted",
		.detail = "the agent was started again before the server had the bundle",
	};
}

int diagnostics_section(struct enforcer *e, struct buf *out)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(e->state.dir_fd, DIAGNOSTICS_PENDING, LIMIT_DIAGNOSTICS_BYTES, &text, &n);

	if (r == -ENOENT)
		return 0;
	/* A report without it is better than none. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	buf_append(out, text, n);
	return 0;
}

static int diagnostics_on_sent(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)usec;
	effects_stop(e);
	effects_finish(e, COMMAND_DONE, "", "the server has the bundle");
	return 0;
}

/* Renamed, and thereby dated: its time of change is when it was sent. */
static int diagnostics_retire(struct enforcer *e)
{
	_cleanup_free_ char *text = NULL;
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	size_t n;
	int r = fs_read(e->state.dir_fd, DIAGNOSTICS_PENDING, LIMIT_DIAGNOSTICS_BYTES, &text, &n);

	if (r == 0)
		r = fs_replace(e->state.dir_fd, DIAGNOSTICS_SENT, text, n, &owner);
	if (r == 0)
		r = fs_remove(e->state.dir_fd, DIAGNOSTICS_PENDING);
	return r;
}

void diagnostics_acknowledged(struct enforcer *e)
{
	if (diagnostics_retire(e) == -ENOENT || !e->effects.diagnostics_wait)
		return;
	e->effects.diagnostics_wait = false;
	/* From the loop: the answer of the server is still being worked on. */
	if (effects_after(e, 0, diagnostics_on_sent) < 0)
		diagnostics_on_sent(NULL, 0, e);
}

int diagnostics_last(struct enforcer *e, char **ret_text, size_t *ret_n, int64_t *ret_sent_s)
{
	struct stat st;
	int r = fs_read(
		e->state.dir_fd, DIAGNOSTICS_PENDING, LIMIT_DIAGNOSTICS_BYTES, ret_text, ret_n);

	if (r == 0) {
		*ret_sent_s = 0;
		return 0;
	}
	r = fs_read(e->state.dir_fd, DIAGNOSTICS_SENT, LIMIT_DIAGNOSTICS_BYTES, ret_text, ret_n);
	if (r < 0)
		return r;
	*ret_sent_s = fstatat(e->state.dir_fd, DIAGNOSTICS_SENT, &st, AT_SYMLINK_NOFOLLOW) == 0
			      ? (int64_t)st.st_mtime
			      : 0;
	return 0;
}
