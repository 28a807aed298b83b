/* SPDX-License-Identifier: Apache-2.0 */
/* point.c - checks Ed25519 public keys; see point.h. Every role that reads keysets; pure. */
#include "agent/trust/point.h"

#include <openssl/bn.h>
#include <string.h>

#include "agent/util/mem.h"

DEFINE_CLEANUP(BN_CTX *, BN_CTX_free)

/* d of the curve -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032, 5.1), big-endian. */
static const uint8_t curve_d[32] = {
	0x52,
	0x03,
	0x6c,
	0xee,
	0x2b,
	0x6f,
	0xfe,
	0x73,
	0x8c,
	0xc7,
	0x40,
	0x79,
	0x77,
	0x79,
	0xe8,
	0x98,
	0x00,
	0x70,
	0x0a,
	0x4d,
	0x41,
	0x41,
	0xd8,
	0xab,
	0x75,
	0xeb,
	0x4d,
	0xca,
	0x13,
	0x59,
	0x78,
	0xa3,
};

/* The five y of the eight points whose order divides 8, little-endian; both signs of x count. */
static const uint8_t small_order_y[][32] = {
	{0x00},
	{0x01},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
		0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d,
		0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
		0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92,
		0xac, 0x03, 0x7a},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0x7f},
};

/* Whether an x belongs to y: (y^2 - 1) / (d y^2 + 1) is a square, and so is the product. */
static bool point_y_is_on_curve(const uint8_t y_bytes[32], BN_CTX *ctx)
{
	BIGNUM *p = BN_CTX_get(ctx), *d = BN_CTX_get(ctx), *y = BN_CTX_get(ctx);
	BIGNUM *u = BN_CTX_get(ctx), *v = BN_CTX_get(ctx);

	/* BN_CTX_get() keeps failing once it has failed, so the last one tells for all. */
	if (!v || !BN_set_bit(p, 255) || !BN_sub_word(p, 19) ||
		!BN_bin2bn(curve_d, sizeof(curve_d), d) || !BN_lebin2bn(y_bytes, 32, y))
		return false;
	/* Above p a second text for the same key would begin. */
	if (BN_cmp(y, p) >= 0)
		return false;
	if (!BN_mod_sqr(u, y, p, ctx) || !BN_mod_mul(v, u, d, p, ctx) || !BN_sub_word(u, 1) ||
		!BN_add_word(v, 1) || !BN_mod_mul(u, u, v, p, ctx))
		return false;
	return BN_kronecker(u, p, ctx) == 1;
}

bool point_ed25519_is_valid(const uint8_t encoded[32])
{
	_cleanup_(BN_CTX_freep) BN_CTX *ctx = NULL;
	uint8_t y[32];
	bool valid;

	memcpy(y, encoded, sizeof(y));
	y[31] &= 0x7f;
	for (size_t i = 0; i < ARRAY_SIZE(small_order_y); i++)
		if (memcmp(y, small_order_y[i], sizeof(y)) == 0)
			return false;
	ctx = BN_CTX_new();
	if (!ctx)
		return false;
	BN_CTX_start(ctx);
	valid = point_y_is_on_curve(y, ctx);
	BN_CTX_end(ctx);
	return valid;
}
