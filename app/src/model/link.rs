//! How the app stands with the helper, and the page that says what is wrong when there is none to
//! work with.

use std::cmp::Ordering;

use crate::i18n::{gettext, gettext_f};

/// Version of this app.
pub const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Longest version that is shown, in bytes; a longer one is no version.
const LONGEST_VERSION: usize = 40;

/// How the connection to the helper stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// It is being looked for.
    #[default]
    Connecting,
    /// There is no system bus; the sentence says why.
    NoBus(String),
    /// The system knows no such service.
    NotInstalled,
    /// The helper is not on the bus; what it said when it last failed, if it did.
    Missing(Option<String>),
    /// The helper refuses this user; the sentence says why.
    Refused(String),
    /// The helper and this app do not understand each other; the helper's version, if it told.
    Misfit(Option<String>),
    /// It is there, but can't be talked to; the sentence says why.
    Failed(String),
    /// All is well.
    Ready,
}

/// What the app can do about a link that is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Ask the system to start the helper.
    Start,
    /// Ask the system to stop the helper and start it again.
    Restart,
    /// End this app and start it again.
    Relaunch,
    /// Try again.
    Retry,
}

/// A helper's version beside this app's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The helper is older.
    Older,
    /// The helper is newer.
    Newer,
    /// They are the same, or nobody can tell.
    Alike,
}

impl Fit {
    /// Compares a helper's version with another, number by number.
    #[must_use]
    pub fn of(helper: &str, own: &str) -> Self {
        let (Some(helper), Some(own)) = (numbers(helper), numbers(own)) else {
            return Self::Alike;
        };
        match helper.cmp(&own) {
            Ordering::Less => Self::Older,
            Ordering::Greater => Self::Newer,
            Ordering::Equal => Self::Alike,
        }
    }
}

/// The three numbers that a version begins with.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let release = version
        .split(|c: char| c != '.' && !c.is_ascii_digit())
        .next()?;
    let mut parts = release.split('.').map(str::parse);
    let mut next = || parts.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// A version that can be shown, of what a peer says is one.
#[must_use]
pub fn version(said: &str) -> Option<String> {
    let proper = |c: char| c.is_ascii_alphanumeric() || ".-+~:".contains(c);
    let fits = said.len() <= LONGEST_VERSION && said.chars().all(proper);
    (fits && numbers(said).is_some()).then(|| said.to_owned())
}

/// A page that says what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// In a few words.
    pub title: String,
    /// What it means, and what to do.
    pub description: String,
    /// Icon name.
    pub icon: &'static str,
    /// Label of the button, and what it does.
    pub remedy: Option<(String, Remedy)>,
}

impl Trouble {
    /// What to show instead of the pages; `None` when all is well.
    #[must_use]
    pub fn of(link: &Link) -> Option<Self> {
        let retry = || Some((gettext("Try _Again"), Remedy::Retry));
        Some(match link {
            Link::Ready => return None,
            Link::Connecting => Self {
                title: gettext("Connecting…"),
                description: gettext("Looking for the firewall service."),
                icon: "network-transmit-receive-symbolic",
                remedy: None,
            },
            Link::NoBus(why) => Self {
                title: gettext("No System Bus"),
                description: gettext_f(
                    "Bastion talks to its service over the system bus, which can’t be reached: {why}",
                    &[("why", why)],
                ),
                icon: "network-error-symbolic",
                remedy: retry(),
            },
            Link::NotInstalled => Self {
                title: gettext("Firewall Is Not Installed"),
                description: gettext(
                    "This window is only one half of Bastion. The other, the service that watches connections, is not installed on this computer. Install the package “bastion-firewall”; this window connects by itself as soon as the service runs.",
                ),
                icon: "security-low-symbolic",
                remedy: retry(),
            },
            Link::Missing(why) => Self {
                title: gettext("Firewall Is Not Running"),
                description: missing(why.as_deref()),
                icon: "security-low-symbolic",
                remedy: Some((gettext("_Start Firewall"), Remedy::Start)),
            },
            Link::Refused(why) => Self {
                title: gettext("Not Permitted"),
                description: gettext_f(
                    "The firewall service does not let this session in: {why} Log in at this computer itself, or ask an administrator. This window connects by itself as soon as it may.",
                    &[("why", why)],
                ),
                icon: "security-medium-symbolic",
                remedy: retry(),
            },
            Link::Misfit(version) => misfit(version.as_deref(), OWN_VERSION),
            Link::Failed(why) => Self {
                title: gettext("Firewall Does Not Answer"),
                description: gettext_f(
                    "The firewall service is running, but could not be asked: {why}",
                    &[("why", why)],
                ),
                icon: "network-error-symbolic",
                remedy: retry(),
            },
        })
    }
}

