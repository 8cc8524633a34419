//! Programs, scripts and files that a command names outside the worktree.
//!
//! They are no part of any commit: edited between two runs, they make another benchmark of the
//! same command line, whose values must not stand beside the old ones. So their content is part of
//! every key. What a script itself names by a path, or lies beside it, goes with it, and so do the
//! texts in a directory that a command reads from: `make -C /opt/b`, `PYTHONPATH=/opt/b python3 -m b`.

mod directories;
mod tracked;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Command, Config, words};
use crate::model::digest;
use crate::run::outside::directories::{read_from, texts_in};
use crate::system;

pub(super) use tracked::Tracked;

/// Whether a command line names a directory or what is below it.
fn names(text: &str, dir: &str) -> bool {
    let whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
    let mut found = text.match_indices(dir);
    found.any(|(at, _)| whole(&text[at + dir.len()..]))
}

/// Whether a relative path leads out of the worktree.
fn leaves(dir: &str, path: &str) -> bool {
    let mut depth = 0i32;
    let parts = dir.split('/').chain(path.split('/'));
    for part in parts.filter(|p| !p.is_empty() && *p != ".") {
        depth += if part == ".." { -1 } else { 1 };
        if depth < 0 {
            return !path.starts_with('/');
        }
    }
    false
}

/// The first relative path of a command line that leads out of the worktree: `cd build && cmake ..`
/// does not. Where it goes after a directory that is no plain path, nobody knows.
fn first_outside<'t>(dir: &str, text: &'t str) -> Option<&'t str> {
    let parts = text.split(|c: char| c.is_whitespace() || "'\"=:;&|<>()".contains(c));
    let (mut dir, mut enters) = (dir.to_string(), false);
    for part in parts.filter(|p| !p.is_empty()) {
        if leaves(&dir, part) {
            return Some(part);
        }
        if enters && part.starts_with(['/', '$', '{', '~', '-']) {
            return None;
        }
        if enters {
            dir = format!("{dir}/{part}");
        }
        enters = matches!(part, "cd" | "pushd");
    }
    None
}

/// Where a measured command finds its programs, unless its environment is set.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Longer files are known by their size and time alone: nobody waits for their hash.
const LONG: u64 = 256 << 20;
/// Scripts within scripts are followed this far.
const DEPTH: usize = 4;
/// A text longer than this is data, not a script.
const LONGEST_SCRIPT: usize = 1 << 20;
/// More files than this are no script's libraries.
const MOST: usize = 256;

/// The files outside the worktree that some commands depend on, as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    files: BTreeMap<PathBuf, Content>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    digest: String,
    /// It runs, and no build makes it: a change of it is somebody's edit.
    program: bool,
}

impl Outside {
    /// Looks at what the commands of a configuration name.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let search = search_path(config);
        let named: Vec<Named> = config
            .commands
            .iter()
            .map(|c| Named::by(c, &search))
            .collect();
        let mut found = Self::default();
        for command in &named {
            for file in &command.files {
                found.add(file, &command.made, DEPTH);
            }
        }
        // Afterwards, so that no directory takes the place of a program or stands in for one.
        for command in &named {
            found.add_directories(command);
        }
        found
    }

    /// Why a command measures the user's checkout, or what lies beside the worktree, and not the
    /// commit; `None` where nothing of it says so.
    #[must_use]
    pub fn escapes(command: &Command, root: &Path) -> Option<String> {
        let real = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let roots = [root.to_string_lossy(), real.to_string_lossy()];
        let build = command.build.as_deref().unwrap_or("");
        let stdin = command.stdin.as_deref().unwrap_or("");
        for (what, text) in [("run", &*command.run), ("build", build), ("stdin", stdin)] {
            if roots.iter().any(|root| names(text, root)) {
                return Some(format!(
                    "`{what}` names the checkout, {}: every commit is measured on what lies there \
                     now (`{{tree}}` stands for the commit's own files)",
                    root.display()
                ));
            }
            if let Some(part) = first_outside(&command.dir, text) {
                return Some(format!(
                    "`{what}` names {part}, which is outside the commit's files: what lies there now \
                     is measured with every commit"
                ));
            }
        }
        None
    }

    /// A key that follows what was found; unchanged where nothing was.
    #[must_use]
    pub fn mark(&self, key: String, length: usize) -> String {
        if self.files.is_empty() {
            return key;
        }
        let digests: Vec<&String> = self.files.values().map(|c| &c.digest).collect();
        let mut marked = digest(format!("{key} with {digests:?}").as_bytes());
        marked.truncate(length);
        marked
    }

    /// The first program that is another one now.
    #[must_use]
    pub fn edited<'a>(&'a self, now: &Self) -> Option<&'a Path> {
        let same = |path: &PathBuf, was: &Content| {
            now.files
                .get(path)
                .is_some_and(|is| is.digest == was.digest)
        };
        let mut programs = self.files.iter().filter(|(_, c)| c.program);
        let (path, _) = programs.find(|(path, was)| !same(path, was))?;
        Some(path)
    }

    /// Whether a program of that name is found where measured commands look for it.
    #[must_use]
    pub fn finds(config: &Config, name: &str) -> bool {
        on_path(name, Self::search(config)).is_some()
    }

    /// Where measured commands are looked for.
    #[must_use]
    pub fn search(config: &Config) -> &str {
        config.suite.env.get("PATH").map_or(USUAL_PATH, |p| p)
    }

    /// The program of that name that the user's own search path leads to.
    #[must_use]
    pub fn only_here(name: &str) -> Option<PathBuf> {
        on_path(name, &std::env::var("PATH").unwrap_or_default())
    }

    /// The texts in directories. Nobody says that they are programs: one that changes while
    /// something runs may be its output.
    fn add_directories(&mut self, command: &Named) {
        for dir in command.directories.iter().filter(|d| !is_of_the_system(d)) {
            for (path, text) in texts_in(dir, &|path| command.writes(path)) {
                let (digest, program) = (digest(text.as_bytes()), false);
                self.files
                    .entry(path)
                    .or_insert(Content { digest, program });
            }
        }
    }

    fn add(&mut self, path: &Path, made: &BTreeSet<PathBuf>, depth: usize) {
        if self.files.len() >= MOST || self.files.contains_key(path) || made.contains(path) {
            return;
        }
        let Some((digest, text)) = content(path) else {
            return;
        };
        let executable = path.metadata().is_ok_and(|m| system::is_program(&m));
        let program = executable || text.as_deref().is_some_and(is_script);
        self.files
            .insert(path.to_path_buf(), Content { digest, program });
        // A system's own scripts name other programs of the system, which change together.
        let own = !is_of_the_system(path);
        let script = text.filter(|_| program && own && depth > 0);
        for file in script.iter().flat_map(|t| mentioned(t, path)) {
            self.add(&file, made, depth - 1);
        }
    }
}

