//! The window that lists the keys.

use crate::i18n::gettext;

/// Keys of the whole app by action: a detailed name and the key, as accelerators are written.
pub(crate) const OF_ACTIONS: [(&str, &str); 8] = [
    ("app.quit", "<Control>q"),
    ("app.preferences", "<Control>comma"),
    ("app.shortcuts", "<Control>question"),
    ("window.close", "<Control>w"),
    ("win.page::overview", "<Alt>1"),
    ("win.page::connections", "<Alt>2"),
    ("win.page::rules", "<Alt>3"),
    ("win.page::log", "<Alt>4"),
];
/// Opens the search of the page on screen.
pub(crate) const SEARCH: &str = "<Control>f";

/// The window, of which each line is a key and what it does.
pub(crate) fn window() -> gtk::ShortcutsWindow {
    let groups = [
        (
            gettext("Pages"),
            vec![
                ("<Alt>1", gettext("Overview")),
                ("<Alt>2", gettext("Connections")),
                ("<Alt>3", gettext("Rules")),
                ("<Alt>4", gettext("Log")),
            ],
        ),
        (
            gettext("Lists"),
            vec![
                (SEARCH, gettext("Search")),
                ("Return", gettext("Open the selected row")),
            ],
        ),
        (
            gettext("General"),
            vec![
                ("<Control>comma", gettext("Preferences")),
                ("<Control>question", gettext("Keyboard shortcuts")),
                ("<Control>w", gettext("Close the window")),
                ("<Control>q", gettext("Quit")),
            ],
        ),
    ];
    let section = gtk::ShortcutsSection::builder()
        .section_name("shortcuts")
        .max_height(12)
        .build();
    for (title, keys) in groups {
        let group = gtk::ShortcutsGroup::builder().title(title).build();
        for (key, what) in keys {
            let shortcut = gtk::ShortcutsShortcut::builder()
                .accelerator(key)
                .title(what)
                .build();
            group.add_shortcut(&shortcut);
        }
        section.add_group(&group);
    }
    let window = gtk::ShortcutsWindow::builder().modal(true).build();
    window.add_section(&section);
    window
}
