//! The choices of the editor's combo rows, and how each turns into the text form of its field.

use bastion_policy::rule::{Action, Priority};

use crate::i18n::gettext;

/// A choice out of a fixed list, some of which take a text.
pub trait Kind: Copy + PartialEq + Sized + 'static {
    /// Every choice, in the order in which it is offered.
    const ALL: &'static [Self];

    /// For people.
    fn label(self) -> String;

    /// The text form for this choice with this text.
    fn text(self, value: &str) -> String;

    /// Title of the entry for the text; `None` when the choice takes none.
    fn entry(self) -> Option<String>;

    /// Its position in [`Kind::ALL`].
    fn position(self) -> u32 {
        let found = Self::ALL.iter().position(|kind| *kind == self);
        u32::try_from(found.unwrap_or(0)).unwrap_or(0)
    }

    /// The choice at a position; the first where there is none.
    fn at(position: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(position).ok()?).copied()
    }
}

/// Which programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are those of ProgramMatcher")]
pub enum ProgramKind {
    #[default]
    Any,
    Path,
    Pattern,
    Flatpak,
    Snap,
    AppImage,
    Kernel,
    Unknown,
}

impl ProgramKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Pattern => "pattern:",
            Self::Flatpak => "flatpak:",
            Self::Snap => "snap:",
            Self::AppImage => "appimage:",
            _ => "",
        }
    }

    /// The choice and the text that make this text form.
    #[must_use]
    pub fn split(text: &str) -> (Self, String) {
        match text {
            "any" | "" => return (Self::Any, String::new()),
            "kernel" => return (Self::Kernel, String::new()),
            "unknown" => return (Self::Unknown, String::new()),
            _ => {}
        }
        [Self::Pattern, Self::Flatpak, Self::Snap, Self::AppImage]
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?.to_owned())))
            .unwrap_or_else(|| (Self::Path, text.to_owned()))
    }
}

impl Kind for ProgramKind {
    const ALL: &'static [Self] = &[
        Self::Any,
        Self::Path,
        Self::Pattern,
        Self::Flatpak,
        Self::Snap,
        Self::AppImage,
        Self::Kernel,
        Self::Unknown,
    ];

    fn label(self) -> String {
        match self {
            Self::Any => gettext("Any program"),
            Self::Path => gettext("A program file"),
            Self::Pattern => gettext("Program files like"),
            Self::Flatpak => gettext("A Flatpak"),
            Self::Snap => gettext("A Snap"),
            Self::AppImage => gettext("An AppImage"),
            Self::Kernel => gettext("The system kernel"),
            Self::Unknown => gettext("Unknown programs"),
        }
    }

    fn text(self, value: &str) -> String {
        match self {
            Self::Any => "any".into(),
            Self::Kernel => "kernel".into(),
            Self::Unknown => "unknown".into(),
            _ => format!("{}{}", self.prefix(), value.trim()),
        }
    }

    fn entry(self) -> Option<String> {
        Some(match self {
            Self::Any | Self::Kernel | Self::Unknown => return None,
            Self::Path => gettext("Program Path"),
            Self::Pattern => gettext("Path Pattern"),
            Self::Flatpak | Self::Snap => gettext("Application ID"),
            Self::AppImage => gettext("AppImage Name"),
        })
    }
}

/// Where to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DestinationKind {
    /// Everywhere.
    #[default]
    Any,
    /// A host name, an address, a network or a range; the text tells which.
    Place,
    /// A domain and all below it.
    Domain,
    /// The local network.
    Lan,
    /// Everything but the local network.
    Internet,
    /// Multicast and broadcast.
    Multicast,
}

impl DestinationKind {
    /// The choice and the text that make this text form.
    #[must_use]
    pub fn split(text: &str) -> (Self, String) {
        match text {
            "any" | "" => (Self::Any, String::new()),
            "group:lan" => (Self::Lan, String::new()),
            "group:internet" => (Self::Internet, String::new()),
            "group:multicast" => (Self::Multicast, String::new()),
            _ => match text.strip_prefix("domain:") {
                Some(domain) => (Self::Domain, domain.to_owned()),
                None => (Self::Place, text.to_owned()),
            },
        }
    }
}

