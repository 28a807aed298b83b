/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ticket_list.c - "mdmctl ticket list": which tickets there are. Runs as the administrator. */
#include <string.h>

#include "server/ctl/commands.h"
#include "server/ctl/listing.h"
#include "server/ctl/response.h"
#include "server/ctl/span.h"

#define TICKET_PAGE 100

static int ticket_list_add(struct listing *listing, const struct api_answer *answer,
	char ret_next[33], struct fault *fault)
{
	_cleanup_(response_tickets_done) struct response_tickets page = {0};
	struct table *table = &listing->table;
	int64_t now_s = listing->ctl->now_s;
	int r = response_tickets(answer->body, answer->n_body, &page, fault);

	for (size_t i = 0; i < page.n_rows && !r; i++) {
		const struct response_ticket *ticket = &page.rows[i];
		char expires[32];

		r = paging_id(&listing->paging, ticket->id, fault);
		if (r)
			break;
		if (listing_json(listing, ticket->json))
			continue;
		span_format_relative(ticket->expires_s, now_s, expires);
		table_printf(table, "%.12s", ticket->id);
		table_add(table, ticket->used_s		      ? "used"
				 : ticket->expires_s <= now_s ? "expired"
							      : "open");
		table_add(table, expires);
		table_printf(table, "%.12s", ticket->device);
		table_add(table, ticket->groups);
	}
	memcpy(ret_next, page.next, sizeof(page.next));
	return r;
}

int cmd_ticket_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	struct listing listing = {
		.what = "tickets",
		.limit = TICKET_PAGE,
		.add = ticket_list_add,
		.table =
			{
				.headings = {"TICKET", "STATE", "EXPIRES", "DEVICE", "GROUPS"},
				.n_columns = 5,
				.flexible = 4,
				.state = 5,
			},
	};
	int r = listing_run(&listing, ctl, fault);

	(void)args;
	table_done(&listing.table);
	return r;
}
