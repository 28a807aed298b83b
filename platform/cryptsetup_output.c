/* SPDX-License-Identifier: Apache-2.0 */
/* cryptsetup_output.c - reading what cryptsetup(8) writes; see cryptsetup_output.h. Enforcer only.
 */
#include "platform/cryptsetup_output.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "platform/backend.h"

static const char *next_line(const char *line, size_t n)
{
	return line + n + (line[n] == '\n');
}

static bool has_ends(const char *line, size_t n, const char *before, const char *behind)
{
	size_t n_before = strlen(before), n_behind = strlen(behind);

	return n >= n_before + n_behind && memcmp(line, before, n_before) == 0 &&
	       memcmp(line + n - n_behind, behind, n_behind) == 0;
}

/* What --verbose adds, about the course of things. */
static bool is_chatter(const char *line, size_t n)
{
	static const struct {
		const char *before, *behind;
	} lines[] = {
		{"Command successful", ""},
		{"Key slot ", " unlocked."},
		{"Key slot ", " created."},
		{"Key slot ", " removed."},
		{"Keyslot ", " is selected for deletion."},
		{"Token ", " created."},
		{"Token ", " removed."},
		{"No usable token ", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (has_ends(line, n, lines[i].before, lines[i].behind))
			return true;
	return false;
}

/* The last line that names a cause; the one that explains the exit status if there is no other. */
static void take_said(const char *output, char ret_said[LIMIT_TEXT_BYTES + 1])
{
	bool found = false;
	size_t n;

	ret_said[0] = 0;
	for (const char *line = output; *line; line = next_line(line, n)) {
		bool is_status;

		n = strcspn(line, "\n");
		is_status = has_ends(line, n, "Command failed with code", "");
		if (n && !is_chatter(line, n) && !(is_status && found)) {
			text_printf(ret_said, "%.*s", (int)n, line);
			found = !is_status;
		}
	}
	for (char *p = ret_said; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
}

int cryptsetup_number(const char *output, const char *before, const char *behind)
{
	size_t n, n_before = strlen(before), n_behind = strlen(behind);
	int found = -1;

	for (const char *line = output; *line; line = next_line(line, n)) {
		size_t n_digits;
		int64_t number;
		char digits[4];

		n = strcspn(line, "\n");
		if (!has_ends(line, n, before, behind))
			continue;
		n_digits = n - n_before - n_behind;
		if (n_digits >= sizeof(digits))
			continue;
		memcpy(digits, line + n_before, n_digits);
		digits[n_digits] = 0;
		if (parse_int64(digits, 0, LUKS_SLOTS_MAX - 1, &number) == 0)
			found = (int)number;
	}
	return found;
}

const char *cryptsetup_json(const char *output)
{
	for (const char *line = output; *line; line = next_line(line, strcspn(line, "\n")))
		if (*line == '{')
			return line;
	return output;
}

/* cryptsetup(8), RETURN CODES. */
static enum cryptsetup_verdict verdict_of(int status)
{
	static const enum cryptsetup_verdict codes[] = {CRYPTSETUP_OK, CRYPTSETUP_FAILED,
		CRYPTSETUP_WRONG_KEY, CRYPTSETUP_NO_MEMORY, CRYPTSETUP_WRONG_DEVICE,
		CRYPTSETUP_BUSY};

	return status >= 0 && (size_t)status < ARRAY_SIZE(codes) ? codes[status]
								 : CRYPTSETUP_FAILED;
}

void cryptsetup_output(const struct child_result *result, uint32_t deadline_s,
	struct cryptsetup_result *ret_result)
{
	struct cryptsetup_result r = {.verdict = CRYPTSETUP_FAILED, .slot = -1};

	switch (result->end) {
	case CHILD_EXITED:
		r.verdict = verdict_of(result->code);
		if (r.verdict == CRYPTSETUP_OK)
			break;
		take_said(result->output, r.said);
		if (!r.said[0])
			text_printf(r.said, "cryptsetup ended with status %d", result->code);
		break;
	case CHILD_KILLED:
		/* Whoever needs a gigabyte is the first to go where memory runs out. */
		text_printf(r.said, "cryptsetup was ended by signal %d%s", result->code,
			result->code == SIGKILL ? ", perhaps for lack of memory" : "");
		break;
	case CHILD_DEADLINE:
		r.verdict = CRYPTSETUP_DEADLINE;
		text_printf(
			r.said, "cryptsetup did not end within %" PRIu32 " seconds", deadline_s);
		break;
	case CHILD_FLOODED:
		r.verdict = CRYPTSETUP_GARBLED;
		text_printf(r.said, "cryptsetup wrote more than %d KiB",
			LIMIT_CHILD_OUTPUT_BYTES / 1024);
		break;
	case CHILD_END_MAX:
		break;
	}
	*ret_result = r;
}
