#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The area apps, from the policy to what is installed: what is blocked goes, what is required comes, what cannot be is
told with its reason, and everything is lifted at the end. Against the stand-in apk; APK=program is a real one.

Usage: apps_policy.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import json
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from agent_rig import wait_for
from apps_policy_rig import VIRTUAL, with_phones

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BASE = ["alpine-base", "apk-tools", "busybox", "gnome-thing", "musl", "postmarketos-ui"]


@with_phones({"mode": "deny", "blocked": ["firefox"]})
def test_blocked(phones):
    """It goes, it stays away, and it may come back when the rule ends."""
    phones.wait_setting("blocked", "compliant")
    check(phones.installed() == sorted(BASE + ["nano"]), phones.installed())
    check(phones.bans() == ["!firefox"], phones.bans())
    jobs = wait_for("the record", lambda: [r["data"] for r in phones.phone.journal("app") if r["data"]["what"] == "job"])
    check(len(jobs) == 1 and jobs[0]["cause"] == "policy" and not jobs[0]["failed"] and not jobs[0]["failure"] and
          {"step": "policy", "words": "!firefox"} in jobs[0]["steps"], jobs)
    # What a policy begins and ends later is no drift.
    wait_for("its end", lambda: {"backend": "apps"} in [r["data"] for r in phones.phone.journal("applied")])
    check(not {"app_found", "drift_repaired"} & {r["type"] for r in phones.phone.journal()}, phones.phone.journal())
    check(phones.apk("add", "firefox", check_it=False).returncode != 0)
    check(phones.apk("add", "htop").returncode == 0)
    # Somebody lifts it by hand: it is put back.
    phones.apk("del", VIRTUAL)
    wait_for("the ban\n" + phones.phone.log(), lambda: phones.bans() == ["!firefox"])
    wait_for("drift", lambda: {"backend": "apps"} in [r["data"] for r in phones.phone.journal("drift_repaired")])
    phones.push({"mode": "deny", "blocked": ["nothing-of-that-name"]})
    phones.wait_setting("blocked", "compliant")
    wait_for("no ban of it", lambda: phones.bans() == ["!nothing-of-that-name"])
    phones.apk("add", "firefox")
    phones.push({})
    wait_for("nothing is left\n" + phones.phone.log(), lambda: phones.bans() is None)
    check("firefox" in phones.installed())


@with_phones({"mode": "deny", "blocked": ["firefox"] + ["%03d" % i + 60 * "x" for i in range(120)]})
def test_long_lists(phones):
    """What a list makes of the phone stands in the journal, though the list has no room in a record."""
    phones.wait_setting("blocked", "compliant")
    rows = [row for r in phones.phone.journal("compliance_changed") for row in r["data"]["settings"]
            if row["setting"] == "blocked"]
    check([row["state"] for row in rows] == ["pending", "compliant"] and not any("desired" in row for row in rows), rows)


@with_phones({"mode": "deny", "blocked": ["fire*"]})
def test_blocked_comes_later(phones):
    """A pattern of what nobody has: removed when it comes."""
    phones.wait_setting("blocked", "compliant")
    check("firefox" not in phones.installed())
    done = phones.apk("add", "firefox-addon", check_it=False)
    if done.returncode == 0:
        wait_for("it is gone\n" + phones.phone.log(), lambda: "firefox-addon" not in phones.installed())
    phones.wait_setting("blocked", "compliant")


@with_phones()
def test_more_bans_than_steps(phones):
    """However many fit a pattern: one transaction, and they stay banned when they are gone."""
    names = ["game-%04d" % i for i in range(700)]
    phones.install_many(names)
    phones.push({"mode": "deny", "blocked": ["game-*"]})
    phones.wait_setting("blocked", "compliant")
    check(phones.installed() == sorted(BASE + ["firefox", "nano"]), phones.installed())
    check(phones.bans() == ["!" + name for name in names], len(phones.bans()))
    jobs = phones.jobs()
    check(len(jobs) == 1, [j["steps"] for j in jobs])


