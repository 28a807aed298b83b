/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_apps.c - the commands "install", "remove" and "update": one job of mdm-agent-apps each,
 * behind those that were begun before. What the policy forbids is refused before anything is begun.
 * They take as long as the network lets them, and other commands are carried out meanwhile.
 * Enforcer.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/apps_work_private.h"
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/commands_private.h"
#include "platform/apps_ask.h"
#include "platform/apps_known.h"

#define COMMAND_JOB_DEADLINE_S 1800

static const char *text_of(const struct command *command, const char *name)
{
	const struct command_value *value = command_argument(command, name);

	return value && value->has ? value->text : "";
}

static void finish(
	struct enforcer *e, enum command_state state, const char *reason, const char *detail)
{
	const struct command_result result = {state, reason, detail};

	commands_finish_beside(e, &result);
	/* What is installed is judged by the policy, and told. */
	reconcile_request(&e->reconcile, false);
}

/* What came of it, and of what: arguments are not shown, and there may be ten of one verb. */
static void say(const char *name, const char *text, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	/* A chain of dependencies begins with it. */
	bool is_named = *name && strncmp(text, name, strlen(name)) == 0;

	snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "%.120s%s%.130s", is_named ? "" : name,
		*name && *text && !is_named ? ": " : "", text);
}

/* What an outcome that names nothing is about; "": everything. */
static const char *order_name(const struct apps_order *order)
{
	/* What has to stay comes first, where there is some. */
	size_t first = order->job.n_steps > 1 && order->job.steps[0].kind == APPS_STEP_KEEP;
	const char *words = order->job.n_steps ? order->job.steps[first].words : "";
	const char *space = strrchr(words, ' '); /* behind a Flatpak's remote */

	return space ? space + 1 : words;
}

/* The worst of what came of it; done where something was done. */
static const struct apps_outcome *find_worst(const struct apps_progress *progress)
{
	const struct apps_outcome *worst = NULL;

	for (size_t i = 0; i < progress->n_outcomes; i++) {
		const struct apps_outcome *outcome = &progress->outcomes[i];

		/* A step tells of its items, and says less than they do. */
		if (outcome->result > APPS_NOTHING_TO_DO &&
			(!worst || worst->result <= APPS_NOTHING_TO_DO || !worst->name[0]))
			worst = outcome;
		else if (!worst ||
			 (worst->result == APPS_NOTHING_TO_DO && outcome->result == APPS_DONE))
			worst = outcome;
	}
	return worst;
}

static void on_ended(
	struct apps_order *order, const struct apps_progress *progress, const char *failure)
{
	struct enforcer *e = order->userdata;
	const struct apps_outcome *worst = progress ? find_worst(progress) : NULL;
	char detail[LIMIT_TEXT_BYTES + 1];

	say(worst && worst->name[0] ? worst->name : order_name(order),
		worst	   ? worst->detail
		: progress ? "it ended without a word"
			   : failure,
		detail);
	apps_job_done(&order->job);
	if (!worst) {
		finish(e, COMMAND_FAILED, "broken_off", detail);
		return;
	}
	if (worst->result == APPS_DONE)
		finish(e, COMMAND_DONE, "", detail);
	else if (worst->result == APPS_NOTHING_TO_DO)
		finish(e, COMMAND_DONE, "nothing_to_do", detail);
	else
		finish(e,
			worst->result == APPS_E_NO_MANAGER || worst->result == APPS_E_READ_ONLY
				? COMMAND_REFUSED
				: COMMAND_FAILED,
			apps_result_names[worst->result], detail);
}

/* What it changes is not somebody else's doing; apps_work.c tells of its end. */
static void tell_begun(const struct enforcer *e)
{
	if (e->platform.apps)
		e->platform.apps->acting(true, e->platform.apps->userdata);
}

static void fill_order(struct apps_work *work, const char *id, struct enforcer *e)
{
	snprintf(work->order.job.id, sizeof(work->order.job.id), "command-%.40s", id);
	work->order.job.deadline_s = COMMAND_JOB_DEADLINE_S;
	work->order.ended = on_ended;
	work->order.userdata = e;
}

static void begin(
	struct enforcer *e, const struct command *command, int r, struct apps_asked *asked)
{
	struct apps_work *work = e->apps_work;
	char detail[LIMIT_TEXT_BYTES + 1];

	if (r == 0 && asked->answer != APPS_ANSWER_DO) {
		char said[LIMIT_TEXT_BYTES + 1];

		/* What it says is a chain of packages, each needed by the next. */
		say(text_of(command, "name"), asked->detail, said);
		snprintf(detail, sizeof(detail), "%s%.220s",
			asked->answer == APPS_ANSWER_PROTECTED ? "stays, as the phone needs it: "
							       : "",
			said);
		finish(e,
			asked->answer == APPS_ANSWER_NOTHING   ? COMMAND_DONE
			: asked->answer == APPS_ANSWER_UNKNOWN ? COMMAND_FAILED
							       : COMMAND_REFUSED,
			apps_answer_name(asked->answer), detail);
		apps_asked_done(asked);
		return;
	}
	if (r == 0 && !work)
		r = -ENOENT;
	if (r == 0) {
		fill_order(work, command->id, e);
		work->order.job.steps = TAKE_PTR(asked->steps);
		work->order.job.n_steps = asked->n_steps;
		asked->n_steps = 0;
		r = apps_jobs_give(work->jobs, &work->order);
		if (r == 0)
			tell_begun(e);
	}
	apps_asked_done(asked);
	if (r < 0) {
		snprintf(detail, sizeof(detail), "it could not be begun: %s", strerror(-r));
		finish(e, COMMAND_FAILED, "not_started", detail);
	}
}

void command_install(struct enforcer *e, const struct command *command)
{
	struct apps_asked asked = {0};
	int r = apps_ask_install(
		&e->platform, text_of(command, "name"), text_of(command, "source"), &asked);

	begin(e, command, r, &asked);
}

void command_remove(struct enforcer *e, const struct command *command)
{
	struct apps_asked asked = {0};
	int r = apps_ask_remove(&e->platform, text_of(command, "name"), &asked);

	begin(e, command, r, &asked);
}

void command_update(struct enforcer *e, const struct command *command)
{
	struct apps_asked asked = {0};
	int r = apps_ask_update(&e->platform, text_of(command, "name"), &asked);

	begin(e, command, r, &asked);
}

void command_apps_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result)
{
	struct apps_work *work = e->apps_work;

	*ret_result = (struct command_result){COMMAND_INTERRUPTED, "restarted",
		"the agent was started again before it was begun"};
	if (!work || !same_boot)
		return;
	fill_order(work, command->id, e);
	if (apps_jobs_resume(work->jobs, &work->order) == 0) {
		tell_begun(e);
		*ret_result = (struct command_result){.state = COMMAND_RUNNING};
	}
}

void command_apps_forget(struct enforcer *e)
{
	struct apps_work *work = e->apps_work;

	if (!work)
		return;
	apps_jobs_forget(work->jobs, &work->order);
	apps_job_done(&work->order.job);
	apps_notice_forget(work->notice);
}
