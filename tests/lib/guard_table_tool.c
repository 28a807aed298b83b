/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: guard */
/*
 * guard_table_tool.c - makes tables for tests as the enforcer makes them: lines on standard input,
 * the table on standard output.
 *
 *	set mode|flags|uid_min|answer_ms|generation NUMBER
 *	inode DEVICE NUMBER allow|deny OWNER
 *	path PATH OWNER
 *	hash HEX
 *	device DEVICE
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/guard/table.h"
#include "agent/util/codec.h"
#include "agent/util/mem.h"

DEFINE_CLEANUP(struct guard_maker *, guard_maker_free)

static int set(const char *name, uint64_t value, struct guard_header *settings)
{
	if (strcmp(name, "generation") == 0)
		settings->generation = value;
	else if (strcmp(name, "mode") == 0)
		settings->mode = (uint32_t)value;
	else if (strcmp(name, "flags") == 0)
		settings->flags = (uint32_t)value;
	else if (strcmp(name, "uid_min") == 0)
		settings->uid_min = (uint32_t)value;
	else if (strcmp(name, "answer_ms") == 0)
		settings->answer_ms = (uint32_t)value;
	else
		return -1;
	return 0;
}

static int take_line(const char *line, struct guard_maker *maker, struct guard_header *settings)
{
	char word[1024], owner[256];
	uint8_t digest[SHA256_BYTES];
	uint64_t number, inode;

	if (sscanf(line, "set %1023s %" SCNu64, word, &number) == 2)
		return set(word, number, settings);
	if (sscanf(line, "inode %" SCNu64 " %" SCNu64 " %1023s %255s", &number, &inode, word,
		    owner) == 4) {
		bool is_denied = strcmp(word, "deny") == 0;

		return guard_maker_add_inode(maker, number, inode,
			is_denied ? GUARD_DENY : GUARD_ALLOW,
			is_denied ? GUARD_R_BLOCKED : GUARD_R_NONE, owner);
	}
	if (sscanf(line, "path %1023s %255s", word, owner) == 2)
		return guard_maker_add_path(maker, word, GUARD_R_BLOCKED, owner);
	if (sscanf(line, "hash %1023s", word) == 1)
		return hex_decode(word, digest, sizeof(digest)) < 0
			       ? -1
			       : guard_maker_add_hash(maker, digest);
	if (sscanf(line, "device %" SCNu64, &number) == 1)
		return guard_maker_add_device(maker, number);
	return -1;
}

int main(void)
{
	_cleanup_(guard_maker_freep) struct guard_maker *maker = NULL;
	struct guard_header settings = {.uid_min = 1000, .generation = 1, .mode = GUARD_ENFORCE};
	_cleanup_buf_ struct buf out = BUF_INIT;
	char line[2048];

	if (guard_maker_new(&maker) < 0)
		return 1;
	while (fgets(line, sizeof(line), stdin))
		if (take_line(line, maker, &settings) < 0) {
			fprintf(stderr, "guard_table_tool: %s", line);
			return 2;
		}
	return guard_maker_finish(maker, &settings, &out) < 0 ||
	       fwrite(out.data, 1, out.n_bytes, stdout) != out.n_bytes;
}
