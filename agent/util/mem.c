/* SPDX-License-Identifier: Apache-2.0 */
/* mem.c - what a C library keeps for later goes back to the kernel; see mem.h. All roles. */
#include "agent/util/mem.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void mem_give_back(void)
{
#if defined(__GLIBC__)
	/* Also from between what is in use, which no threshold does. */
	(void)malloc_trim(0);
#endif
}
