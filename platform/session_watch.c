/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_watch.c - who is in front of the screen, as long as somebody wants to know; see
 * session.h. Keeps a connection to the system bus, which says something when sessions come and go
 * and nothing otherwise. Enforcer only.
 */
#include <errno.h>

#include "platform/session_list.h"

struct session_watch {
	struct session_list list;
	session_watch_fn tell;
	void *userdata;
	sd_bus_slot *user; /* the group is being asked for */
	uint32_t uid;	   /* last told, or being asked for */
	bool told;
};

static void watch_tell(struct session_watch *w, uint32_t uid, uint32_t gid)
{
	w->told = true;
	w->tell(uid, gid, false, w->userdata);
}

static int watch_on_gid(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct session_watch *w = userdata;
	uint32_t gid = 0;

	(void)ret_error;
	w->user = sd_bus_slot_unref(w->user);
	if (sd_bus_message_get_error(m) || !session_list_is_from(&w->list, m) ||
		sd_bus_message_read(m, "v", "u", &gid) < 0 || gid == 0) {
		w->uid = 0;
		watch_tell(w, 0, 0);
	} else {
		watch_tell(w, w->uid, gid);
	}
	return 0;
}

static void watch_changed(struct session_list *list, void *userdata)
{
	struct session_watch *w = userdata;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	const struct session_row *row;
	uint32_t uid;
	int r;

	if (!list->listed || session_list_is_reading(list))
		return;
	row = session_list_front(list);
	uid = row ? row->uid : 0;
	if (uid == w->uid && (w->told || w->user))
		return;
	w->user = sd_bus_slot_unref(w->user);
	w->uid = uid;
	if (uid == 0) {
		watch_tell(w, 0, 0);
		return;
	}
	r = sd_bus_message_new_method_call(list->bus, &m, LOGIN_NAME, row->user_path,
		"org.freedesktop.DBus.Properties", "Get");
	if (r >= 0)
		r = sd_bus_message_append(m, "ss", LOGIN_USER, "GID");
	if (r >= 0)
		r = sd_bus_call_async(list->bus, &w->user, m, watch_on_gid, w, LOGIN_TIMEOUT_US);
	if (r < 0) {
		w->uid = 0;
		watch_tell(w, 0, 0);
	}
}

static void watch_failed(
	struct session_list *list, enum session_result result, const char *detail, void *userdata)
{
	struct session_watch *w = userdata;

	(void)list;
	(void)result;
	(void)detail;
	w->tell(0, 0, true, w->userdata);
}

int session_watch_new(struct platform *platform, session_watch_fn tell, void *userdata,
	struct session_watch **ret_watch)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	struct session_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->tell = tell;
	w->userdata = userdata;
	w->list.changed = watch_changed;
	w->list.failed = watch_failed;
	w->list.userdata = w;
	if (session_list_open(&w->list, platform, detail) != SESSION_DONE) {
		free(w);
		return -ENOENT;
	}
	*ret_watch = w;
	return 0;
}

void session_watch_free(struct session_watch *w)
{
	if (!w)
		return;
	sd_bus_slot_unref(w->user);
	session_list_close(&w->list);
	free(w);
}
