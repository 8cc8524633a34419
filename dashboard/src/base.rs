//! A project's pages live below `/p/NAME` of its server. They are written as if they began at the
//! root, and moved once they are whole: attributes that hold an address begin with `="/`, and no
//! text can, because quotes in text are escaped.

/// Addresses that all projects share, which stay where they are.
const SHARED: [&str; 8] = [
    "/p/",
    "/assets/",
    "/login",
    "/logout",
    "/projects",
    "/queue",
    "/collectors",
    "/pulls",
];
/// How attributes begin that hold an address.
const ATTRIBUTES: [&[u8]; 5] = [
    b" href=\"/",
    b" action=\"/",
    b" src=\"/",
    b" data-page=\"/",
    b" formaction=\"/",
];

/// An address of a project, as others see it.
pub(crate) fn placed(address: &str, base: &str) -> String {
    if address.starts_with('/') && !is_shared(address.as_bytes()) {
        format!("{base}{address}")
    } else {
        address.to_string()
    }
}

fn is_shared(address: &[u8]) -> bool {
    address.starts_with(b"//") || SHARED.iter().any(|s| address.starts_with(s.as_bytes()))
}

/// A whole page with its addresses below `base`.
pub(crate) fn rewrite(page: &[u8], base: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.len() + page.len() / 16);
    let mut at = 0;
    while at < page.len() {
        let found = ATTRIBUTES.iter().find(|a| page[at..].starts_with(a));
        match found.filter(|_| !base.is_empty()) {
            Some(attribute) => {
                let slash = at + attribute.len() - 1;
                out.extend_from_slice(&page[at..slash]);
                if !is_shared(&page[slash..]) {
                    out.extend_from_slice(base.as_bytes());
                }
                out.push(b'/');
                at = slash + 1;
            }
            None => {
                out.push(page[at]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_move_and_nothing_else_does() {
        let page = br#"<a href="/series/1">/x</a><form action="/triage"><input value="/work">
            <a href="https://x/">y</a><a href="/login">z</a><img src="/assets/a"><a href="/">t</a>
            <a href="//x">n</a><p>&quot; href=&quot;/no</p>"#;
        let moved = String::from_utf8_lossy(&rewrite(page, "/p/a")).into_owned();
        let there = br#"<a href="/p/a/series/1">/x</a><form action="/p/a/triage"><input value="/work">
            <a href="https://x/">y</a><a href="/login">z</a><img src="/assets/a"><a href="/p/a/">t</a>
            <a href="//x">n</a><p>&quot; href=&quot;/no</p>"#;
        assert_eq!(moved, String::from_utf8_lossy(there));
        assert_eq!(rewrite(page, ""), page);
        assert_eq!(placed("/login", "/p/a"), "/login");
        assert_eq!(placed("/commit/x", "/p/a"), "/p/a/commit/x");
    }
}
