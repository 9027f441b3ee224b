//! The settings file that `hew init` writes: sparse, with every line that people often want as a comment.

use super::Wanted;

const HEAD: &str = "\
# Settings of hew for this project; commit this file. What is absent here inherits from the user's
# settings and from hew itself. `hew config keys` lists every key, `hew config list --show-origin`
# shows what is in force and where it comes from.

[loop]
";

const LIMITS: &str = "\
# jobs = 3                      # workers, each with a worktree of its own
# max_attempts = 3              # attempts at one task before it is parked
# timeout = \"60m\"               # longest one agent may take
# stall_timeout = \"15m\"         # longest one agent may show no sign of life
";

const REST: &str = "
[loop.gate]
# command = \"make test\"         # decides whether a tree is good; absent: detected from the project
# timeout = \"30m\"

[loop.budget]
# wall = \"8h\"                   # longest a run may take
# iterations = 100              # most attempts of a run, all workers together

[loop.worktree]
# copy = [\".env\"]               # ignored files that each worktree gets a copy of
# link = [\"node_modules\"]       # ignored folders that each worktree links to
# setup = \"npm ci\"              # run once in each worktree

[tracker]
";

/// The file's text: what is wanted, and a definition for each runtime that has none yet.
pub(super) fn settings_text(wanted: &Wanted, undefined: &[&str]) -> String {
    let runtime = wanted.runtimes.first().map(String::as_str);
    let mut text = HEAD.to_owned();
    text.push_str(&setting("runtime", runtime, "claude", "which agent does the tasks"));
    text.push_str(LIMITS);
    let sandbox = "what agents may write: anything (off), or their own clone";
    text.push_str(&setting("sandbox", wanted.sandbox, "worktree", sandbox));
    text.push_str(REST);
    let tracker = "where tasks live: bd, embedded, or auto: bd where it is set up";
    text.push_str(&setting("kind", wanted.tracker, "auto", tracker));
    for name in undefined {
        text.push('\n');
        text.push_str(&definition(name));
    }
    if undefined.is_empty() && runtime.is_none() {
        text.push('\n');
        text.push_str(&commented(CHANGES));
    }
    text
}

/// A line with what is wanted, or with a proposal as a comment; the column of the comments is the same for all.
fn setting(key: &str, wanted: Option<&str>, proposal: &str, meaning: &str) -> String {
    let sign = if wanted.is_some() { "" } else { "# " };
    let line = format!("{sign}{key} = \"{}\"", wanted.unwrap_or(proposal));
    format!("{line:<31} # {meaning}\n")
}

const CHANGES: &str = "\
# How claude and codex are started is known; each key can be changed (`hew config list`, docs/agents.md).
[loop.runtime_defs.claude]
command = \"/opt/claude/bin/claude\"
models = { opus = \"claude-opus-5-5\" }
";

const SHELL: &str = "\
# A command for `sh -c`, run in each task's worktree; it knows its task from $HEW_TASK_ID. Exit code 0 is done.
[loop.runtime_defs.shell]
# command = \"./do-task.sh\"
";

/// A part that says how to start a runtime, to be completed.
pub(super) fn definition(name: &str) -> String {
    match name {
        "shell" => SHELL.to_owned(),
        other => commented(&format!(
            "# How to start {other}: complete this and take the signs before it away.\n\
             [loop.runtime_defs.{other}]\n\
             command = \"{other}\"\n\
             args = [\"--prompt\", \"{{prompt_file}}\"]\n\
             prompt = \"file\"               # or \"stdin\"\n\
             done_on_exit_zero = false     # true: exit code 0 without another word counts as done\n"
        )),
    }
}

fn commented(text: &str) -> String {
    let line = |line: &str| if line.starts_with('#') { format!("{line}\n") } else { format!("# {line}\n") };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hew_core::settings::layers::read_file;
    use hew_core::settings::{Settings, Values};

    use super::*;

    fn settings(text: &str) -> Settings {
        let layer = read_file(text, "project", Path::new(".hew.toml"));
        assert_eq!(layer.problems, [], "{text}");
        Settings::from_values(&Values::built_in().overlaid_with(layer.values)).unwrap()
    }

    /// What a person gets who takes the signs away in front of each proposal.
    fn uncommented(text: &str) -> String {
        let line = |line: &str| match line.strip_prefix("# ") {
            Some(rest)
                if rest.starts_with('[')
                    || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) =>
            {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn every_text_is_valid_as_it_is_and_with_all_its_proposals() {
        for (runtime, undefined, sandbox, tracker) in [
            (None, vec![], None, None),
            (Some("claude"), vec![], Some("worktree"), Some("embedded")),
            (Some("codex"), vec!["shell", "other"], Some("off"), None),
            (Some("mine"), vec!["mine"], None, Some("bd")),
        ] {
            let runtimes = runtime.iter().map(ToString::to_string).collect();
            let text = settings_text(&Wanted { runtimes, tracker, sandbox }, &undefined);
            let found = settings(&text);
            assert_eq!(found.runtime.value.as_str(), runtime.unwrap_or("claude"));
            assert_eq!(found.tracker_kind.value.as_str(), tracker.unwrap_or("auto"));
            assert_eq!(found.sandbox.value.as_str(), sandbox.unwrap_or("off"));
            let all = settings(&uncommented(&text));
            assert_eq!(all.budget_iterations.value, Some(100));
            for name in undefined {
                let def = all.runtime_defs.iter().find(|(known, _)| known.as_str() == name).unwrap().1;
                assert!(def.command.value.is_some(), "{name}");
            }
        }
    }
}
