/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_text.h - the text of state files: a version line, lines, and a SHA-256 line over all that
 * stands before it. Of them, "facts" and "serials" are read and written here, for state.c. Pure.
 */
#ifndef MDM_ENFORCER_STATE_TEXT_H
#define MDM_ENFORCER_STATE_TEXT_H

#include "agent/enforcer/state.h"
#include "agent/util/buf.h"

/* Appends the SHA-256 line. 0 or what stopped it: -ENOMEM, -EFBIG, -EIO. */
int state_text_close(struct buf *out);
/*
 * Checks version line and digest; calls take for each line between (without its end, the caller's
 * to change). 0, -EBADMSG, -EIO, or the negative value that take returned.
 */
int state_text_parse(const char *text, size_t n_bytes, const char *version,
	int (*take)(char *line, void *userdata), void *userdata);

/* What a phone that was never enrolled knows. */
void state_facts_init(struct state_facts *facts);

/* 0, -EBADMSG (damaged), -ENOMEM, -EIO (no SHA-256). Names that a newer agent wrote are skipped. */
int state_facts_parse(const char *text, size_t n_bytes, struct state_facts *ret_facts);
/* -EINVAL if the facts could not be read back. */
int state_facts_write(const struct state_facts *facts, struct buf *out);

/* The array is the caller's. Same returns. */
int state_serials_parse(
	const char *text, size_t n_bytes, struct state_serial **ret_serials, size_t *ret_n_serials);
int state_serials_write(const struct state_serial *serials, size_t n_serials, struct buf *out);

bool state_document_name_is_valid(const char *name);
bool state_serial_is_valid(const struct state_serial *serial);

#endif
