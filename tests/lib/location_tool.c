/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: platform
 * location_tool.c - platform/location.h on the bus that DBUS_SYSTEM_BUS_ADDRESS names and below a
 * root file system of the test's, for tests/system/location.py: location_tool ROOT STATE GPSD-PORT
 *
 * Does what it reads, a line each:
 *   want off|coarse|fine SECONDS   watch BITS   scan SECONDS   honour 0|1   facts   quit   die
 *   stay    on the bus, as the agent does for other reasons
 * and prints an event or an answer a line. "die" ends it as a fault would.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "platform/location_private.h"

struct run {
	sd_event *event;
	struct platform platform;
	struct location *location;
	struct bus_peer other;
	char input[512];
	size_t n_input;
};

static void print_networks(const struct fix_networks *networks)
{
	printf(" %zu %" PRId64, networks->n_networks,
		networks->taken_us ? (clock_boottime_us() - networks->taken_us) / USEC_PER_SEC
				   : -1);
	for (size_t i = 0; i < networks->n_networks; i++) {
		const struct fix_network *n = &networks->networks[i];

		printf(" %02x:%02x:%02x:%02x:%02x:%02x%s%s/", n->bssid[0], n->bssid[1], n->bssid[2],
			n->bssid[3], n->bssid[4], n->bssid[5], n->connected ? "+" : "",
			n->secured ? "*" : "");
		for (size_t k = 0; k < n->n_ssid; k++)
			printf("%02x", n->ssid[k]);
	}
}

static void on_event(const struct location_event *event, void *userdata)
{
	(void)userdata;
	printf("%s", location_event_name(event->kind));
	if (event->fix)
		printf(" %s %s %.6f %.6f %.1f %.1f %" PRId64 "%s", event->fix->provider,
			fix_source_name(event->fix->source), event->fix->latitude,
			event->fix->longitude, event->fix->accuracy_m, event->fix->speed_ms,
			(clock_boottime_us() - event->fix->taken_us) / 1000,
			event->fix->mock ? " mock" : "");
	if (event->networks)
		print_networks(event->networks);
	if (event->kind == LOCATION_MISSED || event->kind == LOCATION_NO_SCAN)
		printf(" %s", location_why_name(event->why));
	printf("\n");
	fflush(stdout);
}

static void print_facts(struct location *location)
{
	struct location_facts facts;

	location_facts(location, &facts);
	for (size_t i = 0; i < LOCATION_SOURCE_MAX; i++)
		printf("source %s %s %s %s|\n", location_source_name((enum location_source)i),
			facts.sources[i].present ? "present" : "absent",
			facts.sources[i].active ? "active" : "idle", facts.sources[i].detail);
	printf("switch %s %s|\n", truth_name(facts.user_switch), facts.switch_detail);
	printf("facts %s need=%d watches=%u\n", location_teller_name(facts.teller), (int)facts.need,
		facts.watches);
}

static enum location_need need_of(const char *word)
{
	if (strcmp(word, "fine") == 0)
		return LOCATION_FINE;
	return strcmp(word, "coarse") == 0 ? LOCATION_COARSE : LOCATION_OFF;
}

static void other_changed(struct bus_peer *peer)
{
	(void)peer;
}

static const struct bus_peer_row other_row = {
	.bus_name = "org.example.Other", .appeared = other_changed, .vanished = other_changed};

static int on_quit(sd_event_source *source, void *userdata)
{
	const struct run *run = userdata;

	(void)source;
	return sd_event_exit(run->event, 0);
}

/* After what is under way: connections are released by the loop. */
static void quit_when_idle(struct run *run)
{
	sd_event_source *source = NULL;

	if (sd_event_add_defer(run->event, &source, on_quit, run) < 0 ||
		sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE) < 0 ||
		sd_event_source_set_floating(source, 1) < 0)
		_exit(2);
	sd_event_source_unref(source);
}

static void obey(struct run *run, const char *line)
{
	int64_t now_us = clock_boottime_us();
	char word[16];
	double seconds;
	unsigned int number;

	if (sscanf(line, "want %15s %lf", word, &seconds) == 2)
		(void)location_want(
			run->location, need_of(word), now_us + (int64_t)(seconds * USEC_PER_SEC));
	else if (sscanf(line, "scan %lf", &seconds) == 1)
		(void)location_scan(run->location, now_us + (int64_t)(seconds * USEC_PER_SEC));
	else if (sscanf(line, "watch %u", &number) == 1)
		location_watch(run->location, number);
	else if (sscanf(line, "honour %u", &number) == 1)
		location_honour_switch(run->location, number != 0);
	else if (strcmp(line, "facts") == 0)
		print_facts(run->location);
	else if (strcmp(line, "stay") == 0)
		(void)bus_peer_open(&run->other, &run->platform);
	else if (strcmp(line, "quit") == 0)
		quit_when_idle(run);
	else if (strcmp(line, "die") == 0)
		_exit(9);
	fflush(stdout);
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct run *run = userdata;
	ssize_t n = read(fd, run->input + run->n_input, sizeof(run->input) - 1 - run->n_input);
	char *end;

	(void)source;
	(void)revents;
	if (n <= 0)
		return sd_event_exit(run->event, 0);
	run->n_input += (size_t)n;
	run->input[run->n_input] = 0;
	while ((end = strchr(run->input, '\n'))) {
		*end = 0;
		obey(run, run->input);
		run->n_input -= (size_t)(end + 1 - run->input);
		memmove(run->input, end + 1, run->n_input + 1);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct run run = {.platform = {.vault_fd = -1}, .other = {.row = &other_row}};
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (argc != 4 || sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ||
		sd_event_default(&run.event) < 0)
		return 2;
	run.platform.event = run.event;
	run.platform.sysroot_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	run.platform.state_fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run.platform.sysroot_fd < 0 || run.platform.state_fd < 0 ||
		location_new(&run.platform, on_event, &run, &run.location) < 0)
		return 2;
	run.location->gpsd_port = (uint16_t)strtoul(argv[3], NULL, 10);
	if (sd_event_add_io(run.event, NULL, 0, EPOLLIN, on_input, &run) < 0)
		return 2;
	printf("ready\n");
	fflush(stdout);
	r = sd_event_loop(run.event);
	location_free(run.location);
	bus_peer_close(&run.other);
	/* What was let go is released by the loop. */
	while (sd_event_get_state(run.event) != SD_EVENT_FINISHED && sd_event_run(run.event, 0) > 0)
		;
	sd_event_unref(run.event);
	close(run.platform.sysroot_fd);
	close(run.platform.state_fd);
	printf("done\n");
	return r < 0 ? 1 : 0;
}
