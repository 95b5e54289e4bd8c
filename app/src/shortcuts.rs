//! The keys, and the window that lists them.

use crate::i18n::gettext;

const QUIT: (&str, &str) = ("app.quit", "<Control>q");
const PREFERENCES: (&str, &str) = ("app.preferences", "<Control>comma");
const SHORTCUTS: (&str, &str) = ("app.shortcuts", "<Control>question");
const CLOSE: (&str, &str) = ("window.close", "<Control>w");
const OVERVIEW: (&str, &str) = ("win.page::overview", "<Alt>1");
const CONNECTIONS: (&str, &str) = ("win.page::connections", "<Alt>2");
const RULES: (&str, &str) = ("win.page::rules", "<Alt>3");
const LOG: (&str, &str) = ("win.page::log", "<Alt>4");

/// Detailed names of actions, each with its key as accelerators are written.
pub(crate) const OF_ACTIONS: [(&str, &str); 8] = [
    QUIT,
    PREFERENCES,
    SHORTCUTS,
    CLOSE,
    OVERVIEW,
    CONNECTIONS,
    RULES,
    LOG,
];
/// Opens the search of the page on screen.
pub(crate) const SEARCH: &str = "<Control>f";

/// The window, of which each line is a key and what it does.
pub(crate) fn window() -> gtk::ShortcutsWindow {
    let pages = [
        (OVERVIEW.1, gettext("Overview")),
        (CONNECTIONS.1, gettext("Connections")),
        (RULES.1, gettext("Rules")),
        (LOG.1, gettext("Log")),
    ];
    let lists = [
        (SEARCH, gettext("Search")),
        ("Return", gettext("Open the selected row")),
        ("Delete", gettext("End the selected connection")),
    ];
    let general = [
        (PREFERENCES.1, gettext("Preferences")),
        (SHORTCUTS.1, gettext("Keyboard shortcuts")),
        (CLOSE.1, gettext("Close the window")),
        (QUIT.1, gettext("Quit")),
    ];
    let section = gtk::ShortcutsSection::builder()
        .section_name("shortcuts")
        .max_height(12)
        .build();
    section.add_group(&group(&gettext("Pages"), &pages));
    section.add_group(&group(&gettext("Lists"), &lists));
    section.add_group(&group(&gettext("General"), &general));
    let window = gtk::ShortcutsWindow::builder().modal(true).build();
    window.add_section(&section);
    window
}

fn group(title: &str, keys: &[(&str, String)]) -> gtk::ShortcutsGroup {
    let group = gtk::ShortcutsGroup::builder().title(title).build();
    for (key, what) in keys {
        let shortcut = gtk::ShortcutsShortcut::builder()
            .accelerator(*key)
            .title(what)
            .build();
        group.add_shortcut(&shortcut);
    }
    group
}
