/* SPDX-License-Identifier: Apache-2.0 */
/* enforcer_clock.c - what the agent thinks of the wall clock; see enforcer.h. Sets none. Enforcer
 * only. */
#include "agent/enforcer/enforcer.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"

enum clock_verdict enforcer_clock_verdict(const struct enforcer *e)
{
	int64_t server_s = 0;

	if (e->server_date_s)
		server_s = e->server_date_s +
			   (clock_boottime_us() - e->server_date_at_us) / USEC_PER_SEC;
	return highwater_judge(&e->state.facts.highwater, clock_realtime_s(), server_s);
}

void enforcer_check_clock(struct enforcer *e)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	enum clock_verdict verdict = enforcer_clock_verdict(e);
	int64_t now = clock_realtime_s();
	char is[24], floor[24];

	if (verdict == e->clock_verdict)
		return;
	e->clock_verdict = verdict;
	clock_format(now, is);
	clock_format(highwater_tls_now(&e->state.facts.highwater, 0), floor);
	if (verdict == CLOCK_PLAUSIBLE)
		enforcer_problem(e, PROBLEM_CLOCK, NULL, NULL);
	else if (verdict == CLOCK_BEHIND)
		enforcer_problem(e, PROBLEM_CLOCK,
			"Set the clock or wait for time synchronisation. Certificates are checked "
			"at the later time meanwhile.",
			"the clock says %s, but it cannot be before %s", is, floor);
	else
		enforcer_problem(e, PROBLEM_CLOCK,
			"Set the clock. Documents that look expired only for that reason are "
			"accepted afterwards.",
			"the clock says %s, far ahead of the server's", is);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "verdict", clock_verdict_name(verdict));
	jsonw_int(&w, "clock", now);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_CLOCK, &payload);
}