@with_phones()
def test_more_removals_than_a_job_does(phones):
    """In portions, with the bans first; until the last of them the phone does not comply."""
    names = ["game-%04d" % i for i in range(700)]
    phones.install_many(names)
    lock = phones.lock()
    phones.push({"mode": "allow", "allowed": ["nano"], "blocked": ["firefox"], "required": ["htop"]}, sync=True)
    row = phones.wait_setting("allowed", "noncompliant", reason="app_present")
    waiting = [i for i in row["items"] if "waits for its turn: one of 7" in i["detail"]]
    check(waiting and waiting[0]["state"] == "noncompliant", row["items"][-2:])
    lock.close()
    phones.wait_setting("allowed", "compliant")
    phones.wait_setting("required", "compliant")
    check(phones.installed() == sorted(BASE + ["htop", "nano"]), phones.installed())
    jobs = phones.jobs()
    steps = [[s["step"] for s in j["steps"]] for j in jobs]
    check(steps == [["policy", "remove"], ["policy", "remove"], ["remove", "policy"]], steps)
    check(jobs[0]["steps"][0]["words"] == "!firefox htop" and not any(j["failed"] for j in jobs), jobs)


@with_phones({"mode": "deny", "blocked": ["origin:mozilla", "fire*"]})
def test_bans_are_steady(phones):
    """What a pattern has removed stays banned, by whatever it was known; nothing is done twice."""
    wait_for("its end\n" + phones.phone.log(), lambda: phones.bans() == ["!firefox"])
    phones.repository.add("fox", origin="mozilla")
    phones.apk("add", "fox")
    wait_for("it is gone\n" + phones.phone.log(), lambda: phones.bans() == ["!firefox", "!fox"])
    phones.wait_setting("blocked", "compliant")
    wait_for("the end", lambda: not phones.phone.status()["apps"]["running"])
    for name in ("fox", "firefox"):
        check(phones.apk("add", name, check_it=False).returncode != 0, name)
    # Also over a restart.
    phones.phone.stop()
    phones.phone.start()
    phones.phone.sync()
    phones.wait_setting("blocked", "compliant")
    check(phones.bans() == ["!firefox", "!fox"], phones.bans())
    jobs = phones.jobs()
    check(len(jobs) == 2, jobs)
    phones.push({"mode": "deny", "blocked": ["fire*"]})
    wait_for("the ban ends with its rule", lambda: phones.bans() == ["!firefox"])
    phones.apk("add", "fox")


@with_phones({"mode": "allow", "allowed": ["nano", "maps"]})
def test_allow(phones):
    """What no list has goes; base stays, and so does what apps need."""
    phones.wait_setting("allowed", "compliant")
    check(phones.installed() == sorted(BASE + ["nano"]), phones.installed())
    phones.apk("add", "maps")
    phones.apk("add", "htop")
    wait_for("htop is gone\n" + phones.phone.log(), lambda: "htop" not in phones.installed())
    check("maps" in phones.installed())
    phones.wait_setting("allowed", "compliant")


@with_phones({"mode": "allow", "allowed": ["nothing"], "required": ["vpn-applet"]}, installed=["network-applet"])
def test_base_that_an_app_alone_holds(phones):
    """The way to the network does not go along with the app that brought it, nor with the requirement that came later."""
    phones.wait_setting("allowed", "compliant")
    phones.wait_setting("required", "compliant")
    check("network-applet" not in phones.installed() and "networkmanager" in phones.installed(), phones.installed())
    phones.phone.ok("unenroll", "--yes")
    wait_for("the end\n" + phones.phone.log(), lambda: not phones.phone.status()["enrolled"])
    check("vpn-applet" not in phones.installed() and "networkmanager" in phones.installed(), phones.installed())


@with_phones({"mode": "deny", "required": ["htop", "nosuch"], "pinned": ["maps=1.0-r0"], "blocked": ["firefox"]})
def test_required_and_pinned(phones):
    """What nobody has is told by itself, and is in nobody's way."""
    item = phones.wait_setting("required", "noncompliant", item="nosuch")
    check(item["reason"] == "app_unknown" and "again at" in item["detail"], item)
    check("htop" in phones.installed() and "firefox" not in phones.installed())
    phones.wait_setting("blocked", "compliant")
    check([i["name"] for i in phones.setting("required")["items"]] == ["nosuch"])
    phones.apk("add", "maps")
    wait_for("the pinned version\n" + phones.phone.log(), lambda: phones.versions()["maps"] == "1.0-r0")
    phones.wait_setting("pinned", "compliant")
    # Removed by hand it comes back; the pause after what failed is short for another plan.
    phones.repository.add("nosuch")
    phones.push({"mode": "deny", "required": ["htop", "nosuch"]})
    phones.wait_setting("required", "compliant")
    check("nosuch" in phones.installed())
    row = phones.wait_command(phones.order("remove", "name=htop"), "done", "failed", "refused")
    check((row["state"], row["reason"]) == ("refused", "required") and "htop" in phones.installed(), row)


