//! What a tool call reaches for. Reading is no evidence: a person may change at the same time what an agent looks at.

use std::path::{Path, PathBuf};

use super::claim::{Claim, Place};
use super::evidence::Evidence;
use super::script::{self, Part};
use crate::agent::ToolReach;

/// Words in the names of tools that only look.
const LOOKING: [&str; 12] =
    ["read", "grep", "glob", "list", "ls", "search", "view", "fetch", "web", "todo", "get", "find"];

/// Programs that only look at what they are given.
const READERS: [&str; 56] = [
    "[",
    "[[",
    "ag",
    "awk",
    "basename",
    "bat",
    "cat",
    "cd",
    "cmp",
    "column",
    "comm",
    "cut",
    "date",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "egrep",
    "export",
    "false",
    "fd",
    "fgrep",
    "file",
    "git",
    "grep",
    "head",
    "hew",
    "hexdump",
    "jq",
    "less",
    "ls",
    "md5sum",
    "more",
    "nl",
    "od",
    "popd",
    "printf",
    "ps",
    "pushd",
    "pwd",
    "readlink",
    "realpath",
    "rg",
    "sha256sum",
    "sleep",
    "sort",
    "source",
    "stat",
    "strings",
    "tail",
    "test",
    "tree",
    "true",
    "type",
    "wc",
];

/// Programs that change what they are given, and all that lies below it.
const WRITERS: [&str; 16] = [
    "chmod", "chown", "dd", "install", "ln", "mkdir", "mv", "patch", "rm", "rmdir", "rsync", "shred", "tar",
    "tee", "touch", "truncate",
];

/// Programs whose last path is written and whose others are read.
const COPIERS: [&str; 5] = ["cp", "install", "ln", "rsync", "scp"];

/// Words before a program that are no program of interest themselves.
const WRAPPERS: [&str; 10] =
    ["command", "env", "exec", "nice", "nohup", "stdbuf", "sudo", "time", "timeout", "xargs"];

/// How deep a shell in a shell is looked into.
const MAX_DEPTH: u32 = 4;

/// What tool calls reach for outside the worktree.
pub fn claims_of_tools(calls: &[ToolReach], place: &Place) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for call in calls {
        let found =
            of_call(call, place).into_iter().filter(|claim| !claims.contains(claim)).collect::<Vec<_>>();
        claims.extend(found);
    }
    claims
}

fn of_call(call: &ToolReach, place: &Place) -> Vec<Claim> {
    let name = call.tool.to_ascii_lowercase();
    if LOOKING.iter().any(|word| name.contains(word)) {
        return Vec::new();
    }
    let evidence = Evidence::tool(&call.tool, &call.detail);
    let detail = expanded(&call.detail, place);
    let claim = |reach| Claim { reach, evidence: evidence.clone() };
    let paths = edited(&name, &detail);
    if !paths.is_empty() {
        return paths.iter().filter_map(|path| place.reach_of(Path::new(path), false)).map(claim).collect();
    }
    let mut found = Vec::new();
    of_script(&detail, place, &mut place.worktree.clone(), &mut found, 0);
    let reached = found.into_iter().filter_map(|touch| place.reach_of(&touch.path, touch.below));
    reached.map(claim).collect()
}

/// The paths of a tool that edits files; none where it is given something else.
fn edited(tool: &str, detail: &str) -> Vec<String> {
    if tool == "file_change" {
        // `add /p/a, update /p/b`
        let paths = detail.split(", ").filter_map(|change| change.split_once(' '));
        return paths.map(|(_, path)| path.to_owned()).collect();
    }
    let is_editor = ["edit", "write", "create", "replace", "patch"].iter().any(|word| tool.contains(word));
    if is_editor && !detail.contains('\n') { vec![detail.to_owned()] } else { Vec::new() }
}

/// The names by which an agent knows the checkout.
fn expanded(text: &str, place: &Place) -> String {
    let checkout = place.checkout.to_string_lossy();
    text.replace("${HEW_PROJECT}", &checkout).replace("$HEW_PROJECT", &checkout)
}

/// A path that a command changes, or may change.
struct Touch {
    path: PathBuf,
    below: bool,
}

fn of_script(text: &str, place: &Place, folder: &mut PathBuf, found: &mut Vec<Touch>, depth: u32) {
    for part in script::parts(text) {
        of_part(&part, place, folder, found, depth);
    }
}

