#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-apps: what it does to packages, and what it says of each. Against the stand-in apk; APK=program is a real
one, apk-tools 2.14 or 3.0, which passes the same tests."""

import os
import sys

from apps_rig import APK, IS_ROOT, VIRTUAL, Skip, equal, run_tests


def stock(phone):
    r = phone.repository
    r.add("libz", provides="so:libz.so.1=1.0")
    r.add("foo", depends="so:libz.so.1")
    r.add("bar", depends="foo")
    r.add("htop", "3.0-r0")
    r.add("htop", "3.1-r0")
    r.add("vim", "9.1-r0")
    r.add("nano", "7.2-r0")


# --- jobs that are refused

def only_root_s_own_job(phone):
    stock(phone)
    before = phone.state()
    for trouble in ("none", "link", "mode", "fifo", "text", "option", "file"):
        path = os.path.join(phone.runtime, "apps.job")
        phone.write_job("add foo", mode=0o644 if trouble == "mode" else 0o600)
        if trouble in ("none", "fifo"):
            os.unlink(path)
        if trouble == "fifo":
            os.mkfifo(path, 0o600)
        if trouble == "link":
            os.rename(path, path + ".there")
            os.symlink("apps.job.there", path)
        if trouble == "text":
            phone.write_job(text="mdm-agent-apps 1\nid a\ndeadline 60\nadd foo\n")
        if trouble == "option":
            phone.write_job("add --allow-untrusted foo")
        if trouble == "file":
            phone.write_job("add /tmp/foo.apk")
        done = phone.run()
        assert done.returncode == 1 and "apps.job" in done.stderr, (trouble, done)
    if IS_ROOT:
        phone.write_job("add foo")
        os.chown(os.path.join(phone.runtime, "apps.job"), 65534, 65534)
        equal(phone.run().returncode, 1)
    assert not os.path.exists(os.path.join(phone.runtime, "apps.progress"))
    equal(phone.state(), before)


def the_progress_is_root_s_own(phone):
    stock(phone)
    equal(phone.job("add foo").step(), "done")
    equal(os.stat(os.path.join(phone.runtime, "apps.progress")).st_mode & 0o777, 0o600)
    equal(os.stat(os.path.join(phone.runtime, "apps.lock")).st_mode & 0o777, 0o600)
    equal(sorted(os.listdir(phone.runtime)), ["apps.job", "apps.lock", "apps.progress"])


def apk_sees_nothing_of_us(phone):
    """No environment but PATH and the language, no input, no descriptors but its own; stands for apk: a script."""
    stock(phone)
    log = os.path.join(phone.base, "log")
    script = os.path.join(phone.base, "apk")
    with open(script, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n{ env; echo --; readlink /proc/self/fd/0; pwd; ls /proc/$$/fd; echo \"$@\"; } >>%s\nexec %s \"$@\"\n" %
                (log, APK))
    os.chmod(script, 0o755)
    os.environ["SECRET_OF_THE_AGENT"] = "x"
    equal(phone.job("policy !nano vim", apk=script).step(), "done")
    with open(log, encoding="utf-8") as f:
        said = f.read()
    assert "SECRET" not in said and "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n" in said and "LC_ALL=C\n" in said, said
    head = said.split("--\n", 1)[1].split("\n--root")[0].splitlines() + [""]
    assert head[0] == "/dev/null" and head[1] in ("/", "/var/empty"), head
    # 3 is its progress pipe; the shell has its script somewhere above 9.
    equal([n for n in sorted(head[2:-1]) if n.isdigit() and len(n) == 1], ["0", "1", "2", "3"])
    assert "--no-interactive --no-progress --progress-fd 3 --wait" in said, said


# --- policy

def a_policy_holds(phone):
    stock(phone)
    p = phone.job("policy !firefox htop vim=9.1-r0")
    equal((p.step(), p.items), ("done", {}))
    equal(phone.installed(), ["htop", "vim"])
    equal(phone.versions()["htop"], "3.1-r0")
    equal(phone.policy(), ["!firefox", "htop", "vim=9.1-r0"])
    equal(phone.world(), [VIRTUAL])
    # for whoever asks apk
    phone.repository.add("firefox")
    assert phone.apk("add", "firefox", check=False).returncode != 0
    assert "firefox" not in phone.installed() + phone.world()
    equal(phone.apk("add", "nano").returncode, 0)


def the_same_policy_does_nothing(phone):
    stock(phone)
    equal(phone.job("policy !firefox htop").step(), "done")
    before = phone.state()
    equal(phone.job("policy htop !firefox").step(), "nothing_to_do")
    equal(phone.state(), before)


def a_policy_that_is_broken_is_made_anew(phone):
    stock(phone)
    equal(phone.job("policy htop").step(), "done")
    phone.apk("del", VIRTUAL)
    equal(phone.installed(), [])
    equal(phone.job("policy htop").step(), "done")
    equal(phone.installed(), ["htop"])


def policies_within_a_second(phone):
    """apk gives the virtual package its second as version, and takes the same one for the same package."""
    stock(phone)
    for words in ("htop", "vim", "!nano", "htop vim", "foo !nano", "vim=9.1-r0"):
        equal(phone.job("policy " + words).step(), "done")
        equal(phone.policy(), sorted(words.split()))
        equal(set(w for w in phone.installed() if w != "libz"), {w.split("=")[0] for w in words.split() if w[0] != "!"})


def a_policy_is_lifted(phone):
    stock(phone)
    phone.apk("add", "nano")
    equal(phone.job("policy !firefox nano").step(), "done")
    equal(phone.job("policy").step(), "done")
    equal((phone.installed(), phone.world(), phone.policy()), (["nano"], ["nano"], None))
    equal(phone.job("policy").step(), "nothing_to_do")


def what_was_required_goes_unless_somebody_asked_for_it(phone):
    """Of requirements nothing stays but what somebody has asked for as well, before them or while they held."""
    stock(phone)
    phone.apk("add", "nano")
    equal(phone.job("policy bar htop nano vim").step(), "done")
    phone.apk("add", "vim")
    equal(phone.job("policy htop nano vim").step(), "done")
    equal(phone.installed(), ["htop", "nano", "vim"])
    equal(phone.job("policy").step(), "done")
    equal((phone.installed(), sorted(phone.world()), phone.policy()), (["nano", "vim"], ["nano", "vim"], None))


def what_has_to_stay_joins_the_world(phone):
    """An app alone held it: whatever takes the app away leaves what the step "keep" names."""
    r = phone.repository
    r.add("wifi", depends="libradio")
    r.add("libradio")
    for name in ("one", "two", "three"):
        r.add(name, depends="wifi")
    r.add("other")
    r.add("against", depends="!wifi")
    equal(phone.job("policy three").step(), "done")
    phone.apk("add", "one", "two")
    equal([s[:2] for s in phone.job("keep wifi", "remove one", "policy !two three").steps],
          [("keep", "done"), ("remove", "done"), ("policy", "done")])
    equal((phone.installed(), phone.world()), (["libradio", "three", "wifi"], [VIRTUAL]))
    p = phone.job("keep wifi", "policy")
    equal((p.step(1), phone.installed(), phone.world()), ("done", ["libradio", "wifi"], ["wifi"]))
    # once it is there nothing that is against it can be
    p = phone.job("keep wifi", "policy against other")
    equal((p.item("against"), phone.installed()), ("conflict", ["libradio", "other", "wifi"]))
    equal(phone.job("policy").step(), "done")
    phone.apk("add", "one", "other")
    phone.apk("del", "wifi")
    equal((phone.job("keep wifi", "remove one").step(1), phone.installed()), ("done", ["libradio", "other", "wifi"]))
    # others go as ever
    phone.apk("add", "one")
    phone.apk("del", "wifi")
    equal((phone.job("keep other", "remove one").step(1), phone.installed()), ("done", ["other"]))


def what_somebody_installed_is_banned(phone):
    """In the world it contradicts the ban: apk alone refuses that (it was seen to)."""
    stock(phone)
    phone.apk("add", "foo", "htop=3.0-r0", "nano")
    assert phone.apk("add", "--virtual", ".x", "!foo", check=False).returncode != 0
    p = phone.job("policy !foo !htop !vim")
    equal((p.step(), p.items), ("done", {"!foo": ("done", ""), "!htop": ("done", "")}))
    equal((phone.installed(), phone.world()), (["nano"], [VIRTUAL, "nano"]))


def what_was_taken_out_comes_back_after_a_kill(phone):
    """Killed, or without power, between the world and the transaction; stands for apk: a script that hangs then."""
    stock(phone)
    script = os.path.join(phone.base, "apk")
    with open(script, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\ncase \"$*\" in *--virtual*) kill -9 $PPID ;; esac\nexec %s \"$@\"\n" % APK)
    os.chmod(script, 0o755)
    phone.apk("add", "foo", "htop=3.0-r0", "nano")
    before = phone.state()
    phone.write_job("policy !foo !htop")
    equal(phone.run(apk=script).returncode, -9)
    equal(sorted(phone.world()), ["nano"])
    equal(phone.job("add nano").step(), "nothing_to_do")
    equal(sorted(phone.world()), ["foo", "htop=3.0-r0", "nano"])
    equal(sorted(phone.read("etc/apk/world").split()), sorted(before[1].split()))
    equal(sorted(n for n in os.listdir(os.path.join(phone.root, "etc/apk")) if n.startswith("world")), ["world"])
    # Killed again; the ban of one of them holds by now.
    phone.write_job("policy !foo !htop")
    equal(phone.run(apk=script).returncode, -9)
    phone.apk("add", "--virtual", VIRTUAL, "!htop")
    p = phone.job("policy !htop vim")
    equal((p.step(), sorted(phone.world()), phone.policy()), ("done", [VIRTUAL, "foo", "nano"], ["!htop", "vim"]))
    equal(phone.installed(), ["foo", "libz", "nano", "vim"])
    p = phone.job("policy !foo")
    equal((p.step(), phone.installed(), sorted(os.listdir(os.path.join(phone.root, "etc/apk")))[-1]), ("done", ["nano"], "world"))


def what_others_need_stays(phone):
    stock(phone)
    phone.apk("add", "bar", "htop=3.0-r0")
    p = phone.job("policy !foo !libz !nano !htop")
    equal(p.items, {"!foo": ("needed", "foo <- bar"), "!libz": ("needed", "libz <- foo <- bar"), "!htop": ("done", "")})
    equal(p.step(), "done")
    equal(phone.policy(), ["!htop", "!nano"])
    equal((phone.installed(), phone.world()), (["bar", "foo", "libz"], [VIRTUAL, "bar"]))


def a_ban_that_fails_changes_no_world(phone):
    stock(phone)
    phone.repository.add("top", depends="foo<2")
    phone.apk("add", "bar", "foo=1.0-r0", "top")
    before = phone.world()
    p = phone.job("policy !foo vim")
    equal(p.item("!foo"), "needed")
    equal(phone.world(), sorted(before + [VIRTUAL]))
    assert "foo=1.0-r0" in phone.world()
    equal(phone.policy(), ["vim"])


def what_nobody_has_is_named(phone):
    stock(phone)
    phone.repository.add("needsgone", depends="nowhere")
    p = phone.job("policy !nano htop nosuch needsgone vim=8.0-r0")
    equal(p.item("nosuch"), "unknown_package")
    equal(p.items["needsgone"], ("unknown_package", "no repository has nowhere, which it needs"))
    equal(p.items["vim=8.0-r0"], ("unknown_package", "no repository has that version"))
    equal((p.step(), phone.policy(), phone.installed()), ("done", ["!nano", "htop"], ["htop"]))
    # and is in nobody's way
    equal(phone.apk("add", "bar").returncode, 0)


def nothing_can_be_had(phone):
    stock(phone)
    phone.apk("add", "bar")
    before = phone.state()
    p = phone.job("policy !foo nosuch")
    equal((p.item("!foo"), p.item("nosuch"), p.step()), ("needed", "unknown_package", "nothing_to_do"))
    equal(phone.state(), before)


def bans_come_before_requirements(phone):
    stock(phone)
    p = phone.job("policy !foo bar htop")
    equal((p.item("bar"), p.step()), ("conflict", "done"))
    equal((phone.policy(), phone.installed()), (["!foo", "htop"], ["htop"]))


def many_words_few_of_them_bad(phone):
    stock(phone)
    good = ["p%d" % i for i in range(40)]
    for name in good:
        phone.repository.add(name)
    bad = ["bad1", "bad2", "bad3"]
    words = ["!x%d" % i for i in range(40)] + good[:20] + bad[:2] + good[20:] + bad[2:]
    p = phone.job("policy " + " ".join(words))
    equal({n for n, v in p.items.items() if v[0] == "unknown_package"}, set(bad))
    equal((len(p.items), p.step()), (3, "done"))
    equal(phone.installed(), sorted(good))


def more_bad_words_than_questions(phone):
    """What was not asked any more is said to be that, and what is known by then is done."""
    stock(phone)
    p = phone.job("policy !nano htop " + " ".join("bad%d" % i for i in range(200)))
    results = [v[0] for v in p.items.values()]
    equal((len(results), set(results)), (200, {"unknown_package", "failed"}))
    assert p.items["bad199"] == ("failed", "too much else could not be had"), p.items["bad199"]
    equal((p.step(), phone.policy(), phone.installed()), ("done", ["!nano", "htop"], ["htop"]))


def what_is_too_large(phone):
    stock(phone)
    phone.write("etc/apk/world", "".join("p%d\n" % i for i in range(20000)))
    p = phone.job("policy !nano", "add foo")
    equal([s[1] for s in p.steps], ["failed", "failed"])
    equal(len(phone.world()), 20000)


def a_world_that_is_broken_is_said(phone):
    """What somebody asked for and no repository has any more: apk does nothing at all until it leaves."""
    stock(phone)
    phone.apk("add", "foo", "htop")
    phone.write("etc/apk/world", phone.read("etc/apk/world") + "gone\n")
    p = phone.job("policy !foo vim")
    equal((p.steps[0][1], p.items), ("unknown_package", {}))
    assert "gone" in p.steps[0][2], p.text
    equal((sorted(phone.world()), phone.policy()), (["foo", "gone", "htop"], None))


def names_that_are_none(phone):
    stock(phone)
    for word in ("foo.apk", "a/b", "a;b", "a$(b)", "..", ".", "...x", ".x/y", "=1", "foo@edge"):
        p = phone.job("policy %s htop" % word)
        assert p.item(word) in ("unknown_package",), (word, p.text)
        equal(phone.policy(), ["htop"])
    for word in ("x.apk", "a/b"):
        equal(phone.job("add " + word).step(), "unknown_package")
        equal(phone.job("remove " + word).step(), "unknown_package")


# --- one-off

def one_is_installed(phone):
    stock(phone)
    p = phone.job("add foo")
    equal((p.item("foo"), p.step(), phone.world()), ("done", "done", ["foo"]))
    equal(phone.installed(), ["foo", "libz"])
    before = phone.state()
    equal(phone.job("add foo").step(), "nothing_to_do")
    equal(phone.state(), before)


def some_are_installed_some_cannot_be(phone):
    stock(phone)
    phone.repository.add("against", depends="!htop")
    phone.repository.add("old", depends="vim<9")
    phone.repository.add("vim", "8.0-r0")
    phone.apk("add", "htop", "old")
    p = phone.job("add foo nosuch against nano vim=9.1-r0 vim=7.0-r0")
    equal([p.item(n) for n in ("foo", "nosuch", "against", "nano", "vim=9.1-r0", "vim=7.0-r0")],
          ["done", "unknown_package", "conflict", "done", "conflict", "unknown_package"])
    equal(phone.world(), ["foo", "htop", "nano", "old"])


def the_banned_is_not_installed(phone):
    stock(phone)
    equal(phone.job("policy !foo").step(), "done")
    p = phone.job("add bar")
    equal((p.item("bar"), phone.world(), phone.installed()), ("conflict", [VIRTUAL], []))
    assert "breaks: " + VIRTUAL in p.items["bar"][1], p.text


def one_is_removed(phone):
    stock(phone)
    phone.apk("add", "bar", "htop")
    equal(phone.job("remove htop").step(), "done")
    equal((phone.installed(), phone.world()), (["bar", "foo", "libz"], ["bar"]))
    equal(phone.job("remove htop").step(), "nothing_to_do")
    equal(phone.job("remove nosuch").step(), "nothing_to_do")


def what_is_needed_is_not_removed(phone):
    stock(phone)
    phone.apk("add", "bar", "foo")
    p = phone.job("remove foo", "remove libz")
    equal([p.items[n] for n in ("foo", "libz")], [("needed", "foo <- bar"), ("needed", "libz <- foo <- bar")])
    equal((phone.world(), phone.installed()), (["bar"], ["bar", "foo", "libz"]))


def steps_come_in_order(phone):
    stock(phone)
    phone.apk("add", "nano")
    p = phone.job("remove nano", "policy !nano htop", "add vim", "upgrade")
    equal([s[:2] for s in p.steps], [("remove", "done"), ("policy", "done"), ("add", "done"), ("upgrade", "nothing_to_do")])
    equal(phone.installed(), ["htop", "vim"])


def several_are_removed(phone):
    """In one transaction; what cannot go is told by its name."""
    stock(phone)
    phone.apk("add", "bar", "foo", "htop", "vim")
    phone.apk("add", "--virtual", ".many", "nano")
    p = phone.job("remove foo htop nosuch nano vim")
    equal({n: v[0] for n, v in p.items.items()},
          {"foo": "needed", "htop": "done", "nosuch": "nothing_to_do", "nano": "needed", "vim": "done"})
    equal((p.items["foo"][1], p.items["nano"][1], p.step()), ("foo <- bar", "nano <- .many", "needed"))
    equal((phone.installed(), phone.world()), ([".many", "bar", "foo", "libz", "nano"], [".many=" + phone.versions()[".many"], "bar"]))
    p = phone.job("remove bar .many")
    equal((p.step(), phone.installed()), ("done", []))


def more_rules_than_apk_can_read(phone):
    """A line of more than 128 KiB in its database, and no apk reads it any more."""
    stock(phone)
    phone.apk("add", "nano")
    before = phone.state()
    p = phone.job("policy " + " ".join(("!p%d" % i).ljust(64, "x") for i in range(1009)))
    equal((p.step(), phone.state()), ("failed", before))
    p = phone.job("policy " + " ".join(("!p%d" % i).ljust(63, "x") for i in range(1024)))
    equal((p.step(), len(phone.policy())), ("done", 1024))
    equal(phone.apk("add", "htop").returncode, 0)


# --- upgrade

def everything_is_upgraded(phone):
    stock(phone)
    phone.apk("add", "htop", "vim", "nano")
    phone.repository.add("htop", "3.2-r0")
    phone.repository.add("vim", "9.2-r0")
    p = phone.job("upgrade")
    equal((p.step(), phone.versions()["htop"], phone.versions()["vim"]), ("done", "3.2-r0", "9.2-r0"))
    equal(phone.job("upgrade").step(), "nothing_to_do")


def an_upgrade_takes_nothing_that_stays(phone):
    """What is protected or required: refused before anything is changed; what "keep" names joins the world."""
    r = phone.repository
    for name in ("networkmanager", "radio", "tool"):
        r.add(name)
    r.add("shell", depends="networkmanager radio tool")
    phone.apk("add", "shell")
    r.add("shell", "2.0-r0", depends="tool")
    r.add("tool", "2.0-r0")
    before = phone.state()
    for step in ("upgrade", "upgrade shell"):
        p = phone.job(step)
        equal((p.step(), phone.state()), ("needed", before))
        equal(p.steps[0][2], "the upgrade would take away networkmanager (the way to the network)")
    equal(phone.job("upgrade tool").step(), "done")
    # It is there for its own sake now; the other one nothing holds.
    p = phone.job("keep networkmanager", "upgrade")
    equal((p.step(1), phone.installed(), phone.world()), ("done", ["networkmanager", "shell", "tool"], ["networkmanager", "shell"]))


def the_pinned_is_not_upgraded(phone):
    stock(phone)
    equal(phone.job("policy htop vim=9.1-r0").step(), "done")
    phone.repository.add("htop", "3.2-r0")
    phone.repository.add("vim", "9.2-r0")
    equal(phone.job("upgrade").step(), "done")
    equal((phone.versions()["htop"], phone.versions()["vim"]), ("3.2-r0", "9.1-r0"))


def some_are_upgraded(phone):
    stock(phone)
    phone.apk("add", "htop", "vim")
    phone.repository.add("htop", "3.2-r0")
    phone.repository.add("vim", "9.2-r0")
    p = phone.job("upgrade htop nano zzz")
    equal(p.items["htop"], ("done", "3.1-r0 -> 3.2-r0"))
    equal((p.item("nano"), p.item("zzz")), ("unknown_package", "unknown_package"))
    equal((phone.versions()["htop"], phone.versions()["vim"]), ("3.2-r0", "9.1-r0"))
    p = phone.job("upgrade nano")
    equal(p.step(), "unknown_package")
    equal(phone.versions()["vim"], "9.1-r0")


# --- systems without apk

def no_package_manager(phone):
    stock(phone)
    equal(phone.job("policy !x", "add y", "remove z", "upgrade", apk="/nonexistent/apk").text.count(" no_manager "), 4)
    os.unlink(os.path.join(phone.root, "lib/apk/db/installed"))
    equal(phone.job("add y").step(), "no_manager")


def an_immutable_system(phone):
    """As the immutable postmarketOS: no database, and an apk that refuses."""
    os.unlink(os.path.join(phone.root, "lib/apk/db/installed"))
    phone.write("usr/local/sbin/apk", "#!/bin/sh\nexit 1\n", 0o755)
    p = phone.job("policy !x", "upgrade", apk=os.path.join(phone.root, "usr/local/sbin/apk"))
    equal([s[1] for s in p.steps], ["read_only", "read_only"])


def a_stand_in_says_so(_phone):
    if os.environ.get("APK"):
        raise Skip("it is a real one")
    import subprocess  # pylint: disable=import-outside-toplevel
    said = subprocess.run([APK, "--version"], capture_output=True, text=True, check=True).stdout
    assert "stand-in" in said, said


TESTS = [only_root_s_own_job, the_progress_is_root_s_own, apk_sees_nothing_of_us, a_policy_holds,
         the_same_policy_does_nothing, a_policy_that_is_broken_is_made_anew, policies_within_a_second,
         a_policy_is_lifted, what_has_to_stay_joins_the_world, what_was_required_goes_unless_somebody_asked_for_it, what_somebody_installed_is_banned, what_was_taken_out_comes_back_after_a_kill, what_others_need_stays,
         a_ban_that_fails_changes_no_world, what_nobody_has_is_named, nothing_can_be_had, bans_come_before_requirements,
         many_words_few_of_them_bad,
         more_bad_words_than_questions, what_is_too_large, a_world_that_is_broken_is_said, names_that_are_none, one_is_installed,
         some_are_installed_some_cannot_be, the_banned_is_not_installed, one_is_removed, several_are_removed, more_rules_than_apk_can_read, what_is_needed_is_not_removed,
         steps_come_in_order, everything_is_upgraded, an_upgrade_takes_nothing_that_stays, the_pinned_is_not_upgraded, some_are_upgraded,
         no_package_manager, an_immutable_system, a_stand_in_says_so]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
