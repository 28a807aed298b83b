/* SPDX-License-Identifier: Apache-2.0 */
/* bus_read.c - reading what services answer; see bus_read.h. Enforcer only. */
#include "platform/bus_read.h"

#include <stdio.h>
#include <string.h>

int bus_read_interfaces(
	sd_bus_message *message, const char *path, bus_interface_fn visit, void *userdata)
{
	int r = sd_bus_message_enter_container(message, 'a', "{sa{sv}}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "sa{sv}")) > 0) {
		const char *interface;

		r = sd_bus_message_read(message, "s", &interface);
		if (r >= 0)
			r = visit(path, interface, message, userdata);
		if (r == 0)
			r = sd_bus_message_skip(message, "a{sv}");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

int bus_read_objects(sd_bus_message *message, bus_interface_fn visit, void *userdata)
{
	int r = sd_bus_message_enter_container(message, 'a', "{oa{sa{sv}}}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "oa{sa{sv}}")) > 0) {
		const char *path;

		r = sd_bus_message_read(message, "o", &path);
		if (r >= 0)
			r = bus_read_interfaces(message, path, visit, userdata);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

int bus_read_properties(sd_bus_message *message, bus_property_fn visit, void *userdata)
{
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *name;

		r = sd_bus_message_read(message, "s", &name);
		if (r >= 0)
			r = visit(name, message, userdata);
		if (r == 0)
			r = sd_bus_message_skip(message, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

int bus_read_paths(
	sd_bus_message *message, void (*visit)(const char *path, void *userdata), void *userdata)
{
	const char *path;
	int r = sd_bus_message_enter_container(message, 'v', "ao");

	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "o");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(message, "o", &path)) > 0)
		visit(path, userdata);
	if (r >= 0)
		r = sd_bus_message_exit_container(message);
	if (r >= 0)
		r = sd_bus_message_exit_container(message);
	return r < 0 ? r : 1;
}

int bus_read_u32(sd_bus_message *message, uint32_t *ret_value)
{
	uint32_t value;
	int r = sd_bus_message_read(message, "v", "u", &value);

	if (r < 0)
		return r;
	*ret_value = value;
	return 1;
}

int bus_read_bool(sd_bus_message *message, bool *ret_value)
{
	int value;
	int r = sd_bus_message_read(message, "v", "b", &value);

	if (r < 0)
		return r;
	*ret_value = value;
	return 1;
}

int bus_read_double(sd_bus_message *message, double *ret_value)
{
	double value;
	int r = sd_bus_message_read(message, "v", "d", &value);

	if (r < 0)
		return r;
	*ret_value = value;
	return 1;
}

int bus_read_text(sd_bus_message *message, char type, char *ret_text, size_t size_bytes)
{
	const char types[2] = {type, 0};
	const char *text;
	int r = sd_bus_message_read(message, "v", types, &text);

	if (r < 0)
		return r;
	snprintf(ret_text, size_bytes, "%s", strlen(text) < size_bytes ? text : "");
	return 1;
}
