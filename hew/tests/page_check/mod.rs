//! A page as an independent reader sees it: a strict parser of what hew writes, and what has to hold of every page.

use std::collections::BTreeSet;

use serde_json::Value;

/// Elements without content.
const VOID: [&str; 3] = ["meta", "input", "br"];
/// Elements whose content is no markup.
const RAW: [&str; 2] = ["style", "script"];

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) name: String,
    attrs: Vec<(String, String)>,
    children: Vec<Child>,
}

#[derive(Debug)]
enum Child {
    Element(Node),
    Text(String),
}

impl Node {
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every element of this name within, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&Node> {
        self.find(&|node| node.name == name)
    }

    /// The element with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Node> {
        self.find(&|node| node.attr("id") == Some(id)).first().copied()
    }

    /// Every element within that is meant, in order.
    pub(crate) fn find(&self, is_meant: &dyn Fn(&Node) -> bool) -> Vec<&Node> {
        let mut found = Vec::new();
        for child in &self.children {
            if let Child::Element(node) = child {
                found.extend(is_meant(node).then_some(node));
                found.extend(node.find(is_meant));
            }
        }
        found
    }

    /// All text within.
    pub(crate) fn text(&self) -> String {
        let text = |child: &Child| match child {
            Child::Text(text) => text.clone(),
            Child::Element(node) => node.text(),
        };
        self.children.iter().map(text).collect()
    }
}

/// Parses a page; panics where it is not well-formed.
pub(crate) fn parse(page: &str) -> Node {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("a page begins with its type");
    let mut open = vec![Node::default()];
    while !rest.is_empty() {
        if let Some(closing) = rest.strip_prefix("</") {
            let (name, after) = closing.split_once('>').expect("a tag ends");
            let node = open.pop().expect("the root is never closed");
            assert_eq!(node.name, name, "before {:?}", &after[..after.len().min(80)]);
            open.last_mut().expect("something is open").children.push(Child::Element(node));
            rest = after;
        } else if rest.starts_with('<') {
            let (node, is_empty, after) = tag(rest);
            rest = after;
            if RAW.contains(&node.name.as_str()) {
                let (text, after) = rest.split_once("</").expect("it ends");
                rest = &rest[rest.len() - after.len() - 2..];
                open.push(Node { children: vec![Child::Text(text.to_owned())], ..node });
            } else if is_empty || VOID.contains(&node.name.as_str()) {
                open.last_mut().expect("something is open").children.push(Child::Element(node));
            } else {
                open.push(node);
            }
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            open.last_mut().expect("something is open").children.push(Child::Text(decoded(&rest[..end])));
            rest = &rest[end..];
        }
    }
    assert_eq!(open.len(), 1, "everything is closed: {:?}", open.last().map(|node| &node.name));
    open.remove(0)
}

/// A tag that opens: its element, whether it is closed at once, and what comes after it.
fn tag(text: &str) -> (Node, bool, &str) {
    let mut rest = &text[1..];
    let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').expect("a tag ends");
    let mut node = Node { name: rest[..name_end].to_owned(), ..Node::default() };
    assert!(!node.name.is_empty(), "no tag: {:?}", &text[..text.len().min(80)]);
    rest = &rest[name_end..];
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return (node, true, after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (node, false, after);
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-:".contains(c)).expect("a tag ends");
        assert!(end > 0, "no attribute: {:?}", &rest[..rest.len().min(80)]);
        let name = rest[..end].to_owned();
        assert!(node.attr(&name).is_none(), "{name} is there twice");
        rest = &rest[end..];
        let value = match rest.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').expect("an attribute ends");
                rest = after;
                decoded(value)
            }
            None => String::new(),
        };
        node.attrs.push((name, value));
    }
}

/// Text with its entities resolved; panics at an ampersand or bracket that is not written as one.
fn decoded(text: &str) -> String {
    assert!(!text.contains('<'), "{text:?}");
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (entity, after) = after.split_once(';').expect("an entity ends");
        out.push_str(before);
        out.push_str(match entity {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "#39" => "'",
            other => panic!("the entity {other}"),
        });
        rest = after;
    }
    out + rest
}

