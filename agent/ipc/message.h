/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - the one closed table of messages between the roles, and between agentctl and the
 * enforcer. Name, direction, exact body size, number of descriptors. Whatever does not fit the
 * table closes the peer.
 */
#ifndef MDM_IPC_MESSAGE_H
#define MDM_IPC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/digest.h"
#include "agent/util/limits.h"

enum role {
	ROLE_ENFORCER,
	ROLE_NET,
	ROLE_GUARD, /* judges the start of programs; outlives the enforcer */
	ROLE_CTL,
	ROLE_SESSION, /* in the session of the phone's user */
	ROLE_PAM,     /* pam_mdm.so, inside whatever authenticates people */
	ROLE_VERIFY,  /* compares one password with hashes and rules, and ends */
	ROLE_MAX,
};
const char *role_name(enum role role);

/* Bodies: fixed size, fixed arrays; text is NUL-terminated inside its array (checked on receipt).
 */

struct msg_none {
	uint8_t reserved[8];
};

struct msg_net_enrol {
	char server[LIMIT_URL_BYTES + 1];
	char est[LIMIT_URL_BYTES + 1]; /* full EST base URL */
	char user[64];		       /* HTTP Basic */
	char secret[64];
	char key_uri[LIMIT_URL_BYTES +
		     1]; /* the key is in hardware (RFC 7512, handle:…); "": a file */
	char serial[LIMIT_HARDWARE_BYTES +
		    1]; /* zero-touch only: attributes, never identity; or "" */
	char imei[16];
	uint8_t ca_pins[LIMIT_TICKET_PINS][SHA256_BYTES];
	uint32_t n_ca_pins;
	int64_t floor_s;    /* high-water time: certificates are checked at max(now, floor) */
	uint32_t timeout_s; /* for the whole exchange */
	uint32_t reserved;
};

/*
 * What the enforcer knows of the phone's identity. The directory that the role gets is its own
 * user's: an earlier role may have been taken over and have left there what it liked.
 */
struct msg_net_identity {
	char key_uri[LIMIT_URL_BYTES + 1]; /* the key is in hardware; "": in a file */
	uint8_t ca_pins[LIMIT_TICKET_PINS][SHA256_BYTES]; /* of the keyset, else of the ticket */
	uint32_t n_ca_pins; /* 0: an older agent enrolled and did not keep them */
};

/* simplereenroll with the same key; the new certificate is stored beside the old one. */
struct msg_net_renew {
	char server[LIMIT_URL_BYTES + 1];
	char est[LIMIT_URL_BYTES + 1];
	struct msg_net_identity identity; /* with at least one pin */
	uint32_t timeout_s;
	int64_t floor_s;
};

/* Waits at the server until it has something new for this phone. */
struct msg_net_wait {
	char server[LIMIT_URL_BYTES + 1];
	struct msg_net_identity identity;
	int64_t floor_s;
	int64_t mark;	    /* MDM-Mark of the last answer */
	uint32_t timeout_s; /* at most LIMIT_WAIT_SECONDS */
	uint32_t reserved;
};

struct msg_net_checkin {
	char server[LIMIT_URL_BYTES + 1];
	struct msg_net_identity identity;
	int64_t floor_s;
	uint32_t timeout_s;
	uint32_t report_bytes; /* size of the report descriptor */
	uint32_t response_max; /* most bytes to write to the response descriptor */
	uint32_t candidate;    /* 1: with the renewed certificate, to see whether it works */
};

/* What the sandbox could and could not do; also what the kernel lacks. */
struct msg_net_facts {
	uint32_t landlock_abi; /* 0: the kernel has none */
	uint32_t seccomp;      /* 1: filter in force */
	uint32_t rlimits;
	uint32_t no_new_privs;
	uint32_t uid, gid;
	char note[LIMIT_TEXT_BYTES + 1]; /* what the kernel lacks, for people; may be "" */
};

struct msg_net_enrolled {
	char device_id[33];
	int64_t certificate_from_s, certificate_until_s;
	int64_t server_date_s;	     /* 0: none */
	int64_t server_cert_until_s; /* bound for server_date_s */
	uint32_t n_anchors;	     /* pinned CA certificates held */
	uint32_t reserved;
};

