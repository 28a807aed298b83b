#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-net over its channel: enrolment, names, the channel itself and the sandbox.

Usage: net_role.py BUILD_DIR [NAME]    (NAME: only the cases whose name contains it)

Plays the enforcer: starts the program with a socket pair on descriptor 3 and an empty environment,
sends one message of agent/ipc/message.h, reads what comes back. The certificate authority is made
with the openssl program in a temporary directory. Runs as root (the role must become another user)
and as a plain user, with the sandbox on. The last line is "N passed, N failed" and
perhaps ", N skipped".
"""
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
from net_role_rig import (answer, CHECKIN, DAY, EMULATED, ENROL, RENEW, NET_RENEW, expect_failed, files, Lab, NET_CHECKIN,
                          NET_ENROL, NET_ENROLLED, NET_FACTS, NOW, Role, run, run_cases, SECRET,
                          TICKET)


# --- enrolment

def case_enrol(lab):
    directory = lab.identity()
    with lab.est_server() as server:
        role = lab.enrol(server.url(), directory, floor=NOW - DAY)
        result = role.finish()
    assert result and result["kind"] == NET_ENROLLED, (result, role.log)
    assert role.code == 0 and role.log == "", role.log
    assert sorted(os.listdir(directory)) == ["anchors.pem", "certificate.pem", "key.pem"]
    for name in os.listdir(directory):
        mode = os.stat(os.path.join(directory, name))
        assert mode.st_mode & 0o777 == 0o600, name
        assert mode.st_uid == role.facts["uid"], name
    key, cert = (os.path.join(directory, n) for n in ("key.pem", "certificate.pem"))
    assert b"BEGIN PRIVATE KEY" in files(directory)["key.pem"]
    der = run("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER")
    digest = run("openssl", "dgst", "-sha256", input=der).decode().split()[-1]
    assert result["device_id"] == digest[:32]
    assert ("CN = " + digest[:32]).encode() in run("openssl", "x509", "-in", cert, "-noout",
                                                  "-subject")
    assert b"prime256v1" in run("openssl", "pkey", "-in", key, "-noout", "-text")
    assert result["from_s"] == NOW - 3600 and result["until_s"] == NOW + 90 * DAY
    assert result["date_s"] == NOW and result["cert_until_s"] == NOW + 30 * DAY
    assert "authorization" not in server.requests[0].headers, "secret sent before verification"
    assert server.requests[1].headers["content-type"] == "application/pkcs10"


def case_enrol_sandbox_facts(lab):
    with lab.est_server() as server:
        role = lab.enrol(server.url(), lab.identity())
        role.finish()
    facts = role.facts
    assert facts["no_new_privs"] == 1 and facts["rlimits"] >= 5
    if os.geteuid() == 0:
        assert facts["uid"] != 0 and facts["gid"] != 0
    else:
        assert facts["uid"] == os.getuid() and "root" in facts["note"]
    if EMULATED:
        raise unittest.SkipTest("all but the filter, which would be for the host's calls: " + EMULATED)
    if os.path.exists("/proc/sys/kernel/seccomp"):
        assert facts["seccomp"] == 1, facts["note"]


def case_enrol_literal_address(lab):
    with lab.est_server() as server:
        result = lab.enrol(server.url("127.0.0.1"), lab.identity()).finish()
    assert result["kind"] == NET_ENROLLED, result


def case_enrol_separate_est(lab):
    with lab.est_server() as server:
        result = lab.enrol("https://localhost:9", lab.identity(),
                           est=server.url() + "/a/est/").finish()
    assert result["kind"] == NET_ENROLLED, result
    assert server.requests[0].line == "GET /a/est/cacerts HTTP/1.1"


def case_enrol_second_pin(lab):
    with lab.est_server() as server:
        result = lab.enrol(server.url(), lab.identity(), pins=[b"\0" * 32, lab.ca.pin()]).finish()
    assert result["kind"] == NET_ENROLLED, result


def case_enrol_again_replaces(lab):
    directory = lab.enrolled()
    before = files(directory)
    with lab.est_server() as server:
        result = lab.enrol(server.url(), directory).finish()
    after = files(directory)
    assert result["kind"] == NET_ENROLLED
    assert sorted(after) == sorted(before) and after["key.pem"] != before["key.pem"]


def case_enrol_wrong_pin(lab):
    directory = lab.enrolled()
    before = files(directory)
    with lab.est_server() as server:
        role = lab.enrol(server.url(), directory, pins=[lab.other.pin()])
        result = role.finish()
    expect_failed(result, "est", "no CA that the ticket names")
    assert role.code == 0
    assert len(server.requests) == 1, "the secret may have been sent"
    assert files(directory) == before, "the old identity was touched"


def case_enrol_server_of_another_ca(lab):
    """The right CA certificate from a server that is not certified by it: a man in the middle."""
    cert = lab.other.server("middle", "DNS:localhost")
    with lab.est_server(cert=cert) as server:
        result = lab.enrol(server.url(), lab.identity()).finish()
    expect_failed(result, "tls", "not from the CA")
    assert len(server.requests) == 1, "the secret was sent"


def case_enrol_leaf_pinned(lab):
    """A pin of something that is no CA."""
    der = run("openssl", "pkey", "-pubin", "-outform", "DER", input=run(
        "openssl", "x509", "-in", lab.good[0], "-noout", "-pubkey"))
    pin = run("openssl", "dgst", "-sha256", "-binary", input=der)

    def reply(*_):
        return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n",
                      lab.ca.bundle(lab.good[0]))
    with lab.est_server(answer_to=reply) as server:
        expect_failed(lab.enrol(server.url(), lab.identity(), pins=[pin]).finish(), "est", "no CA")


def case_enrol_wrong_host(lab):
    cert = lab.ca.server("elsewhere", "DNS:mdm.example.org")
    with lab.est_server(cert=cert) as server:
        result = lab.enrol(server.url(), lab.identity()).finish()
        expect_failed(result, "tls", "not for localhost")
        result = lab.enrol(server.url("127.0.0.1"), lab.identity()).finish()
        expect_failed(result, "tls", "not for 127.0.0.1")


def case_enrol_name_in_subject_only(lab):
    cert = lab.ca.server("localhost", "DNS:mdm.example.org")
    with lab.est_server(cert=cert) as server:
        expect_failed(lab.enrol(server.url(), lab.identity()).finish(), "tls", "not for localhost")


def case_enrol_expired(lab):
    cert = lab.ca.server("old", "DNS:localhost", NOW - 9 * DAY, NOW - DAY)
    with lab.est_server(cert=cert) as server:
        expect_failed(lab.enrol(server.url(), lab.identity()).finish(), "tls", "expired", "clock")


def case_enrol_floor_after_expiry(lab):
    with lab.est_server() as server:
        result = lab.enrol(server.url(), lab.identity(), floor=NOW + 31 * DAY).finish()
    expect_failed(result, "tls", "expired")


def case_enrol_clock_behind(lab):
    """A certificate of the future stands for a phone that boots in the past."""
    cert = lab.ca.server("future", "DNS:localhost", NOW + 300 * DAY, NOW + 400 * DAY)
    with lab.est_server(cert=cert) as server:
        directory = lab.identity()
        expect_failed(lab.enrol(server.url(), directory).finish(), "tls", "not valid before",
                      "clock")
        assert os.listdir(directory) == []
        result = lab.enrol(server.url(), directory, floor=NOW + 350 * DAY).finish()
    assert result["kind"] == NET_ENROLLED, result


EST_STATUSES = [("401 Unauthorized", "ticket"), ("403 Forbidden", "ticket"),
                ("404 Not Found", "no EST service"), ("302 Found", "redirects"),
                ("500 Oops", "overloaded or broken"), ("400 Bad Request", "malformed"),
                ("204 No Content", "nothing")]


def case_enrol_statuses(lab):
    for status, words in EST_STATUSES:
        with lab.est_server(answer_to=lambda *_: answer(
                status, "Location: https://localhost/\r\n")) as server:
            result = lab.enrol(server.url(), lab.identity()).finish()
        expect_failed(result, "est", words)
        assert result["status"] == int(status[:3]), status
        assert len(server.requests) == 1, status


def case_enrol_later(lab):
    def reply(server, request, tls):
        if "/cacerts" in request.line:
            return lab.est_answer(server, request, tls)
        return answer("202 Accepted", "Retry-After: 600\r\n")
    with lab.est_server(answer_to=reply) as server:
        directory = lab.identity()
        result = lab.enrol(server.url(), directory).finish()
    expect_failed(result, "est", "not decided yet")
    assert result["status"] == 202 and result["retry_after"] == 600
    assert os.listdir(directory) == []


def case_enrol_bad_bodies(lab):
    cases = [(b"", "nothing"), (b"\r\n", "nothing"), (b"<html>", "base64"),
             (b"Zm9v\r\n", "PKCS #7"), (lab.ca.bundle(lab.ca.cert)[:-9], None),
             (b"A" * 70000, "more than")]
    for body, words in cases:
        with lab.est_server(answer_to=lambda *_: answer(
                "200 OK", "Content-Type: application/pkcs7-mime\r\n", body)) as server:
            result = lab.enrol(server.url(), lab.identity()).finish()
        stage = "response" if words == "more than" else "est"
        expect_failed(result, stage, *([words] if words else []))


def case_enrol_wrong_type(lab):
    with lab.est_server(answer_to=lambda *_: answer(
            "200 OK", "Content-Type: text/html\r\n", lab.ca.bundle(lab.ca.cert))) as server:
        expect_failed(lab.enrol(server.url(), lab.identity()).finish(), "est", "content type")


def case_enrol_too_many_certificates(lab):
    body = lab.ca.bundle(*[lab.ca.cert] * 9)
    with lab.est_server(answer_to=lambda *_: answer(
            "200 OK", "Content-Type: application/pkcs7-mime\r\n", body)) as server:
        expect_failed(lab.enrol(server.url(), lab.identity()).finish(), "est", "more certificates")


def case_enrol_certificate_of_another_key(lab):
    def reply(server, request, tls):
        if "/cacerts" in request.line:
            return lab.est_answer(server, request, tls)
        return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n",
                      lab.ca.bundle(lab.good[0]))
    directory = lab.enrolled()
    before = files(directory)
    with lab.est_server(answer_to=reply) as server:
        expect_failed(lab.enrol(server.url(), directory).finish(), "est", "another key")
    assert files(directory) == before


def case_enrol_directory_not_writable(lab):
    directory = lab.identity()
    os.chmod(directory, 0o500)
    with lab.est_server() as server:
        result = lab.enrol(server.url(), directory).finish()
    expect_failed(result, "identity", "could not be stored")
    assert os.listdir(directory) == []


# --- names

NAME = "mdm.example.org"


def name_server(truncate):
    """A DNS server on 127.0.0.1 that knows one name; truncate: only whoever asks by TCP hears it."""
    def reply(query, tcp):
        end = query.index(b"\0", 12) + 1
        kind = struct.unpack(">H", query[end:end + 2])[0]
        cut = truncate and not tcp
        data = b""
        if kind == 1 and not cut:
            data = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
        return query[:2] + struct.pack(">HHHHH", 0x8780 if cut else 0x8580, 1, bool(data), 0, 0) + (
            query[12:end + 4]) + data

    def by_udp():
        while True:
            query, peer = udp.recvfrom(4096)
            udp.sendto(reply(query, False), peer)

    def by_tcp():
        while True:
            client, _ = tcp.accept()
            while True:
                size = client.recv(2)
                if len(size) < 2:
                    break
                answer_bytes = reply(client.recv(struct.unpack(">H", size)[0]), True)
                client.sendall(struct.pack(">H", len(answer_bytes)) + answer_bytes)
            client.close()
    udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
    for s in (udp, tcp):
        s.bind(("127.0.0.1", 53))
    tcp.listen(8)
    for target in (by_udp, by_tcp):
        threading.Thread(target=target, daemon=True).start()


def inside_namespaces(build, truncate):
    """The part of the next cases that runs with a network and an /etc/resolv.conf of its own."""
    lab = Lab(os.path.abspath(build))
    try:
        name_server(truncate)
        lab.good = lab.ca.server("named", "DNS:" + NAME)
        with lab.est_server() as server:
            result = lab.enrol(server.url(NAME), lab.identity()).finish()
        assert result["kind"] == NET_ENROLLED, result
    finally:
        lab.done()


def with_name_server(lab, truncate):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-mn", "true"], stderr=subprocess.DEVNULL
                                           ).returncode != 0:
        raise unittest.SkipTest("needs root and namespaces")
    files_of = {"resolv.conf": "nameserver 127.0.0.1\noptions timeout:2\n",
                "hosts": "127.0.0.1 localhost\n", "nsswitch.conf": "hosts: files dns\n"}
    script = "set -e; ip link set lo up\n"
    for name, text in files_of.items():
        path = os.path.join(lab.dir, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o644)
        if os.path.exists("/etc/" + name):
            script += "mount --bind %s $(readlink -f /etc/%s)\n" % (path, name)
    script += 'exec "$0" "$@"\n'
    done = subprocess.run(["unshare", "-mn", "sh", "-c", script, sys.executable, __file__,
                           os.path.dirname(lab.program), "--name-server", str(int(truncate))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()


def case_name_server_udp(lab):
    """A real look-up by the C library under the filter, in a thread of libcurl's."""
    with_name_server(lab, False)


