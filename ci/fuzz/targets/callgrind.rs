//! callgrind's output.
#![no_main]

use std::path::Path;

use collector::profile::symbols::Symbols;
use collector::profile::{Profile, callgrind};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = callgrind::parts(data);
    let mut symbols = Symbols::new(Path::new("/repo"));
    let _ = Profile::read(data, &[0], &mut symbols);
});
