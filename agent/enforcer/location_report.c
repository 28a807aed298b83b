/* SPDX-License-Identifier: Apache-2.0 */
/* location_report.c - telling where the phone is; see location_report.h. Enforcer: writes JSON,
 * reads none. */
#include "agent/enforcer/location_report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/location_sources.h"
#include "agent/enforcer/places.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"
#include "policies/location_report.h"

#define LOCATION_FILE_NAME "location"
#define LOCATION_VERSION "mdm-agent-location 1"
/* A position as old as that is told without looking again. */
#define FRESH_US (600 * USEC_PER_SEC)
/* How long one is looked for; satellites may take a minute and a half from nothing. */
#define LOOK_US (90 * USEC_PER_SEC)
/* Where less than that is agreed, what costs little is not enough. */
#define FINE_BELOW_M 1000

struct location_report {
	struct location_kept kept;
	bool has_told; /* told: the newest, rounded; not told yet if is_new */
	bool is_new;
	struct location_told told;
	/* What is in the report under way; told may be another one when that has arrived. */
	struct location_told sending;
	bool is_sending;
	bool is_asking;
	const char *missing; /* why there is nothing newer; "" */
};

static void rules_now(const struct enforcer *e, struct location_rules *ret_rules)
{
	location_rules_read(e->reconcile.has_effective ? &e->reconcile.effective : NULL,
		e->location_report && e->location_report->kept.is_lost, ret_rules);
}

bool location_report_is_told(const struct enforcer *e)
{
	struct location_rules rules;

	rules_now(e, &rules);
	return rules.why != LOCATION_NOT_TOLD;
}

/* --- what is kept -------------------------------------------------------------------------- */

static int store(struct enforcer *e)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	int r;

	buf_puts(&text, LOCATION_VERSION "\n");
	location_kept_export(&e->location_report->kept, &text);
	r = state_text_close(&text);
	if (r == 0)
		r = state_write(&e->state, LOCATION_FILE_NAME, text.data, text.n_bytes);
	return enforcer_note_written(e, r);
}

static int take_line(char *line, void *userdata)
{
	return location_kept_line(line, userdata);
}

static int load(struct enforcer *e, struct location_kept *ret_kept)
{
	_cleanup_free_ char *text = NULL;
	struct location_kept kept = {0};
	size_t n;
	int r = fs_read(e->state.dir_fd, LOCATION_FILE_NAME, LIMIT_STATE_BYTES, &text, &n);

	if (r == 0)
		r = state_text_parse(text, n, LOCATION_VERSION, take_line, &kept);
	if (r == 0)
		*ret_kept = kept;
	return r;
}

int location_report_new(struct enforcer *e, struct location_report **ret_report)
{
	struct location_report *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->missing = "";
	*ret_report = l;
	if (!e->state.facts.enrolled)
		return 0;
	r = load(e, &l->kept);
	if (r < 0 && r != -ENOENT) {
		/* Not lost, then: that is what tells less. */
		state_keep_broken(&e->state, LOCATION_FILE_NAME, "location.broken");
		log_error("the file " LOCATION_FILE_NAME " in %s was damaged: whether the phone "
			  "counts as lost is not known any more; the organisation can say so again",
			e->options.state_dir);
		return 0;
	}
	if (l->kept.n_told) {
		l->told = l->kept.told[l->kept.n_told - 1];
		l->has_told = true;
	}
	return 0;
}

void location_report_free(struct location_report *report)
{
	free(report);
}

void location_report_forget(struct enforcer *e)
{
	struct location_report *l = e->location_report;

	if (!l)
		return;
	*l = (struct location_report){.missing = ""};
	(void)fs_remove(e->state.dir_fd, LOCATION_FILE_NAME);
}

/* --- looking ------------------------------------------------------------------------------- */

static int64_t time_of(const struct fix *fix)
{
	return clock_realtime_s() - (clock_boottime_us() - fix->taken_us) / USEC_PER_SEC;
}

/* True: it says something else than the one before. */
static bool take_fix(struct enforcer *e, const struct fix *fix, const struct location_rules *rules)
{
	struct location_report *l = e->location_report;
	struct location_told told;
	bool moved;

	if (!location_round(fix, rules->precision_m, l->has_told ? &l->told : NULL, &told))
		return false;
	told.time_s = time_of(fix);
	told.why = rules->why;
	moved = !l->has_told || told.latitude_e6 != l->told.latitude_e6 ||
		told.longitude_e6 != l->told.longitude_e6 ||
		told.precision_m != l->told.precision_m;
	l->told = told;
	l->has_told = l->is_new = true;
	l->missing = "";
	return moved;
}

static void on_fix(struct enforcer *e, const struct fix *fix, void *userdata)
{
	struct location_report *l = e->location_report;
	struct location_rules rules;
	bool news;

	(void)userdata;
	l->is_asking = false;
	rules_now(e, &rules);
	if (rules.why == LOCATION_NOT_TOLD)
		return;
	if (fix) {
		news = take_fix(e, fix, &rules);
	} else {
		const char *missing = location_sources_missing(e);

		news = strcmp(missing, l->missing) != 0;
		l->missing = missing;
	}
	/* Soon, at the pace of what changes on the phone. */
	if (!news)
		return;
	pacing_request(&e->pacing, clock_boottime_us(), checkin_random(), false);
	checkin_schedule(e);
}

