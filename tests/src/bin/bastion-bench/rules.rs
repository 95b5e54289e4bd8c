//! Files of rules: the one that decides, among as many others as wanted.

use std::fmt::Write as _;

use bastion_tests::Load;

/// The id of the rule that allows the client.
pub const DECIDING: &str = "bench";

/// How long the rule that decides lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// For good: its verdict can be taught to the kernel.
    Forever,
    /// Until a time that is far away: whoever is asked has to look at the clock.
    UntilATime,
}

/// A file of so many rules in all, the deciding one in their middle.
pub fn file(lasts: Lasts, count: u32) -> String {
    let lifetime = match lasts {
        Lasts::Forever => "forever",
        Lasts::UntilATime => "until:2100-01-01T00:00:00Z",
    };
    let mut file = "version = 1\n".to_owned();
    for number in 0..count {
        if number == count / 2 {
            rule(&mut file, DECIDING, "allow", Load::PROGRAM, "any", lifetime);
        } else {
            other(&mut file, number);
        }
    }
    file
}

/// A rule as answers and administrators make them, of which none decides about the client's
/// connections.
fn other(file: &mut String, number: u32) {
    let (high, low) = (number >> 8 & 0xff, number & 0xff);
    let address = format!("198.18.{high}.{low}");
    let (action, program, destination) = match number % 20 {
        0..=4 => ("allow", format!("/usr/bin/tool-{number}"), "any".into()),
        5..=9 => ("allow", format!("/usr/bin/tool-{number}"), address),
        10..=12 => (
            "allow",
            format!("/opt/vendor-{number}/app"),
            format!("api-{number}.example.org"),
        ),
        13..=14 => (
            "deny",
            "any".into(),
            format!("domain:ads-{number}.example.net"),
        ),
        15 => (
            "allow",
            format!("pattern:/opt/suite-{number}/*/bin/**"),
            "any".into(),
        ),
        16 => (
            "allow",
            format!("flatpak:org.example.App{number}"),
            "any".into(),
        ),
        17 => ("deny", "any".into(), format!("100.{high}.{low}.0/24")),
        18 => ("deny", "any".into(), address),
        _ => ("deny", Load::PROGRAM.into(), address),
    };
    let id = format!("other-{number}");
    rule(file, &id, action, &program, &destination, "forever");
}

fn rule(
    file: &mut String,
    id: &str,
    action: &str,
    program: &str,
    destination: &str,
    lifetime: &str,
) {
    // Writing to a string never fails.
    let _ = write!(
        file,
        "\n[[rule]]\nid = \"{id}\"\nname = \"{id}\"\naction = \"{action}\"\nprogram = \"{program}\"\n\
         destination = \"{destination}\"\nlifetime = \"{lifetime}\"\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_as_many_rules_as_asked_for_and_one_decides() {
        for count in [1, 2, 1_000] {
            let file = file(Lasts::UntilATime, count);
            let rules = file.matches("[[rule]]").count();
            assert_eq!(rules, usize::try_from(count).unwrap());
            assert_eq!(file.matches("until:").count(), 1);
        }
    }
}
