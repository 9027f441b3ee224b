//! The picture of time: a lane a worker, a bar an iteration, a mark where work landed.
//!
//! Outcomes differ by glyph and pattern, and by colour besides. Everything in the picture stands in tables too.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::blocks::{Block, What, blocks, outcome_at, standing};
use super::page::{Page, Tenths};
use super::scale::{LEFT, RIGHT, Scale, WIDTH, tick_label};
use super::sums::TaskSums;
use super::{Report, frame, iterations};
use crate::ids::WorkerId;
use crate::record::view::IterationRow;
use crate::render::figures::{count, duration_ms, grouped};
use crate::render::style::glyph;

/// Height of the curve of landings.
const CURVE: f64 = 44.0;
/// Space between two lanes.
const GAP: f64 = 6.0;
/// Least height of a share of a block that is drawn together.
const THINNEST: f64 = 3.0;
/// Room of a glyph in a bar, and of one character of a task's id.
const GLYPH: f64 = 15.0;
const CHARACTER: f64 = 6.8;

/// Iterations by worker, in the order in which they began.
type Lanes<'a> = BTreeMap<WorkerId, Vec<&'a IterationRow>>;

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>, sums: &TaskSums<'_>) -> fmt::Result {
    frame::section(page, "timeline", "Timeline")?;
    let Some(scale) = scale(report) else {
        page.raw("<p class=\"none\">No iteration is on record.</p>\n")?;
        return frame::end_section(page);
    };
    let mut lanes = Lanes::new();
    for row in report.rows {
        lanes.entry(row.id.worker).or_default().push(row);
    }
    legend(page, report)?;
    let drawing = Drawing { scale, lanes, sums, landings: landings(report.rows) };
    drawing.write(page, report)?;
    iterations::write(page, report)?;
    frame::end_section(page)
}

/// From launch, or the first iteration where no launch is known, to the last sign of life, or to now while it lives.
fn scale(report: &Report<'_>) -> Option<Scale> {
    let starts = report.rows.iter().filter_map(|row| row.started_at);
    let first = starts.clone().min()?;
    let from = report.view.header.as_ref().map_or(first, |header| header.started.at.min(first));
    let ends = report.rows.iter().filter_map(|row| row.ended_at);
    let seen = report.view.last.map(|moment| moment.at).into_iter().chain(report.view.alive_at);
    let last = ends.chain(starts).chain(seen).max()?;
    Some(Scale::new(from, last))
}

/// Moments of landings, in their order.
fn landings(rows: &[IterationRow]) -> Vec<chrono::DateTime<chrono::Utc>> {
    let mut landings: Vec<_> =
        rows.iter().filter(|row| row.landed_sha.is_some()).filter_map(|row| row.ended_at).collect();
    landings.sort_unstable();
    landings
}

fn legend(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let mut counts = [0_u64; super::blocks::STANDINGS];
    for row in report.rows {
        counts[standing(row.outcome)] += 1;
    }
    page.raw("<ul class=\"legend\" aria-label=\"Legend\">\n")?;
    for (place, number) in counts.into_iter().enumerate().filter(|(_, number)| *number > 0) {
        let outcome = outcome_at(place);
        let word = outcome.map_or("incomplete", |outcome| outcome.as_str());
        page.raw("<li><svg class=\"swatch\" viewBox=\"0 0 22 14\" aria-hidden=\"true\"><rect class=\"o o-")?;
        page.show(word)?;
        page.raw("\" x=\"1\" y=\"1\" width=\"20\" height=\"12\" rx=\"2\"/></svg> ")?;
        frame::mark(page, glyph(outcome))?;
        page.raw(" ")?;
        page.show(frame::words(word))?;
        page.raw(" <span class=\"soft\">")?;
        page.show(grouped(number))?;
        page.raw("</span></li>\n")?;
    }
    page.raw("<li><svg class=\"swatch\" viewBox=\"0 0 22 14\" aria-hidden=\"true\"><path class=\"landed\" d=\"M11 2l5 5-5 5-5-5z\"/></svg> landed</li>\n</ul>\n")
}

struct Drawing<'a> {
    scale: Scale,
    lanes: Lanes<'a>,
    sums: &'a TaskSums<'a>,
    landings: Vec<chrono::DateTime<chrono::Utc>>,
}

