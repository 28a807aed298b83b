/* SPDX-License-Identifier: Apache-2.0 */
/* mounts_watch.c - when something was mounted; see mounts_watch.h. Enforcer only. */
#include "platform/mounts_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "agent/util/pace.h"

struct mounts_watch {
	sd_event_source *table, *timer;
	struct pace pace;
	mounts_changed_fn changed;
	void *userdata;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata);

/* While it waits nobody listens: what happens meanwhile is signalled when somebody does again. */
static void look(struct mounts_watch *w)
{
	int64_t now = now_ms();

	w->timer = sd_event_source_unref(w->timer);
	if (pace_take(&w->pace, now)) {
		(void)sd_event_source_set_enabled(w->table, SD_EVENT_ON);
		w->changed(w->userdata);
		return;
	}
	if (sd_event_add_time(sd_event_source_get_event(w->table), &w->timer, CLOCK_MONOTONIC,
		    (uint64_t)pace_next_ms(&w->pace, now) * 1000, 0, on_time, w) >= 0)
		(void)sd_event_source_set_enabled(w->table, SD_EVENT_OFF);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	look(userdata);
	return 0;
}

static int on_table(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct mounts_watch *w = userdata;

	(void)source;
	(void)fd;
	(void)events;
	pace_want(&w->pace);
	look(w);
	return 0;
}

int mounts_watch_new(sd_event *event, int fd, mounts_changed_fn changed, void *userdata,
	struct mounts_watch **ret_watch)
{
	_cleanup_(mounts_watch_freep) struct mounts_watch *w = calloc(1, sizeof(*w));
	_cleanup_close_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int r;

	if (!w || own < 0)
		return w ? -errno : -ENOMEM;
	w->pace = (struct pace){.burst = MOUNTS_WATCH_BURST, .every_ms = MOUNTS_WATCH_EVERY_MS};
	w->changed = changed;
	w->userdata = userdata;
	r = sd_event_add_io(event, &w->table, own, EPOLLPRI, on_table, w);
	if (r < 0)
		return r;
	(void)sd_event_source_set_io_fd_own(w->table, 1);
	TAKE_FD(own);
	*ret_watch = TAKE_PTR(w);
	return 0;
}

void mounts_watch_free(struct mounts_watch *w)
{
	if (!w)
		return;
	sd_event_source_unref(w->timer);
	sd_event_source_unref(w->table);
	free(w);
}
