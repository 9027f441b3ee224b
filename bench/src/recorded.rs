//! A recorded run of any length in a project of its own, and the least that looking at it takes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _, stdout};
use std::path::{Path, PathBuf};

use hew::adapters::store::RunFolder;
use hew_core::exit::Exit;
use hew_core::record::files::JOURNAL;
use hew_core::record::{IterationOutcome, JournalEvent, RunView, Store as _, files};
use hew_core::usage::Usage;
use hew_testkit::journal::{JournalBuilder, iteration};
use serde::Deserialize;

use crate::Problem;
use crate::git::Environment;

const JOBS: u16 = 4;
/// Iterations that are written at a time.
const CHUNK: u32 = 500;

/// A project with one run.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) project: PathBuf,
    pub(crate) run: PathBuf,
}

/// Makes it: every fifth iteration is red, and the task is tried again.
pub(crate) fn make(environment: &Environment, project: &Path, count: u32) -> Result<Recorded, Problem> {
    let words = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(project).map_err(words)?;
    environment.git(project, &["init", "--quiet", "--initial-branch=main"])?;
    let mut journal = JournalBuilder::launch(JOBS, 1);
    let mut folder =
        RunFolder::create(&project.join(".hew"), journal.run_id()).map_err(|error| error.to_string())?;
    let mut view = RunView::new();
    let usage = Usage { input: 900, output: 400, cache_read: 12_000, cache_create: 700 };
    journal.agents_use(usage, Some(0.02)).baseline();
    for number in 0..count {
        one(&mut journal, number);
        if number % CHUNK == CHUNK - 1 || number + 1 == count {
            if number + 1 == count {
                journal.deliver_and_end();
            }
            let entries = journal.take_entries();
            for entry in &entries {
                view.apply(entry);
                if let JournalEvent::IterationEnded { iteration, .. } = entry.event {
                    view.forget_with_task(iteration);
                }
            }
            folder.append(&entries).map_err(|error| error.to_string())?;
        }
    }
    for name in [files::RUN, files::MANIFEST] {
        let text = files::render(&view, name).ok_or("a run that began has files")?;
        folder.write(name, text.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(Recorded { project: project.to_owned(), run: folder.path().to_owned() })
}

fn one(journal: &mut JournalBuilder, number: u32) {
    let id = iteration(u16::try_from(number % u32::from(JOBS)).unwrap_or(0), number / u32::from(JOBS) + 1);
    let (is_red, is_again) = (number % 5 == 3, number % 5 == 4);
    let task = format!("app-{}", if is_again { number - 1 } else { number });
    let title = format!("Make part {number} of the whole do what its description says");
    journal
        .start(id, &task, &title, if is_again { 2 } else { 1 })
        .spawn(id)
        .exit(id, Exit::Code(0), 1500)
        .collect(id);
    if is_red {
        journal.gate(id, Exit::Code(101));
        journal.end(id, &task, IterationOutcome::BackpressureFail, "gate red: cargo test (exit code 101)");
    } else {
        journal.gate(id, Exit::Code(0)).land(id, &task);
    }
}

/// What a line for people needs.
#[derive(Deserialize)]
struct Line {
    kind: String,
    #[serde(default)]
    worker: u16,
    #[serde(default)]
    iter: u32,
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    outcome: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// The floor: `read-run FOLDER` reads the journal and prints a line an iteration.
pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let folder = words.next().ok_or("which folder?")?;
    let words = |error: std::io::Error| error.to_string();
    let mut reader =
        BufReader::with_capacity(1 << 16, File::open(Path::new(&folder).join(JOURNAL)).map_err(words)?);
    let mut out = BufWriter::new(stdout().lock());
    let mut text = String::new();
    while reader.read_line(&mut text).map_err(words)? > 0 {
        let line: Line = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        text.clear();
        if line.kind == "iteration_ended" {
            let (task, outcome) = (line.task.unwrap_or_default(), line.outcome.unwrap_or_default());
            let reason = line.reason.unwrap_or_default();
            writeln!(out, "w{} iter-{:03} {task} {outcome} {reason}", line.worker, line.iter)
                .map_err(words)?;
        }
    }
    out.flush().map_err(words)
}
