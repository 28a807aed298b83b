#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agentctl.py BUILD_DIR [NAME] - the real agentctl against a small fake enforcer.

Nothing of the agent is needed, and no root. The last line is "N passed, N failed".
"""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
from agentctl_rig import (ACTORS, ALL_SEALS, BUSY, DENIED, fixture, INPUT, INTERNAL, LIMIT_ANSWER, OK,
                          READERS, REFUSED, run_tests, SEAL_WRITE, STATE, TICKET, TREE, UNREACHABLE)


def test_pages(case):
    fake = case.start()
    case.expect(0, "status", out="This phone is not managed")
    fake.answers["status"] = (OK, "", fixture("status_well"))
    case.expect(0, "status", out="managed by Muster Wasserwerke GmbH")
    case.expect(0, "policy", "show", out="screen_lock.idle_delay: 120 s")
    case.expect(0, "policy", "explain", out="Decided by profile office-hours")
    case.expect(8, "compliance", out="NOT as it should be")
    case.expect(0, "journal", "show", out="document refused")
    case.expect(0, "journal", "verify", out="The journal is whole")
    case.expect(0, "privacy", out="Never collected")
    case.expect(0, "command", "list", out="reboot: done")


def test_unmanaged(case):
    """A phone that nobody manages is no fault: what only looks says so, on standard output, and ends with 0."""
    fake = case.start()
    for name, words, page in (("policy_show", ("policy", "show"), "policy"), ("apps", ("apps",), "apps"),
                              ("policy_explain", ("policy", "explain"), "explain"),
                              ("policy_explain", ("policy", "explain", "apps.blocked"), "explain")):
        fake.answers[name] = (OK, "", fixture(page + "_unmanaged"))
        result = case.expect(0, *words, out="This phone is not managed")
        assert result.stderr == "", result.stderr
    # Not 0, which says that a policy is met, and not 8, which says that one is not.
    fake.answers["compliance"] = (OK, "", fixture("compliance_unmanaged"))
    result = case.expect(5, "compliance", out="This phone is not managed")
    assert result.stderr == "", result.stderr
    result = case.run("compliance", "--json")
    assert result.returncode == 5 and json.loads(result.stdout)["enrolled"] is False, result


def test_width_and_no_colour_in_pipes(case):
    fake = case.start()
    fake.answers["status"] = (OK, "", fixture("status_trouble"))
    for width in (30, 40, 80):
        for words in READERS[:-1]:
            result = case.run(*words, env={"COLUMNS": str(width)})
            assert max(map(len, result.stdout.splitlines())) <= width, result.stdout
            assert "\033" not in result.stdout


def test_hostile_status(case):
    fake = case.start()
    fake.answers["status"] = (OK, "", fixture("status_hostile"))
    case.expect(0, "status")
    _, output = case.tty("status")
    assert not re.search(r"\033(?!\[(0|1|2|32|33|1;31)m)", output), repr(output)
    assert not re.search("[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e]", output), repr(output)


def test_json_is_verbatim(case):
    fake = case.start()
    for words in READERS:
        name = "places" if words[0] == "place" else "_".join(words)
        result = case.run("--json", *words)
        assert result.stdout == fake.answers[name][2] + "\n", name
        json.loads(result.stdout)
    assert case.run("compliance", "--json").returncode == 8


def test_json_of_everything_else(case):
    case.start()
    for arguments in (("version",), ("help",), ("policy", "schema"), ("unenroll", "--yes"), ("sync",),
                      ("policy", "explain", "screen_lock"), ("enroll", TICKET)):
        result = case.expect(0, "--json", *arguments)
        assert isinstance(json.loads(result.stdout), dict), arguments
        assert result.stdout.endswith("}\n")


def test_json_of_failures(case):
    fake = case.start()
    for code, name in ((DENIED, "denied"), (STATE, "state"), (UNREACHABLE, "unreachable"), (REFUSED, "refused")):
        fake.answers["sync"] = (code, "it did not work", None)
        result = case.run("sync", "--json")
        answer = json.loads(result.stdout)
        assert answer["error"] == name and answer["message"], answer
    result = case.run("--json", "frobnicate")
    assert result.returncode == 2 and json.loads(result.stdout)["error"] == "usage"


def test_json_on_a_terminal_is_harmless(case):
    fake = case.start()
    fake.answers["privacy"] = (OK, "", '{"collected":[{"what":"a\u009b31m\u202e","why":""}]}')
    code, output = case.tty("privacy", "--json")
    assert code == 0 and "\\u009b31m\\u202e" in output, repr(output)
    piped = case.run("privacy", "--json").stdout
    assert "\u009b31m" in piped
    assert json.loads(piped) == json.loads(output)


def test_colour_on_a_terminal(case):
    case.start()
    assert "\033[" in case.tty("compliance")[1]
    assert "\033[" not in case.tty("compliance", env={"NO_COLOR": "1"})[1]
    assert "\033[" in case.tty("compliance", env={"NO_COLOR": ""})[1]
    assert "\033[" not in case.tty("compliance", "--no-color")[1]
    assert "\033[" not in case.tty("compliance", env={"TERM": "dumb"})[1]
    lines = case.tty("compliance", "--no-color", columns=44)[1].splitlines()
    assert 40 <= max(map(len, lines)) <= 44, lines


def test_answers_to_exit_codes(case):
    fake = case.start()
    expected = {DENIED: (4, "root or membership in the group mdm-admin"), STATE: (5, "as things are"),
                INPUT: (7, "as things are"), UNREACHABLE: (6, "as things are"), REFUSED: (7, "as things are"),
                BUSY: (1, "as things are"), INTERNAL: (1, "as things are"), 77: (1, "as things are")}
    for code, (status, part) in expected.items():
        for words in READERS + ACTORS:
            for name in fake.answers:
                # enroll asks for the status first: that answers as usual
                if not (words[0] == "enroll" and name == "status"):
                    fake.answers[name] = (code, "as things are", None)
            result = case.expect(status, *words, err=part)
            assert result.stdout == ""
        fake.answers["status"] = (OK, "", fixture("status_unmanaged"))
    fake.answers["sync"] = (UNREACHABLE, "", None)
    case.expect(6, "sync", err="could not be reached")
    for message, part in (("it is silent; is the port right?", "right? Check"), ("it is silent..", "silent. Check")):
        fake.answers["sync"] = (UNREACHABLE, message, None)
        case.expect(6, "sync", err=part)


def test_messages_are_cleaned(case):
    fake = case.start()
    # Control characters never pass the message table; what looks like text but is not, is cut here.
    fake.answers["sync"] = (REFUSED, "see \u202egpj.exe", None)
    result = case.expect(7, "sync")
    assert "\u202e" not in result.stderr


def test_no_agent(case):
    for words in READERS + ACTORS:
        result = case.expect(3, *words, err="not running")
        assert result.stdout == ""
    with open(os.path.join(case.directory, "agent.sock"), "w", encoding="ascii"):
        pass
    case.expect(3, "status", err="not running")
    answer = json.loads(case.run("status", "--json").stdout)
    assert answer["error"] == "no_agent"


def test_agent_hangs(case):
    case.start("hangs")
    began = time.monotonic()
    case.expect(3, "status", err="did not answer within 5 s")
    assert time.monotonic() - began < 60


def test_interrupt(case):
    case.start("hangs")
    process = subprocess.Popen(case.command("sync"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=case.environment())
    while not case.fake.requests:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT and "Interrupted" in err, (process.returncode, err)


def test_agent_misbehaves(case):
    for how in ("garbage", "short", "unterminated"):
        fake = case.start(how)
        case.expect(3, "status", err="does not follow the protocol")
        fake.stop()
        os.unlink(fake.path)
    fake = case.start("closes")
    case.expect(3, "status", err="closed the connection")
    fake.stop()
    os.unlink(fake.path)
    case.fake = None


def test_answers_that_are_not_believed(case):
    fake = case.start()
    fake.seals = 0
    case.expect(3, "status", err="does not follow the protocol")
    fake.seals = SEAL_WRITE
    case.expect(3, "status", err="does not follow the protocol")
    fake.seals = ALL_SEALS
    for stated in (0, 1, LIMIT_ANSWER + 1, 0xffffffff):
        fake.stated = stated
        case.expect(3, "status", err="does not follow the protocol")
    fake.stated = None
    large = '{"a":"%s"}' % ("x" * (LIMIT_ANSWER - 8))
    fake.answers["privacy"] = (OK, "", large)
    assert len(large) == LIMIT_ANSWER
    case.expect(0, "privacy")
    fake.answers["privacy"] = (OK, "", large[:-2] + 'x"}')
    case.expect(3, "privacy")
    for text in ("[]", "null", "{", "{}{}", '{"a":NaN}', b'{"a":"\xff"}', b'{"a":"\x1b"}', "x"):
        fake.answers["status"] = (OK, "", text)
        for options in ((), ("--json",)):
            case.expect(3, "status", *options, err="does not follow the protocol")
    fake.answers["status"] = (OK, "", None)
    case.expect(3, "status")


def test_usage(case):
    for arguments in ((), ("frobnicate",), ("policy",), ("status", "now"), ("status", "--yes"), ("enroll",),
                      ("journal", "show", "-n", "0"), ("--socket",),
                      ("policy", "explain", "colours"), ("policy", "explain", "screen_lock.colour"),
                      ("policy", "explain", "screen_lock."), ("policy", "explain", "x" * 300), ("help", "me"),
                      ("status", "\033[31mred")):
        result = case.run(*arguments)
        assert result.returncode == 2, (arguments, result)
        assert result.stderr and not result.stdout and "\033" not in result.stderr, (arguments, result)
    case.expect(2, "policy", "schema", "--json", "--markdown", err="exclude each other")
    result = subprocess.run([case.program, "--socket", "/" + "a" * 200, "status"], capture_output=True, text=True,
                            check=False, timeout=60)
    assert result.returncode == 2 and "too long" in result.stderr


def test_help(case):
    overview = case.expect(0, "help").stdout
    tables = json.loads(case.run("help", "--json").stdout)
    for command in tables["commands"]:
        assert command["name"] in overview
        words = command["name"].split()
        for arguments in ((*words, "--help"), ("help", *words)):
            assert command["help"].split()[0] in case.expect(0, *arguments).stdout
    assert [row["code"] for row in tables["exit_codes"]] == list(range(10))
    case.expect(0, "--help", out="Exit codes")
    case.expect(0, "help", "policy", out="agentctl policy explain")
    assert case.run("--version").stdout == case.run("version").stdout


def test_documentation_is_up_to_date(case):
    with open(os.path.join(TREE, "docs", "agentctl.md"), encoding="utf-8") as f:
        text = f.read()
    parts = re.search(r"<!-- begin: agentctl help --markdown -->\n(.*)<!-- end -->", text, re.S)
    assert parts, "docs/agentctl.md has lost its markers"
    assert parts.group(1) == case.run("help", "--markdown").stdout, "put the output of: agentctl help --markdown"
    # Every command that an example shows is one.
    for line in re.findall(r"^\$ agentctl ?(.*)$", text, re.M):
        line = re.split("[|<>]", line)[0]
        arguments = line.split()
        result = subprocess.run([case.program, *arguments, "--help"], capture_output=True, text=True, check=False,
                                timeout=60)
        assert result.returncode == 0, (line, result.stderr)


def test_explain_selects(case):
    case.start()
    result = case.expect(0, "policy", "explain", "encryption")
    assert "encryption.swap" in result.stdout and "screen_lock" not in result.stdout
    answer = json.loads(case.run("policy", "explain", "screen_lock.idle_delay", "--json").stdout)
    assert [s["setting"] for s in answer["settings"]] == ["idle_delay"]
    assert answer["settings"] == json.loads(fixture("policy_explain"))["settings"][:1]
    case.expect(0, "policy", "explain", "encryption.storage", out="No profile of this phone sets encryption.storage")


def test_journal(case):
    fake = case.start()
    for arguments, after, count in (((), 0, 20), (("-n", "5"), 0, 5), (("--after", "7"), 7, 500),
                                    (("-n3", "--after=9"), 9, 3), (("-n", "100000"), 0, 100000)):
        case.expect(0, "journal", "show", *arguments)
        assert struct.unpack("=qII", fake.requests[-1][1]) == (after, count, 0)
    fake.answers["journal_verify"] = (OK, "", fixture("verify_damaged"))
    case.expect(9, "journal", "verify", out="DAMAGED")
    case.expect(9, "journal", "verify", "--json")
    fake.answers["journal_show"] = (OK, "", '{"records":[],"dropped":0}')
    case.expect(0, "journal", "show", out="No records")


def test_journal_follow(case):
    fake = case.start()
    fake.answers["journal_show"] = (OK, "", '{"records":[{"seq":4,"type":"started"}],"dropped":0}')
    process = subprocess.Popen(case.command("journal", "show", "--follow", "--json"), stdout=subprocess.PIPE,
                               text=True, env=case.environment())
    assert json.loads(process.stdout.readline()) == {"seq": 4, "type": "started"}
    fake.answers["journal_show"] = (OK, "", '{"records":[{"seq":5,"type":"applied"}],"dropped":0}')
    assert json.loads(process.stdout.readline()) == {"seq": 5, "type": "applied"}
    assert struct.unpack("=qII", fake.requests[1][1])[0] == 4
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGINT


def test_broken_pipe(case):
    fake = case.start()
    record = '{"seq":1,"time":1794999820,"type":"started","data":{"text":"%s"}}' % ("words " * 600)
    fake.answers["journal_show"] = (OK, "", '{"records":[%s],"dropped":0}' % ",".join([record] * 100))
    command = " ".join("'%s'" % word for word in case.command("journal", "show"))
    for options in ("", " --json"):
        result = subprocess.run("%s%s | head -1 > /dev/null" % (command, options), shell=True, text=True,
                                capture_output=True, env=case.environment(), check=False, timeout=60)
        assert result.returncode == 0 and result.stderr == "", result
        # Where SIGPIPE is ignored the program ends quietly too.
        result = subprocess.run("trap '' PIPE; %s%s | head -1 > /dev/null" % (command, options), shell=True,
                                text=True, capture_output=True, env=case.environment(), check=False, timeout=60)
        assert result.returncode == 0 and result.stderr == "", result
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run(case.command("journal", "show"), stdout=full, stderr=subprocess.PIPE, text=True,
                                env=case.environment(), check=False, timeout=60)
    assert result.returncode == 1 and "could not be written" in result.stderr, result


def sent_ticket(fake):
    name, body = fake.requests[-1]
    assert name == "enrol", fake.requests
    return body.rstrip(b"\0").decode()


def test_enroll_forms(case):
    fake = case.start()
    fields = re.match(r"mdm://(.*)/\?t=(.*)&s=(.*)&c=(.*)&k=(.*)&x=(.*)", TICKET).groups()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(fields[5])))
    text = ("# from the help desk\nserver   https://%s\nticket   %s\nsecret   %s\nca       %s\nkeyset   %s\n"
            "expires  %s\n" % (*fields[:5], moment))
    name = os.path.join(case.directory, "ticket")
    for form in (TICKET, text):
        with open(name, "w", encoding="ascii") as f:
            f.write(form)
        for arguments, stdin in (((form,), ""), (("-",), form), ((name,), "")):
            # not a terminal: nobody is asked
            case.expect(0, "enroll", *arguments, stdin=stdin, out="This phone is enrolled")
            assert sent_ticket(fake) == TICKET, sent_ticket(fake)


def test_enroll_secret_leaves_argv(case):
    if os.environ.get("MDM_EMULATED"):
        raise unittest.SkipTest("the arguments of a program are its emulator's: user-mode emulation")
    fake = case.start("hangs")
    process = subprocess.Popen(case.command("enroll", TICKET), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=case.environment())
    while not fake.requests:
        time.sleep(0.02)
    with open("/proc/%d/cmdline" % process.pid, "rb") as f:
        assert b"c2VjcmV0" not in f.read()
    process.kill()
    process.communicate()


def test_enroll_refuses_early(case):
    fake = case.start()
    bad = os.path.join(case.directory, "bad")
    with open(bad, "w", encoding="ascii") as f:
        f.write(TICKET + "#" * 1000)
    for arguments in (("mdm://nonsense",), (bad,), (TICKET.replace("x=", "x=1&y="),), (TICKET + "0" * 960,),
                      (re.sub(r"x=\d+", "x=1000000000", TICKET),)):
        result = case.expect(7, "enroll", *arguments)
        assert "c2VjcmV0" not in result.stderr + result.stdout
    case.expect(1, "enroll", os.path.join(case.directory, "none"), err="could not be read")
    case.expect(1, "enroll", case.directory, err="could not be read")
    case.expect(7, "enroll", "-", stdin="")
    assert fake.requests == []
    fake.answers["status"] = (OK, "", fixture("status_well"))
    case.expect(5, "enroll", TICKET, err="already managed by Muster Wasserwerke GmbH")
    assert [name for name, _ in fake.requests] == ["status"]


def test_enroll_asks_on_a_terminal(case):
    fake = case.start()
    for typed in ("no\n", "\n", "yess\n", "\x04"):
        code, output = case.tty("enroll", TICKET, typed=typed)
        words = " ".join(output.split())
        assert code == 1 and "Not enrolled; nothing was changed" in words, output
        assert "https://mdm.example.org:8443" in words and "set rules for" in words, output
        # Whoever agrees has read what is seen and what can be ordered, the worst of it too.
        for told in ("which apps are installed", "at which of the places", "count the phone as lost",
                     "install, update and remove apps", "erase the phone", "another passcode", "lock the disks"):
            assert told in words, (told, output)
        assert "c2VjcmV0" not in output
    assert all(name == "status" for name, _ in fake.requests)
    code, output = case.tty("enroll", TICKET, typed="yes\n")
    assert code == 0 and "enrolled" in output, output
    assert sent_ticket(fake) == TICKET
    code, output = case.tty("enroll", TICKET, "--yes")
    assert code == 0 and "Type yes" not in output, output


def test_unenroll(case):
    fake = case.start()
    case.expect(2, "unenroll", err="wants --yes")
    assert fake.requests == []
    code, output = case.tty("unenroll", typed="no\n")
    assert code == 1 and fake.requests == [], output
    code, output = case.tty("unenroll", typed="y\n")
    assert code == 0 and fake.requests[-1][0] == "unenrol", output
    case.expect(0, "unenroll", "-y", out="not managed any more")


def test_policy_check(case):
    policy = {"type": "policy", "org": "0123456789abcdef" * 2, "serial": 3, "issued": 1790000000,
              "expires": int(time.time()) + 86400, "target": {"stream": "staff"},
              "profiles": [{"id": "base", "settings": {"screen_lock": {"idle_delay": 300}, "gadgets": {}}}]}
    name = os.path.join(case.directory, "policy.json")
    with open(name, "w", encoding="ascii") as f:
        json.dump(policy, f)
    # No agent runs, and none is needed.
    case.expect(0, "policy", "check", name, out="screen_lock.idle_delay: 300")
    case.expect(0, "policy", "check", "-", stdin=json.dumps(policy), out="not signed")
    answer = json.loads(case.run("policy", "check", name, "--json").stdout)
    assert answer["ok"] and answer["unsupported"] == ["gadgets"] and not answer["signatures_checked"], answer
    policy["profiles"][0]["settings"]["screen_lock"]["idle_delay"] = 3
    case.expect(7, "policy", "check", "-", stdin=json.dumps(policy), err="idle_delay")
    case.expect(7, "policy", "check", "-", stdin="x" * (704 * 1024 + 1), err="larger than any document")
    case.expect(1, "policy", "check", name + "x", err="could not be read")
    answer = json.loads(case.run("policy", "check", "--json", "-", stdin="{}").stdout)
    assert answer["error"] == "refused"


LATITUDE, LONGITUDE = 48.137154, 11.576124
OFFICE = {"shape": {"circle": {"latitude": LATITUDE, "longitude": LONGITUDE, "radius": 200}}, "leave_dwell": 60}


def track(*points):
    """GPX of (seconds, metres north of the office)."""
    rows = "".join('<trkpt lat="%.6f" lon="%.6f"><time>%s</time></trkpt>' % (
        LATITUDE + north / 111320, LONGITUDE, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1790000000 + at)))
        for at, north in points)
    return "<gpx><trk><trkseg>%s</trkseg></trk></gpx>" % rows


def test_place_simulate(case):
    def write(name, text):
        path = os.path.join(case.directory, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))
        return path

    # An hour 3 km away, half an hour there, an hour at the office, back. It passes by for 30 s.
    day = write("day.gpx", track((0, 3000), (3600, 3000), (5400, 0), (9000, 0), (10800, 3000), (14400, 3000)))
    draft = {"places": {"office": OFFICE, "unused": OFFICE}, "profiles": [
        {"id": "away", "when": {"place": {"outside": "office"}}, "settings": {"screen_lock": {"idle_delay": 60}}},
        {"id": "longer", "when": {"place": {"inside": "office", "for": 1800}}, "settings": {}},
        {"id": "mixed", "when": {"all": [{"place": {"inside": "office"}}, {"charging": {"is": True}}]}, "settings": {}}]}
    policy = write("draft.json", draft)
    # No agent runs, and none is needed.
    for width in (40, 80):
        result = case.expect(0, "place", "simulate", day, "--policy", policy, env={"COLUMNS": str(width)})
        assert max(map(len, result.stdout.splitlines())) <= width, result.stdout
    for words in ("inside office by", "profile away applies", "profile longer applies", "profile mixed cannot be judged",
                  "outside office: after", "positions were asked for"):
        assert words in result.stdout, (words, result.stdout)
    answer = json.loads(case.run("place", "simulate", day, "--policy", policy, "--json").stdout)
    assert answer["lasted"] == 14400 and answer["changes"] == 3, answer
    assert not any(c["missed"] for c in answer["crossings"]), answer["crossings"]
    inside, outside = answer["crossings"][1:]
    assert (inside["side"], outside["side"]) == ("inside", "outside") and len(answer["crossings"]) == 3, answer
    # By the way itself: 2800 m of 3000 in 1800 s.
    assert abs(inside["time"] - (3600 + 2800 / 3000 * 1800)) <= 2 and abs(outside["time"] - (9000 + 120)) <= 2, answer
    assert 0 <= inside["noticed"] - inside["time"] <= 60 and 60 <= outside["noticed"] - outside["time"] <= 180, answer
    told = [e for e in answer["events"] if e["event"] == "place"]
    assert [e["state"] for e in told] == ["outside", "inside", "outside"] and told[2]["dwell"] == 60, told
    # The position comes before what it decided.
    at = answer["events"].index(told[1])
    assert answer["events"][at - 1]["event"] == "position", answer["events"][at - 1:at + 1]
    assert answer["events"][at - 1]["time"] == told[1]["time"], answer["events"][at - 1:at + 1]
    assert told[1]["time"] == inside["noticed"] and told[1]["cause"] == "position", told
    longer = [(e["time"], e["applies"]) for e in answer["events"] if e.get("profile") == "longer"]
    assert [t for _, t in longer] == ["unknown", "false", "true", "false"], longer
    assert longer[2][0] == inside["noticed"] + 1800, (longer, inside)
    n = sum(e["event"] == "position" for e in answer["events"])
    assert n == answer["positions"]["coarse"] + answer["positions"]["fine"] and n < 80, answer["positions"]
    # 30 s inside of a place that is entered after two minutes: passed over, which is no miss.
    draft["places"]["office"]["enter_dwell"] = 120
    brief = write("brief.gpx", track((0, 3000), (600, 3000), (780, 0), (960, 3000), (4000, 3000)))
    answer = json.loads(case.run("place", "simulate", brief, "--policy", write("draft2.json", draft), "--json").stdout)
    assert answer["crossings"][1]["noticed"] is None and not answer["crossings"][1]["missed"], answer["crossings"]
    # A place that no condition names is not looked for; another name is said to be none.
    case.expect(2, "place", "simulate", day, "--policy", policy, "--place", "home", err="office unused")
    del draft["profiles"][:]
    answer = json.loads(case.run("place", "simulate", day, "--policy", write("none.json", draft), "--json").stdout)
    assert answer["positions"] == {"coarse": 0, "fine": 0, "doubted": 0} and answer["events"] == [], answer
    # What is no way, no policy, or neither.
    case.expect(7, "place", "simulate", write("no.gpx", "<gpx/>"), "--policy", policy, err="line 1")
    case.expect(7, "place", "simulate", write("no.gpx", "<!DOCTYPE x>"), "--policy", policy, err="line 1")
    case.expect(7, "place", "simulate", day, "--policy", write("no.json", "{}"), err="A phone would refuse")
    case.expect(2, "place", "simulate", "-", "--policy", "-", err="both")
    case.expect(1, "place", "simulate", day + "x", "--policy", policy, err="could not be read")
    case.expect(3, "place", "simulate", day, err="not running")
    # The policies in force, as the agent shows them.
    fake = case.start()
    payload = json.loads(open(policy, encoding="utf-8").read())
    payload.update({"serial": 7, "target": {"stream": "staff"}})
    fake.answers["policy_show"] = (OK, "", json.dumps({"policies": [{"stream": "staff", "serial": 7, "payload": payload}]}))
    answer = json.loads(case.run("place", "simulate", day, "--json").stdout)
    assert {c["stream"] for c in answer["crossings"]} == {"staff"} and answer["changes"] == 3, answer
    fake.answers["policy_show"] = (OK, "", fixture("policy_unmanaged"))
    case.expect(5, "place", "simulate", day, err="holds no policy")
    fake.answers["policy_show"] = (OK, "", json.dumps({"policies": [{"payload": {"serial": "x"}}, 7]}))
    case.expect(1, "place", "simulate", day, err="could not be read")


def test_places(case):
    fake = case.start()
    case.expect(0, "place", "list", out="yard: unknown, which the policy takes for outside")
    result = case.expect(0, "place", "show", "office", out="less than 100 m from its boundary")
    assert "yard:" not in result.stdout and "strict of staff: applies" in result.stdout, result.stdout
    case.expect(2, "place", "show", "home", err="There are: depot office yard")
    fake.answers["places"] = (OK, "", fixture("places_none"))
    case.expect(0, "place", "list", out="No policy of this phone has places")
    case.expect(2, "place", "show", "home", err="is none in the policies")
    fake.answers["places"] = (OK, "", fixture("places_unmanaged"))
    case.expect(0, "place", "list", out="This phone is not managed")


def test_policy_schema(case):
    schema = json.loads(case.expect(0, "policy", "schema").stdout)
    assert "$schema" in schema
    assert "idle_delay" in case.expect(0, "policy", "schema", "--markdown").stdout


def test_closed_descriptors(case):
    case.start()
    command = " ".join("'%s'" % word for word in case.command("status"))
    result = subprocess.run(command + " <&- >&- 2>&-", shell=True, env=case.environment(), check=False, timeout=60)
    assert result.returncode == 0, result


if __name__ == "__main__":
    sys.exit(run_tests(globals(), __doc__))
