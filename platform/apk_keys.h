/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_keys.h - which of apk's keys came with the system, and what a list that leaves them out
 * costs. Nothing on the phone says which key signs which repository, so that the packages that
 * brought the keys are what is known. Reads only. Enforcer only.
 */
#ifndef MDM_PLATFORM_APK_KEYS_H
#define MDM_PLATFORM_APK_KEYS_H

#include "platform/apk_source_files.h"
#include "platform/platform.h"

struct apk_keys_loss {
	/* One of the system's packages none of whose keys is listed; "": there is none. */
	char package[LIMIT_TEXT_BYTES + 1];
	bool is_all; /* and no other has one either: the system would get no repairs any more */
};

/*
 * keys: of SOURCE_KEY, as they would be without the agent. A system without a database of apk, or
 * whose keys belong to no package of the base, loses nothing that is known. 0 or -ENOMEM.
 */
int apk_keys_judge(const struct platform *platform, const struct sources *keys,
	const struct string_set *list, struct apk_keys_loss *ret_loss);

#endif
