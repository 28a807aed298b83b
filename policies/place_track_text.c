/* SPDX-License-Identifier: Apache-2.0 */
/* place_track_text.c - names of what places say in reports, and what of their states is kept
 * over restarts; see place_track.h. Pure; enforcer and tools. */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "policies/place_track.h"

#define S_US INT64_C(1000000)
#define AGE_MAX_S (INT64_C(1) << 40)
#define STATES_MAX (LIMIT_PLACES * LIMIT_ASSIGNMENT_GROUPS)

static const char *const sides[TRUTH_MAX] = {
	[TRUTH_FALSE] = "outside",
	[TRUTH_TRUE] = "inside",
	[TRUTH_UNKNOWN] = "unknown",
};

const char *place_side_name(enum truth side)
{
	return sides[side];
}

const char *place_doubt_name(enum place_doubt doubt)
{
	static const char *const names[PLACE_DOUBT_MAX] = {
		[PLACE_DOUBT_NONE] = "none",
		[PLACE_DOUBT_MALFORMED] = "malformed",
		[PLACE_DOUBT_MOCK] = "mock",
		[PLACE_DOUBT_STALE] = "stale",
		[PLACE_DOUBT_FUTURE] = "future",
		[PLACE_DOUBT_BACKWARDS] = "backwards",
		[PLACE_DOUBT_DUPLICATE] = "duplicate",
		[PLACE_DOUBT_JUMP] = "jump",
	};

	return doubt < PLACE_DOUBT_MAX ? names[doubt] : NULL;
}

const char *place_cause_name(enum place_cause cause)
{
	static const char *const names[PLACE_CAUSE_MAX] = {
		[PLACE_CAUSE_NONE] = "none",
		[PLACE_CAUSE_POSITION] = "position",
		[PLACE_CAUSE_NETWORK] = "network",
		[PLACE_CAUSE_NO_NETWORK] = "no_network",
		[PLACE_CAUSE_FORGOTTEN] = "forgotten",
		[PLACE_CAUSE_POLICY] = "policy",
	};

	return cause < PLACE_CAUSE_MAX ? names[cause] : NULL;
}

const char *place_distance_name(enum place_distance distance)
{
	static const char *const names[PLACE_DISTANCE_MAX] = {
		[PLACE_DISTANCE_NONE] = "none",
		[PLACE_AT_BOUNDARY] = "at_boundary",
		[PLACE_NEAR] = "near",
		[PLACE_AROUND] = "around",
		[PLACE_FAR] = "far",
	};

	return distance < PLACE_DISTANCE_MAX ? names[distance] : NULL;
}

/* --- what is kept -------------------------------------------------------------------------- */

static int64_t age_s(int64_t since_us, int64_t now_us)
{
	int64_t s;

	if (since_us >= now_us)
		return 0;
	/* INT64_MIN is no moment. */
	s = now_us / S_US - since_us / S_US;
	return s > AGE_MAX_S ? AGE_MAX_S : s;
}

/* "STREAM NAME PRINT STATE AGE TAKEN AGE KNOWN AGE PENDING AGE CAUSE OF-PENDING": ages in seconds,
 * -1 where there was nothing. */
void place_track_export(const struct place_track *track, int64_t now_us, struct buf *out)
{
	for (size_t i = 0; i < track->n_states; i++) {
		const struct place_state *s = &track->states[i];

		buf_printf(out,
			"%s %s %016" PRIx64 " %s %" PRId64 " %s %" PRId64 " %s %" PRId64
			" %s %" PRId64 " %s %s\n",
			s->stream, s->name, s->print, sides[s->state], age_s(s->since_us, now_us),
			sides[s->taken], age_s(s->taken_since_us, now_us), sides[s->known],
			s->known_us == INT64_MIN ? -1 : age_s(s->known_us, now_us),
			sides[s->pending],
			s->pending == TRUTH_UNKNOWN ? -1 : age_s(s->pending_since_us, now_us),
			place_cause_name(s->why.cause),
			place_cause_name(s->pending == TRUTH_UNKNOWN ? PLACE_CAUSE_NONE
								     : s->pending_why.cause));
	}
}

struct words {
	char line[512]; /* two names and eleven short words */
	char *words[13];
};

