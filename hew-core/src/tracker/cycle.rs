//! Finding tasks that would wait for each other for ever.
//!
//! Does not know where edges are stored: the caller tells what a task directly waits for.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::TrackerError;
use crate::ids::TaskId;

/// A cycle that leads through one of `starts`, as the ids on the way, the first one again at the end. `waits_for` answers
/// what must happen before a task: what blocks it, its parents (their blockers are its own), children it waits for.
///
/// # Errors
/// Only those of `waits_for`. Cycles that lead through none of `starts` are passed by.
pub fn cycle_through<E>(
    starts: &[TaskId],
    mut waits_for: impl FnMut(&TaskId) -> Result<Vec<TaskId>, E>,
) -> Result<Option<Vec<TaskId>>, E> {
    let mut graph = BTreeMap::new();
    let mut line = starts.to_vec();
    while let Some(id) = line.pop() {
        if let Entry::Vacant(place) = graph.entry(id) {
            let next = waits_for(place.key())?;
            line.extend(next.iter().cloned());
            place.insert(next);
        }
    }
    let endless = without_dead_ends(&graph);
    Ok(starts.iter().filter(|start| endless.contains(start)).find_map(|start| way_back(start, &graph)))
}

/// The error that names a cycle. `name` says what to call a task that has no id yet.
pub fn refused_cycle(cycle: &[TaskId], name: impl Fn(&TaskId) -> Option<String>) -> TrackerError {
    let names: Vec<_> = cycle.iter().map(|id| name(id).unwrap_or_else(|| id.to_string())).collect();
    TrackerError::Invalid(format!("tasks would wait for each other: {}", names.join(" -> ")))
}

/// Tasks from which a cycle can be reached: all others are taken away, those that wait for nothing first.
fn without_dead_ends(graph: &BTreeMap<TaskId, Vec<TaskId>>) -> BTreeSet<&TaskId> {
    let mut waiting: BTreeMap<&TaskId, usize> = graph.iter().map(|(id, next)| (id, next.len())).collect();
    let mut waiters: BTreeMap<&TaskId, Vec<&TaskId>> = BTreeMap::new();
    for (id, next) in graph {
        for on in next {
            waiters.entry(on).or_default().push(id);
        }
    }
    let mut free: Vec<&TaskId> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        waiting.remove(id);
        for waiter in waiters.get(id).map_or(&[][..], Vec::as_slice) {
            let count = waiting.get_mut(waiter).expect("a task leaves only after all that it waits for");
            *count -= 1;
            if *count == 0 {
                free.push(waiter);
            }
        }
    }
    waiting.into_keys().collect()
}

/// The shortest way from `start` back to it.
fn way_back(start: &TaskId, graph: &BTreeMap<TaskId, Vec<TaskId>>) -> Option<Vec<TaskId>> {
    let mut came_from: BTreeMap<&TaskId, &TaskId> = BTreeMap::new();
    let mut line = VecDeque::from([start]);
    while let Some(id) = line.pop_front() {
        for next in &graph[id] {
            if next == start {
                return Some(way_to(id, start, &came_from));
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, id);
                line.push_back(next);
            }
        }
    }
    None
}

fn way_to(last: &TaskId, start: &TaskId, came_from: &BTreeMap<&TaskId, &TaskId>) -> Vec<TaskId> {
    let mut way = vec![start.clone()];
    let mut id = last;
    while id != start {
        way.push(id.clone());
        id = came_from[id];
    }
    way.push(start.clone());
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn found(starts: &str, edges: &[(&str, &str)]) -> Option<String> {
        let starts: Vec<_> = starts.split(' ').map(TaskId::from).collect();
        let next = |id: &TaskId| {
            let out = edges.iter().filter(|(from, _)| *from == id.as_str());
            Ok::<_, Infallible>(out.map(|(_, to)| TaskId::from(*to)).collect())
        };
        let Ok(cycle) = cycle_through(&starts, next);
        Some(cycle?.iter().map(TaskId::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_cycle_is_told_in_its_order_and_only_if_it_leads_through_a_start() {
        let two_rings = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "x"), ("x", "y"), ("y", "x")];
        let back_over_a_finished_one = [("r", "o"), ("o", "a"), ("a", "o"), ("o", "n"), ("n", "a")];
        for (starts, edges, said) in [
            ("a", &[][..], None),
            ("a", &[("a", "a")], Some("a a")),
            ("a", &[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")], None),
            ("a", &two_rings, Some("a b c a")),
            ("y", &two_rings, Some("y x y")),
            ("q a", &[("q", "x"), ("x", "y"), ("y", "x"), ("a", "x")], None),
            ("r n", &back_over_a_finished_one, Some("n a o n")),
        ] {
            assert_eq!(found(starts, edges).as_deref(), said, "{starts} in {edges:?}");
        }
    }
}
