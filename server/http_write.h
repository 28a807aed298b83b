/* SPDX-License-Identifier: Apache-2.0 */
/* http_write.h - the bytes of HTTP answers (RFC 9110, RFC 9112). mdm-server only. */
#ifndef MDM_SERVER_HTTP_WRITE_H
#define MDM_SERVER_HTTP_WRITE_H

#include "server/http.h"

/* Head and body, with the date of now. Errors stick to the buffer. */
void http_write_answer(const struct http_answer *answer, bool close, struct buf *out);

/* The body of a refusal: JSON with that code, or one line of text if code is NULL. */
void http_write_refusal(const char *code, const char *message, struct buf *out);

/* What http_head_parse() refused, for people. */
const char *http_status_message(int status);

#endif
