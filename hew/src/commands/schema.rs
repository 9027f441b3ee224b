//! `hew schema`: JSON Schemas of what hew reads and writes, made from the types that are read and written.

use hew_core::agent::AgentSignal;
use hew_core::output::{Output, file_schema, kinded_schema, output_schema};
use hew_core::record::JournalEntry;
use hew_core::record::files::{BatchFile, IterationFile, ManifestFile, RunFile};
use hew_core::record::ledger::LedgerEntry;
use hew_core::record::plan_file::PlanFile;
use hew_core::record::view::IterationRow;
use hew_core::render::graph::GraphJson;
use hew_core::render::status::json::StatusJson;
use hew_core::render::summary::shape::SummaryShape;
use hew_core::settings::schema::render_config_schema;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::config::{FileOfSettings, Setting, SettingKey, SettingsValid};
use super::config_write::{SettingRemoved, SettingWritten, SettingsEdited};
use super::loop_list::ListedRun;
use super::loop_logs_transcript::TranscriptRecord;
use super::task::{Elaboration, Exported, Imported, TaskOutput, TreeNode};
use super::{
    agent_words, completions, demo, doctor, init, loop_cancel, loop_deliver, loop_discard, loop_explain,
    loop_graph, loop_prune, loop_report, loop_run, manpage, skills, triage, trust,
};
use crate::adapters::owner::Owner;
use crate::cli::SchemaArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// What the names of schemas of `--json` begin with; the object's kind comes after it.
const OUTPUT_PREFIX: &str = "json-";

/// A schema that there is.
struct Row {
    name: String,
    what: &'static str,
    render: Box<dyn Fn() -> Value>,
}

/// What `hew schema` lists.
#[derive(Debug, Serialize, JsonSchema)]
struct SchemaName<'a> {
    /// The schema's name.
    name: &'a str,
    /// What it is the schema of.
    what: &'a str,
}

impl Output for SchemaName<'_> {
    const KIND: &'static str = "schema_name";
}

/// Prints one schema, or which ones there are.
pub fn run(args: &SchemaArgs, ui: &Ui) -> Result<u8, Failure> {
    let rows: Vec<Row> = files().into_iter().chain(outputs()).collect();
    let Some(wanted) = &args.name else {
        list(&rows, ui);
        return Ok(code::OK);
    };
    match rows.iter().find(|row| row.name == *wanted) {
        Some(row) if ui.is_json() => ui.print_json(&(row.render)()),
        Some(row) => ui.print(&format!("{:#}\n", (row.render)())),
        None => return Err(unknown(wanted, &rows)),
    }
    Ok(code::OK)
}

fn files() -> Vec<Row> {
    vec![
        row("config", "settings files: .hew.toml and the user's config.toml", render_config_schema),
        file::<RunFile>("run", "run.json"),
        file::<ManifestFile>("manifest", "manifest.json"),
        file::<IterationFile>("iteration", "iter-NNN.json"),
        file::<BatchFile>("batch", "batch-NNN.json: which tasks were to come next, and who said so"),
        file::<PlanFile<'_>>("plan", "plan.json: what ran, secrets left out"),
        file::<AgentSignal>("outcome", "outcome.json: the agent's own word"),
        file::<JournalEntry>("events", "a line of events.jsonl, the journal"),
        file::<LedgerEntry>("ledger", "a line of runs.jsonl, the ledger of all runs"),
        file::<Owner>("owner", "owner.json beside a run's worktrees"),
    ]
}