/// What a command names outside the worktree.
struct Named {
    files: Vec<PathBuf>,
    directories: BTreeSet<PathBuf>,
    /// What its build makes.
    made: BTreeSet<PathBuf>,
    /// What it writes to, as far as it says.
    written: Vec<PathBuf>,
}

impl Named {
    fn by(command: &Command, search: &str) -> Self {
        let build = shell_words(command.build.as_deref().unwrap_or_default());
        let run = run_words(&command.run);
        let texts = || run.iter().filter(|w| !w.output).map(|w| w.text.as_str());
        let all = build.iter().map(|w| w.text.as_str()).chain(texts());
        let directories: BTreeSet<PathBuf> = read_from(texts()).into_iter().collect();
        let outputs = run.iter().filter(|w| w.output);
        let beneath = outputs.flat_map(|w| directories.iter().map(|d| d.join(&w.text)));
        Self {
            files: all.flat_map(|w| located(w, search)).collect(),
            made: made_by(&build),
            written: beneath.collect(),
            directories,
        }
    }

    fn writes(&self, path: &Path) -> bool {
        self.made.contains(path) || self.written.iter().any(|w| w == path)
    }
}

/// The words of the command that is measured. One with blanks is a script in itself:
/// `sh -c '/opt/b.sh | wc'`.
fn run_words(run: &str) -> Vec<Word> {
    let plain = |text: String| Word {
        text,
        output: false,
        first: false,
    };
    let split = |word: String| match word.contains(char::is_whitespace) {
        true => shell_words(&word),
        false => vec![plain(word)],
    };
    let all = words(run).unwrap_or_default();
    all.into_iter().flat_map(split).collect()
}

fn is_of_the_system(path: &Path) -> bool {
    const SYSTEM: [&str; 9] = [
        "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/dev", "/proc", "/sys",
    ];
    // The top, and what everybody writes to, say nothing of a command.
    let is_shared = ["/", "/tmp", "/var/tmp"]
        .iter()
        .any(|d| path == Path::new(d));
    is_shared || SYSTEM.iter().any(|d| path.starts_with(d))
}

/// Where commands are looked for: a measured one in its own environment, a build in the user's.
fn search_path(config: &Config) -> String {
    let users = std::env::var("PATH").unwrap_or_default();
    format!("{}:{users}", Outside::search(config))
}

/// A word of a shell script.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    text: String,
    /// It is written to: it follows `>` or `-o`.
    output: bool,
    /// It begins a command.
    first: bool,
}

