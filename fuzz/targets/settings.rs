//! A settings file and a variable: problems are told with their place, and what has none can be used.

#![no_main]

use std::path::Path;

use hew_core::settings::Settings;
use hew_core::settings::layers::{read_environment, read_file};
use hew_core::settings::values::Values;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = read_file(text, "user", Path::new("config.toml"));
    for problem in &file.problems {
        assert!(!problem.to_string().is_empty());
    }
    let values = Values::built_in().overlaid_with(file.values);
    let variable = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = read_environment(variable.into_iter(), &values);
    let values = values.overlaid_with(environment.values).completed();
    if let Err(problems) = Settings::from_values(&values) {
        assert!(!problems.is_empty());
    }
});
