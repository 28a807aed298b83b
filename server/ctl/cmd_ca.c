/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ca.c - "mdmctl ca list, new, switch, retire": the certificate authorities over the years.
 * Runs as the administrator, where the root CA's key is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/commands.h"
#include "server/ctl/draft.h"
#include "server/ctl/handout.h"
#include "server/ctl/keyset_sign.h"
#include "server/ctl/newdir.h"
#include "server/ctl/rollover.h"
#include "server/ctl/text.h"

static bool ca_pinned(const struct keyset *keyset, const uint8_t pin[SHA256_BYTES])
{
	for (size_t i = 0; keyset && i < keyset->n_ca_pins; i++)
		if (memcmp(keyset->ca_pins[i], pin, SHA256_BYTES) == 0)
			return true;
	return false;
}

/* --- ca list ------------------------------------------------------------------------------ */

struct ca_list {
	struct ctl *ctl;
	struct keyset *draft;
	struct table table;
	struct jsonw *w;
	struct fault *fault;
};

static int ca_list_add(void *userdata, const char *path)
{
	struct ca_list *list = userdata;
	struct ctl *ctl = list->ctl;
	_cleanup_x509_ X509 *x509 = NULL;
	uint8_t pin[SHA256_BYTES];
	char text[ROLLOVER_PIN_TEXT], date[24];
	bool pinned, drafted;
	int r;

	if (faccessat(ctl->org.fd, path, F_OK, 0) < 0)
		return 0;
	r = rollover_read(&ctl->org, path, &x509, pin, list->fault);
	if (r)
		return r;
	base64url_encode(pin, sizeof(pin), text);
	clock_format(ca_until(x509), date);
	pinned = ca_pinned(ctl->org.keyset, pin);
	drafted = ca_pinned(list->draft, pin);
	if (ctl->json) {
		jsonw_object(list->w, NULL);
		jsonw_string(list->w, "file", path);
		jsonw_string(list->w, "pin", text);
		jsonw_int(list->w, "until", ca_until(x509));
		jsonw_bool(list->w, "pinned", pinned);
		jsonw_bool(list->w, "drafted", drafted);
		jsonw_object_end(list->w);
		return 0;
	}
	table_add(&list->table, path);
	table_printf(&list->table, "%.10s", date);
	table_add(&list->table, pinned ? "by the keyset" : drafted ? "by the draft" : "-");
	table_add(&list->table, text);
	return 0;
}

int cmd_ca_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	static const char *const files[] = {
		ORG_ROOT, ORG_DEVICE_CA, ORG_NEXT "/" ORG_ROOT, ORG_NEXT "/" ORG_DEVICE_CA};
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	struct ca_list list = {
		.ctl = ctl,
		.table = {.headings = {"CERTIFICATE", "UNTIL", "PINNED", "PIN"},
			.n_columns = 4,
			.flexible = 3,
			.state = 4},
		.w = &w,
		.fault = fault,
	};
	int r = ctl_open(ctl, fault);

	(void)args;
	if (r)
		return r;
	list.draft = draft_peek(&ctl->org);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "cas");
	for (size_t i = 0; i < ARRAY_SIZE(files) && !r; i++)
		r = ca_list_add(&list, files[i]);
	if (!r)
		r = rollover_each_previous(&ctl->org, ca_list_add, &list);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (!r && ctl->json)
		r = ctl_print_json(ctl, &json, fault);
	else if (!r && table_print(&list.table, ctl->out, ctl->colour) < 0)
		r = fault_errno(fault, ENOMEM, "output");
	if (!r && !ctl->json && ctl->org.keyset->n_ca_pins == 0)
		fprintf(ctl->out, "The keyset pins none: phones trust the root of their ticket.\n");
	table_done(&list.table);
	keyset_free(list.draft);
	return r ? r : ctl_flush(ctl, fault);
}

/* --- ca new ------------------------------------------------------------------------------- */

