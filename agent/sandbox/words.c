/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - what went wrong and what is missing, for people; see sandbox.h. Run by every confined
 * role; apart from the steps, so that a program that takes only the first links no libseccomp. */
#include <stdio.h>
#include <string.h>

#include "agent/sandbox/sandbox.h"

int sandbox_fail(struct sandbox_error *ret_error, int error, const char *what)
{
	snprintf(ret_error->message, sizeof(ret_error->message), "%s: %s", what, strerror(-error));
	return error;
}

void sandbox_note(struct sandbox_facts *facts, const char *text)
{
	size_t n = strlen(facts->note);

	snprintf(facts->note + n, sizeof(facts->note) - n, "%s%s", n ? "; " : "", text);
}
