/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_unlock_code.c - the life of the secrets of unlock codes: made, told, acknowledged, used,
 * replaced, lost. What is sealed is opened here as the organisation would. Enforcer, without its
 * loop.
 */
#include "agent/enforcer/unlock_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enforcer/enforcer.h"
#include "agent/json/json_read.h"
#include "agent/trust/hotp.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"
#include "tests/lib/escrow_holders.h"

#define ENROLMENT "00112233445566778899aabbccddeeff"
#define DEVICE "fedcba9876543210fedcba9876543210"

typedef char codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1];

/* An enrolled phone with two policies. */
struct rig {
	struct enforcer e;
	struct policy policies[2];
	struct policy_certificate certificates[2][POLICY_CERTIFICATES_MAX];
	char path[256];
};

static void rig_start(struct rig *rig)
{
	struct enforcer *e = &rig->e;

	signer_must(state_open(rig->path, &e->state) == 0);
	documents_init(&e->documents, &e->state, NULL);
	e->state.facts.enrolled = true;
	memcpy(e->state.facts.device_id, DEVICE, sizeof(DEVICE));
	memcpy(e->state.facts.enrolment_id, ENROLMENT, sizeof(ENROLMENT));
	e->options.state_dir = rig->path;
	e->documents.n_policies = 2;
	for (size_t i = 0; i < 2; i++) {
		rig->policies[i].escrow = rig->certificates[i];
		e->documents.policies[i].policy = &rig->policies[i];
	}
	signer_must(unlock_code_new(e, &e->unlock_code) == 0);
}

static void rig_stop(struct rig *rig)
{
	unlock_code_free(rig->e.unlock_code);
	rig->e.documents.n_policies = 0;
	documents_done(&rig->e.documents);
	state_done(&rig->e.state);
	memset(&rig->e, 0, sizeof(rig->e));
}

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	close(check_tmpdir(rig->path));
	rig_start(rig);
}
#define _rig_ _cleanup_(rig_stop)

/* As after a power cut: nothing is said to anybody. */
static void rig_restart(struct rig *rig)
{
	rig_stop(rig);
	rig_start(rig);
}

/* The first policy names these certificates, by the bits of a mask. */
static void rig_policy(struct rig *rig, size_t policy, unsigned int mask)
{
	size_t n = 0;

	for (size_t i = 0; i < HOLDERS; i++)
		if (mask & 1u << i)
			rig->certificates[policy][n++] = escrow_holders()[i].certificate;
	rig->policies[policy].n_escrow = n;
	unlock_code_refresh(&rig->e);
}

/* The section as the server gets it; the caller's. NULL: there is none. */
static struct json_object *rig_section(struct rig *rig)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);

	if (!unlock_code_reports(&rig->e))
		return NULL;
	jsonw_object(&w, NULL);
	jsonw_array(&w, "entries");
	unlock_code_write_entries(&rig->e, &w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	return json_tokener_parse(text.data);
}

static size_t rig_entries(struct rig *rig)
{
	_cleanup_json_ struct json_object *section = rig_section(rig);
	struct json_object *entries = NULL;

	return section && json_object_object_get_ex(section, "entries", &entries)
		       ? json_object_array_length(entries)
		       : 0;
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : "";
}

static int64_t number_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, name, &value) ? json_object_get_int64(value) : -1;
}

/* Opens the n-th entry with a holder's key, as mdmctl does. Returns its generation; 0: closed. */
static int64_t rig_open(
	struct rig *rig, size_t n, size_t holder, uint8_t ret_secret[HOTP_SECRET_BYTES])
{
	_cleanup_json_ struct json_object *section = rig_section(rig), *inside = NULL;
	struct json_object *entries, *entry;
	unsigned char der[LIMIT_ESCROW_BYTES];
	const char *base64, *secret;
	char text[1024] = "";
	int64_t generation = 0;
	size_t n_der, n_secret;

