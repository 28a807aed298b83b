#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl as its users meet it, alone: the real program, a terminal, a full disk, damaged files.

Usage: mdmctl.py BUILD_DIR [NAME]...        the last line is "N passed, N failed, N skipped"
"""
import base64
import glob
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import (Admin, MDMCTL, PASSPHRASE, Skip, Terminal, check, openssl,
                        payload_of, run_tests, signed, tree)

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# --- making an organisation ----------------------------------------------------------------------

@test
def init_makes_everything(base):
    a = Admin(base)
    files = tree(a.org)
    check(set(files) == {
        "org.json", "root.pem", "root-key.pem", "device-ca.pem", "admin.pem", "admin-key.pem",
        "server.pem", "escrow.pem", "escrow-key.pem", "keys", "keys/admin.pem", "keys/second.pem", "keys/recovery.pem", "keysets", "keysets/1.jose", "serials", "server",
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
    for name in ("keys/admin.pem", "keys/second.pem", "keys/recovery.pem", "admin-key.pem",
                 "root-key.pem"):
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
    a = Admin(base, cheap=False)
    wrong = a.file("wrong", "not the passphrase\n", 0o600)
    for name in ("root-key.pem", "admin-key.pem", "escrow-key.pem", "keys/admin.pem", "keys/second.pem",
                 "keys/recovery.pem"):
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
    # A whole organisation takes 22 inodes, with the top of the file system.
    for size in ("nr_inodes=3", "nr_inodes=8", "nr_inodes=14", "nr_inodes=21", "size=4k", "size=40k"):
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
def three_keys(base):
    """One stolen key cannot touch the keyset; one lost key does not end it."""
    a = Admin(base, options=("--alg", "es256"))
    shown = a.json("keyset", "show")
    check(shown["thresholds"] == {"keyset": 2, "policy": 1, "command": 1, "destroy": 2}, shown)
    check([k["alg"] for k in shown["keys"]] == ["ES256"] * 3)
    roles = {k["name"]: k["roles"] for k in shown["keys"]}
    check(roles == {"admin": ["keyset", "policy", "command", "destroy"],
                    "second": ["keyset", "command", "destroy"],
                    "recovery": ["keyset", "destroy"]}, roles)
    with open(os.path.join(a.org, "keysets/1.jose")) as f:
        text = f.read()
    check(len(text.splitlines()) == 2)
    digest = hashlib.sha256(base64.urlsafe_b64decode(text.split(".")[1] + "==")).hexdigest()
    check(digest == shown["sha256"])
    a.ok("policy", "sign", a.policy(), "--stream", "staff", "-o", "s.jose", "--offline")
    # What is no file does not become one: /dev/stdout, say.
    os.mkfifo(os.path.join(a.home, "fifo"))
    a.fails(2, "policy", "sign", a.policy(), "--stream", "staff", "-o", "fifo", "--offline", says="no regular file")
    check(stat.S_ISFIFO(os.lstat(os.path.join(a.home, "fifo")).st_mode))
    a.ok("policy", "check", "s.jose")


@test
def each_key_has_its_passphrase(base):
    a = Admin(base, make=False)
    second, recovery = a.file("two", "second's own\n", 0o600), a.file("three", "recovery's\n", 0o600)
    a.ok("init", "--name", "A", "--server", "https://a", "--admin", "https://a",
         "--second-passphrase-file", second, "--recovery-passphrase-file", recovery)
    for name, file in (("admin", a.passphrase_file), ("second", second), ("recovery", recovery)):
        path = os.path.join(a.org, "keys", name + ".pem")
        for other in (a.passphrase_file, second, recovery):
            r = openssl("pkcs8", "-in", path, "-passin", "file:" + other)
            check((r.returncode == 0) == (other == file), name, other)


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
    t.expect('"recovery".*: ')
    t.send("one for the safe\n")
    t.expect("The same again: ")
    t.send("one for the safe\n")
    t.expect("Next:")
    status = t.end()
    check(status == 0, status, t.text)
    check(PASSPHRASE not in t.text and "another passphrase" not in t.text and
          "one for the safe" not in t.text)
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
    check(sorted(os.listdir(os.path.join(a.org, "keys"))) == ["admin.pem", "recovery.pem"])
    check([k["here"] for k in a.json("key", "list")["keys"]] == [True, False, True])
    a.fails(5, "policy", "cosign", signed(a), "--key", "second", "--yes",
            says="second.pem")
    a.ok("--org", given, "--passphrase-file", new, "policy", "cosign", "s.jose", "--key", "second",
         "--yes")
    a.fails(1, "key", "give", "admin", given, "--new-passphrase-file", new, says="not empty")


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
def policies_to_start_from(base):
    a = Admin(base)
    examples = sorted(glob.glob(os.path.join(os.path.dirname(__file__), "../../docs/examples/*.json")))
    check(len(examples) >= 7, examples)
    for example in examples:
        check(a.json("policy", "check", os.path.abspath(example))["unsupported"] == [], example)


@test
def a_new_policy_is_a_good_one(base):
    a = Admin(base)
    text = a.ok("policy", "new")
    check("comment" in text and json.loads(text)["profiles"])
    check("password" in json.loads(text)["profiles"][0]["settings"])
    a.ok("policy", "new", "p.json")
    check(a.json("policy", "check", "p.json") == {"ok": True, "profiles": 2, "destroys": False, "unsupported": []})
    a.fails(1, "policy", "new", "p.json", says="exists")
    check("ok, 2 profiles" in a.ok("policy", "check", "-", stdin=text))


@test
def places_are_checked(base):
    a = Admin(base)
    shape = {"circle": {"latitude": 48.1, "longitude": 11.5, "radius": 200}}
    policy = {"places": {"office": {"shape": shape}, "depot": {"shape": shape}},
              "profiles": [{"id": "p", "when": {"place": {"outside": "office"}}, "settings": {}}]}
    out = a.ok("policy", "check", a.file("p.json", json.dumps(policy)))
    check("place depot: no condition names it" in out and "office" not in out, out)
    del policy["places"]["office"]
    a.fails(1, "policy", "check", a.file("p.json", json.dumps(policy)), says="names the place office")
    policy["places"]["office"] = {"shape": dict(shape, radius=200)}
    policy["places"]["depot"]["shape"] = {"circle": dict(shape["circle"], latitude=91)}
    a.fails(1, "policy", "check", a.file("p.json", json.dumps(policy)), says="places.depot.shape.circle.latitude")


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


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
