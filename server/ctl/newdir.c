/* SPDX-License-Identifier: Apache-2.0 */
/* newdir.c - builds directories beside their final place; see newdir.h. */
#include "server/ctl/newdir.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

#include "agent/util/fs.h"

int newdir_check_free(const char *path, const char *what, struct fault *fault)
{
	_cleanup_(closedirp) DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return fault_errno(fault, errno, "cannot use %s as the %s", path, what);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return fault_set(fault, FAULT_FAILURE,
				"%s exists and is not empty; nothing was changed. Name another %s, "
				"or move this one away yourself",
				path, what);
	return 0;
}

/* Directories above the directory; they stay even if the rest fails, being empty and harmless. */
static int newdir_make_parents(const char *path, struct fault *fault)
{
	char *copy = strdup(path);
	int r = 0;

	if (!copy)
		return fault_errno(fault, ENOMEM, "%s", path);
	for (char *slash = strchr(copy + 1, '/'); slash && !r; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			r = fault_errno(fault, errno, "cannot make the directory %s", copy);
		*slash = '/';
	}
	free(copy);
	return r;
}

int newdir_open(struct newdir *newdir, struct fault *fault)
{
	size_t n = strlen(newdir->path);
	int r = newdir_make_parents(newdir->path, fault);

	if (r)
		return r;
	while (n > 1 && newdir->path[n - 1] == '/')
		n--;
	if (asprintf(&newdir->temporary, "%.*s.new-XXXXXX", (int)n, newdir->path) < 0) {
		newdir->temporary = NULL;
		return fault_errno(fault, ENOMEM, "%s", newdir->path);
	}
	if (!mkdtemp(newdir->temporary)) {
		r = fault_errno(fault, errno, "cannot make a directory beside %s", newdir->path);
		free(TAKE_PTR(newdir->temporary));
		return r;
	}
	newdir->fd = open(newdir->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return newdir->fd < 0 ? fault_errno(fault, errno, "%s", newdir->temporary) : 0;
}

/* The directory that holds it, for removing and syncing. */
static int newdir_parent_fd(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	return copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* Removes what was not put in place. */
void newdir_done(struct newdir *newdir)
{
	_cleanup_close_ int parent_fd = -1;
	char *copy;

	closep(&newdir->fd);
	if (!newdir->temporary)
		return;
	parent_fd = newdir_parent_fd(newdir->temporary);
	copy = strdup(newdir->temporary);
	if (parent_fd >= 0 && copy)
		(void)fs_remove_tree(parent_fd, basename(copy));
	free(copy);
	free(newdir->temporary);
}

int newdir_commit(struct newdir *newdir, struct fault *fault)
{
	_cleanup_close_ int parent_fd = newdir_parent_fd(newdir->temporary);

	/* Over an empty directory at most: rename(2) refuses a full one. */
	if (rename(newdir->temporary, newdir->path) < 0)
		return fault_errno(fault, errno, "cannot put %s in place", newdir->path);
	free(TAKE_PTR(newdir->temporary));
	if (parent_fd >= 0)
		(void)fsync(parent_fd);
	return 0;
}

void newdir_signals_block(sigset_t *ret_before)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGQUIT);
	sigprocmask(SIG_BLOCK, &ending, ret_before);
}

void newdir_signals_restore(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}
