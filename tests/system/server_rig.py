# SPDX-License-Identifier: Apache-2.0
"""What the tests of mdm-server stand on: a PKI made with openssl, a real mdm-server on free
ports, and a plain HTTP client over TLS. Only python3 and the openssl program; only 127.0.0.1."""

import base64
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

PATIENCE = 60  # seconds until something that must happen is called missing


def limit(name):
    """A number of agent/util/limits.h, so that tests follow it."""
    with open(os.path.join(os.path.dirname(__file__), "../../agent/util/limits.h")) as f:
        value = re.search(r"^#define %s (\([^)]*\)|\d+)" % name, f.read(), re.M).group(1)
    product = 1
    for factor in value.strip("()").split("*"):
        product *= int(factor)
    return product


def openssl(*args, data=None):
    done = subprocess.run(["openssl", *args], input=data, capture_output=True)
    if done.returncode:
        raise RuntimeError("openssl %s: %s" % (" ".join(args), done.stderr.decode()))
    return done.stdout


class Pki:
    """The layout that `mdmctl init` prepares, and an administrator's certificate beside it."""

    EXTENSIONS = {
        "device-ca": "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
        "server": "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
        "subjectAltName=IP:127.0.0.1\n",
        "client": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\n",
    }

    def __init__(self, directory, name="test"):
        self.dir = directory
        self.state = os.path.join(directory, "state")
        os.makedirs(self.state, 0o700)
        self.root_key = self.key(os.path.join(directory, "root-key.pem"))
        self.root = os.path.join(self.state, "root.pem")
        openssl("req", "-x509", "-new", "-key", self.root_key, "-days", "30", "-subj", "/CN=%s root" % name,
                "-out", self.root, "-addext", "basicConstraints=critical,CA:TRUE,pathlen:1",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.issue("state/server", "/CN=server", "server")
        os.rename(self.path("state/server.pem"), self.path("state/server-chain.pem"))
        with open(self.path("state/server-chain.pem"), "a") as chain:
            chain.write(open(self.root).read())
        self.issue("state/device-ca", "/CN=devices", "device-ca")
        self.admin = self.issue("admin", "/O=test/OU=mdm-admin/CN=alice", "client")

    def path(self, name):
        return os.path.join(self.dir, name)

    @staticmethod
    def key(path):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        return path

    def issue(self, name, subject, kind, issuer=None, days="30"):
        """A key and a certificate; issuer None is the root. Returns (certificate, key)."""
        cert, key, csr = (self.path(name + end) for end in (".pem", "-key.pem", ".csr"))
        self.key(key)
        ca, ca_key = issuer or (self.root, self.root_key)
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", csr)
        extensions = self.path("extensions")
        with open(extensions, "w") as f:
            f.write(self.EXTENSIONS[kind])
        openssl("x509", "-req", "-in", csr, "-CA", ca, "-CAkey", ca_key, "-days", days, "-out", cert,
                "-extfile", extensions, "-set_serial", "0x" + secrets.token_hex(8))
        os.unlink(csr)
        return cert, key

    @property
    def device_ca(self):
        return self.path("state/device-ca.pem"), self.path("state/device-ca-key.pem")


class Server:
    def __init__(self, program, pki, *options, **popen):
        self.pki, self.log = pki, os.path.join(pki.dir, "server.log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [program, "--state", pki.state, "--listen", "127.0.0.1:0", "--admin-listen",
                 "127.0.0.1:0", *options], stdout=subprocess.PIPE, stderr=log, **popen)
        line = self.process.stdout.readline().decode()
        ports = re.findall(r"https://127\.0\.0\.1:(\d+)", line)
        if len(ports) != 2:
            self.process.wait()
            raise RuntimeError("the server did not start: " + self.messages())
        self.port, self.admin_port = map(int, ports)

    def messages(self):
        return open(self.log).read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return code

    # --- connections

    def connect(self, port, identity=None, verify=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if verify:
            context.load_verify_locations(self.pki.root)
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if identity:
            context.load_cert_chain(*identity)
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            return context.wrap_socket(raw, server_hostname="127.0.0.1")
        except BaseException:
            raw.close()
            raise

    def raw(self, data, port=None, identity=None):
        """Sends bytes, reads to the end. ConnectionError or ssl.SSLError if the server ends it."""
        with self.connect(port or self.port, identity) as s:
            s.sendall(data)
            return read_all(s)

    def request(self, method, path, body=None, headers=(), identity=None, port=None):
        return Kept(self, port or self.port, identity, close=True).request(method, path, body, headers)

    def admin(self, method, path, body=None, identity=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        answer = self.request(method, path, body, ["Content-Type: application/json"],
                              identity or self.pki.admin, self.admin_port)
        return answer

    # --- what phones and administrators do

    def ticket(self, secret="secret-secret-secret", seconds=3600, groups=("staff",), id=None):
        id = id or secrets.token_hex(16)
        answer = self.admin("POST", "/v1/admin/tickets", {
            "id": id, "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
            "expires": int(time.time()) + seconds, "groups": list(groups)})
        assert answer.status == 201, answer
        return id, secret

    def est(self, ticket, csr, headers=("Content-Type: application/pkcs10",)):
        headers = list(headers)
        if ticket:
            headers.append("Authorization: Basic " + base64.b64encode(":".join(ticket).encode()).decode())
        return self.request("POST", "/.well-known/est/simpleenroll", csr, headers)

    def device(self, ticket=None):
        return Device(self, ticket or self.ticket())

    def next_keyset(self):
        db = sqlite3.connect("file:%s/mdm.db?mode=ro" % self.pki.state, uri=True)
        newest = db.execute("SELECT COALESCE(max(serial), 0) FROM documents WHERE type=0").fetchone()[0]
        db.close()
        return newest + 1

    def put(self, query, body):
        return self.admin("PUT", "/v1/admin/documents?" + query, body)


def read_all(s):
    data = b""
    while True:
        try:
            part = s.recv(65536)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return data
        if not part:
            return data
        data += part


class Answer:
    def __init__(self, head, body):
        lines = head.decode().split("\r\n")
        self.version, status, _ = lines[0].split(" ", 2)
        self.status = int(status)
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if line)}
        self.body, self.size = body, len(head) + len(body)

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %r %r" % (self.status, self.headers, self.body[:300])


