//! The programs behind what npm puts on PATH for claude and codex: a wrapper in JavaScript, whose death by KILL would
//! leave the program running, or a stub where npm was told to run no scripts. Packages of npm lie in `node_modules`, the
//! program for a system in a package of its own beside the wrapper's, or below it.

use std::path::{Path, PathBuf};

use super::host::is_runnable;

/// A package with a wrapper, and where its program lies.
struct Package {
    scope: &'static str,
    name: &'static str,
    /// In the package of this system, e.g. `codex-linux-x64`.
    program: fn(&str) -> String,
}

const PACKAGES: [Package; 2] = [
    Package { scope: "@anthropic-ai", name: "claude-code", program: |_| "claude".to_owned() },
    Package {
        scope: "@openai",
        name: "codex",
        program: |machine| format!("vendor/{machine}-unknown-linux-musl/bin/codex"),
    },
];

/// npm's name for a machine.
fn npm_name(machine: &str) -> &str {
    match machine {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The program that a wrapper starts; none where the file is no wrapper that is known.
pub(super) fn behind(file: &Path) -> Option<PathBuf> {
    let real = file.canonicalize().ok()?;
    PACKAGES.iter().find_map(|package| package.program_behind(&real, std::env::consts::ARCH))
}

impl Package {
    fn program_behind(&self, wrapper: &Path, machine: &str) -> Option<PathBuf> {
        let own = Path::new(self.scope).join(self.name);
        let package = wrapper.ancestors().skip(1).find(|folder| folder.ends_with(&own))?;
        let beside = package.parent()?.parent()?;
        let of_system = format!("{}-linux-{}", self.name, npm_name(machine));
        let inside = Path::new(self.scope).join(of_system).join((self.program)(machine));
        let places = [beside.join(&inside), package.join("node_modules").join(&inside)];
        places.into_iter().find(|place| place != wrapper && is_runnable(place))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_program_behind_a_wrapper_is_found_beside_it_or_below() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let machine = std::env::consts::ARCH;
        let npm = npm_name(machine);
        let codex = format!("@openai/codex-linux-{npm}/vendor/{machine}-unknown-linux-musl/bin/codex");
        for (place, wrapper, native) in [
            ("a", "@openai/codex/bin/codex.js", codex.clone()),
            ("b", "@openai/codex/bin/codex.js", format!("@openai/codex/node_modules/{codex}")),
            (
                "c",
                "@anthropic-ai/claude-code/bin/stub",
                format!("@anthropic-ai/claude-code-linux-{npm}/claude"),
            ),
        ] {
            let modules = root.join(place).join("lib/node_modules");
            let link = root.join(place).join("bin/agent");
            program(&modules.join(wrapper));
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(modules.join(wrapper), &link).unwrap();
            assert_eq!(behind(&link), None, "{place}: nothing is behind it yet");
            program(&modules.join(&native));
            assert_eq!(behind(&link), Some(modules.join(&native)), "{place}");
            assert_eq!(behind(&modules.join(&native)), None, "{place}: the program itself");
        }
        let own = root.join("own/codex");
        program(&own);
        assert_eq!(behind(&own), None, "somebody's own program of that name");
    }
}
