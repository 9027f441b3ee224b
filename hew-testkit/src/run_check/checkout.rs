//! All that a user has in a checkout: every file's bytes, the index, HEAD and the stash.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::repo::TestRepo;

/// What lies in a checkout. Two of them are equal where nothing of the user's was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Every file outside .git and .hew, ignored ones too, with its mode and bytes; a symlink's bytes are its target.
    pub files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
    /// `git ls-files --stage`.
    pub index: String,
    /// HEAD's branch, or its commit.
    pub head: String,
    /// The commit that HEAD is at.
    pub commit: String,
    /// `git stash list`.
    pub stash: String,
}

impl Checkout {
    /// What lies in a repository's main checkout now.
    pub fn of(repo: &TestRepo) -> Self {
        let mut files = BTreeMap::new();
        read_folder(repo.root(), repo.root(), &mut files);
        Self {
            files,
            index: repo.git(&["ls-files", "--stage"]),
            head: repo.git(&["rev-parse", "--abbrev-ref", "HEAD"]),
            commit: repo.git(&["rev-parse", "HEAD"]),
            stash: repo.git(&["stash", "list"]),
        }
    }

    /// A file's text; `None` if it is not there.
    pub fn text(&self, path: &str) -> Option<String> {
        self.files.get(Path::new(path)).map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    }
}

fn read_folder(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a checkout's folder can be read").flatten() {
        let path = entry.path();
        let name = path.strip_prefix(root).expect("it was found below the root").to_owned();
        if name == Path::new(".git") || name == Path::new(".hew") {
            continue;
        }
        let meta = fs::symlink_metadata(&path).expect("it was listed a moment ago");
        if meta.is_dir() {
            read_folder(root, &path, files);
        } else if meta.is_symlink() {
            let target = fs::read_link(&path).expect("it is a symlink");
            files.insert(name, (0, target.into_os_string().into_encoded_bytes()));
        } else {
            let bytes = fs::read(&path).expect("a checkout's file can be read");
            files.insert(name, (meta.permissions().mode(), bytes));
        }
    }
}
