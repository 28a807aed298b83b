/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - block devices, mounts and swaps of a made-up machine, as sysfs and /proc show them.
 */
#ifndef MDM_TESTS_MACHINE_H
#define MDM_TESTS_MACHINE_H

#include "tests/unit/platform/fixture.h"

struct machine {
	struct fixture f;
	struct backend *b;
	struct buf mounts, swaps;
};

static inline void machine_open(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	fixture_open(&m->f);
	if (storage_backend_new(&m->f.platform, &m->b) < 0)
		abort();
	fixture_directory(&m->f, "sys/dev/block");
	fixture_directory(&m->f, "sys/class/block");
	buf_puts(&m->swaps, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static inline void machine_close(struct machine *m)
{
	backend_free(m->b);
	buf_done(&m->mounts);
	buf_done(&m->swaps);
	fixture_close(&m->f);
}

static inline void attribute(
	struct machine *m, const char *device, const char *name, const char *value)
{
	char path[512], text[512];

	snprintf(path, sizeof(path), "sys/devices/%s/%s", device, name);
	snprintf(text, sizeof(text), "%s\n", value);
	fixture_text(&m->f, path, text);
}

/* A block device; its path below sys/devices ends in its name. */
static inline void device(struct machine *m, const char *number, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char link[512], target[512];

	attribute(m, path, "dev", number);
	snprintf(link, sizeof(link), "sys/dev/block/%s", number);
	snprintf(target, sizeof(target), "../../devices/%s", path);
	fixture_link(&m->f, link, target);
	snprintf(link, sizeof(link), "sys/class/block/%s", name);
	fixture_link(&m->f, link, target);
}

static inline void disk(struct machine *m, const char *number, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "platform/block/%.200s", name);
	device(m, number, path);
}

static inline void partition(
	struct machine *m, const char *number, const char *disk_name, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "platform/block/%.100s/%.100s", disk_name, name);
	device(m, number, path);
	attribute(m, path, "partition", "1");
}

/* A device with others below it: slaves are "name" or "disk/name". */
static inline void stacked(
	struct machine *m, const char *number, const char *name, const char *const *slaves)
{
	char path[256], link[512], target[512];

	snprintf(path, sizeof(path), "virtual/block/%s", name);
	device(m, number, path);
	attribute(m, path, "ro", "0");
	snprintf(link, sizeof(link), "sys/devices/%s/slaves", path);
	fixture_directory(&m->f, link);
	for (; *slaves; slaves++) {
		bool mapped = strncmp(*slaves, "dm-", 3) == 0 || strncmp(*slaves, "md", 2) == 0;
		const char *slash = strrchr(*slaves, '/');

		snprintf(link, sizeof(link), "sys/devices/%s/slaves/%s", path,
			slash ? slash + 1 : *slaves);
		snprintf(target, sizeof(target), "../../../../%s/block/%s",
			mapped ? "virtual" : "platform", *slaves);
		fixture_link(&m->f, link, target);
	}
}

static inline void mapped(struct machine *m, const char *number, const char *name,
	const char *dm_name, const char *uuid, const char *const *slaves)
{
	char path[256];

	stacked(m, number, name, slaves);
	snprintf(path, sizeof(path), "virtual/block/%s", name);
	attribute(m, path, "dm/name", dm_name);
	attribute(m, path, "dm/uuid", uuid);
}

static inline void loop(struct machine *m, const char *number, const char *name, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "virtual/block/%s", name);
	device(m, number, path);
	attribute(m, path, "loop/backing_file", file);
}

static inline void mounted(struct machine *m, const char *number, const char *point,
	const char *type, const char *source)
{
	buf_printf(&m->mounts, "30 1 %s / %s rw,relatime shared:1 - %s %s rw\n", number, point,
		type, source);
}

static inline void swapping(struct machine *m, const char *path, const char *type)
{
	buf_printf(&m->swaps, "%s   %s\t\t1024\t0\t-2\n", path, type);
}

#define LUKS2(name) "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-" name
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline int look(struct machine *m)
{
	fixture_write(&m->f, "proc/self/mountinfo", m->mounts.data ? m->mounts.data : "",
		m->mounts.n_bytes);
	fixture_write(&m->f, "proc/swaps", m->swaps.data, m->swaps.n_bytes);
	return fixture_observe(&m->f, m->b);
}

static inline const struct observation *storage(const struct machine *m)
{
	return m->b->observations[SETTING_ENCRYPTION_STORAGE];
}

static inline const struct observation *swap_space(const struct machine *m)
{
	return m->b->observations[SETTING_ENCRYPTION_SWAP];
}

static inline const struct observation *part_of(const struct machine *m, enum setting_id id)
{
	return m->b->observations[id];
}

/* The reason of one item; COMPLIANCE_REASON_MAX if there is none of that name. */
static inline enum compliance_reason reason_of(const struct observation *o, const char *name)
{
	for (size_t i = 0; i < o->n_items; i++)
		if (strcmp(o->items[i].name, name) == 0)
			return o->items[i].reason;
	return COMPLIANCE_REASON_MAX;
}

static inline const char *detail_of(const struct observation *o, const char *name)
{
	for (size_t i = 0; i < o->n_items; i++)
		if (strcmp(o->items[i].name, name) == 0)
			return o->items[i].detail;
	return "";
}

static inline bool is_fine(const struct observation *o)
{
	return o->state == COMPLIANCE_COMPLIANT && o->has_value && o->value.number == 1 &&
	       o->enforced;
}

static inline bool is_plain(const struct observation *o)
{
	return o->state == COMPLIANCE_COMPLIANT && o->has_value && o->value.number == 0 &&
	       o->reason == REASON_PLAIN_STORAGE;
}

#endif
