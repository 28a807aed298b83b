/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_power.c - external power, from sysfs below the system root; changes by the kernel's
 * uevents, without a device manager. A filter in the kernel keeps away what batteries tell of
 * themselves, which is often, so that an idle phone is not woken up. Reads only. Enforcer only.
 */
#include <errno.h>
#include <linux/filter.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/util/fs.h"
#include "platform/device_private.h"
#include "platform/sysfs.h"
#include "platform/uevent.h"

#define SUPPLIES "sys/class/power_supply"

/* --- sysfs ------------------------------------------------------------------------------- */

struct supplies {
	bool has_external, external;   /* somebody has a file "online"; somebody is */
	bool has_battery, discharging; /* somebody has a file "status"; somebody is */
};

static bool supply_read(
	int root_fd, const char *name, const char *file, char *ret_text, size_t size_bytes)
{
	char path[SYSFS_PATH_BYTES];

	snprintf(path, sizeof(path), SUPPLIES "/%s/%s", name, file);
	return fs_read_line(root_fd, path, ret_text, size_bytes) >= 0;
}

static void supply_look(int root_fd, const char *name, struct supplies *supplies)
{
	char type[32], text[32];

	/* A mouse or a pen has a battery, too. */
	if (supply_read(root_fd, name, "scope", text, sizeof(text)) && strcmp(text, "Device") == 0)
		return;
	if (!supply_read(root_fd, name, "type", type, sizeof(type)))
		return;
	if (strcmp(type, "Battery") == 0) {
		if (!supply_read(root_fd, name, "status", text, sizeof(text)) ||
			strcmp(text, "Unknown") == 0)
			return;
		supplies->has_battery = true;
		supplies->discharging |= strcmp(text, "Discharging") == 0;
	} else if (strcmp(type, "UPS") != 0 &&
		   supply_read(root_fd, name, "online", text, sizeof(text)) && text[0] >= '0' &&
		   text[0] <= '9') {
		supplies->has_external = true;
		supplies->external |= strcmp(text, "0") != 0;
	}
}

static void supplies_look(int root_fd, struct supplies *ret_supplies)
{
	_cleanup_free_ struct sysfs_name *names = NULL;
	struct supplies supplies = {0};
	size_t n = 0;

	if (sysfs_list_names(root_fd, SUPPLIES, &names, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++)
		supply_look(root_fd, names[i].text, &supplies);
	*ret_supplies = supplies;
}

static enum truth supplies_truth(const struct supplies *supplies)
{
	if (supplies->has_external)
		return supplies->external ? TRUTH_TRUE : TRUTH_FALSE;
	/* A phone whose charger has no driver shows it by what its battery does. */
	if (supplies->has_battery)
		return supplies->discharging ? TRUTH_FALSE : TRUTH_TRUE;
	return TRUTH_UNKNOWN;
}

enum truth device_power_read(int root_fd)
{
	struct supplies supplies;

	supplies_look(root_fd, &supplies);
	return supplies_truth(&supplies);
}

/* --- the filter -------------------------------------------------------------------------- */

/*
 * A uevent is a header and lines "NAME=value", each ended by NUL; that of a charger holds
 * "POWER_SUPPLY_ONLINE=", that of a battery "POWER_SUPPLY_STATUS=". The filter looks at every
 * aligned word of the first bytes for one of the four that this text must have there, whatever its
 * position is: classic BPF has no loops. A load behind the end of the message drops it, which is
 * the other way out.
 */
#define FILTER_WORDS 256
#define FILTER_STEP 6
#define WORD(a, b, c, d)                                                                           \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

int device_power_filter(int fd, bool batteries)
{
	static const uint32_t words[2][4] = {
		{WORD('_', 'O', 'N', 'L'), WORD('O', 'N', 'L', 'I'), WORD('N', 'L', 'I', 'N'),
			WORD('L', 'I', 'N', 'E')},
		{WORD('_', 'S', 'T', 'A'), WORD('S', 'T', 'A', 'T'), WORD('T', 'A', 'T', 'U'),
			WORD('A', 'T', 'U', 'S')},
	};
	_cleanup_free_ struct sock_filter *code =
		calloc(FILTER_WORDS * FILTER_STEP + 1, sizeof(*code));
	struct sock_fprog program = {.len = FILTER_WORDS * FILTER_STEP + 1, .filter = code};
	struct sock_filter *next = code;

	if (!code)
		return -ENOMEM;
	for (uint32_t i = 0; i < FILTER_WORDS; i++) {
		*next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4 * i);
		for (uint8_t k = 0; k < 4; k++)
			*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
				words[batteries][k], (uint8_t)(3 - k), (uint8_t)(k == 3 ? 1 : 0));
		*next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	}
	*next = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

/* --- uevents ----------------------------------------------------------------------------- */

static bool line_is(const char *data, size_t n, const char *line)
{
	size_t n_line = strlen(line) + 1;

	for (size_t i = 0; i + n_line <= n; i++)
		if ((i == 0 || !data[i - 1]) && memcmp(data + i, line, n_line) == 0)
			return true;
	return false;
}

/* A message is only a reason to look: who sent it does not matter. */
static int power_on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct device *device = userdata;
	bool look = false;
	ssize_t n;

	(void)source;
	(void)events;
	do {
		char data[UEVENT_BYTES];

		n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
		/* Messages were lost: any of them may have mattered. */
		look |= n < 0 && errno == ENOBUFS;
		look |= n > 0 && line_is(data, (size_t)n, "SUBSYSTEM=power_supply");
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
	if (n == 0 || errno != EAGAIN)
		device->power.source = sd_event_source_unref(device->power.source);
	if (look) {
		device->power.charging = device_power_read(device->platform->sysroot_fd);
		device_update(device);
	}
	return 0;
}

int device_power_start(struct device *device, int fd)
{
	struct device_power *power = &device->power;
	struct supplies supplies;

	/* First the socket, then the look: nothing slips through in between. */
	power->fd = fd >= 0 ? fd : uevent_open(UEVENT_KERNEL);
	supplies_look(device->platform->sysroot_fd, &supplies);
	power->charging = supplies_truth(&supplies);
	if (power->fd < 0)
		return power->fd;
	/* What a battery tells is needed only where it is all there is. */
	(void)device_power_filter(power->fd, supplies.has_battery && !supplies.has_external);
	return sd_event_add_io(device->platform->event, &power->source, power->fd, EPOLLIN,
		power_on_uevent, device);
}

void device_power_done(struct device_power *power)
{
	power->source = sd_event_source_unref(power->source);
	closep(&power->fd);
	power->fd = -1;
}
