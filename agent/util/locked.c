/* SPDX-License-Identifier: Apache-2.0 */
/* locked.c - see locked.h. */
#include "agent/util/locked.h"

#include <string.h>
#include <sys/mman.h>

void *locked_new(size_t size_bytes)
{
	void *memory =
		mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Without them a secret is as safe as it would be on the heap. */
	(void)mlock(memory, size_bytes);
	(void)madvise(memory, size_bytes, MADV_DONTDUMP);
	return memory;
}

void locked_free(void *memory, size_t size_bytes)
{
	if (!memory)
		return;
	explicit_bzero(memory, size_bytes);
	/* With its pages goes their lock. */
	(void)munmap(memory, size_bytes);
}
