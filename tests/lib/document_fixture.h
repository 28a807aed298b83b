/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document_fixture.h - for the tests of documents: an organisation with eight keys, a phone of it,
 * and an outsider. Tests only.
 */
#ifndef MDM_TESTS_DOCUMENT_FIXTURE_H
#define MDM_TESTS_DOCUMENT_FIXTURE_H

#include <string.h>

#include "tests/lib/signer.h"

#define ORG "0123456789abcdef0123456789abcdef"
#define OTHER_ORG "ffffffffffffffffffffffffffffffff"
#define DEVICE "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0"
#define TICKET "77777777777777777777777777777777"
#define ENROLMENT "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0"
#define NOW 1800000000

/* Keys by index; a row names its signers by digits. */
enum {
	K_KEYSET_ED,
	K_KEYSET_ES,
	K_POLICY_ED,
	K_POLICY_ES,
	K_COMMAND,
	K_DESTROY_A,
	K_DESTROY_B,
	K_NEW,	    /* only in the successor of the keyset, role keyset */
	K_OUTSIDER, /* in no keyset */
	K_MAX,
};

struct fixture {
	struct signer_key keys[K_MAX];
	struct keyset *keyset;	/* version 3 */
	struct buf payload3;	/* its payload */
	struct buf payload4;	/* successor: with K_NEW, without K_KEYSET_ES */
	struct buf held_policy; /* payload of policy "staff" 5, accepted before */
	int64_t held_keyset;	/* 0: the memory of keysets is empty */
	struct document_context context;
};

#define DATES "\"issued\":1799990000,\"expires\":1800090000"
#define HEAD(type, org, serial) "{\"type\":\"" type "\",\"org\":\"" org "\",\"serial\":" #serial ","
#define POLICY(serial) HEAD("policy", ORG, serial) DATES ",\"target\":{\"stream\":\"staff\"}}"
#define ASSIGNMENT(target)                                                                         \
	HEAD("assignment", ORG, 9)                                                                 \
	DATES ",\"target\":{" target "},\"groups\":[\"staff\"],\"ownership\":\"company\"}"
#define COMMAND(target) HEAD("command", ORG, 1) DATES ",\"target\":{" target "}}"
#define POLICY_DATES(dates) HEAD("policy", ORG, 6) dates ",\"target\":{\"stream\":\"staff\"}}"

static const char streams[2][LIMIT_NAME_BYTES + 1] = {"all", "staff"};

static inline int64_t held(void *userdata, enum document_type type, const char *stream,
	uint8_t ret_payload_sha256[SHA256_BYTES])
{
	const struct fixture *f = userdata;

	if (type == DOCUMENT_POLICY && strcmp(stream, "staff") == 0) {
		sha256(f->held_policy.data, f->held_policy.n_bytes, ret_payload_sha256);
		return 5;
	}
	if (type == DOCUMENT_KEYSET && f->held_keyset) {
		sha256(f->payload3.data, f->payload3.n_bytes, ret_payload_sha256);
		return f->held_keyset;
	}
	return 0;
}

static inline void fixture_init(struct fixture *f)
{
	static const uint32_t roles[K_MAX] = {
		[K_KEYSET_ED] = SIGNER_ROLE(KEYSET),
		[K_KEYSET_ES] = SIGNER_ROLE(KEYSET),
		[K_POLICY_ED] = SIGNER_ROLE(POLICY),
		[K_POLICY_ES] = SIGNER_ROLE(POLICY) | SIGNER_ROLE(COMMAND),
		[K_COMMAND] = SIGNER_ROLE(COMMAND),
		[K_DESTROY_A] = SIGNER_ROLE(DESTROY),
		[K_DESTROY_B] = SIGNER_ROLE(DESTROY),
		[K_NEW] = SIGNER_ROLE(KEYSET),
	};
	struct signer_keyset keyset = {
		.org = ORG,
		.version = 3,
		.issued_s = NOW - 1000000,
		.expires_s = NOW + 1000000,
		.keys = f->keys,
		.n_keys = K_NEW,
		.threshold = {2, 1, 1, 2},
	};
	struct signer_key successors[K_NEW];

	*f = (struct fixture){.held_keyset = 3};
	for (size_t i = 0; i < K_MAX; i++) {
		if (i == K_KEYSET_ES || i == K_POLICY_ES || i == K_DESTROY_B)
			signer_es256((uint8_t)(i + 1), &f->keys[i].key);
		else
			signer_ed25519((uint8_t)(i + 1), &f->keys[i].key);
		f->keys[i].roles = roles[i];
		f->keys[i].name = "holder";
	}
	signer_write_keyset(&keyset, &f->payload3);
	signer_must(keyset_parse(f->payload3.data, f->payload3.n_bytes, &f->keyset, NULL) == 0);
	memcpy(successors, f->keys, sizeof(successors));
	successors[K_KEYSET_ES] = f->keys[K_NEW];
	keyset.keys = successors;
	keyset.version = 4;
	signer_write_keyset(&keyset, &f->payload4);
	buf_puts(&f->held_policy, POLICY(5));
	f->context = (struct document_context){
		.keyset = f->keyset,
		.device_id = DEVICE,
		.ticket_id = TICKET,
		.enrolment_id = ENROLMENT,
		.streams = streams,
		.n_streams = ARRAY_SIZE(streams),
		.now_s = NOW,
		.held = held,
		.held_userdata = f,
	};
}

static inline void fixture_done(struct fixture *f)
{
	for (size_t i = 0; i < K_MAX; i++)
		key_done(&f->keys[i].key);
	keyset_free(f->keyset);
	buf_done(&f->payload3);
	buf_done(&f->payload4);
	buf_done(&f->held_policy);
}

/* Signs with the keys that the digits name, one line each. */
static inline void sign_with(const struct fixture *f, enum document_type type, const char *payload,
	const char *signers, struct buf *out)
{
	for (; *signers; signers++)
		signer_sign(type, payload, strlen(payload), &f->keys[*signers - '0'].key, out);
}

/* A refusal that is complete: a reason, a type, words for people. */
static inline int verify(const struct fixture *f, const struct buf *text,
	enum document_reason *ret_reason, struct document **ret_document)
{

	struct document_refusal refusal = {.reason = DOCUMENT_REASON_MAX};
	int r = document_verify(
		text->data ? text->data : "", text->n_bytes, &f->context, ret_document, &refusal);

	*ret_reason = DOCUMENT_OK;
	if (r == 0)
		return r;
	if (r != 1 || refusal.reason == DOCUMENT_OK || refusal.reason >= DOCUMENT_REASON_MAX ||
		!*refusal.type || !*refusal.detail)
		abort();
	*ret_reason = refusal.reason;
	return r;
}

#endif
