#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The service files as `make install` puts them in place: checked by the tools of their init systems.
Usage: services.py BUILD_DIR. What is not installed here is skipped and named."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TESTS, skipped = [], []


def test(function):
    TESTS.append(function)
    return function


def run(*args, **options):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, **options)


def needs(program):
    if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        skipped.append("%s is not installed" % program)
        return False
    return True


def exited(program, *args, **options):
    done = run(program, *args, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


class Tree:
    """An installation below a directory; the programs' own places are in there, too."""

    def __init__(self, top, program):
        self.top = top
        self.install()
        os.makedirs(self.path("usr/sbin"), exist_ok=True)
        for name in ("mdm-server", "mdm-agentd"):
            shutil.copy(program, self.path("usr/sbin/" + name))
        os.makedirs(self.path("usr/libexec/mdm-agent"))
        for name in ("wipe", "apps", "guard"):
            shutil.copy(program, self.path("usr/libexec/mdm-agent/mdm-agent-" + name))

    def install(self):
        done = run("make", "-s", "-C", SOURCE, "install-services", "PREFIX=%s/usr" % self.top, "SYSCONFDIR=%s/etc" % self.top,
                   "SERVICES=systemd openrc apk mkinitfs initramfs-tools")
        assert done.returncode == 0, done.stdout

    def path(self, name):
        return os.path.join(self.top, name)

    def read(self, name):
        return open(self.path(name)).read()


UNITS = "usr/lib/systemd/system/"
SCRIPTS = ("etc/init.d/mdm-server", "etc/init.d/mdm-agentd", "etc/init.d/mdm-agent-wipe")


@test
def everything_is_in_its_place(tree):
    for name, mode in ((UNITS + "mdm-server.service", 0o644), (UNITS + "mdm-agentd.service", 0o644),
                       (UNITS + "mdm-agent-wipe.service", 0o644), (UNITS + "mdm-agent-guard.service", 0o644),
                       (UNITS + "mdm-agent-apps.service", 0o644), ("usr/share/mdm-agent/early-wipe.sh", 0o755),
                       *((script, 0o755) for script in SCRIPTS), ("etc/conf.d/mdm-server", 0o644),
                       ("etc/conf.d/mdm-agentd", 0o644), ("etc/mdm-server/mdm-server.conf", 0o644),
                       ("usr/lib/systemd/system-preset/80-mdm-agent.preset", 0o644),
                       ("usr/lib/sysusers.d/mdm-agent.conf", 0o644), ("usr/lib/tmpfiles.d/mdm-agent.conf", 0o644),
                       ("etc/geoclue/conf.d/90-mdm-agent.conf", 0o644)):
        assert os.stat(tree.path(name)).st_mode & 0o777 == mode, name
        assert "@" + "PREFIX@" not in tree.read(name) and "@" + "SYSCONFDIR@" not in tree.read(name), name


@test
def geoclue_tells_root_alone(tree):
    """An empty list of users would be everybody."""
    assert re.search("^users=0$", tree.read("etc/geoclue/conf.d/90-mdm-agent.conf"), re.M)


@test
def settings_of_the_administrator_stay(tree):
    for name in ("etc/mdm-server/mdm-server.conf", "etc/conf.d/mdm-server"):
        with open(tree.path(name), "a") as f:
            f.write("# mine\n")
    tree.install()
    for name in ("etc/mdm-server/mdm-server.conf", "etc/conf.d/mdm-server"):
        assert tree.read(name).endswith("# mine\n"), name


@test
def each_kind_can_be_left_out(tree):
    with tempfile.TemporaryDirectory() as top:
        for services, systemd, openrc in (("systemd", True, False), ("openrc", False, True), ("", False, False)):
            done = run("make", "-s", "-C", SOURCE, "install-services", "DESTDIR=%s/%s" % (top, services or "none"),
                       "SERVICES=" + services)
            assert done.returncode == 0, done.stdout
            base = os.path.join(top, services or "none")
            assert os.path.exists(base + "/usr/lib/systemd/system/mdm-server.service") == systemd
            assert os.path.exists(base + "/etc/init.d/mdm-server") == openrc
            assert os.path.exists(base + "/etc/mdm-server/mdm-server.conf")


@test
def uninstall_takes_what_install_put_there(tree):
    with tempfile.TemporaryDirectory() as top:
        settings = ("DESTDIR=" + top, "SERVICES=systemd openrc apk mkinitfs initramfs-tools",
                    "BUILD=" + os.path.join(top, "build"))
        exited("make", "-s", "-C", SOURCE, "install-services", *settings)
        assert os.path.exists(top + "/etc/apk/commit_hooks.d/mdm-agent")
        with open(top + "/etc/conf.d/mdm-agentd", "a") as f:
            f.write("# mine\n")
        exited("make", "-s", "-C", SOURCE, "uninstall", *settings)
        left = [os.path.join(d, f) for d, _, files in os.walk(top) for f in files]
        assert left == [top + "/etc/conf.d/mdm-agentd"], left


@test
def uninstall_leaves_a_managed_phone_its_agent(tree):
    """The agent is a stand-in that refuses; an image below DESTDIR is nobody's phone and is not asked."""
    if os.geteuid() != 0:
        skipped.append("asking the agent before an uninstall needs root")
        return
    with tempfile.TemporaryDirectory() as top:
        agent = top + "/usr/sbin/mdm-agentd"
        settings = ("PREFIX=%s/usr" % top, "SYSCONFDIR=%s/etc" % top, "BUILD=%s/build" % top)
        exited("make", "-s", "-C", SOURCE, "install-services", *settings)
        os.makedirs(os.path.dirname(agent))
        with open(agent, "w") as f:
            f.write("#!/bin/sh\necho \"agent $*: managed\"\nexit 3\n")
        os.chmod(agent, 0o755)
        before = sorted(os.path.join(d, f) for d, _, files in os.walk(top) for f in files)
        done = run("make", "-s", "-C", SOURCE, "uninstall", *settings)
        assert done.returncode != 0 and "agent --prepare-removal: managed" in done.stdout, done.stdout
        assert "nothing was removed" in done.stdout, done.stdout
        assert sorted(os.path.join(d, f) for d, _, files in os.walk(top) for f in files) == before
        exited("make", "-s", "-C", SOURCE, "uninstall", "DESTDIR=" + top, "BUILD=%s/build" % top)
        assert not os.path.exists(agent)


@test
def users_and_directories_are_made(tree):
    """By systemd's own tools, below a root of its own."""
    if not needs("systemd-sysusers") or not needs("systemd-tmpfiles"):
        return
    if os.geteuid() != 0:
        skipped.append("making users needs root")
        return
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(top + "/etc")
        exited("systemd-sysusers", "--root=" + top, *(tree.path("usr/lib/sysusers.d/%s.conf" % n) for n in ("mdm-agent", "mdm-server")))
        users = open(top + "/etc/passwd").read()
        assert re.search("^mdm-agent:.*nologin$", users, re.M) and re.search("^mdm-server:.*nologin$", users, re.M), users
        assert re.search("^mdm-admin:", open(top + "/etc/group").read(), re.M)
        # A second time nothing is wrong, and nothing doubled.
        exited("systemd-sysusers", "--root=" + top, tree.path("usr/lib/sysusers.d/mdm-agent.conf"))
        assert open(top + "/etc/passwd").read() == users
        exited("systemd-tmpfiles", "--root=" + top, "--create", *(tree.path("usr/lib/tmpfiles.d/%s.conf" % n) for n in
               ("mdm-agent", "mdm-server")))
        for name, mode in (("var/lib/mdm-agent", 0o700), ("run/mdm-agent", 0o755), ("var/lib/mdm-server", 0o700)):
            assert os.stat(os.path.join(top, name)).st_mode & 0o777 == mode, name
        assert os.stat(top + "/var/lib/mdm-server").st_uid != 0


@test
def presets_say_what_runs_by_itself(tree):
    if not needs("systemctl"):
        return
    with tempfile.TemporaryDirectory() as top:
        shutil.copytree(tree.path("usr/lib"), top + "/usr/lib")
        with open(top + "/usr/lib/systemd/system-preset/99-default.preset", "w") as f:
            f.write("disable *\n")
        os.makedirs(top + "/etc/systemd/system")
        exited("systemctl", "--root=" + top, "preset", "mdm-agentd.service", "mdm-agent-wipe.service", "mdm-server.service")
        wanted = top + "/etc/systemd/system/multi-user.target.wants/"
        assert os.path.lexists(wanted + "mdm-agentd.service")
        assert os.path.lexists(top + "/etc/systemd/system/sysinit.target.wants/mdm-agent-wipe.service")
        assert not [d for d, _, files in os.walk(top + "/etc") if "mdm-agent-guard.service" in files]
        assert not os.path.lexists(wanted + "mdm-server.service")


@test
def the_shipped_settings_are_right(tree):
    done = run(tree.path("usr/sbin/mdm-server"), "config", "show", "--config", tree.path("etc/mdm-server/mdm-server.conf"))
    assert done.returncode == 0, done.stdout
    for line in ("state /var/lib/mdm-server", "listen 0.0.0.0:8443", "admin-listen 0.0.0.0:8444"):
        assert line in done.stdout, done.stdout


@test
def systemd_finds_nothing_wrong(tree):
    if not needs("systemd-analyze"):
        return
    for name in ("mdm-server.service", "mdm-agentd.service", "mdm-agent-wipe.service", "mdm-agent-apps.service",
                 "mdm-agent-guard.service"):
        done = run("systemd-analyze", "verify", tree.path(UNITS + name))
        lines = [line for line in done.stdout.splitlines() if "mdm-" in line]
        assert not lines, done.stdout
    # A typing error in a name is found: the check can fail.
    broken = tree.path("broken/mdm-server.service")
    os.makedirs(os.path.dirname(broken), exist_ok=True)
    with open(broken, "w") as f:
        f.write(tree.read(UNITS + "mdm-server.service").replace("ProtectSystem=strict", "ProtectSistem=strict"))
    assert "ProtectSistem" in run("systemd-analyze", "verify", broken).stdout


@test
def an_agent_that_hangs_is_started_anew(tree):
    unit = tree.read(UNITS + "mdm-agentd.service")
    for line in ("WatchdogSec=[0-9]+min", "NotifyAccess=main", "Restart=always", "TimeoutStartSec=90"):
        assert re.search("^%s$" % line, unit, re.M), line


@test
def the_agent_is_confined(tree):
    unit = tree.read(UNITS + "mdm-agentd.service")
    # Rules go there, wherever the rest is installed.
    assert re.search("^ReadWritePaths=/etc$", unit, re.M), unit
    # What restrictions write: nodes change their modes in /dev, which nothing may hide.
    for word, rest in (("DeviceAllow", "/dev/char/10:242 rw"), ("ReadWritePaths", "-/sys/devices"), ("ReadWritePaths", "-/sys/kernel/config"),
                       ("ReadWritePaths", "-/sys/module/usbcore/parameters"), ("ReadWritePaths", "-/sys/bus/usb/drivers_probe")):
        assert re.search("^%s=(.* )?%s( |$)" % (word, rest), unit, re.M), rest
    # What each of these would hide or take, the unit's comments say.
    for line in ("ProtectHome=(yes|tmpfs)", "PrivateDevices=yes", "ProtectClock=yes", "RestrictSUIDSGID=yes", "ProcSubset=pid",
                 "InaccessiblePaths=.*", "User=.*"):
        assert not re.search("^%s$" % line, unit, re.M), line
    allowed = " ".join(re.findall("^CapabilityBoundingSet=(.*)$", unit, re.M)).split()
    assert sorted(allowed) == ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
                               "CAP_WAKE_ALARM"], allowed
    if not needs("systemd-analyze"):
        return
    done = run("systemd-analyze", "security", "--offline=true", tree.path(UNITS + "mdm-agentd.service"))
    found = re.search(r"exposure level for mdm-agentd.service: ([0-9.]+)", done.stdout)
    if not found:
        skipped.append("this systemd-analyze does not judge files")
        return
    assert float(found.group(1)) <= 3.5, done.stdout


