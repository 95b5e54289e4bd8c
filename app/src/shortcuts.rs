//! The keys, and the window that lists them.

use crate::i18n::gettext;

const QUIT: (&str, &str) = ("app.quit", "<Control>q");
const PREFERENCES: (&str, &str) = ("app.preferences", "<Control>comma");
const HELP: (&str, &str) = ("app.help", "F1");
const SHORTCUTS: (&str, &str) = ("app.shortcuts", "<Control>question");
const CLOSE: (&str, &str) = ("window.close", "<Control>w");
const OVERVIEW: (&str, &str) = ("win.page::overview", "<Alt>1");
const CONNECTIONS: (&str, &str) = ("win.page::connections", "<Alt>2");
const RULES: (&str, &str) = ("win.page::rules", "<Alt>3");
const LOG: (&str, &str) = ("win.page::log", "<Alt>4");

/// Detailed names of actions, each with its key as accelerators are written.
pub(crate) const OF_ACTIONS: [(&str, &str); 9] = [
    QUIT,
    PREFERENCES,
    HELP,
    SHORTCUTS,
    CLOSE,
    OVERVIEW,
    CONNECTIONS,
    RULES,
    LOG,
];
/// Opens the search of the page on screen.
pub(crate) const SEARCH: &str = "<Control>f";

/// Labels of the two answers to a question. The letter that is underlined is the answer's key, in
/// every language its own.
pub(crate) fn allow() -> String {
    gettext("_Allow")
}

/// See [`allow`].
pub(crate) fn deny() -> String {
    gettext("_Deny")
}

/// The key of a button with this label, as accelerators are written.
pub(crate) fn of_label(label: &str) -> Option<String> {
    let (_, after) = label.split_once('_')?;
    let letter = after.chars().next()?;
    Some(format!("<Alt>{}", letter.to_lowercase()))
}

/// A key as people write it.
pub(crate) fn spoken(key: &str) -> String {
    gtk::accelerator_parse(key)
        .map(|(key, modifiers)| gtk::accelerator_get_label(key, modifiers).into())
        .unwrap_or_default()
}

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
    let closes = (CLOSE.1.to_owned(), gettext("Deny once, and close"));
    let questions: Vec<_> = [(allow(), gettext("Allow")), (deny(), gettext("Deny"))]
        .into_iter()
        .filter_map(|(label, what)| Some((of_label(&label)?, what)))
        .chain([closes])
        .collect();
    let general = [
        (PREFERENCES.1, gettext("Preferences")),
        (HELP.1, gettext("Help")),
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
    section.add_group(&group(&gettext("Connection Request"), &questions));
    section.add_group(&group(&gettext("General"), &general));
    let window = gtk::ShortcutsWindow::builder().modal(true).build();
    window.add_section(&section);
    window
}

fn group(title: &str, keys: &[(impl AsRef<str>, String)]) -> gtk::ShortcutsGroup {
    let group = gtk::ShortcutsGroup::builder().title(title).build();
    for (key, what) in keys {
        let shortcut = gtk::ShortcutsShortcut::builder()
            .accelerator(key.as_ref())
            .title(what)
            .build();
        group.add_shortcut(&shortcut);
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_underlined_letter_is_the_key() {
        assert_eq!(of_label("_Allow").as_deref(), Some("<Alt>a"));
        assert_eq!(of_label("Ab_Weisen").as_deref(), Some("<Alt>w"));
        assert_eq!(of_label("Allow"), None);
        assert_eq!(of_label("Allow_"), None);
    }

    #[gtk::test]
    fn keys_are_written_for_people() {
        assert_eq!(spoken("<Alt>a"), "Alt+A");
    }
}
