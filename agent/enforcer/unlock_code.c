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
#include "agent/enforcer/state_text.h"
#include "agent/trust/escrow.h"
#include "agent/trust/hotp.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"

#define UNLOCK_FILE "unlock" /* in the state directory */
#define UNLOCK_LINE "mdm-agent-unlock 1"
#define UNLOCK_KIND "unlock"
#define UNLOCK_CHUNK_BYTES 384	 /* of the sealed secret in one line */
#define UNLOCK_STATE_BYTES 24000 /* more than the file can have */
#define UNLOCK_NUMBER_MAX ((INT64_C(1) << 53) - 1)

struct unlock_secret {
	int64_t generation; /* 0: there is none */
	int64_t counter;    /* of the next code */
	uint8_t secret[HOTP_SECRET_BYTES];
	uint8_t certificates[ESCROW_CERTIFICATES_MAX][SHA256_BYTES]; /* in ascending order */
	size_t n_certificates;
	uint8_t cms[ESCROW_BLOB_BYTES];
	size_t n_cms;
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
	size_t n = strlen(value) / 2;

	if (strcmp(name, "generation") == 0)
		return parse_int64(value, 1, UNLOCK_NUMBER_MAX, &s->generation) < 0 ? -EBADMSG : 0;
	if (strcmp(name, "counter") == 0)
		return parse_int64(value, 0, UNLOCK_NUMBER_MAX, &s->counter) < 0 ? -EBADMSG : 0;
	if (strcmp(name, "secret") == 0)
		return hex_decode(value, s->secret, sizeof(s->secret));
	if (strcmp(name, "certificate") == 0)
		return s->n_certificates == ESCROW_CERTIFICATES_MAX
			       ? -EBADMSG
			       : hex_decode(
					 value, s->certificates[s->n_certificates++], SHA256_BYTES);
	if (strcmp(name, "cms") != 0)
		return 0; /* of a newer agent */
	if (n > sizeof(s->cms) - s->n_cms || hex_decode(value, s->cms + s->n_cms, n) < 0)
		return -EBADMSG;
	s->n_cms += n;
	return 0;
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
			(s->generation && (!s->n_certificates || !s->n_cms)))
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
	char digits[2 * UNLOCK_CHUNK_BYTES + 1];

	buf_printf(out, "%s generation %" PRId64 "\n%s counter %" PRId64 "\n", place, s->generation,
		place, s->counter);
	hex_encode(s->secret, sizeof(s->secret), digits);
	buf_printf(out, "%s secret %s\n", place, digits);
	for (size_t i = 0; i < s->n_certificates; i++) {
		hex_encode(s->certificates[i], SHA256_BYTES, digits);
		buf_printf(out, "%s certificate %s\n", place, digits);
	}
	for (size_t at = 0; at < s->n_cms; at += UNLOCK_CHUNK_BYTES) {
		size_t n = s->n_cms - at < UNLOCK_CHUNK_BYTES ? s->n_cms - at : UNLOCK_CHUNK_BYTES;

		hex_encode(s->cms + at, n, digits);
		buf_printf(out, "%s cms %s\n", place, digits);
	}
	explicit_bzero(digits, sizeof(digits));
}

/* So that it does not move while it grows, and leave parts of itself behind. */
static void unlock_reserve(struct buf *out, size_t n_bytes)
{
	static const char zeros[UNLOCK_STATE_BYTES];

	buf_append(out, zeros, n_bytes);
	if (!out->error)
		buf_reset(out);
	out->max_bytes = n_bytes;
}

static void unlock_buf_done(struct buf *out)
{
	if (out->data)
		explicit_bzero(out->data, out->capacity);
	buf_done(out);
}

