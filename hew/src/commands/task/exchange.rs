//! `hew task import` and `export`.

use std::path::Path;

use hew_core::tracker::{ImportReport, TrackerError};
use serde_json::json;

use super::{Desk, input};
use crate::adapters::files;
use crate::cli::task_file_args::{ExportArgs, ImportArgs};
use crate::failure::{Failure, code};

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
        let skipped: Vec<_> =
            report.skipped.iter().map(|(line, reason)| json!({"line": line, "reason": reason})).collect();
        desk.ui.print_json(&json!({
            "schema": 1, "kind": "import", "created": report.created, "updated": report.updated,
            "unchanged": report.unchanged, "memories": report.memories, "skipped": skipped,
            "duplicates": report.duplicates,
        }));
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
        desk.ui.print(&text);
        return Ok(code::OK);
    };
    files::replace(file, |out| out.write_all(text.as_bytes()))
        .map_err(|error| Failure::failed(format!("{} can't be written", file.display())).because(error))?;
    let records = text.lines().count();
    if desk.ui.is_json() {
        desk.ui.print_json(&json!({"schema": 1, "kind": "export", "file": file, "records": records}));
    } else {
        desk.ui.say(&format!("{records} records written to {}", file.display()));
    }
    Ok(code::OK)
}
