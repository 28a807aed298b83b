/* SPDX-License-Identifier: Apache-2.0 */
/* sxmo.h - whether the user interface Sxmo is installed. */
#ifndef MDM_PLATFORM_SXMO_H
#define MDM_PLATFORM_SXMO_H

#include <stdbool.h>

bool sxmo_is_installed(int root_fd);

#endif
