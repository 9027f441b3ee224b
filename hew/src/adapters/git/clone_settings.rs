//! The settings of a clone: the repository's own, as they were when they were first needed, but for what ties them to
//! the repository's folders.

use std::fmt::Write as _;
use std::sync::OnceLock;

use hew_core::worktree::GitError;

use super::RepoGit;

/// Settings that say where the repository is and how it is kept, which a clone has of its own; and what leads to other
/// settings, which are among those that git lists.
const NOT_TAKEN: [&str; 10] = [
    "core.bare",
    "core.worktree",
    "core.repositoryformatversion",
    "core.logallrefupdates",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "extensions.worktreeconfig",
    "extensions.refstorage",
    "include.path",
    "index.sparse",
];

/// Made once for a repository.
#[derive(Debug, Default)]
pub(super) struct CloneSettings(OnceLock<String>);

/// One setting; without a value it is a flag that is on.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    key: String,
    value: Option<String>,
}

/// The text of a clone's `config`.
pub(super) fn text(git: &RepoGit) -> Result<&str, GitError> {
    if let Some(known) = git.clone_settings.0.get() {
        return Ok(known);
    }
    let listed = git.on_repository().args(["config", "--null", "--show-scope", "--list"]).run()?.success()?;
    let text = render(&taken(&listed.stdout));
    Ok(git.clone_settings.0.get_or_init(|| text))
}

/// What a clone takes over. Who commits may depend on where a repository is, so that is taken from every scope.
fn taken(listed: &[u8]) -> Vec<Setting> {
    let text = String::from_utf8_lossy(listed);
    let mut fields = text.split('\0');
    let mut settings = Vec::new();
    while let (Some(scope), Some(entry)) = (fields.next(), fields.next()) {
        let (key, value) = entry.split_once('\n').map_or((entry, None), |(key, value)| (key, Some(value)));
        let is_own = matches!(scope, "local" | "worktree");
        if is_own && !NOT_TAKEN.contains(&key) && !key.starts_with("includeif.")
            || scope == "global" && key.starts_with("user.")
        {
            settings.push(Setting { key: key.to_owned(), value: value.map(str::to_owned) });
        }
    }
    without_path_remotes(settings)
}

/// A remote that is a folder of this machine leads out of the clone; so would its branches.
fn without_path_remotes(mut settings: Vec<Setting>) -> Vec<Setting> {
    let of_paths: Vec<String> = settings
        .iter()
        .filter_map(|setting| {
            let name = setting.key.strip_prefix("remote.")?.strip_suffix(".url")?;
            is_path(setting.value.as_deref()?).then(|| format!("remote.{name}."))
        })
        .collect();
    settings.retain(|setting| !of_paths.iter().any(|remote| setting.key.starts_with(remote)));
    settings
}

/// As git tells them apart: `host:path` and `scheme://…` are elsewhere.
fn is_path(url: &str) -> bool {
    let before_slash = url.split('/').next().unwrap_or_default();
    url.starts_with("file://") || !(url.contains("://") || before_slash.contains(':'))
}

fn render(settings: &[Setting]) -> String {
    let has_extensions = settings.iter().any(|setting| setting.key.starts_with("extensions."));
    let version = u8::from(has_extensions);
    let mut text =
        format!("[core]\n\trepositoryformatversion = {version}\n\tbare = false\n\tlogallrefupdates = true\n");
    for Setting { key, value } in settings {
        let (Some(first), Some(last)) = (key.find('.'), key.rfind('.')) else { continue };
        let (section, name) = (&key[..first], &key[last + 1..]);
        let _ = match key.get(first + 1..last) {
            Some(part) => writeln!(text, "[{section} \"{}\"]", escaped(part)),
            None => writeln!(text, "[{section}]"),
        };
        let _ = match value {
            Some(value) => {
                let value = escaped(value).replace('\n', "\\n").replace('\t', "\\t");
                writeln!(text, "\t{name} = \"{value}\"")
            }
            None => writeln!(text, "\t{name}"),
        };
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_has_the_repositorys_settings_but_for_where_it_is_and_remotes_that_are_folders() {
        let listed = "system\0core.editor\nvi\0global\0user.name\nSomebody\0global\0alias.x\n!y\0\
            local\0core.bare\nfalse\0local\0core.worktree\n/x\0local\0core.autocrlf\ninput\0local\0flag.on\0\
            local\0filter.a \"b\\.clean\nsed 's/\"/x/'\n\tz\0local\0remote.origin.url\n../up.git\0\
            local\0remote.origin.fetch\n+a:b\0local\0remote.hub.url\ngit@host:x.git\0command\0gc.auto\n0\0\
            local\0includeif.gitdir:/x.path\n/y\0local\0extensions.objectformat\nsha256\0";
        assert_eq!(
            render(&taken(listed.as_bytes())),
            "[core]\n\trepositoryformatversion = 1\n\tbare = false\n\tlogallrefupdates = true\n\
             [user]\n\tname = \"Somebody\"\n[core]\n\tautocrlf = \"input\"\n[flag]\n\ton\n\
             [filter \"a \\\"b\\\\\"]\n\tclean = \"sed 's/\\\"/x/'\\n\\tz\"\n\
             [remote \"hub\"]\n\turl = \"git@host:x.git\"\n[extensions]\n\tobjectformat = \"sha256\"\n"
        );
    }

    #[test]
    fn remotes_of_this_machine_are_told_from_others() {
        for url in ["../up.git", "/srv/x.git", "file:///srv/x", "up", "./a:b"] {
            assert!(is_path(url), "{url}");
        }
        for url in ["https://x/y", "ssh://x/y", "git@host:x.git", "host:x"] {
            assert!(!is_path(url), "{url}");
        }
    }
}
