//! Names for new tasks: `<prefix>-<4 to 8 base36>`, and `PARENT.N` for children.

use std::collections::BTreeMap;

use hew_core::ids::TaskId;
use rusqlite::Connection;

use super::trouble::Trouble;

/// Deepest level of `PARENT.N` names; below it children get names of their own, and are children by their edge.
const MAX_NUMBERED_DEPTH: usize = 3;

/// Random names that are tried at one length before a longer one is.
const TRIES: usize = 8;

/// The last number given to a child, by parent, so that many children of one parent are numbered without counting each time.
pub(super) type LastChild = BTreeMap<TaskId, i64>;

/// A name that no task has: numbered after its parent, or random.
pub(super) fn free_id(
    db: &Connection,
    prefix: &str,
    parent: Option<&TaskId>,
    last_child: &mut LastChild,
) -> Result<TaskId, Trouble> {
    let Some(parent) = parent.filter(|parent| depth(parent) < MAX_NUMBERED_DEPTH) else {
        return free_random_id(db, prefix);
    };
    let last = match last_child.get(parent) {
        Some(last) => *last,
        None => stored_last_child(db, parent)?,
    };
    last_child.insert(parent.clone(), last + 1);
    Ok(TaskId::new(format!("{parent}.{}", last + 1)))
}

/// How many numbers already follow the name: 2 for `app-1a2b.1.4`.
fn depth(id: &TaskId) -> usize {
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    id.as_str().rsplit('.').take_while(is_number).count()
}

fn stored_last_child(db: &Connection, parent: &TaskId) -> Result<i64, Trouble> {
    // '/' follows '.', so this is the range of ids that begin with `PARENT.`.
    let sql = "SELECT max(CAST(substr(id, length(?1) + 2) AS INTEGER)) FROM task
        WHERE id > ?1 || '.' AND id < ?1 || '/' AND substr(id, length(?1) + 2) NOT GLOB '*[^0-9]*'";
    let last: Option<i64> = db.prepare_cached(sql)?.query_row([parent.as_str()], |row| row.get(0))?;
    Ok(last.unwrap_or(0))
}

fn free_random_id(db: &Connection, prefix: &str) -> Result<TaskId, Trouble> {
    // Tasks are never deleted, so the last row number is their number.
    let count: Option<i64> = db.query_row("SELECT max(rowid) FROM task", [], |row| row.get(0))?;
    for length in length_for(count.unwrap_or(0))..=8 {
        for _ in 0..TRIES {
            let id = format!("{prefix}-{}", random_base36(length)?);
            let sql = "SELECT EXISTS (SELECT 1 FROM task WHERE id = ?1)";
            if !db.prepare_cached(sql)?.query_row([&id], |row| row.get::<_, bool>(0))? {
                return Ok(TaskId::new(id));
            }
        }
    }
    Err(Trouble::Store(format!("no free id with prefix {prefix}")))
}

/// The shortest length at which a random name is free 24 times out of 25.
fn length_for(count: i64) -> u32 {
    (4..8).find(|length| 36_i64.pow(*length) / 25 > count).unwrap_or(8)
}

fn random_base36(length: u32) -> Result<String, Trouble> {
    let random = getrandom::u64().map_err(|error| Trouble::Store(format!("no random numbers: {error}")))?;
    let mut rest = random % 36_u64.pow(length);
    let mut text = String::new();
    for _ in 0..length {
        let digit = u32::try_from(rest % 36).expect("below 36");
        text.push(char::from_digit(digit, 36).expect("below 36"));
        rest /= 36;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_grow_with_the_number_of_tasks() {
        for (count, length) in [(0, 4), (67_000, 4), (68_000, 5), (3_000_000, 6), (i64::MAX, 8)] {
            assert_eq!(length_for(count), length, "{count}");
        }
    }

    #[test]
    fn depth_counts_numbers_after_the_name() {
        for (id, wanted) in [("a-1", 0), ("v1.2-x", 0), ("a-1.2", 1), ("a-1.2.30", 2), ("a-1.x.3", 1)] {
            assert_eq!(depth(&TaskId::from(id)), wanted, "{id}");
        }
    }

    #[test]
    fn random_parts_have_the_length_asked_for() {
        for length in 4..=8 {
            let text = random_base36(length).unwrap();
            assert_eq!(text.len(), length as usize);
            assert!(text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()), "{text}");
        }
    }
}
