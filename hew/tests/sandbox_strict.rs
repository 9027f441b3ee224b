//! `loop.sandbox = "strict"`: what agents, gates and set-ups reach of the network, seen through the real binary.
#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use hew_testkit::loop_stage::{LoopStage, Ran, Running, ran, wait_until};
use hew_testkit::stub_agent;

/// hew's own program.
const HEW: &str = env!("CARGO_BIN_EXE_hew");

/// Runs what follows as an ordinary user of a namespace, whoever starts it.
const AS_A_USER: [&str; 5] = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];

/// Runs what follows where nobody may make another namespace.
const WITHOUT_NAMESPACES: [&str; 5] = [
    "unshare",
    "--map-root-user",
    "sh",
    "-c",
    "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"",
];

/// A request for a page.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\\x0d\\x0aHost: x\\x0d\\x0a\\x0d\\x0a")
}

/// A request to be connected, and what is said then.
fn connect(place: &str, then: &str) -> String {
    format!("CONNECT {place} HTTP/1.1\\x0d\\x0a\\x0d\\x0a{then}")
}

/// A server of this machine, which answers every request with its first lines.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::default());
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let heard = Arc::clone(&heard);
                thread::spawn(move || answer(stream.unwrap(), &heard));
            }
        });
        Self { port, asked }
    }

    fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, asked: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    asked.lock().unwrap().push(request.lines().next().unwrap_or_default().to_owned());
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfrom outside: {request}");
}

