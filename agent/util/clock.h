/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the clocks. CLOCK_BOOTTIME for every interval (it counts suspend and never jumps),
 * CLOCK_REALTIME only for what people and certificates call a date.
 */
#ifndef MDM_UTIL_CLOCK_H
#define MDM_UTIL_CLOCK_H

#include <stdint.h>

#define USEC_PER_SEC INT64_C(1000000)
#define BOOT_ID_BYTES 16

int64_t clock_boottime_us(void);
int64_t clock_realtime_us(void);
int64_t clock_realtime_s(void);

/* The kernel's random id of this boot. 0 or -errno (no /proc). */
int clock_boot_id(uint8_t ret_id[BOOT_ID_BYTES]);

/* "2026-11-22T05:26:02Z" (RFC 3339), 20 characters and NUL. Years outside 0..9999 give "-". */
void clock_format(int64_t realtime_s, char ret_text[24]);

/* The inverse, exactly that form. 0 or -EINVAL. */
int clock_parse(const char *text, int64_t *ret_realtime_s);

#endif