struct msg_net_exchanged {
	uint32_t http_status;
	uint32_t response_bytes;
	int64_t retry_after_s;		   /* -1: none */
	int64_t next_checkin_s;		   /* MDM-Next-Checkin; -1: none */
	int64_t ack_seq;		   /* MDM-Ack; -1: none */
	int64_t mark;			   /* MDM-Mark; -1: none */
	char resend[LIMIT_TEXT_BYTES + 1]; /* MDM-Resend: names as sent, checked characters */
	int64_t server_date_s;
	int64_t server_cert_until_s;
	int64_t certificate_from_s, certificate_until_s; /* the device's own */
	uint64_t bytes_up, bytes_down;			 /* HTTP, without TLS */
};

struct msg_net_renewed {
	int64_t certificate_from_s, certificate_until_s; /* of the new certificate */
	int64_t server_date_s;
	int64_t server_cert_until_s;
	uint32_t n_anchors; /* pinned CA certificates held now */
	uint32_t reserved;
};

/* The wait ended by the server's answer. */
struct msg_net_woken {
	uint32_t news; /* 1: there is something; 0: the server's patience ended */
	uint32_t reserved;
	int64_t retry_after_s; /* -1: none */
	uint64_t bytes_up, bytes_down;
};

/* Registers at the push service of the user's session. */
struct msg_push_begin {
	char token[65];	      /* of this registration; nobody else can guess it */
	char description[65]; /* for the user, in the list of the push service */
};

enum push_state {
	PUSH_NO_SERVICE, /* nothing in the session offers push messages */
	PUSH_REFUSED,	 /* it does not want to register us */
	PUSH_SILENT,	 /* it does not answer, or gives no endpoint */
	PUSH_REGISTERED, /* with an endpoint */
	PUSH_ENDED,	 /* it took the registration back */
	PUSH_STATE_MAX,
};
const char *push_state_name(enum push_state state);

struct msg_push_told {
	uint32_t state; /* enum push_state */
	uint32_t reserved;
	char endpoint[LIMIT_URL_BYTES + 1]; /* of REGISTERED; otherwise "" */
};

enum net_stage {
	NET_STAGE_SANDBOX,
	NET_STAGE_IDENTITY, /* key and certificate files */
	NET_STAGE_RESOLVE,
	NET_STAGE_CONNECT,
	NET_STAGE_TLS,
	NET_STAGE_HTTP,
	NET_STAGE_EST,
	NET_STAGE_RESPONSE,
	NET_STAGE_MAX,
};
const char *net_stage_name(enum net_stage stage);

struct msg_net_failed {
	uint32_t stage;			    /* enum net_stage */
	uint32_t http_status;		    /* 0: none */
	int64_t retry_after_s;		    /* -1: none */
	char message[LIMIT_TEXT_BYTES + 1]; /* what happened, to what, what now */
};

struct msg_ctl_enrol {
	char ticket[LIMIT_TICKET_BYTES + 1];
};

struct msg_ctl_journal {
	int64_t after_seq; /* records above this one; 0: from the start */
	uint32_t count;	   /* at most this many, the newest ones */
	uint32_t reserved;
};

enum ctl_code {
	CTL_OK,
	CTL_E_DENIED,	   /* root or group mdm-admin only */
	CTL_E_STATE,	   /* not enrolled, already enrolled */
	CTL_E_INPUT,	   /* the ticket, say */
	CTL_E_UNREACHABLE, /* the server could not be talked to */
	CTL_E_REFUSED,	   /* the server or a document was refused */
	CTL_E_BUSY,
	CTL_E_INTERNAL,
	CTL_CODE_MAX,
};
const char *ctl_code_name(enum ctl_code code);

struct msg_ctl_answer {
	uint32_t code;	       /* enum ctl_code */
	uint32_t answer_bytes; /* size of the JSON in the descriptor; 0: no descriptor */
	char message[2 * LIMIT_TEXT_BYTES + 1]; /* for people; "" if there is nothing to say */
};

/*
 * pam_mdm.so asks on a connection of its own, one request at a time: first CHECK, which needs no
 * password, then ATTEMPT or CHANGE with the reading end of a pipe that holds the password, without
 * an end mark, and whose writing end is closed. The enforcer never touches that pipe: the role
 * verify takes it out of the connection. With that message the connection ends.
 */
