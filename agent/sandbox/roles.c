/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles.c - the rows: what each confined role keeps, each with its reason. Data only.
 *
 * The net role is the one that speaks to the network and the one that will be exploited one day.
 * It may read its identity and the resolver's configuration, speak TCP to the server and UDP to a
 * name server, and use memory. It may not run, map or write code, reach other local services, see
 * other processes, or keep anything outside the directory it was handed.
 *
 * Name service modules are out of reach on purpose: PROT_EXEC is denied, so none can be loaded,
 * and AF_UNIX is denied, so none could reach its daemon. Both C libraries then use /etc/hosts and
 * the name servers of /etc/resolv.conf, where systemd-resolved and others stand, too. UDP has to
 * stay open for that: Landlock cannot limit it.
 *
 * The role verify sees passwords and hashes: it may compute, answer and end. Where libpwquality is
 * installed it may also read the word lists of cracklib, which are opened while the password is
 * judged.
 *
 * The guard's processes link no library: their rows have capabilities and limits only, and their
 * filters, by number, are in agent/guard/filter.c.
 *
 * A further role is a further row: should it ever be confined, the enforcer. The row goes below the
 * last one, its declaration to sandbox.h, its tests to tests/unit/sandbox/.
 */
#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "agent/sandbox/sandbox.h"
#include "agent/util/mem.h"

#define ALL_BITS UINT64_MAX
#define INT_BITS UINT64_C(0xffffffff) /* an int argument: the kernel ignores the upper half */

#define ALLOW(call)                                                                                \
	{                                                                                          \
		.name = call, .action = SANDBOX_ALLOW                                              \
	}
#define ALLOW_OWN(call)                                                                            \
	{                                                                                          \
		.name = call, .action = SANDBOX_ALLOW, .own_process = true                         \
	}
#define KILL(call)                                                                                 \
	{                                                                                          \
		.name = call, .action = SANDBOX_KILL                                               \
	}
#define WHEN(...) .conditions = {__VA_ARGS__}
#define ALLOW_IF(call, ...)                                                                        \
	{                                                                                          \
		.name = call, .action = SANDBOX_ALLOW, WHEN(__VA_ARGS__)                           \
	}
#define DENY_IF(call, ...)                                                                         \
	{                                                                                          \
		.name = call, .action = SANDBOX_DENY, WHEN(__VA_ARGS__)                            \
	}
#define KILL_IF(call, ...)                                                                         \
	{                                                                                          \
		.name = call, .action = SANDBOX_KILL, WHEN(__VA_ARGS__)                            \
	}

/* Other programs, other users, other processes' memory, other roots, the kernel itself. */
#define KILL_FOREIGN                                                                               \
	KILL("execve"), KILL("execveat"), KILL("fork"), KILL("vfork"), KILL("ptrace"),             \
		KILL("process_vm_readv"), KILL("process_vm_writev"), KILL("pidfd_getfd"),          \
		KILL("kcmp"), KILL("setuid"), KILL("setgid"), KILL("setreuid"), KILL("setregid"),  \
		KILL("setresuid"), KILL("setresgid"), KILL("setgroups"), KILL("capset"),           \
		KILL("unshare"), KILL("setns"), KILL("chroot"), KILL("pivot_root"), KILL("mount"), \
		KILL("umount2"), KILL("move_mount"), KILL("open_tree"), KILL("fsopen"),            \
		KILL("fsmount"), KILL("open_by_handle_at"), KILL("bpf"), KILL("perf_event_open"),  \
		KILL("userfaultfd"), KILL("io_uring_setup"), KILL("keyctl"), KILL("add_key"),      \
		KILL("request_key"), KILL("init_module"), KILL("finit_module"),                    \
		KILL("delete_module"), KILL("kexec_load"), KILL("kexec_file_load"),                \
		KILL("reboot"), KILL("personality")

/* The type of a socket without SOCK_CLOEXEC and SOCK_NONBLOCK. */
#define SOCKET_TYPE 0xf
#define SOCKET(family, type) ALLOW_IF("socket", {0, INT_BITS, (family)}, {1, SOCKET_TYPE, (type)})

