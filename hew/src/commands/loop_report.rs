//! `hew loop report`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use chrono::Utc;
use hew_core::ids::{IterationId, RunId};
use hew_core::output::Output;
use hew_core::record::files::iteration_dir;
use hew_core::render::report::{self, LogTail, Report};
use hew_core::settings::secret::SecretValues;
use schemars::JsonSchema;
use serde::Serialize;

use super::past_runs::{self, PastRun, Shown};
use super::{context::Context, loop_graph, named_file};
use crate::adapters::project::Project;
use crate::adapters::{log_tail, secrets};
use crate::cli::loop_args::ReportArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A page that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReportWritten<'a> {
    /// The run.
    run_id: &'a RunId,
    /// The page.
    file: &'a Path,
    /// Its size.
    bytes: u64,
}

impl Output for ReportWritten<'_> {
    const KIND: &'static str = "report";
}

/// Logs that are shown of an iteration.
const LOGS: [&str; 2] = ["gate.log", "stderr.log"];

/// A run as one HTML page.
pub fn run(args: &ReportArgs, ui: &Ui) -> Result<u8, Failure> {
    let is_stdout = args.out == Path::new("-");
    if is_stdout && ui.is_json() {
        return Err(Failure::usage(
            "--out - prints the page, and --json prints where it was written: one of them",
        )
        .hint("hew loop report --json --out report.html"));
    }
    let project = Project::discover_to_look()?;
    let (run, rows) = past_runs::open_with_rows(&project, args.run.run_id.as_deref(), Shown::All, ui)?;
    let drawn = report::drawn(&run.view);
    let context = Context::of(project, &[]);
    let tasks = loop_graph::tasks_of(context.as_ref(), &[&drawn], ui);
    let mut gaps = Vec::new();
    let logs = load_logs(&run, &report::logged(&run.view, &rows, run.state), &mut gaps);
    let verify_log = load_verify_log(&run, &mut gaps);
    let secrets = load_secrets(context.as_ref(), &mut gaps);
    for gap in &gaps {
        ui.warn(gap);
    }
    gaps.splice(..0, run.gaps.iter().cloned());
    let folder = run.dir.to_string_lossy();
    let report = Report {
        view: &run.view,
        rows: &rows,
        state: run.state,
        folder: &folder,
        made_at: Utc::now(),
        tasks: &tasks,
        logs: &logs,
        verify_log: verify_log.as_ref(),
        secrets: &secrets,
        gaps: &gaps,
    };
    if is_stdout {
        ui.print_unstyled_in_pieces(|out| report.write(out));
        return Ok(code::OK);
    }
    let bytes = write(&report, &args.out)?;
    if ui.is_json() {
        ui.print_output(&ReportWritten { run_id: &run.id, file: &args.out, bytes });
    } else {
        ui.say(&format!("wrote {}, {} KB", args.out.display(), bytes.div_ceil(1000)));
    }
    past_runs::leave_to_exit((run, rows, tasks, drawn));
    Ok(code::OK)
}

/// The ends of these iterations' logs; what is not there, or empty, is left out. An older layout may have the folders of
/// several workers in the run folder itself.
fn load_logs(
    run: &PastRun,
    wanted: &[IterationId],
    gaps: &mut Vec<String>,
) -> BTreeMap<IterationId, Vec<LogTail>> {
    let mut load = |id: &IterationId| {
        let (own, older) = (iteration_dir(run.view.jobs(), *id), id.stem());
        let folders = [Some(&own), Some(&older).filter(|older| **older != own)];
        let is_there = |folder: &&String| run.dir.join(folder).try_exists().unwrap_or(true);
        let folders: Vec<&String> = folders.into_iter().flatten().filter(is_there).collect();
        let mut tail =
            |name: &&str| folders.iter().find_map(|folder| load_log(run, format!("{folder}/{name}"), gaps));
        (*id, LOGS.iter().filter_map(&mut tail).collect::<Vec<_>>())
    };
    wanted.iter().map(&mut load).collect()
}

/// That of the check at the end.
fn load_verify_log(run: &PastRun, gaps: &mut Vec<String>) -> Option<LogTail> {
    load_log(run, run.view.verify.as_ref()?.log.clone()?, gaps)
}

/// The end of one log. One that is there and can't be read is a gap.
fn load_log(run: &PastRun, file: String, gaps: &mut Vec<String>) -> Option<LogTail> {
    let loaded = log_tail::load(&run.dir.join(&file)).unwrap_or_else(|error| {
        gaps.push(format!("{file} can't be read, and is left out: {error}"));
        None
    });
    let (text, bytes_before) = loaded?;
    Some(LogTail { file, text, bytes_before })
}

/// Values that variables with the name of a secret have here, or are given by settings. A page can be made where settings
/// can't be read, but a run of before may have been given secrets by them: that is a gap.
fn load_secrets(context: Result<&Context, &Failure>, gaps: &mut Vec<String>) -> SecretValues {
    match context {
        Ok(context) => secrets::of(&context.settings),
        Err(failure) => {
            gaps.push(format!(
                "settings can't be read now, so that secrets which they give to agents are not known and may stand in this page: {failure}"
            ));
            secrets::of_environment()
        }
    }
}

/// Writes the page to a file; answers its size.
fn write(report: &Report<'_>, path: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    named_file::replace(path, |out| {
        let mut counted = Counted { out, bytes: 0, error: None };
        let made = report.write(&mut counted);
        bytes = counted.bytes;
        // What a formatter answers says only that it failed.
        made.map_err(|_| counted.error.unwrap_or_else(|| io::Error::other("the page could not be made")))
    })?;
    Ok(bytes)
}

/// Text to a writer of bytes, counted; keeps why it failed.
struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
    error: Option<io::Error>,
}

impl fmt::Write for Counted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes += text.len() as u64;
        self.out.write_all(text.as_bytes()).map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}
