# SPDX-License-Identifier: Apache-2.0
"""What the tests of restrictions stand on: a phone with cameras, microphones, radios, USB on both sides and an SSH
server, all made up below a root file system of its own, and the real agent. The nodes of devices are real ones of no
driver; what udevd, the kernel's switches of radios and the services of the system would do is done here. The machine
itself is neither asked nor touched."""

import json
import os
import selectors
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

from mdmctl_rig import Admin, Server, Skip, check
from agent_rig import Agent, wait_for
from device_rig import PYTHON, Bus

HERE = os.path.dirname(os.path.abspath(__file__))
WEEK = 604800
BUSYBOX = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
UDEV_RULES = "etc/udev/rules.d/"
NODES_RULE, USB_RULE = UDEV_RULES + "72-mdm-agent-nodes.rules", UDEV_RULES + "72-mdm-agent-usb.rules"
POLKIT_RULE = "etc/polkit-1/rules.d/00-mdm-agent-restrictions.rules"
BUS_RULE = "etc/dbus-1/system.d/zz-mdm-agent-location.conf"
OPEN = "run/mdm-agent/open/"
WLAN, BLUETOOTH, WWAN, NFC = 1, 2, 5, 8  # RFKILL_TYPE_*
ADD, CHANGE = 0, 2                      # RFKILL_OP_*
EVENT = struct.Struct("=IBBBB")
VIDEO_GROUP, AUDIO_GROUP = 44, 29
ROWS = ("camera", "microphone", "bluetooth", "nfc", "usb_host", "usb_gadget", "wifi", "mobile_data", "hotspot",
        "location", "ssh", "airplane_mode")


def is_root():
    return os.geteuid() == 0


class Radios:
    """The kernel's switches of radios, behind kernel_shim.c."""

    def __init__(self, base):
        self.path = os.path.join(base, "rfkill")
        self.switches = {0: [WLAN, False], 1: [BLUETOOTH, False], 2: [WWAN, False], 3: [NFC, True]}
        self.names = {0: "phy0", 1: "hci0", 2: "wwan0", 3: "nfc0"}
        self.orders, self.lock = [], threading.RLock()
        self.clients, self.selector = [], selectors.DefaultSelector()
        self.device, self.ready = self.listen(""), self.listen(".ready")
        self.wake, self.waker = socket.socketpair()
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.fighting = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def listen(self, suffix):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self.path + suffix)
        os.chmod(self.path + suffix, 0o666)
        listener.listen(8)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ)
        return listener

    def run(self):
        while True:
            for key, _ in self.selector.select():
                with self.lock:
                    if key.fileobj is self.wake:
                        return
                    if key.fileobj in (self.device, self.ready):
                        self.accept()
                    else:
                        self.serve(key.fileobj)

    def accept(self):
        """First whoever opened the device, then whoever asks whether all was told."""
        for listener in (self.device, self.ready):
            while True:
                try:
                    client = listener.accept()[0]
                except BlockingIOError:
                    break
                try:
                    if listener is self.ready:
                        client.send(b"!")
                        client.close()
                        continue
                    for index, (kind, off) in self.switches.items():
                        client.send(EVENT.pack(index, kind, ADD, off, 0))
                except OSError:
                    client.close()  # it was killed meanwhile
                    continue
                self.clients.append(client)
                self.selector.register(client, selectors.EVENT_READ)

    def serve(self, client):
        try:
            data = client.recv(64)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(client)
            self.clients.remove(client)
            client.close()
            return
        index, _, operation, off, _ = EVENT.unpack(data)
        check(operation == CHANGE, "an order that turns more than one switch", data)
        self.orders.append((index, off))
        self.turn(index, off)
        if self.fighting == index and off:
            self.turn(index, False)

    def turn(self, index, off):
        with self.lock:
            if self.switches[index][1] == bool(off):
                return
            self.switches[index][1] = bool(off)
            for client in list(self.clients):
                try:
                    client.send(EVENT.pack(index, self.switches[index][0], CHANGE, off, 0))
                except OSError:
                    pass

    def off(self, index):
        with self.lock:
            return self.switches[index][1]

    def states(self):
        with self.lock:
            return [off for _, off in self.switches.values()]

    def close(self):
        self.waker.send(b"!")
        self.thread.join()
        for open_socket in (self.device, self.ready, self.wake, self.waker, *self.clients):
            open_socket.close()


