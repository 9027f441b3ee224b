//! Where the scripted agent `hew-stub-agent` is; its script is described in its own source.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The scripted agent's program, built if it is missing or old: `cargo test` of another package does not build it.
///
/// # Panics
/// Where cargo can't build it.
pub fn path() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own file");
    let folder = own.parent().expect("a file lies in a folder");
    // Tests are at <target>/<profile>/deps, programs right above.
    let profile =
        if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_owned();
    let target = profile.parent().expect("the profile's folder is in the target folder");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--package", "hew-testkit", "--bin", "hew-stub-agent", "--target-dir"])
        .arg(target);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(
        cargo.status().expect("cargo runs tests, so it can run").success(),
        "the scripted agent can't be built"
    );
    profile.join("hew-stub-agent")
}