struct msg_auth_request {
	char user[LIMIT_USER_BYTES + 1];
	char service[LIMIT_SERVICE_BYTES + 1];
	uint8_t is_remote; /* 1: whoever types is not at the phone (PAM_RHOST); root's word only */
	uint8_t reserved;
	/* Authentications that this process let pass because nobody answered; a hint, no more. */
	uint32_t n_missed;
};

enum auth_verdict {
	AUTH_GO,	 /* not refused: whatever comes next in the stack decides */
	AUTH_UNCOUNTED,	 /* this account is none of the agent's business; ask nothing more */
	AUTH_WAIT,	 /* refused; the next attempt counts in wait_s; 0: others are before it */
	AUTH_LOCKED_OUT, /* refused: no attempts are left; an unlock code may be given as ATTEMPT */
	AUTH_UNLOCKED,	 /* that was one: attempts count from zero again. Still no authentication */
	AUTH_WRONG_CODE, /* that was none; the next one counts in wait_s */
	AUTH_REFUSED,	 /* CHANGE: breaks rules, see broken */
	AUTH_VERDICT_MAX,
};
const char *auth_verdict_name(enum auth_verdict verdict);

struct msg_auth_answer {
	uint32_t verdict; /* enum auth_verdict */
	uint32_t wait_s;
	uint32_t broken;		      /* bit n: rule n of policies/password.h */
	uint32_t rules[LIMIT_PASSWORD_RULES]; /* numbers of the rules, to say which */
	char contact[LIMIT_TEXT_BYTES + 1];   /* the organisation, for the sentence; may be "" */
	uint8_t reserved[3];
};

/*
 * One password against hashes, codes and rules. The descriptor is the connection of whoever asks;
 * the role takes its AUTH_ATTEMPT or AUTH_CHANGE out of it, and the pipe with that. Descriptors of
 * users never get into the enforcer: one could stand for a file system that does not let it close.
 */
struct msg_verify_order {
	char user[LIMIT_USER_BYTES + 1];
	char hash[LIMIT_HASH_BYTES + 1]; /* of today; "": none, nothing matches */
	char history[LIMIT_PASSWORD_HISTORY][LIMIT_HASH_BYTES + 1];
	char codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1]; /* "" where there are fewer */
	uint8_t reserved[3];
	uint32_t n_history;
	uint32_t rules[LIMIT_PASSWORD_RULES]; /* 0: no such rule */
	uint32_t timeout_s;		      /* for the whole of it */
};

enum verify_match {
	VERIFY_DIFFERS,
	VERIFY_SAME,
	VERIFY_CANNOT, /* the C library does not know the method of the hash */
	VERIFY_EMPTY,  /* no password was in the pipe */
	/* It is the same. What the rules say of it follows, unless judging that fails. */
	VERIFY_SAME_SO_FAR,
	VERIFY_MATCH_MAX,
};

struct msg_verify_answer {
	uint32_t match;	 /* enum verify_match: with the hash of today */
	uint32_t broken; /* rules that the password breaks, history included */
	int32_t code;	 /* which code it is; -1: none */
	uint32_t reserved;
};

struct msg_ctl_unlock {
	char code[UNLOCK_CODE_DIGITS + 1];
	uint8_t reserved[3];
};

enum escrow_wish {
	ESCROW_LOOK,	/* at the recovery keys that there are */
	ESCROW_MAKE,	/* one for each volume that has none that counts */
	ESCROW_RENEW,	/* a new one for each */
	ESCROW_KEEP,	/* as ESCROW_MAKE; the agent may make those to come by itself */
	ESCROW_RESTORE, /* a new passphrase for each that the other one opens */
	ESCROW_WISH_MAX,
};

struct msg_ctl_escrow {
	uint32_t wish;	       /* enum escrow_wish */
	uint32_t n_passphrase; /* 0 with ESCROW_LOOK */
	uint32_t n_given;      /* the new passphrase, with ESCROW_RESTORE; else 0 */
	uint8_t passphrase[LIMIT_PASSWORD_BYTES]; /* bytes, as they are typed at the start */
	uint8_t given[LIMIT_PASSWORD_BYTES];
};

