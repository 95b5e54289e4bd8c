#!/usr/bin/env python3
"""A user's session on the system bus: makes calls as it is told, serves agents
of Bastion, and keeps what comes. Obeys one JSON object a line on standard
input and answers each with one on standard output, {"ok": RESULT} or
{"error": TEXT}.

Several connections may be open, each with a name; "main" is there from the
start. Arguments of calls are GVariant text, a tuple."""

import json
import os
import sys
import time

from gi.repository import Gio, GLib

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../gui"))
import polkit_agent  # noqa: E402

HELPER = "org.bastionfirewall.Helper1"
HELPER_PATH = "/org/bastionfirewall/Helper1"
AGENT_PATH = "/org/bastionfirewall/Agent1"
AGENT_INTERFACE = """
<node><interface name='org.bastionfirewall.Agent1'>
  <method name='Ask'><arg type='a{sv}' name='question' direction='in'/></method>
  <method name='Withdraw'>
    <arg type='t' name='id' direction='in'/><arg type='s' name='reason' direction='in'/>
  </method>
</interface></node>
"""
POLL = 20  # ms


def wait(what, timeout, condition):
    """Works off what comes until `condition` gives something."""
    source = GLib.timeout_add(POLL, lambda: GLib.SOURCE_CONTINUE)
    end = time.monotonic() + timeout
    try:
        while (result := condition()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not come within {timeout} s")
            GLib.MainContext.default().iteration(True)
        return result
    finally:
        GLib.source_remove(source)


def matches(record, where):
    return all(record.get(field) == value for field, value in where.items())


class Link:
    """One connection to the bus."""

    def __init__(self):
        address = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        self.asked, self.history, self.withdrawn, self.signals = [], [], {}, []
        self.served = set()
        self.bus.signal_subscribe(None, None, None, HELPER_PATH, None, Gio.DBusSignalFlags.NONE, self._signal)

    def serve(self, path):
        if path in self.served:
            return
        self.served.add(path)
        interface = Gio.DBusNodeInfo.new_for_xml(AGENT_INTERFACE).interfaces[0]
        self.bus.register_object(path, interface, self._called, None, None)

    def _called(self, _bus, _sender, _path, _interface, method, parameters, invocation):
        if method == "Ask":
            (question,) = parameters.unpack()
            self.asked.append(question)
            self.history.append(question)
        else:
            number, reason = parameters.unpack()
            self.withdrawn[number] = reason
            self.asked = [question for question in self.asked if question["id"] != number]
        invocation.return_value(None)

    def _signal(self, _bus, _sender, _path, _interface, member, parameters):
        self.signals.append((member, parameters.unpack()))

    def call(self, destination, path, interface, method, arguments, interactive, timeout):
        parameters = GLib.Variant.parse(None, arguments, None, None)
        flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else Gio.DBusCallFlags.NONE
        done = []
        self.bus.call(destination, path, interface, method, parameters, None, flags, timeout * 1000, None,
                      lambda bus, result: done.append(result))
        result = wait(f"the reply to {method}", timeout + 5, lambda: done[0] if done else None)
        try:
            return {"reply": list(self.bus.call_finish(result).unpack())}
        except GLib.Error as error:
            name = Gio.DBusError.get_remote_error(error) or f"local: {error.domain} {error.code}"
            return {"refused": name, "message": error.message.removeprefix(f"GDBus.Error:{name}: ")}


class Peer:
    def __init__(self):
        self.links = {"main": Link()}
        self.authentication = None

    def connect(self, connection):
        self.links[connection] = Link()
        return self.links[connection].bus.get_unique_name()

    def close(self, connection):
        self.links.pop(connection).bus.close_sync(None)

    def call(self, connection, interface, method, arguments, destination=HELPER, path=HELPER_PATH,
             interactive=False, timeout=20):
        link = self.links[connection]
        return link.call(destination, path, interface, method, arguments, interactive, timeout)

    def serve(self, connection, path=AGENT_PATH):
        self.links[connection].serve(path)

    def asked(self, connection, where, timeout):
        """The first question with these fields that is open and was not given yet."""
        link = self.links[connection]
        found = wait(f"a question with {where}", timeout,
                     lambda: next((q for q in link.asked if matches(q, where)), None))
        link.asked.remove(found)
        return found

    def history(self, connection):
        """Every question there ever was."""
        return self.links[connection].history

    def withdrawn(self, connection, id, timeout):
        return wait(f"the withdrawal of {id}", timeout, lambda: self.links[connection].withdrawn.get(id))

    def decided(self, connection, where, timeout):
        """A decision with these fields that was signalled."""
        def find():
            return next((event for member, (events, *_) in self._decisions(connection)
                         for event in events if matches(event, where)), None)
        return wait(f"the signal of a decision with {where}", timeout, find)

    def _decisions(self, connection):
        return [signal for signal in self.links[connection].signals if signal[0] == "Decided"]

    def signals(self, connection):
        return self.links[connection].signals

    def authenticate_as(self, account=None, password=None):
        """From now on polkit's questions are answered so; without an account, dismissed."""
        if self.authentication is None:
            self.authentication = polkit_agent.Agent(os.environ["XDG_SESSION_ID"])
        self.authentication.answer_as(account, password)

    def authentications(self):
        return self.authentication.requests if self.authentication else []


OPERATIONS = {"connect", "close", "call", "serve", "asked", "history", "withdrawn", "decided", "signals",
              "authenticate_as", "authentications"}


def obey(peer, line):
    try:
        request = json.loads(line)
        operation = request.pop("op")
        if operation not in OPERATIONS:
            raise ValueError(f"there is no operation {operation}")
        return {"ok": getattr(peer, operation)(**request)}
    except Exception as error:  # whatever it is, the test must hear of it
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    peer, loop, rest = Peer(), GLib.MainLoop(), [b""]

    def read(_fd, _condition):
        data = os.read(0, 65536)
        if not data:
            loop.quit()
            return GLib.SOURCE_REMOVE
        *lines, rest[0] = (rest[0] + data).split(b"\n")
        for line in lines:
            print(json.dumps(obey(peer, line)), flush=True)
        return GLib.SOURCE_CONTINUE

    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, 0, GLib.IOCondition.IN | GLib.IOCondition.HUP, read)
    ready = {"name": peer.links["main"].bus.get_unique_name(), "session": os.environ.get("XDG_SESSION_ID", "")}
    print(json.dumps({"ok": ready}), flush=True)
    loop.run()


main()
