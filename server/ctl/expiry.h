/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.h - what ends soon: keyset, CAs, certificates. One line each, weeks ahead, with the
 * command that helps. */
#ifndef MDM_MDMCTL_EXPIRY_H
#define MDM_MDMCTL_EXPIRY_H

#include "server/ctl/ctl.h"

#define EXPIRY_WARN_S (INT64_C(60) * 86400) /* as phones warn about their keyset */

/* Appends "WHAT ends on DATE (in 12 d); HELP" if that is within the time above, or over. */
bool expiry_words(
	const char *what, int64_t until_s, int64_t now_s, const char *help, struct buf *out);

/* Warns about the keyset and the certificates of the organisation directory, once per run. */
void expiry_warn(struct ctl *ctl);

/* The certificate that the server showed (PEM), once per run. */
void expiry_warn_server(struct ctl *ctl, const char *pem, size_t n_bytes);

#endif
