//! Settings, trust, tracker and room of the project.

use hew_core::ids::RefName;
use hew_core::settings::check::undefined_runtimes;
use hew_core::worktree::GitClient as _;

use super::finding::Finding;
use crate::adapters::git::RepoGit;
use crate::adapters::project::Project;
use crate::adapters::settings_files;
use crate::commands::context::Context;
use crate::commands::loop_run::room;
use crate::commands::trust;

/// Every problem of every settings file.
pub(super) fn settings(project: &Project) -> Vec<Finding> {
    let layers = match settings_files::load_layers(Some(project), &[]) {
        Ok(layers) => layers,
        Err(failure) => return vec![Finding::of_failure("settings", &failure)],
    };
    let mut problems = layers.problems;
    problems.extend(undefined_runtimes(&layers.values));
    if problems.is_empty() {
        return vec![Finding::ok("settings", "valid")];
    }
    let told = problems.iter().map(|problem| {
        Finding::problem("settings", problem.to_string(), "no run starts with it", "hew config edit")
    });
    told.collect()
}

/// Trust, tracker, room.
pub(super) fn look(context: &Context) -> Vec<Finding> {
    [trusted(context), Some(tracker(context)), space(context)].into_iter().flatten().collect()
}

fn trusted(context: &Context) -> Option<Finding> {
    Some(match trust::not_trusted(context) {
        Ok(changes) if changes.is_empty() => return None,
        Ok(changes) => Finding::problem(
            "trust",
            format!("settings of this project are not trusted: {}", changes.join("; ")),
            "they run commands or widen rights, so no run starts before you have looked at them",
            "hew trust",
        ),
        Err(failure) => Finding::of_failure("trust", &failure),
    })
}

fn tracker(context: &Context) -> Finding {
    match context.open_tracker_to_look() {
        Ok(opened) => Finding::ok("tracker", opened.in_use.words()),
        Err(failure) => Finding::of_failure("tracker", &failure),
    }
}

fn space(context: &Context) -> Option<Finding> {
    let git = RepoGit::new(&context.project.common_dir);
    let root = settings_files::worktree_root(&context.settings);
    let head = git.resolve(&RefName::from("HEAD")).ok().flatten()?;
    Some(match room(&git, &head, &root, context.settings.jobs.value)? {
        Ok(free) => Finding::ok("space", free),
        Err((what, hint)) => Finding::problem("space", what, "no run starts without that room", hint),
    })
}
