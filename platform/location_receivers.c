/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_receivers.c - receivers of satellites behind a socket: gnss-share's, which says NMEA,
 * and gpsd's port, which says JSON. Both switch the receiver on while somebody is connected, and
 * off afterwards. Whoever is at the other end has to be root or a service: any program of any user
 * may listen on a port that gpsd is not listening on. Enforcer only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/util/fs.h"
#include "platform/location_private.h"
#include "policies/gpsd.h"

#define GNSS_SHARE_DIRECTORY "run"
#define GNSS_SHARE_NAME "gnss-share.sock"
#define GPSD_PROGRAM "usr/sbin/gpsd"
#define NET_TABLE_BYTES (1024 * 1024)

static void receiver_fail(
	struct location *l, struct location_receiver *receiver, int r, const char *what)
{
	receiver->failed = true;
	if (r == -EPERM)
		text_printf(receiver->trouble,
			"%s is somebody's own program, not a service: it is not believed", what);
	else if (r == 0)
		text_printf(receiver->trouble, "%s ended the connection", what);
	else
		text_printf(receiver->trouble, "%s: %s", what, strerror(-r));
	location_poke(l);
}

static void receiver_stop(struct location_receiver *receiver)
{
	location_lines_free(TAKE_PTR(receiver->lines));
	receiver->failed = false;
}

/* What may be asked for a position while nothing else has it. */
static bool receivers_are_wanted(const struct location *l)
{
	return location_is_looking(l) && !l->has_file &&
	       (l->need == LOCATION_FINE || l->patience_over || location_geoclue_is_out(l));
}

/* --- gnss-share ----------------------------------------------------------------------------- */

static int gnss_share_connected(int fd, void *userdata)
{
	struct location *l = userdata;
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return -errno;
	return location_trusts(l, peer.uid) ? 0 : -EPERM;
}

static void gnss_share_line(const char *line, size_t n_bytes, void *userdata)
{
	struct location *l = userdata;
	struct nmea_sentence sentence;
	struct fix fix;

	if (nmea_parse(line, n_bytes, &sentence) == 0 &&
		nmea_track_add(&l->gnss_share.track, &sentence, clock_boottime_us(), &fix) ==
			NMEA_E_FIX)
		location_see(l, LOCATION_GNSS_SHARE, &fix);
}

static void gnss_share_ended(int r, void *userdata)
{
	struct location *l = userdata;

	location_lines_free(TAKE_PTR(l->gnss_share.lines));
	receiver_fail(l, &l->gnss_share, r, "gnss-share");
}

static const struct location_lines_ops gnss_share_ops = {
	.connected = gnss_share_connected,
	.line = gnss_share_line,
	.ended = gnss_share_ended,
};

/* A socket that is connected, or -errno. */
static int gnss_share_connect(const struct location *l)
{
	_cleanup_close_ int directory_fd = fs_open_in_root(
		l->platform->sysroot_fd, GNSS_SHARE_DIRECTORY, O_PATH | O_DIRECTORY);
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (directory_fd < 0)
		return directory_fd;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The place that was just opened, however long its path. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" GNSS_SHARE_NAME,
		directory_fd);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void gnss_share_start(struct location *l)
{
	int fd = gnss_share_connect(l);
	int r = fd;

	l->gnss_share.track = (struct nmea_track){0};
	l->gnss_share.trouble[0] = 0;
	if (fd >= 0)
		r = location_lines_new(l->platform->event, fd, LIMIT_NMEA_BYTES + 1,
			&gnss_share_ops, l, &l->gnss_share.lines);
	if (r == -ENOENT) {
		l->gnss_share.failed = true;
		location_poke(l);
	} else if (r < 0) {
		receiver_fail(l, &l->gnss_share, r, "cannot connect to gnss-share");
	}
}

static void gnss_share_stop(struct location *l)
{
	receiver_stop(&l->gnss_share);
}

static void gnss_share_look(struct location *l, struct location_source_fact *ret_fact)
{
	ret_fact->present = backend_file_exists(
		l->platform->sysroot_fd, GNSS_SHARE_DIRECTORY "/" GNSS_SHARE_NAME);
	if (!ret_fact->present)
		text_printf(
			ret_fact->detail, "there is no /" GNSS_SHARE_DIRECTORY "/" GNSS_SHARE_NAME);
	else
		text_printf(ret_fact->detail, "%s", l->gnss_share.trouble);
}

const struct location_source_row location_gnss_share_row = {
	.name = "gnss-share",
	.title = "gnss-share",
	.look = gnss_share_look,
	.is_wanted = receivers_are_wanted,
	.start = gnss_share_start,
	.stop = gnss_share_stop,
};

