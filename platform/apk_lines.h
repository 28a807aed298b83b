/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_lines.h - files with repositories of apk-tools 2 and 3 (apk-repositories(5)), line by line:
 * which addresses a line names, and the same file without the lines whose addresses are not listed.
 * Pure.
 */
#ifndef MDM_PLATFORM_APK_LINES_H
#define MDM_PLATFORM_APK_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "policies/settings.h"

/* In front of a line that was taken out; without it the line is as it was. */
#define APK_LINES_MARK "#mdm-agent: "

/* "set NAME=VALUE" of the lines before, for ${NAME}; in all files of one system together. */
struct apk_variables {
	struct {
		char name[LIMIT_NAME_BYTES + 1], value[LIMIT_URL_BYTES + 1];
	} rows[LIMIT_APK_VARIABLES];
	size_t n_rows;
};

struct apk_line {
	/* One for each component; without the tag, and without slashes at the end. */
	char urls[LIMIT_APK_COMPONENTS][LIMIT_URL_BYTES + 1];
	size_t n_urls;
	bool is_strange; /* too long, or too much of it: no list can have it */
};

/*
 * Reads one line. True: it names repositories, or is strange. False: a comment, empty, or an
 * assignment, which is added to variables.
 */
bool apk_line_read(const char *line, size_t n_bytes, struct apk_variables *variables,
	struct apk_line *ret_line);

/* Whether the list has every address of the line. */
bool apk_line_is_listed(const struct apk_line *line, const struct string_set *list);

/*
 * Appends the text with the mark in front of each line that is not listed; lines that have it
 * already are judged anew. *ret_n_kept: how many lines are listed, *ret_n_out: how many are not. 0
 * or -errno.
 */
int apk_lines_derive(const char *text, size_t n_bytes, const struct string_set *list,
	struct apk_variables *variables, struct buf *out, size_t *ret_n_kept, size_t *ret_n_out);

/* Appends the text without our marks. */
void apk_lines_strip(const char *text, size_t n_bytes, struct buf *out);

#endif
