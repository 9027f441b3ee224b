//! Whether agents are signed in, as far as that can be seen without asking anybody: a variable, or a file that is there.
//! Neither is read. Programs are not asked: claude looks for its provider on the network to say it.

use hew_core::plan::{SignIn, how_to_sign_in, sign_in};
use hew_core::settings::Settings;

use super::finding::Finding;
use crate::adapters::host;

const CHECK: &str = "sign-in";

/// Every runtime whose program is there and known to hew.
pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let env = host::environment();
    let mut findings = Vec::new();
    for (name, def) in &settings.runtime_defs {
        let program = def.command.value.as_deref().and_then(host::find_program);
        let Some(SignIn { variable, login }) = program.and_then(|_| sign_in(name, settings, &env)) else {
            continue;
        };
        findings.push(match (variable, login) {
            (Some(variable), _) => Finding::ok(CHECK, format!("runtime {name}: a key is set in {variable}")),
            (None, Some(file)) if file.exists() => {
                Finding::ok(CHECK, format!("runtime {name}: a login is kept in {}", file.display()))
            }
            _ => {
                let what = format!("runtime {name}: no key is set, and no login is kept where it would be");
                let why = "unless it signs in in a way that can't be seen here (a cloud's, a keychain's, a helper's), \
                           its provider will refuse it";
                let note = Finding::note(CHECK, what, why);
                match how_to_sign_in(name, settings) {
                    Some(command) => note.with_command(command),
                    None => note,
                }
            }
        });
    }
    findings
}
