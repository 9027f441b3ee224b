//! Settings of git's, by what they do to whoever runs git in the checkout next.

/// Keys that run code, or keep git from working there at all.
const EXACT: [&str; 22] = [
    "core.alternaterefscommand",
    "core.askpass",
    "core.attributesfile",
    "core.bare",
    "core.editor",
    "core.fsmonitor",
    "core.gitproxy",
    "core.hookspath",
    "core.pager",
    "core.sshcommand",
    "core.worktree",
    "commit.gpgsign",
    "diff.external",
    "gpg.program",
    "gpg.ssh.defaultkeycommand",
    "gpg.ssh.program",
    "include.path",
    "interactive.difffilter",
    "sendemail.sendmailcmd",
    "sequence.editor",
    "uploadpack.packobjectshook",
    "web.browser",
];

/// Beginnings of such keys: every key of a section, or of all its subsections.
const SECTIONS: [&str; 10] = [
    "alias.",
    "browser.",
    "credential.",
    "difftool.",
    "filter.",
    "hook.",
    "includeif.",
    "mergetool.",
    "pager.",
    "trailer.",
];

/// Subsections of which these keys run code: section, key.
const OF_SUBSECTIONS: [(&str, &[&str]); 5] = [
    ("diff.", &["command", "textconv"]),
    ("merge.", &["driver"]),
    ("remote.", &["uploadpack", "receivepack", "proxy", "vcs"]),
    ("submodule.", &["update"]),
    ("gpg.", &["program"]),
];

/// A key, in git's own lower-case form, that makes git run something, or that breaks the checkout.
pub fn runs_code(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let is_of_subsection = |(section, names): &(&str, &[&str])| {
        key.starts_with(section)
            && key
                .rsplit_once('.')
                .is_some_and(|(before, name)| before.contains('.') && names.contains(&name))
    };
    EXACT.contains(&key.as_str())
        || SECTIONS.iter().any(|section| key.starts_with(section))
        || OF_SUBSECTIONS.iter().any(is_of_subsection)
}

/// A key that comes and goes with branches: making one is nobody's escape.
pub fn follows_branches(key: &str) -> bool {
    key.starts_with("branch.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_run_code_are_known_in_any_case_and_others_are_not() {
        for key in [
            "core.hooksPath",
            "core.fsmonitor",
            "filter.x.clean",
            "filter.lfs.process",
            "alias.st",
            "core.bare",
            "core.sshCommand",
            "include.path",
            "includeIf.gitdir:/x.path",
            "diff.x.textconv",
            "merge.m.driver",
            "credential.helper",
            "remote.origin.uploadpack",
        ] {
            assert!(runs_code(key), "{key}");
        }
        for key in
            ["user.name", "core.autocrlf", "remote.origin.url", "diff.renames", "merge.ff", "branch.x.remote"]
        {
            assert!(!runs_code(key), "{key}");
        }
    }
}
