//! Output on its way to a sink, secrets left out.

use std::io;

use hew_core::settings::secret::SecretValues;
use hew_core::settings::secret_stream::SecretStream;

use super::output::{Sign, Sink};

/// A sink that never sees a secret.
#[derive(Debug)]
pub struct LeftOut<S> {
    sink: S,
    secrets: SecretStream,
}

impl<S: Sink> LeftOut<S> {
    /// Passes to `sink` what is left without these values.
    pub fn new(sink: S, secrets: &SecretValues) -> Self {
        Self { sink, secrets: SecretStream::new(secrets) }
    }

    /// The sink with all that was printed.
    pub fn finish(self) -> io::Result<S> {
        let Self { mut sink, secrets } = self;
        let rest = secrets.rest();
        if !rest.is_empty() {
            sink.take(&rest)?;
        }
        Ok(sink)
    }
}

impl<S: Sink> Sink for LeftOut<S> {
    fn take(&mut self, bytes: &[u8]) -> io::Result<Sign> {
        let passed = self.secrets.pass(bytes);
        // All of it may be held back, until it is known what it is.
        if passed.is_empty() { Ok(Sign::Waiting) } else { self.sink.take(passed) }
    }

    fn show(&mut self) -> io::Result<()> {
        self.sink.show()
    }
}
