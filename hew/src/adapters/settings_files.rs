//! Settings files and environment, read and merged.
//!
//! Later layers win key by key: built-in, user file, project file, environment, flags. `HEW_CONFIG` names the only file
//! where it is set. Does not decide what a key may hold (the core does) nor how a file's text changes
//! ([`settings_edit`](crate::settings_edit) does).

use std::fs::Permissions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hew_core::settings::layers::{Layer, read_environment, read_file, read_flags};
use hew_core::settings::{Origin, Settings, SettingsProblem, Values};

use super::project::Project;
use crate::failure::Failure;

/// Names of a project's settings file, the one that is written first.
const PROJECT_FILES: [&str; 2] = [".hew.toml", "hew.toml"];

/// The layer of a project's own file.
const PROJECT: &str = "project";

/// A settings file, there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// `user`, `project` or `HEW_CONFIG`.
    pub layer: &'static str,
    /// Where it is, or would be.
    pub path: PathBuf,
}

/// What the project's own file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectLayer {
    /// The file.
    pub file: SettingsFile,
    /// Its values, no other layer's among them.
    pub values: Values,
}

/// All layers, merged as far as they could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    /// What is set.
    pub values: Values,
    /// The project's own part of it; none where the project has no file that counts.
    pub project: Option<ProjectLayer>,
    /// What could not be read, over all layers.
    pub problems: Vec<SettingsProblem>,
}

/// Values as typed settings, folders below the home folder named in full.
pub fn typed(values: &Values) -> Result<Settings, Failure> {
    let mut settings = Settings::from_values(values).map_err(|problems| invalid(&problems))?;
    if let Some(root) = settings.worktree_root.value.take() {
        settings.worktree_root.value = Some(below_home(root)?);
    }
    let folders = std::mem::take(&mut settings.sandbox_write.value);
    settings.sandbox_write.value = folders.into_iter().map(below_home).collect::<Result<_, _>>()?;
    Ok(settings)
}

/// Merges built-in values, user file, project file, environment and flags. A flag is key, text and the flag's name.
pub fn load_values(project: Option<&Project>, flags: &[(&str, String, &str)]) -> Result<Values, Failure> {
    let layers = load_layers(project, flags)?;
    if layers.problems.is_empty() { Ok(layers.values) } else { Err(invalid(&layers.problems)) }
}

/// The same with the project's own part, and with every problem of every layer.
pub fn load_layers(project: Option<&Project>, flags: &[(&str, String, &str)]) -> Result<Layers, Failure> {
    let mut layers = Layers { values: Values::built_in(), project: None, problems: Vec::new() };
    for file in files_to_read(project, &mut layers.problems)? {
        let Some(text) = file.read()? else { continue };
        let layer = read_file(&text, file.layer, &file.path);
        if file.layer == PROJECT {
            layers.project = Some(ProjectLayer { values: layer.values.clone(), file });
        }
        layers.lay_over(layer);
    }
    let environment = read_environment(environment_text(), &layers.values);
    layers.lay_over(environment);
    layers.lay_over(read_flags(flags));
    layers.values = layers.values.completed();
    Ok(layers)
}

/// The files that count; of two in one project, which is a problem, both.
fn files_to_read(
    project: Option<&Project>,
    problems: &mut Vec<SettingsProblem>,
) -> Result<Vec<SettingsFile>, Failure> {
    let names_one = named_file()?.is_some();
    let found = project.filter(|_| !names_one).map(|project| found_in(&settings_root(project)));
    let Some([one, two]) = found.as_deref() else { return files(project) };
    let at = Origin::File { layer: PROJECT, path: two.clone(), line: 1 };
    problems.push(SettingsProblem::TwoFiles { at, other: one.clone() });
    let of_project = [one, two].map(|path| SettingsFile { layer: PROJECT, path: path.clone() });
    Ok([user_file()?].into_iter().chain(of_project).collect())
}

impl Layers {
    fn lay_over(&mut self, layer: Layer) {
        self.problems.extend(layer.problems);
        self.values = std::mem::take(&mut self.values).overlaid_with(layer.values);
    }
}

/// Variables that are text; a setting that is not text would be no setting.
fn environment_text() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| {
        let name = name.into_string().ok()?;
        Some((name, text.to_string_lossy().into_owned()))
    })
}

/// Every problem as one failure: exit 2.
pub fn invalid(problems: &[SettingsProblem]) -> Failure {
    let message = match problems.len() {
        1 => "a setting is not valid".to_owned(),
        count => format!("{count} settings are not valid"),
    };
    let hint = problems.iter().find_map(remedy).unwrap_or_else(|| "hew config keys".to_owned());
    let failure = Failure::usage(message).hint(hint);
    problems.iter().fold(failure, Failure::because)
}

