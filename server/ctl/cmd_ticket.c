/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ticket.c - "mdmctl ticket": what a phone needs to enrol. Runs as the administrator. */
#include <errno.h>
#include <inttypes.h>

#include "agent/trust/ticket.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "agent/util/url.h"
#include "server/ctl/assign.h"
#include "server/ctl/ca.h"
#include "server/ctl/commands.h"
#include "server/ctl/qr.h"
#include "server/ctl/span.h"

#define TICKET_SECRET_BYTES 32
/* How long the assignment of a ticket can still be delivered. */
#define TICKET_ASSIGNMENT_S (INT64_C(365) * 86400)

static int ticket_make(struct ctl *ctl, const struct args *args, int64_t expires_s,
	struct ticket *ticket, struct fault *fault)
{
	_cleanup_free_ char *pem = NULL;
	_cleanup_x509_ X509 *root = NULL;
	uint8_t bytes[TICKET_SECRET_BYTES];
	const char *est = args_get(args, "est");
	size_t n_bytes;
	int r;

	if (est && !url_is_valid(est, true))
		return fault_set(fault, FAULT_USAGE, "--est must be https://HOST[:PORT]/PATH");
	if (random_bytes(bytes, 16) < 0)
		return fault_errno(fault, EIO, "no random numbers");
	hex_encode(bytes, 16, ticket->id);
	if (random_bytes(bytes, sizeof(bytes)) < 0)
		return fault_errno(fault, EIO, "no random numbers");
	base64url_encode(bytes, sizeof(bytes), ticket->secret);
	explicit_bzero(bytes, sizeof(bytes));
	snprintf(ticket->server, sizeof(ticket->server), "%s", ctl->org.server);
	snprintf(ticket->est, sizeof(ticket->est), "%s", est ? est : "");
	ticket->expires_s = expires_s;
	memcpy(ticket->keyset_sha256, ctl->org.keyset_sha256, SHA256_BYTES);
	/* While one CA follows another the keyset names both. */
	if (ctl->org.keyset->n_ca_pins) {
		memcpy(ticket->ca_pins, ctl->org.keyset->ca_pins, sizeof(ticket->ca_pins));
		ticket->n_ca_pins = ctl->org.keyset->n_ca_pins;
		return 0;
	}
	r = org_read(&ctl->org, ORG_ROOT, &pem, &n_bytes, fault);
	if (!r)
		r = ca_read(pem, n_bytes, ORG_ROOT, &root, fault);
	if (!r)
		r = ca_pin(root, ticket->ca_pins[0], fault);
	ticket->n_ca_pins = 1;
	return r;
}

/* The server learns the digest of the secret, never the secret. */
static int ticket_register(struct api *api, const struct args *args, const struct ticket *ticket,
	const struct envelope_assignment *assignment, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw w = JSONW_INIT(&body);
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	struct api_request request = {
		.method = "POST",
		.path = "/v1/admin/tickets",
		.content_type = "application/json",
	};

	if (sha256(ticket->secret, strlen(ticket->secret), digest) < 0)
		return fault_errno(fault, EIO, "ticket");
	hex_encode(digest, sizeof(digest), hex);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", ticket->id);
	jsonw_string(&w, "secret_sha256", hex);
	jsonw_int(&w, "expires", ticket->expires_s);
	jsonw_array(&w, "groups");
	for (size_t i = 0; i < assignment->n_groups; i++)
		jsonw_string(&w, NULL, assignment->groups[i]);
	jsonw_array_end(&w);
	if (args_has(args, "zero-touch"))
		jsonw_bool(&w, "zero_touch", true);
	jsonw_object_end(&w);
	if (body.error)
		return fault_errno(fault, body.error, "ticket");
	request.body = body.data;
	request.n_body = body.n_bytes;
	return api_call(api, &request, &answer, fault);
}

