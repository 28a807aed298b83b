/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_record.h - the record of the base: the packages that the phone came with, by name, as they
 * were when it was enrolled (policies/apps_base.h says which). State file "apps-base", text; it
 * goes with the enrolment. Enforcer.
 */
#ifndef MDM_ENFORCER_APPS_RECORD_H
#define MDM_ENFORCER_APPS_RECORD_H

#include "agent/enforcer/state.h"
#include "agent/util/buf.h"

#define APPS_RECORD_FILE "apps-base"
#define APPS_RECORD_BROKEN APPS_RECORD_FILE ".broken"

/*
 * lines: names, each ended by LF, in the order of strcmp(3), none twice; at most
 * LIMIT_APK_PACKAGES. 0; -EINVAL: they are not; -ENOMEM, -EFBIG, -EIO.
 */
int apps_record_write(const char *lines, size_t n_bytes, struct buf *out);
/* Gives the lines back. 0; -EBADMSG: damaged; -ENOMEM; -EIO. */
int apps_record_parse(const char *text, size_t n_bytes, struct buf *ret_lines);
size_t apps_record_count(const struct buf *lines);

/* The file. 0; -ENOENT: there is none; -EBADMSG: damaged; other -errno. */
int apps_record_load(const struct state *state, struct buf *ret_lines);
int apps_record_save(struct state *state, const struct buf *lines);

#endif
