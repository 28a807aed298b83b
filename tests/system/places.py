#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Places in the enforcer: a real phone on a system bus of its own, which is told where it is by the
file /etc/geolocation and by doubles of NetworkManager. Profiles that follow from it, what they do
once, and what of that outlives a fall, a restart and a reboot. The tests run side by side.

Usage: places.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Server, check
from agent_rig import Agent, wait_for
from device_rig import LOGIND, NETWORK, Bus
import location_rig
from location_rig import OFFICE, run_tests

import dbus

HERE = os.path.dirname(os.path.abspath(__file__))
WEEK = 604800
TESTS = []
MAKING = threading.Lock()  # an administrator's keys are made once and copied

INSIDE, OUTSIDE = (52.52, 13.405), (52.60, 13.405)
CIRCLE = {"shape": {"circle": {"latitude": INSIDE[0], "longitude": INSIDE[1], "radius": 200}}}
AT_ONCE = {**CIRCLE, "enter_dwell": 0, "leave_dwell": 0}
BASE = {"id": "base", "settings": {"screen_lock": {"enabled": True, "idle_delay": 300}}}


def test(function):
    TESTS.append(function)
    return function


def profile(name, when, delay=None, actions=None):
    settings = {"screen_lock": {"idle_delay": delay}} if delay else {}
    return {"id": name, "when": when, "settings": settings, **({"actions": actions} if actions else {})}


def at(side, place="office"):
    return {"place": {side: place}}


class Wifi(location_rig.Phone):
    """The double of NetworkManager, for another phone's bus."""

    def __init__(self, bus, root):  # pylint: disable=super-init-not-called
        self.bus, self.root = bus, root


