/* SPDX-License-Identifier: Apache-2.0 */
/* highwater.c - the lowest time that can be now; see highwater.h. Enforcer; pure. */
#include "agent/enforcer/highwater.h"

#include <stddef.h>

/* A clock that drifts, or a date header that took its time on a slow link, is not a finding. */
#define HIGHWATER_BEHIND_S 600
/* Time zones put wrong by hand are hours; a day and more is a wrong clock. */
#define HIGHWATER_AHEAD_S 86400
/* A phone that starts without its clock is put right long before that. */
#define HIGHWATER_LEAP_S (30 * 86400)

static const char *const clock_verdict_names[CLOCK_VERDICT_MAX] = {
	[CLOCK_PLAUSIBLE] = "plausible",
	[CLOCK_BEHIND] = "behind",
	[CLOCK_AHEAD] = "ahead",
};

const char *clock_verdict_name(enum clock_verdict verdict)
{
	return (unsigned int)verdict < CLOCK_VERDICT_MAX ? clock_verdict_names[verdict] : NULL;
}

void highwater_init(struct highwater *h, int64_t build_s)
{
	*h = (struct highwater){.signed_s = build_s, .tls_s = build_s};
}

static bool highwater_raise(int64_t *floor_s, int64_t time_s)
{
	if (time_s <= *floor_s || time_s > HIGHWATER_MAX_S)
		return false;
	*floor_s = time_s;
	return true;
}

bool highwater_signed(struct highwater *h, int64_t issued_s)
{
	bool rose = highwater_raise(&h->signed_s, issued_s);

	return highwater_raise(&h->tls_s, issued_s) || rose;
}

bool highwater_believes(const struct highwater *h, int64_t date_s, int64_t clock_s)
{
	return date_s <= HIGHWATER_MAX_S &&
	       date_s - HIGHWATER_LEAP_S <= highwater_document_now(h, clock_s);
}

bool highwater_server(struct highwater *h, int64_t date_s, int64_t until_s)
{
	return highwater_raise(&h->tls_s, date_s < until_s ? date_s : until_s);
}

int64_t highwater_document_now(const struct highwater *h, int64_t clock_s)
{
	return clock_s > h->signed_s ? clock_s : h->signed_s;
}

int64_t highwater_tls_now(const struct highwater *h, int64_t clock_s)
{
	return clock_s > h->tls_s ? clock_s : h->tls_s;
}

enum clock_verdict highwater_judge(const struct highwater *h, int64_t clock_s, int64_t server_s)
{
	if (clock_s < h->tls_s - HIGHWATER_BEHIND_S)
		return CLOCK_BEHIND;
	if (server_s > 0 && clock_s > server_s + HIGHWATER_AHEAD_S)
		return CLOCK_AHEAD;
	return CLOCK_PLAUSIBLE;
}
