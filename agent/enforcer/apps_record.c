/* SPDX-License-Identifier: Apache-2.0 */
/* apps_record.c - the record of what the phone came with; see apps_record.h. Enforcer. */
#include "agent/enforcer/apps_record.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"

#define RECORD_LINE "mdm-agent-base 1"

/* Names, one after the other, and where the one before begins. */
struct record_names {
	struct buf *lines;
	size_t n_names, last, n_last;
};

/* No space: the line of the digest has one. */
static bool record_takes(const struct record_names *names, const char *name, size_t n)
{
	int order = -1;

	if (n == 0 || n > LIMIT_TEXT_BYTES || memchr(name, ' ', n) || !text_is_valid(name, n) ||
		names->n_names == LIMIT_APK_PACKAGES)
		return false;
	if (names->n_names) {
		order = memcmp(names->lines->data + names->last, name,
			names->n_last < n ? names->n_last : n);
		order = order ? order : names->n_last < n ? -1 : 1;
	}
	return order < 0;
}

static int record_add(struct record_names *names, const char *name, size_t n)
{
	size_t begin = names->lines->n_bytes;

	if (!record_takes(names, name, n))
		return -EBADMSG;
	buf_append(names->lines, name, n);
	buf_append(names->lines, "\n", 1);
	names->last = begin;
	names->n_last = n;
	names->n_names++;
	return names->lines->error;
}

static int record_take(char *line, void *userdata)
{
	return record_add(userdata, line, strlen(line));
}

int apps_record_write(const char *lines, size_t n_bytes, struct buf *out)
{
	_cleanup_buf_ struct buf checked = BUF_INIT;
	struct record_names names = {.lines = &checked};
	const char *at = lines, *end = lines + n_bytes;
	int r = 0;

	while (r == 0 && at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (!stop)
			return -EINVAL;
		r = record_add(&names, at, (size_t)(stop - at));
		at = stop + 1;
	}
	if (r < 0)
		return r == -EBADMSG ? -EINVAL : r;
	buf_puts(out, RECORD_LINE "\n");
	buf_append(out, checked.data ? checked.data : "", checked.n_bytes);
	return state_text_close(out);
}

int apps_record_parse(const char *text, size_t n_bytes, struct buf *ret_lines)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	struct record_names names = {.lines = &lines};
	int r = state_text_parse(text, n_bytes, RECORD_LINE, record_take, &names);

	if (r < 0)
		return r;
	buf_append(&lines, "", 0);
	if (lines.error)
		return lines.error;
	*ret_lines = lines;
	lines = BUF_INIT;
	return 0;
}

size_t apps_record_count(const struct buf *lines)
{
	size_t n = 0;

	for (size_t i = 0; i < lines->n_bytes; i++)
		n += lines->data[i] == '\n';
	return n;
}

int apps_record_load(const struct state *state, struct buf *ret_lines)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(state->dir_fd, APPS_RECORD_FILE, LIMIT_STATE_BYTES, &text, &n);

	if (r == 0)
		r = apps_record_parse(text, n, ret_lines);
	return r == -EFBIG ? -EBADMSG : r;
}

int apps_record_save(struct state *state, const struct buf *lines)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	int r = apps_record_write(lines->data ? lines->data : "", lines->n_bytes, &text);

	return r < 0 ? r : state_write(state, APPS_RECORD_FILE, text.data, text.n_bytes);
}
