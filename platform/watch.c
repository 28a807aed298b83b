/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - inotify on files that come and go; see watch.h. Reads only. Enforcer only. */
#include "platform/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "agent/util/fs.h"
#include "agent/util/limits.h"

#define WATCH_DIRECTORIES_MAX 128
/* Names coming and going, on the way to a file. */
#define WATCH_WAY_MASK                                                                             \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |        \
		IN_MOVE_SELF | IN_ONLYDIR)
/* And contents, where the file itself is. */
#define WATCH_LAST_MASK (WATCH_WAY_MASK | IN_MODIFY | IN_CLOSE_WRITE)

/* One component that matters: name in the directory behind wd. */
struct watch_step {
	int wd;
	bool last;	  /* the file itself; else a directory on the way */
	const char *name; /* inside a path; "" : every name without a dot in front */
	size_t n_name;
};

struct watch {
	sd_event *event;
	int root_fd; /* borrowed */
	char *paths[WATCH_PATHS_MAX];
	size_t n_paths;
	watch_changed_fn changed;
	void *userdata;
	int fd;
	sd_event_source *source;
	struct watch_step *steps;
	size_t n_steps;
};

static int watch_on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* Watches the directory of the first n characters of path. The wd or -errno. */
static int add_directory(int inotify_fd, int root_fd, const char *path, size_t n, uint32_t mask)
{
	char text[LIMIT_TEXT_BYTES + 1], link[64];
	_cleanup_close_ int fd = -1;
	int wd;

	memcpy(text, path, n);
	text[n] = 0;
	fd = fs_open_in_root(root_fd, text, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	/* inotify takes paths only; this one leads to what was just opened and nowhere else. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(inotify_fd, link, mask | IN_MASK_ADD);
	return wd < 0 ? -errno : wd;
}

/* Watches every existing directory on the way to one path. */
static int arm_path(
	int inotify_fd, int root_fd, const char *path, struct watch_step *steps, size_t *n_steps)
{
	const char *component = path;

	for (;;) {
		size_t n = strcspn(component, "/");
		bool last = !component[n];
		int wd;

		/* The directory is watched before what is in it is looked at: nothing slips through
		 * in between. */
		wd = add_directory(inotify_fd, root_fd, path, (size_t)(component - path),
			last ? WATCH_LAST_MASK : WATCH_WAY_MASK);
		if (wd == -ENOENT || wd == -ENOTDIR || wd == -ELOOP || wd == -EACCES)
			return 0; /* its parent is watched and will tell */
		if (wd < 0)
			return wd;
		if (*n_steps == WATCH_DIRECTORIES_MAX)
			return -E2BIG;
		steps[(*n_steps)++] = (struct watch_step){wd, last, component, n};
		if (last)
			return 0;
		component += n + 1;
	}
}

/* A new inotify instance for what exists now takes the place of the old one. */
static int watch_arm(struct watch *w)
{
	struct watch_step steps[WATCH_DIRECTORIES_MAX], *kept;
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	sd_event_source *source = NULL;
	size_t n_steps = 0;
	int r;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < w->n_paths; i++) {
		r = arm_path(fd, w->root_fd, w->paths[i], steps, &n_steps);
		if (r < 0)
			return r;
	}
	kept = malloc((n_steps + 1) * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	memcpy(kept, steps, n_steps * sizeof(*steps));
	r = sd_event_add_io(w->event, &source, fd, EPOLLIN, watch_on_event, w);
	if (r < 0) {
		free(kept);
		return r;
	}
	sd_event_source_unref(w->source);
	if (w->fd >= 0)
		close(w->fd);
	w->source = source;
	w->fd = TAKE_FD(fd);
	free(w->steps);
	w->steps = kept;
	w->n_steps = n_steps;
	return 0;
}

struct verdict {
	bool changed; /* something that matters happened */
	bool renew;   /* a directory on the way came or went */
};

static void judge_event(
	const struct watch *w, const struct inotify_event *event, struct verdict *verdict)
{
	if (event->mask &
		(IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
		verdict->changed = verdict->renew = true;
		return;
	}
	for (size_t i = 0; i < w->n_steps; i++) {
		const struct watch_step *step = &w->steps[i];

		if (step->wd != event->wd)
			continue;
		if (event->len == 0) {
			/* The directory itself: its mode, say. */
			verdict->changed |= (event->mask & IN_ATTRIB) != 0;
		} else if (step->n_name == 0) {
			verdict->changed |= event->name[0] != '.';
		} else if (strlen(event->name) == step->n_name &&
			   memcmp(event->name, step->name, step->n_name) == 0) {
			verdict->changed = true;
			verdict->renew |= !step->last;
		}
	}
}

/* Takes everything out of the queue. */
static struct verdict watch_drain(struct watch *w)
{
	_Alignas(struct inotify_event) char chunk[4096];
	struct verdict verdict = {false, false};
	ssize_t n;

	while ((n = read(w->fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR)) {
		for (char *p = chunk; n > 0 && p < chunk + n;) {
			const struct inotify_event *event = (const struct inotify_event *)(void *)p;

			judge_event(w, event, &verdict);
			p += sizeof(*event) + event->len;
		}
	}
	return verdict;
}

static int watch_on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct watch *w = userdata;
	struct verdict verdict = watch_drain(w);

	(void)source;
	(void)fd;
	(void)revents;
	/* If renewing fails the old instance goes on; the caller looks again in any case. */
	if (verdict.renew)
		(void)watch_arm(w);
	if (verdict.changed)
		w->changed(w->userdata);
	return 0;
}

void watch_settle(struct watch *watch)
{
	if (watch && watch_drain(watch).renew)
		(void)watch_arm(watch);
}

int watch_new(sd_event *event, int root_fd, const char *const *paths, size_t n_paths,
	watch_changed_fn changed, void *userdata, struct watch **ret_watch)
{
	_cleanup_(watch_freep) struct watch *w = NULL;
	int r;

	if (n_paths > WATCH_PATHS_MAX)
		return -E2BIG;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->fd = -1;
	w->event = sd_event_ref(event);
	w->root_fd = root_fd;
	w->changed = changed;
	w->userdata = userdata;
	for (size_t i = 0; i < n_paths; i++) {
		if (strlen(paths[i]) > LIMIT_TEXT_BYTES)
			return -ENAMETOOLONG;
		w->paths[w->n_paths] = strdup(paths[i]);
		if (!w->paths[w->n_paths])
			return -ENOMEM;
		w->n_paths++;
	}
	r = watch_arm(w);
	if (r < 0)
		return r;
	*ret_watch = TAKE_PTR(w);
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	sd_event_source_unref(watch->source);
	if (watch->fd >= 0)
		close(watch->fd);
	for (size_t i = 0; i < watch->n_paths; i++)
		free(watch->paths[i]);
	free(watch->steps);
	sd_event_unref(watch->event);
	free(watch);
}
