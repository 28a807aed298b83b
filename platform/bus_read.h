/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus_read.h - reading what services answer: objects with their interfaces, and the values of
 * properties. Enforcer only.
 */
#ifndef MDM_PLATFORM_BUS_READ_H
#define MDM_PLATFORM_BUS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/*
 * Reads a{sa{sv}}, the interfaces of one object, or with objects a{oa{sa{sv}}}: visit gets every
 * interface in front of its a{sv}, and returns 1 if it read that, 0 to have it skipped, negative to
 * give up. 0 or negative.
 */
typedef int (*bus_interface_fn)(
	const char *path, const char *interface, sd_bus_message *message, void *userdata);
int bus_read_interfaces(
	sd_bus_message *message, const char *path, bus_interface_fn visit, void *userdata);
int bus_read_objects(sd_bus_message *message, bus_interface_fn visit, void *userdata);

/*
 * Reads the members of a{sv}: visit gets the variant not yet entered, and returns 1 if it read it,
 * 0 to have it skipped, negative to give up. 0 or negative.
 */
typedef int (*bus_property_fn)(const char *name, sd_bus_message *message, void *userdata);
int bus_read_properties(sd_bus_message *message, bus_property_fn visit, void *userdata);

/* The variant in front, a list of objects: visit gets each of them. 1 or negative. */
int bus_read_paths(
	sd_bus_message *message, void (*visit)(const char *path, void *userdata), void *userdata);
/* The variant in front: 1; negative: of another type. What is too long for the place is "". */
int bus_read_u32(sd_bus_message *message, uint32_t *ret_value);
int bus_read_bool(sd_bus_message *message, bool *ret_value);
int bus_read_double(sd_bus_message *message, double *ret_value);
int bus_read_text(sd_bus_message *message, char type, char *ret_text, size_t size_bytes);

#endif
