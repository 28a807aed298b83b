#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command "wipe", from two signatures to keys that are gone: real agents, server, mdmctl, mdm-agent-wipe and
cryptsetup(8). The disks are image files in made-up phones; nothing of this machine's is in reach, and no system ends.

Usage: wipe_command.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, PASSPHRASE as ADMIN_PASSPHRASE, check, run_tests
from agent_rig import wait_for
from auth_rig import GO, LOCKED_OUT, RIGHT
from recovery_rig import Disks, PASSPHRASE, QUICK, cryptsetup

STATE = "var/lib/mdm-agent/"


class Erasable(Disks):
    """A phone of the organisation, whose program for wiping is the real one."""

    ownership = "company"

    def make_disks(self, agent):
        super().make_disks(agent)
        agent.options += ["--wipe-program", os.path.join(BUILD, "mdm-agent-wipe")]
        os.makedirs(agent.path(STATE))
        # Part of no plan: a stick with keys of its own, which is somebody else's.
        self.device_node(agent, "8:1", "pci/usb1/block/sda/sda1", partition="1", removable="1")
        self.images["stick"] = agent.path("dev/sda1")
        with open(self.images["stick"], "wb") as f:
            f.truncate(20 << 20)
        check(cryptsetup("luksFormat", *QUICK, self.images["stick"], key=PASSPHRASE) == 0)

    def assign(self, ownership):
        self.admin.ok("assign", self.device, "--group", "staff", "--ownership", ownership)
        self.agent.sync()
        wait_for("the assignment\n" + self.agent.log(), lambda: self.agent.status()["ownership"] == ownership)

    def order(self, *arguments, keys=("second",), wait=True):
        """Signed by two; its row once it has ended."""
        self.agent.sync()
        self.admin.ok("command", "wipe", *arguments, "--device", self.device, "-o", "wipe.jws")
        for key in keys:
            self.admin.ok("command", "cosign", "wipe.jws", "--key", key, "--yes")
        self.agent.sync()
        try:
            return wait_for("wipe", self.row) if wait else None
        except AssertionError:
            check(False, self.agent.log(), os.listdir(self.agent.path(STATE)), self.agent.status()["refusals"])

    def row(self, ended=True):
        rows = [r for r in self.agent.json("command", "list")["commands"] if r["verb"] == "wipe"]
        return rows and (not ended or rows[0]["state"] not in ("accepted", "running")) and rows[0]

    def notes(self):
        """What the journal says of the point of no return."""
        records = self.agent.json("journal", "show", "--lines", "1000")["records"]
        return [json.dumps(r) for r in records if "point_of_no_return" in json.dumps(r)]

    def opens_any(self, name="root"):
        return any(self.opens(key, name) for key in [PASSPHRASE, "a spare one"])


def with_phone(ownership="company", **options):
    def decorate(function):
        def run(base):
            os.chmod(base, 0o755)
            phone = Erasable(base, **options)
            try:
                phone.assign(ownership)
                function(phone)
            finally:
                phone.close()
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        return run
    return decorate


def limits(at_maximum):
    return {"password": {"free_attempts": 1, "first_delay": 1, "longest_delay": 1, "max_attempts": 4,
                         "at_maximum": at_maximum}, "encryption": {"escrow": True}}


@with_phone(volumes=("root", "home"))
def test_device(phone):
    """Every key is gone, of volumes that nobody named; the server has heard both the point of no return and the end."""
    with open(phone.images["root"], "rb") as f:
        before = f.read(16 << 20)
    check(phone.opens(PASSPHRASE, "root") and phone.opens(PASSPHRASE, "home"))
    row = phone.order("scope=device")
    check(row["state"] == "done" and "2 encrypted volumes" in row["detail"], row, phone.agent.log())
    check(not phone.opens_any("root") and not phone.opens_any("home"))
    with open(phone.images["root"], "rb") as f:
        after = f.read(16 << 20)
    kept = [n for n in range(0, 16 << 20, 512) if before[n:n + 512].strip(b"\0") and before[n:n + 512] == after[n:n + 512]]
    check(not kept, kept[:5])
    check(phone.opens(PASSPHRASE, "stick"))

    def told():
        rows = phone.admin.json("command", "list", "--device", phone.device)["commands"]
        return next(r for r in rows if r["verb"] == "wipe")["state"] == "done"
    wait_for("the server to hear of it", told)
    steps = phone.admin.json("command", "show", phone.row()["id"])["history"]
    check([s["reason"] for s in steps if s["reason"]][:2] == ["begins", "point_of_no_return"], steps)
    # Beside the end there is a record of what was said before.
    notes = phone.notes()
    check(len(notes) == 1 and "mmcblk0p2" in notes[0], notes)


