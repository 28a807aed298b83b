/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: enforcer */
/*
 * escrow_tool.c - codes and sealed secrets of files, so that other programs can be set against
 * them. A test program; see escrow.py beside it.
 *
 *   escrow_tool code SECRET-HEX COUNTER     one code
 *   escrow_tool check CERTIFICATE.der       "ok", or why it is refused; status 0 or 1
 *   escrow_tool seal CERTIFICATE.der...     standard input, sealed, to standard output
 *   escrow_tool disk KEY-FILE VOLUME SLOT CERTIFICATE.der...
 *       a recovery key as the phone makes one, into the file; sealed, to standard output
 */
#include <fcntl.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/escrow_box.h"
#include "agent/enforcer/recovery.h"
#include "agent/trust/hotp.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"

static _Noreturn void fail(const char *what, const char *object)
{
	fprintf(stderr, "escrow_tool: %s: %s\n", object, what);
	exit(2);
}

static void load(const char *path, struct escrow_certificate *ret_certificate)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	size_t n = 0;

	if (fd < 0 || fs_read_fd(fd, ESCROW_CERTIFICATE_BYTES, &data, &n) < 0)
		fail("cannot be read", path);
	memcpy(ret_certificate->der, data, n);
	ret_certificate->n_der = n;
}

static int code(const char *digits, const char *number)
{
	uint8_t secret[HOTP_SECRET_BYTES];
	char text[UNLOCK_CODE_DIGITS + 1];
	int64_t counter;

	if (hex_decode(digits, secret, sizeof(secret)) < 0)
		fail("is not 32 bytes in hexadecimal", digits);
	if (parse_int64(number, 0, INT64_MAX, &counter) < 0)
		fail("is no counter", number);
	if (hotp_code(secret, (uint64_t)counter, text) < 0)
		fail("failed", "hotp_code");
	printf("%s\n", text);
	return 0;
}

static int check(const char *path)
{
	struct escrow_certificate certificate;
	char why[LIMIT_TEXT_BYTES + 1];

	load(path, &certificate);
	if (escrow_certificate_check(&certificate, why) == 0) {
		printf("ok\n");
		return 0;
	}
	printf("%s\n", why);
	return 1;
}

static int seal(char **paths, size_t n_paths)
{
	struct escrow_certificate certificates[ESCROW_CERTIFICATES_MAX];
	_cleanup_buf_ struct buf blob = BUF_INIT;
	char secret[ESCROW_SECRET_BYTES];
	size_t n = fread(secret, 1, sizeof(secret), stdin);

	if (n_paths > ESCROW_CERTIFICATES_MAX)
		fail("too many", "certificates");
	for (size_t i = 0; i < n_paths; i++)
		load(paths[i], &certificates[i]);
	if (escrow_seal(certificates, n_paths, secret, n, &blob) < 0)
		fail("failed", "escrow_seal");
	return fwrite(blob.data, 1, blob.n_bytes, stdout) == blob.n_bytes ? 0 : 2;
}

/* Of a phone that is enrolled, with names that the caller knows. */
static int disk(
	const char *key_path, const char *volume, const char *slot, char **paths, size_t n_paths)
{
	static struct enforcer e;
	static struct escrow_wanted wanted;
	static struct escrow_box box;
	char key[RECOVERY_KEY_DIGITS + 1];
	struct escrow_inside inside = {
		.kind = ESCROW_KIND_DISK, .generation = 7, .volume = volume, .secret = key};
	FILE *file = fopen(key_path, "we");
	int64_t number;

	if (parse_int64(slot, 0, LUKS_SLOTS_MAX - 1, &number) < 0)
		fail("is no keyslot", slot);
	inside.slot = (int)number;
	if (n_paths > ESCROW_CERTIFICATES_MAX)
		fail("too many", "certificates");
	for (wanted.n = 0; wanted.n < n_paths; wanted.n++)
		load(paths[wanted.n], &wanted.certificates[wanted.n]);
	memset(e.state.facts.device_id, 'd', sizeof(e.state.facts.device_id) - 1);
	memset(e.state.facts.enrolment_id, 'e', sizeof(e.state.facts.enrolment_id) - 1);
	if (recovery_key_make(key) < 0 || escrow_box_seal(&e, &inside, &wanted, &box) < 0)
		fail("failed", "escrow_box_seal");
	if (!file || fputs(key, file) < 0 || fclose(file) < 0)
		fail("cannot be written", key_path);
	return fwrite(box.cms, 1, box.n_cms, stdout) == box.n_cms ? 0 : 2;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "code") == 0)
		return code(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return check(argv[2]);
	if (argc > 2 && strcmp(argv[1], "seal") == 0)
		return seal(argv + 2, (size_t)argc - 2);
	if (argc > 5 && strcmp(argv[1], "disk") == 0)
		return disk(argv[2], argv[3], argv[4], argv + 5, (size_t)argc - 5);
	fail("no such task", argc > 1 ? argv[1] : "");
}
