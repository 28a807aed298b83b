#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Documents against another implementation of JOSE (python3-jwcrypto), in both directions.

    jws.py BUILD-TREE | PATH-OF-JWS_TOOL

What this project signs must verify there, what is signed there must verify here, and what either
side refuses must be refused for the right reason. Both by the library (jws_tool) and by mdmctl as
an administrator has it, which is skipped where it is not built. The last line counts the checks.
"""
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile

try:
    # jwcrypto stands on it; it opens the administrators' key files.
    from cryptography.hazmat.primitives import serialization
    from jwcrypto import jwk, jws
    from jwcrypto.common import json_encode
except ImportError:
    print("  skipped: python3-jwcrypto is not installed")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)

ORG = "0123456789abcdef0123456789abcdef"
DEVICE = "d0" * 16
NOW = 1800000000
ROLES = ["keyset", "policy", "command", "destroy"]

tool = sys.argv[1] if len(sys.argv) > 1 else ""
if os.path.isdir(tool):
    tool = os.path.join(tool, "tests/interop/jws_tool")
if not os.access(tool, os.X_OK):
    sys.exit("jws.py: %s is no program; run make tools" % tool)

# Beside the tool's folders tests/interop.
mdmctl = os.path.join(os.path.dirname(os.path.abspath(tool)), "..", "..", "mdmctl")
passed = failed = skipped = 0


def check(what, condition, detail=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAILED %s %s" % (what, detail))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Holder:
    """A key pair, known to both sides."""

    def __init__(self, directory, name, kind):
        self.name = name
        if kind == "EdDSA":
            self.jwk = jwk.JWK.generate(kty="OKP", crv="Ed25519")
        else:
            self.jwk = jwk.JWK.generate(kty="EC", crv="P-256")
        self.alg = kind
        self.kid = self.jwk.thumbprint()
        self.pem = os.path.join(directory, name + ".pem")
        with open(self.pem, "wb") as file:
            file.write(self.jwk.export_to_pem(private_key=True, password=None))

    def public(self):
        return json.loads(self.jwk.export_public())

    def entry(self, roles=None):
        public = self.public()
        names = ["kty", "crv", "x"] + (["y"] if self.alg == "ES256" else [])
        return {"kid": self.kid, "name": self.name, "alg": self.alg,
                "jwk": {name: public[name] for name in names}, "roles": roles or ROLES}

    def header(self, typ="mdm-policy"):
        return {"alg": self.alg, "kid": self.kid, "typ": typ}

    def sign(self, payload, header=None):
        """A compact JWS by the other implementation; header may be text of any form."""
        token = jws.JWS(payload)
        if header is None:
            header = self.header()
        text = header if isinstance(header, str) else json_encode(header)
        # What it does not know itself, it would not sign with; the default list is longer than ours.
        token.add_signature(self.jwk, alg=self.alg, protected=text)
        return token.serialize(compact=True)


def run(*arguments):
    result = subprocess.run([tool, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            check=False)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def keyset(holders, version=1, threshold=1):
    return json.dumps({
        "type": "keyset", "org": ORG, "org_name": "Organisation \u00e4", "serial": version,
        "issued": NOW - 1000, "expires": NOW + 1000000,
        "keys": [holder.entry() for holder in holders],
        "thresholds": {role: threshold for role in ROLES}})


def policy(serial=1, **more):
    return json.dumps({"type": "policy", "org": ORG, "serial": serial, "issued": NOW - 10,
                       "expires": NOW + 1000, "target": {"stream": "all"}, **more})


class Bench:
    def __init__(self, directory):
        self.directory = directory
        self.ed = Holder(directory, "ed", "EdDSA")
        self.es = Holder(directory, "es", "ES256")
        self.ed2 = Holder(directory, "ed2", "EdDSA")
        self.es2 = Holder(directory, "es2", "ES256")
        self.outsider = Holder(directory, "outsider", "EdDSA")
        self.holders = [self.ed, self.es, self.ed2, self.es2]
        self.keyset = self.file("keyset", keyset(self.holders))
        self.keyset2 = self.file("keyset2", keyset(self.holders, 1, 2))

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def verify(self, document, keyset_path=None):
        status, out, err = run("verify", keyset_path or self.keyset, str(NOW),
                               self.file("document", document))
        return out.strip() or "status %d: %s" % (status, err.strip())


def accepted_there(line, holder, payload):
    """The other implementation takes the line, with exactly our header."""
    token = jws.JWS()
    token.allowed_algs = ["EdDSA", "ES256"]
    try:
        token.deserialize(line, holder.jwk)
    except jws.InvalidJWSSignature as error:
        return str(error)
    header = json.loads(token.objects["protected"])
    if header != holder.header():
        return "header %s" % header
    if token.payload != payload:
        return "payload differs"
    return ""


def test_keys(bench):
    for holder in bench.holders:
        check("thumbprint of " + holder.name, run("kid", holder.pem)[1].strip() == holder.kid)
        public = json.loads(run("jwk", holder.pem)[1])
        check("public key of " + holder.name, public == holder.entry()["jwk"], public)


def test_signed_here(bench):
    payload = policy().encode()
    path = bench.file("payload", payload)
    for holder in bench.holders:
        line = run("sign", "policy", path, holder.pem)[1].strip()
        check("signed here by " + holder.name, accepted_there(line, holder, payload) == "",
              accepted_there(line, holder, payload))
        other = bench.ed2 if holder is bench.ed else bench.ed
        check("not by another key", accepted_there(line, other, payload) != "")
        head, body, signature = line.split(".")
        changed = ".".join([head, b64(payload.replace(b"all", b"few")), signature])
        check("not with another payload", accepted_there(changed, holder, payload) != "")
    lines = run("sign", "policy", path, *[holder.pem for holder in bench.holders])[1].split()
    check("one line for each signer", len(lines) == len(bench.holders))
    for line, holder in zip(lines, bench.holders):
        check("line of " + holder.name, accepted_there(line, holder, payload) == "")
    # Lengths around every remainder of base64, and bytes that are no text.
    for n in list(range(1, 9)) + [255, 4096, 65536]:
        payload = hashlib.shake_128(bytes([n % 256])).digest(n)
        line = run("sign", "policy", bench.file("payload", payload), bench.es.pem)[1].strip()
        check("%d bytes signed here" % n, accepted_there(line, bench.es, payload) == "")


def test_signed_there(bench):
    payload = policy(7)
    for holder in bench.holders:
        line = holder.sign(payload)
        check("signed there by " + holder.name, bench.verify(line) == "ok policy 7 1",
              bench.verify(line))
        check("the same with LF", bench.verify(line + "\n") == "ok policy 7 1")
        spaced = '{ "typ" :"mdm-policy",\n"kid":"%s", "alg": "%s"}' % (holder.kid, holder.alg)
        check("header in another order", bench.verify(holder.sign(payload, spaced)) ==
              "ok policy 7 1", bench.verify(holder.sign(payload, spaced)))
    mixed = "\n".join(holder.sign(payload) for holder in bench.holders)
    check("four signers there", bench.verify(mixed) == "ok policy 7 4", bench.verify(mixed))
    here = run("sign", "policy", bench.file("payload", payload), bench.es.pem)[1]
    both = here + bench.ed.sign(payload) + "\n"
    check("one here, one there", bench.verify(both, bench.keyset2) == "ok policy 7 2",
          bench.verify(both, bench.keyset2))
    # ES256 signatures whose numbers start with zero bytes turn up within some hundred.
    for i in range(300):
        line = bench.es.sign(policy(7, comment=str(i)))
        raw = base64.urlsafe_b64decode(line.split(".")[2] + "==")
        if raw[0] == 0 or raw[32] == 0:
            check("short number in ES256", bench.verify(line) == "ok policy 7 1")
            break


def test_keysets(bench):
    payload = keyset([bench.ed, bench.es], 1, 2)
    lines = [holder.sign(payload, holder.header("mdm-keyset")) for holder in (bench.ed, bench.es)]
    first = bench.file("document", "\n".join(lines))
    check("first keyset", run("first-keyset", str(NOW), first)[1].strip() == "ok keyset 1 2",
          run("first-keyset", str(NOW), first)[1])
    first = bench.file("document", lines[0])
    check("first keyset, one of two", run("first-keyset", str(NOW), first)[1].startswith(
        "refused threshold"))
    held = bench.file("held", payload)
    following = keyset([bench.ed, bench.es2], 2, 2)
    lines = [holder.sign(following, holder.header("mdm-keyset"))
             for holder in (bench.ed, bench.es, bench.es2)]
    check("successor", bench.verify("\n".join(lines), held) == "ok keyset 2 3",
          bench.verify("\n".join(lines), held))
    check("successor without a retiring key",
          bench.verify("\n".join([lines[0], lines[2]]), held).startswith("refused signature"))


def test_refused_here(bench):
    payload = policy(7)
    ed, es = bench.ed, bench.es
    good = ed.sign(payload)
    head, body, signature = good.split(".")

    def refused(what, document, reason, keyset_path=None):
        answer = bench.verify(document, keyset_path)
        check(what, answer.startswith("refused %s:" % reason), answer)

    refused("outsider", bench.outsider.sign(payload), "signature")
    refused("outsider as second", good + "\n" + bench.outsider.sign(payload), "signature")
    refused("twice the same key", es.sign(payload) + "\n" + es.sign(payload),
            "duplicate_signature")
    refused("one signer of two", good, "threshold", bench.keyset2)
    refused("header of another key", ed.sign(payload, dict(ed.header(), kid=es.kid)), "header")
    refused("header without kid", ed.sign(payload, {"alg": "EdDSA", "typ": "mdm-policy"}),
            "header")
    refused("header with its own key", ed.sign(payload, dict(ed.header(), jwk=ed.public())),
            "header")
    refused("header with a content type", ed.sign(payload, dict(ed.header(), cty="x")), "header")
    refused("typ of another document", ed.sign(payload, ed.header("mdm-command")), "type")
    refused("typ of nobody", ed.sign(payload, ed.header("JWT")), "type")
    none = b64(json_encode(dict(ed.header(), alg="none")).encode())
    refused("alg none", "%s.%s." % (none, body), "form")
    refused("alg none with a signature", "%s.%s.%s" % (none, body, signature), "signature")
    # HMAC with the public key as its secret, which verifiers that trust the header fall for.
    mac_head = b64(json_encode(dict(ed.header(), alg="HS512")).encode())
    secret = base64.urlsafe_b64decode(ed.public()["x"] + "=")
    mac = hmac.new(secret, ("%s.%s" % (mac_head, body)).encode(), hashlib.sha512).digest()
    refused("HMAC with the public key", "%s.%s.%s" % (mac_head, body, b64(mac)), "signature")
    refused("padded", "%s.%s.%s==" % (head, body, signature), "form")
    refused("changed payload", "%s.%s.%s" % (head, b64(policy(8).encode()), signature),
            "signature")
    refused("signature of another payload",
            "%s.%s.%s" % (head, body, ed.sign(policy(8)).split(".")[2]), "signature")
    refused("cut signature", good[:-4], "form")
    refused("different payloads", good + "\n" + es.sign(policy(8)), "payload_mismatch")
    refused("no document", "", "size")
    token = jws.JWS(payload)
    token.add_signature(ed.jwk, alg="EdDSA", protected=json_encode(ed.header()))
    refused("JSON serialization", token.serialize(), "form")
    der = es.sign(payload).split(".")
    raw = base64.urlsafe_b64decode(der[2] + "==")
    refused("R and S exchanged", ".".join([der[0], der[1], b64(raw[32:] + raw[:32])]), "signature")
    refused("R and S of zero", ".".join([der[0], der[1], b64(bytes(64))]), "signature")


# --- mdmctl

class Organisation:
    """What `mdmctl init` makes, and the other implementation's view of its keys."""

    PASSPHRASE = "correct horse battery staple"

    def __init__(self, base, alg):
        self.base = os.path.join(base, "org-" + alg)
        self.directory = os.path.join(self.base, "org")
        os.mkdir(self.base)
        self.passphrase_file = self.file("passphrase", self.PASSPHRASE + "\n")
        self.ok("init", "--name", "Example Org", "--server", "https://127.0.0.1:1", "--admin",
                "https://127.0.0.1:1", "--alg", alg)
        self.shown = json.loads(self.ok("keyset", "show", "--json"))
        with open(os.path.join(self.directory, "keysets/1.jose"), encoding="ascii") as file:
            self.keyset_lines = file.read().splitlines()
        body = self.keyset_lines[0].split(".")[1]
        self.keyset = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        # The document holds the keys; `keyset show` tells which they must be.
        self.public = {}
        for row in json.loads(self.keyset)["keys"]:
            key = jwk.JWK(**row["jwk"])
            self.public[key.thumbprint()] = key

    def file(self, name, text):
        path = os.path.join(self.base, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, *arguments):
        return subprocess.run([mdmctl, "--org", self.directory, "--passphrase-file",
                               self.passphrase_file, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              text=True, env={"PATH": os.environ["PATH"], "HOME": self.base},
                              start_new_session=True)

    def ok(self, *arguments):
        result = self.run(*arguments)
        if result.returncode:
            raise RuntimeError("mdmctl %s: %s" % (" ".join(arguments), result.stderr))
        return result.stdout

    def private(self, name):
        """A key file, opened as anybody with the passphrase can."""
        with open(os.path.join(self.directory, "keys", name + ".pem"), "rb") as file:
            return jwk.JWK.from_pyca(serialization.load_pem_private_key(
                file.read(), self.PASSPHRASE.encode()))


def verified(line, key, typ):
    """The payload by the other implementation, or None; the header is exactly ours."""
    token = jws.JWS()
    token.allowed_algs = ["EdDSA", "ES256"]
    try:
        token.deserialize(line, key)
    except jws.InvalidJWSSignature:
        return None
    header = json.loads(token.objects["protected"])
    alg = "EdDSA" if key.export_public(as_dict=True)["kty"] == "OKP" else "ES256"
    return token.payload if header == {"alg": alg, "kid": key.thumbprint(), "typ": typ} else None


def mdmctl_keyset(org, alg):
    rows = {row["kid"]: row for row in org.shown["keys"]}
    check("kids are thumbprints", set(rows) == set(org.public), rows)
    check("algorithm", {row["alg"] for row in rows.values()} ==
          {"EdDSA" if alg == "eddsa" else "ES256"}, rows)
    check("digest of the keyset", hashlib.sha256(org.keyset).hexdigest() == org.shown["sha256"])
    kids = {row["name"]: row["kid"] for row in rows.values()}
    check("two signatures", len(org.keyset_lines) == 2, org.keyset_lines)
    for line, name in zip(org.keyset_lines, ("admin", "second")):
        check("keyset of mdmctl by " + name,
              verified(line, org.public[kids[name]], "mdm-keyset") == org.keyset)
    for kid, row in rows.items():
        check("key file of " + row["name"], org.private(row["name"]).thumbprint() == kid)
    return {row["name"]: org.public[kid] for kid, row in rows.items()}


def mdmctl_signs(org, keys):
    profiles = [{"id": "p", "settings": {"screen_lock": {"idle_delay": 300}}}]
    out = os.path.join(org.base, "signed.jose")
    org.ok("policy", "sign", org.file("policy.json", json.dumps({"profiles": profiles})),
           "--stream", "staff", "--offline", "-o", out)
    org.ok("policy", "cosign", out, "--key", "second", "--yes")
    with open(out, encoding="ascii") as file:
        lines = file.read().splitlines()
    check("two lines", len(lines) == 2, lines)
    payloads = []
    for line, name, other in zip(lines, ("admin", "second"), ("second", "admin")):
        payloads.append(verified(line, keys[name], "mdm-policy"))
        check("line of mdmctl by " + name, payloads[-1] is not None, line)
        check("not by " + other, verified(line, keys[other], "mdm-policy") is None)
    check("one payload", payloads[0] == payloads[1])
    said = json.loads(payloads[0] or b"{}")
    check("payload", said.get("org") == org.shown["org"] and said.get("profiles") == profiles and
          said.get("target") == {"stream": "staff"}, said)
    return said


def mdmctl_accepts(org, said):
    key = org.private("admin")
    alg = "EdDSA" if key.export_public(as_dict=True)["kty"] == "OKP" else "ES256"

    def sign(payload, **more):
        token = jws.JWS(payload)
        token.add_signature(key, alg=alg, protected=json_encode(
            {"typ": "mdm-policy", "kid": key.thumbprint(), "alg": alg, **more}))
        return token.serialize(compact=True)

    # Spaces, another order and escapes: what counts are the bytes that were signed.
    payload = json.dumps(dict(reversed(said.items()), serial=77, comment="\u00e4"), indent=1)
    good = sign(payload)
    result = org.run("policy", "check", org.file("there.jose", good + "\n"))
    check("signed there, checked by mdmctl", result.returncode == 0, result.stderr)
    shown = json.loads(org.ok("policy", "show", os.path.join(org.base, "there.jose"), "--json"))
    check("signer of it", shown["verified"] and shown["signers"] == ["admin"], shown)
    head, body, signature = good.split(".")
    for what, bad in (("changed", ".".join([head, b64(payload.replace("300", "600").encode()),
                                            signature])),
                      ("unknown member of the header", sign(payload, cty="x")),
                      ("typ of a command", sign(payload, typ="mdm-command"))):
        result = org.run("policy", "check", org.file("bad.jose", bad))
        check(what + ", by mdmctl", result.returncode == 1, (result.returncode, result.stderr))


def test_mdmctl(bench):
    global skipped
    if not os.access(mdmctl, os.X_OK):
        skipped += 1
        print("  skipped: mdmctl is not built")
        return
    for alg in ("eddsa", "es256"):
        org = Organisation(bench.directory, alg)
        mdmctl_accepts(org, mdmctl_signs(org, mdmctl_keyset(org, alg)))


def main():
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory)
        for test in (test_keys, test_signed_here, test_signed_there, test_keysets,
                     test_refused_here, test_mdmctl):
            test(bench)
    print("%d passed, %d failed%s" % (
        passed, failed, ", %d skipped" % skipped if skipped else ""))
    sys.exit(1 if failed else 0)


main()
