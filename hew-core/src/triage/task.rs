//! The task for a failure of CI.

use super::CiFailure;
use crate::cut::beginning;
use crate::ids::Actor;
use crate::tracker::NewTask;

/// Who files such tasks.
const ACTOR: &str = "hew/triage";

/// Most bytes of a title.
const MAX_TITLE: usize = 200;

/// Failures of CI go before most other work.
const PRIORITY: u8 = 1;

/// What every such task begins with.
const OPENING: &str = "A CI failure has been detected and requires investigation.";

/// What is to be done where no model says it better.
const STEPS: &str = "Please investigate the failure by:
1. Reviewing recent commits on the branch
2. Reading the log at the run URL
3. Reproducing it locally
4. Fixing the root cause and ensuring the build passes";

/// What stands for something that the event does not tell.
const UNKNOWN: &str = "unknown";

/// The task; `plan` is a model's.
pub fn new_task(failure: &CiFailure, plan: Option<&str>) -> NewTask {
    NewTask {
        description: format!("{}\n\n{}", header(failure), plan.unwrap_or(STEPS)),
        issue_type: "bug".to_owned(),
        priority: PRIORITY,
        external_ref: Some(failure.external_ref()),
        created_by: Some(Actor::from(ACTOR)),
        ..NewTask::titled(title(failure))
    }
}

/// The facts.
pub fn header(failure: &CiFailure) -> String {
    let CiFailure { repository, branch, commit, check, url, .. } = failure;
    let (branch, url) = (branch.as_deref().unwrap_or(UNKNOWN), url.as_deref().unwrap_or(UNKNOWN));
    format!(
        "{OPENING}\n\nRepository: {repository}\nBranch: {branch}\nCommit SHA: {commit}\nCheck/Workflow: {check}\nRun URL: {url}"
    )
}

fn title(failure: &CiFailure) -> String {
    let branch = failure.branch.as_deref().map(|branch| format!(" on {branch}")).unwrap_or_default();
    let at = format!(" at {}", failure.commit.short());
    let start = format!("CI failure: {}{branch}", failure.check);
    beginning(&start, MAX_TITLE - at.len()).to_owned() + &at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CommitId;

    fn failure() -> CiFailure {
        CiFailure {
            repository: "acme/widgets".to_owned(),
            branch: Some("main".to_owned()),
            commit: CommitId::new("0123456789abcdef0123456789abcdef01234567"),
            check: "lint".to_owned(),
            conclusion: "failure".to_owned(),
            url: Some("https://github.com/acme/widgets/runs/7".to_owned()),
        }
    }

    #[test]
    fn without_a_plan_the_task_says_how_to_begin() {
        let task = new_task(&failure(), None);
        assert_eq!(
            task.description,
            "A CI failure has been detected and requires investigation.\n\n\
             Repository: acme/widgets\nBranch: main\nCommit SHA: 0123456789abcdef0123456789abcdef01234567\n\
             Check/Workflow: lint\nRun URL: https://github.com/acme/widgets/runs/7\n\n\
             Please investigate the failure by:\n1. Reviewing recent commits on the branch\n\
             2. Reading the log at the run URL\n3. Reproducing it locally\n\
             4. Fixing the root cause and ensuring the build passes"
        );
        assert_eq!((task.issue_type.as_str(), task.priority), ("bug", 1));
        let planned = new_task(&failure(), Some("Look at a.rs."));
        assert!(planned.description.ends_with("/runs/7\n\nLook at a.rs."), "{}", planned.description);
    }

    #[test]
    fn a_title_has_room_for_the_commit() {
        assert!(title(&failure()).starts_with("CI failure: lint on main at 0123456"));
        let long = title(&CiFailure { check: "é".repeat(200), branch: None, ..failure() });
        assert!(long.len() <= MAX_TITLE && long.contains(" at 0123456"), "{long}");
    }
}
