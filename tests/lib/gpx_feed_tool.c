/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: policies */
/*
 * gpx_feed_tool.c - a receiver of satellites behind a socket that goes the way of a GPX file:
 * gpx_feed_tool SOCKET TRACK.gpx [SEGMENT]. Whoever connects is told once a second, as NMEA 0183,
 * where it is now. It waits at the first point of the track, or at the end of SEGMENT. Each line of
 * standard input that is the number of a segment makes it go that segment, in the time that the
 * file says, and wait at its end, which it says: "end N". "dark" and "light": it sees no
 * satellites, and some again. It ends with its standard input. For tests/vm.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/util/mem.h"
#include "policies/gpx.h"

#define POINTS_MAX 10000
#define FILE_BYTES (1 << 20)
#define LISTENERS_MAX 16
#define SENTENCE_BYTES 120
#define KNOTS_PER_MS 1.943844
#define S_US INT64_C(1000000)

struct feed {
	struct gpx_point points[POINTS_MAX];
	size_t n_points;
	size_t first, last; /* of the segment that it goes, or stands at the end of */
	int64_t began_us;
	bool moving, dark;
	int listeners[LISTENERS_MAX];
	size_t n_listeners;
	char line[64];
	size_t n_line;
};

static int64_t now_us(void)
{
	struct timespec t;

	/* The phone's own time, which goes on while it sleeps. */
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * S_US + t.tv_nsec / 1000;
}

static int take_point(void *userdata, const struct gpx_point *point)
{
	struct feed *f = userdata;

	if (point->kind != GPX_TRACK)
		return 0;
	if (f->n_points == POINTS_MAX || !point->has_time)
		return -EINVAL;
	f->points[f->n_points++] = *point;
	return 0;
}

static int read_track(struct feed *f, const char *path)
{
	_cleanup_free_ char *text = malloc(FILE_BYTES);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct gpx_error error = {0, ""};
	size_t n_bytes = 0;
	ssize_t n = 0;
	int r;

	if (!text || fd < 0)
		return -errno;
	while (n_bytes < FILE_BYTES && (n = read(fd, text + n_bytes, FILE_BYTES - n_bytes)) > 0)
		n_bytes += (size_t)n;
	if (n < 0 || n_bytes == FILE_BYTES)
		return n < 0 ? -errno : -E2BIG;
	r = gpx_read(text, n_bytes, take_point, f, &error);
	if (r < 0)
		fprintf(stderr, "%s:%zu: %s\n", path, error.line,
			*error.message ? error.message : strerror(-r));
	return r < 0 ? r : f->n_points ? 0 : -ENODATA;
}

/* False: there is no such segment. */
static bool begin_segment(struct feed *f, size_t number)
{
	size_t first = 0, last;

	while (first < f->n_points && f->points[first].segment != number)
		first++;
	if (first == f->n_points)
		return false;
	last = first;
	while (last + 1 < f->n_points && f->points[last + 1].segment == number)
		last++;
	f->first = first;
	f->last = last;
	f->began_us = now_us();
	f->moving = true;
	return true;
}

/* Where it is now, and how fast. */
static struct geo_point position(struct feed *f, double *ret_speed_ms)
{
	int64_t t_us = f->points[f->first].time_us + now_us() - f->began_us;
	const struct gpx_point *a, *b;
	size_t i = f->first;
	double part;

	*ret_speed_ms = 0;
	if (!f->moving)
		return f->points[i].at;
	while (i < f->last && f->points[i + 1].time_us <= t_us)
		i++;
	a = &f->points[i];
	if (i == f->last) {
		f->moving = false;
		printf("end %zu\n", a->segment);
		fflush(stdout);
		/* It stays there, whatever the time. */
		f->first = f->last;
		return a->at;
	}
	b = a + 1;
	part = (double)(t_us - a->time_us) / (double)(b->time_us - a->time_us);
	*ret_speed_ms = geo_distance_m(&a->at, &b->at) / ((double)(b->time_us - a->time_us) / S_US);
	return (struct geo_point){a->at.lat + part * (b->at.lat - a->at.lat),
		a->at.lon + part * (b->at.lon - a->at.lon)};
}

/* --- what it says -------------------------------------------------------------------------- */

/* "4808.2292,N" */
static void write_angle(double angle, int width, const char *letters, char ret_text[24])
{
	double absolute = fabs(angle), degrees = floor(absolute);

	snprintf(ret_text, 24, "%0*d%07.4f,%c", width, (int)degrees, 60 * (absolute - degrees),
		letters[angle < 0]);
}

