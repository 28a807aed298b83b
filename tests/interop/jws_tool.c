/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: trust */
/*
 * jws_tool.c - signs and verifies documents with files, so that another implementation of JOSE can
 * be set against this one. A test program; see jws.py beside it.
 *
 *   jws_tool kid KEY.pem                        thumbprint
 *   jws_tool jwk KEY.pem                        public key
 *   jws_tool sign TYPE PAYLOAD KEY.pem...       a document
 *   jws_tool verify KEYSET NOW DOCUMENT         against the payload of a keyset
 *   jws_tool first-keyset NOW DOCUMENT          against its own digest, as if pinned
 * verify prints "ok TYPE SERIAL SIGNERS" or "refused REASON: DETAIL"; status 0, 1, or 2 for
 * trouble.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/pem.h>

#include "agent/trust/document.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"

static _Noreturn void fail(const char *what, const char *object)
{
	fprintf(stderr, "jws_tool: %s: %s\n", object, what);
	exit(2);
}

static char *load(const char *path, size_t *ret_n_bytes)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *data;

	if (fd < 0 || fs_read_fd(fd, LIMIT_DOCUMENT_BYTES + 1, &data, ret_n_bytes) < 0)
		fail("cannot be read", path);
	return data;
}

static void load_key(const char *path, struct key *ret_key)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *pkey = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

	if (!pkey || key_from_pkey(pkey, ret_key) < 0)
		fail("is no private key of a known kind", path);
	fclose(file);
	EVP_PKEY_free(pkey);
}

static int run_kid(const char *path)
{
	_cleanup_(key_done) struct key key = {0};

	load_key(path, &key);
	printf("%s\n", key.kid);
	return 0;
}

static int run_jwk(const char *path)
{
	_cleanup_(key_done) struct key key = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);

	load_key(path, &key);
	key_write_jwk(&key, &w, NULL);
	printf("%s\n", text.data);
	return 0;
}

static int run_sign(const char *type_name, const char *path, char **key_paths)
{
	_cleanup_free_ char *payload = NULL;
	enum document_type type = 0;
	size_t n;

	while (type < DOCUMENT_TYPE_MAX && strcmp(document_type_name(type), type_name) != 0)
		type++;
	if (type == DOCUMENT_TYPE_MAX)
		fail("is no type", type_name);
	payload = load(path, &n);
	for (; *key_paths; key_paths++) {
		_cleanup_(key_done) struct key key = {0};
		_cleanup_free_ char *line = NULL;

		load_key(*key_paths, &key);
		if (document_sign(type, payload, n, &key, &line) < 0)
			fail("cannot sign", *key_paths);
		printf("%s\n", line);
	}
	return 0;
}

static int run_verify(const struct document_context *context, const char *path)
{
	_cleanup_(document_freep) struct document *doc = NULL;
	_cleanup_free_ char *text = NULL;
	struct document_refusal refusal;
	size_t n;
	int r;

	text = load(path, &n);
	r = document_verify(text, n, context, &doc, &refusal);
	if (r < 0)
		fail("cannot be verified", path);
	if (r > 0) {
		printf("refused %s: %s\n", document_reason_name(refusal.reason), refusal.detail);
		return 1;
	}
	printf("ok %s %" PRId64 " %zu\n", document_type_name(doc->type), doc->serial,
		doc->n_signers);
	return 0;
}

/* The digest of whatever the document carries: the threshold of the keyset itself is what counts.
 */
static int run_first_keyset(struct document_context *context, const char *path)
{
	_cleanup_(jws_done) struct jws jws = {0};
	_cleanup_free_ char *text = NULL;
	uint8_t pin[SHA256_BYTES] = {0};
	size_t n;

	text = load(path, &n);
	if (jws_split(text, n, &jws) == 0 && sha256(jws.payload, jws.n_payload, pin) < 0)
		fail("has no digest", path);
	context->pinned_keyset = pin;
	return run_verify(context, path);
}

int main(int argc, char **argv)
{
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;
	_cleanup_free_ char *payload = NULL;
	struct document_context context = {.any_target = true};
	struct json_error error = {0};
	const char *verb = argc > 1 ? argv[1] : "";
	size_t n;

	if (argc == 3 && strcmp(verb, "kid") == 0)
		return run_kid(argv[2]);
	if (argc == 3 && strcmp(verb, "jwk") == 0)
		return run_jwk(argv[2]);
	if (argc > 4 && strcmp(verb, "sign") == 0)
		return run_sign(argv[2], argv[3], argv + 4);
	if (argc == 4 && strcmp(verb, "first-keyset") == 0 &&
		parse_int64(argv[2], 0, INT64_MAX, &context.now_s) == 0)
		return run_first_keyset(&context, argv[3]);
	if (argc != 5 || strcmp(verb, "verify") != 0 ||
		parse_int64(argv[3], 0, INT64_MAX, &context.now_s) < 0)
		fail("usage: kid, jwk, sign, verify or first-keyset", verb);
	payload = load(argv[2], &n);
	if (keyset_parse(payload, n, &keyset, &error) < 0)
		fail(error.message, error.path);
	context.keyset = keyset;
	return run_verify(&context, argv[4]);
}
