/* SPDX-License-Identifier: Apache-2.0 */
/* doc_path.c - paths inside documents; see doc_path.h. Pure; enforcer and tools. */
#include "policies/doc_path.h"

#include <stdarg.h>

void doc_path(char ret_path[DOC_PATH_BYTES], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_path, DOC_PATH_BYTES, format, args);
	va_end(args);
}
