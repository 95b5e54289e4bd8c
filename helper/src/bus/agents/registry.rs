//! Which agent each open question is put to. Pure: it talks to nobody.
//!
//! A question of a user's process goes to that user's agents, the session in front of which
//! somebody sits first; one of the system to an agent of an administrator's active session. Of
//! several agents of one session the newest is asked: somebody who starts one in a terminal wants
//! to answer there. A question stays where it was put as long as that agent is there, unless its
//! session goes away from the screen while another fitting one is on it. A question that fits no
//! agent waits for one.

use std::collections::BTreeMap;

use bastion_policy::pending::QuestionId;
use zbus::names::OwnedUniqueName;

use crate::bus::logind::Presence;

/// Most agents altogether, and of one user.
const MAX_AGENTS: usize = 128;
const MAX_PER_USER: usize = 8;

/// Whose process asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bus) enum Owner {
    /// A person's.
    User(u32),
    /// The system's, the kernel's, or nobody knows whose.
    System,
}

impl Owner {
    /// Who is asked about processes of this user. By number alone, so that it never waits for a
    /// user database on the network: people have numbers from 1000 on (login.defs(5)), but those
    /// from 60514 to 65535 are systemd's own, `nobody` among them (systemd's UIDS-GIDS).
    pub(in crate::bus) fn of(uid: Option<u32>) -> Self {
        match uid {
            Some(uid @ (1_000..=60_513 | 65_536..=0xffff_fffe)) => Self::User(uid),
            _ => Self::System,
        }
    }
}

/// What decides which questions an agent is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its user.
    pub(super) uid: u32,
    /// Whether somebody sits in front of its session.
    pub(super) presence: Presence,
    /// Whether its user administers the machine.
    pub(super) administrator: bool,
}

impl Standing {
    fn fits(self, owner: Owner) -> bool {
        match owner {
            Owner::User(uid) => uid == self.uid,
            Owner::System => self.administrator && self.presence != Presence::Away,
        }
    }
}

/// There is no room for another agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX_PER_USER} agents of one user and {MAX_AGENTS} of all can be registered")]
pub(super) struct Full;

#[derive(Debug)]
struct Agent {
    standing: Standing,
    /// Counts registrations.
    since: u64,
}

#[derive(Debug)]
struct Question {
    owner: Owner,
    put_to: Option<OwnedUniqueName>,
}

impl Question {
    /// Puts it to the best agent, unless it is with one that does.
    fn place(&mut self, agents: &BTreeMap<OwnedUniqueName, Agent>) {
        let best = agents
            .iter()
            .filter(|(_, agent)| agent.standing.fits(self.owner))
            .max_by_key(|(_, agent)| (agent.standing.presence, agent.since));
        let holder = self
            .put_to
            .as_ref()
            .and_then(|name| agents.get(name))
            .filter(|agent| agent.standing.fits(self.owner));
        let nobody_is_there =
            best.is_none_or(|(_, agent)| agent.standing.presence == Presence::Away);
        let stays = holder
            .is_some_and(|agent| agent.standing.presence != Presence::Away || nobody_is_there);
        if !stays {
            self.put_to = best.map(|(name, _)| name.clone());
        }
    }
}

/// The agents and the open questions.
#[derive(Debug, Default)]
pub(super) struct Registry {
    agents: BTreeMap<OwnedUniqueName, Agent>,
    questions: BTreeMap<QuestionId, Question>,
    registrations: u64,
}

impl Registry {
    /// Registers an agent, or gives a registered one another standing, and puts to it what waits
    /// for one like it.
    pub(super) fn register(
        &mut self,
        name: OwnedUniqueName,
        standing: Standing,
    ) -> Result<(), Full> {
        let known = self.agents.contains_key(&name);
        let of_user = |agent: &&Agent| agent.standing.uid == standing.uid;
        if !known
            && (self.agents.len() >= MAX_AGENTS
                || self.agents.values().filter(of_user).count() >= MAX_PER_USER)
        {
            return Err(Full);
        }
        let since = self.registrations;
        self.registrations += 1;
        self.agents.insert(name, Agent { standing, since });
        self.place();
        Ok(())
    }

    /// Takes an agent out; its questions go to others. False if it is not registered.
    pub(super) fn leave(&mut self, name: &OwnedUniqueName) -> bool {
        let known = self.agents.remove(name).is_some();
        if known {
            self.place();
        }
        known
    }

    /// Notes whether somebody sits in front of an agent's session.
    pub(super) fn set_presence(&mut self, name: &OwnedUniqueName, presence: Presence) {
        if let Some(agent) = self.agents.get_mut(name)
            && agent.standing.presence != presence
        {
            agent.standing.presence = presence;
            self.place();
        }
    }

    /// Opens a question. One that is open stays where it is.
    pub(super) fn open(&mut self, id: QuestionId, owner: Owner) {
        let question = self.questions.entry(id).or_insert(Question {
            owner,
            put_to: None,
        });
        question.place(&self.agents);
    }

    /// Closes a question; the agent it was put to, if any.
    pub(super) fn close(&mut self, id: QuestionId) -> Option<OwnedUniqueName> {
        self.questions.remove(&id)?.put_to
    }

    /// The agent a question is put to.
    pub(super) fn put_to(&self, id: QuestionId) -> Option<&OwnedUniqueName> {
        self.questions.get(&id)?.put_to.as_ref()
    }

    /// The questions put to an agent, oldest first.
    pub(super) fn put_to_agent(&self, name: &OwnedUniqueName) -> impl Iterator<Item = QuestionId> {
        self.questions
            .iter()
            .filter(move |(_, question)| question.put_to.as_ref() == Some(name))
            .map(|(id, _)| *id)
    }

    /// How many agents there are.
    pub(super) fn agents(&self) -> usize {
        self.agents.len()
    }

    /// Puts every question where it belongs.
    fn place(&mut self) {
        for question in self.questions.values_mut() {
            question.place(&self.agents);
        }
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
