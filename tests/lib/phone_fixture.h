/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phone_fixture.h - a phone that has just enrolled, as the enforcer's documents see it, and an
 * organisation with two keys that signs for it. For tests only; any failure aborts.
 */
#ifndef MDM_TESTS_PHONE_FIXTURE_H
#define MDM_TESTS_PHONE_FIXTURE_H

#include "agent/enforcer/documents.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define ORG "00112233445566778899aabbccddeeff"
#define TICKET "0123456789abcdef0123456789abcdef"
#define DEVICE "fedcba9876543210fedcba9876543210"
#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

struct phone {
	char path[256];
	struct state state;
	struct journal *journal;
	struct documents documents;
	struct signer_key keys[2];
};

/* Documents are separated by an empty line. */
static inline void separate(struct buf *out)
{
	if (out->n_bytes)
		buf_puts(out, "\n");
}

static inline struct signer_keyset phone_keyset(
	struct phone *p, int64_t version, size_t first, size_t n)
{
	return (struct signer_keyset){
		.org = ORG,
		.version = version,
		.issued_s = NOW - DAY,
		.expires_s = NOW + 365 * DAY,
		.keys = &p->keys[first],
		.n_keys = n,
		.threshold = {1, 1, 1, 1},
	};
}

static inline void write_keyset(
	struct phone *p, int64_t version, size_t first, size_t n, struct buf *out)
{
	struct signer_keyset keyset = phone_keyset(p, version, first, n);

	signer_write_keyset(&keyset, out);
}

static inline void phone_restart(struct phone *p)
{
	struct journal_recovery recovery;

	documents_done(&p->documents);
	journal_free(p->journal);
	state_done(&p->state);
	signer_must(state_open(p->path, &p->state) == 0);
	signer_must(journal_open(p->state.dir_fd, 0, &p->journal, &recovery) == 0);
	documents_init(&p->documents, &p->state, p->journal);
	signer_must(documents_load(&p->documents) == 0);
}

/* A phone that has just enrolled: the ticket's pin and nothing else. */
static inline void phone_init(struct phone *p)
{
	_cleanup_buf_ struct buf keyset = BUF_INIT;
	struct journal_recovery recovery;
	int fd;

	memset(p, 0, sizeof(*p));
	for (uint8_t i = 0; i < 2; i++) {
		signer_ed25519(i + 1, &p->keys[i].key);
		p->keys[i].roles = (1u << TRUST_ROLE_MAX) - 1;
		p->keys[i].name = i ? "second" : "first";
	}
	fd = check_tmpdir(p->path);
	close(fd);
	signer_must(state_open(p->path, &p->state) == 0);
	signer_must(journal_open(p->state.dir_fd, 0, &p->journal, &recovery) == 0);
	p->state.facts.enrolled = true;
	memcpy(p->state.facts.device_id, DEVICE, 33);
	memcpy(p->state.facts.ticket_id, TICKET, 33);
	memcpy(p->state.facts.enrolment_id, ORG, 33);
	memcpy(p->state.facts.server, "https://127.0.0.1", 18);
	write_keyset(p, 1, 0, 1, &keyset);
	signer_must(sha256(keyset.data, keyset.n_bytes, p->state.facts.pinned_keyset) == 0);
	signer_must(state_save_facts(&p->state) == 0);
	documents_init(&p->documents, &p->state, p->journal);
}

static inline void phone_done(struct phone *p)
{
	documents_done(&p->documents);
	journal_free(p->journal);
	state_done(&p->state);
	for (size_t i = 0; i < 2; i++)
		key_done(&p->keys[i].key);
}
#define _phone_ _cleanup_(phone_done)

static inline void add_keyset(
	struct phone *p, int64_t version, size_t first, size_t n, struct buf *out)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;

	write_keyset(p, version, first, n, &payload);
	separate(out);
	signer_sign(DOCUMENT_KEYSET, payload.data, payload.n_bytes, &p->keys[0].key, out);
	if (version > 1)
		signer_sign(DOCUMENT_KEYSET, payload.data, payload.n_bytes, &p->keys[1].key, out);
}

static inline void add_assignment(
	struct phone *p, int64_t serial, const char *groups, const char *ownership, struct buf *out)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;

	buf_printf(&payload,
		"{\"type\":\"assignment\",\"org\":\"" ORG "\",\"serial\":%lld,\"issued\":%lld,"
		"\"expires\":%lld,\"target\":{\"ticket\":\"" TICKET
		"\"},\"groups\":%s,\"ownership\":\"%s\"}",
		(long long)serial, (long long)(NOW - DAY), (long long)(NOW + DAY), groups,
		ownership);
	separate(out);
	signer_sign(DOCUMENT_ASSIGNMENT, payload.data, payload.n_bytes, &p->keys[0].key, out);
}

static inline void add_policy(struct phone *p, const char *stream, int64_t serial, int delay,
	int64_t expires_s, struct buf *out)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;

	buf_printf(&payload,
		"{\"type\":\"policy\",\"org\":\"" ORG "\",\"serial\":%lld,\"issued\":%lld,"
		"\"expires\":%lld,\"target\":{\"stream\":\"%s\"},\"profiles\":[{\"id\":\"base\","
		"\"settings\":{\"screen_lock\":{\"idle_delay\":%d}}}]}",
		(long long)serial, (long long)(NOW - DAY), (long long)expires_s, stream, delay);
	separate(out);
	signer_sign(DOCUMENT_POLICY, payload.data, payload.n_bytes, &p->keys[0].key, out);
}

static inline struct documents_change take(struct phone *p, const struct buf *body, int64_t clock_s)
{
	struct documents_change change = {0};

	signer_must(
		documents_take(&p->documents, body->data, body->n_bytes, clock_s, &change) == 0);
	return change;
}

/* keyset 1, assignment 1 to "staff", policy 5 */
static inline void phone_provision(struct phone *p)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct documents_change change;

	add_keyset(p, 1, 0, 1, &body);
	add_assignment(p, 1, "[\"staff\"]", "company", &body);
	add_policy(p, "staff", 5, 300, NOW + DAY, &body);
	change = take(p, &body, NOW);
	signer_must(change.n_accepted == 3 && change.n_refused == 0 && change.policy);
}

#endif
