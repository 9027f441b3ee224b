//! `hew task add`.

use hew_core::ids::RuntimeName;
use hew_core::render::task::task_lines;
use hew_core::render::text::visible;
use hew_core::tracker::NewTask;

use super::{Desk, actor, input};
use crate::cli::task_args::{ActorArg, AddArgs};
use crate::failure::{Failure, code};

pub(super) fn run(desk: &Desk<'_>, args: AddArgs) -> Result<u8, Failure> {
    let id_only = args.id_only;
    let new = new_task(args)?;
    let id = desk.tracker.create(&new).map_err(|error| desk.refused(error))?;
    if id_only {
        desk.ui.print(&format!("{}\n", visible(id.as_str())));
        return Ok(code::OK);
    }
    let task = desk.existing(&id)?;
    if desk.ui.is_json() {
        desk.ui.print_output(&super::TaskOutput::of(&task));
    } else {
        desk.ui.print(&task_lines(&[(&task).into()]));
    }
    Ok(code::OK)
}

fn new_task(args: AddArgs) -> Result<NewTask, Failure> {
    let runtime = args.runtime.map(RuntimeName::new);
    Ok(NewTask {
        local_name: None,
        title: args.title,
        description: input::description(&args.description)?.unwrap_or_default(),
        acceptance_criteria: args.acceptance,
        issue_type: args.issue_type,
        priority: args.priority,
        labels: args.labels,
        parent: args.parent,
        depends_on: args.deps,
        metadata: input::metadata(runtime.as_ref(), args.run.as_deref()),
        external_ref: None,
        created_by: Some(actor(&ActorArg { actor: None })),
    })
}
