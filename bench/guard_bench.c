/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: util */
/*
 * guard_bench.c - how long it takes to start a program: fork, execve, wait.
 *
 *	guard_bench time ROUNDS NAME=PATH...   each in turn, ROUNDS times; "NAME VALUE" in
 *	                                       microseconds, medians. A "#" in PATH is the round.
 *	guard_bench listen MOUNT               a bare listener that allows everything there
 *
 * Benchmarks only.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"
#include "bench/sample.h"

#define SERIES_MAX 8

/* -1: it did not run. */
static double start_us(const char *path)
{
	char *argv[] = {(char *)(uintptr_t)path, NULL}, *env[] = {NULL};
	double begun = sample_clock_us(CLOCK_MONOTONIC);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execve(path, argv, env);
		_exit(99);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return -1;
	return sample_clock_us(CLOCK_MONOTONIC) - begun;
}

static void path_of_round(const char *pattern, size_t round, char *ret_path, size_t size_bytes)
{
	const char *mark = strchr(pattern, '#');

	if (mark)
		snprintf(ret_path, size_bytes, "%.*s%zu%s", (int)(mark - pattern), pattern, round,
			mark + 1);
	else
		snprintf(ret_path, size_bytes, "%s", pattern);
}

static int measure(size_t rounds, char **series, size_t n_series)
{
	_cleanup_free_ double *times = calloc(rounds * n_series, sizeof(*times));
	char path[4096];

	if (!times || n_series > SERIES_MAX)
		return 1;
	for (size_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < n_series; i++) {
			/* Nobody is always the one after the same other one. */
			size_t at = (i + round) % n_series;
			const char *pattern = strchr(series[at], '=');
			double us;

			if (!pattern)
				return 1;
			path_of_round(pattern + 1, round, path, sizeof(path));
			us = start_us(path);
			if (us < 0) {
				fprintf(stderr, "guard_bench: %s does not run\n", path);
				return 1;
			}
			times[at * rounds + round] = us;
		}
	for (size_t i = 0; i < n_series; i++) {
		printf("%.*s %.1f\n", (int)strcspn(series[i], "="), series[i],
			sample_median(times + i * rounds, rounds));
	}
	return 0;
}

static int listen_on(const char *mount)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
	struct fanotify_event_metadata events[32], *event;
	ssize_t n;

	if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM,
			      AT_FDCWD, mount) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	while ((n = read(fd, events, sizeof(events))) > 0)
		for (event = events; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
			struct fanotify_response answer = {event->fd, FAN_ALLOW};

			if (write(fd, &answer, sizeof(answer)) < 0)
				return 1;
			close(event->fd);
		}
	return 0;
}

int main(int argc, char **argv)
{
	int64_t rounds;

	if (argc == 3 && strcmp(argv[1], "listen") == 0)
		return listen_on(argv[2]);
	if (argc < 4 || strcmp(argv[1], "time") != 0 ||
		parse_int64(argv[2], 1, 1000000, &rounds) < 0)
		return 2;
	return measure((size_t)rounds, argv + 3, (size_t)argc - 3);
}
