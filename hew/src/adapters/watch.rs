//! Waiting for a file to change, without looking again and again.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// Watches files and folders. A file is watched through its folder, so that it may come into being, be replaced or be
/// removed meanwhile; the folder must be there.
#[derive(Debug)]
pub struct FileWatch {
    inotify: Inotify,
    folders: HashMap<WatchDescriptor, Folder>,
}

#[derive(Debug, Default)]
struct Folder {
    path: PathBuf,
    /// Names that matter; none is everything in it.
    names: Option<Vec<OsString>>,
}

impl FileWatch {
    /// Watches these paths. One that is a folder is watched with everything that lies directly in it.
    pub fn new<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let mut watch = Self { inotify, folders: HashMap::new() };
        for path in paths {
            watch.add(path.as_ref())?;
        }
        Ok(watch)
    }

    /// Watches one more path.
    pub fn add(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = if path.is_dir() {
            (path, None)
        } else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            (folder.unwrap_or(Path::new(".")), path.file_name())
        };
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE;
        let descriptor = self.inotify.add_watch(folder, flags)?;
        let is_new = !self.folders.contains_key(&descriptor);
        let entry = self.folders.entry(descriptor).or_default();
        folder.clone_into(&mut entry.path);
        match name {
            None => entry.names = None,
            Some(name) if is_new => entry.names = Some(vec![name.to_owned()]),
            Some(name) => {
                if let Some(names) = &mut entry.names {
                    names.push(name.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Waits until something changes; the answer is the paths that did, none if the time was up. Without a timeout it
    /// waits for ever.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<PathBuf>> {
        let deadline = timeout.map(|timeout| std::time::Instant::now() + timeout);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(std::time::Instant::now()));
            let mut polled = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
            match poll(&mut polled, poll_timeout(left)) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(Vec::new()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let changed = self.changed()?;
            if !changed.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// What changed since the last look.
    fn changed(&self) -> io::Result<Vec<PathBuf>> {
        let events = match self.inotify.read_events() {
            Ok(events) => events,
            Err(Errno::EAGAIN) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut changed: Vec<PathBuf> = Vec::new();
        for event in events {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                // Some events were lost: everything may have changed.
                changed.extend(self.folders.values().flat_map(Folder::all));
            } else if let Some(folder) = self.folders.get(&event.wd) {
                changed.extend(folder.matching(event.name.as_deref()));
            }
        }
        changed.sort();
        changed.dedup();
        Ok(changed)
    }

    /// Sends what changes into a channel from a thread of its own, until nobody receives any more. A receiver that is
    /// busy misses nothing but repetitions: with a bounded channel that is full, the news is already there.
    pub fn forward<T: Send + 'static>(
        self,
        to: Sender<T>,
        mut news: impl FnMut(PathBuf) -> T + Send + 'static,
    ) -> io::Result<()> {
        thread::Builder::new().name("watch".to_owned()).spawn(move || {
            while let Ok(paths) = self.wait(None) {
                for path in paths {
                    if let Err(TrySendError::Disconnected(_)) = to.try_send(news(path)) {
                        return;
                    }
                }
            }
        })?;
        Ok(())
    }
}

impl Folder {
    fn all(&self) -> Vec<PathBuf> {
        match &self.names {
            None => vec![self.path.clone()],
            Some(names) => names.iter().map(|name| self.path.join(name)).collect(),
        }
    }

    fn matching(&self, name: Option<&OsStr>) -> Option<PathBuf> {
        let name = name?;
        let matters = self.names.as_ref().is_none_or(|names| names.iter().any(|known| known == name));
        matters.then(|| self.path.join(name))
    }
}

/// Rounded up, so that a wait never ends early and spins.
fn poll_timeout(left: Option<Duration>) -> PollTimeout {
    let Some(left) = left else { return PollTimeout::NONE };
    let millis = left.as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
}
