/* SPDX-License-Identifier: Apache-2.0 */
/* apps.c - changes of the section "apps", put into what is held; see apps.h. mdm-server only. */
#include "server/apps.h"

#include <errno.h>
#include <string.h>

#include "server/apps_merge.h"

struct apps_order {
	struct report_section *section;
	struct buf *out;
};

static int apps_visit(const struct store_section *held, void *userdata)
{
	const struct apps_order *order = userdata;
	struct report_section *section = order->section;
	int r = apps_update(&(struct apps_held){held->digest, held->body}, section->digest,
		section->delta, order->out);

	if (r == 0)
		section->body = (struct span){order->out->data, order->out->n_bytes};
	return r == -EBADMSG ? 0 : r;
}

static const char *apps_held_digest(const struct store_digests *held, const char *name)
{
	for (size_t i = 0; i < held->n; i++)
		if (strcmp(held->sections[i].name, name) == 0)
			return held->sections[i].digest;
	return NULL;
}

int apps_put_together(struct store *store, struct report *report, const struct store_digests *held,
	struct buf *out)
{
	for (size_t i = 0; i < report->n_sections; i++) {
		struct report_section *section = &report->sections[i];
		struct apps_order order = {section, out};
		const char *digest;
		int r;

		if (!section->delta.at)
			continue;
		digest = apps_held_digest(held, section->name);
		if (!digest || strcmp(digest, section->digest) == 0)
			continue;
		r = store_section_get(store, report->device, section->name, apps_visit, &order);
		if (r < 0)
			return r;
	}
	return 0;
}
