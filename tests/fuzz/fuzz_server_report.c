/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: server */
/*
 * fuzz_server_report.c - bodies of check-ins. What is accepted must be JSON for SQLite too, lie
 * within the input, keep to its limits, and have the digests it says it has.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/mem.h"
#include "server/apps_merge.h"
#include "server/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void require_json(sqlite3_stmt *valid, const char *text, size_t n_bytes)
{
	sqlite3_bind_text(valid, 1, text, (int)n_bytes, SQLITE_STATIC);
	require(sqlite3_step(valid) == SQLITE_ROW);
	require(sqlite3_column_int(valid, 0) == 1);
	sqlite3_reset(valid);
	sqlite3_clear_bindings(valid);
}

static void require_inside(struct span span, const char *text, size_t n_bytes)
{
	struct span again;

	require(span.at >= text && span.n <= n_bytes && span.at <= text + n_bytes - span.n);
	require(json_check(span.at, span.n, &again) == 0 && again.n == span.n);
	require(json_is_object(span));
}

static void require_section(const struct report_section *section)
{
	char digest[2 * SHA256_BYTES + 1];
	uint8_t bytes[SHA256_BYTES];

	require(name_is_valid(section->name) && hex_is_valid(section->digest, 8));
	require(!section->delta.at || (!section->body.at && strcmp(section->name, "apps") == 0));
	if (section->delta.at)
		require(apps_delta_from(section->delta, digest) == 0);
	if (!section->body.at)
		return;
	require(sha256(section->body.at, section->body.n, bytes) == 0);
	hex_encode(bytes, sizeof(bytes), digest);
	require(memcmp(digest, section->digest, REPORT_DIGEST_LENGTH) == 0);
}

/* What a phone says of a command is never a word of the server's, and safe to store and show. */
static void require_command(struct span data, const char *text, size_t n_bytes)
{
	struct report_command said;

	if (!data.at)
		return;
	require_inside(data, text, n_bytes);
	if (report_command_parse(data, &said) < 0)
		return;
	require(hex_is_valid(said.id, 16) && (!said.verb[0] || name_is_valid(said.verb)));
	require(said.state < COMMAND_STATE_MAX && said.state != COMMAND_QUEUED &&
		said.state != COMMAND_DELIVERED && said.state != COMMAND_CANCELLED);
	require(!said.reason[0] || name_is_valid(said.reason));
	require(!said.detail[0] || text_is_valid(said.detail, strlen(said.detail)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static sqlite3_stmt *valid;
	static sqlite3 *db;
	/* A copy of exactly this size: a byte read beyond it is seen. */
	_cleanup_free_ char *text = malloc(n_bytes ? n_bytes : 1);
	static struct report report;
	const char *problem = NULL;
	struct span root;
	int r;

	if (!db) {
		require(sqlite3_open(":memory:", &db) == SQLITE_OK);
		require(sqlite3_prepare_v2(db, "SELECT json_valid(?)", -1, &valid, NULL) ==
			SQLITE_OK);
	}
	memcpy(text, data, n_bytes);
	if (json_check(text, n_bytes, &root) == 0)
		require_json(valid, text, n_bytes);
	r = report_parse(text, n_bytes, &report, &problem);
	require(memcmp(text, data, n_bytes) == 0);
	if (r < 0) {
		require(problem != NULL);
		return 0;
	}
	require(hex_is_valid(report.device, 16));
	require(report.number >= 0 && strlen(report.push) <= LIMIT_URL_BYTES);
	for (const char *c = report.push; *c; c++)
		require(*c > 0x20 && *c < 0x7f && *c != '"' && *c != '<');
	require(report.n_sections <= BOUND_SECTIONS && report.n_events <= LIMIT_REPORT_EVENTS);
	if (report.have.at)
		require_inside(report.have, text, n_bytes);
	for (size_t i = 0; i < report.n_sections; i++) {
		require_section(&report.sections[i]);
		if (report.sections[i].body.at)
			require_inside(report.sections[i].body, text, n_bytes);
		if (report.sections[i].delta.at)
			require_inside(report.sections[i].delta, text, n_bytes);
	}
	for (size_t i = 0; i < report.n_events; i++) {
		require(report.events[i].seq > 0);
		require_inside(report.events[i].json, text, n_bytes);
		require_command(report.events[i].data, text, n_bytes);
	}
	return 0;
}