/// The words of a shell script, as far as they can name files; nothing is expanded but the home
/// directory.
fn shell_words(script: &str) -> Vec<Word> {
    let home = std::env::var("HOME").unwrap_or_default();
    let inside = ["{tree}", "${UPTICK_TREE}", "$UPTICK_TREE"];
    let script = inside
        .iter()
        .fold(script.to_string(), |s, t| s.replace(t, "./tree"));
    let mut out: Vec<Word> = Vec::new();
    let (mut text, mut output, mut first) = (String::new(), false, true);
    for c in script.chars().chain(['\n']) {
        if !c.is_whitespace() && !"\"'`;|&()<>".contains(c) {
            text.push(c);
            continue;
        }
        if !text.is_empty() {
            let word = std::mem::take(&mut text);
            let next_is_output = word == "-o" || word == "--output";
            let text = at_home(&word, &home);
            out.push(Word {
                text,
                output,
                first,
            });
            (output, first) = (next_is_output, false);
        }
        match c {
            '>' => output = true,
            ';' | '|' | '&' | '(' | '\n' | '`' => first = true,
            _ => {}
        }
    }
    out
}

fn at_home(word: &str, home: &str) -> String {
    for start in ["~/", "$HOME/", "${HOME}/"] {
        if let Some(rest) = word.strip_prefix(start) {
            return format!("{home}/{rest}");
        }
    }
    word.to_string()
}

/// The files that a build makes outside the worktree: what it writes to, and machine code among
/// the arguments of its commands (`cp prog /tmp/prog`).
fn made_by(build: &[Word]) -> BTreeSet<PathBuf> {
    let is_made = |w: &&Word| w.output || (!w.first && is_machine_code(Path::new(&w.text)));
    let absolute = build.iter().filter(|w| w.text.starts_with('/'));
    absolute
        .filter(is_made)
        .map(|w| PathBuf::from(&w.text))
        .collect()
}

fn is_machine_code(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut start));
    read.is_ok() && start == *b"\x7fELF"
}

/// The files outside that a word of a command names: by a whole path, alone or behind a `=`, or
/// as a program of the search path.
fn located(word: &str, search: &str) -> Vec<PathBuf> {
    let (_, value) = word.rsplit_once('=').unwrap_or(("", word));
    if value.starts_with('/') {
        return vec![PathBuf::from(value)];
    }
    if word.is_empty() || word.contains(['/', '=', '{', '$']) || word.starts_with('-') {
        return Vec::new();
    }
    on_path(word, search).into_iter().collect()
}

/// The program of that name that a search path leads to.
fn on_path(name: &str, search: &str) -> Option<PathBuf> {
    let runs = |p: &PathBuf| p.metadata().is_ok_and(|m| system::is_program(&m));
    std::env::split_paths(search)
        .filter(|d| d.is_absolute())
        .map(|d| d.join(name))
        .find(runs)
}

/// A file's hash, and its text where it has some.
fn content(path: &Path) -> Option<(String, Option<String>)> {
    let facts = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    if facts.len() > LONG {
        let known = format!("{} {:?}", facts.len(), facts.modified().ok());
        return Some((digest(known.as_bytes()), None));
    }
    let bytes = std::fs::read(path).ok()?;
    let hash = digest(&bytes);
    let short = bytes.len() <= LONGEST_SCRIPT;
    let text = short.then(|| String::from_utf8(bytes).ok()).flatten();
    Some((hash, text))
}

fn is_script(text: &str) -> bool {
    text.starts_with("#!")
}

