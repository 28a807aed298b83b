/* SPDX-License-Identifier: Apache-2.0 */
/* device.c - looks devices up on the server; see device.h. */
#include "server/ctl/device.h"

#include <errno.h>
#include <string.h>

#include "server/ctl/listing.h"

int device_before(const char *prefix, char ret_id[33])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = strlen(prefix);

	if (n == 0 || n > 32 || prefix[strspn(prefix, digits)])
		return -EINVAL;
	memset(ret_id, '0', 32);
	memcpy(ret_id, prefix, n);
	ret_id[32] = 0;
	/* Minus one, from the right. */
	for (size_t i = 32; i-- > 0;) {
		if (ret_id[i] != '0') {
			ret_id[i] = *(strchr(digits, ret_id[i]) - 1);
			return 0;
		}
		ret_id[i] = 'f';
	}
	ret_id[0] = 0;
	return 0;
}

/* One page of devices behind after ("": from the start). */
static int device_page(struct api *api, const char *after, int limit,
	struct response_devices *ret_devices, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	int r = listing_get(api, "devices", after, limit, &answer, fault);

	return r ? r : response_devices(answer.body, answer.n_body, ret_devices, fault);
}

static int device_get(
	struct api *api, const char *id, struct response_devices *ret_devices, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices found = {0};
	_cleanup_answer_ struct api_answer answer = {0};
	char path[128];
	struct api_request request = {.method = "GET", .path = path, .tolerate = 404};
	int r;

	snprintf(path, sizeof(path), "/v1/admin/devices/%s", id);
	r = api_call(api, &request, &answer, fault);
	if (r)
		return r;
	if (answer.status == 404)
		return fault_set(fault, FAULT_REFUSED,
			"the server knows no device %s; 'mdmctl device list' shows them", id);
	r = response_device(answer.body, answer.n_body, &found, fault);
	if (r)
		return r;
	/* What is signed is signed for the phone that was asked for, not for whom the server likes.
	 */
	if (strcmp(found.rows[0].id, id) != 0)
		return api_other_object(fault, "device", id, found.rows[0].id);
	*ret_devices = found;
	found = (struct response_devices){0};
	return 0;
}

bool device_is_named(const char *prefix)
{
	return strlen(prefix) == 32;
}

int device_find(struct api *api, const char *prefix, struct response_devices *ret_devices,
	struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices page = {0};
	char before[33], id[33];
	int r;

	if (device_before(prefix, before) < 0)
		return fault_set(fault, FAULT_USAGE,
			"\"%.40s\" is not the beginning of a device id (0-9, a-f; at most 32)",
			prefix);
	if (device_is_named(prefix))
		return device_get(api, prefix, ret_devices, fault);
	r = device_page(api, before, 2, &page, fault);
	if (r)
		return r;
	if (page.n_rows == 0 || strncmp(page.rows[0].id, prefix, strlen(prefix)) != 0)
		return fault_set(fault, FAULT_REFUSED,
			"the server knows no device whose id begins with %s; "
			"'mdmctl device list' shows them",
			prefix);
	if (page.n_rows > 1 && strncmp(page.rows[1].id, prefix, strlen(prefix)) == 0)
		return fault_set(fault, FAULT_USAGE,
			"more than one device id begins with %s (%s, %s); give more digits", prefix,
			page.rows[0].id, page.rows[1].id);
	memcpy(id, page.rows[0].id, sizeof(id));
	return device_get(api, id, ret_devices, fault);
}
