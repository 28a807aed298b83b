/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_keyset_phones.c - "mdmctl keyset phones": how far a keyset has come. Runs as the
 * administrator. */
#include <inttypes.h>

#include "server/ctl/commands.h"
#include "server/ctl/listing.h"
#include "server/ctl/response.h"
#include "server/ctl/span.h"

#define PHONES_PAGE 50

static int phones_add(struct listing *listing, const struct api_answer *answer, char ret_next[33],
	struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices page = {0};
	int64_t newest = listing->ctl->org.keyset->version;
	int r = response_devices(answer->body, answer->n_body, &page, fault);

	for (size_t i = 0; i < page.n_rows && !r; i++) {
		const struct response_device *device = &page.rows[i];
		char seen[32];

		r = paging_id(&listing->paging, device->id, fault);
		if (r)
			break;
		if (listing->ctl->json) {
			jsonw_object(listing->w, NULL);
			jsonw_string(listing->w, "id", device->id);
			jsonw_int(listing->w, "keyset", device->have_keyset);
			jsonw_bool(listing->w, "newest", device->have_keyset == newest);
			jsonw_int(listing->w, "last_seen", device->last_seen_s);
			jsonw_object_end(listing->w);
			continue;
		}
		span_format_relative(device->last_seen_s, listing->ctl->now_s, seen);
		table_printf(&listing->table, "%.12s", device->id);
		table_printf(&listing->table, "%" PRId64, device->have_keyset);
		table_add(&listing->table, device->have_keyset == newest ? "newest" : "behind");
		table_add(&listing->table, seen);
	}
	memcpy(ret_next, page.next, sizeof(page.next));
	return r;
}

int cmd_keyset_phones(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	struct listing listing = {
		.what = "devices",
		.none = "No phone is enrolled yet.",
		.limit = PHONES_PAGE,
		.add = phones_add,
		.table =
			{
				.headings = {"DEVICE", "KEYSET", "", "LAST SEEN"},
				.n_columns = 4,
				.flexible = 3,
				.state = 4,
			},
	};
	int r = listing_run(&listing, ctl, fault);

	(void)args;
	table_done(&listing.table);
	return r;
}
