/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_admin.c - "mdmctl admin new": certificates for other administrators. Runs where the root CA's
 * key is. They may talk to the server; signing is another matter, for which they get no key here.
 */
#include <errno.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "server/ctl/ca.h"
#include "server/ctl/commands.h"
#include "server/ctl/handout.h"
#include "server/ctl/newdir.h"
#include "server/ctl/rollover.h"

struct admin_order {
	const char *name, *directory;
	enum ca_kind kind;
	struct secret passphrase;
	X509 *certificate;
	EVP_PKEY *key;
};

static void admin_order_done(struct admin_order *order)
{
	secret_done(&order->passphrase);
	X509_free(order->certificate);
	EVP_PKEY_free(order->key);
}

static int admin_read_args(const struct args *args, struct admin_order *order, struct fault *fault)
{
	const char *role = args_get(args, "role");

	order->name = args->operands[0];
	order->directory = args_get(args, "output");
	if (!*order->name || strlen(order->name) > 64 ||
		!text_is_valid(order->name, strlen(order->name)))
		return fault_set(fault, FAULT_USAGE,
			"the name must have 1 to 64 bytes; the server's audit log shows it");
	if (!role || (strcmp(role, "operator") != 0 && strcmp(role, "viewer") != 0))
		return fault_set(fault, FAULT_USAGE,
			"say what they may do: --role operator (everything the server allows) or "
			"viewer (look only)");
	order->kind = *role == 'v' ? CA_VIEWER : CA_ADMIN;
	if (!order->directory)
		return fault_set(fault, FAULT_USAGE,
			"name the directory for the new administrator: --output DIR");
	return newdir_check_free(order->directory, "directory", fault);
}

static int admin_issue(struct ctl *ctl, struct admin_order *order, struct fault *fault)
{
	_cleanup_x509_ X509 *root = NULL;
	_cleanup_pkey_ EVP_PKEY *root_key = NULL;
	struct ca_request request = {
		.kind = order->kind,
		.org_name = ctl->org.name,
		.common_name = order->name,
		.now_s = ctl->now_s,
	};
	int r = rollover_read(&ctl->org, ORG_ROOT, &root, NULL, fault);

	if (!r)
		r = ctl_unlock(ctl, ORG_ROOT_KEY, "root CA's key", &root_key, fault);
	if (!r)
		r = keyfile_generate("P-256", &order->key, fault);
	if (r)
		return r;
	request.key = order->key;
	request.issuer = root;
	request.issuer_key = root_key;
	return ca_issue(&request, &order->certificate, fault);
}

static int admin_write(
	struct ctl *ctl, const struct admin_order *order, struct newdir *place, struct fault *fault)
{
	_cleanup_free_ char *pem = NULL;
	int r = newdir_open(place, fault);

	if (!r)
		r = handout_public(ctl, place->fd, fault);
	if (!r)
		r = ca_write(order->certificate, &pem, fault);
	if (!r)
		r = org_write(place->fd, ORG_ADMIN, pem, strlen(pem), fault);
	if (!r)
		r = handout_key(place->fd, ORG_ADMIN_KEY, order->key, &order->passphrase, fault);
	return r ? r : newdir_commit(place, fault);
}

int cmd_admin_new(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(admin_order_done) struct admin_order order = {0};
	struct newdir place = {.fd = -1};
	sigset_t before;
	char until[24];
	int r = admin_read_args(args, &order, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = admin_issue(ctl, &order, fault);
	if (!r)
		r = handout_passphrase(args, "New passphrase, entered by the new administrator",
			&order.passphrase, fault);
	if (r)
		return r;
	place.path = order.directory;
	newdir_signals_block(&before);
	r = admin_write(ctl, &order, &place, fault);
	newdir_done(&place);
	newdir_signals_restore(&before);
	if (r)
		return r;
	clock_format(ca_until(order.certificate), until);
	fprintf(ctl->err,
		"mdmctl: %s may %s until %s. Move %s to that person's\n"
		"machine, to ~/.config/mdmctl there. It holds no signing key.\n",
		order.name, order.kind == CA_VIEWER ? "look" : "operate the server", until,
		order.directory);
	return 0;
}
