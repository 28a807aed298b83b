/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlock_code.c - the secrets of unlock codes: made, sealed, kept, used; see unlock_code.h.
 * Enforcer.
 *
 * There are two at most. The one in force is known to the server. Where the certificates change, a
 * new secret is made rather than the old one sealed anew: whoever left may have opened that. Until
 * the server has it, codes of both count, so that at no moment there are none.
 */
#include "agent/enforcer/unlock_code.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/escrow_box.h"
#include "agent/enforcer/state_text.h"
#include "agent/trust/hotp.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"

#define UNLOCK_FILE "unlock" /* in the state directory */
#define UNLOCK_LINE "mdm-agent-unlock 1"
#define UNLOCK_STATE_BYTES 24000 /* more than the file can have */
#define UNLOCK_NUMBER_MAX ((INT64_C(1) << 53) - 1)

struct unlock_secret {
	int64_t generation; /* 0: there is none */
	int64_t counter;    /* of the next code */
	uint8_t secret[HOTP_SECRET_BYTES];
	struct escrow_box box;
};

enum unlock_place {
	UNLOCK_CURRENT, /* the server has it */
	UNLOCK_NEXT,	/* not yet, or it was not heard to say so */
	UNLOCK_PLACE_MAX,
};
static const char *const unlock_places[UNLOCK_PLACE_MAX] = {"current", "next"};

struct unlock_code {
	struct unlock_secret secrets[UNLOCK_PLACE_MAX];
	int64_t last_generation;
	int64_t told_generation; /* of NEXT, in the report under way; 0: none */
};

static void unlock_code_wipe(struct unlock_code *u)
{
	explicit_bzero(u, sizeof(*u));
}

/* --- the file ---------------------------------------------------------------------------- */

struct unlock_reader {
	struct unlock_code code;
	char enrolment[33];
};

/* "current generation 3": the place, then what it is about. */
static int unlock_take_secret(struct unlock_secret *s, const char *name, const char *value)
{
	if (strcmp(name, "generation") == 0)
		return parse_int64(value, 1, UNLOCK_NUMBER_MAX, &s->generation) < 0 ? -EBADMSG : 0;
	if (strcmp(name, "counter") == 0)
		return parse_int64(value, 0, UNLOCK_NUMBER_MAX, &s->counter) < 0 ? -EBADMSG : 0;
	if (strcmp(name, "secret") == 0)
		return hex_decode(value, s->secret, sizeof(s->secret));
	/* What is neither is of a newer agent. */
	return escrow_box_take(&s->box, name, value) < 0 ? -EBADMSG : 0;
}

static int unlock_take(char *line, void *userdata)
{
	struct unlock_reader *reader = userdata;
	char *name, *value = line;
	const char *first = strsep(&value, " ");

	if (!value)
		return -EBADMSG;
	if (strcmp(first, "enrolment") == 0) {
		if (!hex_is_valid(value, 16))
			return -EBADMSG;
		memcpy(reader->enrolment, value, sizeof(reader->enrolment));
		return 0;
	}
	if (strcmp(first, "generations") == 0)
		return parse_int64(value, 0, UNLOCK_NUMBER_MAX, &reader->code.last_generation) < 0
			       ? -EBADMSG
			       : 0;
	for (size_t i = 0; i < UNLOCK_PLACE_MAX; i++)
		if (strcmp(first, unlock_places[i]) == 0) {
			name = strsep(&value, " ");
			return value ? unlock_take_secret(&reader->code.secrets[i], name, value)
				     : -EBADMSG;
		}
	return 0;
}

static bool unlock_is_whole(const struct unlock_code *u)
{
	for (size_t i = 0; i < UNLOCK_PLACE_MAX; i++) {
		const struct unlock_secret *s = &u->secrets[i];

		if (s->generation > u->last_generation ||
			(s->generation && (!s->box.n_certificates || !s->box.n_cms)))
			return false;
	}
	return true;
}

/* 0: read; -ENOENT: there is none, or it is of another enrolment; -EBADMSG; -errno. */
static int unlock_load(struct enforcer *e, struct unlock_code *u)
{
	struct unlock_reader reader = {0};
	char *text = NULL;
	size_t n = 0;
	int r = fs_read(e->state.dir_fd, UNLOCK_FILE, LIMIT_STATE_BYTES, &text, &n);

	if (r < 0)
		return r;
	r = state_text_parse(text, n, UNLOCK_LINE, unlock_take, &reader);
	secret_free(text, n);
	if (r == 0 && !unlock_is_whole(&reader.code))
		r = -EBADMSG;
	if (r == 0 && (!e->state.facts.enrolled ||
			      strcmp(reader.enrolment, e->state.facts.enrolment_id) != 0))
		r = -ENOENT;
	if (r == 0)
		*u = reader.code;
	explicit_bzero(&reader, sizeof(reader));
	return r;
}

