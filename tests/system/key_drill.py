#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/key-drill.md, word for word, on a terminal, against a real mdm-server, with a
real phone following along; it is switched off for two changes of the keys, another one from the first day
to the last. Afterwards both have the newest keyset and trust the new CA, what the stolen key signs is
refused, and a fresh phone can enrol.

Usage: key_drill.py BUILD_DIR        the last line is "N passed, N failed[, N skipped]"

Needs root for a network and processes of its own: the text names ports and the server by name.
"""
import base64
import glob
import http.client
import json
import os
import pty
import re
import select
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, check, openssl
from agent_rig import Agent, wait_for

TEXT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "key-drill.md")
PASSPHRASE = "a passphrase for the drill"
COMMAND_SECONDS = 60


def commands():
    """One command a line under its section, those that go on in the next line joined."""
    section, found = "", []
    with open(TEXT) as f:
        text = f.read().replace("\\\n", " ")
    for line in text.split("\n"):
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("    ") and line.strip():
            found.append((section, re.sub(r"\s+#.*$", "", re.sub(r"\s+", " ", line.strip()))))
    return found


class Drill:
    """The home of the drill; a shell on a terminal, and somebody who answers what is asked."""

    def __init__(self, base):
        self.base, self.home = base, os.path.join(base, "home")
        self.bin = os.path.join(base, "bin")
        os.mkdir(self.home)
        os.mkdir(self.bin)
        for name in ("mdmctl", "mdm-server"):
            os.symlink(os.path.join(BUILD, name), os.path.join(self.bin, name))
        self.phone = Agent(base, "phone")
        self.away = Agent(base, "away")  # enrols on the first day and is then forgotten in a drawer
        self.program("agentctl", '%s/agentctl --socket %s "$@"' % (BUILD, self.phone.socket))
        self.server = None
        self.ticket = self.output = ""

    def program(self, name, line):
        path = os.path.join(self.bin, name)
        with open(path, "w") as f:
            f.write("#!/bin/sh\nexec %s\n" % line)
        os.chmod(path, 0o755)

    def env(self):
        return {"HOME": self.home, "PATH": self.bin + ":" + os.environ["PATH"], "LANG": "C.UTF-8",
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "TERM": "dumb"}

    def run(self, command, answer=""):
        """Runs it as somebody at a terminal would; returns the exit status."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.home)
            os.execve("/bin/sh", ["sh", "-c", command], self.env())
        text, seen, end = "", 0, time.monotonic() + COMMAND_SECONDS
        if answer:
            os.write(fd, answer.encode())
        while True:
            check(time.monotonic() < end, "does not end:", command, text)
            if not select.select([fd], [], [], 1)[0]:
                continue
            try:
                data = os.read(fd, 4096)
            except OSError:
                data = b""
            if not data:
                break
            text += data.decode(errors="replace")
            asked = re.search(r"(assphrase[^\n]*: |again: |\[y/N\] |\n> )$", text[seen:])
            if asked:
                seen = len(text)
                answer = {"[y/N] ": "y", "\n> ": "yes"}.get(asked.group(1), PASSPHRASE)
                os.write(fd, answer.encode() + b"\n")
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        check(PASSPHRASE not in text, "the passphrase is shown:", text)
        self.output = text.replace("\r", "")
        return status

    def json(self, command):
        """A command that this test adds, for looking."""
        file = os.path.join(self.base, "passphrase")
        if not os.path.exists(file):
            with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                f.write(PASSPHRASE + "\n")
        r = subprocess.run([os.path.join(self.bin, "mdmctl"), *command, "--json"], cwd=self.home,
                           env=dict(self.env(), MDMCTL_PASSPHRASE_FILE=file), text=True,
                           capture_output=True, timeout=COMMAND_SECONDS)
        check(r.returncode == 0, command, r.stderr)
        return json.loads(r.stdout)

    def serve(self, command):
        log = os.path.join(self.base, "server.log")
        words = command.rstrip("& ").split()
        with open(log, "w") as f:
            self.server = subprocess.Popen(words, cwd=self.home, env=self.env(), stdout=f, stderr=f,
                                           executable=os.path.join(self.bin, words[0]))
        wait_for("the start of the server", lambda: "listening on" in open(log).read())

    def step(self, command):
        if command.startswith("mdm-server") and command.endswith("&"):
            return self.serve(command)
        if command == "mdm-agentd &":
            return self.phone.start()
        # A phone that is switched off does not check in.
        if command.startswith("agentctl") and not self.phone.process:
            return None
        before = self.log().count("reloaded") if command.startswith("kill -HUP") else 0
        status = self.run(command, self.ticket + "\n\x04" if command == "agentctl enroll -" else "")
        check(status == 0, "ended with", status, ":", command, "\n" + self.output)
        if command.startswith("mdmctl ticket new"):
            self.ticket = re.search(r"mdm://\S+", self.output).group(0)
        if command.startswith("kill -HUP"):
            wait_for("the reload", lambda: self.log().count("reloaded") > before)
        return None

    def log(self):
        with open(os.path.join(self.base, "server.log")) as f:
            return f.read()

    def keyset(self):
        return self.phone.status()["keyset"]["version"]

    def files(self, name):
        return sorted(os.listdir(os.path.join(self.home, name)))

    def end(self):
        self.phone.stop()
        self.away.stop()
        if self.server:
            self.server.terminate()
            self.server.wait()


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def stolen_order(drill, serial):
    """A command as the stolen key signs it, for the phone of the drill, and put on the server by
    somebody who may: the phone alone is in between."""
    key = os.path.join(drill.base, "thief.pem")
    der = openssl("pkey", "-in", os.path.join(drill.base, "thief/keys/second.pem"), "-passin",
                  "pass:" + PASSPHRASE, "-out", key)
    check(der.returncode == 0, der.stderr)
    public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER").stdout[-32:]
    kid = openssl("dgst", "-sha256", "-binary",
                  input=json.dumps({"crv": "Ed25519", "kty": "OKP", "x": b64(public)},
                                   separators=(",", ":")).encode()).stdout
    status = drill.phone.status()
    order = "%032x" % (0x5e << 64 | serial)
    now = int(time.time())
    payload = {"type": "command", "org": status["organisation"]["id"], "serial": 1, "issued": now,
               "expires": now + 3600, "target": {"device": status["device"],
                                                 "enrolment": status["enrolment"]},
               "id": order, "verb": "message", "arguments": {"text": "hello"}}
    header = {"alg": "EdDSA", "kid": b64(kid), "typ": "mdm-command"}
    signing = ".".join(b64(json.dumps(part, separators=(",", ":")).encode())
                       for part in (header, payload))
    data = os.path.join(drill.base, "signing")
    with open(data, "w") as f:
        f.write(signing)
    r = openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", data)
    check(len(r.stdout) == 64, r.stderr)
    return order, signing + "." + b64(r.stdout) + "\n", payload["expires"]


