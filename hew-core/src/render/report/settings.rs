//! What was in force, where it came from, and where everything lies.

use std::fmt;

use super::page::Page;
use super::{Report, frame};
use crate::record::event::SettingRecord;
use crate::record::view::RunHeader;
use crate::render::figures::{count, stamp};
use crate::render::summary;
use crate::settings::Origin;

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    frame::section(page, "settings", "Settings")?;
    let settings = report.view.header.as_ref().map(|header| header.settings.as_slice()).unwrap_or_default();
    if settings.is_empty() {
        page.raw("<p class=\"none\">They are not on record.</p>\n")?;
    } else {
        let built_in = Origin::BuiltIn.to_string();
        let (usual, own): (Vec<_>, Vec<_>) = settings.iter().partition(|setting| setting.origin == built_in);
        page.raw("<p class=\"soft\">Frozen at launch.</p>\n")?;
        table(page, "Set by somebody", &own)?;
        as_built_in(page, &usual)?;
    }
    frame::end_section(page)?;
    logs(page, report)
}

fn as_built_in(page: &mut Page<'_>, usual: &[&SettingRecord]) -> fmt::Result {
    if usual.is_empty() {
        return Ok(());
    }
    page.raw("<details>\n<summary>")?;
    page.show(count(usual.len() as u64, "setting", "settings"))?;
    page.raw(" as built in</summary>\n")?;
    table(page, "As built in", usual)?;
    page.raw("</details>\n")
}

fn table(page: &mut Page<'_>, name: &'static str, settings: &[&SettingRecord]) -> fmt::Result {
    if settings.is_empty() {
        return page.raw("<p class=\"none\">None.</p>\n");
    }
    page.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"")?;
    page.raw(name)?;
    page.raw("\">\n<table class=\"settings\">\n<caption>")?;
    page.raw(name)?;
    page.raw("</caption>\n<thead><tr><th scope=\"col\">Setting</th><th scope=\"col\">Value</th><th scope=\"col\">Came from</th></tr></thead>\n<tbody>\n")?;
    for setting in settings {
        page.around("<tr><th scope=\"row\"><code>", &setting.key, "</code></th><td><code>")?;
        page.around("", &setting.value, "</code></td><td>")?;
        page.around("", &setting.origin, "</td></tr>\n")?;
    }
    page.raw("</tbody>\n</table>\n</div>\n")
}

fn logs(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    frame::section(page, "logs", "Logs and places")?;
    page.raw("<dl class=\"facts\">\n")?;
    fact(page, "run folder", report.folder)?;
    if let Some(header) = &report.view.header {
        for (name, what) in places(header) {
            fact(page, name, &what)?;
        }
        if let Some(tip) = &report.view.tip {
            fact(page, "last landing", tip.as_str())?;
        }
        fact(
            page,
            "transcripts",
            &format!("hew loop logs --run-id {} --transcript --task ID", header.run_id),
        )?;
        fact(page, "iterations", &format!("hew loop logs --run-id {}", header.run_id))?;
    }
    page.raw("</dl>\n")?;
    foreign(page, report)?;
    notices(page, report)?;
    frame::end_section(page)
}

fn places(header: &RunHeader) -> Vec<(&'static str, String)> {
    let mut places = vec![
        ("project", header.project.clone()),
        ("scope", summary::scope(header)),
        ("launched", stamp(header.started.at)),
    ];
    places.extend(header.launch_sha.as_ref().map(|sha| ("from commit", sha.to_string())));
    places.extend(header.run_branch.as_ref().map(|branch| ("run branch", branch.to_string())));
    places.extend(header.target_branch.as_ref().map(|target| ("target", target.to_string())));
    places.extend(header.tracker.as_ref().map(|tracker| ("tracker", tracker.words())));
    places.push(("hew", header.hew_version.clone()));
    places
}

fn fact(page: &mut Page<'_>, name: &'static str, what: &str) -> fmt::Result {
    page.around("<div><dt>", name, "</dt><dd><code>")?;
    page.around("", what, "</code></dd></div>\n")
}

/// What somebody changed meanwhile. What agents did stands in the first section, for it needs a person.
fn foreign(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let found = &report.view.escapes;
    if found.foreign.is_empty() {
        return Ok(());
    }
    page.raw("<details>\n<summary>Changed by somebody else meanwhile: ")?;
    page.show(count(found.foreign_count, "thing", "things"))?;
    page.raw("</summary>\n<ul class=\"notices\">\n")?;
    for foreign in &found.foreign {
        page.around("<li>", foreign.change.words(), " <span class=\"soft\">")?;
        page.show(stamp(foreign.at))?;
        page.raw("</span></li>\n")?;
    }
    page.raw("</ul>\n</details>\n")
}

fn notices(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let view = report.view;
    if view.notices.is_empty() {
        return Ok(());
    }
    page.raw("<details>\n<summary>Noticed on the way: ")?;
    page.show(count(view.notice_count, "thing", "things"))?;
    page.raw("</summary>\n<ul class=\"notices\">\n")?;
    for notice in &view.notices {
        page.around("<li>", &notice.text, " <span class=\"soft\">")?;
        page.show(stamp(notice.at))?;
        page.text(notice.about.map(|id| format!(", {id}")).unwrap_or_default())?;
        page.raw("</span></li>\n")?;
    }
    page.raw("</ul>\n</details>\n")
}
