/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_backend.c - backend "guard": whether the start of programs is judged as the policy wants.
 * What counts is what the guard itself says is in force; the enforcer starts it and talks to it
 * (platform/guard_known.h). Enforcer only.
 */
#include <errno.h>
#include <string.h>

#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/guard_known.h"

enum {
	GUARD_OFF,
	GUARD_AUDITS,
	GUARD_ENFORCES
}; /* places in the choices of apps.guard */

static const char *const stand_names[GUARD_STAND_MAX] = {
	[GUARD_STANDS_OFF] = "off",
	[GUARD_STANDS_STARTING] = "starting",
	[GUARD_STANDS] = "in_force",
	[GUARD_STANDS_DOWN] = "down",
	[GUARD_STANDS_ABSENT] = "absent",
};

const char *guard_stand_name(enum guard_stand stand)
{
	return stand < GUARD_STAND_MAX ? stand_names[stand] : "unknown";
}

struct guard_backend {
	struct backend_call call;
};

static void guard_probe(struct backend *b, struct backend_fact *ret_fact)
{
	*ret_fact = (struct backend_fact){
		.present = b->platform->guard != NULL,
		.reason = REASON_NO_MECHANISM,
	};
	if (!b->platform->guard)
		text_printf(ret_fact->detail, "the agent cannot listen for its guard");
}

static void saw_why(struct backend *b, enum compliance_state state, enum compliance_reason reason,
	const char *detail)
{
	for (enum setting_id id = 0; id < SETTING_MAX; id++) {
		if (!b->ops->serves[id])
			continue;
		backend_saw_none(b, id, state, reason);
		text_printf(b->observations[id]->detail, "%s", detail);
	}
}

static void saw_standing(struct backend *b, const struct guard_standing *s)
{
	backend_saw(b, SETTING_APPS_GUARD, s->enforces ? GUARD_ENFORCES : GUARD_AUDITS, true);
	text_printf(b->observations[SETTING_APPS_GUARD]->detail, "%s", s->detail);
	backend_saw(b, SETTING_APPS_GUARD_FAILURE, s->fails_closed, true);
	/* Who only tells keeps nothing from running. */
	backend_saw(b, SETTING_APPS_USER_PROGRAMS, !(s->enforces && s->no_user_programs), true);
	if (!s->enforces) {
		/* A failure that refuses nothing is as open as it can be. */
		b->observations[SETTING_APPS_GUARD_FAILURE]->enforced = true;
		text_printf(b->observations[SETTING_APPS_USER_PROGRAMS]->detail,
			"the guard only watches; set apps.guard to enforce");
		b->observations[SETTING_APPS_USER_PROGRAMS]->reason = REASON_USER_PROGRAM;
	}
}

static void saw_off(struct backend *b, const struct guard_standing *s)
{
	backend_saw(b, SETTING_APPS_GUARD, GUARD_OFF, true);
	text_printf(b->observations[SETTING_APPS_GUARD]->detail, "%s", s->detail);
	backend_saw(b, SETTING_APPS_GUARD_FAILURE, 0, true);
	text_printf(b->observations[SETTING_APPS_GUARD_FAILURE]->detail,
		"there is no guard whose failure could matter; set apps.guard");
	backend_saw(b, SETTING_APPS_USER_PROGRAMS, 1, true);
	b->observations[SETTING_APPS_USER_PROGRAMS]->reason = REASON_USER_PROGRAM;
	text_printf(b->observations[SETTING_APPS_USER_PROGRAMS]->detail,
		"nothing keeps them from running; set apps.guard to enforce");
}

static int guard_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	const struct guard_known *known = b->platform->guard;
	struct guard_backend *g = b->state;
	struct guard_standing s;

	backend_call_begin(&g->call, b, done, userdata);
	if (!known) {
		saw_why(b, COMPLIANCE_UNSUPPORTED, REASON_NO_MECHANISM, "");
		return backend_call_end(&g->call, 0, "");
	}
	known->get(&s, known->userdata);
	switch (s.stand) {
	case GUARD_STANDS_OFF:
		saw_off(b, &s);
		break;
	case GUARD_STANDS:
		saw_standing(b, &s);
		break;
	case GUARD_STANDS_STARTING:
		saw_why(b, COMPLIANCE_PENDING, REASON_NOT_OBSERVED,
			s.detail[0] ? s.detail : "the guard has not said yet that it is in force");
		break;
	case GUARD_STANDS_DOWN:
		saw_why(b, COMPLIANCE_NONCOMPLIANT, REASON_GUARD_DOWN, s.detail);
		break;
	case GUARD_STANDS_ABSENT:
		saw_why(b, COMPLIANCE_UNSUPPORTED, REASON_GUARD_ABSENT, s.detail);
		break;
	case GUARD_STAND_MAX:
		break;
	}
	return backend_call_end(&g->call, 0, "");
}

static int guard_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	const struct guard_known *known = b->platform->guard;
	struct guard_backend *g = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	backend_call_begin(&g->call, b, done, userdata);
	r = known ? known->want(desired, known->userdata) : 0;
	b->apply_changed = r > 0;
	if (r < 0)
		text_printf(message, "the guard's table cannot be made: %s", strerror(-r));
	return backend_call_end(&g->call, r < 0 ? r : 0, message);
}

static int guard_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	return guard_apply(b, NULL, done, userdata);
}

static int guard_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	/* Whoever lends it asks for a round by itself. */
	(void)b;
	(void)changed;
	(void)userdata;
	return 0;
}

static void guard_free(struct backend *b)
{
	struct guard_backend *g = b->state;

	backend_call_cancel(&g->call);
	free(g);
}

static const struct backend_ops guard_ops = {
	.name = "guard",
	.help = "Has the start of programs judged by mdm-agent-guard.",
	.serves =
		{
			[SETTING_APPS_GUARD] = true,
			[SETTING_APPS_GUARD_FAILURE] = true,
			[SETTING_APPS_USER_PROGRAMS] = true,
		},
	.probe = guard_probe,
	.observe = guard_observe,
	.apply = guard_apply,
	.watch = guard_watch,
	.revert = guard_revert,
	.free = guard_free,
};

int guard_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &guard_ops, sizeof(struct guard_backend), ret_backend);
}