impl Kind for DestinationKind {
    const ALL: &'static [Self] = &[
        Self::Any,
        Self::Place,
        Self::Domain,
        Self::Lan,
        Self::Internet,
        Self::Multicast,
    ];

    fn label(self) -> String {
        match self {
            Self::Any => gettext("Everywhere"),
            Self::Place => gettext("A host or network"),
            Self::Domain => gettext("A whole domain"),
            Self::Lan => gettext("The local network"),
            Self::Internet => gettext("The internet"),
            Self::Multicast => gettext("Multicast addresses"),
        }
    }

    fn text(self, value: &str) -> String {
        match self {
            Self::Any => "any".into(),
            Self::Place => value.trim().into(),
            Self::Domain => format!("domain:{}", value.trim()),
            Self::Lan => "group:lan".into(),
            Self::Internet => "group:internet".into(),
            Self::Multicast => "group:multicast".into(),
        }
    }

    fn entry(self) -> Option<String> {
        match self {
            Self::Place => Some(gettext("Host, Address, Network or Range")),
            Self::Domain => Some(gettext("Domain")),
            _ => None,
        }
    }
}

/// By which protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are those of Protocol")]
pub enum ProtocolKind {
    #[default]
    Any,
    Tcp,
    Udp,
    UdpLite,
    Icmp,
    IcmpV6,
    Sctp,
    Number,
}

impl ProtocolKind {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Any, "any"),
        (Self::Tcp, "tcp"),
        (Self::Udp, "udp"),
        (Self::UdpLite, "udplite"),
        (Self::Icmp, "icmp"),
        (Self::IcmpV6, "icmpv6"),
        (Self::Sctp, "sctp"),
    ];

    /// The choice and the text that make this text form.
    #[must_use]
    pub fn split(text: &str) -> (Self, String) {
        match Self::NAMES.iter().find(|(_, name)| *name == text) {
            Some((kind, _)) => (*kind, String::new()),
            None => (Self::Number, text.to_owned()),
        }
    }
}

impl Kind for ProtocolKind {
    const ALL: &'static [Self] = &[
        Self::Any,
        Self::Tcp,
        Self::Udp,
        Self::UdpLite,
        Self::Icmp,
        Self::IcmpV6,
        Self::Sctp,
        Self::Number,
    ];

    fn label(self) -> String {
        match self {
            Self::Number => gettext("Another, by number"),
            named => crate::model::names::protocol(&named.text("")),
        }
    }

    fn text(self, value: &str) -> String {
        let named = Self::NAMES.iter().find(|(kind, _)| *kind == self);
        named.map_or_else(|| value.trim().to_owned(), |(_, name)| (*name).to_owned())
    }

    fn entry(self) -> Option<String> {
        (self == Self::Number).then(|| gettext("Protocol Number"))
    }
}

/// For which users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserKind {
    /// Everybody.
    #[default]
    Any,
    /// The user the entry names.
    One,
}

impl Kind for UserKind {
    const ALL: &'static [Self] = &[Self::Any, Self::One];

    fn label(self) -> String {
        match self {
            Self::Any => gettext("Everybody"),
            Self::One => gettext("One user"),
        }
    }

    fn text(self, value: &str) -> String {
        match self {
            Self::Any => "any".into(),
            Self::One => value.trim().into(),
        }
    }

    fn entry(self) -> Option<String> {
        (self == Self::One).then(|| gettext("User Name or ID"))
    }
}

impl Kind for Action {
    const ALL: &'static [Self] = &[Self::Allow, Self::Deny, Self::Drop];

    fn label(self) -> String {
        match self {
            Self::Allow => gettext("Allow"),
            Self::Deny => gettext("Deny"),
            Self::Drop => gettext("Drop silently"),
        }
    }

    fn text(self, _: &str) -> String {
        self.to_string()
    }

    fn entry(self) -> Option<String> {
        None
    }
}

impl Kind for Priority {
    const ALL: &'static [Self] = &[Self::Normal, Self::Pinned, Self::Factory];

    fn label(self) -> String {
        match self {
            Self::Normal => gettext("Normal"),
            Self::Pinned => gettext("Pinned: beats all others"),
            Self::Factory => gettext("Factory: loses to all others"),
        }
    }

    fn text(self, _: &str) -> String {
        self.to_string()
    }

    fn entry(self) -> Option<String> {
        None
    }
}
