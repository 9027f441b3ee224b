//! A few lines at the end of a terminal that are drawn again and again, and lines that scroll away above them.
//!
//! Invariants: the cursor is never hidden, no mode of the terminal is ever changed, and the cursor rests at the beginning
//! of an empty row below the lines; so whatever ends the process, even a KILL, leaves at most these lines behind. What is
//! drawn at once is written at once. Only lines that differ are drawn again.
//!
//! `indicatif` decides what is cleared and what is written; the `glass` turns that into bytes.

mod glass;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hew_core::render::live::Size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::UnicodeWidthStr;

use super::terminal::{Stream, write_last_words};
use glass::{Glass, Pane};

/// Rows that are drawn now, for whoever ends the process without asking: a panic.
static DRAWN: AtomicUsize = AtomicUsize::new(0);
/// Nothing is drawn any more.
static IS_LEFT: AtomicBool = AtomicBool::new(false);

/// Takes away what is drawn, for good. Waits for no other thread, but blocks as long as the terminal does.
pub fn leave() {
    let was_left = IS_LEFT.swap(true, Ordering::SeqCst);
    let rows = DRAWN.swap(0, Ordering::SeqCst);
    if !was_left && rows > 0 {
        write_last_words(glass::wipe(rows).as_bytes());
    }
}

/// The end of a terminal.
#[derive(Debug)]
pub struct Screen {
    stream: Stream,
    glass: Arc<Glass>,
    bar: ProgressBar,
    /// What is drawn, as it is shown.
    frame: Vec<String>,
    size: Size,
    /// The process has been told to stop or to end: nothing is to be drawn before it goes on.
    is_away: bool,
}

impl Screen {
    /// Begins at the row in which the cursor is; nothing is drawn yet.
    ///
    /// # Panics
    /// Never: the template is a constant.
    pub fn new(stream: Stream, size: Size) -> Self {
        let glass = Arc::new(Glass::new(size));
        let style = ProgressStyle::with_template("{msg}").expect("the template is well formed");
        let bar =
            ProgressBar::with_draw_target(None, target(&glass)).with_style(style).with_message(rows(&[]));
        Self { stream, glass, bar, frame: Vec::new(), size, is_away: false }
    }

    /// Room for lines of a frame: a row is the cursor's, and the last column stays free, in which a terminal would wrap.
    pub fn room(&self) -> Size {
        Size { columns: self.size.columns.saturating_sub(1), rows: self.size.rows.saturating_sub(1) }
    }

    /// The process has been told to stop or to end: nothing is to be drawn before it goes on.
    pub fn is_away(&self) -> bool {
        self.is_away
    }

    /// Takes away what is drawn until the process goes on.
    pub fn step_away(&mut self) {
        self.clear();
        self.is_away = true;
    }

    /// The process goes on, on a terminal on which others have written.
    pub fn come_back(&mut self) {
        self.begin_anew();
        self.is_away = false;
    }

    /// Lets lines scroll away, and draws the frame below them.
    pub fn show(&mut self, told: &[String], frame: &[String]) {
        let frame: Vec<String> = frame.iter().map(|line| self.dressed(line)).collect();
        if !told.is_empty() {
            let told: Vec<String> = told.iter().map(|line| self.dressed(line)).collect();
            self.bar.println(told.join("\n"));
        }
        if frame != self.frame {
            self.bar.set_message(rows(&frame));
            self.frame = frame;
        }
        self.commit();
    }

    /// A line with the styles that the terminal shows.
    fn dressed(&self, line: &str) -> String {
        if self.stream.has_colour() {
            line.to_owned()
        } else {
            anstream::adapter::strip_str(line).to_string()
        }
    }

    /// The terminal has another size: what it made of the lines is taken away before they are drawn anew.
    pub fn resize(&mut self, size: Size) {
        if size == self.size {
            return;
        }
        // A terminal wraps what was wider than it is now.
        let height = |line: &String| {
            anstream::adapter::strip_str(line).to_string().width().div_ceil(size.columns.max(1)).max(1)
        };
        self.glass.put(&glass::wipe(self.frame.iter().map(height).sum()));
        self.size = size;
        self.begin_anew();
    }

    /// Takes the lines away; the cursor is where they began.
    fn clear(&mut self) {
        self.glass.put(&glass::wipe(self.frame.len()));
        self.begin_anew();
        self.commit();
    }

    /// Somebody else has written: the lines are left where they are, and the next ones begin at the cursor.
    fn begin_anew(&mut self) {
        self.frame.clear();
        self.glass.resize(self.size);
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
        self.bar.set_message(rows(&[]));
        self.bar.set_draw_target(target(&self.glass));
    }

    fn commit(&self) {
        let text = self.glass.take();
        if !text.is_empty() && !IS_LEFT.load(Ordering::SeqCst) {
            self.stream.write(text.as_bytes());
            DRAWN.store(self.frame.len(), Ordering::SeqCst);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The lines, and below them the row in which the cursor rests. Without that row nothing would part the lines from what
/// is written next.
fn rows(frame: &[String]) -> String {
    frame.iter().map(String::as_str).chain([" "]).collect::<Vec<_>>().join("\n")
}

fn target(glass: &Arc<Glass>) -> ProgressDrawTarget {
    ProgressDrawTarget::term_like(Box::new(Pane(Arc::clone(glass))))
}
