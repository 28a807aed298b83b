/* SPDX-License-Identifier: Apache-2.0 */
/* assign.c - signed assignments; see assign.h. */
#include "server/ctl/assign.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "server/ctl/serials.h"
#include "server/ctl/signing.h"

int assign_read_args(
	const struct args *args, struct envelope_assignment *ret_assignment, struct fault *fault)
{
	const char *ownership = args_get(args, "ownership"), *group;
	struct envelope_assignment assignment = {.user = args_get(args, "user")};

	assignment.ownership = OWNERSHIP_COMPANY;
	if (ownership) {
		int i = 0;

		while (i < OWNERSHIP_MAX &&
			strcmp(ownership, ownership_name((enum ownership)i)) != 0)
			i++;
		if (i == OWNERSHIP_MAX)
			return fault_set(fault, FAULT_USAGE, "--ownership is company or personal");
		assignment.ownership = (enum ownership)i;
	}
	for (size_t i = 0; (group = args_nth(args, "group", i)); i++) {
		if (!name_is_valid(group))
			return fault_set(fault, FAULT_USAGE,
				"--group \"%.40s\" is not a name: 1 to %d letters, digits, '.', '_', '-'",
				group, LIMIT_NAME_BYTES);
		for (size_t j = 0; j < assignment.n_groups; j++)
			if (strcmp(assignment.groups[j], group) == 0)
				return fault_set(
					fault, FAULT_USAGE, "--group %s is there twice", group);
		if (assignment.n_groups == LIMIT_ASSIGNMENT_GROUPS)
			return fault_set(fault, FAULT_USAGE, "a phone follows at most %d groups",
				LIMIT_ASSIGNMENT_GROUPS);
		assignment.groups[assignment.n_groups++] = group;
	}
	if (assignment.user && (strlen(assignment.user) > LIMIT_TEXT_BYTES ||
				       !text_is_valid(assignment.user, strlen(assignment.user))))
		return fault_set(fault, FAULT_USAGE, "--user must be one line of at most %d bytes",
			LIMIT_TEXT_BYTES);
	if (!assignment.n_groups && (ownership || assignment.user))
		return fault_set(fault, FAULT_USAGE,
			"--ownership and --user are part of an assignment, which needs --group");
	*ret_assignment = assignment;
	return 0;
}

/* The highest serial that this phone can hold: its own and the one of its ticket, here and there.
 */
static int assign_serial_held(struct ctl *ctl, struct api *api, const struct assign_order *order,
	int64_t *ret_held, struct fault *fault)
{
	const char *kind = order->assignment.for_ticket ? "ticket" : "device";
	char address[LIMIT_NAME_BYTES + 16];
	int64_t held = 0, other = 0;
	int r;

	r = api_newest_serial(api, ctl, DOCUMENT_ASSIGNMENT, kind, order->target, &held, fault);
	if (r || !*order->ticket) {
		*ret_held = held;
		return r;
	}
	r = api_newest_serial(
		api, ctl, DOCUMENT_ASSIGNMENT, "ticket", order->ticket, &other, fault);
	if (r)
		return r;
	held = other > held ? other : held;
	serial_address(DOCUMENT_ASSIGNMENT, order->ticket, address, sizeof(address));
	r = serial_remembered(ctl->org.fd, address, &other, fault);
	*ret_held = other > held ? other : held;
	return r;
}

/* "a,b" for the address of the document. */
static int assign_groups(const struct envelope_assignment *assignment, struct buf *out)
{
	for (size_t i = 0; i < assignment->n_groups; i++)
		buf_printf(out, "%s%s", i ? "," : "", assignment->groups[i]);
	buf_append(out, "", 0);
	return out->error;
}

int assign_push(struct ctl *ctl, struct api *api, const struct assign_order *order,
	int64_t *ret_serial, struct fault *fault)
{
	_cleanup_signing_key_ struct signing_key key = {0};
	_cleanup_buf_ struct buf payload = BUF_INIT, text = BUF_INIT, groups = BUF_INIT;
	_cleanup_(document_freep) struct document *document = NULL;
	struct envelope envelope = {
		.org = ctl->org.id,
		.issued_s = ctl->now_s,
		.expires_s = order->expires_s,
		.target = order->target,
	};
	char address[LIMIT_NAME_BYTES + 16];
	int64_t held = 0;
	int r = signing_key_open(ctl, order->key_name, 1u << TRUST_ROLE_POLICY, &key, fault);

	if (!r)
		r = assign_serial_held(ctl, api, order, &held, fault);
	if (r)
		return r;
	serial_address(DOCUMENT_ASSIGNMENT, order->target, address, sizeof(address));
	r = serial_take(ctl->org.fd, address, held, 0, &envelope.serial, fault);
	if (!r)
		r = envelope_assignment(&envelope, &order->assignment, &payload, fault);
	if (!r)
		r = signing_line(
			DOCUMENT_ASSIGNMENT, payload.data, payload.n_bytes, &key, &text, fault);
	if (!r)
		r = signing_verify(
			&ctl->org, text.data, text.n_bytes, ctl->now_s, &document, NULL, fault);
	if (r)
		return r;
	if (assign_groups(&order->assignment, &groups) < 0)
		return fault_errno(fault, ENOMEM, "assignment");
	r = api_push_document(api, document, text.data, text.n_bytes, groups.data, fault);
	if (!r)
		*ret_serial = envelope.serial;
	return r;
}
