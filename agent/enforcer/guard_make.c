/* SPDX-License-Identifier: Apache-2.0 */
/* guard_make.c - making the guard's table in turns of the loop, and anew when something changes;
 * see guard_host.h. Enforcer only. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/enforcer/guard_host_private.h"
#include "agent/util/fs.h"

static void host_build(struct guard_host *h);

void guard_make_stop(struct guard_host *h)
{
	guard_build_free(TAKE_PTR(h->build));
	h->step = sd_event_source_unref(h->step);
	h->settle = sd_event_source_unref(h->settle);
	h->again = false;
}

static void host_build_failed(struct guard_host *h, int error)
{
	guard_build_free(TAKE_PTR(h->build));
	h->step = sd_event_source_unref(h->step);
	snprintf(h->build_trouble, sizeof(h->build_trouble),
		"its table could not be made: %s; the one before serves", strerror(-error));
	log_error("guard: %s", h->build_trouble);
	guard_host_tell(h);
}

static int host_finish_build(struct guard_host *h)
{
	_cleanup_buf_ struct buf table = BUF_INIT;
	struct guard_counts counts;
	uint64_t generation;
	int fd, r = guard_build_finish(h->build, &table, &generation, &counts);

	if (r < 0)
		return r;
	fd = fs_memfd("mdm-guard-table", table.data, table.n_bytes);
	if (fd < 0)
		return fd;
	guard_build_free(TAKE_PTR(h->build));
	closep(&h->table_fd);
	h->table_fd = fd;
	h->generation = generation;
	h->table_mark = h->build_mark;
	h->counts = counts;
	memcpy(&h->settings, table.data, sizeof(h->settings));
	h->build_trouble[0] = 0;
	log_debug("guard: table of %zu bytes: %zu programs denied, %zu known, %zu paths",
		table.n_bytes, counts.n_denied, counts.n_allowed, counts.n_paths);
	/* It may be what the guard has already, from before a restart or by another policy. */
	guard_host_note_in_force(h, h->in_force);
	guard_host_send_table(h);
	guard_start(h);
	return 0;
}

static int host_on_step(sd_event_source *source, void *userdata)
{
	struct guard_host *h = userdata;
	int r = guard_build_step(h->build, GUARD_BUILD_STEP);

	(void)source;
	if (r > 0)
		return 0;
	h->step = sd_event_source_unref(h->step);
	if (r == 0)
		r = host_finish_build(h);
	if (r < 0)
		host_build_failed(h, r);
	if (h->again)
		host_build(h);
	return 0;
}

static void host_build(struct guard_host *h)
{
	int r;

	h->settle = sd_event_source_unref(h->settle);
	if (h->wish != WISH_GUARD || h->is_absent)
		return;
	if (h->build) {
		h->again = true;
		return;
	}
	h->again = false;
	h->build_mark = h->mark;
	r = guard_sources_build(h->sources, &h->build);
	if (r == 0)
		r = sd_event_add_defer(h->e->event, &h->step, host_on_step, h);
	/* Whatever else the loop has to do comes first. */
	if (r >= 0)
		r = sd_event_source_set_priority(h->step, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(h->step, SD_EVENT_ON);
	if (r < 0)
		host_build_failed(h, r);
}

static int host_on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	host_build(userdata);
	return 0;
}

void guard_make_later(struct guard_host *h, int64_t pause_ms)
{
	if (!h->settle)
		(void)sd_event_add_time(h->e->event, &h->settle, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + pause_ms * 1000), 50000, host_on_settle,
			h);
}
