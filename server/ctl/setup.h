/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.h - makes a whole organisation: CAs, certificates, signing keys, first keyset. It is built
 * in temporary directories beside the final ones and renamed; a failure leaves nothing.
 */
#ifndef MDM_MDMCTL_SETUP_H
#define MDM_MDMCTL_SETUP_H

#include "server/ctl/ca.h"
#include "server/ctl/org.h"
#include "server/ctl/newdir.h"

/*
 * "admin" signs everything; "second" is another person's: with the first it changes keys and
 * destroys, alone it gives orders; "recovery" lies in a safe and stands in for either where two
 * are needed. So one stolen key changes no keyset, and one lost key ends none.
 */
#define SETUP_KEYS 3
#define SETUP_KEYSET_SECONDS (INT64_C(2) * 365 * 86400)

struct setup {
	const char *org_path;	    /* must not exist, or be empty */
	const char *server_path;    /* the same; NULL: "server" inside org_path */
	const char *name;	    /* of the organisation */
	const char *server, *admin; /* URLs */
	const char *admin_name;	    /* common name of the administrator's certificate */
	const char *hosts[CA_MAX_HOSTS];
	size_t n_hosts;
	enum key_alg alg;	  /* of the signing keys */
	struct secret passphrase; /* of everything but the signing keys */
	struct secret key_passphrases[SETUP_KEYS];
	int64_t now_s;
};

/* 0 with the organisation in place; FAULT_* with nothing changed. */
int setup_run(const struct setup *setup, struct fault *fault);

#endif
