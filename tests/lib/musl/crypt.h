/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypt.h - what musl declares of crypt(3), in the layout that it documents. Debian's package of
 * musl leaves the header out, for libxcrypt's, which needs glibc. For compiling against musl alone.
 */
#ifndef MDM_TESTS_MUSL_CRYPT_H
#define MDM_TESTS_MUSL_CRYPT_H

struct crypt_data {
	int initialized;
	char buf[256];
};

char *crypt_r(const char *key, const char *setting, struct crypt_data *data);

#endif
