//! Between the prompt, the desktop and the helper: answers, notifications, and why is asked.

use bastion_ipc::wire::{Explanation, Question, WireRule};
use bastion_policy::rule::Action;
use bastion_policy::time::Timestamp;
use gtk::gio::prelude::*;
use gtk::{gio, glib};
use relm4::{ComponentController as _, ComponentSender};

use super::{App, Done, Input};
use crate::client::{Client, Failure};
use crate::model::{asked, time};
use crate::notification;
use crate::prompt;

/// The rules, and how the helper would decide.
pub type Near = Result<(Explanation, Vec<WireRule>), Failure>;

impl App {
    /// Does what the prompt wants.
    pub(super) fn hear_prompt(&self, output: prompt::Output, sender: &ComponentSender<Self>) {
        let application = relm4::main_application();
        let client = self.client.clone();
        match output {
            prompt::Output::Answer(id, answer) => sender.oneshot_command(async move {
                Done::Answered(id, client.answer(id, &answer).await)
            }),
            prompt::Output::Desktop(news) => notification::of_question(&application, &news),
            prompt::Output::Unanswered(why) => notification::of_nothing(&application, &why),
            prompt::Output::Why(question) => sender.oneshot_command(async move {
                let near = near(&client, &question).await;
                Done::Near(question, near)
            }),
        }
    }

    /// Tells the prompt which rules come near.
    pub(super) fn tell_near(&self, question: &Question, near: Near) {
        let now = Timestamp::from_millis(time::now());
        let lines = near.map(|(explanation, rules)| {
            asked::near(question, &explanation, &rules, &self.directory, now)
        });
        self.prompt.emit(prompt::Input::Near(question.id, lines));
    }
}

async fn near(client: &Client, question: &Question) -> Near {
    let explanation = match asked::query(question) {
        Some(query) => client.explain(&query).await?,
        None => Explanation::default(),
    };
    Ok((explanation, client.rules().await?))
}

/// Adds what notifications of questions can do.
pub(super) fn add_actions(application: &gtk::Application, sender: &ComponentSender<App>) {
    let parameter = glib::VariantTy::new(notification::ANSWER_TYPE).ok();
    let answer = gio::SimpleAction::new(notification::ANSWER, parameter);
    let input = sender.clone();
    answer.connect_activate(move |_, chosen| {
        let chosen = chosen.and_then(glib::Variant::get::<(u64, u64, String)>);
        if let Some((id, number, action)) = chosen
            && let Ok(action) = action.parse::<Action>()
        {
            input.input(Input::Notified(id, number, action));
        }
    });
    application.add_action(&answer);
    let show = gio::SimpleAction::new(notification::SHOW_QUESTION, None);
    let input = sender.clone();
    show.connect_activate(move |_, _| input.input(Input::ShowQuestion));
    application.add_action(&show);
}
