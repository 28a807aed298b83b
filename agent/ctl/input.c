/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - files named on the command line; see input.h. Any user; agentctl. */
#include "agent/ctl/input.h"

#include <errno.h>
#include <fcntl.h>

#include "agent/util/mem.h"

int input_read(const char *name, size_t max_bytes, char *ret_text, size_t *ret_n_bytes)
{
	_cleanup_close_ int opened = -1;
	int fd = STDIN_FILENO;
	size_t n_bytes = 0;

	if (strcmp(name, "-") != 0) {
		opened = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (opened < 0)
			return -errno;
		fd = opened;
	}
	for (;;) {
		/* One byte more than allowed tells a file of the limit from a longer one. */
		ssize_t n = read(fd, ret_text + n_bytes, max_bytes + 1 - n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		n_bytes += (size_t)n;
		if (n_bytes > max_bytes)
			return -EFBIG;
	}
	ret_text[n_bytes] = 0;
	*ret_n_bytes = n_bytes;
	return 0;
}
