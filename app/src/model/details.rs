//! What else is known of a program that is asked about: the rows of the prompt that people open
//! when they want to know more.

use bastion_ipc::wire::{Details, PackageState, Question};

use crate::i18n::{gettext, gettext_f};

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The package that owns the file, and whether it is as shipped.
    Package,
    /// The Flatpak, Snap or AppImage that it is proven to be from.
    Application,
    /// The AppImage that it says it is from.
    AppImage,
    /// The script that it says it runs.
    Script,
    /// Its systemd unit.
    Unit,
    /// The container it seems to be in.
    Container,
    /// Its arguments.
    Arguments,
    /// Its working directory.
    Directory,
    /// Its ancestors.
    Parents,
    /// Its process id.
    Process,
}

impl Fact {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Package,
        Self::Application,
        Self::AppImage,
        Self::Script,
        Self::Unit,
        Self::Container,
        Self::Arguments,
        Self::Directory,
        Self::Parents,
        Self::Process,
    ];

    /// The title of its row.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Package => gettext("Package"),
            Self::Application => gettext("Application"),
            Self::AppImage => gettext("AppImage"),
            Self::Script => gettext("Script"),
            Self::Unit => gettext("Systemd Unit"),
            Self::Container => gettext("Container"),
            Self::Arguments => gettext("Arguments"),
            Self::Directory => gettext("Working Directory"),
            Self::Parents => gettext("Started By"),
            Self::Process => gettext("Process"),
        }
    }

    /// What its row says of a question; empty when there is nothing to say.
    #[must_use]
    pub fn text(self, question: &Question) -> String {
        let details = question.details.as_ref();
        let claimed = |claim: fn(&Details) -> &Option<String>| {
            let claim = details.and_then(|details| claim(details).as_deref());
            claim.map_or_else(String::new, not_proven)
        };
        match self {
            Self::Package => details.map_or_else(String::new, package),
            Self::Application => question.app.clone(),
            // One that is proven has a row already.
            Self::AppImage if question.app.starts_with("appimage:") => String::new(),
            Self::AppImage => claimed(|details| &details.appimage),
            Self::Script => claimed(|details| &details.script),
            Self::Unit => match details.and_then(|details| details.user_unit) {
                Some(false) => details
                    .and_then(|details| details.unit.clone())
                    .unwrap_or_default(),
                // Every program of a user can have a unit of the user's made, of whatever name.
                _ => claimed(|details| &details.unit),
            },
            Self::Container => claimed(|details| &details.container),
            Self::Arguments => question.arguments.join(" "),
            Self::Directory => question.working_directory.clone(),
            Self::Parents => question.parents.join(" ← "),
            Self::Process if question.pid == 0 => String::new(),
            Self::Process => question.pid.to_string(),
        }
    }
}

/// Whose name and icon the prompt bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    /// Those of an application that the program is proven to be.
    Application {
        /// File name of its desktop entry; empty when not known.
        entry: String,
        /// The name in that entry, untranslated.
        name: String,
        /// The icon in that entry: a name in the icon theme or an absolute path; empty when it
        /// has none.
        icon: String,
    },
    /// The program's own: it is no application that is installed.
    Program,
    /// Not known yet.
    Unknown,
}

impl Face {
    /// The face for a question.
    #[must_use]
    pub fn of(question: &Question) -> Self {
        let Some(details) = &question.details else {
            return Self::Unknown;
        };
        match &details.name {
            Some(name) if !name.is_empty() => Self::Application {
                entry: details.desktop_entry.clone().unwrap_or_default(),
                name: name.clone(),
                icon: details.icon.clone().unwrap_or_default(),
            },
            _ => Self::Program,
        }
    }
}

/// True if the program's file is not the one that its package shipped.
#[must_use]
pub fn is_changed(question: &Question) -> bool {
    let details = question.details.as_ref();
    details.is_some_and(|details| state(details) == PackageState::Changed)
}

