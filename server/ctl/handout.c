/* SPDX-License-Identifier: Apache-2.0 */
/* handout.c - directories for other people; see handout.h. Runs as the administrator. */
#include "server/ctl/handout.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

int handout_passphrase(
	const struct args *args, const char *prompt, struct secret *ret_secret, struct fault *fault)
{
	const char *path = args_get(args, "new-passphrase-file");
	_cleanup_secret_ struct secret secret = {0};
	int r;

	if (!path)
		return secret_ask(prompt, true, ret_secret, fault);
	r = secret_from_file(path, &secret, fault);
	if (!r)
		r = secret_check_new(&secret, fault);
	if (r)
		return r;
	*ret_secret = secret;
	secret = (struct secret){0};
	return 0;
}

int handout_own_passphrase(struct ctl *ctl, const struct args *args, const char *prompt,
	struct secret *ret_secret, struct fault *fault)
{
	return args_has(args, "new-passphrase-file")
		       ? handout_passphrase(args, prompt, ret_secret, fault)
		       : ctl_new_passphrase(ctl, prompt, ret_secret, fault);
}

int handout_key(int dir_fd, const char *path, EVP_PKEY *pkey, const struct secret *passphrase,
	struct fault *fault)
{
	_cleanup_free_ char *pem = NULL;
	int r = keyfile_encrypt(pkey, passphrase, &pem, fault);

	return r ? r : org_write(dir_fd, path, pem, strlen(pem), fault);
}

int handout_public(struct ctl *ctl, int dir_fd, struct fault *fault)
{
	static const char *const directories[] = {ORG_KEYS, ORG_KEYSETS, ORG_SERIALS};
	_cleanup_free_ char *root = NULL;
	size_t n_root;
	int r = org_read(&ctl->org, ORG_ROOT, &root, &n_root, fault);

	if (!r)
		r = org_write(dir_fd, ORG_ROOT, root, n_root, fault);
	if (!r)
		r = org_write_config(&ctl->org, dir_fd, fault);
	for (size_t i = 0; i < ARRAY_SIZE(directories) && !r; i++)
		if (mkdirat(dir_fd, directories[i], 0700) < 0)
			r = fault_errno(fault, errno, "cannot make %s", directories[i]);
	for (int64_t version = 1; version <= ctl->org.keyset->version && !r; version++) {
		_cleanup_free_ char *text = NULL;
		char name[64];
		size_t n_bytes;

		snprintf(name, sizeof(name), "%s/%" PRId64 ".jose", ORG_KEYSETS, version);
		r = org_read_keyset(&ctl->org, version, &text, &n_bytes, fault);
		if (!r)
			r = org_write(dir_fd, name, text, n_bytes, fault);
	}
	return r;
}
