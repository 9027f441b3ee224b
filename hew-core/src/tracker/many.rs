//! A list of new tasks that refer to each other, put in an order in which they can be made.
//!
//! Does not give ids and does not look into the store: whether an id that is not of this list exists, and whether the
//! edges close a cycle, is for the store to find.

use std::collections::BTreeMap;

use super::TrackerError;
use super::record::PRIORITY_MAX;
use super::task::NewTask;
use crate::ids::TaskId;

/// Another task, as one of the list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The task at this place of the list, from 0.
    InList(usize),
    /// A task that must exist already.
    Stored(TaskId),
}

/// What the names in one new task stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its parent.
    pub parent: Option<Reference>,
    /// What it waits for, in its own order.
    pub depends_on: Vec<Reference>,
}

/// A list whose names are settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedList {
    /// One for each task, in the order of the list.
    pub tasks: Vec<Resolved>,
    /// Places of the list, parents before their children.
    pub order: Vec<usize>,
}

/// Settles the names of a list. A local name hides a stored id of the same text.
///
/// # Errors
/// [`TrackerError::Invalid`] for a name that comes twice, a bad priority, and tasks that are each other's parents.
pub fn resolve(tasks: &[NewTask]) -> Result<ResolvedList, TrackerError> {
    let places = places_by_name(tasks)?;
    let refer = |name: &String| match places.get(name.as_str()) {
        Some(&place) => Reference::InList(place),
        None => Reference::Stored(TaskId::new(name)),
    };
    let mut resolved = Vec::with_capacity(tasks.len());
    for task in tasks {
        if task.priority > PRIORITY_MAX {
            return Err(invalid(format!(
                "priority of {:?} is {}; 0 to 4 are allowed",
                task.title, task.priority
            )));
        }
        resolved.push(Resolved {
            parent: task.parent.as_ref().map(refer),
            depends_on: task.depends_on.iter().map(refer).collect(),
        });
    }
    let order = parents_first(tasks, &resolved)?;
    Ok(ResolvedList { tasks: resolved, order })
}

fn places_by_name(tasks: &[NewTask]) -> Result<BTreeMap<&str, usize>, TrackerError> {
    let mut places = BTreeMap::new();
    for (place, task) in tasks.iter().enumerate() {
        let Some(name) = &task.local_name else { continue };
        if places.insert(name.as_str(), place).is_some() {
            return Err(invalid(format!("two tasks of the list have the name {name:?}")));
        }
    }
    Ok(places)
}

fn parents_first(tasks: &[NewTask], resolved: &[Resolved]) -> Result<Vec<usize>, TrackerError> {
    let mut order = Vec::with_capacity(tasks.len());
    let mut is_placed = vec![false; tasks.len()];
    for place in 0..tasks.len() {
        let mut line = Vec::new();
        let mut next = Some(place);
        while let Some(place) = next.filter(|p| !is_placed[*p]) {
            if line.len() > tasks.len() {
                return Err(invalid(format!("{:?} would be its own ancestor", tasks[place].title)));
            }
            line.push(place);
            next = match resolved[place].parent {
                Some(Reference::InList(parent)) => Some(parent),
                _ => None,
            };
        }
        for place in line.into_iter().rev() {
            is_placed[place] = true;
            order.push(place);
        }
    }
    Ok(order)
}

fn invalid(message: String) -> TrackerError {
    TrackerError::Invalid(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, parent: Option<&str>, depends_on: &[&str]) -> NewTask {
        NewTask {
            local_name: Some(name.to_owned()),
            parent: parent.map(str::to_owned),
            depends_on: depends_on.iter().map(|d| (*d).to_owned()).collect(),
            ..NewTask::titled(name)
        }
    }

    #[test]
    fn names_are_settled_and_parents_come_first() {
        let list =
            resolve(&[task("c", Some("b"), &["a", "x-1"]), task("b", Some("a"), &[]), task("a", None, &[])]);
        let list = list.unwrap();
        assert_eq!(list.order, [2, 1, 0]);
        assert_eq!(list.tasks[0].parent, Some(Reference::InList(1)));
        assert_eq!(list.tasks[0].depends_on, [Reference::InList(2), Reference::Stored(TaskId::from("x-1"))]);
    }

    #[test]
    fn a_list_that_cannot_be_made_says_why() {
        let urgent = NewTask { priority: 5, ..NewTask::titled("p") };
        for (tasks, said) in [
            (vec![task("a", None, &[]), task("a", None, &[])], "two tasks of the list have the name \"a\""),
            (vec![task("a", Some("b"), &[]), task("b", Some("a"), &[])], "\"b\" would be its own ancestor"),
            (vec![urgent], "priority of \"p\" is 5; 0 to 4 are allowed"),
        ] {
            assert_eq!(resolve(&tasks).unwrap_err().to_string(), said);
        }
    }
}
