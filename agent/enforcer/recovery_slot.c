/* SPDX-License-Identifier: Apache-2.0 */
/* recovery_slot.c - drawing a recovery key; what a keyslot is. Enforcer. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/recovery_private.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"

#define KEY_GROUPS 8
#define KEY_GROUP_DIGITS (RECOVERY_KEY_DIGITS / KEY_GROUPS)
/* A typing error in one digit, or two digits that changed places, is never a multiple of it. */
#define KEY_GROUP_FACTOR 11

/* The largest area of one keyslot: a key of 512 bytes in 4000 stripes. */
#define SLOT_AREA_BYTES_MAX (4096 * 1024)

int recovery_key_make(char ret_key[RECOVERY_KEY_DIGITS + 1])
{
	uint16_t groups[KEY_GROUPS];
	int r = random_bytes(groups, sizeof(groups));

	for (size_t i = 0; i < KEY_GROUPS && r == 0; i++)
		snprintf(ret_key + i * KEY_GROUP_DIGITS, KEY_GROUP_DIGITS + 1, "%06" PRIu32,
			(uint32_t)groups[i] * KEY_GROUP_FACTOR);
	explicit_bzero(groups, sizeof(groups));
	return r;
}

int recovery_slot_seal(int root_fd, const char *device, const struct luks_header *header, int slot,
	uint8_t ret_seal[SHA256_BYTES])
{
	const struct luks_slot *s = &header->slots[slot];
	_cleanup_close_ int fd = -1;
	_cleanup_free_ uint8_t *area = NULL;
	size_t n_bytes, n = 0;

	if (!s->active || !s->opens)
		return -ENOKEY;
	if (s->size_bytes > SLOT_AREA_BYTES_MAX)
		return -EFBIG;
	n_bytes = (size_t)s->size_bytes;
	area = malloc(n_bytes);
	if (!area)
		return -ENOMEM;
	fd = fs_open_in_root(root_fd, device, O_RDONLY);
	if (fd < 0)
		return fd;
	/* What is on the device, not what the page cache of its block device still holds. */
	(void)posix_fadvise(fd, (off_t)s->offset_bytes, (off_t)n_bytes, POSIX_FADV_DONTNEED);
	while (n < n_bytes) {
		ssize_t r = pread(fd, area + n, n_bytes - n, (off_t)(s->offset_bytes + n));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		n += (size_t)r;
	}
	return sha256_pair(s->digest, sizeof(s->digest), area, n_bytes, ret_seal);
}
