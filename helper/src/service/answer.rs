//! The rule that an answer asks for, built from what the helper itself knows of the question.

use std::sync::Arc;

use bastion_ipc::Error;
use bastion_ipc::wire::{AnswerLifetime, AnswerScope, CheckedAnswer};
use bastion_policy::flow::Flow;
use bastion_policy::matcher::{
    DestinationMatcher, PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use bastion_policy::pending::Question;
use bastion_policy::process::Identity;
use bastion_policy::rule::{Action, Creator, Lifetime, Priority, RuleSpec};
use bastion_policy::time::Timestamp;

use crate::bus::Caller;

/// The rule for this answer; `None` for an answer that holds once.
///
/// A rule made from an answer is for the user whose process asked, never for others: what one
/// user answers does not decide about another.
///
/// # Errors
/// [`Error::InvalidArgument`] when scope or lifetime make no sense for the question.
pub fn rule_for(
    question: &Question,
    answer: CheckedAnswer,
    caller: &Caller,
    now: Timestamp,
) -> Result<Option<RuleSpec>, Error> {
    let Some(lifetime) = lifetime(question, answer.lifetime, caller, now)? else {
        return Ok(None);
    };
    Ok(Some(RuleSpec {
        action: answer.action,
        lifetime,
        creator: Creator::User(caller.uid),
        ..allowing(&question.flow, &question.identity, answer.scope, now)?
    }))
}

/// The lasting rule that allows such flows of this sender, for its user: as learned, unless it is
/// changed.
///
/// # Errors
/// [`Error::InvalidArgument`] when the scope makes no sense for the flow.
pub(super) fn allowing(
    flow: &Flow,
    identity: &Identity,
    scope: AnswerScope,
    now: Timestamp,
) -> Result<RuleSpec, Error> {
    let (destination, ports, protocol) = reach(flow, scope)?;
    Ok(RuleSpec {
        name: name(identity, &destination, &ports),
        enabled: true,
        action: Action::Allow,
        program: program(identity),
        started_by: None,
        user: identity.uid().map_or(UserMatcher::Any, UserMatcher::Uid),
        destination,
        ports,
        protocol,
        lifetime: Lifetime::Forever,
        priority: Priority::Normal,
        note: String::new(),
        creator: Creator::Learned,
        created: now,
    })
}

fn lifetime(
    question: &Question,
    asked: AnswerLifetime,
    caller: &Caller,
    now: Timestamp,
) -> Result<Option<Lifetime>, Error> {
    let wrong = |why: &str| Error::InvalidArgument(format!("lifetime: {why}"));
    Ok(Some(match asked {
        AnswerLifetime::Once => return Ok(None),
        AnswerLifetime::Process => match question.identity.process() {
            Some(process) => Lifetime::Process(process.key),
            None => return Err(wrong("no process is known whose end could end the rule")),
        },
        AnswerLifetime::Session => match &caller.session {
            Some(session) => Lifetime::Session(Arc::clone(session)),
            None => return Err(wrong("you have no session whose end could end the rule")),
        },
        AnswerLifetime::Restart => Lifetime::Restart,
        AnswerLifetime::Forever => Lifetime::Forever,
        AnswerLifetime::Seconds(seconds) => {
            Lifetime::Until(now.after_millis(u64::from(seconds) * 1000))
        }
    }))
}

fn program(identity: &Identity) -> ProgramMatcher {
    match identity {
        Identity::Process(process) => match &process.app {
            Some(app) => ProgramMatcher::App(app.clone()),
            None => ProgramMatcher::Path(process.executable.path.clone()),
        },
        Identity::Kernel => ProgramMatcher::Kernel,
        Identity::Unknown { .. } => ProgramMatcher::Unknown,
    }
}

type Reach = (DestinationMatcher, PortMatcher, ProtocolMatcher);

fn reach(flow: &Flow, scope: AnswerScope) -> Result<Reach, Error> {
    let destination = match flow.hosts.first() {
        Some(host) => DestinationMatcher::Host(host.clone()),
        None => DestinationMatcher::Address(flow.destination),
    };
    let ports = if flow.protocol.has_ports() {
        PortMatcher::one(flow.destination_port).unwrap_or_default()
    } else {
        PortMatcher::Any
    };
    let protocol = ProtocolMatcher::Only(flow.protocol);
    Ok(match scope {
        AnswerScope::Flow => (destination, ports, protocol),
        AnswerScope::Destination => (destination, PortMatcher::Any, ProtocolMatcher::Any),
        AnswerScope::Domain => match flow.hosts.first() {
            Some(host) => (
                DestinationMatcher::Domain(host.clone()),
                PortMatcher::Any,
                ProtocolMatcher::Any,
            ),
            None => {
                return Err(Error::InvalidArgument(
                    "scope: no name of the destination is known whose domain could be meant".into(),
                ));
            }
        },
        AnswerScope::Port => (DestinationMatcher::Any, ports, protocol),
        AnswerScope::Program => (
            DestinationMatcher::Any,
            PortMatcher::Any,
            ProtocolMatcher::Any,
        ),
    })
}

/// What the rule is called in lists: the program, and where to.
fn name(identity: &Identity, destination: &DestinationMatcher, ports: &PortMatcher) -> String {
    let program = match identity {
        Identity::Process(process) => process.executable.path.file_name().to_owned(),
        other => other.to_string(),
    };
    // A file name may be as long as 255 bytes, and four times that in its escaped form.
    let mut name: String = program.chars().take(80).collect();
    if *destination != DestinationMatcher::Any {
        name.push_str(&format!(" to {destination}"));
    }
    if *ports != PortMatcher::Any {
        name.push_str(&format!(" port {ports}"));
    }
    name.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_policy::flow::Protocol;
    use bastion_policy::pending::{QuestionId, QuestionKey};
    use bastion_policy::process::{Evidence, Executable, Process, ProcessKey};
    use bastion_policy::rule::Rule;

    fn question(hosts: &[&str]) -> Question {
        let flow = Flow {
            protocol: Protocol::Tcp,
            source: "10.0.0.2".parse().unwrap(),
            source_port: 40_000,
            destination: "192.0.2.1".parse().unwrap(),
            destination_port: 443,
            hosts: hosts.iter().map(|h| h.parse().unwrap()).collect(),
        };
        let identity = Identity::Process(Arc::new(Process {
            key: ProcessKey {
                pid: 42,
                start_time: 7,
            },
            uid: 1000,
            executable: Executable {
                path: "/usr/bin/curl".parse().unwrap(),
                file: None,
                replaced: false,
            },
            arguments: vec![],
            working_directory: String::new(),
            cgroup: String::new(),
            app: None,
            parents: vec![],
            evidence: Evidence::SocketTable,
            execs: None,
        }));
        Question {
            id: QuestionId(1),
            key: QuestionKey::new(&flow, &identity),
            flow,
            identity,
            opened: Timestamp::default(),
            deadline: Timestamp::default(),
            otherwise: Action::Deny,
        }
    }

    fn caller(session: Option<&str>) -> Caller {
        Caller {
            uid: 0,
            session: session.map(Into::into),
        }
    }

    fn answer(scope: AnswerScope, lifetime: AnswerLifetime) -> CheckedAnswer {
        CheckedAnswer {
            action: Action::Allow,
            scope,
            lifetime,
        }
    }

    #[test]
    fn every_scope_and_lifetime_makes_a_valid_rule_that_matches_the_question_and_its_user_only() {
        let lifetimes = [
            AnswerLifetime::Process,
            AnswerLifetime::Session,
            AnswerLifetime::Restart,
            AnswerLifetime::Forever,
            AnswerLifetime::Seconds(60),
        ];
        let question = question(&["www.example.org"]);
        let now = Timestamp::from_millis(1_000);
        for (scope, _) in AnswerScope::ALL {
            for lifetime in lifetimes {
                let spec = rule_for(&question, answer(scope, lifetime), &caller(Some("c1")), now)
                    .unwrap()
                    .unwrap();
                assert_eq!(spec.user, UserMatcher::Uid(1000));
                let rule = Rule::new("r".parse().unwrap(), spec).unwrap();
                assert!(
                    rule.matches(&question.flow, &question.identity, now),
                    "{rule:?}"
                );
            }
        }
    }

    #[test]
    fn once_makes_no_rule() {
        let once = answer(AnswerScope::Program, AnswerLifetime::Once);
        let made = rule_for(&question(&[]), once, &caller(None), Timestamp::default());
        assert_eq!(made.unwrap(), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut unknown = question(&[]);
        unknown.identity = Identity::Kernel;
        let now = Timestamp::default();
        for (question, scope, lifetime) in [
            (&question(&[]), AnswerScope::Domain, AnswerLifetime::Forever),
            (&question(&[]), AnswerScope::Flow, AnswerLifetime::Session),
            (&unknown, AnswerScope::Flow, AnswerLifetime::Process),
        ] {
            let made = rule_for(question, answer(scope, lifetime), &caller(None), now);
            assert!(matches!(made, Err(Error::InvalidArgument(_))), "{made:?}");
        }
    }
}
