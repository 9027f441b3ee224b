//! Which program it is.

use std::fmt;

use hew_core::tracker::TrackerError;
use serde_json::Value;

use super::Program;

/// The oldest version that hew has been tried with.
pub const OLDEST: Version = Version { numbers: [1, 0, 5] };

/// A version, e.g. 1.3.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: [u32; 3],
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl Version {
    /// Reads `1.3.0`, `v1.3.0-rc.1` and the like.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let core = text.split(['-', '+', ' ']).next().unwrap_or_default();
        let numbers: Vec<u32> = core.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { numbers: numbers.try_into().ok()? })
    }
}

/// Asks the program.
pub(super) fn ask(program: &Program) -> Result<Version, TrackerError> {
    let answer = program.call(&["version", "--json"]).run()?;
    let data = answer.data()?;
    let told = data.get("version").and_then(Value::as_str);
    let version = told.and_then(Version::parse).ok_or_else(|| answer.failure())?;
    if version < OLDEST {
        return Err(TrackerError::Store {
            store: program.beads_dir.display().to_string(),
            reason: format!("`{}` is version {version}; {OLDEST} or later is needed", program.command),
        });
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_their_numbers() {
        for (text, shown) in [("1.0.5", "1.0.5"), ("v1.10.0-rc.1", "1.10.0"), ("2.0.0+dirty (dev)", "2.0.0")]
        {
            let version = Version::parse(text).unwrap();
            assert_eq!(version.to_string(), shown);
            assert!(version >= OLDEST);
        }
        assert!(Version::parse("0.58.0").unwrap() < OLDEST);
        for none in ["", "dev", "1.2", "1.2.x"] {
            assert_eq!(Version::parse(none), None, "{none}");
        }
    }
}
