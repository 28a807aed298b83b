/* SPDX-License-Identifier: Apache-2.0 */
/* uevent.c - messages about devices; see uevent.h. Reads only. Enforcer only. */
#include "platform/uevent.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
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
 * hash of the subsystem, there for filters like this one. libudev of systemd and eudev use the
 * same, which all programs that listen depend on.
 */
#define SUBSYSTEM_OFFSET 24

/* MurmurHash2 with the seed 0. */
uint32_t uevent_hash(const char *subsystem)
{
	const uint32_t m = 0x5bd1e995;
	size_t n = strlen(subsystem);
	uint32_t h = (uint32_t)n, k;

	for (; n >= 4; n -= 4, subsystem += 4) {
		memcpy(&k, subsystem, sizeof(k));
		k *= m;
		k = (k ^ k >> 24) * m;
		h = h * m ^ k;
	}
	if (n) {
		for (size_t i = n; i-- > 0;)
			h ^= (uint32_t)(unsigned char)subsystem[i] << (8 * i);
		h *= m;
	}
	h = (h ^ h >> 13) * m;
	return h ^ h >> 15;
}

int uevent_filter(int fd, const char *const *subsystems, size_t n_subsystems)
{
	struct sock_filter code[UEVENT_SUBSYSTEMS_MAX + 3] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SUBSYSTEM_OFFSET),
	};
	struct sock_fprog program = {.len = (unsigned short)(n_subsystems + 3), .filter = code};

	if (n_subsystems > UEVENT_SUBSYSTEMS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n_subsystems; i++)
		code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			uevent_hash(subsystems[i]), (uint8_t)(n_subsystems - i), 0);
	code[1 + n_subsystems] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	code[2 + n_subsystems] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

int uevent_filter_media(int fd)
{
	static const char *const subsystems[] = {"block", "usb", "mmc"};

	return uevent_filter(fd, subsystems, ARRAY_SIZE(subsystems));
}

bool uevent_drain(int fd)
{
	char data[UEVENT_BYTES];
	ssize_t n;

	do
		n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
	return n < 0 && errno == EAGAIN;
}

int uevent_watch(sd_event *event, const char *const *subsystems, size_t n_subsystems,
	sd_event_io_handler_t on_event, void *userdata, sd_event_source **ret_source)
{
	_cleanup_close_ int fd = uevent_open(UEVENT_UDEV);
	sd_event_source *source = NULL;
	int r;

	if (fd < 0)
		return fd;
	r = uevent_filter(fd, subsystems, n_subsystems);
	if (r >= 0)
		r = sd_event_add_io(event, &source, fd, EPOLLIN, on_event, userdata);
	if (r >= 0)
		r = sd_event_source_set_io_fd_own(source, 1);
	if (r < 0) {
		sd_event_source_unref(source);
		return r;
	}
	TAKE_FD(fd);
	*ret_source = source;
	return 0;
}
