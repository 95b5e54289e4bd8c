#!/usr/bin/env python3
"""A small window with one widget of each kind that the driver works, for the
tests of the driver itself."""

import gi

gi.require_version("Gtk", "4.0")
gi.require_version("Adw", "1")
from gi.repository import Adw, Gio, Gtk  # noqa: E402


class Sample(Adw.Application):
    def __init__(self):
        super().__init__(application_id="org.bastionfirewall.Sample")
        self.presses = 0

    def do_activate(self):
        self.label = Gtk.Label(label="pressed 0 times")
        button = Gtk.Button(label="Press me")
        button.connect("clicked", self.pressed)
        switch = Adw.SwitchRow(title="A switch")
        entry = Adw.EntryRow(title="An entry")
        combo = Adw.ComboRow(title="A choice", model=Gtk.StringList.new(["one", "two", "three"]))
        expander = Adw.ExpanderRow(title="Details")
        expander.add_row(Adw.ActionRow(title="Hidden at first"))
        group = Adw.PreferencesGroup(title="Widgets")
        for row in (switch, entry, combo, expander):
            group.add(row)
        notify = Gtk.Button(label="Notify")
        notify.connect("clicked", self.notify_desktop)
        content = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, margin_top=24, margin_bottom=24,
                          margin_start=24, margin_end=24)
        for child in (self.label, button, notify, group):
            content.append(child)
        view = Adw.ToolbarView(content=content)
        view.add_top_bar(Adw.HeaderBar())
        Adw.ApplicationWindow(application=self, title="Sample", content=view, default_width=480).present()

    def pressed(self, _button):
        self.presses += 1
        self.label.set_label(f"pressed {self.presses} times")

    def notify_desktop(self, _button):
        note = Gio.Notification.new("Sample says")
        note.set_body("hello")
        self.send_notification("sample", note)


Sample().run()