static const struct sandbox_limit net_limits[] = {
	{RLIMIT_CORE, 0, "a core file would hold the device key"},
	{RLIMIT_NOFILE, 48, "an exchange has a dozen descriptors"},
	{RLIMIT_FSIZE, 2 * LIMIT_RESPONSE_BYTES, "answers and certificates are smaller"},
	{RLIMIT_CPU, LIMIT_EXCHANGE_SECONDS, "an exchange takes milliseconds"},
	{RLIMIT_MEMLOCK, 0, "nothing is locked"},
	{RLIMIT_MSGQUEUE, 0, "there are none"},
	/* Mostly libraries and the address space that the C library reserves for a thread. */
	{RLIMIT_AS, 512 * 1024 * 1024, "a server must not fill the phone's memory",
		.not_sanitized = true},
	{RLIMIT_NPROC, 64, "one resolver thread; other roles may run as this user in tests",
		.own_user_only = true},
};

static const struct sandbox_path net_paths[] = {
	{"/etc/resolv.conf", "name servers"},
	{"/etc/hosts", "names"},
	{"/etc/nsswitch.conf", "order of names and name servers"},
	{"/etc/host.conf", "options of the resolver"},
	{"/etc/gai.conf", "order of addresses"},
};

static const struct sandbox_call net_calls[] = {
	/* Descriptors it has, and files below what Landlock leaves. */
	ALLOW("read"),
	ALLOW("write"),
	ALLOW("readv"),
	ALLOW("writev"),
	ALLOW("pread64"),
	ALLOW("pwrite64"),
	ALLOW("close"),
	ALLOW("lseek"),
	ALLOW("_llseek"),
	ALLOW("fcntl"),
	ALLOW("fcntl64"),
	ALLOW("open"),
	ALLOW("openat"),
	ALLOW("openat2"),
	ALLOW("fstat"),
	ALLOW("fstat64"),
	ALLOW("stat"),
	ALLOW("stat64"),
	ALLOW("lstat"),
	ALLOW("lstat64"),
	ALLOW("newfstatat"),
	ALLOW("fstatat64"),
	ALLOW("statx"),
	ALLOW("access"),
	ALLOW("faccessat"),
	ALLOW("faccessat2"),
	ALLOW("readlink"),
	ALLOW("readlinkat"),
	ALLOW("rename"),
	ALLOW("renameat"),
	ALLOW("renameat2"),
	ALLOW("unlink"),
	ALLOW("unlinkat"),
	ALLOW("ftruncate"),
	ALLOW("ftruncate64"),
	ALLOW("fchmod"),
	ALLOW("fchown"),
	ALLOW("fchown32"),
	ALLOW("fsync"),
	ALLOW("fdatasync"),
	ALLOW_IF("ioctl", {1, INT_BITS, FIONREAD}),
	ALLOW_IF("ioctl", {1, INT_BITS, FIONBIO}),

	/* Waiting. */
	ALLOW("poll"),
	ALLOW("ppoll"),
	ALLOW("ppoll_time64"),
	ALLOW("select"),
	ALLOW("_newselect"),
	ALLOW("pselect6"),
	ALLOW("pselect6_time64"),
	ALLOW("epoll_create1"),
	ALLOW("epoll_ctl"),
	ALLOW("epoll_wait"),
	ALLOW("epoll_pwait"),
	ALLOW("eventfd2"),
	ALLOW("pipe"),
	ALLOW("pipe2"),
	ALLOW("nanosleep"),
	ALLOW("clock_nanosleep"),
	ALLOW("clock_nanosleep_time64"),
	ALLOW("restart_syscall"),

	/* TCP to the server, UDP and TCP to the name server. */
	SOCKET(AF_INET, SOCK_STREAM),
	SOCKET(AF_INET, SOCK_DGRAM),
	SOCKET(AF_INET6, SOCK_STREAM),
	SOCKET(AF_INET6, SOCK_DGRAM),
	/* libcurl wakes itself with one; a connected stream pair cannot reach anything else. */
	ALLOW_IF("socketpair", {0, INT_BITS, AF_UNIX}, {1, SOCKET_TYPE, SOCK_STREAM}),
	ALLOW("connect"),
	ALLOW("bind"), /* musl binds the resolver's UDP socket; TCP is denied by Landlock */
	ALLOW("getsockname"),
	ALLOW("getpeername"),
	ALLOW("getsockopt"),
	ALLOW("setsockopt"),
	ALLOW("shutdown"),
	ALLOW("send"),
	ALLOW("sendto"),
	ALLOW("sendmsg"),
	ALLOW("sendmmsg"),
	ALLOW("recv"),
	ALLOW("recvfrom"),
	ALLOW("recvmsg"),
	ALLOW("recvmmsg"),
	ALLOW("recvmmsg_time64"),

	/* Memory that is never code. */
	ALLOW("brk"),
	ALLOW("munmap"),
	ALLOW("mremap"),
	ALLOW("madvise"),
	ALLOW_IF("mmap", {2, PROT_EXEC, 0}),
	ALLOW_IF("mmap2", {2, PROT_EXEC, 0}),
	ALLOW_IF("mprotect", {2, PROT_EXEC, 0}),
	DENY_IF("mmap", {2, PROT_EXEC, PROT_EXEC}),
	DENY_IF("mmap2", {2, PROT_EXEC, PROT_EXEC}),
	DENY_IF("mprotect", {2, PROT_EXEC, PROT_EXEC}),

	/* The resolver's thread. clone3 hides its flags from filters; ENOSYS makes libc use clone.
	 */
	ALLOW_IF("clone", {0, CLONE_THREAD, CLONE_THREAD}),
	KILL_IF("clone", {0, CLONE_THREAD, 0}),
	ALLOW("futex"),
	ALLOW("futex_time64"),
	ALLOW("set_robust_list"),
	ALLOW("set_tid_address"),
	ALLOW("rseq"),
	ALLOW("gettid"),
	ALLOW("sched_yield"),
	ALLOW("sched_getaffinity"),
	ALLOW("sigaltstack"),
	ALLOW("rt_sigaction"),
	ALLOW("rt_sigprocmask"),
	ALLOW("rt_sigreturn"),
	ALLOW("sigreturn"),
	ALLOW_OWN("tgkill"), /* abort(3) */
	ALLOW_OWN("tkill"),
	ALLOW("exit"),
	ALLOW("exit_group"),

	/* Questions about itself. */
	ALLOW("clock_gettime"),
	ALLOW("clock_gettime64"),
	ALLOW("clock_getres"),
	ALLOW("clock_getres_time64"),
	ALLOW("gettimeofday"),
	ALLOW("time"),
	ALLOW("getrandom"),
	ALLOW("getpid"),
	ALLOW("getppid"),
	ALLOW("getuid"),
	ALLOW("getuid32"),
	ALLOW("geteuid"),
	ALLOW("geteuid32"),
	ALLOW("getgid"),
	ALLOW("getgid32"),
	ALLOW("getegid"),
	ALLOW("getegid32"),
	ALLOW("getrusage"),
	ALLOW("getrlimit"),
	ALLOW("ugetrlimit"),
	ALLOW_IF("prlimit64", {2, ALL_BITS, 0}), /* reading only */
	ALLOW("uname"),
	ALLOW("sysinfo"),

	KILL_FOREIGN,
};