/// What mends a file that is wrong as a whole.
fn remedy(problem: &SettingsProblem) -> Option<String> {
    match problem {
        SettingsProblem::TwoFiles { at: Origin::File { path, .. }, other } => {
            Some(format!("move what you need to {}, then: rm {}", other.display(), path.display()))
        }
        SettingsProblem::Syntax { at: Origin::File { layer: "user", .. }, .. } => {
            Some("hew config edit --global".to_owned())
        }
        SettingsProblem::Syntax { .. } => Some("hew config edit".to_owned()),
        _ => None,
    }
}

/// The settings files that count, later ones winning. They need not exist, but one that `HEW_CONFIG` names must.
pub fn files(project: Option<&Project>) -> Result<Vec<SettingsFile>, Failure> {
    if let Some(path) = named_file()? {
        return Ok(vec![SettingsFile { layer: "HEW_CONFIG", path }]);
    }
    let mut files = vec![user_file()?];
    if let Some(project) = project {
        files.push(project_file(&settings_root(project))?);
    }
    Ok(files)
}

/// The file that `HEW_CONFIG` names.
fn named_file() -> Result<Option<PathBuf>, Failure> {
    let Some(path) = variable("HEW_CONFIG") else { return Ok(None) };
    match path.try_exists() {
        Ok(true) => Ok(Some(path)),
        Ok(false) => {
            Err(Failure::usage(format!("HEW_CONFIG names {}, which does not exist", path.display()))
                .hint("unset HEW_CONFIG"))
        }
        Err(error) => Err(unreadable(&path, &error)),
    }
}

/// `<XDG config>/hew/config.toml`.
pub fn user_file() -> Result<SettingsFile, Failure> {
    use etcetera::BaseStrategy as _;
    let folders = etcetera::choose_base_strategy().map_err(|_| no_home())?;
    Ok(SettingsFile { layer: "user", path: folders.config_dir().join("hew").join("config.toml") })
}

/// `.hew.toml` or `hew.toml` in a project's root; `.hew.toml` where neither is there.
pub fn project_file(root: &Path) -> Result<SettingsFile, Failure> {
    match found_in(root).as_slice() {
        [] => Ok(SettingsFile { layer: PROJECT, path: root.join(PROJECT_FILES[0]) }),
        [path] => Ok(SettingsFile { layer: PROJECT, path: path.clone() }),
        [one, two, ..] => {
            let at = Origin::File { layer: PROJECT, path: two.clone(), line: 1 };
            Err(invalid(&[SettingsProblem::TwoFiles { at, other: one.clone() }]))
        }
    }
}

fn found_in(root: &Path) -> Vec<PathBuf> {
    PROJECT_FILES.iter().map(|name| root.join(name)).filter(|path| path.exists()).collect()
}

/// The root whose settings count. Inside an iteration that is the project's, not the worktree's: what an agent edits
/// there must not change the rules it works under.
pub fn settings_root(project: &Project) -> PathBuf {
    variable("HEW_RUN_ID").and_then(|_| variable("HEW_PROJECT")).unwrap_or_else(|| project.root.clone())
}

/// Where worktrees of all runs are.
pub fn worktree_root(settings: &Settings) -> PathBuf {
    settings.worktree_root.value.clone().unwrap_or_else(|| hew_home().join("wt"))
}

/// Where hew keeps state of its own outside of projects: `HEW_HOME` or `~/.hew`.
pub fn hew_home() -> PathBuf {
    variable("HEW_HOME").unwrap_or_else(|| {
        // Without a home folder nothing of a person's can be found; the temporary folder at least can be written.
        etcetera::home_dir().unwrap_or_else(|_| std::env::temp_dir()).join(".hew")
    })
}

impl SettingsFile {
    /// Its text; none where there is no such file.
    pub fn read(&self) -> Result<Option<String>, Failure> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&self.path, &error)),
        }
    }

    /// Makes the folder that it stands in.
    pub fn make_folder(&self) -> Result<(), Failure> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::failed(format!("folder {} can't be made", folder.display())).because(error)
        })
    }

    /// Replaces its text whole, and makes the folder it stands in. Where it is a link, what it leads to is replaced.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        write_whole(&self.path, text).map_err(|error| {
            Failure::failed(format!("settings file {} can't be written", self.path.display())).because(error)
        })
    }
}

fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().expect("a settings file stands in a folder");
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    let permissions = match std::fs::metadata(&path) {
        Ok(old) => old.permissions(),
        Err(_) => Permissions::from_mode(0o644),
    };
    new.as_file().set_permissions(permissions)?;
    new.as_file().sync_all()?;
    new.persist(&path)?;
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("settings file {} can't be read", path.display())).because(error)
}

fn no_home() -> Failure {
    Failure::usage("no home folder is known").hint("export HOME=…")
}

fn below_home(path: PathBuf) -> Result<PathBuf, Failure> {
    match path.strip_prefix("~") {
        Ok(rest) => Ok(etcetera::home_dir().map_err(|_| no_home())?.join(rest)),
        Err(_) => Ok(path),
    }
}

/// A variable that names a path; an empty one counts as absent.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
