//! `hew task import` and `export`.

use std::path::Path;

use hew_core::ids::TaskId;
use hew_core::output::Output;
use hew_core::render::text::visible_json;
use hew_core::tracker::{ImportReport, TrackerError};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Desk, input};
use crate::adapters::files;
use crate::cli::task_file_args::{ExportArgs, ImportArgs};
use crate::failure::{Failure, code};

/// What became of the lines that were read.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct Imported<'a> {
    /// Tasks that are new.
    created: usize,
    /// Tasks that were older here.
    updated: usize,
    /// Tasks that were here as they are, or newer.
    unchanged: usize,
    /// Memories stored.
    memories: usize,
    /// Lines that were left out.
    skipped: Vec<SkippedLine<'a>>,
    /// Tasks that came twice; the newer record counts.
    duplicates: &'a [TaskId],
}

/// A line that can't be read.
#[derive(Debug, Serialize, JsonSchema)]
struct SkippedLine<'a> {
    /// Its number, from 1.
    line: usize,
    /// Why.
    reason: &'a str,
}

impl Output for Imported<'_> {
    const KIND: &'static str = "import";
}

/// A file that tasks were written to. Without a file the records themselves are printed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct Exported<'a> {
    /// The file.
    file: &'a Path,
    /// Lines in it.
    records: usize,
}

impl Output for Exported<'_> {
    const KIND: &'static str = "export";
}

pub(super) fn import(desk: &Desk<'_>, args: &ImportArgs) -> Result<u8, Failure> {
    let text = input::load_text(&args.file)?;
    let report = match desk.tracker.import(&text, args.skip_bad) {
        Ok(report) => report,
        Err(TrackerError::Invalid(lines)) => {
            return Err(Failure::failed(format!(
                "{} can't be imported; nothing was changed",
                args.file.display()
            ))
            .because(lines)
            .hint(format!("hew task import --skip-bad {}", args.file.display())));
        }
        Err(error) => return Err(desk.refused(error)),
    };
    for (line, reason) in &report.skipped {
        desk.ui.say(&format!("line {line} was left out: {reason}"));
    }
    for id in &report.duplicates {
        desk.ui.say(&format!("{id} came twice; the newer record counts"));
    }
    tell(desk, &report);
    Ok(code::OK)
}

fn tell(desk: &Desk<'_>, report: &ImportReport) {
    if desk.ui.is_json() {
        let skipped = report.skipped.iter().map(|(line, reason)| SkippedLine { line: *line, reason });
        desk.ui.print_output(&Imported {
            created: report.created,
            updated: report.updated,
            unchanged: report.unchanged,
            memories: report.memories,
            skipped: skipped.collect(),
            duplicates: &report.duplicates,
        });
    } else {
        desk.ui.print(&format!(
            "{} new, {} updated, {} unchanged, {} memories, {} lines left out\n",
            report.created,
            report.updated,
            report.unchanged,
            report.memories,
            report.skipped.len()
        ));
    }
}

pub(super) fn export(desk: &Desk<'_>, args: &ExportArgs) -> Result<u8, Failure> {
    let text = desk.tracker.export().map_err(|error| desk.refused(error))?;
    let Some(file) = args.file.as_deref().filter(|file| *file != Path::new("-")) else {
        let lines = text.lines().map(|line| visible_json(line.to_owned()) + "\n");
        desk.ui.print(&lines.collect::<String>());
        return Ok(code::OK);
    };
    files::replace(file, |out| out.write_all(text.as_bytes()))
        .map_err(|error| Failure::failed(format!("{} can't be written", file.display())).because(error))?;
    let records = text.lines().count();
    if desk.ui.is_json() {
        desk.ui.print_output(&Exported { file, records });
    } else {
        desk.ui.say(&format!("{records} records written to {}", file.display()));
    }
    Ok(code::OK)
}
