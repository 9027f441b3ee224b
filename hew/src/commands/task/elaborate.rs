//! `hew task elaborate`: a line becomes a task, with a model's help.

use std::time::Duration;

use hew_core::helper::elaborated::{ELABORATED_FROM, Elaborated, read};
use hew_core::ids::{RuntimeName, TaskId};
use hew_core::output::Output;
use hew_core::render::task::{new_task_page, task_lines};
use hew_core::tracker::NewTask;
use hew_core::usage::Usage;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Desk, actor};
use crate::adapters::helper::{self, Question};
use crate::cli::task_args::{ActorArg, ElaborateArgs};
use crate::commands::context::Context;
use crate::commands::{one_call, trust};
use crate::failure::{Failure, code};
use crate::skills;

/// Longest wait for the model server.
const LIMIT: Duration = Duration::from_secs(30);

/// What the model server is called here.
const LOCAL: &str = "local";

/// Runtimes that are asked where the model server did not do it.
const RUNTIMES: [&str; 2] = ["claude", "codex"];

/// A task that was made of a line.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct Elaboration<'a> {
    /// Who made it: local, claude or codex.
    by: &'a str,
    /// The new task; null without --add.
    task: Option<&'a TaskId>,
    /// Its title.
    title: &'a str,
    /// What is to be done.
    description: &'a str,
    /// How to tell that it is done.
    acceptance_criteria: &'a str,
    /// Its type.
    issue_type: &'a str,
    /// 0, most urgent, to 4.
    priority: u8,
    /// Its labels.
    labels: &'a [String],
    /// What it waits for.
    depends_on: &'a [String],
    /// The runtime and the limits that are proposed.
    metadata: &'a Map<String, Value>,
    /// What was proposed besides and is not taken, a sentence each.
    left_out: &'a [String],
    /// Those that were asked before, and why they did not do it.
    failed: &'a [Failed],
    /// Tokens that the model server used, where it told.
    tokens: Option<Usage>,
}

impl Output for Elaboration<'_> {
    const KIND: &'static str = "elaboration";
}

/// One that did not do it.
#[derive(Debug, Serialize, JsonSchema)]
struct Failed {
    /// local, claude or codex.
    who: &'static str,
    /// Why.
    why: String,
}

/// One that did.
struct Made {
    by: &'static str,
    task: Elaborated,
    tokens: Option<Usage>,
}

pub(super) fn run(desk: &Desk<'_>, context: &Context, args: &ElaborateArgs) -> Result<u8, Failure> {
    let line = args.text.trim();
    if line.is_empty() {
        return Err(Failure::usage("there is no text to make a task of").hint("hew task elaborate --help"));
    }
    trust::require(context, desk.ui)?;
    let mut failed = Vec::new();
    let Some(made) = make(context, line, &mut failed) else {
        let mut failure = Failure::failed("nobody made a task of this line");
        for Failed { who, why } in &failed {
            failure = failure.because(format!("{who}: {why}"));
        }
        let has_server = context.settings.local.endpoint.value.is_some();
        return Err(failure.hint(if has_server {
            "hew doctor   # asks the model server, and says which agents are there"
        } else {
            "hew config set loop.local.endpoint URL, or install and sign in to claude or codex"
        }));
    };
    for Failed { who, why } in &failed {
        desk.ui.say(&format!("{who} did not do it: {why}"));
    }
    for why in &made.task.left_out {
        desk.ui.say(why);
    }
    let new = new_task(desk, &made.task)?;
    let id = if args.add { Some(file(desk, &new, line)?) } else { None };
    tell(desk, &made, &new, id.as_ref(), &failed)
}

/// Asks one after the other; the first usable answer counts.
fn make(context: &Context, line: &str, failed: &mut Vec<Failed>) -> Option<Made> {
    if let Some(asked) = ask_server(context, line) {
        match asked {
            Ok(made) => return Some(made),
            Err(why) => failed.push(Failed { who: LOCAL, why }),
        }
    }
    let prompt = format!("{}\n\n## The line\n\n{line}\n", skills::body(skills::ELABORATE).trim());
    for by in RUNTIMES {
        let answer = one_call::ask(context, &RuntimeName::new(by), &prompt, "hew task elaborate");
        match answer.and_then(|answer| read(&answer, &context.settings)) {
            Ok(task) => return Some(Made { by, task, tokens: None }),
            Err(why) => failed.push(Failed { who: by, why }),
        }
    }
    None
}

/// None where it is not to be asked.
fn ask_server(context: &Context, line: &str) -> Option<Result<Made, String>> {
    let local = &context.settings.local;
    if !local.prefer_for_elaborate.value {
        return None;
    }
    let question = Question {
        system: skills::body(skills::ELABORATE),
        user: line.to_owned(),
        limit: LIMIT,
        wants_json: true,
    };
    let answer = helper::ask(local, question)?;
    Some(answer.and_then(|answer| {
        let task = read(&answer.text, &context.settings)?;
        Ok(Made { by: LOCAL, task, tokens: answer.usage })
    }))
}

/// The task as it would be filed: what it is to wait for exists.
fn new_task(desk: &Desk<'_>, task: &Elaborated) -> Result<NewTask, Failure> {
    let named: Vec<TaskId> = task.depends_on.iter().map(TaskId::new).collect();
    let known = desk.tracker.tasks(&named.iter().collect::<Vec<_>>()).map_err(|error| desk.refused(error))?;
    let (known, unknown): (Vec<&TaskId>, Vec<&TaskId>) =
        named.iter().partition(|id| known.iter().any(|task| task.id == **id));
    for id in unknown {
        desk.ui.say(&format!("there is no task {id}: nothing waits for it"));
    }
    let Elaborated { title, description, acceptance, issue_type, priority, labels, metadata, .. } = task;
    Ok(NewTask {
        description: description.clone(),
        acceptance_criteria: acceptance.clone(),
        issue_type: issue_type.clone(),
        priority: *priority,
        labels: labels.clone(),
        depends_on: known.into_iter().map(ToString::to_string).collect(),
        metadata: metadata.clone(),
        created_by: Some(actor(&ActorArg { actor: None })),
        ..NewTask::titled(title)
    })
}

fn file(desk: &Desk<'_>, new: &NewTask, line: &str) -> Result<TaskId, Failure> {
    let mut new = new.clone();
    new.metadata.insert(ELABORATED_FROM.to_owned(), line.into());
    desk.tracker.create(&new).map_err(|error| desk.refused(error))
}

fn tell(
    desk: &Desk<'_>,
    made: &Made,
    new: &NewTask,
    task: Option<&TaskId>,
    failed: &[Failed],
) -> Result<u8, Failure> {
    if desk.ui.is_json() {
        desk.ui.print_output(&Elaboration {
            by: made.by,
            task,
            title: &new.title,
            description: &new.description,
            acceptance_criteria: &new.acceptance_criteria,
            issue_type: &new.issue_type,
            priority: new.priority,
            labels: &new.labels,
            depends_on: &new.depends_on,
            metadata: &new.metadata,
            left_out: &made.task.left_out,
            failed,
            tokens: made.tokens,
        });
        return Ok(code::OK);
    }
    desk.ui.print(&match task {
        Some(id) => task_lines(&[(&desk.existing(id)?).into()]),
        None => new_task_page(new),
    });
    Ok(code::OK)
}
