# SPDX-License-Identifier: Apache-2.0
"""What the tests of mdmctl stand on: an administrator's machine, a terminal, a false server, the
real mdm-server and as much of a phone as mdmctl can see. Only python3 and the openssl program;
only 127.0.0.1."""

import base64
import concurrent.futures
import hashlib
import http.client
import http.server
import json
import os
import pty
import re
import select
import shutil
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
KEPT = tempfile.TemporaryDirectory(prefix="mdmctl-")
MAKING = threading.Lock()  # of what is kept there


class Skip(Exception):
    pass


def check(condition, text="", *more):
    if not condition:
        raise AssertionError(" ".join([str(text)] + [str(m) for m in more]))


class Admin:
    """An administrator's machine: a home directory and mdmctl."""

    def __init__(self, base, make=True, server="https://127.0.0.1:1", admin="https://127.0.0.1:1",
                 options=(), cheap=True):
        """cheap: key files as another program would write them, which take little work to open."""
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
        if options or server != admin or not cheap:
            self.ok(*init)
            return
        with MAKING:
            if os.path.exists(kept):
                shutil.copytree(kept, self.org)
            else:
                self.ok(*init)
                self.cheapen()
                shutil.copytree(self.org, kept)

    def cheapen(self):
        """A passphrase costs whoever guesses it a third of a second each time, and these tests at each
        call. What the work is comes from the file: less of it, in files made by openssl."""
        for path in [os.path.join(self.org, n) for n in ("root-key.pem", "admin-key.pem")] + [
                os.path.join(self.org, "keys", n) for n in os.listdir(os.path.join(self.org, "keys"))]:
            with open(path, "rb") as f:
                if b"BEGIN ENCRYPTED PRIVATE KEY" not in f.read():
                    continue
            made = openssl("pkcs8", "-topk8", "-in", path, "-passin", "pass:" + PASSPHRASE,
                           "-passout", "pass:" + PASSPHRASE,
                           "-scrypt", "-scrypt_N", "1024", "-scrypt_r", "8", "-scrypt_p", "1")
            check(made.returncode == 0, path, made.stderr)
            with open(path, "wb") as f:
                f.write(made.stdout)

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
    """Every file below a directory with its bytes and mode, but for the database of a server that
    runs there: it records what it refused."""
    found = {}
    for directory, names, files in os.walk(path):
        for name in names + [f for f in files if not f.startswith("mdm.db")]:
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


def signed(a, **options):
    a.ok("policy", "sign", a.policy(**options), "--stream", "staff", "--offline", "-o", "s.jose")
    return os.path.join(a.home, "s.jose")


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


class Server:
    """mdm-server on the organisation's server directory."""

    def __init__(self, admin, *options):
        if not os.path.exists(SERVER):
            raise Skip("mdm-server is not built")
        self.log = open(os.path.join(admin.base, "server.log"), "w+")
        self.process = subprocess.Popen(
            [SERVER, "--state", os.path.join(admin.org, "server"), "--listen", "127.0.0.1:0",
             "--admin-listen", "127.0.0.1:0", *options], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"listening on (https://\S+), administration on (https://\S+)", line)
        if not match:
            self.__exit__()
            raise AssertionError("mdm-server does not start: " + line + open(self.log.name).read())
        self.url = match.group(1)
        self.admin_port = int(match.group(2).rpartition(":")[2])
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


def run_one(function):
    """None, or why not."""
    with tempfile.TemporaryDirectory(prefix="mdmctl-") as base:
        try:
            function(base)
        except Skip as reason:
            return "skipped: %s: %s" % (function.__name__, reason)
        except Exception as error:
            return "FAILED %s: %s: %s" % (function.__name__, type(error).__name__, error)
    return None


def run_tests(tests, beside=1):
    """So many beside each other: for those that wait for deadlines."""
    os.umask(0o022)
    tests = [f for f in tests if not sys.argv[2:] or f.__name__ in sys.argv[2:]]
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(beside) as pool:
        for said in pool.map(run_one, tests):
            passed += said is None
            skipped += bool(said) and said.startswith("skipped")
            failed += bool(said) and said.startswith("FAILED")
            if said:
                print(said)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0
