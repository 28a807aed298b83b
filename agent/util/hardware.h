/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hardware.h - which serial numbers and IMEIs are numbers at all. Manufacturers leave placeholders
 * in their firmware, images clone them: neither tells one phone from another. Phone and server ask
 * here. Pure.
 */
#ifndef MDM_UTIL_HARDWARE_H
#define MDM_UTIL_HARDWARE_H

#include <stdbool.h>

#include "agent/util/limits.h"

#define HARDWARE_IMEI_LENGTH 15

/*
 * Whether text cannot be the serial number of one phone: empty, longer than LIMIT_HARDWARE_BYTES,
 * not printable ASCII, fewer than four letters and digits, one character over and over, a counting
 * sequence, or one of the words that firmware comes with ("To Be Filled By O.E.M."). Case, spaces
 * and punctuation do not matter.
 */
bool hardware_serial_is_placeholder(const char *text);

/*
 * Whether text is an IMEI (3GPP TS 23.003, 6.2.1): 15 digits with the check digit of Luhn, not the
 * same digit all over, not one of the test numbers that cloned modems carry.
 */
bool hardware_imei_is_valid(const char *text);

#endif
