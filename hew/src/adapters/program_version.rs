//! Which version a program is, as it says itself.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::streams::{Streams, end_group};

/// Longest that a program may take to say it.
const LIMIT: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(1);
/// More than this is no version.
const LONGEST: usize = 64 * 1024;

/// The first line that it prints when it is asked; the error is why there is none.
pub fn ask(program: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn().map_err(|error| error.to_string())?;
    let drained =
        Streams::of(&mut child).and_then(|streams| streams.at_most(LONGEST).drain(&mut child, LIMIT));
    match drained {
        Ok(Some((status, out, _))) if status.success() => {
            let text = String::from_utf8_lossy(&out);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty());
            line.map(str::to_owned).ok_or_else(|| "it does not say its version".to_owned())
        }
        Ok(Some(_)) => Err("it does not say its version".to_owned()),
        Ok(None) => {
            end_group(&mut child, GRACE);
            Err(format!("it did not say its version within {} s", LIMIT.as_secs()))
        }
        Err(error) => {
            end_group(&mut child, GRACE);
            Err(error.to_string())
        }
    }
}
