/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone.h - whether this state directory was made on this device. A copy on another one has the
 * same key, so that the server takes both for one phone. Enforcer only.
 */
#ifndef MDM_ENFORCER_CLONE_H
#define MDM_ENFORCER_CLONE_H

struct enforcer;

/* The enrolment begins on this device: keeps its fingerprint in the facts, which are not saved. */
void clone_enrolled(struct enforcer *e);

/*
 * At the start, and when the enrolment ended: compares, sets e->clone, notes PROBLEM_CLONE and the
 * journal. Of an enrolment without fingerprint (an older agent's) this device's is taken, and of
 * one with gaps what is known by now.
 */
void clone_check(struct enforcer *e);

#endif
