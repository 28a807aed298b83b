/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - the system call filter by libseccomp; see filter.h.
 *
 * A call that the row does not name answers ENOSYS, as an older kernel would: C libraries try new
 * calls first and fall back on that answer, so an update of musl or glibc costs no phone its
 * check-ins - the one way to repair it from afar. Calls that no honest version of a role makes
 * (execve, ptrace, mount, ...) are named in the row and end the process: an attack is to be seen,
 * not to be answered.
 */
#include "agent/sandbox/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/util/mem.h"

DEFINE_CLEANUP(scmp_filter_ctx, seccomp_release)

/* The documented probe: with filters, the missing program is a bad address, otherwise EINVAL. */
static bool kernel_has_filters(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
}

static uint32_t action_code(enum sandbox_action action, uint32_t kill)
{
	switch (action) {
	case SANDBOX_ALLOW:
		return SCMP_ACT_ALLOW;
	case SANDBOX_DENY:
		return SCMP_ACT_ERRNO(EPERM);
	case SANDBOX_KILL:
	case SANDBOX_ACTION_MAX:
		break;
	}
	return kill;
}

static int add_call(scmp_filter_ctx filter, const struct sandbox_call *call, uint32_t kill)
{
	struct scmp_arg_cmp compare[SANDBOX_CALL_CONDITIONS + 1];
	unsigned int n = 0;
	int nr, r;

	nr = seccomp_syscall_resolve_name(call->name);
	if (nr == __NR_SCMP_ERROR)
		return 0; /* newer than this libseccomp */
	if (call->own_process)
		compare[n++] = SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid());
	for (size_t i = 0; i < SANDBOX_CALL_CONDITIONS && call->conditions[i].mask; i++) {
		const struct sandbox_condition *c = &call->conditions[i];

		compare[n++] = SCMP_CMP(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->value);
	}
	r = seccomp_rule_add_array(filter, action_code(call->action, kill), nr, n, compare);
	/* -EDOM: this architecture has no such call. */
	return r == -EDOM ? 0 : r;
}

/* The one architecture instead of the native one, which libseccomp assumes. */
static int set_architecture(scmp_filter_ctx filter, uint32_t arch)
{
	uint32_t native = seccomp_arch_native();
	int r;

	if (arch == native)
		return 0;
	r = seccomp_arch_add(filter, arch);
	return r < 0 ? r : seccomp_arch_remove(filter, native);
}

int filter_build(const struct sandbox_role *role, uint32_t arch, uint32_t kill, void **ret_filter)
{
	_cleanup_(seccomp_releasep) scmp_filter_ctx filter = NULL;
	int r;

	filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!filter)
		return -ENOMEM;
	/*
	 * A binary tree instead of a list: the kernel walks the program once for each call that
	 * exists when it is loaded, and that is most of the price. libseccomp before 2.5 has only
	 * the list; the meaning is the same.
	 */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* The same numbers are other calls elsewhere. libseccomp would end only the thread. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, kill);
	if (r == 0)
		r = set_architecture(filter, arch);
	if (r < 0)
		return r;
	for (size_t i = 0; i < role->n_calls; i++) {
		r = add_call(filter, &role->calls[i], kill);
		if (r < 0)
			return r;
	}
	*ret_filter = TAKE_PTR(filter);
	return 0;
}

static int load(const struct sandbox_role *role, uint32_t kill)
{
	_cleanup_(seccomp_releasep) scmp_filter_ctx filter = NULL;
	int r;

	r = filter_build(role, seccomp_arch_native(), kill, &filter);
	return r < 0 ? r : seccomp_load(filter);
}

int filter_apply(const struct sandbox_role *role, struct sandbox_facts *facts,
	struct sandbox_error *ret_error)
{
	int r;

	if (!kernel_has_filters()) {
		facts->seccomp = false;
		sandbox_note(facts, "this kernel has no system call filters (seccomp)");
		return 0;
	}
	r = load(role, SCMP_ACT_KILL_PROCESS);
	/* Kernels before 4.14 can only end the thread; the main thread is the only one here. */
	if (r == -EINVAL || r == -EOPNOTSUPP)
		r = load(role, SCMP_ACT_KILL_THREAD);
	if (r < 0)
		return sandbox_fail(ret_error, r, "the system call filter was refused");
	facts->seccomp = true;
	return 0;
}
