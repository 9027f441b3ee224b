//! What README, docs and skills name exists: commands, flags, settings, and the files that they link to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Command, CommandFactory as _, Parser as _};
use hew_core::settings::keys::KEYS;

/// README, the pages that are written by hand, and the texts for agents.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["docs", "skills/core", "skills/data"].map(|name| root.join(name));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("the folder is there"));
    let mut paths: Vec<_> = files.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "md") && !path.ends_with("config.md"));
    paths.push(root.join("README.md"));
    let text = |path: &PathBuf| fs::read_to_string(path).expect("a page can be read");
    paths.into_iter().map(|path| (path.clone(), text(&path))).collect()
}

/// Code in the running text, without blocks of code.
fn code_spans(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|part| part.lines().flat_map(|line| line.split('`').skip(1).step_by(2))).collect()
}

/// What the page names; the test fails with all that is wrong on all pages at once.
fn check_all(what: &str, problem: impl Fn(&Path, &str) -> Vec<String>) {
    let mut problems = Vec::new();
    let mut seen = 0;
    for (path, text) in pages() {
        seen += text.matches(what).count();
        let found = problem(&path, &text).into_iter();
        problems.extend(found.map(|problem| format!("{}: {problem}", path.display())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(seen > 0, "no page has a {what} any more: this test looks for nothing");
}

fn has_long(command: &Command, flag: &str) -> bool {
    let name = flag.trim_start_matches("--");
    name == "help"
        || name == "version"
        || command.get_arguments().any(|arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        })
}

fn any_command_has(command: &Command, flag: &str) -> bool {
    has_long(command, flag) || command.get_subcommands().any(|sub| any_command_has(sub, flag))
}

/// The flag at the beginning of a word, if it is one: `--jobs`, of `[--jobs N]` or `--jobs=2`.
fn flag_of(word: &str) -> Option<&str> {
    let word = word.trim_start_matches('[');
    let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(word.len());
    (word.starts_with("--") && end > 2).then_some(&word[..end])
}

/// What is wrong with a command as it is named, if anything.
fn wrong_command(cli: &Command, span: &str) -> Option<String> {
    let mut command = cli;
    let mut words = span.split_whitespace().skip(1).peekable();
    while let Some(sub) = words.peek().and_then(|word| command.find_subcommand(word)) {
        command = sub;
        words.next();
    }
    let next = words.peek().copied();
    if command.has_subcommands() && next.is_some_and(|word| word.chars().all(|c| c.is_ascii_lowercase())) {
        return Some(format!("`{span}`: no such command"));
    }
    let flags = words.filter_map(flag_of);
    let unknown = flags.filter(|flag| !has_long(command, flag) && !has_long(cli, flag));
    unknown.map(|flag| format!("`{span}`: no flag {flag}")).next()
}

#[test]
fn commands_and_flags_exist() {
    let cli = hew::cli::Cli::command();
    check_all("`hew ", |_, text| {
        let spans = code_spans(text).into_iter();
        spans
            .filter_map(|span| match flag_of(span) {
                Some(flag) => (!any_command_has(&cli, flag)).then(|| format!("no flag {flag}")),
                None if span.starts_with("hew ") => wrong_command(&cli, span),
                None => None,
            })
            .collect()
    });
}

/// Lines of hew in blocks of commands.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```").skip(1).step_by(2).filter(|block| block.starts_with("sh\n"));
    blocks.flat_map(str::lines).filter(|line| line.starts_with("hew "))
}

/// What the parser says against a command line as a shell would pass it, if anything. What is behind a `>`, `<`, `|` or `#` is
/// not hew's.
fn parser_refuses(line: &str) -> Option<String> {
    let line =
        [" > ", " < ", " | ", "  #"].iter().fold(line, |all, end| all.split(end).next().unwrap_or(all));
    let script = format!("hew() {{ printf '%s\\0' \"$@\"; }}; {line}");
    let output = Process::new("sh").args(["-c", &script]).output().expect("there is a shell");
    let words = String::from_utf8(output.stdout).expect("a page is text");
    let words = words.split_terminator('\0');
    let refused = hew::cli::Cli::try_parse_from(std::iter::once("hew").chain(words)).err()?;
    Some(format!("`{line}`: {refused}"))
}

#[test]
fn command_lines_are_taken_by_the_parser() {
    check_all("hew ", |path, text| {
        // An agent runs what it reads, word by word; people's pages leave out parts with "…".
        let is_for_agents = path.components().any(|part| part.as_os_str() == "skills");
        let spans = code_spans(text).into_iter().filter(|span| is_for_agents && span.starts_with("hew "));
        code_lines(text).chain(spans).filter_map(parser_refuses).collect()
    });
}

#[test]
fn settings_exist() {
    let is_key = |name: &str| {
        KEYS.iter().any(|key| match key.name.split_once("<name>") {
            None => key.name == name,
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        })
    };
    let begins_keys = |start: &str| KEYS.iter().any(|key| key.name.starts_with(start));
    check_all("`loop.", |_, text| {
        let spans = code_spans(text)
            .into_iter()
            .filter(|span| span.starts_with("loop.") || span.starts_with("tracker."));
        let names = spans.map(|span| span.split([' ', '=']).next().expect("splitting gives a first part"));
        let unknown = names.filter(|name| match name.strip_suffix('*') {
            _ if Path::new(name).extension().is_some_and(|end| end == "md") => false,
            Some(start) => !begins_keys(start),
            None => !is_key(name) && !begins_keys(&format!("{name}.")),
        });
        unknown.map(|name| format!("no setting {name}")).collect()
    });
}

#[test]
fn links_lead_somewhere() {
    check_all("](", |path, text| {
        let folder = path.parent().expect("a page lies in a folder");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let local = targets.filter(|target| !target.contains("://"));
        local
            .filter(|target| !folder.join(target).exists())
            .map(|target| format!("no file {target}"))
            .collect()
    });
}