@with_phone(ownership="personal")
def test_personal(phone):
    """A phone that is its user's refuses, and nothing is touched; what is the organisation's goes."""
    row = phone.order("scope=device")
    check((row["state"], row["reason"]) == ("refused", "personal_phone"), row)
    check(phone.opens(PASSPHRASE) and not os.path.exists(phone.agent.path("etc/nologin")))
    check(not os.path.exists(phone.agent.path(STATE + "wipe.plan")))
    corporate(phone)


@with_phone(ownership="company")
def test_corporate(phone):
    corporate(phone)


def corporate(phone):
    """What is the organisation's goes, keys of the phone included; what is the user's stays."""
    check(os.listdir(os.path.join(phone.agent.state, "net")))
    phone.order("scope=corporate", wait=False)
    wait_for("leaving\n" + phone.agent.log(), lambda: not phone.agent.status()["enrolled"])
    check(not os.path.exists(os.path.join(phone.agent.state, "net")), os.listdir(phone.agent.state))
    check(phone.opens(PASSPHRASE) and not os.path.exists(phone.agent.path("etc/nologin")))

    def told():
        rows = phone.admin.json("command", "list", "--device", phone.device)["commands"]
        return any(r["verb"] == "wipe" and r["state"] == "done" for r in rows)
    wait_for("the server to hear of it", told)


