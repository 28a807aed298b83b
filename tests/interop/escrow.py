#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Unlock codes against oathtool, sealed secrets against `openssl cms`, recovery keys against cryptsetup.

    escrow.py BUILD-TREE | PATH-OF-ESCROW_TOOL

Any program for HOTP (RFC 4226) must give the codes that a phone takes, and any for CMS (RFC 5083)
open what a phone seals: for a recovery key that is all it takes to open the disk. The last line counts the checks.
"""
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile

tool = sys.argv[1] if len(sys.argv) > 1 else ""
if os.path.isdir(tool):
    tool = os.path.join(tool, "tests/interop/escrow_tool")
if not os.access(tool, os.X_OK):
    sys.exit("escrow.py: %s is no program; run make tools" % tool)

passed = failed = skipped = 0


def check(what, condition, detail=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAILED %s: %s" % (what, detail))


def run(*argv, stdin=b""):
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=120, check=False)


def codes():
    global skipped
    if not shutil.which("oathtool"):
        print("  skipped: oathtool is not installed")
        skipped += 1
        return
    for _ in range(4):
        secret = secrets.token_hex(32)
        first = secrets.randbelow(1 << 40)
        theirs = run("oathtool", "--hotp", "--digits=8", "--counter=%d" % first, "--window=7",
                     secret).stdout.decode().split()
        ours = [run(tool, "code", secret, str(first + i)).stdout.decode().strip()
                for i in range(8)]
        check("eight codes in a row", ours == theirs and len(ours) == 8, (ours, theirs))


KINDS = {
    "P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "P-384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "RSA 2048": ["-newkey", "rsa:2048"],
    "RSA 3072": ["-newkey", "rsa:3072"],
}


def certificate(directory, name, kind):
    base = os.path.join(directory, name)
    made = run("openssl", "req", "-x509", *kind, "-nodes", "-keyout", base + ".key",
               "-subj", "/CN=escrow", "-days", "1", "-out", base + ".pem")
    if made.returncode:
        sys.exit("escrow.py: openssl req: %s" % made.stderr.decode())
    run("openssl", "x509", "-in", base + ".pem", "-outform", "DER", "-out", base + ".der")
    return base


def opened(blob, base):
    return run("openssl", "cms", "-decrypt", "-inform", "DER", "-in", blob, "-recip",
               base + ".pem", "-inkey", base + ".key", "-binary")


def sealed(directory):
    holders = [certificate(directory, "h%d" % i, kind) for i, kind in enumerate(KINDS.values())]
    stranger = certificate(directory, "stranger", KINDS["P-256"])
    secret = bytes(range(256)) * 2
    blob = os.path.join(directory, "blob")
    for name, base in zip(KINDS, holders):
        check("%s is taken" % name, run(tool, "check", base + ".der").returncode == 0)
    for wanted in ([0], [1], [2], [0, 1, 2, 3]):
        made = run(tool, "seal", *[holders[i] + ".der" for i in wanted], stdin=secret)
        check("sealed to %s" % wanted, made.returncode == 0, made.stderr)
        with open(blob, "wb") as file:
            file.write(made.stdout)
        for i, base in enumerate(holders):
            if i in wanted:
                check("opened by %d of %s" % (i, wanted), opened(blob, base).stdout == secret,
                      opened(blob, base).stderr)
        check("not by another", opened(blob, stranger).returncode != 0)
    text = run("openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in",
               blob).stdout.decode()
    check("authenticated, AES-256-GCM", "authEnvelopedData" in text and "aes-256-gcm" in text,
          text[:400])
    check("EC with SHA-256", "sha256kdf" in text, text)
    check("RSA with OAEP and SHA-256", "rsaesOaep" in text and "sha1" not in text.lower(), text)
    with open(blob, "rb") as file:
        changed = bytearray(file.read())
    changed[-1] ^= 1
    with open(blob, "wb") as file:
        file.write(changed)
    check("a changed one is not opened",
          opened(blob, holders[0]).returncode != 0 and opened(blob, holders[2]).returncode != 0)


CRYPTSETUP = shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin:/bin")
QUICK = ["--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]


def disk(directory):
    """From the sealed key to the open disk with openssl and cryptsetup alone."""
    global skipped
    holders = [certificate(directory, "d%d" % i, kind) for i, kind in enumerate(KINDS.values())]
    stranger = certificate(directory, "someone", KINDS["P-256"])
    key, blob, volume = (os.path.join(directory, name) for name in ("key", "disk-blob", "volume"))
    uuid = "8b2e0f5c-11aa-4c1d-9a55-0123456789ab"
    made = run(tool, "disk", key, uuid, "31", *[base + ".der" for base in holders])
    check("a recovery key is sealed", made.returncode == 0, made.stderr)
    with open(blob, "wb") as file:
        file.write(made.stdout)
    with open(key, encoding="ascii") as file:
        drawn = file.read()
    check("none of it is to be seen", drawn[:6].encode() not in made.stdout)
    for name, base in zip(KINDS, holders):
        inside = json.loads(opened(blob, base).stdout or "{}")
        check("%s finds the key and what it is of" % name, inside == {
            "v": 1, "kind": "disk", "device": "d" * 32, "enrolment": "e" * 32, "generation": 7,
            "volume": uuid, "slot": 31, "secret": drawn}, inside)
    check("a recovery key is for nobody else", opened(blob, stranger).returncode != 0)
    check("48 digits in groups that are checked", len(drawn) == 48 and
          all(int(drawn[i:i + 6]) % 11 == 0 for i in range(0, 48, 6)), drawn)
    if not CRYPTSETUP:
        print("  skipped: cryptsetup is not installed")
        skipped += 1
        return
    with open(volume, "wb") as file:
        file.truncate(20 << 20)
    made = run(CRYPTSETUP, "luksFormat", *QUICK, "--key-file", key, volume)
    check("a volume with that key", made.returncode == 0, made.stderr)
    text = json.loads(opened(blob, holders[0]).stdout)["secret"]
    for what, secret, code in (("what was unsealed opens it", text, 0), ("nothing else does", text[::-1], 2)):
        done = run(CRYPTSETUP, "open", "--test-passphrase", "--key-file=-", volume, stdin=secret.encode())
        check(what, done.returncode == code, done.stderr)


codes()
with tempfile.TemporaryDirectory() as tmp:
    sealed(tmp)
    disk(tmp)
print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
sys.exit(1 if failed else 0)
