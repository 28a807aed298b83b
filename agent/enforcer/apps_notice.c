/* SPDX-License-Identifier: Apache-2.0 */
/* apps_notice.c - see apps_notice.h. What came of a job is checked text. Enforcer only. */
#include "agent/enforcer/apps_notice.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/clock.h"

struct apps_notice {
	struct enforcer *e;
	char first[LIMIT_TEXT_BYTES + 1]; /* of what is not told yet */
	size_t n_more;
	int64_t told_us;
	sd_event_source *timer;
	struct session_call *call;
};

const char *apps_notice_name(const struct apps_outcome *outcome)
{
	if (outcome->result != APPS_DONE || !outcome->name[0])
		return "";
	switch (outcome->kind) {
	case APPS_STEP_POLICY:
		/* A ban; others came. */
		return outcome->name[0] == '!' ? outcome->name + 1 : "";
	case APPS_STEP_REMOVE:
	case APPS_STEP_FLATPAK_REMOVE:
		return outcome->name;
	case APPS_STEP_ADD:
	case APPS_STEP_UPGRADE:
	case APPS_STEP_FLATPAK_INSTALL:
	case APPS_STEP_FLATPAK_UPDATE:
	case APPS_STEP_FLATPAK_REMOTE_DISABLE:
	case APPS_STEP_FLATPAK_REMOTE_ENABLE:
	case APPS_STEP_FLATPAK_REMOTE_FILTER:
	case APPS_STEP_FLATPAK_REMOTE_UNFILTER:
	case APPS_STEP_NOEXEC:
	case APPS_STEP_EXEC:
	case APPS_STEP_KEEP:
	case APPS_STEP_KIND_MAX:
		break;
	}
	return "";
}

int64_t apps_notice_at_us(int64_t told_us, int64_t now_us)
{
	int64_t soon = now_us + APPS_NOTICE_GROUP_S * USEC_PER_SEC,
		next = told_us + APPS_NOTICE_PAUSE_S * USEC_PER_SEC;

	return told_us && next > soon ? next : soon;
}

static void on_shown(const struct session_answer *answer, void *userdata)
{
	/* Who is not there sees it in agentctl. */
	(void)answer;
	(void)userdata;
}

static void show(struct apps_notice *notice)
{
	struct enforcer *e = notice->e;
	const char *organisation = effects_organisation(e);
	char title[LIMIT_TEXT_BYTES + 1], text[2 * LIMIT_TEXT_BYTES + 1], more[48] = "";
	const struct session_note note = {
		.application = organisation, .title = title, .text = text};
	struct session_start start;

	if (notice->n_more)
		snprintf(more, sizeof(more), " and %zu other app%s", notice->n_more,
			notice->n_more == 1 ? "" : "s");
	snprintf(title, sizeof(title), "%.120s%s %s removed", notice->first, more,
		notice->n_more ? "were" : "was");
	snprintf(text, sizeof(text),
		"Blocked by the policy of %.100s. If you need %s, ask those who manage this phone; "
		"agentctl apps lists what is there, agentctl journal show what was removed.",
		organisation, notice->n_more ? "one of them" : "it");
	notice->told_us = clock_boottime_us();
	notice->first[0] = 0;
	notice->n_more = 0;
	effects_fill(e, &start, on_shown);
	session_call_free(TAKE_PTR(notice->call));
	start.slot = &notice->call;
	(void)effects_ops(e)->notify(&start, &note);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct apps_notice *notice = userdata;

	(void)source;
	(void)usec;
	notice->timer = sd_event_source_unref(notice->timer);
	if (notice->first[0])
		show(notice);
	return 0;
}

void apps_notice_take(struct apps_notice *notice, const struct apps_progress *progress)
{
	for (size_t i = 0; progress && i < progress->n_outcomes; i++) {
		const char *name = apps_notice_name(&progress->outcomes[i]);

		if (!*name || strcmp(name, notice->first) == 0)
			continue;
		if (notice->first[0])
			notice->n_more++;
		else
			snprintf(notice->first, sizeof(notice->first), "%s", name);
	}
	if (notice->first[0] && !notice->timer)
		(void)sd_event_add_time(notice->e->event, &notice->timer, CLOCK_BOOTTIME,
			(uint64_t)apps_notice_at_us(notice->told_us, clock_boottime_us()),
			USEC_PER_SEC, on_time, notice);
}

void apps_notice_forget(struct apps_notice *notice)
{
	notice->timer = sd_event_source_unref(notice->timer);
	notice->first[0] = 0;
	notice->n_more = 0;
}

int apps_notice_new(struct enforcer *e, struct apps_notice **ret_notice)
{
	struct apps_notice *notice = calloc(1, sizeof(*notice));

	if (!notice)
		return -ENOMEM;
	notice->e = e;
	*ret_notice = notice;
	return 0;
}

void apps_notice_free(struct apps_notice *notice)
{
	if (!notice)
		return;
	sd_event_source_unref(notice->timer);
	session_call_free(notice->call);
	free(notice);
}
