/* SPDX-License-Identifier: Apache-2.0 */
/* listing.c - lists that the server hands out in pages; see listing.h. */
#include "server/ctl/listing.h"

#include <errno.h>
#include <string.h>

int listing_get(struct api *api, const char *what, const char *after, int limit,
	struct api_answer *ret_answer, struct fault *fault)
{
	char path[128];
	struct api_request request = {.method = "GET", .path = path};

	snprintf(path, sizeof(path), "/v1/admin/%s?%s%s%slimit=%d", what, *after ? "after=" : "",
		after, *after ? "&" : "", limit);
	return api_call(api, &request, ret_answer, fault);
}

bool listing_json(struct listing *listing, struct json_object *row)
{
	const char *text;

	if (!listing->ctl->json)
		return false;
	text = json_object_to_json_string_ext(
		row, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		jsonw_raw(listing->w, NULL, text, strlen(text));
	else
		listing->w->out->error = -ENOMEM;
	return true;
}

static int listing_add_pages(struct listing *listing, struct api *api, struct fault *fault)
{
	char after[33] = "";

	for (;;) {
		_cleanup_answer_ struct api_answer answer = {0};
		char next[33] = "";
		int r = listing_get(api, listing->what, after, listing->limit, &answer, fault);

		if (!r)
			r = paging_page(&listing->paging, answer.n_body, fault);
		if (!r)
			r = listing->add(listing, &answer, next, fault);
		if (r)
			return r;
		/* A server that does not move on would keep us here for ever. */
		if (strcmp(next, after) <= 0)
			return 0;
		/* Not next: behind the last row, so that none is left out. */
		memcpy(after, listing->paging.id, sizeof(after));
	}
}

int listing_run(struct listing *listing, struct ctl *ctl, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	int r = ctl_open(ctl, fault);

	listing->ctl = ctl;
	listing->w = &w;
	if (!r)
		r = api_open(ctl, &api, fault);
	jsonw_object(&w, NULL);
	jsonw_array(&w, listing->what);
	if (!r)
		r = listing_add_pages(listing, api, fault);
	listing->w = NULL;
	if (r)
		return r;
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (ctl->json)
		return ctl_print_json(ctl, &json, fault);
	if (listing->none && !listing->table.n_cells && !listing->table.error)
		fprintf(ctl->out, "%s\n", listing->none);
	else if (table_print(&listing->table, ctl->out, ctl->colour) < 0)
		return fault_errno(fault, ENOMEM, "output");
	return ctl_flush(ctl, fault);
}
