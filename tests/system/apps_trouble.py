#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-apps when things go wrong: network, signatures, disk, lock, scripts, hooks, time. As apps_worker.py, for
the stand-in and for a real apk."""

import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys

from apps_rig import APK, BUILD, IS_ROOT, VIRTUAL, Server, Skip, equal, mount, repository, run_tests, wait_for


def stock(phone):
    r = phone.repository
    r.add("foo")
    r.add("bar", depends="foo")
    r.add("htop", "3.1-r0")


def slow_script(seconds):
    return {"post-install": "#!/bin/sh\necho working\nsleep %s\necho worked\n" % seconds}



# --- where packages come from

def no_network(phone):
    stock(phone)
    phone.apk("add", "foo")
    # indexes were never fetched
    phone.write("etc/apk/repositories", "http://127.0.0.1:9/repository\n")
    p = phone.job("policy !nano htop", "add bar", "upgrade", "remove foo")
    equal((p.item("htop"), p.item("bar")), ("no_network", "no_network"))
    equal([s[1] for s in p.steps], ["done", "no_network", "no_network", "done"])
    # A ban needs none.
    equal((phone.policy(), phone.installed()), (["!nano"], []))


def the_network_goes_away(phone):
    """The indexes are there, the packages are not; what was tried is not left in the way."""
    stock(phone)
    server = Server(phone.repository.directory)
    phone.write("etc/apk/repositories", server.url + "\n")
    phone.apk("update")
    os.rename(os.path.join(phone.repository.directory, "x86_64/foo-1.0-r0.apk"), os.path.join(phone.base, "foo"))
    equal(phone.job("add foo").item("foo"), "unknown_package")
    server.close()
    p = phone.job("policy !nano htop", "add bar")
    equal((p.item("htop"), p.item("bar")), ("no_network", "no_network"))
    equal((phone.policy(), phone.installed(), phone.world()), (["!nano"], [], [VIRTUAL]))
    equal(p.step(), "done")


def indexes_are_fetched(phone):
    """Those that are there may be old."""
    stock(phone)
    server = Server(phone.repository.directory)
    phone.write("etc/apk/repositories", server.url + "\n")
    phone.apk("update")
    phone.repository.add("new")
    equal(phone.job("policy new").step(), "done")
    phone.repository.add("newer")
    phone.repository.add("htop", "3.2-r0")
    equal(phone.job("add newer htop").step(), "done")
    phone.repository.add("htop", "3.3-r0")
    equal(phone.job("upgrade").step(), "done")
    equal(phone.versions()["htop"], "3.3-r0")
    server.close()


def the_untrusted_is_not_installed(phone):
    other = repository.Key(os.path.join(phone.base, "keys"), "other")
    stock(phone)
    phone.repository.index(other)
    p = phone.job("policy !nano htop", "add foo")
    equal((p.item("htop"), p.item("foo")), ("untrusted", "untrusted"))
    equal((phone.policy(), phone.installed()), (["!nano"], []))
    equal(phone.job("upgrade").step(), "untrusted")
    server = Server(phone.repository.directory)
    phone.write("etc/apk/repositories", server.url + "\n")
    equal([s[1] for s in phone.job("upgrade", "add foo").steps], ["untrusted", "untrusted"])
    server.close()
    phone.write("etc/apk/repositories", phone.repository.directory + "\n")
    phone.repository.index(signed=False)
    equal(phone.job("add foo").step(), "untrusted")


def a_package_that_was_exchanged(phone):
    stock(phone)
    path = phone.repository.add("evil", files={"usr/bin/evil": "#!/bin/sh\n"}, indexed=False)
    os.rename(path, os.path.join(os.path.dirname(path), "htop-3.1-r0.apk"))
    p = phone.job("policy !nano htop foo", "add bar")
    equal((p.item("htop"), p.step(0), p.item("bar")), ("untrusted", "done", "done"))
    assert not os.path.exists(os.path.join(phone.root, "usr/bin/evil"))
    equal((phone.policy(), phone.installed()), (["!nano", "foo"], ["bar", "foo"]))
    p = phone.job("add htop")
    equal((p.item("htop"), phone.world()), ("untrusted", [VIRTUAL, "bar"]))


def a_package_that_is_gone(phone):
    stock(phone)
    os.unlink(os.path.join(phone.repository.directory, "x86_64/htop-3.1-r0.apk"))
    p = phone.job("policy !nano htop", "add htop foo")
    equal([i[0] for i in p.items.values()], ["unknown_package", "done"])
    equal((phone.policy(), phone.world()), (["!nano"], [VIRTUAL, "foo"]))
    # and nothing is in the way
    equal(phone.apk("add", "bar").returncode, 0)


def a_full_disk(phone):
    phone.repository.add("large", files={"mnt/full/data": random.Random(1).randbytes(3 << 20)})
    stock(phone)
    full = os.path.join(phone.root, "mnt/full")
    os.makedirs(full)
    mount("-t", "tmpfs", "-o", "size=1m", "none", full)
    try:
        p = phone.job("policy !nano large foo")
        equal((p.item("large"), p.step()), ("disk_full", "done"))
        equal((phone.policy(), phone.installed()), (["!nano", "foo"], ["foo"]))
        p = phone.job("add large bar")
        equal((p.item("large"), p.item("bar"), phone.world()), ("disk_full", "done", [VIRTUAL, "bar"]))
    finally:
        subprocess.run(["umount", full], check=True)


def a_read_only_system(phone):
    stock(phone)
    usr = os.path.join(phone.root, "usr")
    os.makedirs(usr, exist_ok=True)
    mount("-t", "tmpfs", "-o", "ro", "none", usr)
    try:
        equal([s[1] for s in phone.job("policy !nano", "add foo").steps], ["read_only", "read_only"])
    finally:
        subprocess.run(["umount", usr], check=True)


# --- scripts and hooks

def a_script_that_fails(phone):
    stock(phone)
    phone.repository.add("broken", scripts={"post-install": "#!/bin/sh\necho no way\nexit 3\n"})
    p = phone.job("add broken")
    equal((p.item("broken"), p.step()), ("script", "script"))
    assert "broken" in phone.installed()


def a_broken_package_is_in_no_way(phone):
    """apk counts an error in each transaction from then on: ours are done all the same."""
    stock(phone)
    phone.repository.add("broken", scripts={"post-install": "#!/bin/sh\nexit 3\n"})
    phone.repository.add("broken2", scripts={"post-install": "#!/bin/sh\nexit 3\n"})
    phone.apk("add", "broken", check=False)
    p = phone.job("add foo", "policy !nano htop broken2", "remove foo")
    equal([s[1] for s in p.steps], ["done", "done", "done"])
    equal(p.items["broken2"][0], "script")
    equal(phone.policy(), ["!nano", "broken2", "htop"])
    equal(phone.job("policy !nano htop").steps[0][1], "done")
    phone.repository.add("htop", "3.2-r0")
    phone.job("upgrade")
    equal(phone.versions()["htop"], "3.2-r0")


def hook(phone, text):
    phone.write("etc/apk/commit_hooks.d/test", "#!/bin/sh\n" + text, 0o755)


def a_hook_that_refuses(phone):
    stock(phone)
    phone.apk("add", "bar")
    before = phone.state()
    hook(phone, "[ \"$1\" = post-commit ] && exit 0\necho not on this phone\nexit 7\n")
    p = phone.job("policy !bar htop", "add htop", "remove bar", "upgrade")
    equal([s[1] for s in p.steps], ["hook", "hook", "hook", "hook"])
    # The ban took bar out of the world; it came back.
    equal(phone.state(), before)


def a_hook_sees_the_words(phone):
    """What it has to go by: the words of whoever asks."""
    stock(phone)
    hook(phone, "cat /proc/$PPID/cmdline >>/tmp/words 2>/dev/null || cat /proc/$PPID/cmdline >>%s/words\n" % phone.base)
    if not IS_ROOT:
        raise Skip("only root can run it below the directory")
    mount("--bind", "/proc", os.path.join(phone.root, "proc"))
    equal(phone.job("policy !nano htop").step(), "done")
    words = phone.read("tmp/words").split("\0")
    assert words[0].split("/")[-1].startswith("apk"), words
    assert "add" in words and "--virtual" in words and "!nano" in words, words


# --- the lock

def the_lock_is_waited_for(phone):
    stock(phone)
    lock = phone.lock()
    process = phone.begin("policy !nano htop")
    try:
        wait_for(lambda: os.path.exists(os.path.join(phone.runtime, "apps.progress")) and
                 phone.progress().running and "waiting" in phone.progress().running[2])
        equal(phone.policy(), None)
    finally:
        lock.close()
    equal(process.wait(timeout=60), 0)
    process.stdout.close()
    equal((phone.progress().step(), phone.policy()), ("done", ["!nano", "htop"]))


def the_lock_is_never_free(phone):
    stock(phone)
    phone.apk("add", "bar")
    before = phone.state()
    with phone.lock():
        p = phone.job("policy !bar htop", deadline=10)
    equal((p.step(), phone.state()), ("busy", before))
    with phone.lock():
        p = phone.job("add htop", "remove foo", deadline=10)
    equal([s[1] for s in p.steps], ["busy", "deadline"])
    equal(phone.state(), before)


def the_agent_looks_at_the_lock(phone):
    """It holds it for a moment; the job is carried out all the same."""
    stock(phone)
    with open(os.path.join(phone.runtime, "apps.lock"), "w+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        process = phone.begin("add htop")
        wait_for(lambda: any(os.path.realpath("/proc/%d/fd/%s" % (process.pid, n)) == os.path.realpath(lock.name)
                             for n in os.listdir("/proc/%d/fd" % process.pid)))
        assert not os.path.exists(os.path.join(phone.runtime, "apps.progress"))
    equal(process.wait(timeout=60), 0)
    process.stdout.close()
    equal(phone.installed(), ["htop"])


def one_job_at_a_time(phone):
    stock(phone)
    lock = phone.lock()
    process = phone.begin("add htop")
    try:
        wait_for(lambda: os.path.exists(os.path.join(phone.runtime, "apps.progress")))
        phone.write_job("add foo")
        done = phone.run()
        equal(done.returncode, 3)
        assert "another job" in done.stderr, done.stderr
    finally:
        lock.close()
    equal(process.wait(timeout=60), 0)
    process.stdout.close()
    equal(phone.installed(), ["htop"])


# --- time

def the_deadline_comes_before_the_change(phone):
    """A repository that never answers."""
    stock(phone)
    phone.apk("add", "bar")
    before = phone.state()
    server = Server(phone.repository.directory, hang=True)
    phone.write("etc/apk/repositories", server.url + "\n")
    p = phone.job("add htop", "upgrade", deadline=10)
    server.listener.close()
    equal([s[1] for s in p.steps], ["deadline", "deadline"])
    equal(phone.state(), before)
    with phone.lock():
        pass


def the_deadline_comes_within_the_change(phone):
    """What has begun comes to its end."""
    stock(phone)
    phone.repository.add("slow", scripts=slow_script(14))
    p = phone.job("add slow", "add foo", deadline=10)
    equal([s[1] for s in p.steps], ["done", "deadline"])
    equal(phone.installed(), ["slow"])


def the_change_takes_for_ever(phone):
    """It is left alone, and still comes to its end."""
    stock(phone)
    phone.repository.add("slow", scripts=slow_script(16))
    p = phone.job("add slow", deadline=10, more=["--patience", "1"])
    equal(p.step(), "deadline")
    assert "left to come to its end" in p.items["slow"][1], p.text
    # The job is over, and the next one may begin; apk is at it.
    equal(phone.installed(), [])
    equal(phone.job("add foo").step(), "done")
    equal(phone.installed(), ["foo", "slow"])


def how_far_it_is(phone):
    stock(phone)
    phone.repository.add("slow", scripts=slow_script(2))
    process = phone.begin("policy htop foo slow")
    seen = set()

    def look():
        if os.path.exists(os.path.join(phone.runtime, "apps.progress")):
            p = phone.progress()
            if p.running:
                seen.add(p.running)
            return p.over
        return False
    wait_for(look)
    equal(process.wait(timeout=60), 0)
    process.stdout.close()
    assert any(kind == "policy" and 0 <= percent <= 100 and doing == "Installing slow (1.0-r0)"
               for kind, percent, doing in seen), seen
    # Lines of scripts are no doing of apk's.
    assert not any("work" in doing for _, _, doing in seen), seen


def it_is_told_to_end(phone):
    """While it waits, it ends; while packages change, the change ends first."""
    stock(phone)
    phone.repository.add("slow", scripts=slow_script(3))
    with phone.lock():
        process = phone.begin("add htop")
        wait_for(lambda: os.path.exists(os.path.join(phone.runtime, "apps.progress")) and
                 phone.progress().running and "waiting" in phone.progress().running[2])
        process.send_signal(signal.SIGTERM)
        equal(process.wait(timeout=60), 0)
        process.stdout.close()
    assert phone.progress().over and phone.progress().step() in ("busy", "deadline"), phone.progress().text
    process = phone.begin("add slow", "add foo")
    wait_for(lambda: phone.progress().running and "Installing slow" in phone.progress().running[2])
    process.send_signal(signal.SIGTERM)
    equal(process.wait(timeout=60), 0)
    process.stdout.close()
    equal([s[1] for s in phone.progress().steps], ["done", "deadline"])
    equal(phone.installed(), ["slow"])


def it_is_killed(phone):
    """apk goes on to its end, and the next job finds what it did."""
    stock(phone)
    phone.repository.add("slow", scripts={"post-install": "#!/bin/sh\nsleep 2\n"})
    process = phone.begin("policy htop slow foo")
    wait_for(lambda: os.path.exists(os.path.join(phone.runtime, "apps.progress")) and
             phone.progress().running and "Installing slow" in phone.progress().running[2])
    process.kill()
    process.wait()
    process.stdout.close()
    assert not phone.progress().over
    p = phone.job("policy htop slow foo")
    assert p.step() in ("nothing_to_do", "done"), p.text
    equal((phone.policy(), phone.installed()), (["foo", "htop", "slow"], ["foo", "htop", "slow"]))


def its_parent_ends(phone):
    """--detach: whoever started it may end, with all of its session."""
    stock(phone)
    phone.repository.add("slow", scripts=slow_script(2))
    phone.write_job("add slow")
    done = subprocess.run(phone.command("--detach"), check=False, timeout=60, start_new_session=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    equal(done.returncode, 0)
    wait_for(lambda: os.path.exists(os.path.join(phone.runtime, "apps.progress")) and phone.progress().over)
    equal((phone.progress().step(), phone.installed()), ("done", ["slow"]))


def apk_is_upgraded_first(phone):
    """In the system itself, where no root is named: apk installs its successor, which goes on in its place."""
    if not os.environ.get("APK") or not IS_ROOT:
        raise Skip("the stand-in does not upgrade itself")
    with open(APK, "rb") as f:
        program = f.read()
    for path in (APK, os.path.join(BUILD, "mdm-agent-apps")):
        repository.copy_program(path, phone.root)
    # Its place is that of the package: 3.0 looks for who owns what runs.
    phone.repository.add("apk-tools", "2.0-r0", files={"sbin/apk": program})
    phone.repository.add("htop", "3.1-r0")
    phone.apk("add", "apk-tools", "htop")
    phone.repository.add("apk-tools", "2.1-r0", files={"sbin/apk": program, "usr/share/apk-tools/new": "x"})
    phone.repository.add("htop", "3.2-r0")
    shutil.copytree(phone.repository.directory, os.path.join(phone.root, "repository"))
    phone.write("etc/apk/repositories", "/repository\n")
    os.makedirs(os.path.join(phone.root, "run/mdm-agent"))
    mount("--bind", "/proc", os.path.join(phone.root, "proc"))
    mount("--bind", "/dev", os.path.join(phone.root, "dev"))
    phone.runtime = os.path.join(phone.root, "run/mdm-agent")
    asked = subprocess.run(["chroot", phone.root, "/sbin/apk", "--simulate", "upgrade"], capture_output=True, text=True,
                           check=False, timeout=60)
    # "... not reliable": it would begin with itself.
    assert "reliable" in asked.stdout + asked.stderr, asked
    phone.write_job("upgrade", "policy !nano htop")
    done = subprocess.run(["chroot", phone.root, os.path.join(BUILD, "mdm-agent-apps")], capture_output=True, text=True,
                          check=False, timeout=60)
    equal((done.returncode, done.stderr), (0, ""))
    equal([s[1] for s in phone.progress().steps], ["done", "done"])
    equal((phone.versions()["apk-tools"], phone.versions()["htop"]), ("2.1-r0", "3.2-r0"))
    equal(phone.policy(), ["!nano", "htop"])


def an_apk_that_floods(phone):
    """What it says is bounded, and what matters of it is at the end."""
    stock(phone)
    script = os.path.join(phone.base, "apk")
    with open(script, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\ni=0\nwhile [ $i -lt 20000 ]; do echo 'WARNING: a line that says nothing of interest at all'; "
                "i=$((i + 1)); done\nprintf '%0200000d\\n' 1\necho 'ERROR: htop-3.1-r0: No space left on device'\nexit 1\n")
    os.chmod(script, 0o755)
    p = phone.job("add htop", apk=script)
    equal(p.item("htop"), "disk_full")


TESTS = [no_network, the_network_goes_away, indexes_are_fetched, the_untrusted_is_not_installed,
         a_package_that_was_exchanged, a_package_that_is_gone, a_full_disk, a_read_only_system, a_script_that_fails,
         a_broken_package_is_in_no_way, a_hook_that_refuses, a_hook_sees_the_words, the_lock_is_waited_for,
         the_lock_is_never_free, the_agent_looks_at_the_lock, one_job_at_a_time, the_deadline_comes_before_the_change,
         the_deadline_comes_within_the_change, the_change_takes_for_ever, how_far_it_is, it_is_told_to_end, it_is_killed,
         its_parent_ends, apk_is_upgraded_first, an_apk_that_floods]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
