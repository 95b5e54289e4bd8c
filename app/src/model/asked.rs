//! Why a question is asked: no rule decides it, and some come near.

use bastion_ipc::wire::{ExplainQuery, Explanation, LadderStep, Question, WireRule};
use bastion_policy::flow::Flow;
use bastion_policy::matcher::ProgramMatcher;
use bastion_policy::rule::{Action, Lifetime, Rule};
use bastion_policy::time::Timestamp;

use super::names::Directory;
use super::sentence;
use crate::i18n::{gettext, gettext_f, ngettext_f};

/// As many rules as are worth reading while a program waits.
const MOST: usize = 5;

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub title: String,
    /// In one or two sentences.
    pub text: String,
}

impl Line {
    fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            text: text.into(),
        }
    }
}

/// What can be said at once.
#[must_use]
pub fn reasons(otherwise: Action) -> [Line; 2] {
    let otherwise = match otherwise {
        Action::Allow => gettext(
            "The connection is allowed when the time is over. No rule is made, and you are asked again when the program connects again.",
        ),
        Action::Deny => gettext(
            "The connection is denied when the time is over. No rule is made, and you are asked again when the program tries again.",
        ),
        Action::Drop => gettext(
            "The connection is dropped when the time is over, and the program is not told. No rule is made, and you are asked again when the program tries again.",
        ),
    };
    [
        Line::new(
            gettext("Reason"),
            gettext("No rule decides about this connection, and Bastion asks in such a case."),
        ),
        Line::new(gettext("If You Don’t Answer"), otherwise),
    ]
}

/// What to ask the helper, if the user of this session may ask it without an administrator.
#[must_use]
pub fn query(question: &Question) -> Option<ExplainQuery> {
    (!question.needs_administrator).then(|| about(question))
}

fn about(question: &Question) -> ExplainQuery {
    ExplainQuery {
        program: question.program.clone(),
        uid: None,
        destination: question.destination.clone(),
        host: Some(question.host.clone()).filter(|host| !host.is_empty()),
        port: question.port,
        protocol: Some(question.protocol.clone()),
    }
}

/// Which rules came near, the nearest first: those that mean such connections as far as the helper
/// can tell, then those that name the program.
#[must_use]
pub fn near(
    question: &Question,
    explanation: &Explanation,
    rules: &[WireRule],
    directory: &Directory,
    now: Timestamp,
) -> Vec<Line> {
    let mut lines: Vec<_> = explanation.ladder.iter().map(almost).collect();
    let mut named: Vec<_> = rules
        .iter()
        .filter_map(|wire| Rule::try_from(wire).ok())
        .filter(|rule| !explained(explanation, rule) && names(&rule.spec().program, question))
        .map(|rule| (misses(&rule, question, now), rule))
        .collect();
    named.sort_by_key(|(misses, _)| misses.len());
    lines.extend(named.iter().map(|(misses, rule)| {
        let what = misses.join(&gettext(", "));
        let text = match misses.is_empty() {
            true => sentence::sentence(rule, directory),
            false => gettext_f(
                "{rule} Does not fit: {what}.",
                &[
                    ("rule", &sentence::sentence(rule, directory)),
                    ("what", &what),
                ],
            ),
        };
        Line::new(rule.spec().name.clone(), text)
    }));
    shortened(lines)
}

fn explained(explanation: &Explanation, rule: &Rule) -> bool {
    let mut ladder = explanation.ladder.iter();
    ladder.any(|step| step.rule == rule.id().as_str())
}

fn almost(step: &LadderStep) -> Line {
    Line::new(
        step.name.clone(),
        gettext(
            "Decides about connections like this one, but not about this one: it has an end, was made meanwhile, or is for another process.",
        ),
    )
}

