//! What the help of each command ends with: examples, what else a person has to know, and the exit codes.
//!
//! One row a command; a test runs every example through a shell and the parser, and misses no command.

use clap::{Command, CommandFactory as _};

use super::Cli;

/// The end of one command's help.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue {
    /// Its words, e.g. `task add`.
    command: &'static str,
    /// Command lines.
    pub examples: &'static [&'static str],
    /// More than the flags say; may be empty.
    pub note: &'static str,
    /// The exit codes that it can end with.
    pub codes: &'static [Code],
}

/// An exit code and what it means here.
pub type Code = (&'static str, &'static str);

const DONE: Code = ("0", "done");
const FAILED: Code = ("1", "there is no such thing, or it can't be done now: the error says why");
const USAGE: Code = ("2", "bad flags, input, settings or project state; nothing was changed");
const HELD: Code = ("4", "a run holds this project");
const BUG: Code = ("70", "a bug in hew, with where its report is");

const USUAL: &[Code] = &[DONE, FAILED, USAGE, BUG];
const NEVER_ABSENT: &[Code] = &[DONE, USAGE, BUG];
const AGENTS: &[Code] = &[DONE, ("2", "outside of an iteration, or bad flags"), BUG];
const RUN: &[Code] = &[
    ("0", "all done, landed and delivered; or nothing was ready"),
    ("1", "some task failed, was parked or can't start; each is listed with why"),
    ("2", "bad flags, settings or project state, found before anything was started"),
    ("3", "a person is needed: an undelivered result, a conflict, a dirty target"),
    ("4", "another run holds this project"),
    ("5", "stopped by a budget, a stop file or a request, with work left"),
    ("6", "every usable runtime is out of quota, not signed in, or missing"),
    ("70", "a bug in hew, with where its report is"),
    ("128+n", "ended by signal n"),
];
const RESUME: &[Code] = &[
    ("0", "all done, landed and delivered; or the run was over already"),
    ("1", "some task failed, was parked or can't start; or there is no such run"),
    ("2", "bad flags, settings or project state, or a journal that can't be read: nothing was changed"),
    ("3", "a person is needed: an undelivered result, a conflict, a dirty target"),
    ("4", "a run holds this project: this one, if it still lives"),
    ("5", "stopped by a budget, a stop file or a request, with work left"),
    ("6", "every usable runtime is out of quota, not signed in, or missing"),
    ("70", "a bug in hew, with where its report is"),
    ("128+n", "ended by signal n"),
];
const DELIVER: &[Code] = &[
    DONE,
    ("1", "there is no such run, or it landed nothing"),
    USAGE,
    ("3", "it can't be delivered without a person; nothing was touched"),
    HELD,
    BUG,
];

