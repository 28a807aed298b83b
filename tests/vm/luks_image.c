// SPDX-License-Identifier: Apache-2.0
/*
 * luks_image KEY-FILE FILE-SYSTEM CONTAINER OFFSET-BYTES
 * Encrypts a file system into the data area of a LUKS2 container as dm-crypt's aes-xts-plain64 with
 * sectors of 4096 bytes reads it (the tweak is the number of the 512-byte sector that it begins
 * with, little endian, counted in steps of a whole sector). For images of tests: no root, no device
 * mapper.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR_BYTES 4096
#define KEY_BYTES 64
#define BATCH_SECTORS 256

static int fail(const char *what)
{
	fprintf(stderr, "luks_image: %s: %m\n", what);
	return 1;
}

static int sector_encrypt(EVP_CIPHER_CTX *ctx, uint64_t number, uint8_t *bytes)
{
	uint8_t tweak[16] = {0};
	int n;

	for (int i = 0; i < 8; i++)
		tweak[i] = (uint8_t)(number >> (8 * i));
	return EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, tweak) == 1 &&
	       EVP_EncryptUpdate(ctx, bytes, &n, bytes, SECTOR_BYTES) == 1;
}

int main(int argc, char **argv)
{
	static uint8_t key[KEY_BYTES], batch[BATCH_SECTORS * SECTOR_BYTES];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int key_fd, in, out;
	uint64_t sector = 0;
	ssize_t n;

	if (argc != 5 || !ctx) {
		fprintf(stderr, "usage: luks_image KEY-FILE FILE-SYSTEM CONTAINER OFFSET-BYTES\n");
		return 2;
	}
	key_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (key_fd < 0 || read(key_fd, key, sizeof(key)) != sizeof(key))
		return fail(argv[1]);
	in = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return fail(argv[2]);
	out = open(argv[3], O_WRONLY | O_CLOEXEC);
	if (out < 0 || lseek(out, strtoll(argv[4], NULL, 10), SEEK_SET) < 0)
		return fail(argv[3]);
	if (EVP_EncryptInit_ex(ctx, EVP_aes_256_xts(), NULL, key, NULL) != 1)
		return fail("AES-256-XTS");
	while ((n = read(in, batch, sizeof(batch))) > 0) {
		if (n % SECTOR_BYTES != 0) {
			fprintf(stderr, "luks_image: %s does not end with a whole sector\n",
				argv[2]);
			return 1;
		}
		for (ssize_t at = 0; at < n; at += SECTOR_BYTES, sector += SECTOR_BYTES / 512)
			if (!sector_encrypt(ctx, sector, batch + at))
				return fail("AES-256-XTS");
		if (write(out, batch, (size_t)n) != n)
			return fail(argv[3]);
	}
	if (n < 0)
		return fail(argv[2]);
	EVP_CIPHER_CTX_free(ctx);
	return close(out) < 0 ? fail(argv[3]) : 0;
}
