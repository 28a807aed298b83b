/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - reading clocks and writing dates; see clock.h. Any role. */
#include "agent/util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

/* Certificates end after 2038. glibc has 32 bits on 32-bit phones unless it is told otherwise. */
_Static_assert(sizeof(time_t) == sizeof(int64_t) && sizeof(off_t) == sizeof(int64_t),
	"build with -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64, and against libraries that were, too");

static int64_t clock_us(clockid_t id)
{
	struct timespec now = {0};

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

int64_t clock_boottime_us(void)
{
	return clock_us(CLOCK_BOOTTIME);
}

int64_t clock_realtime_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

int64_t clock_realtime_s(void)
{
	return clock_us(CLOCK_REALTIME) / USEC_PER_SEC;
}

int clock_boot_id(uint8_t ret_id[BOOT_ID_BYTES])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[37], digits[33];
	size_t n = 0;

	if (fd < 0)
		return -errno;
	if (read(fd, text, sizeof(text)) < 36)
		return -EIO;
	for (size_t i = 0; i < 36 && n < 32; i++)
		if (text[i] != '-')
			digits[n++] = text[i];
	digits[n] = 0;
	return hex_decode(digits, ret_id, BOOT_ID_BYTES);
}

void clock_format(int64_t realtime_s, char ret_text[24])
{
	time_t t = (time_t)realtime_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) {
		memcpy(ret_text, "-", 2);
		return;
	}
	strftime(ret_text, 24, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int clock_parse(const char *text, int64_t *ret_realtime_s)
{
	struct tm tm = {0};
	char again[24];
	int64_t seconds;
	const char *end;

	if (strlen(text) != 20)
		return -EINVAL;
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!end || *end)
		return -EINVAL;
	seconds = (int64_t)timegm(&tm);
	/* timegm() accepts 31 February; the way back does not give the same text then. */
	clock_format(seconds, again);
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*ret_realtime_s = seconds;
	return 0;
}