fn shortened(mut lines: Vec<Line>) -> Vec<Line> {
    if lines.is_empty() {
        return vec![Line::new(
            gettext("Rules That Come Near"),
            gettext("None. No rule names this program."),
        )];
    }
    let more = lines.len().saturating_sub(MOST);
    if more > 0 {
        lines.truncate(MOST);
        lines.push(Line::new(
            gettext("And More"),
            ngettext_f(
                "{n} more rule names this program.",
                "{n} more rules name this program.",
                more as u64,
                &[],
            ),
        ));
    }
    lines
}

/// True if a rule names the program that asks, and does not just mean it among all.
fn names(matcher: &ProgramMatcher, question: &Question) -> bool {
    match matcher {
        ProgramMatcher::Any => false,
        ProgramMatcher::Kernel => question.program == "kernel",
        ProgramMatcher::Unknown => question.program == "unknown",
        ProgramMatcher::App(app) => app.to_string() == question.app,
        program => is_path(program, &question.program),
    }
}

fn is_path(matcher: &ProgramMatcher, path: &str) -> bool {
    match matcher {
        ProgramMatcher::Path(wanted) => wanted.as_str() == path,
        ProgramMatcher::Pattern(pattern) => path.parse().is_ok_and(|path| pattern.matches(&path)),
        _ => false,
    }
}

