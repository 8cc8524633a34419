//! callgrind's compression of names: `(7) name` defines, `(7)` refers.

use std::collections::HashMap;

use crate::profile::callgrind::text::Step;

/// Numbered names of one kind (objects, files or functions).
pub(super) struct Names<'a> {
    /// Slot by number, for the small numbers that callgrind gives.
    near: Vec<u32>,
    /// Slot by number, for any other.
    far: HashMap<u64, u32>,
    /// Slot by name, for names without a number.
    plain: HashMap<&'a [u8], u32>,
    /// Names by slot; slot 0 is "unknown".
    pub(super) names: Vec<&'a [u8]>,
}

/// No slot.
pub(super) const NONE: u32 = u32::MAX;
/// Numbers below this index a vector (4 MiB at most); beyond it, a map.
const NEAR: u64 = 1 << 20;

impl<'a> Names<'a> {
    pub(super) fn new() -> Self {
        Self {
            near: Vec::new(),
            far: HashMap::new(),
            plain: HashMap::new(),
            names: vec![b""],
        }
    }

    /// The slot of `(7) name`, `(7)` or `name`.
    pub(super) fn slot(&mut self, text: &'a [u8]) -> Step<u32> {
        let Some(rest) = text.strip_prefix(b"(") else {
            return Ok(self.plain_slot(text));
        };
        let Some((number, after)) = number_and_rest(rest) else {
            return Ok(self.plain_slot(text)); // "(below main)" without compression
        };
        match after.strip_prefix(b" ") {
            Some(name) => Ok(self.define(number, name)),
            None => self
                .known(number)
                .ok_or("a name is used before it is defined"),
        }
    }

    fn plain_slot(&mut self, name: &'a [u8]) -> u32 {
        let next = self.names.len() as u32;
        let slot = *self.plain.entry(name).or_insert(next);
        if slot == next {
            self.names.push(name);
        }
        slot
    }

    fn known(&self, number: u64) -> Option<u32> {
        let slot = if number < NEAR {
            *self.near.get(number as usize)?
        } else {
            *self.far.get(&number)?
        };
        (slot != NONE).then_some(slot)
    }

    fn define(&mut self, number: u64, name: &'a [u8]) -> u32 {
        if let Some(slot) = self.known(number)
            && self.names[slot as usize] == name
        {
            return slot;
        }
        let slot = self.names.len() as u32;
        self.names.push(name);
        if number < NEAR {
            let at = number as usize;
            if at >= self.near.len() {
                self.near.resize(at + 1, NONE);
            }
            self.near[at] = slot;
        } else {
            self.far.insert(number, slot);
        }
        slot
    }
}

/// `7) name` → 7, ` name`.
fn number_and_rest(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (i, &b) in text.iter().enumerate() {
        match b {
            b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(u64::from(b - b'0'))?,
            b')' if i > 0 => return Some((number, &text[i + 1..])),
            _ => return None,
        }
    }
    None
}
