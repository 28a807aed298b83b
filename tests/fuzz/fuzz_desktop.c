/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_desktop.c - desktop entries: what is read can be shown and reported as it is, lists lie
 * inside the text, and an entry that is hidden is shown nowhere.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "policies/desktop_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	if (strlen(text) > LIMIT_TEXT_BYTES || !text_is_valid(text, strlen(text)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct desktop_names names = {.n_names = 0}, none = {.n_names = 0};
	struct desktop_entry entry;
	char id[LIMIT_TEXT_BYTES + 1], *path = strndup(text, size);

	if (!path)
		abort();
	if (desktop_id(path, id) && (strchr(id, '/') || strlen(id) != strlen(path)))
		abort();
	free(path);
	if (desktop_entry_read(text, size, &entry) < 0)
		return 0;
	check_text(entry.name);
	check_text(entry.flatpak);
	check_text(entry.try_exec);
	check_text(entry.program);
	if (!entry.name[0])
		abort();
	if (entry.only_show_in && (entry.only_show_in < text ||
					  entry.only_show_in + entry.n_only_show_in > text + size))
		abort();
	desktop_names_add(&names, text, size, ";:\n");
	for (size_t i = 0; i < names.n_names; i++)
		check_text(names.names[i]);
	if (desktop_entry_is_shown(&entry, &none) && (entry.hidden || entry.only_show_in))
		abort();
	if (desktop_entry_is_shown(&entry, &names) && (entry.hidden || entry.no_display))
		abort();
	return 0;
}