int cmd_ca_new(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_secret_ struct secret secret = {0};
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	_cleanup_x509_ X509 *root = NULL, *next = NULL;
	uint8_t pins[2][SHA256_BYTES];
	struct keyset *keyset;
	int r = ctl_open(ctl, fault);

	if (!r)
		r = draft_open(ctl, DRAFT_BEGIN, &draft, fault);
	if (!r)
		r = rollover_read(&ctl->org, ORG_ROOT, &root, pins[0], fault);
	if (r)
		return r;
	keyset = draft.keyset;
	if (!rollover_exists(&ctl->org)) {
		if (keyset->n_ca_pins > 1 || (keyset->n_ca_pins && !ca_pinned(keyset, pins[0])))
			return fault_set(fault, FAULT_FAILURE,
				"the change of CAs before is not over: phones trust two of them; "
				"'mdmctl ca retire' ends it");
		r = handout_own_passphrase(
			ctl, args, "New passphrase of the next root CA's key", &secret, fault);
		if (!r)
			r = rollover_make(&ctl->org, &secret, ctl->now_s, fault);
	}
	if (!r)
		r = rollover_read(&ctl->org, ORG_NEXT "/" ORG_ROOT, &next, pins[1], fault);
	if (r)
		return r;
	if (ca_pinned(keyset, pins[1]))
		return fault_set(fault, FAULT_FAILURE,
			"the next CA is made and pinned already: 'mdmctl ca list', 'mdmctl keyset "
			"draft'");
	memcpy(keyset->ca_pins, pins, sizeof(pins));
	keyset->n_ca_pins = 2;
	r = draft_save(ctl, &draft, fault);
	if (r)
		return r;
	keyset_tell_draft(ctl, keyset);
	fprintf(ctl->err,
		"mdmctl: copy %s/%s/next.pem into the server's state directory and reload it, so\n"
		"that phones get the certificates in advance. Once the keyset is in force and phones\n"
		"have it ('mdmctl keyset phones'), 'mdmctl ca switch --output DIR' goes on\n",
		ctl->org.path, ORG_NEXT);
	return 0;
}

/* --- ca switch ---------------------------------------------------------------------------- */

struct switch_hosts {
	char names[CA_MAX_HOSTS][LIMIT_URL_BYTES + 1];
	const char *pointers[CA_MAX_HOSTS];
	size_t n;
};

static int switch_add_host(struct switch_hosts *hosts, const char *host, struct fault *fault)
{
	if (!ca_host_check(host))
		return fault_set(fault, FAULT_USAGE,
			"\"%.80s\" is neither a host name nor an address", host);
	for (size_t i = 0; i < hosts->n; i++)
		if (strcasecmp(hosts->names[i], host) == 0)
			return 0;
	if (hosts->n == CA_MAX_HOSTS)
		return fault_set(fault, FAULT_USAGE, "more than %d hosts", CA_MAX_HOSTS);
	snprintf(hosts->names[hosts->n], sizeof(hosts->names[0]), "%s", host);
	hosts->pointers[hosts->n] = hosts->names[hosts->n];
	hosts->n++;
	return 0;
}

/* Those of the configured addresses, of the certificate so far, and of --host. */
static int switch_find_hosts(
	struct ctl *ctl, const struct args *args, struct switch_hosts *hosts, struct fault *fault)
{
	const char *urls[] = {ctl->org.server, ctl->org.admin}, *host;
	_cleanup_x509_ X509 *server = NULL;
	struct fault none = {0};
	char name[LIMIT_URL_BYTES + 1];
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(urls) && !r; i++)
		if (org_url_host(urls[i], name, sizeof(name)) == 0)
			r = switch_add_host(hosts, name, fault);
	/* Organisations made by an older mdmctl have no copy of it. */
	if (!r && rollover_read(&ctl->org, ORG_SERVER_CERT, &server, NULL, &none) == 0)
		for (size_t i = 0; !r && ca_host(server, i, name, sizeof(name)); i++)
			r = switch_add_host(hosts, name, fault);
	for (size_t i = 0; !r && (host = args_nth(args, "host", i)); i++)
		r = switch_add_host(hosts, host, fault);
	return r;
}

