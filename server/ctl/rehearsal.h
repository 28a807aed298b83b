/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rehearsal.h - a keyset tried out before anybody signs it: would a phone that holds the one before
 * take it, and could it be given anything afterwards? The phone's own code answers.
 *
 * The keys' owners are elsewhere, so every key is played by a fresh one of the same kind; names,
 * roles, thresholds, dates and sizes are the real ones. Pure: makes keys in memory only.
 */
#ifndef MDM_MDMCTL_REHEARSAL_H
#define MDM_MDMCTL_REHEARSAL_H

#include "agent/trust/keyset.h"
#include "server/ctl/fault.h"

/* 0, or FAULT_FAILURE with what the phone refused. */
int rehearsal_run(
	const struct keyset *held, const struct keyset *next, int64_t now_s, struct fault *fault);

#endif
