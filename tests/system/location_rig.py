# SPDX-License-Identifier: Apache-2.0
"""What the tests of location stand on: a system bus of their own, the real GeoClue, ModemManager and
gpsd fed by the test, doubles of what needs hardware (python3-dbusmock), and location_tool, which does
what platform/location.h is asked. Nothing here reaches the bus or the services of the machine."""

import concurrent.futures
import os
import pty
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import tty

from mdmctl_rig import BUILD, Skip, check
from agent_rig import wait_for
from device_rig import Bus, MODEMS, NETWORK, PYTHON

import dbus

GEOCLUE = "org.freedesktop.GeoClue2"
MODEM_PATH = "/org/freedesktop/ModemManager1/Modem/0"
MODEM_LOCATION = MODEMS + ".Modem.Location"
WIRELESS = NETWORK + ".Device.Wireless"
ACCESS_POINT = NETWORK + ".AccessPoint"
ACTIVE = NETWORK + ".Connection.Active"
WIFI_PATH = NETWORK.replace(".", "/").join(["/", "/Devices/1"])
NETWORKS, MOTION = 1, 2  # LOCATION_WATCH_*
OFFICE = {"a": (b"Office", "02:00:00:00:00:01"), "b": (b"Caf\xe9", "02:00:00:00:00:02")}
PROGRAMS = {"geoclue": "/usr/libexec/geoclue", "ModemManager": "/usr/sbin/ModemManager",
            "gpsd": "/usr/sbin/gpsd"}

# Mounts of its own; as root, or as the user that it is, for the bus goes by that. No network: whatever
# its configuration says, GeoClue asks a web service where this machine is.
PRIVATE = (["unshare"] if os.geteuid() == 0 else ["unshare", "-c", "--keep-caps"]) + ["-m", "-n"]

GEOCLUE_CONFIG = """[agent]
whitelist=geoclue-demo-agent;sm.puri.Phosh
[network-nmea]
enable=%(socket)s
nmea-socket=%(nmea)s
[3g]
enable=false
[cdma]
enable=false
[modem-gps]
enable=%(modem)s
[wifi]
enable=false
"""
# What the drop-in says, which a GeoClue of before 2.7 does not read.
GEOCLUE_LEAVE = """[mdm-agent]
allowed=%(allowed)s
system=true
users=%(uid)d
"""


def need(program):
    path = PROGRAMS[program]
    if not os.path.exists(path):
        raise Skip(program + " is not installed")
    return path


def seal(body):
    total = 0
    for character in body.encode():
        total ^= character
    return "$%s*%02X\r\n" % (body, total)


def epoch(latitude, longitude, quality=1, when=None):
    """What a receiver says in a second."""
    now = time.gmtime(when)

    def angle(value, width, letters):
        minutes = abs(value) % 1 * 60
        return "%0*d%07.4f,%s" % (width, abs(int(value)), minutes, letters[value < 0])
    place = "%s,%s" % (angle(latitude, 2, "NS"), angle(longitude, 3, "EW"))
    return seal("GPGGA,%s.00,%s,%d,08,1.2,30.0,M,40.0,M,," % (
        time.strftime("%H%M%S", now), place, quality)) + \
        seal("GPGSA,A,3,01,02,03,04,05,06,07,08,,,,,2.0,1.2,1.6") + \
        seal("GPRMC,%s.00,A,%s,000.5,054.7,%s,,,A" % (
            time.strftime("%H%M%S", now), place, time.strftime("%d%m%y", now)))


class Receiver:
    """A receiver behind a socket, as gnss-share has it: speaks to whoever is connected."""

    def __init__(self, path):
        self.path, self.position, self.n_clients, self.n_served = path, (52.5, 13.4), 0, 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        self.n_clients += 1
        self.n_served += 1
        try:
            while True:
                client.sendall(epoch(*self.position).encode())
                time.sleep(1)
        except OSError:
            pass
        client.close()
        self.n_clients -= 1

    def close(self):
        self.socket.close()


