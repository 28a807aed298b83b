/* SPDX-License-Identifier: Apache-2.0 */
/* apps_inventory.c - which apps this phone has; see apps_inventory.h. Enforcer, root. */
#include "agent/enforcer/apps_inventory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/apps_private.h"
#include "agent/enforcer/apps_record.h"
#include "agent/enforcer/apps_report.h"
#include "agent/enforcer/apps_work_private.h"
#include "agent/util/account.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"
#include "policies/apps_base.h"

/* Package managers change several files, one after the other. */
#define LOOK_AFTER_US (1 * USEC_PER_SEC)
#define LOOK_DISTANCE_US (5 * USEC_PER_SEC)
#define SEARCH_EVERY_US (6 * 3600 * USEC_PER_SEC)
#define SEARCH_DELAY_US (60 * USEC_PER_SEC)
#define BOOT_ENDS_US (600 * USEC_PER_SEC)
#define SEARCH_STEP 128 /* names; less than a millisecond */
#define TOLD_AN_HOUR 12
#define TOLD_NAMES 16 /* in one record; the others are counted */
#define TOLD_BYTES (LIMIT_JOURNAL_RECORD_BYTES - 256)

static const char *const manager_names[APPS_MANAGER_MAX] = {
	[APPS_MANAGER_APK] = "apk",
	[APPS_MANAGER_NONE] = "none",
	[APPS_MANAGER_IMMUTABLE] = "immutable",
	[APPS_MANAGER_UNREADABLE] = "unreadable",
};

/* --- the record of the base -------------------------------------------------------------- */

static void base_journal(struct apps_inventory *inventory, const char *cause, size_t n)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", "base");
	jsonw_string(&w, "cause", cause);
	jsonw_int(&w, "packages", (int64_t)n);
	jsonw_object_end(&w);
	enforcer_journal(inventory->e, JOURNAL_APP, &payload);
}

static int base_store(struct apps_inventory *inventory, struct buf *lines)
{
	struct enforcer *e = inventory->e;
	int r = enforcer_note_written(e, apps_record_save(&e->state, lines));

	buf_done(&inventory->unsaved_base);
	inventory->unsaved_base = BUF_INIT;
	if (r == 0)
		return 0;
	/* It must not be another one every time that somebody asks. */
	buf_append(&inventory->unsaved_base, lines->data ? lines->data : "", lines->n_bytes);
	return inventory->unsaved_base.error;
}

/*
 * Whether what is there can be what the phone came with, for good: of half a database, or without a
 * world, the user interface would be no part of it, and be removed as an app some day.
 */
static bool is_whole(const struct apps_snapshot *snapshot)
{
	return snapshot->manager == APPS_MANAGER_APK && snapshot->db.n_packages > 0 &&
	       snapshot->db.n_malformed == 0 && snapshot->world.n > 0;
}

/* -EAGAIN: the packages cannot be read now, or there are none. */
static int base_make(struct apps_inventory *inventory, const char *cause, struct buf *ret_lines)
{
	_cleanup_(apps_snapshot_freep) struct apps_snapshot *snapshot = NULL;
	struct apps_request request = {.root_fd = inventory->e->sysroot_fd};
	_cleanup_buf_ struct buf lines = BUF_INIT;
	int r = apps_collect(&request, &snapshot);

	if (r < 0)
		return r;
	if (!is_whole(snapshot))
		return -EAGAIN;
	r = apps_base_make(&snapshot->db, snapshot->world, app_is_protected, &lines);
	if (r == 0)
		r = base_store(inventory, &lines);
	if (r < 0)
		return r;
	base_journal(inventory, cause, apps_record_count(&lines));
	*ret_lines = lines;
	lines = BUF_INIT;
	return 0;
}

static int base_get(struct apps_inventory *inventory, const char *cause, struct buf *ret_lines)
{
	struct enforcer *e = inventory->e;
	int r = apps_record_load(&e->state, ret_lines);

	if ((r == -ENOENT || r == -EBADMSG) && inventory->unsaved_base.n_bytes) {
		buf_append(
			ret_lines, inventory->unsaved_base.data, inventory->unsaved_base.n_bytes);
		return ret_lines->error;
	}
	if (r == -EBADMSG) {
		log_warning("%s in %s was damaged; what the phone came with is worked out anew",
			APPS_RECORD_FILE, e->options.state_dir);
		state_keep_broken(&e->state, APPS_RECORD_FILE, APPS_RECORD_BROKEN);
		return base_make(inventory, "damaged", ret_lines);
	}
	return r == -ENOENT ? base_make(inventory, cause, ret_lines) : r;
}

