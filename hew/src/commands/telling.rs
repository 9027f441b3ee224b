//! What is told of a run while it goes, beside it: threads that read the journal as it is written and print what it says.
//!
//! Invariants: whoever writes the journal never waits for whoever reads it, however long a terminal or a pipe takes no
//! output; and what is printed late costs no memory, for it is on disk already. So an event is told after it is on disk.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chrono::Utc;
use crossbeam_channel::{Receiver, Sender, after, bounded, never, select, unbounded};
use hew_core::record::files::JOURNAL;
use hew_core::record::{JournalEntry, JournalEvent, LineRecord, RunView, StoreError};
use hew_core::render::live;
use hew_core::render::narrate::{narrate, opening};
use hew_core::render::text::visible;
use serde_json::{Map, Value};

use crate::adapters::jsonl::JsonLines;
use crate::adapters::signs::SignReader;
use crate::adapters::terminal_signals::{self, TerminalNews};
use crate::ui::Ui;
use crate::ui::screen::Screen;
use crate::ui::terminal::Stream;

/// How often ages are told while something runs.
const TICK: Duration = Duration::from_secs(1);
/// What happens within this time is drawn together.
const GATHERING: Duration = Duration::from_millis(40);
/// Entries that are read before what they say is printed.
const ROUND: usize = 256;

/// The threads that tell.
#[derive(Debug)]
pub(crate) struct Telling {
    wakes: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Telling {
    /// Begins with what the journal has after the entry of this number: lines for people on stderr, live where that is a
    /// terminal, and with `--json` the events on stdout.
    pub(crate) fn start(ui: &Ui, run: &Path, told: u64) -> std::io::Result<Self> {
        let mut telling = Self { wakes: Vec::new(), threads: Vec::new() };
        if ui.is_json() {
            let streamer = Streamer { ui: ui.clone(), journal: Journal::new(run), told };
            telling.spawn("events", move |wake| streamer.run(&wake))?;
        }
        let (sender, drawers) = unbounded();
        terminal_signals::forward(sender, &[])?;
        if !ui.is_quiet() {
            let (news, screen) = match Stream::Stderr.size() {
                Some(size) if !ui.is_json() && Stream::Stderr.can_be_drawn_on() => {
                    (drawers, Some(Screen::new(Stream::Stderr, size)))
                }
                _ => (never(), None),
            };
            let narrator = Narrator {
                ui: ui.clone(),
                journal: Journal::new(run),
                view: RunView::new(),
                signs: SignReader::new(run),
                told,
                screen,
            };
            telling.spawn("narration", move |wake| narrator.run(&wake, &news))?;
        }
        Ok(telling)
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce(Receiver<()>) + Send + 'static) -> std::io::Result<()> {
        let (wake, woken) = bounded(1);
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(move || body(woken))?);
        self.wakes.push(wake);
        Ok(())
    }

    /// The journal has more lines. Never blocks.
    pub(crate) fn more(&self) {
        for wake in &self.wakes {
            // One that has not looked yet since it was woken last will see these lines too.
            let _ = wake.try_send(());
        }
    }

    /// The journal is whole: waits until all of it is told, as long as that takes.
    pub(crate) fn finish(self) {
        drop(self.wakes);
        for thread in self.threads {
            // A panic has ended the process already (see `ui::panic`).
            let _ = thread.join();
        }
    }
}

/// A journal in reading; it need not be there yet.
struct Journal<T> {
    path: PathBuf,
    lines: Option<JsonLines<T>>,
}

impl<T: LineRecord> Journal<T> {
    fn new(run: &Path) -> Self {
        Self { path: run.join(JOURNAL), lines: None }
    }

    /// The next entry; none at the end of what is there.
    fn next(&mut self) -> Result<Option<T>, StoreError> {
        let lines = match self.lines.take() {
            Some(lines) => lines,
            None if !self.path.exists() => return Ok(None),
            None => JsonLines::open(&self.path)?,
        };
        self.lines.insert(lines).next_value()
    }
}

/// Prints each entry as a line of JSON.
struct Streamer {
    ui: Ui,
    journal: Journal<Map<String, Value>>,
    /// Entries up to this number were told before.
    told: u64,
}

impl Streamer {
    fn run(mut self, wake: &Receiver<()>) {
        loop {
            let is_last = wake.recv().is_err();
            if let Err(error) = self.print_new() {
                self.ui.warn(&format!("events can't be told any more: {error}"));
                return;
            }
            if is_last || !self.ui.is_stdout_open() {
                return;
            }
        }
    }

