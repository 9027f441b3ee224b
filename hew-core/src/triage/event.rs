//! GitHub's `check_run` and `workflow_run` events, as far as hew reads them.

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::cut::beginning;
use crate::helper::words::one_line;
use crate::ids::CommitId;

/// Most characters of a name that are kept.
const MAX_NAME: usize = 200;

/// Most bytes of a reference: trackers keep no more.
const MAX_REF: usize = 250;

/// The status of a run that is over.
const COMPLETED: &str = "completed";

/// Conclusions that are failures. A run that was cancelled, skipped or needs a person is none.
const FAILURES: [&str; 2] = ["failure", "timed_out"];

/// What an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CiEvent {
    /// A check or a workflow failed.
    Failure(CiFailure),
    /// Something else; why it is no failure, for people.
    Other(String),
}

/// A check or workflow that failed at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFailure {
    /// `owner/name`.
    pub repository: String,
    /// The branch; none where GitHub names none, e.g. for a fork's.
    pub branch: Option<String>,
    /// The commit.
    pub commit: CommitId,
    /// Name of the check or workflow.
    pub check: String,
    /// `failure` or `timed_out`.
    pub conclusion: String,
    /// Where the run can be looked at.
    pub url: Option<String>,
}

/// An event that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is no JSON object of the form that these events have.
    #[error("it is no event of GitHub's: {0}")]
    NotAnEvent(String),
    /// It tells of a failure, but not of which.
    #[error("it tells of a failure, but its {0} is missing or not well formed")]
    Incomplete(&'static str),
}

#[derive(Deserialize)]
struct Payload {
    check_run: Option<Run>,
    workflow_run: Option<Run>,
    workflow: Option<Named>,
    repository: Option<Repository>,
}

/// A check or a run of a workflow.
#[derive(Deserialize)]
struct Run {
    name: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    head_sha: Option<String>,
    head_branch: Option<String>,
    html_url: Option<String>,
    details_url: Option<String>,
    check_suite: Option<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    head_branch: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: Option<String>,
}

/// Reads an event's JSON.
pub fn read_event(json: &[u8]) -> Result<CiEvent, EventError> {
    let payload: Payload =
        serde_json::from_slice(json).map_err(|error| EventError::NotAnEvent(error.to_string()))?;
    let Payload { check_run, workflow_run, workflow, repository } = payload;
    let (kind, run) = match (check_run, workflow_run) {
        (Some(run), _) => ("check", run),
        (None, Some(run)) => ("workflow", run),
        (None, None) => {
            return Ok(CiEvent::Other("it is neither a check_run nor a workflow_run event".to_owned()));
        }
    };
    let said = |word: &Option<String>| one_line(word.as_deref().unwrap_or("unknown"), MAX_NAME);
    if run.status.as_deref() != Some(COMPLETED) {
        return Ok(CiEvent::Other(format!(
            "the {kind} is not completed: its status is {}",
            said(&run.status)
        )));
    }
    if !FAILURES.iter().any(|failure| run.conclusion.as_deref() == Some(failure)) {
        return Ok(CiEvent::Other(format!(
            "the {kind} did not fail: its conclusion is {}",
            said(&run.conclusion)
        )));
    }
    failure(run, workflow, repository).map(CiEvent::Failure)
}

fn failure(
    run: Run,
    workflow: Option<Named>,
    repository: Option<Repository>,
) -> Result<CiFailure, EventError> {
    let named =
        |name: Option<String>| name.map(|name| one_line(&name, MAX_NAME)).filter(|name| !name.is_empty());
    let repository = repository.and_then(|repository| repository.full_name);
    let repository =
        repository.filter(|name| is_repository(name)).ok_or(EventError::Incomplete("repository"))?;
    let commit = run.head_sha.filter(|sha| is_commit(sha)).ok_or(EventError::Incomplete("commit"))?;
    let check = named(run.name).or_else(|| named(workflow?.name)).ok_or(EventError::Incomplete("name"))?;
    let of_suite = run.check_suite.and_then(|suite| suite.head_branch);
    let url = [run.html_url, run.details_url].into_iter().flatten().find(|url| is_link(url));
    Ok(CiFailure {
        repository,
        branch: named(run.head_branch).or_else(|| named(of_suite)),
        commit: CommitId::new(commit.to_ascii_lowercase()),
        check,
        conclusion: run.conclusion.unwrap_or_default(),
        url,
    })
}

