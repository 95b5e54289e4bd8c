//! Queries that programs sent and that no answer came to yet.
//!
//! An answer counts only if it was asked for: a program that could have any message to it taken
//! for an answer could give names to addresses as it likes.

use bastion_policy::flow::Protocol;
use bastion_policy::time::Timestamp;

use super::capture::Path;
use super::messages::Question;
use super::recent::Recent;

/// Most queries that are remembered. The oldest are forgotten first.
pub(super) const QUERIES: usize = 4_096;

/// For how many milliseconds a query is remembered. Common programs ask again after five seconds
/// and give up within thirty.
pub(super) const PATIENCE: u64 = 30_000;

/// What a query and its answer have in common. Names are compared without regard to case, which
/// programs vary on purpose so that answers are harder to forge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Query {
    pub(super) protocol: Protocol,
    pub(super) path: Path,
    pub(super) id: u16,
    pub(super) question: Question,
}

#[derive(Debug)]
pub(super) struct Queries(Recent<Query, Timestamp>);

impl Queries {
    pub(super) fn new() -> Self {
        Self(Recent::new(QUERIES))
    }

    /// Remembers a query. One that is sent again counts from now.
    pub(super) fn sent(&mut self, query: Query, now: Timestamp) {
        self.0.put(query, now);
    }

    /// True if an answer to this query is due; then no further one is.
    pub(super) fn answered(&mut self, query: &Query, now: Timestamp) -> bool {
        self.0
            .remove(query)
            .is_some_and(|sent| now <= sent.after_millis(PATIENCE))
    }

    /// Forgets queries that no answer counts for any more.
    pub(super) fn tick(&mut self, now: Timestamp) {
        while let Some((_, sent)) = self.0.oldest()
            && now > sent.after_millis(PATIENCE)
        {
            self.0.remove_oldest();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use bastion_policy::matcher::HostName;

    use super::super::messages::{Wanted, WireName};
    use super::*;

    fn name(text: &str) -> WireName {
        (&text.parse::<HostName>().unwrap()).into()
    }

    fn query(id: u16, asked: &str) -> Query {
        Query {
            protocol: Protocol::Udp,
            path: Path {
                local: "10.0.0.2:4000".parse().unwrap(),
                server: "10.0.0.1".parse().unwrap(),
                interface: 2,
            },
            id,
            question: Question {
                name: name(asked),
                wanted: Wanted::Ipv4,
            },
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_answer_counts_once_and_only_if_everything_matches() {
        let asked = query(7, "example.org");
        let mut queries = Queries::new();
        queries.sent(asked.clone(), at(0));
        let others: [fn(&mut Query); 7] = [
            |query| query.id = 8,
            |query| query.protocol = Protocol::Tcp,
            |query| query.path.local.set_port(4001),
            |query| query.path.server = "10.0.0.9".parse().unwrap(),
            |query| query.path.interface = 3,
            |query| query.question.name = name("example.net"),
            |query| query.question.wanted = Wanted::Ipv6,
        ];
        for change in others {
            let mut other = asked.clone();
            change(&mut other);
            assert!(!queries.answered(&other, at(1)), "{other:?}");
        }
        assert!(queries.answered(&asked, at(1)));
        assert!(!queries.answered(&asked, at(1)));
    }

    #[test]
    fn a_late_answer_does_not_count() {
        let asked = query(7, "example.org");
        let mut queries = Queries::new();
        queries.sent(asked.clone(), at(0));
        queries.sent(asked.clone(), at(10));
        assert!(queries.answered(&asked, at(10 + PATIENCE)));
        queries.sent(asked.clone(), at(0));
        assert!(!queries.answered(&asked, at(1 + PATIENCE)));
    }

    #[test]
    fn queries_are_bounded_and_forgotten() {
        let mut queries = Queries::new();
        for id in 0..=u16::try_from(QUERIES).unwrap() {
            queries.sent(query(id, "example.org"), at(id.into()));
        }
        assert_eq!(queries.len(), QUERIES);
        assert!(!queries.answered(&query(0, "example.org"), at(5_000)));
        assert!(queries.answered(&query(1, "example.org"), at(5_000)));
        queries.tick(at(PATIENCE + 4));
        assert_eq!(queries.len(), QUERIES - 3);
        assert!(queries.answered(&query(4, "example.org"), at(PATIENCE + 4)));
    }
}