@with_phones({"mode": "deny", "blocked": ["busybox", "gnome-thing", "firefox", "linux-*"]})
def test_protected(phones):
    """What the phone needs is refused by itself, with the chain; the rest is done."""
    wait_for("the rest\n" + phones.phone.log(), lambda: "firefox" not in phones.installed())
    wait_for("its end", lambda: len(phones.setting("blocked")["items"]) == 2)
    row = phones.setting("blocked")
    items = {i["name"]: i for i in row["items"]}
    check(row["reason"] == "app_protected" and set(items) == {"busybox", "gnome-thing"}, row)
    check(all(i["reason"] == "app_protected" and i["detail"] for i in items.values()), items)
    check(set(BASE) <= set(phones.installed()))
    check("!busybox" not in phones.bans())


@with_phones()
def test_no_repository(phones):
    """A repository that cannot be reached: told as that, and tried again when told to."""
    path = phones.phone.path("etc/apk/repositories")
    with open(path, encoding="utf-8") as f:
        there = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write("http://127.0.0.1:1/apk\n")
    phones.push({"mode": "deny", "required": ["htop"]})
    row = phones.wait_setting("required", "pending", "noncompliant", reason="no_network")
    check(row["state"] == "pending", row)
    check("htop" not in phones.installed())
    # Bans need no network.
    phones.push({"mode": "deny", "required": ["htop"], "blocked": ["firefox"]})
    phones.wait_setting("blocked", "compliant")
    with open(path, "w", encoding="utf-8") as f:
        f.write(there)
    phones.push({"mode": "deny", "required": ["htop"], "blocked": ["firefox", "other"]})
    phones.wait_setting("required", "compliant")


@with_phones()
def test_progress_and_restart(phones):
    """While it works the phone says so; an agent that is killed in the middle finds it done."""
    lock = phones.lock()
    phones.push({"mode": "deny", "blocked": ["firefox"]}, sync=True)
    row = phones.wait_setting("blocked", "pending", reason="under_way")
    check(row["items"][0]["name"] == "firefox" and "removed" in row["items"][0]["detail"], row)
    wait_for("running", lambda: phones.phone.status()["apps"]["running"])
    wait_for("a word", lambda: phones.phone.status()["apps"].get("doing", "").startswith("waiting for another"))
    work = phones.phone.status()["apps"]
    check(work["cause"] == "policy" and abs(work["since"] - time.time()) < 600, work)
    told = " ".join(phones.phone.ok("status").split())
    check("Apps waiting for another package manager; for the organisation's rules; begun just now" in told, told)
    # Others are served meanwhile; and the organisation sees it, too.
    check(phones.wait_command(phones.order("sync"), "done"))
    check(phones.phone.sync() == 0, phones.phone.log())
    shown = phones.admin.ok("device", "show", phones.device)
    check(re.search(r"^at work +waiting for another package manager; begun .* \(as it said ", shown, re.M), shown)
    phones.phone.stop(signal.SIGKILL)
    lock.close()
    phones.phone.start()
    phones.wait_setting("blocked", "compliant")
    check("firefox" not in phones.installed())
    wait_for("the end", lambda: not phones.phone.status()["apps"]["running"])
    check("since" not in phones.phone.status()["apps"], phones.phone.status()["apps"])
    check(phones.phone.sync() == 0, phones.phone.log())
    check("at work" not in phones.admin.ok("device", "show", phones.device))


@with_phones()
def test_worker_is_killed(phones):
    """What breaks off in the middle is told as that, and tried again."""
    lock = phones.lock()
    phones.push({"mode": "deny", "blocked": ["firefox"]})
    wait_for("running", lambda: phones.phone.status()["apps"]["running"])
    # Before it says something it may be the one that only leaves for another session.
    wait_for("its first word", lambda: os.path.exists(os.path.join(phones.phone.base, "apps.progress")))
    pid = wait_for("the program", phones.worker)
    os.kill(pid, signal.SIGKILL)
    row = phones.wait_setting("blocked", "noncompliant", reason="app_failed")
    check("broke off" in row["items"][0]["detail"] and "again at" in row["items"][0]["detail"], row)
    lock.close()
    # A policy that wants something else does not wait for the minute to be over.
    phones.push({"mode": "deny", "blocked": ["firefox", "other"]})
    phones.wait_setting("blocked", "compliant")


