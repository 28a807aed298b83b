/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: trust */
/*
 * fuzz_ticket.c - tickets and URLs. What is taken can be written in both spellings, and both read
 * back as the same ticket; a refusal always says why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/ticket.h"
#include "agent/util/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_written(const struct buf *text, const struct buf *expected)
{
	_cleanup_buf_ struct buf again = BUF_INIT;
	struct ticket_error error = {""};
	struct ticket ticket;

	/* Text with every field at its largest is too long for a ticket; none like it was read. */
	if (text->n_bytes > LIMIT_TICKET_BYTES)
		return;
	expect(ticket_parse(text->data, text->n_bytes, &ticket, &error) == 0);
	ticket_write_text(&ticket, &again);
	expect(again.error == 0 && strcmp(again.data, expected->data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_buf_ struct buf uri = BUF_INIT, text = BUF_INIT;
	struct ticket_error error = {""};
	struct ticket ticket = {0};
	int r = ticket_parse((const char *)data, n_bytes, &ticket, &error);

	if (r < 0) {
		expect(r == -EBADMSG && *error.message && !*ticket.server);
		return 0;
	}
	expect(url_is_valid(ticket.server, false));
	expect(!*ticket.est || url_is_valid(ticket.est, true));
	expect(ticket.n_ca_pins >= 1 && ticket.n_ca_pins <= LIMIT_TICKET_PINS);
	expect(strlen(ticket.secret) >= 16 && strlen(ticket.secret) <= 43);
	expect(ticket.expires_s > 0);
	ticket_write_uri(&ticket, &uri);
	ticket_write_text(&ticket, &text);
	expect(uri.error == 0 && text.error == 0);
	check_written(&uri, &text);
	check_written(&text, &text);
	return 0;
}