const PLAN_FILE: &str = "Example of a file (TOML; JSON has the same fields in {\"task\": [...]}):
  [[task]]
  name = \"dates\"                 # a name within this file
  title = \"Dates\"
  type = \"epic\"

  [[task]]
  name = \"parse\"
  parent = \"dates\"               # a name of this file or the id of a task
  title = \"Parse dates\"
  description = \"RFC 3339 only\"
  acceptance = \"cargo test dates\"
  priority = 1
  labels = [\"backend\"]

  [[task]]
  parent = \"dates\"
  title = \"Print dates\"
  depends_on = [\"parse\", \"app-1a2b\"]
  runtime = \"shell\"
  run = \"./print-dates.sh\"
  metadata = { ticket = \"X-1\" }

Only title is required. Tasks of one priority run in the order of the file.";

const fn row(command: &'static str, examples: &'static [&'static str], codes: &'static [Code]) -> Epilogue {
    Epilogue { command, examples, note: "", codes }
}

const fn noted(row: Epilogue, note: &'static str) -> Epilogue {
    Epilogue { note, ..row }
}

/// Every command and group of commands.
const EPILOGUES: &[Epilogue] = &[
    row(
        "",
        &["hew demo", "hew init", "hew task add 'Parse dates' -p 1", "hew loop run --scope ready --jobs 3"],
        NEVER_ABSENT,
    ),
    row("loop", &["hew loop run --scope ready", "hew loop status", "hew loop summary"], USUAL),
    row("task", &["hew task add 'Print dates' --dep app-1a2b", "hew task ready"], USUAL),
    row("task dep", &["hew task dep add app-1a2b app-9z8y", "hew task dep tree app-1a2b"], USUAL),
    row("config", &["hew config set loop.jobs 3", "hew config list --show-origin"], USUAL),
    noted(
        row(
            "loop run",
            &[
                "hew loop run --scope ready --jobs 3",
                "hew loop run --epic app-1a2b --gate 'make test' --budget-wall 6h",
                "hew loop run --scope ready --dry-run",
            ],
            RUN,
        ),
        "On a terminal a line a worker shows what goes on; elsewhere, with -q, --json or TERM=dumb, nothing\n\
         is drawn. --json prints each entry of the journal on a line of its own (hew schema events), the\n\
         last one is run_ended; people are told on stderr. Ctrl-C: agents have loop.stop_grace to end,\n\
         what lands later waits for a person; Ctrl-C twice: agents are stopped now.",
    ),
    noted(
        row(
            "loop resume",
            &["hew loop resume", "hew loop resume --run-id loop-20261120T193000Z-1a2b3c4d"],
            RESUME,
        ),
        "It goes on with the settings that the run was launched with, under its own id and within what is\n\
         left of its budgets. What had landed is closed, what was ready to land is landed, and what was cut\n\
         off is kept by a ref and tried again; that costs a task no attempt.",
    ),
    row(
        "loop deliver",
        &["hew loop deliver", "hew loop deliver --run-id loop-20261120T193000Z-1a2b3c4d"],
        DELIVER,
    ),
    row("loop cancel", &["hew loop cancel", "hew loop cancel --now"], USUAL),
    row("loop list", &["hew loop list", "hew loop list -n 5 --json"], NEVER_ABSENT),
    noted(
        row("loop explain", &["hew loop explain app-1a2b", "hew loop explain app-1a2b --json"], USUAL),
        "Nothing is started and nothing is written. What runs later differs only in its session, its
folders and its ports. Where a run would ask the classifier (loop.classifier.enabled), it is asked.",
    ),
    row(
        "loop logs",
        &[
            "hew loop logs --task app-1a2b",
            "hew loop logs --worker 0 --iter 2 --transcript --follow",
            "hew loop logs --tail 20",
        ],
        USUAL,
    ),
    row("loop status", &["hew loop status", "hew loop status --watch", "hew loop status --json"], USUAL),
    row(
        "loop summary",
        &["hew loop summary", "hew loop summary --run-id loop-20261120T193000Z-1a2b3c4d --json"],
        USUAL,
    ),
    row(
        "loop graph",
        &["hew loop graph", "hew loop graph --format mermaid --out run.md", "hew loop graph --tasks"],
        USUAL,
    ),
    row(
        "loop report",
        &[
            "hew loop report --out report.html",
            "hew loop report --run-id loop-20261120T193000Z-1a2b3c4d --out - > report.html",
        ],
        USUAL,
    ),
    row(
        "loop prune-worktrees",
        &[
            "hew loop prune-worktrees",
            "hew loop prune-worktrees --apply",
            "hew loop prune-worktrees --discard",
        ],
        &[DONE, FAILED, USAGE, HELD, BUG],
    ),
    row(
        "task add",
        &[
            "hew task add 'Parse dates' -d 'RFC 3339 only' -t feature -p 1 -l backend,model:opus",
            "hew task add 'Print dates' --dep app-1a2b --id-only",
            "hew task add 'Bump the version' --runtime shell --run './bump.sh && git commit -am bump'",
        ],
        USUAL,
    ),
    noted(
        row(
            "task elaborate",
            &[
                "hew task elaborate 'dates with fractions are not parsed'",
                "hew task elaborate 'print dates too, after app-1a2b' --add",
            ],
            &[
                DONE,
                ("1", "nobody made a task of it: the error says why each did not"),
                ("2", "bad flags, text, settings or project state; nothing was changed"),
                BUG,
            ],
        ),
        "Asked are, each only after the one before failed, and each for 30 seconds at most: the model\n\
         server of loop.local.endpoint, where one is set and loop.local.prefer_for_elaborate is not\n\
         false; claude; codex. The last two run once, without tools, in an empty folder.",
    ),
    row(
        "task list",
        &[
            "hew task list",
            "hew task list --status open,deferred --label backend",
            "hew task list --all --json",
        ],
        NEVER_ABSENT,
    ),
    row("task show", &["hew task show app-1a2b"], USUAL),
    row("task ready", &["hew task ready", "hew task ready -n 10"], NEVER_ABSENT),
    row("task claim", &["hew task claim app-1a2b --actor ann"], USUAL),
    row("task close", &["hew task close app-1a2b --reason 'not wanted any more'"], USUAL),
    row("task reopen", &["hew task reopen app-1a2b"], USUAL),
    row("task unpark", &["hew task unpark app-1a2b"], USUAL),
    row(
        "task update",
        &[
            "hew task update app-1a2b -p 0 --add-label urgent",
            "hew task update app-1a2b --parent app-9z8y --description-file new.md",
            "hew task update app-1a2b --run ''",
        ],
        USUAL,
    ),
    row("task dep add", &["hew task dep add app-1a2b app-9z8y"], USUAL),
    row("task dep remove", &["hew task dep remove app-1a2b app-9z8y"], USUAL),
    row("task dep tree", &["hew task dep tree app-1a2b"], USUAL),
    row("task note", &["hew task note app-1a2b 'the parser is in src/dates'"], USUAL),
    noted(
        row("task import", &["hew task import .beads/issues.jsonl"], USUAL),
        "A record is stored if its id is new or its updated_at is later than the stored one's. A line
that can't be read is named by its number and nothing is changed, unless --skip-bad.",
    ),
    row("task export", &["hew task export backup.jsonl", "hew task export"], USUAL),
    noted(row("task plan", &["hew task plan tasks.toml"], USUAL), PLAN_FILE),
    row(
        "config get",
        &["hew config get loop.jobs", "hew config get loop.gate.command --show-origin"],
        &[DONE, ("1", "no layer gives the key a value"), USAGE, BUG],
    ),
    noted(
        row(
            "config set",
            &[
                "hew config set loop.jobs 3",
                "hew config set loop.model.by_priority.P0 opus",
                "hew config set --global loop.worktree.copy .env,.envrc",
                "hew config set loop.runtime_defs.claude.args '[\"-p\", \"--verbose\"]'",
            ],
            NEVER_ABSENT,
        ),
        "An empty value takes the key out. Lists are given with commas, or as TOML.",
    ),
    row("config unset", &["hew config unset loop.jobs"], NEVER_ABSENT),
    row("config list", &["hew config list --show-origin"], NEVER_ABSENT),
    row("config keys", &["hew config keys", "hew config keys --json"], NEVER_ABSENT),
    row("config path", &["hew config path"], NEVER_ABSENT),
    row(
        "config edit",
        &["hew config edit", "hew config edit --global"],
        &[DONE, ("1", "the editor failed"), USAGE, BUG],
    ),
    row("config validate", &["hew config validate"], NEVER_ABSENT),
    noted(
        row(
            "doctor",
            &["hew doctor", "hew doctor --fix", "hew doctor --json"],
            &[
                ("0", "nothing to do, or nothing left to do after --fix"),
                ("1", "something is to be done; each is listed with why and a command"),
                ("2", "bad flags"),
                BUG,
            ],
        ),
        "Without --fix it only looks. Outside of a project it looks at the machine alone.",
    ),
    noted(
        row(
            "trust",
            &["hew trust --show", "hew trust"],
            &[("0", "trusted, or there is nothing to trust"), ("1", "--show: not trusted"), USAGE, BUG],
        ),
        "Settings of a project that run commands or widen what agents may do take effect once you have\n\
         trusted them; a change of them has to be trusted again. HEW_TRUST=all in front of a command is\n\
         for machines where nobody can be asked.",
    ),
    noted(
        row(
            "triage",
            &[
                "hew triage --event event.json",
                "hew triage --event event.json --signature \"$X_HUB_SIGNATURE_256\" --json",
            ],
            &[
                ("0", "filed, filed before, or there is nothing to file: the answer says which"),
                ("1", "the task can't be filed now: the error says why"),
                ("2", "bad flags, event, signature, settings or project state; nothing was filed"),
                BUG,
            ],
        ),
        "Nothing listens: a webhook's receiver or a job of CI calls it, in a clone whose remotes name the
event's repository (there the file is $GITHUB_EVENT_PATH). One bug task is filed for each check or workflow that failed, or timed out, at a
commit. Where HEW_WEBHOOK_SECRET is set every event needs its signature, over the very bytes that
GitHub sent.",
    ),
    row("schema", &["hew schema", "hew schema config", "hew schema json-summary"], NEVER_ABSENT),
    noted(
        row(
            "completions",
            &["hew completions bash > ~/.local/share/bash-completion/completions/hew"],
            NEVER_ABSENT,
        ),
        "Where shells look for them:
  bash        ~/.local/share/bash-completion/completions/hew
  zsh         a file _hew in a folder of $fpath
  fish        ~/.config/fish/completions/hew.fish
  elvish      ~/.config/elvish/lib/hew.elv, then: use hew
  powershell  hew completions powershell | Out-String | Invoke-Expression, in $PROFILE",
    ),
    row("manpage", &["hew manpage --out ~/.local/share/man/man1", "hew manpage loop run | man -l -"], USUAL),
    noted(
        row(
            "init",
            &[
                "hew init",
                "hew init --runtime claude,codex --yes",
                "hew init --reconfigure --runtime codex --tracker embedded",
            ],
            NEVER_ABSENT,
        ),
        "claude gets .claude/skills/hew-*/SKILL.md, codex a marked section of AGENTS.md. What somebody else\n\
         wrote stays: around the section, and in a copy *.before-hew where one of hew's own texts was changed.\n\
         Settings that are there change only with --reconfigure, after a question or with --yes.",
    ),
    row("skills", &["hew skills list", "hew skills show hew-plan"], USUAL),
    row("skills list", &["hew skills list"], NEVER_ABSENT),
    row("skills show", &["hew skills show hew-plan"], USUAL),
    noted(
        row("prime", &["hew prime"], NEVER_ABSENT),
        "For Claude Code, in .claude/settings.json:
  {\"hooks\": {\"SessionStart\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"hew prime\"}]}]}}
What it prints is added to what the session knows.",
    ),
    row("demo", &["hew demo", "hew demo --dir my-demo --jobs 2"], RUN),
    row("done", &["hew done --reason 'dates are parsed'"], AGENTS),
    row("blocked", &["hew blocked --reason 'needs the key of the test server'"], AGENTS),
    row("fail", &["hew fail --reason 'the library does not support it'"], AGENTS),
];

/// The end of a command's help; its words are given, none for hew itself.
pub fn epilogue(command: &str) -> Option<&'static Epilogue> {
    EPILOGUES.iter().find(|row| row.command == command)
}

/// The whole command line, each command's help with its end.
pub fn command() -> Command {
    with_epilogues(Cli::command(), "")
}

fn with_epilogues(command: Command, path: &str) -> Command {
    let mut command = match epilogue(path) {
        Some(row) => command.after_help(row.text()),
        None => command,
    };
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |sub| with_epilogues(sub, path.trim_start()));
    }
    command
}

impl Epilogue {
    fn text(&self) -> String {
        let examples = self.examples.join("\n  ");
        let note = if self.note.is_empty() { String::new() } else { format!("\n{}\n", self.note) };
        let codes: Vec<String> =
            self.codes.iter().map(|(code, meaning)| format!("  {code:<6} {meaning}")).collect();
        format!("Examples:\n  {examples}\n{note}\nExit codes:\n{}", codes.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command as Process;

    use clap::Parser as _;

    use super::*;

    /// What people may call.
    fn commands(command: &Command, path: &str, found: &mut BTreeSet<String>) {
        found.insert(path.trim_start().to_owned());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            commands(sub, &format!("{path} {}", sub.get_name()), found);
        }
    }

    #[test]
    fn every_command_has_a_row_and_every_row_a_command() {
        let mut found = BTreeSet::new();
        commands(&Cli::command(), "", &mut found);
        let rows: BTreeSet<String> = EPILOGUES.iter().map(|row| row.command.to_owned()).collect();
        assert_eq!(rows, found);
        assert_eq!(rows.len(), EPILOGUES.len(), "a row is there twice");
    }

    #[test]
    fn every_example_is_a_command_line_of_its_command() {
        for row in EPILOGUES {
            assert!(!row.examples.is_empty(), "{}", row.command);
            for example in row.examples {
                assert!(example.starts_with(format!("hew {}", row.command).trim_end()), "{example}");
                // Nothing reaches the file or program that an example sends its output to.
                let command =
                    [" > ", " | "].iter().fold(*example, |all, to| all.split(to).next().unwrap_or(all));
                let script = format!("hew() {{ printf '%s\\0' \"$@\"; }}; {command}");
                let output = Process::new("sh").args(["-c", &script]).output().unwrap();
                let words = String::from_utf8(output.stdout).unwrap();
                let words = words.split_terminator('\0');
                let parsed = Cli::try_parse_from(std::iter::once("hew").chain(words));
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn help_ends_with_examples_and_codes() {
        let help = |words: [&str; 4]| command().try_get_matches_from(words).unwrap_err().to_string();
        let said = help(["hew", "task", "ready", "--help"]);
        assert!(
            said.contains(
                "Examples:\n  hew task ready\n  hew task ready -n 10\n\nExit codes:\n  0      done\n"
            ),
            "{said}"
        );
        let said = help(["hew", "loop", "run", "--help"]);
        assert!(said.contains("  128+n  ended by signal n"), "{said}");
    }
}