@with_phones()
def test_no_program(phones):
    """Without the program that installs and removes: said, and everything else is enforced."""
    phones.phone.stop()
    phones.phone.options[1] = "/nonexistent/mdm-agent-apps"
    phones.phone.start()
    phones.push({"mode": "deny", "blocked": ["firefox"], "hidden": ["firefox.desktop"]})
    row = phones.wait_setting("blocked", "noncompliant", reason="app_failed")
    check("could not be" in row["items"][0]["detail"] or "could not begin" in row["items"][0]["detail"], row)
    phones.wait_setting("hidden", "compliant")
    row = phones.wait_command(phones.order("install", "name=htop"), "failed")
    check(row["reason"] == "broken_off", row)


@with_phones({"mode": "deny", "blocked": ["firefox"], "required": ["htop", "vim"]})
def test_unenrol(phones):
    """Bans go with the enrolment, and what was required, unless somebody else asked for it."""
    phones.wait_setting("required", "compliant")
    check("htop" in phones.installed() and "htop" not in phones.world(), phones.world())
    phones.apk("add", "vim")
    phones.wait_setting("blocked", "compliant")
    phones.phone.ok("unenroll", "--yes")
    wait_for("the end\n" + phones.phone.log(), lambda: not phones.phone.status()["enrolled"])
    check(phones.bans() is None, phones.bans())
    check("firefox" not in phones.installed())
    check("htop" not in phones.installed() and "vim" in phones.installed(), phones.installed())
    for name in ("apps.rules", "apps-updates"):
        check(not os.path.exists(os.path.join(phones.phone.state, name)), name)
    phones.apk("add", "firefox")


@with_phones({"mode": "deny", "blocked": ["firefox"]})
def test_commands(phones):
    """install, remove, update: done, refused where the policy says no, failed with the reason."""
    phones.wait_setting("blocked", "compliant")
    row = phones.wait_command(phones.order("install", "name=htop"), "done", "failed", "refused")
    check(row["state"] == "done" and row["detail"].startswith("htop") and "htop" in phones.world(), row)
    row = phones.wait_command(phones.order("install", "name=firefox"), "done", "failed", "refused")
    check((row["state"], row["reason"]) == ("refused", "blocked") and row["detail"].startswith("firefox: "), row)
    row = phones.wait_command(phones.order("install", "name=nosuch"), "done", "failed", "refused")
    check((row["state"], row["reason"]) == ("failed", "unknown_package"), row)
    row = phones.wait_command(phones.order("remove", "name=gnome-thing"), "done", "failed", "refused")
    check((row["state"], row["reason"]) == ("refused", "protected") and "the phone came with it" in row["detail"], row)
    row = phones.wait_command(phones.order("remove", "name=nano"), "done", "failed", "refused")
    check(row["state"] == "done" and "nano" not in phones.installed(), row)
    row = phones.wait_command(phones.order("remove", "name=nano"), "done", "failed", "refused")
    check((row["state"], row["reason"]) == ("done", "nothing_to_do") and row["detail"].startswith("nano: "), row)
    # What is not there is not up to date, and perhaps misspelt.
    row = phones.wait_command(phones.order("update", "name=nano"), "done", "failed", "refused")
    check((row["state"], row["reason"], row["detail"]) == ("failed", "unknown_package", "nano: it is not installed"), row)
    phones.repository.add("htop", "2.0-r0")
    row = phones.wait_command(phones.order("update"), "done", "failed", "refused")
    check(row["state"] == "done" and phones.versions()["htop"] == "2.0-r0", row)
    # Who came and went by an order was brought and taken by nobody else.
    check(not phones.phone.journal("app_found"), phones.phone.journal("app_found"))
    phones.apk("add", "maps")
    wait_for("a record", lambda: [r["data"]["appeared"] for r in phones.phone.journal("app_found")] == [["maps"]])
    told = phones.phone.told()
    check("keep away firefox" in told and "An order of the organisation was carried out: install htop." in told and
          "Came: maps." in told, told)
    bad = phones.admin.run("command", "install", "name=--allow-untrusted", "--device", phones.device)
    check(bad.returncode != 0, bad.stdout)