static int switch_open(struct ctl *ctl, struct rollover *s, struct fault *fault)
{
	uint8_t pin[SHA256_BYTES], next_pin[SHA256_BYTES];
	int r = rollover_read(&ctl->org, ORG_ROOT, &s->root, pin, fault);

	if (!r)
		r = rollover_read(&ctl->org, ORG_DEVICE_CA, &s->device_ca, NULL, fault);
	if (!r)
		r = rollover_read(&ctl->org, ORG_ADMIN, &s->admin, NULL, fault);
	if (!r)
		r = rollover_read(&ctl->org, ORG_NEXT "/" ORG_ROOT, &s->next_root, next_pin, fault);
	if (!r)
		r = rollover_read(
			&ctl->org, ORG_NEXT "/" ORG_DEVICE_CA, &s->next_device_ca, NULL, fault);
	if (!r && !(ca_pinned(ctl->org.keyset, pin) && ca_pinned(ctl->org.keyset, next_pin)))
		r = fault_set(fault, FAULT_FAILURE,
			"the keyset in force does not pin both CAs yet, so that phones would lose "
			"the server; 'mdmctl keyset sign' and 'mdmctl keyset push' first");
	if (!r)
		r = ctl_unlock(ctl, ORG_ROOT_KEY, "root CA's key", &s->root_key, fault);
	if (!r)
		r = ctl_unlock(ctl, ORG_NEXT "/" ORG_ROOT_KEY, "next root CA's key",
			&s->next_root_key, fault);
	return r ? r
		 : ctl_unlock(ctl, ORG_NEXT "/" ORG_DEVICE_KEY, "next device CA's key",
			   &s->next_device_key, fault);
}

int cmd_ca_switch(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(rollover_done) struct rollover s = {0};
	_cleanup_close_ int lock_fd = -1;
	const char *output = args_get(args, "output");
	struct switch_hosts hosts = {.n = 0};
	int r;

	if (!output)
		return fault_set(fault, FAULT_USAGE,
			"name the directory for the server's new files: --output DIR");
	r = ctl_open(ctl, fault);
	if (!r)
		r = org_lock(ctl->org.fd, &lock_fd, fault);
	if (!r)
		r = newdir_check_free(output, "directory", fault);
	if (!r && !rollover_exists(&ctl->org))
		r = fault_set(
			fault, FAULT_FAILURE, "there is no next CA; 'mdmctl ca new' makes it");
	if (!r)
		r = switch_find_hosts(ctl, args, &hosts, fault);
	if (!r)
		r = switch_open(ctl, &s, fault);
	if (r)
		return r;
	s.org = &ctl->org;
	s.hosts = hosts.pointers;
	s.n_hosts = hosts.n;
	s.output = output;
	s.now_s = ctl->now_s;
	r = rollover_switch(&s, fault);
	if (r)
		return r;
	fprintf(ctl->err,
		"mdmctl: the new CAs are the organisation's now. Copy every file of %s over those\n"
		"in the server's state directory, remove next.pem there and reload it: until then it\n"
		"does not know this administrator. Other administrators need new certificates\n"
		"('mdmctl admin new'). When phones have renewed theirs: 'mdmctl ca retire'.\n",
		output);
	return 0;
}

/* --- ca retire ---------------------------------------------------------------------------- */

int cmd_ca_retire(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	_cleanup_x509_ X509 *root = NULL;
	uint8_t pin[SHA256_BYTES];
	int r = ctl_open(ctl, fault);

	(void)args;
	if (!r && rollover_exists(&ctl->org))
		return fault_set(fault, FAULT_FAILURE,
			"the server still has the CAs of before; 'mdmctl ca switch' comes first");
	if (!r)
		r = draft_open(ctl, DRAFT_BEGIN, &draft, fault);
	if (!r)
		r = rollover_read(&ctl->org, ORG_ROOT, &root, pin, fault);
	if (r)
		return r;
	if (draft.keyset->n_ca_pins < 2)
		return fault_set(fault, FAULT_FAILURE, "no CA is left to retire: %s",
			draft.keyset->n_ca_pins
				? "phones are told to trust one alone already"
				: "phones trust the CA of their ticket; 'mdmctl ca new' begins a change");
	memcpy(draft.keyset->ca_pins[0], pin, sizeof(pin));
	draft.keyset->n_ca_pins = 1;
	r = draft_save(ctl, &draft, fault);
	if (r)
		return r;
	keyset_tell_draft(ctl, draft.keyset);
	fprintf(ctl->err,
		"mdmctl: when no phone has a certificate of the old CA any more, remove previous.pem\n"
		"from the server's state directory\n");
	return 0;
}
