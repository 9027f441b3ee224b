//! Names of things: one type each, so that a task can't be passed where a commit is meant.
//!
//! Ids from outside (tasks, commits) are opaque text and always passed whole. They are the one kind of core type
//! that is written to disk as it is: the wire form is the text itself.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text of an id as it is read. Many places of a view hold the same id, so they share it.
struct SharedText;

impl Visitor<'_> for SharedText {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Arc<str>, E> {
        Ok(text.into())
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema)]
        #[schemars(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(text.as_ref().into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(SharedText).map(Self)
            }
        }
    };
}

text_id!(
    /// A task in the tracker, e.g. `hew-a1b2` or its child `hew-a1b2.3`.
    TaskId
);
text_id!(
    /// A commit's full object name.
    CommitId
);
text_id!(
    /// A tree's full object name.
    TreeId
);
text_id!(
    /// A branch without `refs/heads/`, e.g. `main`.
    BranchName
);
text_id!(
    /// A full ref name, e.g. `refs/hew/<run>/w0/iter-001`.
    RefName
);
text_id!(
    /// A way to run an agent: `shell` or one defined under `loop.runtime_defs`.
    RuntimeName
);
text_id!(
    /// A model as a person, a setting or a provider names it: any text.
    ModelName
);
text_id!(
    /// Who holds a claim: `hew/<run>/w<n>/<iter>` for an iteration.
    Actor
);

impl CommitId {
    /// The first twelve characters, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl BranchName {
    /// The branch's full ref name.
    pub fn to_ref(&self) -> RefName {
        RefName::new(format!("refs/heads/{}", self.0))
    }
}

/// A slot of a run, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct WorkerId(pub u16);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}

/// One attempt of one worker, numbered from 1 in each worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct IterationId {
    /// The worker that made the attempt.
    pub worker: WorkerId,
    /// Its number in that worker, from 1.
    pub iter: u32,
}

impl IterationId {
    /// The name of its folder and file, e.g. `iter-003`.
    pub fn stem(self) -> String {
        format!("iter-{:03}", self.iter)
    }
}

impl fmt::Display for IterationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.worker, self.stem())
    }
}

/// A run: `loop-<UTC compact stamp>-<8 hex>`. Ids order by time of launch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The id of a run launched in the second of `at`; `rest` keeps it apart from others of that second.
    pub fn new(at: DateTime<Utc>, rest: u32) -> Self {
        Self(format!("loop-{}-{rest:08x}", at.format("%Y%m%dT%H%M%SZ")))
    }

    /// The id of a run launched at `at`. Ids sort as their launches do, to the microsecond; of `random`, which keeps apart
    /// what was launched in one, 12 bits are used.
    pub fn of_launch(at: DateTime<Utc>, random: u32) -> Self {
        // In a leap second the count goes on beyond a million.
        let micros = at.timestamp_subsec_micros().min(999_999);
        Self::new(at, (micros << 12) | (random & 0xfff))
    }

    /// Reads an id back; `None` if the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (stamp, random) = text.strip_prefix("loop-")?.split_once('-')?;
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let (date, time) = stamp.strip_suffix('Z')?.split_once('T')?;
        let stamp_fits = date.len() == 8 && digits(date) && time.len() == 6 && digits(time);
        let random_fits = random.len() == 8 && random.bytes().all(|b| b.is_ascii_hexdigit());
        (stamp_fits && random_fits).then(|| Self(text.to_owned()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The actor under which one iteration of this run holds its claim.
    pub fn actor(&self, iteration: IterationId) -> Actor {
        Actor::new(format!("hew/{}/{}/{}", self.0, iteration.worker, iteration.iter))
    }

    /// What the actor of every iteration of every run begins with.
    pub const ACTORS: &str = "hew/";

    /// What the actor of every iteration of this run begins with.
    pub fn actor_prefix(&self) -> String {
        format!("{}{}/", Self::ACTORS, self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A version 4 UUID made of this random number.
pub fn uuid4(random: u128) -> String {
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        assert_eq!(uuid4(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid4(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid4(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), "01234567-89ab-4def-8123-456789abcdef");
    }

    #[test]
    fn a_run_id_reads_back_and_other_text_does_not() {
        let at = DateTime::parse_from_rfc3339("2026-11-20T19:30:00Z").unwrap().to_utc();
        let id = RunId::new(at, 0x1a2b_3c4d);
        assert_eq!(id.as_str(), "loop-20261120T193000Z-1a2b3c4d");
        assert_eq!(RunId::parse(id.as_str()), Some(id));
        let later = at + chrono::TimeDelta::microseconds(1);
        assert!(RunId::of_launch(at, u32::MAX) < RunId::of_launch(later, 0));
        let end_of_second = at + chrono::TimeDelta::microseconds(999_999);
        assert_eq!(RunId::of_launch(end_of_second, 0xabc).as_str(), "loop-20261120T193000Z-f423fabc");
        for wrong in [
            "",
            "loop",
            "loop-1-2",
            "loop-20261120T193000-1a2b3c4d",
            "loop-20261120T193000Z-1a2b3c4g",
            "../x",
        ] {
            assert_eq!(RunId::parse(wrong), None, "{wrong}");
        }
    }
}