impl Drawing<'_> {
    fn lane_height(&self) -> f64 {
        match self.lanes.len() {
            0..=2 => 38.0,
            3..=6 => 30.0,
            _ => 22.0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "workers are few")]
    fn lane_top(&self, number: usize) -> f64 {
        self.lanes_top() + number as f64 * (self.lane_height() + GAP)
    }

    fn lanes_top(&self) -> f64 {
        if self.landings.is_empty() { 8.0 } else { 8.0 + CURVE + 12.0 }
    }

    fn write(&self, page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
        let bottom = self.lane_top(self.lanes.len());
        page.raw(
            "<div class=\"scroll\" role=\"region\" aria-label=\"Timeline, scrollable\" tabindex=\"0\">\n\
             <svg class=\"timeline\" role=\"img\" aria-labelledby=\"tl-title tl-desc\" viewBox=\"0 0 ",
        )?;
        page.show(format_args!("{WIDTH} {}", bottom + 26.0))?;
        page.raw("\">\n<title id=\"tl-title\">Iterations over time</title>\n<desc id=\"tl-desc\">")?;
        page.show(format_args!(
            "{} by {} in {}. The same is in the tables below.",
            count(report.rows.len() as u64, "iteration", "iterations"),
            count(self.lanes.len() as u64, "worker", "workers"),
            duration_ms(self.scale.span_ms),
        ))?;
        page.raw("</desc>\n")?;
        page.raw(PATTERNS)?;
        self.write_axis(page, bottom)?;
        self.write_curve(page)?;
        for (number, (worker, rows)) in self.lanes.iter().enumerate() {
            self.write_lane(page, number, *worker, rows)?;
        }
        page.raw("</svg>\n</div>\n")
    }

    fn write_axis(&self, page: &mut Page<'_>, bottom: f64) -> fmt::Result {
        let mut grid = String::new();
        for ms in self.scale.ticks() {
            write!(grid, "M{} 4V{}", Tenths(self.scale.x_of_ms(ms)), Tenths(bottom))?;
        }
        page.raw("<path class=\"grid\" d=\"")?;
        page.show(grid)?;
        page.raw("\"/>\n<g class=\"axis\">")?;
        for ms in self.scale.ticks() {
            page.raw("<text")?;
            page.places(&[("x", self.scale.x_of_ms(ms)), ("y", bottom + 15.0)])?;
            page.raw(">")?;
            page.show(tick_label(ms))?;
            page.raw("</text>")?;
        }
        page.raw("</g>\n")
    }

    /// How much has landed by when: a step a landing, as far as steps can be told apart.
    #[expect(clippy::cast_precision_loss, reason = "landings are counted for a picture")]
    fn write_curve(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(last) = self.landings.last() else { return Ok(()) };
        let (base, all) = (8.0 + CURVE, self.landings.len());
        let mut line = format!("M{} {}", Tenths(LEFT), Tenths(base));
        let mut drawn = LEFT;
        for (number, at) in self.landings.iter().enumerate() {
            let x = self.scale.x(*at);
            if x - drawn >= 1.0 || number + 1 == all {
                let y = base - CURVE * ((number + 1) as f64 / all as f64);
                write!(line, "H{}V{}", Tenths(x), Tenths(y))?;
                drawn = x;
            }
        }
        let end = Tenths(self.scale.x(*last).max(RIGHT));
        page.raw("<path class=\"curve-area\" d=\"")?;
        page.show(format_args!("{line}H{end}V{}z", Tenths(base)))?;
        page.raw("\"/><path class=\"curve\" d=\"")?;
        page.show(format_args!("{line}H{end}"))?;
        page.raw("\"/>\n<text class=\"lane-name\" x=\"0\" y=\"22\">landed</text><text class=\"lane-name strong\" x=\"0\" y=\"38\">")?;
        page.show(grouped(all as u64))?;
        page.raw("</text>\n")
    }

    fn write_lane(
        &self,
        page: &mut Page<'_>,
        number: usize,
        worker: WorkerId,
        rows: &[&IterationRow],
    ) -> fmt::Result {
        let (top, height) = (self.lane_top(number), self.lane_height());
        page.raw("<g><text class=\"lane-name\"")?;
        page.places(&[("x", 0.0), ("y", top + height / 2.0 + 4.0)])?;
        page.raw(">worker ")?;
        page.show(worker.0)?;
        page.raw("</text><rect class=\"lane\" rx=\"3\"")?;
        page.places(&[("x", LEFT), ("y", top), ("width", RIGHT - LEFT), ("height", height)])?;
        page.raw("/>\n")?;
        let mut shares = Shares::default();
        for block in blocks(rows, self.scale) {
            match block.what {
                What::One(row) => self.write_bar(page, &block, row, top)?,
                What::Many(counts) => shares.add(&block, &counts, top, height)?,
            }
        }
        shares.write(page)?;
        page.raw("</g>\n")
    }

    fn write_bar(&self, page: &mut Page<'_>, block: &Block<'_>, row: &IterationRow, top: f64) -> fmt::Result {
        let (height, width) = (self.lane_height(), (block.to - block.from - 1.0).max(2.0));
        page.raw("<g class=\"bar\" data-t=\"")?;
        page.show(row.task.as_ref().map_or(usize::MAX, |task| self.sums.task(task).place))?;
        page.raw("\"><title>")?;
        page.text(bar_title(row))?;
        page.raw("</title><rect class=\"o o-")?;
        page.show(row.outcome.map_or("incomplete", |outcome| outcome.as_str()))?;
        page.raw("\" rx=\"2\"")?;
        page.places(&[("x", block.from), ("y", top + 1.0), ("width", width), ("height", height - 2.0)])?;
        page.raw("/>")?;
        let task = row.task.as_ref().map_or("", |task| task.as_str());
        #[expect(clippy::cast_precision_loss, reason = "an id is short")]
        let room = GLYPH + 6.0 + CHARACTER * task.chars().count() as f64;
        if width >= GLYPH {
            page.raw("<text")?;
            page.places(&[("x", block.from + 4.0), ("y", top + height / 2.0 + 4.0)])?;
            page.raw(">")?;
            frame::mark_text(page, glyph(row.outcome))?;
            if width >= room {
                page.raw(" ")?;
                page.text(task)?;
            }
            page.raw("</text>")?;
        }
        if let (Some(_), Some(ended)) = (&row.landed_sha, row.ended_at) {
            page.raw("<path class=\"landed\" d=\"M")?;
            page.show(format_args!("{} {}", Tenths(self.scale.x(ended)), Tenths(top - 4.0)))?;
            page.raw("l4 4-4 4-4-4z\"/>")?;
        }
        page.raw("</g>\n")
    }
}

