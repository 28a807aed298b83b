/* SPDX-License-Identifier: Apache-2.0 */
/* nodes_see.h - what is told of cameras and microphones. Reads only. Enforcer only. */
#ifndef MDM_PLATFORM_NODES_SEE_H
#define MDM_PLATFORM_NODES_SEE_H

#include "platform/call_watch.h"
#include "platform/node_list.h"
#include "platform/restrict.h"

enum gate {
	CAMERA,
	MICROPHONE,
	GATES,
};

extern const enum setting_id node_settings[GATES];

static inline enum gate node_gate(const struct node *node)
{
	return node->kind == NODE_MICROPHONE ? MICROPHONE : CAMERA;
}

struct nodes_view {
	const struct node *nodes;
	size_t n;
	enum gate_choice wanted[GATES];
	bool is_shut[GATES]; /* have to be, now */
	bool no_calls;	     /* calls are somebody's who does not tell of them */
};

/* Replaces the observations of both. 0 or -ENOMEM. */
int nodes_see(struct backend *b, const struct nodes_view *view);

#endif
