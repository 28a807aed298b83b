# SPDX-License-Identifier: Apache-2.0
"""What the tests of mdm-agent-net stand on: the enforcer's end of mdm-agent-net's channel, a
certificate authority made with the openssl program, and TLS servers on free ports that answer as
told. Only python3 and openssl; only 127.0.0.1."""

import array
import base64
import datetime
import os
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

NET_ENROL, NET_CHECKIN, NET_FACTS, NET_ENROLLED, NET_EXCHANGED, NET_FAILED = range(1, 7)
NET_RENEW, NET_RENEWED, NET_WAIT, NET_WOKEN = range(7, 11)
STAGES = ["sandbox", "identity", "resolve", "connect", "tls", "http", "est", "response"]
ENROL = "@257s257s64s64s257s65s16s64sIqII"
# Behind the texts comes the identity: the key's URI, pins, how many.
RENEW = "@257s257s2x257s64sIIq"
CHECKIN = "@257s3x257s64sIqIIII"
WAIT = "@257s3x257s64sIqqII"
FORMATS = {
    NET_FACTS: "@IIIIII257s0I",
    NET_ENROLLED: "@33sqqqqII",
    NET_EXCHANGED: "@IIqqqq257sqqqqQQ",
    NET_FAILED: "@IIq257s0q",
    NET_RENEWED: "@qqqqII",
    NET_WOKEN: "@IIqQQ",
}
FIELDS = {
    NET_FACTS: "landlock_abi seccomp rlimits no_new_privs uid gid note",
    NET_ENROLLED: "device_id from_s until_s date_s cert_until_s n_anchors reserved",
    NET_EXCHANGED: "status n_response retry_after next_checkin ack mark resend date_s cert_until_s "
                   "from_s until_s up down",
    NET_FAILED: "stage status retry_after message",
    NET_RENEWED: "from_s until_s date_s cert_until_s n_anchors reserved",
    NET_WOKEN: "news reserved retry_after up down",
}
TICKET, SECRET = "0123456789abcdef0123456789abcdef", "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
# Why a test is skipped that cannot be kept below an emulation of another processor, or "".
EMULATED = "user-mode emulation" if os.environ.get("MDM_EMULATED") else ""
EXCHANGE_S = 80 if EMULATED else 20  # for an exchange that is not about its deadline
DAY = 86400
ROLE_USER = "nobody"
NOW = int(time.time())


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          **kwargs).stdout


def stamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ")


class Authority:
    """A CA of its own: root key and certificate, and what it issues."""

    def __init__(self, directory, name):
        self.dir = os.path.join(directory, name)
        os.mkdir(self.dir)
        self.key, self.cert = self.path("ca.key"), self.path("ca.pem")
        open(self.path("index.txt"), "w").close()
        with open(self.path("ca.cnf"), "w") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\n"
                    "default_md=sha256\npolicy=p\nunique_subject=no\ncopy_extensions=none\n"
                    "[p]\ncommonName=supplied\n" % (self.path("index.txt"), self.dir))
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", self.key, "-out", self.cert, "-days", "3650", "-subj",
            "/CN=" + name, "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def path(self, name):
        return os.path.join(self.dir, name)

    def pin(self):
        der = run("openssl", "pkey", "-pubin", "-outform", "DER", input=run(
            "openssl", "x509", "-in", self.cert, "-noout", "-pubkey"))
        return run("openssl", "dgst", "-sha256", "-binary", input=der)

    def sign(self, csr, out, extensions, since, until):
        ext = out + ".ext"
        with open(ext, "w") as f:
            f.write(extensions)
        run("openssl", "ca", "-batch", "-config", self.path("ca.cnf"), "-cert", self.cert,
            "-keyfile", self.key, "-in", csr, "-out", out, "-notext", "-extfile", ext,
            "-startdate", stamp(since), "-enddate", stamp(until))

    def server(self, name, san, since=NOW - DAY, until=NOW + 30 * DAY):
        key, csr, cert = (self.path(name + s) for s in (".key", ".csr", ".pem"))
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", csr, "-subj", "/CN=" + name)
        self.sign(csr, cert, "subjectAltName=%s\nbasicConstraints=CA:FALSE\n" % san, since, until)
        return cert, key

    def bundle(self, *certs):
        """A certs-only PKCS #7 as EST wants it."""
        args = []
        for cert in certs:
            args += ["-certfile", cert]
        der = run("openssl", "crl2pkcs7", "-nocrl", "-outform", "DER", *args)
        return base64.encodebytes(der)

    def issue(self, csr_base64):
        der = base64.b64decode(csr_base64)
        csr, cert = self.path("device.csr"), self.path("device.pem")
        with open(csr, "wb") as f:
            f.write(run("openssl", "req", "-inform", "DER", input=der))
        self.sign(csr, cert, "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n",
                  NOW - 3600, NOW + 90 * DAY)
        return self.bundle(cert)