@test
def the_guard_sees_the_system(tree):
    """Nothing of its unit makes a mount namespace, and it has no more rights than its processes name."""
    unit = tree.read(UNITS + "mdm-agent-guard.service")
    for line in ("Protect(System|Home|Proc|KernelTunables|KernelModules|KernelLogs|ControlGroups|Hostname|Clock)=.*",
                 "Private[A-Za-z]*=.*", "[A-Za-z]*Paths=.*", "[A-Za-z]*Directory=.*", "RootDirectory=.*", "DynamicUser=.*",
                 "MountFlags=.*", "TemporaryFileSystem=.*", "ProcSubset=.*", "WantedBy=.*"):
        assert not re.search("^%s$" % line, unit, re.M), line
    allowed = " ".join(re.findall("^CapabilityBoundingSet=(.*)$", unit, re.M)).split()
    assert sorted(allowed) == ["CAP_DAC_READ_SEARCH", "CAP_LEASE", "CAP_SETPCAP", "CAP_SYS_ADMIN"], allowed
    # Ended in order it stays ended; where the kernel does not ask it is not tried over and over.
    for line in ("Restart=on-failure", "RestartPreventExitStatus=2 3", "KillMode=mixed", "LimitMEMLOCK=128M"):
        assert re.search("^%s$" % line, unit, re.M), line