	if (!section || !json_object_object_get_ex(section, "entries", &entries))
		return 0;
	entry = json_object_array_get_idx(entries, n);
	base64 = text_of(entry, "cms");
	signer_must(base64_decode(base64, strlen(base64), der, sizeof(der), &n_der) == 0);
	if (escrow_holder_open(&escrow_holders()[holder], der, n_der, text, sizeof(text))) {
		inside = json_tokener_parse(text);
		secret = text_of(inside, "secret");
		signer_must(base64url_decode(secret, strlen(secret), ret_secret, HOTP_SECRET_BYTES,
				    &n_secret) == 0 &&
			    n_secret == HOTP_SECRET_BYTES);
		signer_must(strcmp(text_of(inside, "device"), DEVICE) == 0 &&
			    strcmp(text_of(inside, "enrolment"), ENROLMENT) == 0 &&
			    strcmp(text_of(inside, "kind"), "unlock") == 0 &&
			    number_of(inside, "v") == 1);
		generation = number_of(inside, "generation");
		signer_must(generation == number_of(entry, "generation"));
	}
	return generation;
}

static size_t rig_valid(struct rig *rig, codes ret_codes)
{
	memset(ret_codes, 0, sizeof(codes));
	return unlock_code_valid(&rig->e, ret_codes);
}

static bool rig_has_file(const struct rig *rig)
{
	return check_exists(rig->e.state.dir_fd, "unlock");
}

static void test_from_policy_to_code(void)
{
	_rig_ struct rig rig;
	uint8_t secret[HOTP_SECRET_BYTES];
	char code[UNLOCK_CODE_DIGITS + 1];
	codes valid;

	rig_init(&rig);
	unlock_code_refresh(&rig.e);
	CHECK(!unlock_code_reports(&rig.e) && !rig_has_file(&rig));
	CHECK_INT(rig_valid(&rig, valid), 0);
	rig_policy(&rig, 0, 1);
	CHECK(rig_has_file(&rig));
	CHECK_INT(rig_entries(&rig), 1);
	CHECK_INT(rig_open(&rig, 0, 0, secret), 1);
	CHECK_INT(rig_open(&rig, 0, 1, secret), 0);
	/* Nobody else has it yet. */
	CHECK_INT(rig_valid(&rig, valid), 0);
	CHECK_INT(unlock_code_use(&rig.e, 0), -EINVAL);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
	CHECK_INT(rig_open(&rig, 0, 0, secret), 1);
	for (size_t i = 0; i < LIMIT_UNLOCK_CODES; i++) {
		CHECK_INT(hotp_code(secret, i, code), 0);
		CHECK_STR(valid[i], code);
	}
}

static void test_once(void)
{
	_rig_ struct rig rig;
	codes valid, later;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_entries(&rig), 1);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
	CHECK_INT(unlock_code_use(&rig.e, 2), 0);
	CHECK_INT(rig_valid(&rig, later), LIMIT_UNLOCK_CODES);
	/* It and those before it are gone, the others moved up; so after a power cut. */
	for (int i = 0; i < 2; i++) {
		for (size_t j = 3; j < LIMIT_UNLOCK_CODES; j++)
			CHECK_STR(later[j - 3], valid[j]);
		for (size_t j = 0; j < LIMIT_UNLOCK_CODES; j++)
			for (size_t k = 0; k < 3; k++)
				CHECK(strcmp(later[j], valid[k]) != 0);
		rig_restart(&rig);
		CHECK_INT(rig_valid(&rig, later), LIMIT_UNLOCK_CODES);
	}
	CHECK_INT(unlock_code_use(&rig.e, LIMIT_UNLOCK_CODES), -EINVAL);
}

static void test_not_durable_has_no_effect(void)
{
	_rig_ struct rig rig;
	codes valid, later;
	int dir_fd;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_entries(&rig), 1);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
	dir_fd = rig.e.state.dir_fd;
	rig.e.state.dir_fd = -1;
	CHECK(unlock_code_use(&rig.e, 0) < 0);
	/* Nor is a secret told that would be lost. */
	rig_policy(&rig, 0, 2);
	CHECK_INT(rig_entries(&rig), 1);
	rig.e.state.dir_fd = dir_fd;
	CHECK_INT(rig_valid(&rig, later), LIMIT_UNLOCK_CODES);
	CHECK_STR(later[0], valid[0]);
	CHECK(rig.e.problems[PROBLEM_STATE].what[0]);
	unlock_code_refresh(&rig.e);
	CHECK_INT(rig_entries(&rig), 2);
	CHECK(!rig.e.problems[PROBLEM_STATE].what[0]);
}

