/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents_destroy.c - which policies may destroy; see documents_private.h. Enforcer only.
 *
 * Who has to sign is asked when a policy comes. An agent that did not know an action took the
 * policy that has it without asking, and the next version, which knows it, reads it back. So what
 * was asked for is on record, and an action without it and without the signatures is not done.
 *
 * "destroying": a version line, "STREAM SHA256" of each payload, a SHA-256 line.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/documents_private.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/log.h"

#define DESTROYING_FILE "destroying"
#define DESTROYING_VERSION "mdm-agent-destroying 1"

struct reading {
	const char *stream;
	char hex[2 * SHA256_BYTES + 1]; /* of that stream; "": none */
	struct buf *others;		/* the lines of all others; or NULL */
};

static int take_line(char *line, void *userdata)
{
	struct reading *reading = userdata;
	uint8_t digest[SHA256_BYTES];
	char *hex = strchr(line, ' ');

	if (!hex)
		return -EBADMSG;
	*hex++ = 0;
	if (!name_is_valid(line) || hex_decode(hex, digest, sizeof(digest)) < 0)
		return -EBADMSG;
	if (strcmp(line, reading->stream) == 0)
		memcpy(reading->hex, hex, sizeof(reading->hex));
	else if (reading->others)
		buf_printf(reading->others, "%s %s\n", line, hex);
	return 0;
}

/* 0, also where there is none; -errno. */
static int read_file(const struct documents *d, struct reading *reading)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(d->state->dir_fd, DESTROYING_FILE, LIMIT_STATE_BYTES, &text, &n);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : state_text_parse(text, n, DESTROYING_VERSION, take_line, reading);
}

int documents_note_destroyer(
	struct documents *d, const char *stream, const uint8_t payload_sha256[SHA256_BYTES])
{
	_cleanup_buf_ struct buf others = {.max_bytes = LIMIT_STATE_BYTES},
				 text = {.max_bytes = LIMIT_STATE_BYTES};
	struct reading reading = {.stream = stream, .others = &others};
	char hex[2 * SHA256_BYTES + 1];
	int r;

	hex_encode(payload_sha256, SHA256_BYTES, hex);
	/* One that is damaged says nothing of anybody. */
	if (read_file(d, &reading) < 0)
		buf_reset(&others);
	else if (strcmp(reading.hex, hex) == 0)
		return 0;
	buf_puts(&text, DESTROYING_VERSION "\n");
	buf_append(&text, others.data, others.n_bytes);
	buf_printf(&text, "%s %s\n", stream, hex);
	r = others.error < 0 ? others.error : state_text_close(&text);
	return r < 0 ? r : state_write(d->state, DESTROYING_FILE, text.data, text.n_bytes);
}

void documents_disarm(
	const struct documents *d, const struct document *document, struct policy *policy)
{
	struct reading reading = {.stream = policy->stream};
	char hex[2 * SHA256_BYTES + 1];
	size_t n;

	if (!policy_destroys(policy) || document_satisfies(document, d->keyset, TRUST_ROLE_DESTROY))
		return;
	hex_encode(document->payload_sha256, SHA256_BYTES, hex);
	if (read_file(d, &reading) == 0 && strcmp(reading.hex, hex) == 0)
		return;
	n = policy_disarm(policy);
	if (n)
		log_error("policy %s: %zu actions that destroy are not done: nobody with the role "
			  "destroy was asked for when it was taken; sign it once more, with a new "
			  "serial",
			policy->stream, n);
}
