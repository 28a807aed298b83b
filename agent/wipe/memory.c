/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - see memory.h. */
#include "agent/wipe/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"

#define LINE_BYTES 512
#define HEADER_BYTES_MAX (4 * 1024 * 1024)

/* What is written beside the plan is believed no more than what is on the disk. */
static bool is_sane(const struct wipe_memory *m, enum wipe_kind kind)
{
	const struct wipe_header *h = &m->header;

	if (kind != WIPE_KIND_LUKS)
		return m->mark_at == 0 || m->mark_at == 65536;
	return (h->version == 1 || h->version == 2) && h->header_bytes >= WIPE_BLOCK_BYTES &&
	       h->header_bytes <= HEADER_BYTES_MAX && h->area_bytes >= WIPE_BLOCK_BYTES &&
	       h->area_bytes <= LIMIT_WIPE_AREA_BYTES && h->area_bytes <= m->size_bytes &&
	       m->mark_at == 0;
}

static void read_found(const char *line, const struct wipe_plan *plan, struct wipe_memory *memories)
{
	struct wipe_memory m = {.is_found = true};
	size_t index;

	if (sscanf(line,
		    "%*s found %zu %u:%u %" SCNu64 " %" SCNx64 " %u %" SCNu64 " %" SCNu64
		    " %" SCNu64,
		    &index, &m.number.major, &m.number.minor, &m.size_bytes, &m.seed,
		    &m.header.version, &m.header.header_bytes, &m.header.area_bytes,
		    &m.mark_at) != 9 ||
		index >= plan->n_devices || !is_sane(&m, plan->devices[index].kind))
		return;
	m.is_gone = memories[index].is_gone;
	m.is_left = memories[index].is_left;
	m.written_bytes = memories[index].written_bytes;
	memories[index] = m;
}

void wipe_memory_parse(const char *text, const struct wipe_plan *plan,
	struct wipe_memory memories[LIMIT_WIPE_DEVICES])
{
	char line[LINE_BYTES], word[LINE_BYTES];
	bool is_of_plan = false;
	uint64_t bytes;
	size_t index;

	/* A line that was cut off has no end. */
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		size_t n = (size_t)(end - text);

		snprintf(line, sizeof(line), "%.*s", (int)(n < LINE_BYTES ? n : LINE_BYTES - 1),
			text);
		if (sscanf(line, "%*s started %511s", word) == 1)
			is_of_plan = strcmp(word, plan->id) == 0;
		if (!is_of_plan)
			continue;
		if (sscanf(line, "%*s device %zu %511s", &index, word) == 2 &&
			index < plan->n_devices) {
			memories[index].is_gone = strcmp(word, "gone") == 0;
			memories[index].is_left = strcmp(word, "left") == 0;
		} else if (sscanf(line, "%*s wrote %zu %" SCNu64, &index, &bytes) == 2 &&
			   index < plan->n_devices) {
			memories[index].written_bytes = bytes;
		} else {
			read_found(line, plan, memories);
		}
	}
}

void wipe_memory_read(const struct wipe_places *places, const struct wipe_plan *plan,
	struct wipe_memory ret_memories[LIMIT_WIPE_DEVICES])
{
	memset(ret_memories, 0, LIMIT_WIPE_DEVICES * sizeof(*ret_memories));
	/* The boot partition is the last, and the one that early boot can write to. */
	for (size_t i = 0; i < places->n; i++) {
		_cleanup_free_ char *text = NULL;

		if (wipe_intent_read_progress(&places->place[i], &text) == 0)
			wipe_memory_parse(text, plan, ret_memories);
	}
}