static int known_base(char **ret_lines, size_t *ret_n_bytes, void *userdata)
{
	struct apps_inventory *inventory = userdata;
	_cleanup_buf_ struct buf lines = BUF_INIT;
	int r;

	if (!inventory->e->state.facts.enrolled)
		return -ENOENT;
	r = base_get(inventory, "missing", &lines);
	if (r < 0)
		return r == -EAGAIN ? -ENOENT : r;
	return buf_take(&lines, ret_lines, ret_n_bytes);
}

/* --- what came and went ------------------------------------------------------------------ */

struct told {
	struct buf appeared, gone;
	struct jsonw w_appeared, w_gone;
	size_t n, n_more;
};

/* A record that is too large would not be written at all; a character takes six bytes at most. */
static bool told_has_room(const struct told *told, const char *name)
{
	return told->n < TOLD_NAMES &&
	       told->appeared.n_bytes + told->gone.n_bytes + 6 * strlen(name) <= TOLD_BYTES;
}

static void told_add(const struct app *app, bool appeared, void *userdata)
{
	struct told *told = userdata;
	const char *name = strrchr(app->name, '/');

	/* Of a program in a home its name, and not where. */
	name = app->kind == APP_FILE && name ? name + 1 : app->name;
	if (!told_has_room(told, name)) {
		told->n_more++;
		return;
	}
	told->n++;
	jsonw_string(appeared ? &told->w_appeared : &told->w_gone, NULL, name);
}

static void told_done(struct told *told)
{
	buf_done(&told->appeared);
	buf_done(&told->gone);
}

static void told_journal(struct apps_inventory *inventory, struct told *told)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	buf_append(&told->appeared, "", 0);
	buf_append(&told->gone, "", 0);
	if (told->appeared.error || told->gone.error)
		return;
	jsonw_object(&w, NULL);
	jsonw_array(&w, "appeared");
	buf_append(&payload, told->appeared.data, told->appeared.n_bytes);
	jsonw_array_end(&w);
	jsonw_array(&w, "gone");
	buf_append(&payload, told->gone.data, told->gone.n_bytes);
	jsonw_array_end(&w);
	if (told->n_more)
		jsonw_int(&w, "more", (int64_t)told->n_more);
	jsonw_object_end(&w);
	enforcer_journal(inventory->e, JOURNAL_APP_FOUND, &payload);
}

/* Whoever installs and removes all day does not fill the journal. */
static bool told_may(struct apps_inventory *inventory)
{
	int64_t now_us = clock_boottime_us();

	if (!inventory->n_told || now_us - inventory->hour_at_us >= 3600 * USEC_PER_SEC) {
		inventory->hour_at_us = now_us;
		inventory->n_told = 0;
	}
	return inventory->n_told < TOLD_AN_HOUR;
}

static void before_drop(struct apps_inventory *inventory)
{
	apps_list_done(&inventory->before);
	inventory->has_before = false;
}

/* list: what was seen now, which takes the place of what was seen before. */
static void inventory_replace(struct apps_inventory *inventory, struct apps_list *list)
{
	_cleanup_(told_done) struct told told = {.n = 0};

	told.w_appeared = JSONW_INIT(&told.appeared);
	told.w_gone = JSONW_INIT(&told.gone);
	if (!inventory->has_looked || inventory->is_acting || inventory->is_silent) {
		before_drop(inventory);
		apps_list_done(&inventory->list);
	} else if (!inventory->has_before) {
		inventory->before = inventory->list;
		inventory->has_before = true;
	} else {
		apps_list_done(&inventory->list);
	}
	inventory->list = *list;
	*list = (struct apps_list){0};
	if (!inventory->has_before || !told_may(inventory))
		return;
	apps_list_compare(&inventory->before, &inventory->list, told_add, &told);
	before_drop(inventory);
	if (!told.n && !told.n_more)
		return;
	inventory->n_told++;
	told_journal(inventory, &told);
}

/* --- looking ----------------------------------------------------------------------------- */

static int64_t inventory_uid(const char *user, void *userdata)
{
	const struct enforcer *e = userdata;
	uid_t uid;
	gid_t gid;

	return account_user(e->sysroot_fd, user, &uid, &gid) == 0 ? (int64_t)uid : -1;
}

