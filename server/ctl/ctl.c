/* SPDX-License-Identifier: Apache-2.0 */
/* ctl.c - what the commands of mdmctl share; see ctl.h. */
#include "server/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>

#include "agent/util/fs.h"
#include "server/ctl/expiry.h"
#include "server/ctl/keyring.h"
#include "server/ctl/rollover.h"
#include "server/ctl/span.h"

#define CTL_ATTEMPTS 3

void ctl_done(struct ctl *ctl)
{
	free(ctl->org_path);
	secret_done(&ctl->passphrase);
	org_done(&ctl->org);
	ctl->org_path = NULL;
}

/* What an interrupted change of CAs or keys left half-done is done before anything else. */
static int ctl_finish(struct ctl *ctl, struct fault *fault)
{
	_cleanup_close_ int lock_fd = -1;
	int r = 0;

	if (rollover_is_unfinished(&ctl->org)) {
		r = org_lock(ctl->org.fd, &lock_fd, fault);
		if (!r)
			r = rollover_finish(&ctl->org, fault);
	}
	if (!r)
		r = org_keyset(&ctl->org, fault);
	if (r || !keyring_is_unsettled(&ctl->org))
		return r;
	if (lock_fd < 0)
		r = org_lock(ctl->org.fd, &lock_fd, fault);
	return r ? r : keyring_settle(&ctl->org, fault);
}

int ctl_open(struct ctl *ctl, struct fault *fault)
{
	int r;

	if (ctl->org.fd >= 0)
		return 0;
	if (!ctl->org_path)
		return fault_set(fault, FAULT_USAGE,
			"HOME is not set; name the organisation directory with --org DIR");
	r = org_open(ctl->org_path, &ctl->org, fault);
	if (!r)
		r = ctl_finish(ctl, fault);
	return r;
}

/* Tries one passphrase and keeps it if it opens the file. 0, FAULT_KEY with *ret_wrong. */
static int ctl_try(struct ctl *ctl, const char *pem, const char *name, struct secret *secret,
	EVP_PKEY **ret_pkey, bool *ret_wrong, struct fault *fault)
{
	int r = keyfile_decrypt(pem, strlen(pem), secret, name, ret_pkey, ret_wrong, fault);

	/* Whatever signs or talks comes through here. */
	if (!r)
		expiry_warn(ctl);
	if (r || secret == &ctl->passphrase)
		return r;
	secret_done(&ctl->passphrase);
	ctl->passphrase = *secret;
	*secret = (struct secret){0};
	return 0;
}

int ctl_unlock(struct ctl *ctl, const char *name, const char *what, EVP_PKEY **ret_pkey,
	struct fault *fault)
{
	_cleanup_free_ char *pem = NULL;
	char prompt[LIMIT_NAME_BYTES + 64];
	size_t n_bytes;
	bool wrong = false;
	int r = org_read(&ctl->org, name, &pem, &n_bytes, fault);

	if (r)
		return fault->code = FAULT_KEY;
	if (ctl->passphrase.text) {
		r = ctl_try(ctl, pem, name, &ctl->passphrase, ret_pkey, &wrong, fault);
		if (!r || !wrong)
			return r;
	}
	snprintf(prompt, sizeof(prompt), "Passphrase of the %s", what);
	for (int i = 0; i < (ctl->passphrase_file ? 1 : CTL_ATTEMPTS); i++) {
		_cleanup_secret_ struct secret secret = {0};

		r = ctl->passphrase_file ? secret_from_file(ctl->passphrase_file, &secret, fault)
					 : secret_ask(prompt, false, &secret, fault);
		if (r)
			return r;
		r = ctl_try(ctl, pem, name, &secret, ret_pkey, &wrong, fault);
		if (!r || !wrong)
			return r;
	}
	return fault_set(fault, FAULT_KEY, "the passphrase%s%s does not open the %s (%s/%s)",
		ctl->passphrase_file ? " in " : "",
		ctl->passphrase_file ? ctl->passphrase_file : "", what, ctl->org.path, name);
}

int ctl_new_passphrase(
	struct ctl *ctl, const char *prompt, struct secret *ret_secret, struct fault *fault)
{
	_cleanup_secret_ struct secret secret = {0};
	int r;

