/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts_backend.c - backend "accounts": how old the passcodes are, by which method they are
 * hashed, who gets in without one. It looks and changes nothing: an expired password in shadow(5)
 * would close the lock screen for ever, and only its owner can make a better one. Enforcer only.
 */
#include <inttypes.h>
#include <string.h>

#include "agent/util/clock.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/password_items.h"
#include "platform/watch.h"
#include "policies/password.h"

#define SECONDS_PER_DAY 86400
/* 2025-01-01. A clock before that was never set. */
#define PLAUSIBLE_DAY 20089

struct accounts_backend {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
};

struct accounts_view {
	struct accounts accounts;
	int accounts_error;
	struct autologin autologin;
	int64_t today; /* days since 1970 */
};

static void accounts_probe(struct backend *b, struct backend_fact *ret_fact)
{
	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	ret_fact->present = backend_file_exists(b->platform->sysroot_fd, "etc/passwd");
	if (ret_fact->present)
		ret_fact->reason = REASON_NONE;
	else
		text_printf(ret_fact->detail, "there is no /etc/passwd");
}

static bool counts_for_age(const struct account *account)
{
	return account->is_person && account->password == ACCOUNT_HAS_PASSWORD;
}

/* The day of the change against today; *worst is the oldest so far, -1 for none. */
static void add_age(struct items *items, const struct account *account,
	const struct password_known *known, int64_t today, int64_t *worst)
{
	int64_t age = today - account->changed_day;

	if (known && known->temporary) {
		item_add(items, account->name, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_TEMPORARY,
			"set by the organisation, to be changed");
	} else if (account->expires_day >= 0 && today >= PLAUSIBLE_DAY &&
		   today > account->expires_day) {
		item_add(items, account->name, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_OLD,
			"expired by /etc/shadow: a lock screen may refuse it, change it elsewhere");
	} else if (account->changed_day < 0) {
		item_add(items, account->name, COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED,
			"/etc/shadow has no date of the last change");
	} else if (today < PLAUSIBLE_DAY || age < 0) {
		item_add(items, account->name, COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED,
			"the clock is behind the last change");
	} else {
		char note[64] = "";

		if (account->expires_day >= 0)
			snprintf(note, sizeof(note),
				"; /etc/shadow lets it expire in %" PRId64 " days",
				account->expires_day - today);
		item_add(items, account->name, COMPLIANCE_COMPLIANT, REASON_NONE,
			"changed %" PRId64 " days ago%s", age, note);
		*worst = age > *worst ? age : *worst;
	}
}

static int observe_age(struct backend *b, const struct accounts_view *view)
{
	struct observation *o = b->observations[SETTING_PASSWORD_MAX_AGE];
	struct items items;
	int64_t worst = -1;

	if (password_saw_no_accounts(b, SETTING_PASSWORD_MAX_AGE, view->accounts_error))
		return 0;
	items = items_begin(b, SETTING_PASSWORD_MAX_AGE);
	for (size_t i = 0; i < view->accounts.n_accounts; i++) {
		const struct account *account = &view->accounts.accounts[i];

		if (counts_for_age(account))
			add_age(&items, account, password_find_known(b->platform, account),
				view->today, &worst);
	}
	password_add_more_accounts(&items, &view->accounts);
	if (o->n_items == 0)
		item_add_fine(&items, "nobody", "no person has a passcode");
	if (worst >= 0) {
		o->has_value = o->enforced = true;
		o->reason = REASON_PASSWORD_OLD;
		o->value = (struct value){.type = VALUE_INT, .number = worst};
		if (!o->detail[0])
			text_printf(o->detail, "changed %" PRId64 " days ago", worst);
	}
	return items.error;
}

static int observe_hash(struct backend *b, const struct accounts_view *view)
{
	const enum setting_id id = SETTING_PASSWORD_MIN_HASH;
	const struct account *weakest = NULL;
	int64_t worst = setting_row(id)->max;
	struct items items;

	if (password_saw_no_accounts(b, id, view->accounts_error))
		return 0;
	for (size_t i = 0; i < view->accounts.n_accounts; i++) {
		const struct account *account = &view->accounts.accounts[i];
		int64_t strength;

		if (account->password != ACCOUNT_HAS_PASSWORD)
			continue;
		strength = password_hash_strength(account->hash);
		if (!weakest || strength < worst) {
			weakest = account;
			worst = strength;
		}
	}
	backend_saw(b, id, worst, true);
	b->observations[id]->reason = REASON_PASSWORD_HASH;
	text_printf(b->observations[id]->detail, "%s: %s", weakest ? weakest->name : "nobody",
		weakest ? setting_row(id)->choices[worst] : "no account has a passcode");
	items = (struct items){.o = b->observations[id]};
	password_add_more_accounts(&items, &view->accounts);
	return items.error;
}

