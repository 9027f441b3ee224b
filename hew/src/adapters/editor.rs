//! The person's editor on a file.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

/// Opens a file in `VISUAL`, else `EDITOR`, else `vi`, and waits until it is closed. The variable is a command line, as
/// everywhere: `code --wait`.
pub fn edit(path: &Path) -> Result<(), Failure> {
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".into());
    let failed = || Failure::failed(format!("the editor `{}` failed", editor.to_string_lossy()));
    let hint = "EDITOR=nano hew config edit";
    // The file is an argument of the shell's own, so that its name is never read as words of a command.
    let mut script = editor.clone();
    script.push(" \"$@\"");
    let status = Command::new("sh")
        .arg("-c")
        .arg(&script)
        .arg(&editor)
        .arg(path)
        .status()
        .map_err(|error| failed().because(error).hint(hint))?;
    if status.success() { Ok(()) } else { Err(failed().because(status).hint(hint)) }
}
