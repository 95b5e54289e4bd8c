//! The widgets of the prompt.

use adw::prelude::*;
use bastion_ipc::wire::Question;
use bastion_policy::rule::Action;
use gtk::glib;

use crate::i18n::{gettext, gettext_f, ngettext_f};
use crate::model::details::Fact;
use crate::model::question::{Choice, QuestionText};
use crate::model::time;
use crate::shortcuts;
use crate::widgets::{announce, choice as choices, program};

use super::parts::{button, choice, column, fact, heading, note, sign};
use super::why::Why;

const ICON_SIZE: i32 = 64;
const WIDTH: i32 = 460;
/// Above this the facts scroll, so that the buttons stay on a small screen.
const MOST_HEIGHT: i32 = 600;

/// Handles on what changes from question to question.
#[derive(Debug)]
pub struct View {
    title: adw::WindowTitle,
    icon: gtk::Image,
    scroller: gtk::ScrolledWindow,
    pub(super) head: gtk::Box,
    heading: gtk::Label,
    target: gtk::Label,
    warnings: gtk::Box,
    address: adw::ActionRow,
    service: adw::ActionRow,
    path: adw::ActionRow,
    user: adw::ActionRow,
    details: adw::ExpanderRow,
    facts: [(Fact, adw::ActionRow); Fact::ALL.len()],
    pub(super) why: Why,
    pub(super) scope: adw::ComboRow,
    pub(super) lifetime: adw::ComboRow,
    failure: gtk::Label,
    progress: gtk::ProgressBar,
    time_left: gtk::Label,
    pub(super) deny: gtk::Button,
    pub(super) allow: gtk::Button,
}

impl View {
    /// Fills the window.
    #[must_use]
    pub fn build(window: &adw::Window) -> Self {
        let view = Self {
            title: adw::WindowTitle::new(&gettext("Connection Request"), ""),
            icon: gtk::Image::builder()
                .pixel_size(ICON_SIZE)
                .accessible_role(gtk::AccessibleRole::Presentation)
                .build(),
            scroller: gtk::ScrolledWindow::builder()
                .hscrollbar_policy(gtk::PolicyType::Never)
                .propagate_natural_height(true)
                .max_content_height(MOST_HEIGHT)
                .build(),
            head: column(6),
            heading: heading("title-2"),
            target: heading("title-4"),
            warnings: column(6),
            address: fact(&gettext("Address")),
            service: fact(&gettext("Service")),
            path: fact(&gettext("Program")),
            user: fact(&gettext("User")),
            details: adw::ExpanderRow::builder()
                .title(gettext("Details"))
                .build(),
            facts: Fact::ALL.map(|about| (about, fact(&about.title()))),
            why: Why::new(),
            scope: choice(&gettext("Applies To")),
            lifetime: choice(&gettext("Remember")),
            failure: note("error"),
            progress: gtk::ProgressBar::builder().build(),
            time_left: gtk::Label::builder()
                .css_classes(["caption", "dim-label", "numeric"])
                .justify(gtk::Justification::Center)
                .wrap(true)
                .build(),
            deny: button(&shortcuts::deny(), "destructive-action"),
            allow: button(&shortcuts::allow(), "suggested-action"),
        };
        // The focus starts where no key does anything, and a screen reader begins to read.
        view.head.set_focusable(true);
        view.head.set_accessible_role(gtk::AccessibleRole::Group);
        view.head
            .update_relation(&[gtk::accessible::Relation::LabelledBy(&[
                view.heading.upcast_ref(),
                view.target.upcast_ref(),
            ])]);
        let toolbar = adw::ToolbarView::new();
        let header = adw::HeaderBar::builder().title_widget(&view.title).build();
        toolbar.add_top_bar(&header);
        view.scroller.set_child(Some(&view.content()));
        toolbar.set_content(Some(&view.scroller));
        toolbar.add_bottom_bar(&view.buttons());
        window.set_content(Some(&toolbar));
        Self::fit(window);
        window.set_width_request(360);
        window.set_title(Some(&gettext("Connection Request")));
        view
    }

    fn content(&self) -> gtk::Box {
        let who = gtk::ListBox::builder()
            .selection_mode(gtk::SelectionMode::None)
            .css_classes(["boxed-list"])
            .build();
        for row in [&self.address, &self.service, &self.path, &self.user] {
            who.append(row);
        }
        for (_, row) in &self.facts {
            self.details.add_row(row);
        }
        who.append(&self.details);
        who.append(&self.why.row);
        let how = gtk::ListBox::builder()
            .selection_mode(gtk::SelectionMode::None)
            .css_classes(["boxed-list"])
            .build();
        how.append(&self.scope);
        how.append(&self.lifetime);

        self.head.append(&self.icon);
        self.head.append(&self.heading);
        self.head.append(&self.target);
        self.head.set_margin_bottom(6);
        let content = column(18);
        content.set_margin_start(18);
        content.set_margin_end(18);
        content.set_margin_bottom(6);
        content.append(&self.head);
        content.append(&self.warnings);
        content.append(&who);
        content.append(&how);
        content
    }

    fn buttons(&self) -> gtk::Box {
        let buttons = gtk::Box::builder().spacing(12).homogeneous(true).build();
        buttons.append(&self.deny);
        buttons.append(&self.allow);
        let bottom = column(6);
        bottom.set_margin_top(12);
        bottom.set_margin_bottom(18);
        bottom.set_margin_start(18);
        bottom.set_margin_end(18);
        bottom.append(&self.failure);
        bottom.append(&self.progress);
        bottom.append(&self.time_left);
        bottom.append(&buttons);
        bottom
    }

