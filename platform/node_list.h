/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_list.h - the device nodes of cameras and microphones, the USB interfaces of cameras, and
 * shutting one for everybody but root. Enforcer only.
 *
 * Meant are video devices that take pictures, not decoders and encoders, and what belongs to a
 * sensor; of media devices none, for they carry no pictures and decoders need theirs.
 */
#ifndef MDM_PLATFORM_NODE_LIST_H
#define MDM_PLATFORM_NODE_LIST_H

#include "platform/sysfs.h"

#define NODES_MAX 128

enum node_kind {
	NODE_CAMERA,
	NODE_MICROPHONE,
	NODE_USB_CAMERA, /* an interface in sysfs, not a node */
	NODE_KIND_MAX,
};

struct node {
	enum node_kind kind;
	char name[SYSFS_NAME_BYTES]; /* "video0", "1-1:1.0" */
	char path[SYSFS_PATH_BYTES]; /* "sys/devices/…" */
	char node[SYSFS_NAME_BYTES]; /* "dev/snd/pcmC0D0c"; "" of an interface */
	char title[64];		     /* what its maker calls it, made printable */
	bool in_use;		     /* microphone: somebody records */
};

/* Sorted as sysfs has them. 0; -E2BIG with the first NODES_MAX; -errno. */
int node_list(int root_fd, struct node ret_nodes[NODES_MAX], size_t *ret_n_nodes);

/* Whether nobody but root can open it, or it has no driver. A node that is gone is shut. */
bool node_is_shut(int root_fd, const struct node *node);

/* Shuts it. What is open already stays open; an interface is taken away under its users. 0 or
 * -errno; a node that is gone is 0. */
int node_shut(int root_fd, const struct node *node);

/* Lets udevd give it back what its rules say; until then it is root's. 0 or -errno. */
int node_open(int root_fd, const struct node *node);

/* Has udevd look at it once more. */
int node_trigger(int root_fd, const struct node *node);

#endif
