//! The real `claude` program, driven by the real hew, against a model server on the loopback interface.

mod real_work;

use hew_testkit::mock_model::{Answer, Ending, Refusal, Turn};
use hew_testkit::real_agent::{RealAgent, on_stage, work};
use real_work::TRUE;

/// With a key of its own.
const CLAUDE: RealAgent = RealAgent {
    name: "claude",
    variable: "HEW_TEST_CLAUDE",
    settings: "",
    home: &[],
    environment: &[("ANTHROPIC_API_KEY", "a-dummy-key"), ("ANTHROPIC_BASE_URL", "<url>")],
};

/// Logged in with a subscription, which is told about its limits.
const SUBSCRIBED: RealAgent = RealAgent {
    environment: &[("CLAUDE_CODE_OAUTH_TOKEN", "a-dummy-token"), ("ANTHROPIC_BASE_URL", "<url>")],
    ..CLAUDE
};

#[test]
fn three_tasks_are_drained_landed_and_closed_with_the_tokens_that_were_reported() {
    on_stage(CLAUDE, |real| {
        real_work::three_tasks(real);
    });
}

#[test]
fn it_works_where_it_may_write_little_more_than_its_clone() {
    on_stage(CLAUDE, |real| {
        real_work::in_a_sandbox(real);
    });
}

#[test]
fn it_works_where_it_reaches_nothing_but_its_models_server() {
    on_stage(CLAUDE, |real| {
        real_work::with_its_server_alone(real, "");
    });
}

#[test]
fn too_many_requests_are_waited_out_within_one_iteration() {
    on_stage(CLAUDE, |real| {
        real_work::too_many_requests(real);
    });
}

#[test]
fn a_stream_that_is_cut_is_asked_for_again() {
    on_stage(CLAUDE, |real| {
        let cut = Answer::text("These words are never heard to their end.").ending(Ending::Cut);
        let id = real.task("Cut", &[], [vec![cut], work("cut")].concat());
        let ran = real.run(&TRUE);
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        // The beginning of the answer that was cut names tokens too; it may or may not be heard before the cut.
        let (told, cut) = (real.server.reported(), Turn::default().usage.unwrap());
        let spent = real.tokens().total();
        assert!((told.total()..=told.total() + cut.total()).contains(&spent), "{spent} of {told:?}");
    });
}

#[test]
fn an_agent_whose_model_never_answers_is_stopped_with_all_that_it_started() {
    on_stage(CLAUDE, |real| {
        real_work::a_model_that_never_answers(real);
    });
}

#[test]
fn nothing_outlives_a_run_that_is_ended_by_a_signal_or_cancelled() {
    on_stage(CLAUDE, |real| {
        real_work::ended_by_a_signal_or_cancelled(real);
    });
}

#[test]
fn a_key_that_is_refused_ends_the_run_at_the_first_word_of_it() {
    on_stage(CLAUDE, |real| {
        let id = real.task("Refused", &[], [Answer::Refuse(Refusal::Unauthorized)]);
        let ran = real.run(&TRUE);
        assert_eq!(ran.code, 6, "{}", ran.stderr);
        assert!(real.stage.is_free(&id));
        assert!(real.asked(&id).len() <= 2, "asked {} times", real.asked(&id).len());
        real.stage.assert_left_clean();
    });
}

#[test]
fn a_used_up_allowance_ends_the_run_without_another_question() {
    on_stage(SUBSCRIBED, |real| {
        real_work::a_used_up_allowance(real);
    });
}

#[test]
fn nothing_outlives_a_run_that_is_killed() {
    on_stage(CLAUDE, |real| {
        real_work::killed(real);
    });
}

/// Claude asks three times by itself and gives up; hew waits and starts it again.
#[test]
fn a_provider_that_fails_for_a_while_costs_no_attempt() {
    on_stage(CLAUDE, |real| {
        let failures = vec![Answer::Refuse(Refusal::ServerError); 3];
        let id = real.task("Fails first", &[], [failures, work("late")].concat());
        let ran = real.run(&[&TRUE[..], &["--max-attempts", "1"]].concat());
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        assert_eq!(real.asked(&id).len(), 6);
        real.assert_tokens_are_those_reported();
    });
}

#[test]
fn a_session_that_broke_off_goes_on_and_is_counted_once() {
    on_stage(CLAUDE, |real| {
        let failures = vec![Answer::Refuse(Refusal::ServerError); 3];
        let [first, rest @ ..] = &work("late")[..] else { panic!("it is some work") };
        let answers = [&[first.clone()][..], &failures, rest].concat();
        let id = real.task("Broken off", &[], answers);
        let ran = real.run(&[&TRUE[..], &["--max-attempts", "1"]].concat());
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        let asked = real.asked(&id);
        assert_eq!(asked.len(), 6);
        assert!(asked[4].prompt.contains("Go on with this task where you stopped"));
        assert!(asked[4].prompt.contains(&format!("# Your task: {id}\n\nBroken off")), "{}", asked[4].prompt);
        real.assert_tokens_are_those_reported();
    });
}

#[test]
fn skills_that_init_installs_are_offered_to_the_model() {
    on_stage(CLAUDE, |real| {
        real.init();
        let id = real.task("Skilled", &[], work("skilled"));
        let ran = real.run(&TRUE);
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        let told = real.asked(&id)[0].body.to_string();
        for skill in hew::skills::SKILLS {
            let description = serde_json::to_string(skill.description()).unwrap();
            assert!(told.contains(&format!("- {}: ", skill.name)), "{} is not offered", skill.name);
            assert!(told.contains(description.trim_matches('"')), "{} is cut", skill.name);
        }
    });
}
