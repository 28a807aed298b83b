/* SPDX-License-Identifier: Apache-2.0 */
/* remote_sessions.c - see remote_sessions.h. Enforcer only. */
#include "platform/remote_sessions.h"

#include "agent/util/mem.h"
#include "platform/session_list.h"

struct remote_sessions {
	struct remote_sessions **slot;
	struct session_list list;
};

void remote_sessions_free(struct remote_sessions *remote)
{
	if (!remote)
		return;
	*remote->slot = NULL;
	session_list_close(&remote->list);
	free(remote);
}

static void end_one(struct session_list *list, const struct session_row *row)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (!row->known || !row->remote || !session_is_of_user(row))
		return;
	if (sd_bus_message_new_method_call(list->bus, &m, list->owner, LOGIN_PATH, LOGIN_MANAGER,
		    "TerminateSession") >= 0 &&
		sd_bus_message_append(m, "s", row->id) >= 0)
		(void)sd_bus_send(list->bus, m, NULL);
}

static void on_change(struct session_list *list, void *userdata)
{
	if (!list->listed || session_list_is_reading(list))
		return;
	for (size_t i = 0; i < list->n_rows; i++)
		end_one(list, list->rows[i]);
	remote_sessions_free(userdata);
}

static void on_failure(
	struct session_list *list, enum session_result result, const char *detail, void *userdata)
{
	(void)list;
	(void)result;
	(void)detail;
	remote_sessions_free(userdata);
}

void remote_sessions_end(struct platform *platform, struct remote_sessions **slot)
{
	struct remote_sessions *remote = calloc(1, sizeof(*remote));
	char detail[LIMIT_TEXT_BYTES + 1];

	remote_sessions_free(*slot);
	if (!remote)
		return;
	remote->slot = slot;
	remote->list = (struct session_list){
		.changed = on_change, .failed = on_failure, .userdata = remote};
	if (session_list_open(&remote->list, platform, detail) != SESSION_DONE) {
		free(remote);
		return;
	}
	*slot = remote;
}
