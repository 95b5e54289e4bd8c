use zbus::{DeserializeDict, SerializeDict, Type};

/// What else is known about a program that is asked about. It helps people, and decides nothing;
/// entries that are left out are not known or make no sense for it. Every text in it is escaped
/// and safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Details {
    /// The systemd unit, such as `cron.service`.
    pub unit: Option<String>,
    /// True when the unit is one of the user's own service manager, which gives any program of
    /// the user a unit of any name.
    pub user_unit: Option<bool>,
    /// The package that owns the file, as `curl` or `libc6:amd64`.
    pub package: Option<String>,
    /// The version of that package.
    pub package_version: Option<String>,
    /// Text form of a [`PackageState`]; left out when nothing can be said.
    pub package_state: Option<String>,
    /// The script that an interpreter runs, or the module. The program's own words, as its
    /// arguments are.
    pub script: Option<String>,
    /// What runs the container it is in, and the container's name or the beginning of its id, as
    /// `docker 0123456789ab`. Any program of the user can make it look so.
    pub container: Option<String>,
    /// The AppImage that it says it is from: a path or a name. The program's own words.
    pub appimage: Option<String>,
    /// File name of its desktop entry, `org.mozilla.firefox.desktop`; only of those that root
    /// installed, and only when the entry is proven to be this file's or its application's.
    pub desktop_entry: Option<String>,
    /// The name in that entry, untranslated.
    pub name: Option<String>,
    /// The icon in that entry: a name in the icon theme or an absolute path.
    pub icon: Option<String>,
}

/// Whether a program's file is as its package shipped it. Text: the variant in kebab case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PackageState {
    /// Nothing can be said.
    #[default]
    Unknown,
    /// It is as the package shipped it.
    AsShipped,
    /// It belongs to a package, but was changed since it was installed.
    Changed,
    /// It belongs to no package.
    Unpackaged,
}

impl PackageState {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Unknown, "unknown"),
        (Self::AsShipped, "as-shipped"),
        (Self::Changed, "changed"),
        (Self::Unpackaged, "unpackaged"),
    ];

    /// Its text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("unknown", |(_, text)| text)
    }

    /// The state with this text form; [`PackageState::Unknown`] for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::ALL
            .iter()
            .find(|(_, t)| *t == text)
            .map_or(Self::Unknown, |(state, _)| *state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::wire::{LE, serialized::Context, to_bytes};

    #[test]
    fn every_state_has_a_text_of_its_own() {
        for (state, text) in PackageState::ALL {
            assert_eq!(state.as_str(), text);
            assert_eq!(PackageState::parse(text), state);
        }
        assert_eq!(
            PackageState::parse("from the future"),
            PackageState::Unknown
        );
    }

    #[test]
    fn what_is_not_known_is_left_out_and_the_rest_arrives() {
        let context = Context::new(LE, 0);
        for details in [
            Details::default(),
            Details {
                unit: Some("cron.service".into()),
                user_unit: Some(false),
                package_state: Some("as-shipped".into()),
                ..Details::default()
            },
        ] {
            let question = crate::wire::Question {
                details: Some(details),
                ..Default::default()
            };
            let bytes = to_bytes(context, &question).unwrap();
            let (back, _): (crate::wire::Question, _) = bytes.deserialize().unwrap();
            assert_eq!(back, question);
        }
    }
}