const struct sandbox_role sandbox_role_net = {
	.name = "net",
	.user = "mdm-agent",
	.limits = net_limits,
	.n_limits = ARRAY_SIZE(net_limits),
	.paths = net_paths,
	.n_paths = ARRAY_SIZE(net_paths),
	.calls = net_calls,
	.n_calls = ARRAY_SIZE(net_calls),
};

/*
 * mdm-agent-session becomes the user whom it tells something: it may do what that user may, and
 * less of it. No paths and calls are listed, since it is not sealed: its second step would guard
 * the user against a program with the user's own rights.
 */
static const struct sandbox_limit session_limits[] = {
	{RLIMIT_CORE, 0, "a core file would hold the message"},
	{RLIMIT_NOFILE, 16, "one connection"},
	{RLIMIT_FSIZE, 4096, "it writes one line"},
	{RLIMIT_CPU, 5, "it takes milliseconds"},
	{RLIMIT_MEMLOCK, 0, "nothing is locked"},
	{RLIMIT_AS, 128 * 1024 * 1024, "a hostile session must not fill the phone's memory",
		.not_sanitized = true},
};

const struct sandbox_role sandbox_role_session = {
	.name = "session",
	.limits = session_limits,
	.n_limits = ARRAY_SIZE(session_limits),
};

