/* SPDX-License-Identifier: Apache-2.0 */
/* doc_path.h - where in a document a reader is: "profiles[2].settings.screen_lock". Pure. */
#ifndef MDM_POLICIES_DOC_PATH_H
#define MDM_POLICIES_DOC_PATH_H

#include "agent/util/mem.h"

/* As long as the path of struct json_error; what is longer is cut off, it is only for people. */
#define DOC_PATH_BYTES 128

void doc_path(char ret_path[DOC_PATH_BYTES], const char *format, ...) _printf_(2, 3);

#endif
