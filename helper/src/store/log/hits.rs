//! How often each rule decided.

use std::collections::HashMap;

use bastion_policy::rule::RuleId;
use bastion_policy::time::Timestamp;
use rusqlite::{Connection, params};

use super::Hits;
use super::events::{signed, unsigned};

/// Adds to what is known.
pub(super) fn add(
    connection: &mut Connection,
    hits: &[(RuleId, u64, Timestamp)],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut add = transaction.prepare(
        "INSERT INTO hits (rule, count, last) VALUES (?1, ?2, ?3)
         ON CONFLICT (rule) DO UPDATE SET
             count = CASE WHEN count > 9223372036854775807 - excluded.count
                     THEN 9223372036854775807 ELSE count + excluded.count END,
             last = max(last, excluded.last)",
    )?;
    for (rule, count, last) in hits {
        add.execute(params![
            rule.as_str(),
            signed(*count),
            signed(last.as_millis())
        ])?;
    }
    drop(add);
    transaction.commit()
}

/// All that is known. Rows whose rule is no id, which nobody but a meddler writes, are left out.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<HashMap<RuleId, Hits>> {
    let mut all = connection.prepare("SELECT rule, count, last FROM hits")?;
    let rows = all.query_map([], |row| {
        let rule: String = row.get(0)?;
        let hits = Hits {
            count: unsigned(row.get(1)?),
            last: Timestamp::from_millis(unsigned(row.get(2)?)),
        };
        Ok((rule, hits))
    })?;
    let known = rows.filter_map(|row| {
        row.map(|(rule, hits)| Some((rule.parse().ok()?, hits)))
            .transpose()
    });
    known.collect()
}

/// Forgets rules.
pub(super) fn forget(connection: &mut Connection, rules: &[RuleId]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for rule in rules {
        transaction.execute("DELETE FROM hits WHERE rule = ?1", [rule.as_str()])?;
    }
    transaction.commit()
}
