/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url.h - https URLs taken apart: the sandbox wants the port before libcurl is touched, the
 * certificate check the bare host. Net role; pure.
 */
#ifndef MDM_NET_URL_H
#define MDM_NET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/limits.h"

struct url {
	char host[LIMIT_URL_BYTES + 1]; /* without brackets */
	uint16_t port;
	bool literal; /* an IP address: no name server is asked */
	bool has_path;
};

/*
 * https://host[:port][/path] (RFC 3986) with host a DNS name, an IPv4 or a bracketed IPv6 address;
 * no user, query or fragment. 0, or -EINVAL with ret_url untouched.
 */
int url_parse(const char *text, struct url *ret_url);

#endif
