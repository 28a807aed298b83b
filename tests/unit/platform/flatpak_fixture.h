/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flatpak_fixture.h - installed Flatpaks in a fixture tree, with the files that Flatpak writes.
 */
#ifndef MDM_TESTS_FLATPAK_FIXTURE_H
#define MDM_TESTS_FLATPAK_FIXTURE_H

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "tests/unit/platform/fixture.h"

#define FLATPAK_COMMIT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static inline void flatpak_pad(struct buf *out)
{
	while (out->n_bytes % 8)
		buf_append(out, "", 1);
}

static inline void flatpak_offset(struct buf *out, size_t offset, size_t n_container)
{
	uint8_t bytes[4];
	unsigned int n = n_container <= UINT8_MAX ? 1 : n_container <= UINT16_MAX ? 2 : 4;

	le_put(bytes, offset, n);
	buf_append(out, bytes, n);
}

/* {sv} with a string. */
static inline void flatpak_entry(struct buf *out, const char *key, const char *value)
{
	size_t start = out->n_bytes;

	buf_append(out, key, strlen(key) + 1);
	flatpak_pad(out);
	buf_append(out, value, strlen(value) + 1);
	buf_append(out, "\0s", 2);
	/* Short ones, so that one byte holds the offset. */
	if (out->n_bytes - start >= UINT8_MAX)
		abort();
	flatpak_offset(out, strlen(key) + 1, 1);
}

/* The file "deploy", with a version and a title where there are any. */
static inline void flatpak_deploy_make(
	struct buf *out, const char *origin, const char *version, const char *title)
{
	size_t ends[3], entries, n_entries = 0, entry_ends[2], n_array, n_all;
	uint8_t size[8] = {0, 0, 0, 0, 0, 0, 0x0a, 0};

	buf_append(out, origin, strlen(origin) + 1);
	ends[0] = out->n_bytes;
	buf_append(out, FLATPAK_COMMIT, sizeof(FLATPAK_COMMIT));
	ends[1] = ends[2] = out->n_bytes; /* no subpaths */
	flatpak_pad(out);
	buf_append(out, size, sizeof(size));
	entries = out->n_bytes;
	if (title) {
		flatpak_entry(out, "appdata-name", title);
		entry_ends[n_entries++] = out->n_bytes - entries;
	}
	if (version) {
		flatpak_pad(out);
		flatpak_entry(out, "appdata-version", version);
		entry_ends[n_entries++] = out->n_bytes - entries;
	}
	n_array = out->n_bytes - entries;
	n_array += n_array + n_entries <= UINT8_MAX ? n_entries : 2 * n_entries;
	for (size_t i = 0; i < n_entries; i++)
		flatpak_offset(out, entry_ends[i], n_array);
	n_all = out->n_bytes + 3 <= UINT8_MAX ? out->n_bytes + 3 : out->n_bytes + 6;
	for (size_t i = 3; i-- > 0;)
		flatpak_offset(out, ends[i], n_all);
}

/* An app below base ("var/lib/flatpak"), deployed; desktop may be NULL. */
static inline void flatpak_install(struct fixture *f, const char *base, const char *id,
	const char *origin, const char *version, const char *desktop)
{
	_cleanup_buf_ struct buf deploy = BUF_INIT, text = BUF_INIT;
	char top[PATH_MAX / 2], path[PATH_MAX];

	snprintf(top, sizeof(top), "%s/app/%s/aarch64/stable/" FLATPAK_COMMIT, base, id);
	flatpak_deploy_make(&deploy, origin, version, NULL);
	snprintf(path, sizeof(path), "%s/deploy", top);
	fixture_write(f, path, deploy.data, deploy.n_bytes);
	buf_printf(&text, "[Application]\nname=%s\nruntime=org.test.Platform/aarch64/1\n", id);
	snprintf(path, sizeof(path), "%s/metadata", top);
	fixture_text(f, path, text.data);
	snprintf(path, sizeof(path), "%s/app/%s/aarch64/stable/active", base, id);
	unlinkat(f->platform.sysroot_fd, path, 0);
	fixture_link(f, path, FLATPAK_COMMIT);
	snprintf(path, sizeof(path), "%s/app/%s/current", base, id);
	unlinkat(f->platform.sysroot_fd, path, 0);
	fixture_link(f, path, "aarch64/stable");
	if (!desktop)
		return;
	snprintf(path, sizeof(path), "%s/export/share/applications/%s.desktop", top, id);
	fixture_text(f, path, desktop);
}

#endif
