/* SPDX-License-Identifier: Apache-2.0 */
/* node_list.c - cameras and microphones; see node_list.h. Enforcer only. */
#include "platform/node_list.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "agent/util/fs.h"
#include "platform/udev.h"

#define ACL "system.posix_acl_access"
#define USB_CLASS_VIDEO "0e"

struct list {
	int root_fd;
	struct node *nodes;
	size_t n;
	bool too_many;
};

static void make_printable(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* "DEVNAME=snd/pcmC0D0c" of the kernel's own record. */
static bool read_node(int root_fd, const char *path, char ret_node[SYSFS_NAME_BYTES])
{
	_cleanup_free_ char *text = NULL;
	char file[SYSFS_PATH_BYTES + 16];
	const char *at;
	size_t n;

	snprintf(file, sizeof(file), "%s/uevent", path);
	if (fs_read(root_fd, file, 4096, &text, NULL) < 0)
		return false;
	at = strncmp(text, "DEVNAME=", 8) == 0 ? text : strstr(text, "\nDEVNAME=");
	if (!at)
		return false;
	at = strchr(at, '=') + 1;
	n = strcspn(at, "\n");
	if (n == 0 || strlen("dev/") + n >= SYSFS_NAME_BYTES)
		return false;
	snprintf(ret_node, SYSFS_NAME_BYTES, "dev/%.*s", (int)n, at);
	return !strstr(ret_node, "..");
}

static bool starts(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* --- cameras ------------------------------------------------------------------------------- */

/* In step with the rules of nodes_rule.c. */
static bool takes_pictures(int root_fd, const char *path, const char *name)
{
	char number[32], record[40], abilities[128];

	if (starts(name, "v4l-subdev"))
		return true;
	if (!starts(name, "video"))
		return false;
	if (!sysfs_read(root_fd, path, "dev", number, sizeof(number)))
		return false;
	snprintf(record, sizeof(record), "c%s", number);
	if (!udev_property(root_fd, record, "ID_V4L_CAPABILITIES", abilities, sizeof(abilities)) ||
		!*abilities)
		return true;
	return strstr(abilities, ":capture:") && !strstr(abilities, ":video_output:");
}

static bool is_camera(int root_fd, struct node *node)
{
	if (!takes_pictures(root_fd, node->path, node->name))
		return false;
	(void)sysfs_read(root_fd, node->path, "name", node->title, sizeof(node->title));
	return read_node(root_fd, node->path, node->node);
}

static bool is_usb_camera(int root_fd, struct node *node)
{
	char class[8], product[SYSFS_PATH_BYTES];

	if (!sysfs_read(root_fd, node->path, "bInterfaceClass", class, sizeof(class)) ||
		strcmp(class, USB_CLASS_VIDEO) != 0)
		return false;
	snprintf(product, sizeof(product), "%.*s", (int)(strrchr(node->path, '/') - node->path),
		node->path);
	(void)sysfs_read(root_fd, product, "product", node->title, sizeof(node->title));
	return true;
}

/* --- microphones --------------------------------------------------------------------------- */

/* "pcmC0D1c": whether one of its substreams is running. */
static bool is_recording(int root_fd, const char *name)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	unsigned int card, device;
	char path[SYSFS_PATH_BYTES];

	if (sscanf(name, "pcmC%3uD%3uc", &card, &device) != 2)
		return false;
	snprintf(path, sizeof(path), "proc/asound/card%u/pcm%uc", card, device);
	if (sysfs_open_directory(root_fd, path, &dir) < 0)
		return false;
	while ((entry = sysfs_next_entry(dir))) {
		char file[SYSFS_PATH_BYTES], line[64];

		if (!starts(entry->d_name, "sub") ||
			snprintf(file, sizeof(file), "%s/%.32s/status", path, entry->d_name) >=
				(int)sizeof(file))
			continue;
		if (fs_read_line(root_fd, file, line, sizeof(line)) == 0 &&
			strcmp(line, "closed") != 0)
			return true;
	}
	return false;
}

static bool is_microphone(int root_fd, struct node *node)
{
	const char *name = node->name;
	size_t n = strlen(name);
	char id[SYSFS_PATH_BYTES + 16];

	if (!(starts(name, "pcmC") && strchr(name, 'D') && name[n - 1] == 'c') &&
		!starts(name, "dsp") && !starts(name, "adsp") && !starts(name, "audio"))
		return false;
	snprintf(id, sizeof(id), "%s/device", node->path);
	(void)sysfs_read(root_fd, id, "id", node->title, sizeof(node->title));
	node->in_use = is_recording(root_fd, name);
	return read_node(root_fd, node->path, node->node);
}

/* --- all of them --------------------------------------------------------------------------- */

static const struct node_class {
	enum node_kind kind;
	const char *directory;
	bool (*is_meant)(int root_fd, struct node *node);
} classes[] = {
	{NODE_CAMERA, "sys/class/video4linux", is_camera},
	{NODE_MICROPHONE, "sys/class/sound", is_microphone},
	{NODE_USB_CAMERA, "sys/bus/usb/devices", is_usb_camera},
};

static int list_class(struct list *list, const struct node_class *class)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int r = sysfs_open_directory(list->root_fd, class->directory, &dir);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while ((entry = sysfs_next_entry(dir))) {
		struct node node = {.kind = class->kind};

		if (strlen(entry->d_name) >= sizeof(node.name))
			continue;
		memcpy(node.name, entry->d_name, strlen(entry->d_name) + 1);
		if (sysfs_resolve(list->root_fd, class->directory, node.name, node.path) < 0 ||
			!class->is_meant(list->root_fd, &node))
			continue;
		make_printable(node.title);
		if (list->n == NODES_MAX)
			list->too_many = true;
		else
			list->nodes[list->n++] = node;
	}
	return 0;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int node_list(int root_fd, struct node ret_nodes[NODES_MAX], size_t *ret_n_nodes)
{
	struct list list = {.root_fd = root_fd, .nodes = ret_nodes};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		int r = list_class(&list, &classes[i]);

		if (r < 0)
			return r;
	}
	qsort(list.nodes, list.n, sizeof(*list.nodes), compare_nodes);
	*ret_n_nodes = list.n;
	return list.too_many ? -E2BIG : 0;
}

