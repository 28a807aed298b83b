/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_init.c - "mdmctl init", "mdmctl config": the organisation itself. Runs as the administrator.
 */
#include <errno.h>
#include <pwd.h>

#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "agent/util/url.h"
#include "server/ctl/commands.h"
#include "server/ctl/setup.h"

static int init_check_url(const char *option, const char *url, struct fault *fault)
{
	if (url && url_is_valid(url, false))
		return 0;
	return fault_set(fault, FAULT_USAGE, "--%s %s https://HOST[:PORT]%s", option,
		url ? "must be" : "is missing:", url ? ", without a path" : "");
}

static int init_add_host(struct setup *setup, const char *host, struct fault *fault)
{
	if (!ca_host_check(host))
		return fault_set(fault, FAULT_USAGE,
			"--host \"%.80s\" is neither a host name nor an address", host);
	for (size_t i = 0; i < setup->n_hosts; i++)
		if (strcasecmp(setup->hosts[i], host) == 0)
			return 0;
	if (setup->n_hosts == CA_MAX_HOSTS)
		return fault_set(fault, FAULT_USAGE, "more than %d hosts", CA_MAX_HOSTS);
	setup->hosts[setup->n_hosts++] = host;
	return 0;
}

/* Hosts of both URLs and all --host; they live in hosts[] of the caller. */
static int init_hosts(struct setup *setup, const struct args *args,
	char hosts[2][LIMIT_URL_BYTES + 1], struct fault *fault)
{
	const char *urls[2] = {setup->server, setup->admin}, *host;
	int r = 0;

	for (size_t i = 0; i < 2 && !r; i++) {
		if (org_url_host(urls[i], hosts[i], LIMIT_URL_BYTES + 1) < 0)
			return fault_set(fault, FAULT_USAGE, "%s has no host", urls[i]);
		r = init_add_host(setup, hosts[i], fault);
	}
	for (size_t i = 0; !r && (host = args_nth(args, "host", i)); i++)
		r = init_add_host(setup, host, fault);
	return r;
}

static int init_read_args(
	struct ctl *ctl, const struct args *args, struct setup *setup, struct fault *fault)
{
	const char *alg = args_get(args, "alg"), *name = args_get(args, "name");
	const struct passwd *user = getpwuid(geteuid());
	int r;

	if (!ctl->org_path)
		return fault_set(fault, FAULT_USAGE,
			"HOME is not set; name the organisation directory with --org DIR");
	if (!name || !*name || strlen(name) > LIMIT_TEXT_BYTES ||
		!text_is_valid(name, strlen(name)))
		return fault_set(fault, FAULT_USAGE,
			"--name must be the organisation's name: one line of at most %d bytes",
			LIMIT_TEXT_BYTES);
	if (alg && strcmp(alg, "eddsa") != 0 && strcmp(alg, "es256") != 0)
		return fault_set(fault, FAULT_USAGE, "--alg is eddsa or es256");
	setup->org_path = ctl->org_path;
	setup->server_path = args_get(args, "server-dir");
	setup->name = name;
	setup->server = args_get(args, "server");
	setup->admin = args_get(args, "admin");
	setup->alg = alg && strcmp(alg, "es256") == 0 ? KEY_ALG_ES256 : KEY_ALG_EDDSA;
	setup->now_s = ctl->now_s;
	setup->admin_name = args_get(args, "admin-name");
	if (!setup->admin_name)
		setup->admin_name = user ? user->pw_name : "admin";
	if (!*setup->admin_name || strlen(setup->admin_name) > 64 ||
		!text_is_valid(setup->admin_name, strlen(setup->admin_name)))
		return fault_set(fault, FAULT_USAGE, "--admin-name must have 1 to 64 bytes");
	r = init_check_url("server", setup->server, fault);
	if (!r)
		r = init_check_url("admin", setup->admin, fault);
	if (!r)
		r = newdir_check_free(setup->org_path, "organisation directory", fault);
	if (!r && setup->server_path)
		r = newdir_check_free(setup->server_path, "server directory", fault);
	return r;
}

/* Who is to enter the passphrase of each key that setup makes, and the option of its file. */
static const struct {
	const char *option, *prompt;
} init_keys[SETUP_KEYS] = {
	{NULL, NULL}, /* the administrator's own, like everything else */
	{"second-passphrase-file",
		"New passphrase of the key \"second\" (best entered by another person)"},
	{"recovery-passphrase-file",
		"New passphrase of the key \"recovery\" (write it down, for the safe)"},
};

static int init_key_passphrase(struct ctl *ctl, const struct args *args, size_t n,
	struct setup *setup, struct fault *fault)
{
	const char *option = init_keys[n].option, *file = option ? args_get(args, option) : NULL;
	struct secret *secret = &setup->key_passphrases[n];
	int r;