static int unlock_save(struct enforcer *e, const struct unlock_code *u)
{
	_cleanup_(unlock_buf_done) struct buf text = BUF_INIT;
	int r;

	unlock_reserve(&text, UNLOCK_STATE_BYTES);
	buf_printf(&text, UNLOCK_LINE "\nenrolment %s\ngenerations %" PRId64 "\n",
		e->state.facts.enrolment_id, u->last_generation);
	for (size_t i = 0; i < UNLOCK_PLACE_MAX; i++)
		if (u->secrets[i].generation)
			unlock_write_secret(unlock_places[i], &u->secrets[i], &text);
	r = state_text_close(&text);
	if (r == 0)
		r = state_write(&e->state, UNLOCK_FILE, text.data, text.n_bytes);
	enforcer_problem(e, PROBLEM_STATE, NULL, NULL);
	if (r < 0)
		enforcer_problem(e, PROBLEM_STATE,
			"Free space or make it writable. The policy in force stays in force.",
			"%s cannot be written: %s", e->options.state_dir, strerror(-r));
	return r;
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

struct unlock_wanted {
	struct escrow_certificate certificates[ESCROW_CERTIFICATES_MAX];
	uint8_t digests[ESCROW_CERTIFICATES_MAX][SHA256_BYTES];
	size_t n;
};

/* In the order of the digests, so that the order of policies is no change; the first four. One that
 * cannot be sealed to must not keep the others from it. */
static void unlock_want(struct unlock_wanted *wanted, const struct escrow_certificate *certificate)
{
	char why[LIMIT_TEXT_BYTES + 1];
	uint8_t digest[SHA256_BYTES];
	size_t at = 0;

	if (escrow_certificate_check(certificate, why) < 0) {
		log_warning("an escrow certificate of the policy %s; it is passed over", why);
		return;
	}
	if (escrow_certificate_digest(certificate, digest) < 0)
		return;
	while (at < wanted->n && memcmp(wanted->digests[at], digest, sizeof(digest)) < 0)
		at++;
	if (at == ESCROW_CERTIFICATES_MAX ||
		(at < wanted->n && memcmp(wanted->digests[at], digest, sizeof(digest)) == 0))
		return;
	if (wanted->n < ESCROW_CERTIFICATES_MAX)
		wanted->n++;
	for (size_t i = wanted->n - 1; i > at; i--) {
		wanted->certificates[i] = wanted->certificates[i - 1];
		memcpy(wanted->digests[i], wanted->digests[i - 1], SHA256_BYTES);
	}
	wanted->certificates[at] = *certificate;
	memcpy(wanted->digests[at], digest, SHA256_BYTES);
}

static void unlock_look(struct enforcer *e, struct unlock_wanted *ret_wanted)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = e->state.facts.enrolled ? documents_policies(&e->documents, policies) : 0;
	struct escrow_certificate certificate;

	memset(ret_wanted, 0, sizeof(*ret_wanted));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < policies[i]->n_escrow; j++) {
			const struct policy_certificate *named = &policies[i]->escrow[j];

			memcpy(certificate.der, named->der, named->n_der);
			certificate.n_der = named->n_der;
			unlock_want(ret_wanted, &certificate);
		}
}

static bool unlock_fits(const struct unlock_secret *s, const struct unlock_wanted *wanted)
{
	return s->generation && s->n_certificates == wanted->n &&
	       memcmp(s->certificates, wanted->digests, wanted->n * SHA256_BYTES) == 0;
}

/* What the organisation finds when it opens it: nothing in it is of use on another phone. */
static int unlock_seal(
	struct enforcer *e, struct unlock_secret *s, const struct unlock_wanted *wanted)
{
	_cleanup_(unlock_buf_done) struct buf inside = BUF_INIT;
	_cleanup_buf_ struct buf cms = BUF_INIT;
	struct jsonw w = JSONW_INIT(&inside);
	char secret[BASE64URL_LENGTH(HOTP_SECRET_BYTES) + 1];
	int r;

	unlock_reserve(&inside, ESCROW_SECRET_BYTES);
	base64url_encode(s->secret, sizeof(s->secret), secret);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "kind", UNLOCK_KIND);
	jsonw_string(&w, "device", e->state.facts.device_id);
	jsonw_string(&w, "enrolment", e->state.facts.enrolment_id);
	jsonw_int(&w, "generation", s->generation);
	jsonw_string(&w, "secret", secret);
	jsonw_object_end(&w);
	explicit_bzero(secret, sizeof(secret));
	r = inside.error;
	if (r == 0)
		r = escrow_seal(wanted->certificates, wanted->n, inside.data, inside.n_bytes, &cms);
	if (r < 0)
		return r;
	memcpy(s->cms, cms.data, cms.n_bytes);
	s->n_cms = cms.n_bytes;
	return 0;
}

static int unlock_make(struct enforcer *e, const struct unlock_wanted *wanted)
{
	struct unlock_code changed = *e->unlock_code;
	struct unlock_secret *s = &changed.secrets[UNLOCK_NEXT];
	int r;

	explicit_bzero(s, sizeof(*s));
	s->generation = ++changed.last_generation;
	s->n_certificates = wanted->n;
	memcpy(s->certificates, wanted->digests, sizeof(s->certificates));
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
	struct unlock_wanted wanted;
	int r;

	if (!u)
		return;
	unlock_look(e, &wanted);
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

static void unlock_write_entry(const struct unlock_secret *s, struct jsonw *w)
{
	_cleanup_buf_ struct buf cms = BUF_INIT;
	char digits[2 * SHA256_BYTES + 1];

	jsonw_object(w, NULL);
	jsonw_string(w, "kind", UNLOCK_KIND);
	jsonw_int(w, "generation", s->generation);
	jsonw_int(w, "counter", s->counter);
	jsonw_array(w, "certificates");
	for (size_t i = 0; i < s->n_certificates; i++) {
		hex_encode(s->certificates[i], SHA256_BYTES, digits);
		jsonw_string(w, NULL, digits);
	}
	jsonw_array_end(w);
	base64_write(s->cms, s->n_cms, "", &cms);
	if (cms.error)
		w->out->error = cms.error;
	jsonw_text(w, "cms", cms.data ? cms.data : "", cms.n_bytes);
	jsonw_object_end(w);
}

void unlock_code_write_section(const struct enforcer *e, struct jsonw *w)
{
	struct unlock_code *u = e->unlock_code;

	jsonw_object(w, NULL);
	jsonw_int(w, "v", 1);
	jsonw_array(w, "entries");
	for (size_t i = 0; i < UNLOCK_PLACE_MAX; i++)
		if (u->secrets[i].generation)
			unlock_write_entry(&u->secrets[i], w);
	jsonw_array_end(w);
	jsonw_object_end(w);
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
