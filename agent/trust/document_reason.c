/* SPDX-License-Identifier: Apache-2.0 */
/* document_reason.c - names of refusals and what to do about them; see document.h. Any role; pure.
 */
#include "agent/trust/document.h"

struct reason_text {
	const char *name, *advice;
};

static const struct reason_text reasons[DOCUMENT_REASON_MAX] = {
	[DOCUMENT_OK] = {"ok", "Nothing to do."},
	[DOCUMENT_E_SIZE] = {"size",
		"Make the payload smaller, or publish it with fewer signatures."},
	[DOCUMENT_E_FORM] = {"form",
		"Publish the file exactly as the signing tool wrote it; it was changed or cut off."},
	[DOCUMENT_E_PAYLOAD_MISMATCH] = {"payload_mismatch",
		"Have every signer sign the same file, byte for byte."},
	[DOCUMENT_E_SIGNATURE] = {"signature",
		"Sign with keys of the organisation's current keyset and publish again; if nobody "
		"signed this, find out who can write to the server."},
	[DOCUMENT_E_DUPLICATE_SIGNATURE] = {"duplicate_signature",
		"Remove the second signature of the same key; each key counts once."},
	[DOCUMENT_E_HEADER] = {"header",
		"Sign with the project's tool; headers hold exactly alg, kid and typ."},
	[DOCUMENT_E_TYPE] = {"type",
		"Sign the payload as the type that it states, with a tool that knows the type."},
	[DOCUMENT_E_THRESHOLD] = {"threshold",
		"Collect more signatures of keys that have the role, then publish again."},
	[DOCUMENT_E_PIN] = {"pin",
		"Enrol with a ticket made for this keyset; if the ticket is right, the server "
		"offers a keyset of somebody else."},
	[DOCUMENT_E_ORG] = {"organisation",
		"Publish it to the server of the organisation that signed it."},
	[DOCUMENT_E_TARGET] = {"target",
		"Sign it for this device, its ticket or one of its groups, or do not send it here."},
	[DOCUMENT_E_ROLLBACK] = {"rollback",
		"Sign it again with a serial above the one that the phone holds."},
	[DOCUMENT_E_SERIAL_REUSED] = {"serial_reused",
		"Use every serial once; sign the changed payload with a higher serial."},
	[DOCUMENT_E_GAP] = {"gap",
		"Publish the keysets in between as well; each must be signed by its predecessor."},
	[DOCUMENT_E_KEYSET_EXPIRED] = {"keyset_expired",
		"Publish a newer keyset; until then nothing else is accepted."},
	[DOCUMENT_E_NOT_YET] = {"not_yet_valid",
		"Wait until its time has come, and check the phone's clock."},
	[DOCUMENT_E_EXPIRED] = {"expired",
		"Sign it again with a later expiry, and check the phone's clock."},
	[DOCUMENT_E_SYNTAX] = {"syntax", "Correct the member that is named and sign again."},
	[DOCUMENT_E_MEANING] = {"meaning",
		"Correct the contradiction that is named and sign again."},
	[DOCUMENT_E_NONCE] = {"nonce",
		"Look at the phone's record again and sign with the number that is there now."},
	[DOCUMENT_E_REPLAY] = {"replay",
		"Sign a new command; this one may have been carried out already. If it is new, "
		"check the clock of the machine that signs."},
	[DOCUMENT_E_BUSY] = {"busy",
		"Wait until some of the phone's commands have expired, then sign a new one."},
	[DOCUMENT_E_DESTROY] = {"destroy_threshold",
		"Have it signed by keys with the role destroy as well (mdmctl policy cosign), or "
		"leave out what destroys by itself."},
};

const char *document_reason_name(enum document_reason reason)
{
	return reasons[reason].name;
}

const char *document_reason_advice(enum document_reason reason)
{
	return reasons[reason].advice;
}
