/* SPDX-License-Identifier: Apache-2.0 */
/* password_observe.c - what is seen of passwords; see password_observe.h. Reads only. Enforcer
 * only. */
#include "platform/password_observe.h"

#include <string.h>

#include "platform/backend.h"
#include "platform/listing.h"
#include "platform/password_gaps.h"
#include "platform/password_items.h"
#include "policies/password.h"

#define OUR_MODULE "pam_mdm.so"
#define UNIX_MODULE "pam_unix.so"

/* --- looking ------------------------------------------------------------------------------ */

static bool has_module(int root_fd, const char *directory, const char *module)
{
	char path[2 * LIMIT_TEXT_BYTES];

	snprintf(path, sizeof(path), "%s/%s", directory, module);
	return backend_file_exists(root_fd, path);
}

void password_module_directory(int root_fd, char ret_directory[LIMIT_TEXT_BYTES + 1])
{
	static const char *const fixed[] = {
		"usr/lib/security", "lib/security", "usr/lib64/security", "lib64/security"};
	static const char *const parents[] = {"usr/lib", "lib"};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		text_printf(ret_directory, "%s", fixed[i]);
		if (has_module(root_fd, ret_directory, UNIX_MODULE))
			return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		_cleanup_(listing_done) struct listing listing = {0};

		if (listing_read(root_fd, parents[i], 4096, &listing) < 0)
			continue;
		for (size_t k = 0; k < listing.n_names; k++) {
			if (!strstr(listing.names[k], "-linux-"))
				continue;
			text_printf(
				ret_directory, "%s/%.200s/security", parents[i], listing.names[k]);
			if (has_module(root_fd, ret_directory, UNIX_MODULE))
				return;
		}
	}
	ret_directory[0] = 0;
}

void password_view_take(int root_fd, struct password_view *view)
{
	char directory[LIMIT_TEXT_BYTES + 1];

	view->accounts_error = accounts_read(root_fd, &view->accounts);
	view->services_error = pam_services_load(root_fd, &view->services);
	password_module_directory(root_fd, directory);
	if (directory[0] && !has_module(root_fd, directory, OUR_MODULE))
		text_printf(view->no_module, OUR_MODULE " is not installed in /%.200s", directory);
	else if (!directory[0])
		text_printf(view->no_module, UNIX_MODULE " is not installed");
}

void password_view_done(struct password_view *view)
{
	accounts_done(&view->accounts);
	pam_services_done(&view->services);
}

