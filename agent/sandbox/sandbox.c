/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.c - the two steps of a sandbox, in order; see sandbox.h. Run by every confined role. */
#include "agent/sandbox/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sandbox/filter.h"
#include "agent/sandbox/landlock.h"
#include "agent/sandbox/privilege.h"

int sandbox_enter(const struct sandbox_role *role, const char *user,
	struct sandbox_facts *ret_facts, struct sandbox_error *ret_error)
{
	struct sandbox_facts facts = {0};
	struct privilege_user target;
	bool become = false;
	int r;

	umask(077);
	if (!user)
		user = role->user;
	if (user && geteuid() == 0) {
		r = privilege_find_user(user, &target, ret_error);
		if (r < 0)
			return r;
		become = true;
	} else if (user) {
		sandbox_note(&facts, "not started as root, so the process keeps its user");
	}
	r = privilege_limit(role, become, &facts.n_limits, ret_error);
	if (r < 0)
		return r;
	r = privilege_drop(role, become ? &target : NULL, ret_error);
	if (r < 0)
		return r;
	/* The last of these calls: a change of user sets it anew. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return sandbox_fail(ret_error, -errno, "cannot protect the process's memory");
	/* A change of user clears this one: without it a role that was taken over would outlive an
	 * enforcer that was killed, and with that its deadline. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return sandbox_fail(ret_error, -errno, "cannot tie the process to its parent");
	facts.no_new_privs = true;
	facts.uid = getuid();
	facts.gid = getgid();
	*ret_facts = facts;
	return 0;
}

int sandbox_seal(const struct sandbox_role *role, const struct sandbox_grant *grant,
	struct sandbox_facts *facts, struct sandbox_error *ret_error)
{
	struct sandbox_facts sealed = *facts;
	int r;

	r = landlock_apply(role, grant, &sealed, ret_error);
	if (r < 0)
		return r;
	/* After Landlock, whose calls the filter refuses. */
	r = filter_apply(role, &sealed, ret_error);
	if (r < 0)
		return r;
	*facts = sealed;
	return 0;
}
