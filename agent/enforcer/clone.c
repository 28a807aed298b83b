/* SPDX-License-Identifier: Apache-2.0 */
/* clone.c - copies of state directories; see clone.h. Enforcer. */
#include "agent/enforcer/clone.h"

#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/log.h"
#include "platform/hardware.h"

_Static_assert(HARDWARE_FINGERPRINT_BYTES == sizeof(((struct state_facts *)NULL)->fingerprint),
	"the fact holds a fingerprint");

void clone_enrolled(struct enforcer *e)
{
	struct state_facts *facts = &e->state.facts;

	if (hardware_fingerprint(e->sysroot_fd, facts->enrolment_id, facts->fingerprint) < 0)
		memset(facts->fingerprint, 0, sizeof(facts->fingerprint));
}

/* Slots that were empty take what is there now. */
static bool clone_complete(struct state_facts *facts, const uint8_t *now)
{
	static const uint8_t empty[HARDWARE_SLOT_BYTES];
	bool changed = false;

	for (size_t i = 0; i < HARDWARE_FINGERPRINT_BYTES; i += HARDWARE_SLOT_BYTES)
		if (memcmp(facts->fingerprint + i, empty, sizeof(empty)) == 0 &&
			memcmp(now + i, empty, sizeof(empty)) != 0) {
			memcpy(facts->fingerprint + i, now + i, HARDWARE_SLOT_BYTES);
			changed = true;
		}
	return changed;
}

void clone_check(struct enforcer *e)
{
	struct state_facts *facts = &e->state.facts;
	uint8_t now[HARDWARE_FINGERPRINT_BYTES];
	_cleanup_buf_ struct buf payload = BUF_INIT;

	e->clone = false;
	enforcer_problem(e, PROBLEM_CLONE, NULL, NULL);
	if (!facts->enrolled || hardware_fingerprint(e->sysroot_fd, facts->enrolment_id, now) < 0)
		return;
	if (hardware_compare(facts->fingerprint, now) != HARDWARE_OTHER) {
		if (clone_complete(facts, now))
			enforcer_save(e);
		return;
	}
	e->clone = true;
	enforcer_problem(e, PROBLEM_CLONE,
		"Unenrol and enrol with a new ticket, so that each device has a key of its own.",
		"this state directory was made on another device: the server takes both for one");
	log_warning("%s", e->problems[PROBLEM_CLONE].what);
	buf_puts(&payload, "{}");
	enforcer_journal(e, JOURNAL_CLONE, &payload);
}
