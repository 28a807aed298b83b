#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Telling where a phone is: real agent, server and mdmctl. When it is told and how exactly, who sees
it, what is kept and for how long; and the command "lost".

Usage: location_report.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import subprocess
import sys
import types

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check
from agent_rig import wait_for
from location_rig import copy_schemas, dconf_set, run_tests
import dbus

from places import Field, INSIDE, OUTSIDE, BASE, WEEK

TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Told(Field):
    """A phone whose policy says what is told of where it is."""

    def rules(self, **location):
        self.admin.file("p.json", json.dumps({
            "checkin": {"interval": WEEK, "jitter": 0},
            "profiles": [BASE] + ([{"id": "told", "settings": {"location": location}}] if location else [])}))
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")
        self.sync()
        wait_for("the policy", lambda: (self.phone.effective().get("location.report") or "never") ==
                 location.get("report", "never"))

    def device(self):
        return self.admin.json("device", "list")["devices"][0]["id"]

    def at_server(self):
        """The body of the section, None: the server has none."""
        sections = self.admin.json("device", "show", self.device())["sections"]
        return sections["location"]["body"] if "location" in sections else None

    def until_told(self, condition=lambda body: body.get("position")):
        def look():
            self.sync()
            body = self.at_server()
            return body if body and condition(body) else None

        return wait_for("a position at the server\n" + self.phone.log(), look)

    def privacy(self):
        return json.loads(self.ctl("privacy", "--json"))

    def ctl(self, *words):
        r = self.phone.run(*words)
        check(r.returncode == 0, words, r.stderr)
        return r.stdout

    def lost(self, is_lost):
        self.admin.ok("command", "lost", "is=" + ("true" if is_lost else "false"), "--device", self.device())
        self.sync()
        wait_for("the command", lambda: [r for r in self.journal("location")
                                         if r["what"] == ("lost" if is_lost else "found")])


def metres(position, where):
    return max(abs(position["latitude"] - where[0]) * 111320, abs(position["longitude"] - where[1]) * 70000)


@test
def test_never(base):
    """Nobody is told, nothing is kept, and the user reads that."""
    with Told(base, {"profiles": []}) as field:
        field.sync()
        check(field.at_server() is None)
        location = field.privacy()["location"]
        check(location["report"] == "never" and location["told"] == [] and not location["lost"], location)
        page = field.ctl("privacy")
        check("where you are" in page.split("Never collected")[1], page)
        check("not told to anybody" in page, page)
        check("Location" not in field.ctl("status") and not os.path.exists(field.kept("location")))


@test
def test_always(base):
    """Rounded, shown to the user with each report, in force by compliance; gone when the policy says so."""
    with Told(base, {"profiles": []}) as field:
        field.rules(report="always", precision=5000)
        body = field.until_told()
        position = body["position"]
        check((body["why"], body["precision"], position["radius"], position["source"]) ==
              ("always", 5000, 5000, "fixed"), body)
        check(0 < metres(position, INSIDE) < 5000, body)
        states = {(s["area"], s["setting"]): s["state"]
                  for s in json.loads(field.phone.run("compliance", "--json").stdout)["settings"]}
        check(states["location", "report"] == states["location", "precision"] == "compliant", states)
        # The user: what, when, how exactly; and no exact position anywhere.
        location = field.privacy()["location"]
        check(location["report"] == "always" and location["told"][0]["latitude"] == position["latitude"], location)
        page = field.ctl("privacy")
        check("told to the organisation with every report; rounded to 5000 m" in " ".join(page.split()), page)
        check(str(position["latitude"]) in page and "- where you are" not in page, page)
        check("with every report" in " ".join(field.ctl("status").split()))
        told = [r for r in field.journal("location") if r["what"] == "told"]
        check(told and told[0]["precision"] == 5000 and "latitude" not in told[0], told)
        for name in ("journal", "location", "last-report"):
            if os.path.exists(field.kept(name)):
                with open(field.kept(name), "rb") as f:
                    check(b"52.520" not in f.read(), name, "knows it exactly")
        # mdmctl: people and programs.
        shown = field.admin.ok("device", "show", field.device())
        check("location      %.6f, %.6f, within 5000 m" % (position["latitude"], position["longitude"]) in shown, shown)
        # A restart knows what was told; the server is told nothing new.
        n = len(field.privacy()["location"]["told"])
        field.again()
        field.sync()
        check(len(field.privacy()["location"]["told"]) in (n, n + 1))
        # The policy ends it: the server forgets.
        field.rules()
        field.sync()
        check(field.at_server() is None, field.at_server())
        check("location" not in field.admin.ok("device", "show", field.device()))
        check(field.privacy()["location"]["report"] == "never")


@test
def test_strangers(base):
    """A service on the phone does not learn from privacy where it is; a person on it does."""
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    with Told(base, {"profiles": []}) as field:
        field.rules(report="always", precision=5000)
        position = field.until_told()["position"]

        def privacy_of(uid):
            done = subprocess.run([os.path.join(BUILD, "agentctl"), "--socket", field.phone.socket, "privacy", "--json"],
                                  user=uid, group=uid, extra_groups=[], text=True, capture_output=True, timeout=60, check=False)
            check(done.returncode == 0, done.stderr)
            return done.stdout

        for uid, sees in ((65534, False), (70000, False), (70, False), (1000, True), (0, True)):
            text = privacy_of(uid)
            answer = json.loads(text)
            check((str(position["latitude"]) in text) == sees, uid, text)
            section = answer["last_report"]["sections"]["location"]
            check(section == {"withheld": True} or sees, uid, section)
            # That it was told, when and how exactly, everybody may know.
            check(answer["location"]["told"][0]["precision"] == 5000, answer["location"])


