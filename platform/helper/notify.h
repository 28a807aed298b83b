/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h - one notification on the session bus of the user that this process is. Blocks.
 * mdm-agent-session only. */
#ifndef MDM_PLATFORM_HELPER_NOTIFY_H
#define MDM_PLATFORM_HELPER_NOTIFY_H

#include <stdint.h>

enum notify_result {
	NOTIFY_SHOWN,
	NOTIFY_NO_BUS,
	NOTIFY_NO_SERVICE, /* nothing on the bus shows notifications */
	NOTIFY_NO_ANSWER,  /* something does, and keeps silent */
	NOTIFY_REFUSED,	   /* or says no */
	NOTIFY_RESULT_MAX,
};

/* Plain texts. ret_id only with NOTIFY_SHOWN. */
enum notify_result notify_show(
	const char *application, const char *title, const char *text, uint32_t *ret_id);

#endif
