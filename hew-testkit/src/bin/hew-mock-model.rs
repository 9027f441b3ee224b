//! Serves a script on 127.0.0.1 until it is ended: `hew-mock-model SCRIPT.json`.
//!
//! Prints the base URL, then one line of JSON for each request that it was asked. What a script holds is described in
//! `hew_testkit::mock_model::script`.

use std::io::Write;
use std::process::ExitCode;

use hew_testkit::mock_model::{MockModel, Script};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "hew-mock-model: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let path = std::env::args_os().nth(1).ok_or("name the file of a script")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let script: Script =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let server = MockModel::start(script);
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.url()).map_err(|error| error.to_string())?;
    for asked in server.follow() {
        let line = serde_json::to_string(&asked).map_err(|error| error.to_string())?;
        writeln!(out, "{line}").map_err(|error| error.to_string())?;
    }
    Ok(())
}