@test
def test_finer_is_not_told_before(base):
    """A position that was rounded finer than the policy now says is not told any more."""
    with Told(base, {"profiles": []}) as field:
        field.rules(report="always", precision=100)
        fine = field.until_told()
        check(fine["position"]["radius"] == 100 and metres(fine["position"], INSIDE) <= 100, fine)
        field.rules(report="always", precision=20000)
        coarse = field.until_told(lambda body: body["precision"] == 20000 and body.get("position"))
        check(coarse["position"]["radius"] == 20000, coarse)
        check(coarse["position"]["latitude"] != fine["position"]["latitude"], coarse)


@test
def test_lost(base):
    """Nothing before, at once when the phone counts as lost, over a restart, and nothing after."""
    with Told(base, {"profiles": []}) as field:
        field.rules(report="when_lost")
        check(field.at_server() is None)
        page = " ".join(field.ctl("privacy").split())
        check("not told, unless the organisation counts this phone as lost; rounded to 1000 m" in page, page)
        field.lost(True)
        body = field.until_told()
        check(body["why"] == "lost" and body["position"]["radius"] == 1000, body)
        status = " ".join(field.ctl("status").split())
        check("the organisation counts this phone as lost" in status, status)
        check("LOST" in field.admin.ok("device", "show", field.device()))
        field.again()
        check(json.loads(field.ctl("status", "--json"))["location"]["lost"] is True)
        field.lost(False)
        field.sync()
        check(field.at_server() is None, field.at_server())
        check(json.loads(field.ctl("status", "--json"))["location"]["lost"] is False)


@test
def test_lost_without_leave(base):
    """The command alone tells nothing: the policy has to let it."""
    with Told(base, {"profiles": []}) as field:
        field.lost(True)
        field.sync()
        check(field.at_server() is None, field.at_server())
        check("no policy lets it tell" in json.dumps(field.admin.json("command", "list")) or
              "no policy lets it tell" in field.phone.run("command", "list").stdout)


@test
def test_moving(base):
    """Only the last one is at the server; the user has them all."""
    with Told(base, {"profiles": []}, INSIDE) as field:
        field.rules(report="always")
        first = field.until_told()["position"]
        field.move(OUTSIDE)
        field.again()
        second = field.until_told(lambda body: (body.get("position") or first)["latitude"] != first["latitude"])
        check(metres(second["position"], OUTSIDE) < 1000, second)
        told = field.privacy()["location"]["told"]
        check([t["latitude"] for t in told[:1]] == [second["position"]["latitude"]] and
              first["latitude"] in [t["latitude"] for t in told[1:]], told)


@test
def test_nobody_tells(base):
    """Without a source the organisation hears that there is none, and the check-in does not wait."""
    with Told(base, {"profiles": []}, None) as field:
        field.rules(report="always")
        body = field.until_told(lambda body: body.get("missing"))
        check(body["position"] is None and body["missing"] in ("no_source", "too_late"), body)
        check("location      not known: " in field.admin.ok("device", "show", field.device()))


@test
def test_switch(base):
    """The user's switch counts, unless the policy says openly that it does not."""
    if os.geteuid() != 0:
        raise Skip("needs root, to have homes of others")
    field = Told(base, {"profiles": []})

    def write(name, text, mode=0o644):
        field.phone.write(name, text)
        os.chmod(field.phone.path(name), mode)

    home = types.SimpleNamespace(root=field.phone.root, base=base, write=write)
    copy_schemas(home)
    field.phone.write("etc/passwd", "root:x:0:0::/root:/bin/sh\na:x:1001:1001::/home/a:/bin/sh\n")
    field.phone.write("etc/shadow", "root:!:1::::::\na:x:1::::::\n")
    dconf_set(home, "home/a", False)
    os.chown(os.path.join(home.root, "home/a"), 1001, 1001)
    with field:
        manager = dbus.Interface(field.bus.connection.get_object(
            "org.freedesktop.login1", "/org/freedesktop/login1", introspect=False), "org.freedesktop.DBus.Mock")
        path = manager.AddSession("c1", "seat0", dbus.UInt32(1001), "a", True)
        field.bus.mock("org.freedesktop.login1", path).UpdateProperties(
            "org.freedesktop.login1.Session", dbus.Dictionary({"Type": "wayland"}, signature="sv"))
        field.rules(report="always")
        body = field.until_told(lambda body: body.get("missing"))
        check(body["position"] is None and body["missing"] == "switched_off", body)
        check("its user has switched location off" in field.admin.ok("device", "show", field.device()))
        field.rules(report="always", override_switch=True)
        check(metres(field.until_told()["position"], INSIDE) < 1000)
        for page in ("status", "privacy"):
            words = " ".join(field.ctl(page).split())
            check("looks where the phone is even while location is switched off in its settings" in words, words)


@test
def test_unenrolled(base):
    """A phone that leaves by command takes its position from the server, and keeps nothing itself."""
    with Told(base, {"profiles": []}) as field:
        field.rules(report="always")
        field.until_told()
        device = field.device()
        field.admin.ok("command", "unenroll", "--device", device)
        field.sync()
        wait_for("the end", lambda: not json.loads(field.ctl("status", "--json"))["enrolled"])
        sections = field.admin.json("device", "show", device)["sections"]
        check("location" not in sections, sections)
        check(not os.path.exists(field.kept("location")))
        check(field.privacy()["location"]["told"] == [])


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