fn of_part(part: &Part, place: &Place, folder: &mut PathBuf, found: &mut Vec<Touch>, depth: u32) {
    found.extend(part.outputs.iter().map(|path| Touch { path: folder.join(path), below: false }));
    let words = without_wrappers(&part.words);
    let Some((program, args)) = words.split_first() else { return };
    let program = program.rsplit('/').next().unwrap_or(program);
    if let Some(inner) = shell_script(program, args) {
        if depth < MAX_DEPTH {
            of_script(inner, place, &mut folder.clone(), found, depth + 1);
        }
        return;
    }
    if let ("cd" | "pushd", Some(to)) = (program, args.iter().find(|arg| !arg.starts_with('-'))) {
        *folder = folder.join(to);
        return;
    }
    let in_place =
        args.iter().any(|arg| arg.starts_with("-i") || arg.starts_with("--in-place") || arg == "-pi");
    let edits = matches!(program, "sed" | "perl") && in_place;
    let deletes = program == "find" && args.iter().any(|arg| arg == "-delete" || arg.starts_with("-exec"));
    if (READERS.contains(&program) || matches!(program, "sed" | "find")) && !edits && !deletes {
        return;
    }
    let below = edits || deletes || WRITERS.contains(&program) || COPIERS.contains(&program);
    // A program that nobody knows is given words, too.
    let is_path = |arg: &&String| !arg.starts_with('-') && (below || arg.contains('/'));
    let paths: Vec<&String> = args.iter().filter(is_path).collect();
    let written =
        if COPIERS.contains(&program) { paths.last().copied().into_iter().collect() } else { paths };
    for path in written {
        // `dd of=FILE`
        let path = path.strip_prefix("of=").unwrap_or(path);
        found.push(Touch { path: folder.join(path), below });
    }
}

/// The words from the program on.
fn without_wrappers(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some(first) = rest.first() {
        let is_assignment = first.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        let is_wrapper = WRAPPERS.contains(&first.rsplit('/').next().unwrap_or(first));
        let is_its_flag =
            rest.len() < words.len() && (first.starts_with('-') || first.chars().all(|c| c.is_ascii_digit()));
        if !is_assignment && !is_wrapper && !is_its_flag {
            break;
        }
        rest = &rest[1..];
    }
    rest
}

/// What a shell is told to run by `-c`, in any cluster of flags.
fn shell_script<'a>(program: &str, args: &'a [String]) -> Option<&'a str> {
    if !matches!(program, "sh" | "bash" | "zsh" | "dash" | "ksh") {
        return None;
    }
    let at =
        args.iter().position(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('c'))?;
    args.get(at + 1).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::claim::Reach;

    fn reached(tool: &str, detail: &str) -> Vec<String> {
        let place = Place {
            worktree: "/h/wt/r/0".into(),
            checkout: "/p".into(),
            common_dir: "/p/.git".into(),
            is_cloned: false,
        };
        let call = ToolReach { tool: tool.to_owned(), detail: detail.to_owned() };
        let words = claims_of_tools(&[call], &place).into_iter().map(|claim| match claim.reach {
            Reach::File(path) => path,
            Reach::Below(path) => format!("{path}/"),
            other => format!("{other:?}"),
        });
        words.collect()
    }

    #[test]
    fn what_writes_is_evidence_for_what_it_names() {
        let cases: [(&str, &str, &[&str]); 16] = [
            ("Write", "/p/a b", &["a b"]),
            ("Edit", "/h/wt/r/0/a", &[]),
            ("file_change", "add /p/new, update src/a", &["new"]),
            ("Bash", "echo hi > /p/README.md", &["README.md"]),
            ("Bash", "cd /p && echo hi >> README.md", &["README.md"]),
            ("Bash", "cd /p/src; rm -rf gen", &["src/gen/"]),
            ("Bash", "echo x > \"$HEW_PROJECT/x\"", &["x"]),
            ("Bash", "cp /p/a . && cp a /p/b", &["b/"]),
            ("Bash", "sed -i s/a/b/ /p/a", &["a/"]),
            ("Bash", "FOO=1 sudo -n tee /p/t < in", &["t/"]),
            ("command_execution", "/bin/bash -lc 'cd /p && touch made'", &["made/"]),
            ("command_execution", "bash -lc \"sh -c 'echo x > /p/deep'\"", &["deep"]),
            ("Bash", "echo x > ../../../../p/up", &["up"]),
            ("Bash", "python3 /p/gen.py", &["gen.py"]),
            ("Bash", "echo '#!/bin/sh' > /p/.git/hooks/pre-commit", &["Hook(\"pre-commit\")"]),
            ("mcp__fs__write_file", "/p/m", &["m"]),
        ];
        for (tool, detail, expected) in cases {
            assert_eq!(reached(tool, detail), expected, "{tool} {detail}");
        }
    }

    #[test]
    fn what_only_reads_is_no_evidence() {
        for (tool, detail) in [
            ("Read", "/p/a"),
            ("Grep", "/p"),
            ("Bash", "cat /p/a | head"),
            ("Bash", "cd /p && cargo test"),
            ("Bash", "git -C /p commit -am x"),
            ("Bash", "grep -r x /p > out"),
            ("Bash", "sed -n 1,5p /p/a"),
            ("Bash", "cat <<END\nrm -rf /p\nEND"),
            ("WebFetch", "https://x/p"),
        ] {
            assert_eq!(reached(tool, detail), [""; 0], "{tool} {detail}");
        }
    }
}
