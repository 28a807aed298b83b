/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ticket_list.c - "mdmctl ticket list": which tickets there are. Runs as the administrator. */
#include <errno.h>

#include "agent/util/jsonw.h"
#include "server/ctl/api.h"
#include "server/ctl/commands.h"
#include "server/ctl/response.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

#define TICKET_PAGE 100

static void ticket_row(
	struct ctl *ctl, const struct response_ticket *ticket, struct table *table, struct jsonw *w)
{
	char expires[32];

	if (ctl->json) {
		const char *text = json_object_to_json_string_ext(
			ticket->json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

		if (text)
			jsonw_raw(w, NULL, text, strlen(text));
		else
			w->out->error = -ENOMEM;
		return;
	}
	span_format_relative(ticket->expires_s, ctl->now_s, expires);
	table_printf(table, "%.12s", ticket->id);
	table_add(table, ticket->used_s			   ? "used"
			 : ticket->expires_s <= ctl->now_s ? "expired"
							   : "open");
	table_add(table, expires);
	table_printf(table, "%.12s", ticket->device);
	table_add(table, ticket->groups);
}

static int ticket_page(struct api *api, const char *after, struct response_tickets *ret_tickets,
	struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	char path[128];
	struct api_request request = {.method = "GET", .path = path};
	int r;

	snprintf(path, sizeof(path), "/v1/admin/tickets?%s%s%slimit=%d", *after ? "after=" : "",
		after, *after ? "&" : "", TICKET_PAGE);
	r = api_call(api, &request, &answer, fault);
	return r ? r : response_tickets(answer.body, answer.n_body, ret_tickets, fault);
}

int cmd_ticket_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	_cleanup_table_ struct table table = {
		.headings = {"TICKET", "STATE", "EXPIRES", "DEVICE", "GROUPS"},
		.n_columns = 5,
		.flexible = 4,
		.state = 5,
	};
	struct jsonw w = JSONW_INIT(&json);
	char after[33] = "";
	int r = ctl_open(ctl, fault);

	(void)args;
	if (!r)
		r = api_open(ctl, &api, fault);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "tickets");
	while (!r) {
		_cleanup_(response_tickets_done) struct response_tickets page = {0};

		r = ticket_page(api, after, &page, fault);
		for (size_t i = 0; i < page.n_rows; i++)
			ticket_row(ctl, &page.rows[i], &table, &w);
		/* A server that does not move on would keep us here for ever. */
		if (!*page.next || strcmp(page.next, after) <= 0)
			break;
		memcpy(after, page.next, sizeof(after));
	}
	if (r)
		return r;
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (ctl->json)
		return ctl_print_json(ctl, &json, fault);
	if (table_print(&table, ctl->out, ctl->colour) < 0)
		return fault_errno(fault, ENOMEM, "output");
	return ctl_flush(ctl, fault);
}
