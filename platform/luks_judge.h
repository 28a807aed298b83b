/* SPDX-License-Identifier: Apache-2.0 */
/* luks_judge.h - what LUKS volumes are worth, as observations of the settings about them. */
#ifndef MDM_PLATFORM_LUKS_JUDGE_H
#define MDM_PLATFORM_LUKS_JUDGE_H

#include "platform/platform.h"
#include "policies/luks.h"

enum luks_empty {
	LUKS_EMPTY_UNTRIED,
	LUKS_EMPTY_REFUSED, /* no keyslot opens with an empty passphrase */
	LUKS_EMPTY_OPENS,
	LUKS_EMPTY_FAILED, /* the trial did */
};

struct luks_seen {
	char name[LIMIT_TEXT_BYTES + 1]; /* "root (mmcblk0p2)" */
	char device[LIMIT_TEXT_BYTES + 1];
	const struct luks_header *header; /* NULL: state, reason and why say why there is none */
	enum compliance_state state;	  /* COMPLIANT: a kind of encryption that has no header */
	enum compliance_reason reason;
	char why[LIMIT_TEXT_BYTES + 1];
	enum luks_empty empty;
	char empty_said[LIMIT_TEXT_BYTES + 1];
};

/*
 * Fills the observations of all settings that the backend serves: the value of the weakest volume,
 * an item for each, and in the detail which one is the weakest and what would strengthen it. more:
 * there are volumes beyond these. 0 or -ENOMEM.
 */
int luks_judge(struct backend *b, const struct luks_seen *seen, size_t n_seen, bool more);

#endif
