//! The tools that an agent used, in bounded memory.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::failure::one_line;
use super::lenient::lenient;
use super::{ToolCall, ToolReach};

/// Most tool calls that are kept.
const MAX_CALLS: usize = 500;
/// Most characters of what one was used on.
const MAX_DETAIL: usize = 200;
/// Most bytes of a call that may reach out of the worktree.
const MAX_REACH: usize = 64 * 1024;
/// Most bytes of all of them.
const MAX_REACHES: usize = 1024 * 1024;

/// Tool calls, with what is needed to mark one as failed later.
#[derive(Debug, Default)]
pub(super) struct Calls {
    kept: Vec<ToolCall>,
    places: BTreeMap<String, usize>,
    reaches: Vec<ToolReach>,
    reach_bytes: usize,
}

impl Calls {
    /// A tool is used; a call that is known already is no new one.
    pub(super) fn begin(&mut self, id: Option<&str>, name: &str, detail: &str) {
        let is_known = id.is_some_and(|id| self.places.contains_key(&key(id)));
        if !is_known {
            self.keep_reach(name, detail);
        }
        if is_known || self.kept.len() >= MAX_CALLS {
            return;
        }
        if let Some(id) = id {
            self.places.insert(key(id), self.kept.len());
        }
        let (name, detail) = (one_line(name, MAX_DETAIL), one_line(detail, MAX_DETAIL));
        self.kept.push(ToolCall { name, detail, failed: false });
    }

    /// It failed, or was denied.
    pub(super) fn fail(&mut self, id: Option<&str>) {
        let place = id.and_then(|id| self.places.get(&key(id)));
        if let Some(call) = place.and_then(|place| self.kept.get_mut(*place)) {
            call.failed = true;
        }
    }

    /// The calls, and those that may reach out of the worktree.
    pub(super) fn finish(self) -> (Vec<ToolCall>, Vec<ToolReach>) {
        (self.kept, self.reaches)
    }

    /// Where a path begins at the root, in a variable, or further up, it may lead out of the folder.
    fn keep_reach(&mut self, name: &str, detail: &str) {
        let bytes = name.len() + detail.len();
        let may_lead_out = ["/", "$", "~"].iter().any(|start| detail.contains(start));
        if !may_lead_out || detail.len() > MAX_REACH || self.reach_bytes + bytes > MAX_REACHES {
            return;
        }
        let reach = ToolReach { tool: name.to_owned(), detail: detail.to_owned() };
        if self.reaches.last() != Some(&reach) {
            self.reach_bytes += bytes;
            self.reaches.push(reach);
        }
    }
}

fn key(id: &str) -> String {
    id.chars().take(MAX_DETAIL).collect()
}

/// What a tool's input is about: its command, path or pattern, else all of it.
pub(crate) fn detail_of(input: &str) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Input {
        #[serde(deserialize_with = "lenient")]
        command: Option<String>,
        #[serde(deserialize_with = "lenient")]
        file_path: Option<String>,
        #[serde(deserialize_with = "lenient")]
        notebook_path: Option<String>,
        #[serde(deserialize_with = "lenient")]
        pattern: Option<String>,
        #[serde(deserialize_with = "lenient")]
        path: Option<String>,
        #[serde(deserialize_with = "lenient")]
        url: Option<String>,
        #[serde(deserialize_with = "lenient")]
        query: Option<String>,
        #[serde(deserialize_with = "lenient")]
        description: Option<String>,
        #[serde(deserialize_with = "lenient")]
        prompt: Option<String>,
    }
    let found: Input = serde_json::from_str(input).unwrap_or_default();
    let words = [
        found.command,
        found.file_path,
        found.notebook_path,
        found.pattern,
        found.path,
        found.url,
        found.query,
        found.description,
        found.prompt,
    ];
    words.into_iter().flatten().next().unwrap_or_else(|| input.to_owned())
}
