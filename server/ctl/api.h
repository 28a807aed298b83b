/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - the administrators' API of mdm-server (docs/protocol.md, section 5) over libcurl:
 * TLS 1.3, the organisation's root as the only anchor, the administrator's certificate from memory.
 */
#ifndef MDM_MDMCTL_API_H
#define MDM_MDMCTL_API_H

#include "server/ctl/ctl.h"

#define API_CONNECT_SECONDS 10
#define API_TOTAL_SECONDS 60
#define API_MAX_BYTES                                                                              \
	(4 * 1024 * 1024) /* one answer: a page of devices, a device with its report */
#define API_PATH_BYTES 1024

struct api;

struct api_answer {
	long status; /* HTTP */
	char *body;  /* NUL-terminated, owned */
	size_t n_body;
};
void api_answer_done(struct api_answer *answer);
#define _cleanup_answer_ _cleanup_(api_answer_done)

/* Opens the administrator's key (asks for its passphrase) and prepares a connection. */
int api_open(struct ctl *ctl, struct api **ret_api, struct fault *fault);
void api_free(struct api *api);
DEFINE_CLEANUP(struct api *, api_free)

/*
 * One request. path begins with "/v1/". body NULL: GET, otherwise method ("POST", "PUT") with
 * content_type. 0 whatever the HTTP status below 300, and for 404 and 409 when tolerate has that
 * status; otherwise FAULT_REFUSED with the server's words, or FAULT_UNREACHABLE.
 */
struct api_request {
	const char *method, *path, *content_type;
	const char *body;
	size_t n_body;
	long tolerate; /* 0, 404 or 409 */
};
int api_call(struct api *api, const struct api_request *request, struct api_answer *ret_answer,
	struct fault *fault);

/*
 * "the server answers for another device": it was asked for one object by its name and told of
 * another. An honest one does not; whoever took it over would have us sign for its choice.
 */
int api_other_object(struct fault *fault, const char *kind, const char *asked, const char *told);

/* The server's keysets are completed from the organisation's, in order. */
int api_push_keysets(struct api *api, struct ctl *ctl, struct fault *fault);

/* Names on ctl->out the policies on the server that a phone with the newest keyset would refuse. */
int api_tell_stale_policies(struct api *api, struct ctl *ctl, struct fault *fault);

/*
 * Uploads a verified document other than a command; 409 is explained. target is the stream, device
 * or ticket; groups is "A,B" for assignments, else NULL.
 */
struct document;
int api_push_document(struct api *api, const struct document *document, const char *text,
	size_t n_bytes, const char *groups, struct fault *fault);

/* The same of a command. ret_held: it waits there for another administrator. */
int api_push_command(struct api *api, const struct document *document, const char *text,
	size_t n_bytes, bool *ret_held, struct fault *fault);

/*
 * Newest document of an address, as in the query of its path and not verified; *ret_answer has
 * status 404 if there is none.
 */
int api_get_document(
	struct api *api, const char *query, struct api_answer *ret_answer, struct fault *fault);

/*
 * The serial of the newest document of an address that the server has and our keys signed; 0 if
 * it has none. Only signed numbers count: the server could name any other to use the serials up.
 */
int api_newest_serial(struct api *api, struct ctl *ctl, enum document_type type,
	const char *target_kind, const char *target, int64_t *ret_serial, struct fault *fault);

#endif