@test
def the_server_is_confined(tree):
    unit = tree.read(UNITS + "mdm-server.service")
    for line in ("ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "SystemCallFilter=@system-service",
                 "StateDirectory=mdm-server", "Restart=on-failure", "RestartPreventExitStatus=2", "User=mdm-server"):
        assert re.search("^%s$" % re.escape(line), unit, re.M), line
    if not needs("systemd-analyze"):
        return
    done = run("systemd-analyze", "security", "--offline=true", tree.path(UNITS + "mdm-server.service"))
    found = re.search(r"exposure level for mdm-server.service: ([0-9.]+)", done.stdout)
    if not found:
        skipped.append("this systemd-analyze does not judge files")
        return
    assert float(found.group(1)) <= 2.0, done.stdout


@test
def the_scripts_are_shell(tree):
    for script in SCRIPTS + ("etc/conf.d/mdm-server", "etc/conf.d/mdm-agentd"):
        done = run("sh", "-n", tree.path(script))
        assert done.returncode == 0, done.stdout
        if needs("shellcheck"):
            done = run("shellcheck", "-s", "sh", tree.path(script))
            assert done.returncode == 0, done.stdout


STAND_INS = """
RC_SVCNAME=mdm-server
checkpath() { echo "checkpath $*"; }
ebegin() { :; }
eend() { return "$1"; }
"""


