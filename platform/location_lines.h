/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_lines.h - a connection to somebody who says lines. Bounded: a line that is too long is
 * passed over, and what comes is read a piece at a time. Enforcer only.
 */
#ifndef MDM_PLATFORM_LOCATION_LINES_H
#define MDM_PLATFORM_LOCATION_LINES_H

#include <stddef.h>
#include <systemd/sd-event.h>

struct location_lines;

struct location_lines_ops {
	/* It is connected: 0, or a negative error that ends it. */
	int (*connected)(int fd, void *userdata);
	/* One line without its newline; what data is there stays valid during the call. May not
	 * free the lines. */
	void (*line)(const char *line, size_t n_bytes, void *userdata);
	/* It ended; r: 0 at the end of the stream, or a negative error. Frees the lines, if anybody
	 * does. */
	void (*ended)(int r, void *userdata);
};

/* fd is connected, or on its way to be, and belongs to the lines from here on, also on failure. 0
 * or -errno. */
int location_lines_new(sd_event *event, int fd, size_t max_bytes,
	const struct location_lines_ops *ops, void *userdata, struct location_lines **ret_lines);
void location_lines_free(struct location_lines *lines);

#endif
