/* SPDX-License-Identifier: Apache-2.0 */
/* cryptsetup_lab.h - a loop to run requests to cryptsetup(8) on, and a volume in a file. */
#ifndef MDM_TESTS_CRYPTSETUP_LAB_H
#define MDM_TESTS_CRYPTSETUP_LAB_H

#include <errno.h>
#include <sys/stat.h>

#include "agent/util/fs.h"
#include "agent/util/mem.h"
#include "tests/unit/platform/luks_image.h"

#define SECRET(text) ((struct child_secret){(text), sizeof(text) - 1})

struct lab {
	char directory[256], image[300];
	int fd;
	sd_event *event;
	struct cryptsetup *operation;
	unsigned int n_done;
	struct cryptsetup_result result;
	struct luks_header header;
};

static inline void lab_open(struct lab *lab)
{
	sigset_t set;

	memset(lab, 0, sizeof(*lab));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	lab->fd = check_tmpdir(lab->directory);
	snprintf(lab->image, sizeof(lab->image), "%s/volume", lab->directory);
	if (lab->fd < 0 || sd_event_new(&lab->event) < 0)
		abort();
}

static inline void lab_close(struct lab *lab)
{
	close(lab->fd);
	sd_event_unref(lab->event);
}

static inline void on_done(const struct cryptsetup_result *result, void *userdata)
{
	struct lab *lab = userdata;

	lab->n_done++;
	lab->result = *result;
	if (result->header)
		lab->header = *result->header;
}

/* A request about the lab's image. Its verdict, or -errno where none was begun. */
static inline int ask(struct lab *lab, struct cryptsetup_request request)
{
	int r;

	request.root_fd = -1;
	if (!request.program)
		request.program = luks_image_program();
	if (!request.device)
		request.device = lab->image;
	lab->n_done = 0;
	r = cryptsetup_start(lab->event, &request, on_done, lab, &lab->operation);
	if (r < 0)
		return r;
	if (lab->n_done || !lab->operation)
		return -EPROTO; /* answered from inside */
	while (!lab->n_done && sd_event_run(lab->event, UINT64_MAX) >= 0)
		;
	if (lab->operation)
		return -EPROTO;
	return (int)lab->result.verdict;
}

static inline int ask_dump(struct lab *lab)
{
	return ask(lab, (struct cryptsetup_request){.action = CRYPTSETUP_DUMP});
}

static inline int ask_test(struct lab *lab, uint32_t slots, struct child_secret secret)
{
	return ask(lab, (struct cryptsetup_request){
				.action = CRYPTSETUP_TEST, .slots = slots, .secret = secret});
}

static inline int ask_kill(struct lab *lab, int slot, struct child_secret secret)
{
	return ask(lab, (struct cryptsetup_request){
				.action = CRYPTSETUP_KILL_SLOT, .slot = slot, .secret = secret});
}

#endif
