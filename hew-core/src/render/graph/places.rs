//! Where iterations stand in a picture: in rows by time, so that what ran at once stands side by side.

use std::collections::HashMap;

use super::ir::Place;
use crate::ids::WorkerId;
use crate::record::view::IterationRow;

/// The place of each, for iterations in the order in which they began. One stands below every other that had ended before
/// it began, and beside all that ended while it ran.
pub(super) fn of(rows: &[IterationRow]) -> Vec<Place> {
    let mut ends: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].ended_at.is_some()).collect();
    ends.sort_by_key(|at| rows[*at].ended_at);
    let mut sweep = Sweep { rows, places: Vec::with_capacity(rows.len()), ..Sweep::default() };
    let mut next_end = 0;
    for row in rows {
        while let Some(end) = ends.get(next_end)
            && rows[*end].ended_at <= row.started_at
        {
            sweep.end(*end);
            next_end += 1;
        }
        sweep.begin(row);
    }
    ends[next_end..].iter().for_each(|end| sweep.end(*end));
    (0..rows.len()).filter(|at| rows[*at].ended_at.is_none()).for_each(|at| sweep.stretch(at));
    sweep.places
}

#[derive(Default)]
struct Sweep<'a> {
    rows: &'a [IterationRow],
    places: Vec<Place>,
    /// The row below all that have ended.
    settled: u32,
    /// The first free row of a worker.
    free: HashMap<WorkerId, u32>,
}

impl Sweep<'_> {
    fn begin(&mut self, row: &IterationRow) {
        let free = self.free.entry(row.id.worker).or_default();
        let place = Place::at(self.settled.max(*free));
        *free = place.row + 1;
        self.places.push(place);
    }

    fn end(&mut self, at: usize) {
        self.stretch(at);
        if let Some(place) = self.places.get(at) {
            self.settled = self.settled.max(place.last_row + 1);
        }
    }

    /// Down to the last row in which something has ended. What has not begun, by a clock that was set back, is left alone.
    fn stretch(&mut self, at: usize) {
        let Some(place) = self.places.get_mut(at) else { return };
        let free = self.free.entry(self.rows[at].id.worker).or_default();
        // Only a worker's latest: below the others there is no room.
        if *free == place.row + 1 {
            place.last_row = place.row.max(self.settled.saturating_sub(1));
            *free = place.last_row + 1;
        }
    }
}
