/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sandbox.c - the row, step 1 alone, and kernels that lack or refuse something, played by a
 * filter below the sandbox.
 */
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/unit/sandbox/lab.h"

/* --- step 1 alone, where the filter cannot stand in for lost privileges */

static int check_step_1(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	struct sandbox_facts facts;
	struct sandbox_error error;
	struct rlimit limit;
	bool root = geteuid() == 0;
	int signal_at_end = 0;

	/* As the enforcer leaves it; the change of user clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
		sandbox_enter(&sandbox_role_net, ROLE_USER, &facts, &error) < 0)
		return EXIT_SETUP;
	if (syscall(SYS_capget, &header, data) < 0 || data[0].permitted || data[1].permitted ||
		data[0].effective || data[1].effective || data[0].inheritable ||
		data[1].inheritable)
		return 1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || !facts.no_new_privs)
		return 2;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 3;
	if (prctl(PR_GET_PDEATHSIG, &signal_at_end, 0, 0, 0) < 0 || signal_at_end != SIGKILL)
		return 13;
	if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max != 0)
		return 4;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max > 48 || limit.rlim_cur > 48)
		return 5;
	if (umask(0) != 077)
		return 6;
	if (facts.n_limits < 6 || facts.uid != getuid() || facts.gid != getgid())
		return 7;
	if (geteuid() == 0 || getegid() == 0)
		return 8;
	if (!root)
		return strstr(facts.note, "not started as root") ? 0 : 9;
	if (getgroups(0, NULL) != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
		return 10;
	if (setuid(0) == 0 || setgid(0) == 0 || errno != EPERM)
		return 11;
	return facts.note[0] ? 12 : 0;
}

static void test_step_1(void)
{
	int status;
	pid_t pid;

	if (!can_confine())
		return;
	pid = fork();
	if (pid == 0)
		_exit(check_step_1());
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

static int check_users(void)
{
	struct sandbox_facts facts = {.n_limits = 99};
	struct sandbox_error error = {""};

	if (sandbox_enter(&sandbox_role_net, "no-such-user", &facts, &error) != -ENOENT ||
		!strstr(error.message, "no-such-user"))
		return 1;
	if (sandbox_enter(&sandbox_role_net, "root", &facts, &error) != -EPERM ||
		!strstr(error.message, strerror(EPERM)))
		return 2;
	return facts.n_limits == 99 ? 0 : 3;
}

static void test_users(void)
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		check_skip("needs root");
		return;
	}
	pid = fork();
	if (pid == 0)
		_exit(check_users());
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

/* --- kernels that lack or refuse something, played by a filter below the sandbox */

struct kernel {
	int landlock_error; /* 0: as it is */
	int prctl_error;    /* of PR_SET_SECCOMP, with and without a program */
	bool refuse_filter;
};

static int play_kernel(const struct kernel *kernel)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = 0;

	if (!filter || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (kernel->landlock_error)
		r |= seccomp_rule_add(
			filter, SCMP_ACT_ERRNO((uint32_t)kernel->landlock_error), 444, 0);
	if (kernel->prctl_error)
		r |= seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)kernel->prctl_error),
			SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
	if (kernel->refuse_filter) {
		r |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(seccomp), 0);
		r |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(prctl), 2,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP), SCMP_A2(SCMP_CMP_NE, 0));
	}
	r |= seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

static int check_kernel(const struct kernel *kernel, bool sealed, bool landlock, bool seccomp)
{
	struct lab *lab = lab_get();
	struct sandbox_grant grant = {.directory_fd = lab->granted_fd};
	struct sandbox_facts facts;
	struct sandbox_error error = {""};
	int r;

	if (sandbox_enter(&sandbox_role_net, ROLE_USER, &facts, &error) < 0 ||
		play_kernel(kernel) != 0)
		return EXIT_SETUP;
	r = sandbox_seal(&sandbox_role_net, &grant, &facts, &error);
	if ((r == 0) != sealed)
		return 1;
	if (!sealed)
		return error.message[0] ? 0 : 2;
	if ((facts.landlock_abi > 0) != landlock || facts.seccomp != seccomp)
		return 3;
	if (!landlock && !strstr(facts.note, "Landlock"))
		return 4;
	return seccomp || strstr(facts.note, "seccomp") ? 0 : 5;
}

