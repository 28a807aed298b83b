/* SPDX-License-Identifier: Apache-2.0 */
/* state_fixture.h - the facts of an enrolled phone, for tests only. */
#ifndef MDM_TESTS_STATE_FIXTURE_H
#define MDM_TESTS_STATE_FIXTURE_H

#include "agent/enforcer/state.h"

#define ORG "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"

static const struct state_facts enrolled_facts = {
	.enrolled = true,
	.server = "https://mdm.example.org:8443",
	.device_id = "0123456789abcdef0123456789abcdef",
	.enrolment_id = "11111111111111111111111111111111",
	.ticket_id = "22222222222222222222222222222222",
	.pinned_keyset = {1, 2, 3},
	.enrolled_s = 1790000000,
	.highwater = {.signed_s = 1790000001, .tls_s = 1790000002},
	.acked_seq = 17,
	.report_seq = 18,
	.noncompliant_s = {-1, 3600},
};

#endif
