//! What a tool call reaches for. Reading is no evidence: a person may change at the same time what an agent looks at.

use std::path::{Path, PathBuf};

use super::claim::{Claim, Place, Reach};
use super::evidence::Evidence;
use super::script::{self, Part};
use super::tar;
use crate::agent::ToolReach;

/// Words in the names of tools that only look.
const LOOKING: [&str; 12] =
    ["read", "grep", "glob", "list", "ls", "search", "view", "fetch", "web", "todo", "get", "find"];

/// Programs that change what they are given, and all that lies below it, with the flags whose value they only read.
const WRITERS: [(&str, &[&str]); 11] = [
    ("chmod", &[]),
    ("chown", &[]),
    ("dd", &[]),
    ("mkdir", &["-m", "--mode"]),
    ("patch", &["-i", "--input"]),
    ("rm", &[]),
    ("rmdir", &[]),
    ("shred", &["-n", "-s", "--random-source"]),
    ("tee", &[]),
    ("touch", &["-d", "-r", "-t", "--date", "--reference"]),
    ("truncate", &["-r", "-s", "--reference", "--size"]),
];

/// Programs whose last path is written; `mv` takes the others away, and they only read them otherwise.
const COPIERS: [&str; 6] = ["cp", "install", "ln", "mv", "rsync", "scp"];

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
    let reached = found.into_iter().filter_map(|touch| touch.reach(place));
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
    extent: Extent,
}

/// What of a path is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The file.
    File,
    /// All that lies below it, too.
    Below,
    /// All of it if it is made anew. A folder that is there is none of it: what comes into it has a name of its own.
    IfNew,
}

impl Touch {
    fn reach(&self, place: &Place) -> Option<Reach> {
        // That the checkout is there is known; of another folder it is not.
        let is_there = self.extent == Extent::IfNew && place.is_checkout(&self.path);
        if is_there { None } else { place.reach_of(&self.path, self.extent != Extent::File) }
    }
}

fn of_script(text: &str, place: &Place, folder: &mut PathBuf, found: &mut Vec<Touch>, depth: u32) {
    for part in script::parts(text) {
        of_part(&part, place, folder, found, depth);
    }
}

fn of_part(part: &Part, place: &Place, folder: &mut PathBuf, found: &mut Vec<Touch>, depth: u32) {
    found.extend(part.outputs.iter().map(|path| Touch { path: folder.join(path), extent: Extent::File }));
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
    if program == "find" {
        of_find(args, place, folder, found, depth);
        return;
    }
    let written = written(program, args);
    found.extend(written.into_iter().map(|(path, extent)| Touch { path: folder.join(path), extent }));
}

/// The paths that a program changes. A program that nobody knows may as well read what it is given.
fn written(program: &str, args: &[String]) -> Vec<(PathBuf, Extent)> {
    let all_below = |paths: Vec<&str>| paths.into_iter().map(below).collect();
    let is_in_place = |arg: &String| arg.starts_with("-i") || arg.starts_with("--in-place") || arg == "-pi";
    if matches!(program, "sed" | "perl") {
        let edits = args.iter().any(is_in_place);
        return if edits { all_below(paths(args, &["-e", "-f", "--file"])) } else { Vec::new() };
    }
    if program == "tar" {
        let extent = |below| if below { Extent::Below } else { Extent::File };
        return tar::written(args).into_iter().map(|(path, below)| (path.into(), extent(below))).collect();
    }
    if COPIERS.contains(&program) {
        return copied(program, args);
    }
    let Some((_, read)) = WRITERS.iter().find(|(name, _)| *name == program) else { return Vec::new() };
    // `dd if=FILE of=FILE`
    let paths = paths(args, read).into_iter().filter(|path| program != "dd" || path.starts_with("of="));
    all_below(paths.map(|path| path.strip_prefix("of=").unwrap_or(path)).collect())
}

/// Words that are no flags, nor values of these flags.
fn paths<'a>(args: &'a [String], valued: &[&str]) -> Vec<&'a str> {
    let mut is_value = false;
    let words = args.iter().map(String::as_str).filter(|arg| {
        let skip = std::mem::replace(&mut is_value, valued.contains(arg));
        !skip && !arg.starts_with('-')
    });
    words.collect()
}

fn below(path: &str) -> (PathBuf, Extent) {
    (path.into(), Extent::Below)
}

/// Where copies come to: into a folder under their own names, or in place of what is named last.
fn copied(program: &str, args: &[String]) -> Vec<(PathBuf, Extent)> {
    let is_into = |arg: &String| matches!(arg.as_str(), "-t" | "--target-directory");
    let into = args.iter().position(is_into).and_then(|at| args.get(at + 1)).map(String::as_str);
    let into = into.or_else(|| args.iter().find_map(|arg| arg.strip_prefix("--target-directory=")));
    let mut paths = paths(args, &["-e", "-g", "-m", "-o", "-S", "--suffix"]);
    if program == "install" && args.iter().any(|arg| arg == "-d") {
        return paths.into_iter().map(below).collect();
    }
    // A link of the same name, here.
    let into = into.or((program == "ln" && paths.len() == 1).then_some("."));
    let to = match into {
        Some(folder) => {
            paths.retain(|path| *path != folder);
            folder
        }
        None => match paths.pop() {
            Some(last) => last,
            None => return Vec::new(),
        },
    };
    let mut touched: Vec<_> = paths.iter().map(|from| below_as(to, from)).collect();
    if into.is_none() && !matches!(to, "." | "..") {
        touched.push((to.into(), Extent::IfNew));
    }
    if program == "mv" {
        touched.extend(paths.iter().map(|from| below(from)));
    }
    touched
}