/// Nothing is loaded, nothing is there twice, no control character is left, headings are in order.
pub(crate) fn assert_self_contained(page: &str, root: &Node) {
    let loads = ["src", "srcset", "action", "data", "poster", "background"];
    let mut ids = BTreeSet::new();
    for node in root.find(&|_| true) {
        let foreign = ["link", "img", "iframe", "object", "embed", "video", "audio", "base", "form"];
        assert!(!foreign.contains(&node.name.as_str()), "{}", node.name);
        for (name, value) in &node.attrs {
            assert!(!loads.contains(&name.as_str()) && !name.starts_with("on"), "{name}={value}");
            let is_link = name.ends_with("href");
            assert!(!is_link || value.starts_with('#'), "{name}={value}");
            let is_id = name == "id";
            assert!(!is_id || ids.insert(value.clone()), "the id {value} is there twice");
        }
    }
    let style: String = root.all("style").iter().map(|node| node.text()).collect();
    for (at, _) in style.match_indices("url(") {
        assert!(style[at..].starts_with("url(#"), "{}", &style[at..at + 40]);
    }
    let allowed = page.replace("http://www.w3.org/2000/svg", "");
    for word in ["http://", "https://", "@import", "//cdn"] {
        assert!(!allowed.contains(word), "{word}");
    }
    let odd = page.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t');
    assert_eq!(odd, None);
    assert!(!page.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}']));
    let headings = root.find(&|node| ["h1", "h2", "h3"].contains(&node.name.as_str()));
    let mut level = 0;
    for heading in headings {
        let own = heading.name[1..].parse::<u8>().expect("a heading has a level");
        assert!(own <= level + 1, "{}", heading.text());
        level = own;
    }
    assert_eq!((root.all("h1").len(), root.all("main").len()), (1, 1));
    for table in root.all("table") {
        assert_eq!(table.all("caption").len(), 1);
        assert!(table.all("th").iter().all(|cell| cell.attr("scope").is_some()));
    }
}

/// A figure that is named by its path in the summary's JSON.
fn at_path<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, name| &value[name])
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// The figures of a row's cells, in order; none for a cell without one.
fn figures(row: &Node) -> Vec<Option<f64>> {
    row.all("td").iter().filter_map(|cell| cell.attr("data-v")).map(number).collect()
}

/// Every figure of a page is the one of the summary's JSON.
pub(crate) fn assert_figures(root: &Node, summary: &Value) {
    let named = root.find(&|node| node.attr("data-figure").is_some());
    assert!(named.len() >= 5, "{}", named.len());
    for node in named {
        let path = node.attr("data-figure").expect("it was found by it");
        let (shown, meant) = (node.attr("data-v").expect("a figure has a value"), at_path(summary, path));
        if path == "duration_ms" && summary["state"] == "running" {
            // Of a run that lives it is the time up to now, and the summary was made after the page.
            let (shown, meant) = (number(shown).unwrap_or(0.0), meant.as_f64().unwrap_or(0.0));
            assert!(
                shown > 0.0 && (0.0..600_000.0).contains(&(meant - shown)),
                "{path}: {shown} and {meant}"
            );
            continue;
        }
        assert_eq!(number(shown), meant.as_f64(), "{path}");
    }
    assert_needs(root, summary);
    let tasks = root.by_id("tasks").expect("tasks have a section");
    let rows: Vec<&Node> = tasks.all("tbody").iter().flat_map(|body| body.all("tr")).collect();
    let known = summary["tasks"].as_array().expect("the summary has tasks");
    assert_eq!(rows.len(), known.len());
    for row in &rows {
        assert_task(row, known);
    }
    assert_sums(&rows, summary);
    for row in root.find(&|node| node.attr("data-worker").is_some()) {
        let id = number(row.attr("data-worker").expect("it was found by it"));
        let workers = summary["workers"].as_array().expect("the summary has workers");
        let worker = workers.iter().find(|worker| worker["worker"].as_f64() == id).expect("it is known");
        let paths = ["iterations", "closed", "landed", "busy_ms", "tokens.total", "tokens.cost_usd"];
        assert_eq!(figures(row), paths.map(|name| at_path(worker, name).as_f64()));
    }
    for row in root.find(&|node| node.attr("data-model").is_some()) {
        let name = row.attr("data-model").filter(|name| *name != "(default)");
        let models = summary["models"].as_array().expect("the summary has models");
        let model = models.iter().find(|model| model["model"].as_str() == name).expect("it is known");
        let figure = |name| at_path(model, name).as_f64();
        let cached = figure("tokens.cache_read").zip(figure("tokens.cache_create")).map(|(a, b)| a + b);
        let expected = [
            figure("iterations"),
            figure("closed"),
            figure("tokens.input"),
            cached,
            figure("tokens.output"),
            figure("tokens.total"),
            figure("tokens.cost_usd"),
        ];
        assert_eq!(figures(row), expected);
    }
}

