//! What can be seen of an agent's sign-in without asking anybody: a key that it would get, and where it keeps a login.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::family::Family;
use crate::ids::RuntimeName;
use crate::settings::Settings;

/// How an agent program would be known to its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The variable that holds a key or a token for it; none where none does.
    pub variable: Option<String>,
    /// The file in which it keeps a login, there or not; none where its home is not known.
    pub login: Option<PathBuf>,
}

/// For a runtime whose program hew knows; `ambient` is hew's own environment.
pub fn sign_in(
    name: &RuntimeName,
    settings: &Settings,
    ambient: &BTreeMap<String, String>,
) -> Option<SignIn> {
    let def = settings.runtime_defs.get(name)?;
    let family = Family::of(name, def);
    let file = match family {
        Family::Claude => ".credentials.json",
        Family::Codex => "auth.json",
        // A model server can be asked itself; of any other program nothing is known.
        Family::Local | Family::Other => return None,
    };
    let mut env = ambient.clone();
    env.extend(def.env.iter().map(|(name, found)| (name.clone(), found.value.clone())));
    let is_key = |name: &String| {
        !name.ends_with("_BASE_URL") && env.get(name).is_some_and(|value| !value.trim().is_empty())
    };
    let variable = family.own_variables(settings).into_iter().find(is_key);
    let login = family.state(&env).0.first().map(|folder| folder.join(file));
    Some(SignIn { variable, login })
}
