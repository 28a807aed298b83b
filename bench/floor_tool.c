/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: enforcer */
/*
 * floor_tool.c - what a resident process with the libraries of mdm-agentd costs at least: it
 * verifies one Ed25519 signature, parses one JSON document with json-c, takes one sine, and sleeps.
 * None of the agent's code. "floor_tool FILE": FILE is the payload of a policy. Prints "ready".
 * Benchmarks only.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <math.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

struct signature {
	unsigned char public[32];
	unsigned char value[64];
};

static int sign(const char *text, size_t n, int out_fd)
{
	struct signature s;
	size_t n_public = sizeof(s.public), n_value = sizeof(s.value);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!key || !ctx || EVP_PKEY_get_raw_public_key(key, s.public, &n_public) != 1 ||
		EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
		EVP_DigestSign(ctx, s.value, &n_value, (const unsigned char *)text, n) != 1)
		return 1;
	return write(out_fd, &s, sizeof(s)) == sizeof(s) ? 0 : 1;
}

/* In another process, so that only the verification is paid for here. */
static int signature_of(const char *text, size_t n, struct signature *ret_signature)
{
	int pipe_fds[2], status;
	ssize_t n_read;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(sign(text, n, pipe_fds[1]));
	n_read = read(pipe_fds[0], ret_signature, sizeof(*ret_signature));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	if (waitpid(pid, &status, 0) < 0 || status != 0 || n_read != sizeof(*ret_signature))
		return -EIO;
	return 0;
}

static int verify(const char *text, size_t n, const struct signature *s)
{
	EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, s->public, sizeof(s->public));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -EIO;

	if (key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestVerify(ctx, s->value, sizeof(s->value), (const unsigned char *)text, n) ==
			1)
		r = 0;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return r;
}

static int read_file(const char *path, char **ret_text, size_t *ret_n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	text = malloc((size_t)st.st_size + 1);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
		return -EIO;
	close(fd);
	text[st.st_size] = 0;
	*ret_text = text;
	*ret_n = (size_t)st.st_size;
	return 0;
}

static int wait_in_loop(void)
{
	sd_event *event = NULL;
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	r = sd_event_default(&event);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGCHLD, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_time(
			event, NULL, CLOCK_BOOTTIME, UINT64_C(1) << 60, 1, NULL, NULL);
	if (r >= 0)
		r = sd_event_loop(event);
	sd_event_unref(event);
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct json_object *document;
	struct signature s;
	/* The compiler must not know what comes of it. */
	volatile double angle = 1;
	char *text = NULL;
	size_t n = 0;

	if (argc < 2 || argc > 3 || read_file(argv[1], &text, &n) < 0 ||
		signature_of(text, n, &s) < 0 || verify(text, n, &s) < 0) {
		fprintf(stderr, "floor_tool: no usable FILE, or libcrypto fails\n");
		return 1;
	}
	document = json_tokener_parse(text);
	if (!document) {
		fprintf(stderr, "floor_tool: %s is not JSON\n", argv[1]);
		return 1;
	}
	json_object_put(document);
	free(text);
	angle = sin(angle);
	(void)sd_notify(0, "READY=1");
	puts("ready");
	fflush(stdout);
	if (argc == 3)
		return wait_in_loop();
	pause();
	return 0;
}