/* Where nothing can be said of a setting at all. */
static bool saw_trouble(struct backend *b, enum setting_id id, const struct password_view *view)
{
	struct observation *o = b->observations[id];

	if (view->no_module[0]) {
		backend_saw_none(b, id, COMPLIANCE_UNSUPPORTED, REASON_NO_MECHANISM);
		text_printf(o->detail, "%s", view->no_module);
	} else if (view->services_error) {
		backend_saw_none(b, id, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
		text_printf(o->detail, "/" PAM_ETC " and /" PAM_VENDOR " cannot be read: %s",
			strerror(-view->services_error));
	} else if (view->trial[0]) {
		backend_saw_none(b, id, COMPLIANCE_ERROR, REASON_STACK_INVALID);
		text_printf(o->detail, "%s", view->trial);
	} else {
		return false;
	}
	return true;
}

/* --- the stacks --------------------------------------------------------------------------- */

static void add_service(struct items *items, const struct pam_service *service, const char *does)
{
	char name[LIMIT_TEXT_BYTES + 1];

	text_printf(name, "PAM %s", service->name);
	item_add(items, name, COMPLIANCE_NONCOMPLIANT, REASON_NOT_ENFORCED,
		service->left_alone[0] ? "%s without " OUR_MODULE ": %.160s"
				       : "%s without " OUR_MODULE,
		does, service->left_alone);
}

/* Services that go past pam_mdm.so; auth: when they ask, else when they change passwords. */
static bool add_services(struct items *items, const struct password_view *view, bool auth)
{
	bool any = false;

	for (size_t i = 0; i < view->services.n_services; i++) {
		const struct pam_service *service = &view->services.services[i];
		const struct pam_facts *facts = &service->facts;

		any |= auth ? facts->guarded_auth : facts->guarded_password;
		if (auth ? facts->asks_auth != facts->guarded_auth || facts->unclear[0]
			 : facts->asks_password != facts->guarded_password)
			add_service(
				items, service, auth ? "asks for passwords" : "changes passwords");
		else if (auth && service->left_alone[0])
			add_service(items, service, "asks for passwords");
	}
	if (view->services.more)
		item_add(items, "other services", COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED,
			"not all files in /" PAM_ETC " could be looked at");
	return any;
}

/* --- quality ------------------------------------------------------------------------------ */

static void add_quality(struct items *items, const struct account *account,
	const struct password_known *known, enum password_rule rule)
{
	if (known && known->temporary)
		item_add(items, account->name, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_TEMPORARY,
			"set by the organisation, to be changed");
	else if (known && known->judged && (known->broken & (1u << rule)))
		item_add(items, account->name, COMPLIANCE_NONCOMPLIANT, REASON_PASSWORD_WEAK,
			"the passcode in use breaks this rule");
	else if (known && known->judged)
		item_add_fine(items, account->name, "the passcode in use follows this rule");
	else if (account->is_person)
		item_add(items, account->name, COMPLIANCE_PENDING, REASON_PASSWORD_UNSEEN,
			"known at the next unlock");
}

static int observe_rule(
	struct backend *b, const struct password_view *view, enum password_rule rule)
{
	enum setting_id id = password_rule_setting(rule);
	struct items items;

	if (saw_trouble(b, id, view) || password_saw_no_accounts(b, id, view->accounts_error))
		return 0;
	items = items_begin(b, id);
	for (size_t i = 0; i < view->accounts.n_accounts; i++) {
		const struct account *account = &view->accounts.accounts[i];

		switch (account->password) {
		case ACCOUNT_HAS_PASSWORD:
			add_quality(
				&items, account, password_find_known(b->platform, account), rule);
			break;
		case ACCOUNT_EMPTY:
			item_add(&items, account->name, COMPLIANCE_NONCOMPLIANT,
				REASON_PASSWORD_EMPTY, "it has no passcode");
			break;
		case ACCOUNT_LOCKED:
			if (account->is_person)
				item_add_fine(&items, account->name, "no passcode lets in");
			break;
		case ACCOUNT_UNKNOWN:
			if (account->is_person)
				item_add(&items, account->name, COMPLIANCE_UNKNOWN,
					REASON_NOT_OBSERVED, "/etc/shadow does not tell");
			break;
		case ACCOUNT_PASSWORD_MAX:
			break;
		}
	}
	password_add_more_accounts(&items, &view->accounts);
	(void)add_services(&items, view, false);
	if (items.o->n_items == 0)
		item_add_fine(&items, "nobody", "no account of a person can log in");
	return items.error;
}

/* --- attempts ----------------------------------------------------------------------------- */

static void add_gap(const char *name, const char *detail, void *userdata)
{
	item_add(userdata, name, COMPLIANCE_NONCOMPLIANT, REASON_NOT_ENFORCED, "%s", detail);
}

static int observe_limit(struct backend *b, const struct password_view *view, enum setting_id id)
{
	struct items items;

	if (saw_trouble(b, id, view))
		return 0;
	items = items_begin(b, id);
	if (id == SETTING_PASSWORD_AT_MAXIMUM)
		backend_saw(b, id, b->platform->passwords ? b->platform->passwords->at_maximum : 0,
			true);
	if (!add_services(&items, view, true) && items.o->n_items == 0)
		item_add(&items, "PAM", COMPLIANCE_NONCOMPLIANT, REASON_NOT_ENFORCED,
			"no service asks " UNIX_MODULE);
	password_gaps_find(b->platform->sysroot_fd, add_gap, &items);
	if (!b->platform->passwords || !b->platform->passwords->serving)
		item_add(&items, "mdm-agentd", COMPLIANCE_NONCOMPLIANT, REASON_NOT_ENFORCED,
			"it does not listen to " OUR_MODULE);
	if (id == SETTING_PASSWORD_AT_MAXIMUM && b->platform->passwords &&
		b->platform->passwords->maximum_gap)
		item_add(&items, "mdm-agentd", COMPLIANCE_NONCOMPLIANT, REASON_NOT_ENFORCED, "%s",
			b->platform->passwords->maximum_gap);
	if (items.o->n_items == 0)
		item_add_fine(&items, "PAM", OUR_MODULE " is asked in front of every " UNIX_MODULE);
	return items.error;
}

int password_observe(struct backend *b, const struct password_view *view)
{
	static const enum setting_id limits[] = {SETTING_PASSWORD_FREE_ATTEMPTS,
		SETTING_PASSWORD_FIRST_DELAY, SETTING_PASSWORD_LONGEST_DELAY,
		SETTING_PASSWORD_MAX_ATTEMPTS, SETTING_PASSWORD_AT_MAXIMUM};
	int r = 0;

	for (enum password_rule rule = 0; rule < PASSWORD_RULE_MAX && r == 0; rule++)
		r = observe_rule(b, view, rule);
	for (size_t i = 0; i < ARRAY_SIZE(limits) && r == 0; i++)
		r = observe_limit(b, view, limits[i]);
	return r;
}
