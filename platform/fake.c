/* SPDX-License-Identifier: Apache-2.0 */
/* fake.c - a backend without effects for scenario tests; see fake.h. Not part of any program. */
#include "platform/fake.h"

#include <errno.h>
#include <stdlib.h>

#include "platform/backend.h"

struct fake_backend {
	struct backend_call call;
	struct fake_control *control;
	backend_changed_fn changed;
	void *changed_userdata;
};

static void fake_probe(struct backend *b, struct backend_fact *ret_fact)
{
	struct fake_backend *f = b->state;

	*ret_fact = (struct backend_fact){.present = f->control->present};
	if (!f->control->present) {
		ret_fact->reason = REASON_NO_MECHANISM;
		text_printf(ret_fact->detail, "the fake is switched off");
	}
}

static int fake_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct fake_backend *f = b->state;
	struct fake_control *c = f->control;

	c->n_observes++;
	backend_call_begin(&f->call, b, done, userdata);
	for (size_t i = 0; i < SETTING_MAX; i++) {
		struct observation *o = b->observations[i];

		if (!o)
			continue;
		if (c->fail_observe) {
			backend_saw_none(b, i, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
		} else if (!c->has[i]) {
			backend_saw_none(b, i, COMPLIANCE_NONCOMPLIANT, REASON_WEAKER);
		} else {
			backend_saw(b, i, 0, true);
			if (value_copy(&c->in_force[i], &o->value) < 0)
				return -ENOMEM;
		}
	}
	return backend_call_end(&f->call, c->fail_observe ? -EIO : 0,
		c->fail_observe ? "the fake fails to observe" : "");
}

/* The weakest value of a setting's range. */
static int64_t weak_number(enum setting_id id)
{
	const struct setting_row *row = setting_row(id);

	return row->merge == MERGE_MIN || row->merge == MERGE_AND ? row->max : row->min;
}

static int fake_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct fake_backend *f = b->state;
	struct fake_control *c = f->control;

	c->n_applies++;
	b->apply_changed = false;
	backend_call_begin(&f->call, b, done, userdata);
	for (size_t i = 0; i < SETTING_MAX && !c->fail_apply; i++) {
		struct value value;
		int r;

		if (!desired->settings[i].present)
			continue;
		r = value_copy(&desired->settings[i].value, &value);
		if (r < 0)
			return r;
		if (c->weaken_apply)
			value.number = weak_number(i);
		b->apply_changed |= !c->has[i] || !value_equal(&c->in_force[i], &value);
		value_done(&c->in_force[i]);
		c->in_force[i] = value;
		c->has[i] = true;
	}
	return backend_call_end(
		&f->call, c->fail_apply ? -EIO : 0, c->fail_apply ? "the fake fails to apply" : "");
}

static int fake_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct fake_backend *f = b->state;

	f->changed = changed;
	f->changed_userdata = userdata;
	return 0;
}

static int fake_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct fake_backend *f = b->state;
	struct fake_control *c = f->control;

	c->n_reverts++;
	backend_call_begin(&f->call, b, done, userdata);
	for (size_t i = 0; i < SETTING_MAX; i++) {
		value_done(&c->in_force[i]);
		c->has[i] = false;
	}
	return backend_call_end(&f->call, 0, "");
}

static void fake_free(struct backend *b)
{
	struct fake_backend *f = b->state;

	backend_call_cancel(&f->call);
	for (size_t i = 0; i < SETTING_MAX; i++)
		value_done(&f->control->in_force[i]);
	free(f);
}

static const struct backend_ops fake_ops = {
	.name = "fake",
	.help = "Remembers what is applied, for tests.",
	.serves =
		{
			[SETTING_SCREEN_LOCK_IDLE_DELAY] = true,
			[SETTING_SCREEN_LOCK_ENABLED] = true,
			[SETTING_SCREEN_LOCK_DELAY] = true,
			[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK] = true,
			[SETTING_ENCRYPTION_STORAGE] = true,
			[SETTING_ENCRYPTION_SWAP] = true,
		},
	.probe = fake_probe,
	.observe = fake_observe,
	.apply = fake_apply,
	.watch = fake_watch,
	.revert = fake_revert,
	.free = fake_free,
};

int fake_backend_new(
	struct platform *platform, struct fake_control *control, struct backend **ret_backend)
{
	struct backend *backend;
	int r = backend_new(platform, &fake_ops, sizeof(struct fake_backend), &backend);

	if (r < 0)
		return r;
	((struct fake_backend *)backend->state)->control = control;
	*ret_backend = backend;
	return 0;
}

void fake_backend_tamper(struct backend *backend, enum setting_id id, int64_t number)
{
	struct fake_backend *f = backend->state;

	value_done(&f->control->in_force[id]);
	f->control->in_force[id] = (struct value){.type = setting_row(id)->type, .number = number};
	f->control->has[id] = true;
	if (f->changed)
		f->changed(backend, f->changed_userdata);
}