def upload(drill, path, body):
    """As an administrator whom the server knows."""
    org = os.path.join(drill.home, ".config/mdmctl")
    context = ssl.create_default_context(cafile=os.path.join(org, "root.pem"))
    context.load_cert_chain(os.path.join(org, "admin.pem"), os.path.join(org, "admin-key.pem"),
                            PASSPHRASE)
    c = http.client.HTTPSConnection("127.0.0.1", 8444, context=context, timeout=60)
    try:
        c.request("PUT", path, body.encode(), {"Content-Type": "application/jose"})
        answer = c.getresponse()
        check(answer.status == 201, answer.status, answer.read())
    finally:
        c.close()


def give_stolen_order(drill, serial):
    order, text, expires = stolen_order(drill, serial)
    upload(drill, "/v1/admin/documents?" + urllib.parse.urlencode(
        {"type": "command", "device": drill.phone.status()["device"], "id": order,
         "verb": "message", "expires": expires}), text)
    return order


def accepted(drill, order):
    drill.phone.sync()
    return any(order in json.dumps(r["data"]) for r in drill.phone.journal("command"))


# --- what has to be so after each section --------------------------------------------------------

def after_preparation(drill):
    check(drill.keyset() == 1, drill.keyset())
    check(drill.files(".config/mdmctl/keys") == ["admin.pem"])
    check(drill.files("second-person/keys") == ["second.pem"])
    check(drill.files("stick/keys") == ["recovery.pem"])
    drill.away.start()
    drill.away.enrol(drill.json(("ticket", "new", "--group", "staff"))["uri"])
    drill.away.sync()
    check(drill.away.status()["keyset"]["version"] == 1)
    drill.away.stop()


def after_renewal(drill):
    check(drill.keyset() == 2, drill.keyset())
    check(re.search(r"^\w{12}\s+2\s+newest", drill.output, re.M), drill.output)
    # From here on the phone is switched off, for two changes of the keys.
    drill.phone.stop()


def after_rotation(drill):
    shown = drill.json(("keyset", "show"))
    check(shown["version"] == 3 and [k["here"] for k in shown["keys"]] == [True, False, False], shown)
    check(drill.files(".config/mdmctl/keys") == ["admin.pem"], drill.files(".config/mdmctl/keys"))


def after_loss(drill):
    check(drill.json(("keyset", "show"))["version"] == 4)
    check(drill.files("second-person/keys") == ["second.pem"])
    phones = drill.json(("keyset", "phones"))["devices"]
    check(sorted((p["keyset"], p["newest"]) for p in phones) == [(1, False), (2, False)], phones)
    drill.phone.start()
    drill.phone.sync()
    wait_for("the phone catches up", lambda: drill.keyset() == 4)
    check(drill.phone.status()["refusals"] == [], drill.phone.status()["refusals"])
    # The thief comes: a copy of the second person's machine. Until it is revoked, the key counts.
    shutil.copytree(os.path.join(drill.home, "second-person"), os.path.join(drill.base, "thief"))
    order = give_stolen_order(drill, 1)
    check(accepted(drill, order), drill.phone.journal("command"), drill.phone.status()["refusals"])