@with_phones()
def test_command_waits_and_others_do_not(phones):
    """A command that has to wait for the package manager keeps nobody else waiting, and survives the agent."""
    lock = phones.lock()
    install = phones.order("install", "name=htop")
    phones.wait_command(install, "running")
    check(phones.wait_command(phones.order("sync"), "done"))
    second = phones.order("remove", "name=nano")
    check(phones.command(second)["state"] == "accepted", phones.command(second))
    phones.phone.stop(signal.SIGKILL)
    phones.phone.start()
    lock.close()
    row = phones.wait_command(install, "done", "failed", "interrupted")
    check(row["state"] == "done" and "htop" in phones.installed(), row, phones.phone.log())
    check(phones.wait_command(second, "done") and "nano" not in phones.installed())


@with_phones({"mode": "allow", "allowed": ["nano", "maps", "htop"], "blocked": ["gnome-extra"]}, hook=True)
def test_hook(phones):
    """What apk is about to install is judged before it does; dependencies by what is blocked alone."""
    phones.wait_setting("allowed", "compliant")
    rules = os.path.join(phones.phone.state, "apps.rules")
    wait_for("rules", lambda: os.path.exists(rules))
    check(os.stat(rules).st_mode & 0o777 == 0o600)
    phones.repository.add("gnome-extra")
    phones.repository.add("needs-extra", depends="gnome-extra")
    phones.repository.add("maps-data")
    phones.repository.add("htop", "3.0-r0", depends="maps-data")
    done = phones.hooked("add", "firefox")
    check(done.returncode != 0 and "firefox is not allowed on this phone by Example Org" in done.stderr and
          "apps.allowed" in done.stderr, done.stdout + done.stderr)
    # The agent need not run, and whatever it cannot judge passes.
    phones.phone.stop()
    check(phones.hooked("add", "firefox").returncode != 0)
    for words in (("add", "htop"), ("add", "maps=1.0-r0"), ("add", "busybox"), ("del", "nano"), ("upgrade",),
                  ("add", "nosuch"), ("add", "--virtual", ".x", "maps")):
        done = phones.hooked(*words)
        check(done.returncode == 0, words, done.stdout, done.stderr)
    # Names of another package's make, signed by nobody.
    check(phones.hooked("add", "-t", ".x", "firefox").returncode != 0)
    os.unlink(rules)
    check(phones.hooked("add", "firefox").returncode == 0)
    phones.phone.start()


@with_phones(hook=True)
def test_examples(phones):
    """docs/examples/kiosk.json refuses what is not in its list; by origin that shows once it is there."""
    for name in ("gnome-maps", "gnome-calls", "chatty"):
        phones.repository.add(name)
    with open(os.path.join(TOP, "docs/examples/kiosk.json"), encoding="utf-8") as f:
        apps = json.load(f)["profiles"][0]["settings"]["apps"]
    phones.push(apps)
    phones.wait_setting("required", "compliant")
    phones.wait_setting("allowed", "compliant")
    check(set(phones.installed()) == {*BASE, *apps["required"]}, phones.installed())
    done = phones.hooked("add", "htop")
    check(done.returncode != 0 and "htop is not allowed on this phone by Example Org" in done.stderr, done.stdout, done.stderr)
    apps["allowed"].append("origin:chatty")
    phones.push(apps)
    wait_for("a list", lambda: "origin:chatty" in phones.phone.read("../state/apps.rules"))
    check(phones.hooked("add", "htop").returncode == 0)
    # The phone's own job may hold the lock at the moment.
    wait_for("htop", lambda: phones.apk("add", "htop", check_it=False).returncode == 0)
    wait_for("htop to go", lambda: "htop" not in phones.installed())


