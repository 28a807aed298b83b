/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url.h - https URLs taken apart: the sandbox wants the port before libcurl is touched, the
 * certificate check the bare host; tickets and mdmctl want a form in which every reader sees the
 * same. Any role; pure.
 */
#ifndef MDM_UTIL_URL_H
#define MDM_UTIL_URL_H

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
 * https://host[:port][/path] (RFC 3986) with host a DNS name (RFC 1123; '_' as people use it), an
 * IPv4 or a bracketed IPv6 address; no user, query or fragment. 0, or -EINVAL with ret_url
 * untouched.
 */
int url_parse(const char *text, struct url *ret_url);

/*
 * What people are let write: as url_parse(), without '_' in the host. with_path: a path is allowed
 * (EST base URL), in segments that are not empty, do not lead upwards and hold no '%'.
 */
bool url_is_valid(const char *text, bool with_path);

/*
 * The endpoint of a push service (UnifiedPush): an https URL that may have a query, but no
 * fragment, in at most LIMIT_URL_BYTES. It is shown to people and written into requests: no
 * character of it means anything there, and no segment leads upwards, nor does after decoding.
 */
bool url_is_endpoint(const char *text);

#endif
