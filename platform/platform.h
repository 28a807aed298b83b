/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform.h - the mechanisms of the phone: one backend per file, an ops struct each, listed in one
 * array. Used by agent/enforcer/reconcile.c only.
 *
 * All files are reached through sysroot_fd. Nothing blocks: an operation that takes time runs as a
 * child process and calls back from the loop; at most one operation of a backend is under way.
 */
#ifndef MDM_PLATFORM_PLATFORM_H
#define MDM_PLATFORM_PLATFORM_H

#include <systemd/sd-event.h>

#include "policies/compliance.h"

struct platform {
	sd_event *event;
	int sysroot_fd;	      /* "/" in production, a fixture tree in tests */
	bool sysroot_is_root; /* false: programs are run in a chroot of it */
	int vault_fd; /* directory of the state directory where originals of overridden files are
			 kept */
	/* What is known of the passwords in use, lent by the enforcer; NULL: nothing. */
	const struct passwords_known *passwords;
	const char *pam_check_program;	   /* tries a PAM stack out; NULL: none is changed */
	const struct escrow_known *escrow; /* likewise, of recovery keys */
	const struct luks_known *luks;	   /* lent by the enforcer; NULL: nothing is kept */
	const struct apps_known *apps;	   /* likewise; NULL: there is no record of the base */
	/* Outside of the sysroot, for devices inside it; NULL: the sysroot's own. */
	const char *cryptsetup_program;
	/* /proc/self/mountinfo of the system, where this process has mounts of its own; 0: it has
	 * not. */
	int host_mounts_fd;
	const struct guard_known *guard; /* lent by the enforcer; NULL: there is no guard */
	/* What is wanted now, lent during a round; NULL: nothing is. */
	const struct effective *desired;
	struct apps_jobs *apps_jobs; /* NULL: nothing is installed or removed */
	const struct device *device; /* NULL: nothing is known of power and network */
	int state_fd; /* the state directory, for what a backend has to remember; 0: nothing */
	/* Made by whoever needs them first, shared, gone with the last (bus_peer.h, lock_watch.h).
	 */
	struct bus_link *bus_link;
	struct lock_watch *lock_watch;
};

struct backend;
struct passwords_known; /* platform/password_known.h */
struct luks_known;	/* platform/luks_known.h */
struct guard_known;	/* platform/guard_known.h */
struct apps_known;	/* platform/apps_known.h */
struct apps_jobs;	/* platform/apps_job.h */
struct device;		/* platform/device.h */
struct bus_link;	/* platform/bus_peer.h */
struct lock_watch;	/* platform/lock_watch.h */

/* Whether the mechanism is here, and if not, why not: a sentence for people. */
struct backend_fact {
	bool present;
	enum compliance_reason reason; /* where not present: NO_MECHANISM, NO_LOCKER */
	char detail[LIMIT_TEXT_BYTES + 1];
};

/* r: 0 or -errno; message: what failed and what to do, valid during the call, "" on success. */
typedef void (*backend_done_fn)(
	struct backend *backend, int r, const char *message, void *userdata);
typedef void (*backend_changed_fn)(struct backend *backend, void *userdata);

struct backend_ops {
	const char *name; /* "dconf" */
	const char *help; /* one sentence for `agentctl status` */
	bool serves[SETTING_MAX];
	/* Cheap and synchronous: a few stat(2). */
	void (*probe)(struct backend *b, struct backend_fact *ret_fact);
	/*
	 * Fills b->observations for the settings it serves, then calls done (never from inside
	 * observe itself). 0 or -errno; done is called only after 0.
	 */
	int (*observe)(struct backend *b, backend_done_fn done, void *userdata);
	/* Makes the desired values so, changing nothing that is right already. NULL: observes only.
	 */
	int (*apply)(struct backend *b, const struct effective *desired, backend_done_fn done,
		void *userdata);
	/* Starts to report changes from outside through changed (debounced by the caller). */
	int (*watch)(struct backend *b, backend_changed_fn changed, void *userdata);
	/* Restores exactly what was there before the first apply. NULL: observes only. */
	int (*revert)(struct backend *b, backend_done_fn done, void *userdata);
	void (*free)(struct backend *b);
};

struct backend {
	const struct backend_ops *ops;
	struct platform *platform; /* borrowed */
	/* Of the settings that it serves; NULL: it does not. */
	struct observation *observations[SETTING_MAX];
	bool apply_changed;	     /* the last apply found something to change (set by apply) */
	bool apply_late;	     /* that was the end of what another policy began: no drift */
	void *state;		     /* of the backend */
	struct observation served[]; /* what observations points to */
};

/* One constructor per backend: 0 or -ENOMEM. */
typedef int (*backend_new_fn)(struct platform *platform, struct backend **ret_backend);
extern const backend_new_fn platform_backends[];
extern const size_t platform_n_backends;

void backend_free(struct backend *backend); /* NULL is fine */

/* What the inventory section of the report says of the phone; fixed, small, no personal data. */
struct platform_inventory {
	char os_id[64], os_version[64], os_name[128]; /* os-release */
	char model[128], manufacturer[64];	      /* device tree, DMI or deviceinfo */
	char codename[64];			      /* deviceinfo */
	char kernel[128];			      /* uname release */
	char arch[32];
	char init[16]; /* "systemd", "openrc", "other" */
};
void platform_inventory(struct platform *platform, struct platform_inventory *ret_inventory);

#endif
