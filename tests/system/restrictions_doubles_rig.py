# SPDX-License-Identifier: Apache-2.0
"""Doubles of NetworkManager, ModemManager, logind and systemd on the system bus of a test, which do what the real
ones do when they are told to end a connection, hang up or stop a unit. Orders are lines of JSON on the standard
input, ["what", argument...]; each is answered by a line of JSON.

Usage: restrictions_doubles_rig.py ROOT    with DBUS_SYSTEM_BUS_ADDRESS; run by restrictions_rig.py."""

import json
import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

PROPERTIES = "org.freedesktop.DBus.Properties"
NM = "org.freedesktop.NetworkManager"
NM_PATH = "/org/freedesktop/NetworkManager"
MM = "org.freedesktop.ModemManager1"
MM_PATH = "/org/freedesktop/ModemManager1"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
LOGIN = "org.freedesktop.login1"
LOGIN_PATH = "/org/freedesktop/login1"
SYSTEMD = "org.freedesktop.systemd1"
SYSTEMD_PATH = "/org/freedesktop/systemd1"
DROP_IN = "etc/systemd/system/%s.d/90-mdm-agent-restrictions.conf"

# Sections of settings that matter, for each kind of connection.
KINDS = {
    "mobile": ("gsm", {"gsm": {"apn": "internet"}}),
    "wifi": ("802-11-wireless", {"802-11-wireless": {"mode": "infrastructure"}, "ipv4": {"method": "auto"}}),
    "hotspot": ("802-11-wireless", {"802-11-wireless": {"mode": "ap"}, "ipv4": {"method": "shared"}}),
    "cable": ("802-3-ethernet", {"ipv4": {"method": "shared"}}),
    "nap": ("bluetooth", {"bluetooth": {"type": "nap"}}),
}
CALLS = []  # what was asked of the doubles that changes something


def paths(values):
    return dbus.Array([dbus.ObjectPath(v) for v in values], signature="o")