static int inventory_take(struct apps_inventory *inventory, const struct apps_snapshot *snapshot)
{
	_cleanup_apps_list_ struct apps_list list = {0};
	int r = apps_list_copy(
		snapshot->apps, snapshot->n_apps, inventory_uid, inventory->e, &list);

	if (r < 0)
		return r;
	inventory->about = (struct apps_about){
		.manager = manager_names[snapshot->manager],
		.n_packages = snapshot->db.n_packages,
		.n_base = snapshot->n_base,
		.n_found = snapshot->n_found,
		.found_is_cut = snapshot->found_is_cut,
		.n_left_out = snapshot->n_apps_left_out,
	};
	snprintf(inventory->detail, sizeof(inventory->detail), "%s", snapshot->manager_detail);
	memcpy(inventory->identity, snapshot->identity, sizeof(inventory->identity));
	inventory_replace(inventory, &list);
	inventory->has_looked = true;
	inventory->looked_s = clock_realtime_s();
	return 0;
}

static void inventory_look(struct apps_inventory *inventory, const char *cause)
{
	_cleanup_(apps_snapshot_freep) struct apps_snapshot *snapshot = NULL;
	struct apps_request request = {.root_fd = inventory->e->sysroot_fd};
	_cleanup_buf_ struct buf base = BUF_INIT;
	int r;

	inventory->timer = sd_event_source_unref(inventory->timer);
	inventory->looked_at_us = clock_boottime_us();
	if (!inventory->e->state.facts.enrolled)
		return;
	r = base_get(inventory, cause, &base);
	/* Without the record the rest is known all the same. */
	if (r < 0 && r != -EAGAIN)
		log_warning("what the phone came with could not be recorded: %s", strerror(-r));
	request.base = (struct apk_text){base.data, base.n_bytes};
	request.programs = &inventory->programs;
	r = apps_collect(&request, &snapshot);
	if (r == 0)
		r = inventory_take(inventory, snapshot);
	if (r < 0)
		log_warning("the apps of this phone could not be looked at: %s; the next report "
			    "tries again",
			strerror(-r));
}

static int inventory_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	inventory_look(userdata, "missing");
	return 0;
}

static void inventory_on_change(void *userdata)
{
	struct apps_inventory *inventory = userdata;
	int64_t at_us = clock_boottime_us() + LOOK_AFTER_US;

	if (inventory->timer)
		return;
	if (at_us < inventory->looked_at_us + LOOK_DISTANCE_US)
		at_us = inventory->looked_at_us + LOOK_DISTANCE_US;
	/* Otherwise before the next report. */
	(void)sd_event_add_time(inventory->e->event, &inventory->timer, CLOCK_BOOTTIME,
		(uint64_t)at_us, USEC_PER_SEC, inventory_on_time, inventory);
}

static void known_acting(bool is_acting, void *userdata)
{
	struct apps_inventory *inventory = userdata;
	const struct apps_work *work = inventory->e->apps_work;

	/* What the job did is seen as such. */
	if (inventory->is_acting && !is_acting)
		inventory_look(inventory, "missing");
	/* The end of one may be the beginning of the next. */
	inventory->is_acting =
		is_acting || (work && work->jobs && apps_jobs_waiting(work->jobs) > 0);
}

/* --- programs in homes ------------------------------------------------------------------- */

static void search_stop(struct apps_inventory *inventory)
{
	inventory->walker = sd_event_source_unref(inventory->walker);
	home_walk_free(inventory->walk);
	inventory->walk = NULL;
}

static int search_on_idle(sd_event_source *source, void *userdata)
{
	struct apps_inventory *inventory = userdata;
	int r = home_walk_step(inventory->walk, SEARCH_STEP);

	(void)source;
	if (r > 0)
		return 0;
	if (r == 0) {
		home_programs_done(&inventory->programs);
		home_walk_take(inventory->walk, &inventory->programs);
		inventory->searched_s = clock_realtime_s();
	} else {
		log_warning("programs in homes could not be searched for: %s; tried again in %d h",
			strerror(-r), (int)(SEARCH_EVERY_US / USEC_PER_SEC / 3600));
	}
	/* Nobody knows what lay there before the first time. */
	inventory->is_silent = !inventory->searched_at_us;
	inventory->searched_at_us = clock_boottime_us();
	search_stop(inventory);
	if (r == 0)
		inventory_look(inventory, "missing");
	inventory->is_silent = false;
	return 0;
}

static void search_begin(struct apps_inventory *inventory)
{
	int r;

	if (inventory->walk)
		return;
	inventory->walker = sd_event_source_unref(inventory->walker);
	r = home_walk_new(inventory->e->sysroot_fd, &inventory->walk);
	if (r >= 0)
		r = sd_event_add_defer(
			inventory->e->event, &inventory->walker, search_on_idle, inventory);
	if (r >= 0)
		r = sd_event_source_set_priority(inventory->walker, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(inventory->walker, SD_EVENT_ON);
	if (r < 0)
		search_stop(inventory);
}

static int search_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct apps_inventory *inventory = userdata;

	(void)source;
	(void)usec;
	inventory->walker = sd_event_source_unref(inventory->walker);
	search_begin(inventory);
	return 0;
}

