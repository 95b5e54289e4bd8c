use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

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
            .launch(Init {
                rule,
                client: Client::offline(),
                directory,
            })
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

    /// Saves, and gives the rule that came out.
    fn saved(&self) -> WireRule {
        self.save().emit_clicked();
        settle();
        let given = self.given.borrow();
        match given.as_slice() {
            [Output::Save(rule)] => WireRule::clone(rule),
            other => panic!("one rule was to be saved, not {other:?}"),
        }
    }

    /// Opens the page on which a program is chosen.
    fn pick(&self) {
        self.editor.emit(Input::Pick(Field::Program));
        settle();
        let _: gtk::SearchEntry = find(&self.root(), &|_| true);
    }

    fn chosen(&self, program: &str) {
        let choice = Choice::Program(program.into());
        self.editor.emit(Input::Chosen(Field::Program, choice));
    }

    /// From now on what these programs are is found out when the test says so.
    fn hold_lookups<const N: usize>(&self, programs: [&'static str; N]) -> Held<N> {
        let (ask, asked) = mpsc::channel();
        let mut answers = Vec::new();
        let waiting = programs.map(|program| {
            let (answer, answered) = mpsc::channel();
            answers.push(answer);
            (Choice::Program(program.into()), Mutex::new(answered))
        });
        let look_up = move |choice| {
            let held = waiting.iter().find(|(held, _)| *held == choice);
            ask.send(()).unwrap();
            if let Some((_, answered)) = held {
                answered.lock().unwrap().recv().unwrap();
            }
            programs::chosen(choice)
        };
        self.editor.state().get_mut().model.look_up = Arc::new(look_up);
        Held {
            asked,
            answers: answers.try_into().unwrap(),
        }
    }

    fn save(&self) -> gtk::Button {
        find(&self.root(), &|button: &gtk::Button| {
            button.label().is_some_and(|l| l == "_Save")
        })
    }
}

/// Lookups that wait, as those on a slow disk do.
struct Held<const N: usize> {
    asked: mpsc::Receiver<()>,
    answers: [mpsc::Sender<()>; N],
}

impl<const N: usize> Held<N> {
    /// Waits until all of them are under way.
    fn wait_for_all(&self) {
        for _ in 0..N {
            let limit = Instant::now() + Duration::from_secs(60);
            while self.asked.try_recv().is_err() {
                assert!(Instant::now() < limit, "a lookup was not begun");
                settle();
            }
        }
    }
}

#[gtk::test]
fn nonsense_is_named_beside_its_field_and_not_saved() {
    let bench = Bench::new(None);
    assert!(bench.save().is_sensitive());
    bench.write("P_orts (Empty for All)", "70000");
    assert!(!bench.save().is_sensitive());
    assert!(shows(&bench.root(), "Write ports from 1 to 65535"));
    assert!(bench.entry("P_orts (Empty for All)").has_css_class("error"));
    bench.write("P_orts (Empty for All)", "443");
    assert!(bench.save().is_sensitive());
    assert!(!bench.entry("P_orts (Empty for All)").has_css_class("error"));

    bench.choose("_Destination", 1);
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
    bench.write("_Name", "Web");
    bench.choose("_Action", 1);
    bench.choose("_Program", 1);
    bench.write("Program Path", "/usr/bin/curl");
    bench.choose("P_rotocol", 1);
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
    bench.write("_Name", "New");
    let saved = bench.saved();
    assert_eq!(saved.id.as_deref(), Some("r7"));
    assert_eq!(
        (saved.name.as_str(), saved.action.as_str()),
        ("New", "drop")
    );
    assert_eq!(saved.lifetime.as_deref(), Some("session:c2"));
}

#[gtk::test]
fn a_user_is_one_of_the_people_or_written_down() {
    let bench = Bench::new(None);
    assert!(!bench.entry("User Name or ID").get_visible());
    bench.choose("_User", 2);
    assert!(bench.entry("User Name or ID").get_visible());
    assert!(!bench.save().is_sensitive(), "nobody is named yet");
    bench.write("User Name or ID", "0");
    assert!(bench.save().is_sensitive());
    bench.choose("_User", 1);
    assert_eq!(bench.saved().user.as_deref(), Some("1000"));
}

#[gtk::test]
fn a_user_who_is_no_person_is_shown_as_written_down() {
    let rule = WireRule {
        name: "System".into(),
        action: "allow".into(),
        user: Some("12345".into()),
        ..WireRule::default()
    };
    let bench = Bench::new(Some(rule));
    let entry = bench.entry("User Name or ID");
    assert!(entry.get_visible());
    assert_eq!(entry.text(), "12345");
    assert_eq!(bench.saved().user.as_deref(), Some("12345"));
}

