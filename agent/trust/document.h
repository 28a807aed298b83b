/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h - the one way from untrusted bytes to a trusted payload.
 *
 * Order of checks, each with its own reason: size -> form -> signatures -> header and typ ->
 * threshold for the role -> payload type -> organisation -> target -> serial -> not-before and
 * expiry -> syntax -> meaning. JSON is parsed only behind the signatures. Pure: no files, no clock.
 */
#ifndef MDM_TRUST_DOCUMENT_H
#define MDM_TRUST_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/trust/jws.h"
#include "agent/trust/keyset.h"
#include "agent/util/digest.h"

enum document_type {
	DOCUMENT_KEYSET,
	DOCUMENT_POLICY,
	DOCUMENT_ASSIGNMENT,
	DOCUMENT_COMMAND,
	DOCUMENT_TYPE_MAX,
};
const char *document_type_name(enum document_type type); /* "policy" */
const char *document_type_typ(enum document_type type);	 /* JOSE typ: "mdm-policy" */
enum trust_role document_type_role(enum document_type type);

/* Every way to refuse a document. The name goes into status, journal and report. */
enum document_reason {
	DOCUMENT_OK,
	DOCUMENT_E_SIZE,	     /* "size": larger than any document may be, or empty */
	DOCUMENT_E_FORM,	     /* "form": not lines of three base64url fields */
	DOCUMENT_E_PAYLOAD_MISMATCH, /* "payload_mismatch": the lines sign different payloads */
	DOCUMENT_E_SIGNATURE,	     /* "signature": a line no known key signed; names how many */
	DOCUMENT_E_DUPLICATE_SIGNATURE, /* "duplicate_signature": one key signed two lines */
	DOCUMENT_E_HEADER,	  /* "header": not exactly alg, kid, typ of the key that verifies */
	DOCUMENT_E_TYPE,	  /* "type": typ and payload disagree, or unknown */
	DOCUMENT_E_THRESHOLD,	  /* "threshold": too few keys of the role */
	DOCUMENT_E_PIN,		  /* "pin": the first keyset is not the one the ticket names */
	DOCUMENT_E_ORG,		  /* "organisation" */
	DOCUMENT_E_TARGET,	  /* "target": another device, ticket or stream */
	DOCUMENT_E_ROLLBACK,	  /* "rollback": a serial below the one held */
	DOCUMENT_E_SERIAL_REUSED, /* "serial_reused": the same serial over other bytes */
	DOCUMENT_E_GAP,		  /* "gap": a keyset that skips a version */
	DOCUMENT_E_KEYSET_EXPIRED, /* "keyset_expired" */
	DOCUMENT_E_NOT_YET,	   /* "not_yet_valid" */
	DOCUMENT_E_EXPIRED,	   /* "expired" */
	DOCUMENT_E_SYNTAX,	   /* "syntax": JSON or a member of the wrong type */
	DOCUMENT_E_MEANING,	   /* "meaning": well-formed and contradictory */
	/* Of commands only, for their taker to say: document_verify() does not. */
	DOCUMENT_E_NONCE,  /* "nonce": not the number that the phone sent last */
	DOCUMENT_E_REPLAY, /* "replay": ended or issued before what the phone may have forgotten */
	DOCUMENT_E_BUSY,   /* "busy": as many commands are remembered as may be */
	/* Of policies only, for their taker to say, too. */
	DOCUMENT_E_DESTROY, /* "destroy_threshold": it can destroy, too few keys of destroy say so
			     */
	DOCUMENT_REASON_MAX,
};
const char *document_reason_name(enum document_reason reason);
/* What an administrator does about it, one sentence. */
const char *document_reason_advice(enum document_reason reason);

/* What the phone (or a tool) already holds and is. NULL and 0 mean: nothing yet. */
struct document_context {
	const struct keyset *keyset;  /* NULL only for the very first keyset */
	const uint8_t *pinned_keyset; /* SHA-256 of the payload of the first keyset */
	/*
	 * SHA-256 of a payload that was accepted before, when a document is read back from the
	 * caller's own state; it vouches for that payload instead of signatures and dates, so that
	 * what is in force outlives the keys that signed it. Then signers may be empty, and
	 * document_satisfies() is not asked again. NULL for everything that comes from outside.
	 */
	const uint8_t *accepted_payload;
	const char *device_id;
	const char *ticket_id; /* of this enrolment; "" if none */
	const char *enrolment_id;
	const char (*streams)[LIMIT_NAME_BYTES + 1]; /* groups of the assignment held */
	size_t n_streams;
	bool any_target; /* administrator's tools: skip target and serial */
	int64_t now_s;	 /* max(local clock, signed floor) */
	/*
	 * The latest "issued" that is believed of anything but a keyset; 0: any. What is issued
	 * raises the phone's floor: without a bound, whoever stole one key could push it to the end
	 * of time and shut the organisation out for good.
	 */
	int64_t issued_until_s;
	/* Highest accepted serial and payload digest; returns 0 where none is held. */
	int64_t (*held)(void *userdata, enum document_type type, const char *stream,
		uint8_t ret_payload_sha256[SHA256_BYTES]);
	void *held_userdata;
};

struct document {
	enum document_type type;
	struct jws jws; /* payload inside; points into the caller's bytes */
	uint8_t payload_sha256[SHA256_BYTES];
	struct json_object *json; /* parsed payload, owned */
	char org[33];
	int64_t serial; /* of a keyset: its version */
	int64_t issued_s, not_before_s, expires_s;
	char stream[LIMIT_NAME_BYTES + 1]; /* policy */
	char target[LIMIT_NAME_BYTES + 1]; /* device or ticket id, else "" */
	char command_id[33];		   /* of a command, if it has one that is well-formed */
	bool target_is_ticket;
	bool already_held; /* same serial, same bytes: nothing to do */
	bool destructive;  /* for the caller's check of meaning, before document_satisfies() */
	char signers[LIMIT_DOCUMENT_LINES][KEY_ID_LENGTH + 1];
	size_t n_signers;
	struct keyset *keyset; /* type keyset: the parsed new one, owned */
};

struct document_refusal {
	enum document_reason reason;
	char type[16];	  /* as far as known: "policy", or "unknown" */
	char detail[320]; /* one line for people, without bytes of unverified input */
	/* Of a command whose every signature is of a key of the keyset, so that somebody can be
	 * told: its id, if it is well-formed, and its verb. "" otherwise. */
	char command_id[33], command_verb[LIMIT_NAME_BYTES + 1];
};

/*
 * Verifies text. 0: *ret_document is set, document_free() by the caller; text must outlive it.
 * 1: refused, *ret_refusal is filled. -ENOMEM.
 * For a keyset with context->keyset set, version N+1 must satisfy the keyset threshold of version
 * N and its own; without one, the payload must have the pinned digest and its own threshold.
 * A command reaches the threshold of COMMAND or of DESTROY: the caller, who knows the verb, asks
 * document_satisfies() for the one that it needs.
 */
int document_verify(const char *text, size_t n_bytes, const struct document_context *context,
	struct document **ret_document, struct document_refusal *ret_refusal);
void document_free(struct document *document);
DEFINE_CLEANUP(struct document *, document_free)

/* Whether the signers reach the threshold of a role (a destructive policy asks for DESTROY too). */
bool document_satisfies(
	const struct document *document, const struct keyset *keyset, enum trust_role role);

/* One line "header.payload.signature" without LF over payload bytes. ret_line is the caller's. */
int document_sign(enum document_type type, const char *payload, size_t n_payload,
	const struct key *key, char **ret_line);

#endif
