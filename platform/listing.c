/* SPDX-License-Identifier: Apache-2.0 */
/* listing.c - the names in a directory; see listing.h. Reads only. Enforcer only. */
#include "platform/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/fs.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int listing_read(int root_fd, const char *path, size_t max_names, struct listing *ret_listing)
{
	_cleanup_(listing_done) struct listing listing = {0};
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int fd = fs_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY);

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*ret_listing = (struct listing){0};
		return 0;
	}
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -errno;
	}
	listing.names = calloc(max_names + 1, sizeof(*listing.names));
	if (!listing.names)
		return -ENOMEM;
	while (errno = 0, (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (listing.n_names == max_names) {
			listing.more = true;
			break;
		}
		listing.names[listing.n_names] = strdup(entry->d_name);
		if (!listing.names[listing.n_names])
			return -ENOMEM;
		listing.n_names++;
	}
	if (!entry && errno)
		return -errno;
	qsort(listing.names, listing.n_names, sizeof(*listing.names), compare_names);
	*ret_listing = listing;
	listing = (struct listing){0};
	return 0;
}

void listing_done(struct listing *listing)
{
	for (size_t i = 0; i < listing->n_names; i++)
		free(listing->names[i]);
	free(listing->names);
	*listing = (struct listing){0};
}
