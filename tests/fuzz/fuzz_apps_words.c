/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: apps */
/*
 * fuzz_apps_words.c - whatever a package manager, or a script of a package, says: it has a reason
 * and a detail of one line; a word that is asked for is never an option or a file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apps/apk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_detail(const char *detail)
{
	if (strlen(detail) > LIMIT_TEXT_BYTES || strchr(detail, '\n'))
		abort();
}

/* The first byte: how it ended. The rest: what it said. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"", "htop", "a"};
	_cleanup_(program_said_done) struct program_said said = {0};
	char detail[LIMIT_TEXT_BYTES + 1], word[LIMIT_TEXT_BYTES + 1], name[LIMIT_TEXT_BYTES + 1];

	if (size == 0)
		return 0;
	said.end = (enum program_end)(data[0] % (PROGRAM_NONE + 1));
	said.status = data[0] / 2;
	buf_append(&said.output, data + 1, size - 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		detail[0] = '\0';
		if (apk_why(&said, names[i], detail) >= APPS_RESULT_MAX)
			abort();
		check_detail(detail);
		detail[0] = '\0';
		if (apk_source_trouble(&said, detail) >= APPS_RESULT_MAX)
			abort();
		check_detail(detail);
	}
	apk_is_solved(&said);
	if (apk_why_not(&said, "htop=3.1-r0", detail) >= APPS_RESULT_MAX)
		abort();
	check_detail(detail);
	snprintf(word, sizeof(word), "%.*s", (int)(size - 1), (const char *)data + 1);
	apk_word_name(word, name);
	if (apk_word_is_plain(word) && (strchr("-/", word[0]) || strchr(word, '/') || !name[0]))
		abort();
	return 0;
}
