/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyfile.c - private keys come back with their passphrase and with no other; passphrase
 * files. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "server/ctl/keyfile.h"
#include "tests/lib/check.h"

static char right_text[] = "correct horse battery staple",
	    wrong_text[] = "correct horse battery staplf";
static const struct secret right = {right_text, sizeof(right_text) - 1};
static const struct secret wrong = {wrong_text, sizeof(wrong_text) - 1};

static void test_round_trip(void)
{
	static const char *const kinds[] = {"ED25519", "P-256"};

	for (size_t i = 0; i < 2; i++) {
		_cleanup_pkey_ EVP_PKEY *pkey = NULL, *again = NULL;
		_cleanup_free_ char *pem = NULL, *second = NULL;
		struct fault fault = {0};
		bool is_wrong = true;

		CHECK_INT(keyfile_generate(kinds[i], &pkey, &fault), 0);
		CHECK_INT(keyfile_encrypt(pkey, &right, &pem, &fault), 0);
		CHECK(strncmp(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----", 37) == 0);
		CHECK_INT(
			keyfile_decrypt(pem, strlen(pem), &right, "key", &again, &is_wrong, &fault),
			0);
		CHECK(!is_wrong);
		CHECK_INT(EVP_PKEY_eq(pkey, again), 1);
		/* A salt of its own each time. */
		CHECK_INT(keyfile_encrypt(pkey, &right, &second, &fault), 0);
		CHECK(strcmp(pem, second) != 0);
	}
}

static void test_wrong_passphrase(void)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL, *again = NULL;
	_cleanup_free_ char *pem = NULL;
	struct fault fault = {0};
	bool is_wrong = false;

	CHECK_INT(keyfile_generate("ED25519", &pkey, &fault), 0);
	CHECK_INT(keyfile_encrypt(pkey, &right, &pem, &fault), 0);
	CHECK_INT(keyfile_decrypt(pem, strlen(pem), &wrong, "my.pem", &again, &is_wrong, &fault),
		FAULT_KEY);
	CHECK(is_wrong);
	CHECK(!again);
	CHECK(strstr(fault.text, "my.pem"));
	CHECK(!strstr(fault.text, wrong_text));
}

/* Damage is told from a wrong passphrase, and a key without encryption is not taken. */
static void test_damaged(void)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL, *again = NULL;
	_cleanup_free_ char *pem = NULL, *plain = NULL;
	struct fault fault = {0};
	bool is_wrong = true;

	CHECK_INT(keyfile_generate("P-256", &pkey, &fault), 0);
	CHECK_INT(keyfile_encrypt(pkey, &right, &pem, &fault), 0);
	CHECK_INT(keyfile_plain(pkey, &plain, &fault), 0);
	CHECK_INT(keyfile_decrypt(plain, strlen(plain), &right, "k", &again, &is_wrong, &fault),
		FAULT_KEY);
	CHECK(!is_wrong);
	CHECK_INT(keyfile_decrypt(pem, strlen(pem) / 2, &right, "k", &again, &is_wrong, &fault),
		FAULT_KEY);
	CHECK(!is_wrong);
	CHECK_INT(keyfile_decrypt("", 0, &right, "k", &again, &is_wrong, &fault), FAULT_KEY);
	CHECK(!is_wrong && !again);
}

/* The bytes say what was promised: PBES2, scrypt with these costs, AES-256-CBC. */
static void test_parameters(void)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	_cleanup_free_ char *pem = NULL;
	struct fault fault = {0};
	static const uint8_t scrypt[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b};
	static const uint8_t aes_256_cbc[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a};
	/* N 16384, r 8, p 5 as DER integers. */
	static const uint8_t costs[] = {0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x05};
	unsigned char *der = NULL;
	char *name = NULL, *header = NULL;
	BIO *bio;
	long n = 0;

	CHECK_INT(keyfile_generate("ED25519", &pkey, &fault), 0);
	CHECK_INT(keyfile_encrypt(pkey, &right, &pem, &fault), 0);
	bio = BIO_new_mem_buf(pem, -1);
	CHECK_INT(PEM_read_bio(bio, &name, &header, &der, &n), 1);
	BIO_free(bio);
	CHECK(memmem(der, (size_t)n, scrypt, sizeof(scrypt)));
	CHECK(memmem(der, (size_t)n, aes_256_cbc, sizeof(aes_256_cbc)));
	CHECK(memmem(der, (size_t)n, costs, sizeof(costs)));
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
}

