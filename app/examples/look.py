#!/usr/bin/env python3
"""look.py SANDBOX [DIRECTORY]: pictures of the app with made-up data, for whoever works on its
looks. SANDBOX is a running sandbox (tests/sandbox/sandbox.sh up NAME); the app and
examples/fake_helper have to be built in it (tests/sandbox/build.sh build -p bastion --all-targets).
The pictures go to target/sandbox/share/DIRECTORY (default: look)."""

import json
import os
import shutil
import subprocess
import sys

PROJECT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SHARE = os.path.join(PROJECT, "target/sandbox/share")
BUILT = os.path.join(PROJECT, "target/sandbox/build/debug")
BUS = "unix:path=/tmp/look-bus"


class Desktop:
    """The driver of tests/gui, in a user's session of the sandbox."""

    def __init__(self, sandbox):
        script = os.path.join(PROJECT, "tests/sandbox/sandbox.sh")
        command = [script, "user", sandbox, "alice", "python3", "/opt/bastion-tests/gui/driver.py"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()

    def read(self):
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def __getattr__(self, operation):
        def call(**fields):
            print(json.dumps({"op": operation, **fields}), file=self.process.stdin, flush=True)
            return self.read()
        return call

    def press_named(self, role, name):
        self.press(find={"role": role, "name": name})

    def go_to(self, page):
        # A window of a menu that is just closing can get in the pointer's way.
        for _ in range(3):
            try:
                return self.click(find={"role": "list item", "name": page})
            except RuntimeError:
                pass
        raise RuntimeError(f"{page} can't be gone to")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def prepare(directory):
    target = os.path.join(SHARE, directory)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(os.path.join(target, "data/glib-2.0/schemas"))
    for program in ("bastion", "examples/fake_helper"):
        shutil.copy(os.path.join(BUILT, program), target)
    shutil.copytree(os.path.join(PROJECT, "data/icons"), os.path.join(target, "data/icons"))
    shutil.copy(os.path.join(PROJECT, "data/org.bastionfirewall.Bastion.gschema.xml"),
                os.path.join(target, "data/glib-2.0/schemas"))
    # The assistant of the first run would stand before everything.
    with open(os.path.join(target, "data/glib-2.0/schemas/seen.gschema.override"), "w", encoding="utf-8") as seen:
        seen.write("[org.bastionfirewall.Bastion]\nfirst-run-done=true\n")
    for place in (target, os.path.join(target, "data/glib-2.0/schemas")):
        os.chmod(place, 0o777)


def main():
    sandbox, directory = sys.argv[1], (sys.argv[2:] or ["look"])[0]
    prepare(directory)
    inside = f"/mnt/share/{directory}"
    desktop = Desktop(sandbox)

    def picture(name, window="Bastion"):
        desktop.screenshot(path=f"{inside}/{name}.png", window=window)

    def start(*arguments, dark=False, missing=False, helper=()):
        env = ["env", f"DBUS_SYSTEM_BUS_ADDRESS={BUS}", f"XDG_DATA_DIRS={inside}/data:/usr/local/share:/usr/share",
               f"GSETTINGS_SCHEMA_DIR={inside}/data/glib-2.0/schemas", "GSETTINGS_BACKEND=memory"]
        if dark:
            env += ["ADW_DEBUG_COLOR_SCHEME=prefer-dark"]
        programs = []
        if not missing:
            programs.append(desktop.spawn(
                command=env + [f"{inside}/fake_helper", *helper],
                log="/tmp/fake.log"))
        programs.append(desktop.spawn(command=env + [f"{inside}/bastion", *arguments], log="/tmp/app.log"))
        return programs

    def stop(programs):
        for pid in reversed(programs):
            desktop.kill(pid=pid)

    def safeguard(mode):
        desktop.wait(find={"contains": "Loudest: "})
        for width in (1000, 360):
            desktop.resize(window="Bastion", width=width, height=1100)
            desktop.wait(find={"role": "label", "name": "Safeguard Is On"})
            picture(f"{mode}-{width}-safeguard")
            desktop.click(find={"role": "list item", "name": "Preferences"})
            desktop.click(find={"role": "page tab", "name": "Safeguard"})
            switch = {"role": "check box", "name": "Stop Asking When There Is Too Much"}
            desktop.wait_state(find=switch, state="checked")
            picture(f"{mode}-{width}-preferences")
            desktop.focus(find={"role": "spin button", "name": "Time of Calm"})
            picture(f"{mode}-{width}-preferences-safeguard")
            desktop.key(keys=["Escape"])
            desktop.wait_gone(find=switch)

    def prompts(mode):
        prompt, allow = "Connection Request", {"role": "button", "name": "Allow"}
        details = {"role": "list item", "name": "Details"}

        desktop.wait(find=allow)
        print(desktop.windows())
        picture(f"{mode}-prompt", prompt)
        desktop.click(find={"role": "combo box", "name": "Applies To"})
        picture(f"{mode}-prompt-scopes", None)
        desktop.key(keys=["Escape"])
        desktop.click(find=details)
        desktop.wait(find={"role": "list item", "name": "Package"})
        picture(f"{mode}-prompt-details", prompt)
        print(desktop.tree(), file=open(os.path.join(SHARE, directory, "prompt-tree.txt"), "w"))
        for verdict, following in (("Deny", "launcher"), ("Allow", "cupsd")):
            desktop.wait_state(find=allow, state="sensitive")
            desktop.press_named("button", verdict)
            desktop.wait(find={"contains": following})
        picture(f"{mode}-prompt-changed", prompt)
        desktop.click(find=details)
        desktop.wait(find={"role": "list item", "name": "Package"})
        picture(f"{mode}-prompt-changed-details", prompt)
        desktop.wait_state(find=allow, state="sensitive")
        desktop.press_named("button", "Deny")
        desktop.wait(find={"contains": "E-Book Reader"})
        picture(f"{mode}-prompt-application", prompt)
        desktop.click(find=details)
        desktop.wait(find={"role": "list item", "name": "Package"})
        for width in (460, 360):
            desktop.resize(window=prompt, width=width, height=1100)
            picture(f"{mode}-{width}-prompt-application-details", prompt)

    try:
        desktop.run(command=["glib-compile-schemas", f"{inside}/data/glib-2.0/schemas"])
        desktop.spawn(command=["dbus-daemon", "--session", f"--address={BUS}", "--nofork"], log="/tmp/bus.log")
        programs = start(missing=True)
        desktop.wait(find={"contains": "Firewall Is Not Running"})
        picture("missing")
        stop(programs)
        for dark in (False, True):
            mode = "dark" if dark else "light"
            programs = start(dark=dark)
            desktop.wait(find={"role": "label", "name": "Protection Is On"})
            for width in (1280, 360):
                desktop.resize(window="Bastion", width=width, height=800 if width > 400 else 720)
                for page in ("Overview", "Connections", "Rules", "Log"):
                    if width == 360:
                        if page == "Overview":
                            desktop.press_named("button", "Back")
                            picture(f"{mode}-{width}-sidebar")
                        else:
                            desktop.press_named("button", "Back")
                    desktop.go_to(page)
                    picture(f"{mode}-{width}-{page.lower()}")
                if width == 360:
                    desktop.press_named("button", "Back")
                desktop.go_to("Rules")
                desktop.press_named("button", "Edit rule “curl to example.org”")
                picture(f"{mode}-{width}-editor")
                desktop.key(keys=["Escape"])
                if width == 1280:
                    print(desktop.tree(), file=open(os.path.join(SHARE, directory, "tree.txt"), "w"))
            stop(programs)
            programs = start("--background", dark=dark, helper=["--ask"])
            prompts(mode)
            stop(programs)
            programs = start(dark=dark, helper=["--safeguard"])
            safeguard(mode)
            stop(programs)
    finally:
        print(desktop.run(command=["tail", "-n", "40", "/tmp/app.log", "/tmp/fake.log"])["stdout"])
        desktop.end()


if __name__ == "__main__":
    main()