@test
def openrc_checks_before_it_starts_or_reloads(tree):
    """The functions of the script, with what openrc-run offers them replaced by words."""
    good, bad = tree.path("good.conf"), tree.path("bad.conf")
    for path, text in ((good, ""), (bad, "idle-timeout never\n")):
        with open(path, "w") as f:
            f.write(tree.read("etc/mdm-server/mdm-server.conf") + text)
    os.makedirs(tree.path("bin"), exist_ok=True)
    with open(tree.path("bin/supervise-daemon"), "w") as f:
        f.write("#!/bin/sh\necho \"supervise-daemon $*\"\n")
    os.chmod(tree.path("bin/supervise-daemon"), 0o755)
    # A command that only looks at the settings: the keys are not there.
    script = tree.read(SCRIPTS[0]).replace("config check --config", "config show --config")
    for function in ("start_pre", "reload"):
        for config, works in ((good, True), (bad, False)):
            done = run("sh", "-c", STAND_INS + "mdm_server_config=%s\n" % config + script + "\n%s\n" % function,
                       env={"PATH": tree.path("bin") + ":/usr/bin:/bin"})
            assert (done.returncode == 0) == works, (function, config, done.stdout)
            assert ("idle-timeout" in done.stdout and "never" in done.stdout) == (not works), done.stdout
            if function == "reload":
                assert ("supervise-daemon mdm-server --signal HUP" in done.stdout) == works, done.stdout


AGENT_STAND_INS = """
RC_SVCNAME=mdm-agentd error_log=/full/log
checkpath() { return 1; }
ewarn() { echo "warning: $*"; }
sleep() { :; }
"""
# A look takes twenty seconds, as seen by the clock of the script.
SLOW_CLOCK = """
uptime_now() { echo look >>%s; echo $((100 + 20 * $(wc -l <%s))); }
"""


@test
def openrc_starts_the_agent_whatever_happens(tree):
    """Without a place for its log, and when it never gets ready: the functions of the script, beside words."""
    script = tree.read(SCRIPTS[1])
    assert "notify=" not in re.sub("#.*", "", script + tree.read(SCRIPTS[0])), "no OpenRC so far can do that"
    for text in (script, tree.read(SCRIPTS[0])):
        assert re.search(r'^retry="\$\{retry:-TERM/[0-9]+/KILL/[0-9]+\}"$', text, re.M), "what hangs goes on after a stop"
    env = {"PATH": "/usr/bin:/bin"}
    done = run("sh", "-c", AGENT_STAND_INS + script + '\nstart_pre || exit\necho "log ${error_log-none}"\n', env=env)
    assert done.returncode == 0 and "log none" in done.stdout, done.stdout
    assert "/full/log cannot be written" in done.stdout and done.stdout.count("warning: ") == 3, done.stdout
    looks, ctl = tree.path("looks"), tree.path("usr/bin/agentctl")
    os.makedirs(os.path.dirname(ctl), exist_ok=True)
    for answer, ready in (('{"ready":false}', False), ('{"ready":true}', True)):
        with open(ctl, "w") as f:
            f.write("#!/bin/sh\necho '%s'\n" % answer)
        os.chmod(ctl, 0o755)
        done = run("sh", "-c", AGENT_STAND_INS + script + SLOW_CLOCK % (looks, looks) + "\nstart_post\n", env=env)
        assert done.returncode == 0 and ("does not say that it is ready" in done.stdout) != ready, done.stdout
        assert len(open(looks).readlines()) == (1 if ready else 3), open(looks).read()
        os.unlink(looks)
    assert 0 < float(run("sh", "-c", AGENT_STAND_INS + script + "\nuptime_now\n", env=env).stdout)


