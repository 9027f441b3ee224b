//! Which agent program a runtime starts, as far as it has manners of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::local::is_local;
use super::runtime::SHELL;
use crate::ids::RuntimeName;
use crate::settings::target::DEFAULT_PORT;
use crate::settings::{OutputForm, RuntimeDef, Settings, Target};

/// The first signal with which a program is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoliteSignal {
    /// INT to the program alone, which then saves what it knows of its usage; TERM to its whole tree a little later.
    Interrupt,
    /// TERM to its whole tree.
    Terminate,
}

impl PoliteSignal {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
        }
    }
}

/// Agent programs that hew knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Codex,
    /// hew's own.
    Local,
    Other,
}

impl Family {
    /// By the runtime's name, or by the form of its output: under whatever name it is defined, the program is the same.
    pub(super) fn of(name: &RuntimeName, def: &RuntimeDef) -> Self {
        match (name.as_str(), def.output.value) {
            _ if is_local(name) => Self::Local,
            ("claude", _) | (_, OutputForm::ClaudeStream) => Self::Claude,
            ("codex", _) | (_, OutputForm::CodexJsonl) => Self::Codex,
            _ => Self::Other,
        }
    }

    /// For people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Local => "local",
            Self::Other => "other",
        }
    }

    /// Variables that log it in and lead it to its server: given to it, and to no other agent.
    pub(super) fn own_variables(self, settings: &Settings) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Claude => &[
                "ANTHROPIC_API_KEY",
                "ANTHROPIC_AUTH_TOKEN",
                "ANTHROPIC_BASE_URL",
                "CLAUDE_CODE_OAUTH_TOKEN",
            ],
            Self::Codex => &["CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"],
            Self::Local => return settings.local.api_key_env.value.iter().cloned().collect(),
            Self::Other => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Folders and files in which it keeps its own state, by its environment.
    pub(super) fn state(self, env: &BTreeMap<String, String>) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let set = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let below_home = |name: &str| set("HOME").map(|home| home.join(name));
        match self {
            Self::Claude => match set("CLAUDE_CONFIG_DIR") {
                Some(folder) => (vec![folder], Vec::new()),
                None => (
                    below_home(".claude").into_iter().collect(),
                    below_home(".claude.json").into_iter().collect(),
                ),
            },
            Self::Codex => {
                (set("CODEX_HOME").or_else(|| below_home(".codex")).into_iter().collect(), Vec::new())
            }
            Self::Local | Self::Other => (Vec::new(), Vec::new()),
        }
    }

    /// Where it goes for its model and its login, by its environment and the arguments that settings give it; `endpoint`
    /// is that of the runtime `local`. A server that it is led to is the only one.
    pub(super) fn servers(
        self,
        env: &BTreeMap<String, String>,
        args: &[String],
        endpoint: Option<&str>,
    ) -> Vec<Target> {
        let led_to =
            |name: &str| env.get(name).filter(|url| !url.is_empty()).and_then(|url| Target::of_url(url));
        let (set, own): (Vec<Target>, &[&str]) = match self {
            Self::Claude => (
                led_to("ANTHROPIC_BASE_URL").into_iter().collect(),
                &["api.anthropic.com", "platform.claude.com", "console.anthropic.com"],
            ),
            Self::Codex => {
                let in_arguments: Vec<Target> = args.iter().flat_map(|word| base_urls(word)).collect();
                let set = if in_arguments.is_empty() {
                    led_to("OPENAI_BASE_URL").into_iter().collect()
                } else {
                    in_arguments
                };
                (set, &["api.openai.com", "chatgpt.com", "auth.openai.com"])
            }
            Self::Local => (endpoint.and_then(Target::of_url).into_iter().collect(), &[]),
            Self::Other => (Vec::new(), &[]),
        };
        if set.is_empty() {
            own.iter().filter_map(|host| Target::parse(host, DEFAULT_PORT)).collect()
        } else {
            set
        }
    }

    /// How it is asked to end.
    pub(super) fn polite_signal(self) -> PoliteSignal {
        match self {
            Self::Claude | Self::Codex | Self::Local => PoliteSignal::Interrupt,
            Self::Other => PoliteSignal::Terminate,
        }
    }
}

/// Addresses of servers in one of codex's own settings: `…base_url = "https://…"`.
fn base_urls(word: &str) -> impl Iterator<Item = Target> {
    word.split("base_url").skip(1).filter_map(|rest| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start_matches([' ', '"', '\'']);
        Target::of_url(value.split(['"', '\'', ',', ' ', '}']).next()?)
    })
}

/// The command with which a person signs a runtime in; none where hew does not know its program.
pub fn how_to_sign_in(name: &RuntimeName, settings: &Settings) -> Option<String> {
    let def = settings.runtime_defs.get(name)?;
    let program = def.command.value.as_deref().unwrap_or(name.as_str());
    let (command, keys) = match Family::of(name, def) {
        Family::Claude => (format!("{program}   # type /login there"), "ANTHROPIC_API_KEY"),
        Family::Codex => (format!("{program} login"), "OPENAI_API_KEY"),
        Family::Local => {
            let key = settings.local.api_key_env.value.as_ref();
            return Some(match key {
                Some(name) => format!("set {name} to a key that the server takes; then hew loop run"),
                None => "hew config set loop.local.api_key_env NAME, and that variable to the server's key"
                    .to_owned(),
            });
        }
        Family::Other => return None,
    };
    let start = if command.contains('#') { ";" } else { "   #" };
    Some(format!("{command}{start} or set {keys} to a key that is accepted; then hew loop run"))
}

/// What a person does about a runtime whose program is not there.
pub fn how_to_find_program(name: &RuntimeName, settings: &Settings) -> Option<String> {
    let program = settings.runtime_defs.get(name)?.command.value.as_deref()?;
    Some(format!("install {program}, or: hew config set loop.runtime_defs.{name}.command PROGRAM"))
}

/// Why hew names no endpoint to a runtime.
pub(super) fn no_endpoint(name: &RuntimeName) -> String {
    if name.as_str() == SHELL {
        return "a command for the shell has none".to_owned();
    }
    format!("{name} handles its own")
}
