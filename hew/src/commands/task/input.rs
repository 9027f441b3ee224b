//! Texts and files that tasks are made from.

use std::io::Read as _;
use std::path::Path;

use hew_core::ids::RuntimeName;
use hew_core::plan::runtime::{RUN_KEY, RUNTIME_KEY};
use serde_json::{Map, Value};

use crate::cli::task_args::DescriptionArgs;
use crate::failure::Failure;

/// The whole text of a file; `-` is standard input.
pub(super) fn load_text(file: &Path) -> Result<String, Failure> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let unreadable = || Failure::usage(format!("{} can't be read", file.display()));
    let bytes = bytes.map_err(|error| unreadable().because(error))?;
    String::from_utf8(bytes).map_err(|error| unreadable().because(format!("not UTF-8: {error}")))
}

/// The description, if there is one.
pub(super) fn description(args: &DescriptionArgs) -> Result<Option<String>, Failure> {
    match (&args.description, &args.description_file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, Some(file)) => load_text(file).map(|text| Some(text.trim_end().to_owned())),
        (None, None) => Ok(None),
    }
}

/// Metadata for `--runtime` and `--run`.
pub(super) fn metadata(runtime: Option<&RuntimeName>, run: Option<&str>) -> Map<String, Value> {
    let runtime = runtime.map(|name| (RUNTIME_KEY.to_owned(), name.as_str().into()));
    let run = run.map(|command| (RUN_KEY.to_owned(), command.into()));
    runtime.into_iter().chain(run).collect()
}
