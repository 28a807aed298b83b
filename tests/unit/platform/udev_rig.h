/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udev_rig.h - programs in a made-up root file system: busybox, and a stand-in for udevadm, which
 * asks no udevd and notes what it was asked.
 */
#ifndef MDM_TESTS_UDEV_RIG_H
#define MDM_TESTS_UDEV_RIG_H

#include "platform/udev.h"
#include "tests/unit/platform/fixture.h"

static inline const char *find_busybox(void)
{
	static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static inline void make_executable(struct fixture *f, const char *path)
{
	if (fchmodat(f->platform.sysroot_fd, path, 0755, 0) < 0)
		abort();
}

static inline void copy_program(struct fixture *f, const char *from, const char *to)
{
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	size_t n;

	if (fd < 0 || fs_read_fd(fd, 16 << 20, &data, &n) < 0)
		abort();
	fixture_write(f, to, data, n);
	make_executable(f, to);
}

/* False, and skipped: no program can be run in another root. script: of the stand-in. */
static inline bool udev_rig_begin(struct fixture *f, const char *script)
{
	if (geteuid() != 0 || !find_busybox()) {
		check_skip("needs root, to change the root directory, and busybox-static");
		return false;
	}
	copy_program(f, find_busybox(), "bin/busybox");
	fixture_text(f, "usr/bin/udevadm", script);
	make_executable(f, "usr/bin/udevadm");
	fixture_text(f, "dev/null", "");
	fixture_text(f, UDEV_CONTROL, "");
	return true;
}

#define UDEV_RIG_NOTES                                                                             \
	"#!/bin/busybox sh\n"                                                                      \
	"# a stand-in: it asks no udevd\n"                                                         \
	"echo \"$@\" >>/asked\n"                                                                   \
	"[ ! -e /broken ] || { echo broken; exit 1; }\n"

#endif
