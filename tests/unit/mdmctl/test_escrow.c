/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_escrow.c - what mdmctl opens, and what a server may say of sealed secrets: made up, of
 * another phone, too much of it.
 */
#include "server/ctl/escrow.h"

#include <openssl/cms.h>
#include <string.h>

#include "agent/util/codec.h"
#include "server/ctl/response_escrow.h"
#include "tests/lib/check.h"

#define ID "00112233445566778899aabbccddeeff"
#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define INSIDE(kind, generation, secret)                                                           \
	"{\"v\":1,\"kind\":\"" kind "\",\"device\":\"" ID "\",\"enrolment\":\"" ID                 \
	"\",\"generation\":" generation ",\"secret\":\"" secret "\"}"
#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ROW                                                                                        \
	"\"row\":7,\"device\":\"" ID "\",\"enrolment\":\"" ID                                      \
	"\",\"kind\":\"unlock\",\"generation\":2,\"certificates\":[\"" DIGEST "\"],\"received\":5"

static EVP_PKEY *key;
static X509 *x509;
static struct escrow_certificate certificate;

static void make_key(void)
{
	struct fault fault = {0};
	unsigned char *at = certificate.der;

	if (key)
		return;
	if (escrow_make(ID, "An organisation", 1700000000, &key, &x509, &fault) != 0)
		check_fail(__FILE__, __LINE__, "%s", fault.text);
	certificate.n_der = (size_t)i2d_X509(x509, &at);
}

static int open_text(const char *inside, struct escrow_opened *ret_unlock, struct fault *fault)
{
	_cleanup_buf_ struct buf cms = BUF_INIT;

	make_key();
	if (escrow_seal(&certificate, 1, inside, strlen(inside), &cms) < 0)
		return -1;
	return escrow_open(key, x509, ESCROW_KIND_UNLOCK, cms.data, cms.n_bytes, ret_unlock, fault);
}

/* The same of a recovery key. */
static int open_disk(const char *inside, struct escrow_opened *ret_opened)
{
	_cleanup_buf_ struct buf cms = BUF_INIT;
	struct fault fault = {0};

	make_key();
	if (escrow_seal(&certificate, 1, inside, strlen(inside), &cms) < 0)
		return -1;
	return escrow_open(key, x509, ESCROW_KIND_DISK, cms.data, cms.n_bytes, ret_opened, &fault);
}

#define UUID "8b2e0f5c-11aa-4c1d-9a55-0123456789ab"
#define DISK(volume, slot, secret)                                                                 \
	"{\"v\":1,\"kind\":\"disk\",\"device\":\"" ID "\",\"enrolment\":\"" ID                     \
	"\",\"generation\":7," volume slot "\"secret\":\"" secret "\"}"
#define KEY "000011720885360448000000000022000033000044000055"

static void test_disk(void)
{
	struct escrow_opened opened;

	CHECK_INT(open_disk(DISK("\"volume\":\"" UUID "\",", "\"slot\":3,", KEY), &opened), 0);
	CHECK_STR(opened.volume, UUID);
	CHECK_INT(opened.slot, 3);
	CHECK_INT(opened.generation, 7);
	CHECK_STR(opened.secret, KEY);
	CHECK_INT(open_disk(DISK("", "\"slot\":3,", KEY), &opened), FAULT_REFUSED);
	CHECK_INT(open_disk(DISK("\"volume\":\"" UUID "\",", "", KEY), &opened), FAULT_REFUSED);
	CHECK_INT(open_disk(DISK("\"volume\":\"" UUID "\",", "\"slot\":32,", KEY), &opened),
		FAULT_REFUSED);
	CHECK_INT(open_disk(INSIDE("unlock", "3", SECRET), &opened), FAULT_REFUSED);
}

static void test_key_is_whole(void)
{
	char key_text[ESCROW_KEY_DIGITS + 1] = KEY;

	CHECK(escrow_key_is_whole(KEY));
	CHECK(!escrow_key_is_whole(""));
	CHECK(!escrow_key_is_whole(KEY "0"));
	/* 65536 * 11 */
	CHECK(!escrow_key_is_whole("720896"
				   "000000000000000000000000000000000000000000"));
	CHECK(escrow_key_is_whole("720885"
				  "000000000000000000000000000000000000000000"));
	for (size_t i = 0; i < ESCROW_KEY_DIGITS; i++) {
		char before = key_text[i];

		for (char digit = '0'; digit <= '9'; digit++) {
			key_text[i] = digit;
			CHECK(escrow_key_is_whole(key_text) == (digit == before));
		}
		key_text[i] = ' ';
		CHECK(!escrow_key_is_whole(key_text));
		key_text[i] = before;
	}
}