@with_phones({"mode": "allow", "allowed": ["nano", "maps"]}, hook=True)
def test_hook_by_other_names(phones):
    """What is asked for by what it provides, by a virtual package or by the world is asked for all the same."""
    phones.wait_setting("allowed", "compliant")
    add = phones.repository.add
    add("browser", provides="cmd:browser=1 www-browser=1", depends="browser-lib")
    add("browser-lib", provides="so:libb.so.1=1")
    add("maps-tool", provides="cmd:map=1")
    add("maps", "3.0-r0", depends="browser-lib", provides="cmd:maps=1")
    add(".dot")
    phones.phone.stop()
    for words in (("cmd:browser",), ("www-browser",), ("-t", ".x", "cmd:browser"), ("so:libb.so.1",), ("cmd:map>0",), (".dot",),
                  ("-t", ".x", "nano", ".dot")):
        done = phones.hooked("add", *words)
        check(done.returncode != 0 and "is not allowed on this phone" in done.stderr, words, done.stdout, done.stderr)
    for words in (("cmd:maps",), ("maps",), ("-t", ".x", "maps"), ("-t.x", "cmd:maps"), ("cmd:nobody",)):
        done = phones.hooked("add", *words)
        check(done.returncode == 0, words, done.stdout, done.stderr)
    world = phones.phone.path("etc/apk/world")
    with open(world, "a", encoding="utf-8") as f:
        f.write("htop\n")
    check("htop is not allowed" in phones.hooked("add").stderr)
    phones.phone.start()


@with_phones({"mode": "allow", "allowed": ["nano", "maps"], "blocked": ["gnome-extra"]}, hook=True)
def test_callers(phones):
    """No terminal, no input, no PATH, another directory and language: what is allowed goes through. A service that uses the
    library cannot be asked what it is about to do: apk itself refuses what is banned, and the rest goes with the next round."""
    phones.wait_setting("allowed", "compliant")
    phones.repository.add("gnome-extra")
    for environment in ({}, {"LC_ALL": "tlh_AQ.koi8", "LANG": "\xff"}):
        bare = {"MDM_HOOK": phones.hook, **environment}
        for word, status in (("maps", 0), ("htop", 1)):
            done = phones.hooked("add", word, bare=bare)
            check(done.returncode == status, done.stdout, done.stderr)
            check(len(done.stderr.splitlines()) == status and not done.stdout, done.stdout, done.stderr)
        check("htop is not allowed on this phone by Example Org" in done.stderr, done.stderr)
    done = phones.library("add", "maps")
    check(done.returncode == 0 and "maps" in phones.installed(), done.stdout, done.stderr)
    done = phones.library("add", "gnome-extra")
    check(done.returncode != 0 and "breaks: .rules-of-your-organisation--run-agentctl-apps-" in done.stderr and
          "[!gnome-extra]" in done.stderr, done.stdout, done.stderr)
    done = phones.library("add", "htop")
    check(done.returncode == 0 and not done.stderr, done.stdout, done.stderr)
    wait_for("htop is gone\n" + phones.phone.log(), lambda: "htop" not in phones.installed())
    phones.wait_setting("allowed", "compliant")
    check("maps" in phones.installed())


@with_phones({"mode": "deny", "update_every": 1})
def test_updates(phones):
    """Due at once on a phone that never had any; done, remembered over a restart, not again the same day."""
    phones.repository.add("nano", "2.0-r0")
    phones.wait_setting("update_every", "compliant")
    path = os.path.join(phones.phone.state, "apps-updates")
    with open(path, encoding="utf-8") as f:
        first = f.read()
    check("\ndone 0\n" not in first, first)
    phones.repository.add("nano", "3.0-r0")
    phones.phone.stop()
    phones.phone.start()
    row = phones.wait_setting("update_every", "compliant")
    check("last: 20" in row["detail"], row)
    with open(path, encoding="utf-8") as f:
        check(f.read() == first)
    check(phones.versions()["nano"] != "3.0-r0")
    phones.push({"mode": "deny", "update_every": 1, "update_hours": []})
    phones.wait_setting("update_every", "noncompliant", reason="update_due")


@with_phones({"mode": "deny", "hidden": ["firefox.desktop"], "blocked": ["nano"]})
def test_hidden_beside_a_long_job(phones):
    """What takes no package manager does not wait for one."""
    phones.wait_setting("hidden", "compliant")
    phones.wait_setting("blocked", "compliant")
    check("NoDisplay=true" in phones.phone.read("usr/local/share/applications/firefox.desktop"))


TESTS = [test_blocked, test_long_lists, test_blocked_comes_later, test_more_bans_than_steps, test_more_removals_than_a_job_does,
         test_bans_are_steady, test_allow, test_base_that_an_app_alone_holds,
         test_required_and_pinned, test_protected,
         test_no_repository, test_progress_and_restart, test_worker_is_killed, test_no_program, test_unenrol, test_commands,
         test_command_waits_and_others_do_not, test_hook, test_hook_by_other_names, test_examples,
         test_callers, test_updates, test_hidden_beside_a_long_job]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
