//! Headless Chromium, for tests of what hew draws: found, or the test is skipped (see [`tool`](crate::tool)).
//!
//! Scripts in `hew-testkit/browser` drive it. They open files and text, and no page of theirs reaches a network.

#![expect(clippy::missing_panics_doc, reason = "a stage that can not be set ends the test")]

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::tool::{on_path, skip, tool};

/// What starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    node: PathBuf,
    chromium: PathBuf,
    tools: PathBuf,
}

/// A mermaid text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mermaid {
    /// What it is called.
    pub name: String,
    /// The text.
    pub text: String,
    /// Where its picture goes.
    pub screenshot: Option<PathBuf>,
}

/// What mermaid made of a text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DrawnMermaid {
    /// What it is called.
    pub name: String,
    /// Why it was not drawn.
    pub error: Option<String>,
    /// The words of its nodes, edges and frames.
    pub labels: Vec<String>,
}

/// What the browser made of an SVG file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OpenedSvg {
    /// The file.
    pub file: PathBuf,
    /// Why it is none.
    pub error: Option<String>,
    /// Its texts.
    pub texts: Vec<String>,
    /// The first texts that leave the picture.
    pub outside: Vec<String>,
    /// The first texts that lie on each other.
    pub overlapping: Vec<(String, String)>,
}

/// What axe found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Violation {
    /// The rule.
    pub id: String,
    /// `serious` or `critical`.
    pub impact: String,
    /// The rule in words.
    pub help: String,
    /// `light` or `dark`.
    pub scheme: String,
    /// The first places.
    #[serde(rename = "where")]
    pub places: Vec<String>,
}

/// The text that a page shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Texts {
    /// With JavaScript.
    pub script: String,
    /// Without it.
    pub plain: String,
}

/// What the browser made of an HTML file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OpenedPage {
    /// Milliseconds from asking for it until it was painted.
    pub load_ms: f64,
    /// What keeps people from using it.
    pub violations: Vec<Violation>,
    /// What it shows.
    pub texts: Texts,
    /// What the module answered that drove it.
    pub driven: Value,
    /// Errors and warnings of its console.
    pub console: Vec<String>,
    /// Every address that it asked for, its own too.
    pub requests: Vec<String>,
}

/// What is to be done with an HTML file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageVisit {
    /// The file.
    pub file: PathBuf,
    /// Folder for `light.png`, `dark.png`, `narrow.png`, `print.png` and `no-javascript.png`.
    pub screenshots: Option<PathBuf>,
    /// A module that drives the page: its default export is called with playwright's page and with what is given.
    pub drive: Option<PathBuf>,
    /// What the module is given.
    pub given: Value,
}

impl Browser {
    /// What this machine has. Where something is missing one line says so and the test is to end, unless
    /// `HEW_REQUIRE_TOOLS=1`.
    pub fn find() -> Option<Self> {
        let chromium = tool("chromium", "HEW_TEST_CHROMIUM")?;
        let tools = env::var_os("HEW_TEST_BROWSER_TOOLS").map(PathBuf::from);
        let Some(tools) = tools.filter(|folder| folder.join("node_modules/playwright-core").is_dir()) else {
            skip(
                "playwright-core, mermaid and axe-core (HEW_TEST_BROWSER_TOOLS names the folder of their node_modules)",
            );
            return None;
        };
        Some(Self { node: on_path("node")?, chromium, tools })
    }

    /// What the real mermaid makes of these texts, in their order. Panics if the page asked a network for something.
    pub fn mermaid(&self, texts: &[Mermaid]) -> Vec<DrawnMermaid> {
        let picture =
            |text: &Mermaid| json!({"name": text.name, "text": text.text, "screenshot": text.screenshot});
        let pictures: Vec<Value> = texts.iter().map(picture).collect();
        let mut answer = self.run(&script("mermaid.mjs"), &json!({ "pictures": pictures }));
        assert_eq!(answer["requests"], json!([]), "a picture needs no network");
        serde_json::from_value(answer["pictures"].take()).expect("the script answers in this form")
    }

    /// What the browser makes of these SVG files, in their order; pictures in light and dark go to a folder. Panics if
    /// one asked for anything besides itself, or complained.
    pub fn svg(&self, files: &[PathBuf], screenshots: Option<&Path>) -> Vec<OpenedSvg> {
        let mut answer = self.run(&script("svg.mjs"), &json!({"files": files, "screenshots": screenshots}));
        let own: Vec<String> = files.iter().map(|file| format!("file://{}", file.display())).collect();
        assert_eq!((&answer["requests"], &answer["console"]), (&json!(own), &json!([])));
        serde_json::from_value(answer["files"].take()).expect("the script answers in this form")
    }

    /// What the browser makes of an HTML file.
    pub fn open(&self, visit: &PageVisit) -> OpenedPage {
        let PageVisit { file, screenshots, drive, given } = visit;
        let request = json!({"file": file, "screenshots": screenshots, "drive": drive, "given": given});
        serde_json::from_value(self.run(&script("page.mjs"), &request))
            .expect("the script answers in this form")
    }

    /// What a script of the form that `chromium.mjs` describes answers.
    pub fn run(&self, script: &Path, request: &Value) -> Value {
        let mut node = Command::new(&self.node);
        node.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        node.env("HEW_TEST_CHROMIUM", &self.chromium).env("HEW_TEST_BROWSER_TOOLS", &self.tools);
        let mut child = node.spawn().expect("node can be run");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A script that has ended before says why on its standard error.
        let _ = stdin.write_all(request.to_string().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("node can be waited for");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", script.display());
        serde_json::from_slice(&output.stdout).expect("a script answers in JSON")
    }
}

/// A script of this package.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser").join(name)
}

/// A folder in the target folder for pictures that a person looks at, empty.
pub fn pictures(name: &str) -> PathBuf {
    let own = env::current_exe().expect("a test knows its own program");
    let target = own.ancestors().nth(3).expect("tests are at <target>/<profile>/deps");
    let folder = target.join("pictures").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Graphviz's `dot`, if it is there. Without it the test says so and is over, unless `HEW_REQUIRE_TOOLS=1`.
pub fn graphviz() -> Option<PathBuf> {
    on_path("dot")
}
