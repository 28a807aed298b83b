/* SPDX-License-Identifier: Apache-2.0 */
/* handout.h - organisation directories for other people: what is public, and one key. */
#ifndef MDM_MDMCTL_HANDOUT_H
#define MDM_MDMCTL_HANDOUT_H

#include "server/ctl/ctl.h"

/* The organisation's settings, its root and all keysets, and the directories that belong to one. */
int handout_public(struct ctl *ctl, int dir_fd, struct fault *fault);

/* A key, encrypted with the passphrase of who gets it. */
int handout_key(int dir_fd, const char *path, EVP_PKEY *pkey, const struct secret *passphrase,
	struct fault *fault);

/* The passphrase a key gets: from --new-passphrase-file, or asked twice. */
int handout_passphrase(const struct args *args, const char *prompt, struct secret *ret_secret,
	struct fault *fault);
/* The same for one's own new key: scripts may leave it to --passphrase-file. */
int handout_own_passphrase(struct ctl *ctl, const struct args *args, const char *prompt,
	struct secret *ret_secret, struct fault *fault);

#endif
