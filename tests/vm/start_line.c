// SPDX-License-Identifier: Apache-2.0
/*
 * The moment at which a guest becomes one of its own, in the initramfs: waits at a virtio port for
 * the one line with which the host (guest.py) switches a phone on, makes clock and randomness those
 * of this start, and prints the program to run and the passphrase, a line each. As a rule what runs
 * here is a copy of a machine that was saved while this program waited, some weeks ago.
 *
 *	"on SECONDS.MICROSECONDS|- SEED INIT PASSPHRASE\n"	the last three in hexadecimal digits
 *
 * "-" leaves the clock as the kernel has just read it from the hardware. The host is told by '?'
 * that this program waits, and by '!' that it has the line.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <linux/rtc.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "port.h"

#define PORT_NAME "mdm.power"
#define LINE_MAX_BYTES 4096
#define SEED_MIN_BYTES 32
#define SEED_MAX_BYTES 256

static int fail(const char *what)
{
	fprintf(stderr, "vm: start_line: %s: %m\n", what);
	return 1;
}

/* To a host that may not be at the other end yet. */
static int tell(int port, char what)
{
	while (write(port, &what, 1) != 1) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		port_pause_ms(20);
	}
	return 0;
}

/* Up to the end of the line, which is cut off. */
static int line_read(int port, char *line)
{
	size_t n = 0;

	while (n < LINE_MAX_BYTES - 1) {
		struct pollfd poll_fd = {.fd = port, .events = POLLIN};
		ssize_t r;

		poll(&poll_fd, 1, -1);
		r = read(port, line + n, 1);
		if (r == 1 && line[n] == '\n') {
			line[n] = '\0';
			return 0;
		}
		if (r == 1)
			n++;
		else if (r < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		else
			/* No host at the other end yet: poll() does not wait then. */
			port_pause_ms(20);
	}
	return -E2BIG;
}

/* The number of bytes, or -1 where that is not what the digits are. */
static ssize_t hex_read(const char *hex, uint8_t *bytes, size_t max)
{
	size_t n = strlen(hex) / 2;

	if (strlen(hex) % 2 != 0 || n > max)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &bytes[i]) != 1)
			return -1;
	return (ssize_t)n;
}

/* Copies of one saved machine would draw the same keys. What the host gives counts as entropy, and
 * the generator is made to use it at once instead of within its next minutes. */
static int seed_use(const uint8_t *seed, size_t n)
{
	struct {
		struct rand_pool_info info;
		uint8_t bytes[SEED_MAX_BYTES];
	} pool = {.info = {.entropy_count = (int)(8 * n), .buf_size = (int)n}};
	int fd = open("/dev/random", O_RDWR | O_CLOEXEC);

	memcpy(pool.info.buf, seed, n);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return -errno;
	close(fd);
	return 0;
}

/* The clock of the system and the one of the hardware, as if the kernel had read the one from the
 * other just now. 1970 cannot have lasted for less long than the machine has been up. */
static int clock_use(const char *text)
{
	struct timespec up;
	struct timeval t;
	struct tm tm;
	struct rtc_time rtc;
	long long seconds;
	long microseconds;
	time_t whole;
	int fd;

	if (sscanf(text, "%lld.%6ld", &seconds, &microseconds) != 2) {
		errno = EINVAL;
		return -errno;
	}
	clock_gettime(CLOCK_MONOTONIC, &up);
	if (seconds <= up.tv_sec)
		seconds = up.tv_sec + 1;
	t = (struct timeval){.tv_sec = seconds, .tv_usec = microseconds};
	whole = seconds;
	gmtime_r(&whole, &tm);
	rtc = (struct rtc_time){
		.tm_sec = tm.tm_sec,
		.tm_min = tm.tm_min,
		.tm_hour = tm.tm_hour,
		.tm_mday = tm.tm_mday,
		.tm_mon = tm.tm_mon,
		.tm_year = tm.tm_year,
	};
	fd = open("/dev/rtc0", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RTC_SET_TIME, &rtc) < 0 || settimeofday(&t, NULL) < 0)
		return -errno;
	close(fd);
	return 0;
}

int main(void)
{
	static char line[LINE_MAX_BYTES], clock[64], seed_hex[LINE_MAX_BYTES], init[LINE_MAX_BYTES],
		phrase[LINE_MAX_BYTES];
	uint8_t seed[SEED_MAX_BYTES], text[2][LINE_MAX_BYTES / 2 + 1];
	ssize_t seed_bytes, init_bytes, phrase_bytes = 0;
	int port = port_wait(PORT_NAME), fields;

	if (port < 0)
		return fail("no port " PORT_NAME);
	if (tell(port, '?') < 0)
		return fail(PORT_NAME);
	if (line_read(port, line) < 0)
		return fail("no line");
	/* Before this the host may not go away: QEMU would drop what the guest has not read. */
	if (tell(port, '!') < 0)
		return fail(PORT_NAME);
	fields = sscanf(line, "on %63s %4095s %4095s %4095s", clock, seed_hex, init, phrase);
	seed_bytes = hex_read(seed_hex, seed, sizeof(seed));
	init_bytes = hex_read(init, text[0], sizeof(text[0]) - 1);
	phrase_bytes = hex_read(phrase, text[1], sizeof(text[1]) - 1);
	if (fields < 3 || seed_bytes < SEED_MIN_BYTES || init_bytes < 0 || phrase_bytes < 0) {
		errno = EINVAL;
		return fail("a line that is none");
	}
	if (seed_use(seed, (size_t)seed_bytes) < 0)
		return fail("randomness");
	if (strcmp(clock, "-") != 0 && clock_use(clock) < 0)
		return fail("the clock");
	printf("%.*s\n%.*s\n", (int)init_bytes, text[0], (int)phrase_bytes, text[1]);
	return 0;
}
