//! Where everything stands, in pixels. A run: a column a worker, rows by time. Tasks: rows by what they need.

use std::collections::HashMap;

use super::super::class::NodeClass;
use super::super::ir::{Cluster, Graph, Node};
use super::super::key::NodeKey;
use crate::render::figures::duration_ms;

/// Height of a line of text.
pub(super) const LINE: u32 = 16;
/// Between a box and its text.
pub(super) const PAD: u32 = 9;
/// Around everything.
pub(super) const MARGIN: u32 = 16;
/// Height of the legend.
pub(super) const LEGEND: u32 = 36;
/// Width of most boxes: of their columns of text, and a little.
pub(super) const BOX_WIDTH: u32 = 308;
/// Between two rows.
pub(super) const GAP_Y: u32 = 30;

const BOX_COLUMNS: usize = 40;
const WIDE_WIDTH: u32 = 2 * BOX_WIDTH + GAP_X;
const WIDE_COLUMNS: usize = 86;
const SMALL_WIDTH: u32 = 160;
const BOX_HEIGHT: u32 = 2 * PAD + 4 * LINE;
const ROW: u32 = BOX_HEIGHT + GAP_Y;
const GAP_X: u32 = 36;
/// Times stand left of the lanes.
const GUTTER: u32 = 84;
/// A cluster's title and its lanes' titles.
const HEAD: u32 = 64;
/// Most tasks side by side.
const TASKS_ACROSS: u32 = 5;

/// A node in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) node: &'a Node,
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Columns of text that fit.
    pub(super) columns: usize,
}

/// A frame with its title, or a title alone.
#[derive(Debug, Clone)]
pub(super) struct Area<'a> {
    pub(super) frame: Option<(u32, u32, u32, u32)>,
    pub(super) class: &'static str,
    pub(super) text: std::borrow::Cow<'a, str>,
    pub(super) text_at: (u32, u32),
    pub(super) columns: usize,
}

/// The whole picture's.
#[derive(Debug, Default)]
pub(super) struct Layout<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) areas: Vec<Area<'a>>,
    pub(super) boxes: Vec<Placed<'a>>,
    /// Where the box of a key is.
    pub(super) by_key: HashMap<NodeKey, usize>,
}

impl<'a> Layout<'a> {
    pub(super) fn of(graph: &'a Graph) -> Self {
        let mut layout = Self { width: WIDE_WIDTH + 2 * MARGIN, height: MARGIN, ..Self::default() };
        for cluster in &graph.clusters {
            if cluster.run_id.is_some() { layout.add_run(cluster) } else { layout.add_tasks(cluster) }
        }
        layout.by_key = layout.boxes.iter().enumerate().map(|(at, placed)| (placed.node.key, at)).collect();
        layout
    }

    fn title(&mut self, cluster: &'a Cluster) {
        self.areas.push(Area {
            frame: None,
            class: "title",
            text: cluster.title.as_str().into(),
            text_at: (MARGIN, self.height + 16),
            columns: 200,
        });
    }

    fn add_run(&mut self, cluster: &'a Cluster) {
        self.title(cluster);
        let top = self.height + HEAD;
        let first_box = self.boxes.len();
        for (number, lane) in (0..).zip(&cluster.lanes) {
            for node in &lane.nodes {
                self.put(node, lane_x(number), top, BOX_WIDTH, BOX_COLUMNS);
            }
        }
        let lane_count = u32::try_from(cluster.lanes.len()).unwrap_or(u32::MAX);
        let lanes_end = self.bottom(first_box, top);
        for (number, lane) in (0..).zip(&cluster.lanes) {
            let x = lane_x(number);
            self.areas.push(Area {
                frame: Some((
                    x - GAP_X / 4,
                    top - 28,
                    BOX_WIDTH + GAP_X / 2,
                    lanes_end - top + 28 + GAP_X / 4,
                )),
                class: "lane-title",
                text: lane.title.as_str().into(),
                text_at: (x, top - 10),
                columns: BOX_COLUMNS,
            });
        }
        self.times(cluster, top);
        for node in &cluster.loose {
            match node.class {
                NodeClass::Commit => {
                    let at = (lane_x(lane_count), top + node.place.row * ROW);
                    self.put_at(node, at, (SMALL_WIDTH, 0), BOX_COLUMNS);
                }
                _ => self.put(node, lane_x(0), top, WIDE_WIDTH, WIDE_COLUMNS),
            }
        }
        self.height = self.bottom(first_box, top) + GAP_Y;
    }

    /// Beside each row when its first iteration began, counted from the first of all.
    fn times(&mut self, cluster: &Cluster, top: u32) {
        let of = |(lane, at): &(usize, usize)| {
            let node = &cluster.lanes[*lane].nodes[*at];
            Some((node.place.row, node.facts.started_at?))
        };
        let mut first = None;
        let mut below = 0;
        for (row, at) in cluster.order.iter().filter_map(of) {
            let since = at.signed_duration_since(*first.get_or_insert(at)).num_milliseconds();
            if row >= below {
                below = row + 1;
                self.areas.push(Area {
                    frame: None,
                    class: "note",
                    text: format!("+{}", duration_ms(u64::try_from(since).unwrap_or(0))).into(),
                    text_at: (MARGIN, top + row * ROW + PAD + LINE - 4),
                    columns: 11,
                });
            }
        }
    }

    fn add_tasks(&mut self, cluster: &'a Cluster) {
        self.title(cluster);
        let top = self.height + HEAD / 2;
        let first_box = self.boxes.len();
        let (mut depth, mut line, mut across) = (0, 0, 0);
        for node in cluster.nodes() {
            if node.place.row > depth || across == TASKS_ACROSS {
                (depth, line, across) = (node.place.row, line + u32::from(across > 0), 0);
            }
            let x = MARGIN + across * (BOX_WIDTH + GAP_X);
            self.put_at(node, (x, top + line * ROW), (BOX_WIDTH, BOX_HEIGHT), BOX_COLUMNS);
            across += 1;
        }
        self.height = self.bottom(first_box, top) + GAP_Y;
    }

    /// A node in a column, in its rows.
    fn put(&mut self, node: &'a Node, x: u32, top: u32, width: u32, columns: usize) {
        let rows = node.place.last_row.saturating_sub(node.place.row);
        let height = rows * ROW + BOX_HEIGHT;
        self.put_at(node, (x, top + node.place.row * ROW), (width, height), columns);
    }

    fn put_at(&mut self, node: &'a Node, (x, y): (u32, u32), (width, height): (u32, u32), columns: usize) {
        let lines = u32::try_from(node.label.len()).unwrap_or(0);
        let height = height.max(2 * PAD + lines * LINE);
        self.width = self.width.max(x + width + MARGIN);
        self.boxes.push(Placed { node, x, y, width, height, columns });
    }

    fn bottom(&self, first_box: usize, top: u32) -> u32 {
        self.boxes[first_box..].iter().map(|placed| placed.y + placed.height).max().unwrap_or(top)
    }

    /// The box of a key; none where there is no such node.
    pub(super) fn of_key(&self, key: NodeKey) -> Option<&Placed<'a>> {
        self.by_key.get(&key).map(|at| &self.boxes[*at])
    }
}

fn lane_x(number: u32) -> u32 {
    MARGIN + GUTTER + number * (BOX_WIDTH + GAP_X)
}
