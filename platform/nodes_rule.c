/* SPDX-License-Identifier: Apache-2.0 */
/* nodes_rule.c - restrictions as rules of udev; see nodes_rule.h. Pure. Enforcer. */
#include "platform/nodes_rule.h"

#include <errno.h>
#include <string.h>

#include "platform/restrict.h"

#define OPEN "/" RESTRICT_OPEN

/* Nobody but root, for good: later rules cannot change what := sets. */
#define SHUT "OWNER:=\"root\", GROUP:=\"root\", MODE:=\"0000\", TAG-=\"uaccess\"\n"

/*
 * Decoders and encoders are video devices, too; without them no film is shown. They capture
 * nothing, or put out as well. Where nobody asked the device it counts as a camera.
 */
static const char camera_rules[] =
	"LABEL=\"mdm_camera\"\n"
	"TEST==\"" OPEN "/camera\", GOTO=\"mdm_nodes_end\"\n"
	"KERNEL==\"video*\", ENV{ID_V4L_CAPABILITIES}==\"?*\", "
	"ENV{ID_V4L_CAPABILITIES}!=\"*:capture:*\", GOTO=\"mdm_nodes_end\"\n"
	"KERNEL==\"video*\", ENV{ID_V4L_CAPABILITIES}==\"*:video_output:*\", "
	"GOTO=\"mdm_nodes_end\"\n"
	"KERNEL==\"video*|v4l-subdev*\", " SHUT "GOTO=\"mdm_nodes_end\"\n"
	"LABEL=\"mdm_camera_usb\"\n"
	"TEST!=\"" OPEN "/camera\", ATTR{authorized}==\"1\", ATTR{authorized}=\"0\"\n"
	"GOTO=\"mdm_nodes_end\"\n";

static const char microphone_rules[] = "LABEL=\"mdm_microphone\"\n"
				       "TEST!=\"" OPEN "/microphone\", " SHUT;

int nodes_rule_write(bool camera, bool microphone, struct buf *out)
{
	buf_puts(out, RESTRICT_MARK "ACTION==\"remove\", GOTO=\"mdm_nodes_end\"\n");
	if (camera)
		buf_puts(out, "SUBSYSTEM==\"video4linux\", GOTO=\"mdm_camera\"\n"
			      "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_interface\", "
			      "ATTR{bInterfaceClass}==\"0e\", GOTO=\"mdm_camera_usb\"\n");
	if (microphone)
		buf_puts(out, "SUBSYSTEM==\"sound\", KERNEL==\"pcmC*D*c|dsp*|adsp*|audio*\", "
			      "GOTO=\"mdm_microphone\"\n");
	buf_puts(out, "GOTO=\"mdm_nodes_end\"\n");
	if (camera)
		buf_puts(out, camera_rules);
	if (microphone)
		buf_puts(out, microphone_rules);
	buf_puts(out, "LABEL=\"mdm_nodes_end\"\n");
	return out->error;
}

/* --- USB ----------------------------------------------------------------------------------- */

bool usb_pin_is_valid(const struct usb_pin *pin)
{
	static const char hex[] = "0123456789abcdef", port[] = "0123456789-.";

	return strlen(pin->vendor) == 4 && !pin->vendor[strspn(pin->vendor, hex)] &&
	       strlen(pin->product) == 4 && !pin->product[strspn(pin->product, hex)] &&
	       pin->name[0] && !pin->name[strspn(pin->name, port)];
}

int usb_rule_write(const struct usb_pin *pins, size_t n_pins, struct buf *out)
{
	for (size_t i = 0; i < n_pins; i++)
		if (!usb_pin_is_valid(&pins[i]))
			return -EINVAL;
	buf_puts(out, RESTRICT_MARK
		"ACTION!=\"add\", GOTO=\"mdm_usb_end\"\n"
		"SUBSYSTEM!=\"usb\", GOTO=\"mdm_usb_end\"\n"
		"ENV{DEVTYPE}!=\"usb_device\", GOTO=\"mdm_usb_end\"\n"
		"TEST==\"" OPEN "/usb_host\", GOTO=\"mdm_usb_end\"\n"
		"# Controllers: what is plugged into them is not taken.\n"
		"KERNEL==\"usb[0-9]*\", ATTR{authorized_default}=\"0\", GOTO=\"mdm_usb_end\"\n"
		"# What is built in, as the hubs above it are: any hub can say so of what is on it.\n"
		"SUBSYSTEMS==\"usb\", KERNELS==\"*-*\", ATTRS{removable}==\"removable|unknown\", "
		"GOTO=\"mdm_usb_plugged\"\n"
		"ATTR{removable}==\"fixed\", ATTR{authorized}=\"1\", GOTO=\"mdm_usb_end\"\n"
		"LABEL=\"mdm_usb_plugged\"\n");
	for (size_t i = 0; i < n_pins; i++)
		buf_printf(out,
			"KERNEL==\"%s\", ATTR{idVendor}==\"%s\", ATTR{idProduct}==\"%s\", "
			"ATTR{authorized}=\"1\", GOTO=\"mdm_usb_end\"\n",
			pins[i].name, pins[i].vendor, pins[i].product);
	buf_puts(out, "ATTR{authorized}=\"0\"\n"
		      "LABEL=\"mdm_usb_end\"\n");
	return out->error;
}
