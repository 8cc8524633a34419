//! Builds the object that is preloaded into benchmarks, so that the binary can carry it.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/measure/preload.c");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let object = out.join("preload.so");
    if std::env::var_os("CARGO_FEATURE_FULL").is_none() {
        return; // nothing is measured
    }
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        // Without it nothing is fenced; `doctor` says that this system cannot count.
        std::fs::write(&object, b"").expect("OUT_DIR is writable");
        return;
    }
    let compiler = cc::Build::new()
        .opt_level(2)
        .debug(false)
        .cargo_warnings(false)
        .get_compiler();
    let mut command: Command = compiler.to_command();
    command
        .args(["-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-o"])
        .arg(&object)
        .arg("src/measure/preload.c");
    let status = command.status().expect("the C compiler starts");
    assert!(
        status.success(),
        "the C compiler could not build src/measure/preload.c: {command:?}"
    );
}
