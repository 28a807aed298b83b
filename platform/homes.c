/* SPDX-License-Identifier: Apache-2.0 */
/* homes.c - see homes.h. Enforcer only. */
#include "platform/homes.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"

#define PERSON_MIN 1000 /* UID_MIN of login.defs(5), which nobody changes on a phone */
#define PERSON_MAX 60000
#define PASSWD_FIELDS 7

/* False: not a person's, or no line of passwd(5). The line is cut in place. */
static bool parse_line(char *line, struct home *ret_home)
{
	char *fields[PASSWD_FIELDS];
	int64_t uid;
	size_t n = 0;

	for (char *rest = line, *field; n < PASSWD_FIELDS && (field = strsep(&rest, ":")); n++)
		fields[n] = field;
	if (n < PASSWD_FIELDS || !name_is_valid(fields[0]) ||
		strlen(fields[0]) > LIMIT_USER_BYTES || strlen(fields[5]) > LIMIT_TEXT_BYTES ||
		fields[5][0] != '/' || !fields[5][1] ||
		parse_int64(fields[2], PERSON_MIN, PERSON_MAX, &uid) < 0)
		return false;
	snprintf(ret_home->user, sizeof(ret_home->user), "%s", fields[0]);
	snprintf(ret_home->path, sizeof(ret_home->path), "%s", fields[5]);
	return true;
}

int homes_read(int root_fd, struct home *ret_homes, size_t max)
{
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	int r = fs_read(root_fd, "etc/passwd", LIMIT_PLATFORM_FILE_BYTES, &text, NULL);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	for (char *rest = text, *line; n < max && (line = strsep(&rest, "\n"));)
		if (parse_line(line, &ret_homes[n]))
			n++;
	return (int)n;
}