static void test_other_certificates(void)
{
	_rig_ struct rig rig;
	uint8_t first[HOTP_SECRET_BYTES], second[HOTP_SECRET_BYTES];
	codes valid, later;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_open(&rig, 0, 0, first), 1);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
	/* Another key joins: another secret, beside the one in force. */
	rig_policy(&rig, 1, 2);
	CHECK_INT(rig_entries(&rig), 2);
	CHECK_INT(rig_open(&rig, 1, 0, second), 2);
	CHECK_INT(rig_open(&rig, 1, 1, second), 2);
	CHECK(memcmp(first, second, sizeof(first)) != 0);
	CHECK_INT(rig_open(&rig, 0, 1, second), 0);
	CHECK_INT(rig_valid(&rig, later), LIMIT_UNLOCK_CODES);
	for (size_t i = 0; i < LIMIT_UNLOCK_CODES / 2; i++)
		CHECK_STR(later[i], valid[i]);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_entries(&rig), 1);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
	for (size_t i = 0; i < LIMIT_UNLOCK_CODES / 2; i++)
		CHECK_STR(valid[i], later[LIMIT_UNLOCK_CODES / 2 + i]);
	/* The same set by other policies, in another order, is no change. */
	rig_policy(&rig, 0, 0);
	CHECK_INT(rig_entries(&rig), 2); /* one key left */
	rig_policy(&rig, 0, 3);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_entries(&rig), 2);
	unlock_code_acknowledged(&rig.e);
	rig_policy(&rig, 1, 1);
	CHECK_INT(rig_entries(&rig), 1);
	/* More than four: four of them. */
	rig_policy(&rig, 0, 7);
	rig_policy(&rig, 1, 24);
	CHECK_INT(rig_entries(&rig), 2);
}

/* A code of the next generation shows that the server has it. */
static void test_lost_acknowledgement(void)
{
	_rig_ struct rig rig;
	codes valid, later;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_entries(&rig), 1);
	unlock_code_acknowledged(&rig.e);
	rig_policy(&rig, 0, 2);
	rig_restart(&rig);
	rig_policy(&rig, 0, 2);
	CHECK_INT(rig_entries(&rig), 2);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
	CHECK_INT(unlock_code_use(&rig.e, LIMIT_UNLOCK_CODES / 2 + 1), 0);
	CHECK_INT(rig_entries(&rig), 1);
	CHECK_INT(rig_valid(&rig, later), LIMIT_UNLOCK_CODES);
	CHECK_STR(later[0], valid[LIMIT_UNLOCK_CODES / 2 + 2]);
}

/* An answer to the report before is none to a secret that was made since. */
static void test_late_acknowledgement(void)
{
	_rig_ struct rig rig;
	codes valid;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_entries(&rig), 1);
	rig_policy(&rig, 0, 2);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_valid(&rig, valid), 0);
	CHECK_INT(rig_entries(&rig), 1);
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
	/* An answer to nothing is nothing. */
	unlock_code_acknowledged(&rig.e);
	CHECK_INT(rig_valid(&rig, valid), LIMIT_UNLOCK_CODES);
}

static void test_no_more_certificates(void)
{
	_rig_ struct rig rig;
	uint8_t secret[HOTP_SECRET_BYTES];
	codes valid;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_entries(&rig), 1);
	unlock_code_acknowledged(&rig.e);
	rig_policy(&rig, 0, 0);
	CHECK(!unlock_code_reports(&rig.e));
	CHECK_INT(rig_valid(&rig, valid), 0);
	rig_restart(&rig);
	CHECK(!unlock_code_reports(&rig.e));
	/* No number comes twice. */
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_open(&rig, 0, 0, secret), 2);
}

