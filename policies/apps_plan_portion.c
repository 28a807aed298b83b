/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_plan_portion.c - as much of a plan as one job can do; see apps_plan.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by mdm-agent-apps. What leaves
 * the world does so in portions, those first on which bans wait. Bans of what nobody needs, pins
 * and requirements do not wait for any of that: they are what keeps more from coming.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/apk_private.h"
#include "policies/apps_plan_private.h"

static bool is_open(const struct apps_item *item, enum apps_wish wish)
{
	return item->wish == wish && item->why_not == APPS_CAN && !item->is_done;
}

static void wait_for_next(struct planner *p, struct apps_item *item)
{
	item->is_later = true;
	p->n_later++;
}

struct portion {
	size_t n, n_bytes;
	bool is_full; /* something did not go into it */
};

/* Removals that make way, or the others, in the order of their names. */
static void take_removals(struct planner *p, bool makes_way, struct portion *portion)
{
	for (size_t i = 0; i < p->n_items; i++) {
		struct apps_item *item = &p->items[i];
		size_t n = strlen(item->name) + 1;

		if (!is_open(item, APPS_WISH_REMOVE) || item->makes_way != makes_way)
			continue;
		if (portion->n < LIMIT_APPS_PORTION &&
			portion->n_bytes + n <= LIMIT_APPS_PORTION_BYTES) {
			portion->n++;
			portion->n_bytes += n;
			continue;
		}
		portion->is_full = true;
		wait_for_next(p, item);
	}
}

static void mark_name(const struct planner *p, const char *name, bool *marks)
{
	for (uint32_t i = apk_names_find(p->db, name, strlen(name)); i != APK_NONE;
		i = p->db->names[i].next)
		marks[p->db->names[i].package] = true;
}

static bool is_marked(const struct planner *p, const char *name, const bool *marks)
{
	for (uint32_t i = apk_names_find(p->db, name, strlen(name)); i != APK_NONE;
		i = p->db->names[i].next)
		if (marks[p->db->names[i].package])
			return true;
	return false;
}

/*
 * Bans that have to wait: of what something in the world needs that is not banned itself. What
 * leaves with this job is counted as if it stayed, so that the bans can come first.
 */
static int hold_bans(struct planner *p)
{
	size_t n = p->db->n_packages;
	_cleanup_free_ bool *banned = calloc(n + 1, sizeof(*banned));
	_cleanup_free_ bool *needed = calloc(n + 1, sizeof(*needed));

	if (!banned || !needed)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_items; i++)
		if (is_open(&p->items[i], APPS_WISH_BAN))
			mark_name(p, p->items[i].name, banned);
	for (size_t i = 0; i < n; i++)
		needed[i] = p->is_explicit[i] && !banned[i];
	apk_db_close(p->db, needed);
	for (size_t i = 0; i < p->n_items; i++)
		if (is_open(&p->items[i], APPS_WISH_BAN) && is_marked(p, p->items[i].name, needed))
			wait_for_next(p, &p->items[i]);
	return 0;
}

int plan_portion(struct planner *p)
{
	struct portion portion = {0};

	take_removals(p, true, &portion);
	take_removals(p, false, &portion);
	/* Bans that found no place may be in the way of others: nobody looked at them. */
	return portion.is_full || p->n_later ? hold_bans(p) : 0;
}
