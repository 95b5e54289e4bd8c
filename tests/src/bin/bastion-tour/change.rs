//! Rules are changed, in the editor and by hand, and the next connection is decided by them.

use bastion_tests::{As, Error, Find, Tour};

use crate::place::Place;

/// Name of the rule that “forever” has made, and its destination.
const RULE: &str = "curl to 2001:db8::5 port 80";
const FETCH: [&str; 5] = ["curl", "-sS", "-m", "100", "http://[2001:db8::5]/"];

pub fn walk(tour: &mut Tour, place: &mut Place<'_>) {
    tour.step(
        "The rule that the answer made appears in the window",
        RULE,
        || {
            place.start("window", &["bastion"])?;
            place
                .desktop
                .press(&Find::role("list item").named("Rules"))?;
            let row = place.desktop.wait(&Find::name(RULE))?;
            Ok::<_, Error>(row.name)
        },
    );
    tour.step(
        "It is edited to deny, by an administrator who authenticates",
        "deny",
        || {
            let edit = Find::button(&format!("Edit rule “{RULE}”"));
            place.desktop.press(&edit)?;
            place
                .desktop
                .choose(&Find::role("combo box").named("Action"), "Deny")?;
            place.picture(Some("Bastion"), "editor")?;
            place.desktop.press(&Find::button("Save"))?;
            action_becomes(place, "deny")
        },
    );
    tour.step(
        "The next connection is denied, at once",
        "exit 7: denied",
        || {
            let seen = place.alice(&FETCH)?;
            let short = seen.split_once(':').map_or(seen.as_str(), |(exit, _)| exit);
            Ok::<_, Error>(format!("{short}: denied"))
        },
    );
    tour.step(
        "The rules file is edited by hand, and the next connection is allowed",
        "exit 0: hello from the internet",
        || {
            let edit = "sed -i '/2001:db8::5 port 80/,/^$/ s/action = \"deny\"/action = \"allow\"/' /etc/bastion/rules.toml";
            place.sandbox.run(As::Root, &["sh", "-c", edit])?;
            action_becomes(place, "allow")?;
            place.alice(&FETCH)
        },
    );
}

/// Waits until the helper says that the rule does this.
fn action_becomes(place: &Place<'_>, wanted: &str) -> Result<String, Error> {
    let action = || {
        let rules = place.json(&["rules", "list"])?;
        let rules = rules.as_array().cloned().unwrap_or_default();
        let rule = rules.into_iter().find(|rule| rule["name"] == RULE);
        let action = rule.and_then(|rule| Some(rule.get("action")?.as_str()?.to_owned()));
        Ok(action.unwrap_or_default())
    };
    bastion_tests::eventually_equal(
        "the rule's action",
        std::time::Duration::from_secs(20),
        &wanted.to_owned(),
        action,
    )?;
    action()
}
