//! Whether a collector and a server understand each other.

use std::ops::RangeInclusive;

/// What both speak, as a number that rises when one of them would misunderstand the other. A field
/// that the older one may ignore raises nothing.
pub const PROTOCOL: u32 = 1;
/// The oldest that a server of this version answers.
const OLDEST: u32 = 1;

/// What a collector speaks that does not say so: it is one of before the number was sent.
#[must_use]
pub const fn unsaid() -> u32 {
    1
}

/// Why a server of this version does not answer a collector, and what to do; `None` where it does.
#[must_use]
pub fn refusal(theirs: u32) -> Option<String> {
    refused_by(&(OLDEST..=PROTOCOL), theirs)
}

fn refused_by(ours: &RangeInclusive<u32>, theirs: u32) -> Option<String> {
    let newest = ours.end();
    if theirs > *newest {
        return Some(format!(
            "the server is older than this collector: it speaks protocol {newest}, and the collector \
             {theirs}; update uptick where the server runs, or run the server's version where the \
             collector does"
        ));
    }
    (!ours.contains(&theirs)).then(|| {
        format!(
            "this collector is older than the server: it speaks protocol {theirs}, and the server \
             {}; update uptick where the collector runs",
            spoken(ours)
        )
    })
}

fn spoken(ours: &RangeInclusive<u32>) -> String {
    match (ours.start(), ours.end()) {
        (from, to) if from == to => to.to_string(),
        (from, to) => format!("{from} to {to}"),
    }
}

/// What stands before the number in the name of a lease's document.
const LEASE: &str = "uptick.lease/";

/// Why a collector of this version cannot read a lease, and what to do, by the name of its document;
/// `None` where that is no lease's.
#[must_use]
pub fn unreadable(schema: &str) -> Option<String> {
    let theirs: u32 = schema.strip_prefix(LEASE)?.parse().ok()?;
    Some(if theirs < PROTOCOL {
        format!(
            "the server is older than this collector: its leases are {schema}, and the collector \
             reads {LEASE}{PROTOCOL}; update uptick where the server runs, or run the server's \
             version where the collector does"
        )
    } else {
        format!(
            "this collector is older than the server: the server's leases are {schema}, and what the \
             collector reads is {LEASE}{PROTOCOL}; update uptick where the collector runs"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::wire::Lease;

    #[test]
    fn the_older_of_two_is_named_and_the_one_to_update() {
        let said = |theirs| refused_by(&(2..=3), theirs).unwrap_or_default();
        assert_eq!((said(2), said(3)), (String::new(), String::new()));
        let newer = said(4);
        assert!(newer.starts_with("the server is older"), "{newer}");
        assert!(newer.contains("protocol 3, and the collector 4"), "{newer}");
        let older = said(1);
        assert!(older.starts_with("this collector is older"), "{older}");
        assert!(older.contains("the server 2 to 3"), "{older}");
    }

    #[test]
    fn those_of_before_the_number_are_answered() {
        assert_eq!(refusal(unsaid()), None);
        assert_eq!(refusal(PROTOCOL), None);
        assert_eq!(Lease::SCHEMA, format!("{LEASE}{PROTOCOL}"));
    }

    #[test]
    fn a_lease_of_another_protocol_is_known_by_its_name() {
        let newer = unreadable("uptick.lease/9").unwrap_or_default();
        assert!(newer.starts_with("this collector is older"), "{newer}");
        let older = unreadable("uptick.lease/0").unwrap_or_default();
        assert!(older.starts_with("the server is older"), "{older}");
        assert_eq!(unreadable("uptick.error/1"), None);
    }
}
