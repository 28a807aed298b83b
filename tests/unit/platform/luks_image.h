/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks_image.h - volumes in files, made with the real cryptsetup, which needs no device mapper for
 * anything but opening them. Functions abort where the machine fails, not the code under test.
 */
#ifndef MDM_TESTS_LUKS_IMAGE_H
#define MDM_TESTS_LUKS_IMAGE_H

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/cryptsetup.h"
#include "tests/lib/check.h"

#define QUICK "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 "
#define SMALL "--type luks2 --luks2-metadata-size 16k --luks2-keyslots-size 2m " QUICK
#define LUKS1 "--type luks1 --pbkdf-force-iterations 1000 --key-size 256 "

static inline const char *luks_image_program(void)
{
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *program = cryptsetup_find(root_fd);

	close(root_fd);
	return program;
}

static inline bool luks_image_skipped(void)
{
	if (luks_image_program() && !check_emulated())
		return false;
	check_skip("needs cryptsetup, and no emulation");
	return true;
}

/* cryptsetup ARGUMENTS for tests themselves; %s of the format are words without special signs. */
__attribute__((format(printf, 1, 2))) static inline void luks_image_do(const char *format, ...)
{
	char command[1024], full[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	/* What it warns of matters only where it fails. */
	snprintf(full, sizeof(full),
		"PATH=/usr/sbin:/sbin:/usr/bin:/bin; said=$({ %s; } 2>&1) || { echo \"$said\"; exit 1; }",
		command);
	if (system(full) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

/* A volume with a passphrase in keyslot 0. */
static inline void luks_image_make(const char *path, const char *options, const char *passphrase)
{
	luks_image_do("rm -f %s && truncate -s 8M %s", path, path);
	if (*passphrase)
		luks_image_do("printf %%s '%s' | cryptsetup luksFormat -q %s --key-file=- %s",
			passphrase, options, path);
	else
		luks_image_do(": >%s.empty; cryptsetup luksFormat -q %s --key-file=%s.empty %s",
			path, options, path, path);
}

static inline void luks_image_add(
	const char *path, int slot, const char *passphrase, const char *new_passphrase)
{
	luks_image_do("printf %%s '%s' >%s.key && printf %%s '%s' | cryptsetup luksAddKey -q "
		      "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-slot %d --key-file=- %s "
		      "%s.key",
		new_passphrase, path, passphrase, slot, path, path);
}

#endif
