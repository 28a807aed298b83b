#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/user-guide.md, "My app was blocked": what it says that people see is what they see. Packages with the stand-in for
apk; programs, as root, with the real guard on a file system of its own, in a private mount namespace.

Usage: blocked.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check, run_tests
from agent_rig import wait_for
import apps_policy_rig
import guard_host

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/user-guide.md")


def guide():
    with open(GUIDE, encoding="utf-8") as f:
        return f.read().split("## My app was blocked", 1)[1].split("\n## ", 1)[0]


def page(phone, *words):
    """What a command prints, in one line."""
    return " ".join(phone.ok(*words).split())


def says(text, *parts):
    """Both the guide and the phone do."""
    for part in parts:
        check(part in " ".join(guide().split()), "the guide does not say", part)
        check(part in text, "the phone does not say", part, text)


@apps_policy_rig.with_phones(hook=True)
def test_packages(phones):
    phone = phones.phone
    rules = {"mode": "deny", "blocked": ["firefox"], "hidden": ["firefox.desktop"]}
    phones.push(rules)
    phones.wait_setting("blocked", "compliant")
    check("firefox" not in phones.installed(), phones.installed())
    # Refused.
    done = phones.apk("add", "firefox", check_it=False)
    check(re.search(r"breaks: \.rules-of-your-organisation--run-agentctl-apps-.*\[!firefox\]", done.stdout + done.stderr) and
          "breaks: .rules-of-your-organisation--run-agentctl-apps-...[!firefox]" in guide(), done.stdout, done.stderr)
    # Gone.
    says(phone.told(), "keep away firefox")
    # By whom.
    told = page(phone, "policy", "explain", "apps.blocked")
    check("Decided by profile p of policy staff" in told and "staff / p asks for firefox - applies now" in told, told)
    check("firefox.desktop" in page(phone, "policy", "explain", "apps.hidden"))
    key = next(r["data"]["signers"][0] for r in phone.journal("document_accepted") if r["data"].get("stream") == "staff")
    check('Accepted: the policy "staff", number 1; signed with %s' % key in " ".join(phone.told().split()), phone.told())
    # Removed by hand, and back; what comes between a job and its end counts as that job's.
    wait_for("the end of the job", lambda: not phone.status()["apps"]["running"] and
             {"backend": "apps"} in [r["data"] for r in phone.journal("applied")])
    phones.apk("del", apps_policy_rig.VIRTUAL)
    wait_for("the ban", lambda: phones.bans() == ["!firefox"])
    wait_for("a record", lambda: "changed by somebody or something else" in page(phone, "journal", "show"))
    # Only a list.
    phones.push({"mode": "allow", "allowed": ["nano"]})
    phones.wait_setting("allowed", "compliant")
    wait_for("the rules", lambda: "mode allow" in phone.read("../state/apps.rules"))
    done = phones.hooked("add", "firefox")
    says(done.stderr, "firefox is not allowed on this phone by")
    check(done.returncode != 0 and "apps.allowed" in done.stderr, done.stderr)
    # By order.
    phones.wait_command(phones.order("remove", "name=nano"), "done")
    check("remove: done" in page(phone, "command", "list") and "remove nano" in page(phone, "journal", "show"))
    # Leaving.
    phone.ok("unenroll", "--yes")
    wait_for("nothing left of it", lambda: phones.bans() is None)
    phones.apk("add", "firefox")


def start(program, uid=0):
    """How a shell ends that starts it, and what it says."""
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False, timeout=30, user=uid,
                          group=uid, extra_groups=[])
    return done.returncode, done.stderr


def programs(phone):
    agent = phone.agent
    game, home = agent.path("usr/bin/game"), agent.path("home/ada")
    os.makedirs(home)
    os.chown(home, 10000, 10000)
    for program in (game, os.path.join(home, "own")):
        shutil.copy("/bin/true", program)
    os.chown(os.path.join(home, "own"), 10000, 10000)
    phone.enrol()
    phone.wait_guard("in_force")
    check(start(game) == (0, ""), "audit stops something")
    wait_for("a line", lambda: "Would stop game" in page(agent, "status"))
    says("Would stop Stopped", "Would stop")
    phone.policy(mode="deny", blocked=["game"], guard="enforce", user_programs=False)
    phone.wait_setting("guard", "compliant")
    says(wait_for("it not to start", lambda: start(game)[1]), "Operation not permitted")
    says(start(os.path.join(home, "own"), 10000)[1], "Operation not permitted")
    told = wait_for("both", lambda: (lambda text: text if text.count("Stopped ") == 2 else None)(page(agent, "status")))
    says(told, "Stopped", "is blocked by the organisation", "lies where users can write")
    says(" ".join(agent.told().split()), "exec denied", "is blocked by the organisation")
    agent.ok("unenroll", "--yes")
    wait_for("everything to start again", lambda: start(game)[0] == start(os.path.join(home, "own"), 10000)[0] == 0)
    wait_for("the guard to end", lambda: not guard_host.guards(phone.base))


def test_programs(base):
    if os.geteuid() != 0 or "MDM_BLOCKED_NS" not in os.environ:
        raise Skip("fanotify's questions need root, and mounts of their own")
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.mount(b"guarded", base.encode(), b"tmpfs", 0, b"mode=755") == 0, "mount", ctypes.get_errno())
    phone = None
    try:
        phone = guard_host.Phone(base, {"mode": "deny", "blocked": ["game"], "guard": "audit", "user_programs": False},
                                 program="exec %s/mdm-agent-guard --mounts %s \"$@\"\n" % (BUILD, base))
        programs(phone)
    finally:
        for pid in guard_host.guards(base):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # the others end with the first one
        if phone:
            phone.close()
        libc.umount2(base.encode(), 2)


if __name__ == "__main__":
    if os.geteuid() == 0 and "MDM_BLOCKED_NS" not in os.environ and shutil.which("unshare"):
        os.execvpe("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv],
                   dict(os.environ, MDM_BLOCKED_NS="1"))
    sys.exit(run_tests([test_packages, test_programs]))
