#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real phone on a system bus of its own, with logind, NetworkManager and ModemManager as they
appear, speak, fall silent, restart and lie. The tests run side by side: some have to wait a minute.

Usage: device.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Admin, Server, Skip, check
from agent_rig import Agent, wait_for
from device_rig import LOGIND, MODEMS, NETWORK, Bus

WEEK = 604800
TESTS = []
MAKING = threading.Lock()  # an administrator's keys are made once and copied


def test(function):
    TESTS.append(function)
    return function


class Field:
    """A bus, an administrator, a server, a phone that follows "staff" and checks in once a week, so
    that every other exchange has another reason."""

    def __init__(self, base, services=("logind", "network"), **checkin):
        os.chmod(base, 0o755)
        with MAKING:
            self.admin = Admin(base)
        self.server = self.phone = self.bus = None
        self.phone = Agent(base, files={"sys/class/power_supply/usb/type": "USB\n",
                                        "sys/class/power_supply/usb/online": "1\n"})
        self.bus = Bus(base, self.phone.root)
        self.phone.env = self.bus.env
        self.services, self.checkin = services, {"interval": WEEK, "jitter": 0, **checkin}

    def __enter__(self):
        try:
            if self.services is not None:
                self.bus.start()
                for service in self.services:
                    getattr(self.bus, service)()
            self.server = Server(self.admin)
            self.admin.file("p.json", json.dumps({
                "checkin": self.checkin, "profiles": [
                    {"id": "p", "settings": {"screen_lock": {"enabled": True, "idle_delay": 300}}},
                    {"id": "abroad", "when": {"network": {"roaming": True}},
                     "settings": {"screen_lock": {"idle_delay": 60}}}]}))
            self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
            self.admin.ok("policy", "push", "p.jws")
            self.phone.start()
            self.phone.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
            wait_for("the policy", lambda: self.interval() == self.checkin["interval"])
            check(self.phone.sync() == 0, "sync:", self.phone.log())
            self.quiet()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *args):
        self.phone.stop(signal.SIGKILL)
        if self.server:
            self.server.process.send_signal(signal.SIGCONT)
            self.server.__exit__()
        self.bus.stop()

    def quiet(self):
        """All that the enrolment led to has been reported."""
        wait_for("a quiet phone", lambda: self.state() == "waiting" and self.next_s() > 1000, 150)

    def interval(self):
        return self.phone.status()["checkin"]["interval_s"]

    def state(self):
        return self.phone.status()["checkin"]["state"]

    def next_s(self):
        value = self.phone.status()["checkin"]["next_in_s"]
        return -1 if value is None else value

    def last(self):
        return self.phone.status()["checkin"]["last_success"]

    def facts(self, *members):
        facts = self.phone.status()["device_facts"]
        return tuple(facts[m] for m in members)

    def detail(self):
        return self.phone.status()["device_facts"]["detail"]

    def idle_delay(self):
        return self.phone.effective().get("screen_lock.idle_delay")

    def ours(self):
        return [row for row in self.bus.inhibitors() if row[1] == "mdm-agent"]

    def freeze_server(self, frozen):
        self.server.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def start_sync(self):
        # pylint: disable=consider-using-with
        return subprocess.Popen(
            [os.path.join(BUILD, "agentctl"), "--socket", self.phone.socket, "sync"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@test
def test_resume(base):
    """After a resume a check-in is near; in a storm of them it stays one."""
    with Field(base, ("logind",)) as field:
        field.bus.sleep(True)
        field.bus.sleep(False)
        wait_for("an early check-in", lambda: 0 <= field.next_s() <= 65)
        first = field.next_s()
        for _ in range(50):
            field.bus.sleep(True)
            field.bus.sleep(False)
        check(field.next_s() <= first and field.state() == "waiting", field.phone.status())
        check(field.detail() == "NetworkManager is not running; ModemManager is not running",
              field.detail())
        check(field.facts("charging") == ("true",))


@test
def test_network_after_resume(base):
    """Asleep, offline, awake, online: then the server hears from the phone."""
    with Field(base) as field:
        before = field.last()
        field.bus.sleep(True)
        field.bus.link(state=10)
        wait_for("offline", lambda: field.facts("online") == ("false",))
        field.bus.sleep(False)
        time.sleep(0.5)
        check(field.next_s() > 1000, "the network is not back, but a check-in is due in",
              field.next_s())
        field.bus.link(state=70)
        wait_for("a check-in soon", lambda: field.last() > before or field.next_s() <= 65)
        wait_for("the check-in", lambda: field.last() > before, 120)
        field.quiet()


@test
def test_online(base):
    """A network that comes up, and one that takes another's place; spread over five minutes."""
    with Field(base) as field:
        field.bus.link(state=20)
        wait_for("offline", lambda: field.facts("online") == ("false",))
        field.bus.link(state=70)
        wait_for("a check-in", lambda: 0 <= field.next_s() <= 365)
    with Field(os.path.join(base, "b")) as field:
        field.bus.link(primary="/a/2")
        wait_for("a check-in", lambda: 0 <= field.next_s() <= 365)


@test
def test_sleep_begins_nothing(base):
    """Between going to sleep and resuming even a person's check-in waits."""
    with Field(base, ("logind",)) as field:
        before = field.last()
        field.bus.sleep(True)
        time.sleep(1.1)
        sync = field.start_sync()
        time.sleep(2)
        check(sync.poll() is None and field.last() == before, "it began while going to sleep")
        field.bus.sleep(False)
        check(sync.wait(60) == 0, "the check-in after the resume", field.phone.log())
        check(field.last() > before)


def owner(name, new):
    """What the bus says when a name changes hands, from whomever."""
    return ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", name, "", new)


SLEEP = ("/org/freedesktop/login1", LOGIND + ".Manager", "PrepareForSleep", "b", True)
LINK = ("/org/freedesktop/NetworkManager", "org.freedesktop.DBus.Properties", "PropertiesChanged",
        "sa{sv}as", NETWORK, {"State": 20, "Metered": 1}, [])


def strangers_change_nothing(field, *signals):
    """What the owner of the name says afterwards is heard, so that all of it has arrived."""
    stranger = field.bus.forge(field.phone.process.pid, *signals)
    field.bus.link(metered=4)
    field.bus.link(metered=1)
    wait_for("the true owner's word", lambda: field.facts("online", "metered") == ("true", "true"))
    field.bus.link(metered=2)
    wait_for("the true owner's word", lambda: field.facts("online", "metered") == ("true", "false"))
    check(field.detail() == "ModemManager is not running", field.detail())
    before = field.last()
    time.sleep(1.1)
    check(field.phone.sync() == 0 and field.last() > before, "a stranger put it to sleep")
    stranger.close()


@test
def test_strangers_are_not_believed(base):
    """Everybody may send signals to the agent; only the owner of a service's name is heard."""
    with Field(base) as field:
        strangers_change_nothing(field, SLEEP, SLEEP, LINK)


@test
def test_strangers_own_nothing(base):
    """Nor does it help to pose as the bus, and to say that the name is one's own now."""
    with Field(base) as field:
        mine = Bus.STRANGER
        strangers_change_nothing(field, owner(LOGIND, mine), SLEEP, owner(NETWORK, mine), LINK)
        strangers_change_nothing(field, owner(LOGIND, ""), owner(NETWORK, ""), owner(MODEMS, mine))


@test
def test_inhibitor(base):
    """Held while the server is talked to, not before and not after; taken again from a new logind;
    an exchange that is under way may end although the phone wants to sleep."""
    with Field(base, ("logind",)) as field:
        check(field.ours() == [], field.ours())
        field.freeze_server(True)
        sync = field.start_sync()
        rows = wait_for("the inhibitor", field.ours)
        check(rows == [("sleep", "mdm-agent", rows[0][2], "delay")] and "server" in rows[0][2], rows)
        field.bus.end(LOGIND)
        wait_for("its end to be noticed", lambda: "logind is not running" in field.detail())
        field.bus.logind()
        wait_for("the new logind's inhibitor", field.ours)
        field.bus.sleep(True)
        time.sleep(0.5)
        check(sync.poll() is None and len(field.ours()) == 1, "given up too early")
        field.freeze_server(False)
        check(sync.wait(60) == 0, "the exchange", field.phone.log())
        wait_for("the inhibitor to be gone", lambda: not field.ours())
        field.bus.sleep(False)
        check("logind" not in field.detail(), field.detail())


@test
def test_metered(base):
    """A longer interval, conditions, and reports without what can wait."""
    with Field(base, ("network", ), interval=172800, metered_interval=WEEK) as field:
        def body(section):
            return "body" in field.phone.json("privacy")["last_report"]["sections"][section]

        def change_inventory(version):
            field.phone.write("etc/os-release", "ID=postmarketos\nVERSION_ID=%s\n" % version)
            time.sleep(1.1)
            check(field.phone.sync() == 0, field.phone.log())

        change_inventory("26.07")
        check(body("inventory"), "the inventory changed")
        for metered, interval in ((1, WEEK), (4, 172800), (3, WEEK), (2, 172800), (1, WEEK)):
            field.bus.link(metered=metered)
            wait_for("the interval of metered=%d" % metered, lambda i=interval: field.interval() == i)
        check(field.facts("metered") == ("true",))
        change_inventory("26.08")
        check(not body("inventory") and not body("agent"), field.phone.json("privacy"))
        types = {e["type"] for e in field.phone.json("privacy")["last_report"]["events"]}
        check(not types & {"applied", "started", "compliance_changed"}, types)
        field.bus.link(metered=2)
        wait_for("the interval", lambda: field.interval() == 172800)
        check(field.phone.sync() == 0)
        check(body("inventory"), "it waited for the cheap link")


@test
def test_roaming(base):
    """Abroad: the profile for it, and the longer interval; on Wi-Fi the modem has no say."""
    with Field(base, ("network",), interval=172800, metered_interval=WEEK) as field:
        check(field.facts("roaming") == ("false",) and field.idle_delay() == 300)
        field.bus.link(kind="gsm")
        wait_for("nobody to know", lambda: field.facts("roaming") == ("unknown",))
        field.bus.modems(1)
        wait_for("at home", lambda: field.facts("roaming") == ("false",))
        field.bus.registration(5)
        wait_for("roaming", lambda: field.facts("roaming") == ("true",))
        wait_for("the profile", lambda: field.idle_delay() == 60)
        wait_for("the interval", lambda: field.interval() == WEEK)
        field.bus.link(kind="802-11-wireless")
        wait_for("Wi-Fi", lambda: field.facts("roaming") == ("false",) and field.idle_delay() == 300)
        field.bus.link(kind="gsm")
        wait_for("roaming", lambda: field.facts("roaming") == ("true",))
        field.bus.end(MODEMS)
        wait_for("nobody to know", lambda: field.facts("roaming") == ("unknown",))
        wait_for("the profile's end", lambda: field.idle_delay() == 300)


@test
def test_silent_service(base):
    """A service that never answers is missing, the phone goes on; when it speaks it is heard."""
    with Field(base, ("logind",)) as field:
        field.bus.network()
        wait_for("online", lambda: field.facts("online") == ("true",))
        field.bus.pause(NETWORK, True)
        field.phone.stop()
        field.phone.start()
        wait_for("patience to end", lambda: "NetworkManager does not answer" in field.detail())
        check(field.facts("online", "metered") == ("unknown", "unknown"))
        check(field.phone.sync() == 0, field.phone.log())
        field.bus.pause(NETWORK, False)
        field.bus.link(metered=1)
        wait_for("its word", lambda: field.facts("online", "metered") == ("true", "true"))
        check("NetworkManager" not in field.detail(), field.detail())


@test
def test_restarted_services(base):
    with Field(base) as field:
        field.bus.end(NETWORK)
        wait_for("its end", lambda: field.facts("online", "metered") == ("unknown", "unknown"))
        check("NetworkManager is not running" in field.detail(), field.detail())
        field.bus.network(metered=1)
        wait_for("the new one", lambda: field.facts("online", "metered") == ("true", "true"))
        check("NetworkManager" not in field.detail(), field.detail())


@test
def test_no_bus(base):
    """Without a bus the phone is managed as before, and says what is missing; a bus that comes
    later, goes and comes again is found each time."""
    with Field(base, None) as field:
        check("no connection to the system bus" in field.detail(), field.detail())
        check(field.facts("online", "metered", "roaming") == ("unknown",) * 3)
        check(field.idle_delay() == 300 and field.interval() == WEEK)
        text = field.phone.ok("status")
        check("no connection to the system bus" in " ".join(text.split()), text)
        for _ in range(2):
            field.bus.start()
            field.bus.network(metered=1)
            wait_for("the bus", lambda: field.facts("online", "metered") == ("true", "true"))
            field.bus.stop()
            wait_for("its end", lambda: field.facts("online") == ("unknown",))
        check(field.phone.sync() == 0, field.phone.log())


@test
def test_idle(base):
    """On a bus with everything on it, an idle phone is not woken up at all."""
    with Field(base) as field:
        field.bus.modems(1)
        wait_for("the modem", lambda: "ModemManager" not in field.detail())

        def switches():
            with open("/proc/%d/status" % field.phone.process.pid) as f:
                return int(next(l for l in f if l.startswith("voluntary")).split()[1])

        def rests():
            before = switches()
            time.sleep(3)
            return switches() == before

        wait_for("the phone to rest", rests)
        before = switches()
        time.sleep(30)
        check(switches() == before, "woken up", switches() - before, "times in 30 s")


def run_one(function):
    """None, or why not."""
    with tempfile.TemporaryDirectory(prefix="device-") as base:
        os.makedirs(os.path.join(base, "b"))
        try:
            function(base)
        except Skip as reason:
            return "skipped: %s: %s" % (function.__name__, reason)
        except Exception as error:  # pylint: disable=broad-except
            return "FAILED %s: %s: %s" % (function.__name__, type(error).__name__, error)
    return None


def main():
    os.umask(0o022)
    tests = [t for t in TESTS if not sys.argv[2:] or t.__name__ in sys.argv[2:]]
    with concurrent.futures.ThreadPoolExecutor(len(tests)) as pool:
        results = list(pool.map(run_one, tests))
    for line in filter(None, results):
        print(line)
    skipped = sum(1 for r in results if r and r.startswith("skipped"))
    failed = sum(1 for r in results if r) - skipped
    print("%d passed, %d failed, %d skipped" % (len(results) - failed - skipped, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
