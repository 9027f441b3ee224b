//! Whether a run that crashed is what is asked for now: the same working tree, target, slice of the queue, settings and
//! flags. What hew itself says of a setting counts for nothing.

use hew_core::ids::BranchName;
use hew_core::record::event::ScopeRecord;
use hew_core::resume::Unfinished;
use hew_core::resume::frozen::{Difference, differences};
use hew_core::tracker::Scope;

use super::flags::OwnFlags;
use super::frozen::{scope_record, setting_records};
use crate::commands::context::Context;

/// What is not as it was, a line each; nothing where it is the same run that is asked for.
pub(super) fn mismatches(
    before: &Unfinished,
    context: &Context,
    flags: &OwnFlags,
    scope: &Scope,
    target: Option<&BranchName>,
) -> Vec<String> {
    let header = &before.header;
    let mut found = Vec::new();
    let mut compare = |what: &str, then: Option<String>, now: Option<String>| {
        if then != now {
            found.push(line(&Difference { key: what.to_owned(), then, now }));
        }
    };
    let root = context.project.root.display().to_string();
    compare("working tree", Some(header.project.clone()), Some(root));
    let branch = |target: Option<&BranchName>| target.map(ToString::to_string);
    compare("target", branch(header.target_branch.as_ref()), branch(target));
    compare("scope", header.scope.as_ref().map(words), Some(words(&scope_record(scope))));
    found.extend(differences(&header.settings, &setting_records(context, flags)).iter().map(line));
    found
}

fn line(difference: &Difference) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    format!("{}: {} then, {} now", difference.key, value(&difference.then), value(&difference.now))
}

fn words(scope: &ScopeRecord) -> String {
    let list =
        |ids: &[hew_core::ids::TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match scope {
        ScopeRecord::Ready => "ready".to_owned(),
        ScopeRecord::Epics { epic_ids } => format!("epics {}", list(epic_ids)),
        ScopeRecord::Tasks { task_ids } => format!("tasks {}", list(task_ids)),
    }
}
