# SPDX-License-Identifier: Apache-2.0
"""What the double of a modem knows of where it is; imported by the double's own process."""

import time

import location_rig


def sky(modem, dbus, position, moving, cell):
    enabled = int(modem.Get(location_rig.MODEM_LOCATION, "Enabled"))
    known = dbus.Dictionary({}, signature="uv")
    if enabled & 1 and cell:
        known[dbus.UInt32(1)] = dbus.String(cell, variant_level=1)
    if position and enabled & 4:
        known[dbus.UInt32(4)] = dbus.String(
            location_rig.epoch(*position, when=None if moving else 1000000000), variant_level=1)
    if position and enabled & 2:
        known[dbus.UInt32(2)] = dbus.Dictionary({
            "utc-time": time.strftime("%H%M%S.00", time.gmtime(None if moving else 1000000000)),
            "latitude": dbus.Double(position[0]), "longitude": dbus.Double(position[1]),
            "altitude": dbus.Double(3)}, signature="sv", variant_level=1)
    return known
