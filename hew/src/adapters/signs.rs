//! Agents' last signs of life, from their transcripts: when something was printed last, and what.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use hew_core::ids::IterationId;
use hew_core::record::RunView;
use hew_core::record::files::iteration_dir;
use hew_core::record::view::Phase;
use hew_core::render::live::{Sign, Signs};
use hew_core::render::transcript;

/// As much of a transcript's end is looked at.
const TAIL_BYTES: u64 = 16 * 1024;

/// Looks at the transcripts of a run's running agents. One that has not changed is not read again.
#[derive(Debug)]
pub struct SignReader {
    run: PathBuf,
    signs: Signs,
    read: BTreeMap<IterationId, (u64, SystemTime)>,
}

impl SignReader {
    /// For the run in this folder.
    pub fn new(run: &Path) -> Self {
        Self { run: run.to_owned(), signs: Signs::new(), read: BTreeMap::new() }
    }

    /// What is seen now.
    pub fn look(&mut self, view: &RunView) -> &Signs {
        let running: Vec<IterationId> =
            view.in_flight().filter(|it| it.phase == Phase::Running).map(|it| it.id).collect();
        self.signs.retain(|id, _| running.contains(id));
        self.read.retain(|id, _| running.contains(id));
        for id in running {
            let path = self.run.join(iteration_dir(view.jobs(), id)).join("transcript.jsonl");
            // An agent that has not printed yet has no transcript.
            let Ok(now) = fs::metadata(&path).and_then(|meta| Ok((meta.len(), meta.modified()?))) else {
                continue;
            };
            if self.read.get(&id) != Some(&now) {
                let said = last_words(&path, now.0).or_else(|| self.signs.get(&id)?.said.clone());
                self.signs.insert(id, Sign { at: DateTime::<Utc>::from(now.1), said });
                self.read.insert(id, now);
            }
        }
        &self.signs
    }
}

/// The last line that is worth showing.
fn last_words(path: &Path, length: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    // What comes before the first newline may be a part of a line, and what comes after the last one is.
    let whole = if start == 0 { &text } else { text.split_once('\n')?.1 };
    let whole = &whole[..whole.rfind('\n')?];
    whole.lines().rev().find_map(|line| {
        let shown = anstream::adapter::strip_str(&transcript::line(line)?).to_string();
        let words = shown.lines().map(str::trim).rfind(|line| !line.is_empty());
        words.map(str::to_owned)
    })
}