fn outputs() -> Vec<Row> {
    vec![
        output::<Failure>("any command that fails"),
        row("json-event", "a line of hew loop run: the journal's events", || {
            kinded_schema::<JournalEntry>("event")
        }),
        output::<loop_run::DryRun<'_>>("hew loop run --dry-run"),
        output::<loop_explain::Explained<'_>>("hew loop explain"),
        output::<loop_cancel::Cancel<'_>>("hew loop cancel"),
        output::<loop_run::NotResumed<'_>>("hew loop resume of a run that is over"),
        output::<loop_deliver::Delivered<'_>>("hew loop deliver"),
        output::<SummaryShape>("hew loop summary"),
        output::<StatusJson<'_>>("hew loop status"),
        output::<ListedRun<'_>>("a line of hew loop list"),
        output::<IterationRow>("a line of hew loop logs"),
        row("json-graph", "hew loop graph --format json", || kinded_schema::<GraphJson<'_>>("graph")),
        output::<loop_graph::GraphText>("hew loop graph in any other format"),
        output::<loop_graph::GraphWritten<'_>>("hew loop graph --out"),
        output::<loop_report::ReportWritten<'_>>("hew loop report"),
        output::<TranscriptRecord>("a line of hew loop logs --transcript"),
        output::<loop_prune::Leftover<'_>>("a line of hew loop prune-worktrees"),
        output::<loop_discard::Anchor<'_>>("a line of hew loop prune-worktrees --discard"),
        output::<TaskOutput<'_>>(
            "a task: hew task add, list, show, ready, claim, close, reopen, update, plan …",
        ),
        output::<Elaboration<'_>>("hew task elaborate"),
        output::<TreeNode<'_>>("a line of hew task dep tree"),
        output::<Imported<'_>>("hew task import"),
        output::<Exported<'_>>("hew task export FILE"),
        output::<Setting<'_>>("hew config get, a line of hew config list"),
        output::<SettingKey<'_>>("a line of hew config keys"),
        output::<SettingWritten<'_>>("hew config set"),
        output::<SettingRemoved<'_>>("hew config unset"),
        output::<SettingsEdited<'_>>("hew config edit"),
        output::<FileOfSettings<'_>>("a line of hew config path"),
        output::<SettingsValid<'_>>("hew config validate"),
        output::<trust::Trust<'_>>("hew trust"),
        output::<triage::Triaged<'_>>("hew triage"),
        output::<doctor::Finding>("a line of hew doctor"),
        output::<init::Initialised<'_>>("hew init"),
        output::<skills::Skill<'_>>("a line of hew skills list"),
        output::<skills::SkillText<'_>>("hew skills show"),
        output::<skills::Primer<'_>>("hew prime"),
        output::<demo::Demo<'_>>("the last line of hew demo"),
        output::<agent_words::Recorded<'_>>("hew done, blocked and fail"),
        output::<SchemaName<'_>>("a line of hew schema"),
        output::<completions::Completions<'_>>("hew completions"),
        output::<manpage::Manpage<'_>>("hew manpage, or a line of it"),
    ]
}

fn row(name: &str, what: &'static str, render: impl Fn() -> Value + 'static) -> Row {
    Row { name: name.to_owned(), what, render: Box::new(render) }
}

fn file<T: JsonSchema + 'static>(name: &'static str, what: &'static str) -> Row {
    row(name, what, move || file_schema::<T>(name))
}

fn output<T: Output + 'static>(what: &'static str) -> Row {
    row(&format!("{OUTPUT_PREFIX}{}", T::KIND), what, output_schema::<T>)
}

fn list(rows: &[Row], ui: &Ui) {
    for Row { name, what, .. } in rows {
        if ui.is_json() {
            ui.print_output(&SchemaName { name, what });
        } else {
            ui.print(&format!("{name}\t{what}\n"));
        }
    }
}

fn unknown(wanted: &str, rows: &[Row]) -> Failure {
    let near = |row: &&Row| strsim::damerau_levenshtein(&row.name, wanted);
    let nearest = rows.iter().min_by_key(near).map_or("", |row| row.name.as_str());
    Failure::usage(format!("no schema `{wanted}`"))
        .because(format!("{nearest} is the nearest"))
        .hint(format!("hew schema {nearest}"))
}