static void test_opens(void)
{
	uint8_t secret[HOTP_SECRET_BYTES];
	struct escrow_opened unlock;
	struct fault fault = {0};
	char why[LIMIT_TEXT_BYTES + 1];

	make_key();
	CHECK_INT(escrow_certificate_check(&certificate, why), 0);
	CHECK_INT(open_text(INSIDE("unlock", "3", SECRET), &unlock, &fault), 0);
	CHECK_STR(unlock.device, ID);
	CHECK_STR(unlock.enrolment, ID);
	CHECK_INT(unlock.generation, 3);
	CHECK_INT(escrow_unlock_secret(&unlock, secret, &fault), 0);
	for (size_t i = 0; i < sizeof(secret); i++)
		CHECK_INT(secret[i], i);
}

/* Everybody can seal to a public key. */
static void test_made_up(void)
{
	static const char *const bad[] = {"x", "[]", "{}", INSIDE("luks", "1", SECRET),
		INSIDE("unlock", "0", SECRET), INSIDE("unlock", "\"1\"", SECRET)};
	static const char *const bad_secrets[] = {INSIDE("unlock", "1", "AAEC"),
		INSIDE("unlock", "1", SECRET "AA"), INSIDE("unlock", "1", "")};
	uint8_t secret[HOTP_SECRET_BYTES];
	struct escrow_opened unlock = {.generation = 99};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fault fault = {0};

		CHECK_INT(open_text(bad[i], &unlock, &fault), FAULT_REFUSED);
		CHECK(*fault.text);
	}
	CHECK_INT(unlock.generation, 99);
	for (size_t i = 0; i < ARRAY_SIZE(bad_secrets); i++) {
		struct fault fault = {0};

		CHECK_INT(open_text(bad_secrets[i], &unlock, &fault), 0);
		CHECK_INT(escrow_unlock_secret(&unlock, secret, &fault), FAULT_REFUSED);
	}
}

static void test_not_ours(void)
{
	_cleanup_buf_ struct buf cms = BUF_INIT;
	struct escrow_opened unlock = {.generation = 99};
	struct fault fault = {0};
	const unsigned char *at;
	unsigned char *der = NULL;
	CMS_ContentInfo *other;
	EVP_PKEY *stranger = EVP_EC_gen("P-256");
	BIO *text;
	int n;

	make_key();
	CHECK_INT(escrow_seal(&certificate, 1, INSIDE("unlock", "1", SECRET),
			  strlen(INSIDE("unlock", "1", SECRET)), &cms),
		0);
	CHECK_INT(escrow_open(stranger, NULL, ESCROW_KIND_UNLOCK, cms.data, cms.n_bytes, &unlock,
			  &fault),
		FAULT_KEY);
	CHECK_INT(escrow_open(key, x509, ESCROW_KIND_UNLOCK, cms.data, cms.n_bytes - 1, &unlock,
			  &fault),
		FAULT_KEY);
	cms.data[cms.n_bytes - 1] ^= 1;
	CHECK_INT(
		escrow_open(key, x509, ESCROW_KIND_UNLOCK, cms.data, cms.n_bytes, &unlock, &fault),
		FAULT_KEY);
	CHECK_INT(escrow_open(key, x509, ESCROW_KIND_UNLOCK, "", 0, &unlock, &fault), FAULT_KEY);
	/* Something else that CMS can be, though our key opens it. */
	text = BIO_new_mem_buf(INSIDE("unlock", "1", SECRET), -1);
	other = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL);
	CHECK(CMS_add1_recipient_cert(other, x509, 0) &&
		CMS_final(other, text, NULL, CMS_BINARY) == 1);
	n = i2d_CMS_ContentInfo(other, &der);
	at = der;
	CHECK(n > 0);
	CHECK_INT(escrow_open(key, x509, ESCROW_KIND_UNLOCK, at, (size_t)n, &unlock, &fault),
		FAULT_KEY);
	CHECK_INT(unlock.generation, 99);
	OPENSSL_free(der);
	CMS_ContentInfo_free(other);
	BIO_free(text);
	EVP_PKEY_free(stranger);
}

static int list(const char *text, struct response_escrow *ret_escrow)
{
	struct fault fault = {0};
	int r = response_escrow(text, strlen(text), ret_escrow, &fault);

	return r && !*fault.text ? -1 : r;
}

static int one(const char *text, struct response_escrow *ret_escrow)
{
	struct fault fault = {0};
	int r = response_escrow_one(text, strlen(text), ret_escrow, &fault);

	return r && !*fault.text ? -1 : r;
}

