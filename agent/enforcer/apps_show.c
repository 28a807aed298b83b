/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_show.c - what agentctl shows of apps: what the report says of them, word for word, with what
 * the policy says of each, and what waits. Enforcer: writes JSON, reads none.
 */
#include <string.h>

#include "agent/enforcer/answers.h"
#include "agent/enforcer/apps_inventory.h"
#include "agent/util/jsonw.h"

static void show_time(struct jsonw *w, const char *key, int64_t time_s)
{
	if (time_s > 0)
		jsonw_int(w, key, time_s);
	else
		jsonw_null(w, key);
}

static void show_about(struct jsonw *w, const struct apps_view *view)
{
	jsonw_object(w, "about");
	jsonw_string(w, "manager", view->about.manager);
	jsonw_int(w, "packages", (int64_t)view->about.n_packages);
	jsonw_int(w, "base", (int64_t)view->about.n_base);
	jsonw_int(w, "found", (int64_t)view->about.n_found);
	if (view->about.found_is_cut)
		jsonw_bool(w, "found_more", true);
	if (view->about.n_left_out)
		jsonw_int(w, "left_out", (int64_t)view->about.n_left_out);
	jsonw_object_end(w);
	jsonw_string(w, "detail", view->detail);
	show_time(w, "looked", view->looked_s);
	show_time(w, "searched", view->searched_s);
}

static void show_apps(
	struct jsonw *w, const struct apps_view *view, const struct apps_policy *policy)
{
	jsonw_array(w, "apps");
	for (size_t i = 0; view && i < view->list->n_apps; i++) {
		const struct app *app = &view->list->apps[i];

		jsonw_object(w, NULL);
		apps_entry_write(w, &(struct apps_entry){app, view->list->uids[i]});
		jsonw_string(
			w, "verdict", policy ? app_verdict_name(apps_judge(policy, app)) : NULL);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

/* Of one setting, the items that are not as the policy wants them. */
static void show_waiting(struct enforcer *e, enum setting_id setting, struct jsonw *w)
{
	const struct compliance_result *result =
		compliance_result(&e->reconcile.compliance, setting);

	for (size_t i = 0; result->present && i < result->n_items; i++) {
		const struct observed_item *item = &result->items[i];

		if (item->state == COMPLIANCE_COMPLIANT)
			continue;
		jsonw_object(w, NULL);
		jsonw_string(w, "setting", setting_row(setting)->name);
		jsonw_string(w, "name", item->name);
		jsonw_string(w, "state", compliance_state_name(item->state));
		jsonw_string(w, "reason", compliance_reason_name(item->reason));
		jsonw_string(w, "detail", item->detail);
		jsonw_object_end(w);
	}
}

void answer_apps(struct enforcer *e, struct buf *out)
{
	static const enum setting_id waiting[] = {SETTING_APPS_REQUIRED, SETTING_APPS_BLOCKED,
		SETTING_APPS_ALLOWED, SETTING_APPS_PINNED};
	struct jsonw w = JSONW_INIT(out);
	struct apps_policy policy = {.mode = APPS_OFF};
	struct apps_view view;
	bool known = apps_inventory_view(e, &view), judged = e->reconcile.has_effective;

	if (judged)
		apps_policy_read(&e->reconcile.effective, &policy);
	jsonw_object(&w, NULL);
	answer_unmanaged(e, &w);
	if (known)
		show_about(&w, &view);
	else
		jsonw_null(&w, "about");
	show_apps(&w, known ? &view : NULL, judged ? &policy : NULL);
	jsonw_array(&w, "waiting");
	for (size_t i = 0; e->reconcile.has_compliance && i < ARRAY_SIZE(waiting); i++)
		show_waiting(e, waiting[i], &w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}
