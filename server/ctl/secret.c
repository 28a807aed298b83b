/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - passphrases from terminal or file; see secret.h. */
#include "server/ctl/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>

#include "agent/util/fs.h"

/* Which signal came while the terminal does not echo. A handler has no other place to say so. */
static volatile sig_atomic_t secret_signal;

static const int secret_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

void secret_done(struct secret *secret)
{
	secret_free(secret->text, secret->n_bytes + 1);
	*secret = (struct secret){0};
}

static int secret_take(
	const char *text, size_t n_bytes, struct secret *ret_secret, struct fault *fault)
{
	char *copy = malloc(n_bytes + 1);

	if (!copy)
		return fault_errno(fault, ENOMEM, "passphrase");
	memcpy(copy, text, n_bytes);
	copy[n_bytes] = 0;
	ret_secret->text = copy;
	ret_secret->n_bytes = n_bytes;
	return 0;
}

int secret_copy(const struct secret *from, struct secret *ret_secret, struct fault *fault)
{
	return secret_take(from->text, from->n_bytes, ret_secret, fault);
}

static int secret_check_file(int fd, const char *path, struct fault *fault)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fault_errno(fault, errno, "passphrase file %s", path);
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return fault_set(fault, FAULT_KEY,
			"passphrase file %s is neither a regular file nor a pipe", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fault_set(fault, FAULT_KEY,
			"passphrase file %s belongs to another user (uid %lu), who can read it; "
			"use a file of your own",
			path, (unsigned long)st.st_uid);
	if (st.st_mode & 077)
		return fault_set(fault, FAULT_KEY,
			"passphrase file %s is open to others (mode %04o); run: chmod 600 %s", path,
			(unsigned int)(st.st_mode & 07777), path);
	return 0;
}

int secret_from_file(const char *path, struct secret *ret_secret, struct fault *fault)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char line[SECRET_MAX_BYTES + 3]; /* CR, LF and one byte to see that it is too long */
	size_t n = 0, n_line;
	ssize_t got;
	int r;

	if (fd < 0) {
		r = errno;
		fault_errno(fault, r, "cannot open passphrase file %s", path);
		return fault->code = FAULT_KEY;
	}
	r = secret_check_file(fd, path, fault);
	if (r)
		return r;
	while (n < sizeof(line) && !memchr(line, '\n', n)) {
		got = read(fd, line + n, sizeof(line) - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			r = errno;
			explicit_bzero(line, sizeof(line));
			fault_errno(fault, r, "cannot read passphrase file %s", path);
			return fault->code = FAULT_KEY;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	for (n_line = 0; n_line < n && line[n_line] != '\n'; n_line++)
		;
	if (n_line && line[n_line - 1] == '\r')
		n_line--;
	if (n_line == 0)
		r = fault_set(
			fault, FAULT_KEY, "the first line of passphrase file %s is empty", path);
	else if (n_line > SECRET_MAX_BYTES)
		r = fault_set(fault, FAULT_KEY,
			"the first line of passphrase file %s is longer than %d bytes", path,
			SECRET_MAX_BYTES);
	else if (memchr(line, 0, n_line))
		r = fault_set(fault, FAULT_KEY, "passphrase file %s contains a NUL byte", path);
	else
		r = secret_take(line, n_line, ret_secret, fault);
	explicit_bzero(line, sizeof(line));
	return r;
}

static void secret_on_signal(int number)
{
	secret_signal = number;
}

/* One line with echo off. 0, -EINTR after a signal (terminal restored), -errno. */
static int secret_read_line(int tty, const char *prompt, char *line, size_t size, size_t *ret_n)
{
	struct sigaction action = {.sa_handler = secret_on_signal};
	struct sigaction saved[ARRAY_SIZE(secret_signals)];
	struct termios before, quiet;
	size_t n = 0;
	int r = 0;

	if (tcgetattr(tty, &before) < 0)
		return -errno;
	sigemptyset(&action.sa_mask);
	secret_signal = 0;
	for (size_t i = 0; i < ARRAY_SIZE(secret_signals); i++)
		sigaction(secret_signals[i], &action, &saved[i]);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
		r = -errno;
	if (!r)
		r = fs_write_all(tty, prompt, strlen(prompt));
	while (!r && !secret_signal) {
		char c;
		ssize_t got = read(tty, &c, 1);

		if (got < 0 && errno != EINTR)
			r = -errno;
		else if (got == 0)
			r = -ENODATA;
		else if (got == 1 && (c == '\n' || c == '\r'))
			break;
		else if (got == 1 && n == size)
			r = -EFBIG;
		else if (got == 1)
			line[n++] = c;
	}
	if (secret_signal)
		r = -EINTR;
	tcsetattr(tty, TCSAFLUSH, &before);
	(void)!write(tty, "\n", 1);
	for (size_t i = 0; i < ARRAY_SIZE(secret_signals); i++)
		sigaction(secret_signals[i], &saved[i], NULL);
	if (!r)
		*ret_n = n;
	return r;
}

static int secret_ask_once(
	int tty, const char *prompt, struct secret *ret_secret, struct fault *fault)
{
	char line[SECRET_MAX_BYTES];
	size_t n = 0;
	int r;

	do {
		r = secret_read_line(tty, prompt, line, sizeof(line), &n);
		/* With the terminal as it was, the signal does what it always does; a program
		 * that was only stopped asks again. */
		if (r == -EINTR)
			kill(getpid(), secret_signal);
	} while (r == -EINTR);
	if (r == -EFBIG)
		r = fault_set(
			fault, FAULT_KEY, "a passphrase has at most %d bytes", SECRET_MAX_BYTES);
	else if (r < 0)
		r = fault_set(fault, FAULT_KEY, "no passphrase was entered");
	else if (n == 0 || memchr(line, 0, n))
		r = fault_set(fault, FAULT_KEY, "the passphrase is empty");
	else
		r = secret_take(line, n, ret_secret, fault);
	explicit_bzero(line, sizeof(line));
	return r;
}

int secret_check_new(const struct secret *secret, struct fault *fault)
{
	if (secret->n_bytes < SECRET_MIN_BYTES)
		return fault_set(fault, FAULT_KEY,
			"the passphrase is shorter than %d bytes; several random words are a good one",
			SECRET_MIN_BYTES);
	return 0;
}

int secret_ask(const char *prompt, bool is_new, struct secret *ret_secret, struct fault *fault)
{
	_cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	_cleanup_secret_ struct secret first = {0}, again = {0};
	char text[160];
	int r;

	if (tty < 0)
		return fault_set(fault, FAULT_KEY,
			"%s is needed and there is no terminal to ask on; "
			"name a file that holds it: --passphrase-file FILE",
			prompt);
	snprintf(text, sizeof(text), "%s: ", prompt);
	r = secret_ask_once(tty, text, &first, fault);
	if (!r && is_new)
		r = secret_check_new(&first, fault);
	if (!r && is_new)
		r = secret_ask_once(tty, "The same again: ", &again, fault);
	if (r)
		return r;
	if (is_new && (first.n_bytes != again.n_bytes ||
			      memcmp(first.text, again.text, first.n_bytes) != 0))
		return fault_set(
			fault, FAULT_KEY, "the two passphrases differ; nothing was changed");
	*ret_secret = first;
	first = (struct secret){0};
	return 0;
}