static void test_kernels(void)
{
	static const struct {
		struct kernel kernel;
		bool sealed, landlock, seccomp;
	} rows[] = {
		{{.landlock_error = ENOSYS}, true, false, true},
		{{.landlock_error = EOPNOTSUPP}, true, false, true},
		{{.landlock_error = EPERM}, false, false, false},
		{{.prctl_error = EINVAL}, true, true, false},
		{{.landlock_error = ENOSYS, .prctl_error = EINVAL}, true, false, false},
		{{.refuse_filter = true}, false, false, false},
	};

	if (!need_seccomp() || !need_landlock(1))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int status, r;
		pid_t pid = fork();

		if (pid == 0)
			_exit(check_kernel(&rows[i].kernel, rows[i].sealed, rows[i].landlock,
				rows[i].seccomp));
		CHECK(waitpid(pid, &status, 0) == pid);
		r = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
		if (r != 0)
			check_fail(__FILE__, __LINE__, "kernel %zu: %d", i, r);
	}
}

/* --- the row itself */

static void test_row(void)
{
	const struct sandbox_role *role = &sandbox_role_net;

	CHECK_STR(role->user, "mdm-agent");
	CHECK_INT(role->n_capabilities, 0);
	for (size_t i = 0; i < role->n_limits; i++)
		CHECK(role->limits[i].reason && role->limits[i].reason[0]);
	for (size_t i = 0; i < role->n_paths; i++) {
		CHECK(role->paths[i].path[0] == '/');
		CHECK(role->paths[i].reason && role->paths[i].reason[0]);
	}
	for (size_t i = 0; i < role->n_calls; i++) {
		const struct sandbox_call *call = &role->calls[i];

		CHECK(call->action < SANDBOX_ACTION_MAX);
		/* A misspelt name would silently be no rule at all. */
		if (seccomp_syscall_resolve_name(call->name) == __NR_SCMP_ERROR)
			check_fail(__FILE__, __LINE__, "unknown call %s", call->name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(call->name, role->calls[j].name) == 0 &&
				!call->conditions[0].mask)
				check_fail(__FILE__, __LINE__, "%s twice", call->name);
	}
}

/* Without these no exchange works, on either kind of phone. */
static const char *const needed[] = {
	"read",
	"write",
	"readv",
	"writev",
	"close",
	"lseek",
	"fcntl",
	"openat",
	"fstat",
	"renameat",
	"unlinkat",
	"fchmod",
	"fsync",
	"ioctl",
	"ppoll",
	"pipe2",
	"socket",
	"socketpair",
	"connect",
	"bind",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"recvfrom",
	"recvmsg",
	"brk",
	"mmap",
	"munmap",
	"mprotect",
	"mremap",
	"madvise",
	"clone",
	"futex",
	"set_robust_list",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"exit",
	"exit_group",
	"clock_gettime",
	"getrandom",
	"getpid",
	"getuid",
};

static bool row_allows(const struct sandbox_role *role, const char *name)
{
	for (size_t i = 0; i < role->n_calls; i++)
		if (role->calls[i].action == SANDBOX_ALLOW &&
			strcmp(role->calls[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Asked of libseccomp's tables, so that either machine answers for both. A call that only other
 * architectures have resolves to a negative number, and no rule comes of it.
 */
static bool exists_on(uint32_t arch, const char *name)
{
	return seccomp_syscall_resolve_name_arch(arch, name) >= 0;
}

static void test_architectures(void)
{
	const struct sandbox_role *role = &sandbox_role_net;

	for (size_t i = 0; i < role->n_calls; i++) {
		const char *name = role->calls[i].name;
		bool known =
			exists_on(SCMP_ARCH_AARCH64, name) || exists_on(SCMP_ARCH_X86_64, name);

		/* 32-bit machines have names of their own for what is allowed. */
		if (!known && role->calls[i].action != SANDBOX_KILL)
			known = exists_on(SCMP_ARCH_ARM, name) || exists_on(SCMP_ARCH_X86, name);
		if (!known)
			check_fail(__FILE__, __LINE__, "%s exists nowhere", name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!row_allows(role, needed[i]))
			check_fail(__FILE__, __LINE__, "%s is not allowed", needed[i]);
		if (!exists_on(SCMP_ARCH_AARCH64, needed[i]))
			check_fail(__FILE__, __LINE__, "no %s on aarch64", needed[i]);
		if (!exists_on(SCMP_ARCH_X86_64, needed[i]))
			check_fail(__FILE__, __LINE__, "no %s on x86_64", needed[i]);
	}
}

static const struct check_test tests[] = {
	{"row", test_row},
	{"architectures", test_architectures},
	{"step 1", test_step_1},
	{"users", test_users},
	{"kernels", test_kernels},
};

CHECK_MAIN(tests)
