//! What a release consists of: made of a program, installed, used, taken away.

use std::path::Path;
use std::process::Command;

use crate::collect::said;

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ci/package/build");

/// A program that writes a manual and completions as uptick does, and can be stripped.
const PROGRAM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int n, char **a) {
    char page[4096];
    if (n == 3 && !strcmp(a[1], "man")) {
        snprintf(page, sizeof page, "mkdir -p '%s'", a[2]);
        if (system(page)) return 1;
        snprintf(page, sizeof page, "%s/uptick.1", a[2]);
        FILE *f = fopen(page, "w");
        fputs(".TH uptick 1\n", f);
        return fclose(f);
    }
    return printf("%s %s\n", n > 1 ? a[1] : "uptick", n > 2 ? a[2] : "1") < 0;
}
"#;

fn sums(program: &Path, out: &Path) -> String {
    said(
        Command::new("bash")
            .arg(BUILD)
            .arg(out)
            .env("UPTICK_BINARY", program),
    )
}

fn has(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").output();
    asked.is_ok_and(|o| o.status.success())
}

/// Below a directory, by name.
fn files(dir: &Path) -> String {
    let mut find = Command::new("find");
    let mut all: Vec<String> = said(find.arg(dir).args(["-type", "f", "-printf", "%P\n"]))
        .lines()
        .map(String::from)
        .collect();
    all.sort();
    all.join("\n")
}

#[test]
fn a_release_is_the_same_bytes_twice_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("p.c"), PROGRAM).unwrap();
    said(
        Command::new("cc")
            .args(["-O1", "-g", "-o"])
            .arg(at("p"))
            .arg(at("p.c")),
    );
    let first = sums(&at("p"), &at("one"));
    // Later, and elsewhere.
    std::fs::copy(at("p"), at("q")).unwrap();
    assert_eq!(first, sums(&at("q"), &at("two")));
    let checked = Command::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(at("one"))
        .status();
    assert!(
        checked.unwrap().success() && first.lines().count() >= 1,
        "{first}"
    );

    let name = |end: &str| {
        let listed = first.lines().filter_map(|l| l.split_once("  "));
        listed
            .map(|(_, n)| n)
            .find(|n| n.ends_with(end))
            .map(|n| at("one").join(n))
    };
    std::fs::create_dir(at("prefix")).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-C")
        .arg(at("prefix"))
        .args(["--strip-components=1", "-xzf"]);
    said(tar.arg(name(".tar.gz").unwrap()));
    let all = files(&at("prefix"));
    for file in [
        "uptick",
        "LICENSE-MIT",
        "man/uptick.1",
        "completions/_uptick",
    ] {
        assert!(all.lines().any(|l| l == file), "{file} in\n{all}");
    }
    let runs = said(Command::new(at("prefix/uptick")).arg("runs"));
    assert_eq!(runs, "runs 1");
    if has("dpkg-deb") {
        debian(&name(".deb").unwrap(), &at("root"));
    }
}

/// Installs into an empty root, and takes it away again.
fn debian(deb: &Path, root: &Path) {
    let admin = root.join("var/lib/dpkg");
    for part in ["info", "updates", "triggers"] {
        std::fs::create_dir_all(admin.join(part)).unwrap();
    }
    std::fs::write(admin.join("status"), "").unwrap();
    let dpkg = |args: &[&str]| {
        let mut c = Command::new("dpkg");
        c.arg("--instdir").arg(root).arg("--admindir").arg(&admin);
        // Only the package's own files are looked at, whoever runs this.
        c.args(["--force-depends", "--force-not-root", "--log=/dev/null"]);
        said(c.args(args))
    };
    let depends = said(Command::new("dpkg-deb").arg("-f").arg(deb).arg("Depends"));
    assert!(depends.contains("libc6 (>= 2."), "{depends}");
    dpkg(&["-i", deb.to_str().unwrap()]);
    let all = files(&root.join("usr"));
    for file in [
        "bin/uptick",
        "share/doc/uptick/copyright",
        "share/man/man1/uptick.1.gz",
    ] {
        assert!(all.lines().any(|l| l == file), "{file} in\n{all}");
    }
    assert_eq!(
        said(&mut Command::new(root.join("usr/bin/uptick"))),
        "uptick 1"
    );
    dpkg(&["-P", "uptick"]);
    assert!(!root.join("usr").exists(), "{}", files(&root.join("usr")));
}