class Thing(dbus.service.Object):
    """An object with properties."""

    def __init__(self, path, interface, **properties):
        super().__init__(BUS, path)
        self.path, self.interface, self.properties = path, interface, properties

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return dbus.Dictionary(self.properties if interface == self.interface else {}, signature="sv")

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if interface != self.interface or name not in self.properties:
            raise dbus.exceptions.DBusException("no such property", name="org.freedesktop.DBus.Error.InvalidArgs")
        return self.properties[name]

    @dbus.service.method(PROPERTIES, in_signature="ssv")
    def Set(self, _interface, name, value):
        CALLS.append(["Set", name, bool(value)])
        self.change(**{name: value})

    @dbus.service.signal(PROPERTIES, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    def change(self, **properties):
        self.properties.update(properties)
        self.PropertiesChanged(self.interface, dbus.Dictionary(properties, signature="sv"),
                               dbus.Array([], signature="s"))


# --- NetworkManager

class Profile(Thing):
    @dbus.service.method(NM + ".Settings.Connection", out_signature="a{sa{sv}}")
    def GetSettings(self):
        return dbus.Dictionary({section: dbus.Dictionary(values, signature="sv")
                                for section, values in KINDS[self.kind][1].items()}, signature="sa{sv}")


class Network(Thing):
    def __init__(self):
        super().__init__(NM_PATH, NM, ActiveConnections=paths([]), WwanEnabled=True, WirelessEnabled=True,
                         State=dbus.UInt32(70), Metered=dbus.UInt32(2), PrimaryConnection=dbus.ObjectPath("/"),
                         PrimaryConnectionType="")
        self.actives, self.n, self.n_refused, self.profiles = {}, 0, 0, {}
        for kind in KINDS:
            profile = Profile("%s/Settings/%s" % (NM_PATH, kind), NM + ".Settings.Connection")
            profile.kind = kind
            self.profiles[profile.path] = kind

    def tell(self):
        self.change(ActiveConnections=paths(self.actives))

    def up(self, kind):
        self.n += 1
        path = "%s/ActiveConnection/%d" % (NM_PATH, self.n)
        active = Thing(path, NM + ".Connection.Active", Type=KINDS[kind][0], State=dbus.UInt32(2),
                       Connection=dbus.ObjectPath("%s/Settings/%s" % (NM_PATH, kind)))
        self.actives[path] = (kind, active)
        self.tell()
        return path

    def down(self, path):
        self.actives.pop(path)[1].remove_from_connection()
        self.tell()

    @dbus.service.method(NM, in_signature="o")
    def DeactivateConnection(self, path):
        CALLS.append(["DeactivateConnection", self.actives[path][0] if path in self.actives else ""])
        if self.n_refused:
            self.n_refused -= 1
            raise dbus.exceptions.DBusException("not now", name=NM + ".Failed")
        if path in self.actives:
            self.down(path)

    @dbus.service.method(NM, in_signature="ooo", out_signature="o", sender_keyword="sender",
                         async_callbacks=("done", "failed"))
    def ActivateConnection(self, profile, _device, _object, sender, done, failed):
        """As the real one, which asks who that was, and believes nobody who is gone by then."""
        def later():
            if not BUS.name_has_owner(sender):
                CALLS.append(["nobody"])
                failed(dbus.exceptions.DBusException("unknown user", name=NM + ".PermissionDenied"))
            else:
                CALLS.append(["ActivateConnection", self.profiles[profile]])
                done(self.up(self.profiles[profile]))
        GLib.timeout_add(100, later)


# --- ModemManager

class Bearer(Thing):
    @dbus.service.method(MM + ".Bearer")
    def Disconnect(self):
        CALLS.append(["Disconnect", self.path])
        self.change(Connected=False)


class Modem(Thing):
    """What would switch it off is noted, and must never come."""

    @dbus.service.method(MM + ".Modem", in_signature="b")
    def Enable(self, on):
        CALLS.append(["Enable", bool(on)])

    @dbus.service.method(MM + ".Modem", in_signature="u")
    def SetPowerState(self, state):
        CALLS.append(["SetPowerState", int(state)])

    @dbus.service.method(MM + ".Modem", in_signature="o")
    def DeleteBearer(self, bearer):
        CALLS.append(["DeleteBearer", bearer])

    @dbus.service.method(MM + ".Modem")
    def Reset(self):
        CALLS.append(["Reset"])

    @dbus.service.method(MM + ".Modem.Simple", in_signature="o")
    def Disconnect(self, bearer):
        CALLS.append(["Simple.Disconnect", bearer])

    @dbus.service.method(MM + ".Modem.Voice")
    def HangupAll(self):
        CALLS.append(["HangupAll"])

    @dbus.service.signal(MM + ".Modem.Voice", signature="o")
    def CallAdded(self, path):
        pass

    @dbus.service.signal(MM + ".Modem.Voice", signature="o")
    def CallDeleted(self, path):
        pass


class Call(Thing):
    @dbus.service.signal(MM + ".Call", signature="iiu")
    def StateChanged(self, before, now, why):
        pass


class Modems(Thing):
    # Names of bearers: MMBearerType and MMBearerApnType.
    BEARERS = {"data": (1, 1 << 1), "untold": (1, 0), "attach": (2, 1 << 1), "voice": (1, 1 << 5),
               "emergency": (1, 1 << 6), "messages": (1, 1 << 3), "ims": (3, 1 << 2)}

    def __init__(self):
        super().__init__(MM_PATH, MM, Version="1.22")
        self.bearers, self.calls, self.n = {}, {}, 0
        for name, (kind, apn) in self.BEARERS.items():
            self.bearers[name] = Bearer(
                "%s/Bearer/%s" % (MM_PATH, name), MM + ".Bearer", Connected=False, BearerType=dbus.UInt32(kind),
                Properties=dbus.Dictionary({"apn-type": dbus.UInt32(apn)}, signature="sv"))
        self.modem = Modem(MM_PATH + "/Modem/0", MM + ".Modem",
                           Bearers=paths([b.path for b in self.bearers.values()]))

    @dbus.service.method(OBJECTS, out_signature="a{oa{sa{sv}}}")
    def GetManagedObjects(self):
        return dbus.Dictionary({dbus.ObjectPath(self.modem.path): dbus.Dictionary({
            MM + ".Modem": dbus.Dictionary(self.modem.properties, signature="sv"),
            MM + ".Modem.Voice": dbus.Dictionary({
                "Calls": paths(self.calls), "EmergencyOnly": False}, signature="sv"),
            }, signature="sa{sv}")}, signature="oa{sa{sv}}")

    def ring(self, state):
        self.n += 1
        call = Call("%s/Call/%d" % (MM_PATH, self.n), MM + ".Call", State=dbus.Int32(state))
        self.calls[call.path] = call
        self.modem.CallAdded(call.path)
        return call.path

    def call_state(self, path, state):
        call = self.calls[path]
        before = call.properties["State"]
        call.properties["State"] = dbus.Int32(state)
        call.StateChanged(before, dbus.Int32(state), dbus.UInt32(0))

    def call_delete(self, path):
        self.calls.pop(path).remove_from_connection()
        self.modem.CallDeleted(path)


# --- logind

class Login(Thing):
    def __init__(self):
        super().__init__(LOGIN_PATH, LOGIN + ".Manager", PreparingForShutdown=False)
        self.sessions = {}

    def session(self, name, **more):
        path = "%s/session/%s" % (LOGIN_PATH, name)
        values = {"Class": "user", "Type": "wayland", "State": "active", "Active": True, "Remote": False,
                  "LockedHint": True, "Name": "user", "Id": name}
        values.update(more)
        self.sessions[name] = Thing(path, LOGIN + ".Session", User=dbus.Struct(
            (dbus.UInt32(10000), dbus.ObjectPath(LOGIN_PATH + "/user/_10000"))), **values)
        self.SessionNew(name, path)

    @dbus.service.signal(LOGIN + ".Manager", signature="so")
    def SessionNew(self, name, path):
        pass

    @dbus.service.signal(LOGIN + ".Manager", signature="so")
    def SessionRemoved(self, name, path):
        pass

    @dbus.service.method(LOGIN + ".Manager", out_signature="a(susso)")
    def ListSessions(self):
        return dbus.Array([(name, dbus.UInt32(10000), "user", "seat0", dbus.ObjectPath(s.path))
                           for name, s in self.sessions.items()], signature="(susso)")

    @dbus.service.method(LOGIN + ".Manager", in_signature="s")
    def TerminateSession(self, name):
        CALLS.append(["TerminateSession", str(name)])
        self.end(name)

    def end(self, name):
        session = self.sessions.pop(name)
        session.remove_from_connection()
        self.SessionRemoved(name, session.path)


# --- systemd

class Systemd(Thing):
    def __init__(self):
        super().__init__(SYSTEMD_PATH, SYSTEMD + ".Manager", Version="256")
        self.units, self.read = {}, set()

    @dbus.service.method(SYSTEMD + ".Manager")
    def Reload(self):
        CALLS.append(["Reload"])
        self.read = {name for name in self.units if os.path.exists(os.path.join(ROOT, DROP_IN % name))}

    @dbus.service.method(SYSTEMD + ".Manager", in_signature="as", out_signature="a(ssssssouso)")
    def ListUnitsByNames(self, names):
        return dbus.Array([(n, "", "loaded" if n in self.units else "not-found", self.units.get(n, "inactive"), "", "",
                            dbus.ObjectPath("/"), dbus.UInt32(0), "", dbus.ObjectPath("/")) for n in names],
                          signature="(ssssssouso)")

    @dbus.service.method(SYSTEMD + ".Manager", in_signature="ss", out_signature="o")
    def StopUnit(self, name, _mode):
        CALLS.append(["StopUnit", str(name)])
        self.units[str(name)] = "inactive"
        return dbus.ObjectPath("/org/freedesktop/systemd1/job/1")

    @dbus.service.method(SYSTEMD + ".Manager", in_signature="ss", out_signature="o")
    def StartUnit(self, name, _mode):
        """A condition that does not hold: the job is done, and nothing runs."""
        CALLS.append(["StartUnit", str(name)])
        if str(name) not in self.read:
            self.units[str(name)] = "active"
        return dbus.ObjectPath("/org/freedesktop/systemd1/job/1")


# --- orders

class Doubles:
    NAMES = {"network": NM, "modems": MM, "login": LOGIN, "systemd": SYSTEMD}

    def __init__(self):
        self.network, self.modems, self.login, self.systemd = Network(), Modems(), Login(), Systemd()
        self.names = {}

    def serve(self, *names):
        for name in names:
            self.names[name] = dbus.service.BusName(self.NAMES[name], BUS, do_not_queue=True)

    def leave(self, name):
        del self.names[name]
        BUS.release_name(self.NAMES[name])

    def up(self, kind):
        self.network.up(kind)

    def down(self, kind):
        for path in [p for p, (k, _) in self.network.actives.items() if k == kind]:
            self.network.down(path)

    def actives(self):
        return sorted(kind for kind, _ in self.network.actives.values())

    def refuse(self, times):
        self.network.n_refused = times

    def network_set(self, name, value):
        self.network.change(**{name: value})

    def network_get(self, name):
        return bool(self.network.properties[name])

    def connect(self, *names):
        for name in names:
            self.modems.bearers[name].change(Connected=True)

    def connected(self):
        return sorted(name for name, b in self.modems.bearers.items() if b.properties["Connected"])

    def ring(self, state):
        return self.modems.ring(state)

    def call_state(self, path, state):
        self.modems.call_state(path, state)

    def call_delete(self, path):
        self.modems.call_delete(path)

    def session(self, name, more):
        self.login.session(name, **more)

    def lock(self, name, locked):
        self.login.sessions[name].change(LockedHint=bool(locked))

    def log_out(self, name):
        self.login.end(name)

    def sessions(self):
        return sorted(self.login.sessions)

    def unit(self, name, state):
        self.systemd.units[name] = state

    def start_unit(self, name):
        self.systemd.StartUnit(name, "replace")

    def units(self):
        return self.systemd.units

    @staticmethod
    def calls():
        return CALLS


def on_order(source, _condition, doubles):
    line = source.readline()
    if not line:
        LOOP.quit()
        return False
    what, *arguments = json.loads(line)
    print(json.dumps(getattr(doubles, what)(*arguments)), flush=True)
    return True


ROOT = sys.argv[1]
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
BUS = dbus.SystemBus()
LOOP = GLib.MainLoop()
GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_order, Doubles())
LOOP.run()
