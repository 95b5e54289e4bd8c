"""The tray of a desktop: it takes icons as desktops do that have one
(org.kde.StatusNotifierWatcher), shows what they say, and chooses from their
menus."""

import threading
import time

from gi.repository import Gio, GLib

NAME = "org.kde.StatusNotifierWatcher"
PATH = "/StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
INTERFACE = f"""
<node><interface name='{NAME}'>
  <method name='RegisterStatusNotifierItem'><arg type='s' name='service' direction='in'/></method>
  <method name='RegisterStatusNotifierHost'><arg type='s' name='service' direction='in'/></method>
  <property name='RegisteredStatusNotifierItems' type='as' access='read'/>
  <property name='IsStatusNotifierHostRegistered' type='b' access='read'/>
  <property name='ProtocolVersion' type='i' access='read'/>
  <signal name='StatusNotifierItemRegistered'><arg type='s' name='service'/></signal>
  <signal name='StatusNotifierHostRegistered'/>
</interface></node>
"""


class Tray:
    """On the session bus from when it is made."""

    def __init__(self):
        self.items = []
        context = GLib.MainContext()
        ready = threading.Event()

        def serve():
            context.push_thread_default()
            self._own()
            ready.set()
            GLib.MainLoop.new(context, False).run()

        threading.Thread(target=serve, daemon=True).start()
        ready.wait()

    def _own(self):
        address = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SESSION, None)
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
        self.bus.register_object(PATH, interface, self._called, self._read, None)
        self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                   GLib.Variant("(su)", (NAME, 4)))

    def _called(self, bus, sender, _path, _interface, method, parameters, invocation):
        if method == "RegisterStatusNotifierItem":
            (service,) = parameters.unpack()
            # A name on the bus, or a path of whoever calls.
            self.items.append((sender, service) if service.startswith("/") else (service, "/StatusNotifierItem"))
            bus.emit_signal(None, PATH, NAME, "StatusNotifierItemRegistered", GLib.Variant("(s)", (service,)))
        invocation.return_value(None)

    def _read(self, _bus, _sender, _path, _interface, name):
        return {
            "RegisteredStatusNotifierItems": GLib.Variant("as", [name for name, _ in self.items]),
            "IsStatusNotifierHostRegistered": GLib.Variant("b", True),
            "ProtocolVersion": GLib.Variant("i", 0),
        }[name]

    def _call(self, name, path, interface, method, parameters=None):
        return self.bus.call_sync(name, path, interface, method, parameters, None, Gio.DBusCallFlags.NONE, 5000,
                                  None).unpack()

    def _item(self, timeout):
        end = time.monotonic() + timeout
        while not self.items:
            if time.monotonic() > end:
                raise TimeoutError("no icon came to the tray")
            time.sleep(0.05)
        return self.items[-1]

    def _menu(self, timeout):
        name, path = self._item(timeout)
        (menu,) = self._call(name, path, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (ITEM, "Menu")))
        _, (_, _, entries) = self._call(name, menu, MENU, "GetLayout", GLib.Variant("(iias)", (0, -1, [])))
        return name, menu, entries

    def describe(self, timeout):
        """What the newest icon says, with the labels of its menu."""
        name, path = self._item(timeout)
        (said,) = self._call(name, path, "org.freedesktop.DBus.Properties", "GetAll", GLib.Variant("(s)", (ITEM,)))
        _, _, entries = self._menu(timeout)
        _, _, title, text = said["ToolTip"]
        return {"id": said["Id"], "status": said["Status"], "icon": said["IconName"], "title": said["Title"],
                "tip": [title, text], "menu": [entry[1]["label"] for entry in entries if "label" in entry[1]]}

    def choose(self, label, timeout):
        """Chooses an entry of its menu."""
        name, menu, entries = self._menu(timeout)
        for number, properties, _ in entries:
            if properties.get("label") == label:
                self._call(name, menu, MENU, "Event",
                           GLib.Variant("(isvu)", (number, "clicked", GLib.Variant("s", ""), 0)))
                return
        raise LookupError(f"there is no {label!r} in the menu")

    def activate(self, timeout):
        """Presses the icon."""
        name, path = self._item(timeout)
        self._call(name, path, ITEM, "Activate", GLib.Variant("(ii)", (0, 0)))
