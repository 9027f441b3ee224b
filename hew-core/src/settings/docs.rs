//! `docs/config.md`, made from the table of keys.

use std::fmt::Write as _;

use super::keys::{KEYS, KeySpec, env_name};

const INTRODUCTION: &str = "\
<!-- Made from the table of keys in hew-core/src/settings/keys.rs; a test compares the two. -->
# Settings

Layers, later ones win key by key: built-in values, the user's file (`<XDG config>/hew/config.toml`), the project's file
(`.hew.toml` or `hew.toml`, not both), environment variables, flags. `HEW_CONFIG=FILE` makes that file the only one. A key
that is absent inherits, a list replaces the list below it, a map is merged entry by entry. An unknown key or a bad value is an
error that names file and line, and all of them are told at once.

```toml
[loop]
jobs = 3
timeout = \"45m\"

[loop.gate]
command = \"make test\"

[loop.runtime_defs.my-agent]
command = \"my-agent\"
args = [\"--prompt\", \"{prompt_file}\"]
prompt = \"file\"
env = { MODE = \"batch\" }
```

`hew config get KEY --show-origin` tells a value and where it comes from, `hew config set KEY VALUE` writes it, `hew config list`
shows all. On the command line and in variables a list is given with commas or as TOML (`[\"-p\", \"a,b\"]`), a map as
`NAME=VALUE,NAME=VALUE`. An empty variable counts as absent.

| value | how it is written |
| --- | --- |
| duration | numbers with units, longest first: `2d`, `1h30m`, `90m`, `45s`, `500ms`; a number without a unit is an error |
| size | a number of bytes, or with a unit: `KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB` |
| folder | an absolute path, or one below `~/` |
| list, map | as above |

Keys marked with * run commands or widen what agents may do.
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