static int ticket_print_qr(
	struct ctl *ctl, const struct args *args, const char *uri, struct fault *fault)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct qr qr = {0};
	enum qr_style style = args_has(args, "ascii") ? QR_ASCII
			      : ctl->colour	      ? QR_COLOUR
						      : QR_BLOCKS;
	int r = qr_encode(uri, &qr);

	if (r < 0)
		return fault_errno(fault, r, "cannot make a QR code of the ticket");
	qr_write(&qr, style, args_has(args, "invert"), &out);
	qr_done(&qr);
	if (out.error)
		return fault_errno(fault, out.error, "QR code");
	fprintf(ctl->out, "\n%s", out.data);
	explicit_bzero(out.data, out.n_bytes);
	return 0;
}

static void ticket_print_advice(
	struct ctl *ctl, const struct args *args, const struct ticket *ticket)
{
	const char *output = args_get(args, "output");
	char until[24], relative[32];

	clock_format(ticket->expires_s, until);
	span_format_relative(ticket->expires_s, ctl->now_s, relative);
	if (args_has(args, "zero-touch"))
		fprintf(ctl->out,
			"Until %s (%s) each phone whose serial number or IMEI is on the list may\n"
			"enrol by itself: put %s into the image as\n"
			"/etc/mdm-agent/zero-touch.conf (root, mode 0600), then\n"
			"mdmctl hardware add %s FILE\n",
			until, relative, output ? output : "the text above", ticket->id);
	else
		fprintf(ctl->out,
			"%sThis ticket is a secret: whoever sees it can enrol one phone until\n"
			"%s (%s). On the phone: agentctl enroll %s\n",
			output ? "" : "\n", until, relative, output ? "FILE" : "- (and paste it)");
}

static int ticket_print(struct ctl *ctl, const struct args *args, const struct ticket *ticket,
	int64_t serial, struct fault *fault)
{
	_cleanup_buf_ struct buf uri = BUF_INIT, text = BUF_INIT, json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	const char *output = args_get(args, "output");
	int r = 0;

	ticket_write_uri(ticket, &uri);
	ticket_write_text(ticket, &text);
	if (uri.error || text.error)
		return fault_errno(fault, ENOMEM, "ticket");
	if (output)
		r = ctl_write_secret(output, text.data, text.n_bytes, fault);
	if (r) {
		/* Nothing to say but that. */
	} else if (ctl->json) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "id", ticket->id);
		jsonw_string(&w, "uri", uri.data);
		jsonw_string(&w, "text", text.data);
		jsonw_int(&w, "expires", ticket->expires_s);
		if (serial)
			jsonw_int(&w, "assignment", serial);
		jsonw_object_end(&w);
		r = ctl_print_json(ctl, &json, fault);
	} else {
		if (!output)
			fprintf(ctl->out, "%s\n%s\n", text.data, uri.data);
		r = args_has(args, "qr") ? ticket_print_qr(ctl, args, uri.data, fault) : 0;
		ticket_print_advice(ctl, args, ticket);
		if (!r)
			r = ctl_flush(ctl, fault);
	}
	if (uri.data)
		explicit_bzero(uri.data, uri.n_bytes);
	if (text.data)
		explicit_bzero(text.data, text.n_bytes);
	return r;
}

int cmd_ticket_new(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	struct assign_order order = {.ticket = "", .key_name = args_get(args, "key")};
	struct ticket ticket = {0};
	int64_t valid_s, serial = 0;
	/* An image lives longer than the way from one desk to the next. */
	int r = ctl_span_option(
		args, "expires", args_has(args, "zero-touch") ? "365d" : "24h", &valid_s, fault);

	if (!r)
		r = assign_read_args(args, &order.assignment, fault);
	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = ticket_make(ctl, args, ctl->now_s + valid_s, &ticket, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = api_push_keysets(api, ctl, fault);
	if (!r)
		r = ticket_register(api, args, &ticket, &order.assignment, fault);
	if (!r && order.assignment.n_groups) {
		order.assignment.for_ticket = true;
		order.target = ticket.id;
		order.expires_s = ctl->now_s +
				  (valid_s > TICKET_ASSIGNMENT_S ? valid_s : TICKET_ASSIGNMENT_S);
		r = assign_push(ctl, api, &order, &serial, fault);
	}
	if (!r)
		r = ticket_print(ctl, args, &ticket, serial, fault);
	explicit_bzero(&ticket, sizeof(ticket));
	return r;
}
