#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CAs that follow one another, ends that come near, other administrators, and keysets on their way
to a real server, with mdmctl.

Usage: mdmctl_ca.py BUILD_DIR [NAME]...   the last line is "N passed, N failed, N skipped"
"""
import base64
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import (Admin, MDMCTL, Phone, Server, Skip, check, openssl, payload_of, run_tests, tree)
from mdmctl_keys import advance, sign_twice, version

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# --- CAs -----------------------------------------------------------------------------------------

def verifies(root, chain, purpose="sslserver"):
    return openssl("verify", "-CAfile", root, "-untrusted", chain, "-purpose", purpose,
                   chain).returncode == 0


@test
def one_ca_follows_another(base):
    a = Admin(base, options=("--host", "192.0.2.7", "--host", "mdm.example.org"))
    old = os.path.join(base, "old-root.pem")
    shutil.copy(os.path.join(a.org, "root.pem"), old)
    old_device = os.path.join(base, "old-device.pem")
    shutil.copy(os.path.join(a.org, "device-ca.pem"), old_device)
    a.fails(1, "ca", "switch", "--output", "srv", says="ca new")
    a.fails(1, "ca", "retire", says="no CA is left")
    a.ok("ca", "new")
    a.fails(1, "ca", "new", says="already")
    a.fails(1, "ca", "switch", "--output", "srv", says="does not pin both")
    a.fails(1, "ca", "retire", says="comes first")
    check(len(a.json("keyset", "draft")["ca_pins"]) == 2)
    advance(a)
    pins = a.json("keyset", "show")["ca_pins"]
    a.fails(2, "ca", "switch", says="--output")
    os.makedirs(os.path.join(a.home, "full/x"))
    a.fails(1, "ca", "switch", "--output", "full", says="not empty")
    # The next ones are announced by what goes to the server now.
    with open(os.path.join(a.org, "next/next.pem")) as f:
        check(f.read().count("BEGIN CERTIFICATE") == 2)
    admin_key = tree(a.org)["admin-key.pem"]
    a.ok("ca", "switch", "--output", "srv", "--host", "more.example.org")
    srv = os.path.join(a.home, "srv")
    check(sorted(os.listdir(srv)) == ["device-ca-key.pem", "device-ca.pem", "previous.pem", "root.pem",
                                      "server-chain.pem", "server-key.pem"], os.listdir(srv))
    new, chain = os.path.join(srv, "root.pem"), os.path.join(srv, "server-chain.pem")
    check(not verifies(old, os.path.join(srv, "device-ca.pem"), "sslclient"))
    check(verifies(new, chain) and verifies(old, chain), "the chain leads to both roots")
    # Only for servers: with the cross certificate nobody is an administrator of the old root.
    check(verifies(new, os.path.join(a.org, "admin.pem"), "sslclient"))
    both = os.path.join(base, "admin-and-chain")
    with open(both, "w") as f:
        f.write(open(os.path.join(a.org, "admin.pem")).read() + open(chain).read())
    check(openssl("verify", "-CAfile", old, "-untrusted", both, "-purpose", "sslclient",
                  os.path.join(a.org, "admin.pem")).returncode != 0)
    text = openssl("x509", "-in", chain, "-noout", "-text").stdout.decode()
    for name in ("192.0.2.7", "DNS:mdm.example.org", "DNS:more.example.org", "127.0.0.1"):
        check(name in text, name, "not in the new certificate")
    with open(os.path.join(srv, "previous.pem")) as f:
        previous = f.read()
    check(open(old).read() in previous and open(old_device).read() in previous)
    check(previous.count("BEGIN CERTIFICATE") == 2)
    # The organisation is the new one, whole; the administrator's key stayed.
    files = tree(a.org)
    check(open(new, "rb").read() == files["root.pem"][1] and files["admin-key.pem"] == admin_key)
    check("next" not in files and len([f for f in files if f.startswith("previous/")]) == 3)
    check(openssl("pkcs8", "-in", os.path.join(a.org, "root-key.pem"), "-passin",
                  "file:" + a.passphrase_file).returncode == 0)
    everything = b"".join(data for _, data in tree(srv).values())
    check(everything.count(b"PRIVATE KEY-----") == 4 and b"ENCRYPTED" not in everything)
    # A renewed certificate keeps the way to the old root.
    a.ok("cert", "renew", chain)
    check(verifies(new, chain) and verifies(old, chain))
    a.ok("ca", "retire")
    a.fails(1, "ca", "retire", says="no CA is left")
    advance(a)
    shown = a.json("keyset", "show")["ca_pins"]
    check(len(shown) == 1 and shown[0] in pins, shown)
    # And the one after that.
    a.ok("ca", "new")
    text = openssl("x509", "-in", os.path.join(a.org, "next/root.pem"), "-noout", "-subject").stdout
    check(b"G3" in text, text)


def repinned(a, pins):
    """The draft with other pins, as somebody with an editor leaves it for those who sign."""
    path = os.path.join(a.org, "draft.json")
    with open(path) as f:
        draft = json.load(f)
    draft["ca_pins"] = pins
    if not pins:
        del draft["ca_pins"]
    with open(path, "w") as f:
        json.dump(draft, f, separators=(",", ":"))


@test
def nobody_signs_away_the_server(base):
    a = Admin(base)
    stick = ("--org", os.path.join(a.home, "stick"))
    a.ok("key", "give", "second", stick[1], "--new-passphrase-file", a.passphrase_file)
    stranger = "A" * 42 + "E"
    own = a.json("ca", "list")["cas"][0]["pin"]
    a.ok("keyset", "renew")
    repinned(a, [stranger])
    a.fails(1, "keyset", "sign", "--yes", says="does not pin the CA of the server")
    repinned(a, [own, stranger])
    r = a.run("keyset", "sign", "--yes", "--output", "mail.jose")
    check(r.returncode == 0, r.stderr)
    check(own + ": this organisation's root" in r.stderr, r.stderr)
    check(stranger + ": UNKNOWN" in r.stderr and "before you sign" in r.stderr, r.stderr)
    # Another root: that of an organisation which moved on without this machine.
    with open(os.path.join(stick[1], "root.pem")) as f:
        root = f.read()
    b = Admin(os.path.join(base, "b"))
    shutil.copy(os.path.join(b.org, "root.pem"), os.path.join(stick[1], "root.pem"))
    a.fails(1, *stick, "keyset", "cosign", "mail.jose", "--yes", says="does not pin the CA")
    with open(os.path.join(stick[1], "root.pem"), "w") as f:
        f.write(root)
    a.ok(*stick, "keyset", "cosign", "mail.jose", "--yes")
    # Complete; what is kept here is judged by the root here.
    with open(os.path.join(a.org, "root.pem")) as f:
        root = f.read()
    shutil.copy(os.path.join(b.org, "root.pem"), os.path.join(a.org, "root.pem"))
    a.fails(1, "keyset", "import", "mail.jose", says="does not pin the CA")
    with open(os.path.join(a.org, "root.pem"), "w") as f:
        f.write(root)
    a.ok("keyset", "import", "mail.jose")
    # From here on none is as bad as a wrong one.
    a.ok("keyset", "renew")
    repinned(a, [])
    a.fails(1, "keyset", "sign", "--yes", says="pins no CA any more")


@test
def a_cosigner_follows_a_change_of_cas(base):
    """The copy of the root on a stick is the one of the day on which it was given."""
    a = Admin(base)
    stick = ("--org", os.path.join(a.home, "stick"))
    a.ok("key", "give", "second", stick[1], "--new-passphrase-file", a.passphrase_file)

    def both_sign():
        words = a.run("keyset", "sign", "--yes", "--output", "mail.jose").stderr
        r = a.run(*stick, "keyset", "cosign", "mail.jose", "--yes")
        check(r.returncode == 0, r.stderr)
        a.ok("keyset", "import", "mail.jose")
        return words, r.stderr

    a.ok("ca", "new")
    here, there = both_sign()
    check("the next root" in here and "UNKNOWN" not in here, here)
    check("UNKNOWN" in there, there)
    a.ok("ca", "switch", "--output", "srv")
    a.ok("ca", "retire")
    both_sign()
    a.ok("keyset", "renew")
    both_sign()
    check(len(a.json(*stick, "keyset", "show")["ca_pins"]) == 1)


@test
def an_interrupted_switch_is_finished(base):
    a = Admin(base)
    a.ok("ca", "new")
    before = a.json("keyset", "draft")["ca_pins"]
    a.ok("keyset", "draft", "discard", "--yes")
    # "ca new" that ended between its two files goes on with the CAs it made.
    a.ok("ca", "new")
    check(a.json("keyset", "draft")["ca_pins"] == before)
    advance(a)
    saved = os.path.join(base, "saved")
    shutil.copytree(a.org, saved)
    a.ok("ca", "switch", "--output", "srv")
    done = tree(a.org)
    names = ("root.pem", "root-key.pem", "device-ca.pem", "admin.pem", "server.pem")
    for n in range(len(names) + 1):
        shutil.rmtree(a.org)
        shutil.copytree(saved, a.org)
        for name in done:
            if name.startswith("previous/"):
                os.makedirs(os.path.join(a.org, "previous"), exist_ok=True)
                with open(os.path.join(a.org, name), "wb") as f:
                    f.write(done[name][1])
                os.chmod(os.path.join(a.org, name), 0o600)
        os.chmod(os.path.join(a.org, "previous"), 0o700)
        for i, name in enumerate(names):
            with open(os.path.join(a.org, name if i < n else "next/" + name), "wb") as f:
                f.write(done[name][1])
            if i < n and os.path.exists(os.path.join(a.org, "next", name)):
                os.unlink(os.path.join(a.org, "next", name))
        with open(os.path.join(a.org, "next/ready"), "w"):
            pass
        a.ok("key", "list")
        after = tree(a.org)
        check({k: v[1] for k, v in after.items()} == {k: v[1] for k, v in done.items()}, n,
              set(after) ^ set(done))


# --- warnings ------------------------------------------------------------------------------------

def shim(base):
    """A preloaded clock."""
    path = os.path.join(base, "clock_shim.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib/clock_shim.c")
    subprocess.run([os.environ.get("MDM_CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path, source, "-ldl"], check=True)
    if "libasan" in subprocess.run(["ldd", MDMCTL], capture_output=True, text=True).stdout:
        raise Skip("a preloaded clock does not go with AddressSanitizer")
    return path


def later(a, days, *args):
    """mdmctl as it will be in so many days."""
    env = dict(a.env(), LD_PRELOAD=os.path.join(a.base, "clock_shim.so"),
               CLOCK_SHIM_OFFSET=str(days * 86400))
    return subprocess.run([MDMCTL, *args], env=env, cwd=a.home, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, start_new_session=True)


@test
def ends_are_announced_weeks_ahead(base):
    a = Admin(base)
    shim(a.base)
    sign = ("policy", "sign", a.policy(), "--stream", "staff", "--offline", "-o", "s.jose")
    check("warning" not in later(a, 660, *sign).stderr)
    r = later(a, 680, *sign)
    check(r.returncode == 0, r.stderr)
    lines = [line for line in r.stderr.splitlines() if "warning" in line]
    check(any("keyset ends on" in l and "keyset renew" in l for l in lines), lines)
    check(any("administrator's certificate ends" in l and "admin renew" in l for l in lines), lines)
    check(len(lines) == 2, lines)
    # Also when the document itself goes to standard output, and once however many keys are opened.
    r = later(a, 680, "keyset", "renew")
    check(r.returncode == 0)
    r = later(a, 680, "cert", "renew", "administrator")
    check(r.stderr.count("keyset ends on") == 1, r.stderr)
    check("CA ends" in later(a, 20 * 365 - 30, *sign).stderr)
    # An expired keyset can still be followed by a good one.
    a.ok("keyset", "draft", "discard", "--yes")
    check(later(a, 800, "keyset", "renew").returncode == 0)
    r = later(a, 800, "keyset", "sign", "--yes")
    check(r.returncode == 0 and "keyset ended on" in r.stderr, r.stderr)
    r = later(a, 800, "keyset", "sign", "--yes", "--key", "second", "--output", "next.jose")
    check(r.returncode == 0, r.stderr)
    check(later(a, 800, "keyset", "import", "next.jose").returncode == 0)


def signed_later(a, days, *renew):
    """The next keyset, drafted and signed by two where the clock is wrong, in next.jose."""
    for args in (("renew", *renew), ("sign", "--yes"),
                 ("sign", "--yes", "--key", "second", "--output", "next.jose")):
        r = later(a, days, "keyset", *args)
        check(r.returncode == 0, args, r.stderr)


@test
def nobody_signs_a_keyset_from_the_future(base):
    a = Admin(base)
    shim(base)
    stick = ("--org", os.path.join(a.home, "stick"))
    a.ok("key", "give", "second", stick[1], "--new-passphrase-file", a.passphrase_file)
    # The end stays where it was: its day is all that tells.
    check(later(a, 3, "keyset", "renew").returncode == 0)
    r = later(a, 3, "keyset", "sign", "--yes", "--output", "mail.jose")
    check(r.returncode == 0 and "made 20" in r.stderr, r.stderr)
    a.fails(1, *stick, "keyset", "cosign", "mail.jose", "--yes", says="do not sign it")
    a.fails(1, "keyset", "sign", "--yes", says="do not sign it")
    r = later(a, 2, *stick, "keyset", "cosign", "mail.jose", "--yes")
    check(r.returncode == 0 and "made 20" in r.stderr and "expires 20" in r.stderr, r.stderr)
    # Complete, but this machine believes its own clock.
    a.fails(1, "keyset", "import", "mail.jose", says="do not sign it")
    a.fails(1, "keyset", "push", "mail.jose", says="do not sign it")


@test
def a_wrong_clock_is_mended(base):
    a = Admin(base)
    shim(base)
    stick = ("--org", os.path.join(a.home, "stick"))
    a.ok("key", "give", "recovery", stick[1], "--new-passphrase-file", a.passphrase_file)
    signed_later(a, 700)
    check(later(a, 700, "keyset", "import", "next.jose").returncode == 0)
    a.fails(1, "key", "rotate", "admin", says="keyset renew")
    words = a.fails(2, "keyset", "renew", says="--yes")
    check("one of the two clocks was wrong" in words, words)
    a.ok("keyset", "renew", "--yes")
    # The draft is there now: other changes go with it.
    a.ok("keyset", "renew", "--expires", "1y")
    for name in ("admin", "second"):
        a.ok("keyset", "sign", "--yes", "--key", name, "--output", "next.jose")
    second, third = os.path.join(a.org, "keysets/2.jose"), os.path.join(a.home, "next.jose")
    # Who comes later follows if the one behind is there, signed.
    a.fails(1, *stick, "keyset", "import", second, says="do not sign it")
    with open(third) as f:
        one = a.file("one.jose", f.readlines()[0])
    a.fails(1, *stick, "keyset", "import", second, one, says="do not sign it")
    a.ok(*stick, "keyset", "import", third, second)
    a.ok("keyset", "import", "next.jose")
    check(a.json("keyset", "show")["version"] == a.json(*stick, "keyset", "show")["version"] == 3)
    # As ever from here on.
    a.ok("key", "rotate", "admin")


@test
def risks_are_named(base):
    a = Admin(base)
    warnings = a.json("keyset", "show")["warnings"]
    check(len(warnings) == 1 and "role policy" in warnings[0], warnings)
    a.ok("key", "new", "other", "--role", "policy")
    a.ok("keyset", "threshold", "keyset", "1")
    advance(a)
    warnings = a.json("key", "list")["warnings"]
    check(len(warnings) == 1 and "can lower that" in warnings[0], warnings)
    check("warning: a new keyset takes 1 signature, destroying takes 2" in a.run("key", "list").stderr)
    a.ok("key", "revoke", "recovery")
    a.ok("keyset", "threshold", "keyset", "2")
    advance(a)
    warnings = a.json("key", "list")["warnings"]
    check(len(warnings) == 2 and "no keyset can ever be signed again" in warnings[0], warnings)


# --- other administrators ------------------------------------------------------------------------

@test
def other_administrators(base):
    a = Admin(base)
    new = a.file("new", "the other person's\n", 0o600)
    a.fails(2, "admin", "new", "eve", "--output", "eve", says="--role")
    a.fails(2, "admin", "new", "eve", "--role", "king", "--output", "eve", says="--role")
    a.fails(2, "admin", "new", "eve", "--role", "viewer", says="--output")
    a.fails(2, "admin", "new", "x" * 65, "--role", "viewer", "--output", "eve")
    for role, unit in (("operator", b"OU = mdm-admin,"), ("viewer", b"OU = mdm-viewer,")):
        a.ok("admin", "new", "eve", "--role", role, "--output", role, "--new-passphrase-file", new)
        files = tree(os.path.join(a.home, role))
        check(set(files) == {"org.json", "root.pem", "admin.pem", "admin-key.pem", "keys", "keysets",
                             "keysets/1.jose", "serials"}, sorted(files))
        certificate = os.path.join(a.home, role, "admin.pem")
        subject = openssl("x509", "-in", certificate, "-noout", "-subject").stdout
        check(unit in subject and b"CN = eve" in subject, subject)
        check(verifies(os.path.join(a.org, "root.pem"), certificate, "sslclient"))
        check(openssl("pkcs8", "-in", os.path.join(a.home, role, "admin-key.pem"), "-passin",
                      "file:" + new).returncode == 0)
    before = tree(os.path.join(a.home, "viewer"))["admin.pem"]
    # Whoever sent the file, it says itself whose it is and what it lets do.
    for verb in ("admin", "cert"):
        words = a.fails(2, verb, "renew", os.path.join(a.home, "viewer/admin.pem"), says="a viewer")
        check('"eve"' in words, words)
        a.fails(2, verb, "renew", os.path.join(a.home, "operator/admin.pem"), says="an operator")
    a.ok("admin", "renew", os.path.join(a.home, "viewer/admin.pem"), "--yes")
    check(tree(os.path.join(a.home, "viewer"))["admin.pem"] != before)
    subject = openssl("x509", "-in", os.path.join(a.home, "viewer/admin.pem"), "-noout",
                      "-subject").stdout
    check(b"OU = mdm-viewer" in subject)
    a.ok("admin", "renew")
    with Server(a):
        for role in ("operator", "viewer"):
            shutil.copy(os.path.join(a.org, "org.json"), os.path.join(a.home, role, "org.json"))
        as_role = {role: ("--org", os.path.join(a.home, role), "--passphrase-file", new)
                   for role in ("operator", "viewer")}
        for role in as_role.values():
            a.ok(*role, "status")
            a.ok(*role, "device", "list")
        a.ok("status")
        a.ok(*as_role["operator"], "ticket", "new")
        r = a.run(*as_role["viewer"], "ticket", "new")
        check(r.returncode == 4 and "403" in r.stderr, r.returncode, r.stderr)


# --- with a server -------------------------------------------------------------------------------

@test
def push_and_who_has_it(base):
    a = Admin(base)
    with Server(a) as server:
        first = json.loads(a.ok("ticket", "new", "--json"))
        old = Phone(a, server, first, "old")
        check([payload_of(d)["serial"] for d in old.checkin({"keyset": 0}, "compliant")] == [1])
        a.ok("policy", "sign", a.policy(), "--stream", "staff", "-o", "s.jose")
        a.ok("policy", "push", "s.jose")
        for n in (2, 3):
            a.ok("key", "rotate", "admin")
            sign_twice(a)
            out = a.ok("keyset", "push")
            check("Keyset %d is on the server" % n in out and "policy staff" in out, out)
            a.ok("policy", "sign", a.policy(), "--stream", "staff", "-o", "s.jose")
            check(payload_of(open(os.path.join(a.home, "s.jose")).read())["serial"] == n)
            a.ok("policy", "push", "s.jose")
            check("policy staff" not in a.ok("keyset", "push"))
        # The phone of the first day is sent the chain; a fresh one's ticket names the newest.
        chain = old.checkin({"keyset": 1}, "compliant")
        check([payload_of(d)["serial"] for d in chain] == [2, 3], chain)
        check(old.checkin({"keyset": 3}, "compliant") == [])
        phones = a.json("keyset", "phones")["devices"]
        check([(p["keyset"], p["newest"]) for p in phones] == [(3, True)], phones)
        ticket = json.loads(a.ok("ticket", "new", "--json"))
        pin = re.search(r"[?&]k=([^&]+)", ticket["uri"]).group(1)
        shown = a.json("keyset", "show")["sha256"]
        check(base64.urlsafe_b64decode(pin + "=").hex() == shown)
        # A ticket made while one CA follows another names both.
        a.ok("ca", "new")
        sign_twice(a)
        a.ok("keyset", "push")
        uri = json.loads(a.ok("ticket", "new", "--json"))["uri"]
        check(sorted(re.findall(r"[?&]c=([^&]+)", uri)) == sorted(a.json("keyset", "show")["ca_pins"]))


@test
def push_without_a_server_changes_nothing(base):
    a = Admin(base)
    a.ok("keyset", "renew")
    sign_twice(a)
    a.fails(3, "keyset", "push", says="cannot talk")
    check(version(a) == 1 and a.json("keyset", "draft")["complete"])
    with Server(a):
        a.ok("keyset", "push")
        check(version(a) == 2)
        # Once more, as after an interruption.
        a.ok("keyset", "push")


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
