#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Phones that enrol by themselves: a ticket in the image, an allow-list on the server; ten at once,
placeholders, clones, strangers, and phones that left. Real agents, the real server, mdmctl.

Usage: zero_touch.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Server, check, run_tests
from agent_rig import Agent, wait_for
from device_rig import Bus

CONF = "etc/mdm-agent/zero-touch.conf"
PHONES = 10
IMEI, OTHER_IMEI = "359124067124581", "359124067124599"


class Factory:
    """An organisation with an image and a list of the phones that may use it."""

    def __init__(self, base):
        os.chmod(base, 0o755)
        self.base, self.admin = base, Admin(base)
        self.server = Server(self.admin)
        self.phones, self.buses = [], []
        self.admin.policy("p.json", {"screen_lock": {"enabled": True, "idle_delay": 120}})
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")
        self.image, self.ticket = self.make_image()

    def make_image(self):
        told = self.admin.json("ticket", "new", "--zero-touch", "--group", "staff", "-o", "image.conf")
        path = os.path.join(self.admin.home, "image.conf")
        check(os.stat(path).st_mode & 0o077 == 0, "the file with the secret is open to others")
        with open(path) as f:
            return f.read(), told["id"]

    def allow(self, *numbers):
        self.admin.file("list", "".join(n + "\n" for n in numbers))
        return self.admin.ok("hardware", "add", self.ticket, "list")

    def phone(self, name, serial, image=None, options=(), imei=None):
        files = {CONF: image or self.image}
        if serial:
            files["sys/class/dmi/id/product_serial"] = serial + "\n"
        phone = Agent(self.base, name, files, options=options,
                      env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        if imei:
            bus = Bus(phone.base, phone.root)
            phone.env = bus.env
            self.buses.append(bus)
            bus.start().modem_of(imei)
        self.phones.append(phone)
        return phone.start()

    def rows(self):
        return [json.loads(line)
                for line in self.admin.ok("hardware", "list", "--json").splitlines()]

    def close(self):
        for phone in self.phones:
            phone.stop()
        for bus in self.buses:
            bus.stop()
        self.server.__exit__()


def with_factory(function):
    def run(base):
        factory = Factory(base)
        try:
            function(factory)
        finally:
            factory.close()
    run.__name__ = function.__name__
    return run


def enforced(phone):
    return phone.status()["enrolled"] and phone.effective().get("screen_lock.idle_delay") == 120


def problem(phone):
    return next((p["what"] for p in phone.status()["problems"] if "prepared to enrol" in p["what"]), None)


@with_factory
def test_ten_at_once(factory):
    """Ten phones of one image, switched on together: each gets an identity of its own and the policy."""
    serials = ["PX26-%04d-A7" % i for i in range(1, PHONES + 1)]
    factory.allow("# the first lot", *serials)
    phones = [factory.phone("phone%d" % i, serial) for i, serial in enumerate(serials)]
    for phone in phones:
        wait_for("the policy on %s\n%s" % (phone.base, phone.log()), lambda p=phone: enforced(p))
    devices = {phone.status()["device"] for phone in phones}
    check(len(devices) == PHONES, "identities are shared", devices)
    rows = factory.rows()
    check({r["serial"] for r in rows} == set(serials) and {r["device"] for r in rows} == devices, rows)
    check(all(r["used"] for r in rows), rows)
    told = phones[0].journal("enrolled")[0]["data"]
    check(told["zero_touch"] is True, told)
    check(phones[0].status()["groups"] == ["staff"])


@with_factory
def test_strangers_and_clones(factory):
    """A phone that is not on the list, one without a number, and one with another's number."""
    factory.allow("C02XK0AAJG5H", "R58M123ABCD")
    first = factory.phone("first", "C02XK0AAJG5H")
    wait_for("the first phone", lambda: enforced(first))
    for name, serial in (("stranger", "R58M999ZZZZ"), ("clone", "C02XK0AAJG5H"),
                         ("blank", None), ("placeholder", "To be filled by O.E.M.")):
        phone = factory.phone(name, serial)
        words = wait_for("the refusal of %s\n%s" % (name, phone.log()), lambda: problem(phone))
        check(not phone.status()["enrolled"])
        if name in ("blank", "placeholder"):
            check("neither a serial number nor an IMEI" in words, words)
    check([bool(r["used"]) for r in sorted(factory.rows(), key=lambda r: r["serial"])] == [True, False])
    check(len(factory.admin.json("device", "list")["devices"]) == 1)
    # Freed by the administrator, the number may enrol again: a phone that was repaired, say.
    row = next(r["row"] for r in factory.rows() if r["serial"] == "C02XK0AAJG5H")
    factory.admin.ok("hardware", "remove", str(row))
    repaired = factory.phone("repaired", "C02XK0AAJG5H")
    wait_for("the repaired phone\n" + repaired.log(), lambda: enforced(repaired))


@with_factory
def test_imei(factory):
    """A phone without a serial number enrols by the number of its modem, if it is one of a phone."""
    factory.allow(IMEI, "PX26-0007-A7")
    phone = factory.phone("modem", None, imei=IMEI)
    wait_for("the policy\n" + phone.log(), lambda: enforced(phone))
    used = [r for r in factory.rows() if r["used"]]
    check([(r["imei"], r["serial"] or "", r["device"]) for r in used] ==
          [(IMEI, "", phone.status()["device"])], factory.rows())
    # A digit that is wrong, everybody's example, more than a number: as if there were no modem. One
    # that nobody put on the list, and one that is another phone's already: refused by the server.
    bad = [(number, number not in (OTHER_IMEI, IMEI),
            factory.phone("bad%d" % i, None, imei=number)) for i, number in enumerate((
                IMEI[:-1] + "2", "490154203237518", "imei:" + IMEI, IMEI + "\n", OTHER_IMEI, IMEI))]
    for number, useless, phone in bad:
        words = wait_for("the refusal of %s\n%s" % (number, phone.log()), lambda p=phone: problem(p))
        check(useless == ("neither a serial number nor an IMEI" in words), number, words)
        check(not phone.status()["enrolled"], number)
    check(len([r for r in factory.rows() if r["used"]]) == 1, factory.rows())


@with_factory
def test_list_refuses_placeholders(factory):
    """A number that is on many phones must not open the door to many phones."""
    for number in ("To be filled by O.E.M.", "0123456789", "imei:490154203237518", "imei:12345",
                   "000000000000000", "serial:" + "x" * 65):
        factory.admin.file("list", "PX26-0001-A7\n%s\n" % number)
        r = factory.admin.run("hardware", "add", factory.ticket, "list")
        check(r.returncode in (2, 4), number, r.returncode, r.stderr, r.stdout)
    check(factory.rows() == [], factory.rows())


@with_factory
def test_who_leaves_stays_away(factory):
    """Unenrolled, a phone does not come back by the file that is still there; with another it does."""
    factory.allow("PX26-0001-A7")
    phone = factory.phone("phone", "PX26-0001-A7")
    wait_for("the policy", lambda: enforced(phone))
    phone.ok("unenroll", "--yes")
    phone.stop()
    phone.start()
    wait_for("the line of the log", lambda: "does not enrol there by itself again" in phone.log())
    check(not phone.status()["enrolled"] and problem(phone) is None)
    phone.stop()
    # The number counts over all tickets: the administrator frees it first.
    factory.admin.ok("hardware", "remove", str(factory.rows()[0]["row"]))
    image, factory.ticket = factory.make_image()
    phone.write(CONF, image)
    factory.allow("PX26-0001-A7")
    phone.start()
    wait_for("the second enrolment\n" + phone.log(), lambda: enforced(phone))


@with_factory
def test_who_came_by_hand_stays_away(factory):
    """Enrolled by hand although the image has a file: leaving counts for that file, too."""
    phone = factory.phone("phone", None)
    wait_for("the refusal\n" + phone.log(), lambda: problem(phone))
    phone.enrol(factory.admin.json("ticket", "new", "--group", "staff")["uri"])
    wait_for("the policy", lambda: enforced(phone))
    check(problem(phone) is None and phone.journal("enrolled")[-1]["data"]["zero_touch"] is False)
    phone.ok("unenroll", "--yes")
    phone.stop()
    # From now on nothing but its having left keeps it from enrolling by itself.
    factory.allow("PX26-0001-A7")
    phone.write("sys/class/dmi/id/product_serial", "PX26-0001-A7\n")
    phone.start()
    wait_for("the line of the log\n" + phone.log(),
             lambda: "does not enrol there by itself again" in phone.log())
    check(not phone.status()["enrolled"] and problem(phone) is None)


@with_factory
def test_file_of_others(factory):
    """Who can write the file decides whom the phone obeys: only root may be able to."""
    factory.allow("PX26-0001-A7", "PX26-0002-A7")
    phone = Agent(factory.base, "open", {CONF: factory.image,
                                         "sys/class/dmi/id/product_serial": "PX26-0001-A7\n"})
    os.chmod(phone.path(CONF), 0o666)
    factory.phones.append(phone.start())
    told = wait_for("the problem", lambda: [p for p in phone.status()["problems"]
                                            if "zero-touch.conf is not used" in p["what"]])
    check("nobody else can write" in told[0]["advice"], told)
    bad = factory.phone("bad", "PX26-0002-A7", "server ftp://example.org\n")
    told = wait_for("the problem", lambda: [p for p in bad.status()["problems"]
                                            if "zero-touch.conf is not used" in p["what"]])
    check("mdmctl ticket new --zero-touch" in told[0]["advice"], told)
    check(not phone.status()["enrolled"] and not bad.status()["enrolled"])


@with_factory
def test_ticket_alone_is_worth_nothing(factory):
    """The secret of an image is known to everybody who has one; by hand it enrols nobody."""
    phone = Agent(factory.base, "thief")
    factory.phones.append(phone.start())
    r = phone.run("enroll", "--yes", "-", stdin=factory.image)
    check(r.returncode == 7, r.returncode, r.stderr)
    check(not phone.status()["enrolled"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(run_tests([test_ten_at_once, test_strangers_and_clones, test_imei,
                        test_list_refuses_placeholders,
                        test_who_leaves_stays_away, test_who_came_by_hand_stays_away,
                        test_file_of_others, test_ticket_alone_is_worth_nothing]))
