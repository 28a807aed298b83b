/* SPDX-License-Identifier: Apache-2.0 */
/* backend.c - what backends share; see backend.h. Enforcer only. */
#include "platform/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/fs.h"

int backend_new(struct platform *platform, const struct backend_ops *ops, size_t n_state_bytes,
	struct backend **ret_backend)
{
	struct observation *next;
	struct backend *backend;
	size_t n_served = 0;
	void *state;

	for (size_t i = 0; i < SETTING_MAX; i++)
		n_served += ops->serves[i];
	/* Nearly all serve few settings of many, and an observation has room for texts. */
	backend = calloc(1, sizeof(*backend) + n_served * sizeof(*next));
	state = calloc(1, n_state_bytes);
	if (!backend || !state) {
		free(backend);
		free(state);
		return -ENOMEM;
	}
	backend->ops = ops;
	backend->platform = platform;
	backend->state = state;
	next = backend->served;
	for (size_t i = 0; i < SETTING_MAX; i++)
		if (ops->serves[i])
			backend->observations[i] = next++;
	*ret_backend = backend;
	return 0;
}

bool backend_file_exists(int root_fd, const char *path)
{
	_cleanup_close_ int fd = fs_open_in_root(root_fd, path, O_PATH);

	return fd >= 0;
}

void backend_call_begin(
	struct backend_call *call, struct backend *backend, backend_done_fn done, void *userdata)
{
	call->backend = backend;
	call->done = done;
	call->userdata = userdata;
}

void backend_call_finish(struct backend_call *call, int r, const char *message)
{
	backend_done_fn done = call->done;

	/* done may start the next call, or free the backend. */
	call->done = NULL;
	done(call->backend, r, message, call->userdata);
}

static int backend_call_on_loop(sd_event_source *source, void *userdata)
{
	struct backend_call *call = userdata;
	char message[sizeof(call->message)];

	(void)source;
	call->source = sd_event_source_unref(call->source);
	memcpy(message, call->message, sizeof(message));
	backend_call_finish(call, call->r, message);
	return 0;
}

int backend_call_end(struct backend_call *call, int r, const char *message)
{
	call->r = r;
	text_printf(call->message, "%s", message);
	return sd_event_add_defer(
		call->backend->platform->event, &call->source, backend_call_on_loop, call);
}

void backend_call_cancel(struct backend_call *call)
{
	call->source = sd_event_source_unref(call->source);
	call->done = NULL;
}

void text_printf(char ret_text[LIMIT_TEXT_BYTES + 1], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_text, LIMIT_TEXT_BYTES + 1, format, args);
	va_end(args);
}

void backend_saw(struct backend *backend, enum setting_id id, int64_t number, bool enforced)
{
	struct observation *o = backend->observations[id];

	observation_done(o);
	*o = (struct observation){
		.state = COMPLIANCE_COMPLIANT,
		.reason = REASON_NONE,
		.has_value = true,
		.value = {.type = setting_row(id)->type, .number = number},
		.enforced = enforced,
	};
}

void backend_saw_none(struct backend *backend, enum setting_id id, enum compliance_state state,
	enum compliance_reason reason)
{
	struct observation *o = backend->observations[id];

	observation_done(o);
	*o = (struct observation){.state = state, .reason = reason};
}

void detail_add(char detail[LIMIT_TEXT_BYTES + 1], const char *text)
{
	size_t n = strlen(detail);

	snprintf(detail + n, LIMIT_TEXT_BYTES + 1 - n, "%s%s", n ? "; " : "", text);
}