/* The same program, as it stays with the user's push service for months: no bound on its time. What
 * it may cost is bounded by how often it listens; who talks to it is the user whose time it is. */
static const struct sandbox_limit push_limits[] = {
	{RLIMIT_CORE, 0, "a core file would hold the token"},
	{RLIMIT_NOFILE, 16, "one connection and the channel"},
	{RLIMIT_FSIZE, 4096, "it writes no file but our log"},
	{RLIMIT_MEMLOCK, 0, "nothing is locked"},
	{RLIMIT_AS, 128 * 1024 * 1024, "a hostile session must not fill the phone's memory",
		.not_sanitized = true},
};

const struct sandbox_role sandbox_role_push = {
	.name = "push",
	.limits = push_limits,
	.n_limits = ARRAY_SIZE(push_limits),
};

static const struct sandbox_limit verify_limits[] = {
	{RLIMIT_CORE, 0, "a core file would hold a password"},
	{RLIMIT_NOFILE, 24, "channel, connection, pipe, and the word lists"},
	{RLIMIT_FSIZE, 4096, "it writes no file but our log"},
	{RLIMIT_CPU, LIMIT_VERIFY_SECONDS, "a hash takes a second on a slow phone"},
	{RLIMIT_MEMLOCK, 128 * 1024, "the password and what crypt(3) makes of it"},
	{RLIMIT_MSGQUEUE, 0, "there are none"},
	/* yescrypt takes 16 MiB as distributions set it; an administrator may have set more. */
	{RLIMIT_AS, 512 * 1024 * 1024, "a hash must not fill the phone's memory",
		.not_sanitized = true},
	{RLIMIT_NPROC, 64, "it starts nothing; other roles may run as this user in tests",
		.own_user_only = true},
};

static const struct sandbox_path verify_paths[] = {
	{"/usr/share/cracklib", "words that everybody tries"},
	{"/var/cache/cracklib", "the same on Debian"},
	{"/etc/passwd", "cracklib says nothing of words to whom it does not find there"},
};

/* Descriptors that it has, memory that is never code, time, and its end. */
#define VERIFY_CALLS                                                                               \
	ALLOW("read"), ALLOW("write"), ALLOW("writev"), ALLOW("close"), ALLOW("fcntl"),            \
		ALLOW("fcntl64"), ALLOW("poll"), ALLOW("ppoll"), ALLOW("ppoll_time64"),            \
		ALLOW("sendmsg"), ALLOW("recvmsg"), ALLOW("brk"), ALLOW("munmap"),                 \
		ALLOW("mremap"), ALLOW("madvise"), ALLOW("mlock"), ALLOW("munlock"),               \
		ALLOW_IF("mmap", {2, PROT_EXEC, 0}), ALLOW_IF("mmap2", {2, PROT_EXEC, 0}),         \
		ALLOW_IF("mprotect", {2, PROT_EXEC, 0}),                                           \
		DENY_IF("mmap", {2, PROT_EXEC, PROT_EXEC}),                                        \
		DENY_IF("mmap2", {2, PROT_EXEC, PROT_EXEC}),                                       \
		DENY_IF("mprotect", {2, PROT_EXEC, PROT_EXEC}), ALLOW("futex"),                    \
		ALLOW("futex_time64"), ALLOW("rt_sigaction"), ALLOW("rt_sigprocmask"),             \
		ALLOW("rt_sigreturn"), ALLOW("sigreturn"), ALLOW("sigaltstack"),                   \
		ALLOW_OWN("tgkill"), ALLOW_OWN("tkill"), ALLOW("gettid"), ALLOW("getpid"),         \
		ALLOW("exit"), ALLOW("exit_group"), ALLOW("clock_gettime"),                        \
		ALLOW("clock_gettime64"), ALLOW("gettimeofday"), ALLOW("time"),                    \
		ALLOW("restart_syscall"), ALLOW("alarm"), ALLOW("setitimer"), ALLOW("getrandom"),  \
		KILL("clone"), KILL("connect"), KILL_FOREIGN

