/* SPDX-License-Identifier: Apache-2.0 */
/* nodes_see.c - cameras and microphones as observations; see nodes_see.h. Reads only. Enforcer. */
#include "platform/nodes_see.h"

#include <errno.h>

const enum setting_id node_settings[GATES] = {
	[CAMERA] = SETTING_RESTRICTIONS_CAMERA,
	[MICROPHONE] = SETTING_RESTRICTIONS_MICROPHONE,
};

static size_t count(const struct nodes_view *view, enum gate gate)
{
	size_t n = 0;

	for (size_t i = 0; i < view->n; i++)
		n += node_gate(&view->nodes[i]) == gate;
	return n;
}

static void tell_node(struct backend *b, const struct nodes_view *view, const struct node *node,
	struct observed_item *item)
{
	bool is_shut = node_is_shut(b->platform->sysroot_fd, node);
	enum gate gate = node_gate(node);

	text_printf(item->name, "%s%s%s%s", node->name, *node->title ? " (" : "", node->title,
		*node->title ? ")" : "");
	/* Open for a call is said of none: reports would tell when somebody calls. */
	if (gate == MICROPHONE && gate_is_shut(b->platform, view->wanted[gate]) &&
		!view->is_shut[gate])
		is_shut = true;
	text_printf(item->detail, "%s", is_shut ? "shut" : "open");
	item->state = COMPLIANCE_COMPLIANT;
	if (view->is_shut[gate] && !is_shut) {
		item->state = COMPLIANCE_NONCOMPLIANT;
		item->reason = REASON_WEAKER;
	} else if (view->is_shut[gate] && node->in_use) {
		item->state = COMPLIANCE_NONCOMPLIANT;
		item->reason = REASON_IN_USE;
		text_printf(item->detail, "shut, but a program that had it open still records");
	}
}

/* 0 or -ENOMEM. */
static int see_gate(struct backend *b, const struct nodes_view *view, enum gate gate)
{
	struct observation *o = &b->observations[node_settings[gate]];
	struct observed_item *items = calloc(view->n + 1, sizeof(*items));
	const struct observed_item *bad = NULL;
	bool all_shut = true;
	size_t n = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < view->n; i++) {
		if (node_gate(&view->nodes[i]) != gate)
			continue;
		tell_node(b, view, &view->nodes[i], &items[n]);
		if (items[n].state != COMPLIANCE_COMPLIANT && !bad)
			bad = &items[n];
		all_shut &= node_is_shut(b->platform->sysroot_fd, &view->nodes[i]);
		n++;
	}
	/* What has to be shut and is open only for a call is as it should be. */
	if (!view->is_shut[gate] && gate_is_shut(b->platform, view->wanted[gate]))
		all_shut = true;
	gate_saw(b, node_settings[gate], all_shut && !bad);
	o->items = items;
	o->n_items = n;
	if (bad)
		text_printf(o->detail, "%.100s: %.140s", bad->name, bad->detail);
	else if (gate == MICROPHONE && view->wanted[gate] != GATE_ON)
		detail_add(o->detail, "calls open it");
	return 0;
}

int nodes_see(struct backend *b, const struct nodes_view *view)
{
	static const char *const nothing[GATES] = {
		[CAMERA] = "this phone has no camera",
		[MICROPHONE] = "this phone has no microphone",
	};

	for (enum gate g = 0; g < GATES; g++) {
		int r = 0;

		if (count(view, g) == 0)
			gate_saw_nothing(b, node_settings[g], nothing[g]);
		else if (g == MICROPHONE && view->no_calls)
			gate_saw_unsupported(b, node_settings[g],
				"calls are oFono's, which does not say when there is one: with the "
				"microphone off they would have no voice");
		else
			r = see_gate(b, view, g);
		if (r < 0)
			return r;
	}
	return 0;
}