/// What needs a person is what the summary says, with the same commands.
fn assert_needs(root: &Node, summary: &Value) {
    let section = root.by_id("needs").expect("needs have a section");
    let commands = |node: &Node| {
        let codes = node.find(&|node| node.attr("class") == Some("command"));
        codes.iter().map(|node| node.text()).collect::<Vec<_>>()
    };
    let left: Vec<String> =
        section.find(&|node| node.attr("class") == Some("left")).into_iter().flat_map(commands).collect();
    let all = commands(section);
    let needs = summary["needs_you"].as_array().expect("the summary has needs");
    let expected: Vec<&str> = needs.iter().filter_map(|need| need["command"].as_str()).collect();
    assert_eq!(all[..all.len() - left.len()], expected);
}

fn assert_task(row: &Node, known: &[Value]) {
    let id = row.all("code")[0].text();
    let task = known.iter().find(|task| task["task"] == id.as_str()).expect("it is known");
    assert_eq!(figures(row)[0], task["attempts"].as_f64(), "{id}");
    let cells = row.all("td");
    let landed = task["landed_sha"].as_str();
    assert!(landed.map_or(cells[1].text() == "–", |sha| sha.starts_with(&cells[1].text())), "{id}");
    let state = task["state"].as_str().expect("a task has a state").replace('_', " ");
    assert!(cells[0].text().ends_with(&state), "{id}: {}", cells[0].text());
    let gate = &task["gate"];
    let proof = cells[2].text();
    assert_eq!(gate.is_null(), proof == "–", "{id}");
    if let Some(tree) = gate["tree_sha"].as_str() {
        assert!(proof.ends_with(&format!("tree {}", &tree[..12])), "{id}: {proof}");
        assert_eq!(proof.contains("green"), gate["green"] == true, "{id}: {proof}");
        let code = gate["exit"]["code"].as_i64().expect("these gates end by themselves");
        assert!(proof.contains(&format!("exit code {code}, ")), "{id}: {proof}");
    }
}

/// What the tasks took adds up to what the run took.
fn assert_sums(rows: &[&Node], summary: &Value) {
    let sum = |column: usize| rows.iter().filter_map(|row| figures(row)[column]).sum::<f64>();
    let busy: f64 = summary["workers"]
        .as_array()
        .expect("the summary has workers")
        .iter()
        .filter_map(|worker| worker["busy_ms"].as_f64())
        .sum();
    assert!((sum(1) - busy).abs() < 0.5, "{} {busy}", sum(1));
    // Planners work for no task.
    let of_tasks = |name: &str| {
        let all = summary["tokens"][name].as_f64().unwrap_or(0.0);
        all - at_path(summary, &format!("helpers.planner.{name}")).as_f64().unwrap_or(0.0)
    };
    assert!((sum(2) - of_tasks("total")).abs() < 0.5, "{} {}", sum(2), of_tasks("total"));
    assert!((sum(3) - of_tasks("cost_usd")).abs() < 1e-6, "{} {}", sum(3), of_tasks("cost_usd"));
}