	if (file) {
		r = secret_from_file(file, secret, fault);
		return r ? r : secret_check_new(secret, fault);
	}
	if (option && ctl->passphrase_file)
		fprintf(ctl->err,
			"mdmctl: note: the passphrase is the administrator's, too; --%s names another "
			"person's\n",
			option);
	if (!option || ctl->passphrase_file)
		return secret_copy(&setup->passphrase, secret, fault);
	return secret_ask(init_keys[n].prompt, true, secret, fault);
}

static int init_passphrases(
	struct ctl *ctl, const struct args *args, struct setup *setup, struct fault *fault)
{
	int r = ctl_new_passphrase(
		ctl, "New passphrase of this organisation", &setup->passphrase, fault);

	for (size_t i = 0; i < SETUP_KEYS && !r; i++)
		r = init_key_passphrase(ctl, args, i, setup, fault);
	return r;
}

static int init_report(struct ctl *ctl, const struct setup *setup, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	_cleanup_free_ char *inner = NULL;
	const char *server_path = setup->server_path;
	int r = ctl_open(ctl, fault);

	if (r)
		return r;
	if (!server_path) {
		if (asprintf(&inner, "%s/%s", setup->org_path, ORG_SERVER) < 0)
			return fault_errno(fault, ENOMEM, "output");
		server_path = inner;
	}
	if (ctl->json) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "org", ctl->org.id);
		jsonw_string(&w, "name", ctl->org.name);
		jsonw_string(&w, "directory", setup->org_path);
		jsonw_string(&w, "server_directory", server_path);
		jsonw_object_end(&w);
		return ctl_print_json(ctl, &json, fault);
	}
	fprintf(ctl->out,
		"Organisation %s (%s)\n"
		"  directory   %s\n"
		"  for server  %s\n"
		"\n"
		"Next:\n"
		"  1. Copy everything in %s to the server, readable\n"
		"     by mdm-server only. It holds no signing key. Then start mdm-server.\n"
		"  2. 'mdmctl key give second DIR' makes a directory for another person's machine\n"
		"     and removes the key from this one. Wiping a phone and changing the keys take\n"
		"     two of the three keys.\n"
		"  3. 'mdmctl key give recovery DIR' with DIR on a memory stick, which goes into a\n"
		"     safe: it replaces whichever key is lost.\n"
		"  4. Keep a copy of %s where it is safe.\n"
		"     Without the keys in it no phone can be managed any more.\n"
		"  5. 'mdmctl policy new policy.json', 'mdmctl policy sign policy.json --stream\n"
		"     staff -o policy.jws', 'mdmctl policy push policy.jws', and then\n"
		"     'mdmctl ticket new --qr --group staff' for each phone.\n",
		ctl->org.name, ctl->org.id, setup->org_path, server_path, server_path,
		setup->org_path);
	return ctl_flush(ctl, fault);
}

int cmd_init(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	char hosts[2][LIMIT_URL_BYTES + 1];
	struct setup setup = {0};
	int r = init_read_args(ctl, args, &setup, fault);

	if (!r)
		r = init_hosts(&setup, args, hosts, fault);
	if (!r)
		r = init_passphrases(ctl, args, &setup, fault);
	if (!r)
		r = setup_run(&setup, fault);
	secret_done(&setup.passphrase);
	for (size_t i = 0; i < SETUP_KEYS; i++)
		secret_done(&setup.key_passphrases[i]);
	return r ? r : init_report(ctl, &setup, fault);
}

int cmd_config_show(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	int r = ctl_open(ctl, fault);

	(void)args;
	if (r)
		return r;
	if (!ctl->json) {
		fprintf(ctl->out,
			"organisation  %s\nid            %s\ndirectory     %s\n"
			"server        %s\nadmin         %s\n",
			ctl->org.name, ctl->org.id, ctl->org.path, ctl->org.server, ctl->org.admin);
		return ctl_flush(ctl, fault);
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "org", ctl->org.id);
	jsonw_string(&w, "name", ctl->org.name);
	jsonw_string(&w, "directory", ctl->org.path);
	jsonw_string(&w, "server", ctl->org.server);
	jsonw_string(&w, "admin", ctl->org.admin);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}

int cmd_config_set(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	const char *name = args->operands[0], *url = args->operands[1];
	char *member;
	int r;

	if (strcmp(name, "server") != 0 && strcmp(name, "admin") != 0)
		return fault_set(fault, FAULT_USAGE,
			"there is no setting \"%.40s\"; there are server and admin", name);
	r = init_check_url(name, url, fault);
	if (!r)
		r = ctl_open(ctl, fault);
	if (r)
		return r;
	member = *name == 's' ? ctl->org.server : ctl->org.admin;
	snprintf(member, sizeof(ctl->org.server), "%s", url);
	return org_write_config(&ctl->org, ctl->org.fd, fault);
}
