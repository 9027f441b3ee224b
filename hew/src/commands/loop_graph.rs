//! `hew loop graph`.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::path::Path;

use hew_core::ids::TaskId;
use hew_core::output::Output;
use hew_core::record::view::RunView;
use hew_core::render::graph::ascii::Look;
use hew_core::render::graph::runs::{self, RunPicture};
use hew_core::render::graph::tasks::{self, TaskEdge};
use hew_core::render::graph::{Graph, GraphJson, ascii, dot, mermaid, svg};
use hew_core::render::text::visible_json;
use hew_core::tracker::{DependencyKind, TaskFilter};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::named_file;
use super::past_runs::{self, RunWithRows, Shown};
use crate::adapters::project::Project;
use crate::adapters::run_index;
use crate::cli::loop_args::{GraphArgs, GraphFormat};
use crate::failure::{Failure, code};
use crate::ui::Ui;
use crate::ui::terminal::Stream;

/// What names of files end with, for people.
const KNOWN_ENDINGS: &str = ".md, .mmd and .mermaid, .dot and .gv, .svg, .json, .txt";

/// A picture in a form of text.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct GraphText {
    /// The text, in the form that was asked for.
    text: String,
}

impl Output for GraphText {
    const KIND: &'static str = "graph_text";
}

/// A picture that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct GraphWritten<'a> {
    /// The picture.
    file: &'a Path,
    /// Its size.
    bytes: u64,
}

impl Output for GraphWritten<'_> {
    const KIND: &'static str = "graph_written";
}

/// A run as a picture.
pub fn run(args: &GraphArgs, ui: &Ui) -> Result<u8, Failure> {
    run_in(&Project::discover_to_look()?, args, ui)
}

/// The same in a project that is known.
pub(crate) fn run_in(project: &Project, args: &GraphArgs, ui: &Ui) -> Result<u8, Failure> {
    let out = args.out.as_deref().filter(|path| *path != Path::new("-"));
    let format = match args.format {
        Some(format) => format,
        None => usual_format(out, ui)?,
    };
    let shown = if args.tasks { Shown::All } else { Shown::Iterations };
    let runs = if args.all {
        let all = past_runs::open_all_with_rows(project, shown, ui)?;
        if all.is_empty() {
            return Err(run_index::none_yet());
        }
        all
    } else {
        vec![past_runs::open_with_rows(project, args.run.run_id.as_deref(), shown, ui)?]
    };
    let graph = if args.tasks { task_graph(project, &runs, ui) } else { run_graph(runs) };
    let text = || match format {
        GraphFormat::Ascii => ascii::render(&graph, Look::PLAIN),
        GraphFormat::Mermaid => mermaid_text(&graph, ui),
        GraphFormat::Dot => dot::render(&graph),
        GraphFormat::Svg => svg::render(&graph),
        GraphFormat::Json => json_line(&graph),
    };
    match out {
        Some(path) => write(path, &fenced(path, format, &text()), ui)?,
        None if ui.is_json() && format != GraphFormat::Json => {
            ui.print_output(&GraphText { text: text() });
        }
        None => match format {
            GraphFormat::Ascii => print_ascii(&graph, ui),
            GraphFormat::Mermaid => print_mermaid(&graph, ui),
            _ => ui.print_unstyled_in_pieces(|out| out.write_str(&text())),
        },
    }
    past_runs::leave_to_exit(graph);
    Ok(code::OK)
}

fn json_line(graph: &Graph) -> String {
    let line = serde_json::to_string(&GraphJson::of(graph)).expect("a graph's objects have string keys");
    visible_json(line) + "\n"
}

/// The format where none is named.
fn usual_format(out: Option<&Path>, ui: &Ui) -> Result<GraphFormat, Failure> {
    let ending = out.and_then(Path::extension).map(|ending| ending.to_string_lossy().to_lowercase());
    Ok(match ending.as_deref() {
        Some("md" | "mmd" | "mermaid") => GraphFormat::Mermaid,
        Some("dot" | "gv") => GraphFormat::Dot,
        Some("svg") => GraphFormat::Svg,
        Some("json") => GraphFormat::Json,
        None if ui.is_json() && out.is_none() => GraphFormat::Json,
        None | Some("txt") => GraphFormat::Ascii,
        Some(other) => {
            return Err(Failure::usage(format!(
                "there is no graph format for a name that ends with .{other}"
            ))
            .because(format!("known are {KNOWN_ENDINGS}"))
            .hint("hew loop graph --format FORMAT --out PATH"));
        }
    })
}