static size_t write_sentence(const char *body, char *out)
{
	unsigned char sum = 0;

	for (const char *p = body; *p; p++)
		sum ^= (unsigned char)*p;
	return (size_t)snprintf(out, SENTENCE_BYTES, "$%s*%02X\r\n", body, sum);
}

static size_t write_epoch(struct feed *f, char out[3 * SENTENCE_BYTES])
{
	char body[SENTENCE_BYTES - 8], lat[24], lon[24], clock[16], date[16];
	time_t now = time(NULL);
	double speed_ms;
	struct geo_point at = position(f, &speed_ms);
	struct tm tm;
	size_t n;

	gmtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H%M%S.00", &tm);
	snprintf(date, sizeof(date), "%02d%02d%02d", tm.tm_mday % 100, tm.tm_mon % 12 + 1,
		tm.tm_year % 100);
	write_angle(at.lat, 2, "NS", lat);
	write_angle(at.lon, 3, "EW", lon);
	if (f->dark) {
		snprintf(body, sizeof(body), "GPGGA,%s,,,,,0,00,,,M,,M,,", clock);
		return write_sentence(body, out);
	}
	snprintf(body, sizeof(body), "GPGGA,%s,%s,%s,1,08,0.9,520.0,M,46.0,M,,", clock, lat, lon);
	n = write_sentence(body, out);
	n += write_sentence("GPGSA,A,3,01,02,03,04,05,06,07,08,,,,,1.5,0.9,1.2", out + n);
	snprintf(body, sizeof(body), "GPRMC,%s,A,%s,%s,%05.1f,000.0,%s,,,A", clock, lat, lon,
		speed_ms * KNOTS_PER_MS, date);
	return n + write_sentence(body, out + n);
}

static void tell_all(struct feed *f)
{
	char text[3 * SENTENCE_BYTES];
	size_t n = write_epoch(f, text);

	for (size_t i = 0; i < f->n_listeners;) {
		if (send(f->listeners[i], text, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n) {
			i++;
			continue;
		}
		close(f->listeners[i]);
		f->listeners[i] = f->listeners[--f->n_listeners];
	}
}

/* --- what it is told ----------------------------------------------------------------------- */

static void obey(struct feed *f, const char *line)
{
	char *end;
	unsigned long number = strtoul(line, &end, 10);

	if (strcmp(line, "dark") == 0)
		f->dark = true;
	else if (strcmp(line, "light") == 0)
		f->dark = false;
	else if (*end || end == line || !begin_segment(f, number))
		fprintf(stderr, "'%s' is neither a segment of the track nor dark nor light\n",
			line);
}

/* False: that was all. */
static bool read_orders(struct feed *f)
{
	char *newline;
	ssize_t n = read(STDIN_FILENO, f->line + f->n_line, sizeof(f->line) - 1 - f->n_line);

	if (n <= 0)
		return false;
	f->n_line += (size_t)n;
	f->line[f->n_line] = 0;
	while ((newline = strchr(f->line, '\n'))) {
		*newline = 0;
		obey(f, f->line);
		f->n_line -= (size_t)(newline + 1 - f->line);
		memmove(f->line, newline + 1, f->n_line + 1);
	}
	return f->n_line < sizeof(f->line) - 1;
}

static void take_listener(struct feed *f, int socket_fd)
{
	int fd = accept4(socket_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 && f->n_listeners < LISTENERS_MAX)
		f->listeners[f->n_listeners++] = fd;
	else if (fd >= 0)
		close(fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	/* Whoever wants to know: the services that ask have users of their own. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 ||
		listen(fd, 8) < 0)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	static struct feed f;
	int64_t next_us = now_us();
	int socket_fd, r;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: gpx_feed_tool SOCKET TRACK.gpx [SEGMENT]\n");
		return 2;
	}
	r = read_track(&f, argv[2]);
	if (r < 0) {
		fprintf(stderr, "%s: %s; every point of a track needs a time\n", argv[2],
			strerror(-r));
		return 1;
	}
	if (argc == 4 && !begin_segment(&f, strtoul(argv[3], NULL, 10))) {
		fprintf(stderr, "%s has no segment %s\n", argv[2], argv[3]);
		return 1;
	}
	/* At its end, however it got there. */
	f.first = f.last;
	f.moving = false;
	socket_fd = listen_at(argv[1]);
	if (socket_fd < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (;;) {
		struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = socket_fd, .events = POLLIN}};
		int64_t wait_us = next_us - now_us();

		if (wait_us <= 0) {
			tell_all(&f);
			next_us = now_us() + S_US;
			continue;
		}
		if (poll(fds, 2, (int)(wait_us / 1000) + 1) <= 0)
			continue;
		if (fds[0].revents && !read_orders(&f))
			return 0;
		if (fds[1].revents)
			take_listener(&f, socket_fd);
	}
}