fn package(details: &Details) -> String {
    let package = [&details.package, &details.package_version];
    let package: Vec<_> = package.into_iter().flatten().map(String::as_str).collect();
    let values = [("package", package.join(" "))];
    let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
    match (&details.package, state(details)) {
        (None, PackageState::Unpackaged) => gettext("The file belongs to no package"),
        (None, _) => String::new(),
        (_, PackageState::AsShipped) => gettext_f("{package} (as shipped)", &values),
        (_, PackageState::Changed) => {
            gettext_f("{package} (changed since it was installed)", &values)
        }
        (_, PackageState::Unknown | PackageState::Unpackaged) => {
            gettext_f("{package} (whether it was changed is not known)", &values)
        }
    }
}

/// A program's own word, which another program could say as well. That is said first: rows cut
/// what is long.
fn not_proven(claim: &str) -> String {
    gettext_f("Not proven: {claim}", &[("claim", claim)])
}

fn state(details: &Details) -> PackageState {
    PackageState::parse(details.package_state.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(question: &Question) -> Vec<(Fact, String)> {
        let facts = Fact::ALL.map(|fact| (fact, fact.text(question)));
        let said = facts.into_iter().filter(|(_, text)| !text.is_empty());
        said.collect()
    }

    fn known(details: Details) -> Question {
        Question {
            details: Some(details),
            ..Question::default()
        }
    }

    #[test]
    fn what_is_not_known_has_no_row() {
        assert_eq!(told(&Question::default()), []);
        assert_eq!(told(&known(Details::default())), []);
    }

    #[test]
    fn packages_are_told_with_their_state() {
        for (name, version, state, expected) in [
            (
                Some("curl"),
                Some("8.14.1-2"),
                "as-shipped",
                "curl 8.14.1-2 (as shipped)",
            ),
            (
                Some("curl"),
                Some("8.14.1-2"),
                "changed",
                "curl 8.14.1-2 (changed since it was installed)",
            ),
            (
                Some("libc6:amd64"),
                None,
                "unknown",
                "libc6:amd64 (whether it was changed is not known)",
            ),
            (
                Some("curl"),
                None,
                "from the future",
                "curl (whether it was changed is not known)",
            ),
            (None, None, "unpackaged", "The file belongs to no package"),
            (None, None, "unknown", ""),
        ] {
            let question = known(Details {
                package: name.map(Into::into),
                package_version: version.map(Into::into),
                package_state: Some(state.into()),
                ..Details::default()
            });
            assert_eq!(Fact::Package.text(&question), expected);
            assert_eq!(is_changed(&question), state == "changed");
        }
    }

    #[test]
    fn what_programs_say_of_themselves_is_told_as_such() {
        let question = known(Details {
            unit: Some("cron.service".into()),
            user_unit: Some(true),
            script: Some("/home/alice/backup.py".into()),
            container: Some("docker 0123456789ab".into()),
            appimage: Some("/home/alice/x.AppImage".into()),
            ..Details::default()
        });
        let expected = [
            (Fact::AppImage, "Not proven: /home/alice/x.AppImage"),
            (Fact::Script, "Not proven: /home/alice/backup.py"),
            (Fact::Unit, "Not proven: cron.service"),
            (Fact::Container, "Not proven: docker 0123456789ab"),
        ];
        assert_eq!(
            told(&question),
            expected.map(|(fact, text)| (fact, text.to_owned()))
        );
    }

    #[test]
    fn a_unit_of_the_system_is_proven() {
        let question = known(Details {
            unit: Some("cron.service".into()),
            user_unit: Some(false),
            ..Details::default()
        });
        assert_eq!(Fact::Unit.text(&question), "cron.service");
    }

    #[test]
    fn an_appimage_is_told_once() {
        let mut question = known(Details {
            appimage: Some("/home/alice/x.AppImage".into()),
            ..Details::default()
        });
        question.app = "appimage:x".into();
        assert_eq!(
            told(&question),
            [(Fact::Application, "appimage:x".to_owned())]
        );
    }

    #[test]
    fn only_proven_applications_give_their_name_and_icon() {
        assert_eq!(Face::of(&Question::default()), Face::Unknown);
        assert_eq!(Face::of(&known(Details::default())), Face::Program);
        let firefox = known(Details {
            desktop_entry: Some("firefox.desktop".into()),
            name: Some("Firefox".into()),
            ..Details::default()
        });
        assert_eq!(
            Face::of(&firefox),
            Face::Application {
                entry: "firefox.desktop".into(),
                name: "Firefox".into(),
                icon: String::new(),
            }
        );
    }
}