class Field:
    """An administrator, a server, a phone that follows "staff" and is told where it is."""

    def __init__(self, base, policy=None, where=INSIDE, services=()):
        os.chmod(base, 0o755)
        self.base = base
        with MAKING:
            self.admin = Admin(base)
        self.server = None
        self.phone = Agent(base)
        self.bus = Bus(base, self.phone.root)
        self.phone.env = {**self.bus.env, **self.boot_shim()}
        self.policy, self.services = policy, services
        self.wifi = Wifi(self.bus, self.phone.root)
        self.move(where)

    def boot_shim(self):
        shim = os.path.join(self.base, "boot_shim.so")
        subprocess.run([os.environ.get("MDM_CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", shim,
                        os.path.join(HERE, "../lib/boot_shim.c")], check=True)
        self.new_boot()
        return {"LD_PRELOAD": shim, "BOOT_SHIM_ID": os.path.join(self.base, "boot_id"),
                "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}

    def new_boot(self):
        with open(os.path.join(self.base, "boot_id"), "w") as f:
            f.write("%s\n" % uuid.uuid4())

    def __enter__(self):
        try:
            self.bus.start()
            self.bus.logind()
            for service in self.services:
                service(self)
            self.server = Server(self.admin)
            self.phone.start()
            if self.policy:
                self.push(self.policy)
            self.phone.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
            wait_for("the policy", lambda: self.phone.effective().get("screen_lock.enabled"))
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *args):
        self.phone.stop(signal.SIGKILL)
        if self.server:
            self.server.__exit__()
        self.bus.stop()

    def push(self, policy, *cosigners):
        self.admin.file("p.json", json.dumps({
            "checkin": {"interval": WEEK, "jitter": 0}, "places": policy.get("places", {}),
            "profiles": [BASE] + policy["profiles"]}))
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        for key in cosigners:
            self.admin.ok("policy", "cosign", "p.jws", "--key", key, "--yes")
        self.admin.ok("policy", "push", "p.jws")

    def move(self, where):
        """What the file says from now on; None: there is none."""
        path = self.phone.path("etc/geolocation")
        if where:
            self.phone.write("etc/geolocation", "%.6f\n%.6f\n30\n10\n" % where)
            os.chmod(path, 0o644)
        elif os.path.exists(path):
            os.unlink(path)

    def again(self, how=signal.SIGTERM, boot=False):
        self.phone.stop(how)
        if boot:
            self.new_boot()
        self.phone.start()

    def delay(self):
        return self.phone.effective().get("screen_lock.idle_delay")

    def until(self, delay):
        wait_for("an idle delay of %d s\n" % delay + self.phone.log(), lambda: self.delay() == delay)

    def journal(self, kind):
        return [r["data"] for r in self.phone.journal(kind)]

    def places(self):
        """The last word on each place."""
        return {r["place"]: r["state"] for r in self.journal("place")}

    def actions(self):
        return [(r["profile"], r["action"], r["state"]) for r in self.journal("action")]

    def sync(self):
        check(self.phone.sync() == 0, "sync:", self.phone.log())

    def section(self):
        """What the server has of it."""
        self.sync()
        device = self.admin.json("device", "list")["devices"][0]["id"]
        return self.admin.json("device", "show", device)["sections"]["places"]["body"]

    def pending(self, place):
        """What it will be at the end of a dwell."""
        with open(self.kept("places")) as f:
            return next(line.split()[9] for line in f if line.startswith("staff %s " % place))

    def kept(self, name):
        return os.path.join(self.phone.state, name)


# --- positions --------------------------------------------------------------------------------------

@test
def test_inside(base):
    """Inside, the profile applies; outside, it does not; and both are told with their cause."""
    policy = {"places": {"office": AT_ONCE}, "profiles": [profile("strict", at("inside"), 60)]}
    with Field(base, policy) as field:
        field.until(60)
        check(field.places() == {"office": "inside"}, field.places())
        # Answered: so it will ask again, and hear of a file that is another one by then.
        look = field.phone.json("place", "list")
        check(look["asked"] == "nothing" and look["next"] == "coarse", look)
        place = field.journal("place")[0]
        check(place["cause"] == "position" and place["source"] == "fixed" and
              place["provider"] == "file" and place["before"] == "unknown", place)
        change = field.journal("profile")[-1]
        check(change["profile"] == "strict" and change["applies"] is True and
              change["cause"] == "condition" and change["kind"] == "place" and
              change["text"] == "inside office", change)
        body = field.section()
        check([(p["profile"], p["state"], p["cause"], p["text"]) for p in body["profiles"]] ==
              [("strict", "applies", "condition", "inside office")], body)
        check([(p["place"], p["state"], p["cause"]) for p in body["places"]] ==
              [("office", "inside", "position")], body)
        told = field.phone.told()
        check("inside office" in told and "strict" in told, told)
        # Nothing changed: the server has the section already.
        field.sync()
        before = body
        check(field.section() == before)
        field.move(OUTSIDE)
        field.again()
        field.until(300)
        check(field.places() == {"office": "outside"}, field.places())
        change = field.journal("profile")[-1]
        check(change["applies"] is False and change["text"] == "no longer inside office", change)
        body = field.section()
        check(body["profiles"] == [] and body["places"][0]["state"] == "outside", body)
        # No position anywhere but in the file that the administrator wrote.
        for name in ("journal", "places", "activations"):
            with open(field.kept(name), "rb") as f:
                text = f.read()
            check(b"52.5" not in text and b"13.4" not in text, name, text[-300:])
        check("52.5" not in field.phone.log() and "13.4" not in field.phone.log(), field.phone.log())


@test
def test_dwell(base):
    """Who has just come is not there yet, over restarts too."""
    place = {**CIRCLE, "enter_dwell": 86400}
    policy = {"places": {"office": place}, "profiles": [profile("strict", at("inside"), 60)]}
    with Field(base, policy, OUTSIDE) as field:
        wait_for("the place", lambda: field.places() == {"office": "outside"})
        field.move(INSIDE)
        for how in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            field.again(how)
            wait_for("the dwell", lambda: field.pending("office") == "inside")
            field.sync()
            check(field.places() == {"office": "outside"} and field.delay() == 300, field.places())


@test
def test_restart(base):
    """What was known stays: after an end, a fall and a reboot, with nobody who tells where it is."""
    policy = {"places": {"office": {**AT_ONCE, "unknown_is": "outside"}},
              "profiles": [profile("away", at("outside"), 60)]}
    with Field(base, policy, OUTSIDE) as field:
        field.until(60)
        wait_for("the place", lambda: field.places() == {"office": "outside"})
        field.move(None)
        for how, boot in ((signal.SIGTERM, False), (signal.SIGKILL, False), (signal.SIGTERM, True),
                          (signal.SIGKILL, True)):
            field.again(how, boot)
            # The first thing that is enforced, before anybody logs in or a source has spoken.
            wait_for("the first round", lambda: field.delay() is not None)
            check(field.delay() == 60, how, boot, field.phone.log())
        check(len(field.journal("place")) == 1, field.journal("place"))
        # What was certainly inside is in doubt after a reboot, and the place says what that means.
        field.move(INSIDE)
        field.again()
        field.until(300)


@test
def test_nobody_asks(base):
    """A place that no condition names is not looked for, and neither is anything else of it."""
    policy = {"places": {"office": AT_ONCE}, "profiles": []}
    with Field(base, policy) as field:
        body = field.section()
        check(body["places"][0]["state"] == "unknown" and body["profiles"] == [], body)
        check(field.places() == {}, field.places())
        field.push({"places": {"office": AT_ONCE}, "profiles": [profile("strict", at("inside"), 60)]})
        field.sync()
        field.until(60)
        # Then it is again: the place stays what it was, and nothing applies because of it.
        field.push({"places": {"office": AT_ONCE}, "profiles": []})
        field.sync()
        field.until(300)
        check(field.journal("profile")[-1]["cause"] == "policy", field.journal("profile"))
        field.push({"profiles": []})
        field.sync()
        check(not os.path.exists(field.kept("places")), os.listdir(field.phone.state))


# --- networks ---------------------------------------------------------------------------------------

@test
def test_presence(base):
    """In the office's Wi-Fi the phone is in the office, without any position, at once."""
    place = {"networks": [{"ssid": "Office", "connected": True}], "enter_dwell": 0, "leave_dwell": 0}
    policy = {"places": {"office": place}, "profiles": [profile("strict", at("inside"), 60)]}
    with Field(base, policy, None, [lambda field: field.wifi.wifi(OFFICE)]) as field:
        check(field.delay() == 300, field.phone.log())
        # In a network before the first scan, and out of it after one.
        field.wifi.wifi_connect("a")
        field.until(60)
        field.bus.mock(NETWORK, location_rig.WIFI_PATH).UpdateProperties(
            location_rig.WIRELESS, {"LastScan": dbus.Int64(
                time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)})
        check(field.journal("place")[-1]["cause"] == "network", field.journal("place"))
        field.wifi.wifi_connect(None)
        field.until(300)
        check(field.places() == {"office": "outside"}, field.places())
        check([c["applies"] for c in field.journal("profile")] == [True, False])
        with open(field.phone.log_path) as f:
            check("Office" not in f.read())


@test
def test_links(base):
    """Conditions on connections: only then NetworkManager is asked for them."""
    when = {"network": {"connected": ["wifi:Office", "ethernet"]}}
    with Field(base, {"profiles": [profile("linked", when, 60)]}, None) as field:
        field.bus.network()
        mock = field.bus.mock(NETWORK, "/org/freedesktop/NetworkManager")
        manager = dbus.Interface(field.bus.connection.get_object(
            NETWORK, "/org/freedesktop/NetworkManager", introspect=False), "org.freedesktop.DBus.Mock")
        device = manager.AddWiFiDevice("mock_wifi", "wlan0", dbus.UInt32(100))
        point = manager.AddAccessPoint(device, "Office_AP", "Office", "02:00:00:00:00:01",
                                       dbus.UInt32(2), dbus.UInt32(2425), dbus.UInt32(5400),
                                       dbus.Byte(82), dbus.UInt32(0x100))
        connection = manager.AddWiFiConnection(device, "Office_Con", "Office", "wpa-psk")
        active = manager.AddActiveConnection([dbus.ObjectPath(device)], dbus.ObjectPath(connection),
                                             dbus.ObjectPath(point), "Office_Active", dbus.UInt32(2))
        check(mock is not None)
        field.until(60)
        manager.RemoveActiveConnection(dbus.ObjectPath(device), dbus.ObjectPath(active))
        field.until(300)
        check(field.journal("profile")[-1]["kind"] == "network", field.journal("profile"))
        field.bus.end(NETWORK)
        wait_for("the end of NetworkManager", lambda: field.sync() is None)
        check(field.section()["profiles"][0]["state"] == "unknown", field.section())


@test
def test_locked(base):
    """Nobody is logged in: it is locked. Without a login service nobody knows, and what nobody knows
    for a while begins nothing a second time."""
    actions = [{"notify": {"text": "Keep it with you"}}]
    policy = {"profiles": [profile("locked", {"locked": {"is": True}}, 60, actions)]}
    with Field(base, policy, None) as field:
        field.until(60)
        field.bus.end(LOGIND)
        field.until(300)
        check(field.journal("profile")[-1].get("unknown") is True, field.journal("profile"))
        field.bus.logind()
        field.until(60)
        n = len(field.journal("profile"))
        for _ in range(2):
            field.again(signal.SIGKILL)
            field.until(60)
        field.sync()
        check(len(field.actions()) == 1, field.actions())
        # The first look waits until the login service has told, so that nothing lapses in between.
        check(len(field.journal("profile")) == n, field.journal("profile"))


# --- actions ----------------------------------------------------------------------------------------

ALARM = [{"notify": {"title": "You left", "text": "Keep it with you"}}, {"lock": {}}, {"report": {}}]


@test
def test_actions(base):
    """Once for each time that the condition comes true, whatever falls in between."""
    policy = {"places": {"office": AT_ONCE},
              "profiles": [profile("away", at("outside"), 60, ALARM)]}
    with Field(base, policy, OUTSIDE) as field:
        wait_for("the actions", lambda: len(field.actions()) == 3)
        check([a[1] for a in field.actions()] == ["notify", "lock", "report"], field.actions())
        check(("away", "lock", "done") in field.actions(), field.actions())
        for how, boot in ((signal.SIGKILL, False), (signal.SIGTERM, True), (signal.SIGKILL, True)):
            field.again(how, boot)
            field.sync()
        check(len(field.actions()) == 3, field.actions())
        check("lock" in field.phone.told())
        # Back and away again: another time.
        field.move(INSIDE)
        field.again()
        field.until(300)
        check(len(field.actions()) == 3, field.actions())
        field.move(OUTSIDE)
        field.again(signal.SIGKILL)
        field.until(60)
        wait_for("the actions", lambda: len(field.actions()) == 6)


@test
def test_lost_file(base):
    """Where nobody knows any more what was done, nothing is done a second time."""
    policy = {"places": {"office": AT_ONCE},
              "profiles": [profile("away", at("outside"), 60, ALARM)]}
    with Field(base, policy, OUTSIDE) as field:
        wait_for("the actions", lambda: len(field.actions()) == 3)
        field.phone.stop()
        with open(field.kept("activations"), "r+b") as f:
            f.seek(30)
            f.write(b"X")
        field.phone.start()
        field.sync()
        check(os.path.exists(field.kept("activations.broken")), os.listdir(field.phone.state))
        check(any("activations" in p["what"] for p in field.phone.status()["problems"]),
              field.phone.status()["problems"])
        field.phone.stop()
        os.unlink(field.kept("activations"))
        with open(field.kept("places"), "wb") as f:
            f.write(b"\x00" * 200)
        field.phone.start()
        wait_for("the place", lambda: len(field.journal("place")) == 2)
        field.until(60)
        field.sync()
        check(len(field.actions()) == 3, field.actions())


@test
def test_crypto_lock(base):
    """What cannot be done here is told, and not tried again."""
    policy = {"places": {"office": AT_ONCE},
              "profiles": [profile("away", at("outside"), 60, [{"crypto_lock": {}}])]}
    with Field(base, {"profiles": []}, OUTSIDE) as field:
        field.push(policy, "second")
        field.sync()
        wait_for("the action", field.actions)
        for _ in range(2):
            field.again(signal.SIGKILL)
            field.sync()
        rows = field.journal("action")
        check(len(rows) == 1 and rows[0]["action"] == "crypto_lock" and rows[0]["state"] == "failed" and
              rows[0]["reason"] in ("not_encrypted", "no_program", "trouble"), rows)


@test
def test_leave(base):
    """A corporate wipe that a place orders ends the enrolment; nothing of it is left."""
    leave = [{"wipe": {"scope": "corporate"}}]
    policy = {"places": {"office": AT_ONCE}, "profiles": [profile("gone", at("outside"), 60, leave)]}
    with Field(base, {"profiles": []}, INSIDE) as field:
        original = 300
        # One signature is not enough for anybody.
        field.admin.file("one.json", json.dumps({"places": policy["places"],
                                                 "profiles": policy["profiles"]}))
        field.admin.ok("policy", "sign", "one.json", "--stream", "staff", "--offline", "-o", "one.jws")
        field.admin.fails(1, "policy", "push", "one.jws", says="destroy")
        field.push(policy, "second")
        field.sync()
        wait_for("the place", lambda: field.places() == {"office": "inside"})
        check(field.delay() == original and field.actions() == [], field.actions())
        field.move(OUTSIDE)
        field.again(signal.SIGKILL)
        wait_for("the end of the enrolment\n" + field.phone.log(),
                 lambda: not field.phone.status().get("enrolled", True))
        check([(r["action"], r["state"]) for r in field.journal("action")] == [("wipe", "begun")])
        check(field.journal("unenrolled")[-1]["everything_restored"] is True)
        check("Timeout=30" in field.phone.read(), field.phone.read())
        for name in ("places", "activations", "documents"):
            check(not os.path.exists(field.kept(name)), name, os.listdir(field.phone.state))
        # The server heard of it.
        events = field.admin.ok("events", "--json")
        check('"unenrolled"' in events and '"wipe"' in events, events)
        field.again()
        check(not field.phone.status().get("enrolled", True))


@test
def test_leave_goes_on(base):
    """Leaving that a fall interrupted goes on, even where the phone is back by then."""
    leave = [{"wipe": {"scope": "corporate"}}]
    policy = {"places": {"office": AT_ONCE}, "profiles": [profile("gone", at("outside"), 60, leave)]}
    with Field(base, {"profiles": []}, INSIDE) as field:
        field.push(policy, "second")
        field.sync()
        wait_for("the place", lambda: field.places() == {"office": "inside"})
        # The server does not answer, so that the phone waits for it when it falls.
        field.server.process.send_signal(signal.SIGSTOP)
        field.move(OUTSIDE)
        field.again(signal.SIGKILL)
        wait_for("the beginning", lambda: field.actions())
        field.phone.stop(signal.SIGKILL)
        field.server.process.send_signal(signal.SIGCONT)
        field.move(INSIDE)
        field.phone.start()
        wait_for("the end of the enrolment\n" + field.phone.log(),
                 lambda: not field.phone.status().get("enrolled", True))
        check(len(field.actions()) == 1, field.actions())


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
