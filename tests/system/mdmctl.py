#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl as its users meet it: the real program, a terminal, a full disk, a hostile server, mdm-server.

Usage: mdmctl.py BUILD_DIR [NAME]...        the last line is "N passed, N failed, N skipped"
"""
import base64
import hashlib
import http.client
import http.server
import json
import os
import pty
import re
import select
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.parse

BUILD = os.path.abspath(sys.argv[1])
MDMCTL = os.path.join(BUILD, "mdmctl")
SERVER = os.path.join(BUILD, "mdm-server")
PASSPHRASE = "correct horse battery staple"
TESTS = []
KEPT = tempfile.TemporaryDirectory(prefix="mdmctl-")


class Skip(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def check(condition, text="", *more):
    if not condition:
        raise AssertionError(" ".join([str(text)] + [str(m) for m in more]))


class Admin:
    """An administrator's machine: a home directory and mdmctl."""

    def __init__(self, base, make=True, server="https://127.0.0.1:1", admin="https://127.0.0.1:1",
                 options=()):
        self.base = base
        self.home = os.path.join(base, "home")
        os.makedirs(self.home, exist_ok=True)
        self.org = os.path.join(self.home, ".config", "mdmctl")
        self.passphrase_file = self.file("passphrase", PASSPHRASE + "\n", 0o600)
        if not make:
            return
        init = ("init", "--name", "Example Org", "--server", server, "--admin", admin, *options)
        # Making keys takes a second; a test that wants nothing special gets a copy.
        kept = os.path.join(KEPT.name, os.path.basename(base) if base.endswith("/b") else "a")
        if options or server != admin:
            self.ok(*init)
        elif os.path.exists(kept):
            shutil.copytree(kept, self.org)
        else:
            self.ok(*init)
            shutil.copytree(self.org, kept)

    def file(self, name, text, mode=0o644):
        path = os.path.join(self.home, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def env(self, passphrase=True):
        env = {"HOME": self.home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        if passphrase:
            env["MDMCTL_PASSPHRASE_FILE"] = self.passphrase_file
        return env

    def run(self, *args, passphrase=True, stdin=None, **options):
        return subprocess.run([MDMCTL, *args], env=self.env(passphrase), cwd=self.home, text=True,
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              start_new_session=True, **options)

    def ok(self, *args, **options):
        r = self.run(*args, **options)
        check(r.returncode == 0, args, r.returncode, r.stderr)
        return r.stdout

    def fails(self, code, *args, says="", **options):
        before = tree(self.home)
        r = self.run(*args, **options)
        check(r.returncode == code, args, "gave", r.returncode, "not", code, r.stderr)
        check(re.search("^mdmctl: ", r.stderr, re.M), r.stderr)
        check(says in r.stderr, args, "does not say", says, ":", r.stderr)
        check(PASSPHRASE not in r.stderr + r.stdout)
        check(tree(self.home) == before, args, "changed something")
        return r.stderr

    def policy(self, name="policy.json", settings=None):
        return self.file(name, json.dumps({"profiles": [{"id": "p", "settings": settings or {
            "screen_lock": {"idle_delay": 300}}}]}))

    def json(self, *args):
        return json.loads(self.ok(*args, "--json"))


def tree(path):
    """Every file below a directory with its bytes and mode."""
    found = {}
    for directory, names, files in os.walk(path):
        for name in names + files:
            full = os.path.join(directory, name)
            data = b""
            if os.path.isfile(full):
                with open(full, "rb") as f:
                    data = f.read()
            found[os.path.relpath(full, path)] = (stat.S_IMODE(os.lstat(full).st_mode), data)
    return found


def openssl(*args, **options):
    return subprocess.run(["openssl", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, **options)


def payload_of(document):
    text = document.split("\n")[0].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


# --- making an organisation ----------------------------------------------------------------------

@test
def init_makes_everything(base):
    a = Admin(base)
    files = tree(a.org)
    check(set(files) == {
        "org.json", "root.pem", "root-key.pem", "device-ca.pem", "admin.pem", "admin-key.pem", "keys",
        "keys/admin.pem", "keys/second.pem", "keysets", "keysets/1.jose", "serials", "server",
        "server/server-key.pem", "server/server-chain.pem", "server/device-ca-key.pem",
        "server/device-ca.pem", "server/root.pem"}, sorted(files))
    for name, (mode, data) in files.items():
        check(mode in (0o600, 0o700), name, oct(mode))
        if name.endswith("key.pem") or name.startswith("keys/"):
            plain = b"BEGIN PRIVATE KEY" in data
            check(plain == name.startswith("server/"), name)
    check(os.listdir(os.path.dirname(a.org)) == ["mdmctl"], "something half-made stayed")


@test
def no_signing_key_reaches_the_server(base):
    server = os.path.join(base, "for-server")
    a = Admin(base, options=("--server-dir", server))
    check(sorted(os.listdir(server)) == ["device-ca-key.pem", "device-ca.pem", "root.pem",
                                         "server-chain.pem", "server-key.pem"])
    check(not os.path.exists(os.path.join(a.org, "server")))
    public = {}
    for name in ("keys/admin.pem", "keys/second.pem", "admin-key.pem", "root-key.pem"):
        r = openssl("pkey", "-in", os.path.join(a.org, name), "-passin",
                    "file:" + a.passphrase_file, "-outform", "DER")
        check(r.returncode == 0, name, r.stderr)
        public[name] = r.stdout
    everything = b"".join(data for _, data in tree(server).values())
    for name in ("device-ca-key.pem", "server-key.pem"):
        r = openssl("pkey", "-in", os.path.join(server, name), "-outform", "DER")
        check(r.returncode == 0, r.stderr)
        check(r.stdout not in public.values(), name, "is a key of the administrator")
    check(everything.count(b"PRIVATE KEY-----") == 4, "two keys, begin and end")
    check(b"ED25519" not in everything and b"ENCRYPTED" not in everything)


@test
def openssl_verifies_the_chain(base):
    a = Admin(base, server="https://mdm.example.org:8443", admin="https://[::1]:9443",
              options=("--host", "192.0.2.7", "--host", "other.example.org"))
    root = os.path.join(a.org, "root.pem")
    chain = os.path.join(a.org, "server/server-chain.pem")
    check(openssl("verify", "-CAfile", root, "-purpose", "sslserver", chain).returncode == 0)
    check(openssl("verify", "-CAfile", root, "-purpose", "sslclient",
                  os.path.join(a.org, "admin.pem")).returncode == 0)
    check(openssl("verify", "-CAfile", root, "-purpose", "sslclient", chain).returncode != 0)
    check(openssl("verify", "-CAfile", root, os.path.join(a.org, "device-ca.pem")).returncode == 0)
    text = openssl("x509", "-in", chain, "-noout", "-text").stdout.decode()
    for name in ("DNS:mdm.example.org", "IP Address:0:0:0:0:0:0:0:1", "IP Address:192.0.2.7",
                 "DNS:other.example.org"):
        check(name in text, name)
    text = openssl("x509", "-in", os.path.join(a.org, "device-ca.pem"), "-noout", "-text").stdout
    check(b"pathlen:0" in text and b"TLS Web Client Authentication" in text)
    check(b"TLS Web Server Authentication" not in text)
    text = openssl("x509", "-in", os.path.join(a.org, "admin.pem"), "-noout", "-subject").stdout
    check(b"OU = mdm-admin" in text, text)


@test
def openssl_opens_the_keys(base):
    a = Admin(base)
    wrong = a.file("wrong", "not the passphrase\n", 0o600)
    for name in ("root-key.pem", "admin-key.pem", "keys/admin.pem", "keys/second.pem"):
        path = os.path.join(a.org, name)
        check(openssl("pkcs8", "-in", path, "-passin", "file:" + a.passphrase_file).returncode == 0,
              name)
        check(openssl("pkcs8", "-in", path, "-passin", "file:" + wrong).returncode != 0, name)
        der = openssl("asn1parse", "-in", path).stdout
        check(b"PBES2" in der and b"scrypt" in der and b"aes-256-cbc" in der, der)


@test
def init_refuses_a_second_time(base):
    a = Admin(base)
    a.fails(1, "init", "--name", "B", "--server", "https://b", "--admin", "https://b",
            says="not empty")
    full = os.path.join(a.home, "full")
    os.mkdir(full)
    a.file("full/x", "x")
    a.fails(1, "--org", os.path.join(a.home, "new"), "init", "--name", "B", "--server", "https://b",
            "--admin", "https://b", "--server-dir", full, says="not empty")
    os.mkdir(os.path.join(a.home, "empty"))
    a.ok("--org", os.path.join(a.home, "empty"), "init", "--name", "B", "--server", "https://b",
         "--admin", "https://b")


@test
def init_refuses_wrong_arguments(base):
    a = Admin(base, make=False)
    good = {"--name": "A", "--server": "https://a", "--admin": "https://a:9443"}
    for name, value in (("--name", ""), ("--name", "x" * 257), ("--name", "a\nb"),
                        ("--server", "http://a"), ("--server", "https://a/path"),
                        ("--server", "https://u@a"), ("--admin", "a"), ("--admin", ""),
                        ("--host", "a,DNS:evil"), ("--host", "a b"), ("--alg", "rsa"),
                        ("--admin-name", "x" * 65)):
        args = dict(good)
        args[name] = value
        a.fails(2, "init", *[x for pair in args.items() for x in pair])
    # The two of the URLs are one host, 16 are allowed: the 16th of --host is one too many.
    hosts = [x for i in range(16) for x in ("--host", "h%d.example.org" % i)]
    a.fails(2, "init", *[x for pair in good.items() for x in pair], *hosts, says="more than 16")
    for name in good:
        args = dict(good)
        del args[name]
        a.fails(2, "init", *[x for pair in args.items() for x in pair], says=name)


@test
def init_on_a_full_disk_leaves_nothing(base):
    if os.geteuid() != 0:
        raise Skip("mounting a small tmpfs needs root")
    a = Admin(base, make=False)
    disk = os.path.join(base, "disk")
    os.mkdir(disk)
    # A whole organisation takes 20 inodes, with the top of the file system.
    for size in ("nr_inodes=3", "nr_inodes=8", "nr_inodes=14", "nr_inodes=19", "size=4k", "size=40k"):
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk],
                           stderr=subprocess.PIPE, text=True)
        if r.returncode:
            raise Skip("no tmpfs can be mounted: " + r.stderr.strip())
        try:
            r = a.run("--org", disk + "/org", "init", "--name", "A", "--server", "https://a",
                      "--admin", "https://a")
            check(r.returncode == 1, size, r.returncode, r.stderr)
            check("No space left" in r.stderr, r.stderr)
            check(os.listdir(disk) == [], size, os.listdir(disk))
        finally:
            subprocess.run(["umount", disk], check=True)


@test
def es256_and_two_person(base):
    a = Admin(base, options=("--alg", "es256", "--two-person"))
    shown = a.json("keyset", "show")
    check(shown["thresholds"] == {"keyset": 2, "policy": 1, "command": 1, "destroy": 2}, shown)
    check([k["alg"] for k in shown["keys"]] == ["ES256", "ES256"])
    with open(os.path.join(a.org, "keysets/1.jose")) as f:
        text = f.read()
    check(len(text.splitlines()) == 2)
    digest = hashlib.sha256(base64.urlsafe_b64decode(text.split(".")[1] + "==")).hexdigest()
    check(digest == shown["sha256"])
    a.ok("policy", "sign", a.policy(), "--stream", "staff", "-o", "s.jose", "--offline")
    a.ok("policy", "check", "s.jose")


# --- passphrases ---------------------------------------------------------------------------------

@test
def passphrase_files_are_judged(base):
    a = Admin(base)
    sign = ("policy", "sign", a.policy(), "--stream", "staff", "--offline", "--passphrase-file")
    a.fails(5, *sign, a.file("open", PASSPHRASE, 0o644), says="open to others")
    a.fails(5, *sign, a.file("group", PASSPHRASE, 0o640), says="0640")
    a.fails(5, *sign, a.file("empty", "", 0o600), says="empty")
    a.fails(5, *sign, a.file("wrong", "wrong passphrase", 0o600), says="does not open")
    a.fails(5, *sign, os.path.join(a.home, "none"), says="No such file")
    a.fails(5, *sign, a.home, says="neither a regular file nor a pipe")
    a.fails(5, "--org", os.path.join(a.home, "new"), "init", "--name", "A", "--server", "https://a",
            "--admin", "https://a", "--passphrase-file", a.file("short", "1234567\n", 0o600),
            says="shorter than 8")
    a.fails(5, *sign[:-1], passphrase=False, says="--passphrase-file")
    if os.geteuid() == 0:
        foreign = a.file("foreign", PASSPHRASE, 0o600)
        os.chown(foreign, 1, 1)
        a.fails(5, *sign, foreign, says="another user")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, admin, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(admin.home)
            os.execve(MDMCTL, [MDMCTL, *args], admin.env(passphrase=False))
        self.text = ""
        self.seen = 0

    def expect(self, pattern):
        """Waits for text behind what was expected before."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            match = re.search(pattern, self.text[self.seen:])
            if match:
                self.seen += match.end()
                return
            if not select.select([self.fd], [], [], 1)[0]:
                continue
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        raise AssertionError("no %r in %r" % (pattern, self.text))

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def send(self, text):
        # The prompt comes behind the switching off of the echo.
        os.write(self.fd, text.encode())

    def end(self):
        while True:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return status


@test
def asks_on_the_terminal(base):
    a = Admin(base, make=False)
    t = Terminal(a, "init", "--name", "A", "--server", "https://a", "--admin", "https://a")
    t.expect("New passphrase of this organisation: ")
    check(not t.echoes(), "the passphrase would be shown")
    t.send(PASSPHRASE + "\n")
    t.expect("The same again: ")
    t.send(PASSPHRASE + "\n")
    t.expect('"second".*: ')
    t.send("another passphrase\n")
    t.expect("The same again: ")
    t.send("another passphrase\n")
    t.expect("Next:")
    status = t.end()
    check(status == 0, status, t.text)
    check(PASSPHRASE not in t.text and "another passphrase" not in t.text)
    policy = a.policy()
    t = Terminal(a, "policy", "sign", policy, "--stream", "staff", "--offline", "-o", "s.jose")
    t.expect("Passphrase of the signing key admin: ")
    t.send("not this one\n")
    t.expect("Passphrase of the signing key admin: ")
    t.send(PASSPHRASE + "\n")
    check(t.end() == 0, t.text)
    # The question before a second signature, answered with no and with yes.
    for answer, code in (("n\n", 1), ("y\n", 0)):
        t = Terminal(a, "policy", "cosign", "s.jose", "--key", "second")
        t.expect("Passphrase of the signing key second: ")
        t.send("another passphrase\n")
        t.expect(r"idle_delay[\s\S]*with key second\? \[y/N\] ")
        t.send(answer)
        check(os.waitstatus_to_exitcode(t.end()) == code, answer, t.text)
    check(a.json("policy", "show", "s.jose")["signers"] == ["admin", "second"])


@test
def different_passphrases_change_nothing(base):
    a = Admin(base, make=False)
    t = Terminal(a, "init", "--name", "A", "--server", "https://a", "--admin", "https://a")
    t.expect(": ")
    t.send(PASSPHRASE + "\n")
    t.expect("again: ")
    t.send(PASSPHRASE + "x\n")
    check(os.waitstatus_to_exitcode(t.end()) == 5, t.text)
    check("differ" in t.text, t.text)
    check(not os.path.exists(a.org))


@test
def a_signal_restores_the_terminal(base):
    a = Admin(base)
    t = Terminal(a, "policy", "sign", a.policy(), "--stream", "staff", "--offline")
    t.expect("Passphrase of the signing key admin: ")
    check(not t.echoes())
    os.kill(t.pid, signal.SIGTERM)
    until = time.monotonic() + 30
    while not t.echoes() and time.monotonic() < until:
        time.sleep(0.02)
    check(t.echoes(), "the terminal stays silent")
    check(os.WTERMSIG(t.end()) == signal.SIGTERM)
    check(os.listdir(os.path.join(a.org, "serials")) == [])


@test
def passphrases_can_change(base):
    a = Admin(base)
    new = a.file("new", "a new long passphrase\n", 0o600)
    for name, path in (("admin", "keys/admin.pem"), ("administrator", "admin-key.pem"),
                       ("root-ca", "root-key.pem")):
        a.ok("key", "passphrase", name, "--new-passphrase-file", new)
        full = os.path.join(a.org, path)
        check(openssl("pkcs8", "-in", full, "-passin", "file:" + new).returncode == 0, path)
        check(openssl("pkcs8", "-in", full, "-passin",
                      "file:" + a.passphrase_file).returncode != 0, path)
    a.fails(2, "key", "passphrase", "nobody", says="nobody")
    a.fails(5, "key", "passphrase", "second", "--new-passphrase-file",
            a.file("short", "short\n", 0o600))


@test
def the_second_key_moves_to_another_person(base):
    a = Admin(base)
    new = a.file("new", "the other person's\n", 0o600)
    given = os.path.join(a.home, "given")
    a.ok("key", "give", "second", given, "--new-passphrase-file", new)
    check(sorted(tree(given)) == ["keys", "keys/second.pem", "keysets", "keysets/1.jose", "org.json",
                                  "root.pem", "serials"], sorted(tree(given)))
    check(os.listdir(os.path.join(a.org, "keys")) == ["admin.pem"])
    check([k["here"] for k in a.json("key", "list")["keys"]] == [True, False])
    a.fails(5, "policy", "cosign", signed(a), "--key", "second", "--yes",
            says="second.pem")
    a.ok("--org", given, "--passphrase-file", new, "policy", "cosign", "s.jose", "--key", "second",
         "--yes")
    a.fails(1, "key", "give", "admin", given, "--new-passphrase-file", new, says="not empty")


def signed(a, **options):
    a.ok("policy", "sign", a.policy(**options), "--stream", "staff", "--offline", "-o", "s.jose")
    return os.path.join(a.home, "s.jose")


@test
def certificates_are_renewed(base):
    a = Admin(base)
    chain = os.path.join(a.org, "server/server-chain.pem")
    root = os.path.join(a.org, "root.pem")

    def facts(path):
        return openssl("x509", "-in", path, "-noout", "-pubkey", "-subject", "-ext",
                       "subjectAltName").stdout

    before, serial = facts(chain), openssl("x509", "-in", chain, "-noout", "-serial").stdout
    a.ok("cert", "renew", chain)
    check(facts(chain) == before)
    check(openssl("x509", "-in", chain, "-noout", "-serial").stdout != serial)
    check(openssl("verify", "-CAfile", root, "-purpose", "sslserver", chain).returncode == 0)
    with open(chain) as f:
        check(f.read().count("BEGIN CERTIFICATE") == 2)
    a.ok("cert", "renew", "administrator")
    check(openssl("verify", "-CAfile", root, "-purpose", "sslclient",
                  os.path.join(a.org, "admin.pem")).returncode == 0)
    a.fails(1, "cert", "renew", root, says="only certificates")
    a.fails(1, "cert", "renew", os.path.join(a.org, "device-ca.pem"), says="only certificates")
    a.fails(1, "cert", "renew", a.file("junk", "junk"), says="not a certificate")


# --- policies ------------------------------------------------------------------------------------

@test
def a_new_policy_is_a_good_one(base):
    a = Admin(base)
    text = a.ok("policy", "new")
    check("comment" in text and json.loads(text)["profiles"])
    a.ok("policy", "new", "p.json")
    check(a.json("policy", "check", "p.json") == {"ok": True, "profiles": 2, "unsupported": []})
    a.fails(1, "policy", "new", "p.json", says="exists")
    check("ok, 2 profiles" in a.ok("policy", "check", "-", stdin=text))


@test
def check_needs_no_organisation(base):
    a = Admin(base, make=False)
    a.ok("policy", "check", a.policy())
    a.fails(1, "key", "list", says="no organisation")


@test
def bad_policies_are_named(base):
    a = Admin(base)
    for settings, says in (({"screen_lock": {"idle_delay": 14}}, "screen_lock.idle_delay"),
                           ({"screen_lock": {"enabled": "yes"}}, "screen_lock.enabled"),
                           ({"screen_lock": []}, "screen_lock")):
        a.fails(1, "policy", "check", a.policy(settings=settings), says=says)
        a.fails(1, "policy", "sign", "policy.json", "--stream", "s", "--offline", says=says)
    a.fails(1, "policy", "check", a.file("x.json", "{"))
    a.fails(1, "policy", "check", a.file("x.json", ""))
    a.fails(1, "policy", "check", "nothere.json",
            says="nothere.json")
    a.fails(2, "policy", "check", a.file("large.json", " " * (704 * 1024 + 1)), says="larger")
    out = a.ok("policy", "check", a.policy(settings={"screen_lock": {"colour": 1}}))
    check("warning: screen_lock.colour" in out and "ok" in out, out)


@test
def sign_and_serials(base):
    a = Admin(base)
    policy = a.policy()
    sign = ("policy", "sign", policy, "--stream", "staff", "--offline")
    first = a.ok(*sign)
    payload = payload_of(first)
    check(payload["serial"] == 1 and payload["type"] == "policy" and
          payload["target"] == {"stream": "staff"}, payload)
    check(payload["org"] == a.json("config", "show")["org"])
    check(payload["expires"] - payload["issued"] == 365 * 86400)
    check(abs(payload["issued"] - time.time()) < 600)
    header = json.loads(base64.urlsafe_b64decode(first.split(".")[0] + "=="))
    check(set(header) == {"alg", "kid", "typ"} and header["typ"] == "mdm-policy", header)
    check(payload_of(a.ok(*sign, "--expires", "30d"))["serial"] == 2)
    check(payload_of(a.ok(*sign, "--serial", "9"))["serial"] == 9)
    check(payload_of(a.ok(*sign))["serial"] == 10)
    check(payload_of(a.ok("policy", "sign", policy, "--stream", "guests", "--offline"))["serial"] == 1)
    a.fails(2, *sign, "--serial", "10", says="not above")
    for bad in ("0", "-1", "x", "9007199254740992", "1.0"):
        a.fails(2, *sign, "--serial", bad)
    for bad in ("0d", "5", "d", "1000y", "1h30m", ""):
        a.fails(2, *sign, "--expires", bad, says="15m")
    for bad in ("", "a b", "../x", "-x", "x" * 65):
        a.fails(2, "policy", "sign", policy, "--offline", "--stream=" + bad)
    a.fails(2, "policy", "sign", policy, "--offline", says="--stream")
    a.fails(5, *sign, "--key", "nobody", says="nobody")
    a.fails(5, *sign, "--key", "second", says="role")
    a.fails(1, "policy", "sign", a.file("s.jose", first), "--stream", "staff", "--offline",
            says="signed already")


@test
def an_offline_server_is_a_note(base):
    a = Admin(base)
    r = a.run("policy", "sign", a.policy(), "--stream", "staff")
    check(r.returncode == 0 and "note: the serial comes from" in r.stderr, r.stderr)
    check(payload_of(r.stdout)["serial"] == 1)


@test
def a_damaged_memory_of_serials_stops(base):
    a = Admin(base)
    signed(a)
    with open(os.path.join(a.org, "serials/policy.staff"), "w") as f:
        f.write("")
    a.fails(1, "policy", "sign", a.policy(), "--stream", "staff", "--offline", says="damaged")


@test
def output_that_cannot_be_written(base):
    a = Admin(base)
    r = a.run("policy", "sign", a.policy(), "--stream", "staff", "--offline", "-o",
              "no/such/directory/s.jose")
    check(r.returncode == 1 and "no/such/directory" in r.stderr, r.stderr)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            r = subprocess.run([MDMCTL, "key", "list"], env=a.env(), stdout=full,
                               stderr=subprocess.PIPE, text=True, timeout=60)
        check(r.returncode == 1 and "cannot write" in r.stderr, r.returncode, r.stderr)


@test
def cosign(base):
    a = Admin(base)
    path = signed(a)
    a.fails(2, "policy", "cosign", path, "--key", "second", says="--yes")
    with open(path) as f:
        one = f.read()
    r = a.run("policy", "cosign", path, "--key", "second", "--yes")
    check(r.returncode == 0 and '"idle_delay": 300' in r.stderr, r.stderr)
    with open(path) as f:
        two = f.read()
    check(two.startswith(one) and len(two.splitlines()) == 2)
    check(len({line.split(".")[1] for line in two.splitlines()}) == 1, "one payload")
    a.fails(1, "policy", "cosign", path, "--key", "second", "--yes", says="already")
    a.fails(1, "policy", "cosign", path, "--key", "admin", "--yes", says="already")
    check("signed by admin, second" in a.ok("policy", "show", path))
    a.ok("policy", "check", path)
    # By the path of a key file, as from a stick.
    a.ok("policy", "sign", a.policy(), "--stream", "staff", "--offline", "-o", "t.jose")
    a.ok("policy", "cosign", "t.jose", "--key", os.path.join(a.org, "keys/second.pem"), "--yes", "-o",
         "u.jose")
    check(a.json("policy", "show", "u.jose")["signers"] == ["admin", "second"])
    check(a.json("policy", "show", "t.jose")["signers"] == ["admin"])


@test
def forged_documents_are_refused(base):
    a = Admin(base)
    path = signed(a)
    with open(path) as f:
        good = f.read().strip()
    header, body, signature = good.split(".")
    payload = payload_of(good)
    payload["serial"] = 99
    other = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    b = Admin(os.path.join(base, "b"))
    foreign = b.ok("policy", "sign", b.policy(), "--stream", "staff", "--offline")
    for bad in (header + "." + other + "." + signature, good[:-4], good + "\n" + good, foreign,
                good + "\n" + foreign, "eyJ", header + "." + body, good + "=", good.replace(".", ". ")):
        name = a.file("bad.jose", bad)
        a.fails(1, "policy", "check", name)
        a.fails(1, "policy", "cosign", name, "--key", "second", "--yes")
        a.fails(1, "policy", "push", name)
    check("NOT VALID" in a.ok("policy", "show", a.file("bad.jose", foreign)))
    shown = json.loads(a.ok("policy", "show", "bad.jose", "--json"))
    check(shown["verified"] is False and shown["signers"] == [] and shown["reason"])
    # A keyset is signed too, and is no policy.
    a.fails(1, "policy", "cosign", os.path.join(a.org, "keysets/1.jose"), "--key", "admin", "--yes")
    a.fails(1, "policy", "push", os.path.join(a.org, "keysets/1.jose"), says="not a policy")


@test
def a_foreign_key_file_is_refused(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    path = signed(a)
    a.fails(5, "policy", "cosign", path, "--key", os.path.join(b.org, "keys/second.pem"), "--yes",
            says="not in the organisation's keyset")
    os.replace(os.path.join(b.org, "keys/admin.pem"), os.path.join(a.org, "keys/admin.pem"))
    a.fails(5, "policy", "sign", a.policy(), "--stream", "staff", "--offline",
            says="does not hold the key admin")


@test
def a_writable_organisation_is_refused(base):
    a = Admin(base)
    os.chmod(a.org, 0o770)
    a.fails(1, "key", "list", says="chmod 700")


@test
def a_damaged_organisation_is_named(base):
    a = Admin(base)
    for name, text in (("org.json", "{"), ("org.json", "{}"), ("keysets/1.jose", "x"),
                       ("org.json", None), ("keysets/1.jose", None)):
        full = os.path.join(a.org, name)
        with open(full) as f:
            good = f.read()
        if text is None:
            os.unlink(full)
        else:
            with open(full, "w") as f:
                f.write(text)
        a.fails(1, "key", "list", says=name)
        with open(full, "w") as f:
            f.write(good)
        os.chmod(full, 0o600)
    a.ok("key", "list")


# --- a server that is away or hostile ------------------------------------------------------------

@test
def no_server(base):
    a = Admin(base)
    for command in (["status"], ["device", "list"], ["device", "show", "00"], ["ticket", "new"],
                    ["ticket", "new", "--group", "staff"], ["events"],
                    ["assign", "00", "--group", "g"]):
        a.fails(3, *command, says="cannot talk to https://127.0.0.1:1")
    a.fails(3, "policy", "push", signed(a))
    a.ok("config", "set", "admin", "https://name.invalid:9443")
    a.fails(3, "status", says="name.invalid")


class Fake:
    """An HTTPS server with the organisation's certificate that answers what it is told to."""

    def __init__(self, admin, tls=None, certificates=None):
        fake = self
        fake.answers, fake.requests = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                path = urllib.parse.urlsplit(self.path)
                fake.requests.append((self.command, self.path, body))
                status, text = fake.answers.get((self.command, path.path), (404, b"{}"))
                if callable(text):
                    status, text = text(self.path, body)
                if isinstance(text, str):
                    text = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *args):
                pass

        directory = certificates or os.path.join(admin.org, "server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(directory, "server-chain.pem"),
                                os.path.join(directory, "server-key.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(os.path.join(admin.org, "root.pem"))
        if tls:
            context.maximum_version = tls
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *args: None
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True,
                                               do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        admin.ok("config", "set", "admin", "https://127.0.0.1:%d" % self.http.server_address[1])

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


ID = "00112233445566778899aabbccddeeff"


@test
def garbage_from_the_server(base):
    a = Admin(base)
    with Fake(a) as fake:
        for answer in ("", "<html>", "[]", '{"devices":1}', '{"devices":[{"id":"../x"}]}',
                       '{"devices":[{"id":"%s","state":"\\u001b[2J"}]}' % ID, "{" * 100,
                       '{"devices":[],"devices":[]}'):
            fake.answers["GET", "/v1/admin/devices"] = (200, answer)
            a.fails(1, "device", "list", says="makes no sense")
        fake.answers["GET", "/v1/admin/devices"] = (200, " " * (4 * 1024 * 1024 + 1))
        a.fails(1, "device", "list", says="more than")
        fake.answers["GET", "/v1/admin/events"] = (200, '{"events":[{"type":7}]}')
        a.fails(1, "events", says="makes no sense")
        for status in (400, 403, 404, 500, 503, 302):
            fake.answers["GET", "/v1/admin/devices"] = (
                status, '{"error":"nope","message":"because of \\u001b[2J"}')
            check("\033" not in a.fails(4, "device", "list", says=str(status)))
        fake.answers["GET", "/v1/admin/devices"] = (403, '{"error":"forbidden","message":"not you"}')
        a.fails(4, "device", "list", says="not you")


@test
def a_page_that_does_not_move_on_ends(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices"] = (
            200, '{"devices":[{"id":"%s"}],"next":"%s"}' % (ID, ID))
        check(len(a.json("device", "list")["devices"]) == 2)
        fake.answers["GET", "/v1/admin/events"] = (200, '{"events":[{"type":"x"}],"next":0}')
        check(a.ok("events").count("x") == 1)


@test
def the_server_cannot_use_up_the_serials(base):
    """Only documents that our keys signed count; a number that the server makes up does not."""
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    old = a.ok("policy", "sign", a.policy(), "--stream", "staff", "--offline", "--serial", "41",
               "--expires", "1s")
    os.unlink(os.path.join(a.org, "serials/policy.staff"))
    time.sleep(2.1)
    with Fake(a) as fake:
        # One of ours, expired: its serial was used nevertheless.
        fake.answers["GET", "/v1/admin/documents"] = (200, old)
        check(payload_of(a.ok("policy", "sign", a.policy(), "--stream", "staff"))["serial"] == 42)
        # For another stream it says nothing.
        check(payload_of(a.ok("policy", "sign", a.policy(), "--stream", "guests"))["serial"] == 1)
        foreign = b.ok("policy", "sign", b.policy(), "--stream", "staff", "--offline", "--serial",
                       "9007199254740990")
        fake.answers["GET", "/v1/admin/documents"] = (200, foreign)
        a.fails(4, "policy", "sign", a.policy(), "--stream", "staff", says="did not sign")
        fake.answers["GET", "/v1/admin/documents"] = (200, "garbage")
        a.fails(4, "policy", "sign", a.policy(), "--stream", "staff", says="--serial")


@test
def a_foreign_keyset_on_the_server_stops(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    path = signed(a)
    with open(os.path.join(b.org, "keysets/1.jose")) as f:
        foreign = f.read()
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/documents"] = (200, foreign)
        a.fails(4, "ticket", "new", says="keyset")
        a.fails(4, "policy", "push", path, says="keyset")
        check(not [r for r in fake.requests if r[0] != "GET"])


@test
def the_wrong_server(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    with Fake(a, certificates=os.path.join(b.org, "server")):
        a.fails(3, "status", says="not the organisation's server")
    with Fake(a, tls=ssl.TLSVersion.TLSv1_2):
        a.fails(3, "status")


@test
def an_administrator_of_elsewhere(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    for name in ("admin.pem", "admin-key.pem"):
        os.replace(os.path.join(b.org, name), os.path.join(a.org, name))
    with Fake(a):
        r = a.run("status")
        check(r.returncode in (3, 4), r.returncode, r.stderr)
        check("alert" not in r.stderr or r.returncode == 4, r.stderr)


@test
def tickets_are_registered_by_digest(base):
    a = Admin(base, server="https://mdm.example.org:8443")
    with Fake(a) as fake:
        fake.answers["POST", "/v1/admin/tickets"] = (201, "{}")
        fake.answers["PUT", "/v1/admin/documents"] = (201, "{}")
        t = a.json("ticket", "new", "--group", "staff", "--group", "kiosk", "--expires", "2h",
                   "--ownership", "personal", "--user", "M. Muster")
        uri = urllib.parse.urlsplit(t["uri"])
        fields = urllib.parse.parse_qs(uri.query)
        check(uri.scheme == "mdm" and uri.netloc == "mdm.example.org:8443", t["uri"])
        posted = [json.loads(r[2]) for r in fake.requests if r[0] == "POST"]
        check(len(posted) == 1)
        secret = fields["s"][0]
        check(posted[0]["secret_sha256"] == hashlib.sha256(secret.encode()).hexdigest())
        check(posted[0]["id"] == fields["t"][0] == t["id"])
        check(posted[0]["groups"] == ["staff", "kiosk"])
        check(posted[0]["expires"] == int(fields["x"][0]) and
              abs(posted[0]["expires"] - time.time() - 7200) < 600)
        sent = b"".join(r[2] + r[1].encode() for r in fake.requests)
        check(secret.encode() not in sent, "the server learned the secret")
        # The pin is the root's key, and the keyset's digest is what was pushed.
        der = openssl("x509", "-in", os.path.join(a.org, "root.pem"), "-noout", "-pubkey").stdout
        spki = base64.b64decode(b"".join(der.splitlines()[1:-1]))
        pin = base64.urlsafe_b64encode(hashlib.sha256(spki).digest()).decode().rstrip("=")
        check(fields["c"] == [pin])
        puts = [r for r in fake.requests if r[0] == "PUT"]
        check("type=keyset&serial=1" in puts[0][1] and "type=assignment&ticket=" + t["id"] in
              puts[1][1] and "groups=staff,kiosk" in urllib.parse.unquote(puts[1][1]), puts)
        payload = payload_of(puts[1][2].decode())
        check(payload["groups"] == ["staff", "kiosk"] and payload["ownership"] == "personal" and
              payload["user"] == "M. Muster" and payload["target"] == {"ticket": t["id"]}, payload)
        keyset = base64.urlsafe_b64decode(puts[0][2].split(b".")[1] + b"==")
        check(fields["k"] == [base64.urlsafe_b64encode(hashlib.sha256(keyset).digest()).decode()
                              .rstrip("=")])
        check(secret in t["text"] and "server" in t["text"])
        # Without a group there is no assignment.
        fake.requests.clear()
        out = a.ok("ticket", "new", "--qr")
        check(not [r for r in fake.requests if "assignment" in r[1]])
        check("secret" in out and "\u2588" in out and "\033" not in out, out)
        wide = [len(line) for line in out.splitlines() if "\u2588" in line]
        check(len(set(wide)) == 1 and wide[0] <= 80, set(wide))
        check("####" in a.ok("ticket", "new", "--qr", "--ascii"))


@test
def ticket_arguments_are_judged_first(base):
    a = Admin(base)
    for bad in (["--group", "a b"], ["--group", "a", "--group", "a"], ["--ownership", "mine"],
                ["--ownership", "personal"], ["--user", "x"], ["--expires", "soon"],
                ["--est", "http://a/x"], ["--group", "g", "--user", "a\nb"],
                [x for i in range(17) for x in ("--group", "g%d" % i)]):
        a.fails(2, "ticket", "new", *bad)


@test
def a_refused_assignment_prints_no_ticket(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["POST", "/v1/admin/tickets"] = (201, "{}")
        fake.answers["PUT", "/v1/admin/documents"] = (
            200, lambda path, body: (500, "{}") if "assignment" in path else (201, "{}"))
        r = a.run("ticket", "new", "--group", "staff")
        check(r.returncode == 4 and "mdm://" not in r.stdout, r.stdout, r.stderr)
        fake.answers["POST", "/v1/admin/tickets"] = (409, '{"error":"exists","message":"x"}')
        r = a.run("ticket", "new")
        check(r.returncode == 4 and "mdm://" not in r.stdout, r.stdout, r.stderr)


DEVICE = {
    "id": ID, "enrolment": "ff" * 16, "ticket": "ab" * 16, "enrolled": 1700000000,
    "last_seen": 1700000100, "agent": "0.1.0", "groups": ["staff"],
    "have": {"keyset": 1, "assignment": 3, "policy": {"staff": 7}}, "state": "noncompliant",
    "certificate_until": 1900000000}


@test
def devices_are_shown(base):
    a = Admin(base)
    with Fake(a) as fake:
        other = dict(DEVICE, id="0011" + "f" * 28, state="compliant",
                     groups=["g%02d-with-a-long-name" % i for i in range(16)])
        pages = {"": {"devices": [DEVICE], "next": ID},
                 ID: {"devices": [other], "next": None}}

        def page(path, body):
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
            if query.get("limit") == "2":
                found = [d for d in (DEVICE, other) if d["id"] > query.get("after", "")]
                return 200, json.dumps({"devices": found[:2], "next": None})
            return 200, json.dumps(pages[query.get("after", "")])

        fake.answers["GET", "/v1/admin/devices"] = (200, page)
        out = a.ok("device", "list")
        check(len(out.splitlines()) == 3 and "ago" in out, out)
        check(max(len(line) for line in out.splitlines()) <= 80, out)
        check([d["id"] for d in a.json("device", "list")["devices"]] == [ID, other["id"]])
        full = dict(DEVICE, sections={"compliance": {"digest": "0" * 16, "body": {
            "state": "noncompliant", "settings": [
                {"area": "encryption", "setting": "storage", "state": "noncompliant",
                 "reason": "plain_storage", "desired": True, "desired_text": "yes",
                 "observed": False, "observed_text": "no", "detail": "mmcblk0p3", "since": 1,
                 "items": []}]}}})
        fake.answers["GET", "/v1/admin/devices/" + ID] = (200, json.dumps(full))
        out = a.ok("device", "show", ID)
        for word in ("encryption.storage", "plain_storage: mmcblk0p3", "assignment 3",
                     "policy staff 7", "2030-03-17"):
            check(word in out, word, "is not in", out)
        check(max(len(line) for line in out.splitlines()) <= 80, out)
        check("\033" not in out)
        check(a.json("device", "show", "00112")["id"] == ID)
        a.fails(2, "device", "show", "0011", says="more than one")
        a.fails(4, "device", "show", "9", says="no device")
        a.fails(4, "device", "show", "12" * 16, says="no device")
        for bad in ("", "x", "0011/..", "00" * 17, "A"):
            a.fails(2, "device", "show", bad)


@test
def assign_outdoes_the_tickets_assignment(base):
    a = Admin(base)
    ticket = DEVICE["ticket"]
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices/" + ID] = (200, json.dumps(DEVICE))
        fake.answers["PUT", "/v1/admin/documents"] = (201, "{}")
        a.fails(2, "assign", ID, says="--group")
        # The phone's ticket had serial 4 here.
        with open(os.path.join(a.org, "serials/assignment." + ticket), "w") as f:
            f.write("4\n")
        check(a.json("assign", ID, "--group", "staff")["serial"] == 5)
        check(a.json("assign", ID, "--group", "staff", "--group", "kiosk")["serial"] == 6)
        put = [r for r in fake.requests if "assignment&device" in r[1]][-1]
        check(payload_of(put[2].decode())["groups"] == ["staff", "kiosk"])
        fake.answers["PUT", "/v1/admin/documents"] = (
            200, lambda path, body: (409, "{}") if "assignment" in path else (201, "{}"))
        r = a.run("assign", ID, "--group", "staff")
        check(r.returncode == 4 and "serial" in r.stderr, r.stderr)


@test
def events_are_followed(base):
    a = Admin(base)
    rows = [{"row": i, "device": ID, "seq": i, "time": 1700000000 + i, "boot": "00112233",
             "type": "type%d" % i, "data": {"n": i}} for i in range(1, 4)]

    def page(path, body):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        found = [r for r in rows if r["row"] > int(query["after"])][:2]
        return 200, json.dumps({"events": found,
                                "next": found[-1]["row"] if found else int(query["after"])})

    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/events"] = (200, page)
        out = a.ok("events")
        check([w in out for w in ("type1", "type2", "type3")] == [True] * 3, out)
        check(len(a.ok("events", "--after", "2").splitlines()) == 1)
        check([json.loads(x)["row"] for x in a.ok("events", "--json").splitlines()] == [1, 2, 3])
        for bad in ("-1", "x", "1.5", ""):
            a.fails(2, "events", "--after=" + bad)
        p = subprocess.Popen([MDMCTL, "events", "--follow"], env=a.env(), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        try:
            for i in (1, 2, 3):
                check("type%d" % i in p.stdout.readline())
            rows.append(dict(rows[0], row=4, type="late"))
            check("late" in p.stdout.readline())
        finally:
            p.terminate()
            p.wait()
            p.stdout.close()


# --- with the real server ------------------------------------------------------------------------

class Server:
    """mdm-server on the organisation's server directory."""

    def __init__(self, admin):
        if not os.path.exists(SERVER):
            raise Skip("mdm-server is not built")
        self.log = open(os.path.join(admin.base, "server.log"), "w+")
        self.process = subprocess.Popen(
            [SERVER, "--state", os.path.join(admin.org, "server"), "--listen", "127.0.0.1:0",
             "--admin-listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"listening on (https://\S+), administration on (https://\S+)", line)
        if not match:
            self.__exit__()
            raise AssertionError("mdm-server does not start: " + line + open(self.log.name).read())
        self.url = match.group(1)
        admin.ok("config", "set", "server", match.group(1))
        admin.ok("config", "set", "admin", match.group(2))

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Phone:
    """As much of a phone as mdmctl can see: it enrols by EST and checks in."""

    def __init__(self, admin, server, ticket, name):
        self.base = os.path.join(admin.base, name)
        os.mkdir(self.base)
        self.root = os.path.join(admin.org, "root.pem")
        self.server = urllib.parse.urlsplit(server.url)
        fields = urllib.parse.parse_qs(urllib.parse.urlsplit(ticket["uri"]).query)
        self.ticket = fields["t"][0]
        self.key, self.certificate = self.path("key.pem"), self.path("cert.pem")
        check(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                      self.key).returncode == 0)
        der = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER").stdout
        self.id = hashlib.sha256(der).hexdigest()[:32]
        csr = openssl("req", "-new", "-key", self.key, "-subj", "/CN=" + self.id, "-outform",
                      "DER").stdout
        basic = base64.b64encode((self.ticket + ":" + fields["s"][0]).encode()).decode()
        status, answer = self.request(
            "POST", "/.well-known/est/simpleenroll", base64.b64encode(csr),
            {"Content-Type": "application/pkcs10", "Authorization": "Basic " + basic,
             "Content-Transfer-Encoding": "base64"}, False)
        check(status == 200, "enrolment", status, answer)
        r = openssl("pkcs7", "-inform", "DER", "-print_certs", input=base64.b64decode(answer))
        check(r.returncode == 0, r.stderr)
        with open(self.certificate, "wb") as f:
            f.write(r.stdout)

    def path(self, name):
        return os.path.join(self.base, name)

    def request(self, method, path, body, headers, client=True):
        context = ssl.create_default_context(cafile=self.root)
        if client:
            context.load_cert_chain(self.certificate, self.key)
        c = http.client.HTTPSConnection(self.server.hostname, self.server.port, context=context,
                                        timeout=60)
        try:
            c.request(method, path, body, headers)
            r = c.getresponse()
            return r.status, r.read()
        finally:
            c.close()

    def checkin(self, have, state, settings=(), events=()):
        body = json.dumps({"state": state, "settings": list(settings), "unsupported": []})
        report = json.dumps({
            "v": 1, "device": self.id, "enrolment": "ee" * 16, "ticket": self.ticket,
            "agent": "0.1.0", "nonce": "AAAAAAAAAAAAAAAAAAAAAA", "have": have, "sections": {
                "compliance": {"digest": "@", "body": "@"}}, "events": list(events)})
        report = report.replace('"digest": "@", "body": "@"', '"digest": "%s", "body": %s' % (
            hashlib.sha256(body.encode()).hexdigest()[:16], body))
        status, answer = self.request("POST", "/v1/checkin", report.encode(),
                                      {"Content-Type": "application/json"})
        check(status in (200, 204), "check-in", status, answer)
        return [d for d in answer.decode().split("\n\n") if d.strip()]


@test
def a_fleet_of_two(base):
    a = Admin(base)
    with Server(a) as server:
        check(a.json("status")["devices"] == 0)
        check("No phone" in a.ok("device", "list"))
        a.fails(4, "device", "show", "00", says="no device")
        signed(a)
        check(a.json("policy", "push", "s.jose")["serial"] == 1)
        # The same again is no trouble, other contents under the same serial are.
        a.ok("policy", "push", "s.jose")
        os.unlink(os.path.join(a.org, "serials/policy.staff"))
        a.ok("policy", "sign", a.policy(settings={"screen_lock": {"idle_delay": 60}}), "--stream",
             "staff", "--offline", "-o", "clash.jose")
        a.fails(4, "policy", "push", "clash.jose", says="sign again")
        os.unlink(os.path.join(a.org, "serials/policy.staff"))
        # Asked, the server tells: the memory that was lost is no harm.
        check(payload_of(a.ok("policy", "sign", a.policy(), "--stream", "staff"))["serial"] == 2)

        ticket = a.json("ticket", "new", "--group", "staff")
        other = a.json("ticket", "new", "--group", "staff", "--expires", "15m")
        tickets = a.json("ticket", "list")["tickets"]
        check({t["id"] for t in tickets} == {ticket["id"], other["id"]}, tickets)
        check(a.ok("ticket", "list").count("open") == 2)
        one = Phone(a, server, ticket, "one")
        two = Phone(a, server, other, "two")
        check(a.ok("ticket", "list").count("used") == 2)

        types = [payload_of(d)["type"] for d in one.checkin({}, "unknown")]
        check(types == ["keyset", "assignment", "policy"], types)
        setting = {"area": "screen_lock", "setting": "idle_delay", "state": "noncompliant",
                   "reason": "weaker", "desired": 300, "desired_text": "300 s", "observed": 600,
                   "observed_text": "600 s", "detail": "", "since": 1, "items": []}
        one.checkin({"keyset": 1, "assignment": 1, "policy": {"staff": 1}}, "noncompliant", [setting],
                    [{"seq": 1, "time": 1700000000, "boot": "00112233", "type": "boot", "data": {}},
                     {"seq": 2, "time": 1700000001, "boot": "00112233", "type": "drift_repaired",
                      "data": {"setting": "idle_delay"}}])
        two.checkin({}, "compliant")
        listed = {d["id"]: d for d in a.json("device", "list")["devices"]}
        check({i: d["state"] for i, d in listed.items()} ==
              {one.id: "noncompliant", two.id: "compliant"}, listed)
        out = a.ok("device", "show", one.id[:12])
        for word in ("weaker", "300 s", "600 s", "assignment 1", "policy staff 1", "ago"):
            check(word in out or (word == "ago" and "now" in out), word, "is not in", out)
        out = a.ok("events")
        check(out.count(one.id[:12]) == 2 and "drift_repaired" in out, out)
        check(a.ok("events", "--device", two.id) == "")
        check(len(a.ok("events", "--device", one.id[:8], "--after", "1", "--json").splitlines()) == 1)

        # A device's own assignment outdoes the one of its ticket.
        check(a.json("assign", one.id, "--group", "kiosk", "--user", "M. Muster")["serial"] == 2)
        got = [payload_of(d) for d in one.checkin({"keyset": 1, "assignment": 1}, "compliant")]
        check([p["type"] for p in got] == ["assignment"] and got[0]["groups"] == ["kiosk"] and
              got[0]["target"] == {"device": one.id}, got)
        check(a.json("device", "show", one.id)["groups"] == ["kiosk"])
        check(a.json("assign", one.id[:10], "--group", "staff")["serial"] == 3)


@test
def the_server_refuses_other_administrators(base):
    a = Admin(base)
    with Server(a) as server:
        ticket = a.json("ticket", "new")
        phone = Phone(a, server, ticket, "phone")
        a.ok("status")
        # What a phone holds opens nothing here, whatever the server wrote into it.
        shutil.copy(phone.certificate, os.path.join(a.org, "admin.pem"))
        key = openssl("pkcs8", "-topk8", "-in", phone.key, "-v2", "aes-256-cbc", "-passout",
                      "file:" + a.passphrase_file).stdout
        with open(os.path.join(a.org, "admin-key.pem"), "wb") as f:
            f.write(key)
        r = a.run("status")
        check(r.returncode in (3, 4), r.returncode, r.stdout, r.stderr)


# --- words ---------------------------------------------------------------------------------------

@test
def help_and_wrong_words(base):
    a = Admin(base, make=False)
    check("Usage:" in a.ok("help") and "ticket new" in a.ok("--help"))
    check("~/.config/mdmctl" in a.ok("help"))
    check("--stream" in a.ok("help", "policy", "sign"))
    check("--stream" in a.ok("policy", "sign", "--help"))
    check(re.fullmatch(r"mdmctl \d+\.\d+\S*\n", a.ok("--version")))
    a.fails(2, "polcy", "sign", says="mdmctl policy sign")
    a.fails(2, "policy", says="cosign")
    a.fails(2, "tickets", says="did you mean")
    a.fails(2, "policy", "sign", says="FILE")
    a.fails(2, "ticket", "new", "extra", says="ticket new")
    a.fails(2, "ticket", "new", "--grop", "x", says="--group")
    a.fails(2, "--nothing", "device", "list")
    a.fails(2)
    a.fails(2, "config", "set", "colour", "https://a")
    a.ok("--org", a.home + "/o", "init", "--name", "A", "--server", "https://a", "--admin",
         "https://a")
    for url in ("http://a", "a", "https://a/b", ""):
        a.fails(2, "--org", a.home + "/o", "config", "set", "server", url)


@test
def passphrases_are_never_arguments(base):
    a = Admin(base, make=False)
    check("--passphrase " not in a.ok("help") + a.ok("help", "init"))
    a.fails(2, "init", "--passphrase", "x")


def main():
    os.umask(0o022)
    names = sys.argv[2:]
    passed = failed = skipped = 0
    for function in TESTS:
        if names and function.__name__ not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="mdmctl-") as base:
            try:
                function(base)
                passed += 1
            except Skip as reason:
                skipped += 1
                print("skipped: %s: %s" % (function.__name__, reason))
            except Exception as error:
                failed += 1
                print("FAILED %s: %s: %s" % (function.__name__, type(error).__name__, error))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
