#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which apps a phone has, from its files to the administrator's list: all of it once, then what
changed, over restarts, a server that was put back, damaged files and the end of the enrolment. The real
agent and the real server; the phone's packages are a database in a directory.

Usage: apps_inventory.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import mdmctl_rig
from mdmctl_rig import Admin, Server, Skip, check, run_tests
from agent_rig import PATIENCE, Agent, wait_for

DATABASE, WORLD = "lib/apk/db/installed", "etc/apk/world"
IMAGE = {"alpine-base": ("3.22-r0", "musl busybox apk-tools"), "musl": ("1.2.5-r10", ""),
         "busybox": ("1.37.0-r19", "musl"), "apk-tools": ("2.14.9-r2", "musl"),
         "postmarketos-base": ("50-r0", "alpine-base"), "libthing": ("1-r0", "musl")}
IMAGE_WORLD = ["alpine-base", "postmarketos-base"]


class Phone(Agent):
    """An agent on a system with packages; the file is replaced as apk does it."""

    def __init__(self, base, name="phone", **options):
        super().__init__(base, name, **options)
        self.packages, self.world = dict(IMAGE), list(IMAGE_WORLD)
        for path in ("sbin/apk", "etc/apk/keys/x", "etc/passwd"):
            self.write(path, "")
        os.chmod(self.path("sbin/apk"), 0o755)
        self.settle()

    def replace(self, name, text):
        self.write(name + ".new", text)
        os.rename(self.path(name + ".new"), self.path(name))

    def settle(self):
        self.replace(DATABASE, "".join(
            "P:%s\nV:%s\nA:aarch64\nS:1000\nI:204800\nT:x\no:%s\n%sF:usr/bin\nR:%s\na:0:0:755\n\n"
            % (name, version, name, "D:%s\n" % depends if depends else "", name)
            for name, (version, depends) in self.packages.items()))
        self.replace(WORLD, "\n".join(self.world) + "\n")

    def install(self, name, version="1.0-r0", depends="musl", explicit=True):
        self.packages[name] = (version, depends)
        if explicit and name not in self.world:
            self.world.append(name)
        self.settle()

    def remove(self, name):
        del self.packages[name]
        self.world.remove(name)
        self.settle()

    # --- what it says

    def apps(self):
        return self.json("apps")

    def names(self, base=False):
        return sorted(a["name"] for a in self.apps()["apps"] if a.get("base", False) == base)

    def start(self):
        super().start()
        # What changed is told when homes were searched.
        wait_for("a search of homes\n" + self.log(), lambda: self.apps()["about"] is None or self.apps()["searched"],
                 2 * PATIENCE)
        return self

    def sees(self, *names):
        wait_for("the apps %s; there are %s" % (names, self.names()), lambda: self.names() == sorted(names))

    def section(self):
        """The section "apps" of the last report."""
        return self.json("privacy")["last_report"]["sections"].get("apps")

    def sync_up(self):
        check(self.sync() == 0, self.log())
        return self.status()["checkin"]["bytes_up"]


