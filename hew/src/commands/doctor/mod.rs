//! `hew doctor`: what is wrong on this machine or in this project, why that matters, and one command for it.
//!
//! It only looks. `--fix` mends what is provably safe: locks that nobody can hold any more, processes of runs that are
//! gone, worktrees in which nothing is left that is not kept elsewhere.
//!
//! | file | looks at |
//! | --- | --- |
//! | `machine` | git, the kernel |
//! | `programs` | runtimes, the gate's program |
//! | `sign_in` | keys and logins of agents |
//! | `endpoint` | the person's own model server |
//! | `project` | settings, trust, tracker, room |
//! | `runs` | locks, processes, runs, worktrees |

mod endpoint;
mod finding;
mod machine;
mod programs;
mod project;
mod runs;
mod sign_in;

pub(super) use finding::Finding;
use finding::Standing;
use hew_core::settings::Settings;

use super::context::Context;
use super::trust;
use crate::adapters::project::Project;
use crate::adapters::settings_files;
use crate::cli::DoctorArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// Looks at everything, and tells it.
pub fn run(args: &DoctorArgs, ui: &Ui) -> Result<u8, Failure> {
    let mut findings = machine::look();
    match Project::find() {
        Err(failure) => findings.push(Finding::of_failure("project", &failure)),
        Ok(None) => findings.extend(outside()),
        Ok(Some(project)) => findings.extend(inside(&project, args.fix)),
    }
    for finding in &findings {
        if ui.is_json() {
            ui.print_output(finding);
        } else {
            ui.print(&finding.to_text());
        }
    }
    Ok(tell(&findings, args.fix, ui))
}

/// There is no project: the machine, and the person's own settings.
fn outside() -> Vec<Finding> {
    let mut findings = vec![Finding::note(
        "project",
        "no git repository here: only the machine was looked at",
        "locks, runs and worktrees belong to a project",
    )];
    match settings_files::load_values(None, &[]).and_then(|values| settings_files::typed(&values)) {
        Ok(settings) => findings.extend(agents(&settings, &[])),
        Err(failure) => findings.push(Finding::of_failure("settings", &failure)),
    }
    findings
}

fn inside(found: &Project, fix: bool) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("project", format!("{}", found.root.display()))];
    let settings = project::settings(found);
    let is_valid = settings.iter().all(|finding| finding.standing != Standing::Problem);
    findings.extend(settings);
    match Context::open() {
        Ok(context) => {
            findings.extend(machine::sandbox(&context.settings));
            findings.extend(project::look(&context));
            match trust::untrusted_keys(&context) {
                Ok(untrusted) => findings.extend(agents(&context.settings, &untrusted)),
                Err(failure) => findings.push(Finding::of_failure("trust", &failure)),
            }
            findings.extend(programs::gate(&context));
            findings.extend(runs::look(&context, fix));
        }
        // What is wrong with the settings was told one by one.
        Err(_) if !is_valid => {}
        Err(failure) => findings.push(Finding::of_failure("settings", &failure)),
    }
    findings
}

/// What does the tasks. Nothing is started or asked that a project's file names before that is trusted.
fn agents(settings: &Settings, untrusted: &[String]) -> Vec<Finding> {
    let mut findings = programs::runtimes(settings, untrusted);
    findings.extend(sign_in::look(settings));
    findings.extend(endpoint::look(settings, untrusted));
    findings
}

fn tell(findings: &[Finding], fix: bool, ui: &Ui) -> u8 {
    let count = |standing| findings.iter().filter(|finding| finding.standing == standing).count();
    let (problems, fixed) = (count(Standing::Problem), count(Standing::Fixed));
    let words = match (problems, fixed) {
        (0, 0) => "Nothing to do.".to_owned(),
        (0, fixed) => format!("{fixed} fixed, nothing left to do."),
        (problems, _) if fix => {
            format!("{fixed} fixed; {problems} left, which hew does not touch: see the commands")
        }
        (problems, _) => format!("{problems} to look at; hew doctor --fix mends what is provably safe"),
    };
    ui.say(&words);
    if problems > 0 { code::FAILED } else { code::OK }
}