fn missing(why: Option<&str>) -> String {
    let mut sentences = vec![gettext(
        "The service that watches connections is not running, so nothing is being asked. This window connects by itself as soon as it is back. An administrator can see what happened with “systemctl status bastion-helper”.",
    )];
    let said = |why| gettext_f("When it last failed it said: {why}.", &[("why", why)]);
    sentences.extend(why.map(said));
    // The reason stands by itself.
    sentences.join("\n\n")
}

fn misfit(helper: Option<&str>, own: &str) -> Trouble {
    let values = [("helper", helper.unwrap_or_default()), ("own", own)];
    let (title, description, remedy) = match helper.map_or(Fit::Alike, |it| Fit::of(it, own)) {
        Fit::Older => (
            gettext("Firewall Is Older Than This Window"),
            gettext_f(
                "The firewall service is of version {helper}, this window of version {own}, and they do not understand each other. After an update the service may have to be restarted. If that does not help, update the package “bastion-firewall”. Meanwhile your rules go on being applied.",
                &values,
            ),
            (gettext("_Restart Firewall"), Remedy::Restart),
        ),
        Fit::Newer => (
            gettext("Firewall Is Newer Than This Window"),
            gettext_f(
                "The firewall service is of version {helper}, this window of version {own}, and they do not understand each other. If Bastion was updated while this window was open, it only has to be started anew. If that does not help, update the application. Meanwhile your rules go on being applied.",
                &values,
            ),
            (gettext("_Restart Bastion"), Remedy::Relaunch),
        ),
        Fit::Alike => (
            gettext("Firewall and Window Do Not Match"),
            gettext_f(
                "The firewall service and this window, of version {own}, do not understand each other. After an update the service may have to be restarted. If that does not help, update both. Meanwhile your rules go on being applied.",
                &values,
            ),
            (gettext("_Restart Firewall"), Remedy::Restart),
        ),
    };
    Trouble {
        title,
        description,
        icon: "software-update-urgent-symbolic",
        remedy: Some(remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_but_a_ready_one_has_a_page() {
        assert_eq!(Trouble::of(&Link::Ready), None);
        let failed = Link::Missing(Some("install the package iptables".into()));
        let failed = Trouble::of(&failed).unwrap();
        assert!(
            failed
                .description
                .ends_with("it said: install the package iptables.")
        );
        let remedy = |link| Trouble::of(&link).unwrap().remedy.unwrap().1;
        assert_eq!(remedy(Link::Missing(None)), Remedy::Start);
        // What is not there can't be started.
        assert_eq!(remedy(Link::NotInstalled), Remedy::Retry);
        let refused = Trouble::of(&Link::Refused("why.".into())).unwrap();
        assert!(refused.description.contains("why."));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (helper, own, fit) in [
            ("3.0.0", "3.0.0", Fit::Alike),
            ("3.0.9", "3.0.10", Fit::Older),
            ("3.10.0", "3.9.0", Fit::Newer),
            ("3.1.0~rc1", "3.0.0", Fit::Newer),
            ("3.0.0-1", "3.0.0", Fit::Alike),
            ("", "3.0.0", Fit::Alike),
            ("3", "3.0.0", Fit::Alike),
            ("99999999999.0.0", "3.0.0", Fit::Alike),
        ] {
            assert_eq!(Fit::of(helper, own), fit, "{helper} {own}");
        }
    }

    #[test]
    fn whoever_is_behind_is_restarted() {
        let older = misfit(Some("2.9.0"), "3.0.0");
        assert!(older.description.contains("2.9.0") && older.description.contains("3.0.0"));
        assert_eq!(older.remedy.unwrap().1, Remedy::Restart);
        let newer = misfit(Some("4.0.0"), "3.0.0");
        assert_eq!(newer.remedy.unwrap().1, Remedy::Relaunch);
        assert_ne!(older.title, newer.title);
        let unknown = misfit(None, "3.0.0");
        assert!(!unknown.description.contains('{'));
        assert_eq!(unknown.remedy.unwrap().1, Remedy::Restart);
    }

    #[test]
    fn what_is_no_version_is_not_shown_as_one() {
        assert_eq!(version("3.0.0-1~rc1").as_deref(), Some("3.0.0-1~rc1"));
        for said in ["", "new", "3.0.0 <b>", "3.0.0\n", &"3.0.0".repeat(20)] {
            assert_eq!(version(said), None, "{said:?}");
        }
    }
}
