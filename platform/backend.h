/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend.h - what backends share: answers that come from the loop, never from inside the call, and
 * observations filled in one line.
 */
#ifndef MDM_PLATFORM_BACKEND_H
#define MDM_PLATFORM_BACKEND_H

#include "platform/platform.h"

/* The one operation of a backend that is under way. */
struct backend_call {
	struct backend *backend;
	backend_done_fn done;
	void *userdata;
	sd_event_source *source;
	int r;
	char message[LIMIT_TEXT_BYTES + 1];
};

/* Remembers whom to answer. */
void backend_call_begin(
	struct backend_call *call, struct backend *backend, backend_done_fn done, void *userdata);

/* Answers in the next turn of the loop. r < 0 with a message for people. 0 or -errno. */
int backend_call_end(struct backend_call *call, int r, const char *message);

/* Answers now; for callers that are on the loop already. */
void backend_call_finish(struct backend_call *call, int r, const char *message);

/* Forgets the call without an answer. */
void backend_call_cancel(struct backend_call *call);

/* A backend with a zeroed state of that size. 0 or -ENOMEM. */
int backend_new(struct platform *platform, const struct backend_ops *ops, size_t n_state_bytes,
	struct backend **ret_backend);

/* Whether there is something at path, links followed inside the root. */
bool backend_file_exists(int root_fd, const char *path);

/* Writes text, cut to the size, always ended. */
void text_printf(char ret_text[LIMIT_TEXT_BYTES + 1], const char *format, ...) _printf_(2, 3);

/* Replaces the observation of a setting that the backend serves: a value in force, */
void backend_saw(struct backend *backend, enum setting_id id, int64_t number, bool enforced);
/* or why there is none. */
void backend_saw_none(struct backend *backend, enum setting_id id, enum compliance_state state,
	enum compliance_reason reason);

/* Appends to a detail, separated by "; ". */
void detail_add(char detail[LIMIT_TEXT_BYTES + 1], const char *text);

#endif
