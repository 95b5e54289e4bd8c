//! What each page is for.

use bastion_tests::{As, Find, Holder, Outcome, eventually};
use serde_json::Value;

use crate::scene::{BASTION, PATIENCE, PORT, Scene};

/// The text with which programs' connections fail that are denied.
const DENIED: &str = "ECONNABORTED";

/// Where nobody goes.
const NOWHERE: &str = "192.0.2.99";

/// Two programs connect: one is allowed for good, and one denied.
pub fn answer_questions(scene: &mut Scene<'_>) {
    let title = scene.words.say("Connection Request");
    for (button, expected) in [
        ("_Allow", Outcome::Reply("hello".into())),
        ("_Deny", Outcome::Error(DENIED.into())),
    ] {
        let name = scene.name(if button == "_Allow" { "friend" } else { "foe" });
        let path = scene.firewall.program(&name).unwrap();
        let who = As::Background("alice");
        let sent = scene
            .firewall
            .start_sending(who, &path, scene.to, PATIENCE)
            .unwrap();
        scene.wait(&Find::role("label").named(&path).in_window(&title));
        if button == "_Allow" {
            let remember = scene.words.say("Remember");
            let remember = Find::role("combo box").named(&remember).in_window(&title);
            let forever = scene.words.say("Forever");
            scene.desktop.choose(&remember, &forever).unwrap();
            scene.picture(&title, "prompt");
        }
        let button = Find::button(&scene.words.say(button)).in_window(&title);
        scene.press(&button);
        assert_eq!(sent.outcome(PATIENCE).unwrap(), expected, "{}", scene.look);
    }
}

/// The overview says that the firewall works.
pub fn see_that_all_is_well(scene: &mut Scene<'_>) {
    scene.page("Overview");
    let well = scene.words.say("Protection Is On");
    scene.wait(&Find::name(&well).in_window(BASTION));
    scene.picture(BASTION, "overview");
}

/// A connection that is open is ended by its button.
pub fn end_a_connection(scene: &mut Scene<'_>) {
    let name = scene.name("friend");
    let path = scene.firewall.program(&name).unwrap();
    let sandbox = scene.firewall.sandbox();
    let mut holder = Holder::start(sandbox, As::Background("alice"), &path).unwrap();
    holder.open("kept", scene.to, true).unwrap();
    scene.page("Connections");
    let destination = scene.to.address.to_string();
    let values = [("program", name.as_str()), ("destination", &destination)];
    let end = "End connection of {program} to {destination}";
    let end = Find::button(&scene.words.with(end, &values)).in_window(BASTION);
    scene.wait(&end);
    scene.picture(BASTION, "connections");
    scene.press(&end);
    let ended = scene.words.with("Connection of {program} ended", &values);
    scene.wait(&Find::name(&ended));
    assert_eq!(
        holder.use_again("kept").unwrap(),
        Outcome::Error(DENIED.into()),
        "{}",
        scene.look
    );
}

/// The rule that an answer made is switched off and on, deleted and had back; one is made by hand.
pub fn change_rules(scene: &mut Scene<'_>) {
    scene.page("Rules");
    let made = format!(
        "{} to {} port {PORT}",
        scene.name("friend"),
        scene.to.address
    );
    let of_made = [("name", made.as_str())];
    let enabled = scene.words.with("Rule “{name}” enabled", &of_made);
    let switch = Find::role("check box").named(&enabled).in_window(BASTION);
    for on in [false, true] {
        scene.wait(&switch);
        scene.desktop.press(&switch).unwrap();
        wait_for_rule(scene, &made, |rule| rule["enabled"] == on);
    }
    scene.picture(BASTION, "rules");

    let delete = scene.words.with("Delete rule “{name}”", &of_made);
    scene.press(&Find::button(&delete).in_window(BASTION));
    let deleted = scene.words.with("“{name}” deleted", &of_made);
    scene.wait(&Find::name(&deleted));
    assert!(rule(scene, &made).is_none(), "{}", scene.look);
    let undo = Find::button(&scene.words.say("_Undo"));
    scene.press(&undo);
    wait_for_rule(scene, &made, |rule| rule["action"] == "allow");

    make_rule(scene);
}

/// Makes a rule in the editor, which denies a place to which nobody goes.
fn make_rule(scene: &mut Scene<'_>) {
    let name = scene.name("by hand");
    scene.press(&Find::button(&scene.words.say("Add Rule")).in_window(BASTION));
    scene.write("_Name", &name);
    scene.choose("_Action", "Deny");
    scene.choose("_Destination", "A host or network");
    scene.write("Host, Address, Network or Range", NOWHERE);
    scene.picture(BASTION, "editor");
    scene.press(&Find::button(&scene.words.say("_Save")));
    wait_for_rule(scene, &name, |rule| {
        rule["action"] == "deny" && rule["destination"] == NOWHERE
    });
}

/// Both decisions are in the log, each with its program.
pub fn find_in_the_log(scene: &mut Scene<'_>) {
    scene.page("Log");
    for name in ["friend", "foe"] {
        let name = scene.name(name);
        scene.wait(&Find::role("label").named(&name).in_window(BASTION));
    }
    scene.picture(BASTION, "log");
}

fn rule(scene: &Scene<'_>, name: &str) -> Option<Value> {
    let rules = scene.firewall.ask(&["rules", "list"]).unwrap();
    let rules = rules.as_array().unwrap();
    rules.iter().find(|rule| rule["name"] == name).cloned()
}

fn wait_for_rule(scene: &Scene<'_>, name: &str, is: impl Fn(&Value) -> bool) {
    let what = format!("{}: the rule {name}", scene.look);
    let found = || rule(scene, name).filter(&is).map(drop);
    eventually(&what, PATIENCE, found).unwrap();
}
