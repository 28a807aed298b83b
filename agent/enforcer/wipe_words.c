/* SPDX-License-Identifier: Apache-2.0 */
/* wipe_words.c - see wipe_words.h. Pure. */
#include "agent/enforcer/wipe_words.h"

#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"

#define LINE_BYTES 640
#define WORD_BYTES 64

/* The next line, cut to what fits; false: there is none. */
static bool next_line(const char **text, char ret_line[LINE_BYTES])
{
	size_t n = strcspn(*text, "\n");

	if (!**text)
		return false;
	snprintf(ret_line, LINE_BYTES, "%.*s", (int)(n < LINE_BYTES ? n : LINE_BYTES - 1), *text);
	*text += n + ((*text)[n] == '\n');
	return true;
}

/* Takes a word off the front. False: there is none, or it is too long. */
static bool take_word(const char **line, char ret_word[WORD_BYTES])
{
	size_t n = strcspn(*line, " ");

	if (n == 0 || n >= WORD_BYTES)
		return false;
	memcpy(ret_word, *line, n);
	ret_word[n] = 0;
	*line += n + ((*line)[n] == ' ');
	return true;
}

static bool take_index(const char **line, size_t n_devices, size_t *ret_index)
{
	char word[WORD_BYTES];
	int64_t value;

	if (!take_word(line, word) || parse_int64(word, 0, (int64_t)n_devices - 1, &value) < 0)
		return false;
	*ret_index = (size_t)value;
	return true;
}

bool wipe_words_check(const char *text, struct wipe_plan *plan, char ret_lost[LIMIT_TEXT_BYTES + 1])
{
	bool ready[LIMIT_WIPE_DEVICES] = {false}, any = false;
	char line[LINE_BYTES], word[WORD_BYTES];
	size_t n = 0, index;

	ret_lost[0] = 0;
	while (next_line(&text, line)) {
		const char *rest = line, *path;

		if (!take_word(&rest, word) || strcmp(word, "device") != 0)
			continue;
		if (!take_index(&rest, plan->n_devices, &index) || !take_word(&rest, word))
			return false;
		/* The path is the plan's own; it may have spaces in it. */
		path = plan->devices[index].path;
		if (strncmp(rest, path, strlen(path)) != 0 || rest[strlen(path)] != ' ')
			return false;
		rest += strlen(path) + 1;
		any = true;
		if (!take_word(&rest, word))
			return false;
		ready[index] = strcmp(word, "ready") == 0;
		if (!ready[index] && !*ret_lost)
			snprintf(ret_lost, LIMIT_TEXT_BYTES + 1, "%.80s: %.160s", path, rest);
	}
	if (!any)
		return false;
	for (size_t i = 0; i < plan->n_devices; i++)
		if (ready[i])
			plan->devices[n++] = plan->devices[i];
	plan->n_devices = n;
	return true;
}

/* What is said last of each device. */
struct said {
	char left[LIMIT_WIPE_DEVICES]
		 [LIMIT_TEXT_BYTES + 1]; /* "": it is gone, or nothing was said */
};

/* "device N WORD DETAIL" */
static void take_device(const char *rest, const struct wipe_plan *plan, struct said *said)
{
	char word[WORD_BYTES];
	size_t index;

	if (!take_index(&rest, plan->n_devices, &index) || !take_word(&rest, word))
		return;
	said->left[index][0] = 0;
	if (strcmp(word, "gone") != 0)
		snprintf(said->left[index], sizeof(said->left[index]), "%.80s: %.20s %.140s",
			plan->devices[index].path, word, rest);
}

static void take_furthest(const char *word, enum wipe_word *furthest)
{
	static const struct {
		const char *text;
		enum wipe_word word;
	} words[] = {
		{"started", WIPE_WORD_STARTED},
		{"keys-gone", WIPE_WORD_GONE},
		{"keys-left", WIPE_WORD_LEFT},
		/* Behind it only the system ends. */
		{"plain-gone", WIPE_WORD_FINISHED},
		{"plain-left", WIPE_WORD_FINISHED},
		{"finishing", WIPE_WORD_FINISHED},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(word, words[i].text) == 0 && words[i].word > *furthest)
			*furthest = words[i].word;
}

enum wipe_word wipe_words_progress(
	const char *text, const struct wipe_plan *plan, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	enum wipe_word furthest = WIPE_WORD_SILENCE;
	char line[LINE_BYTES], word[WORD_BYTES];
	struct said said = {0};

	ret_detail[0] = 0;
	/* A line that is being written has no end yet. */
	while (strchr(text, '\n') && next_line(&text, line)) {
		const char *rest = line;

		if (!take_word(&rest, word) || !take_word(&rest, word))
			continue;
		if (strcmp(word, "device") == 0) {
			take_device(rest, plan, &said);
		} else if (strcmp(word, "refused") == 0) {
			snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "%.200s", rest);
			furthest = WIPE_WORD_REFUSED;
		} else {
			take_furthest(word, &furthest);
		}
	}
	for (size_t i = 0; i < plan->n_devices && !*ret_detail; i++)
		memcpy(ret_detail, said.left[i], sizeof(said.left[i]));
	return furthest;
}
