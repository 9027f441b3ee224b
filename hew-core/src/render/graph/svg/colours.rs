//! The style sheet of a picture: colours for light pages and for dark ones.

use std::fmt::Write as _;

use super::super::class::NodeClass;

/// Behind everything on a dark page.
const DARK: [u8; 3] = [0x14, 0x17, 0x1a];

const COMMON: &str = "<style>
.hew-graph text { font: 12px ui-monospace, \"DejaVu Sans Mono\", Menlo, Consolas, monospace; fill: #1b1b1b; white-space: pre }
.hew-graph .title { font-weight: bold; font-size: 14px }
.hew-graph .lane-title { font-weight: bold }
.hew-graph .note { font-size: 11px; fill: #555555 }
.hew-graph .page { fill: #ffffff }
.hew-graph .lane { fill: #f4f5f7 }
.hew-graph .edge { fill: none; stroke: #707070; stroke-width: 1.5 }
.hew-graph .arrow { fill: context-stroke }
.hew-graph .agent { stroke: #2b6cb0; stroke-width: 2 }
.hew-graph .planner { stroke: #862e9c; stroke-width: 2 }
.hew-graph .fallback { stroke-dasharray: 6 4 }
.hew-graph .builds_on { stroke: #2e7d32; stroke-width: 2.5 }
.hew-graph .rolled_back { stroke: #c05621; stroke-dasharray: 2 4 }
.hew-graph .verified { stroke: #2e7d32; stroke-dasharray: 6 4 }
.hew-graph .node rect { stroke-width: 1.5 }
";

const DARK_COMMON: &str = "@media (prefers-color-scheme: dark) {
.hew-graph text { fill: #ececec }
.hew-graph .note { fill: #b0b0b0 }
.hew-graph .page { fill: #14171a }
.hew-graph .lane { fill: #1e2328 }
.hew-graph .edge { stroke: #9a9a9a }
.hew-graph .agent { stroke: #63b3ed }
.hew-graph .planner { stroke: #d6a2ef }
.hew-graph .builds_on, .hew-graph .verified { stroke: #68c46c }
.hew-graph .rolled_back { stroke: #f6935c }
";

/// The whole sheet.
pub(super) fn sheet() -> String {
    let mut out = COMMON.to_owned();
    for class in NodeClass::all() {
        let (name, look) = (class.name(), class.look());
        let dashes = if look.is_dashed { "; stroke-dasharray: 5 4" } else { "" };
        let _ = writeln!(
            out,
            ".hew-graph .{name} rect {{ fill: {}; stroke: {}{dashes} }}",
            look.fill, look.stroke
        );
        let _ = writeln!(out, ".hew-graph .{name} text {{ fill: {} }}", look.text);
    }
    out.push_str(DARK_COMMON);
    for class in NodeClass::all() {
        let (name, look) = (class.name(), class.look());
        let fill = darkened(look.stroke);
        let _ = writeln!(out, ".hew-graph .{name} rect {{ fill: {fill}; stroke: {} }}", look.fill);
        let _ = writeln!(out, ".hew-graph .{name} text {{ fill: #ececec }}");
    }
    out.push_str("}\n</style>\n");
    out
}

/// Three tenths of a colour on a dark page.
fn darkened(colour: &str) -> String {
    let part = |at: usize| {
        let own = colour.get(2 * at + 1..2 * at + 3).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        (3 * own.unwrap_or(0) + 7 * u16::from(DARK[at])) / 10
    };
    format!("#{:02x}{:02x}{:02x}", part(0), part(1), part(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dark_page_has_dark_areas() {
        assert_eq!(darkened("#ffffff"), "#5a5c5e");
        assert_eq!(darkened("#000000"), "#0e1012");
    }
}
