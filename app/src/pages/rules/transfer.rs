//! Rules from files and to files: choosing the file, reading, writing.

use std::io::Read as _;
use std::path::Path;

use adw::prelude::*;
use bastion_ipc::wire::WireRule;
use bastion_policy::file;
use bastion_policy::rule::Rule;
use bastion_policy::time::Timestamp;
use gtk::{gio, glib};
use relm4::ComponentSender;

use super::{Input, Rules};
use crate::i18n::{gettext, gettext_f, ngettext_f};
use crate::model::names::Directory;
use crate::model::rules::preview::{self, Candidate};
use crate::model::time;

/// Most bytes of a file: as many as a rules file may have.
const MAX_BYTES: u64 = 8 << 20;

/// What a file is called that nobody gave a name yet.
const FILE_NAME: &str = "bastion-rules.toml";

fn window(root: &adw::ToolbarView) -> Option<gtk::Window> {
    root.root().and_downcast()
}

/// Lets the user choose a file, and tells the page what is in it, beside the rules there are.
pub(super) fn import(
    there: Vec<WireRule>,
    directory: Directory,
    root: &adw::ToolbarView,
    sender: &ComponentSender<Rules>,
) {
    let chooser = gtk::FileDialog::builder()
        .title(gettext("Import Rules"))
        .accept_label(gettext("_Open"))
        .build();
    let sender = sender.clone();
    chooser.open(
        window(root).as_ref(),
        gio::Cancellable::NONE,
        move |chosen| {
            // An error here means that nothing was chosen.
            if let Some(path) = chosen.ok().and_then(|file| file.path()) {
                glib::spawn_future_local(async move {
                    let read = gio::spawn_blocking(move || candidates(&path, &there, &directory));
                    let read = read.await.unwrap_or_else(|_| Err(String::new()));
                    sender.input(Input::Preview(read));
                });
            }
        },
    );
}

/// The rules of a file; else a sentence that says why there are none.
fn candidates(
    path: &Path,
    there: &[WireRule],
    directory: &Directory,
) -> Result<Vec<Candidate>, String> {
    let text = read(path)?;
    let now = Timestamp::from_millis(time::now());
    let entries = file::import(&text, now).map_err(|error| error.to_string())?;
    match entries.is_empty() {
        true => Err(gettext("There are no rules in it.")),
        false => Ok(preview::candidates(entries, there, directory)),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut file = file.take(MAX_BYTES + 1);
    file.read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(gettext("It is larger than a file with rules can be."));
    }
    file::toml::utf8(bytes).map_err(|error| error.to_string())
}

/// Lets the user choose a file, and writes rules to it: all of them or, on an error, nothing.
pub(super) fn export(
    rules: Vec<WireRule>,
    root: &adw::ToolbarView,
    sender: &ComponentSender<Rules>,
) {
    let chooser = gtk::FileDialog::builder()
        .title(gettext("Export Rules"))
        .accept_label(gettext("_Export"))
        .initial_name(FILE_NAME)
        .build();
    let sender = sender.clone();
    chooser.save(
        window(root).as_ref(),
        gio::Cancellable::NONE,
        move |chosen| {
            if let Ok(file) = chosen {
                glib::spawn_future_local(async move {
                    sender.input(Input::Exported(write(&file, rules).await));
                });
            }
        },
    );
}

/// Says how many were written, or why none were.
async fn write(file: &gio::File, rules: Vec<WireRule>) -> Result<String, String> {
    let text = gio::spawn_blocking(move || {
        // What this version does not understand it can't vouch for.
        let rules: Vec<_> = rules
            .iter()
            .filter_map(|wire| Rule::try_from(wire).ok())
            .collect();
        (rules.len(), file::export(&rules))
    });
    let (count, text) = text.await.map_err(|_| String::new())?;
    // Rules tell which programs people run.
    let flags = gio::FileCreateFlags::PRIVATE | gio::FileCreateFlags::REPLACE_DESTINATION;
    let written = file.replace_contents_future(text, None, false, flags);
    written.await.map_err(|(_, error)| error.to_string())?;
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    Ok(ngettext_f(
        "{n} rule exported",
        "{n} rules exported",
        count,
        &[],
    ))
}

/// Says what came to nothing.
pub(super) fn complain(title: &str, problem: &str, root: &adw::ToolbarView) {
    let dialog = adw::AlertDialog::new(Some(title), Some(problem));
    dialog.set_body_use_markup(false);
    dialog.add_response("close", &gettext("_Close"));
    dialog.present(Some(root));
}

/// How many of those chosen were added.
pub(super) fn outcome(added: usize, chosen: usize) -> String {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    match added == chosen {
        true => ngettext_f(
            "{n} rule imported",
            "{n} rules imported",
            number(added),
            &[],
        ),
        false => gettext_f(
            "{added} of {chosen} rules imported",
            &[
                ("added", &added.to_string()),
                ("chosen", &chosen.to_string()),
            ],
        ),
    }
}