#[gtk::test]
fn a_span_becomes_a_time_when_it_is_saved() {
    use bastion_policy::rule::Lifetime;
    let bench = Bench::new(None);
    bench.choose("_Lifetime", 3);
    let span: adw::SpinRow = find(&bench.root(), &|row: &adw::SpinRow| row.title() == "Hours");
    span.set_value(2.0);
    settle();
    let before = time::now();
    let lifetime = bench.saved().lifetime.unwrap().parse().unwrap();
    let Lifetime::Until(end) = lifetime else {
        panic!("it was to end with a time, not with {lifetime}");
    };
    let hours = 2 * 3_600_000;
    // What is saved has whole seconds.
    assert!((before + hours - 1000..=time::now() + hours).contains(&end.as_millis()));
}

#[gtk::test]
fn what_is_not_changed_can_be_closed_at_once() {
    let rule = WireRule {
        id: Some("r7".into()),
        name: "Mail".into(),
        action: "allow".into(),
        ports: Some("465,993".into()),
        protocol: Some("tcp".into()),
        user: Some("1000".into()),
        lifetime: Some("until:2099-01-01T10:00:00Z".into()),
        ..WireRule::default()
    };
    let bench = Bench::new(Some(rule));
    assert!(bench.editor.widget().can_close());
    bench.write("_Name", "Post");
    assert!(!bench.editor.widget().can_close());
    bench.write("_Name", "Mail");
    assert!(bench.editor.widget().can_close());
}

#[gtk::test]
fn a_chosen_program_fills_in_its_field() {
    let bench = Bench::new(None);
    let chosen = |field, matcher: &str| {
        bench.editor.emit(Input::Taken(field, matcher.into()));
        settle();
    };
    chosen(Field::Program, "flatpak:org.a.B");
    chosen(Field::StartedBy, "/usr/bin/bash");
    let rule = bench.saved();
    assert_eq!(rule.program.as_deref(), Some("flatpak:org.a.B"));
    assert_eq!(rule.started_by.as_deref(), Some("/usr/bin/bash"));
}

#[gtk::test]
fn of_two_choices_the_last_one_counts() {
    // Which of them is found out first, and which then.
    for order in [[0, 1], [1, 0]] {
        let bench = Bench::new(None);
        let programs = ["/usr/bin/first", "/usr/bin/last"];
        let held = bench.hold_lookups(programs);
        bench.pick();
        for program in programs {
            bench.chosen(program);
        }
        held.wait_for_all();
        for program in order {
            held.answers[program].send(()).unwrap();
            for _ in 0..50 {
                settle();
            }
        }
        assert_eq!(
            bench.saved().program.as_deref(),
            Some("/usr/bin/last"),
            "{order:?}"
        );
    }
}

#[gtk::test]
fn who_goes_back_has_not_chosen() {
    let bench = Bench::new(None);
    let held = bench.hold_lookups(["/usr/bin/late"]);
    bench.pick();
    bench.chosen("/usr/bin/late");
    held.wait_for_all();
    let pages: adw::NavigationView = find(&bench.root(), &|_| true);
    pages.pop();
    held.answers[0].send(()).unwrap();
    for _ in 0..50 {
        settle();
    }
    assert_eq!(bench.saved().program.as_deref(), Some("any"));
}

#[gtk::test]
fn what_is_typed_before_programs_are_there_is_searched_for() {
    adw::init().unwrap();
    let tell: fields::Tell = Rc::new(|_| {});
    let picker = picker::Picker::new(Field::Program, &tell);
    let page: gtk::Widget = picker.page.clone().upcast();
    assert!(shows(&page, "Looking for programs…"));
    let search: gtk::SearchEntry = find(&page, &|_| true);
    search.set_text("curl");
    search.emit_by_name::<()>("search-changed", &[]);
    picker.fill(
        Offer {
            recent: vec!["/usr/bin/curl".into(), "/usr/bin/wget".into()],
            running: vec!["/usr/bin/gjs-console".into()],
            installed: vec![(None, "flatpak:org.a.B".into())],
        },
        &tell,
    );
    let rows = crate::testing::all::<adw::ActionRow>(&page);
    let found = rows.iter().filter(|row| row.get_visible());
    let found: Vec<_> = found.map(PreferencesRowExt::title).collect();
    assert_eq!(found, ["curl"]);
    let shown = crate::testing::all::<gtk::Stack>(&page);
    let shown = shown.iter().filter_map(gtk::Stack::visible_child_name);
    let shown: Vec<_> = shown.collect();
    assert!(shown.contains(&"lists".into()) && shown.contains(&"empty".into()));
    assert!(!shown.contains(&"looking".into()));
}

#[gtk::test]
fn no_row_needs_more_than_a_narrow_window() {
    let bench = Bench::new(None);
    for lifetime in 0..5 {
        bench.choose("_Lifetime", lifetime);
        let page: adw::PreferencesPage = find(&bench.root(), &|_| true);
        let (needed, ..) = page.measure(gtk::Orientation::Horizontal, -1);
        let wide: Vec<String> = crate::testing::all::<gtk::Widget>(page.upcast_ref())
            .iter()
            .map(|widget| (widget, widget.measure(gtk::Orientation::Horizontal, -1).0))
            .filter(|(_, needed)| *needed > 320)
            .map(|(widget, needed)| format!("{} {needed}", widget.type_()))
            .collect();
        assert!(needed <= 360, "it needs {needed}: {wide:?}");
    }
}
