//! Without an endpoint nothing of `loop.local` is active: two projects do the same work, one of them with every other
//! setting of `loop.local`, and what they tell, record and start is the same to the byte.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hew_testkit::run_check::Project;
use serde_json::Value;

/// All of `loop.local` but the endpoint.
const LOCAL: &str = "[loop.local]\nmodel = \"small\"\ntimeout = \"9s\"\ntemperature = 0.7\nmax_tokens = 5\nmax_turns = 3\n\
    tools = false\nprefer_for_elaborate = true\n";

/// What is another each time it is looked at: digits, and the texts that are named.
fn plain(text: &str, names: &[(String, &str)]) -> String {
    let mut text = text.to_owned();
    for (name, word) in names {
        text = text.replace(name, word);
    }
    let text = without_sessions(&text);
    let mut plain = String::new();
    let mut word = String::new();
    let is_bar = |c: &char| ('▁'..='█').contains(c);
    for c in text.chars().filter(|c| !is_bar(c)).chain(['\n']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        // Commits, times, sizes, processes.
        let is_hash = word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
        let is_time = word.starts_with(|c: char| c.is_ascii_digit())
            && ["ms", "s", "m", "h"].contains(&word.trim_start_matches(|c: char| c.is_ascii_digit()));
        if is_hash || is_time {
            plain.push('#');
        } else {
            plain.extend(word.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }));
        }
        word.clear();
        plain.push(c);
    }
    for run in ["##", "#.#", "# #"] {
        while plain.contains(run) {
            plain = plain.replace(run, "#");
        }
    }
    plain
}

/// Names of sessions are of any hexadecimal digits.
fn without_sessions(text: &str) -> String {
    let is_session = |part: &[u8]| {
        let is_at = |at: usize, byte: u8| {
            if [8, 13, 18, 23].contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
        };
        part.iter().enumerate().all(|(at, byte)| is_at(at, *byte))
    };
    let mut text = text.to_owned();
    while let Some(at) = text.as_bytes().windows(36).position(is_session) {
        text.replace_range(at..at + 36, "SESSION");
    }
    text
}

/// Leaves out what a record says of `loop.local` as of any setting: that it is set.
fn without_settings(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !key.starts_with("loop.local."));
            fields.values_mut().for_each(without_settings);
        }
        Value::Array(items) => {
            items.retain(|item| !item["key"].as_str().is_some_and(|key| key.starts_with("loop.local.")));
            items.iter_mut().for_each(without_settings);
        }
        _ => {}
    }
}

/// Every file of a folder by its name, those of JSON without such settings.
fn read(folder: &Path, under: &str, names: &[(String, &str)], found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{under}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{name}/"), names, found);
        } else if entry.file_type().unwrap().is_file() {
            let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
            let lines = text.lines().map(|line| match serde_json::from_str::<Value>(line) {
                Ok(mut value) => {
                    without_settings(&mut value);
                    value.to_string()
                }
                Err(_) => line.to_owned(),
            });
            let text = match serde_json::from_str::<Value>(&text) {
                Ok(mut value) => {
                    without_settings(&mut value);
                    value.to_string()
                }
                Err(_) => lines.collect::<Vec<_>>().join("\n"),
            };
            found.insert(name, plain(&text, names));
        }
    }
}

/// What a small run leaves: a task that lands, and one whose agent says no word and is tried again.
fn traces(settings: &str) -> BTreeMap<String, String> {
    let project = Project::new();
    project.settings(settings);
    let seen = |name: &str| project.signal(&format!("seen-{name}")).display().to_string();
    let lands =
        format!("record {}\nprint I work.\nwrite a.txt a\ncommit A\ndone it is there\n", seen("lands"));
    let silent = format!("record {}\nprint I have no idea.\n", seen("silent"));
    let first = project.add_scripted("Lands", &lands, &["-p", "0"]);
    let second = project.add_scripted("Silent", &silent, &["-p", "1"]);
    let ran = project.run(&["--jobs", "1", "--max-attempts", "2", "--gate", "true"]);
    assert_eq!(ran.code, 1, "{} {}", ran.stdout, ran.stderr);
    let names = [
        (ran.id(), "RUN"),
        (first, "FIRST"),
        (second, "SECOND"),
        (project.repo.base().display().to_string(), "BASE"),
    ];
    let mut found = BTreeMap::new();
    read(&ran.folder, "run/", &names, &mut found);
    for name in ["lands", "silent"] {
        let record: Value = serde_json::from_str(&fs::read_to_string(seen(name)).unwrap()).unwrap();
        found.insert(format!("seen/{name}"), plain(&record.to_string(), &names));
    }
    found.insert("stdout".to_owned(), plain(&ran.stdout, &names));
    found.insert("stderr".to_owned(), plain(&ran.stderr, &names));
    // What git says of its own processes is in no order, and how long a thing took is nobody's to choose.
    found.retain(|name, _| !name.contains("git-events") && !name.contains("trace"));
    found
}

#[test]
fn a_run_is_the_same_with_every_other_setting_of_the_server() {
    let (without, with) = (traces(""), traces(LOCAL));
    let names = |traces: &BTreeMap<String, String>| traces.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&without), names(&with));
    for word in ["prompt.md", "events.jsonl", "plan.json"] {
        assert!(without.keys().any(|name| name.contains(word)), "no {word}: {:?}", names(&without));
    }
    // What a landing and the next task's worktree write comes in any order.
    let sorted = |text: &str| -> Vec<String> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    for (name, text) in &without {
        let (lines, others) = (sorted(text), sorted(&with[name]));
        let differing = lines.iter().zip(&others).find(|(line, other)| line != other);
        assert_eq!(differing, None, "{name}");
        assert_eq!(lines.len(), others.len(), "{name}");
    }
    assert!(!without["run/events.jsonl"].contains("helped"));
}