/* A phone that boots has other uses for its disk. */
static void search_begin_later(struct apps_inventory *inventory)
{
	int64_t now_us = clock_boottime_us();

	if (now_us >= BOOT_ENDS_US || sd_event_add_time(inventory->e->event, &inventory->walker,
					      CLOCK_BOOTTIME, (uint64_t)(now_us + SEARCH_DELAY_US),
					      10 * USEC_PER_SEC, search_on_time, inventory) < 0)
		search_begin(inventory);
}

/* --- life -------------------------------------------------------------------------------- */

static void inventory_begin(struct apps_inventory *inventory, const char *cause)
{
	struct enforcer *e = inventory->e;

	/* Watched before it is looked at. */
	if (!inventory->watch &&
		watch_new(e->event, e->sysroot_fd, apps_watch_paths, apps_n_watch_paths,
			inventory_on_change, inventory, &inventory->watch) < 0)
		log_warning("changes of apps are not noticed at once: the kernel watches no more "
			    "files; they are looked for before each report");
	inventory_look(inventory, cause);
}

static void inventory_end(struct apps_inventory *inventory)
{
	search_stop(inventory);
	watch_free(inventory->watch);
	inventory->watch = NULL;
	inventory->timer = sd_event_source_unref(inventory->timer);
	home_programs_done(&inventory->programs);
	inventory->programs = (struct home_programs){.n_found = 0};
	before_drop(inventory);
	apps_list_done(&inventory->list);
	apps_section_done(&inventory->sent);
	buf_done(&inventory->unsaved_base);
	inventory->unsaved_base = BUF_INIT;
	inventory->has_looked = inventory->is_acting = false;
	inventory->searched_s = inventory->searched_at_us = 0;
}

int apps_inventory_new(struct enforcer *e, struct apps_inventory **ret_inventory)
{
	struct apps_inventory *inventory = calloc(1, sizeof(*inventory));

	if (!inventory)
		return -ENOMEM;
	inventory->e = e;
	inventory->known = (struct apps_known){
		.base = known_base,
		.acting = known_acting,
		.userdata = inventory,
	};
	e->platform.apps = &inventory->known;
	*ret_inventory = inventory;
	if (!e->state.facts.enrolled)
		return 0;
	apps_report_load(e);
	inventory_begin(inventory, "missing");
	search_begin_later(inventory);
	return 0;
}

void apps_inventory_free(struct apps_inventory *inventory)
{
	if (!inventory)
		return;
	inventory_end(inventory);
	inventory->e->platform.apps = NULL;
	free(inventory);
}

void apps_inventory_enrolled(struct enforcer *e)
{
	if (!e->apps)
		return;
	inventory_begin(e->apps, "enrolled");
	search_begin(e->apps);
}

void apps_inventory_forget(struct enforcer *e)
{
	if (e->apps)
		inventory_end(e->apps);
}

void apps_inventory_refresh(struct enforcer *e)
{
	struct apps_inventory *inventory = e->apps;
	uint8_t identity[SHA256_BYTES];

	if (!inventory || !e->state.facts.enrolled)
		return;
	if (!inventory->has_looked || inventory->timer ||
		apps_identity(e->sysroot_fd, identity) < 0 ||
		memcmp(identity, inventory->identity, sizeof(identity)) != 0)
		inventory_look(inventory, "missing");
	/* The first time is under way, or waits for its moment; unless that could not be begun. */
	if (!inventory->walker && !inventory->searched_at_us)
		search_begin(inventory);
	else if (inventory->searched_at_us &&
		 clock_boottime_us() - inventory->searched_at_us >= SEARCH_EVERY_US)
		search_begin(inventory);
}

void apps_inventory_policy_changed(struct enforcer *e)
{
	if (e->apps && e->state.facts.enrolled)
		search_begin(e->apps);
}

bool apps_inventory_view(const struct enforcer *e, struct apps_view *ret_view)
{
	const struct apps_inventory *inventory = e->apps;

	if (!inventory || !inventory->has_looked)
		return false;
	*ret_view = (struct apps_view){
		.list = &inventory->list,
		.about = inventory->about,
		.detail = inventory->detail,
		.looked_s = inventory->looked_s,
		.searched_s = inventory->searched_s,
	};
	return true;
}