/// The files that a script names: by a whole path, or beside it (`. "$(dirname "$0")/lib.sh"`,
/// `import lib`).
fn mentioned(text: &str, script: &Path) -> Vec<PathBuf> {
    let beside = script.parent().unwrap_or(Path::new("/"));
    let is_part = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let names: BTreeSet<&str> = text
        .split(|c| !is_part(c))
        .map(|n| n.trim_end_matches('.'))
        .filter(|n| n.len() > 1)
        .collect();
    let mut found = BTreeSet::new();
    for name in names {
        let relative = name.trim_start_matches('/');
        let python = format!("{}.py", relative.replace('.', "/"));
        let candidates = [
            name.starts_with('/').then(|| PathBuf::from(name)),
            Some(beside.join(relative)),
            Some(beside.join(python)),
        ];
        found.extend(candidates.into_iter().flatten().filter(|p| p.is_file()));
    }
    found.into_iter().collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn config(build: Option<String>, run: String) -> Config {
        Config {
            commands: vec![Command {
                name: "b".into(),
                build,
                run,
                stdin: None,
                dir: ".".into(),
                clock: crate::config::ClockMode::Real,
            }],
            ..Config::default()
        }
    }

    #[test]
    fn the_content_of_a_script_outside_and_of_what_it_reads_is_part_of_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("b.sh"), "#!/bin/sh\n. \"$(dirname \"$0\")/lib.sh\"\n").unwrap();
        std::fs::write(at("lib.sh"), "seq 1\n").unwrap();
        let config = config(None, format!("sh {} --n=3", at("b.sh").display()));
        let key = || Outside::of(&config).mark("k".into(), 16);
        let first = key();
        assert_ne!(first, "k");
        assert_eq!(first, key());
        let was = Outside::of(&config);
        std::fs::write(at("lib.sh"), "seq 2\n").unwrap();
        assert_ne!(first, key());
        std::fs::write(at("lib.sh"), "seq 1\n").unwrap();
        assert_eq!(was.edited(&Outside::of(&config)), None);
        std::fs::write(at("b.sh"), "#!/bin/sh\nseq 3\n").unwrap();
        let now = Outside::of(&config);
        assert_eq!(was.edited(&now), Some(at("b.sh").as_path()));
    }

    #[test]
    fn the_texts_of_a_directory_that_a_command_names_are_part_of_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("pkg")).unwrap();
        std::fs::write(at("pkg/b.py"), "one\n").unwrap();
        let path = dir.path().display();
        for run in [
            format!("env PYTHONPATH={path} python3 -m b"),
            format!("make -C {path} bench"),
            format!("sh -c 'cd {path} && ./b'"),
        ] {
            let config = config(None, run);
            let key = || Outside::of(&config).mark("k".into(), 16);
            let first = key();
            let was = Outside::of(&config);
            // What a run leaves behind is no text, or hidden.
            std::fs::write(at("pkg/b.pyc"), b"\xff\xfe").unwrap();
            assert_eq!(first, key());
            std::fs::write(at("pkg/b.py"), "two\n").unwrap();
            assert_ne!(first, key());
            assert_eq!(was.edited(&Outside::of(&config)), None);
            std::fs::write(at("pkg/b.py"), "one\n").unwrap();
        }
    }

    #[test]
    fn a_directory_takes_no_program_s_place() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["b", "lib", "big", "x"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        let script = |end: &str| format!("#!/bin/sh\n. {}\n{end}", at("lib/l.sh").display());
        std::fs::write(at("b/run.sh"), script("")).unwrap();
        std::fs::write(at("lib/l.sh"), "one\n").unwrap();
        let (b, run) = (at("b"), at("b/run.sh"));
        let entered = config(
            None,
            format!("sh -c 'cd {} && {}'", b.display(), run.display()),
        );
        let key = |config: &Config| Outside::of(config).mark("k".into(), 16);
        let (was, first) = (Outside::of(&entered), key(&entered));
        std::fs::write(at("lib/l.sh"), "two\n").unwrap();
        assert_ne!(first, key(&entered));
        std::fs::write(&run, script("seq 1\n")).unwrap();
        assert_eq!(was.edited(&Outside::of(&entered)), Some(run.as_path()));

        for i in 0..2 * MOST {
            std::fs::write(at("big").join(format!("{i}.py")), "x\n").unwrap();
        }
        std::fs::write(at("x/main.py"), "one\n").unwrap();
        let (big, main) = (at("big"), at("x/main.py"));
        let run = format!(
            "env PYTHONPATH={} python3 {}",
            big.display(),
            main.display()
        );
        let crowded = config(None, run);
        let first = key(&crowded);
        std::fs::write(&main, "two\n").unwrap();
        assert_ne!(first, key(&crowded));
    }

    #[test]
    fn what_a_run_writes_is_no_part_of_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.txt");
        let at = dir.path().display();
        for run in [
            format!("./app --out-dir {at}"),
            format!("env TMPDIR={at} ./app"),
            format!("env HOME={at} ./app"),
            format!("sh -c 'cd {at} && ./app > out.txt'"),
            format!("sh -c './app > {at}/out.txt'"),
        ] {
            let config = config(None, run.clone());
            let key = || Outside::of(&config).mark("k".into(), 16);
            let first = key();
            std::fs::write(&out, "written\n").unwrap();
            assert_eq!(first, key(), "{run}");
            std::fs::remove_file(&out).unwrap();
        }
    }

    #[test]
    fn what_a_build_makes_outside_is_no_part_of_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("prog");
        std::fs::write(&made, b"\x7fELF one").unwrap();
        let copied = format!("make && cp prog {}", made.display());
        let compiled = format!("cc -o {} {{tree}}/p.c", made.display());
        for build in [copied, compiled] {
            let config = config(Some(build), made.display().to_string());
            assert!(!Outside::of(&config).files.contains_key(&made));
        }
        let plain = config(None, made.display().to_string());
        assert!(Outside::of(&plain).files.contains_key(&made));
    }

    #[test]
    fn what_lies_in_the_tree_is_left_to_the_commit() {
        let inside = config(
            Some("sh {tree}/b.sh".into()),
            "{tree}/work ./x /nowhere".into(),
        );
        let names: Vec<String> = Outside::of(&inside)
            .files
            .keys()
            .filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned()))
            .collect();
        assert_eq!(names, ["sh"]);
    }
}
