/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: server */
/*
 * fuzz_server_config.c - the configuration file of mdm-server. What is read is written again by
 * `config show` as a file of the same values; what is refused is refused with whole lines of text.
 */
#include <stdint.h>
#include <stdlib.h>

#include "server/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_config(const char *text, size_t n, struct config *config, struct buf *problems)
{
	struct config_input input = {
		.file = "f",
		.text = text,
		.n_text = n,
		.partial = true,
	};

	return config_read(&input, config, problems);
}

static void check_problems(const struct buf *problems)
{
	if (problems->n_bytes == 0 || problems->data[problems->n_bytes - 1] != '\n')
		abort();
	for (size_t i = 0; i < problems->n_bytes; i++)
		if (problems->data[i] == 0 ||
			(problems->data[i] == '\n' && i && problems->data[i - 1] == '\n'))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, shown = BUF_INIT;
	struct config config, again;

	if (read_config((const char *)data, size, &config, &problems) < 0) {
		check_problems(&problems);
		return 0;
	}
	config_show(&config, "f", &shown);
	if (shown.error || read_config(shown.data, shown.n_bytes, &again, &problems) < 0)
		abort();
	for (const struct setting *s = config_settings; s->name; s++)
		if (!setting_equal(s, &config, &again))
			abort();
	config_done(&config);
	config_done(&again);
	return 0;
}