fn bar_title(row: &IterationRow) -> String {
    let task = row.task.as_ref().map_or("?", |task| task.as_str());
    let what = row.outcome.map_or(row.phase, |outcome| outcome.as_str());
    let mut title = format!("{task} {}: {what}, {}, {}", row.title, duration_ms(row.duration_ms), row.id);
    if row.usage.total() > 0 {
        let _ = write!(title, ", {} tokens", grouped(row.usage.total()));
    }
    if let Some(sha) = &row.landed_sha {
        let _ = write!(title, ", landed {}", sha.short());
    }
    title
}

/// Blocks that are drawn together: one path an outcome, so that ten thousand iterations are a few shapes.
#[derive(Default)]
struct Shares(BTreeMap<usize, String>);

impl Shares {
    /// Stacks the shares of a block, the first outcome on top.
    fn add(
        &mut self,
        block: &Block<'_>,
        counts: &[u32; super::blocks::STANDINGS],
        top: f64,
        height: f64,
    ) -> fmt::Result {
        let all: u32 = counts.iter().sum();
        let height = height - 2.0;
        let share = |count: u32| (height * f64::from(count) / f64::from(all)).max(THINNEST);
        let wanted: f64 = counts.iter().filter(|count| **count > 0).map(|count| share(*count)).sum();
        let width = (block.to - block.from - 1.0).max(2.0);
        let mut y = top + 1.0;
        for (place, number) in counts.iter().enumerate().filter(|(_, number)| **number > 0) {
            let part = share(*number) * height / wanted;
            let path = self.0.entry(place).or_default();
            let (from, width) = (Tenths(block.from), Tenths(width));
            write!(path, "M{from} {}h{width}v{}h-{width}z", Tenths(y), Tenths(part))?;
            y += part;
        }
        Ok(())
    }

    fn write(self, page: &mut Page<'_>) -> fmt::Result {
        for (place, path) in self.0 {
            page.raw("<path class=\"o many o-")?;
            page.show(outcome_at(place).map_or("incomplete", |outcome| outcome.as_str()))?;
            page.raw("\" d=\"")?;
            page.show(path)?;
            page.raw("\"/>\n")?;
        }
        Ok(())
    }
}

/// What tells outcomes apart without colour.
const PATTERNS: &str = include_str!("patterns.svg");
