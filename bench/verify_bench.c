/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: enforcer */
/*
 * verify_bench.c - what document_verify() and the way from JSON to the effective policy cost over
 * the bare library calls, for a policy of 16 KiB with one Ed25519 signature. Both sides take turns;
 * medians. Prints "NAME VALUE" lines. Benchmarks only.
 */
#include <string.h>

#include "bench/sample.h"
#include "policies/effective.h"
#include "tests/lib/signer.h"

#define ORG "0123456789abcdef0123456789abcdef"
#define DEVICE "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0"
#define NOW 1800000000
#define PAYLOAD_BYTES (16 * 1024)
#define ROUNDS 41
#define REPEATS 50

struct bench {
	struct signer_key keys[3]; /* as `mdmctl init` makes them */
	struct keyset *keyset;
	struct buf payload, document;
	struct jws_line line; /* what the bare verification gets */
	struct jws jws;
	EVP_PKEY *public;
	struct document_context context;
	struct json_object *json;
	struct when_facts facts;
};

static const char streams[1][LIMIT_NAME_BYTES + 1] = {"staff"};

static void write_profile(struct jsonw *w, unsigned int i)
{
	char id[32];

	snprintf(id, sizeof(id), "profile-%04u", i);
	jsonw_object(w, NULL);
	jsonw_string(w, "id", id);
	if (i % 2) {
		jsonw_object(w, "when");
		jsonw_object(w, "time");
		jsonw_array(w, "days");
		jsonw_string(w, NULL, "mon");
		jsonw_string(w, NULL, "tue");
		jsonw_array_end(w);
		jsonw_string(w, "from", "08:00");
		jsonw_string(w, "to", "17:00");
		jsonw_object_end(w);
		jsonw_object_end(w);
	}
	jsonw_object(w, "settings");
	jsonw_object(w, "screen_lock");
	jsonw_bool(w, "enabled", true);
	jsonw_int(w, "idle_delay", 60 + i);
	jsonw_int(w, "lock_delay", i % 10);
	jsonw_bool(w, "require_unlock", true);
	jsonw_object_end(w);
	jsonw_object(w, "encryption");
	jsonw_bool(w, "storage", i % 3 == 0);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void write_policy(struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	size_t missing;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "policy");
	jsonw_string(&w, "org", ORG);
	jsonw_int(&w, "serial", 7);
	jsonw_int(&w, "issued", NOW - 1000);
	jsonw_int(&w, "expires", NOW + 1000000);
	jsonw_object(&w, "target");
	jsonw_string(&w, "stream", "staff");
	jsonw_object_end(&w);
	jsonw_array(&w, "profiles");
	for (unsigned int i = 0; out->n_bytes < PAYLOAD_BYTES - 300; i++)
		write_profile(&w, i);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	/* White space to the exact size. */
	signer_must(!out->error && out->n_bytes <= PAYLOAD_BYTES);
	missing = PAYLOAD_BYTES - out->n_bytes;
	buf_printf(out, "%*s", (int)missing, "");
}

static int64_t held_none(void *userdata, enum document_type type, const char *stream,
	uint8_t ret_payload_sha256[SHA256_BYTES])
{
	(void)userdata;
	(void)type;
	(void)stream;
	(void)ret_payload_sha256;
	return 0;
}

static void bench_init(struct bench *b)
{
	struct signer_keyset keyset = {
		.org = ORG,
		.version = 1,
		.issued_s = NOW - 1000000,
		.expires_s = NOW + 1000000,
		.keys = b->keys,
		.n_keys = ARRAY_SIZE(b->keys),
		.threshold = {2, 1, 1, 2},
	};
	_cleanup_buf_ struct buf payload = BUF_INIT;

	*b = (struct bench){.facts = {.realtime_s = NOW, .clock_known = true}};
	for (size_t i = 0; i < ARRAY_SIZE(b->keys); i++) {
		signer_ed25519((uint8_t)(i + 1), &b->keys[i].key);
		b->keys[i].roles = (1u << TRUST_ROLE_MAX) - 1;
		b->keys[i].name = "holder";
	}
	for (size_t i = 0; i < AREA_MAX; i++)
		b->facts.noncompliant_s[i] = -1;
	signer_write_keyset(&keyset, &payload);
	signer_must(keyset_parse(payload.data, payload.n_bytes, &b->keyset, NULL) == 0);
	write_policy(&b->payload);
	signer_sign(DOCUMENT_POLICY, b->payload.data, b->payload.n_bytes, &b->keys[0].key,
		&b->document);
	signer_must(jws_split(b->document.data, b->document.n_bytes, &b->jws) == 0);
	b->line = b->jws.lines[0];
	b->public = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, b->keys[0].key.x, sizeof(b->keys[0].key.x));
	signer_must(b->public != NULL);
	signer_must(json_parse(b->payload.data, b->payload.n_bytes, &b->json, NULL) == 0);
	b->context = (struct document_context){
		.keyset = b->keyset,
		.device_id = DEVICE,
		.ticket_id = "",
		.enrolment_id = DEVICE,
		.streams = streams,
		.n_streams = 1,
		.now_s = NOW,
		.held = held_none,
	};
}

static void bench_done(struct bench *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(b->keys); i++)
		key_done(&b->keys[i].key);
	keyset_free(b->keyset);
	buf_done(&b->payload);
	buf_done(&b->document);
	jws_done(&b->jws);
	EVP_PKEY_free(b->public);
	json_object_put(b->json);
}

/* --- what is measured -------------------------------------------------------------------- */

static void run_verify(struct bench *b)
{
	struct document_refusal refusal;
	struct document *document;

	signer_must(document_verify(b->document.data, b->document.n_bytes, &b->context, &document,
			    &refusal) == 0);
	document_free(document);
}

static void run_verify_bare(struct bench *b)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	signer_must(ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, b->public) == 1 &&
		    EVP_DigestVerify(ctx, b->line.signature, sizeof(b->line.signature),
			    (const unsigned char *)b->line.signing, b->line.n_signing) == 1);
	EVP_MD_CTX_free(ctx);
}

static void run_merge(struct bench *b)
{
	struct effective effective;
	struct policy *policy;

	signer_must(policy_parse(b->json, &policy, NULL) == 0);
	signer_must(effective_compute(&policy, 1, &b->facts, &effective) == 0);
	signer_must(effective.settings[SETTING_SCREEN_LOCK_IDLE_DELAY].present);
	effective_done(&effective);
	policy_free(policy);
}

static void run_merge_bare(struct bench *b)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *json =
		json_tokener_parse_ex(tokener, b->payload.data, (int)b->payload.n_bytes);

	signer_must(json != NULL);
	json_object_put(json);
	json_tokener_free(tokener);
}

static const struct {
	const char *name;
	void (*run)(struct bench *b);
} rows[] = {
	{"verify.us", run_verify},
	{"verify.bare_us", run_verify_bare},
	{"merge.us", run_merge},
	{"merge.bare_us", run_merge_bare},
};

int main(void)
{
	static double us[ARRAY_SIZE(rows)][ROUNDS];
	static struct bench b;

	bench_init(&b);
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
			double start = sample_clock_us(CLOCK_PROCESS_CPUTIME_ID);

			for (int i = 0; i < REPEATS; i++)
				rows[row].run(&b);
			us[row][round] =
				(sample_clock_us(CLOCK_PROCESS_CPUTIME_ID) - start) / REPEATS;
		}
	bench_done(&b);
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
		printf("%s %.2f\n", rows[row].name, sample_median(us[row], ROUNDS));
	return 0;
}
