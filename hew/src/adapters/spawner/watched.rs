//! What an agent uses, looked at while it runs: by its output, and by its session file.

use std::cell::RefCell;

use hew_core::agent::{SpawnProgress, Usage};

use super::kept::{SharedReader, lock};
use crate::adapters::session_file::SessionFile;

/// An agent whose use of tokens is told on.
pub(super) struct Watched<'a> {
    reader: SharedReader,
    session: RefCell<Option<SessionFile>>,
    told: RefCell<(Usage, Option<f64>)>,
    progress: &'a dyn Fn(SpawnProgress),
}

impl<'a> Watched<'a> {
    pub(super) fn new(
        session: Option<SessionFile>,
        reader: SharedReader,
        progress: &'a dyn Fn(SpawnProgress),
    ) -> Self {
        Self { reader, session: RefCell::new(session), told: RefCell::default(), progress }
    }

    /// Reads what is new in the session file, and tells what was used where that has changed.
    pub(super) fn look(&self) {
        self.take_session(SessionFile::read_new);
    }

    /// Reads all that is left of the session file.
    pub(super) fn look_for_the_last_time(self) {
        self.take_session(SessionFile::read_rest);
    }

    fn take_session(&self, read: impl Fn(&mut SessionFile, Option<&str>, &mut dyn FnMut(&[u8]))) {
        if let Some(session) = self.session.borrow_mut().as_mut() {
            let id = lock(&self.reader).session_id().map(str::to_owned);
            read(session, id.as_deref(), &mut |bytes| lock(&self.reader).feed_session(bytes));
        }
        let (used, model) = {
            let reader = lock(&self.reader);
            (reader.used(), reader.model().map(str::to_owned))
        };
        if *self.told.borrow() != used {
            *self.told.borrow_mut() = used;
            let (usage, cost_usd) = used;
            (self.progress)(SpawnProgress::Used { usage, cost_usd, model });
        }
    }
}
