/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pam_libpam.c - what this machine's libpam makes of stacks with our lines: without the module
 * they end as before, with one that refuses nobody gets in, and one that agrees lets nobody in who
 * did not get in before. pam_permit.so and pam_deny.so stand for the other modules.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/pam_stack.h"
#include "tests/lib/check.h"

#define ROUNDS 300

struct pam_conversation {
	int (*converse)(int n, const void **messages, void **responses, void *userdata);
	void *userdata;
};

struct libpam {
	void *library;
	int (*start)(const char *service, const char *user, const struct pam_conversation *conv,
		const char *directory, void **handle);
	int (*end)(void *handle, int status);
	int (*authenticate)(void *handle, int flags);
	int (*set_credentials)(void *handle, int flags);
};

static bool libpam_open(struct libpam *pam)
{
	/* The library for another processor may be here; its modules are not. */
	pam->library = check_emulated() ? NULL : dlopen("libpam.so.0", RTLD_NOW);
	if (!pam->library)
		return false;
	*(void **)&pam->start = dlsym(pam->library, "pam_start_confdir");
	*(void **)&pam->end = dlsym(pam->library, "pam_end");
	*(void **)&pam->authenticate = dlsym(pam->library, "pam_authenticate");
	*(void **)&pam->set_credentials = dlsym(pam->library, "pam_setcred");
	return pam->start && pam->end && pam->authenticate && pam->set_credentials;
}

static int never_asked(int n, const void **messages, void **responses, void *userdata)
{
	(void)n;
	(void)messages;
	(void)responses;
	(void)userdata;
	return 19; /* PAM_CONV_ERR */
}

/* The text with one module in place of another, wherever its name stands. */
static void append_with(const char *text, const char *from, const char *to, struct buf *out)
{
	for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
		buf_append(out, text, (size_t)(at - text));
		buf_puts(out, to);
	}
	buf_puts(out, text);
}

struct place {
	struct libpam pam;
	char path[256];
	int fd;
};

/* Whether the stack, with these modules for pam_unix.so and for ours, lets in. */
static bool lets_in(
	struct place *place, const char *stack, const char *unix_module, const char *our_module)
{
	static const struct pam_conversation conversation = {never_asked, NULL};
	const struct fs_owner owner = {geteuid(), getegid(), 0644};
	_cleanup_buf_ struct buf once = BUF_INIT, twice = BUF_INIT;
	void *handle = NULL;
	bool in;

	append_with(stack, "pam_unix.so", unix_module, &once);
	append_with(once.data, "pam_mdm.so", our_module, &twice);
	if (twice.error ||
		fs_replace(place->fd, "service", twice.data, twice.n_bytes, &owner) < 0 ||
		place->pam.start("service", "nobody", &conversation, place->path, &handle) != 0)
		abort();
	in = place->pam.authenticate(handle, 0) == 0 &&
	     place->pam.set_credentials(handle, 2 /* PAM_ESTABLISH_CRED */) == 0;
	place->pam.end(handle, 0);
	return in;
}

static void random_stack(uint32_t *state, struct buf *out)
{
	static const char *const lines[] = {"auth required pam_unix.so nullok\n",
		"auth sufficient pam_unix.so\n", "auth requisite pam_unix.so\n",
		"auth [success=1 default=ignore] pam_unix.so\n",
		"auth [success=2 default=ignore] pam_unix.so\n",
		"auth [success=done new_authtok_reqd=done default=die] pam_unix.so\n",
		"auth [success=1 default=ignore] pam_permit.so\n",
		"auth [success=1 default=ignore] pam_deny.so\n",
		"auth [success=2 default=1] pam_permit.so\n",
		"auth [success=1 auth_err=2 default=bad] pam_deny.so\n",
		"auth required pam_permit.so\n", "auth requisite pam_deny.so\n",
		"auth sufficient pam_permit.so\n", "auth optional pam_deny.so\n",
		"auth substack sub\n", "-auth optional pam_not_there.so\n"};
	unsigned int n = 2 + (*state >> 20) % 4;

	buf_puts(out, "");
	for (unsigned int i = 0; i < n; i++) {
		*state = *state * 1664525 + 1013904223;
		buf_puts(out, lines[(*state >> 16) % ARRAY_SIZE(lines)]);
	}
}

static void test_same_answers(void)
{
	static const char *const modules[] = {"pam_permit.so", "pam_deny.so"};
	static const char sub[] = "auth required pam_permit.so\n";
	struct place place = {.fd = -1};
	unsigned int n_derived = 0, n_in = 0;
	uint32_t state = 7;

	if (!libpam_open(&place.pam)) {
		check_skip("no libpam with pam_start_confdir(3) and modules here");
		return;
	}
	place.fd = check_tmpdir(place.path);
	CHECK_INT(fs_replace(place.fd, "sub", sub, strlen(sub),
			  &(struct fs_owner){geteuid(), getegid(), 0644}),
		0);
	CHECK_INT(fs_replace(place.fd, "other", sub, strlen(sub),
			  &(struct fs_owner){geteuid(), getegid(), 0644}),
		0);
	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_buf_ struct buf stack = BUF_INIT, derived = BUF_INIT;

		random_stack(&state, &stack);
		if (pam_stack_derive(stack.data, stack.n_bytes, NULL, &derived) < 0 ||
			!strstr(derived.data, "\tpam_mdm.so\n"))
			continue;
		n_derived++;
		for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
			bool before = lets_in(&place, stack.data, modules[i], "");
			bool without = lets_in(&place, derived.data, modules[i], "pam_gone.so");
			bool agreeing = lets_in(&place, derived.data, modules[i], "pam_permit.so");

			n_in += before;
			if (without != before || agreeing != before)
				check_fail(__FILE__, __LINE__,
					"round %d with %s: %d, without ours %d, agreeing %d\n%s",
					round, modules[i], before, without, agreeing, stack.data);
		}
	}
	CHECK(n_derived > ROUNDS / 4);
	CHECK(n_in > n_derived / 4 && n_in < 2 * n_derived);
	close(place.fd);
	dlclose(place.pam.library);
}

/* The layouts of Alpine and Debian with a module that refuses: nobody gets in, whatever follows. */
static void test_refusal(void)
{
	static const char *const stacks[] = {
		"auth required pam_unix.so nullok\nauth required pam_permit.so\n",
		"auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth "
		"required pam_permit.so\n",
		"auth sufficient pam_unix.so\nauth required pam_permit.so\n",
		"auth required pam_permit.so\nauth [success=1 default=ignore] pam_deny.so\nauth "
		"sufficient pam_unix.so\nauth required pam_permit.so\n",
	};
	struct place place = {.fd = -1};

	if (!libpam_open(&place.pam)) {
		check_skip("no libpam with pam_start_confdir(3) and modules here");
		return;
	}
	place.fd = check_tmpdir(place.path);
	CHECK_INT(fs_replace(
			  place.fd, "other", "", 0, &(struct fs_owner){geteuid(), getegid(), 0644}),
		0);
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		_cleanup_buf_ struct buf derived = BUF_INIT;

		CHECK_INT(pam_stack_derive(stacks[i], strlen(stacks[i]), NULL, &derived), 0);
		CHECK(lets_in(&place, derived.data, "pam_permit.so", "pam_gone.so"));
		CHECK(!lets_in(&place, derived.data, "pam_permit.so", "pam_deny.so"));
	}
	close(place.fd);
	dlclose(place.pam.library);
}

static const struct check_test tests[] = {
	{"same_answers", test_same_answers},
	{"refusal", test_refusal},
};
CHECK_MAIN(tests)
