/* SPDX-License-Identifier: Apache-2.0 */
/* passcode.c - temporary passcodes; see passcode.h. Runs as the administrator. */
#include "server/ctl/passcode.h"

#include <crypt.h>
#include <errno.h>

#include "agent/trust/verb.h"

#define PASSCODE_SALT 16

void passcode_done(struct passcode *passcode)
{
	explicit_bzero(passcode, sizeof(*passcode));
}

/* Characters of an alphabet, each as likely. */
static int passcode_random(
	const char *alphabet, size_t n_alphabet, size_t n, char *ret_text, struct fault *fault)
{
	const unsigned int limit = 256 - 256 % (unsigned int)n_alphabet;

	for (size_t i = 0; i < n;) {
		uint8_t byte;

		if (random_bytes(&byte, 1) < 0)
			return fault_set(
				fault, FAULT_FAILURE, "this system gives no random numbers");
		if (byte < limit)
			ret_text[i++] = alphabet[byte % n_alphabet];
	}
	ret_text[n] = 0;
	return 0;
}

int passcode_hash(const char *text, char ret_argument[160], struct fault *fault)
{
	static const char alphabet[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct crypt_data *data = calloc(1, sizeof(*data));
	char setting[64], salt[PASSCODE_SALT + 1];
	const char *hash;
	int r;

	if (!data)
		return fault_errno(fault, ENOMEM, "passcode");
	r = passcode_random(alphabet, sizeof(alphabet) - 1, PASSCODE_SALT, salt, fault);
	if (!r) {
		snprintf(setting, sizeof(setting), "$6$rounds=%d$%s$", PASSCODE_ROUNDS, salt);
		hash = crypt_r(text, setting, data);
		if (hash && verb_hash_is_valid(hash))
			snprintf(ret_argument, 160, "hash=%s", hash);
		else
			r = fault_set(fault, FAULT_FAILURE,
				"the C library of this system cannot hash with SHA-512");
	}
	secret_free(data, sizeof(*data));
	return r;
}

/* The first signer is who knows it. */
static int passcode_given(const struct args *args, struct secret *ret_secret, struct fault *fault)
{
	const char *file = args_get(args, "passcode-file");
	int r = file ? secret_from_file(file, ret_secret, fault)
		     : secret_ask("Temporary passcode for the phone", true, ret_secret, fault);

	if (!r && ret_secret->n_bytes < PASSCODE_MIN_BYTES)
		r = fault_set(fault, FAULT_KEY,
			"a passcode that goes through the server as a hash needs at least %d "
			"characters; without --passcode-file and --ask-passcode one is made up",
			PASSCODE_MIN_BYTES);
	return r;
}

int passcode_make(const struct args *args, struct passcode *ret_passcode, struct fault *fault)
{
	_cleanup_secret_ struct secret secret = {0};
	int r;

	if (args_has(args, "passcode-file") || args_has(args, "ask-passcode")) {
		r = passcode_given(args, &secret, fault);
		return r ? r : passcode_hash(secret.text, ret_passcode->argument, fault);
	}
	r = passcode_random("0123456789", 10, PASSCODE_DIGITS, ret_passcode->text, fault);
	if (!r)
		r = passcode_hash(ret_passcode->text, ret_passcode->argument, fault);
	ret_passcode->made = !r;
	return r;
}

void passcode_tell(struct ctl *ctl, const struct passcode *passcode)
{
	if (!passcode->made)
		return;
	fprintf(ctl->err,
		"mdmctl: the temporary passcode, shown this once, without the spaces:\n\n   ");
	for (size_t i = 0; i < PASSCODE_DIGITS; i += 4)
		fprintf(ctl->err, " %.4s", passcode->text + i);
	fprintf(ctl->err, "\n\n");
}
