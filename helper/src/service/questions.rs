//! Hands the engine's questions on to the bus, each with what else is known of its program.
//!
//! That is looked up once there is a question, so no verdict ever waits for it. Mostly it is
//! found within milliseconds; a question waits for it a moment, so that people see it whole from
//! the start and nothing moves below their eyes. What takes longer is told later, as a change of
//! the question.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bastion_policy::pending::{Question, QuestionId};
use bastion_policy::process::Process;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::core::Core;
use super::inspection::Inspections;
use super::run::RunError;
use crate::bus::{Asked, Bus};
use crate::engine::QuestionNotice;
use crate::identify::details::Details;

/// How long a question waits for its details: no longer than people take to look at something
/// that appears.
const PATIENCE: Duration = Duration::from_millis(300);

/// Passes questions on until the engine ends.
pub(super) async fn run(
    core: Arc<Core>,
    bus: Arc<Bus>,
    mut notices: mpsc::UnboundedReceiver<QuestionNotice>,
    status_due: Arc<Notify>,
    inspections: Inspections,
) -> RunError {
    let mut desk = Desk::default();
    let mut looked_up = JoinSet::new();
    loop {
        let due = desk.due();
        let put = tokio::select! {
            notice = notices.recv() => {
                let Some(notice) = notice else {
                    return RunError::EngineEnded;
                };
                core.note(&notice);
                status_due.notify_one();
                match notice {
                    QuestionNotice::Opened(question) | QuestionNotice::Changed(question) => {
                        let id = question.id;
                        match desk.opened(question, Instant::now() + PATIENCE) {
                            Next::Put(put) => vec![*put],
                            Next::LookUp(turn, process) => {
                                let found = inspections.ask(process);
                                looked_up.spawn(async move { (id, turn, found.await.ok()) });
                                Vec::new()
                            }
                        }
                    }
                    QuestionNotice::Closed(id, reason) => {
                        desk.closed(id);
                        bus.question_closed(id, &reason);
                        Vec::new()
                    }
                }
            }
            Some(Ok((id, turn, details))) = looked_up.join_next() => {
                desk.looked_up(id, turn, details).into_iter().collect()
            }
            () = at(due) => desk.take_due(Instant::now()),
        };
        for put in put {
            hand_on(&bus, put);
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn hand_on(bus: &Bus, put: Put) {
    let (id, sender) = (put.asked.question.id, put.asked.question.identity.clone());
    bus.question_opened(put.asked);
    if put.first && !bus.is_put(id) {
        tracing::info!(
            "nobody can be asked about a connection of {sender}; it waits for an agent until its \
             time is over. Start Bastion in a desktop session, or “bastionctl prompt” in a terminal"
        );
    }
}

/// A question for the bus.
#[derive(Debug)]
struct Put {
    asked: Asked,
    /// False if it was put before, and only its details or its process are new.
    first: bool,
}

/// What to do with a question.
#[derive(Debug)]
enum Next {
    /// Put it at once.
    Put(Box<Put>),
    /// Look up the details of this process; the number tells the look-up from others.
    LookUp(u64, Arc<Process>),
}

/// Questions whose details are looked up. Pure: time is a parameter.
#[derive(Debug, Default)]
struct Desk {
    waiting: BTreeMap<QuestionId, Waiting>,
    /// Counts look-ups; what an older one found is not about the process that is shown now.
    turns: u64,
}

#[derive(Debug)]
struct Waiting {
    question: Question,
    turn: u64,
    /// When it is put without details; `None` once it was.
    due: Option<Instant>,
    /// True once it was put, if only as it was before a change.
    put: bool,
}

impl Desk {
    /// Takes in a question that was opened, or says something else now; it is put when it is
    /// `due` at the latest. One that waits already is put when it was due before: however fast it
    /// changes, it is not put off.
    fn opened(&mut self, question: Question, due: Instant) -> Next {
        let Some(process) = question.identity.process().cloned() else {
            let before = self.waiting.remove(&question.id);
            let asked = question.into();
            let first = !before.is_some_and(|before| before.put);
            return Next::Put(Box::new(Put { asked, first }));
        };
        let turn = self.turns;
        self.turns += 1;
        let before = self.waiting.get(&question.id);
        let before_due = before.and_then(|before| before.due);
        let waiting = Waiting {
            turn,
            due: Some(before_due.map_or(due, |before| before.min(due))),
            put: before.is_some_and(|before| before.put),
            question,
        };
        self.waiting.insert(waiting.question.id, waiting);
        Next::LookUp(turn, process)
    }

    /// Takes in what was found out.
    fn looked_up(&mut self, id: QuestionId, turn: u64, details: Option<Details>) -> Option<Put> {
        let waiting = self.waiting.get(&id)?;
        if waiting.turn != turn {
            return None;
        }
        let waiting = self.waiting.remove(&id)?;
        (waiting.due.is_some() || details.is_some()).then_some(Put {
            asked: Asked {
                question: waiting.question,
                details,
            },
            first: !waiting.put,
        })
    }

    /// A question needs no answer any more.
    fn closed(&mut self, id: QuestionId) {
        self.waiting.remove(&id);
    }

    /// When the next question has waited long enough.
    fn due(&self) -> Option<Instant> {
        self.waiting
            .values()
            .filter_map(|waiting| waiting.due)
            .min()
    }

    /// The questions that have waited long enough.
    fn take_due(&mut self, now: Instant) -> Vec<Put> {
        let mut put = Vec::new();
        for waiting in self.waiting.values_mut() {
            if waiting.due.is_some_and(|due| due <= now) {
                waiting.due = None;
                put.push(Put {
                    asked: waiting.question.clone().into(),
                    first: !waiting.put,
                });
                waiting.put = true;
            }
        }
        put
    }
}

#[cfg(test)]
#[path = "questions_tests.rs"]
mod tests;
