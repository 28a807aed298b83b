/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_identity_crash.c - a renewal that dies, or fails, at each operation on a file: the old
 * certificate works afterwards, the candidate is whole or not there.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/net/identity.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"
#include "tests/lib/crash_point.h"
#include "tests/unit/net/pki.h"

#define FROM 1700000000
#define UNTIL 1800000000
#define LATER 1900000000

struct parts {
	struct identity old;
	struct anchors anchors; /* two, of the renewal */
	X509 *renewed;
};

static void parts_make(struct parts *parts)
{
	struct pki_spec spec = {.name = "Root", .ca = 1, .from_s = FROM, .until_s = LATER};
	struct failure failure;
	X509 *root, *other;

	memset(parts, 0, sizeof(*parts));
	if (identity_generate(&parts->old, &failure) != 0)
		abort();
	spec.key = spec.issuer_key = EVP_EC_gen("P-256");
	root = pki_certificate(&spec);
	spec.name = "Root 2";
	other = pki_certificate(&spec);
	spec.name = parts->old.device_id;
	spec.ca = 0;
	spec.issuer = root;
	spec.key = parts->old.key;
	parts->renewed = pki_certificate(&spec);
	spec.until_s = UNTIL;
	{
		X509 *certificate = pki_certificate(&spec);

		if (identity_set_certificate(&parts->old, certificate) != 0)
			abort();
		X509_free(certificate);
	}
	parts->old.anchors.pinned = sk_X509_new_null();
	parts->old.anchors.intermediates = sk_X509_new_null();
	parts->anchors.pinned = sk_X509_new_null();
	parts->anchors.intermediates = sk_X509_new_null();
	sk_X509_push(parts->old.anchors.pinned, root);
	X509_up_ref(root);
	sk_X509_push(parts->anchors.pinned, root);
	sk_X509_push(parts->anchors.pinned, other);
	EVP_PKEY_free(spec.issuer_key);
}

static void parts_done(struct parts *parts)
{
	identity_done(&parts->old);
	anchors_done(&parts->anchors);
	X509_free(parts->renewed);
}

/* Until when the certificate is valid that loads; 0: none does. */
static int64_t loads(int dir_fd, bool candidate, int *ret_n_anchors)
{
	struct identity_source source = {.dir_fd = dir_fd, .candidate = candidate};
	_cleanup_(identity_done) struct identity identity = {0};
	struct failure failure;

	if (identity_load(&source, &identity, &failure) != 0)
		return 0;
	if (ret_n_anchors)
		*ret_n_anchors = sk_X509_num(identity.anchors.pinned);
	return identity.until_s;
}

/* A directory of its own for each point. */
static int fresh(int base_fd)
{
	static unsigned int n;
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%u", n++);
	if (mkdirat(base_fd, name, 0700) < 0)
		abort();
	fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

static int renew(int dir_fd, const struct parts *parts)
{
	struct identity_source source = {.dir_fd = dir_fd};
	struct failure failure;

	return identity_store_renewed(&source, &parts->anchors, parts->renewed, &failure);
}

static void check_after(int dir_fd, const struct parts *parts, bool done)
{
	int64_t candidate = loads(dir_fd, true, NULL);
	int n = 0;

	CHECK_INT(loads(dir_fd, false, &n), UNTIL);
	CHECK(n == 1 || n == 2);
	CHECK(candidate == 0 || candidate == LATER);
	/* The candidate comes after its anchors. */
	CHECK(candidate == 0 || n == 2);
	CHECK(!done || candidate == LATER);
	/* The next attempt puts everything in order. */
	CHECK_INT(renew(dir_fd, parts), 0);
	CHECK_INT(loads(dir_fd, true, &n), LATER);
	CHECK_INT(n, 2);
	CHECK_INT(loads(dir_fd, false, &n), UNTIL);
}

static void test_renewal(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct failure failure;
	struct parts parts;

	parts_make(&parts);
	CHECK_INT(identity_store(dir_fd, &parts.old, &failure), 0);
	CHECK_INT(loads(dir_fd, true, NULL), 0);
	CHECK_INT(renew(dir_fd, &parts), 0);
	CHECK_INT(loads(dir_fd, true, NULL), LATER);
	/* As the enforcer does once it was seen to work. */
	CHECK_INT(renameat(dir_fd, "certificate-new.pem", dir_fd, "certificate.pem"), 0);
	CHECK_INT(loads(dir_fd, false, NULL), LATER);
	CHECK_INT(loads(dir_fd, true, NULL), 0);
	/* Anchors alone. */
	{
		struct identity_source source = {.dir_fd = dir_fd};

		CHECK_INT(identity_store_renewed(&source, &parts.old.anchors, NULL, &failure), 0);
		CHECK_INT(loads(dir_fd, true, NULL), 0);
	}
	/* A new enrolment leaves no candidate of an earlier one. */
	CHECK_INT(renew(dir_fd, &parts), 0);
	CHECK_INT(identity_store(dir_fd, &parts.old, &failure), 0);
	CHECK_INT(faccessat(dir_fd, "certificate-new.pem", F_OK, 0), -1);
	parts_done(&parts);
}

static void test_crashes(void)
{
	static const enum crash_mode modes[] = {CRASH_KILL, CRASH_POWER_EARLY, CRASH_POWER_LATE};
	struct failure failure;
	struct parts parts;
	unsigned int n_points = 0;
	char path[256];
	_cleanup_close_ int base_fd = check_tmpdir(path);

	parts_make(&parts);
	for (size_t mode = 0; mode < ARRAY_SIZE(modes); mode++)
		for (unsigned long point = 1;; point++) {
			bool done = false;

			for (unsigned int part = 0; part < CRASH_PARTS && !done; part++) {
				_cleanup_close_ int dir_fd = fresh(base_fd);
				int status;
				pid_t pid;

				CHECK_INT(identity_store(dir_fd, &parts.old, &failure), 0);
				pid = fork();
				if (pid == 0) {
					crash_begin(modes[mode], point, part);
					_exit(renew(dir_fd, &parts) == 0 ? 0 : 1);
				}
				CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
				/* It lived: there are no more points. */
				done = WIFEXITED(status);
				CHECK(!done || WEXITSTATUS(status) == 0);
				check_after(dir_fd, &parts, done);
				n_points += !done;
			}
			if (done)
				break;
		}
	CHECK(n_points > 50);
	parts_done(&parts);
}

static void test_failures(void)
{
	struct failure failure;
	struct parts parts;
	char path[256];
	_cleanup_close_ int base_fd = check_tmpdir(path);

	parts_make(&parts);
	for (unsigned long point = 1;; point++) {
		_cleanup_close_ int dir_fd = fresh(base_fd);
		int r;

		CHECK_INT(identity_store(dir_fd, &parts.old, &failure), 0);
		crash_begin(CRASH_FAIL, point, 0);
		crash_plan.error = ENOSPC;
		crash_plan.n_failures = 1;
		r = renew(dir_fd, &parts);
		crash_begin(CRASH_NONE, 0, 0);
		check_after(dir_fd, &parts, r == 0);
		if (r == 0 && point > 12)
			break;
	}
	parts_done(&parts);
}

static const struct check_test tests[] = {
	{"renewal", test_renewal},
	{"crashes", test_crashes},
	{"failures", test_failures},
};

CHECK_MAIN(tests)