    fn print_new(&mut self) -> Result<(), StoreError> {
        while let Some(entry) = self.journal.next()? {
            if entry.get("seq").and_then(Value::as_u64).is_some_and(|seq| seq <= self.told) {
                continue;
            }
            self.ui.print_json(&with_schema(entry));
            if !self.ui.is_stdout_open() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A journal entry with the number of the stream's schema; `kind` is the event's own.
fn with_schema(entry: Map<String, Value>) -> Map<String, Value> {
    std::iter::once(("schema".to_owned(), Value::from(1))).chain(entry).collect()
}

/// What was read in one go.
struct Round {
    told: Vec<String>,
    /// Nothing more was there.
    is_whole: bool,
}

/// Does what the terminal asks for.
pub(super) fn hear(screen: Option<&mut Screen>, news: TerminalNews) {
    let Some(screen) = screen else { return };
    match news {
        // Every frame looks how wide it may be.
        TerminalNews::Resized => {}
        TerminalNews::Leaving(answer) => {
            screen.step_away();
            // Nobody waits any more if this took too long.
            let _ = answer.send(());
        }
        TerminalNews::Back => screen.come_back(),
    }
}

/// Tells people: a line an event, and on a terminal what goes on just now.
struct Narrator {
    ui: Ui,
    journal: Journal<JournalEntry>,
    view: RunView,
    signs: SignReader,
    /// Entries up to this number were told before.
    told: u64,
    screen: Option<Screen>,
}

impl Narrator {
    fn run(mut self, wake: &Receiver<()>, news: &Receiver<TerminalNews>) {
        let mut is_last = false;
        loop {
            if self.is_away() && is_last {
                // Nobody may come back to draw: what is left is told in plain lines.
                self.screen = None;
            }
            match self.read() {
                Ok(round) => {
                    self.show(&round.told);
                    match (round.is_whole, is_last) {
                        (true, true) => return,
                        (true, false) => {}
                        (false, _) => continue,
                    }
                }
                Err(error) => {
                    self.screen = None;
                    self.ui.warn(&format!("the run can't be told of any more: {error}"));
                    return;
                }
            }
            let ticks = self.screen.is_some() && !self.is_away() && self.view.is_at_work();
            select! {
                recv(wake) -> woken => is_last = woken.is_err(),
                recv(news) -> news => if let Ok(news) = news { hear(self.screen.as_mut(), news) },
                recv(if ticks { after(TICK) } else { never() }) -> _ => {}
            }
            if self.screen.is_some() && !is_last {
                thread::sleep(GATHERING);
            }
        }
    }

    /// What the next entries say. While nothing can be shown nothing is read: it stays on disk.
    fn read(&mut self) -> Result<Round, StoreError> {
        let mut told = Vec::new();
        if self.is_away() {
            return Ok(Round { told, is_whole: true });
        }
        for _ in 0..ROUND {
            let Some(entry) = self.journal.next()? else { return Ok(Round { told, is_whole: true }) };
            self.view.apply(&entry);
            let is_new = entry.seq > self.told;
            told.extend(narrate(&entry.event, &self.view).filter(|_| is_new));
            match (&entry.event, &self.view.header) {
                (JournalEvent::RunStarted { .. }, Some(header)) if is_new => told.extend(opening(header)),
                (JournalEvent::Plan { line, .. }, _) if is_new && self.ui.is_verbose() => {
                    told.push(visible(line));
                }
                _ => {}
            }
            if let Some(id) = self.view.completed_by(&entry.event) {
                self.view.forget_with_task(id);
            }
        }
        Ok(Round { told, is_whole: false })
    }

    fn show(&mut self, told: &[String]) {
        match &mut self.screen {
            None => told.iter().for_each(|line| self.ui.say(line)),
            Some(screen) if screen.is_away() => {}
            Some(screen) => {
                if let Some(size) = Stream::Stderr.size() {
                    screen.resize(size);
                }
                let frame = if Stream::Stderr.is_in_front() {
                    live::frame(&self.view, self.signs.look(&self.view), Utc::now(), screen.room())
                } else {
                    Vec::new()
                };
                screen.show(told, &frame);
            }
        }
    }

    /// The process has been told to stop: nothing is drawn before it goes on.
    fn is_away(&self) -> bool {
        self.screen.as_ref().is_some_and(Screen::is_away)
    }
}
