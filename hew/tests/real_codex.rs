//! The real `codex` program, driven by the real hew, against a model server on the loopback interface.

mod real_work;

use hew_testkit::mock_model::{Answer, Ending, Refusal};
use hew_testkit::real_agent::{RealAgent, on_stage, work};
use real_work::TRUE;

const CODEX: RealAgent = RealAgent {
    name: "codex",
    variable: "HEW_TEST_CODEX",
    settings: "",
    // The stage may lie below /tmp, where codex may write whatever it is told to keep to.
    home: &[(
        ".codex/config.toml",
        "model = \"gpt-5.5\"\nmodel_provider = \"mock\"\n\
        [sandbox_workspace_write]\nexclude_slash_tmp = true\n\
        [model_providers.mock]\nname = \"mock\"\nbase_url = \"<url>/v1\"\nenv_key = \"OPENAI_API_KEY\"\n\
        wire_api = \"responses\"\n",
    )],
    environment: &[("OPENAI_API_KEY", "a-dummy-key")],
};

#[test]
fn three_tasks_are_drained_landed_and_closed_with_the_tokens_that_were_reported() {
    on_stage(CODEX, |real| {
        real_work::three_tasks(real);
    });
}

#[test]
fn it_works_where_it_may_write_little_more_than_its_clone() {
    on_stage(CODEX, |real| {
        real_work::in_a_sandbox(real);
    });
}

#[test]
fn it_works_where_it_reaches_nothing_but_its_models_server() {
    on_stage(CODEX, |real| {
        // Its own settings lead it there, which hew does not read.
        real_work::with_its_server_alone(real, "loop.sandbox.hosts = [\"<place>\"]");
    });
}

#[test]
fn too_many_requests_are_waited_out_within_one_iteration() {
    on_stage(CODEX, |real| {
        real_work::too_many_requests(real);
    });
}

#[test]
fn a_stream_that_is_cut_is_asked_for_again() {
    on_stage(CODEX, |real| {
        let cut = Answer::text("These words are never heard to their end.").ending(Ending::Cut);
        let id = real.task("Cut", &[], [vec![cut], work("cut")].concat());
        let ran = real.run(&TRUE);
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        real.assert_tokens_are_those_reported();
    });
}

#[test]
fn an_agent_whose_model_never_answers_is_stopped_with_all_that_it_started() {
    on_stage(CODEX, |real| {
        real_work::a_model_that_never_answers(real);
    });
}

#[test]
fn nothing_outlives_a_run_that_is_ended_by_a_signal_or_cancelled() {
    on_stage(CODEX, |real| {
        real_work::ended_by_a_signal_or_cancelled(real);
    });
}

#[test]
fn a_key_that_is_refused_ends_the_run() {
    on_stage(CODEX, |real| {
        let id = real.task("Refused", &[], [Answer::Refuse(Refusal::Unauthorized)]);
        let ran = real.run(&TRUE);
        assert_eq!(ran.code, 6, "{}", ran.stderr);
        assert!(real.stage.is_free(&id));
        assert_eq!(real.stage.journal_of("iteration_started").len(), 1, "codex itself asks again and again");
        real.stage.assert_left_clean();
    });
}

#[test]
fn a_used_up_allowance_ends_the_run_without_another_question() {
    on_stage(CODEX, |real| {
        real_work::a_used_up_allowance(real);
    });
}

#[test]
fn nothing_outlives_a_run_that_is_killed() {
    on_stage(CODEX, |real| {
        real_work::killed(real);
    });
}

/// Codex gives up at once where it is not told how long to wait; hew waits and starts it again.
#[test]
fn a_provider_that_is_too_busy_for_a_while_costs_no_attempt() {
    on_stage(CODEX, |real| {
        let busy = vec![Answer::Refuse(Refusal::RateLimit { retry_after: None })];
        let id = real.task("Waits longer", &[], [busy, work("late")].concat());
        let ran = real.run(&[&TRUE[..], &["--max-attempts", "1"]].concat());
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        assert_eq!(real.asked(&id).len(), 4);
        real.assert_tokens_are_those_reported();
    });
}

#[test]
fn a_session_that_broke_off_goes_on_and_is_counted_once() {
    on_stage(CODEX, |real| {
        let busy = Answer::Refuse(Refusal::RateLimit { retry_after: None });
        let [first, rest @ ..] = &work("late")[..] else { panic!("it is some work") };
        let answers = [&[first.clone(), busy][..], rest].concat();
        let id = real.task("Broken off", &[], answers);
        let ran = real.run(&[&TRUE[..], &["--max-attempts", "1"]].concat());
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        let asked = real.asked(&id);
        assert_eq!(asked.len(), 4);
        assert!(asked[2].prompt.contains("Go on with this task where you stopped"));
        assert!(asked[2].prompt.contains(&format!("# Your task: {id}\n\nBroken off")), "{}", asked[2].prompt);
        real.assert_tokens_are_those_reported();
    });
}

#[test]
fn the_section_that_init_writes_reaches_the_model() {
    on_stage(CODEX, |real| {
        real.stage.repo.write("AGENTS.md", "Rule of the house: tabs.\n");
        real.init();
        let id = real.task("Told", &[], work("told"));
        let ran = real.run(&TRUE);
        assert_eq!((ran.code, real.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
        let told = real.asked(&id)[0].body.to_string();
        for text in
            [&["Rule of the house: tabs."][..], &[hew::skills::body(hew::skills::AGENTS_SECTION)]].concat()
        {
            let text = serde_json::to_string(text.trim_end()).unwrap();
            assert!(told.contains(text.trim_matches('"')), "{text}\nis not in\n{told}");
        }
    });
}
