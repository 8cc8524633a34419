//! Series as CSV, of any dialect.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = collector::detect::csv::read(data);
});
