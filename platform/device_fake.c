/* SPDX-License-Identifier: Apache-2.0 */
/* device_fake.c - a device that is told what it sees; see device_fake.h. Not part of any program.
 */
#include "platform/device_fake.h"

#include "platform/device_private.h"

int device_fake_new(struct platform *platform, device_event_fn event, void *userdata,
	struct device **ret_device)
{
	int r = device_alloc(platform, event, userdata, ret_device);

	if (r == 0)
		(*ret_device)->fake = true;
	return r;
}

/* Through the same states as the sources, so that the same code draws the conclusions. */
void device_fake_see(struct device *device, const struct device_facts *facts)
{
	static const uint32_t states[TRUTH_MAX] = {[TRUTH_FALSE] = 20, [TRUTH_TRUE] = 70};
	static const uint32_t metered[TRUTH_MAX] = {[TRUTH_FALSE] = 2, [TRUTH_TRUE] = 1};
	static const uint32_t registrations[TRUTH_MAX] = {
		[TRUTH_FALSE] = 1, [TRUTH_TRUE] = 5, [TRUTH_UNKNOWN] = 4};

	device->power.charging = facts->charging;
	device->services[DEVICE_NETWORK].presence = DEVICE_PRESENT;
	device->network.link = (struct device_link){
		.state = states[facts->online],
		.metered = metered[facts->metered],
		.primary_type = "gsm",
	};
	device->services[DEVICE_MODEMS].presence = DEVICE_PRESENT;
	device->modems.modems[0] = (struct device_modem){
		.path = "/fake",
		.registration = registrations[facts->roaming],
	};
	device_update(device);
}

void device_fake_tell(struct device *device, enum device_event event)
{
	device_tell(device, event);
}

unsigned int device_fake_holds(const struct device *device)
{
	return device->logind.holds;
}