class Doubles:
    """restrictions_doubles_rig.py; each of its orders is a method of this."""

    def __init__(self, base, root, bus):
        with open(os.path.join(base, "doubles.log"), "a") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                [PYTHON, os.path.join(HERE, "restrictions_doubles_rig.py"), root], text=True, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, env=dict(os.environ, **bus.env))

    def __getattr__(self, what):
        def order(*arguments):
            self.process.stdin.write(json.dumps([what, *arguments]) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            check(line, "the doubles ended at", what, arguments)
            return json.loads(line)
        return order

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Nodes:
    """Device nodes, and udevd as far as it does what the agent's rules say."""

    def __init__(self, phone):
        self.phone, self.all = phone, {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def add(self, kind, name, node, number, group, gate=None):
        """gate: which mark opens it; None: the agent has no say."""
        device = "sys/devices/soc/" + name
        text = "MAJOR=60\nMINOR=%d\nDEVNAME=%s\n" % (number, node)
        self.phone.write(device + "/uevent", text)
        self.phone.write(device + "/uevent.order", "")  # what kernel_shim.c makes of writing
        self.phone.write(device + "/dev", "60:%d\n" % number)
        self.phone.write(device + "/name", name + "\n")
        link = self.phone.path("sys/class/%s/%s" % (kind, name))
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink("../../devices/soc/" + name, link)
        path = self.phone.path("dev/" + node)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(60, number))
        self.all[name] = (path, self.phone.path(device + "/uevent.order"), group, gate)
        self.obey(name)

    def camera(self, number, name="video0", abilities=":capture:"):
        self.phone.write("run/udev/data/c60:%d" % number, "I:1\nE:ID_V4L_CAPABILITIES=%s\n" % abilities)
        gate = "camera" if "capture" in abilities and "output" not in abilities else None
        self.add("video4linux", name, name, number, VIDEO_GROUP, gate)

    def rules(self, gate):
        rule = {"camera": "LABEL=\"mdm_camera\"", "microphone": "LABEL=\"mdm_microphone\""}.get(gate)
        path = self.phone.path(NODES_RULE)
        if not rule or not os.path.exists(path):
            return False
        with open(path) as f:
            return rule in f.read() and not os.path.exists(self.phone.path(OPEN + gate))

    def obey(self, name):
        """As udevd treats an event of a device."""
        path, _, group, gate = self.all[name]
        if self.rules(gate):
            os.chown(path, 0, 0)
            os.chmod(path, 0)
        else:
            os.chown(path, 0, group)
            os.chmod(path, 0o660)

    def run(self):
        """What is triggered gets udevd's treatment."""
        while not self.ending.wait(0.01):
            for name, (_, order, _, _) in list(self.all.items()):
                with open(order, "r+") as f:
                    if f.read() not in ("add", "change"):
                        continue
                    f.truncate(0)
                self.obey(name)

    def mode(self, name):
        return stat.S_IMODE(os.stat(self.all[name][0]).st_mode)

    def is_shut(self, *names):
        return all(self.mode(name) == 0 for name in names)

    def close(self):
        self.ending.set()
        if self.thread.ident:
            self.thread.join()


class Field:
    """An organisation, its server, and the phone. hardware: False leaves the phone bare."""

    def __init__(self, base, hardware=True, services=("network", "modems", "login", "systemd"), users=True):
        os.chmod(base, 0o755)
        self.base, self.admin = base, Admin(base)
        self.server = self.doubles = None
        self.phone = Agent(base)
        self.bus, self.radios, self.nodes = Bus(base, self.phone.root), Radios(base), Nodes(self.phone)
        self.hardware, self.services, self.users = hardware, services, users
        self.phone.env = self.bus.env
        if hardware:
            self.phone.env = dict(self.bus.env, KERNEL_SHIM_RFKILL=self.radios.path, LD_PRELOAD=self.shim(),
                                  ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")

    def shim(self):
        library = os.path.join(self.base, "kernel_shim.so")
        subprocess.run([os.environ.get("MDM_CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
                        os.path.join(HERE, "../lib/kernel_shim.c"), "-ldl"], check=True)
        return library

    # --- the phone's hardware

    def write(self, name, text):
        self.phone.write(name, text)

    def device(self, path, bus, **attributes):
        for name, value in attributes.items():
            self.write("%s/%s" % (path, name), value + "\n")
        link = self.phone.path("sys/bus/%s/devices/%s" % (bus, os.path.basename(path)))
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.relpath(self.phone.path(path), os.path.dirname(link)), link)

    def usb(self):
        """A controller with a keyboard and a camera that are plugged in, a hub that is built in, and a modem."""
        root = "sys/devices/soc/usb1"
        self.write("sys/module/usbcore/parameters/authorized_default", "-1\n")
        self.device(root, "usb", authorized_default="1", removable="unknown")
        self.device(root + "/1-1", "usb", authorized="1", removable="removable", idVendor="046d", idProduct="c31c",
                    product="Keyboard")
        self.device(root + "/1-2", "usb", authorized="1", removable="fixed", idVendor="05e3", idProduct="0608")
        self.device(root + "/1-3", "usb", authorized="1", removable="unknown", idVendor="2c7c", idProduct="0125")
        self.device(root + "/1-3/1-3:1.4", "usb", bInterfaceClass="ff", authorized="1")
        os.makedirs(self.phone.path(root + "/1-3/1-3:1.4/net/wwan0"))
        os.makedirs(self.phone.path("sys/class/net"))
        os.symlink("../../devices/soc/usb1/1-3/1-3:1.4/net/wwan0", self.phone.path("sys/class/net/wwan0"))
        self.device(root + "/1-1/1-1:1.0", "usb", bInterfaceClass="03", authorized="1")
        self.device(root + "/1-4", "usb", authorized="1", removable="removable", idVendor="046d", idProduct="0825",
                    product="Webcam")
        self.device(root + "/1-4/1-4:1.0", "usb", bInterfaceClass="0e", authorized="1")
        self.write("sys/bus/usb/drivers_probe", "")
        self.write("proc/self/mountinfo", "25 1 179:33 / / rw - ext4 /dev/mmcblk2p1 rw\n")
        self.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")

    def gadget(self):
        controller, gadget = "sys/devices/soc/udc/ci_hdrc.0", "sys/kernel/config/usb_gadget/g1/UDC"
        self.write(gadget, "ci_hdrc.0\n")
        # A controller has a driver as long as the gadget is bound.
        os.makedirs(self.phone.path(controller))
        os.link(self.phone.path(gadget), self.phone.path(controller + "/function"))
        self.write(controller + "/state", "configured\n")
        self.write(controller + "/soft_connect", "")
        os.makedirs(self.phone.path("sys/class/udc"))
        os.symlink("../../devices/soc/udc/ci_hdrc.0", self.phone.path("sys/class/udc/ci_hdrc.0"))

    def udev(self):
        if not is_root() or not BUSYBOX:
            return
        for program, text in (("usr/bin/udevadm", "#!/bin/busybox sh\necho \"$@\" >>/asked\n"), ("dev/null", ""),
                              ("run/udev/control", ""), ("asked", "")):
            self.write(program, text)
        os.makedirs(self.phone.path("bin"), exist_ok=True)
        shutil.copy(BUSYBOX, self.phone.path("bin/busybox"))
        os.chmod(self.phone.path("usr/bin/udevadm"), 0o755)

    def equip(self):
        for path in ("sys/class", "etc/udev/rules.d", "run/mdm-agent"):
            os.makedirs(self.phone.path(path), exist_ok=True)
        if not self.hardware:
            return
        for index, name in self.radios.names.items():
            self.write("sys/class/rfkill/rfkill%d/name" % index, name + "\n")
        for path in ("usr/sbin/NetworkManager", "usr/sbin/ModemManager", "etc/polkit-1/rules.d/50-default.rules",
                     "usr/share/dbus-1/system.d/org.freedesktop.GeoClue2.conf", "run/systemd/system/.d",
                     "usr/lib/systemd/system/ssh.service", "etc/dbus-1/system.d/other.conf",
                     "etc/systemd/system/multi-user.target.wants/.d"):
            self.write(path, "")
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\ngeoclue:x:100:100::/:/bin/false\n")
        self.gadget()
        self.udev()
        if is_root():
            self.usb()
            self.nodes.camera(0)
            self.nodes.camera(1, "video1", ":capture:video_output:")
            self.nodes.add("video4linux", "v4l-subdev0", "v4l-subdev0", 3, VIDEO_GROUP, "camera")
            self.nodes.add("sound", "pcmC0D0c", "snd/pcmC0D0c", 4, AUDIO_GROUP, "microphone")
            self.nodes.add("sound", "pcmC0D0p", "snd/pcmC0D0p", 5, AUDIO_GROUP)
            self.nodes.thread.start()

    # --- begin, end

    def __enter__(self):
        try:
            self.equip()
            self.bus.start()
            self.doubles = Doubles(self.base, self.phone.root, self.bus)
            self.doubles.serve(*self.services)
            self.doubles.unit("ssh.service", "active")
            if self.users:
                self.doubles.session("c1", {"LockedHint": False})
            self.server = Server(self.admin)
            self.policy({}, sync=False)
            self.phone.start()
            self.phone.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
            wait_for("the policy", lambda: self.phone.effective().get("screen_lock.idle_delay") == 300)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *args):
        self.phone.stop(signal.SIGKILL)
        if self.server:
            self.server.__exit__()
        if self.doubles:
            self.doubles.close()
        self.bus.stop()
        self.nodes.close()
        self.radios.close()

    # --- the policy, and what the phone says of it

    def policy(self, restrictions, sync=True):
        settings = {"screen_lock": {"idle_delay": 300}}
        if restrictions:
            settings["restrictions"] = restrictions
        self.admin.file("p.json", json.dumps({"checkin": {"interval": WEEK, "jitter": 0},
                                              "profiles": [{"id": "p", "settings": settings}]}))
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")
        if sync:
            check(self.phone.sync() == 0, self.phone.log())
            wait_for("the policy in force", lambda: self.wanted() == restrictions)

    def wanted(self):
        return {k.split(".")[1]: v for k, v in self.phone.effective().items() if k.startswith("restrictions.")}

    def rows(self):
        return {r["setting"]: r for r in self.phone.json("compliance")["settings"] if r["area"] == "restrictions"}

    def wait_state(self, state, *names):
        def look():
            rows = self.rows()
            return all(n in rows and rows[n]["state"] == state for n in names) and rows
        try:
            return wait_for("%s %s" % (names, state), look)
        except AssertionError as error:
            wrong = {n: r for n, r in self.rows().items() if n in names and r["state"] != state}
            raise AssertionError("%s\n%s\n%s" % (error, wrong, self.phone.log())) from error

    # --- what there is

    def snapshot(self):
        """Every file with owner, mode and bytes, and what lies behind no file."""
        found = {}
        for directory, names, files in os.walk(self.phone.root):
            for name in names + files:
                path = os.path.join(directory, name)
                relative = os.path.relpath(path, self.phone.root)
                st = os.lstat(path)
                data = b""
                if stat.S_ISLNK(st.st_mode):
                    data = os.readlink(path)
                elif stat.S_ISREG(st.st_mode) and name not in ("asked", "drivers_probe"):
                    with open(path, "rb") as f:
                        # A file in the place of one of sysfs holds what was written to it.
                        data = f.read().strip()
                found[relative] = (st.st_mode, st.st_uid, st.st_gid, data)
        return found, self.radios.states(), self.doubles.actives(), self.doubles.units()

    def same(self, before, but=None):
        """Everything is as it was; nodes when udevd has been there."""
        before[0].pop(but, None)
        end = time.monotonic() + 30
        while True:
            now = self.snapshot()
            now[0].pop(but, None)
            if now == before:
                return
            if time.monotonic() > end:
                for name in sorted(set(before[0]) | set(now[0])):
                    check(before[0].get(name) == now[0].get(name), name, "was", before[0].get(name), "is",
                          now[0].get(name))
                check(now[1:] == before[1:], "was", before[1:], "is", now[1:])
            time.sleep(0.05)


def with_field(**options):
    """A test on a field of its own. root: it needs nodes of devices and another root directory."""
    root = options.pop("root", False)

    def decorate(function):
        def run(base):
            if root and (not is_root() or not BUSYBOX):
                raise Skip("needs root, to make nodes of devices and to change the root directory, and busybox-static")
            with Field(base, **options) as field:
                function(field)
        run.__name__ = function.__name__
        return run
    return decorate
