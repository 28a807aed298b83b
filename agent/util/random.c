/* SPDX-License-Identifier: Apache-2.0 */
/* random.c - see random.h. Any role; on its own, for programs that have no libcrypto. */
#include "agent/util/random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

int random_bytes(void *ret_data, size_t n_bytes)
{
	uint8_t *out = ret_data;

	while (n_bytes) {
		ssize_t n = getrandom(out, n_bytes, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out += n;
		n_bytes -= (size_t)n;
	}
	return 0;
}
