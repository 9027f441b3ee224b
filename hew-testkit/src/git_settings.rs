//! Git settings of calm and of hostile people.

/// Settings of somebody who has set nothing but a name.
pub(crate) const CALM: &str = "\
[user]
\tname = Tester
\temail = tester@example.com
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[maintenance]
\tauto = false
[advice]
\tdetachedHead = false
";

/// Everything that a person can set to get in the way of a program that runs git.
pub(crate) const HOSTILE: &str = "\
[user]
\tname = Tester
\temail = tester@example.com
\tuseConfigOnly = true
\tsigningKey = NOBODY
[init]
\tdefaultBranch = odd/trunk
[commit]
\tgpgSign = true
\ttemplate = /nonexistent/template
[tag]
\tgpgSign = true
[gpg]
\tprogram = /bin/false
[core]
\tautocrlf = true
\tsafecrlf = true
\tfsmonitor = /bin/false
\tpager = /bin/false
\teditor = /bin/false
\tquotePath = true
\tabbrev = 4
[color]
\tui = always
[column]
\tui = always
[merge]
\tff = no
\tautostash = true
\tverifySignatures = true
\tconflictStyle = diff3
[branch]
\tautoSetupMerge = always
\tautoSetupRebase = always
[checkout]
\tdefaultRemote = nowhere
[diff]
\texternal = /bin/false
\tnoprefix = true
\trenames = copies
\trelative = true
\tignoreSubmodules = all
[status]
\tshort = true
\tbranch = true
\trenames = copies
\tshowUntrackedFiles = no
\trelativePaths = true
[log]
\tshowSignature = true
\tdate = relative
[add]
\tignoreErrors = true
[fetch]
\tprune = true
\trecurseSubmodules = true
[protocol]
\tversion = 0
[protocol \"file\"]
\tallow = never
[submodule]
\trecurse = true
[rerere]
\tenabled = true
\tautoUpdate = true
[worktree]
\tguessRemote = true
[i18n]
\tcommitEncoding = ISO-8859-1
[index]
\tversion = 4
[gc]
\tauto = 1
[pull]
\trebase = true
";

/// Hooks that a person can have.
pub(crate) const HOOKS: [&str; 14] = [
    "applypatch-msg",
    "commit-msg",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "reference-transaction",
    "update",
];

/// Subcommands that a person can have aliases for.
pub(crate) const VERBS: [&str; 26] = [
    "add",
    "branch",
    "checkout",
    "clean",
    "commit",
    "commit-tree",
    "config",
    "diff",
    "diff-tree",
    "fetch",
    "for-each-ref",
    "log",
    "ls-files",
    "merge",
    "merge-base",
    "merge-tree",
    "reset",
    "rev-list",
    "rev-parse",
    "show",
    "status",
    "symbolic-ref",
    "update-ref",
    "var",
    "worktree",
    "write-tree",
];
