//! `hew triage`: a failure of CI becomes a task, once.
//!
//! Invariants: nothing is asked of GitHub; an event whose signature is not right is not read; what is not a failure of
//! this project files nothing; a model makes the task better or leaves it as it would be without one.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::time::Duration;

use hew_core::helper::words::plain_words;
use hew_core::ids::TaskId;
use hew_core::output::Output;
use hew_core::render::task::task_lines;
use hew_core::render::text::visible;
use hew_core::tracker::{Task, TaskEditor, TaskFilter};
use hew_core::triage::question::{COMMITS, MAX_GUIDE, MAX_PLAN, question};
use hew_core::triage::task::new_task;
use hew_core::triage::{CiEvent, CiFailure, is_of_repository, read_event};
use hew_core::usage::Usage;
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::task::tracker_failure;
use super::trust;
use crate::adapters::files::read_plain;
use crate::adapters::git::RepoGit;
use crate::adapters::helper::{self, Question};
use crate::adapters::lock::take_turn;
use crate::adapters::webhook;
use crate::cli::TriageArgs;
use crate::failure::{Failure, code};
use crate::skills;
use crate::ui::Ui;

/// The variable that holds the secret which events are signed with.
const SECRET: &str = "HEW_WEBHOOK_SECRET";

/// Events that come at the same moment take turns, or one failure could be filed twice.
const LOCK: &str = "triage.lock";

/// Longest wait for a turn: a tracker's program may take its time.
const TURN: Duration = Duration::from_secs(90);

/// Longest wait for a model's plan.
const PLAN_LIMIT: Duration = Duration::from_secs(10);

/// Longest look at the last commits.
const LOG_LIMIT: Duration = Duration::from_secs(3);

/// Where projects say how they are worked on, in this order.
const GUIDES: [&str; 2] = ["CLAUDE.md", "AGENTS.md"];

/// What became of an event.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// A task was filed.
    Filed,
    /// There is a task already.
    Known,
    /// Nothing is to be filed.
    Ignored,
}

/// What came of an event.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Triaged<'a> {
    /// What became of it.
    outcome: Outcome,
    /// The task; null where there is none.
    task: Option<&'a TaskId>,
    /// What the task stands for: `github:owner/name:sha:check`; null where there is none.
    external_ref: Option<&'a str>,
    /// Why nothing is filed; null where there is a task.
    why: Option<&'a str>,
    /// Who said how to look into it, where a task was filed: a model, or nobody in particular, with the same steps for
    /// every failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanBy>,
    /// Tokens that the model used, where it told.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Usage>,
}

/// Who said how to look into a failure.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PlanBy {
    /// A model.
    Model,
    /// Nobody: the same steps for every failure.
    Steps,
}

/// A model's words, if it had any, and what they took.
#[derive(Debug, Default)]
struct Plan {
    words: Option<String>,
    tokens: Option<Usage>,
}

impl Output for Triaged<'_> {
    const KIND: &'static str = "triage";
}

/// Reads an event, and files the task that it makes, if it makes one.
pub fn run(args: &TriageArgs, ui: &Ui) -> Result<u8, Failure> {
    let bytes = webhook::read_bytes(args.event.as_deref()).map_err(|error| {
        let from = args.event.as_ref().map(|file| format!(" from {}", file.display())).unwrap_or_default();
        Failure::usage(format!("the event can't be read{from}"))
            .because(error)
            .hint("hew triage --event FILE")
    })?;
    check_signature(&bytes, args.signature.as_deref())?;
    let event = read_event(&bytes)
        .map_err(|error| Failure::usage("the event can't be used; nothing was filed").because(error))?;
    let failure = match event {
        CiEvent::Failure(failure) => failure,
        CiEvent::Other(why) => return Ok(ignore(&why, ui)),
    };
    let context = Context::open()?;
    if !is_of_project(&context, &failure)? {
        let why = format!("{} is not among this project's remotes", failure.repository);
        return Ok(ignore(&why, ui));
    }
    file(&context, &failure, ui)
}

/// With a secret every event is signed; without one, nobody can tell whether a signature is right.
fn check_signature(bytes: &[u8], signature: Option<&str>) -> Result<(), Failure> {
    let signature = signature.filter(|text| !text.trim().is_empty());
    let refused = |message: &str| Failure::usage(message).because("nothing was read or filed");
    match (signature, secret()?) {
        (None, None) => Ok(()),
        (Some(signature), Some(secret)) if webhook::is_signed(bytes, signature, &secret) => Ok(()),
        (Some(_), Some(_)) => Err(refused("the event's signature is not right")
            .because(format!("it is not the HMAC-SHA256 of these very bytes under {SECRET}"))),
        (None, Some(_)) => Err(refused("the event has no signature")
            .because(format!("{SECRET} is set"))
            .hint("hew triage --signature \"$X_HUB_SIGNATURE_256\"")),
        (Some(_), None) => Err(refused("the event's signature can't be checked")
            .because(format!("{SECRET} is not set"))
            .hint(format!("{SECRET}=… hew triage …, with the secret that GitHub signs with"))),
    }
}