def case_name_server_tcp(lab):
    with_name_server(lab, True)


# --- the channel and the sandbox

def hang(server, _request, _tls):
    server.stopping.wait(20)


def case_channel_closed(lab):
    with lab.checkin_server(hang) as server:
        role = lab.checkin(server.url(), lab.enrolled(), timeout=60)
        assert role.receive()["kind"] == NET_FACTS
        while not server.requests:
            time.sleep(0.01)
        role.channel.close()
        assert role.process.wait(10) == 1
        role.close()


def case_channel_closed_at_once(lab):
    role = Role(lab.program, *lab.options)
    role.channel.shutdown(socket.SHUT_WR)
    assert role.finish() is None and role.code == 1 and role.log == ""


def case_channel_rubbish(lab):
    fd = os.open(lab.identity(), os.O_RDONLY | os.O_DIRECTORY)
    null = os.open("/dev/null", os.O_RDWR)
    report, answer = os.memfd_create("report"), os.memfd_create("answer")
    checkin = struct.pack(CHECKIN, b"https://localhost:9", b"", lab.ca.pin(), 1, 0, 5, 7, 100, 0)
    pins = struct.pack(CHECKIN, b"https://localhost:9", b"", lab.ca.pin(), 3, 0, 5, 7, 100, 0)
    good = [b"https://localhost:9", b"", TICKET.encode(), SECRET.encode(), b"", b"", b"",
            lab.ca.pin(), 1, 0, 5, 0]
    renew_good = [b"https://localhost:9", b"", b"", lab.ca.pin(), 1, 5, 0]

    def enrol(index, value):
        return struct.pack(ENROL, *(good[:index] + [value] + good[index + 1:]))

    def renew(index, value):
        return struct.pack(RENEW, *(renew_good[:index] + [value] + renew_good[index + 1:]))
    for kind, body, fds in [
            (99, b"", []), (NET_FACTS, b"\0" * 284, []), (NET_CHECKIN, checkin, [fd]),
            (NET_CHECKIN, checkin[:-1], [fd, null, null]),
            (NET_CHECKIN, checkin, [fd, null, null]), (NET_CHECKIN, checkin, [null, fd, fd]),
            (NET_ENROL, enrol(0, b"http://localhost:9"), [fd]),
            (NET_ENROL, enrol(0, b"https://user@localhost"), [fd]),
            (NET_ENROL, enrol(0, b"https://localhost/path"), [fd]),
            (NET_ENROL, enrol(1, b"https://localhost/?q"), [fd]),
            (NET_ENROL, enrol(2, b"a:b"), [fd]), (NET_ENROL, enrol(3, b""), [fd]),
            (NET_ENROL, enrol(8, 0), [fd]), (NET_ENROL, enrol(8, 3), [fd]),
            (NET_ENROL, enrol(9, -1), [fd]), (NET_ENROL, enrol(10, 0), [fd]),
            (NET_ENROL, enrol(0, b"x" * 257), [fd]), (NET_ENROL, enrol(11, 0), [null]),
            (NET_ENROL, enrol(4, b"x" * 257), [fd]), (NET_ENROL, enrol(5, b"x" * 65), [fd]),
            (NET_RENEW, renew(0, b"http://localhost:9"), [fd]), (NET_RENEW, renew(4, 0), [fd]),
            (NET_RENEW, renew(4, 3), [fd]), (NET_RENEW, renew(5, 0), [fd]),
            (NET_RENEW, renew(6, -1), [fd]), (NET_RENEW, renew(1, b"https://localhost/?q"), [fd]),
            (NET_CHECKIN, pins, [fd, report, answer]),
            (NET_RENEW, renew(6, 0), [null]), (NET_RENEW, renew(6, 0), [])]:
        role = Role(lab.program, *lab.options)
        role.send(kind, body, fds)
        assert role.finish() is None and role.code == 1, (kind, body[:40])
    os.close(fd)
    os.close(null)
    os.close(report)
    os.close(answer)


