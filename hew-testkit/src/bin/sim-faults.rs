//! Puts deliberate faults into a copy of hew and says after how many simulated runs each is found.
//!
//! The copy and its build lie in a temporary folder, or in one that is named and kept. As many faults as fit together
//! go into one build, each switched on by itself. It is built without optimisation, unless told otherwise: to build it takes longer
//! than to play what finds most faults.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use hew_testkit::sim::deliberate::{Fault, SWITCHES, faults_in};

/// Seeds that a fault has to be found within.
const SEEDS: u64 = 1000;

const USAGE: &str = "sim-faults [--only NAME,NAME] [--folder FOLDER] [--seeds N] [--profile dev|release]";

struct Wanted {
    only: Vec<String>,
    folder: Option<PathBuf>,
    seeds: u64,
    profile: String,
}

fn main() -> ExitCode {
    match read(std::env::args().skip(1).collect()).and_then(|wanted| find_all(&wanted)) {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            println!("NOT FOUND: {}", missed.join(", "));
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn read(args: Vec<String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { only: Vec::new(), folder: None, seeds: SEEDS, profile: "dev".to_owned() };
    let mut args = args.into_iter();
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--only" => wanted.only = value.split(',').map(str::to_owned).collect(),
            "--profile" => wanted.profile = value,
            "--folder" => wanted.folder = Some(PathBuf::from(value)),
            "--seeds" => wanted.seeds = value.parse().map_err(|error| format!("{flag} {value}: {error}"))?,
            _ => return Err(format!("there is no flag {flag}")),
        }
    }
    Ok(wanted)
}

fn find_all(wanted: &Wanted) -> Result<Vec<String>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the sources have no root")?;
    let is_wanted = |fault: &Fault| {
        wanted.only.is_empty() || wanted.only.iter().any(|name| fault.name.starts_with(name.as_str()))
    };
    let mut left: Vec<Fault> =
        faults_in(&root.join("hew-testkit/faults"))?.into_iter().filter(is_wanted).collect();
    let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
    let place = wanted.folder.as_deref().unwrap_or(temporary.path());
    let mut missed = Vec::new();
    while !left.is_empty() {
        let sources = place.join("sources");
        copy_sources(root, &sources)?;
        let (fitting, others) = put_into(&left, &sources)?;
        let program = build(&sources, &place.join("target"), &wanted.profile)?;
        if let Some((seed, rule)) = first_broken(&program, 0, wanted.seeds)? {
            return Err(format!("without any fault, seed {seed} breaks a rule: {rule}"));
        }
        for fault in &fitting {
            if let Some((seed, broken)) = first_broken(&program, fault.number(), wanted.seeds)? {
                println!("{}: found by seed {seed}: {broken}", fault.name);
            } else {
                println!("{}: NOT FOUND within {} seeds: {}", fault.name, wanted.seeds, fault.what);
                missed.push(fault.name.clone());
            }
        }
        left = others;
    }
    Ok(missed)
}

/// Puts as many faults as go together into the sources. Answers them, and those that have to wait.
fn put_into(faults: &[Fault], sources: &Path) -> Result<(Vec<Fault>, Vec<Fault>), String> {
    let core = sources.join("hew-core/src/lib.rs");
    let text = std::fs::read_to_string(&core).map_err(|error| format!("{}: {error}", core.display()))?;
    std::fs::write(&core, text + SWITCHES).map_err(|error| format!("{}: {error}", core.display()))?;
    let (mut fitting, mut others) = (Vec::new(), Vec::new());
    let mut why = String::new();
    for fault in faults {
        match fault.put_into(sources) {
            Ok(()) => fitting.push(fault.clone()),
            Err(problem) => {
                why = problem;
                others.push(fault.clone());
            }
        }
    }
    if fitting.is_empty() { Err(why) } else { Ok((fitting, others)) }
}

fn copy_sources(root: &Path, to: &Path) -> Result<(), String> {
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(|error| format!("{}: {error}", to.display()))?;
    }
    for part in
        ["Cargo.toml", "Cargo.lock", "hew", "hew-core", "hew-testkit", "bench", "docs", "skills", "README.md"]
    {
        copy(&root.join(part), &to.join(part))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let words = |error: std::io::Error| format!("{}: {error}", from.display());
    if !from.is_dir() {
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(words)?;
        }
        return std::fs::copy(from, to).map(drop).map_err(words);
    }
    std::fs::create_dir_all(to).map_err(words)?;
    for entry in std::fs::read_dir(from).map_err(words)? {
        let entry = entry.map_err(words)?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn build(sources: &Path, target: &Path, profile: &str) -> Result<PathBuf, String> {
    let status = Command::new("cargo")
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "hew-testkit",
            "--bin",
            "sim",
            "--profile",
            profile,
        ])
        .current_dir(sources)
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", "-Awarnings")
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("the copy in {} does not build", sources.display()));
    }
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target.join(folder).join("sim"))
}

/// The first seed that breaks a rule, and how; none where every rule held.
fn first_broken(program: &Path, fault: u32, seeds: u64) -> Result<Option<(u64, String)>, String> {
    let output = Command::new(program)
        .args(["--seeds", &format!("0..{seeds}"), "--no-shrink"])
        .env("HEW_DELIBERATE_FAULT", fault.to_string())
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.lines().find_map(|line| line.strip_prefix("BROKEN by seed "));
    match (output.status.code(), found.and_then(|found| found.split_once(": "))) {
        (Some(0), None) => Ok(None),
        (Some(1), Some((seed, broken))) => {
            let seed = seed.parse().map_err(|error| format!("{seed}: {error}"))?;
            Ok(Some((seed, broken.to_owned())))
        }
        _ => Err(format!("sim with fault {fault} said what is not understood:\n{text}")),
    }
}
