//! Reports and exports as they are handed in.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = collector::store::Handed::read(data);
});
