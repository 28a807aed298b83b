/* SPDX-License-Identifier: Apache-2.0 */
/* check_show.c - the result of a check, as a page and as JSON; see check.h. Pure; agentctl. */
#include <inttypes.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/check.h"
#include "agent/util/jsonw.h"

static void check_render_policy(struct page *p, const struct policy *policy)
{
	page_line(p, 0, PAGE_PLAIN, "For the group \"%s\", number %" PRId64 ".", policy->stream,
		policy->serial);
	for (size_t i = 0; i < policy->n_profiles; i++) {
		const struct profile *profile = &policy->profiles[i];

		page_open(p, 2, 4);
		page_add(p, PAGE_BOLD, "%s", profile->id);
		if (profile->when) {
			_cleanup_buf_ struct buf when = BUF_INIT;

			when_format(profile->when, &when);
			page_add(p, PAGE_PLAIN, " when %s", when.data ? when.data : "?");
		}
		page_close(p);
		for (int j = 0; j < SETTING_MAX; j++) {
			const struct setting_row *row = setting_row((enum setting_id)j);
			_cleanup_buf_ struct buf value = BUF_INIT;

			if (!profile->has[j])
				continue;
			value_format(row, &profile->values[j], &value);
			page_open(p, 4, 6);
			page_add(p, PAGE_PLAIN, "%s.%s: %s", area_row(row->area)->name, row->name,
				value.data ? value.data : "?");
			page_close(p);
		}
	}
	for (size_t i = 0; i < policy->n_unsupported; i++) {
		page_open(p, 0, 2);
		page_add(p, PAGE_WARN, "Not known to this version:");
		page_add(p, PAGE_PLAIN,
			" %s. A phone takes the rest and reports this as unsupported.",
			policy->unsupported[i]);
		page_close(p);
	}
	if (policy->n_unsupported_dropped > 0)
		page_line(p, 0, PAGE_WARN, "%zu more such names.", policy->n_unsupported_dropped);
}

static void check_render_keyset(struct page *p, const struct keyset *keyset)
{
	page_line(p, 0, PAGE_PLAIN, "Keys of \"%s\", version %" PRId64 ".", keyset->org_name,
		keyset->version);
	for (size_t i = 0; i < keyset->n_keys; i++)
		page_line(
			p, 2, PAGE_PLAIN, "%s (%s)", keyset->keys[i].name, keyset->keys[i].key.kid);
	for (int i = 0; i < TRUST_ROLE_MAX; i++)
		page_line(p, 2, PAGE_PLAIN, "%s needs %u signature%s",
			trust_role_name((enum trust_role)i), keyset->threshold[i],
			keyset->threshold[i] == 1 ? "" : "s");
}

static void check_render_assignment(struct page *p, const struct assignment *assignment)
{
	page_open(p, 0, 2);
	page_add(p, PAGE_PLAIN, "A %s phone; groups: ", ownership_name(assignment->ownership));
	for (size_t i = 0; i < assignment->n_groups; i++)
		page_add(p, PAGE_PLAIN, "%s%s", i ? ", " : "", assignment->groups[i]);
	if (assignment->n_groups == 0)
		page_add(p, PAGE_PLAIN, "none");
	page_close(p);
}

void check_render(struct page *p, const struct check *check, int64_t now_s)
{
	char when[AGO_TEXT];

	page_open(p, 0, 2);
	page_add(p, PAGE_GOOD, "Well-formed %s%s.", check->is_signed ? "signed " : "",
		document_type_name(check->type));
	if (check->is_signed)
		page_add(p, PAGE_WARN,
			" Its %zu signature%s not checked here: only the phone has the keyset for that.",
			check->jws.n_lines, check->jws.n_lines == 1 ? " was" : "s were");
	else
		page_add(p, PAGE_PLAIN, " It is not signed: no phone takes it as it is.");
	page_close(p);
	for (size_t i = 0; check->is_signed && i < check->jws.n_lines; i++)
		page_line(p, 2, PAGE_PLAIN, "says it is by key %s", check->kids[i]);
	if (check->expires_s) {
		ago_format(now_s, check->expires_s, when);
		if (check->expires_s <= now_s)
			page_line(p, 0, PAGE_BAD, "Expired %s: a phone refuses it.", when);
		else
			page_line(p, 0, PAGE_PLAIN, "Expires %s.", when);
	}
	if (check->issued_s > now_s)
		page_line(p, 0, PAGE_WARN, "Issued in the future, by the clock here.");
	if (check->policy)
		check_render_policy(p, check->policy);
	if (check->keyset)
		check_render_keyset(p, check->keyset);
	if (check->type == DOCUMENT_ASSIGNMENT)
		check_render_assignment(p, &check->assignment);
	if (check->type == DOCUMENT_COMMAND)
		page_line(p, 0, PAGE_PLAIN,
			"Only the members that all documents share were checked, not what it orders.");
}

void check_write_json(const struct check *check, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_string(&w, "type", document_type_name(check->type));
	jsonw_bool(&w, "signed", check->is_signed);
	jsonw_bool(&w, "signatures_checked", false);
	jsonw_array(&w, "kids");
	for (size_t i = 0; check->is_signed && i < check->jws.n_lines; i++)
		jsonw_string(&w, NULL, check->kids[i]);
	jsonw_array_end(&w);
	jsonw_string(&w, "org", check->org[0] ? check->org : NULL);
	if (check->serial)
		jsonw_int(&w, "serial", check->serial);
	if (check->expires_s)
		jsonw_int(&w, "expires", check->expires_s);
	if (check->policy) {
		jsonw_string(&w, "stream", check->policy->stream);
		jsonw_array(&w, "profiles");
		for (size_t i = 0; i < check->policy->n_profiles; i++)
			jsonw_string(&w, NULL, check->policy->profiles[i].id);
		jsonw_array_end(&w);
		jsonw_array(&w, "unsupported");
		for (size_t i = 0; i < check->policy->n_unsupported; i++)
			jsonw_string(&w, NULL, check->policy->unsupported[i]);
		jsonw_array_end(&w);
	}
	jsonw_object_end(&w);
}
