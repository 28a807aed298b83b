/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - the files of signing keys in the organisation directory, over the years:
 *
 *   keys/NAME.pem          the key of that name in the newest keyset, or in the draft of the next
 *   keys/NAME.new-KID.pem  the key that the draft puts in its place; KID are ten characters of its
 * id keys/NAME.old-N.pem    the key of that name that keyset N was the last to list
 *
 * Which of them a key is follows from its id, so that an interrupted change is finished by looking
 * at the newest keyset again: keyring_settle().
 */
#ifndef MDM_MDMCTL_KEYRING_H
#define MDM_MDMCTL_KEYRING_H

#include "server/ctl/signing.h"

#define KEYRING_KID_LENGTH 10
#define KEYRING_PATH_BYTES (LIMIT_NAME_BYTES + 64)

/* No name of a key may look like one of the other files. */
bool keyring_name_is_valid(const char *name);

/* Relative path of the file that waits to replace keys/NAME.pem. */
void keyring_next_path(const char *name, const char *kid, char ret_path[KEYRING_PATH_BYTES]);

/* Relative path of the file of a key of a keyset, whether or not it is here. */
void keyring_path(
	const struct org *org, const struct keyset_key *row, char ret_path[KEYRING_PATH_BYTES]);
bool keyring_is_here(const struct org *org, const struct keyset_key *row);

/* Opens the key of a row; FAULT_KEY if the file holds another. */
int keyring_open(struct ctl *ctl, const struct keyset_key *row, struct signing_key *ret_key,
	struct fault *fault);

/*
 * Makes a key and writes its file; nothing of that name is overwritten. ret_key is the caller's
 * (key_done).
 */
struct keyring_order {
	const char *name;
	enum key_alg alg;
	bool replaces; /* a key of that name is in force: the file waits beside it */
	const struct secret *passphrase;
};
int keyring_make(const struct org *org, const struct keyring_order *order, struct key *ret_key,
	struct fault *fault);

/*
 * Gives the files of replaced keys their places, as the newest keyset says. Can be interrupted.
 * The directory is locked by the caller.
 */
bool keyring_is_unsettled(const struct org *org);
int keyring_settle(const struct org *org, struct fault *fault);

/*
 * Calls found for the path of every key file of that name that neither the newest keyset nor the
 * draft (may be NULL) needs. Stops at the first answer that is not 0 and returns it.
 */
int keyring_each_old(const struct org *org, const struct keyset *draft, const char *name,
	int (*found)(void *userdata, const char *path), void *userdata);

#endif
