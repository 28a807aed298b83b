/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks.h - what the header of a LUKS volume says: cipher, keyslots, tokens, where they lie.
 *
 * LUKS1 ("LUKS On-Disk Format Specification", version 1.2.3) is read here whole from its 592 bytes;
 * of LUKS2 ("LUKS2 On-Disk Format Specification", version 1.1.1) the 4096 binary bytes are, and
 * policies/luks2.h reads the metadata behind them. A header lies on the disk, or on somebody's
 * card, so nothing in it is trusted. Pure: no system calls.
 */
#ifndef MDM_POLICIES_LUKS_H
#define MDM_POLICIES_LUKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/digest.h"
#include "agent/util/limits.h"

#define LUKS_SLOTS_MAX 32  /* LUKS2; LUKS1 has 8 */
#define LUKS_TOKENS_MAX 32 /* LUKS2 */
#define LUKS1_BYTES 592
#define LUKS_BINARY_BYTES 4096 /* of LUKS2; more than enough for LUKS1 */
#define LUKS_UUID_BYTES 40
#define LUKS_CIPHER_BYTES 64 /* "aes-xts-plain64"; LUKS1 has two fields of 32 */
#define LUKS_WORD_BYTES 64   /* types of tokens, names of requirements */

/* What marks the keyslot of the organisation's recovery key: a token of this type. */
#define LUKS_RECOVERY_TOKEN "mdm-agent-recovery"

/* And that of the key that the agent keeps for itself. */
#define LUKS_KEPT_TOKEN "mdm-agent-kept"

/* What is wrong with a header, a sentence for people. Holds no text of it that was not checked. */
struct luks_fault {
	char text[LIMIT_TEXT_BYTES + 1];
};

/* What a passphrase is made a key with, the weakest first. */
enum luks_kdf {
	LUKS_KDF_PBKDF2,
	LUKS_KDF_ARGON2I,
	LUKS_KDF_ARGON2ID,
	LUKS_KDF_MAX,
};
const char *luks_kdf_name(enum luks_kdf kdf);

enum luks_priority {
	LUKS_PRIORITY_IGNORE, /* is tried only when it is named */
	LUKS_PRIORITY_NORMAL,
	LUKS_PRIORITY_PREFER,
	LUKS_PRIORITY_MAX,
};

struct luks_slot {
	bool active;
	bool opens; /* false: unbound, or no key but the state of a re-encryption */
	enum luks_kdf kdf;
	uint32_t memory_kib, parallel; /* argon2 */
	uint32_t iterations;	       /* pbkdf2: iterations; argon2: passes */
	uint32_t key_bits;	       /* of the key that lies in it */
	char cipher[LUKS_CIPHER_BYTES + 1];
	uint64_t offset_bytes, size_bytes; /* of its area, from the start of the device */
	enum luks_priority priority;
	/* SHA-256 over all that the header says of it. With the bytes of its area: equal means that
	 * the same secret opens it. */
	uint8_t digest[SHA256_BYTES];
};

struct luks_token {
	bool active;
	char type[LUKS_WORD_BYTES + 1]; /* "systemd-tpm2" */
	uint32_t slots;			/* bit N: keyslot N */
	int64_t generation;		/* of LUKS_RECOVERY_TOKEN; 0: it says none */
};

struct luks_header {
	unsigned int version; /* 1 or 2 */
	char uuid[LUKS_UUID_BYTES + 1];
	uint64_t sequence; /* LUKS2: grows with every change of the metadata */
	char cipher[LUKS_CIPHER_BYTES + 1];
	uint32_t key_bits;    /* of the volume; 0: LUKS2 without keyslots does not say */
	uint64_t data_offset; /* bytes; 0: the header is detached */
	struct luks_slot slots[LUKS_SLOTS_MAX];
	struct luks_token tokens[LUKS_TOKENS_MAX];
	uint64_t header_bytes; /* one copy; LUKS2 has two, one behind the other */
	uint64_t keyslots_offset, keyslots_bytes; /* the area of all keyslots */
	bool reencrypting;
	char requirement[LUKS_WORD_BYTES + 1]; /* the first that is unknown here; "": none */
	/*
	 * SHA-256 over what makes the keyslots what they are: number, salt, costs and place of
	 * each, and what verifies the volume key. Equal digests: the same passphrases open it.
	 */
	uint8_t slots_digest[SHA256_BYTES];
};

/* 1 or 2; 0 for anything else. */
unsigned int luks_magic(const void *data, size_t n_bytes);

/*
 * The start of a device: LUKS1 whole, of LUKS2 version, uuid, sequence, header_bytes and
 * keyslots_offset, the rest being zero. 0; -EBADMSG with ret_fault.
 */
int luks_parse(const void *data, size_t n_bytes, struct luks_header *ret_header,
	struct luks_fault *ret_fault);

/* Bit N: keyslot N holds the volume key. */
uint32_t luks_opening_slots(const struct luks_header *header);

/* Bit N: keyslot N is marked as the organisation's. */
uint32_t luks_recovery_slots(const struct luks_header *header);

/*
 * Bit N: keyslot N is marked as one whose secret was drawn, not chosen: the organisation's, the
 * agent's own, those
 * of systemd-cryptenroll (TPM, FIDO2, smart card, recovery key) and of clevis. Costs are to slow
 * down guesses at what people choose; drawn bits need none, and those tools use the cheapest. Who
 * can write the header can mark any slot so, and could as well read everything behind it.
 */
uint32_t luks_drawn_slots(const struct luks_header *header);

/* One line: "LUKS2 aes-xts-plain64 512 bits, slots 0 argon2id 1048576 KiB, 1 (recovery)". */
void luks_describe(const struct luks_header *header, char ret_text[LIMIT_TEXT_BYTES + 1]);

/* Fills ret_fault and returns -EBADMSG. */
int luks_fail(struct luks_fault *ret_fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