class Phone:
    """A bus, a root file system, a state directory, and a location."""

    def __init__(self, base):
        os.makedirs(base, exist_ok=True)
        os.chmod(base, 0o755)
        self.base, self.root = base, os.path.join(base, "root")
        self.state = os.path.join(base, "state")
        os.makedirs(os.path.join(self.root, "run"))
        os.makedirs(self.state)
        self.bus = Bus(base, self.root)
        self.processes, self.receivers = [], []
        self.tool = self.lines = None
        self.gpsd_port = 1

    def __enter__(self):
        self.bus.start()
        return self

    def __exit__(self, kind, *args):
        tool, _ = self.tool, self.stop()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for receiver in self.receivers:
            receiver.close()
        self.bus.stop()
        # Whatever was found before tells more.
        check(kind or not tool or tool.returncode == 0, "it ended badly")

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def run(self, command, log, **more):
        with open(os.path.join(self.base, log), "a") as f:
            # pylint: disable=consider-using-with
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=f, stderr=f,
                env=dict(os.environ, **self.bus.env, G_MESSAGES_DEBUG="Geoclue"), **more))
        return self.processes[-1]

    def log(self, name):
        with open(os.path.join(self.base, name), errors="replace") as f:
            return f.read()

    # --- the location ---

    def start(self):
        # pylint: disable=consider-using-with
        self.tool = subprocess.Popen(
            [os.path.join(BUILD, "tests/lib/location_tool"), self.root, self.state,
             str(self.gpsd_port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, **self.bus.env))
        self.lines = queue.Queue()
        threading.Thread(target=self.read, args=(self.tool.stdout, self.lines), daemon=True).start()
        self.expect("ready")
        return self

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def say(self, line):
        self.tool.stdin.write(line + "\n")
        self.tool.stdin.flush()

    def next(self, patience=60):
        try:
            return self.lines.get(timeout=patience)
        except queue.Empty:
            check(False, "nothing came in %d s" % patience)
            return None

    def expect(self, *words, unless=("missed", "no_scan")):
        """The next event of one of these kinds, split; others are passed over, but not failures."""
        while True:
            line = self.next()
            check(line is not None, "it ended, waiting for", words)
            found = line.split(" ")
            if found[0] in words:
                return found
            check(found[0] not in unless, line, "instead of", words)

    def quiet(self, seconds, *words):
        """None of these comes for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                return
            check(line and line.split(" ")[0] not in words, line)

    def facts(self):
        """{source: (presence, activity, detail)} and "switch"; events before it are dropped."""
        self.say("facts")
        facts = {}
        while True:
            line = self.next()
            check(line is not None, "it ended")
            if line.startswith("source "):
                name, presence, activity, detail = line[7:].rstrip("|").split(" ", 3)
                facts[name] = (presence, activity, detail)
            elif line.startswith("switch "):
                facts["switch"] = tuple(line[7:].rstrip("|").split(" ", 1))
            elif line.startswith("facts "):
                facts["teller"] = line.split(" ")[1]
                return facts

    def detail(self, source):
        return self.facts()[source][2]

    def stop(self, word="quit"):
        if not self.tool:
            return
        if self.tool.poll() is None:
            try:
                self.say(word)
            except OSError:
                pass
            try:
                self.tool.wait(30)
            except subprocess.TimeoutExpired:
                self.tool.kill()
                self.tool.wait()
        self.tool = None

    def is_on_the_bus(self):
        try:
            return self.bus.name_of(self.tool.pid) is not None
        except dbus.exceptions.DBusException:
            return True  # somebody left while everybody was asked

    # --- services ---

    def gnss_share(self):
        self.receivers.append(Receiver(os.path.join(self.root, "run/gnss-share.sock")))
        return self.receivers[-1]

    def geoclue(self, allowed=True, modem=False):
        """The real one, with a receiver behind a socket. Its configuration has a fixed place. allowed:
        None where it says nothing of the agent."""
        program = need("geoclue")
        receiver = Receiver(os.path.join(self.base, "nmea.sock"))
        self.receivers.append(receiver)
        config = os.path.join(self.base, "geoclue.conf")
        with open(config, "w") as f:
            f.write(GEOCLUE_CONFIG % {"nmea": receiver.path, "modem": str(modem).lower(),
                                      "socket": str(not modem).lower()})
            if allowed is not None:
                f.write(GEOCLUE_LEAVE % {"uid": os.geteuid(), "allowed": "true" if allowed else "false"})
        if not os.path.exists("/etc/geoclue/geoclue.conf"):
            raise Skip("GeoClue has no configuration to put another one over")
        script = "mount --make-rprivate / && mount --bind %s /etc/geoclue/geoclue.conf && exec %s" % (
            config, program)
        if subprocess.run(PRIVATE + ["true"], capture_output=True, check=False).returncode:
            raise Skip("no mount namespaces of one's own here")
        process = self.run(PRIVATE + ["sh", "-c", script], "geoclue.log")
        wait_for("GeoClue", lambda: self.bus.connection.name_has_owner(GEOCLUE))
        self.installed(GEOCLUE)
        return receiver, process

    def geoclue_is_idle(self):
        manager = self.bus.connection.get_object(GEOCLUE, "/org/freedesktop/GeoClue2/Manager")
        return not dbus.Interface(manager, "org.freedesktop.DBus.Properties").Get(
            GEOCLUE + ".Manager", "InUse")

    def installed(self, name):
        """As far as files say."""
        self.write("usr/share/dbus-1/system-services/%s.service" % name, "")

    def geoclue_double(self, in_use):
        """Only whether it is in use; it takes no clients."""
        self.bus.serve(GEOCLUE, GEOCLUE, "/org/freedesktop/GeoClue2/Manager", GEOCLUE + ".Manager")
        self.bus.mock(GEOCLUE, "/org/freedesktop/GeoClue2/Manager").AddProperty(
            GEOCLUE + ".Manager", "InUse", dbus.Boolean(in_use))

    def geoclue_in_use(self, in_use):
        self.bus.mock(GEOCLUE, "/org/freedesktop/GeoClue2/Manager").UpdateProperties(
            GEOCLUE + ".Manager", dbus.Dictionary({"InUse": dbus.Boolean(in_use)}, signature="sv"))

    def geoclue_client(self, *places, slow_s=0):
        """A double that lets itself be asked, which may take long: it says the places when it is told to."""
        self.geoclue_double(False)
        self.installed(GEOCLUE)
        manager = self.bus.mock(GEOCLUE, "/org/freedesktop/GeoClue2/Manager")
        client = "/org/freedesktop/GeoClue2/Client/1"
        manager.AddMethods(GEOCLUE + ".Manager", dbus.Array([
            ("AddAgent", "s", "", ""), ("DeleteClient", "o", "", ""),
            ("GetClient", "", "o", "import time\ntime.sleep(%f)\nret = dbus.ObjectPath('%s')" % (
                slow_s, client))], signature="(ssss)"))
        manager.AddObject(client, GEOCLUE + ".Client", dbus.Dictionary(
            {"DesktopId": "", "RequestedAccuracyLevel": dbus.UInt32(0)}, signature="sv"), dbus.Array(
                [("Start", "", "", ""), ("Stop", "", "", "")], signature="(ssss)"))
        for n, place in enumerate(places):
            manager.AddObject(self.geoclue_place(n), GEOCLUE + ".Location", dbus.Dictionary(
                place, signature="sv"), dbus.Array([], signature="(ssss)"))

    @staticmethod
    def geoclue_place(n):
        return dbus.ObjectPath("/org/freedesktop/GeoClue2/Client/1/Location/%d" % n)

    def geoclue_calls(self):
        return [str(name) for path in ("Manager", "Client/1") for _, name, _ in
                self.bus.mock(GEOCLUE, "/org/freedesktop/GeoClue2/" + path).GetCalls()]

    def geoclue_says(self, n):
        self.bus.mock(GEOCLUE, "/org/freedesktop/GeoClue2/Client/1").EmitSignal(
            GEOCLUE + ".Client", "LocationUpdated", "oo", [dbus.ObjectPath("/"), self.geoclue_place(n)])

    def modem_manager(self):
        process = self.run([need("ModemManager"), "--test-no-suspend-resume", "--debug"], "mm.log")
        try:
            wait_for("ModemManager", lambda: process.poll() is not None or
                     self.bus.connection.name_has_owner(MODEMS))
        finally:
            if process.poll() is not None:
                print(self.log("mm.log")[-400:])
        check(process.poll() is None, "ModemManager ended")
        return process

    def modem(self, capabilities=7, enabled=1, signals=False, refuse=None):
        """A double of ModemManager with a modem that has a receiver."""
        self.write("usr/sbin/ModemManager", "")
        self.bus.serve(MODEMS, "--is-object-manager", MODEMS, "/org/freedesktop/ModemManager1", MODEMS)
        manager = self.bus.mock(MODEMS, "/org/freedesktop/ModemManager1")
        setup = ("self.UpdateProperties('%s', {'Enabled': dbus.UInt32(args[0]), "
                 "'SignalsLocation': dbus.Boolean(args[1])})" % MODEM_LOCATION)
        if refuse:
            setup = "raise dbus.exceptions.DBusException('no', name='%s')" % refuse
        manager.AddObject(MODEM_PATH, MODEM_LOCATION, dbus.Dictionary({
            "Capabilities": dbus.UInt32(capabilities), "Enabled": dbus.UInt32(enabled),
            "SignalsLocation": dbus.Boolean(signals)}, signature="sv"), dbus.Array(
                [("Setup", "ub", "", setup), ("GetLocation", "", "a{uv}", "ret = {}"),
                 ("SetGpsRefreshRate", "u", "", "")],
                signature="(ssss)"))
        self.bus.mock(MODEMS, MODEM_PATH).AddProperties(MODEMS + ".Modem", dbus.Dictionary(
            {"State": dbus.Int32(8)}, signature="sv"))
        self.see_sky()

    def see_sky(self, position=None, moving=True, cell="26201,4D2,1A2B3C,1A2B"):
        """What the modem's receiver knows, if it is on: fixes, of now or always the same."""
        code = "import sys, time\nsys.path.insert(0, %r)\n" % os.path.dirname(
            os.path.abspath(__file__))
        code += "from location_sky_rig import sky\nret = sky(self, dbus, %r, %r, %r)" % (
            position, moving, cell)
        self.bus.mock(MODEMS, MODEM_PATH).AddMethod(
            MODEM_LOCATION, "GetLocation", "", "a{uv}", code)

    def modem_get(self, name):
        return dbus.Interface(
            self.bus.connection.get_object(MODEMS, MODEM_PATH, introspect=False),
            "org.freedesktop.DBus.Properties").Get(MODEM_LOCATION, name)

    def modem_tells(self):
        """Everybody, that it knows something else."""
        self.bus.mock(MODEMS, MODEM_PATH).EmitSignal(
            "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", dbus.Array([
                MODEM_LOCATION, dbus.Dictionary({"Location": "x"}, signature="sv"),
                dbus.Array([], signature="s")], signature="v"))

    def modem_setups(self):
        return [(int(args[0]), bool(args[1])) for _, name, args in
                self.bus.mock(MODEMS, MODEM_PATH).GetCalls() if name == "Setup"]

    def modem_setup(self, mask, signals=False):
        """By somebody else."""
        dbus.Interface(self.bus.connection.get_object(MODEMS, MODEM_PATH, introspect=False),
                       MODEM_LOCATION).Setup(dbus.UInt32(mask), dbus.Boolean(signals))

    def wifi(self, points, active=None, mode=2, scan=True):
        """A double of NetworkManager with a Wi-Fi device; points: {name: (ssid, bssid, properties)}."""
        self.write("usr/sbin/NetworkManager", "")
        self.bus.serve(NETWORK, "--is-object-manager", NETWORK, "/org/freedesktop", NETWORK + ".X")
        root = self.bus.mock(NETWORK, "/org/freedesktop")
        scanned = ("import time\nself.UpdateProperties('%s', {'LastScan': dbus.Int64(int("
                   "time.clock_gettime(time.CLOCK_BOOTTIME) * 1000))})" % WIRELESS)
        root.AddObject(WIFI_PATH, WIRELESS, dbus.Dictionary({
            "Mode": dbus.UInt32(mode), "LastScan": dbus.Int64(-1),
            "ActiveAccessPoint": self.point(active)}, signature="sv"), dbus.Array(
                [("RequestScan", "a{sv}", "", scanned if scan else "")], signature="(ssss)"))
        self.bus.mock(NETWORK, WIFI_PATH).AddProperties(NETWORK + ".Device", dbus.Dictionary(
            {"State": dbus.UInt32(100 if active else 30)}, signature="sv"))
        # Another device has a state as well.
        root.AddObject("/org/freedesktop/NetworkManager/Devices/2", NETWORK + ".Device",
                       dbus.Dictionary({"State": dbus.UInt32(100)}, signature="sv"),
                       dbus.Array([], signature="(ssss)"))
        for name, point in points.items():
            self.wifi_add(name, *point)

    @staticmethod
    def point(name):
        return dbus.ObjectPath("/org/freedesktop/NetworkManager/AccessPoint/" + name if name else "/")

    def wifi_add(self, name, ssid, bssid, **properties):
        values = {"Ssid": dbus.ByteArray(ssid), "HwAddress": bssid, "Flags": dbus.UInt32(1),
                  "WpaFlags": dbus.UInt32(0), "RsnFlags": dbus.UInt32(0x188),
                  "Mode": dbus.UInt32(2), "Strength": dbus.Byte(50), "LastSeen": dbus.Int32(-1)}
        for key, value in properties.items():
            kinds = {"Strength": dbus.Byte, "LastSeen": dbus.Int32}
            values[key] = kinds.get(key, dbus.UInt32)(value)
        self.bus.mock(NETWORK, "/org/freedesktop").AddObject(
            self.point(name), ACCESS_POINT, dbus.Dictionary(values, signature="sv"),
            dbus.Array([], signature="(ssss)"))
        self.bus.mock(NETWORK, WIFI_PATH).EmitSignal(
            WIRELESS, "AccessPointAdded", "o", [self.point(name)])

    def wifi_remove(self, name):
        self.bus.mock(NETWORK, "/org/freedesktop").RemoveObject(self.point(name))
        self.bus.mock(NETWORK, WIFI_PATH).EmitSignal(
            WIRELESS, "AccessPointRemoved", "o", [self.point(name)])

    def wifi_connect(self, name):
        """It is in that network now, or in none."""
        device = self.bus.mock(NETWORK, WIFI_PATH)
        # The mock cannot update an object path.
        device.AddMethod(NETWORK + ".X", "Move", "", "", "self.props['%s']['ActiveAccessPoint'] = "
                         "dbus.ObjectPath('%s', variant_level=1)" % (WIRELESS, self.point(name)))
        dbus.Interface(self.bus.connection.get_object(NETWORK, WIFI_PATH, introspect=False),
                       NETWORK + ".X").Move()
        state = dbus.UInt32(100 if name else 30)
        device.UpdateProperties(NETWORK + ".Device", dbus.Dictionary(
            {"State": state}, signature="sv"))
        device.EmitSignal(NETWORK + ".Device", "StateChanged", "uuu", [
            state, dbus.UInt32(50), dbus.UInt32(0)])

    def wifi_scans(self):
        return len([1 for _, name, _ in self.bus.mock(NETWORK, WIFI_PATH).GetCalls()
                    if name == "RequestScan"])

    def gpsd(self):
        """The real one on a port of the moment, with a receiver at a pseudo-terminal. Its position
        is a list that the test may change."""
        program = need("gpsd")
        own, device = pty.openpty()
        tty.setraw(device)
        position = [48.25, 11.5]
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.gpsd_port = s.getsockname()[1]

        def feed():
            try:
                while True:
                    os.write(own, epoch(*position).encode())
                    time.sleep(1)
            except OSError:
                pass
        threading.Thread(target=feed, daemon=True).start()
        name = os.ttyname(device)
        os.chmod(name, 0o666)
        process = self.run([program, "-N", "-D", "3", "-S", str(self.gpsd_port), name], "gpsd.log")
        self.write("usr/sbin/gpsd", "")

        def listens():
            with socket.socket() as s:
                return process.poll() is not None or \
                    s.connect_ex(("127.0.0.1", self.gpsd_port)) == 0
        wait_for("gpsd", listens)
        check(process.poll() is None, "gpsd ended:", self.log("gpsd.log"))
        return position

    def stop_process(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait()


def copy_schemas(phone):
    """The machine's schema of the user's switch."""
    source = "/usr/share/glib-2.0/schemas/gschemas.compiled"
    try:
        with open(source, "rb") as f:
            found = b"org.gnome.system.location" in f.read()
    except FileNotFoundError:
        found = False
    if not found or not shutil.which("dconf"):
        raise Skip("gsettings-desktop-schemas or dconf is not installed")
    target = os.path.join(phone.root, source[1:])
    os.makedirs(os.path.dirname(target))
    shutil.copy(source, target)
    phone.write("usr/libexec/phosh", "")
    phone.write("bin/sh", "", 0o755)


def dconf_set(phone, home, enabled):
    """As dconf does: a new file takes the place of the old one."""
    directory = os.path.join(phone.base, "keyfiles")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "k"), "w") as f:
        f.write("[org/gnome/system/location]\nenabled=%s\n" % ("true" if enabled else "false"))
    target = os.path.join(phone.root, home, ".config/dconf/user")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    subprocess.run(["dconf", "compile", target + ".new", directory], check=True)
    os.rename(target + ".new", target)


def run_one(function):
    with tempfile.TemporaryDirectory(prefix="mdm-location-") as base:
        try:
            function(base)
            return None
        except Skip as why:
            return "  skipped: %s" % why
        except BaseException as error:  # pylint: disable=broad-except
            return "FAILED %s\n%s" % (
                function.__name__, "".join(traceback.format_exception(error)))


def run_tests(tests):
    """Those that the arguments name, side by side: they wait more than they work."""
    os.umask(0o022)
    chosen = [t for t in tests if not sys.argv[2:] or t.__name__ in sys.argv[2:]]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = list(pool.map(run_one, chosen))
    for line in filter(None, results):
        print(line)
    skipped = sum(1 for r in results if r and r.startswith("  skipped"))
    failed = sum(1 for r in results if r) - skipped
    print("%d passed, %d failed, %d skipped" % (len(results) - failed - skipped, failed, skipped))
    return 1 if failed else 0


__all__ = ["ACTIVE", "GEOCLUE", "MODEMS", "NETWORK", "PYTHON", "Phone", "copy_schemas", "dconf_set",
           "run_tests", "wait_for"]
