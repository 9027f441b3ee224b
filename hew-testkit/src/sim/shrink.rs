//! A smaller case that breaks the same rule: with less trouble, and with fewer tasks.

use super::{Case, Trouble, play};

/// Leaves out whatever the broken rule does not need.
pub fn shrink(case: &Case, rule: &str) -> Case {
    let breaks = |case: &Case| play(case).rule() == Some(rule);
    let mut best = case.clone();
    for trouble in Trouble::ALL {
        let mut smaller = best.clone();
        if smaller.without.insert(trouble) && breaks(&smaller) {
            best = smaller;
        }
    }
    for tasks in 1..=8 {
        let smaller = Case { tasks, ..best.clone() };
        if tasks < best.tasks && breaks(&smaller) {
            return smaller;
        }
    }
    best
}