/// The secret, whatever its bytes. One that is set and empty is a mistake: events would be taken from anybody.
fn secret() -> Result<Option<Vec<u8>>, Failure> {
    match std::env::var_os(SECRET).map(OsString::into_vec) {
        Some(secret) if secret.is_empty() => Err(Failure::usage(format!("{SECRET} is set, and empty"))
            .because("nothing was read or filed")
            .hint(format!(
                "give {SECRET} the secret that GitHub signs with; without a secret: unset {SECRET}"
            ))),
        secret => Ok(secret),
    }
}

fn is_of_project(context: &Context, failure: &CiFailure) -> Result<bool, Failure> {
    let urls = RepoGit::new(&context.project.common_dir).remote_urls();
    let urls =
        urls.map_err(|error| Failure::failed("the project's remotes can't be listed").because(error))?;
    Ok(urls.iter().any(|url| is_of_repository(url, &failure.repository)))
}

fn file(context: &Context, failure: &CiFailure, ui: &Ui) -> Result<u8, Failure> {
    let tracker = context.open_tracker()?;
    let tracker = &*tracker;
    let reference = failure.external_ref();
    if let Some(known) = find(tracker, &reference)? {
        return Ok(tell(ui, Outcome::Known, &known, None));
    }
    let plan = plan(context, failure, ui)?;
    let new = new_task(failure, plan.words.as_deref());
    let lock = context.project.shared_dir.join("tracker").join(LOCK);
    let _turn =
        take_turn(&lock, TURN).map_err(|error| Failure::failed(format!("{}: {error}", lock.display())))?;
    if let Some(known) = find(tracker, &reference)? {
        return Ok(tell(ui, Outcome::Known, &known, None));
    }
    let refused = |error| tracker_failure(&error);
    let id = tracker.create(&new).map_err(refused)?;
    let task = tracker.task(&id).map_err(refused)?.ok_or_else(|| Failure::failed(format!("no task {id}")))?;
    Ok(tell(ui, Outcome::Filed, &task, Some(plan)))
}

/// What a model says of the failure, where a server is set. Without one nothing is asked or looked at.
fn plan(context: &Context, failure: &CiFailure, ui: &Ui) -> Result<Plan, Failure> {
    let local = &context.settings.local;
    if local.endpoint.value.is_none() {
        return Ok(Plan::default());
    }
    if !trust::not_trusted(context)?.is_empty() {
        ui.say("no plan by a model: the project's settings are not trusted; hew trust");
        return Ok(Plan::default());
    }
    let git = RepoGit::new(&context.project.common_dir);
    // Nothing is known of commits that git does not tell of in time.
    let commits = git.last_commits(&failure.commit, COMMITS, LOG_LIMIT).unwrap_or_default();
    let user = question(failure, &commits, guide(&context.project.root).as_deref());
    let question =
        Question { system: skills::body(skills::TRIAGE), user, limit: PLAN_LIMIT, wants_json: false };
    Ok(match helper::ask(local, question) {
        Some(Ok(answer)) => {
            let words = plain_words(&answer.text, MAX_PLAN);
            if words.is_none() {
                ui.say("the model server had nothing to say of it");
            }
            Plan { words, tokens: answer.usage }
        }
        Some(Err(why)) => {
            ui.say(&format!("no plan by a model: {why}"));
            Plan::default()
        }
        None => Plan::default(),
    })
}

/// The beginning of what the project says of itself.
fn guide(root: &Path) -> Option<String> {
    let max = u64::try_from(MAX_GUIDE).unwrap_or(u64::MAX);
    let read = |name: &&str| read_plain(&root.join(name), max).ok();
    GUIDES.iter().find_map(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The task that stands for this failure, closed ones too: the same failure is not news twice.
fn find(tracker: &dyn TaskEditor, reference: &str) -> Result<Option<Task>, Failure> {
    let all = tracker.list(&TaskFilter { all: true, ..TaskFilter::default() });
    let all = all.map_err(|error| tracker_failure(&error))?;
    Ok(all.into_iter().find(|task| task.external_ref() == Some(reference)))
}

fn tell(ui: &Ui, outcome: Outcome, task: &Task, plan: Option<Plan>) -> u8 {
    if ui.is_json() {
        let tokens = plan.as_ref().and_then(|plan| plan.tokens);
        let plan = plan.map(|plan| if plan.words.is_some() { PlanBy::Model } else { PlanBy::Steps });
        let (id, external_ref) = (Some(&task.id), task.external_ref());
        ui.print_output(&Triaged { outcome, task: id, external_ref, why: None, plan, tokens });
        return code::OK;
    }
    if matches!(outcome, Outcome::Known) {
        ui.say("there is a task for this failure already");
    }
    ui.print(&task_lines(&[task.into()]));
    code::OK
}

fn ignore(why: &str, ui: &Ui) -> u8 {
    if ui.is_json() {
        let (outcome, why) = (Outcome::Ignored, Some(why));
        ui.print_output(&Triaged { outcome, task: None, external_ref: None, why, plan: None, tokens: None });
    } else {
        ui.print(&format!("nothing filed: {}\n", visible(why)));
    }
    code::OK
}
