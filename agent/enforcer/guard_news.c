/* SPDX-License-Identifier: Apache-2.0 */
/* guard_news.c - telling of programs that were not started; see guard_news.h. Enforcer only. */
#include "agent/enforcer/guard_news.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"
#include "agent/guard/table.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

#define HOUR_US (3600 * USEC_PER_SEC)
#define PERSON_UID_MIN 1000
#define NOBODY_UID 65534

struct guard_news {
	struct enforcer *e;
	struct guard_rates rates;
	struct guard_denial last[GUARD_NEWS_LAST]; /* the newest first */
	uint64_t n_denied;
	struct session_call *notice;
};

/* --- deciding ----------------------------------------------------------------------------- */

/* Of a package all its programs are one; of others each file. */
static uint64_t program_digest(const struct msg_guard_denied *denied)
{
	const char *text = denied->owner[0] ? denied->owner : denied->path;
	uint64_t digest = guard_path_digest(text, strlen(text)) ^ (denied->audit ? 1 : 0);

	return digest ? digest : 1;
}

static struct guard_program *find_program(struct guard_rates *rates, uint64_t digest)
{
	struct guard_program *oldest = &rates->programs[0];

	for (size_t i = 0; i < GUARD_NEWS_PROGRAMS; i++) {
		struct guard_program *p = &rates->programs[i];

		if (p->digest == digest)
			return p;
		if (p->digest == 0 || (oldest->digest != 0 && p->seen_us < oldest->seen_us))
			oldest = p->digest == 0 && oldest->digest == 0 ? oldest : p;
	}
	*oldest = (struct guard_program){.digest = digest};
	return oldest;
}

void guard_rates_take(struct guard_rates *rates, const struct msg_guard_denied *denied,
	int64_t now_us, struct guard_telling *ret_telling)
{
	struct guard_program *p = find_program(rates, program_digest(denied));
	struct guard_telling telling = {0};

	if (rates->hour_us == 0 || now_us - rates->hour_us >= HOUR_US) {
		rates->hour_us = now_us;
		rates->n_journal = rates->n_notes = 0;
	}
	p->seen_us = now_us;
	p->untold += denied->count ? denied->count : 1;
	if ((p->journal_us == 0 || now_us - p->journal_us >= GUARD_NEWS_JOURNAL_S * USEC_PER_SEC) &&
		rates->n_journal < GUARD_NEWS_JOURNAL_HOURLY) {
		rates->n_journal++;
		p->journal_us = now_us;
		telling.record = true;
		telling.count = p->untold;
		p->untold = 0;
	}
	/* Services are nobody's doing; in audit mode nothing was kept from anybody. */
	if (!denied->audit && denied->uid >= PERSON_UID_MIN && denied->uid != NOBODY_UID &&
		(p->note_us == 0 || now_us - p->note_us >= GUARD_NEWS_NOTE_S * USEC_PER_SEC) &&
		rates->n_notes < GUARD_NEWS_NOTE_HOURLY) {
		rates->n_notes++;
		p->note_us = now_us;
		telling.notify = true;
	}
	*ret_telling = telling;
}

/* Directories whose next component is a user's name. */
static const struct {
	const char *below, *shown;
} personal[] = {
	{"/home/", "~"},
	{"/var/home/", "~"},
	{"/run/media/", "/run/media/~"},
	{"/media/", "/media/~"},
	{"/run/user/", "/run/user/~"},
};

void guard_path_public(const char *path, char ret_text[LIMIT_TEXT_BYTES + 1])
{
	for (size_t i = 0; i < ARRAY_SIZE(personal); i++) {
		size_t n = strlen(personal[i].below);
		const char *rest, *last;

		if (strncmp(path, personal[i].below, n) != 0)
			continue;
		/* What people call their folders is theirs as well. */
		rest = strchr(path + n, '/');
		last = rest ? strrchr(rest, '/') : "";
		snprintf(ret_text, LIMIT_TEXT_BYTES + 1, "%s%s%s", personal[i].shown,
			last == rest || !rest ? "" : "/...", last);
		return;
	}
	snprintf(ret_text, LIMIT_TEXT_BYTES + 1, "%s", path);
}

/* --- telling ------------------------------------------------------------------------------ */

int guard_news_new(struct enforcer *e, struct guard_news **ret_news)
{
	struct guard_news *news = calloc(1, sizeof(*news));

	if (!news)
		return -ENOMEM;
	news->e = e;
	*ret_news = news;
	return 0;
}

