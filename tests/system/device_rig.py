# SPDX-License-Identifier: Apache-2.0
"""A phone's system bus for tests: a private dbus-daemon, and python3-dbusmock in the place of
logind, NetworkManager and ModemManager. Nothing of it touches the machine's own bus."""

import os
import signal
import subprocess

from mdmctl_rig import Skip, check
from agent_rig import wait_for

PYTHON = "/usr/bin/python3"
LOGIND = "org.freedesktop.login1"
NETWORK = "org.freedesktop.NetworkManager"
MODEMS = "org.freedesktop.ModemManager1"
MODEM_3GPP = MODEMS + ".Modem.Modem3gpp"
MOCK = "org.freedesktop.DBus.Mock"

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""

try:
    import dbus
    import dbus.bus
    import dbus.lowlevel
    import dbusmock  # pylint: disable=unused-import
except ImportError:
    dbus = None


class Bus:
    """A system bus at the place where a phone's root file system has it."""

    STRANGER = object()

    def __init__(self, base, root):
        if not dbus:
            raise Skip("python3-dbusmock is not installed")
        self.base = base
        self.socket = os.path.join(root, "run/dbus/system_bus_socket")
        self.address = "unix:path=" + self.socket
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": self.address}
        self.daemon, self.connection, self.services = None, None, {}

    def start(self):
        os.makedirs(os.path.dirname(self.socket), exist_ok=True)
        config = os.path.join(self.base, "bus.conf")
        with open(config, "w") as f:
            f.write(CONFIG % self.socket)
        # pylint: disable=consider-using-with
        self.daemon = subprocess.Popen(["dbus-daemon", "--nofork", "--config-file=" + config],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        wait_for("the bus", lambda: os.path.exists(self.socket))
        self.connection = wait_for("a connection to the bus", self.connect)
        return self

    def connect(self):
        try:
            return dbus.bus.BusConnection(self.address)
        except dbus.exceptions.DBusException:
            return None

    def stop(self):
        for name in list(self.services):
            self.end(name)
        if self.connection:
            self.connection.close()
            self.connection = None
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait()
            self.daemon = None
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    # --- services ---

    def serve(self, name, *argv):
        """Starts one; it is there when its name has an owner."""
        with open(os.path.join(self.base, "mock.log"), "a") as log:
            # pylint: disable=consider-using-with
            self.services[name] = subprocess.Popen(
                [PYTHON, "-m", "dbusmock", "--system", *argv], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=dict(os.environ, **self.env))
        wait_for(name, lambda: self.connection.name_has_owner(name))

    def end(self, name):
        process = self.services.pop(name)
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def pause(self, name, paused):
        """A service that lives but does not answer."""
        self.services[name].send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def mock(self, name, path):
        return dbus.Interface(self.connection.get_object(name, path, introspect=False), MOCK)

    # --- logind ---

    def logind(self):
        self.serve(LOGIND, "--template", "logind")

    def sleep(self, starts):
        self.mock(LOGIND, "/org/freedesktop/login1").EmitSignal(
            LOGIND + ".Manager", "PrepareForSleep", "b", [dbus.Boolean(starts)])

    def inhibitors(self):
        manager = dbus.Interface(
            self.connection.get_object(LOGIND, "/org/freedesktop/login1", introspect=False),
            LOGIND + ".Manager")
        return [tuple(str(v) for v in row[:4]) for row in manager.ListInhibitors()]

    # --- NetworkManager ---

    def network(self, **properties):
        self.serve(NETWORK, "--template", "networkmanager")
        mock = self.mock(NETWORK, "/org/freedesktop/NetworkManager")
        for name, value in {"Metered": dbus.UInt32(2), "PrimaryConnection": dbus.ObjectPath("/a/1"),
                            "PrimaryConnectionType": "802-11-wireless"}.items():
            mock.AddProperty(NETWORK, name, value)
        if properties:
            self.link(**properties)

    def link(self, state=None, metered=None, primary=None, kind=None):
        """What changed, in one signal."""
        values = {"State": None if state is None else dbus.UInt32(state),
                  "Metered": None if metered is None else dbus.UInt32(metered),
                  "PrimaryConnectionType": kind}
        # The mock cannot update an object path, but tell of one.
        if primary:
            self.mock(NETWORK, "/org/freedesktop/NetworkManager").EmitSignal(
                "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                dbus.Array([NETWORK, dbus.Dictionary(
                    {"PrimaryConnection": dbus.ObjectPath(primary)}, signature="sv"),
                    dbus.Array([], signature="s")], signature="v"))
            return
        self.mock(NETWORK, "/org/freedesktop/NetworkManager").UpdateProperties(
            NETWORK, dbus.Dictionary({k: v for k, v in values.items() if v is not None},
                                     signature="sv"))

    # --- ModemManager ---

    def modem_of(self, imei):
        """A modem that says this is its number; for who asks which modems there are."""
        self.serve(MODEMS, "--is-object-manager", MODEMS, "/org/freedesktop/ModemManager1", MODEMS)
        self.mock(MODEMS, "/org/freedesktop/ModemManager1").AddObject(
            "/org/freedesktop/ModemManager1/Modem/0", MODEMS + ".Modem",
            dbus.Dictionary({"Manufacturer": "Example", "EquipmentIdentifier": imei}, signature="sv"),
            dbus.Array([], signature="(ssss)"))

    def modems(self, registration):
        self.serve(MODEMS, "--is-object-manager", MODEMS, "/org/freedesktop/ModemManager1", MODEMS)
        self.mock(MODEMS, "/org/freedesktop/ModemManager1").AddObject(
            "/org/freedesktop/ModemManager1/Modem/0", MODEM_3GPP,
            dbus.Dictionary({"RegistrationState": dbus.UInt32(registration),
                             "OperatorName": "Example"}, signature="sv"),
            dbus.Array([], signature="(ssss)"))
        self.mock(MODEMS, "/org/freedesktop/ModemManager1").EmitSignal(
            "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}",
            dbus.Array([dbus.ObjectPath("/org/freedesktop/ModemManager1/Modem/0"), dbus.Dictionary(
                {MODEM_3GPP: dbus.Dictionary({"RegistrationState": dbus.UInt32(registration)},
                                             signature="sv")}, signature="sa{sv}")],
                signature="v"))

    def registration(self, value):
        self.mock(MODEMS, "/org/freedesktop/ModemManager1/Modem/0").UpdateProperties(
            MODEM_3GPP, dbus.Dictionary({"RegistrationState": dbus.UInt32(value)}, signature="sv"))

    # --- somebody else on the bus ---

    def name_of(self, pid):
        """The unique name of a process."""
        for name in self.connection.list_names():
            if name.startswith(":") and \
                    self.connection.call_blocking(
                        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                        "GetConnectionUnixProcessID", "s", (name,)) == pid:
                return name
        return None

    def forge(self, pid, *signals):
        """Signals sent straight to a process by somebody who owns no name: (path, interface, member,
        signature, values...). What stands for a value as Bus.STRANGER is the forger's own unique
        name. When this returns the bus has passed them on."""
        name = self.name_of(pid)
        check(name, "process", pid, "is not on the bus")
        stranger = self.connect()
        for path, interface, member, signature, *values in signals:
            message = dbus.lowlevel.SignalMessage(path, interface, member)
            message.set_destination(name)
            message.append(signature=signature, *[
                stranger.get_unique_name() if value is Bus.STRANGER else value for value in values])
            stranger.send_message(message)
        stranger.get_name_owner("org.freedesktop.DBus")
        return stranger
