//! What came of a scene, in words that are the same for every run of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hew_core::tracker::PARKED_LABEL;
use serde_json::Value;

use crate::loop_stage::LoopStage;

/// What came of a scene. Two of them are equal where the same work was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Tasks on the target's line of first parents, each as often as it landed.
    pub landed: Vec<String>,
    /// The state of every task that the scene names: closed, open or parked.
    pub tasks: BTreeMap<String, String>,
    /// Titles of tasks that were filed meanwhile, without the ids of runs.
    pub filed: Vec<String>,
    /// Files of the target, with their content's names.
    pub tree: BTreeSet<String>,
}

impl Outcome {
    /// Reads it from the project.
    ///
    /// # Panics
    /// Where the project can't be read.
    pub fn of(stage: &LoopStage, names: &[String]) -> Self {
        let log = ["log", "--first-parent", "--format=%(trailers:key=Hew-Task,valueonly)", "main"];
        let mut landed: Vec<String> =
            stage.repo.git(&log).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        landed.sort();
        let (mut tasks, mut filed) = (BTreeMap::new(), Vec::new());
        let runs: Vec<String> = stage.run_folders().iter().filter_map(|folder| run_of(folder)).collect();
        for (id, task) in stage.tasks() {
            if names.contains(&id) {
                tasks.insert(id, state(&task));
            } else {
                let title = task["title"].as_str().unwrap_or_default().to_owned();
                filed.push(runs.iter().fold(title, |title, run| title.replace(run, "RUN")));
            }
        }
        let tree = stage.repo.git(&["ls-tree", "-r", "main"]).lines().map(str::to_owned).collect();
        Self { landed, tasks, filed, tree }
    }
}

fn run_of(folder: &Path) -> Option<String> {
    folder.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn state(task: &Value) -> String {
    let is_parked =
        task["labels"].as_array().is_some_and(|labels| labels.iter().any(|label| label == PARKED_LABEL));
    let holder = task["assignee"].as_str().filter(|_| task["status"] != "closed");
    let word = if is_parked { "parked" } else { task["status"].as_str().unwrap_or_default() };
    holder.map_or_else(|| word.to_owned(), |holder| format!("{word}, held by {holder}"))
}

/// What differs from the run that nobody disturbed; nothing where all is as it should be. Tasks that may end one way or
/// the other after a kill have to have ended one of these ways, whole.
pub fn differences(calm: &Outcome, found: &Outcome, either: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let twice = found.landed.windows(2).find(|pair| pair[0] == pair[1]);
    wrong.extend(twice.map(|pair| format!("{} landed twice", pair[0])));
    if either.iter().all(|name| found.tasks.get(name) == calm.tasks.get(name)) {
        if calm != found {
            wrong.push(format!("undisturbed: {calm:#?}\nfound: {found:#?}"));
        }
        return wrong;
    }
    for name in either {
        let has_landed = found.landed.contains(name) && found.tasks[name] == "closed";
        let is_filed = found.filed.iter().any(|title| title.contains(name.as_str()));
        if !has_landed || is_filed {
            wrong.push(format!("{name} ended neither way: {found:#?}"));
        }
    }
    let others = |outcome: &Outcome| {
        let mut tasks = outcome.tasks.clone();
        tasks.retain(|name, _| !either.contains(name));
        let mut landed = outcome.landed.clone();
        landed.retain(|name| !either.contains(name));
        (tasks, landed)
    };
    if others(calm) != others(found) {
        wrong.push(format!("undisturbed: {:?}\nfound: {:?}", others(calm), others(found)));
    }
    wrong
}
