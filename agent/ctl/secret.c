/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - reading passphrases; see secret.h. agentctl. */
#include "agent/ctl/secret.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* As the phone makes them: eight groups of six digits, each a multiple of eleven below 2^16 times
 * that, so that no single wrong digit and no two that changed places go unnoticed. */
#define KEY_DIGITS 48
#define KEY_GROUP_DIGITS 6
#define KEY_GROUP_FACTOR 11
#define KEY_GROUP_END (65536 * KEY_GROUP_FACTOR)

int secret_line(uint8_t *ret_bytes, size_t size_bytes, size_t *ret_n_bytes)
{
	size_t n = 0;

	for (;;) {
		uint8_t c;
		ssize_t r = read(STDIN_FILENO, &c, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0 || c == '\n')
			break;
		if (n == size_bytes)
			return -EFBIG;
		ret_bytes[n++] = c;
	}
	*ret_n_bytes = n;
	return 0;
}

int secret_read(struct ctl *ctl, const char *prompt, uint8_t *ret_bytes, size_t size_bytes,
	size_t *ret_n_bytes)
{
	struct termios before, silent;
	int r;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return secret_line(ret_bytes, size_bytes, ret_n_bytes);
	ctl_note(ctl, "%s", prompt);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	silent.c_lflag |= ECHONL;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
		return -errno;
	(void)!write(STDERR_FILENO, "> ", 2);
	r = secret_line(ret_bytes, size_bytes, ret_n_bytes);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return r;
}

enum secret_kind secret_judge(uint8_t *bytes, size_t *n_bytes, unsigned int *ret_group)
{
	unsigned int value = 0;
	size_t n = 0;

	for (size_t i = 0; i < *n_bytes; i++) {
		if (bytes[i] >= '0' && bytes[i] <= '9')
			n++;
		else if (!bytes[i] || !strchr(" -\t\r", bytes[i]))
			return SECRET_PASSPHRASE;
	}
	if (n != KEY_DIGITS)
		return SECRET_PASSPHRASE;
	n = 0;
	for (size_t i = 0; i < *n_bytes; i++)
		if (bytes[i] >= '0' && bytes[i] <= '9')
			bytes[n++] = bytes[i];
	explicit_bzero(bytes + n, *n_bytes - n);
	*n_bytes = n;
	for (size_t i = 0; i < n; i++) {
		value = value * 10 + (unsigned int)(bytes[i] - '0');
		if (i % KEY_GROUP_DIGITS != KEY_GROUP_DIGITS - 1)
			continue;
		if (value % KEY_GROUP_FACTOR != 0 || value >= KEY_GROUP_END) {
			*ret_group = (unsigned int)(i / KEY_GROUP_DIGITS + 1);
			return SECRET_MISTYPED;
		}
		value = 0;
	}
	return SECRET_RECOVERY_KEY;
}
