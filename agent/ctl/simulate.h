/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate.h - what places and profiles of policies would have done on a way that was gone, told
 * for people or as JSON: positions that are asked for, decisions with their reasons, and how late
 * each coming and going was noticed. Pure; agentctl.
 */
#ifndef MDM_CTL_SIMULATE_H
#define MDM_CTL_SIMULATE_H

#include "agent/ctl/page.h"
#include "policies/place_sim.h"

struct simulate {
	struct policy *const *policies; /* borrowed */
	size_t n_policies;
	struct place_sim_way way; /* borrowed */
	const char *place;	  /* only this one is told of; NULL: all */
};

/* 0; -EINVAL: the way is none that can be followed; -E2BIG: it crosses boundaries too often to
 * tell; -ENOMEM. */
int simulate_render(const struct simulate *simulate, struct page *p);
int simulate_write_json(const struct simulate *simulate, struct buf *out);

#endif
