/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_phone.h - a tree in the shape of a phone with a full desktop: 1,200 packages, 30,000 files,
 * 2.4 MB of database, the same wherever it is made; 60 of its packages have desktop entries, 4
 * Flatpaks. Benchmarks only.
 */
#ifndef MDM_BENCH_APK_PHONE_H
#define MDM_BENCH_APK_PHONE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/buf.h"
#include "agent/util/fs.h"

#define APK_PHONE_PACKAGES 1200
#define APK_PHONE_FILES 25 /* of each */
#define APK_PHONE_APPS 60

static inline void apk_phone_must(bool done)
{
	if (!done) {
		perror("apk_phone");
		exit(1);
	}
}

/* Digits that look like a digest. */
static inline void apk_phone_digest(struct buf *out, unsigned int *state)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[28];

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		*state = *state * 1664525u + 1013904223u;
		text[i] = digits[*state >> 26];
	}
	text[sizeof(text) - 1] = '=';
	buf_append(out, "Q1", 2);
	buf_append(out, text, sizeof(text));
}

static inline void apk_phone_package(struct buf *out, unsigned int i, unsigned int *state)
{
	buf_puts(out, "C:");
	apk_phone_digest(out, state);
	buf_printf(out,
		"\nP:package-%04u\nV:%u.%u.%u-r%u\nA:aarch64\nS:%u\nI:%u\n"
		"T:Package number %u of a phone\nU:https://example.org/package-%04u/\n"
		"L:GPL-2.0-or-later\no:source-%03u\nm:Somebody <somebody@example.org>\n"
		"t:1760000000\nc:0123456789abcdef0123456789abcdef01234567\n",
		i, i % 9, i % 7, i % 5, i % 3, i * 1000, i * 4096, i, i, i / 3);
	if (i) {
		buf_puts(out, "D:so:libc.musl-aarch64.so.1");
		for (unsigned int k = 0; k < 5 && k < i; k++)
			buf_printf(out, " so:lib%u.so.%u", (i * 7 + k * 13) % i, k);
		buf_printf(out, " package-%04u>=0\n", i / 2);
	}
	buf_printf(out, "p:so:lib%u.so.0=1 so:lib%u.so.1=1 cmd:tool%u=1 cmd:other%u=1%s\n", i, i, i,
		i, i ? "" : " so:libc.musl-aarch64.so.1=1");
	if (i % 10 == 9)
		buf_printf(out, "i:package-%04u=1 docs\n", i - 1);
	for (unsigned int k = 0; k < APK_PHONE_FILES; k++) {
		if (k % 8 == 0)
			buf_printf(out, "F:usr/%s/package-%04u\n",
				k == 0	 ? "bin"
				: k == 8 ? "lib"
					 : "share",
				i);
		buf_printf(out, "R:some-file-%02u.data\n", k);
		if (k < 4)
			buf_puts(out, "a:0:0:755\n");
		buf_puts(out, "Z:");
		apk_phone_digest(out, state);
		buf_puts(out, "\n");
	}
	if (i % (APK_PHONE_PACKAGES / APK_PHONE_APPS) == 0) {
		buf_printf(out, "F:usr/share/applications\nR:org.example.App%u.desktop\nZ:", i);
		apk_phone_digest(out, state);
		buf_puts(out, "\n");
	}
	buf_puts(out, "\n");
}

static inline void apk_phone_write(
	int root_fd, const char *path, const char *text, size_t n, mode_t mode)
{
	char parent[256];
	int fd;

	snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	apk_phone_must(fs_make_dirs(root_fd, parent, 0755) == 0);
	fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	apk_phone_must(fd >= 0 && fs_write_all(fd, text, n) == 0 && fchmod(fd, mode) == 0);
	close(fd);
}

/* Everything but Flatpaks, whose files are made where their tests are. */
static inline void apk_phone_make(int root_fd)
{
	_cleanup_buf_ struct buf db = BUF_INIT, world = BUF_INIT;
	unsigned int state = 1;

	for (unsigned int i = 0; i < APK_PHONE_PACKAGES; i++) {
		apk_phone_package(&db, i, &state);
		if (i % 20 == 5)
			buf_printf(&world, "package-%04u\n", i);
	}
	apk_phone_must(!db.error && !world.error);
	apk_phone_write(root_fd, "lib/apk/db/installed", db.data, db.n_bytes, 0644);
	apk_phone_write(root_fd, "etc/apk/world", world.data, world.n_bytes, 0644);
	apk_phone_write(root_fd, "usr/bin/app", "", 0, 0755);
	apk_phone_write(root_fd, "bin/sh", "", 0, 0755);
	for (unsigned int i = 0; i < APK_PHONE_PACKAGES; i += APK_PHONE_PACKAGES / APK_PHONE_APPS) {
		char path[128], text[256];
		int n = snprintf(text, sizeof(text),
			"[Desktop Entry]\nType=Application\nName=App %u\nName[de]=Anwendung %u\n"
			"Comment=What it is good for\nExec=app --number %u %%U\nTerminal=false\n"
			"Categories=Utility;\n",
			i, i, i);

		snprintf(path, sizeof(path), "usr/share/applications/org.example.App%u.desktop", i);
		apk_phone_write(root_fd, path, text, (size_t)n, 0644);
	}
	apk_phone_write(root_fd, "usr/share/wayland-sessions/phosh.desktop",
		"[Desktop Entry]\nName=Phosh\nExec=phosh\nDesktopNames=Phosh;GNOME;\n", 66, 0644);
	apk_phone_write(root_fd, "etc/passwd",
		"root:x:0:0::/root:/bin/sh\nuser:x:10000:10000::/home/user:/bin/sh\n", 66, 0644);
	apk_phone_must(fs_make_dirs(root_fd, "home/user/.local/share/applications", 0755) == 0);
}

#endif
