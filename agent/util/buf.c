/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - a growing byte buffer; see buf.h. Any role. */
#include "agent/util/buf.h"

#include <errno.h>
#include <string.h>

void buf_done(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT;
}

static int buf_reserve(struct buf *b, size_t n_more)
{
	size_t need, capacity;
	char *data;

	if (b->error)
		return b->error;
	if (__builtin_add_overflow(b->n_bytes, n_more, &need) || need > SIZE_MAX / 4)
		return b->error = -ENOMEM;
	if (b->max_bytes && need > b->max_bytes)
		return b->error = -EFBIG;
	if (need + 1 <= b->capacity)
		return 0;
	capacity = b->capacity ? b->capacity : 256;
	while (capacity < need + 1)
		capacity *= 2;
	data = realloc(b->data, capacity);
	if (!data)
		return b->error = -ENOMEM;
	b->data = data;
	b->capacity = capacity;
	return 0;
}

void buf_append(struct buf *b, const void *data, size_t n_bytes)
{
	if (buf_reserve(b, n_bytes) < 0)
		return;
	if (n_bytes)
		memcpy(b->data + b->n_bytes, data, n_bytes);
	b->n_bytes += n_bytes;
	b->data[b->n_bytes] = 0;
}

void buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		b->error = b->error ? b->error : -EINVAL;
		return;
	}
	if (buf_reserve(b, (size_t)n) < 0)
		return;
	va_start(args, format);
	vsnprintf(b->data + b->n_bytes, (size_t)n + 1, format, args);
	va_end(args);
	b->n_bytes += (size_t)n;
}

void buf_reset(struct buf *b)
{
	b->n_bytes = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = 0;
}

int buf_take(struct buf *b, char **ret_data, size_t *ret_n_bytes)
{
	buf_append(b, "", 0);
	if (b->error)
		return b->error;
	*ret_data = TAKE_PTR(b->data);
	if (ret_n_bytes)
		*ret_n_bytes = b->n_bytes;
	*b = BUF_INIT;
	return 0;
}
