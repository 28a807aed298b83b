/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts.h - the accounts of the phone as passwd(5), shadow(5), login.defs(5) and shells(5) tell:
 * who is a person, who has which kind of password. Reads files, loads no name service. Enforcer
 * only.
 */
#ifndef MDM_PLATFORM_ACCOUNTS_H
#define MDM_PLATFORM_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"

enum account_password {
	ACCOUNT_HAS_PASSWORD,
	ACCOUNT_EMPTY,	 /* the field is empty: whoever comes gets in, where PAM says nullok */
	ACCOUNT_LOCKED,	 /* the field begins with ! or *: nobody gets in by password */
	ACCOUNT_UNKNOWN, /* no line in shadow(5) */
	ACCOUNT_PASSWORD_MAX,
};

struct account {
	char name[LIMIT_USER_BYTES + 1];
	uid_t uid;
	gid_t gid;
	char home[LIMIT_TEXT_BYTES + 1]; /* as passwd(5) says it; "" if it is too long */
	bool is_person; /* uid between UID_MIN and UID_MAX of login.defs(5), with a shell to log in
			 */
	enum account_password password;
	char hash[LIMIT_HASH_BYTES + 1]; /* of HAS_PASSWORD; otherwise "" */
	int64_t changed_day; /* days since 1970; -1: not known; 0: to be changed at once */
	int64_t expires_day; /* of the password by shadow(5): after this lockers refuse; -1: never
			      */
};

struct accounts {
	struct account *accounts; /* owned; root, people, and whoever else gets in: root first */
	size_t n_accounts;	  /* at most LIMIT_ACCOUNTS */
	bool more;		  /* there were more */
};

/* 0; -errno: passwd or shadow cannot be read; -EBADMSG: they are malformed. */
int accounts_read(int root_fd, struct accounts *ret_accounts);
/* Wipes the hashes. */
void accounts_done(struct accounts *accounts);
/* NULL: there is none of that name. */
const struct account *accounts_find(const struct accounts *accounts, const char *name);

/* The first uid of people, by login.defs(5); 1000 where it says none that makes sense. */
uid_t accounts_first_person(int root_fd);

/* Who gets in without being asked: a display manager or a console logs somebody in by itself. */
struct autologin {
	char user[LIMIT_USER_BYTES + 1]; /* "": nobody */
	char by[LIMIT_TEXT_BYTES + 1];	 /* "greetd: initial_session in /etc/greetd/config.toml" */
};
void autologin_find(int root_fd, struct autologin *ret_autologin);

#endif
