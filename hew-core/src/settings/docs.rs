//! `docs/config.md`, made from the table of keys.

use std::fmt::Write as _;

use super::keys::{KEYS, KeySpec, env_name};

const INTRODUCTION: &str = "\
<!-- Made from hew-core/src/settings/docs.rs and the table of keys beside it; a test compares the two. -->
# Settings

## Layers

Later ones win key by key: built-in values, the user's file (`<XDG config>/hew/config.toml`), the project's file (`.hew.toml` or
`hew.toml`, not both), environment variables, flags. `HEW_CONFIG=FILE` makes that file the only one. A key that is absent
inherits, a list replaces the list below it, a map is merged entry by entry. An unknown key or a bad value is an error that names
file and line, and all of them are told at once; so is a variable that begins with `HEW_LOOP_` or `HEW_TRACKER_` and is no setting.
An empty variable counts as absent. A run keeps the settings that it was started with.

```toml
[loop]
jobs = 3
timeout = \"45m\"

[loop.gate]
command = \"make test\"

[loop.model]
default = \"sonnet\"
by_priority = { P0 = \"opus\", P4 = \"haiku\" }

[loop.runtime_defs.my-agent]
command = \"my-agent\"
args = [\"--prompt\", \"{prompt_file}\"]
prompt = \"file\"
env = { MODE = \"batch\" }
```

| command | what it does |
| --- | --- |
| `hew config get KEY --show-origin` | a value and where it comes from: file and line, variable, flag or built-in; of a key without one nothing, with exit code 1 |
| `hew config set KEY VALUE`, `hew config unset KEY` | writes one key of the project's file, or of yours (`--global`); comments and order stay |
| `hew config list --show-origin`, `hew config keys` | all that is set; all that can be |
| `hew config edit`, `hew config validate` | opens a file in your editor and checks it; checks all layers |
| `hew schema config` | JSON Schema of settings files, for editors that help while you type |

## Values

| value | how it is written |
| --- | --- |
| duration | numbers with units, longest first: `2d`, `1h30m`, `90m`, `45s`, `500ms`; a number without a unit is an error |
| size | a number of bytes, or with a unit: `KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB` |
| amount | a number of US dollars: `5`, `2.50` |
| percentage | `10%`, in quotes in a file |
| folder | an absolute path, or one below `~/` |
| list | in a file `[\"-p\", \"a,b\"]`; on the command line and in variables the same, or with commas: `-p,--fast` |
| map | in a file a table; on the command line and in variables `NAME=VALUE,NAME=VALUE`, or a table |

## Maps

Each entry of a map is a key too: `hew config set loop.model.by_priority.P0 opus`. Names of models and of task types may be anything on
one line; one with a dot in it stands in quotes in a file (`\"gpt-5.1\" = …`) and as it is on the command line
(`loop.prices.gpt-5.1`). Priorities are `P0` to `P4`, or `0` to `4`, which is the same.

A price is in US dollars per million tokens: `opus = { input = 15, output = 75, cache_read = 1.5, cache_create = 18.75 }` in a file,
`15/75/1.5/18.75` elsewhere. Without prices of their own, tokens read from a cache or written to it cost what input costs.

## A section with a value

`loop.sandbox = \"worktree\"` is short for `loop.sandbox.mode = \"worktree\"`, in files, on the command line and as `HEW_LOOP_SANDBOX`. In a file,
where a name can't be a value and a table at once, it is written out as soon as `loop.sandbox.write` is set beside it; `hew config set` does that.

## Trust

Keys marked with * run commands or widen what agents may do. In a project's file they take effect once you have trusted them: a
repository that you cloned, or settings that an agent changed, must not decide what runs on your machine. hew remembers keys and values
in its home (`~/.hew/trust`), not comments and not other keys, and asks again when they change: on a terminal it shows old and new
values; where nobody can be asked it ends with exit code 2 and `hew trust` as the next step. `hew trust --show` only looks.

`hew init` trusts what it writes, and `hew config set`, `unset` and `edit` what you change with them, if what was there before was trusted.
Nothing inside an iteration can trust. What your own file, variables and flags say needs no trust. `HEW_TRUST=all` lifts the check where it is
settled otherwise, e.g. in CI; it never reaches agents or gates. Trust is about settings: a gate that hew finds itself (`make test`) runs
what the project's own files say.
";

/// The whole page.
pub fn render_config_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut section = "";
    for spec in KEYS {
        let own = section_of(spec);
        if own != section {
            let _ = write!(
                page,
                "\n## `{own}`\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
            );
            section = own;
        }
        let _ = writeln!(page, "{}", row(spec));
    }
    page
}

fn section_of(spec: &KeySpec) -> &'static str {
    spec.name.rsplit_once('.').map_or("", |(section, _)| section)
}

fn row(spec: &KeySpec) -> String {
    let mark = if spec.runs_commands { " *" } else { "" };
    let default = match spec.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{}`", text.replace(',', ", ")),
    };
    let kind = spec.kind.allowed();
    let variable =
        if spec.name.contains('<') { String::new() } else { format!(" (`{}`)", env_name(spec.name)) };
    format!("| `{}`{mark} | {kind} | {default} | {}{variable} |", spec.name, spec.meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_one_row_and_every_section_one_heading() {
        let page = render_config_page();
        for spec in KEYS {
            assert_eq!(page.matches(&format!("| `{}`", spec.name)).count(), 1, "{}", spec.name);
            assert_eq!(page.matches(&format!("## `{}`\n", section_of(spec))).count(), 1, "{}", spec.name);
        }
    }
}