static const struct sandbox_call verify_calls[] = {
	VERIFY_CALLS,
};

static const struct sandbox_call verify_words_calls[] = {
	VERIFY_CALLS,
	/* Files below what Landlock leaves. */
	ALLOW("open"),
	ALLOW("openat"),
	ALLOW("fstat"),
	ALLOW("fstat64"),
	ALLOW("newfstatat"),
	ALLOW("fstatat64"),
	ALLOW("statx"),
	ALLOW("lseek"),
	ALLOW("_llseek"),
	ALLOW("readv"),
	ALLOW("pread64"),
	/* cracklib asks who it runs as. */
	ALLOW("getuid"),
	ALLOW("getuid32"),
};

const struct sandbox_role sandbox_role_verify = {
	.name = "verify",
	.user = "mdm-agent",
	.limits = verify_limits,
	.n_limits = ARRAY_SIZE(verify_limits),
	.calls = verify_calls,
	.n_calls = ARRAY_SIZE(verify_calls),
};

const struct sandbox_role sandbox_role_verify_words = {
	.name = "verify_words",
	.user = "mdm-agent",
	.limits = verify_limits,
	.n_limits = ARRAY_SIZE(verify_limits),
	.paths = verify_paths,
	.n_paths = ARRAY_SIZE(verify_paths),
	.calls = verify_words_calls,
	.n_calls = ARRAY_SIZE(verify_words_calls),
};

static const struct sandbox_limit guard_limits[] = {
	{RLIMIT_CORE, 0, "who runs what is in it"},
	/* Each program that waits for its answer is a descriptor; the kernel refuses beyond that.
	 * In fail-closed mode that many numbers are answered after a fall. */
	{RLIMIT_NOFILE, LIMIT_GUARD_FDS, "a batch of events, and programs that are being hashed"},
	{RLIMIT_MSGQUEUE, 0, "there are none"},
	{RLIMIT_MEMLOCK, 128 * 1024 * 1024, "two tables, and the program"},
};

static const struct sandbox_capability guard_keeper_capabilities[] = {
	{CAP_SYS_ADMIN, "fanotify asks for it"},
	{CAP_DAC_READ_SEARCH, "a mark needs the right to read, on /run/user/1000 say"},
	{CAP_LEASE, "for the process that hashes"},
};
const struct sandbox_role sandbox_role_guard_keeper = {
	.name = "guard_keeper",
	.capabilities = guard_keeper_capabilities,
	.n_capabilities = ARRAY_SIZE(guard_keeper_capabilities),
	.limits = guard_limits,
	.n_limits = ARRAY_SIZE(guard_limits),
};

static const struct sandbox_capability guard_verdict_capabilities[] = {
	{CAP_SYS_ADMIN, "answers are remembered by fanotify_mark(2)"},
};
const struct sandbox_role sandbox_role_guard_verdict = {
	.name = "guard_verdict",
	.capabilities = guard_verdict_capabilities,
	.n_capabilities = ARRAY_SIZE(guard_verdict_capabilities),
	.limits = guard_limits,
	.n_limits = ARRAY_SIZE(guard_limits),
};

static const struct sandbox_capability guard_hasher_capabilities[] = {
	{CAP_LEASE, "nobody writes to a file while it is hashed, whosever it is"},
};
const struct sandbox_role sandbox_role_guard_hasher = {
	.name = "guard_hasher",
	.capabilities = guard_hasher_capabilities,
	.n_capabilities = ARRAY_SIZE(guard_hasher_capabilities),
	.limits = guard_limits,
	.n_limits = ARRAY_SIZE(guard_limits),
};
