/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets.c - whether secrets are somewhere on a phone: secrets NEEDLES [PATH...]. Linked
 * statically, so that a guest can run it. NEEDLES is a file with one secret in each line.
 *
 * Looks into the whole memory of every process whose name begins with "mdm-agent", "agentctl" or
 * "cryptsetup", and into every file below the paths, on their own file systems. Prints "found N in
 * PLACE" for the Nth secret, then "N processes, N files"; never a secret. 1 where one was found.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEEDLES_MAX 64
#define NEEDLE_BYTES 256
#define BLOCK_BYTES (1 << 20)

static char needles[NEEDLES_MAX][NEEDLE_BYTES];
static size_t n_needles;
static unsigned int n_processes, n_files, n_found;
/* What was read before lies in front of it: a secret may lie across. */
static uint8_t window[NEEDLE_BYTES + BLOCK_BYTES];

/* A range of an open file; up to the end where that comes first. */
static void look_at_range(int fd, uint64_t from, uint64_t to, const char *place)
{
	bool found[NEEDLES_MAX] = {false};
	size_t kept = 0;

	for (uint64_t at = from; at < to;) {
		uint64_t left = to - at;
		ssize_t n = pread(
			fd, window + kept, left < BLOCK_BYTES ? left : BLOCK_BYTES, (off_t)at);
		size_t have;

		/* Some mappings cannot be read. */
		if (n <= 0)
			return;
		at += (uint64_t)n;
		have = kept + (size_t)n;
		for (size_t i = 0; i < n_needles; i++) {
			if (found[i] || !memmem(window, have, needles[i], strlen(needles[i])))
				continue;
			found[i] = true;
			n_found++;
			printf("found %zu in %s\n", i + 1, place);
		}
		kept = have < NEEDLE_BYTES - 1 ? have : NEEDLE_BYTES - 1;
		memmove(window, window + have - kept, kept);
	}
}

static bool is_of_the_agent(const char *pid)
{
	static const char *const names[] = {"mdm-agent", "agentctl", "cryptsetup"};
	char path[64], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, name, sizeof(name) - 1) < 0)
		name[0] = 0;
	close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static void look_at_process(const char *pid)
{
	char path[64], line[512], place[600];
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%.20s/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%.20s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (maps && mem >= 0) {
		n_processes++;
		while (fgets(line, sizeof(line), maps)) {
			unsigned long long from, to;

			line[strcspn(line, "\n")] = 0;
			if (sscanf(line, "%llx-%llx", &from, &to) != 2)
				continue;
			snprintf(place, sizeof(place), "process %.20s: %s", pid, line);
			look_at_range(mem, from, to, place);
		}
	}
	if (maps)
		fclose(maps);
	if (mem >= 0)
		close(mem);
}

static void look_at_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			is_of_the_agent(entry->d_name))
			look_at_process(entry->d_name);
	if (proc)
		closedir(proc);
}

static int look_at_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	int fd;

	(void)ftw;
	if (kind != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n_files++;
	look_at_range(fd, 0, UINT64_MAX, path);
	close(fd);
	return 0;
}

static int needles_read(const char *path)
{
	FILE *f = fopen(path, "re");

	while (f && n_needles < NEEDLES_MAX && fgets(needles[n_needles], NEEDLE_BYTES, f)) {
		needles[n_needles][strcspn(needles[n_needles], "\n")] = 0;
		if (needles[n_needles][0])
			n_needles++;
	}
	if (f)
		fclose(f);
	return n_needles ? 0 : -1;
}

int main(int argc, char **argv)
{
	if (argc < 2 || needles_read(argv[1]) < 0) {
		fprintf(stderr, "usage: secrets NEEDLES [PATH...]; NEEDLES has a secret a line\n");
		return 2;
	}
	look_at_processes();
	for (int i = 2; i < argc; i++)
		if (nftw(argv[i], look_at_file, 16, FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
			fprintf(stderr, "secrets: %s: %s\n", argv[i], strerror(errno));
	printf("%u processes, %u files\n", n_processes, n_files);
	return n_found ? 1 : 0;
}