def case_no_channel(lab):
    done = subprocess.run([lab.program], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env={})
    assert done.returncode == 2 and b"Usage" in done.stderr


def case_no_such_user(lab):
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    role = Role(lab.program, "--user", "no-such-user")
    expect_failed(role.finish(), "sandbox", "no-such-user")
    assert role.code == 1
    role = Role(lab.program, "--user", "root")
    expect_failed(role.finish(), "sandbox", "root")


def case_sandbox_in_force(lab):
    """What the kernel says about the process in the middle of an exchange."""
    with lab.checkin_server(hang) as server:
        role = lab.checkin(server.url(), lab.enrolled(), timeout=60)
        facts = role.receive()
        while not server.requests:
            time.sleep(0.01)
        with open("/proc/%d/status" % role.process.pid) as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == ("2" if facts["seccomp"] else "0")
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[name], 16) == 0, name
        if os.geteuid() == 0:
            assert int(status["CapBnd"], 16) == 0
            assert status["Groups"].strip() == ""
            assert status["Uid"].split() == [str(facts["uid"])] * 4 and facts["uid"] != 0
            assert status["Gid"].split() == [str(facts["gid"])] * 4 and facts["gid"] != 0
        role.close()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[2:3] == ["--name-server"]:
        inside_namespaces(sys.argv[1], sys.argv[3] == "1")
        return
    sys.exit(run_cases(globals()))


if __name__ == "__main__":
    main()
