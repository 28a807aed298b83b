/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.h - a marked block of lines in a text file whose comments begin with '#': put in and taken
 * out again so that every other byte stays as it was. Pure. For derive and strip of overrides.
 */
#ifndef MDM_PLATFORM_BLOCK_H
#define MDM_PLATFORM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"

/*
 * Appends original with a block of the given lines (each ended by LF) at offset, which is the start
 * of a line or the end of the file. original NULL: there is no file, the block is all.
 */
void block_insert(
	const char *original, size_t n_bytes, size_t offset, const char *lines, struct buf *out);

struct block_found {
	bool any;	   /* a block was there */
	bool new_file;	   /* the block says that there was no file */
	const char *lines; /* inside text: what is between the marks of the last block */
	size_t n_lines_bytes;
};

/* Appends text without any block of ours. A block without its end reaches to the end of the file.
 */
void block_strip(const char *text, size_t n_bytes, struct buf *out, struct block_found *ret_found);

#endif
