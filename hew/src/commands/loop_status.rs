//! `hew loop status`, once or as long as the run goes on.

use std::time::Duration;

use chrono::Utc;
use crossbeam_channel::{Receiver, bounded, select, unbounded};
use hew_core::record::files::JOURNAL;
use hew_core::record::{JournalEntry, RunState, RunView};
use hew_core::render::live::Signs;
use hew_core::render::narrate::narrate;
use hew_core::render::status::{self, Seen};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::past_runs::{self, unreadable};
use super::telling;
use crate::adapters::jsonl::JsonLines;
use crate::adapters::project::Project;
use crate::adapters::run_index::{self, RunEntry};
use crate::adapters::signs::SignReader;
use crate::adapters::terminal_signals::{self, TerminalNews};
use crate::adapters::watch::FileWatch;
use crate::cli::loop_args::StatusArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;
use crate::ui::screen::Screen;
use crate::ui::terminal::Stream;

/// How often ages are told, and how soon a run that died is missed.
const TICK: Duration = Duration::from_secs(1);

/// Where a run stands just now.
pub fn run(args: &StatusArgs, ui: &Ui) -> Result<u8, Failure> {
    let project = Project::discover_to_look()?;
    let entry = run_index::select(&project.state_dir, args.run.run_id.as_deref())?;
    // A run of an older layout has no journal, and is over.
    if args.watch && (entry.dir.join(JOURNAL).exists() || past_runs::is_held(&project, &entry.id)) {
        return watch(&project, entry, ui);
    }
    let run = past_runs::open(&project, Some(entry.id.as_str()), ui)?;
    let mut signs = SignReader::new(&run.dir);
    let signs = if run.state == RunState::Running { signs.look(&run.view) } else { &Signs::new() };
    print(&run.view, Seen { state: run.state, signs, now: Utc::now() }, ui);
    Ok(code::OK)
}

fn print(view: &RunView, seen: Seen<'_>, ui: &Ui) {
    if ui.is_json() {
        ui.print_output(&status::json::object(view, seen));
    } else {
        ui.print(&status::text(view, seen, Stream::Stdout.columns()));
    }
}

/// Goes on until the run ends, its process is gone, or nobody reads any more.
fn watch(project: &Project, entry: RunEntry, ui: &Ui) -> Result<u8, Failure> {
    let journal = entry.dir.join(JOURNAL);
    let unwatched = |error| Failure::failed(format!("{} can't be watched", journal.display())).because(error);
    let files = FileWatch::new([&journal]).map_err(unwatched)?;
    // A run that begins has its folder first.
    while !journal.exists() && past_runs::is_held(project, &entry.id) {
        files.wait(Some(TICK)).map_err(unwatched)?;
    }
    let (changed_in, changed) = bounded(1);
    files.forward(changed_in, drop).map_err(unwatched)?;
    let (news_in, news) = unbounded();
    let screen = match Stream::Stdout.size() {
        Some(size) if !ui.is_json() && Stream::Stdout.can_be_drawn_on() => {
            terminal_signals::forward(news_in, &[SIGINT, SIGTERM, SIGHUP]).map_err(unwatched)?;
            Some(Screen::new(Stream::Stdout, size))
        }
        _ => None,
    };
    let watching = Watching {
        project,
        lines: JsonLines::open(&journal).map_err(unreadable)?,
        view: RunView::new(),
        signs: SignReader::new(&entry.dir),
        entry,
        screen,
        is_held: false,
        ui,
    };
    watching.go(&changed, &news)
}

struct Watching<'a> {
    project: &'a Project,
    entry: RunEntry,
    lines: JsonLines<JournalEntry>,
    view: RunView,
    signs: SignReader,
    screen: Option<Screen>,
    /// Its process lived before the journal was read last. It is asked for before, so that a run which ends meanwhile has not
    /// crashed.
    is_held: bool,
    ui: &'a Ui,
}

impl Watching<'_> {
    fn go(mut self, changed: &Receiver<()>, news: &Receiver<TerminalNews>) -> Result<u8, Failure> {
        let mut told = self.read()?.is_some();
        // Where nothing can be drawn, everything is told once, and then what happens; of a run that is over only how it
        // ended.
        if self.screen.is_none() && self.state() == RunState::Running {
            self.print();
            told = false;
        }
        loop {
            let lines = self.read()?;
            let state = self.state();
            told |= lines.is_some();
            match (&self.screen, state) {
                (Some(_), RunState::Running) => self.draw(state),
                (None, RunState::Running) if self.ui.is_json() && told => self.print(),
                (None, RunState::Running) => {
                    lines.into_iter().flatten().for_each(|line| self.ui.print(&(line + "\n")));
                }
                (..) => {
                    self.screen = None;
                    let gap = past_runs::take_later_delivery(self.project, &self.entry.id, &mut self.view);
                    if let Some(gap) = gap {
                        self.ui.warn(&gap);
                    }
                    self.print();
                    return Ok(code::OK);
                }
            }
            told = false;
            if !self.ui.is_stdout_open() {
                return Ok(code::OK);
            }
            select! {
                recv(changed) -> _ => {}
                recv(news) -> news => if let Ok(news) = news { telling::hear(self.screen.as_mut(), news) },
                default(TICK) => {}
            }
        }
    }

    fn state(&self) -> RunState {
        RunState::of_ending(self.view.ending.as_ref(), self.is_held)
    }

    /// What happened since the last look, in lines; none if nothing did.
    fn read(&mut self) -> Result<Option<Vec<String>>, Failure> {
        self.is_held = past_runs::is_held(self.project, &self.entry.id);
        let mut told = None;
        while let Some(entry) = self.lines.next_in_place().map_err(unreadable)? {
            self.view.apply(entry);
            told.get_or_insert_with(Vec::new).extend(narrate(&entry.event, &self.view));
            if let Some(id) = self.view.completed_by(&entry.event) {
                self.view.forget(id);
            }
        }
        Ok(told)
    }

    fn print(&mut self) {
        let state = self.state();
        let signs = if state == RunState::Running { self.signs.look(&self.view) } else { &Signs::new() };
        print(&self.view, Seen { state, signs, now: Utc::now() }, self.ui);
    }

    fn draw(&mut self, state: RunState) {
        let Some(screen) = self.screen.as_mut().filter(|screen| !screen.is_away()) else { return };
        if let Some(size) = Stream::Stdout.size() {
            screen.resize(size);
        }
        let mut lines = Vec::new();
        if Stream::Stdout.is_in_front() {
            let seen = Seen { state, signs: self.signs.look(&self.view), now: Utc::now() };
            let room = screen.room();
            lines.extend(status::lines(&self.view, seen, room.columns));
            lines.truncate(room.rows);
        }
        screen.show(&[], &lines);
    }
}