    /// Shows another question. `scope` and `lifetime` are positions among its choices.
    pub fn show(&self, text: &QuestionText, scope: u32, lifetime: u32) {
        self.show_facts(text);
        self.details.set_expanded(false);
        self.why.reset(text.otherwise);
        offer(&self.scope, &text.scopes, scope);
        offer(&self.lifetime, &text.lifetimes, lifetime);
        self.show_failure("");
    }

    /// Shows what is known of a question. What people have chosen, opened or typed stays.
    pub fn show_facts(&self, text: &QuestionText) {
        let look = look(text);
        self.icon.set_from_gicon(&look.icon);
        let names = [
            ("program", look.name.as_str()),
            ("destination", text.destination.as_str()),
        ];
        self.heading
            .set_label(&gettext_f("{program} Wants to Connect", &names));
        self.target
            .set_label(&gettext_f("to {destination}", &names));

        // The heading names the destination already.
        set_fact(&self.address, &text.address);
        set_fact(&self.service, &text.service);
        set_fact(&self.path, &text.path);
        set_fact(&self.user, &text.user);
        for ((_, row), (_, value)) in self.facts.iter().zip(&text.facts) {
            set_fact(row, value);
        }
        self.show_warnings(&text.warnings);
    }

    /// What the program is called.
    pub fn heading(&self) -> glib::GString {
        self.heading.label()
    }

    fn show_warnings(&self, warnings: &[String]) {
        while let Some(old) = self.warnings.first_child() {
            self.warnings.remove(&old);
        }
        for warning in warnings {
            self.warnings.append(&sign(warning));
        }
        self.warnings.set_visible(!warnings.is_empty());
    }

    /// Makes a warning that came later be noticed: it is brought into sight and read out.
    pub fn point_out(&self, warning: &str) {
        self.scroller.vadjustment().set_value(0.0);
        self.announce(warning);
    }

    /// Has a screen reader say something at once.
    pub fn announce(&self, text: &str) {
        announce(&self.head, text);
    }

    /// What is asked, in one sentence to be heard.
    pub fn summary(text: &QuestionText) -> String {
        let look = look(text);
        let values = [
            ("program", look.name.as_str()),
            ("destination", text.destination.as_str()),
            ("service", text.service.as_str()),
        ];
        let asked = gettext_f(
            "{program} wants to connect to {destination}, {service}.",
            &values,
        );
        let said = std::iter::once(&asked).chain(&text.warnings);
        said.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Gives the window the height that what it shows needs.
    pub fn fit(window: &adw::Window) {
        window.set_default_size(WIDTH, -1);
    }

    /// Says why an answer came to nothing; an empty text says nothing.
    pub fn show_failure(&self, why: &str) {
        self.failure.set_label(why);
        self.failure.set_visible(!why.is_empty());
        if !why.is_empty() {
            self.announce(why);
        }
    }

    /// Says how many questions wait behind this one.
    pub fn show_waiting(&self, waiting: usize) {
        let text = match waiting {
            0 => String::new(),
            n => ngettext_f("{n} more is waiting", "{n} more are waiting", n as u64, &[]),
        };
        self.title.set_subtitle(&text);
    }

    /// Says how much time is left.
    pub fn show_time(&self, question: &Question, now: u64) {
        let (opened, deadline) = (question.opened, question.deadline);
        let whole = deadline.saturating_sub(opened).max(1);
        let rest = deadline.saturating_sub(now).min(whole);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a bar of some hundred pixels shows no difference"
        )]
        self.progress.set_fraction(rest as f64 / whole as f64);
        let left = time::left(deadline, now);
        let left = [("left", left.as_str())];
        self.time_left.set_label(&match question.unanswered() {
            Action::Allow => gettext_f("Allowed in {left} if not answered", &left),
            Action::Deny => gettext_f("Denied in {left} if not answered", &left),
            Action::Drop => gettext_f("Dropped in {left} if not answered", &left),
        });
    }

    /// How much time is left, as it was shown last.
    pub fn time_left(&self) -> glib::GString {
        self.time_left.label()
    }

    /// Makes the answers possible or impossible.
    pub fn set_answerable(&self, allow: bool, deny: bool) {
        self.allow.set_sensitive(allow);
        self.deny.set_sensitive(deny);
    }

    /// The answer that has the focus.
    pub fn focused_answer(&self) -> Option<gtk::Button> {
        let mut answers = [&self.allow, &self.deny].into_iter();
        answers.find(|button| button.is_focus()).cloned()
    }

    /// Gives an answer the focus back that it lost when it could not be pressed, unless the user
    /// has gone elsewhere meanwhile.
    pub fn resume_at(&self, button: &gtk::Button) {
        let focus = button.root().and_then(|root| root.focus());
        if focus.is_none() {
            button.grab_focus();
        }
    }
}

/// Name and icon of the program.
pub(super) fn look(text: &QuestionText) -> program::Look {
    let source = match text.app.as_str() {
        "" => &text.path,
        _ => &text.app,
    };
    program::look_as(&text.face, source)
}

fn set_fact(row: &adw::ActionRow, value: &str) {
    row.set_subtitle(value);
    row.set_visible(!value.is_empty());
}

fn offer(row: &adw::ComboRow, choices: &[Choice], selected: u32) {
    let labels: Vec<&str> = choices.iter().map(|choice| choice.label.as_str()).collect();
    choices::offer(row, &labels, selected);
    row.set_sensitive(choices.len() > 1);
}