/* What the guard can do here. Its first message. */
struct msg_guard_hello {
	uint32_t has_permissions; /* 1: the kernel asks about the start of programs */
	uint32_t has_evictable;	  /* 1: FAN_MARK_EVICTABLE */
	uint32_t keeper_pid;
	uint32_t version;    /* guard_version() of its program; 0: not said */
	uint64_t generation; /* of the table in force, which it may have from before; 0: none */
	char note[LIMIT_TEXT_BYTES + 1]; /* what is missing, for people; may be "" */
	uint8_t reserved_bytes[7];
};

/* Follows each table, and each change of what is mounted. */
struct msg_guard_state {
	uint64_t generation;	/* in force */
	uint32_t n_filesystems; /* watched */
	uint32_t n_unwatched;	/* that could not be; the first is named */
	uint32_t n_restarts;	/* of the process that answers, since the guard started */
	uint32_t refused_table; /* 1: the last table was damaged, the one before serves */
	uint64_t n_events, n_denied, n_lost;  /* since the guard started; lost: told to nobody */
	char unwatched[LIMIT_TEXT_BYTES + 1]; /* "/media/x: vfat, ..." */
	uint8_t reserved[7];
};

/* One program that was not started, or, in audit mode, that would not have been. */
struct msg_guard_denied {
	uint64_t device, inode;
	int64_t realtime_s;
	uint32_t pid, uid;
	uint32_t reason;		  /* enum guard_reason */
	uint32_t audit;			  /* 1: it was started all the same */
	uint32_t count;			  /* so many alike since the last message about it */
	char owner[LIMIT_NAME_BYTES + 1]; /* package or Flatpak; "" */
	char path[LIMIT_TEXT_BYTES + 1];  /* as the guard saw it; may be cut */
	uint8_t reserved[2];
};

