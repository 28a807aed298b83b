/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/*
 * fuzz_flatpak_deploy.c - Flatpak's files of apps and remotes, as somebody at the phone may have
 * written them: what is accepted can be shown and reported as it is, and what is refused changes
 * nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "platform/flatpak_deploy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t max_bytes)
{
	if (strlen(text) > max_bytes || !text_is_valid(text, strlen(text)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct flatpak_app before, app;
	struct flatpak_remote remotes[4];
	char id[LIMIT_TEXT_BYTES + 1] = "";
	bool more;
	size_t n;

	app = before;
	if (flatpak_deploy_read(data, size, &app) < 0 && memcmp(&app, &before, sizeof(app)) != 0)
		abort();
	check_text(app.remote, LIMIT_TEXT_BYTES);
	check_text(app.version, LIMIT_TEXT_BYTES);
	check_text(app.title, LIMIT_TEXT_BYTES);
	check_text(app.commit, sizeof(app.commit) - 1);
	app = before;
	if (flatpak_metadata_read((const char *)data, size, &app, id, sizeof(id)) < 0 &&
		(id[0] || memcmp(&app, &before, sizeof(app)) != 0))
		abort();
	check_text(id, LIMIT_TEXT_BYTES);
	check_text(app.runtime, LIMIT_TEXT_BYTES);
	n = flatpak_config_read((const char *)data, size, remotes, 4, &more);
	if (n > 4 || (more && n < 4))
		abort();
	for (size_t i = 0; i < n; i++) {
		check_text(remotes[i].name, LIMIT_TEXT_BYTES);
		check_text(remotes[i].url, LIMIT_TEXT_BYTES);
		check_text(remotes[i].filter, LIMIT_TEXT_BYTES);
		for (size_t k = 0; k < i; k++)
			if (strcmp(remotes[i].name, remotes[k].name) == 0)
				abort();
	}
	return 0;
}