class Fleet:
    def __init__(self, base, **options):
        self.base, self.admin, self.again = base, Admin(base), None
        self.server = Server(self.admin)
        self.port = int(self.server.url.rpartition(":")[2])
        self.phone = Phone(base, **options)

    def __enter__(self):
        self.phone.start()
        self.phone.enrol(self.admin.json("ticket", "new")["uri"])
        self.id = self.phone.status()["device"]
        return self

    def __exit__(self, *args):
        self.phone.stop(signal.SIGKILL)
        self.end_server()

    def end_server(self):
        if self.server:
            self.server.__exit__()
            self.server = None
        if self.again:
            self.again.terminate()
            self.again.wait()
            self.again.stdout.close()
            self.again = None

    def start_server(self):
        """Where the phone knows it to be."""
        self.again = subprocess.Popen(
            [mdmctl_rig.SERVER, "--state", os.path.join(self.admin.org, "server"), "--listen",
             "127.0.0.1:%d" % self.port, "--admin-listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        line = self.again.stdout.readline()
        match = re.search(r"administration on (https://\S+)", line)
        check(match, "the server does not start again", line)
        self.admin.ok("config", "set", "admin", match.group(1))

    def held(self):
        """What the server has of the phone's apps."""
        return self.admin.json("device", "apps", self.id)

    def agree(self):
        """Phone, its user and administrator see the same."""
        held, seen = self.held(), self.phone.apps()
        check(held["about"] == seen["about"], held["about"], seen["about"])
        shown = [{k: v for k, v in app.items() if k != "verdict"} for app in seen["apps"]]
        order = lambda app: json.dumps(app, sort_keys=True)
        check(sorted(held["apps"], key=order) == sorted(shown, key=order), held["apps"], shown)
        text = json.dumps(held, separators=(",", ":"), ensure_ascii=False)
        check(self.phone.section()["digest"] == hashlib.sha256(text.encode()).hexdigest()[:16], text)


def all_of_it_then_what_changed(base):
    with Fleet(base) as fleet:
        phone = fleet.phone
        check(phone.names() == [], phone.apps())
        phone.install("htop", "3.3.0-r0")
        phone.install("nano", "8.4-r0")
        phone.install("ncurses", explicit=False)
        phone.sees("htop", "nano")
        phone.sync_up()
        fleet.agree()
        about = fleet.held()["about"]
        check((about["packages"], about["manager"]) == (len(phone.packages), "apk"), about)
        check(0 < about["base"] < len(phone.packages), about)
        steady = phone.sync_up()
        check(sorted(phone.section()) == ["digest"], phone.section())

        phone.install("vim", "9.1-r0")
        phone.sees("htop", "nano", "vim")
        up = phone.sync_up()
        check("delta" in phone.section() and "body" not in phone.section(), phone.section())
        change = len(json.dumps(phone.section()["delta"], separators=(",", ":")))
        check(change < 300, change)
        # The event tells of it, too.
        check(up - steady < 600, up, steady)
        fleet.agree()
        phone.remove("nano")
        phone.install("htop", "3.4.0-r0")
        phone.sees("htop", "vim")
        phone.sync_up()
        check(len(phone.section()["delta"]["gone"]) == 2, phone.section())
        fleet.agree()
        print("one app: %d bytes of change, report %d bytes, steady %d bytes" % (change, up, steady))


def what_came_and_went_is_in_the_journal(base):
    with Fleet(base) as fleet:
        phone = fleet.phone
        made = [r["data"] for r in phone.journal("app") if r["data"]["what"] == "base"]
        check([d["cause"] for d in made] == ["enrolled"], made)
        phone.install("htop")
        wait_for("a record", lambda: phone.journal("app_found"))
        check(phone.journal("app_found")[0]["data"] == {"appeared": ["htop"], "gone": []},
              phone.journal("app_found"))
        phone.remove("htop")
        for i in range(20):
            phone.packages["app-%02d" % i] = ("1", "musl")
            phone.world.append("app-%02d" % i)
        phone.settle()
        wait_for("another record", lambda: len(phone.journal("app_found")) > 1)
        data = phone.journal("app_found")[1]["data"]
        check(len(data["appeared"]) + len(data["gone"]) == 16 and data["more"] == 5, data)
        # A newer version of what is there is none.
        phone.install("app-00", "2")
        wait_for("the version", lambda: [a for a in phone.apps()["apps"] if a.get("version") == "2"])
        check(len(phone.journal("app_found")) == 2)
        # Names as long as they may be: a record that has no room for them all is written all the same.
        for i in range(20):
            name = "%02d" % i + 252 * "x"
            phone.packages[name] = ("1", "musl")
            phone.world.append(name)
        phone.settle()
        wait_for("a third record", lambda: len(phone.journal("app_found")) > 2)
        data = phone.journal("app_found")[2]["data"]
        check(8 <= len(data["appeared"]) < 16 and len(data["appeared"]) + data["more"] == 20, data)


def a_restart_sends_nothing_again(base):
    with Fleet(base) as fleet:
        phone = fleet.phone
        phone.install("htop")
        phone.sees("htop")
        phone.sync_up()
        phone.stop()
        phone.start()
        phone.sync_up()
        check(sorted(phone.section()) == ["digest"], phone.section())
        phone.stop(signal.SIGKILL)
        phone.install("vim")
        phone.start()
        phone.sync_up()
        check("delta" in phone.section(), phone.section())
        fleet.agree()


def a_server_that_was_put_back(base):
    with Fleet(base) as fleet:
        phone, state = fleet.phone, os.path.join(fleet.admin.org, "server")
        phone.install("htop")
        phone.sees("htop")
        phone.sync_up()
        backup = os.path.join(base, "backup")
        made = subprocess.run([mdmctl_rig.SERVER, "backup", "--state", state, "--output", backup],
                              capture_output=True, text=True)
        check(made.returncode == 0, made.stderr)
        phone.install("vim")
        phone.sees("htop", "vim")
        phone.sync_up()
        fleet.end_server()
        shutil.rmtree(state)
        made = subprocess.run([mdmctl_rig.SERVER, "restore", "--state", state, "--from", backup],
                              capture_output=True, text=True)
        check(made.returncode == 0, made.stderr)
        fleet.start_server()
        check([a["name"] for a in fleet.held()["apps"] if not a.get("base")] == ["htop"], fleet.held())
        phone.install("nano")
        phone.sees("htop", "nano", "vim")
        phone.sync_up()
        check("delta" in phone.section(), "it cannot know", phone.section())
        phone.sync_up()
        check("body" in phone.section(), "it was asked for", phone.section())
        fleet.agree()
        phone.remove("nano")
        phone.sees("htop", "vim")
        phone.sync_up()
        check("delta" in phone.section(), phone.section())
        fleet.agree()


def damaged_files(base):
    with Fleet(base) as fleet:
        phone = fleet.phone
        phone.install("htop")
        phone.sees("htop")
        phone.sync_up()
        n_base = phone.apps()["about"]["base"]
        phone.stop()
        for name in ("reports/apps", "apps-base"):
            path = os.path.join(phone.state, name)
            check(os.stat(path).st_mode & 0o777 == 0o600, name)
            with open(path, "r+") as f:
                f.seek(20)
                f.write("#")
        phone.start()
        phone.sync_up()
        check("body" in phone.section(), phone.section())
        fleet.agree()
        causes = [r["data"]["cause"] for r in phone.journal("app") if r["data"]["what"] == "base"]
        check(causes == ["enrolled", "damaged"], causes)
        check(os.path.exists(os.path.join(phone.state, "apps-base.broken")))
        # What somebody chose is no base, whenever that is worked out.
        check(phone.names() == ["htop"] and phone.apps()["about"]["base"] == n_base, phone.apps())
        phone.stop()
        os.unlink(os.path.join(phone.state, "apps-base"))
        phone.start()
        causes = [r["data"]["cause"] for r in phone.journal("app") if r["data"]["what"] == "base"]
        check(causes == ["enrolled", "damaged", "missing"], causes)


def half_of_a_system_is_no_base(base):
    """Cut off by a power failure, or not readable: what the phone came with is not recorded from that."""
    with Fleet(base) as fleet:
        phone = fleet.phone
        n_base = phone.apps()["about"]["base"]
        record = os.path.join(phone.state, "apps-base")
        for path in ("lib/apk/db/installed", "etc/apk/world"):
            for text in ("", None):
                whole = phone.read(path)
                phone.stop()
                os.unlink(record)
                os.unlink(os.path.join(phone.root, path))
                if text is None:
                    os.mkdir(os.path.join(phone.root, path))
                else:
                    phone.write(path, text)
                phone.start()
                phone.apps()
                check(not os.path.exists(record), path, text)
                phone.stop()
                (os.rmdir if text is None else os.unlink)(os.path.join(phone.root, path))
                phone.write(path, whole)
                phone.start()
                wait_for("the record", lambda: os.path.exists(record))
                check(phone.apps()["about"]["base"] == n_base, phone.apps())


def what_is_installed_later_is_no_base(base):
    with Fleet(base) as fleet:
        phone = fleet.phone
        n_base = phone.apps()["about"]["base"]
        phone.install("postmarketos-later")
        phone.sees("postmarketos-later")
        check(phone.apps()["about"]["base"] == n_base, phone.apps()["about"])
        # A package of the base that is gone is no longer counted, and base again when it is back.
        version = phone.packages["postmarketos-base"]
        phone.remove("postmarketos-base")
        wait_for("less base", lambda: phone.apps()["about"]["base"] == n_base - 1)
        phone.install("postmarketos-base", *version)
        wait_for("all of it", lambda: phone.apps()["about"]["base"] == n_base)
        phone.sees("postmarketos-later")


def leaving_leaves_nothing(base):
    with Fleet(base) as fleet:
        phone = fleet.phone
        phone.install("htop")
        phone.sees("htop")
        phone.sync_up()
        phone.ok("unenroll", "--yes")
        left = [n for n in os.listdir(phone.state) if n.startswith("apps") or n == "reports"]
        check(left == [], left)
        check(phone.apps()["about"] is None and phone.apps()["apps"] == [], phone.apps())
        check("No apps are looked at" in phone.ok("apps"))
        phone.install("vim")
        phone.enrol(fleet.admin.json("ticket", "new")["uri"])
        fleet.id = phone.status()["device"]
        phone.sync_up()
        fleet.agree()
        check(phone.names() == ["htop", "vim"], phone.names())


def a_phone_without_apk(base):
    fleet = Fleet(base)
    for path in (DATABASE, WORLD, "sbin/apk"):
        os.unlink(fleet.phone.path(path))
    with fleet:
        phone = fleet.phone
        phone.sync_up()
        fleet.agree()
        about = phone.apps()["about"]
        check(about["packages"] == 0 and about["manager"] not in ("apk", None), about)
        check("not known to the agent" in phone.ok("apps"))


def programs_in_homes_without_folders(base):
    uid = 10000 if os.geteuid() == 0 else os.geteuid()
    if uid < 1000:
        raise Skip("the user is none of people's")
    fleet = Fleet(base)
    phone = fleet.phone
    phone.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nanna:x:%d:%d::/home/anna:/bin/sh\n" % (uid, uid))
    phone.write("bin/sh", "")
    os.chmod(phone.path("bin/sh"), 0o755)
    program = "home/anna/Divorce papers/Game.AppImage"
    phone.write(program, "")
    with open(phone.path(program), "wb") as f:
        f.write(b"\x7fELF\x02\x01\x01\0AI\x02" + bytes(100))
    os.chmod(phone.path(program), 0o755)
    if os.geteuid() == 0:
        for directory, _, names in os.walk(phone.path("home/anna")):
            for path in [directory] + [os.path.join(directory, n) for n in names]:
                os.chown(path, uid, uid)
    with fleet:
        wait_for("the program", lambda: "Game.AppImage" in phone.names())
        phone.sync_up()
        fleet.agree()
        found = [a for a in fleet.held()["apps"] if a["kind"] == "file"]
        phone.stop()
        phone.start()
        phone.sync_up()
        check(sorted(phone.section()) == ["digest"] and not phone.journal("app_found"), phone.journal())
        check(len(found) == 1 and found[0]["name"] == "Game.AppImage" and found[0]["user"] == uid, found)
        said = json.dumps(phone.json("privacy")) + json.dumps(phone.apps()) + json.dumps(phone.journal())
        check("anna" not in said and "Divorce" not in said, said)


def the_administrators_list(base):
    with Fleet(base) as fleet:
        phone = fleet.phone
        phone.install("htop", "3.3.0-r0")
        phone.sees("htop")
        phone.sync_up()
        text = fleet.admin.ok("device", "apps", fleet.id)
        check(re.search(r"^package +htop +3\.3\.0-r0 +- +app ", text, re.M), text)
        check("%d packages (apk)" % len(phone.packages) in text, text)
        check(fleet.admin.json("device", "show", fleet.id)["sections"]["apps"]["body"] == fleet.held())
        page = phone.ok("apps")
        check("htop 3.3.0-r0" in page and "Looked at" in page, page)


def anybody_may_look(base):
    if os.geteuid() != 0:
        raise Skip("needs another user")
    with Fleet(base) as fleet:
        fleet.phone.install("htop")
        fleet.phone.sees("htop")
        os.chmod(base, 0o755)
        other = subprocess.run([os.path.join(mdmctl_rig.BUILD, "agentctl"), "--socket", fleet.phone.socket,
                                "apps", "--json"], user=65534, group=65534, extra_groups=[], text=True,
                               capture_output=True)
        check(other.returncode == 0, other.stderr)
        check(json.loads(other.stdout)["apps"] == fleet.phone.apps()["apps"], other.stdout)


TESTS = [all_of_it_then_what_changed, what_came_and_went_is_in_the_journal, a_restart_sends_nothing_again,
         a_server_that_was_put_back, damaged_files, half_of_a_system_is_no_base, what_is_installed_later_is_no_base,
         leaving_leaves_nothing, a_phone_without_apk, programs_in_homes_without_folders,
         the_administrators_list, anybody_may_look]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, beside=4))
