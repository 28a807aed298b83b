/* SPDX-License-Identifier: Apache-2.0 */
/*
 * people.h - accounts with homes in a fixture tree. Root makes the homes belong to others; anybody
 * else can only have homes of its own.
 */
#ifndef MDM_TESTS_PEOPLE_H
#define MDM_TESTS_PEOPLE_H

#include <sys/stat.h>

#include "tests/unit/platform/fixture.h"

static inline unsigned int people_uid(void)
{
	return geteuid() == 0 ? 10000 : (unsigned int)geteuid();
}

/* Accounts of these names, all of one number, with the homes /home/NAME; made where make says so.
 */
static inline void people_make(struct fixture *f, const char *const *names, size_t n, bool make)
{
	char passwd[1024] = "root:x:0:0::/root:/bin/sh\n";

	for (size_t i = 0; i < n; i++) {
		char path[128];

		snprintf(passwd + strlen(passwd), sizeof(passwd) - strlen(passwd),
			"%s:x:%u:%u::/home/%s:/bin/sh\n", names[i], people_uid(), people_uid(),
			names[i]);
		snprintf(path, sizeof(path), "home/%s", names[i]);
		if (!make)
			continue;
		if (fs_make_dirs(f->platform.sysroot_fd, path, 0755) < 0 ||
			(geteuid() == 0 && fchownat(f->platform.sysroot_fd, path, people_uid(),
						   people_uid(), 0) < 0))
			abort();
	}
	fixture_write(f, "etc/passwd", passwd, strlen(passwd));
	fixture_write(f, "etc/login.defs", "UID_MIN 1\nUID_MAX 100000000\n", 28);
	fixture_write(f, "bin/sh", "", 0);
	if (fchmodat(f->platform.sysroot_fd, "bin/sh", 0755, 0) < 0)
		abort();
}

#endif
