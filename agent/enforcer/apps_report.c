/* SPDX-License-Identifier: Apache-2.0 */
/* apps_report.c - the report's section "apps", and what the server has of it; see apps_report.h.
 * Enforcer. */
#include "agent/enforcer/apps_report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/apps_private.h"
#include "agent/util/fs.h"

static int report_apps_read(struct enforcer *e, struct apps_section *ret_section)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(e->state.dir_fd, APPS_REPORT_FILE, LIMIT_STATE_BYTES, &text, &n);

	return r < 0 ? r : apps_section_load(text, n, ret_section);
}

void apps_report_load(struct enforcer *e)
{
	_cleanup_apps_section_ struct apps_section held = {0};

	/* Damaged or missing: all of it is sent once more. */
	if (report_apps_read(e, &held) == 0)
		memcpy(e->report.acked[REPORT_APPS], held.digest, sizeof(held.digest));
}

static int report_apps_make(const struct apps_view *view, struct apps_section *ret_section)
{
	_cleanup_free_ struct apps_entry *entries =
		calloc(view->list->n_apps + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < view->list->n_apps; i++)
		entries[i] = (struct apps_entry){&view->list->apps[i], view->list->uids[i]};
	return apps_section_make(&view->about, entries, view->list->n_apps, ret_section);
}

void apps_report_write(struct enforcer *e, struct jsonw *w)
{
	struct apps_view view;
	int r;

	if (!apps_inventory_view(e, &view))
		return;
	apps_section_done(&e->apps->sent);
	r = report_apps_make(&view, &e->apps->sent);
	if (r == 0)
		apps_section_write(&e->apps->sent, w->out);
	else if (!w->out->error)
		w->out->error = r;
}

bool apps_report_write_delta(struct enforcer *e, size_t n_whole, struct buf *out)
{
	_cleanup_apps_section_ struct apps_section held = {0};

	if (!e->apps || !e->apps->sent.text.data || !e->report.acked[REPORT_APPS][0] ||
		report_apps_read(e, &held) < 0 ||
		strcmp(held.digest, e->report.acked[REPORT_APPS]) != 0)
		return false;
	apps_section_write_delta(&held, &e->apps->sent, out);
	if (out->error || out->n_bytes >= n_whole) {
		buf_reset(out);
		return false;
	}
	return true;
}

bool apps_report_waits(const struct enforcer *e)
{
	return e->apps && !e->apps->searched_at_us;
}

/* Whether the file says what the server has: its digest is the one of that text. */
static void report_apps_store(struct enforcer *e, const struct apps_section *section)
{
	_cleanup_apps_section_ struct apps_section held = {0};
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	int r;

	if (report_apps_read(e, &held) == 0 && strcmp(held.digest, section->digest) == 0)
		return;
	r = apps_section_save(section, &text);
	if (r == 0)
		r = fs_make_dirs(e->state.dir_fd, ENFORCER_REPORTS, 0700);
	if (r == 0)
		r = enforcer_note_written(
			e, state_write(&e->state, APPS_REPORT_FILE, text.data, text.n_bytes));
	/* What it says is no longer so. */
	if (r < 0)
		(void)fs_remove(e->state.dir_fd, APPS_REPORT_FILE);
}

void apps_report_settle(struct enforcer *e)
{
	const char *acked = e->report.acked[REPORT_APPS];
	struct stat st;

	if (!e->apps || !e->apps->sent.text.data)
		return;
	if (strcmp(acked, e->apps->sent.digest) == 0)
		report_apps_store(e, &e->apps->sent);
	else if (!*acked &&
		 fstatat(e->state.dir_fd, APPS_REPORT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		/* The server has asked for all of it. */
		(void)fs_remove(e->state.dir_fd, APPS_REPORT_FILE);
	apps_section_done(&e->apps->sent);
}