/* --- one of them --------------------------------------------------------------------------- */

/* For looking and changing, not opened as the device. The descriptor or -errno. */
static int node_fd(int root_fd, const struct node *node, struct stat *ret_st)
{
	_cleanup_close_ int fd = fs_open_nofollow(root_fd, node->node, O_PATH, 0);

	if (fd < 0)
		return fd;
	if (fstat(fd, ret_st) < 0)
		return -errno;
	return S_ISCHR(ret_st->st_mode) ? TAKE_FD(fd) : -ENODEV;
}

static bool has_acl(int fd)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return getxattr(link, ACL, NULL, 0) > 0;
}

bool node_is_shut(int root_fd, const struct node *node)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	char word[8];

	if (node->kind == NODE_USB_CAMERA)
		return !sysfs_read(root_fd, node->path, "authorized", word, sizeof(word)) ||
		       strcmp(word, "0") == 0;
	fd = node_fd(root_fd, node, &st);
	if (fd < 0)
		return fd == -ENOENT;
	return (st.st_mode & 07777) == 0 && st.st_uid == 0 && !has_acl(fd);
}

static int set_owner(int root_fd, const struct node *node, mode_t mode)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	char link[64];

	fd = node_fd(root_fd, node, &st);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	/* The mode first: it shuts out whoever an access list lets in. */
	if (chmod(link, mode) < 0)
		return -errno;
	if ((st.st_uid != 0 || st.st_gid != 0) && chown(link, 0, 0) < 0)
		return -errno;
	if (removexattr(link, ACL) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return -errno;
	return chmod(link, mode) < 0 ? -errno : 0;
}

int node_shut(int root_fd, const struct node *node)
{
	int r;

	if (node->kind != NODE_USB_CAMERA)
		return set_owner(root_fd, node, 0);
	r = sysfs_write(root_fd, node->path, "authorized", "0");
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int trigger(int root_fd, const struct node *node, const char *action)
{
	int r = sysfs_write(root_fd, node->path, "uevent", action);

	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

int node_trigger(int root_fd, const struct node *node)
{
	return trigger(root_fd, node, "change");
}

int node_open(int root_fd, const struct node *node)
{
	int r;

	if (node->kind == NODE_USB_CAMERA) {
		r = sysfs_write(root_fd, node->path, "authorized", "1");
		/* Authorization alone brings no driver. */
		if (r == 0)
			r = sysfs_write(root_fd, "sys/bus/usb", "drivers_probe", node->name);
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	}
	/* As the kernel makes nodes, and as if it just had: udev's own rules give groups to what
	 * comes, and not to what changes. */
	r = set_owner(root_fd, node, 0600);
	return r < 0 ? r : trigger(root_fd, node, "add");
}