static void test_answers(void)
{
	struct response_escrow escrow = {0};

	CHECK_INT(list("{\"escrow\":[{" ROW "},{" ROW "}],\"next\":8}", &escrow), 0);
	CHECK(escrow.n_rows == 2 && escrow.next == 8);
	CHECK(escrow.rows[1].row == 7 && escrow.rows[1].generation == 2);
	CHECK_STR(escrow.rows[1].kind, "unlock");
	CHECK(response_sealed_to(&escrow.rows[0], DIGEST) &&
		!response_sealed_to(&escrow.rows[0], ID));
	response_escrow_done(&escrow);
	CHECK_INT(list("{\"escrow\":[],\"next\":null}", &escrow), 0);
	CHECK(escrow.n_rows == 0 && escrow.next == 0);
	response_escrow_done(&escrow);
	CHECK_INT(one("{" ROW ",\"cms\":\"AAEC\"}", &escrow), 0);
	CHECK(escrow.n_rows == 1 && escrow.rows[0].n_cms == 3 && escrow.rows[0].cms[2] == 2);
	response_escrow_done(&escrow);
}

static void test_bad_answers(void)
{
	static const char *const lists[] = {"", "7", "{\"escrow\":7}", "{\"escrow\":[7]}",
		"{\"escrow\":[{\"certificates\":[7]}]}",
		"{\"escrow\":[{\"certificates\":[\"ab\"]}]}", "{\"escrow\":[{\"device\":\"x\"}]}",
		"{\"escrow\":[{\"row\":-1}]}",
		"{\"escrow\":[{\"certificates\":[\"" DIGEST "\",\"" DIGEST "\",\"" DIGEST
		"\",\"" DIGEST "\",\"" DIGEST "\"]}]}"};
	static const char *const ones[] = {"{" ROW "}", "{" ROW ",\"cms\":7}",
		"{" ROW ",\"cms\":\"\"}", "{" ROW ",\"cms\":\"A\"}"};
	struct response_escrow escrow = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	static const char zeros[LIMIT_ESCROW_BYTES + 1];

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		CHECK_INT(list(lists[i], &escrow), FAULT_FAILURE);
	for (size_t i = 0; i < ARRAY_SIZE(ones); i++)
		CHECK_INT(one(ones[i], &escrow), FAULT_FAILURE);
	for (size_t more = 0; more < 2; more++) {
		buf_reset(&text);
		buf_puts(&text, "{" ROW ",\"cms\":\"");
		base64_write(zeros, LIMIT_ESCROW_BYTES + more, "", &text);
		buf_puts(&text, "\"}");
		CHECK_INT(one(text.data, &escrow), more ? FAULT_FAILURE : 0);
	}
	response_escrow_done(&escrow);
}

/* Counter of which generation, as the device's record has it. */
static int counter_of(const char *record, int64_t generation, int64_t *ret_counter)
{
	struct response_device device = {.json = json_tokener_parse(record)};
	struct fault fault = {0};
	int r = response_unlock_counter(&device, generation, ret_counter, &fault);

	json_object_put(device.json);
	return r;
}

static void test_counter(void)
{
	static const char record[] = "{\"sections\":{\"escrow\":{\"body\":{\"entries\":["
				     "{\"kind\":\"unlock\",\"generation\":1,\"counter\":4},"
				     "{\"kind\":\"luks\",\"generation\":2,\"counter\":9},"
				     "{\"kind\":\"unlock\",\"generation\":2,\"counter\":5}]}}}}";
	int64_t counter = -1;

	CHECK(counter_of(record, 1, &counter) == 0 && counter == 4);
	CHECK(counter_of(record, 2, &counter) == 0 && counter == 5);
	CHECK(counter_of(record, 3, &counter) == 0 && counter == 0);
	CHECK(counter_of("{}", 1, &counter) == 0 && counter == 0);
	CHECK_INT(counter_of("{\"sections\":{\"escrow\":{\"body\":{\"entries\":7}}}}", 1, &counter),
		FAULT_FAILURE);
	CHECK_INT(counter_of("{\"sections\":{\"escrow\":{\"body\":{\"entries\":[{\"kind\":7}]}}}}",
			  1, &counter),
		FAULT_FAILURE);
}

static const struct check_test tests[] = {
	{"what a phone sealed is opened", test_opens},
	{"what somebody made up is refused", test_made_up},
	{"a recovery key is opened", test_disk},
	{"a mistyped recovery key is none", test_key_is_whole},
	{"what is not for us, or altered, stays closed", test_not_ours},
	{"answers of the server", test_answers},
	{"answers that make no sense", test_bad_answers},
	{"the counter that the phone told", test_counter},
};
CHECK_MAIN(tests)
