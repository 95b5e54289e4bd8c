//! What else is known of a program that is asked about, in words.

use bastion_ipc::wire::{Details, PackageState, Question};

use crate::output::clean;

/// Said where the text is a program's own word, which another program could say as well; first,
/// for what is long is cut.
const NOT_PROVEN: &str = "not proven: ";

/// What is known, each with its name; what is not known is empty.
pub(super) fn facts(question: &Question) -> Vec<(&'static str, String)> {
    let nothing = Details::default();
    let details = question.details.as_ref().unwrap_or(&nothing);
    // An AppImage that the question names already needs no second line.
    let appimage = details
        .appimage
        .as_deref()
        .filter(|_| !question.app.starts_with("appimage:"));
    vec![
        ("Application", application(question, details)),
        ("Package", package(details)),
        ("Unit", unit(details)),
        ("Container", claimed(details.container.as_deref())),
        ("AppImage", claimed(appimage)),
        ("Script", claimed(details.script.as_deref())),
    ]
}

/// True if the program's file is not the one that its package shipped.
pub(super) fn is_changed(question: &Question) -> bool {
    let details = question.details.as_ref();
    details.is_some_and(|details| state(details) == PackageState::Changed)
}

fn application(question: &Question, details: &Details) -> String {
    let app = clean(&question.app);
    match details.name.as_deref().map(clean) {
        Some(name) if app.is_empty() => name.into_owned(),
        Some(name) => format!("{name} ({app})"),
        None => app.into_owned(),
    }
}

fn package(details: &Details) -> String {
    let Some(name) = &details.package else {
        return match state(details) {
            PackageState::Unpackaged => "none has this file".into(),
            _ => String::new(),
        };
    };
    let version = match &details.package_version {
        Some(version) => format!(" {}", clean(version)),
        None => String::new(),
    };
    let how = match state(details) {
        PackageState::AsShipped => "as shipped",
        PackageState::Changed => "changed since it was installed",
        PackageState::Unknown | PackageState::Unpackaged => "whether it was changed is not known",
    };
    format!("{}{version} ({how})", clean(name))
}

fn unit(details: &Details) -> String {
    match details.user_unit {
        Some(false) => details
            .unit
            .as_deref()
            .map_or_else(String::new, |unit| clean(unit).into_owned()),
        // Every program of a user can have a unit of the user's made, of whatever name.
        _ => claimed(details.unit.as_deref()),
    }
}

fn claimed(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("{NOT_PROVEN}{}", clean(text)))
}

fn state(details: &Details) -> PackageState {
    PackageState::parse(details.package_state.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The facts that are told of these details.
    fn told(details: Details) -> Vec<(&'static str, String)> {
        let question = Question {
            details: Some(details),
            ..Question::default()
        };
        let mut facts = facts(&question);
        facts.retain(|(_, fact)| !fact.is_empty());
        facts
    }

    fn package(name: Option<&str>, version: Option<&str>, state: Option<&str>) -> Details {
        Details {
            package: name.map(Into::into),
            package_version: version.map(Into::into),
            package_state: state.map(Into::into),
            ..Details::default()
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        assert_eq!(told(Details::default()), []);
        assert_eq!(told(package(None, None, Some("unknown"))), []);
        let unasked = facts(&Question::default());
        assert!(unasked.iter().all(|(_, fact)| fact.is_empty()));
    }

    #[test]
    fn packages_are_told_with_their_state() {
        for (name, version, state, expected) in [
            (
                Some("curl"),
                Some("8.14.1-2"),
                Some("as-shipped"),
                "curl 8.14.1-2 (as shipped)",
            ),
            (
                Some("curl"),
                Some("8.14.1-2"),
                Some("changed"),
                "curl 8.14.1-2 (changed since it was installed)",
            ),
            (
                Some("libc6:amd64"),
                None,
                Some("unknown"),
                "libc6:amd64 (whether it was changed is not known)",
            ),
            (
                Some("curl"),
                None,
                Some("from the future"),
                "curl (whether it was changed is not known)",
            ),
            (None, None, Some("unpackaged"), "none has this file"),
        ] {
            assert_eq!(
                told(package(name, version, state)),
                [("Package", expected.to_owned())]
            );
        }
    }

    #[test]
    fn only_the_systems_units_are_proven() {
        for (of_user, expected) in [
            (Some(false), "cron.service"),
            (Some(true), "not proven: cron.service"),
            (None, "not proven: cron.service"),
        ] {
            let details = Details {
                unit: Some("cron.service".into()),
                user_unit: of_user,
                ..Details::default()
            };
            assert_eq!(told(details), [("Unit", expected.to_owned())]);
        }
    }

    #[test]
    fn applications_are_told_by_name_and_by_id() {
        for (app, name, expected) in [
            ("", Some("Firefox"), "Firefox"),
            ("flatpak:org.a.B", Some("The B"), "The B (flatpak:org.a.B)"),
            ("flatpak:org.a.B", None, "flatpak:org.a.B"),
        ] {
            let question = Question {
                app: app.into(),
                details: Some(Details {
                    name: name.map(Into::into),
                    ..Details::default()
                }),
                ..Question::default()
            };
            assert_eq!(facts(&question)[0], ("Application", expected.to_owned()));
        }
    }

    #[test]
    fn an_appimage_is_told_once() {
        let mut question = Question {
            details: Some(Details {
                appimage: Some("/home/a/x.AppImage".into()),
                ..Details::default()
            }),
            ..Question::default()
        };
        let told = |question: &Question| {
            let facts = facts(question);
            facts
                .iter()
                .any(|(_, fact)| fact.contains("not proven: /home/a/x.AppImage"))
        };
        assert!(told(&question));
        question.app = "appimage:x".into();
        assert!(!told(&question));
    }
}