class Request:
    def __init__(self, head, body, peer):
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.headers = dict((k.lower(), v.strip()) for k, v in
                            (line.split(":", 1) for line in lines[1:] if ":" in line))
        self.body, self.peer, self.size = body, peer, len(head) + 4 + len(body)


def date_line():
    return time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(NOW))


def answer(status, headers="", body=b"", length=True):
    return ("HTTP/1.1 %s\r\n%s%s%s\r\n" % (
        status, date_line(), headers, "Content-Length: %d\r\n" % len(body) if length else "")
            ).encode() + body


class Server:
    """One TLS server on a free port; answer_to(request) gives the bytes, or acts on the socket."""

    def __init__(self, authority, cert, answer_to, maximum=None, plain=None, want_client=False):
        self.requests, self.sent, self.errors = [], 0, []
        self.answer_to, self.plain = answer_to, plain
        self.stopping = threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cert)
        if maximum:
            self.context.maximum_version = maximum
        if want_client:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(authority.cert)
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(8)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        # Closed beneath its thread, the number of the descriptor could be the next server's when the thread accepts.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def url(self, host="localhost"):
        return "https://%s:%d" % (host, self.port)

    def loop(self):
        while not self.stopping.is_set():
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            client.settimeout(30)
            if self.plain:
                self.plain(self, client)
                return
            with self.context.wrap_socket(client, server_side=True) as tls:
                request = self.read(tls)
                if request:
                    self.requests.append(request)
                    reply = self.answer_to(self, request, tls)
                    if reply is not None:
                        self.sent = len(reply)
                        tls.sendall(reply)
                        tls.unwrap()
        except (OSError, ValueError) as error:
            self.errors.append(error)
        finally:
            client.close()

    @staticmethod
    def read(tls):
        data = b""
        while b"\r\n\r\n" not in data:
            more = tls.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(body) < int(length.group(1)):
            body += tls.recv(65536)
        return Request(head, body, tls.getpeercert())


class Role:
    """A running mdm-agent-net and the enforcer's end of its channel."""

    def __init__(self, program, *options, env=None):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = os.dup(theirs.fileno())
        theirs.close()
        self.process = subprocess.Popen(
            [program, *options], env=env or {}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=(3,), preexec_fn=lambda: os.dup2(fd, 3))
        os.close(fd)
        self.facts, self.messages = None, []

    def send(self, kind, body, fds):
        self.channel.sendmsg([struct.pack("II", kind, len(body)) + body], [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])

    def receive(self, timeout_s=EXCHANGE_S + 10):
        if not select.select([self.channel], [], [], timeout_s)[0]:
            raise AssertionError("the role says nothing")
        data = self.channel.recv(65536)
        if not data:
            return None
        kind, size = struct.unpack("II", data[:8])
        assert kind in FORMATS, "unexpected message %d" % kind
        assert size == len(data) - 8 == struct.calcsize(FORMATS[kind]), "wrong size"
        values = struct.unpack(FORMATS[kind], data[8:])
        fields = {k: v.split(b"\0")[0].decode() if isinstance(v, bytes) else v
                  for k, v in zip(FIELDS[kind].split(), values)}
        fields["kind"] = kind
        return fields

    def finish(self):
        """Reads everything until the role is gone: facts first, then one result."""
        while True:
            message = self.receive()
            if message is None:
                break
            self.messages.append(message)
        self.code = self.process.wait(20)
        text = self.process.stderr.read().decode("utf-8", "replace")
        # Built for coverage the confined role cannot write its counts, and libgcov says so.
        self.log = re.sub("(?m)^profiling:.*\n?", "", text)
        self.close()
        if not self.messages:
            return None
        if self.messages[0]["kind"] == NET_FACTS:
            self.facts = self.messages.pop(0)
        assert len(self.messages) <= 1, "more than one result"
        return self.messages[0] if self.messages else None

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.channel.close()


