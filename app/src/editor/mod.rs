//! The rule editor: a dialog with every field of a rule, which says in a sentence what the rule
//! does, and can't save what makes no sense.

mod rows;

#[cfg(test)]
mod tests;

use adw::prelude::*;
use bastion_ipc::wire::WireRule;
use gtk::gio;
use relm4::{Component, ComponentParts, ComponentSender};

use crate::client::Failure;
use crate::i18n::gettext;
use crate::model::form::{Form, Mistake};
use crate::model::names::Directory;
use crate::model::time;
use rows::Rows;

/// The component.
pub struct Editor {
    directory: Directory,
    form: Form,
    checked: Result<(WireRule, String), Vec<Mistake>>,
    /// The rule is on its way to the helper.
    saving: bool,
}

/// What the editor takes in.
#[derive(Debug)]
pub enum Input {
    /// The user changed something.
    Changed,
    /// The user looks for a program file.
    Browse,
    /// The user chose a program file.
    Chosen(String),
    /// The user wants to keep the rule.
    Save,
    /// What became of it.
    Saved(Result<(), Failure>),
    /// The dialog was closed.
    Closed,
}

/// What the editor gives out.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// This rule is to be kept; [`Input::Saved`] is expected in return.
    Save(Box<WireRule>),
    /// The dialog was closed.
    Closed,
}

/// The widgets that change.
#[derive(Debug)]
pub struct Widgets {
    rows: Rows,
    save: gtk::Button,
    sentence: gtk::Label,
    banner: adw::Banner,
}

impl Component for Editor {
    type Init = (Option<WireRule>, Directory);
    type Input = Input;
    type Output = Output;
    type CommandOutput = ();
    type Root = adw::Dialog;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        adw::Dialog::builder()
            .content_width(540)
            .content_height(760)
            .build()
    }

    fn init(
        (rule, directory): Self::Init,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let form = match &rule {
            Some(rule) => Form::of(rule, &directory),
            None => Form::new(),
        };
        let checked = form.check(&directory, time::now());
        let widgets = build(&root, &form, &sender);
        let model = Self {
            directory,
            form,
            checked,
            saving: false,
        };
        model.show(&widgets);
        ComponentParts { model, widgets }
    }

    fn update_with_view(
        &mut self,
        widgets: &mut Widgets,
        input: Input,
        sender: ComponentSender<Self>,
        root: &adw::Dialog,
    ) {
        match input {
            Input::Changed => {
                widgets.rows.read(&mut self.form);
                self.checked = self.form.check(&self.directory, time::now());
                widgets.banner.set_revealed(false);
            }
            Input::Browse => browse(root, &sender),
            Input::Chosen(path) => widgets.rows.set_program_path(&path),
            Input::Save => self.save(&sender),
            Input::Saved(Ok(())) => {
                root.force_close();
            }
            Input::Saved(Err(failure)) => {
                self.saving = false;
                widgets.banner.set_title(&failure.sentence());
                widgets.banner.set_revealed(true);
            }
            Input::Closed => give(&sender, Output::Closed),
        }
        self.show(widgets);
    }
}

impl Editor {
    fn show(&self, widgets: &Widgets) {
        widgets.rows.show_kinds(&self.form);
        match &self.checked {
            Ok((_, sentence)) => {
                widgets.rows.show_mistakes(&[]);
                widgets.sentence.set_label(sentence);
            }
            Err(mistakes) => {
                widgets.rows.show_mistakes(mistakes);
                let text = gettext("This is not a complete rule yet.");
                widgets.sentence.set_label(&text);
            }
        }
        widgets
            .save
            .set_sensitive(self.checked.is_ok() && !self.saving);
    }

    fn save(&mut self, sender: &ComponentSender<Self>) {
        // A time may have run out since the last change.
        self.checked = self.form.check(&self.directory, time::now());
        if let Ok((rule, _)) = &self.checked
            && !self.saving
        {
            self.saving = true;
            give(sender, Output::Save(Box::new(rule.clone())));
        }
    }
}

fn give(sender: &ComponentSender<Editor>, output: Output) {
    if sender.output(output).is_err() {
        tracing::debug!("the page is gone already");
    }
}

fn build(root: &adw::Dialog, form: &Form, sender: &ComponentSender<Editor>) -> Widgets {
    let title = match form.is_edit() {
        true => gettext("Edit Rule"),
        false => gettext("New Rule"),
    };
    root.set_title(&title);
    let input = sender.clone();
    root.connect_closed(move |_| input.input(Input::Closed));

    let cancel = gtk::Button::with_mnemonic(&gettext("_Cancel"));
    let dialog = root.clone();
    cancel.connect_clicked(move |_| {
        dialog.close();
    });
    let save = gtk::Button::with_mnemonic(&gettext("_Save"));
    save.add_css_class("suggested-action");
    let input = sender.clone();
    save.connect_clicked(move |_| input.input(Input::Save));
    let header = adw::HeaderBar::builder()
        .show_start_title_buttons(false)
        .show_end_title_buttons(false)
        .build();
    header.pack_start(&cancel);
    header.pack_end(&save);

    let sentence = gtk::Label::builder()
        .wrap(true)
        .justify(gtk::Justification::Center)
        .css_classes(["sentence"])
        .build();
    let rows = Rows::build(form, sender);
    let page = adw::PreferencesPage::new();
    let top = adw::PreferencesGroup::new();
    top.add(&sentence);
    page.add(&top);
    for group in rows.groups() {
        page.add(group);
    }
    let banner = adw::Banner::new("");
    banner.set_use_markup(false);
    let view = adw::ToolbarView::new();
    view.add_top_bar(&header);
    view.add_top_bar(&banner);
    view.set_content(Some(&page));
    root.set_child(Some(&view));
    Widgets {
        rows,
        save,
        sentence,
        banner,
    }
}

/// Lets the user look for a program.
fn browse(root: &adw::Dialog, sender: &ComponentSender<Editor>) {
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
        // The helper knows programs by the path the kernel has, in which no link is left.
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        let text = bastion_policy::escape::bytes(path.as_os_str().as_encoded_bytes());
        if sender.send(Input::Chosen(text)).is_err() {
            tracing::debug!("the editor is gone already");
        }
    });
}
