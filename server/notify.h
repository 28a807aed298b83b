/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - tells the service manager how we are, in the datagrams of sd_notify(3): two words do
 * not need a library. Nothing is sent without NOTIFY_SOCKET. mdm-server only.
 */
#ifndef MDM_SERVER_NOTIFY_H
#define MDM_SERVER_NOTIFY_H

/* What goes wrong here is nobody's business: the service manager times out by itself. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