def put(phone, path, body):
    """As the administrator's mdmctl asks the server; the status."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(os.path.join(phone.admin.org, "admin.pem"), os.path.join(phone.admin.org, "admin-key.pem"),
                            ADMIN_PASSPHRASE)
    connection = http.client.HTTPSConnection("127.0.0.1", phone.phone.server.admin_port, context=context, timeout=30)
    try:
        connection.request("PUT", path, body, {"Content-Type": "application/jose"})
        return connection.getresponse().status
    finally:
        connection.close()


@with_phone()
def test_one_signature(phone):
    """Of one administrator, put on the server past mdmctl, which would not: the phone refuses it."""
    phone.agent.sync()
    phone.admin.ok("command", "wipe", "scope=device", "--device", phone.device, "-o", "wipe.jws")
    r = phone.admin.run("command", "push", "wipe.jws")
    check(r.returncode != 0 and "more signature" in r.stderr, r)
    with open(os.path.join(phone.admin.home, "wipe.jws")) as f:
        text = f.read()
    body = text.split(".")[1]
    payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    status = put(phone, "/v1/admin/documents?type=command&device=%s&id=%s&verb=wipe&expires=%d"
                 % (phone.device, payload["id"], payload["expires"]), text.encode())
    check(status in (200, 201, 202, 204), status)
    phone.agent.run("sync")
    wait_for("the refusal\n" + phone.agent.log(), lambda: any(
        r["type"] == "command" and r["reason"] == "threshold" for r in phone.agent.status()["refusals"]))
    check(not phone.row(ended=False) and phone.opens(PASSPHRASE))


@with_phone(settings=limits("wipe"))
def test_logins(phone):
    """From the last words on nobody logs in, with the right password neither: not by /etc/nologin, not past it."""
    check(phone.phone.log_in(RIGHT).verdict == GO)
    wait_for("the attempt", lambda: phone.phone.failed() == 0)
    phone.order("scope=device", "finish=reboot", wait=False)
    wait_for("the refusal\n" + phone.agent.log(), lambda: phone.phone.log_in(RIGHT).verdict == LOCKED_OUT, 30)
    with open(phone.agent.path("etc/nologin")) as f:
        check("being erased" in f.read())
    wait_for("the end", phone.row)
    check(phone.phone.log_in(RIGHT).verdict == LOCKED_OUT and phone.row()["state"] == "done")


@with_phone()
def test_without_the_server(phone):
    """The last words are not waited for longer than two seconds."""
    phone.agent.sync()
    phone.admin.ok("command", "wipe", "scope=device", "--device", phone.device, "-o", "wipe.jws")
    phone.admin.ok("command", "cosign", "wipe.jws", "--key", "second", "--yes")
    phone.agent.run("sync")
    phone.phone.server.process.send_signal(signal.SIGSTOP)
    try:
        row = wait_for("wipe\n" + phone.agent.log(), phone.row, 60)
        check(row["state"] == "done" and not phone.opens(PASSPHRASE), row)
    finally:
        phone.phone.server.process.send_signal(signal.SIGCONT)


@with_phone(volumes=("root", "home"))
def test_killed_in_the_middle(phone):
    """The agent is killed at any moment: in the end the keys are gone, or nothing was begun and the phone says so."""
    phone.agent.sync()
    phone.admin.ok("command", "wipe", "scope=device", "--device", phone.device, "-o", "wipe.jws")
    phone.admin.ok("command", "cosign", "wipe.jws", "--key", "second", "--yes")
    phone.agent.run("sync")
    wait_for("the plan\n" + phone.agent.log(), lambda: os.path.exists(phone.agent.path(STATE + "wipe.plan"))
             or phone.row())
    phone.agent.stop(signal.SIGKILL)
    phone.agent.start()
    row = wait_for("wipe\n" + phone.agent.log(), phone.row, 60)
    check(row["state"] == "done", row, phone.agent.log())
    check(not phone.opens_any("root") and not phone.opens_any("home"))


@with_phone()
def test_nothing_begins(phone):
    """The program is missing, or what it says is nothing: no keys are touched, and everybody can log in."""
    phone.agent.stop()
    at = phone.agent.options.index("--wipe-program")
    for program in ("/nonexistent/mdm-agent-wipe", "/bin/true"):
        phone.agent.options[at + 1] = program
        phone.agent.start()
        time.sleep(1.1)  # dates are in seconds, and the floor below which nothing is taken is one
        row = phone.order("scope=device")
        check(row["state"] == "failed" and "nothing was" in row["detail"], row)
        check(phone.opens(PASSPHRASE) and not os.path.exists(phone.agent.path("etc/nologin")))
        phone.agent.stop()


def mistype(phone, n):
    """So many wrong passwords of the owner, each as soon as it may be."""
    for i in range(n):
        before = phone.phone.failed() or 0
        phone.phone.log_in("wrong %d" % i)
        wait_for("the count\n" + phone.agent.log(), lambda: (phone.phone.failed() or 0) > before)
        time.sleep(1.1)


def at_maximum_now(phone):
    return phone.agent.status()["passwords"]["at_maximum_now"]


@with_phone(settings=limits("wipe"))
def test_too_many_wrong_ones_wipe(phone):
    """As two administrators signed it; the right password before the last one takes all of that back."""
    check(at_maximum_now(phone) == "wipe")
    mistype(phone, 3)
    phone.phone.log_in(RIGHT)
    wait_for("none", lambda: phone.phone.failed() == 0)
    mistype(phone, 3)
    check(phone.opens(PASSPHRASE))
    phone.phone.log_in("the fourth")
    wait_for("the wipe\n" + phone.agent.log(), lambda: not phone.opens(PASSPHRASE))
    check(phone.notes(), phone.agent.log())


@with_phone(ownership="personal", settings=limits("wipe"))
def test_too_many_on_a_personal_phone(phone):
    """It locks out, says before that it will do no more, and nothing is destroyed."""
    check(at_maximum_now(phone) == "lock_out")
    mistype(phone, 4)
    wait_for("refused\n" + phone.agent.log(), lambda: "own phone" in phone.agent.log())
    check(phone.opens(PASSPHRASE) and not os.path.exists(phone.agent.path("etc/nologin")))


@with_phone(settings=limits("crypto_lock"))
def test_too_many_wrong_ones_crypto_lock(phone):
    """Only where the organisation could open it again."""
    check(at_maximum_now(phone) == "lock_out")
    phone.made()
    phone.acknowledged()
    wait_for("ready", lambda: at_maximum_now(phone) == "crypto_lock")
    key = phone.keys()[0]["key"]
    mistype(phone, 4)
    wait_for("the lock\n" + phone.agent.log(), lambda: not phone.opens(PASSPHRASE))
    check(phone.opens(key) and phone.slots() == [1])


class Plain(Erasable):
    """Nothing is encrypted: files below /home, a data partition, swap."""

    def make_disks(self, agent):
        super().make_disks(agent)
        for n, name in ((5, "data"), (6, "swap")):
            self.device_node(agent, "179:%d" % n, "platform/block/mmcblk0/mmcblk0p%d" % n, partition="1")
            self.images[name] = agent.path("dev/mmcblk0p%d" % n)
            with open(self.images[name], "wb") as f:
                f.write((b"secret of the user " * 60000)[:1 << 20])
        subprocess.run(["mke2fs", "-q", "-t", "ext4", self.images["data"]], check=True, stdin=subprocess.DEVNULL,
                       env=dict(os.environ, PATH="/usr/sbin:/sbin:" + os.environ["PATH"]))
        os.unlink(self.images["root"])
        agent.write("proc/self/mountinfo", "20 1 0:5 / /proc rw - proc proc rw\n"
                    "30 1 179:2 / / rw shared:1 - ext4 /dev/mmcblk0p2 rw\n"
                    "31 30 179:5 / /home/owner/data rw shared:1 - ext4 /dev/mmcblk0p5 rw\n")
        agent.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"
                    "/dev/mmcblk0p6                          partition\t900\t0\t-2\n")
        agent.write("home/owner/letter", "dear mother")
        agent.write("root/notes", "to myself")
        agent.write("etc/hostname", "phone")


def with_plain(function):
    def run(base):
        os.chmod(base, 0o755)
        phone = Plain(base, settings={"password": {"min_length": 6}})
        try:
            phone.assign("company")
            function(phone)
        finally:
            phone.close()
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def finished_without_the_agent(phone, left):
    """The agent is gone while it is destroyed; what it says of that when it is back."""
    phone.agent.sync()
    phone.order("scope=device", wait=False)
    progress = phone.agent.path(STATE + "wipe.progress")
    wait_for("the beginning\n" + phone.agent.log(), lambda: os.path.exists(progress) and "started" in open(progress).read())
    phone.agent.stop(signal.SIGKILL)
    wait_for("the end", lambda: not os.path.exists(phone.agent.path(STATE + "wipe.plan"))
             and "finishing" in open(progress).read())
    if left:
        with open(progress, "a") as f:
            f.write("99999999 device 0 left Input/output error: given up\n")
    phone.agent.start()
    row = wait_for("its end\n" + phone.agent.log(), phone.row)
    check(not os.path.exists(phone.agent.path("etc/nologin")))
    return row["state"], row["reason"]


@with_plain
def test_finished_without_the_agent(phone):
    check(finished_without_the_agent(phone, False) == ("done", "after_restart"))


@with_plain
def test_given_up_without_the_agent(phone):
    """What was left is not called done because nobody watched."""
    check(finished_without_the_agent(phone, True) == ("failed", "data_left"))


def test_unencrypted(base):
    """What cannot be destroyed for good is said before, and the best there is is done."""
    os.chmod(base, 0o755)
    phone = Plain(base, settings={"password": {"min_length": 6}})
    try:
        phone.assign("company")
        row = phone.order("scope=device")
        check((row["state"], row["reason"]) == ("done", "not_encrypted"), row, phone.agent.log())
        notes = phone.notes()
        check(len(notes) == 1 and "nothing is encrypted" in notes[0] and "flash may keep" in notes[0], notes)
        wait_for("the files", lambda: not os.path.exists(phone.agent.path("home/owner/letter")))
        try:
            wait_for("the rest", lambda: not os.path.exists(phone.agent.path(STATE + "wipe.plan")), 20)
        except AssertionError:
            check(False, phone.agent.read(STATE + "wipe.progress"))
        check(not os.path.exists(phone.agent.path("root/notes")) and os.path.exists(phone.agent.path("etc/hostname")))
        for name in ("data", "swap"):
            with open(phone.images[name], "rb") as f:
                check(b"secret of the user" not in f.read(), name)
    finally:
        phone.close()


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
