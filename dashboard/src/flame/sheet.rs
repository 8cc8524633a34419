//! What a picture that stands alone needs of the page's sheet. Its variables are resolved, because
//! programs that are no browser know none.

use std::collections::HashMap;
use std::sync::OnceLock;

const SHEET: &str = include_str!("../assets/app.css");
/// Between these the sheet has what flame graphs look like.
const RULES: (&str, &str) = ("/* Flame graphs */", "/* End of flame graphs */");
const DARK: &str = "@media screen and (prefers-color-scheme:dark)";
/// In place of a variable that the sheet does not have.
const MISSING: &str = "missing";
/// What only a picture alone has.
const ALONE: &str = "svg{background:var(--bg);font-family:system-ui,sans-serif}\
    .flamegraph text{fill:var(--soft)}.flamegraph .title{font-size:15px;font-weight:600;fill:var(--ink)}\
    .flamegraph g text{fill:var(--flame)}";

/// The sheet's rules for flame graphs, light and dark.
pub(super) fn alone() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(|| {
        let (light, dark) = SHEET.split_once(DARK).unwrap_or((SHEET, ""));
        let rules = SHEET.split_once(RULES.0).map_or("", |(_, rest)| rest);
        let rules = rules.split_once(RULES.1).map_or("", |(rules, _)| rules);
        let rules = format!("{}{ALONE}", rules.trim());
        let (light, dark) = (variables(light), variables(dark));
        format!(
            ":root{{color-scheme:light dark}}{}{DARK}{{{}}}",
            resolved(&rules, &light),
            resolved(&rules, &dark)
        )
    })
}

/// The variables of the first block of a piece of the sheet.
fn variables(css: &str) -> HashMap<&str, &str> {
    let block = css.split_once(":root{").map_or("", |(_, rest)| rest);
    let block = block.split('}').next().unwrap_or("");
    let pairs = block.split(';').filter_map(|p| p.trim().split_once(':'));
    pairs.filter(|(name, _)| name.starts_with("--")).collect()
}

fn resolved(rules: &str, variables: &HashMap<&str, &str>) -> String {
    let mut parts = rules.split("var(");
    let mut out = parts.next().unwrap_or("").to_string();
    for part in parts {
        let (name, rest) = part.split_once(')').unwrap_or((part, ""));
        out.push_str(variables.get(name).copied().unwrap_or(MISSING));
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_alone_has_the_colours_of_the_page_in_both_schemes() {
        let (light, dark) = alone().split_once(DARK).unwrap_or_default();
        for (rules, after) in [
            (light, SHEET),
            (dark, SHEET.split_once(DARK).unwrap_or_default().1),
        ] {
            for name in ["u1", "u2", "u3", "d1", "d2", "d3"] {
                let colour = variables(after)[format!("--{name}").as_str()];
                let rule = format!(".{name} rect{{fill:{colour}}}");
                assert!(rules.contains(&rule), "{rule}: {rules}");
            }
            assert!(rules.contains(".removed rect{fill:url(#hatch)"));
        }
        assert!(
            !alone().contains("var(") && !alone().contains(MISSING),
            "{}",
            alone()
        );
    }
}
