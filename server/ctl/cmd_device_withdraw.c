/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device_withdraw.c - "mdmctl device withdraw": the server forgets to trust a phone. Runs as
 * the administrator. */
#include "server/ctl/commands.h"
#include "server/ctl/device.h"

int cmd_device_withdraw(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_answer_ struct api_answer answer = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	char path[128], question[160];
	struct api_request request = {.method = "DELETE", .path = path};
	int r = ctl_open(ctl, fault);

	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = device_find(api, args->operands[0], &found, fault);
	if (r)
		return r;
	snprintf(question, sizeof(question),
		"Withdraw device %s? It can only come back by enrolling again.", found.rows[0].id);
	r = ctl_confirm(ctl, question, fault);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/v1/admin/devices/%s", found.rows[0].id);
	r = api_call(api, &request, &answer, fault);
	if (r)
		return r;
	if (ctl->json)
		fprintf(ctl->out, "{\"device\":\"%s\",\"withdrawn\":true}\n", found.rows[0].id);
	else
		fprintf(ctl->out,
			"Device %s is withdrawn: its certificate is worth nothing to the server, its "
			"waiting commands are cancelled. The rules on the phone stay in force.\n",
			found.rows[0].id);
	return ctl_flush(ctl, fault);
}
