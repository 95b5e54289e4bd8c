//! Finding events.
//!
//! What a user may see comes from an index, and so does a verdict and a time. Programs,
//! destinations, rules and texts are looked for row by row, a million rows in less than a second:
//! an index for each would make every decision several times as dear to log.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::ops::Range;

use bastion_ipc::wire::{Event, LogPages, LogQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::events::{self, signed, unsigned};

/// Ids looked through at a time, between two looks at the clock.
const CHUNK: i64 = 10_000;

/// Events the query asks for, newest first; only those of the user `seen_by`, and those that
/// everybody may see, if it is given.
pub(super) fn query(
    connection: &Connection,
    query: &LogQuery,
    seen_by: Option<u32>,
) -> rusqlite::Result<Vec<Event>> {
    let search = Search { query, seen_by };
    let Some(ids) = search.ids(connection)? else {
        return Ok(Vec::new());
    };
    let limit = limit(query);
    let mut found = search.run(connection, events::COLUMNS, ids, limit, events::event)?;
    if seen_by.is_some() {
        found.sort_by_key(|event| Reverse(event.id));
        found.dedup_by_key(|event| event.id);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(found)
}

/// Where the pages of such events begin. Once `is_over` says that it has taken long enough, the
/// rest is left for another call.
pub(super) fn pages(
    connection: &Connection,
    query: &LogQuery,
    seen_by: Option<u32>,
    is_over: impl Fn() -> bool,
) -> rusqlite::Result<LogPages> {
    let search = Search { query, seen_by };
    let mut pages: Vec<(u64, u32)> = Vec::new();
    let Some(ids) = search.ids(connection)? else {
        return Ok(LogPages { pages, next: None });
    };
    let mut end = ids.end;
    while end > ids.start {
        let start = ids.start.max(end.saturating_sub(CHUNK));
        let id = |row: &Row<'_>| row.get(0).map(unsigned);
        let mut found = search.run(connection, "id", start..end, u32::MAX, id)?;
        if seen_by.is_some() {
            found.sort_by_key(|id| Reverse(*id));
            found.dedup();
        }
        for id in found {
            match pages.last_mut() {
                Some((_, events)) if *events < limit(query) => *events += 1,
                _ => pages.push((id, 1)),
            }
        }
        end = start;
        if end > ids.start && (pages.len() >= LogPages::MAX || is_over()) {
            let next = Some(unsigned(end));
            return Ok(LogPages { pages, next });
        }
    }
    Ok(LogPages { pages, next: None })
}

fn limit(query: &LogQuery) -> u32 {
    query.limit.unwrap_or(LogQuery::MAX).min(LogQuery::MAX)
}

/// What is looked for, and for whom.
struct Search<'a> {
    query: &'a LogQuery,
    seen_by: Option<u32>,
}

impl Search<'_> {
    /// Between which ids there can be events that fit; none if there are none.
    fn ids(&self, connection: &Connection) -> rusqlite::Result<Option<Range<i64>>> {
        let mut when = Conditions::default();
        self.add_time(&mut when, "time");
        // Without a time two queries: one for both ends would read all ids.
        let sql = match when.values.is_empty() {
            true => "SELECT (SELECT min(id) FROM events), (SELECT max(id) FROM events)".into(),
            false => format!("SELECT min(id), max(id) FROM events WHERE TRUE{}", when.sql),
        };
        let values = params_from_iter(when.values);
        let (first, last): (Option<i64>, Option<i64>) =
            connection.query_row(&sql, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(None);
        };
        let end = last.saturating_add(1);
        let before = self.query.before.filter(|before| *before > 0);
        let end = before.map_or(end, |before| end.min(signed(before)));
        Ok((first < end).then_some(first..end))
    }

    /// What is found, newest first for each of those who may see it.
    fn run<T>(
        &self,
        connection: &Connection,
        columns: &str,
        ids: Range<i64>,
        limit: u32,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut found = Vec::new();
        for conditions in self.conditions(ids, limit) {
            let sql = format!("SELECT {columns} FROM events WHERE TRUE{}", conditions.sql);
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map(params_from_iter(conditions.values), &read)?;
            for row in rows {
                found.push(row?);
            }
        }
        Ok(found)
    }

    /// The conditions of the query. For a user they come in two, each by its own index: one with OR
    /// would read and sort all that the user ever did.
    fn conditions(&self, ids: Range<i64>, limit: u32) -> Vec<Conditions> {
        let mut all = Conditions::default();
        all.add(" AND id >= ? AND id < ?", [ids.start, ids.end]);
        // The plus keeps SQLite from reading in the order of time, to sort by id afterwards.
        self.add_time(&mut all, "+time");
        self.add_fields(&mut all);
        let whose: Vec<(&str, Value)> = match self.seen_by {
            None => return vec![all.newest(limit)],
            Some(uid) => vec![
                (" AND uid = ?", i64::from(uid).into()),
                (" AND verdict = ?", Event::MENDED.to_owned().into()),
            ],
        };
        let seen = whose.into_iter().map(|(condition, value)| {
            let mut seen = all.clone();
            seen.add(condition, [value]);
            seen.newest(limit)
        });
        seen.collect()
    }

    fn add_time(&self, to: &mut Conditions, column: &str) {
        if let Some(since) = self.query.since {
            to.add(&format!(" AND {column} >= ?"), [signed(since)]);
        }
        if let Some(until) = self.query.until {
            to.add(&format!(" AND {column} < ?"), [signed(until)]);
        }
    }

    fn add_fields(&self, to: &mut Conditions) {
        if let Some(verdict) = &self.query.verdict {
            // For a user, the plus keeps SQLite from looking through what all users were denied.
            let column = match self.seen_by {
                Some(_) => "+verdict",
                None => "verdict",
            };
            to.add(&format!(" AND {column} = ?"), [verdict.clone()]);
        }
        if let Some(program) = &self.query.program {
            let condition = " AND (program = ? OR substr(program, -length(?)) = ?)";
            let file = format!("/{program}");
            to.add(condition, [program.clone(), file.clone(), file]);
        }
        match self.query.destination.as_deref() {
            Some(place) if place.parse::<IpAddr>().is_ok() => {
                to.add(" AND destination = ?", [place.to_owned()]);
            }
            Some(host) => {
                let condition = " AND (host = ? OR substr(host, -length(?)) = ?)";
                let below = format!(".{host}");
                to.add(condition, [host.to_owned(), below.clone(), below]);
            }
            None => {}
        }
        if let Some(rule) = &self.query.rule {
            let condition = " AND (reason IN (?, ?) OR rule_name = ?)";
            let by = [
                format!("rule:{rule}"),
                format!("ended:{rule}"),
                rule.clone(),
            ];
            to.add(condition, by);
        }
        if let Some(text) = self.query.text.as_deref().filter(|text| !text.is_empty()) {
            let condition = " AND (program LIKE ? ESCAPE '\\' OR destination LIKE ? ESCAPE '\\' \
                             OR host LIKE ? ESCAPE '\\')";
            let pattern = containing(text);
            to.add(condition, [pattern.clone(), pattern.clone(), pattern]);
        }
    }
}

/// A part of a query, and the values for its question marks.
#[derive(Clone, Debug, Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn add<T: Into<Value>>(&mut self, sql: &str, values: impl IntoIterator<Item = T>) {
        self.sql.push_str(sql);
        self.values.extend(values.into_iter().map(Into::into));
    }

    fn newest(mut self, limit: u32) -> Self {
        self.add(" ORDER BY id DESC LIMIT ?", [i64::from(limit)]);
        self
    }
}

/// A pattern of LIKE that means every text with this one in it, whatever characters it has.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
#[path = "tests/search.rs"]
mod tests;
