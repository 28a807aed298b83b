/* SPDX-License-Identifier: Apache-2.0 */
/* escrow_fetch.c - sealed secrets from the server; see escrow_fetch.h. Runs as the administrator.
 */
#include "server/ctl/escrow_fetch.h"

#include <inttypes.h>
#include <string.h>

#include "server/ctl/paging.h"

#define ESCROW_PAGE 200

int escrow_walk(
	struct api *api, const char *device, escrow_row_fn fn, void *userdata, struct fault *fault)
{
	struct paging paging = {0};

	for (;;) {
		_cleanup_(response_escrow_done) struct response_escrow page = {0};
		_cleanup_answer_ struct api_answer answer = {0};
		char path[160];
		struct api_request request = {.method = "GET", .path = path};
		int r;

		snprintf(path, sizeof(path),
			"/v1/admin/escrow?device=%s&after=%" PRId64 "&limit=%d", device, paging.row,
			ESCROW_PAGE);
		r = api_call(api, &request, &answer, fault);
		if (!r)
			r = paging_page(&paging, answer.n_body, fault);
		if (!r)
			r = response_escrow(answer.body, answer.n_body, &page, fault);
		for (size_t i = 0; i < page.n_rows && !r; i++) {
			r = paging_row(&paging, page.rows[i].row, fault);
			if (!r && strcmp(page.rows[i].device, device) != 0)
				r = api_other_object(
					fault, "secrets of device", device, page.rows[i].device);
			if (!r)
				r = fn(&page.rows[i], userdata, fault);
		}
		if (r || !page.next)
			return r;
	}
}

int escrow_fetch(struct api *api, const char *device, int64_t row,
	struct response_escrow *ret_sealed, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	char path[160];
	struct api_request request = {.method = "GET", .path = path};
	int r;

	snprintf(path, sizeof(path), "/v1/admin/escrow/%" PRId64 "?device=%s", row, device);
	r = api_call(api, &request, &answer, fault);
	return r ? r : response_escrow_one(answer.body, answer.n_body, ret_sealed, fault);
}
