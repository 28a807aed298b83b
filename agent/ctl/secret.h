/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h - a passphrase from whoever runs agentctl: typed unseen, or a line of standard input. */
#ifndef MDM_CTL_SECRET_H
#define MDM_CTL_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ctl/ctl.h"

/* One line of standard input without its end, any bytes. As secret_read(). */
int secret_line(uint8_t *ret_bytes, size_t size_bytes, size_t *ret_n_bytes);

/*
 * One line without its end, any bytes; at a terminal after the prompt, and not shown.
 * 0 with the number of bytes, which may be 0; -EFBIG: it has more than size_bytes; -errno.
 */
int secret_read(struct ctl *ctl, const char *prompt, uint8_t *ret_bytes, size_t size_bytes,
	size_t *ret_n_bytes);

enum secret_kind {
	SECRET_PASSPHRASE,   /* as it is */
	SECRET_RECOVERY_KEY, /* its digits alone, without what people group them with */
	SECRET_MISTYPED,     /* a recovery key but for a wrong digit */
};
/* In place. ret_group: with SECRET_MISTYPED, from 1. Pure. */
enum secret_kind secret_judge(uint8_t *bytes, size_t *n_bytes, unsigned int *ret_group);

#endif
