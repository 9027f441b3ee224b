//! `hew manpage`: manual pages, made from the same structs as the command line and its help.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;
use hew_core::output::Output;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::epilogue::{Epilogue, epilogue};
use crate::cli::{Cli, ManpageArgs};
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A manual page.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Manpage<'a> {
    /// Its file, e.g. `hew-loop-run.1`.
    file: &'a str,
    /// The page, in troff; null where it was written to a folder.
    text: Option<&'a str>,
}

impl Output for Manpage<'_> {
    const KIND: &'static str = "manpage";
}

/// Prints one page, or writes all of them.
pub fn run(args: &ManpageArgs, ui: &Ui) -> Result<u8, Failure> {
    let mut hew = Cli::command().disable_help_subcommand(true);
    hew.build();
    let Some(folder) = &args.out else {
        let command = find(&hew, &args.command)?;
        print(command, &page(command, &args.command.join(" ")), ui);
        return Ok(code::OK);
    };
    let unwritten = |error: io::Error| {
        Failure::failed(format!("pages can't be written to {}", folder.display())).because(error)
    };
    fs::create_dir_all(folder).map_err(unwritten)?;
    let count = write_all(&hew, "", folder, ui).map_err(unwritten)?;
    ui.say(&format!("{count} pages written to {}", folder.display()));
    Ok(code::OK)
}

fn print(command: &clap::Command, text: &str, ui: &Ui) {
    if ui.is_json() {
        ui.print_output(&Manpage { file: &file_name(command), text: Some(text) });
    } else {
        ui.print(text);
    }
}

fn find<'a>(hew: &'a clap::Command, words: &[String]) -> Result<&'a clap::Command, Failure> {
    words.iter().try_fold(hew, |command, word| {
        command.find_subcommand(word).ok_or_else(|| {
            Failure::failed(format!("no command hew {}", words.join(" "))).hint(format!("{command} --help"))
        })
    })
}

fn write_all(command: &clap::Command, path: &str, folder: &Path, ui: &Ui) -> io::Result<usize> {
    let file = file_name(command);
    fs::write(folder.join(&file), page(command, path))?;
    if ui.is_json() {
        ui.print_output(&Manpage { file: &file, text: None });
    }
    let mut count = 1;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        count += write_all(sub, format!("{path} {}", sub.get_name()).trim_start(), folder, ui)?;
    }
    Ok(count)
}

fn file_name(command: &clap::Command) -> String {
    Man::new(command.clone()).get_filename()
}

/// The page of one command, whose words are `path`.
fn page(command: &clap::Command, path: &str) -> String {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).source(concat!("hew ", env!("CARGO_PKG_VERSION")));
    let sections = [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    for section in sections {
        section(&man, &mut page).expect("memory takes everything");
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page).expect("memory takes everything");
    }
    let end = epilogue(path).map(ending).unwrap_or_default();
    String::from_utf8_lossy(&page).into_owned() + &end
}

/// What the command's help ends with.
fn ending(row: &Epilogue) -> String {
    let section = |name: &str, text: &str| format!(".SH \"{name}\"\n.nf\n{}\n.fi\n", lines(text));
    let notes = if row.note.is_empty() { String::new() } else { section("NOTES", row.note) };
    let examples = section("EXAMPLES", &row.examples.join("\n"));
    let codes =
        row.codes.iter().map(|(code, meaning)| format!(".TP\n\\fB{}\\fR\n{}\n", lines(code), lines(meaning)));
    notes + &examples + ".SH \"EXIT STATUS\"\n" + &codes.collect::<String>()
}

/// Text as troff prints it again.
fn lines(text: &str) -> String {
    let line = |line: &str| {
        let line =
            line.replace('\\', "\\(rs").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
        if line.starts_with('.') { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_printed_and_never_obeyed() {
        assert_eq!(lines(".so x\n'\\fB' --a `b`"), "\\&.so x\n\\(aq\\(rsfB\\(aq \\-\\-a \\(gab\\(ga");
    }
}