/// What comes into a folder of something that is named like this: all of it, where that names no name of its own.
fn below_as(folder: &str, from: &str) -> (PathBuf, Extent) {
    // `rsync a/ /p`, `cp -r a/. /p` and `cp *.rs /p` bring names that stand nowhere.
    let name = from.rsplit('/').next().unwrap_or_default();
    let is_named = !matches!(name, "" | "." | "..") && !name.contains(['*', '?', '[', '{', '$', '`']);
    (if is_named { Path::new(folder).join(name) } else { folder.into() }, Extent::Below)
}

/// What `find` does to what it finds: below the folders that it begins in.
fn of_find(args: &[String], place: &Place, folder: &Path, found: &mut Vec<Touch>, depth: u32) {
    let is_first = |arg: &&String| !matches!(arg.as_str(), "-H" | "-L" | "-P");
    let is_folder = |arg: &&String| !arg.starts_with(['-', '(', '!']);
    let mut starts: Vec<&str> =
        args.iter().filter(is_first).take_while(is_folder).map(String::as_str).collect();
    if starts.is_empty() {
        starts.push(".");
    }
    if args.iter().any(|arg| arg == "-delete") {
        found.extend(starts.iter().map(|start| Touch { path: folder.join(start), extent: Extent::Below }));
    }
    if depth >= MAX_DEPTH {
        return;
    }
    for (at, _) in args
        .iter()
        .enumerate()
        .filter(|(_, arg)| matches!(arg.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir"))
    {
        let command = args[at + 1..].iter().take_while(|arg| !matches!(arg.as_str(), ";" | "+"));
        let command: Vec<&String> = command.collect();
        for start in &starts {
            let words = command.iter().map(|word| word.replace("{}", start)).collect();
            let part = Part { words, outputs: Vec::new() };
            of_part(&part, place, &mut folder.to_owned(), found, depth + 1);
        }
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
        let cases: [(&str, &str, &[&str]); 34] = [
            ("Write", "/p/a b", &["a b"]),
            ("Edit", "/h/wt/r/0/a", &[]),
            ("file_change", "add /p/new, update src/a", &["new"]),
            ("Bash", "echo hi > /p/README.md", &["README.md"]),
            ("Bash", "cd /p && echo hi >> README.md", &["README.md"]),
            ("Bash", "cd /p/src; rm -rf gen", &["src/gen/"]),
            ("Bash", "echo x > \"$HEW_PROJECT/x\"", &["x"]),
            ("Bash", "cp /p/a . && cp a /p/b", &["b/a/", "b/"]),
            ("Bash", "cp src/a /p", &["a/"]),
            ("Bash", "cp src/a b /p/", &["a/", "b/"]),
            ("Bash", "cd /p && cp -r /x/gen .", &["gen/"]),
            ("Bash", "cp -r gen/. /p", &["/"]),
            ("Bash", "cp *.rs /p", &["/"]),
            ("Bash", "rsync -a out/ /p", &["/"]),
            ("Bash", "mv a /p", &["a/"]),
            ("Bash", "mv /p/a .", &["a/"]),
            ("Bash", "sed -i s/a/b/ /p/a", &["a/"]),
            ("Bash", "FOO=1 sudo -n tee /p/t < in", &["t/"]),
            ("command_execution", "/bin/bash -lc 'cd /p && touch made'", &["made/"]),
            ("command_execution", "bash -lc \"sh -c 'echo x > /p/deep'\"", &["deep"]),
            ("Bash", "echo x > ../../../../p/up", &["up"]),
            ("Bash", "find /p/src -name x -exec rm {} +", &["src/"]),
            ("Bash", "find /p/a /p/b -type f -delete", &["a/", "b/"]),
            ("Bash", "find . -exec sh -c 'touch /p/t' \\; -print", &["t/"]),
            ("Bash", "tar -xzf a.tgz -C /p/out", &["out/"]),
            ("Bash", "cd /p && tar xf /x/a.tar", &["/"]),
            ("Bash", "tar -czf /p/all.tgz src", &["all.tgz"]),
            ("Bash", "cp -t /p/dir a b", &["dir/a/", "dir/b/"]),
            ("Bash", "cd /p && ln -s /x/linked", &["linked/"]),
            ("Bash", "dd if=/p/in of=/p/out", &["out/"]),
            ("Bash", "install -m 755 a /p/bin/a", &["bin/a/a/", "bin/a/"]),
            ("Bash", "python3 gen.py > /p/made", &["made"]),
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
            ("Bash", "find /p -name '*.rs' -exec grep -l x {} +"),
            ("Bash", "find /p -type f -exec cp {} . \\;"),
            ("Bash", "find . -exec sed -n 1p /p/a \\; -o -exec wc -l {} ';'"),
            ("Bash", "tar -czf all.tgz /p/src"),
            ("Bash", "tar czf all.tgz -C /p src"),
            ("Bash", "tar -tf /p/a.tar"),
            ("Bash", "tar -xf /p/a.tar"),
            ("Bash", "tar -xOf a.tar -C /p"),
            ("Bash", "python3 /p/gen.py"),
            ("Bash", "node /p/tool.js --config=/p/c.json --root /p"),
            ("Bash", "cargo build --manifest-path /p/Cargo.toml"),
            ("Bash", "touch -r /p/a b"),
            ("Bash", "patch -i /p/x.diff a"),
            ("Bash", "sed -i -f /p/script a"),
            ("Bash", "ln -s /p/a"),
            ("Bash", "dd if=/p/in of=out"),
        ] {
            assert_eq!(reached(tool, detail), [""; 0], "{tool} {detail}");
        }
    }
}
