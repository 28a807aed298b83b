/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/* fuzz_apk_lines.c - arbitrary files with repositories: what is taken out comes back byte by byte,
 * what is left is listed, and taking out twice is taking out once. */
#include "platform/apk_lines.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *listed[] = {(char *)"/r/main", (char *)"http://a/b"};
	const struct string_set list = {listed, 2};
	struct apk_variables *variables = calloc(1, sizeof(*variables));
	_cleanup_buf_ struct buf plain = BUF_INIT, out = BUF_INIT, back = BUF_INIT,
				 twice = BUF_INIT;
	size_t kept, gone, kept_twice, gone_twice;

	if (!variables)
		return 0;
	apk_lines_strip((const char *)data, size, &plain);
	if (apk_lines_derive(plain.data, plain.n_bytes, &list, variables, &out, &kept, &gone) < 0)
		abort();
	apk_lines_strip(out.data, out.n_bytes, &back);
	if (back.n_bytes != plain.n_bytes || memcmp(back.data, plain.data, plain.n_bytes) != 0)
		abort();
	memset(variables, 0, sizeof(*variables));
	if (apk_lines_derive(
		    out.data, out.n_bytes, &list, variables, &twice, &kept_twice, &gone_twice) < 0)
		abort();
	if (kept != kept_twice || gone != gone_twice || twice.n_bytes != out.n_bytes ||
		memcmp(twice.data, out.data, out.n_bytes) != 0)
		abort();
	free(variables);
	return 0;
}