void guard_news_free(struct guard_news *news)
{
	if (!news)
		return;
	session_call_free(news->notice);
	free(news);
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void fill(struct guard_denial *d, const struct msg_guard_denied *denied, const char *title,
	const struct guard_telling *telling)
{
	*d = (struct guard_denial){
		.time_s = denied->realtime_s,
		.reason = denied->reason,
		.was_audit = denied->audit != 0,
		.count = telling->count ? telling->count : denied->count,
	};
	guard_path_public(denied->path, d->path);
	snprintf(d->program, sizeof(d->program), "%s",
		*title		   ? title
		: denied->owner[0] ? denied->owner
				   : last_component(d->path));
}

static void news_record(struct guard_news *news, const struct msg_guard_denied *denied,
	const struct guard_denial *d)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "program", d->program);
	if (denied->owner[0])
		jsonw_string(&w, "owner", denied->owner);
	jsonw_string(&w, "path", d->path);
	jsonw_string(&w, "reason", guard_reason_name((enum guard_reason)d->reason));
	jsonw_int(&w, "count", (int64_t)d->count);
	jsonw_bool(&w, "audit", d->was_audit);
	jsonw_object_end(&w);
	enforcer_journal(news->e, JOURNAL_EXEC_DENIED, &payload);
}

static void news_on_notice(const struct session_answer *answer, void *userdata)
{
	/* Who is not there has not started it; the journal has it. */
	(void)answer;
	(void)userdata;
}

static const char *news_why(uint32_t reason)
{
	switch ((enum guard_reason)reason) {
	case GUARD_R_BLOCKED:
		return "does not want it on this phone";
	case GUARD_R_NOT_ALLOWED:
		return "has not allowed it on this phone";
	case GUARD_R_USER_PROGRAM:
		return "allows no programs that lie where users can write";
	case GUARD_R_FOREIGN:
		return "allows no programs from sticks, cards and networks";
	case GUARD_R_UNDECIDED:
		return "has programs judged before they start, and this one could not be judged "
		       "in time; try again";
	case GUARD_R_NONE:
	case GUARD_REASON_MAX:
		break;
	}
	return "does not allow it";
}

static void news_notify(struct guard_news *news, const struct guard_denial *d)
{
	struct enforcer *e = news->e;
	const char *organisation = effects_organisation(e);
	char title[LIMIT_TEXT_BYTES + 1], text[2 * LIMIT_TEXT_BYTES + 1];
	const struct session_note note = {
		.application = organisation,
		.title = title,
		.text = text,
	};
	struct session_start start;

	snprintf(title, sizeof(title), "%.120s was blocked by %.100s", d->program, organisation);
	snprintf(text, sizeof(text),
		"%.100s %s. If you need it, ask those who manage this phone for you; agentctl "
		"status shows what was blocked.",
		organisation, news_why(d->reason));
	effects_fill(e, &start, news_on_notice);
	session_call_free(TAKE_PTR(news->notice));
	start.slot = &news->notice;
	(void)effects_ops(e)->notify(&start, &note);
}

void guard_news_take(
	struct guard_news *news, const struct msg_guard_denied *denied, const char *title)
{
	struct guard_telling telling;
	struct guard_denial d;

	guard_rates_take(&news->rates, denied, clock_boottime_us(), &telling);
	news->n_denied += denied->count ? denied->count : 1;
	fill(&d, denied, title, &telling);
	if (telling.record)
		news_record(news, denied, &d);
	if (telling.notify)
		news_notify(news, &d);
	/* The same one again moves nothing down. */
	if (strcmp(news->last[0].path, d.path) != 0)
		memmove(&news->last[1], &news->last[0], sizeof(news->last) - sizeof(news->last[0]));
	else
		d.count += telling.record ? 0 : news->last[0].count;
	news->last[0] = d;
}

void guard_news_write(const struct guard_news *news, struct jsonw *w)
{
	jsonw_int(w, "denied", (int64_t)news->n_denied);
	jsonw_array(w, "last");
	for (size_t i = 0; i < GUARD_NEWS_LAST && news->last[i].time_s; i++) {
		const struct guard_denial *d = &news->last[i];

		jsonw_object(w, NULL);
		jsonw_int(w, "time", d->time_s);
		jsonw_string(w, "program", d->program);
		jsonw_string(w, "path", d->path);
		jsonw_string(w, "reason", guard_reason_name((enum guard_reason)d->reason));
		jsonw_int(w, "count", (int64_t)d->count);
		jsonw_bool(w, "audit", d->was_audit);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
