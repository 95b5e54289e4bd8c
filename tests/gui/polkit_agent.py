"""A polkit authentication agent that types a password, as the dialog of a
desktop would have a person do. Authentication itself is real: polkit's own
helper asks PAM."""

import os
import pwd
import subprocess
import threading

from gi.repository import Gio, GLib

HELPER = "/usr/lib/polkit-1/polkit-agent-helper-1"
PATH = "/org/bastionfirewall/Tests/AuthenticationAgent"
INTERFACE = """
<node><interface name='org.freedesktop.PolicyKit1.AuthenticationAgent'>
  <method name='BeginAuthentication'>
    <arg type='s' name='action_id' direction='in'/>
    <arg type='s' name='message' direction='in'/>
    <arg type='s' name='icon_name' direction='in'/>
    <arg type='a{ss}' name='details' direction='in'/>
    <arg type='s' name='cookie' direction='in'/>
    <arg type='a(sa{sv})' name='identities' direction='in'/>
  </method>
  <method name='CancelAuthentication'>
    <arg type='s' name='cookie' direction='in'/>
  </method>
</interface></node>
"""


class Agent:
    """Registered for the session this process belongs to. `requests` lists
    what was asked; `answer_as` says who answers, None cancels."""

    def __init__(self, session):
        self.requests = []
        self.credentials = None
        self.context = GLib.MainContext()
        ready, self.error = threading.Event(), None

        def serve():
            self.context.push_thread_default()
            try:
                self._register(session)
            except GLib.Error as error:
                self.error = error
                ready.set()
                return
            ready.set()
            GLib.MainLoop.new(self.context, False).run()

        threading.Thread(target=serve, daemon=True).start()
        ready.wait()
        if self.error is not None:
            raise RuntimeError(f"the authentication agent was not accepted: {self.error.message}")

    def answer_as(self, account, password):
        self.credentials = None if account is None else (account, password)

    def _register(self, session):
        # A connection of its own: the shared one dispatches in the main thread.
        address = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
        self.bus.register_object(PATH, interface, self._called, None, None)
        subject = ("unix-session", {"session-id": GLib.Variant("s", session)})
        self.bus.call_sync(
            "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
            "org.freedesktop.PolicyKit1.Authority", "RegisterAuthenticationAgent",
            GLib.Variant("((sa{sv})ss)", (subject, "C.UTF-8", PATH)), None, Gio.DBusCallFlags.NONE, -1, None)

    def _called(self, _bus, _sender, _path, _interface, method, parameters, invocation):
        if method == "CancelAuthentication":
            invocation.return_value(None)
            return
        action, message, _icon, details, cookie, identities = parameters.unpack()
        request = {"action": action, "message": message, "details": details}
        threading.Thread(target=self._authenticate, args=(request, cookie, identities, invocation), daemon=True).start()

    def _authenticate(self, request, cookie, identities, invocation):
        outcome = self._outcome(cookie, identities)
        self.requests.append({**request, "outcome": outcome})
        if outcome == "succeeded":
            invocation.return_value(None)
        else:
            invocation.return_dbus_error("org.freedesktop.PolicyKit1.Error.Failed", outcome)

    def _outcome(self, cookie, identities):
        if self.credentials is None:
            return "dismissed"
        account, password = self.credentials
        accepted = [who["uid"] for kind, who in identities if kind == "unix-user"]
        if pwd.getpwnam(account).pw_uid not in accepted:
            return f"{account} is not among those who may authenticate"
        return type_password(account, password, cookie)


def type_password(account, password, cookie):
    """Talks polkit's helper through its prompts."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    with subprocess.Popen([HELPER, account], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, env=environment) as helper:
        helper.stdin.write(cookie + "\n")
        helper.stdin.flush()
        for line in helper.stdout:
            if line.startswith("PAM_PROMPT_ECHO_OFF"):
                helper.stdin.write(password + "\n")
                helper.stdin.flush()
            elif line.startswith("SUCCESS"):
                return "succeeded"
            elif line.startswith("FAILURE"):
                return "the password was refused"
    return "the helper ended without an answer"