void location_report_refresh(struct enforcer *e)
{
	struct location_report *l = e->location_report;
	int64_t now_us = clock_boottime_us();
	struct location_rules rules;
	const struct fix *last;

	if (!l || !e->state.facts.enrolled)
		return;
	rules_now(e, &rules);
	if (rules.why == LOCATION_NOT_TOLD) {
		l->has_told = l->is_new = false;
		l->missing = "";
		return;
	}
	last = places_last_fix(e);
	if (last && now_us - last->taken_us < FRESH_US) {
		(void)take_fix(e, last, &rules);
		return;
	}
	if (l->is_asking)
		return;
	l->is_asking = true;
	if (places_ask(e,
		    rules.precision_m < FINE_BELOW_M || rules.why == LOCATION_LOST
			    ? PLACE_NEED_FINE
			    : PLACE_NEED_COARSE,
		    now_us + LOOK_US, on_fix, NULL) < 0) {
		l->is_asking = false;
		l->missing = "no_source";
	}
}

/* --- telling ------------------------------------------------------------------------------- */

static void write_degrees(struct jsonw *w, const char *key, int64_t e6)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s%" PRId64 ".%06" PRId64, e6 < 0 ? "-" : "",
		(e6 < 0 ? -e6 : e6) / 1000000, (e6 < 0 ? -e6 : e6) % 1000000);

	jsonw_raw(w, key, text, (size_t)n);
}

static void write_position(struct jsonw *w, const struct location_told *told)
{
	write_degrees(w, "latitude", told->latitude_e6);
	write_degrees(w, "longitude", told->longitude_e6);
	jsonw_int(w, "radius", told->radius_m);
	jsonw_int(w, "time", told->time_s);
	jsonw_string(w, "source", fix_source_name(told->source));
	if (told->mock)
		jsonw_bool(w, "made_up", true);
}

void location_report_write(struct enforcer *e, struct jsonw *w)
{
	struct location_report *l = e->location_report;
	struct location_rules rules;

	rules_now(e, &rules);
	if (l)
		l->is_sending = false;
	/* What the server had goes with the enrolment. */
	if (!l || rules.why == LOCATION_NOT_TOLD || checkin_is_leaving(e))
		return;
	jsonw_object(w, NULL);
	jsonw_string(w, "why", location_why_told_name(rules.why));
	jsonw_int(w, "precision", rules.precision_m);
	/* One of another precision is not what was agreed, and is replaced by the next. */
	if (l->has_told && l->told.precision_m >= rules.precision_m) {
		jsonw_object(w, "position");
		write_position(w, &l->told);
		jsonw_object_end(w);
		l->sending = l->told;
		l->sending.why = rules.why;
		l->is_sending = l->is_new;
	} else {
		jsonw_null(w, "position");
	}
	if (*l->missing)
		jsonw_string(w, "missing", l->missing);
	jsonw_object_end(w);
}

static void journal_told(struct enforcer *e, const struct location_told *told)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	/* Records go to the server and stay there: no position. */
	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", "told");
	jsonw_string(&w, "why", location_why_told_name(told->why));
	jsonw_int(&w, "precision", told->precision_m);
	jsonw_int(&w, "radius", told->radius_m);
	jsonw_int(&w, "time", told->time_s);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_LOCATION, &payload);
}

void location_report_acknowledged(struct enforcer *e, bool sent)
{
	struct location_report *l = e->location_report;

	if (!l || !sent || !l->is_sending)
		return;
	l->is_sending = false;
	if (l->told.time_s == l->sending.time_s)
		l->is_new = false;
	l->sending.sent_s = clock_realtime_s();
	location_kept_add(&l->kept, &l->sending);
	(void)store(e);
	journal_told(e, &l->sending);
}

int location_report_set_lost(struct enforcer *e, bool is_lost)
{
	struct location_report *l = e->location_report;
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	struct location_kept before;
	int r;

	if (!l)
		return -ENOMEM;
	if (l->kept.is_lost == is_lost)
		return 0;
	before = l->kept;
	l->kept.is_lost = is_lost;
	l->kept.lost_s = is_lost ? clock_realtime_s() : 0;
	r = store(e);
	if (r < 0) {
		l->kept = before;
		return r;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", is_lost ? "lost" : "found");
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_LOCATION, &payload);
	location_report_refresh(e);
	return 0;
}

/* --- for the user -------------------------------------------------------------------------- */

static void write_rules(const struct enforcer *e, struct jsonw *w)
{
	const struct location_report *l = e->location_report;
	struct location_rules rules;

	rules_now(e, &rules);
	jsonw_string(w, "report",
		rules.why != LOCATION_NOT_TOLD ? location_why_told_name(rules.why)
		: rules.when_lost	       ? "when_lost"
					       : "never");
	jsonw_int(w, "precision", rules.precision_m);
	jsonw_bool(w, "lost", l && l->kept.is_lost);
	if (l && l->kept.is_lost && l->kept.lost_s)
		jsonw_int(w, "lost_since", l->kept.lost_s);
	jsonw_bool(w, "override_switch", rules.override_switch);
	jsonw_string(w, "switch", location_sources_switch(e));
	if (l && l->kept.n_told)
		jsonw_int(w, "last_told", l->kept.told[l->kept.n_told - 1].sent_s);
}

void location_report_write_status(const struct enforcer *e, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	write_rules(e, w);
	jsonw_object_end(w);
}

void location_report_write_privacy(
	const struct enforcer *e, struct jsonw *w, const char *key, bool may_see)
{
	const struct location_report *l = e->location_report;

	jsonw_object(w, key);
	write_rules(e, w);
	jsonw_int(w, "n_told", l ? (int64_t)l->kept.n_all : 0);
	jsonw_array(w, "told");
	/* The newest first. */
	for (size_t i = l ? l->kept.n_told : 0; i-- > 0;) {
		const struct location_told *told = &l->kept.told[i];

		jsonw_object(w, NULL);
		jsonw_int(w, "sent", told->sent_s);
		jsonw_string(w, "why", location_why_told_name(told->why));
		jsonw_int(w, "precision", told->precision_m);
		if (may_see)
			write_position(w, told);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}
