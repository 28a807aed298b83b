/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - main() for a fuzz target without a fuzzing engine: runs every file of the directories
 * named, and each file cut and flipped at a few places, so that the corpus is a regression test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void replay_variations(uint8_t *data, size_t n_bytes)
{
	LLVMFuzzerTestOneInput(data, n_bytes);
	for (size_t i = 1; i <= 16; i++) {
		size_t at = n_bytes * i / 17;

		/* A copy of exactly that size lets the sanitizer see a read behind its end. */
		uint8_t *cut = malloc(at ? at : 1);

		if (!cut)
			abort();
		memcpy(cut, data, at);
		LLVMFuzzerTestOneInput(cut, at);
		free(cut);
		if (at < n_bytes) {
			data[at] ^= 0x55;
			LLVMFuzzerTestOneInput(data, n_bytes);
			data[at] ^= 0x55;
		}
	}
}

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(REPLAY_MAX);
	size_t n;

	if (!file || !data) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	n = fread(data, 1, REPLAY_MAX, file);
	fclose(file);
	data = realloc(data, n ? n : 1);
	replay_variations(data, n);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	int n_files = 0;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		if (!dir) {
			n_files += replay_file(argv[i]);
			continue;
		}
		while ((entry = readdir(dir))) {
			char path[4096];

			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			n_files += replay_file(path);
		}
		closedir(dir);
	}
	/* A target without a corpus tests nothing. */
	printf("%d passed, %d failed\n", n_files, n_files == 0);
	return n_files == 0;
}