/* --- gpsd ----------------------------------------------------------------------------------- */

bool location_listeners_are_trusted(
	const struct location *l, const char *table, uint16_t port, size_t *n_listeners)
{
	for (const char *line = table; line && *line; line = strchr(line, '\n')) {
		unsigned int local, state, uid;

		line += *line == '\n';
		if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %u",
			    &local, &state, &uid) != 3 ||
			local != port || state != TCP_LISTEN)
			continue;
		(*n_listeners)++;
		if (!location_trusts(l, uid))
			return false;
	}
	return true;
}

/*
 * Who listens, not who is connected: until a connection is accepted the kernel says that its other
 * end is root's. One that listens on every address, of version 6 too, gets connections as well.
 */
static int gpsd_check_listeners(const struct location *l)
{
	static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};
	size_t n_listeners = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		_cleanup_close_ int fd = open(tables[i], O_RDONLY | O_CLOEXEC);
		_cleanup_free_ char *table = NULL;
		int r;

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return -errno;
		r = fs_read_fd(fd, NET_TABLE_BYTES, &table, NULL);
		if (r < 0)
			return r;
		if (!location_listeners_are_trusted(l, table, l->gpsd_port, &n_listeners))
			return -EPERM;
	}
	return n_listeners ? 0 : -ECONNRESET;
}

static int gpsd_connected(int fd, void *userdata)
{
	static const char watch[] = GPSD_WATCH;
	struct location *l = userdata;
	int r = gpsd_check_listeners(l);

	if (r < 0)
		return r;
	/* The first bytes of a connection always fit. */
	if (send(fd, watch, sizeof(watch) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(watch) - 1)
		return -EIO;
	return 0;
}

static void gpsd_line(const char *line, size_t n_bytes, void *userdata)
{
	struct location *l = userdata;
	struct location_receiver *receiver = &l->gpsd;
	int64_t now_us = clock_boottime_us();
	struct gpsd_report report;

	if (gpsd_parse(line, n_bytes, &report) < 0)
		return;
	if (report.kind == GPSD_DEVICES) {
		if (report.n_devices)
			receiver->trouble[0] = 0;
		else
			text_printf(receiver->trouble, "gpsd has no receiver: see gpsd(8)");
		location_poke(l);
	} else if (report.has_fix) {
		report.fix.taken_us =
			report.has_time ? fix_clock_taken(&receiver->clock, report.time_us, now_us)
					: now_us;
		location_see(l, LOCATION_GPSD, &report.fix);
	}
}

static void gpsd_ended(int r, void *userdata)
{
	struct location *l = userdata;

	location_lines_free(TAKE_PTR(l->gpsd.lines));
	receiver_fail(l, &l->gpsd, r, r == -ECONNREFUSED ? "gpsd is not running" : "gpsd");
}

static const struct location_lines_ops gpsd_ops = {
	.connected = gpsd_connected,
	.line = gpsd_line,
	.ended = gpsd_ended,
};

static bool gpsd_is_installed(const struct location *l)
{
	return backend_file_exists(l->platform->sysroot_fd, GPSD_PROGRAM);
}

static int gpsd_connect(const struct location *l)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(l->gpsd_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
		errno != EINPROGRESS)
		return -errno;
	return TAKE_FD(fd);
}

static void gpsd_start(struct location *l)
{
	int fd, r;

	l->gpsd.clock = (struct fix_clock){0};
	l->gpsd.trouble[0] = 0;
	if (!gpsd_is_installed(l)) {
		l->gpsd.failed = true;
		location_poke(l);
		return;
	}
	r = fd = gpsd_connect(l);
	if (fd >= 0)
		r = location_lines_new(l->platform->event, fd, LIMIT_GPSD_LINE_BYTES + 1, &gpsd_ops,
			l, &l->gpsd.lines);
	if (r < 0)
		receiver_fail(l, &l->gpsd, r, "cannot connect to gpsd");
}

static void gpsd_stop(struct location *l)
{
	receiver_stop(&l->gpsd);
}

static void gpsd_look(struct location *l, struct location_source_fact *ret_fact)
{
	ret_fact->present = gpsd_is_installed(l);
	text_printf(ret_fact->detail, "%s",
		ret_fact->present ? l->gpsd.trouble : "gpsd is not installed");
}

const struct location_source_row location_gpsd_row = {
	.name = "gpsd",
	.title = "gpsd",
	.look = gpsd_look,
	.is_wanted = receivers_are_wanted,
	.start = gpsd_start,
	.stop = gpsd_stop,
};
