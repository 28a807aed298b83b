/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.c - SHA-256 (FIPS 180-4); see sha256.h. Pure. The process of the guard that hashes. */
#include "agent/guard/sha256.h"

#include <string.h>

/* FIPS 180-4, 4.2.2. */
static const uint32_t rounds[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
	0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
	0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585,
	0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t read_word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One round; who calls it names the eight words in turn, so that none has to be moved. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
	do {                                                                                       \
		h += (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +       \
		     rounds[i] + w[i];                                                             \
		d += h;                                                                            \
		h += (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +                              \
		     ((a & b) ^ (a & c) ^ (b & c));                                                \
	} while (0)

static void take_block(uint32_t state[8], const uint8_t *block)
{
	uint32_t w[64], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4],
			f = state[5], g = state[6], h = state[7];

	for (unsigned int i = 0; i < 16; i++)
		w[i] = read_word(block + 4 * i);
	for (unsigned int i = 16; i < 64; i++)
		w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       w[i - 7] + (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (unsigned int i = 0; i < 64; i += 8) {
		ROUND(a, b, c, d, e, f, g, h, i);
		ROUND(h, a, b, c, d, e, f, g, i + 1);
		ROUND(g, h, a, b, c, d, e, f, i + 2);
		ROUND(f, g, h, a, b, c, d, e, i + 3);
		ROUND(e, f, g, h, a, b, c, d, i + 4);
		ROUND(d, e, f, g, h, a, b, c, i + 5);
		ROUND(c, d, e, f, g, h, a, b, i + 6);
		ROUND(b, c, d, e, f, g, h, a, i + 7);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}
#undef ROUND

void guard_sha256_begin(struct guard_sha256 *sha)
{
	static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	memcpy(sha->state, first, sizeof(first));
	sha->n_bytes = 0;
}

void guard_sha256_add(struct guard_sha256 *sha, const void *data, size_t n_bytes)
{
	const uint8_t *p = data;
	size_t have = sha->n_bytes % 64;

	sha->n_bytes += n_bytes;
	if (have) {
		size_t n = n_bytes < 64 - have ? n_bytes : 64 - have;

		memcpy(sha->block + have, p, n);
		p += n;
		n_bytes -= n;
		if (have + n < 64)
			return;
		take_block(sha->state, sha->block);
	}
	for (; n_bytes >= 64; p += 64, n_bytes -= 64)
		take_block(sha->state, p);
	if (n_bytes)
		memcpy(sha->block, p, n_bytes);
}

void guard_sha256_end(struct guard_sha256 *sha, uint8_t ret_digest[SHA256_BYTES])
{
	static const uint8_t padding[64] = {0x80};
	uint64_t n_bits = sha->n_bytes * 8;
	uint8_t length[8];

	for (unsigned int i = 0; i < 8; i++)
		length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
	guard_sha256_add(sha, padding, 64 - (sha->n_bytes + 8) % 64);
	guard_sha256_add(sha, length, sizeof(length));
	for (unsigned int i = 0; i < 8; i++)
		for (unsigned int j = 0; j < 4; j++)
			ret_digest[4 * i + j] = (uint8_t)(sha->state[i] >> (24 - 8 * j));
}