static int observe_empty(struct backend *b, const struct accounts_view *view)
{
	struct observation *o = b->observations[SETTING_PASSWORD_FORBID_EMPTY];
	struct items items;

	if (password_saw_no_accounts(b, SETTING_PASSWORD_FORBID_EMPTY, view->accounts_error))
		return 0;
	backend_saw(b, SETTING_PASSWORD_FORBID_EMPTY, true, true);
	items = (struct items){.o = o};
	for (size_t i = 0; i < view->accounts.n_accounts; i++) {
		const struct account *account = &view->accounts.accounts[i];

		if (account->password == ACCOUNT_EMPTY)
			item_add(&items, account->name, COMPLIANCE_NONCOMPLIANT,
				REASON_PASSWORD_EMPTY, "it has no passcode");
		else if (account->is_person)
			item_add_fine(&items, account->name,
				account->password == ACCOUNT_LOCKED ? "no passcode lets in"
								    : "it has a passcode");
	}
	password_add_more_accounts(&items, &view->accounts);
	if (view->autologin.user[0])
		item_add(&items, view->autologin.user, COMPLIANCE_NONCOMPLIANT, REASON_AUTOLOGIN,
			"logged in without being asked by %s", view->autologin.by);
	for (size_t i = 0; i < o->n_items; i++)
		if (o->items[i].reason == REASON_PASSWORD_EMPTY ||
			o->items[i].reason == REASON_AUTOLOGIN)
			o->value.number = false;
	return items.error;
}

/* --- the backend -------------------------------------------------------------------------- */

static int accounts_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct accounts_backend *a = b->state;
	struct accounts_view view = {.today = clock_realtime_s() / SECONDS_PER_DAY};
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	view.accounts_error = accounts_read(b->platform->sysroot_fd, &view.accounts);
	autologin_find(b->platform->sysroot_fd, &view.autologin);
	r = observe_age(b, &view);
	if (r == 0)
		r = observe_hash(b, &view);
	if (r == 0)
		r = observe_empty(b, &view);
	if (r == 0)
		r = view.accounts_error;
	if (r < 0)
		text_printf(
			message, "/etc/passwd and /etc/shadow cannot be read: %s", strerror(-r));
	accounts_done(&view.accounts);
	backend_call_begin(&a->call, b, done, userdata);
	return backend_call_end(&a->call, r, message);
}

static void accounts_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct accounts_backend *a = b->state;

	a->changed(b, a->changed_userdata);
}

static int accounts_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {
		"etc/passwd",
		"etc/shadow",
		"etc/login.defs",
		"etc/greetd/config.toml",
		"etc/phrog/greetd-config.toml",
		"etc/conf.d/tinydm",
		"etc/gdm/custom.conf",
		"etc/gdm3/daemon.conf",
		"etc/sddm.conf",
		"etc/sddm.conf.d/",
		"etc/plasmalogin.conf",
		"etc/lightdm/lightdm.conf",
		"etc/inittab",
	};
	struct accounts_backend *a = b->state;

	watch_free(TAKE_PTR(a->watch));
	a->changed = changed;
	a->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		accounts_on_change, b, &a->watch);
}

static void accounts_free(struct backend *b)
{
	struct accounts_backend *a = b->state;

	backend_call_cancel(&a->call);
	watch_free(a->watch);
	free(a);
}

static const struct backend_ops accounts_ops = {
	.name = "accounts",
	.help = "How old passcodes are, how they are hashed, and who gets in without one.",
	.serves =
		{
			[SETTING_PASSWORD_MAX_AGE] = true,
			[SETTING_PASSWORD_MIN_HASH] = true,
			[SETTING_PASSWORD_FORBID_EMPTY] = true,
		},
	.probe = accounts_probe,
	.observe = accounts_observe,
	.watch = accounts_watch,
	.free = accounts_free,
};

int accounts_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &accounts_ops, sizeof(struct accounts_backend), ret_backend);
}