static void write_file(const char *path, const void *data, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_INT(write(fd, data, n), (ssize_t)n);
	CHECK_INT(fchmod(fd, mode), 0);
	close(fd);
}

static void test_passphrase_file(void)
{
	static const struct {
		const char *data;
		size_t n;
		mode_t mode;
		const char *passphrase; /* NULL: refused */
	} rows[] = {
		{"a long phrase\n", 14, 0600, "a long phrase"},
		{"a long phrase", 13, 0400, "a long phrase"},
		{"a long phrase\r\nand more\n", 24, 0600, "a long phrase"},
		{" spaces are kept \n", 18, 0600, " spaces are kept "},
		{"a long phrase\n", 14, 0640, NULL},
		{"a long phrase\n", 14, 0604, NULL},
		{"a long phrase\n", 14, 0660, NULL},
		{"", 0, 0600, NULL},
		{"\nsecond line\n", 13, 0600, NULL},
		{"nul\0inside\n", 11, 0600, NULL},
	};
	char directory[256], path[300];

	close(check_tmpdir(directory));
	snprintf(path, sizeof(path), "%s/passphrase", directory);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_secret_ struct secret secret = {0};
		struct fault fault = {0};
		int r;

		write_file(path, rows[i].data, rows[i].n, rows[i].mode);
		r = secret_from_file(path, &secret, &fault);
		CHECK_INT(r, rows[i].passphrase ? 0 : FAULT_KEY);
		CHECK_STR(secret.text, rows[i].passphrase);
		unlink(path);
	}
}

static void test_passphrase_file_limits(void)
{
	char directory[256], path[300], line[SECRET_MAX_BYTES + 2];
	_cleanup_secret_ struct secret secret = {0}, none = {0};
	struct fault fault = {0};

	close(check_tmpdir(directory));
	snprintf(path, sizeof(path), "%s/passphrase", directory);
	memset(line, 'x', sizeof(line));
	line[SECRET_MAX_BYTES] = '\n';
	write_file(path, line, SECRET_MAX_BYTES + 1, 0600);
	CHECK_INT(secret_from_file(path, &secret, &fault), 0);
	CHECK_INT(secret.n_bytes, SECRET_MAX_BYTES);
	line[SECRET_MAX_BYTES] = 'x';
	line[SECRET_MAX_BYTES + 1] = '\n';
	write_file(path, line, SECRET_MAX_BYTES + 2, 0600);
	CHECK_INT(secret_from_file(path, &none, &fault), FAULT_KEY);
	CHECK_INT(secret_from_file(directory, &none, &fault), FAULT_KEY);
	unlink(path);
	CHECK_INT(secret_from_file(path, &none, &fault), FAULT_KEY);
	CHECK(!none.text);
	CHECK(strstr(fault.text, path));
}

static void test_new_passphrase(void)
{
	char text[] = "12345678";
	struct secret shorter = {text, SECRET_MIN_BYTES - 1}, enough = {text, SECRET_MIN_BYTES};
	struct fault fault = {0};

	CHECK_INT(secret_check_new(&shorter, &fault), FAULT_KEY);
	CHECK_INT(secret_check_new(&enough, &fault), 0);
}

static const struct check_test tests[] = {
	{"round_trip", test_round_trip},
	{"wrong_passphrase", test_wrong_passphrase},
	{"damaged", test_damaged},
	{"parameters", test_parameters},
	{"passphrase_file", test_passphrase_file},
	{"passphrase_file_limits", test_passphrase_file_limits},
	{"new_passphrase", test_new_passphrase},
};
CHECK_MAIN(tests)
