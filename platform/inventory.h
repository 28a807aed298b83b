/* SPDX-License-Identifier: Apache-2.0 */
/* inventory.h - the parser behind platform_inventory(). */
#ifndef MDM_PLATFORM_INVENTORY_H
#define MDM_PLATFORM_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Value of the last assignment NAME=VALUE, with quotes undone as far as that needs no shell (no
 * expansions). Text that is not valid UTF-8 or has control characters gives "". False: none.
 */
bool inventory_variable(
	const char *text, size_t n_bytes, const char *name, char *ret, size_t size_bytes);

#endif