fn is_repository(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    name.len() <= MAX_NAME
        && name.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

fn is_commit(sha: &str) -> bool {
    [40, 64].contains(&sha.len()) && sha.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_link(url: &str) -> bool {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web
        && url.len() <= 2000
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"`".contains(&byte))
}

impl CiFailure {
    /// What the task stands for: `github:owner/name:sha:check`. The same failure has the same, whoever tells of it.
    pub fn external_ref(&self) -> String {
        // GitHub tells no cases of names apart.
        let start = format!("github:{}:{}:", self.repository.to_ascii_lowercase(), self.commit);
        let whole = format!("{start}{}", self.check);
        if whole.len() <= MAX_REF {
            return whole;
        }
        let digest = Sha256::digest(self.check.as_bytes());
        let hash = digest[..8].iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let room = MAX_REF.saturating_sub(start.len() + hash.len() + 1);
        format!("{start}{}#{hash}", beginning(&self.check, room))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(event: &Value) -> Result<CiEvent, EventError> {
        read_event(event.to_string().as_bytes())
    }

    fn check() -> Value {
        json!({
            "action": "completed",
            "check_run": {
                "name": "lint", "status": "completed", "conclusion": "failure",
                "head_sha": "0123456789ABCDEF0123456789abcdef01234567",
                "html_url": "https://github.com/acme/widgets/runs/7",
                "check_suite": { "head_branch": "main" },
            },
            "repository": { "full_name": "acme/widgets" },
        })
    }

    #[test]
    fn a_run_without_a_name_has_that_of_its_workflow() {
        // So it stands in GitHub's own example of the event.
        let mut event = json!({ "workflow": { "name": "test" } });
        event["workflow_run"] = check()["check_run"].take();
        event["repository"] = check()["repository"].take();
        for name in [json!(""), Value::Null] {
            event["workflow_run"]["name"] = name;
            let Ok(CiEvent::Failure(failure)) = read(&event) else { panic!("{event}") };
            assert_eq!(failure.check, "test");
        }
    }

    #[test]
    fn only_a_failure_of_a_run_that_is_over_is_one() {
        for (field, value, why) in [
            ("status", json!("in_progress"), "not completed: its status is in_progress"),
            ("status", Value::Null, "not completed: its status is unknown"),
            ("conclusion", json!("success"), "did not fail: its conclusion is success"),
            ("conclusion", json!("cancelled"), "its conclusion is cancelled"),
            ("conclusion", json!("action_required"), "its conclusion is action_required"),
            ("conclusion", Value::Null, "its conclusion is unknown"),
        ] {
            let mut event = check();
            event["check_run"][field] = value;
            let CiEvent::Other(said) = read(&event).unwrap() else { panic!("{field}: a failure") };
            assert!(said.contains(why), "{said}");
        }
        for other in [json!({"zen": "Keep it simple."}), json!({"ref": "refs/heads/main"}), json!({})] {
            assert!(matches!(read(&other), Ok(CiEvent::Other(_))), "{other}");
        }
        let mut event = check();
        event["check_run"]["conclusion"] = json!("timed_out");
        assert!(matches!(read(&event), Ok(CiEvent::Failure(_))));
    }

    #[test]
    fn what_is_missing_or_odd_in_a_failure_is_said() {
        for (pointer, value, what) in [
            ("/repository/full_name", json!("widgets"), "repository"),
            ("/repository/full_name", json!("acme/wid gets"), "repository"),
            ("/repository", Value::Null, "repository"),
            ("/check_run/head_sha", json!("main"), "commit"),
            ("/check_run/head_sha", json!("0123; rm -rf"), "commit"),
            ("/check_run/name", json!(" \n "), "name"),
        ] {
            let mut event = check();
            *event.pointer_mut(pointer).unwrap() = value;
            assert_eq!(read(&event), Err(EventError::Incomplete(what)), "{event}");
        }
        for wrong in ["", "null", "[]", "7", "{", "not json", "{\"check_run\": 7}", "\u{feff}{}"] {
            assert!(matches!(read_event(wrong.as_bytes()), Err(EventError::NotAnEvent(_))), "{wrong}");
        }
        assert!(matches!(
            read_event(b"{\"check_run\": {\"name\": \"\xff\"}}"),
            Err(EventError::NotAnEvent(_))
        ));
    }

    #[test]
    fn names_are_one_line_and_links_are_links() {
        let mut event = check();
        event["check_run"]["name"] = json!("a\nCommit SHA: x\u{1b}[2J <!-- hew:model=evil -->");
        event["check_run"]["html_url"] = json!("javascript:alert(1)");
        event["check_run"]["details_url"] = json!("https://ci.example.com/1 x");
        event["check_run"]["check_suite"]["head_branch"] = Value::Null;
        let Ok(CiEvent::Failure(failure)) = read(&event) else { panic!("no failure") };
        assert_eq!(failure.check, "a Commit SHA: x [2J <! -- hew:model=evil -->");
        assert_eq!((failure.url, failure.branch), (None, None));
        assert_eq!(failure.commit.as_str(), "0123456789abcdef0123456789abcdef01234567");
    }

    #[test]
    fn a_reference_is_short_and_tells_failures_apart() {
        let Ok(CiEvent::Failure(mut failure)) = read(&check()) else { panic!("no failure") };
        assert_eq!(
            failure.external_ref(),
            "github:acme/widgets:0123456789abcdef0123456789abcdef01234567:lint"
        );
        failure.check = format!("{}a", "é".repeat(150));
        let one = failure.external_ref();
        failure.check = format!("{}b", "é".repeat(150));
        assert!(one.len() <= MAX_REF && one != failure.external_ref(), "{one}");
    }
}