/* Exactly thirteen words with one space between each. */
static bool split(const char *line, struct words *ret_words)
{
	size_t n = strnlen(line, sizeof(ret_words->line)), count = 0;

	if (n == sizeof(ret_words->line))
		return false;
	memcpy(ret_words->line, line, n + 1);
	for (char *at = ret_words->line; at; count++) {
		char *space = strchr(at, ' ');

		if (count == ARRAY_SIZE(ret_words->words) || at == space || !*at)
			return false;
		if (space)
			*space++ = 0;
		ret_words->words[count] = at;
		at = space;
	}
	return count == ARRAY_SIZE(ret_words->words);
}

static bool read_side(const char *word, enum truth *ret_side)
{
	for (size_t i = 0; i < TRUTH_MAX; i++)
		if (strcmp(word, sides[i]) == 0) {
			*ret_side = (enum truth)i;
			return true;
		}
	return false;
}

static bool read_age(const char *word, int64_t min, int64_t now_us, int64_t *ret_since_us)
{
	int64_t s;

	if (parse_int64(word, min, AGE_MAX_S, &s) < 0)
		return false;
	*ret_since_us = s < 0 ? INT64_MIN : now_us - s * S_US;
	return true;
}

static bool read_print(const char *word, uint64_t *ret_print)
{
	uint8_t bytes[8];
	uint64_t print = 0;

	if (strlen(word) != 16 || hex_decode(word, bytes, sizeof(bytes)) < 0)
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		print = print << 8 | bytes[i];
	*ret_print = print;
	return true;
}

static bool read_cause(const char *word, enum place_cause *ret_cause)
{
	for (size_t i = 0; i < PLACE_CAUSE_MAX; i++)
		if (strcmp(word, place_cause_name((enum place_cause)i)) == 0) {
			*ret_cause = (enum place_cause)i;
			return true;
		}
	return false;
}

static bool read_state(const struct words *words, int64_t now_us, struct place_state *s)
{
	char *const *w = words->words;

	if (strlen(w[0]) > LIMIT_NAME_BYTES || strlen(w[1]) > LIMIT_NAME_BYTES ||
		!name_is_valid(w[0]) || !name_is_valid(w[1]))
		return false;
	memcpy(s->stream, w[0], strlen(w[0]) + 1);
	memcpy(s->name, w[1], strlen(w[1]) + 1);
	if (!read_print(w[2], &s->print) || !read_side(w[3], &s->state) ||
		!read_age(w[4], 0, now_us, &s->since_us) || !read_side(w[5], &s->taken) ||
		!read_age(w[6], 0, now_us, &s->taken_since_us) || !read_side(w[7], &s->known) ||
		!read_age(w[8], -1, now_us, &s->known_us) || !read_side(w[9], &s->pending) ||
		!read_age(w[10], -1, now_us, &s->pending_since_us) ||
		!read_cause(w[11], &s->why.cause) || !read_cause(w[12], &s->pending_why.cause))
		return false;
	/* What is known was known once, and is what conditions take it for; nobody waits for what
	 * is. */
	return (s->state == TRUTH_UNKNOWN || (s->known == s->state && s->taken == s->state)) &&
	       (s->known == TRUTH_UNKNOWN || s->known_us != INT64_MIN) &&
	       (s->pending == TRUTH_UNKNOWN) == (s->pending_since_us == INT64_MIN) &&
	       (s->pending == TRUTH_UNKNOWN ? s->pending_why.cause == PLACE_CAUSE_NONE
					    : s->pending != s->state);
}

static int compare_states(const struct place_state *a, const struct place_state *b)
{
	int order = strcmp(a->stream, b->stream);

	return order ? order : strcmp(a->name, b->name);
}

int place_track_import(struct place_track *track, int64_t now_us, const char *line)
{
	struct place_state s = {.sum = {.side = TRUTH_UNKNOWN}};
	struct words words;
	void *grown;
	size_t at;

	if (!split(line, &words) || !read_state(&words, now_us, &s))
		return -EBADMSG;
	for (at = track->n_states; at > 0; at--) {
		int order = compare_states(&track->states[at - 1], &s);

		if (order == 0)
			return -EBADMSG;
		if (order < 0)
			break;
	}
	if (track->n_states == STATES_MAX)
		return -E2BIG;
	grown = realloc(track->states, (track->n_states + 1) * sizeof(*track->states));
	if (!grown)
		return -ENOMEM;
	track->states = grown;
	memmove(&track->states[at + 1], &track->states[at],
		(track->n_states - at) * sizeof(*track->states));
	track->states[at] = s;
	track->n_states++;
	return 0;
}
