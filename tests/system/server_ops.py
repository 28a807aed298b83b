#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operating the real mdm-server: settings, reload, log and limits.
Usage: server_ops.py BUILD_DIR [NAME]. BUILD_DIR holds mdm-server; NAME selects tests."""

import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from server_rig import PATIENCE, Device, Kept, Pki, Server, equal, refused, run_tests

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run(server, *args):
    done = subprocess.run([server.program, *args], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Own(Server):
    """A server of one test, with a configuration file."""

    def __init__(self, server, *options, settings="", **popen):
        pki = Pki(server.pki.path("own-" + secrets.token_hex(4)))
        self.file = write(pki.path("mdm-server.conf"), settings)
        super().__init__(server.program, pki, "--config", self.file, *options, **popen)
        self.program = server.program

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            code = self.stop()
            assert kind or code == 0, self.messages()
        assert kind or "Sanitizer" not in self.messages(), self.messages()

    def events(self, name):
        """Lines of the log, which is JSON, of one event."""
        lines = [json.loads(line) for line in self.messages().splitlines()]
        return [line for line in lines if line["event"] == name]

    def reload(self, settings=None):
        """SIGHUP, and the line of what came of it."""
        if settings is not None:
            write(self.file, settings)
        before = len(re.findall("reloaded|reload_refused", self.messages()))
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(re.findall("reloaded|reload_refused", self.messages())) > before, "no reload")
        return [line for line in self.messages().splitlines() if re.search("event.{1,3}reload", line)][-1]


# --- settings


@test
def the_command_line_beats_the_file(server):
    conf = write(server.pki.path("a.conf"), "# all of it\nstate /nowhere\nidle-timeout 7\n\nrequest-timeout 8 # slow\n")
    code, out, err = run(server, "config", "show", "--config", conf, "--idle-timeout", "9")
    equal((code, err), (0, ""))
    for line in ("state /nowhere  # %s:2" % conf, "idle-timeout 9  # command line", "request-timeout 8  # %s:5" % conf,
                 "certificate-days 90  # default", "# client-ca is not set"):
        assert line + "\n" in out, out
    # What is shown is a configuration file of the same values.
    again = run(server, "config", "show", "--config", write(server.pki.path("b.conf"), out))[1]
    values = lambda text: [line.split("  #")[0] for line in text.splitlines()]
    equal(values(again), values(out))


@test
def every_error_is_reported_with_its_line(server):
    conf = write(server.pki.path("bad.conf"), "state %s\nidle-timeout 0\nbogus 1\nlisten localhost:1\nidle-timeout 5\nstate\n"
                 % server.pki.state)
    for words in (["config", "check"], []):
        code, out, err = run(server, *words, "--config", conf, "--admin-listen", "127.0.0.1:0")
        equal((code, out), (2, ""))
        for line, part in ((2, "must be a number from 1 to 600"), (3, "there is no setting bogus"), (4, "127.0.0.1:8443"),
                           (5, "was set in line 2 already"), (6, "has no value")):
            assert re.search(r"%s:%d: .*%s" % (re.escape(conf), line, re.escape(part)), err), (line, err)


@test
def files_that_cannot_be_read_are_refused(server):
    large = write(server.pki.path("large.conf"), "# " + "x" * 65534 + "\n")
    for path, why in ((server.pki.path("missing"), "No such file"), (server.pki.dir, "not a regular file"), (large, "larger than")):
        code, out, err = run(server, "config", "check", "--config", path)
        assert code == 2 and path in err and why in err, (code, err)
    # One byte less is read.
    write(large, "# " + "x" * 65533 + "\n")
    assert "larger" not in run(server, "config", "check", "--config", large)[2]


@test
def check_looks_at_the_keys_too(server):
    pki = Pki(server.pki.path("checked"))
    conf = write(pki.path("conf"), "state %s\nlisten 127.0.0.1:0\nadmin-listen 127.0.0.1:0\n" % pki.state)
    code, out, err = run(server, "config", "check", "--config", conf)
    assert code == 0 and "well" in out and not err, (code, out, err)
    assert not os.path.exists(os.path.join(pki.state, "mdm.db"))
    shutil.copy(Pki.key(pki.path("other.pem")), os.path.join(pki.state, "server-key.pem"))
    code, out, err = run(server, "config", "check", "--config", conf)
    assert code == 2 and "server-key.pem" in err and not out, (code, err)


@test
def a_file_that_everybody_may_write_is_named(server):
    conf = write(server.pki.path("open.conf"), "idle-timeout 5\n")
    os.chmod(conf, 0o600)
    equal(run(server, "config", "show", "--config", conf)[2], "")
    os.chmod(conf, 0o602)
    code, out, err = run(server, "config", "show", "--config", conf)
    assert code == 0 and "everybody" in err and "chmod o-w " + conf in err, err


@test
def the_guide_lists_every_setting(server):
    """docs/admin-guide.md and --help come to the same table."""
    rows = []
    for line in run(server, "--help")[1].split("\n\n", 2)[2].splitlines():
        match = re.match(r"  --(\S+)(?: ([A-Z:]+))?( \*)?(?:  +(.*))?$", line)
        if match:
            rows.append([match.group(1), match.group(2) or "", "yes" if match.group(3) else "", match.group(4) or ""])
        elif line.strip():
            rows[-1][3] = (rows[-1][3] + " " + line.strip()).strip()
    guide = open(os.path.join(os.path.dirname(__file__), "../../docs/admin-guide.md")).read()
    wanted = ["| `%s` | %s | %s | %s |" % tuple(row) for row in rows if row[0] not in ("config", "verbose", "help", "version")]
    equal(re.findall(r"^\| `[a-z-]+` \| [A-Z:]+ \|.*$", guide, re.M), wanted)


@test
def one_state_directory_has_one_server(server):
    code, out, err = run(server, "--state", server.pki.state, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
    assert code == 1 and "in use by another mdm-server, process %d" % server.process.pid in err, err
    equal(server.request("GET", "/.well-known/est/cacerts").status, 200)


# --- reload


def serial_of(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(server.pki.root)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), PATIENCE), server_hostname="127.0.0.1") as s:
        return s.getpeercert()["serialNumber"]


def new_certificate(pki):
    pki.issue("state/server", "/CN=server", "server")
    os.rename(pki.path("state/server.pem"), pki.path("state/server-chain.pem"))


@test
def sighup_takes_new_settings_and_certificates(server):
    with Own(server, settings="idle-timeout 30\n") as own:
        device = own.device()
        old = serial_of(own)
        kept = Kept(own, own.port, device.identity)
        headers = ["Content-Type: application/json"]
        equal(kept.request("POST", "/v1/checkin", device.report(), headers).status, 204)
        new_certificate(own.pki)
        line = own.reload("certificate-days 7\nmetrics-listen 127.0.0.1:0\n")
        # What needs another start is named.
        assert "event=reloaded" in line and "at_next_start=metrics-listen" in line, line
        assert serial_of(own) != old
        # Who was there goes on with what was there.
        equal(kept.request("POST", "/v1/checkin", device.report(), headers).status, 204)
        equal(device.checkin(own).status, 204)
        late = own.device()
        end = subprocess.run(["openssl", "x509", "-in", late.identity[0], "-noout", "-checkend", str(8 * 86400)],
                             capture_output=True)
        assert end.returncode == 1, "a certificate of more than 7 days"


@test
def a_handshake_under_way_survives_a_reload(server):
    with Own(server) as own:
        raw = socket.create_connection(("127.0.0.1", own.port), PATIENCE)
        equal(own.request("GET", "/.well-known/est/cacerts").status, 200)  # it has been accepted by now
        new_certificate(own.pki)
        own.reload()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(own.pki.root)
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
            s.sendall(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert s.recv(12) == b"HTTP/1.1 200"


@test
def what_is_wrong_is_refused_as_a_whole(server):
    with Own(server, settings="idle-timeout 30\n") as own:
        old, key = serial_of(own), own.pki.path("state/server-key.pem")
        # Wrong settings, and good keys.
        new_certificate(own.pki)
        assert "reload_refused" in own.reload("idle-timeout 30\nidle-timeout 31\n")
        assert own.file + ":2: idle-timeout was set in line 1 already" in own.messages()
        equal(serial_of(own), old)
        # Good settings, and wrong keys.
        good = open(key).read()
        shutil.copy(Pki.key(own.pki.path("other.pem")), key)
        assert "reload_refused" in own.reload("certificate-days 7\n")
        assert "server-key.pem is not the key" in own.messages()
        equal(serial_of(own), old)
        own.device()
        write(key, good)
        assert "event=reloaded" in own.reload()
        assert serial_of(own) != old


@test
def the_service_manager_is_told(server):
    path = server.pki.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(PATIENCE)
        heard = lambda: dict(line.split("=", 1) for line in notify.recv(4096).decode().splitlines())
        with Own(server, env={**os.environ, "NOTIFY_SOCKET": path}) as own:
            equal(heard()["READY"], "1")
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            own.reload()
            word = heard()
            equal(word["RELOADING"], "1")
            assert before <= int(word["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            equal(heard()["READY"], "1")
            equal(own.stop(), 0)
            equal(heard()["STOPPING"], "1")


# --- log


@test
def the_log_is_one_json_object_a_line(server):
    with Own(server, settings="log-format json\nlog-requests all\n") as own:
        secret = "a-very-secret-secret"
        device = own.device(own.ticket(secret=secret))
        equal(device.checkin(own).status, 204)
        equal(own.est((secrets.token_hex(16), "another-secret-secret"), device.csr).status, 401)
        own.stop()
        for line in own.messages().splitlines():
            fields = json.loads(line)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["time"]), line
            assert fields["level"] in ("error", "warning", "info") and fields["event"], line
        checkin = [e for e in own.events("request") if e["path"] == "/v1/checkin"]
        equal(len(checkin), 1)
        equal((checkin[0]["status"], checkin[0]["device"], checkin[0]["method"]), (204, device.id, "POST"))
        assert checkin[0]["duration_us"] > 0 and checkin[0]["peer"].startswith("127.0.0.1:")
        assert any(e.get("admin") == "alice" for e in own.events("request"))
        for word in (secret, "another-secret-secret", base64.b64encode(secret.encode()).decode()[:12]):
            assert word not in own.messages(), word


@test
def strangers_cannot_forge_lines(server):
    """Hostile bytes in every place that reaches the log: path, ticket id, a certificate's name."""
    hostile = 'x"\\ level=error event=forged\x1b[2J'
    for form in ("text", "json"):
        with Own(server, settings="log-format %s\nlog-requests all\nlog-level debug\n" % form) as own:
            for path in ("/a\"event=forged\\", "/a'b", "/" + "y" * 2000):
                own.raw(("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path).encode())
            own.raw(b"GET /\n{\"event\":\"forged\"}\n HTTP/1.1\r\nHost: x\r\n\r\n")
            own.est((hostile, "secret-secret-secret"), b"x")
            admin = own.pki.issue("strange", "/O=test/OU=mdm-admin/CN=eve event\\=forged \"", "client")
            equal(own.admin("GET", "/v1/admin/status", identity=admin).status, 200)
            own.stop()
            text = own.messages()
            lines = text.splitlines()
            equal(text.count("\n"), len(lines))
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), text
            for line in lines:
                if form == "json":
                    assert json.loads(line)["event"] != "forged", line
                else:
                    # Quoted values taken out, no field of a stranger's is left.
                    bare = re.sub(r'"(\\.|[^"\\])*"', '""', line)
                    equal(bare.count(" event="), 1)
                    assert "event=forged" not in bare, line
            assert any("eve" in line for line in lines)


@test
def requests_are_logged_as_asked(server):
    with Own(server, settings="log-format json\n") as own:
        device = own.device()
        device.checkin(own)
        own.request("GET", "/nothing")
        equal([e["status"] for e in own.events("request")], [404])
        own.reload("log-format json\nlog-requests none\n")
        own.request("GET", "/nothing")
        equal(len(own.events("request")), 1)
        own.reload("log-format json\nlog-requests all\n")
        device.checkin(own)
        equal([e["status"] for e in own.events("request")], [404, 204])


# --- limits


@test
def a_phone_that_asks_too_often_is_told_when(server):
    with Own(server, settings="device-rate 6\ndevice-burst 3\n") as own:
        device, other = own.device(), own.device()
        equal([device.checkin(own).status for _ in range(3)], [204] * 3)
        answer = device.checkin(own)
        equal(answer.status, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 10, answer
        equal(other.checkin(own).status, 204)
        # Without a limit again.
        own.reload("device-rate 0\n")
        equal([device.checkin(own).status for _ in range(10)], [204] * 10)


@test
def an_address_that_asks_too_often_is_told_when(server):
    with Own(server, settings="address-rate 6\naddress-burst 4\n") as own:
        get = lambda: own.request("GET", "/.well-known/est/cacerts")
        equal([get().status for _ in range(4)], [200] * 4)
        answer = get()
        equal(answer.status, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 10, answer
        # Administrators are known by name and not limited.
        equal(own.admin("GET", "/v1/admin/status").status, 200)


@test
def wrong_secrets_are_limited_by_address(server):
    with Own(server, settings="enrol-address-failures 5\n") as own:
        good = own.ticket()
        wrong = lambda: own.est((secrets.token_hex(16), "wrong-wrong-wrong"), b"x")
        equal([wrong().status for _ in range(5)], [401] * 5)
        answer = wrong()
        equal(answer.status, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 720, answer
        # The right secret waits, too: otherwise it could be guessed on.
        equal(own.est(good, b"x").status, 429)
        # Other requests of the address do not.
        equal(own.request("GET", "/.well-known/est/cacerts").status, 200)


@test
def wrong_secrets_are_limited_by_ticket(server):
    with Own(server, settings="enrol-ticket-failures 3\n") as own:
        ticket, other = own.ticket(), own.ticket()
        equal([own.est((ticket[0], "wrong-wrong-wrong%d" % i), b"x").status for i in range(4)], [401] * 3 + [429])
        equal(own.est(ticket, b"x").status, 429)
        equal(Device(own, other).checkin(own).status, 204)


def closed(connection):
    """Did the server end it without a word?"""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


@test
def unfinished_handshakes_are_limited_by_address(server):
    with Own(server, settings="strangers-per-address 4\n") as own:
        device = own.device()
        held = [socket.create_connection(("127.0.0.1", own.port), PATIENCE) for _ in range(4)]
        fifth = socket.create_connection(("127.0.0.1", own.port), PATIENCE)
        assert closed(fifth)
        refused(lambda: device.checkin(own))
        held.pop().close()
        eventually(lambda: works(lambda: device.checkin(own).status == 204), "the place was not given back")
        # Who has shown a certificate does not count any more.
        kept = Kept(own, own.port, device.identity)
        equal(kept.request("POST", "/v1/checkin", device.report(), ["Content-Type: application/json"]).status, 204)
        equal(device.checkin(own).status, 204)
        for s in held:
            s.close()


def works(action):
    try:
        return action()
    except (ssl.SSLError, ConnectionError):
        return False


@test
def connections_of_one_phone_are_limited(server):
    with Own(server, settings="connections-per-device 2\n") as own:
        device, other = own.device(), own.device()
        kept = [Kept(own, own.port, device.identity) for _ in range(2)]
        for k in kept:
            equal(k.request("POST", "/v1/checkin", device.report(), ["Content-Type: application/json"]).status, 204)
        refused(lambda: device.checkin(own))
        equal(other.checkin(own).status, 204)
        kept.pop().socket.close()
        eventually(lambda: works(lambda: device.checkin(own).status == 204), "the place was not given back")


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
