use std::cell::RefCell;
use std::rc::Rc;

use adw::prelude::*;
use relm4::ComponentController as _;

use super::*;
use crate::testing::{find, settle, shows};

/// An editor, and what it gave out.
struct Bench {
    editor: relm4::component::Controller<Editor>,
    given: Rc<RefCell<Vec<Output>>>,
    window: adw::Window,
}

impl Bench {
    fn new(rule: Option<WireRule>) -> Self {
        adw::init().unwrap();
        let given = Rc::new(RefCell::new(Vec::new()));
        let out = given.clone();
        let directory = Directory::fixed(&[(1000, "alice")], "");
        let editor = Editor::builder()
            .launch((rule, directory))
            .connect_receiver(move |_, output| out.borrow_mut().push(output));
        let window = adw::Window::new();
        window.present();
        editor.widget().present(Some(&window));
        settle();
        Self {
            editor,
            given,
            window,
        }
    }

    fn root(&self) -> gtk::Widget {
        self.window.clone().upcast()
    }

    fn entry(&self, title: &str) -> adw::EntryRow {
        find(&self.root(), &|row: &adw::EntryRow| row.title() == title)
    }

    fn choose(&self, title: &str, position: u32) {
        let row: adw::ComboRow = find(&self.root(), &|row: &adw::ComboRow| row.title() == title);
        row.set_selected(position);
        settle();
    }

    fn write(&self, title: &str, text: &str) {
        self.entry(title).set_text(text);
        settle();
    }

    fn save(&self) -> gtk::Button {
        find(&self.root(), &|button: &gtk::Button| {
            button.label().is_some_and(|l| l == "_Save")
        })
    }
}

#[gtk::test]
fn nonsense_is_named_beside_its_field_and_not_saved() {
    let bench = Bench::new(None);
    assert!(bench.save().is_sensitive());
    bench.write("Ports (Empty for All)", "70000");
    assert!(!bench.save().is_sensitive());
    assert!(shows(&bench.root(), "Write ports from 1 to 65535"));
    assert!(bench.entry("Ports (Empty for All)").has_css_class("error"));
    bench.write("Ports (Empty for All)", "443");
    assert!(bench.save().is_sensitive());
    assert!(!bench.entry("Ports (Empty for All)").has_css_class("error"));

    bench.choose("Destination", 1);
    assert!(
        !bench.save().is_sensitive(),
        "the entry that appeared is empty"
    );
    bench.write("Host, Address, Network or Range", "10.0.0.0/33");
    assert!(!bench.save().is_sensitive());
    bench.write("Host, Address, Network or Range", "10.0.0.0/8");
    assert!(bench.save().is_sensitive());
    assert!(shows(
        &bench.root(),
        "Allow every program to connect to 10.0.0.0/8, on port 443."
    ));
}

#[gtk::test]
fn what_is_filled_in_is_what_is_saved_once() {
    let bench = Bench::new(None);
    bench.write("Name", "Web");
    bench.choose("Action", 1);
    bench.choose("Program", 1);
    bench.write("Program Path", "/usr/bin/curl");
    bench.choose("Protocol", 1);
    bench.save().emit_clicked();
    settle();
    bench.save().emit_clicked();
    settle();
    let given = bench.given.borrow();
    let [Output::Save(rule)] = given.as_slice() else {
        panic!("one rule was to be saved, not {given:?}");
    };
    assert_eq!(rule.id, None);
    assert_eq!((rule.name.as_str(), rule.action.as_str()), ("Web", "deny"));
    assert_eq!(rule.program.as_deref(), Some("/usr/bin/curl"));
    assert_eq!(rule.protocol.as_deref(), Some("tcp"));
    assert_eq!(rule.destination.as_deref(), Some("any"));
}

#[gtk::test]
fn a_refusal_is_said_and_can_be_tried_again() {
    let bench = Bench::new(None);
    bench.save().emit_clicked();
    settle();
    assert!(!bench.save().is_sensitive());
    bench
        .editor
        .emit(Input::Saved(Err(Failure::Refused("Not you.".into()))));
    settle();
    assert!(bench.save().is_sensitive());
    let banner: adw::Banner = find(&bench.root(), &|banner: &adw::Banner| banner.is_revealed());
    assert!(banner.title().contains("Not you."));
}

#[gtk::test]
fn an_existing_rule_keeps_its_id() {
    let rule = WireRule {
        id: Some("r7".into()),
        name: "Old".into(),
        action: "drop".into(),
        lifetime: Some("session:c2".into()),
        ..WireRule::default()
    };
    let bench = Bench::new(Some(rule));
    bench.write("Name", "New");
    bench.save().emit_clicked();
    settle();
    let given = bench.given.borrow();
    let [Output::Save(saved)] = given.as_slice() else {
        panic!("one rule was to be saved, not {given:?}");
    };
    assert_eq!(saved.id.as_deref(), Some("r7"));
    assert_eq!(
        (saved.name.as_str(), saved.action.as_str()),
        ("New", "drop")
    );
    assert_eq!(saved.lifetime.as_deref(), Some("session:c2"));
}