def after_theft(drill):
    check(drill.keyset() == 5, drill.keyset())
    give_stolen_order(drill, 2)
    drill.phone.sync()
    refusals = wait_for("the refusal", lambda: drill.phone.status()["refusals"])
    check([r["reason"] for r in refusals] == ["signature"], refusals)
    # And mdmctl would not send it either.
    order, text, expires = stolen_order(drill, 3)
    with open(os.path.join(drill.home, "stolen.jws"), "w") as f:
        f.write(text)
    check(drill.run("mdmctl command push stolen.jws") != 0 and "refuse" in drill.output, drill.output)
    # The stolen directory cannot bring itself back either: it lacks the other signature.
    thief = "mdmctl --org %s " % os.path.join(drill.base, "thief")
    check(drill.run(thief + "keyset renew") == 0, drill.output)
    check(drill.run(thief + "keyset sign --output %s/forged.jose" % drill.home) == 0, drill.output)
    check(drill.run("mdmctl keyset import forged.jose") != 0, drill.output)


def anchors(phone):
    pem = ""
    for path in glob.glob(os.path.join(phone.state, "net", "*")):
        with open(path, errors="replace") as f:
            pem += f.read()
    return pem


def after_ca(drill):
    org = os.path.join(drill.home, ".config/mdmctl")
    check(drill.keyset() == 7, drill.keyset())
    shown = drill.json(("keyset", "show"))
    check(len(shown["ca_pins"]) == 1, shown)
    cas = drill.json(("ca", "list"))["cas"]
    check([c["pinned"] for c in cas if c["file"] == "root.pem"] == [True], cas)
    check(len([c for c in cas if c["file"].startswith("previous/")]) == 2, cas)
    check(not os.path.exists(os.path.join(org, "next")), "something half-made stayed")
    with open(os.path.join(org, "root.pem")) as f:
        root = f.read().split("-----")[2].strip()
    with open(glob.glob(os.path.join(org, "previous", "*-root.pem"))[0]) as f:
        old = f.read().split("-----")[2].strip()
    drill.away.start()
    # Knows nothing but the old root: the server's chain leads there, too.
    check(old in anchors(drill.away) and root not in anchors(drill.away))
    for phone in (drill.phone, drill.away):
        wait_for("the phone trusts the new root alone", lambda p=phone: p.sync() == 0 and
                 root in anchors(p) and old not in anchors(p))
        check(phone.status()["keyset"]["version"] == 7)
    check(drill.away.status()["refusals"] == [], drill.away.status()["refusals"])
    phones = drill.json(("keyset", "phones"))["devices"]
    check([p["newest"] for p in phones] == [True, True], phones)


def after_all(drill):
    """A fresh phone with a ticket of today passes over everything that was before."""
    fresh = Agent(drill.base, "fresh").start()
    try:
        ticket = drill.json(("ticket", "new", "--group", "staff"))
        fresh.enrol(ticket["uri"])
        wait_for("the newest keyset", lambda: fresh.status().get("keyset", {}).get("version") == 7)
        check(fresh.status()["refusals"] == [], fresh.status()["refusals"])
    finally:
        fresh.stop()


CHECKS = {
    "Preparation": after_preparation,
    "The keyset ends soon": after_renewal,
    "A key gets a successor": after_rotation,
    "A key is lost": after_loss,
    "A key is stolen": after_theft,
    "The certificate authorities are replaced": after_ca,
}


def play(drill):
    passed, last = 0, None
    found = [c for c in commands() if c[0] in CHECKS]
    check(len(found) > 60 and {c[0] for c in found} == set(CHECKS), "commands missing in", TEXT)
    for section, command in found + [(None, None)]:
        if last and section != last:
            CHECKS[last](drill)
            passed += 1
        last = section
        if command:
            drill.step(command)
            passed += 1
    after_all(drill)
    return passed + 1


def main():
    if os.geteuid() != 0:
        print("  skipped: a network of its own needs root")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    if not os.environ.get("MDM_KEY_DRILL"):
        os.execvpe("unshare", ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                               sys.executable, *sys.argv], dict(os.environ, MDM_KEY_DRILL="1"))
    os.umask(0o022)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="key-drill-") as base:
        os.chmod(base, 0o755)
        drill = Drill(base)
        try:
            print("%d passed, 0 failed" % play(drill))
            return 0
        except Exception as error:
            print("FAILED %s: %s" % (type(error).__name__, error))
            print("0 passed, 1 failed")
            return 1
        finally:
            drill.end()


if __name__ == "__main__":
    sys.exit(main())
