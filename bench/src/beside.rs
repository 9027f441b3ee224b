//! How long a short agent takes beside agents that print much: what they print must not hold up other workers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use hew::adapters::spawner::ProcessSpawner;
use hew_core::settings::secret::SecretValues;

use crate::Problem;
use crate::printer::{Crowd, Form, Sink, into, plan_of, run, take_by_spawner};

/// From the beginning of one short agent to that of the next at the least.
const PERIOD: Duration = Duration::from_millis(20);

/// Where the output of those that print much goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// Into files.
    Files,
    /// To hew's spawner, in the process that starts the short agents, too.
    Spawner,
}

/// Milliseconds from the start of a short agent to its report, the median of as many as there was time for.
pub(crate) fn short_agent_ms(crowd: Crowd<'_>, side: Side, hew: &Path) -> Result<f64, Problem> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(own);
    let side = if side == Side::Files { "files" } else { "spawner" };
    let (megabytes, agents) = (crowd.megabytes.to_string(), crowd.agents.to_string());
    child.args(["beside", crowd.form.name(), &megabytes, &agents, side]).arg(crowd.folder).arg(hew);
    let output = child.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("beside: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(|_| "beside: no figure".to_owned())
}

/// The child: `beside FORM MEGABYTES AGENTS SIDE FOLDER HEW`.
pub(crate) fn play(mut words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let mut word = |what: &str| words.next().ok_or(format!("which {what}?"));
    let form = Form::from_str(&word("form")?, false)?;
    let number = |text: String| text.parse::<usize>().map_err(|error| error.to_string());
    let (megabytes, agents) = (number(word("size")?)?, number(word("count")?)?);
    let side = Side::from_str(&word("side")?, false)?;
    let folder = PathBuf::from(word("folder")?);
    let spawner = ProcessSpawner::new(word("hew")?.into(), SecretValues::default());
    let crowd = Crowd { form, megabytes, agents, folder: &folder };
    let over = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let printing = scope.spawn(|| {
            let done = match side {
                Side::Files => into(Sink::File, crowd).map(drop),
                Side::Spawner => take_by_spawner(crowd, &spawner).map(drop),
            };
            over.store(true, Ordering::Relaxed);
            done
        });
        let taken = short_agents(&spawner, &folder, &over);
        printing.join().map_err(|_| "those that print much failed".to_owned())??;
        taken
    })?;
    println!("{:.3}", crate::stats::median(&taken));
    Ok(())
}

/// Short agents, one after another, until the others are done.
fn short_agents(spawner: &ProcessSpawner, folder: &Path, over: &AtomicBool) -> Result<Vec<f64>, Problem> {
    let plan = plan_of(Form::Lines, 0, &folder.join("short"))?;
    let mut taken = Vec::new();
    while taken.is_empty() || !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        run(spawner, &plan)?;
        taken.push(1e3 * start.elapsed().as_secs_f64());
        std::thread::sleep(PERIOD.saturating_sub(start.elapsed()));
    }
    Ok(taken)
}