HOOK = "packaging/services/mdm-agent.apk-hook"


@test
def the_hook_of_apk_refuses_only_what_takes_the_agent(tree):
    """apk is a stand-in: it says what it would do, and runs the hook as the process of that name."""
    hook, bin_dir = tree.path("hook"), tree.path("hook-bin")
    os.makedirs(bin_dir, exist_ok=True)
    agent = tree.path("hook-agent")
    with open(hook, "w") as f:
        f.write(open(os.path.join(SOURCE, HOOK)).read().replace("@PREFIX@/sbin/mdm-agentd", agent))
    files = ((os.path.join(bin_dir, "apk"), "#!/bin/sh\necho \"$*\" >%s\nprintf '%%b' \"$WOULD\"\n" % tree.path("asked")),
             (agent, "#!/bin/sh\necho \"agent $*\"\nexit $STATUS\n"))
    files += ((os.path.join(bin_dir, "apk.static"), files[0][1]),)
    for path, text in files:
        with open(path, "w") as f:
            f.write(text)
    for path in (hook, *(path for path, _ in files)):
        os.chmod(path, 0o755)
    gone = "(1/2) Purging other (1.0-r0)\\n(2/2) Purging mdm-agent (0.1.0-r0)\\nOK\\n"
    for would, status, name, stage, works, asks in (
            (gone, 3, "apk", "pre-commit", False, True), (gone, 1, "apk", "pre-commit", False, True),
            (gone, 0, os.path.join(bin_dir, "apk"), "pre-commit", True, True),
            ("(1/1) Purging mdm-agent-doc (0.1.0-r0)\\n", 3, "apk", "pre-commit", True, False),
            ("(1/1) Upgrading mdm-agent (0.1.0-r0 -> 0.2.0-r0)\\n", 3, "apk", "pre-commit", True, False),
            (gone, 3, "apk", "post-commit", True, False), (gone, 3, "packagekitd", "pre-commit", True, False),
            ("", 3, "apk", "pre-commit", True, False)):
        done = run(name, "-c", '"$0" "$1"; exit $?', hook, stage, "two words", executable="/bin/sh",
                   env={"PATH": bin_dir + ":/usr/bin:/bin", "WOULD": would, "STATUS": str(status)})
        assert (done.returncode == 0) == works, (would, status, name, stage, done.stdout)
        assert ("agent --prepare-removal" in done.stdout) == asks, done.stdout
        assert ("nothing was removed" in done.stdout) == (not works), done.stdout
    assert open(tree.path("asked")).read().startswith("--simulate --no-network -v -v -v -v -c ")
    # As many words as there may be, with quotes and line ends in them; those that would make it no simulation are not passed.
    words = ["it's", "two\nlines", "-qq", "--simulate=no", "--no-simulate", *("package-%d" % i for i in range(5000))]
    done = run("apk.static", "-c", '"$0" pre-commit; exit $?', hook, *words, executable="/bin/sh",
               env={"PATH": bin_dir + ":/usr/bin:/bin", "WOULD": gone, "STATUS": "3"})
    assert done.returncode == 1 and "nothing was removed" in done.stdout, done.stdout
    asked = open(tree.path("asked")).read()
    assert "it's" in asked and asked.endswith(" package-4999\n") and "simulate=no" not in asked and "--no-s" not in asked, asked[:300]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = next((p for p in (os.path.join(sys.argv[1], d, "mdm-server") for d in ("", "release")) if os.path.exists(p)), None)
    if not program:
        sys.exit("there is no mdm-server in %s; build it first" % sys.argv[1])
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="mdm-services-test-") as top:
        tree = Tree(top, program)
        for function in TESTS:
            try:
                function(tree)
                passed += 1
            except Exception:
                failed += 1
                print("FAILED %s" % function.__name__)
                traceback.print_exc(file=sys.stdout)
    for reason in sorted(set(skipped)):
        print("  skipped: " + reason)
    print("%d passed, %d failed" % (passed, failed) + (", %d skipped" % len(set(skipped)) if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
