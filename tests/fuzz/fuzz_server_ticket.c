/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: server */
/*
 * fuzz_server_ticket.c - bodies of POST /v1/admin/tickets. What is accepted keeps to the limits of
 * a ticket and says the same when it is written anew; what is refused is refused in words.
 *
 * The reader is private to admin.c, which is included for that; nothing of a server runs.
 */
#include "server/admin.c"

#define NOW_S 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void require_groups(const char *groups)
{
	size_t n_names = 0;

	while (*groups) {
		char name[LIMIT_NAME_BYTES + 1] = "";
		size_t n = strcspn(groups, ",");

		require(n > 0 && n <= LIMIT_NAME_BYTES && ++n_names <= LIMIT_ASSIGNMENT_GROUPS);
		memcpy(name, groups, n);
		require(name_is_valid(name));
		groups += n;
		/* No name is missing behind the last comma. */
		require(!*groups || groups[1]);
		groups += *groups == ',';
	}
}

static void require_same_again(const struct store_ticket *ticket)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	char digest[2 * SHA256_BYTES + 1];
	struct store_ticket again = {0};
	struct http_request request;

	hex_encode(ticket->secret_sha256, SHA256_BYTES, digest);
	jsonw_object(&w, NULL);
	admin_write_groups(&w, ticket->groups);
	jsonw_int(&w, "expires", ticket->expires_s);
	jsonw_string(&w, "secret_sha256", digest);
	jsonw_string(&w, "id", ticket->id);
	jsonw_object_end(&w);
	require(!body.error);
	request = (struct http_request){.body = body.data, .n_body = body.n_bytes};
	require(!admin_ticket_read(&request, NOW_S, &again));
	require(strcmp(again.id, ticket->id) == 0 && strcmp(again.groups, ticket->groups) == 0);
	require(memcmp(again.secret_sha256, ticket->secret_sha256, SHA256_BYTES) == 0);
	require(again.expires_s == ticket->expires_s && again.created_s == ticket->created_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	/* A copy of exactly this size: a byte read beyond it is seen. */
	_cleanup_free_ char *text = malloc(n_bytes ? n_bytes : 1);
	struct http_request request = {.body = text, .n_body = n_bytes};
	struct store_ticket ticket = {0};
	const char *problem;

	if (n_bytes > LIMIT_SERVER_TICKETS_BYTES)
		return 0;
	memcpy(text, data, n_bytes);
	problem = admin_ticket_read(&request, NOW_S, &ticket);
	require(memcmp(text, data, n_bytes) == 0);
	if (problem) {
		require(*problem);
		return 0;
	}
	require(hex_is_valid(ticket.id, STORE_ID_LENGTH / 2));
	require(ticket.created_s == NOW_S && ticket.expires_s > NOW_S);
	require(ticket.used_s == 0 && !ticket.device[0]);
	require_groups(ticket.groups);
	require_same_again(&ticket);
	return 0;
}
