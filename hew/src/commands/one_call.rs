//! One question to a runtime, outside of a run: in an empty folder of its own, without tools.

use std::path::Path;

use hew_core::agent::Spawner as _;
use hew_core::ids::{IterationId, RunId, RuntimeName, WorkerId};
use hew_core::plan::{Purpose, Seat, SpawnRequest, plan_spawn, prompt_file, runtime};

use super::context::Context;
use crate::adapters::files::create_private_dir;
use crate::adapters::spawner::ProcessSpawner;
use crate::adapters::store::write_for_agent;
use crate::adapters::{host, secrets};
use crate::drive::{new_session, rig};

/// The runtime's answer, or why there is none. `origin` says on whose behalf it is asked.
pub(super) fn ask(
    context: &Context,
    name: &RuntimeName,
    prompt: &str,
    origin: &str,
) -> Result<String, String> {
    let settings = &context.settings;
    let choice = runtime::for_call(name, settings, origin).map_err(|problem| problem.with_remedy())?;
    let folder = tempfile::Builder::new().prefix("hew-call-").tempdir().map_err(|error| error.to_string())?;
    let seat = seat(context, folder.path())?;
    let host = host::load(settings);
    let plan = plan_spawn(&SpawnRequest {
        purpose: Purpose::Elaborate,
        settings,
        model: None,
        host: &host,
        seat: &seat,
        choice: &choice,
        suggested: None,
        resumes: None,
    });
    let plan = plan.map_err(|problem| problem.with_remedy())?;
    write_for_agent(&prompt_file(&seat), prompt.as_bytes()).map_err(|error| error.to_string())?;
    let spawner = ProcessSpawner::new(rig::RUNNING_PROGRAM.into(), secrets::of(settings));
    let report =
        spawner.run(&plan, &crossbeam_channel::never(), &|_| {}).map_err(|error| error.to_string())?;
    match report.why_no_answer() {
        Some(why) => Err(why),
        None => Ok(report.last_words().to_owned()),
    }
}

/// A place that nothing of the project is in.
fn seat(context: &Context, folder: &Path) -> Result<Seat, String> {
    let (empty, temp, own) = (folder.join("empty"), folder.join("tmp"), folder.join("call"));
    for folder in [&empty, &temp, &own] {
        create_private_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(Seat {
        run: RunId::parse("loop-00000000T000000Z-00000000").expect("the form of a run id"),
        iteration: IterationId { worker: WorkerId(0), iter: 1 },
        attempt: 0,
        project: context.project.root.clone(),
        git_dir: empty.clone(),
        git_common_dir: empty.clone(),
        worktree: empty,
        session: new_session()?,
        folder: own,
        shared_temp: temp.clone(),
        temp,
        port_base: 0,
        hew_folder: rig::hew_folder(),
        task_folders: Vec::new(),
        remotes: Vec::new(),
        tracker_env: std::collections::BTreeMap::new(),
    })
}
