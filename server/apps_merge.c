/* SPDX-License-Identifier: Apache-2.0 */
/* apps_merge.c - what a phone says has changed, put into what is held; see apps_merge.h. Pure;
 * mdm-server only. */
#include "server/apps_merge.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "server/bounds.h"

/* Of the phone's own limit on apps and what they are besides; a walk is never longer. */
#define MERGE_LINES_MAX (LIMIT_APPS + LIMIT_APPS_FOUND)

int apps_delta_from(struct span delta, char ret_digest[APPS_DIGEST_LENGTH + 1])
{
	char digest[APPS_DIGEST_LENGTH + 1];
	struct span value;

	if (!json_is_object(delta) || json_member(delta, "from", &value) < 0 ||
		json_string(value, digest, sizeof(digest)) < 0 ||
		!hex_is_valid(digest, APPS_DIGEST_LENGTH / 2))
		return -EBADMSG;
	memcpy(ret_digest, digest, sizeof(digest));
	return 0;
}

/* A member that has to be there and be an array, to be walked through. */
static int merge_walk(struct span object, const char *name, struct json_walk *ret_walk)
{
	struct span value;

	if (json_member(object, name, &value) < 0 || !json_is_array(value) ||
		!json_walk_begin(value, ret_walk))
		return -EBADMSG;
	return 0;
}

/* The next line of a list, which is an object; .at NULL behind the last. */
static int merge_line(struct json_walk *walk, size_t *n_lines, struct span *ret_line)
{
	struct span key;

	if (!json_walk_next(walk, &key, ret_line)) {
		*ret_line = (struct span){0};
		return 0;
	}
	return ++*n_lines > MERGE_LINES_MAX || !json_is_object(*ret_line) ? -EBADMSG : 0;
}

/* The next number of those that go; -1 behind the last. They ascend. */
static int merge_gone(struct json_walk *walk, int64_t *number)
{
	int64_t before = *number;
	struct span key, value;

	if (!json_walk_next(walk, &key, &value)) {
		*number = -1;
		return 0;
	}
	return json_integer(value, before + 1, MERGE_LINES_MAX, number);
}

static int merge_compare(struct span a, struct span b)
{
	int order = memcmp(a.at, b.at, a.n < b.n ? a.n : b.n);

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static void merge_append(struct buf *out, struct span line, bool *comma)
{
	if (*comma)
		buf_puts(out, ",");
	*comma = true;
	buf_append(out, line.at, line.n);
}

/* The lists, while they are walked through together. */
struct merge {
	struct json_walk held, gone, put;
	size_t n_held, n_put;
	int64_t number; /* the next line of those held that goes; -1: none */
	struct span held_line, put_line;
};

/* Past the lines that go. */
static int merge_next_held(struct merge *m)
{
	int r;

	for (;;) {
		r = merge_line(&m->held, &m->n_held, &m->held_line);
		if (r < 0 || !m->held_line.at || m->number != (int64_t)m->n_held - 1)
			return r;
		r = merge_gone(&m->gone, &m->number);
		if (r < 0)
			return r;
	}
}

static int merge_lists(struct merge *m, struct buf *out)
{
	bool comma = false;
	int r = merge_next_held(m);

	if (r == 0)
		r = merge_line(&m->put, &m->n_put, &m->put_line);
	while (r == 0 && (m->held_line.at || m->put_line.at)) {
		bool held = !m->put_line.at ||
			    (m->held_line.at && merge_compare(m->held_line, m->put_line) <= 0);

		merge_append(out, held ? m->held_line : m->put_line, &comma);
		r = held ? merge_next_held(m) : merge_line(&m->put, &m->n_put, &m->put_line);
	}
	/* A line that goes has to be there. */
	return r == 0 && m->number >= 0 ? -EBADMSG : r;
}

int apps_merge(struct span held, struct span delta, struct buf *out)
{
	struct merge m = {.number = -1};
	struct span about;
	int r = merge_walk(held, "apps", &m.held);

	if (r == 0)
		r = merge_walk(delta, "gone", &m.gone);
	if (r == 0)
		r = merge_walk(delta, "put", &m.put);
	if (r == 0 && (json_member(delta, "about", &about) < 0 || !json_is_object(about)))
		r = -EBADMSG;
	if (r == 0)
		r = merge_gone(&m.gone, &m.number);
	if (r < 0)
		return r;
	out->max_bytes = LIMIT_REPORT_BYTES;
	buf_puts(out, "{\"v\":1,\"about\":");
	buf_append(out, about.at, about.n);
	buf_puts(out, ",\"apps\":[");
	r = merge_lists(&m, out);
	buf_puts(out, "]}");
	return r < 0 ? r : out->error;
}

int apps_update(
	const struct apps_held *held, const char *digest, struct span delta, struct buf *out)
{
	char from[APPS_DIGEST_LENGTH + 1], text[2 * SHA256_BYTES + 1];
	uint8_t made[SHA256_BYTES];
	struct span body;
	int r = apps_delta_from(delta, from);

	/* The store is this program's own, and yet: what is walked through was checked. */
	if (r == 0 && (strcmp(from, held->digest) != 0 ||
			      json_check(held->body.at, held->body.n, &body) < 0))
		r = -EBADMSG;
	if (r == 0)
		r = apps_merge(body, delta, out);
	if (r < 0)
		return r == -EFBIG ? -EBADMSG : r;
	if (sha256(out->data, out->n_bytes, made) < 0)
		return -EIO;
	hex_encode(made, sizeof(made), text);
	return memcmp(text, digest, APPS_DIGEST_LENGTH) == 0 ? 0 : -EBADMSG;
}
