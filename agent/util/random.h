/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - random bytes from the kernel, without any library. */
#ifndef MDM_UTIL_RANDOM_H
#define MDM_UTIL_RANDOM_H

#include <stddef.h>

/* Random bytes fit for secrets. 0 or -errno. */
int random_bytes(void *ret_data, size_t n_bytes);

#endif
