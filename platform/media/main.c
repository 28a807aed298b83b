/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-media, started by udevd from the rules that the enforcer writes, for each
 * event of a memory stick or card. Root, outside the agent's own confinement; reads its
 * environment, sysfs and /proc, and prints properties for udev's database.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "platform/media/media.h"

static const char usage[] =
	"Usage: mdm-agent-media any|read_only|encrypted_only|encrypted_read_only|blocked\n"
	"       mdm-agent-media --version\n"
	"Started by udevd for one event, whose properties are the environment.\n";

static const char *property(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static void print_properties(enum media_verdict verdict, unsigned int marks)
{
	char text[64];

	media_marks_format(marks, text);
	printf("MDM_MEDIA=%s\nMDM_MEDIA_VERDICT=%s\n", text, media_verdict_name(verdict));
	if (verdict == MEDIA_DENIED)
		printf("UDISKS_IGNORE=1\nUDISKS_AUTO=0\n");
}

int main(int argc, char *argv[])
{
	struct media_event event = {0};
	enum media_verdict verdict;
	char path[SYSFS_PATH_BYTES];
	unsigned int marks;
	int root_fd, r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("mdm-agent-media " MDM_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc != 2 || !removable_choice_find(argv[1], &event.choice)) {
		fputs(usage, stderr);
		return 2;
	}
	if (snprintf(path, sizeof(path), "sys%s", property("DEVPATH")) >= (int)sizeof(path) ||
		strlen(path) <= strlen("sys/")) {
		fprintf(stderr, "mdm-agent-media: no DEVPATH in the environment: it is udevd that "
				"starts this\n");
		return 2;
	}
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0) {
		fprintf(stderr, "mdm-agent-media: cannot open /: %s\n", strerror(errno));
		return 1;
	}
	event.path = path;
	event.action = property("ACTION");
	event.fs_usage = property("ID_FS_USAGE");
	event.fs_type = property("ID_FS_TYPE");
	event.marks = media_marks_parse(property("MDM_MEDIA"));
	event.synthetic = property("SYNTH_UUID")[0] != 0;
	r = media_act(root_fd, &media_ioctls, &event, &verdict, &marks);
	if (r < 0)
		fprintf(stderr,
			"mdm-agent-media: /%s is %s by the policy, but that could not be "
			"done: %s\n",
			path, media_verdict_name(verdict), strerror(-r));
	if (verdict != MEDIA_NONE)
		print_properties(verdict, marks);
	return 0;
}
