#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the real mdm-server keeps and for how long, how it is watched, backup and restore.
Usage: server_keep.py BUILD_DIR [NAME]. BUILD_DIR holds mdm-server; NAME selects tests."""

import hashlib
import http.client
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from server_rig import PATIENCE, Pki, Server, document, equal, event, limit, run_tests, section

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run(server, *args):
    done = subprocess.run([server.program, *args], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Own(Server):
    """A server of one test, with a configuration file and, if asked for, a listener for numbers."""

    def __init__(self, server, settings="", pki=None):
        pki = pki or Pki(server.pki.path("keep-" + secrets.token_hex(4)))
        self.program, self.file = server.program, pki.path("mdm-server.conf")
        with open(self.file, "w") as f:
            f.write(settings)
        super().__init__(server.program, pki, "--config", self.file)
        found = re.search(r'event=started.* metrics=127\.0\.0\.1:(\d+)', self.messages())
        self.metrics_port = int(found.group(1)) if found else None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        code = self.stop() if self.process.poll() is None else 0
        assert kind or code == 0, self.messages()
        assert kind or "Sanitizer" not in self.messages(), self.messages()

    def plain(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=PATIENCE)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, body

    def database(self):
        return sqlite3.connect(os.path.join(self.pki.state, "mdm.db"), timeout=PATIENCE, isolation_level=None)

    def one(self, sql, *values):
        with self.database() as db:
            row = db.execute(sql, values).fetchone()
        db.close()
        return row[0]

    def change(self, sql, *values):
        db = self.database()
        db.execute(sql, values)
        db.close()


# --- how long, and how much


@test
def a_position_goes_with_the_report_that_has_none(server):
    """Only the last one is kept, and that no longer than the phone says where it is."""
    device, other = server.device(), server.device()

    def held(of):
        return server.admin("GET", "/v1/admin/devices/" + of.id).json["sections"]

    first, second = section({"position": {"latitude": 1.5}}), section({"position": {"latitude": 2.5}})
    for phone in (device, other):
        equal(phone.checkin(server, sections={"location": first, "agent": section({"a": 1})}).status, 204)
    equal(device.checkin(server, sections={"location": second}).status, 204)
    equal(held(device)["location"]["body"], {"position": {"latitude": 2.5}})
    # A digest alone says that it still holds; another section that is not in the report stays.
    equal(device.checkin(server, sections={"location": {"digest": second["digest"]}}).status, 204)
    equal(sorted(held(device)), ["agent", "location"])
    equal(device.checkin(server, sections={"agent": {"digest": section({"a": 1})["digest"]}}).status, 204)
    equal(sorted(held(device)), ["agent"])
    equal(sorted(held(other)), ["agent", "location"])
    # And comes again when it is told again, by its body.
    answer = device.checkin(server, sections={"location": {"digest": second["digest"]}})
    equal(answer.headers["mdm-resend"], "location")


@test
def a_phone_keeps_its_newest_events(server):
    keep = limit("LIMIT_REPORT_EVENTS")
    with Own(server, "events-per-device %d\n" % keep) as own:
        device, other = own.device(), own.device()
        equal(other.checkin(own, events=[event(1)]).status, 204)
        for first in range(1, 4 * keep, keep):
            equal(device.checkin(own, events=[event(seq) for seq in range(first, first + keep)]).headers["mdm-ack"],
                  str(first + keep - 1))
        count = lambda d: own.one("SELECT count(*) FROM events WHERE device=?", d.id)
        equal(count(device), keep)
        equal(own.one("SELECT min(seq) FROM events WHERE device=?", device.id), 3 * keep + 1)
        equal(count(other), 1)


@test
def a_hostile_phone_does_not_fill_the_disk(server):
    with Own(server, "events-per-device 64\ndevice-rate 0\nsection-bytes 262144\n") as own:
        device = own.device()
        size = lambda: sum(os.path.getsize(os.path.join(own.pki.state, f)) for f in os.listdir(own.pki.state)
                           if f.startswith("mdm.db"))
        sizes = []
        for turn in range(60):
            first = 1 + turn * 60
            body = {"filler": secrets.token_hex(10000)}
            answer = device.checkin(own, sections={"section%d" % (turn % 8): section(body)},
                                    events=[event(seq, filler=secrets.token_hex(1700)) for seq in range(first, first + 60)])
            assert answer.status == 204, answer
            sizes.append(size())
        # It grew until the quota and not after it, though 15 times as much was sent.
        assert sizes[-1] <= 1.2 * max(sizes[:30]), sizes
        assert own.one("SELECT sum(length(json)) FROM events") <= 64 * 8192
        # One event above the size of any is refused, one of that size is not.
        base = len('{"seq":1,"time":1,"boot":"aa","type":"x","data":{"a":""}}')
        for n, status in ((8192 - base, 204), (8192 - base + 1, 400)):
            report = device.report()[:-2] + b'{"seq":1,"time":1,"boot":"aa","type":"x","data":{"a":"%s"}}]}' % (b"y" * n)
            equal(device.checkin(own, report).status, status)


@test
def sections_have_a_limit_in_bytes(server):
    with Own(server, "section-bytes 262144\n") as own:
        device = own.device()
        filler = lambda n: section({"a": "x" * (n - len('{"a": ""}'))})
        equal(device.checkin(own, sections={"one": filler(200000)}).status, 204)
        equal(device.checkin(own, sections={"two": filler(62144)}).status, 204)
        answer = device.checkin(own, sections={"three": filler(12)})
        assert answer.status == 400 and b"too large" in answer.body, answer
        # What replaces its predecessor counts once.
        equal(device.checkin(own, sections={"one": filler(200000)}).status, 204)
        equal(device.checkin(own, sections={"one": filler(200001)}).status, 400)
        equal(own.one("SELECT sum(length(body)) FROM sections"), 262144)


@test
def old_events_and_tickets_go_and_the_audit_stays(server):
    with Own(server, "keep-events-days 30\nkeep-tickets-days 10\n") as own:
        device = own.device()
        unused, fresh = own.ticket(), own.ticket()
        equal(device.checkin(own, events=[event(seq) for seq in range(1, 61)]).status, 204)
        now, day = int(time.time()), 86400
        # The oldest 50 are too old by a minute, ten are not; so is one ticket, and the one of the phone.
        own.change("UPDATE events SET received=? WHERE seq<=50", now - 30 * day - 60)
        own.change("UPDATE events SET received=? WHERE seq>50", now - 30 * day + 3600)
        own.change("UPDATE tickets SET expires=? WHERE id IN (?,?)", now - 10 * day - 60, unused[0], device.ticket[0])
        own.change("UPDATE tickets SET used=? WHERE id=?", now - 10 * day - 60, device.ticket[0])
        audit = own.one("SELECT count(*) FROM audit")
        assert audit > 0
        own.process.send_signal(signal.SIGHUP)
        eventually(lambda: own.one("SELECT count(*) FROM events") == 10, "the old events stayed")
        eventually(lambda: "event=pruned rows=51" in own.messages(), own.messages())
        equal(own.one("SELECT min(seq) FROM events"), 51)
        tickets = [t["id"] for t in own.admin("GET", "/v1/admin/tickets").json["tickets"]]
        # The ticket of a phone on record is what its groups come from.
        equal(sorted(tickets), sorted([fresh[0], device.ticket[0]]))
        equal(own.one("SELECT count(*) FROM audit"), audit)
        # Row numbers are not given twice, however much goes.
        own.change("UPDATE events SET received=1")
        last = own.one("SELECT max(row) FROM events")
        own.process.send_signal(signal.SIGHUP)
        eventually(lambda: own.one("SELECT count(*) FROM events") == 1, "the old events stayed")
        equal(own.one("SELECT max(row) FROM events"), last)


# --- watching


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'


def parse_metrics(text):
    """The text format 0.0.4, strictly: {(name, labels): value} and the types."""
    assert text.endswith("\n"), "the last line does not end"
    types, helped, values, family = {}, set(), {}, None
    for line in text[:-1].split("\n"):
        if match := re.fullmatch(r"# HELP (%s) (.*)" % NAME, line):
            assert match.group(1) not in helped, line
            helped.add(match.group(1))
            continue
        if match := re.fullmatch(r"# TYPE (%s) (counter|gauge|histogram)" % NAME, line):
            family = match.group(1)
            assert family not in types and family in helped, line
            types[family] = match.group(2)
            continue
        match = re.fullmatch(r"(%s)(?:\{(%s(?:,%s)*)\})? (-?[0-9]+(?:\.[0-9]+)?)" % (NAME, LABEL, LABEL), line)
        assert match, "not of the format: %r" % line
        name, labels = match.group(1), match.group(2) or ""
        base = re.sub("_(bucket|sum|count)$", "", name) if types.get(family) == "histogram" else name
        assert base == family, "%s stands behind the type of %s" % (name, family)
        assert (name, labels) not in values, line
        values[name, labels] = float(match.group(3))
    for name, kind in types.items():
        assert kind != "counter" or name.endswith("_total"), name
        if kind == "histogram":
            counts = [v for (n, labels), v in values.items() if n == name + "_bucket"]
            assert counts == sorted(counts) and counts[-1] == values[name + "_count", ""], name
            assert (name + "_bucket", 'le="+Inf"') in values
    return values, types


@test
def numbers_are_of_the_format_and_true(server):
    with Own(server, "metrics-listen 127.0.0.1:0\ndevice-rate 6\ndevice-burst 2\n") as own:
        device = own.device()
        equal([device.checkin(own).status for _ in range(3)], [204, 204, 429])
        equal(own.est((secrets.token_hex(16), "wrong-wrong-wrong"), b"x").status, 401)
        own.ticket()
        status, headers, body = own.plain("/metrics")
        equal(status, 200)
        equal(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        values, types = parse_metrics(body)
        for (name, labels), value in {("mdm_checkins_total", 'status="204"'): 2, ("mdm_enrolments_total", ""): 1,
                                      ("mdm_checkin_duration_seconds_count", ""): 2,
                                      ("mdm_refused_total", 'reason="device_rate"'): 1,
                                      ("mdm_refused_total", 'reason="credentials"'): 1, ("mdm_devices", ""): 1,
                                      ("mdm_tickets_open", ""): 1, ("mdm_waiting_phones", ""): 0,
                                      ("mdm_last_backup_seconds", ""): 0, ("mdm_store_works", ""): 1}.items():
            equal((name, values[name, labels]), (name, value))
        equal(types["mdm_checkin_duration_seconds"], "histogram")
        equal([labels for name, labels in values if name == "mdm_build_info"], ['version="%s"' % version(server)])
        for certificate, path in (("server", "server-chain.pem"), ("device_ca", "device-ca.pem"), ("root", "root.pem")):
            end = subprocess.run(["openssl", "x509", "-in", os.path.join(own.pki.state, path), "-noout", "-enddate", "-dateopt",
                                  "iso_8601"], capture_output=True, text=True).stdout
            date = time.strftime("%Y-%m-%d %H:%M:%SZ",
                                 time.gmtime(values["mdm_certificate_expiry_seconds", 'certificate="%s"' % certificate]))
            equal(end.strip(), "notAfter=" + date)
        pages = own.one("PRAGMA page_count") * own.one("PRAGMA page_size")
        equal(values["mdm_database_bytes", ""], pages)
        for word in (device.id, device.ticket[0], "127.0.0.1", "alice"):
            assert word not in body, word
        backup = own.pki.path("b")
        equal(run(server, "backup", "--state", own.pki.state, "--output", backup)[0], 0)
        stamp = parse_metrics(own.plain("/metrics")[2])[0]["mdm_last_backup_seconds", ""]
        assert abs(stamp - os.path.getmtime(backup)) < PATIENCE


def version(server):
    return run(server, "--version")[1].split()[1]


@test
def health_is_a_real_read_and_write(server):
    with Own(server, "metrics-listen 127.0.0.1:0\n") as own:
        equal(own.plain("/healthz")[0::2], (200, "ok\n"))
        db = own.database()
        db.execute("BEGIN IMMEDIATE")
        status, _, body = own.plain("/healthz")
        db.execute("ROLLBACK")
        assert status == 503 and "locked" in body, (status, body)
        equal(own.plain("/healthz")[0], 200)
        # A table that is gone: reading fails, though writing would not.
        db.execute("ALTER TABLE counters RENAME TO elsewhere")
        status, _, body = own.plain("/healthz")
        db.execute("ALTER TABLE elsewhere RENAME TO counters")
        db.close()
        assert status == 503 and "counters" in body, (status, body)
        equal(own.plain("/healthz")[0], 200)


@test
def the_plain_listener_has_nothing_else(server):
    with Own(server, "metrics-listen 127.0.0.1:0\n") as own:
        for path in ("/", "/v1/checkin", "/v1/admin/status", "/.well-known/est/cacerts", "/metrics/x"):
            equal((path, own.plain(path)[0]), (path, 404))
        equal(own.plain("/metrics", "POST")[0], 405)
        # And the others do not have it.
        equal(own.request("GET", "/metrics").status, 404)
        equal(own.admin("GET", "/healthz").status, 404)
    assert not server.messages().count(" metrics="), "it is off unless it is asked for"


# --- backup and restore


def contents(path):
    """All rows of all tables, but those that a backup brings along."""
    db = sqlite3.connect(path)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'"
                                           " AND name NOT LIKE 'backup%' ORDER BY name")]
    rows = {name: sorted(db.execute("SELECT * FROM %s" % name).fetchall(), key=repr) for name in tables}
    db.close()
    return rows


@test
def a_backup_holds_no_file_of_others(server):
    own = Own(server)
    secret, link = own.pki.path("secret"), os.path.join(own.pki.state, "x.pem")
    with open(secret, "w") as f:
        f.write("not the server's")
    os.symlink(secret, link)
    backup = own.pki.path("backup")
    code, out, err = run(server, "backup", "--state", own.pki.state, "--output", backup)
    assert code == 1 and "x.pem is a link" in err and not os.path.exists(backup), (code, out, err)
    os.unlink(link)
    os.mkdir(link)  # what is no file is left out
    if os.geteuid() == 0:
        os.link(secret, link + "2")
        os.chown(link + "2", 65534, 65534)
        code, out, err = run(server, "backup", "--state", own.pki.state, "--output", backup)
        assert code == 1 and "belongs to another user" in err and not os.path.exists(backup), (code, out, err)
        os.unlink(link + "2")
    code, out, err = run(server, "backup", "--state", own.pki.state, "--output", backup)
    equal((code, err), (0, ""))
    equal(own.stop(), 0)


@test
def what_was_backed_up_comes_back(server):
    own = Own(server)
    device = own.device()
    equal(own.put("type=keyset&serial=1", document("keyset")).status, 201)
    equal(device.checkin(own, have={"keyset": 0, "assignment": 0, "policy": {}}, events=[event(1)],
                         sections={"compliance": section({"state": "compliant"})}).status, 200)
    backup = own.pki.path("backup")
    code, out, err = run(server, "backup", "--state", own.pki.state, "--output", backup)
    assert code == 0 and "private keys" in out and not err, (code, out, err)
    equal(os.stat(backup).st_mode & 0o777, 0o600)
    before = contents(os.path.join(own.pki.state, "mdm.db"))
    equal(own.stop(), 0)
    # A new machine.
    pki = own.pki
    files = {name: open(os.path.join(pki.state, name), "rb").read() for name in os.listdir(pki.state)
             if name.endswith(".pem")}
    assert "device-ca-key.pem" in files and "server-key.pem" in files
    shutil.rmtree(pki.state)
    code, out, err = run(server, "restore", "--state", pki.state, "--from", backup)
    assert code == 0 and not err, (code, out, err)
    equal(contents(os.path.join(pki.state, "mdm.db")), before)
    for name, body in files.items():
        path = os.path.join(pki.state, name)
        equal(open(path, "rb").read(), body)
        equal(os.stat(path).st_mode & 0o777, 0o600)
    equal(os.stat(pki.state).st_mode & 0o777, 0o700)
    assert b"PRIVATE KEY" not in open(os.path.join(pki.state, "mdm.db"), "rb").read()
    with Own(server, pki=pki) as again:
        equal(device.checkin(again, events=[event(2)]).headers["mdm-ack"], "2")
        equal(again.device().checkin(again).status, 204)


@test
def a_backup_under_load_is_one_moment(server):
    """While phones report: no check-in fails, and the copy is whole."""
    with Own(server, "device-rate 0\n") as own:
        devices = [own.device() for _ in range(3)]
        stop, failed, counts = threading.Event(), [], [0] * len(devices)

        def report(n):
            while not stop.is_set():
                counts[n] += 1
                answer = devices[n].checkin(own, events=[event(counts[n])],
                                            sections={"inventory": section({"n": counts[n], "x": "y" * 20000})})
                if answer.status != 204 or answer.headers["mdm-ack"] != str(counts[n]):
                    failed.append(answer)

        threads = [threading.Thread(target=report, args=(n,)) for n in range(len(devices))]
        for thread in threads:
            thread.start()
        try:
            for i in range(5):
                acknowledged = list(counts)
                backup = own.pki.path("load-%d" % i)
                code, out, err = run(server, "backup", "--state", own.pki.state, "--output", backup)
                equal((code, err), (0, ""))
                rows = contents(backup)
                for n, device in enumerate(devices):
                    seqs = sorted(row[2] for row in rows["events"] if row[1] == device.id)
                    # All that had been acknowledged, without a gap, and the record says the same.
                    equal(seqs, list(range(1, len(seqs) + 1)))
                    assert len(seqs) >= acknowledged[n] - 1, (len(seqs), acknowledged[n])
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not failed, failed[:3]
        new = own.pki.path("restored")
        equal(run(server, "restore", "--state", new, "--from", backup)[0], 0)
        equal(contents(os.path.join(new, "mdm.db")), rows)


@test
def a_damaged_backup_is_refused(server):
    with Own(server) as own:
        device = own.device()
        device.checkin(own, sections={"inventory": section({"text": "marked-body" * 50})})
        backup = own.pki.path("whole")
        equal(run(server, "backup", "--state", own.pki.state, "--output", backup)[0], 0)
    data = open(backup, "rb").read()
    where = data.index(b"marked-body"), data.index(b"BEGIN EC PRIVATE" if b"BEGIN EC PRIVATE" in data else b"BEGIN PRIVATE") + 60
    damages = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1:] for at in (0, 20, *where, len(data) // 2, len(data) - 5)]
    damages += [b"", data[:100], data[:-1], data[:len(data) // 2], data + b"\n", data[4096:]]
    for n, damaged in enumerate(damages):
        path, new = own.pki.path("damaged"), own.pki.path("never")
        with open(path, "wb") as f:
            f.write(damaged)
        code, out, err = run(server, "restore", "--state", new, "--from", path)
        assert code == 1 and "damaged" in err and not out, (n, code, out, err)
        assert not os.path.exists(new), n
    # The right digest around something else.
    db = sqlite3.connect(own.pki.path("strange"))
    db.execute("CREATE TABLE x(y)")
    db.close()
    other = open(own.pki.path("strange"), "rb").read()
    with open(path, "wb") as f:
        f.write(other + b"mdm-server backup 1 sha256 " + hashlib.sha256(other).hexdigest().encode() + b"\n")
    code, out, err = run(server, "restore", "--state", new, "--from", path)
    assert code == 1 and "damaged" in err and not os.path.exists(new), (code, err)


@test
def a_damaged_database_is_not_backed_up(server):
    own = Own(server, "device-rate 0\n")
    device = own.device()
    for seq in range(1, 640, 64):
        device.checkin(own, events=[event(s, filler="z" * 500) for s in range(seq, seq + 64)])
    equal(own.stop(), 0)
    path = os.path.join(own.pki.state, "mdm.db")
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2 // 4096 * 4096)
        f.write(b"\xff" * 4096)
    backup = own.pki.path("of-damaged")
    code, out, err = run(server, "backup", "--state", own.pki.state, "--output", backup)
    assert code == 1 and not out, (code, out, err)
    equal([name for name in os.listdir(own.pki.dir) if name.startswith("of-damaged")], [])


@test
def a_backup_has_room_for_what_belongs_there(server):
    """64 files of a megabyte beside the database, and not one file or byte more."""
    pki = Pki(server.pki.path("room"))
    Server(server.program, pki).stop()
    here = [name for name in os.listdir(pki.state) if not name.startswith("mdm.db") and name != "lock"]
    for n in range(64 - len(here)):
        with open(os.path.join(pki.state, "more%d" % n), "wb") as f:
            f.write(b"x" * (1024 * 1024 if n == 0 else 1))
    backup = lambda name: run(server, "backup", "--state", pki.state, "--output", pki.path(name))
    code, out, err = backup("full")
    assert code == 0 and "64 files" in out, (code, out, err)
    with open(os.path.join(pki.state, "one-more"), "w") as f:
        f.write("x")
    code, out, err = backup("files")
    assert code == 1 and "64 other files" in err and not os.path.exists(pki.path("files")), (code, err)
    os.unlink(os.path.join(pki.state, "one-more"))
    with open(os.path.join(pki.state, "more0"), "ab") as f:
        f.write(b"x")
    code, out, err = backup("bytes")
    assert code == 1 and "more0" in err and not os.path.exists(pki.path("bytes")), (code, err)


@test
def nothing_is_overwritten(server):
    with Own(server) as own:
        own.device()
        backup, occupied = own.pki.path("first"), own.pki.path("occupied")
        equal(run(server, "backup", "--state", own.pki.state, "--output", backup)[0], 0)
        whole = open(backup, "rb").read()
        code, out, err = run(server, "backup", "--state", own.pki.state, "--output", backup)
        assert code == 1 and "there already" in err, err
        equal(open(backup, "rb").read(), whole)
        # A server runs there.
        code, out, err = run(server, "restore", "--state", own.pki.state, "--from", backup)
        assert code == 1 and "in use by another mdm-server, process %d" % own.process.pid in err, err
        # Somebody's files are there.
        os.mkdir(occupied)
        with open(os.path.join(occupied, "mine"), "w") as f:
            f.write("x")
        code, out, err = run(server, "restore", "--state", occupied, "--from", backup)
        assert code == 1 and "not empty" in err, err
        equal([name for name in os.listdir(occupied) if name != "lock"], ["mine"])
        # An empty directory is fine.
        empty = own.pki.path("empty")
        os.mkdir(empty, 0o700)
        equal(run(server, "restore", "--state", empty, "--from", backup)[0], 0)
        for args in (["backup", "--state", own.pki.state], ["restore", "--state", empty], ["backup", "--output", backup + "2"],
                     ["backup", "--state", own.pki.state, "--output", ""]):
            code, out, err = run(server, *args)
            assert code == 2 and not out, (args, code, err)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
