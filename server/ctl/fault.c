/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c - error messages of mdmctl; see fault.h. */
#include "server/ctl/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

const char *fault_meaning(int code)
{
	static const char *const meanings[FAULT_CODE_MAX] = {
		[0] = "done",
		[FAULT_FAILURE] = "failure",
		[FAULT_USAGE] = "wrong arguments",
		[FAULT_UNREACHABLE] = "server not reached",
		[FAULT_REFUSED] = "refused by the server",
		[FAULT_KEY] = "passphrase or key",
	};

	return meanings[code];
}

int fault_set(struct fault *fault, enum fault_code code, const char *format, ...)
{
	va_list args;

	fault->code = code;
	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	return (int)code;
}

static const char *fault_hint(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "; nothing was changed, make room and try again";
	case EACCES:
	case EPERM:
		return "; run this as the user who owns it";
	case EROFS:
		return "; the file system is read-only";
	}
	return "";
}

int fault_errno(struct fault *fault, int error, const char *format, ...)
{
	va_list args;
	int n;

	error = abs(error);
	fault->code = FAULT_FAILURE;
	va_start(args, format);
	n = vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(fault->text))
		snprintf(fault->text + n, sizeof(fault->text) - (size_t)n, ": %s%s",
			strerror(error), fault_hint(error));
	return FAULT_FAILURE;
}