/* The secret first: what follows is longer and passes through the same memory. */
static void unlock_write_secret(const char *place, const struct unlock_secret *s, struct buf *out)
{
	char digits[2 * HOTP_SECRET_BYTES + 1];

	buf_printf(out, "%s generation %" PRId64 "\n%s counter %" PRId64 "\n", place, s->generation,
		place, s->counter);
	hex_encode(s->secret, sizeof(s->secret), digits);
	buf_printf(out, "%s secret %s\n", place, digits);
	explicit_bzero(digits, sizeof(digits));
	escrow_box_write(&s->box, place, out);
}

static int unlock_save(struct enforcer *e, const struct unlock_code *u)
{
	_cleanup_(escrow_text_done) struct buf text = BUF_INIT;
	int r;

	escrow_text_reserve(&text, UNLOCK_STATE_BYTES);
	buf_printf(&text, UNLOCK_LINE "\nenrolment %s\ngenerations %" PRId64 "\n",
		e->state.facts.enrolment_id, u->last_generation);
	for (size_t i = 0; i < UNLOCK_PLACE_MAX; i++)
		if (u->secrets[i].generation)
			unlock_write_secret(unlock_places[i], &u->secrets[i], &text);
	r = state_text_close(&text);
	if (r == 0)
		r = state_write(&e->state, UNLOCK_FILE, text.data, text.n_bytes);
	return enforcer_note_written(e, r);
}

/* A change is made to a copy, and is one when the copy is on the disk. */
static int unlock_commit(struct enforcer *e, struct unlock_code *changed)
{
	int r = unlock_save(e, changed);

	if (r == 0)
		*e->unlock_code = *changed;
	unlock_code_wipe(changed);
	return r;
}

/* --- making ------------------------------------------------------------------------------ */

static bool unlock_fits(const struct unlock_secret *s, const struct escrow_wanted *wanted)
{
	return s->generation && escrow_box_fits(&s->box, wanted);
}

static int unlock_seal(
	struct enforcer *e, struct unlock_secret *s, const struct escrow_wanted *wanted)
{
	char secret[BASE64URL_LENGTH(HOTP_SECRET_BYTES) + 1];
	const struct escrow_inside inside = {.kind = ESCROW_KIND_UNLOCK,
		.generation = s->generation,
		.slot = -1,
		.secret = secret};
	int r;

	base64url_encode(s->secret, sizeof(s->secret), secret);
	r = escrow_box_seal(e, &inside, wanted, &s->box);
	explicit_bzero(secret, sizeof(secret));
	return r;
}

static int unlock_make(struct enforcer *e, const struct escrow_wanted *wanted)
{
	struct unlock_code changed = *e->unlock_code;
	struct unlock_secret *s = &changed.secrets[UNLOCK_NEXT];
	int r;

	explicit_bzero(s, sizeof(*s));
	s->generation = ++changed.last_generation;
	r = random_bytes(s->secret, sizeof(s->secret));
	if (r == 0)
		r = unlock_seal(e, s, wanted);
	if (r == 0)
		return unlock_commit(e, &changed);
	unlock_code_wipe(&changed);
	return r;
}

void unlock_code_refresh(struct enforcer *e)
{
	struct unlock_code *u = e->unlock_code;
	struct escrow_wanted wanted;
	int r;

	if (!u)
		return;
	escrow_wanted_look(e, &wanted);
	if (wanted.n == 0) {
		if (u->secrets[UNLOCK_CURRENT].generation || u->secrets[UNLOCK_NEXT].generation) {
			log_info("no policy asks for unlock codes any more");
			unlock_code_forget(e);
		}
		return;
	}
	if (unlock_fits(&u->secrets[UNLOCK_NEXT], &wanted) ||
		(!u->secrets[UNLOCK_NEXT].generation &&
			unlock_fits(&u->secrets[UNLOCK_CURRENT], &wanted)))
		return;
	r = unlock_make(e, &wanted);
	if (r < 0)
		log_error("the secret of unlock codes could not be made: %s; it is tried again "
			  "when the agent starts or policies come",
			strerror(-r));
	else
		log_info("a secret of unlock codes was sealed for the organisation");
}

/* --- using ------------------------------------------------------------------------------- */

/* How many codes of each are right at once. */
static size_t unlock_window(const struct unlock_code *u)
{
	return u->secrets[UNLOCK_NEXT].generation ? LIMIT_UNLOCK_CODES / 2 : LIMIT_UNLOCK_CODES;
}

size_t unlock_code_valid(
	struct enforcer *e, char ret_codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1])
{
	const struct unlock_code *u = e->unlock_code;
	size_t n = 0, window;