fn run_graph(runs: Vec<RunWithRows>) -> Graph {
    let picture = |(run, rows): RunWithRows| RunPicture::of(run.id, run.state, run.view, rows);
    runs::graph(runs.into_iter().map(picture))
}

fn task_graph(project: &Project, runs: &[RunWithRows], ui: &Ui) -> Graph {
    let views: Vec<&RunView> = runs.iter().map(|(run, _)| &run.view).collect();
    tasks_of(Context::of(project.clone(), &[]).as_ref(), &views, ui)
}

/// The tasks of these views with what they depend on, as far as the tracker can be asked, for which settings are needed.
pub(crate) fn tasks_of(context: Result<&Context, &Failure>, views: &[&RunView], ui: &Ui) -> Graph {
    let warn = |failure: &Failure| {
        ui.warn(&format!("the tracker was not asked for dependencies: {failure}"));
    };
    let edges = match context {
        Ok(context) => tracker_edges(context, views).inspect_err(warn).unwrap_or_default(),
        Err(failure) => {
            warn(failure);
            Vec::new()
        }
    };
    tasks::graph(views, &edges)
}

/// What the tracker knows of dependencies among the tasks of these runs.
fn tracker_edges(context: &Context, views: &[&RunView]) -> Result<Vec<TaskEdge>, Failure> {
    let touched = views.iter().flat_map(|view| view.tasks.keys());
    let left = views.iter().flat_map(|view| view.leftovers.iter().map(|left| &left.task));
    let ids: BTreeSet<&TaskId> = touched.chain(left).collect();
    let Some(tracker) = context.open_tracker_if_there()? else { return Ok(Vec::new()) };
    // One look at all of them: a tracker may start a program for each task that it is asked for alone.
    let all = TaskFilter { all: true, ..TaskFilter::default() };
    let tasks = tracker.tasks.list(&all).map_err(|error| Failure::failed(error.to_string()))?;
    let mut edges = Vec::new();
    for task in tasks.into_iter().filter(|task| ids.contains(&task.id)) {
        let waits = task.dependencies.into_iter().filter(|edge| {
            use DependencyKind::{Blocks, ConditionalBlocks, WaitsFor};
            matches!(edge.kind, Blocks | ConditionalBlocks | WaitsFor) && ids.contains(&edge.on)
        });
        edges.extend(waits.map(|edge| TaskEdge { task: task.id.clone(), on: edge.on }));
    }
    Ok(edges)
}

fn mermaid_text(graph: &Graph, ui: &Ui) -> String {
    let text = mermaid::render(graph);
    warn_of_size(graph, text.chars().count(), ui);
    text
}

/// As it is made. Styles that nobody would see are left out at once.
fn print_ascii(graph: &Graph, ui: &Ui) {
    let has_styles = Stream::Stdout.has_colour();
    let look = Look { columns: Stream::Stdout.columns_or_any(), has_styles };
    let write = |out: &mut dyn Write| ascii::write(graph, look, out);
    if has_styles {
        ui.print_in_pieces(write);
    } else {
        ui.print_unstyled_in_pieces(write);
    }
}

/// As it is made.
fn print_mermaid(graph: &Graph, ui: &Ui) {
    let mut chars = 0;
    ui.print_unstyled_in_pieces(|out| mermaid::write(graph, &mut CountChars { out, chars: &mut chars }));
    warn_of_size(graph, chars, ui);
}

fn warn_of_size(graph: &Graph, chars: usize, ui: &Ui) {
    if graph.edges.len() > mermaid::MAX_EDGES || chars > mermaid::MAX_CHARS {
        ui.warn(
            "this is more than mermaid draws by default: raise maxEdges and maxTextSize, or use --format svg",
        );
    }
}

struct CountChars<'a> {
    out: &'a mut dyn Write,
    chars: &'a mut usize,
}

impl Write for CountChars<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        *self.chars += text.chars().count();
        self.out.write_str(text)
    }
}

/// Mermaid in a Markdown file is fenced.
fn fenced(path: &Path, format: GraphFormat, text: &str) -> String {
    let is_markdown = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("md"));
    if is_markdown && format == GraphFormat::Mermaid {
        return format!("```mermaid\n{text}```\n");
    }
    text.to_owned()
}

fn write(path: &Path, text: &str, ui: &Ui) -> Result<(), Failure> {
    named_file::replace(path, |out| out.write_all(text.as_bytes()))?;
    if ui.is_json() {
        ui.print_output(&GraphWritten { file: path, bytes: text.len() as u64 });
    } else {
        ui.say(&format!("wrote {}", path.display()));
    }
    Ok(())
}
