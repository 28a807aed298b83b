/* SPDX-License-Identifier: Apache-2.0 */
/* test_identity.c - the device's files: made, stored, loaded, and whole after every crash. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/net/identity.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"
#include "tests/unit/net/pki.h"

#define FROM 1700000000
#define UNTIL 1900000000

static const char *const names[] = {"certificate.pem", "anchors.pem", "key.pem"};

/* A whole identity, as an enrolment leaves it. */
static void make(struct identity *identity)
{
	struct pki_spec spec = {.name = "Root", .ca = 1, .from_s = FROM, .until_s = UNTIL};
	struct failure failure;
	X509 *root, *certificate;

	if (identity_generate(identity, &failure) != 0)
		abort();
	spec.key = spec.issuer_key = EVP_EC_gen("P-256");
	root = pki_certificate(&spec);
	spec.name = identity->device_id;
	spec.ca = 0;
	spec.issuer = root;
	spec.key = identity->key;
	certificate = pki_certificate(&spec);
	if (identity_set_certificate(identity, certificate) != 0)
		abort();
	X509_free(certificate);
	identity->anchors.pinned = sk_X509_new_null();
	identity->anchors.intermediates = sk_X509_new_null();
	sk_X509_push(identity->anchors.pinned, root);
	EVP_PKEY_free(spec.issuer_key);
}

static bool loads_as(int dir_fd, const char *device_id)
{
	_cleanup_(identity_done) struct identity identity = {0};
	struct failure failure;

	return identity_load(&(struct identity_source){.dir_fd = dir_fd}, &identity, &failure) ==
		       0 &&
	       strcmp(identity.device_id, device_id) == 0 && identity.from_s == FROM &&
	       identity.until_s == UNTIL && sk_X509_num(identity.anchors.pinned) == 1;
}

static void test_generate(void)
{
	_cleanup_(identity_done) struct identity a = {0}, b = {0};
	struct failure failure;
	char curve[32];
	size_t n;

	CHECK_INT(identity_generate(&a, &failure), 0);
	CHECK_INT(identity_generate(&b, &failure), 0);
	CHECK(hex_is_valid(a.device_id, DEVICE_ID_BYTES));
	CHECK(strcmp(a.device_id, b.device_id) != 0);
	CHECK_INT(EVP_PKEY_get_group_name(a.key, curve, sizeof(curve), &n), 1);
	CHECK_STR(curve, "prime256v1");
}

