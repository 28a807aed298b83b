/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verdicts.c - what the roles' filters answer on each architecture that phones have. The
 * program that libseccomp makes of the row for the kernel is run here, by an interpreter of our
 * own; so any machine answers for all, also one whose own kernel or emulation has no filters.
 */
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "agent/sandbox/filter.h"
#include "tests/unit/sandbox/lab.h"

#define ALLOWED SECCOMP_RET_ALLOW
#define DENIED (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT (SECCOMP_RET_ERRNO | ENOSYS)
#define KILLED UINT32_C(1) /* as the filter was told: see kill_action() */
#define BROKEN UINT32_C(2) /* the program is none that the kernel would take */

#define X32_BIT 0x40000000
#define CALL_NUMBERS 1024 /* above the last of each table, but for ARM's private ones */

enum machine {
	AARCH64,
	X86_64,
	ARM,
	MACHINE_MAX,
};

static const struct {
	const char *name;
	uint32_t scmp, audit;
} machines[MACHINE_MAX] = {
	{"aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64},
	{"x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64},
	{"arm", SCMP_ARCH_ARM, AUDIT_ARCH_ARM},
};

static const struct sandbox_role *const roles[] = {
	&sandbox_role_net, &sandbox_role_verify, &sandbox_role_verify_words};
enum {
	NET,
	VERIFY,
	WORDS,
	ROLES_MAX,
};
_Static_assert(ARRAY_SIZE(roles) == ROLES_MAX, "each has a name here");

struct program {
	struct sock_filter code[BPF_MAXINSNS];
	size_t n;
};

/* --- the interpreter: the instructions of bpf(4) that a filter of system calls may have and that
 * libseccomp uses; any other is a failure, not a guess */

static bool jump(const struct sock_filter *op, uint32_t a, size_t *pc)
{
	bool taken;

	switch (BPF_OP(op->code)) {
	case BPF_JA:
		*pc += op->k;
		return true;
	case BPF_JEQ:
		taken = a == op->k;
		break;
	case BPF_JGT:
		taken = a > op->k;
		break;
	case BPF_JGE:
		taken = a >= op->k;
		break;
	case BPF_JSET:
		taken = (a & op->k) != 0;
		break;
	default:
		return false;
	}
	*pc += taken ? op->jt : op->jf;
	return true;
}

/* Below an emulation libseccomp finds no kernel that can end a process. */
static uint32_t kill_action(void)
{
	return seccomp_api_get() >= 3 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL_THREAD;
}

static uint32_t program_run(const struct program *program, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < program->n; pc++) {
		const struct sock_filter *op = &program->code[pc];

		switch (op->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (op->k % 4 || op->k >= sizeof(*data))
				return BROKEN;
			memcpy(&a, (const char *)data + op->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= op->k;
			continue;
		case BPF_RET | BPF_K:
			if (op->k == kill_action())
				return KILLED;
			return op->k;
		}
		if (BPF_CLASS(op->code) != BPF_JMP || BPF_SRC(op->code) != BPF_K ||
			!jump(op, a, &pc))
			return BROKEN;
	}
	return BROKEN;
}

static int program_build(
	const struct sandbox_role *role, enum machine machine, struct program *ret_program)
{
	_cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
	scmp_filter_ctx filter = NULL;
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = filter_build(role, machines[machine].scmp, kill_action(), &filter);
	if (r < 0)
		return r;
	r = seccomp_export_bpf(filter, fd);
	seccomp_release(filter);
	if (r < 0)
		return r;
	n = pread(fd, ret_program->code, sizeof(ret_program->code), 0);
	if (n <= 0 || (size_t)n % sizeof(ret_program->code[0]))
		return -EBADMSG;
	ret_program->n = (size_t)n / sizeof(ret_program->code[0]);
	return 0;
}

static const struct program *role_program(int role, enum machine machine)
{
	static struct program programs[ROLES_MAX][MACHINE_MAX];
	struct program *program = &programs[role][machine];

	if (!program->n) {
		int r = program_build(roles[role], machine, program);

		if (r < 0) {
			check_fail(__FILE__, __LINE__, "no filter for %s: %s",
				machines[machine].name, strerror(-r));
			return NULL;
		}
	}
	return program;
}

static uint32_t ask(int role, enum machine machine, uint32_t audit, int nr, const uint64_t args[6])
{
	struct seccomp_data data = {.nr = nr, .arch = audit};
	const struct program *program = role_program(role, machine);

	memcpy(data.args, args, sizeof(data.args));
	return program ? program_run(program, &data) : BROKEN;
}

/* --- the numbers here are the kernel's (asm-generic/unistd.h and the two tables), not
 * libseccomp's; -1: there is no such call */

#define HIGH (UINT64_C(1) << 32) /* what the kernel does not read of an int */

static const struct row {
	const char *name;
	int nr[MACHINE_MAX];
	uint64_t args[6];
	uint32_t verdict;
} rows[] = {
	{"read", {63, 0, 3}, {0}, ALLOWED},
	{"openat", {56, 257, 322}, {0}, ALLOWED},
	{"open", {-1, 2, 5}, {0}, ALLOWED},
	{"futex", {98, 202, 240}, {0}, ALLOWED},
	{"futex_time64", {-1, -1, 422}, {0}, ALLOWED},
	{"clock_gettime64", {-1, -1, 403}, {0}, ALLOWED},
	{"ppoll_time64", {-1, -1, 414}, {0}, ALLOWED},
	{"getrandom", {278, 318, 384}, {0}, ALLOWED},
	{"exit_group", {94, 231, 248}, {0}, ALLOWED},

	{"socket tcp", {198, 41, 281}, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC}, ALLOWED},
	{"socket udp 6", {198, 41, 281}, {AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK}, ALLOWED},
	{"socket, high", {198, 41, 281}, {AF_INET | HIGH, SOCK_STREAM | HIGH}, ALLOWED},
	{"socket unix", {198, 41, 281}, {AF_UNIX, SOCK_STREAM}, ABSENT},
	{"socket raw", {198, 41, 281}, {AF_INET, SOCK_RAW}, ABSENT},
	{"socket netlink", {198, 41, 281}, {AF_NETLINK, SOCK_DGRAM}, ABSENT},
	{"socket packet", {198, 41, 281}, {AF_PACKET, SOCK_RAW}, ABSENT},
	{"socketpair unix", {199, 53, 288}, {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC}, ALLOWED},
	{"socketpair dgram", {199, 53, 288}, {AF_UNIX, SOCK_DGRAM}, ABSENT},
	{"listen", {201, 50, 284}, {0}, ABSENT},
	{"accept4", {242, 288, 366}, {0}, ABSENT},

	{"ioctl FIONBIO", {29, 16, 54}, {3, FIONBIO}, ALLOWED},
	{"ioctl, high", {29, 16, 54}, {3, FIONREAD | HIGH}, ALLOWED},
	{"ioctl TIOCSTI", {29, 16, 54}, {3, TIOCSTI}, ABSENT},
	{"mmap", {222, 9, -1}, {0, 4096, PROT_READ | PROT_WRITE}, ALLOWED},
	{"mmap code", {222, 9, -1}, {0, 4096, PROT_READ | PROT_EXEC}, DENIED},
	{"mmap2", {-1, -1, 192}, {0, 4096, PROT_READ | PROT_WRITE}, ALLOWED},
	{"mmap2 code", {-1, -1, 192}, {0, 4096, PROT_EXEC}, DENIED},
	{"mprotect", {226, 10, 125}, {0, 4096, PROT_READ}, ALLOWED},
	{"mprotect code", {226, 10, 125}, {0, 4096, PROT_READ | PROT_EXEC}, DENIED},
	{"clone thread", {220, 56, 120}, {CLONE_THREAD | CLONE_VM | CLONE_SIGHAND}, ALLOWED},
	{"clone process", {220, 56, 120}, {SIGCHLD}, KILLED},
	{"clone user", {220, 56, 120}, {CLONE_NEWUSER | SIGCHLD}, KILLED},
	{"clone3", {435, 435, 435}, {0}, ABSENT},
	{"prlimit64 get", {261, 302, 369}, {0, 7, 0}, ALLOWED},
	{"prlimit64 set", {261, 302, 369}, {0, 7, 0x1000}, ABSENT},
	{"kill", {129, 62, 37}, {1, SIGKILL}, ABSENT},
	{"tgkill other", {131, 234, 268}, {1, 1, SIGKILL}, ABSENT},

	{"execve", {221, 59, 11}, {0}, KILLED},
	{"execveat", {281, 322, 387}, {0}, KILLED},
	{"fork", {-1, 57, 2}, {0}, KILLED},
	{"ptrace", {117, 101, 26}, {0}, KILLED},
	{"process_vm_readv", {270, 310, 376}, {0}, KILLED},
	{"mount", {40, 165, 21}, {0}, KILLED},
	{"setuid", {146, 105, 23}, {0}, KILLED},
	{"setresuid", {147, 117, 164}, {0}, KILLED},
	{"capset", {91, 126, 185}, {0}, KILLED},
	{"unshare", {97, 272, 337}, {0}, KILLED},
	{"setns", {268, 308, 375}, {0}, KILLED},
	{"bpf", {280, 321, 386}, {0}, KILLED},
	{"io_uring_setup", {425, 425, 425}, {0}, KILLED},
	{"init_module", {105, 175, 128}, {0}, KILLED},
	{"reboot", {142, 169, 88}, {0}, KILLED},
	{"tomorrow's call", {1000, 1000, 1000}, {0}, ABSENT},
};

/* What the role verify may do: compute, answer, end. With the word lists: read files, too. */
static const struct row verify_rows[] = {
	{"read", {63, 0, 3}, {0}, ALLOWED},
	{"recvmsg", {212, 47, 297}, {0}, ALLOWED},
	{"sendmsg", {211, 46, 296}, {0}, ALLOWED},
	{"fcntl", {25, 72, 55}, {0}, ALLOWED},
	{"setitimer", {103, 38, 104}, {0}, ALLOWED},
	{"mmap", {222, 9, -1}, {0, 4096, PROT_READ | PROT_WRITE}, ALLOWED},
	{"mmap code", {222, 9, -1}, {0, 4096, PROT_READ | PROT_EXEC}, DENIED},
	{"mprotect code", {226, 10, 125}, {0, 4096, PROT_READ | PROT_EXEC}, DENIED},
	{"socket unix", {198, 41, 281}, {AF_UNIX, SOCK_STREAM}, ABSENT},
	{"socket tcp", {198, 41, 281}, {AF_INET, SOCK_STREAM}, ABSENT},
	{"connect", {203, 42, 283}, {0}, KILLED},
	{"unlinkat", {35, 263, 328}, {0}, ABSENT},
	{"memfd_create", {279, 319, 385}, {0}, ABSENT},
	{"clone process", {220, 56, 120}, {SIGCHLD}, KILLED},
	{"clone thread", {220, 56, 120}, {CLONE_THREAD | CLONE_VM | CLONE_SIGHAND}, KILLED},
	{"clone3", {435, 435, 435}, {0}, ABSENT},
	{"kill", {129, 62, 37}, {1, SIGKILL}, ABSENT},
	{"execve", {221, 59, 11}, {0}, KILLED},
	{"ptrace", {117, 101, 26}, {0}, KILLED},
	{"setuid", {146, 105, 23}, {0}, KILLED},
	{"io_uring_setup", {425, 425, 425}, {0}, KILLED},
};
static const struct row no_file_rows[] = {
	{"openat", {56, 257, 322}, {0}, ABSENT},
	{"open", {-1, 2, 5}, {0}, ABSENT},
};
static const struct row file_rows[] = {
	{"openat", {56, 257, 322}, {0}, ALLOWED},
	{"open", {-1, 2, 5}, {0}, ALLOWED},
};

static void check_rows(int role, const struct row *table, size_t n)
{
	for (int m = 0; m < MACHINE_MAX; m++) {
		for (size_t i = 0; i < n; i++) {
			const struct row *row = &table[i];
			uint32_t verdict;

			if (row->nr[m] == -1)
				continue;
			verdict = ask(
				role, (enum machine)m, machines[m].audit, row->nr[m], row->args);
			if (verdict != row->verdict)
				check_fail(__FILE__, __LINE__, "%s on %s: %08x, not %08x",
					row->name, machines[m].name, verdict, row->verdict);
		}
	}
}

static void test_rows(void)
{
	check_rows(NET, rows, ARRAY_SIZE(rows));
	check_rows(VERIFY, verify_rows, ARRAY_SIZE(verify_rows));
	check_rows(WORDS, verify_rows, ARRAY_SIZE(verify_rows));
	check_rows(VERIFY, no_file_rows, ARRAY_SIZE(no_file_rows));
	check_rows(WORDS, file_rows, ARRAY_SIZE(file_rows));
}

static void test_own_process(void)
{
	static const int tgkill[MACHINE_MAX] = {131, 234, 268};

	for (int role = 0; role < ROLES_MAX; role++)
		for (int m = 0; m < MACHINE_MAX; m++) {
			uint64_t args[6] = {(uint64_t)getpid(), (uint64_t)getpid(), SIGABRT};

			CHECK_INT(ask(role, (enum machine)m, machines[m].audit, tgkill[m], args),
				ALLOWED);
			args[0]++;
			CHECK_INT(ask(role, (enum machine)m, machines[m].audit, tgkill[m], args),
				ABSENT);
		}
}

/* The same number is another call there: 63 reads on aarch64 and is uname on x86-64. */
static void check_other_architectures(int role)
{
	static const uint32_t others[] = {
		AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64, AUDIT_ARCH_ARM, AUDIT_ARCH_I386, 0};
	static const uint64_t none[6];

	for (int m = 0; m < MACHINE_MAX; m++)
		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			for (int nr = 0; nr < CALL_NUMBERS; nr++)
				if (others[i] != machines[m].audit)
					CHECK_INT(ask(role, (enum machine)m, others[i], nr, none),
						KILLED);
	/* x32 has x86-64's architecture and a bit in the number. */
	for (int nr = 0; nr < CALL_NUMBERS; nr++)
		CHECK_INT(ask(role, X86_64, AUDIT_ARCH_X86_64, nr | X32_BIT, none), KILLED);
}

static void test_other_architectures(void)
{
	for (int role = 0; role < ROLES_MAX; role++)
		check_other_architectures(role);
}

/* --- the whole row: each number that there may be, with arguments at and beside each condition */

static bool call_matches(const struct sandbox_call *call, const uint64_t args[6])
{
	if (call->own_process && args[0] != (uint64_t)getpid())
		return false;
	for (size_t i = 0; i < SANDBOX_CALL_CONDITIONS && call->conditions[i].mask; i++) {
		const struct sandbox_condition *c = &call->conditions[i];

		if ((args[c->argument] & c->mask) != c->value)
			return false;
	}
	return true;
}

static uint32_t expected(const struct sandbox_role *role, const char *name, const uint64_t args[6])
{
	for (size_t i = 0; i < role->n_calls; i++) {
		if (strcmp(role->calls[i].name, name) != 0 || !call_matches(&role->calls[i], args))
			continue;
		switch (role->calls[i].action) {
		case SANDBOX_ALLOW:
			return ALLOWED;
		case SANDBOX_DENY:
			return DENIED;
		case SANDBOX_KILL:
			return KILLED;
		case SANDBOX_ACTION_MAX:
			return BROKEN;
		}
	}
	return ABSENT;
}

static void check_call(
	int role, enum machine machine, int nr, const char *name, const uint64_t args[6])
{
	uint32_t verdict = ask(role, machine, machines[machine].audit, nr, args);
	uint32_t wanted = expected(roles[role], name, args);

	if (verdict != wanted)
		check_fail(__FILE__, __LINE__,
			"%s: %s (%d) with %" PRIx64 ", %" PRIx64 ", %" PRIx64
			" on %s: %08x, not %08x",
			roles[role]->name, name, nr, args[0], args[1], args[2],
			machines[machine].name, verdict, wanted);
}

/* Each value that a condition of this call names, and its neighbours. */
static void check_conditions(int role, enum machine machine, int nr, const char *name)
{
	for (size_t i = 0; i < roles[role]->n_calls; i++) {
		const struct sandbox_call *call = &roles[role]->calls[i];
		uint64_t args[6] = {(uint64_t)getpid()};

		if (strcmp(call->name, name) != 0)
			continue;
		for (size_t j = 0; j < SANDBOX_CALL_CONDITIONS && call->conditions[j].mask; j++)
			args[call->conditions[j].argument] = call->conditions[j].value;
		check_call(role, machine, nr, name, args);
		for (int bit = 0; bit < 32; bit++) {
			for (int argument = 0; argument < 3; argument++) {
				args[argument] ^= UINT64_C(1) << bit;
				check_call(role, machine, nr, name, args);
				args[argument] ^= UINT64_C(1) << bit;
			}
		}
	}
}

static void check_whole_row(int role)
{
	static const uint64_t none[6];

	for (int m = 0; m < MACHINE_MAX; m++) {
		size_t n_named = 0;

		for (int nr = 0; nr < CALL_NUMBERS; nr++) {
			_cleanup_free_ char *name =
				seccomp_syscall_resolve_num_arch(machines[m].scmp, nr);

			check_call(role, (enum machine)m, nr, name ? name : "", none);
			if (!name)
				continue;
			n_named++;
			check_conditions(role, (enum machine)m, nr, name);
		}
		CHECK(n_named > 250);
	}
}

static void test_whole_row(void)
{
	for (int role = 0; role < ROLES_MAX; role++)
		check_whole_row(role);
}

/* The interpreter refuses what it does not know, so that no verdict above is an accident. */
static void test_interpreter(void)
{
	static const struct program bad[] = {
		{{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}}, 1},
		{{{BPF_LD | BPF_W | BPF_ABS, 0, 0, sizeof(struct seccomp_data)}}, 1},
		{{{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, ALLOWED}}, 2},
		{{{BPF_JMP | BPF_JA, 0, 0, 1}, {BPF_RET | BPF_K, 0, 0, ALLOWED}}, 2},
		{{{BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, ALLOWED}}, 2},
		{{{BPF_RET | BPF_A, 0, 0, 0}}, 1},
	};
	static const struct seccomp_data data;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(program_run(&bad[i], &data), BROKEN);
}

static const struct check_test tests[] = {
	{"interpreter", test_interpreter},
	{"rows", test_rows},
	{"own process", test_own_process},
	{"other architectures", test_other_architectures},
	{"whole row", test_whole_row},
};

CHECK_MAIN(tests)
