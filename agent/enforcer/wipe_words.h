/* SPDX-License-Identifier: Apache-2.0 */
/* wipe_words.h - what mdm-agent-wipe says (agent/wipe/run.h, progress.h), understood. Pure. */
#ifndef MDM_ENFORCER_WIPE_WORDS_H
#define MDM_ENFORCER_WIPE_WORDS_H

#include "agent/wipe/plan.h"

/*
 * Of --check: devices that cannot be destroyed leave the plan; ret_lost names the first of them and
 * why, or is "". False: it said nothing that can be understood.
 */
bool wipe_words_check(
	const char *text, struct wipe_plan *plan, char ret_lost[LIMIT_TEXT_BYTES + 1]);

enum wipe_word {
	WIPE_WORD_SILENCE,
	WIPE_WORD_STARTED,
	WIPE_WORD_REFUSED,  /* nothing was touched; detail says why */
	WIPE_WORD_GONE,	    /* the keys are */
	WIPE_WORD_LEFT,	    /* some of them could not be destroyed */
	WIPE_WORD_FINISHED, /* everything that could be done was */
};

/* Of the progress: the furthest that it tells of. ret_detail: "" or the first that is left, and
 * why.
 */
enum wipe_word wipe_words_progress(
	const char *text, const struct wipe_plan *plan, char ret_detail[LIMIT_TEXT_BYTES + 1]);

#endif
