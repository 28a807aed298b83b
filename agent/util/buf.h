/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - a growing byte buffer with a sticky error, so that a chain of appends is checked once.
 */
#ifndef MDM_UTIL_BUF_H
#define MDM_UTIL_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/mem.h"

struct buf {
	char *data;	/* NUL-terminated once anything was appended */
	size_t n_bytes; /* without the NUL */
	size_t capacity;
	size_t max_bytes; /* 0: no limit */
	int error;	  /* first failure: -ENOMEM, -EFBIG; later appends do nothing */
};

#define BUF_INIT                                                                                   \
	(struct buf)                                                                               \
	{                                                                                          \
		0                                                                                  \
	}

void buf_done(struct buf *b);
void buf_append(struct buf *b, const void *data, size_t n_bytes);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) _printf_(2, 3);
void buf_reset(struct buf *b); /* empties it, keeps the memory and clears the error */

/*
 * Hands the bytes over to the caller (free() them). Returns 0, or the sticky error with the
 * outputs untouched. The data is never NULL on success.
 */
int buf_take(struct buf *b, char **ret_data, size_t *ret_n_bytes);

#define _cleanup_buf_ _cleanup_(buf_done)

#endif
