/* SPDX-License-Identifier: Apache-2.0 */
/* account.c - passwd(5) and group(5) lines; see account.h. Any role. */
#include "agent/util/account.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"

/* Finds the line of name and reads its third and fourth field as far as ids asks for. */
static int account_find(
	int root_fd, const char *path, const char *name, uint32_t *ids, size_t n_ids)
{
	_cleanup_free_ char *data = NULL;
	char *line, *rest;
	int r = fs_read(root_fd, path, LIMIT_PLATFORM_FILE_BYTES, &data, NULL);

	if (r < 0)
		return r;
	for (rest = data; (line = strsep(&rest, "\n"));) {
		const char *field = strsep(&line, ":");

		if (strcmp(field, name) != 0 || !line)
			continue;
		strsep(&line, ":");
		for (size_t i = 0; i < n_ids; i++) {
			int64_t id;

			field = line ? strsep(&line, ":") : "";
			if (parse_int64(field, 0, UINT32_MAX - 1, &id) < 0)
				return -EBADMSG;
			ids[i] = (uint32_t)id;
		}
		return 0;
	}
	return -ENOENT;
}

int account_user(int root_fd, const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	uint32_t ids[2];
	int r = account_find(root_fd, "etc/passwd", name, ids, 2);

	if (r < 0)
		return r;
	*ret_uid = ids[0];
	*ret_gid = ids[1];
	return 0;
}

int account_group(int root_fd, const char *name, gid_t *ret_gid)
{
	uint32_t id;
	int r = account_find(root_fd, "etc/group", name, &id, 1);

	if (r < 0)
		return r;
	*ret_gid = id;
	return 0;
}