class Kept:
    """One connection, perhaps for several requests."""

    def __init__(self, server, port, identity, close=False):
        self.socket, self.close, self.left = server.connect(port, identity), close, b""

    def request(self, method, path, body=None, headers=()):
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: localhost", *headers]
        if self.close:
            lines.append("Connection: close")
        if body is not None:
            lines.append("Content-Length: %d" % len(body))
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode() + (body or b""))
        return self.answer()

    def answer(self):
        data = self.left
        while b"\r\n\r\n" not in data:
            part = self.socket.recv(65536)
            if not part:
                raise ConnectionError("no answer")
            data += part
        head, data = data.split(b"\r\n\r\n", 1)
        answer = Answer(head + b"\r\n", b"")
        need = int(answer.headers.get("content-length", 0))
        while len(data) < need:
            data += self.socket.recv(65536)
        answer.body, self.left = data[:need], data[need:]
        answer.size = len(head) + 4 + need
        if self.close:
            self.socket.close()
        return answer


def make_csr(key, subject="/CN=phone"):
    return openssl("req", "-new", "-key", key, "-subj", subject, "-outform", "DER")


def device_id(key):
    spki = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    return hashlib.sha256(spki).hexdigest()[:32]


def pkcs7_certs(answer):
    """The certificates of a certs-only answer, as PEM texts."""
    der = base64.b64decode(answer.body)
    text = openssl("pkcs7", "-inform", "DER", "-print_certs", data=der).decode()
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)


class Device:
    def __init__(self, server, ticket):
        self.ticket, self.name = ticket, server.pki.path("device-" + secrets.token_hex(8))
        self.key = Pki.key(self.name + "-key.pem")
        self.id, self.enrolment = device_id(self.key), secrets.token_hex(16)
        self.csr = base64.encodebytes(make_csr(self.key))
        answer = server.est(ticket, self.csr)
        assert answer.status == 200, answer
        self.certificate = pkcs7_certs(answer)[0]
        with open(self.name + ".pem", "w") as f:
            f.write(self.certificate)
        self.identity = self.name + ".pem", self.key

    def report(self, **members):
        report = {"v": 1, "device": self.id, "enrolment": self.enrolment, "ticket": self.ticket[0],
                  "agent": "0.1.0", "nonce": base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("="),
                  # Holds every keyset that a test may have left on the server.
                  "have": {"keyset": 2**53 - 1, "assignment": 0, "policy": {}}, "sections": {}, "events": []}
        report.update(members)
        return json.dumps(report).encode()

    def checkin(self, server, body=None, identity=None, **members):
        return server.request("POST", "/v1/checkin", body or self.report(**members),
                              ["Content-Type: application/json"], identity or self.identity)


def section(body, text=None):
    """A section whose body is written exactly as text when the report is put together."""
    text = text or json.dumps(body)
    return {"digest": hashlib.sha256(text.encode()).hexdigest()[:16], "body": body}


def event(seq, **data):
    return {"seq": seq, "time": 1700000000 + seq, "boot": "0a1b2c3d", "type": "drift_repaired", "data": data}


def document(text, lines=1, header="header", **payload):
    """What the server takes for a document. It reads of commands whether they destroy: of what has a payload
    without a verb, none does."""
    parts = header, json.dumps(dict({"text": text}, **payload)), "signature"
    line = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return (line + "\n").encode() * lines


def equal(actual, expected):
    assert actual == expected, "%r is not %r" % (actual, expected)


def refused(action):
    """The peer ends it: an alert or a reset, never an answer."""
    try:
        answer = action()
    except (ssl.SSLError, ConnectionError):
        return
    raise AssertionError("answered: %r" % answer)


def run_tests(tests, doc):
    """Runs them against one server with a fresh state; the exit status."""
    if len(sys.argv) not in (2, 3):
        sys.exit(doc)
    program = next((p for p in (os.path.join(sys.argv[1], d, "mdm-server") for d in ("", "release")) if os.path.exists(p)), None)
    if not program:
        sys.exit("there is no mdm-server in %s; build it first" % sys.argv[1])
    program = os.path.abspath(program)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="mdm-server-test-") as directory:
        server = Server(program, Pki(os.path.join(directory, "main")))
        server.program = program
        for function in tests:
            if len(sys.argv) == 3 and sys.argv[2] not in function.__name__:
                continue
            began = time.time()
            try:
                function(server)
                if os.environ.get("V") == "1":
                    print("%6.2f s %s" % (time.time() - began, function.__name__))
                if server.process.poll() is not None:
                    raise AssertionError("the server has ended: " + server.messages())
                passed += 1
            except Exception:
                failed += 1
                print("FAILED %s" % function.__name__)
                traceback.print_exc(file=sys.stdout)
                if server.process.poll() is not None:
                    break
        if server.process.poll() is None and server.stop() != 0:
            print("FAILED the server did not end well:\n" + server.messages())
            failed += 1
        if "Sanitizer" in server.messages():
            print(server.messages())
            failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0
