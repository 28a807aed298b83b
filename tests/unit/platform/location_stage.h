/* SPDX-License-Identifier: Apache-2.0 */
/* location_stage.h - a location on a root file system of the test's, without a bus, and receivers
 * that the test itself serves. */
#ifndef MDM_TESTS_LOCATION_STAGE_H
#define MDM_TESTS_LOCATION_STAGE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "platform/location_private.h"
#include "tests/unit/platform/fixture.h"

#define NEVER (clock_boottime_us() + 3600 * USEC_PER_SEC)
#define SOON (clock_boottime_us() + 50000)

struct stage {
	struct fixture f;
	struct location *location;
	unsigned int n[LOCATION_EVENT_MAX]; /* events */
	struct fix fix;
	enum location_why why;
	bool free_in_event;
	int listener, client; /* -1: none */
};

static inline void on_event(const struct location_event *event, void *userdata)
{
	struct stage *s = userdata;

	s->n[event->kind]++;
	if (event->fix)
		s->fix = *event->fix;
	if (event->kind == LOCATION_MISSED || event->kind == LOCATION_NO_SCAN)
		s->why = event->why;
	if (s->free_in_event)
		location_free(TAKE_PTR(s->location));
}

static inline void stage_open(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	s->listener = s->client = -1;
	fixture_open(&s->f);
	/* No bus of the machine's. */
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	if (location_new(&s->f.platform, on_event, s, &s->location) < 0)
		abort();
	/* Nothing listens there. */
	s->location->gpsd_port = 1;
}

static inline void stage_close(struct stage *s)
{
	location_free(s->location);
	closep(&s->listener);
	closep(&s->client);
	fixture_close(&s->f);
}

/* Runs the loop until *counter is not 0, for half a minute at most. */
static inline bool stage_until(struct stage *s, const unsigned int *counter)
{
	int64_t end_us = clock_boottime_us() + 30 * USEC_PER_SEC;

	while (!*counter && clock_boottime_us() < end_us)
		if (sd_event_run(s->f.platform.event, 100000) < 0)
			abort();
	return *counter != 0;
}

/* --- servers -------------------------------------------------------------------------------- */

static inline void serve_gnss_share(struct stage *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	fixture_directory(&s->f, "run");
	snprintf(
		address.sun_path, sizeof(address.sun_path), "%.80s/run/gnss-share.sock", s->f.path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(s->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(s->listener, 4) < 0)
		abort();
}

static inline void serve_gpsd(struct stage *s)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(address);

	fixture_text(&s->f, "usr/sbin/gpsd", "");
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(s->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(s->listener, 4) < 0 ||
		getsockname(s->listener, (struct sockaddr *)&address, &n) < 0)
		abort();
	s->location->gpsd_port = ntohs(address.sin_port);
}

/* Runs the loop until somebody has come. */
static inline bool stage_accept(struct stage *s)
{
	for (int i = 0; i < 300 && s->client < 0; i++) {
		if (sd_event_run(s->f.platform.event, 10000) < 0)
			abort();
		s->client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	return s->client >= 0;
}

static inline void stage_say(struct stage *s, const char *text)
{
	if (send(s->client, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		abort();
}

static inline void stage_nmea(struct stage *s, const char *body)
{
	unsigned int sum = 0;
	char line[256];

	for (const char *p = body; *p; p++)
		sum ^= (unsigned char)*p;
	snprintf(line, sizeof(line), "$%s*%02X\r\n", body, sum);
	stage_say(s, line);
}

/* Whether the location has ended the connection; runs the loop meanwhile. */
static inline bool stage_is_left(struct stage *s)
{
	char chunk[256];
	ssize_t n = -1;

	for (int i = 0; i < 300; i++) {
		if (sd_event_run(s->f.platform.event, 10000) < 0)
			abort();
		n = recv(s->client, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
	}
	return false;
}

#define GGA(time, quality)                                                                         \
	"GPGGA," time ",4807.038,N,01131.000,E," quality ",08,0.9,545.4,M,46.9,M,,"

#endif
