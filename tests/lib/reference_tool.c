/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: policies */
/*
 * reference_tool.c - a test's window on policies/: "schema" and "markdown" print what is generated,
 * "check FILE" says whether policy_parse() takes the payload (exit 0), refuses it (1) or could not
 * be asked (2).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policies/policy.h"
#include "policies/schema.h"

static int print(void (*write_to)(struct buf *out))
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	write_to(&out);
	if (out.error || fwrite(out.data, 1, out.n_bytes, stdout) != out.n_bytes) {
		fprintf(stderr, "cannot write\n");
		return 2;
	}
	return 0;
}

static int check(const char *path)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "re");
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_json_ struct json_object *payload = NULL;
	static char text[LIMIT_PAYLOAD_BYTES + 1];
	struct json_error error = {0};
	size_t n;
	int r;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 2;
	}
	n = fread(text, 1, sizeof(text), file);
	if (ferror(file) || n > LIMIT_PAYLOAD_BYTES) {
		fprintf(stderr, "%s: unreadable or too large\n", path);
		return 2;
	}
	r = json_parse(text, n, &payload, &error);
	if (r == 0)
		r = policy_parse(payload, &policy, &error);
	if (r == -EBADMSG)
		printf("%s: %s\n", error.path, error.message);
	else if (r == 0)
		for (size_t i = 0; i < policy->n_unsupported; i++)
			printf("unsupported: %s\n", policy->unsupported[i]);
	return r == 0 ? 0 : r == -EBADMSG ? 1 : 2;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "schema") == 0)
		return print(schema_write);
	if (argc == 2 && strcmp(argv[1], "markdown") == 0)
		return print(reference_write);
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return check(argv[2]);
	fprintf(stderr, "usage: reference_tool schema | markdown | check FILE\n");
	return 2;
}
