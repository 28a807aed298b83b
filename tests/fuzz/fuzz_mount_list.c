/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: apps */
/*
 * fuzz_mount_list.c - a list of mounts by arbitrary bytes: what is accepted has whole paths, what
 * covers a place lies above it, and what is seen at a place is the last one there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apps/mount_list.h"
#include "agent/util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct mount_list *list, size_t i)
{
	const struct mount_entry *entry = &list->entries[i], *at, *cover;

	if (!entry->point[0] || !entry->type || !entry->flags || !entry->super)
		abort();
	(void)mount_is_peoples(entry);
	at = mount_list_at(list, entry->point);
	cover = mount_list_covering(list, entry->point);
	if (!at || at < entry || strcmp(at->point, entry->point) != 0)
		abort();
	if (!cover || strlen(cover->point) < strlen(entry->point))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(mount_list_done) struct mount_list list = {0};
	_cleanup_free_ char *release = strndup((const char *)data, size);

	if (release && mount_list_memfd(release) != 1 && mount_list_memfd(release) != 2)
		abort();
	if (mount_list_parse((const char *)data, size, &list) < 0)
		return 0;
	if (list.n > MOUNT_LIST_MAX)
		abort();
	for (size_t i = 0; i < list.n && i < 64; i++)
		check_entry(&list, i);
	return 0;
}
