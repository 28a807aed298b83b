/* SPDX-License-Identifier: Apache-2.0 */
/* uevent.c - messages about devices; see uevent.h. Reads only. Enforcer only. */
#include "platform/uevent.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "agent/util/mem.h"

int uevent_open(enum uevent_source source)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = source};
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/*
 * A message of udevd begins with "libudev", a magic number, sizes and, as its seventh word, the
 * hash of the subsystem, there for filters like this one. The hash is MurmurHash2 with the seed 0;
 * libudev of systemd and eudev use the same, which all programs that listen depend on.
 */
#define SUBSYSTEM_OFFSET 24
#define HASH_BLOCK 0xf0031db7
#define HASH_USB 0x0577c5e5
#define HASH_MMC 0x4fba773d

int uevent_filter_media(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SUBSYSTEM_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HASH_BLOCK, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HASH_USB, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HASH_MMC, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}