/// In what a rule does not fit what is asked.
fn misses(rule: &Rule, question: &Question, now: Timestamp) -> Vec<String> {
    let spec = rule.spec();
    let flow = about(question).flow().ok();
    let fits = |fits: fn(&Rule, &Flow) -> bool| flow.as_ref().is_none_or(|flow| fits(rule, flow));
    let started = spec.started_by.as_ref().is_none_or(|program| {
        let mut parents = question.parents.iter();
        parents.any(|parent| is_path(program, parent))
    });
    let process = match &spec.lifetime {
        Lifetime::Process(key) => key.pid == question.pid,
        _ => true,
    };
    let user = Some(question.uid).filter(|uid| *uid != u32::MAX);
    [
        (spec.enabled, gettext("it is switched off")),
        (spec.lifetime.holds_at(now), gettext("its time is over")),
        (
            fits(|rule, flow| rule.spec().destination.matches(flow)),
            gettext("the destination"),
        ),
        (
            fits(|rule, flow| rule.spec().ports.matches(flow.destination_port)),
            gettext("the port"),
        ),
        (
            fits(|rule, flow| rule.spec().protocol.matches(flow.protocol)),
            gettext("the protocol"),
        ),
        (spec.user.matches(user), gettext("the user")),
        (started, gettext("what started the program")),
        (process, gettext("the process")),
    ]
    .into_iter()
    .filter_map(|(fits, what)| (!fits).then_some(what))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_what_becomes_of_it_without_an_answer() {
        for (otherwise, says) in [
            (Some("allow"), "The connection is allowed when"),
            (Some("deny"), "The connection is denied when"),
            (Some("drop"), "The connection is dropped when"),
            (None, "The connection is denied when"),
            (Some("nonsense"), "The connection is denied when"),
        ] {
            let question = Question {
                otherwise: otherwise.map(str::to_owned),
                ..question()
            };
            let [_, line] = reasons(question.unanswered());
            assert!(line.text.starts_with(says), "{otherwise:?}: {}", line.text);
        }
    }

    fn question() -> Question {
        Question {
            program: "/usr/bin/curl".into(),
            uid: 1000,
            pid: 77,
            protocol: "tcp".into(),
            destination: "192.0.2.7".into(),
            port: 443,
            host: "example.org".into(),
            parents: vec!["/usr/bin/bash".into()],
            ..Question::default()
        }
    }

    fn rule(id: &str, change: impl FnOnce(&mut WireRule)) -> WireRule {
        let mut wire = WireRule {
            id: Some(id.into()),
            name: id.into(),
            action: "allow".into(),
            program: Some("/usr/bin/curl".into()),
            ..WireRule::default()
        };
        change(&mut wire);
        assert!(Rule::try_from(&wire).is_ok(), "{wire:?}");
        wire
    }

    fn lines(rules: &[WireRule]) -> Vec<(String, String)> {
        let directory = Directory::fixed(&[], "");
        let now = Timestamp::from_millis(1_000_000);
        let near = near(&question(), &Explanation::default(), rules, &directory, now);
        near.into_iter()
            .map(|line| (line.title, line.text))
            .collect()
    }

    fn text(change: impl FnOnce(&mut WireRule)) -> String {
        lines(&[rule("near", change)]).remove(0).1
    }

    #[test]
    fn each_thing_that_does_not_fit_is_named() {
        let elsewhere = text(|rule| rule.destination = Some("example.com".into()));
        assert_eq!(
            elsewhere,
            "Allow curl to connect to example.com. Does not fit: the destination."
        );
        let misses = |change: fn(&mut WireRule)| {
            let text = text(change);
            let (_, what) = text.split_once("Does not fit: ").unwrap();
            what.trim_end_matches('.').to_owned()
        };
        assert_eq!(misses(|rule| rule.ports = Some("80".into())), "the port");
        assert_eq!(
            misses(|rule| rule.protocol = Some("udp".into())),
            "the protocol"
        );
        assert_eq!(misses(|rule| rule.user = Some("7".into())), "the user");
        assert_eq!(
            misses(|rule| rule.enabled = Some(false)),
            "it is switched off"
        );
        assert_eq!(
            misses(|rule| rule.started_by = Some("/usr/bin/zsh".into())),
            "what started the program"
        );
        assert_eq!(
            misses(|rule| {
                rule.lifetime = Some("until:1970-01-01T00:00:01Z".into());
                rule.ports = Some("80".into());
            }),
            "its time is over, the port"
        );
    }

    #[test]
    fn what_fits_is_no_miss() {
        let fitting = |rule: &mut WireRule| {
            rule.destination = Some("domain:example.org".into());
            rule.ports = Some("443".into());
            rule.user = Some("1000".into());
            rule.started_by = Some("/usr/bin/bash".into());
        };
        assert!(!text(fitting).contains("Does not fit"));
    }

    #[test]
    fn the_nearest_come_first_and_of_others_only_their_number() {
        let far = rule("far", |rule| {
            rule.destination = Some("192.0.2.9".into());
            rule.ports = Some("80".into());
        });
        let other = rule("other", |rule| rule.program = Some("/usr/bin/wget".into()));
        let any = rule("any", |rule| rule.program = None);
        let near = |n: usize| rule(&format!("near{n}"), |rule| rule.ports = Some("80".into()));
        let mut rules = vec![far, other, any];
        rules.extend((0..6).map(near));
        let lines = lines(&rules);
        assert_eq!(lines.len(), MOST + 1);
        assert!(
            lines[..MOST]
                .iter()
                .all(|(name, _)| name.starts_with("near"))
        );
        assert_eq!(lines[MOST].1, "2 more rules name this program.");
    }

    #[test]
    fn that_there_are_none_is_said() {
        assert_eq!(lines(&[])[0].1, "None. No rule names this program.");
    }

    #[test]
    fn the_helper_is_asked_about_the_users_own_alone() {
        let mut asked = question();
        let query_of_own = query(&asked).unwrap();
        assert_eq!(query_of_own.host.as_deref(), Some("example.org"));
        assert!(query_of_own.checked().is_ok());
        asked.needs_administrator = true;
        assert_eq!(query(&asked), None);
    }

    #[test]
    fn what_the_helper_found_is_not_told_twice() {
        let explanation = Explanation {
            ladder: vec![LadderStep {
                rule: "near".into(),
                name: "near".into(),
                ..LadderStep::default()
            }],
            ..Explanation::default()
        };
        let rules = [rule("near", |_| {})];
        let directory = Directory::fixed(&[], "");
        let now = Timestamp::from_millis(0);
        let lines = near(&question(), &explanation, &rules, &directory, now);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].text.contains("like this one"));
    }
}
