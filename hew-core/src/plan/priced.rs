//! Whether a budget of money can be kept: what a runtime tells of its cost, and which models have a listed price.

use std::collections::BTreeSet;

use super::runtime::{self, RuntimeChoice, RuntimeProblem};
use super::{Suggestion, model};
use crate::ids::ModelName;
use crate::settings::{OutputForm, RuntimeDef, Settings};
use crate::tracker::Task;

/// It is known what this task costs on this runtime; `run` is the model of `--model`.
pub fn priced(
    task: &Task,
    choice: &RuntimeChoice,
    settings: &Settings,
    run: Option<&ModelName>,
    suggested: Option<&Suggestion>,
) -> Result<(), RuntimeProblem> {
    let def = runtime::definition(choice, settings)?;
    let asked = model::choose(task, settings, run, suggested);
    let told = asked.as_ref().and_then(|asked| model::for_runtime(asked, def, choice));
    let names: Vec<&ModelName> = told
        .as_ref()
        .map(|told| &told.name)
        .into_iter()
        // The price of what was asked for says nothing of another model that is run instead.
        .chain(asked.as_ref().filter(|_| told.is_some()).map(|asked| &asked.name))
        .collect();
    let is_known = tells_cost(def) || names.iter().any(|name| settings.prices.contains_key(*name));
    is_known.then_some(()).ok_or_else(|| unpriced(choice, names.first().copied()))
}

/// It is known what a call without a model of its own costs on this runtime.
pub fn priced_call(choice: &RuntimeChoice, settings: &Settings) -> Result<(), RuntimeProblem> {
    let def = runtime::definition(choice, settings)?;
    tells_cost(def).then_some(()).ok_or_else(|| unpriced(choice, None))
}

/// Runtimes and models that the run may choose by itself and of which nobody knows what they cost.
pub fn unpriced_of_run(settings: &Settings, run: Option<&ModelName>) -> Vec<RuntimeProblem> {
    let choices = runtime::of_run(settings).unwrap_or_default();
    let mut problems = Vec::new();
    for choice in &choices {
        let Ok(def) = runtime::definition(choice, settings) else { continue };
        if tells_cost(def) {
            continue;
        }
        let stands_in = runtime::only_stands_in(&choice.name, settings);
        for model in models_of_run(settings, run) {
            let mapped = model.as_ref().and_then(|model| def.models.get(model)).map(|mapped| &mapped.value);
            // A model that is not mapped is not told to a stand-in.
            let told = model.iter().filter(|_| !stands_in || mapped.is_some());
            let is_listed = told.chain(mapped).any(|name| settings.prices.contains_key(name));
            if !is_listed {
                problems.push(unpriced(choice, mapped.or(model.as_ref())));
            }
        }
    }
    problems
}

/// Only claude's stream tells of money.
fn tells_cost(def: &RuntimeDef) -> bool {
    def.output.value == OutputForm::ClaudeStream
}

/// Models that a task without a word of its own may be given; none is one of them where nothing names one for all.
fn models_of_run(settings: &Settings, run: Option<&ModelName>) -> BTreeSet<Option<ModelName>> {
    if let Some(run) = run {
        return BTreeSet::from([Some(run.clone())]);
    }
    let by_rule = settings.model_by_priority.values().chain(settings.model_by_type.values());
    let mut models: BTreeSet<Option<ModelName>> = by_rule.map(|model| Some(model.value.clone())).collect();
    models.insert(settings.model_default.value.clone());
    models
}

fn unpriced(choice: &RuntimeChoice, model: Option<&ModelName>) -> RuntimeProblem {
    RuntimeProblem::Unpriced { name: choice.name.clone(), model: model.cloned() }
}