class Lab:
    def __init__(self, build):
        self.program = os.path.join(build, "mdm-agent-net")
        self.dir = tempfile.mkdtemp(prefix="mdm-net-")
        self.ca = Authority(self.dir, "Test CA")
        self.other = Authority(self.dir, "Other CA")
        self.good = self.ca.server("good", "DNS:localhost,IP:127.0.0.1")
        self.options, self.env = ["--user", ROLE_USER], {}
        self.n_dirs = 0

    def done(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def identity(self, source=None):
        """A fresh identity directory, empty or a copy."""
        self.n_dirs += 1
        path = os.path.join(self.dir, "identity-%d" % self.n_dirs)
        if source:
            shutil.copytree(source, path)
        else:
            os.mkdir(path)
        os.chmod(path, 0o700)
        if os.geteuid() == 0:
            for name in [path] + [os.path.join(path, n) for n in os.listdir(path)]:
                shutil.chown(name, ROLE_USER)
        return path

    def enrol(self, url, directory, est="", pins=None, floor=0, timeout=EXCHANGE_S, **kwargs):
        pins = pins or [self.ca.pin()]
        body = struct.pack(ENROL, url.encode(), est.encode(), TICKET.encode(), SECRET.encode(),
                           kwargs.get("key_uri", "").encode(), b"", b"", b"".join(pins),
                           kwargs.get("n_pins", len(pins)), floor, timeout, 0)
        role = Role(self.program, *self.options, env=self.env)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        role.send(NET_ENROL, body, [fd])
        os.close(fd)
        return role

    def known(self, pins, key_uri="", n_pins=None):
        """What the enforcer says of the identity: whatever the directory may hold."""
        pins = [self.ca.pin()] if pins is None else pins
        return key_uri.encode(), b"".join(pins), len(pins) if n_pins is None else n_pins

    def wait(self, url, directory, mark=1, floor=0, timeout=EXCHANGE_S, pins=None, **kwargs):
        role = Role(self.program, *self.options, env=self.env)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        role.send(NET_WAIT, struct.pack(WAIT, url.encode(), *self.known(pins, **kwargs), floor, mark,
                                        timeout, 0), [fd])
        os.close(fd)
        return role

    def renew(self, url, directory, est="", pins=None, floor=0, timeout=EXCHANGE_S, **kwargs):
        body = struct.pack(RENEW, url.encode(), est.encode(), *self.known(pins, **kwargs), timeout, floor)
        role = Role(self.program, *self.options, env=self.env)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        role.send(NET_RENEW, body, [fd])
        os.close(fd)
        return role

    def checkin(self, url, directory, report=b'{"v":1}', floor=0, timeout=EXCHANGE_S, limit=1 << 20,
                candidate=0, pins=None, **kwargs):
        role = Role(self.program, *self.options, env=self.env)
        role.response = os.memfd_create("response")
        report_fd = os.memfd_create("report")
        os.write(report_fd, report)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        role.send(NET_CHECKIN, struct.pack(CHECKIN, url.encode(), *self.known(pins, **kwargs), floor,
                                           timeout, len(report), limit, candidate), [fd, report_fd, role.response])
        os.close(fd)
        os.close(report_fd)
        return role

    def body(self, role):
        data = os.pread(role.response, 1 << 22, 0)
        os.close(role.response)
        return data

    def est_answer(self, server, request, _tls):
        if "/cacerts" in request.line:
            return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n"
                          "Content-Transfer-Encoding: base64\r\n", self.ca.bundle(self.ca.cert))
        basic = "Basic " + base64.b64encode(("%s:%s" % (TICKET, SECRET)).encode()).decode()
        if request.headers.get("authorization") != basic:
            return answer("401 Unauthorized")
        return answer("200 OK", "Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n",
                      self.ca.issue(request.body))

    def est_server(self, **kwargs):
        return Server(self.ca, kwargs.pop("cert", self.good),
                      kwargs.pop("answer_to", self.est_answer), **kwargs)

    def checkin_server(self, reply, **kwargs):
        kwargs.setdefault("want_client", True)
        answer_to = reply if callable(reply) else lambda *_: reply
        return Server(self.ca, kwargs.pop("cert", self.good), answer_to, **kwargs)

    def enrolled(self):
        """The identity that all check-in cases start from."""
        if not hasattr(self, "_enrolled"):
            self._enrolled = self.identity()
            with self.est_server() as server:
                result = self.enrol(server.url(), self._enrolled).finish()
            assert result and result["kind"] == NET_ENROLLED, result
            self.device_id = result["device_id"]
        return self.identity(self._enrolled)


def expect_failed(result, stage, *words):
    assert result and result["kind"] == NET_FAILED, "not refused: %r" % (result,)
    assert STAGES[result["stage"]] == stage, "stage %s: %s" % (
        STAGES[result["stage"]], result["message"])
    for word in words:
        assert word in result["message"], "%r not in %r" % (word, result["message"])


def files(directory):
    return {name: open(os.path.join(directory, name), "rb").read()
            for name in sorted(os.listdir(directory))}


def run_cases(cases):
    """Runs the functions case_NAME of a suite; the suite's exit status."""
    cases = [(k[5:], v) for k, v in cases.items() if k.startswith("case_")]
    passed, failed, skipped = 0, 0, 0
    lab = Lab(os.path.abspath(sys.argv[1]))
    try:
        for name, case in cases:
            if len(sys.argv) > 2 and sys.argv[2] not in name:
                continue
            try:
                case(lab)
                passed += 1
            except unittest.SkipTest as reason:
                skipped += 1
                print("  skipped: %s: %s" % (name, reason), flush=True)
            except Exception as error:  # a broken case must not hide the others
                failed += 1
                print("FAILED %s: %s: %s" % (name, type(error).__name__, error), flush=True)
    finally:
        lab.done()
    print("%d passed, %d failed%s" % (
        passed, failed, ", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0
