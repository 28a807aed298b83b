/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: platform
 * session_tool.c - runs one operation of platform/session.h on the bus that
 * DBUS_SYSTEM_BUS_ADDRESS names, below a root file system of the test's, for
 * tests/system/session.py: session_tool ROOT lock session_tool ROOT notify HELPER RUNTIME-DIR
 * APPLICATION TITLE TEXT session_tool ROOT reboot|end session_tool ROOT service UNIT session_tool
 * ROOT drop lock|notify…   begins, and ends it before an answer Prints "RESULT DETAIL" and how long
 * the loop was held up at most, in milliseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "platform/service.h"

#define TICK_US 10000

struct run {
	sd_event *event;
	struct session_call *call;
	sd_event_source *tick;
	int64_t due_us, latest_us, starved_us;
	size_t n_done;
};

/* How long this process could have run and was given no processor, since it began; 0 where the
 * kernel does not count that. */
static int64_t run_starved_us(void)
{
	char text[64] = "";
	unsigned long long ran_ns, starved_ns;
	int fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	bool known = fd >= 0 && read(fd, text, sizeof text - 1) > 0 &&
		     sscanf(text, "%llu %llu", &ran_ns, &starved_ns) == 2;

	if (fd >= 0)
		close(fd);
	return known ? (int64_t)(starved_ns / 1000) : 0;
}

static void run_done(const struct session_answer *answer, void *userdata)
{
	struct run *run = userdata;

	if (run->call || run->n_done++)
		abort();
	printf("%s %s\n", session_result_name(answer->result), answer->detail);
}

/* A loop that is held up is late for this, and so is one that others take the processor from: what
 * that took is not its fault. */
static int run_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct run *run = userdata;
	int64_t now = clock_boottime_us(), starved_us = run_starved_us();
	int64_t late = now - run->due_us - (starved_us - run->starved_us);

	(void)usec;
	run->starved_us = starved_us;
	if (late > run->latest_us)
		run->latest_us = late;
	run->due_us = now + TICK_US;
	sd_event_source_set_time(source, (uint64_t)run->due_us);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int run_begin(struct run *run, struct platform *platform, char **argv)
{
	struct session_start start = {
		.platform = platform,
		.done = run_done,
		.userdata = run,
		.slot = &run->call,
	};

	if (strcmp(argv[0], "lock") == 0)
		return session_ops.lock(&start);
	if (strcmp(argv[0], "reboot") == 0)
		return session_ops.reboot(&start);
	if (strcmp(argv[0], "end") == 0)
		return session_ops.end(&start);
	if (strcmp(argv[0], "service") == 0 && argv[1])
		return service_start(&start, argv[1]);
	if (strcmp(argv[0], "notify") == 0 && argv[1] && argv[2] && argv[3] && argv[4] && argv[5]) {
		const struct session_note note = {argv[3], argv[4], argv[5]};

		start.helper = argv[1];
		start.runtime_dir = argv[2];
		return session_ops.notify(&start, &note);
	}
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct run run = {0};
	struct platform platform = {.vault_fd = -1};
	bool drop = argc > 3 && strcmp(argv[2], "drop") == 0;
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (argc < 3 || sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || sd_event_default(&run.event) < 0)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	platform.event = run.event;
	platform.sysroot_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	run.starved_us = run_starved_us();
	run.due_us = clock_boottime_us() + TICK_US;
	r = sd_event_add_time(
		run.event, &run.tick, CLOCK_BOOTTIME, (uint64_t)run.due_us, 1, run_tick, &run);
	if (r >= 0)
		r = run_begin(&run, &platform, argv + (drop ? 3 : 2));
	if (r < 0) {
		printf("not begun: %s\n", strerror(-r));
		return 1;
	}
	if (drop) {
		/* Far enough for something to be under way. */
		for (int i = 0; i < 20; i++)
			(void)sd_event_run(run.event, TICK_US);
		session_call_free(TAKE_PTR(run.call));
		printf("dropped\n");
	} else {
		while (!run.n_done && sd_event_run(run.event, UINT64_MAX) >= 0)
			;
		printf("%" PRId64 "\n", run.latest_us / 1000);
	}
	/* What was let go is released by the loop. */
	for (int i = 0; i < 20; i++)
		(void)sd_event_run(run.event, TICK_US / 10);
	sd_event_source_unref(run.tick);
	sd_event_unref(run.event);
	close(platform.sysroot_fd);
	return 0;
}