/* name, value, sender, receiver, body, descriptors (exactly) */
#define MESSAGE_TABLE(X)                                                                           \
	/* identity directory */                                                                   \
	X(NET_ENROL, 1, ROLE_ENFORCER, ROLE_NET, struct msg_net_enrol, 1)                          \
	/* identity directory, report (read), response (write) */                                  \
	X(NET_CHECKIN, 2, ROLE_ENFORCER, ROLE_NET, struct msg_net_checkin, 3)                      \
	X(NET_FACTS, 3, ROLE_NET, ROLE_ENFORCER, struct msg_net_facts, 0)                          \
	X(NET_ENROLLED, 4, ROLE_NET, ROLE_ENFORCER, struct msg_net_enrolled, 0)                    \
	X(NET_EXCHANGED, 5, ROLE_NET, ROLE_ENFORCER, struct msg_net_exchanged, 0)                  \
	X(NET_FAILED, 6, ROLE_NET, ROLE_ENFORCER, struct msg_net_failed, 0)                        \
	/* identity directory */                                                                   \
	X(NET_RENEW, 7, ROLE_ENFORCER, ROLE_NET, struct msg_net_renew, 1)                          \
	X(NET_RENEWED, 8, ROLE_NET, ROLE_ENFORCER, struct msg_net_renewed, 0)                      \
	/* identity directory */                                                                   \
	X(NET_WAIT, 9, ROLE_ENFORCER, ROLE_NET, struct msg_net_wait, 1)                            \
	X(NET_WOKEN, 10, ROLE_NET, ROLE_ENFORCER, struct msg_net_woken, 0)                         \
	X(PUSH_BEGIN, 16, ROLE_ENFORCER, ROLE_SESSION, struct msg_push_begin, 0)                   \
	/* give the registration back, and end */                                                  \
	X(PUSH_END, 17, ROLE_ENFORCER, ROLE_SESSION, struct msg_none, 0)                           \
	X(PUSH_TOLD, 18, ROLE_SESSION, ROLE_ENFORCER, struct msg_push_told, 0)                     \
	/* a push message came; what it says is nobody's business */                               \
	X(PUSH_WOKEN, 19, ROLE_SESSION, ROLE_ENFORCER, struct msg_none, 0)                         \
	X(AUTH_CHECK, 24, ROLE_PAM, ROLE_ENFORCER, struct msg_auth_request, 0)                     \
	/* the pipe with the password */                                                           \
	X(AUTH_ATTEMPT, 25, ROLE_PAM, ROLE_ENFORCER, struct msg_auth_request, 1)                   \
	/* the pipe with the new password */                                                       \
	X(AUTH_CHANGE, 26, ROLE_PAM, ROLE_ENFORCER, struct msg_auth_request, 1)                    \
	X(AUTH_ANSWER, 27, ROLE_ENFORCER, ROLE_PAM, struct msg_auth_answer, 0)                     \
	/* the connection with pam_mdm.so, where the message with the pipe still lies */           \
	X(VERIFY_ORDER, 28, ROLE_ENFORCER, ROLE_VERIFY, struct msg_verify_order, 1)                \
	X(VERIFY_ANSWER, 29, ROLE_VERIFY, ROLE_ENFORCER, struct msg_verify_answer, 0)              \
	X(GUARD_HELLO, 48, ROLE_GUARD, ROLE_ENFORCER, struct msg_guard_hello, 0)                   \
	/* the sealed table */                                                                     \
	X(GUARD_TABLE, 49, ROLE_ENFORCER, ROLE_GUARD, struct msg_none, 1)                          \
	X(GUARD_STATE, 50, ROLE_GUARD, ROLE_ENFORCER, struct msg_guard_state, 0)                   \
	X(GUARD_DENIED, 51, ROLE_GUARD, ROLE_ENFORCER, struct msg_guard_denied, 0)                 \
	/* answer what waits, and end */                                                           \
	X(GUARD_END, 52, ROLE_ENFORCER, ROLE_GUARD, struct msg_none, 0)                            \
	/* whether it still listens; answered at once */                                           \
	X(GUARD_PING, 53, ROLE_ENFORCER, ROLE_GUARD, struct msg_none, 0)                           \
	X(GUARD_PONG, 54, ROLE_GUARD, ROLE_ENFORCER, struct msg_none, 0)                           \
	X(CTL_STATUS, 32, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                             \
	X(CTL_ENROL, 33, ROLE_CTL, ROLE_ENFORCER, struct msg_ctl_enrol, 0)                         \
	X(CTL_UNENROL, 34, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                            \
	X(CTL_SYNC, 35, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                               \
	X(CTL_POLICY_SHOW, 36, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                        \
	X(CTL_POLICY_EXPLAIN, 37, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                     \
	X(CTL_COMPLIANCE, 38, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                         \
	X(CTL_JOURNAL_SHOW, 39, ROLE_CTL, ROLE_ENFORCER, struct msg_ctl_journal, 0)                \
	X(CTL_JOURNAL_VERIFY, 40, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                     \
	X(CTL_PRIVACY, 41, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                            \
	X(CTL_COMMANDS, 42, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                           \
	X(CTL_UNLOCK, 43, ROLE_CTL, ROLE_ENFORCER, struct msg_ctl_unlock, 0)                       \
	X(CTL_ESCROW, 44, ROLE_CTL, ROLE_ENFORCER, struct msg_ctl_escrow, 0)                       \
	X(CTL_APPS, 45, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                               \
	X(CTL_PLACES, 46, ROLE_CTL, ROLE_ENFORCER, struct msg_none, 0)                             \
	/* 0 or 1 descriptors: the JSON */                                                         \
	X(CTL_ANSWER, 63, ROLE_ENFORCER, ROLE_CTL, struct msg_ctl_answer, -1)

enum message_type {
#define X(name, value, from, to, body, n_fds) MESSAGE_##name = (value),
	MESSAGE_TABLE(X)
#undef X
};

#define MESSAGE_FDS_MAX 3

struct message_row {
	enum message_type type;
	const char *name;
	enum role from, to;
	size_t body_bytes;
	int n_fds; /* -1: 0 or 1 */
};

/* NULL if the table has no such type. */
const struct message_row *message_row(uint32_t type);

union message_body {
#define X(name, value, from, to, body, n_fds) body as_##value;
	MESSAGE_TABLE(X)
#undef X
};

/*
 * Checks the text arrays of a received body: NUL inside, and only printable UTF-8; and that bytes
 * which are counted are there. 0 or -EBADMSG.
 */
int message_check(enum message_type type, const void *body);

#endif