	if (!ctl->passphrase_file)
		return secret_ask(prompt, true, ret_secret, fault);
	r = secret_from_file(ctl->passphrase_file, &secret, fault);
	if (!r)
		r = secret_check_new(&secret, fault);
	if (r)
		return r;
	*ret_secret = secret;
	secret = (struct secret){0};
	return 0;
}

int ctl_confirm(struct ctl *ctl, const char *question, struct fault *fault)
{
	_cleanup_(fclosep) FILE *tty = NULL;
	char answer[16];

	if (ctl->yes)
		return 0;
	fflush(ctl->out);
	tty = fopen("/dev/tty", "r+e");
	if (!tty)
		return fault_set(fault, FAULT_USAGE,
			"there is no terminal to ask on: \"%s\"; answer it with --yes", question);
	fprintf(tty, "%s [y/N] ", question);
	fflush(tty);
	if (!fgets(answer, sizeof(answer), tty) || (answer[0] != 'y' && answer[0] != 'Y'))
		return fault_set(fault, FAULT_FAILURE, "not confirmed; nothing was changed");
	return 0;
}

int ctl_flush(struct ctl *ctl, struct fault *fault)
{
	if (fflush(ctl->out) != 0 || ferror(ctl->out))
		return fault_set(
			fault, FAULT_FAILURE, "cannot write the output: %s", strerror(errno));
	return 0;
}

int ctl_print_json(struct ctl *ctl, struct buf *json, struct fault *fault)
{
	buf_puts(json, "\n");
	if (json->error)
		return fault_errno(fault, json->error, "output");
	fwrite(json->data, 1, json->n_bytes, ctl->out);
	return ctl_flush(ctl, fault);
}

int ctl_read_file(const char *path, size_t max_bytes, char **ret_data, size_t *ret_n_bytes,
	struct fault *fault)
{
	_cleanup_close_ int fd = -1;
	_cleanup_buf_ struct buf b = {.max_bytes = max_bytes};
	char chunk[4096];
	ssize_t n = 1;
	int r;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fault_errno(fault, errno, "cannot open %s", path);
	while (n > 0 && !b.error) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			return fault_errno(fault, errno, "cannot read %s", path);
		else
			buf_append(&b, chunk, (size_t)n);
	}
	r = buf_take(&b, ret_data, ret_n_bytes);
	if (r == -EFBIG)
		return fault_set(fault, FAULT_USAGE, "%s is larger than the %zu bytes allowed",
			path, max_bytes);
	return r < 0 ? fault_errno(fault, r, "%s", path) : 0;
}

static int ctl_write_mode(
	const char *path, const void *data, size_t n_bytes, mode_t mode, struct fault *fault)
{
	_cleanup_free_ char *for_directory = strdup(path), *for_name = strdup(path);
	struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = mode};
	_cleanup_close_ int dir_fd = -1;
	int r;

	if (!for_directory || !for_name)
		return fault_errno(fault, ENOMEM, "%s", path);
	dir_fd = open(dirname(for_directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return fault_errno(fault, errno, "cannot open the directory of %s", path);
	r = fs_replace(dir_fd, basename(for_name), data, n_bytes, &owner);
	return r < 0 ? fault_errno(fault, r, "cannot write %s", path) : 0;
}

int ctl_write_file(const char *path, const void *data, size_t n_bytes, struct fault *fault)
{
	return ctl_write_mode(path, data, n_bytes, 0644, fault);
}

int ctl_write_secret(const char *path, const void *data, size_t n_bytes, struct fault *fault)
{
	return ctl_write_mode(path, data, n_bytes, 0600, fault);
}

int ctl_span_option(const struct args *args, const char *name, const char *default_span,
	int64_t *ret_seconds, struct fault *fault)
{
	const char *text = args_get(args, name);

	if (span_parse(text ? text : default_span, ret_seconds) < 0)
		return fault_set(fault, FAULT_USAGE,
			"--%s %.40s is not a span of time; write a number and a unit: 15m, 24h, 30d, 2y",
			name, text);
	return 0;
}