/* The device id is the start of the digest that also is the certificate's pin. */
static void test_device_id(void)
{
	_cleanup_(identity_done) struct identity identity = {0};
	uint8_t pin[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	make(&identity);
	CHECK_INT(certificate_pin(identity.certificate, pin), 0);
	hex_encode(pin, DEVICE_ID_BYTES, hex);
	CHECK_STR(identity.device_id, hex);
}

static void test_request(void)
{
	_cleanup_(identity_done) struct identity identity = {0};
	struct failure failure;
	unsigned char *der;
	const unsigned char *p;
	X509_REQ *request;
	char subject[128];
	size_t n;

	CHECK_INT(identity_generate(&identity, &failure), 0);
	CHECK_INT(identity_request(&identity, NULL, &der, &n, &failure), 0);
	p = der;
	request = d2i_X509_REQ(NULL, &p, (long)n);
	CHECK(request != NULL && p == der + n);
	CHECK_INT(X509_REQ_verify(request, identity.key), 1);
	X509_NAME_oneline(X509_REQ_get_subject_name(request), subject, sizeof(subject));
	CHECK(strncmp(subject, "/CN=", 4) == 0);
	CHECK_STR(subject + 4, identity.device_id);
	X509_REQ_free(request);
	OPENSSL_free(der);
}

static void test_store_and_load(void)
{
	_cleanup_(identity_done) struct identity old = {0}, new = {0};
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct failure failure;
	struct stat st;

	make(&old);
	make(&new);
	CHECK_INT(identity_load(&(struct identity_source){.dir_fd = dir_fd}, &new, &failure),
		NET_E_FAILED);
	CHECK_INT(failure.stage, NET_STAGE_IDENTITY);
	CHECK(strstr(failure.message, "no certificate") != NULL);
	CHECK_INT(identity_store(dir_fd, &old, &failure), 0);
	CHECK(loads_as(dir_fd, old.device_id));
	CHECK_INT(identity_store(dir_fd, &new, &failure), 0);
	CHECK(loads_as(dir_fd, new.device_id));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CHECK_INT(fstatat(dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		CHECK_INT(st.st_mode & 07777, 0600);
	}
}

static void copy(int from_fd, const char *from, int to_fd, const char *to)
{
	struct fs_owner owner = {geteuid(), getegid(), 0600};
	char *data;
	size_t n;

	if (fs_read(from_fd, from, LIMIT_PEM_BYTES, &data, &n) < 0 ||
		fs_replace(to_fd, to, data, n, &owner) < 0)
		abort();
	free(data);
}

/*
 * The states between the first and the last rename, and those before, while *.new are written: one
 * identity loads in each, and a later enrolment that cannot finish leaves exactly that one.
 */
static void test_crashes(void)
{
	_cleanup_(identity_done) struct identity old = {0}, new = {0}, next = {0};
	char path[256];
	_cleanup_close_ int old_fd = check_tmpdir(path), new_fd = check_tmpdir(path);
	struct failure failure;

	make(&old);
	make(&new);
	make(&next);
	CHECK_INT(identity_store(old_fd, &old, &failure), 0);
	CHECK_INT(identity_store(new_fd, &new, &failure), 0);
	for (size_t n_written = 0; n_written <= 3; n_written++) {
		for (size_t n_renamed = 0; n_renamed <= (n_written == 3 ? 3 : 0); n_renamed++) {
			_cleanup_close_ int fd = check_tmpdir(path);
			const char *expected = n_renamed ? new.device_id : old.device_id;

			for (size_t i = 0; i < 3; i++)
				copy(old_fd, names[i], fd, names[i]);
			for (size_t i = 0; i < 3; i++) {
				char name[32];

				/* Written in the order key, anchors, certificate. */
				snprintf(name, sizeof(name), "%s.new", names[i]);
				if (i < n_renamed)
					copy(new_fd, names[i], fd, names[i]);
				else if (3 - i <= n_written)
					copy(new_fd, names[i], fd, name);
			}
			CHECK(loads_as(fd, expected));
			CHECK_INT(identity_store(fd, &next, &failure), 0);
			CHECK(loads_as(fd, next.device_id));
			CHECK_INT(faccessat(fd, "key.pem.new", F_OK, 0), -1);
			CHECK_INT(faccessat(fd, "anchors.pem.new", F_OK, 0), -1);
			CHECK_INT(faccessat(fd, "certificate.pem.new", F_OK, 0), -1);
		}
	}
}

static void test_store_fails(void)
{
	_cleanup_(identity_done) struct identity old = {0}, new = {0};
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct failure failure;

	make(&old);
	make(&new);
	CHECK_INT(identity_store(dir_fd, &old, &failure), 0);
	/* A directory in the way of the last file that is written. */
	CHECK_INT(mkdirat(dir_fd, "certificate.pem.new", 0700), 0);
	CHECK_INT(identity_store(dir_fd, &new, &failure), NET_E_FAILED);
	CHECK_INT(failure.stage, NET_STAGE_IDENTITY);
	CHECK(strstr(failure.message, strerror(EISDIR)) != NULL);
	CHECK(loads_as(dir_fd, old.device_id));
	CHECK_INT(faccessat(dir_fd, "key.pem.new", F_OK, 0), -1);
	CHECK_INT(faccessat(dir_fd, "anchors.pem.new", F_OK, 0), -1);
}

static void put(int dir_fd, const char *name, const char *text)
{
	struct fs_owner owner = {geteuid(), getegid(), 0600};

	if (fs_replace(dir_fd, name, text, strlen(text), &owner) < 0)
		abort();
}

static bool refused(int dir_fd)
{
	struct identity identity;
	struct failure failure;

	return identity_load(&(struct identity_source){.dir_fd = dir_fd}, &identity, &failure) ==
		       NET_E_FAILED &&
	       failure.stage == NET_STAGE_IDENTITY && failure.message[0];
}

static void test_damaged(void)
{
	_cleanup_(identity_done) struct identity identity = {0}, other = {0};
	char path[256], *large = malloc(LIMIT_PEM_BYTES + 2);
	_cleanup_close_ int dir_fd = check_tmpdir(path), other_fd = check_tmpdir(path);
	struct failure failure;

	make(&identity);
	make(&other);
	CHECK_INT(identity_store(dir_fd, &identity, &failure), 0);
	CHECK_INT(identity_store(other_fd, &other, &failure), 0);
	CHECK(large != NULL);
	memset(large, '\n', LIMIT_PEM_BYTES + 1);
	large[LIMIT_PEM_BYTES + 1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		put(dir_fd, names[i], "");
		CHECK(refused(dir_fd));
		put(dir_fd, names[i],
			"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
		CHECK(refused(dir_fd));
		put(dir_fd, names[i], large);
		CHECK(refused(dir_fd));
		CHECK_INT(unlinkat(dir_fd, names[i], 0), 0);
		CHECK(refused(dir_fd));
		CHECK_INT(identity_store(dir_fd, &identity, &failure), 0);
	}
	/* A key of somebody else. */
	copy(other_fd, "key.pem", dir_fd, "key.pem");
	CHECK(refused(dir_fd));
	free(large);
}

/* Only P-256, and no key that would ask for a passphrase. */
static void test_other_keys(void)
{
	_cleanup_(identity_done) struct identity identity = {0};
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	EVP_PKEY *key = EVP_EC_gen("P-384");
	BIO *bio = BIO_new(BIO_s_mem());
	struct failure failure;
	char *data;

	make(&identity);
	CHECK_INT(identity_store(dir_fd, &identity, &failure), 0);
	PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	BIO_write(bio, "", 1);
	BIO_get_mem_data(bio, &data);
	put(dir_fd, "key.pem", data);
	CHECK(refused(dir_fd));
	CHECK_INT(BIO_reset(bio), 1);
	PEM_write_bio_PKCS8PrivateKey(bio, identity.key, EVP_aes_128_cbc(), "x", 1, NULL, NULL);
	BIO_write(bio, "", 1);
	BIO_get_mem_data(bio, &data);
	CHECK(strstr(data, "ENCRYPTED") != NULL);
	put(dir_fd, "key.pem", data);
	CHECK(refused(dir_fd));
	BIO_free(bio);
	EVP_PKEY_free(key);
}

/* Which CAs count is said by the order, not by the file: whoever took a role over may write it. */
static void test_pins(void)
{
	_cleanup_(identity_done) struct identity identity = {0}, other = {0};
	uint8_t pins[LIMIT_TICKET_PINS][SHA256_BYTES] = {{0}};
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct identity_source source = {
		.dir_fd = dir_fd, .pins = (const uint8_t(*)[SHA256_BYTES])pins, .n_pins = 1};
	struct failure failure;
	X509 *planted;

	make(&identity);
	make(&other);
	CHECK_INT(certificate_pin(sk_X509_value(identity.anchors.pinned, 0), pins[0]), 0);
	planted = sk_X509_value(other.anchors.pinned, 0);
	X509_up_ref(planted);
	sk_X509_unshift(identity.anchors.pinned, planted);
	CHECK_INT(identity_store(dir_fd, &identity, &failure), 0);
	for (size_t n_pins = 0; n_pins <= LIMIT_TICKET_PINS; n_pins++) {
		_cleanup_(identity_done) struct identity loaded = {0};

		source.n_pins = n_pins;
		CHECK_INT(identity_load(&source, &loaded, &failure), 0);
		CHECK_INT(sk_X509_num(loaded.anchors.pinned), n_pins == 0 ? 2 : 1);
		if (n_pins)
			CHECK_INT(X509_cmp(sk_X509_value(loaded.anchors.pinned, 0),
					  sk_X509_value(identity.anchors.pinned, 1)),
				0);
	}
	/* Pinned no more. */
	{
		_cleanup_(identity_done) struct identity loaded = {0};

		memset(pins, 1, sizeof(pins));
		CHECK_INT(identity_load(&source, &loaded, &failure), 0);
		CHECK_INT(sk_X509_num(loaded.anchors.pinned), 0);
	}
}

static void test_anchors_file(void)
{
	_cleanup_(identity_done) struct identity identity = {0};
	_cleanup_buf_ struct buf text = BUF_INIT, many = BUF_INIT;
	struct anchors anchors;
	const char *block;

	make(&identity);
	anchors_write(&identity.anchors, &text);
	CHECK_INT(text.error, 0);
	CHECK(strncmp(text.data, "pinned\n-----BEGIN CERTIFICATE-----\n", 35) == 0);
	CHECK_INT(anchors_parse(text.data, text.n_bytes, &anchors), 0);
	anchors_done(&anchors);
	/* Unmarked, only intermediates, something behind. */
	block = text.data + strlen("pinned\n");
	CHECK_INT(anchors_parse(block, strlen(block), &anchors), -EBADMSG);
	buf_puts(&many, "intermediate\n");
	buf_puts(&many, block);
	CHECK_INT(anchors_parse(many.data, many.n_bytes, &anchors), -EBADMSG);
	buf_reset(&many);
	buf_puts(&many, text.data);
	buf_puts(&many, "x");
	CHECK_INT(anchors_parse(many.data, many.n_bytes, &anchors), -EBADMSG);
	buf_reset(&many);
	for (int i = 0; i < LIMIT_EST_CERTIFICATES; i++)
		buf_puts(&many, text.data);
	CHECK_INT(anchors_parse(many.data, many.n_bytes, &anchors), 0);
	anchors_done(&anchors);
	buf_puts(&many, text.data);
	CHECK_INT(anchors_parse(many.data, many.n_bytes, &anchors), -EBADMSG);
}

static const struct check_test tests[] = {
	{"generate", test_generate},
	{"device id", test_device_id},
	{"request", test_request},
	{"store and load", test_store_and_load},
	{"crashes", test_crashes},
	{"store fails", test_store_fails},
	{"damaged", test_damaged},
	{"other keys", test_other_keys},
	{"pins", test_pins},
	{"anchors file", test_anchors_file},
};

CHECK_MAIN(tests)
