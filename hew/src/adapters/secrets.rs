//! Secrets that agents, gates and pages may come across.

use hew_core::settings::Settings;
use hew_core::settings::secret::SecretValues;

use super::host;

/// Values of variables with the name of a secret: hew's own, and those that settings give to runtimes.
pub fn of(settings: &Settings) -> SecretValues {
    let given = settings.runtime_defs.values().flat_map(|def| &def.env);
    SecretValues::of(ambient().chain(given.map(|(name, found)| (name.clone(), found.value.clone()))))
}

/// Those of hew's own variables alone, where settings can't be read.
pub fn of_environment() -> SecretValues {
    SecretValues::of(ambient())
}

fn ambient() -> impl Iterator<Item = (String, String)> {
    host::environment().into_iter()
}
