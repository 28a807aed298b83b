/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.h - the organisation directory on the administrator's machine:
 *
 *   org.json             id, name, URLs
 *   root.pem             root CA; root-key.pem (encrypted)
 *   device-ca.pem        a copy, for looking at
 *   admin.pem            the administrator's certificate; admin-key.pem (encrypted)
 *   escrow.pem           phones seal secrets to it; escrow-key.pem (encrypted) opens them
 *   server.pem           a copy of the server's certificate, for its names and its end
 *   keys/NAME.pem        signing keys (encrypted); keyring.h has the other names
 *   keysets/N.jose       every keyset, signed
 *   draft.json           payload of the next keyset, draft.jose with the signatures so far
 *   serials/             the highest serial used, one small file per stream, device and ticket
 *   server/              what goes to the server (unless init was given another directory)
 *   next/, previous/     CAs that come and that went; rollover.h
 *
 * Every file is 0600 and replaced atomically.
 */
#ifndef MDM_MDMCTL_ORG_H
#define MDM_MDMCTL_ORG_H

#include <stdint.h>

#include "agent/trust/document.h"
#include "server/ctl/fault.h"

#define ORG_CONFIG "org.json"
#define ORG_ROOT "root.pem"
#define ORG_ROOT_KEY "root-key.pem"
#define ORG_DEVICE_CA "device-ca.pem"
#define ORG_DEVICE_KEY "device-ca-key.pem" /* of the next CA, and of the server's files */
#define ORG_ADMIN "admin.pem"
#define ORG_ADMIN_KEY "admin-key.pem"
#define ORG_KEYS "keys"
#define ORG_KEYSETS "keysets"
#define ORG_SERIALS "serials"
#define ORG_SERVER "server"
#define ORG_SERVER_CERT "server.pem"
#define ORG_DRAFT "draft.json"
#define ORG_DRAFT_SIGNED "draft.jose"
#define ORG_NEXT "next"
#define ORG_PREVIOUS "previous"

struct org {
	int fd;	    /* the directory; -1: not open */
	char *path; /* as the administrator named it; owned */
	char id[33];
	char name[LIMIT_TEXT_BYTES + 1];
	char server[LIMIT_URL_BYTES + 1]; /* what phones talk to */
	char admin[LIMIT_URL_BYTES + 1];  /* what mdmctl talks to */
	char *keyset_text; /* newest keyset document, owned; NULL until org_keyset() */
	size_t n_keyset_text;
	uint8_t keyset_sha256[SHA256_BYTES]; /* of its payload */
	struct keyset *keyset;		     /* owned */
};

#define ORG_INIT                                                                                   \
	(struct org)                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* $MDMCTL_ORG, else $XDG_CONFIG_HOME/mdmctl, else ~/.config/mdmctl. NULL: no home directory. */
char *org_default_path(void);

/* Opens an existing organisation. org_done() after success. 0 or FAULT_*. */
int org_open(const char *path, struct org *ret_org, struct fault *fault);
void org_done(struct org *org);
#define _cleanup_org_ _cleanup_(org_done)

/* Reads and checks the newest keyset once; org->keyset is set afterwards. */
int org_keyset(struct org *org, struct fault *fault);

/* keysets/N.jose of a version. */
int org_read_keyset(const struct org *org, int64_t version, char **ret_text, size_t *ret_n_bytes,
	struct fault *fault);
/* Forgets the keyset that was read, so that org_keyset() reads a newer one. */
void org_forget_keyset(struct org *org);

/* The organisation directory for one mdmctl at a time, until the descriptor is closed. */
int org_lock(int org_fd, int *ret_fd, struct fault *fault);

/* Writes org.json below dir_fd. */
int org_write_config(const struct org *org, int dir_fd, struct fault *fault);

/* A file of the organisation; PEM and documents alike. ret_data is the caller's. */
int org_read(const struct org *org, const char *name, char **ret_data, size_t *ret_n_bytes,
	struct fault *fault);
/* 0600, atomically. */
int org_write(int dir_fd, const char *name, const void *data, size_t n_bytes, struct fault *fault);

/* "https://[::1]:8443" -> "::1". 0 or -EINVAL. */
int org_url_host(const char *url, char *ret_host, size_t size);

#endif
