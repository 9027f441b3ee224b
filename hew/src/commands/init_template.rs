//! The settings file that `hew init` writes: sparse, with every line that people often want as a comment.

const HEAD: &str = "\
# Settings of hew for this project; commit this file. What is absent here inherits from the user's
# settings and from hew itself. `hew config keys` lists every key, `hew config list --show-origin`
# shows what is in force and where it comes from.

[loop]
";

const REST: &str = "\
# jobs = 3                      # workers, each with a worktree of its own
# max_attempts = 3              # attempts at one task before it is parked
# timeout = \"60m\"               # longest one agent may take
# stall_timeout = \"15m\"         # longest one agent may show no sign of life

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
";

/// The file's text: the main runtime, and a definition for each runtime that has none yet.
pub(super) fn settings_text(runtime: Option<&str>, undefined: &[&str]) -> String {
    let main = match runtime {
        Some(name) => format!("runtime = \"{name}\"{}# which agent does the tasks\n", pad(name)),
        None => "# runtime = \"claude\"            # which agent does the tasks\n".to_owned(),
    };
    let mut text = format!("{HEAD}{main}");
    text.push_str(REST);
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

/// Spaces up to the column of the comments.
fn pad(name: &str) -> String {
    " ".repeat(20_usize.saturating_sub(name.len()).max(1))
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

fn definition(name: &str) -> String {
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
        for (runtime, undefined) in [
            (None, vec![]),
            (Some("claude"), vec![]),
            (Some("codex"), vec!["shell", "other"]),
            (Some("mine"), vec!["mine"]),
        ] {
            let text = settings_text(runtime, &undefined);
            let found = settings(&text);
            assert_eq!(found.runtime.value.as_str(), runtime.unwrap_or("claude"));
            let all = settings(&uncommented(&text));
            assert_eq!(all.budget_iterations.value, Some(100));
            for name in undefined {
                let def = all.runtime_defs.iter().find(|(known, _)| known.as_str() == name).unwrap().1;
                assert!(def.command.value.is_some(), "{name}");
            }
        }
    }
}