/// A project whose agents are kept from the network, these places left out. None where the kernel can't do it.
fn strict(hosts: &[String]) -> Option<LoopStage> {
    if let Some(why) = hew::adapters::strict::kernel_problem(Path::new(HEW)) {
        let is_required = std::env::var("HEW_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(!is_required, "{why}");
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs namespaces and Landlock: {why}");
        return None;
    }
    let stage = LoopStage::new();
    settings(&stage, hosts, "");
    Some(stage)
}

fn settings(stage: &LoopStage, hosts: &[String], more: &str) {
    stage.settings(&format!("loop.sandbox.mode = \"strict\"\nloop.sandbox.hosts = {hosts:?}\n{more}"));
}

/// The run of a queue, behind these words.
fn behind(stage: &LoopStage, words: &[&str], hew: &[&str]) -> Command {
    let mut command = stage.repo.command(words[0]);
    command.args(&words[1..]).arg(HEW).args(hew);
    command
}

/// Everybody can; as an ordinary user only where one can become one.
fn can(words: &[&str]) -> bool {
    let can =
        Command::new(words[0]).args(&words[1..]).arg("true").status().is_ok_and(|status| status.success());
    if !can {
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs {}", words.join(" "));
    }
    can
}

fn noticed(stage: &LoopStage) -> Vec<String> {
    let events = stage.journal_of("noticed");
    events.iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

fn assert_closed(stage: &LoopStage, id: &str, ran: &Ran) {
    assert_eq!((ran.code, stage.outcomes(id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    stage.assert_nothing_runs();
    stage.assert_left_clean();
}

/// What an agent tries, and all that is to come of it.
fn an_agent_reaches_what_is_let_through(run: impl Fn(&LoopStage) -> Ran) {
    let (open, shut) = (Server::start(), Server::start());
    let Some(stage) = strict(&[open.place(), "not-there.invalid".to_owned()]) else { return };
    let proxy = "127.0.0.1:3128";
    let tries = [
        ("page", proxy, get(&format!("http://{}/page?x", open.place()))),
        ("connected", proxy, connect(&open.place(), &get("/connected"))),
        ("direct", &open.place(), get("/direct")),
        ("nowhere", proxy, connect("not-there.invalid:443", "")),
        ("shut", &shut.place(), get("/shut")),
        ("refused", proxy, connect(&shut.place(), &get("/refused"))),
        ("again", proxy, connect(&shut.place(), &get("/refused"))),
        ("refused-page", proxy, get("http://Example.org/")),
        ("no-port", proxy, connect("example.org", "")),
        ("nonsense", proxy, get("/")),
        ("long", proxy, format!("GET http://{}/{} ", open.place(), "x".repeat(20_000))),
    ];
    let steps = tries.map(|(name, address, text)| format!("exchange {name} {address} {text}\n")).concat();
    let id = stage.task("Reaches out", &format!("{steps}record record.json\ncommit work\ndone all tried"));
    let ran = run(&stage);
    assert_closed(&stage, &id, &ran);
    let found = |name: &str| stage.repo.read(name).unwrap_or_else(|| panic!("{name} did not land"));
    for (name, begins) in [
        ("page", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfrom outside: GET /page?x HTTP/1.1\r\n"),
        ("connected", "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n"),
        ("direct", "HTTP/1.1 200 OK\r\n"),
        ("nowhere", "HTTP/1.1 502 Bad Gateway\r\n"),
        ("shut", "unreached: Connection refused"),
        ("refused", "HTTP/1.1 403 Forbidden\r\n"),
        ("refused-page", "HTTP/1.1 403 Forbidden\r\n"),
        ("no-port", "HTTP/1.1 400 Bad Request\r\n"),
        ("nonsense", "HTTP/1.1 400 Bad Request\r\n"),
        ("long", "HTTP/1.1 431 "),
    ] {
        assert!(found(name).starts_with(begins), "{name}: {}", found(name));
    }
    assert!(found("page").contains(&format!("Host: {}\r\n", open.place())), "{}", found("page"));
    assert!(found("refused").contains(&open.place()) && found("refused").contains("loop.sandbox.hosts"));
    assert_eq!(shut.asked(), [""; 0]);
    assert_eq!(open.asked().len(), 3, "{:?}", open.asked());
    let told: Vec<String> = noticed(&stage).into_iter().filter(|text| text.contains("asked for")).collect();
    assert_eq!(
        told,
        [format!(
            "the agent asked for {}, example.org:80, which loop.sandbox = \"strict\" does not let through",
            shut.place()
        )]
    );
    assert!(ran.stderr.contains(&told[0]), "{}", ran.stderr);
    let summary = stage.ok(&["loop", "summary"]);
    assert!(summary.contains("example.org:80"), "{summary}");
    let record: serde_json::Value = serde_json::from_str(&found("record.json")).unwrap();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        assert_eq!(record["env"][name], "http://127.0.0.1:3128", "{name}");
    }
    assert_eq!(record["env"]["NO_PROXY"], "localhost,127.0.0.1,::1");
    let plan = fs::read_to_string(stage.iteration_folder(&id, 1).join("plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["reaches"], serde_json::json!([open.place(), "not-there.invalid:443"]));
}

#[test]
fn an_agent_reaches_what_is_let_through_and_nothing_else() {
    an_agent_reaches_what_is_let_through(|stage| stage.run(&["--no-gate"]));
}

#[test]
fn an_ordinary_users_agent_reaches_the_same() {
    if can(&AS_A_USER) {
        let run = ["loop", "run", "--scope", "ready", "--no-gate"];
        an_agent_reaches_what_is_let_through(|stage| ran(behind(stage, &AS_A_USER, &run)));
    }
}

#[test]
fn set_ups_and_gates_reach_only_what_the_settings_name() {
    let (open, shut) = (Server::start(), Server::start());
    let Some(stage) = strict(&[open.place()]) else { return };
    let stub = stub_agent::path().display().to_string();
    let place = stage.path("tries");
    let tries = format!(
        "exchange ${{TMPDIR}}/open 127.0.0.1:3128 {}\nexchange ${{TMPDIR}}/shut 127.0.0.1:3128 {}\n",
        get(&format!("http://{}/", open.place())),
        connect(&shut.place(), "")
    );
    fs::write(&place, tries).unwrap();
    let command = format!(
        "{stub} {} && grep -q 'from outside' $TMPDIR/open && grep -q '403 Forbidden' $TMPDIR/shut",
        place.display()
    );
    settings(
        &stage,
        &[open.place()],
        &format!("loop.worktree.setup = {command:?}\nloop.gate.baseline = true"),
    );
    let id = stage.task("Works", "write work x\ncommit work\ndone");
    let ran =
        stage.run(&["--gate", &command, "--verify-tests", "--verify-command", &format!("{command} && true")]);
    assert_closed(&stage, &id, &ran);
    assert_eq!(shut.asked(), [""; 0]);
    let told = noticed(&stage);
    for who in ["the gate", "the verification"] {
        let text =
            format!("{who} asked for {}, which loop.sandbox = \"strict\" does not let through", shut.place());
        assert!(told.contains(&text), "{told:?}");
    }
    settings(&stage, &[], &format!("loop.worktree.setup = {command:?}"));
    let id = stage.task("Is not set up", "done");
    let ran = stage.run(&["--no-gate", "--max-attempts", "1"]);
    assert!(ran.code != 0 && stage.status(&id) != "closed", "{}", ran.stderr);
    assert!(ran.stderr.contains("asked for") && ran.stderr.contains(&open.place()), "{}", ran.stderr);
}

/// An agent's own servers are its own: each has the same port to itself.
#[test]
fn agents_have_a_loopback_interface_each() {
    let Some(stage) = strict(&[]) else { return };
    let cache = stage.path("meeting");
    settings(&stage, &[], &format!("loop.sandbox.write = [{:?}]", cache.display().to_string()));
    let work = |own: &str, other: &str| {
        format!(
            "serve 127.0.0.1:38123\ntouch {0}/{own}\nwait-for {0}/{other}\nexchange {own} 127.0.0.1:38123 x\n\
             commit work\ndone",
            cache.display()
        )
    };
    let a = stage.task("A", &work("a", "b"));
    let b = stage.task("B", &work("b", "a"));
    let ran = stage.run(&["--no-gate", "--jobs", "2"]);
    assert_closed(&stage, &a, &ran);
    assert_closed(&stage, &b, &ran);
    assert_eq!(stage.repo.read("a").unwrap(), format!("served {a}\n"));
    assert_eq!(stage.repo.read("b").unwrap(), format!("served {b}\n"));
}

#[test]
fn nothing_of_an_agent_with_a_network_of_its_own_outlives_its_run() {
    let server = Server::start();
    let Some(stage) = strict(&[server.place()]) else { return };
    let ready = stage.path("meeting/ready");
    let more = format!(
        "loop.sandbox.write = [{:?}]\nloop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"",
        ready.parent().unwrap().display().to_string()
    );
    settings(&stage, &[server.place()], &more);
    let script = format!("ignore-term\ndaemon\nchild\ntouch {}\nhang", ready.display());
    stage.task("Hangs", &script);
    for signal in ["SIGTERM", "SIGKILL"] {
        let _ = fs::remove_file(&ready);
        let mut running = stage.start(&["--no-gate"]);
        running.wait_for(&ready);
        end(running, signal);
        wait_until("the end of everything", || stage.processes().is_empty());
    }
}

fn end(running: Running, signal: &str) {
    running.signal(signal);
    let ran = running.end();
    assert!([143, 137].contains(&ran.code), "{}", ran.stderr);
}

#[test]
fn where_no_namespace_can_be_made_no_run_starts_and_the_doctor_says_why() {
    let Some(stage) = strict(&[]) else { return };
    if !can(&WITHOUT_NAMESPACES) {
        return;
    }
    stage.task("Work", "done");
    let ran_there = |hew: &[&str]| ran(behind(&stage, &WITHOUT_NAMESPACES, hew));
    let told = ran_there(&["loop", "run", "--scope", "ready", "--no-gate"]);
    assert_eq!(told.code, 2, "{}", told.stderr);
    for words in [
        "loop.sandbox = \"strict\"",
        "can't be kept",
        "user.max_user_namespaces is 0 here",
        "hew config set loop.sandbox worktree",
    ] {
        assert!(told.stderr.contains(words), "{words}: {}", told.stderr);
    }
    assert!(stage.run_folders().is_empty());
    let told = ran_there(&["doctor"]);
    assert_eq!(told.code, 1, "{}", told.stderr);
    let lines = told.stdout.matches("user.max_user_namespaces is 0 here").count();
    assert_eq!(lines, 2, "what the kernel can, and what is asked of it: {}", told.stdout);
    let told = stage.ok(&["doctor"]);
    assert!(told.contains("is kept by Landlock and namespaces"), "{told}");
}

#[test]
fn hosts_are_settings_that_widen_rights_and_are_checked() {
    let stage = LoopStage::new();
    let wrong = stage.hew(&["config", "set", "loop.sandbox.hosts", "https://example.org"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("a list of hosts"), "{}", wrong.stderr);
    stage.repo.write(".hew.toml", "[loop.sandbox]\nhosts = [\"example.org\"]\n");
    let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate"]);
    command.env_remove("HEW_TRUST");
    let told = ran(command);
    assert_eq!(told.code, 2, "{}", told.stderr);
    assert!(
        told.stderr.contains("loop.sandbox.hosts") && told.stderr.contains("hew trust"),
        "{}",
        told.stderr
    );
}
