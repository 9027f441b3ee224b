//! `hew completions` and `hew manpage`, read by the programs that they are for.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory as _;
use hew_testkit::tool::on_path;

fn hew(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hew")).args(args).env_remove("HEW_RUN_ID").output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = hew(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn shell(program: &Path, script: &str) -> String {
    let output = Command::new(program).args(["-c", script]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What bash offers for a command line whose last word is being typed.
fn bash_offers(bash: &Path, file: &Path, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let previous = words.len().checked_sub(2).map_or("", |place| words[place]);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; COMP_LINE='{line}'; COMP_POINT={}; \
         spec=$(complete -p hew); function=${{spec#*-F }}; function=${{function%% *}}; \
         \"$function\" hew '{}' '{previous}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        file.display(),
        quoted.join(" "),
        words.len() - 1,
        line.len(),
        words.last().unwrap(),
    );
    shell(bash, &script).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let Some(bash) = on_path("bash") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hew");
    fs::write(&file, printed(&["completions", "bash"])).unwrap();
    let offers = |line: &str| bash_offers(&bash, &file, line);
    assert_eq!(offers("hew loop su"), ["summary"]);
    assert_eq!(offers("hew loop run --budget-w"), ["--budget-wall"]);
    assert_eq!(offers("hew --color al"), ["always"]);
    assert_eq!(offers("hew completions po"), ["powershell"]);
    let all = offers("hew ");
    for sub in hew::cli::Cli::command().get_subcommands() {
        assert!(all.iter().any(|offered| offered == sub.get_name()), "{} is not in {all:?}", sub.get_name());
    }
}

#[test]
fn other_shells_take_theirs() {
    // Each reads the script without running what is in it. Elvish knows its completions only on a terminal, and PowerShell
    // is nowhere packaged: theirs are as the library makes them.
    for (name, check) in [("zsh", "-n"), ("fish", "--no-execute")] {
        let Some(program) = on_path(name) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hew");
        fs::write(&file, printed(&["completions", name])).unwrap();
        let output = Command::new(program).arg(check).arg(&file).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
    }
}

#[test]
fn what_is_for_hew_itself_is_offered_to_nobody() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("prune-worktrees"), "{shell}");
        assert!(!script.contains("__shim"), "{shell}");
    }
    assert!(!printed(&["--help"]).contains("__shim"));
    let wrong = hew(&["completions", "tcsh"]);
    assert_eq!(wrong.status.code(), Some(2));
}

/// Names of all pages.
fn pages(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let path = format!("{path}{}", command.get_name());
    found.push(format!("{path}.1"));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages(sub, &format!("{path}-"), found);
    }
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("man/man1");
    printed(&["manpage", "--out", place.to_str().unwrap()]);
    let mut wanted = Vec::new();
    pages(&hew::cli::Cli::command(), "", &mut wanted);
    let mut written: Vec<String> = fs::read_dir(&place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    wanted.sort();
    assert_eq!(written, wanted);
    let page = fs::read_to_string(place.join("hew-loop-run.1")).unwrap();
    assert_eq!(page, printed(&["manpage", "loop", "run"]));
    let wrong = hew(&["manpage", "loop", "walk"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("no command hew loop walk"));
}

#[test]
fn pages_can_be_read_without_a_complaint() {
    let folder = tempfile::tempdir().unwrap();
    printed(&["manpage", "--out", folder.path().to_str().unwrap()]);
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    if let Some(groff) = on_path("groff") {
        for file in &files {
            let output = Command::new(&groff)
                .args(["-man", "-Tutf8", "-ww", "-rHY=0", "-z"])
                .arg(file)
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            // Long words that can't be broken are no fault of the page.
            let faults: Vec<&str> = said
                .lines()
                .filter(|line| !line.contains("can't break line") && !line.contains("adjust"))
                .collect();
            assert!(output.status.success() && faults.is_empty(), "{}: {faults:?}", file.display());
        }
    }
    if let Some(man) = on_path("man") {
        let output = Command::new(man)
            .env("MANWIDTH", "80")
            .arg("-l")
            .arg(folder.path().join("hew-loop-run.1"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("--budget-wall") && text.contains("hew loop run --scope ready --jobs 3"),
            "{text}"
        );
        assert!(text.contains("'make test'") && text.contains("128+n"), "{text}");
    }
    if let Some(mandoc) = on_path("mandoc") {
        let output = Command::new(mandoc).args(["-T", "lint", "-W", "error"]).args(&files).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn help_ends_with_examples_and_codes_however_it_is_asked_for() {
    for (args, example) in [
        (&["--help"][..], "\nExamples:\n  hew demo\n"),
        (&["-h"], "\nExamples:\n  hew demo\n"),
        (&[], "\nExamples:\n  hew demo\n"),
        (&["loop"], "\nExamples:\n  hew loop run --scope ready\n"),
        (&["help", "loop", "run"], "\nExamples:\n  hew loop run --scope ready --jobs 3\n"),
        (&["task", "dep", "add", "--help"], "\nExamples:\n  hew task dep add app-1a2b app-9z8y\n"),
    ] {
        let Output { stdout, stderr, .. } = hew(args);
        let said = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert!(said.contains(example) && said.contains("\nExit codes:\n  0 "), "{args:?}: {said}");
    }
}