/* A signed policy may name what nobody can seal to. The others still get the secret. */
static void test_useless_certificate(void)
{
	_rig_ struct rig rig;
	uint8_t secret[HOTP_SECRET_BYTES];

	rig_init(&rig);
	rig_policy(&rig, 0, 3);
	unlock_code_forget(&rig.e);
	rig.certificates[0][0].der[0] ^= 1;
	unlock_code_refresh(&rig.e);
	CHECK_INT(rig_open(&rig, 0, 0, secret), 0);
	CHECK_INT(rig_open(&rig, 0, 1, secret), 2);
	rig.certificates[0][1].n_der = 0;
	unlock_code_refresh(&rig.e);
	CHECK(!unlock_code_reports(&rig.e));
}

static void test_end_of_enrolment(void)
{
	_rig_ struct rig rig;
	struct stat st;
	codes valid;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_entries(&rig), 1);
	unlock_code_acknowledged(&rig.e);
	CHECK(fstatat(rig.e.state.dir_fd, "unlock", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
	rig.e.state.facts.enrolled = false;
	unlock_code_forget(&rig.e);
	CHECK(!rig_has_file(&rig));
	CHECK_INT(rig_valid(&rig, valid), 0);
	/* Killed before that: it is of another enrolment at the next start. */
	rig.e.state.facts.enrolled = true;
	rig_policy(&rig, 0, 1);
	CHECK(rig_has_file(&rig));
	unlock_code_free(TAKE_PTR(rig.e.unlock_code));
	rig.e.state.facts.enrolment_id[0] ^= 1;
	CHECK_INT(unlock_code_new(&rig.e, &rig.e.unlock_code), 0);
	CHECK(!rig_has_file(&rig) && !unlock_code_reports(&rig.e));
}

/* Bytes of the file changed, and other lengths. Whatever it was, codes come back. */
static void test_damaged(void)
{
	_rig_ struct rig rig;
	char *text = NULL;
	size_t n = 0;

	rig_init(&rig);
	rig_policy(&rig, 0, 1);
	CHECK_INT(rig_entries(&rig), 1);
	unlock_code_acknowledged(&rig.e);
	rig_policy(&rig, 0, 2);
	CHECK_INT(fs_read(rig.e.state.dir_fd, "unlock", LIMIT_STATE_BYTES, &text, &n), 0);
	CHECK(n > 1000 && n < 24000);
	for (size_t i = 0; i < 2 * n; i += 131) {
		size_t n_now = i < n ? n : i - n;

		if (i < n)
			text[i] ^= 1;
		CHECK_INT(state_write(&rig.e.state, "unlock", text, n_now), 0);
		if (i < n)
			text[i] ^= 1;
		unlock_code_free(TAKE_PTR(rig.e.unlock_code));
		CHECK_INT(unlock_code_new(&rig.e, &rig.e.unlock_code), 0);
		CHECK(!unlock_code_reports(&rig.e) && !rig_has_file(&rig));
	}
	unlock_code_refresh(&rig.e);
	CHECK_INT(rig_entries(&rig), 1);
	free(text);
}

static void test_without(void)
{
	struct enforcer *e = calloc(1, sizeof(*e));
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);
	codes valid;

	unlock_code_refresh(e);
	unlock_code_acknowledged(e);
	unlock_code_forget(e);
	unlock_code_free(NULL);
	CHECK(!unlock_code_reports(e) && unlock_code_valid(e, valid) == 0);
	CHECK_INT(unlock_code_use(e, 0), -EINVAL);
	jsonw_object(&w, NULL);
	unlock_code_write_status(e, &w, "unlock_code");
	jsonw_object_end(&w);
	CHECK_STR(text.data, "{\"unlock_code\":null}");
	free(e);
}

static const struct check_test tests[] = {
	{"from the policy to the code", test_from_policy_to_code},
	{"a code counts once", test_once},
	{"what is not on the disk has no effect", test_not_durable_has_no_effect},
	{"other certificates", test_other_certificates},
	{"an acknowledgement that was lost", test_lost_acknowledgement},
	{"an acknowledgement that comes too late", test_late_acknowledgement},
	{"no certificates any more", test_no_more_certificates},
	{"a certificate that nothing can be sealed to", test_useless_certificate},
	{"the end of the enrolment", test_end_of_enrolment},
	{"a damaged record", test_damaged},
	{"an agent without codes", test_without},
};
CHECK_MAIN(tests)
