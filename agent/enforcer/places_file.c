/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_file.c - what of places and activations is kept over restarts; see places_private.h. No
 * position is in it. Enforcer.
 *
 * "places": a version line, "boot ID AT" (the boot it was written in, and when, in CLOCK_BOOTTIME
 * microseconds), lines of place_track_export() and since_export(), a SHA-256 line.
 * "activations": a version line, "!leave STREAM ID" where leaving was begun, lines of
 * activation_export() and since_export(), a SHA-256 line.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/places_private.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "policies/fingerprint.h"

#define PLACES_VERSION "mdm-agent-places 1"
#define ACTIVATIONS_VERSION "mdm-agent-activations 1"

static void boot_text(char ret_boot[2 * BOOT_ID_BYTES + 1])
{
	uint8_t boot[BOOT_ID_BYTES] = {0};

	(void)clock_boot_id(boot);
	hex_encode(boot, sizeof(boot), ret_boot);
}

static void file_damaged(struct places *p, const char *name, const char *kept, const char *advice)
{
	state_keep_broken(&p->e->state, name, kept);
	enforcer_problem(p->e, PROBLEM_PLACES, advice, "the file %s in %s was damaged", name,
		p->e->options.state_dir);
}

/* --- places -------------------------------------------------------------------------------- */

struct reading {
	struct places *p;
	bool has_boot;
	int64_t now_us; /* that ages count from */
};

/* Of this boot, ages go on from when they were written; of another one, time off does not count. */
static int read_boot(struct reading *reading, const char *text)
{
	char boot[2 * BOOT_ID_BYTES + 1];
	size_t n = strcspn(text, " ");
	int64_t at_us, now_us = clock_boottime_us();

	if (n != 2 * BOOT_ID_BYTES || text[n] != ' ' ||
		parse_int64(text + n + 1, 0, INT64_MAX, &at_us) < 0)
		return -EBADMSG;
	boot_text(boot);
	reading->has_boot = true;
	reading->p->same_boot = strncmp(text, boot, n) == 0 && at_us <= now_us;
	reading->now_us = reading->p->same_boot ? at_us : now_us;
	return 0;
}

static int read_place(char *line, void *userdata)
{
	struct reading *reading = userdata;
	int r;

	if (strncmp(line, "boot ", 5) == 0 && !reading->has_boot)
		return read_boot(reading, line + 5);
	if (!reading->has_boot)
		return -EBADMSG;
	if (*line == '@')
		return since_import(&reading->p->since_places, line + 1);
	r = place_track_import(&reading->p->track, reading->now_us, line);
	return r == -E2BIG ? -EBADMSG : r;
}

/* 0; -EBADMSG; -ENOMEM. What was there is not known any more after a failure. */
static int load_places(struct places *p)
{
	struct reading reading = {.p = p};
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(p->e->state.dir_fd, PLACES_FILE, LIMIT_STATE_BYTES, &text, &n);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = state_text_parse(text, n, PLACES_VERSION, read_place, &reading);
	if (r == 0)
		return 0;
	place_track_done(&p->track);
	place_track_init(&p->track);
	since_done(&p->since_places);
	return r == -ENOMEM ? r : -EBADMSG;
}

void places_store(struct places *p)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	char boot[2 * BOOT_ID_BYTES + 1];
	int64_t now_us = clock_boottime_us();
	int r;

	if (!p->e->state.facts.enrolled || (p->track.n_states == 0 && !p->has_file))
		return;
	if (p->track.n_states == 0) {
		(void)fs_remove(p->e->state.dir_fd, PLACES_FILE);
		p->has_file = false;
		return;
	}
	boot_text(boot);
	buf_printf(&text, PLACES_VERSION "\nboot %s %" PRId64 "\n", boot, now_us);
	place_track_export(&p->track, now_us, &text);
	since_export(&p->since_places, &text);
	r = state_text_close(&text);
	if (r == 0)
		r = state_write(&p->e->state, PLACES_FILE, text.data, text.n_bytes);
	p->has_file |= r == 0;
	(void)enforcer_note_written(p->e, r);
}

/* --- activations --------------------------------------------------------------------------- */

static int read_leave(struct places *p, char *names)
{
	char *id = strchr(names, ' ');

	if (!id || p->leave_stream[0])
		return -EBADMSG;
	*id++ = 0;
	if (strlen(names) > LIMIT_NAME_BYTES || strlen(id) > LIMIT_NAME_BYTES ||
		!name_is_valid(names) || !name_is_valid(id))
		return -EBADMSG;
	memcpy(p->leave_stream, names, strlen(names) + 1);
	memcpy(p->leave_id, id, strlen(id) + 1);
	return 0;
}

static int read_activation(char *line, void *userdata)
{
	struct places *p = userdata;
	int r;

	if (*line == '@')
		return since_import(&p->since_profiles, line + 1);
	if (strncmp(line, "!leave ", 7) == 0)
		return read_leave(p, line + 7);
	r = activation_import(&p->activation, line);
	return r == -E2BIG ? -EBADMSG : r;
}

/* As load_places(); -ENOENT: there is no such file. */
static int load_activations(struct places *p)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(p->e->state.dir_fd, ACTIVATIONS_FILE, LIMIT_STATE_BYTES, &text, &n);

	if (r == -ENOENT)
		return r;
	if (r == 0)
		r = state_text_parse(text, n, ACTIVATIONS_VERSION, read_activation, p);
	if (r == 0)
		return 0;
	activation_done(&p->activation);
	since_done(&p->since_profiles);
	p->leave_stream[0] = p->leave_id[0] = 0;
	return r == -ENOMEM ? r : -EBADMSG;
}

int activations_store(struct places *p)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	uint64_t print;
	int r;

	buf_puts(&text, ACTIVATIONS_VERSION "\n");
	if (p->leave_stream[0])
		buf_printf(&text, "!leave %s %s\n", p->leave_stream, p->leave_id);
	activation_export(&p->activation, &text);
	since_export(&p->since_profiles, &text);
	r = state_text_close(&text);
	print = r == 0 ? fingerprint(text.data, text.n_bytes) : 0;
	if (r == 0 && print == p->kept)
		return 0;
	if (r == 0)
		r = state_write(&p->e->state, ACTIVATIONS_FILE, text.data, text.n_bytes);
	p->kept = r == 0 ? print : 0;
	return enforcer_note_written(p->e, r);
}

/* --- both ---------------------------------------------------------------------------------- */

int places_load(struct places *p)
{
	int r;

	if (!p->e->state.facts.enrolled) {
		places_remove_files(p->e);
		return 0;
	}
	r = load_places(p);
	p->has_file = r == 0;
	if (r == -EBADMSG)
		file_damaged(p, PLACES_FILE, PLACES_FILE ".broken",
			"Where the phone is with regard to its places is looked at anew; the "
			"damaged file is kept beside it.");
	else if (r < 0)
		return r;
	r = load_activations(p);
	if (r == -EBADMSG)
		file_damaged(p, ACTIVATIONS_FILE, ACTIVATIONS_FILE ".broken",
			"What profiles do once they do not do again; the damaged file is kept "
			"beside it.");
	/* Missing: an agent that knew none enrolled this phone, or it is lost. */
	p->adopts = r == -ENOENT || r == -EBADMSG;
	return r == -ENOMEM ? r : 0;
}

void places_remove_files(struct enforcer *e)
{
	(void)fs_remove(e->state.dir_fd, PLACES_FILE);
	(void)fs_remove(e->state.dir_fd, ACTIVATIONS_FILE);
}
