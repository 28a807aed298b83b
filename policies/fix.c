/* SPDX-License-Identifier: Apache-2.0 */
/* fix.c - the names of what tells where the phone is; see fix.h. Pure: no system calls. */
#include "policies/fix.h"

const char *fix_source_name(enum fix_source source)
{
	static const char *const names[FIX_SOURCE_MAX] = {
		[FIX_NONE] = "none",
		[FIX_GNSS] = "gnss",
		[FIX_NETWORK] = "network",
		[FIX_CELL] = "cell",
		[FIX_FIXED] = "fixed",
	};

	return (unsigned int)source < FIX_SOURCE_MAX ? names[source] : NULL;
}
