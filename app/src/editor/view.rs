//! The editor's dialog, and those it opens.

use std::rc::Rc;

use adw::prelude::*;
use gtk::gio;
use relm4::ComponentSender;

use super::fields::Tell;
use super::picker::{Offer, Picker};
use super::preview::PreviewRow;
use super::rows::Rows;
use super::{Choice, Editor, Input};
use crate::i18n::gettext;
use crate::model::form::{Field, Form};
use crate::model::names::Directory;

/// The widgets that change.
pub struct Widgets {
    pub(super) rows: Rows,
    pub(super) preview: PreviewRow,
    pub(super) save: gtk::Button,
    pub(super) sentence: gtk::Label,
    pub(super) banner: adw::Banner,
    pages: adw::NavigationView,
    /// The page on which a program is chosen, or was.
    picker: Option<Picker>,
    tell: Tell,
}

impl Widgets {
    pub(super) fn build(
        root: &adw::Dialog,
        form: &Form,
        directory: &Directory,
        sender: &ComponentSender<Editor>,
    ) -> Self {
        let input = sender.input_sender().clone();
        let tell: Tell = Rc::new(move |message| {
            if input.send(message).is_err() {
                tracing::debug!("the editor is gone already");
            }
        });
        let title = match form.is_edit() {
            true => gettext("Edit Rule"),
            false => gettext("New Rule"),
        };
        let save = save(&tell);
        let sentence = gtk::Label::builder()
            .wrap(true)
            .wrap_mode(gtk::pango::WrapMode::WordChar)
            .justify(gtk::Justification::Center)
            .css_classes(["sentence"])
            .build();
        let rows = Rows::build(form, directory, &tell);
        let preview = PreviewRow::new();
        let page = adw::PreferencesPage::new();
        let top = adw::PreferencesGroup::new();
        top.add(&sentence);
        page.add(&top);
        let (above, below) = rows.groups();
        let groups = above.iter().chain([&preview.group]).chain(below);
        for group in groups {
            page.add(group);
        }
        let banner = adw::Banner::new("");
        banner.set_use_markup(false);
        let view = adw::ToolbarView::new();
        view.add_top_bar(&header(root, &save));
        view.add_top_bar(&banner);
        view.set_content(Some(&page));
        let pages = adw::NavigationView::new();
        pages.add(&adw::NavigationPage::new(&view, &title));
        root.set_title(&title);
        root.set_child(Some(&pages));
        root.set_default_widget(Some(&save));
        let told = tell.clone();
        root.connect_close_attempt(move |_| told(Input::Leave));
        let told = tell.clone();
        root.connect_closed(move |_| told(Input::Closed));
        Self {
            rows,
            preview,
            save,
            sentence,
            banner,
            pages,
            picker: None,
            tell,
        }
    }

    /// Opens the page on which a program is chosen.
    pub(super) fn pick(&mut self, field: Field) {
        let picker = Picker::new(field, &self.tell);
        self.pages.push(&picker.page);
        self.picker = Some(picker);
    }

    /// The page on which a program is chosen, if it is open.
    pub(super) fn picker(&self) -> Option<&Picker> {
        let shown = self.pages.visible_page()?;
        self.picker.as_ref().filter(|picker| picker.page == shown)
    }

    /// Shows what there is to choose from for a field, if its page is open.
    pub(super) fn offer(&self, field: Field, offer: Offer) {
        if let Some(picker) = self.picker().filter(|picker| picker.field == field) {
            picker.fill(offer, &self.tell);
        }
    }

    /// Fills in what was chosen, and goes back to the form.
    pub(super) fn take(&self, field: Field, matcher: &str) {
        self.pages.pop();
        self.rows.set_program(field, matcher);
    }
}

fn save(tell: &Tell) -> gtk::Button {
    let save = gtk::Button::with_mnemonic(&gettext("_Save"));
    save.add_css_class("suggested-action");
    let told = tell.clone();
    save.connect_clicked(move |_| told(Input::Save));
    save
}

fn header(root: &adw::Dialog, save: &gtk::Button) -> adw::HeaderBar {
    let cancel = gtk::Button::with_mnemonic(&gettext("_Cancel"));
    let dialog = root.downgrade();
    cancel.connect_clicked(move |_| {
        if let Some(dialog) = dialog.upgrade() {
            dialog.close();
        }
    });
    let header = adw::HeaderBar::builder()
        .show_start_title_buttons(false)
        .show_end_title_buttons(false)
        .build();
    header.pack_start(&cancel);
    header.pack_end(save);
    header
}

/// Lets the user look for a program.
pub(super) fn browse(root: &adw::Dialog, field: Field, sender: &ComponentSender<Editor>) {
    let window = root.root().and_downcast::<gtk::Window>();
    let chooser = gtk::FileDialog::builder()
        .title(gettext("Choose a Program"))
        .initial_folder(&gio::File::for_path("/usr/bin"))
        .build();
    let sender = sender.input_sender().clone();
    chooser.open(window.as_ref(), gio::Cancellable::NONE, move |chosen| {
        // An error here means that nothing was chosen.
        let Some(path) = chosen.ok().and_then(|file| file.path()) else {
            return;
        };
        let chosen = Input::Chosen(field, Choice::File(path));
        if sender.send(chosen).is_err() {
            tracing::debug!("the editor is gone already");
        }
    });
}

/// Asks about a file that is no program of its own.
pub(super) fn ask_about(
    root: &adw::Dialog,
    explanation: &str,
    taken: Input,
    sender: &ComponentSender<Editor>,
) {
    let question = adw::AlertDialog::new(Some(&gettext("Not a Program Itself")), Some(explanation));
    question.add_responses(&[
        ("cancel", &gettext("_Cancel")),
        ("use", &gettext("_Use It All the Same")),
    ]);
    question.set_close_response("cancel");
    ask(root, &question, "use", taken, sender);
}

/// Asks whether what was changed may be lost.
pub(super) fn ask_to_discard(root: &adw::Dialog, sender: &ComponentSender<Editor>) {
    let question = adw::AlertDialog::new(
        Some(&gettext("Discard Changes?")),
        Some(&gettext("What you changed in this rule is not saved.")),
    );
    question.add_responses(&[
        ("keep", &gettext("_Keep Editing")),
        ("discard", &gettext("_Discard")),
    ]);
    question.set_response_appearance("discard", adw::ResponseAppearance::Destructive);
    question.set_default_response(Some("keep"));
    question.set_close_response("keep");
    ask(root, &question, "discard", Input::Discard, sender);
}

/// Puts a question; this response to it tells the editor something.
fn ask(
    root: &adw::Dialog,
    question: &adw::AlertDialog,
    response: &str,
    then: Input,
    sender: &ComponentSender<Editor>,
) {
    let sender = sender.input_sender().clone();
    let then = std::cell::Cell::new(Some(then));
    question.connect_response(Some(response), move |_, _| {
        if let Some(then) = then.take()
            && sender.send(then).is_err()
        {
            tracing::debug!("the editor is gone already");
        }
    });
    question.present(Some(root));
}
