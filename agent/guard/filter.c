/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c - system call filters without a library; see filter.h. Verdict and hasher. */
#include "agent/guard/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/util/mem.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#define ARCHITECTURE 0
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

/* On 32 bits musl has no plain name for the calls whose time would end in 2038. */
#if !defined(SYS_clock_gettime) && defined(SYS_clock_gettime32)
#define SYS_clock_gettime SYS_clock_gettime32
#endif
#if !defined(SYS_timer_settime) && defined(SYS_timer_settime32)
#define SYS_timer_settime SYS_timer_settime32
#endif

/* Descriptors that are there, memory that is never code, time, and the end. */
#define EVERYBODYS                                                                                 \
	SYS_read, SYS_close, SYS_sendmsg, SYS_recvmsg, SYS_ppoll, SYS_munmap, SYS_exit,            \
		SYS_exit_group, SYS_rt_sigreturn, SYS_restart_syscall, SYS_clock_gettime,          \
		EVERYBODYS_OLD EVERYBODYS_32 SYS_fstat
#ifdef SYS_poll
#define EVERYBODYS_OLD SYS_poll,
#else
#define EVERYBODYS_OLD
#endif
#ifdef SYS_ppoll_time64
#define EVERYBODYS_32 SYS_ppoll_time64, SYS_clock_gettime64, SYS_fstat64,
#else
#define EVERYBODYS_32
#endif
/* fstat(3) is one of these, too, as the C library likes. */
#if defined(SYS_newfstatat)
#define STATS SYS_newfstatat, SYS_statx
#elif defined(SYS_fstatat64)
#define STATS SYS_fstatat64, SYS_statx
#else
#define STATS SYS_statx
#endif

static const int verdict_calls[] = {
	EVERYBODYS,
	STATS,
	SYS_write, /* answers */
	SYS_readlinkat,
	SYS_fanotify_mark,
	SYS_mlock, /* a table */
	SYS_timer_settime,
#ifdef SYS_timer_settime64
	SYS_timer_settime64,
#endif
};

static const int hasher_calls[] = {
	EVERYBODYS,
	STATS,
	SYS_pread64,
	SYS_fcntl, /* leases */
#ifdef SYS_fcntl64
	SYS_fcntl64,
#endif
};

/* Nobody honest gets there. */
static const int deadly_calls[] = {SYS_execve, SYS_execveat, SYS_clone,
#ifdef SYS_clone3
	SYS_clone3,
#endif
#ifdef SYS_fork
	SYS_fork, SYS_vfork,
#endif
	SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kill, SYS_tkill, SYS_socket,
	SYS_connect, SYS_openat,
#ifdef SYS_open
	SYS_open,
#endif
#ifdef SYS_openat2
	SYS_openat2,
#endif
	SYS_open_by_handle_at, SYS_unshare, SYS_setns, SYS_chroot, SYS_pivot_root, SYS_mount,
	SYS_umount2, SYS_bpf, SYS_perf_event_open, SYS_init_module, SYS_finit_module,
	SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_setuid, SYS_setgid, SYS_capset,
	SYS_keyctl, SYS_add_key, SYS_request_key, SYS_personality, SYS_fanotify_init};

#ifdef SYS_mmap
#define MMAP SYS_mmap
#else
#define MMAP SYS_mmap2
#endif

#define FILTER_LENGTH_MAX 256
struct program {
	struct sock_filter code[FILTER_LENGTH_MAX];
	unsigned short n;
};

static void put(struct program *p, struct sock_filter instruction)
{
	if (p->n < FILTER_LENGTH_MAX)
		p->code[p->n++] = instruction;
}

static void put_load(struct program *p, size_t offset)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void put_return(struct program *p, uint32_t what)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

static void put_calls(struct program *p, const int *calls, size_t n, uint32_t what)
{
	for (size_t i = 0; i < n; i++) {
		put(p, (struct sock_filter)BPF_JUMP(
			       BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1));
		put_return(p, what);
	}
}

static void make(enum guard_filter filter, struct program *p)
{
	put_load(p, offsetof(struct seccomp_data, arch));
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	/* The same processor with other numbers (x32). */
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1));
	put_return(p, SECCOMP_RET_KILL_PROCESS);
#endif
	if (filter == GUARD_FILTER_VERDICT)
		put_calls(p, verdict_calls, ARRAY_SIZE(verdict_calls), SECCOMP_RET_ALLOW);
	else
		put_calls(p, hasher_calls, ARRAY_SIZE(hasher_calls), SECCOMP_RET_ALLOW);
	put_calls(p, deadly_calls, ARRAY_SIZE(deadly_calls), SECCOMP_RET_KILL_PROCESS);
	/* A new table is mapped; nothing is ever mapped as code. */
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MMAP, 0, 4));
	put_load(p, offsetof(struct seccomp_data, args[2]) +
			    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0));
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1));
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_return(p, SECCOMP_RET_ALLOW);
	put_return(p, SECCOMP_RET_ERRNO | ENOSYS);
}

int guard_filter_apply(enum guard_filter filter)
{
	struct program p = {.n = 0};
	struct sock_fprog loaded;

	if (ARCHITECTURE == 0)
		return -ENOSYS;
	make(filter, &p);
	if (p.n >= FILTER_LENGTH_MAX)
		return -E2BIG;
	loaded = (struct sock_fprog){.len = p.n, .filter = p.code};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded, 0, 0) < 0)
		return errno == EINVAL ? -ENOSYS : -errno;
	return 0;
}
