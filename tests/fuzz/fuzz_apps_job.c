/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: apps */
/*
 * fuzz_apps_job.c - an order or a progress that is accepted has one text, that one; no word of an
 * order could be taken for an option or a file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apps/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_job(const char *text, size_t n_bytes)
{
	_cleanup_(apps_job_done) struct apps_job job = {0};
	_cleanup_buf_ struct buf again = BUF_INIT;

	if (apps_job_read(text, n_bytes, &job) < 0)
		return;
	apps_job_write(&job, &again);
	if (again.n_bytes != n_bytes || memcmp(again.data, text, n_bytes) != 0)
		abort();
	if (job.n_steps > LIMIT_APPS_STEPS)
		abort();
	for (size_t i = 0; i < job.n_steps; i++)
		for (const char *at = job.steps[i].words; at; at = strchr(at, ' ')) {
			at += *at == ' ';
			if (*at == '-' || *at == '/')
				abort();
		}
}

static void try_progress(const char *text, size_t n_bytes)
{
	_cleanup_(apps_progress_done) struct apps_progress progress = {0};
	_cleanup_buf_ struct buf again = BUF_INIT;

	if (apps_progress_read(text, n_bytes, &progress) < 0)
		return;
	apps_progress_write(&progress, &again);
	if (again.n_bytes != n_bytes || memcmp(again.data, text, n_bytes) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_job((const char *)data, size);
	try_progress((const char *)data, size);
	return 0;
}