	/* A first secret that only this phone knows is of no use to anybody. */
	if (!u || !u->secrets[UNLOCK_CURRENT].generation)
		return 0;
	window = unlock_window(u);
	for (size_t i = 0; i < UNLOCK_PLACE_MAX; i++) {
		const struct unlock_secret *s = &u->secrets[i];

		for (size_t j = 0; s->generation && j < window; j++)
			if (hotp_code(s->secret, (uint64_t)s->counter + j, ret_codes[n++]) < 0)
				return 0;
	}
	return n;
}

static void unlock_promote(struct unlock_code *u)
{
	u->secrets[UNLOCK_CURRENT] = u->secrets[UNLOCK_NEXT];
	explicit_bzero(&u->secrets[UNLOCK_NEXT], sizeof(u->secrets[UNLOCK_NEXT]));
}

int unlock_code_use(struct enforcer *e, size_t index)
{
	struct unlock_code changed;
	size_t window;

	if (!e->unlock_code || !e->unlock_code->secrets[UNLOCK_CURRENT].generation ||
		index >= LIMIT_UNLOCK_CODES)
		return -EINVAL;
	changed = *e->unlock_code;
	window = unlock_window(&changed);
	/* Who has a code of the next one got it from the server. */
	if (index >= window)
		unlock_promote(&changed);
	changed.secrets[UNLOCK_CURRENT].counter += (int64_t)(index % window) + 1;
	return unlock_commit(e, &changed);
}

/* --- telling ----------------------------------------------------------------------------- */

bool unlock_code_reports(const struct enforcer *e)
{
	return e->unlock_code && (e->unlock_code->secrets[UNLOCK_CURRENT].generation ||
					 e->unlock_code->secrets[UNLOCK_NEXT].generation);
}

void unlock_code_write_entries(const struct enforcer *e, struct jsonw *w)
{
	struct unlock_code *u = e->unlock_code;

	if (!u)
		return;
	for (size_t i = 0; i < UNLOCK_PLACE_MAX; i++)
		if (u->secrets[i].generation)
			escrow_box_report(&u->secrets[i].box, ESCROW_KIND_UNLOCK,
				u->secrets[i].generation, u->secrets[i].counter, w);
	u->told_generation = u->secrets[UNLOCK_NEXT].generation;
}

void unlock_code_acknowledged(struct enforcer *e)
{
	struct unlock_code *u = e->unlock_code, changed;

	/* What was made since the report was written is not what the server has. */
	if (!u || !u->told_generation || u->told_generation != u->secrets[UNLOCK_NEXT].generation)
		return;
	changed = *u;
	changed.told_generation = 0;
	unlock_promote(&changed);
	if (unlock_commit(e, &changed) == 0)
		log_info("the server has the sealed secret of unlock codes");
}

void unlock_code_write_status(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct unlock_code *u = e->unlock_code;

	if (!unlock_code_reports(e)) {
		jsonw_null(w, key);
		return;
	}
	jsonw_object(w, key);
	jsonw_bool(w, "ready", u->secrets[UNLOCK_CURRENT].generation != 0);
	jsonw_int(w, "counter", u->secrets[UNLOCK_CURRENT].counter);
	jsonw_object_end(w);
}

/* --- life -------------------------------------------------------------------------------- */

void unlock_code_forget(struct enforcer *e)
{
	struct unlock_code *u = e->unlock_code;
	int64_t last = u && e->state.facts.enrolled ? u->last_generation : 0;
	int r;

	if (!u)
		return;
	unlock_code_wipe(u);
	/* Within an enrolment a number is never given twice. */
	u->last_generation = last;
	r = last ? unlock_save(e, u) : fs_remove(e->state.dir_fd, UNLOCK_FILE);
	if (r < 0)
		log_warning("%s in %s could not be removed: %s", UNLOCK_FILE, e->options.state_dir,
			strerror(-r));
}

int unlock_code_new(struct enforcer *e, struct unlock_code **ret_unlock_code)
{
	struct unlock_code *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	r = unlock_load(e, u);
	/* It is of no use without what is in it, and must not lie around. */
	if (r == -EBADMSG)
		log_warning("the record of unlock codes in %s was damaged; a new secret is made",
			e->options.state_dir);
	if (r < 0 && r != -ENOENT && r != -EBADMSG) {
		unlock_code_free(u);
		return r;
	}
	*ret_unlock_code = u;
	if (r < 0)
		(void)fs_remove(e->state.dir_fd, UNLOCK_FILE);
	return 0;
}

void unlock_code_free(struct unlock_code *unlock_code)
{
	secret_free(unlock_code, sizeof(*unlock_code));
}
