//! No circle of imports: neither between files nor between folders.
//!
//! A file depends on the file that *defines* what it names: paths are followed through
//! re-exports, and a re-export by itself is no dependency. Tests do not count.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;

/// One module: its file, what it defines, and where its imported names come from.
#[derive(Default)]
struct Module {
    file: PathBuf,
    defined: BTreeSet<String>,
    children: BTreeSet<String>,
    /// Name → absolute path, of every `use`.
    imported: HashMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// Absolute paths that the code names, re-exports left out.
    named: BTreeSet<Vec<String>>,
}

type Modules = BTreeMap<Vec<String>, Module>;

pub(crate) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes
        .iter()
        .any(|a| a.path().is_ident("cfg") && a.meta.to_token_stream().to_string().contains("test"))
}

pub(crate) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(i) => &i.attrs,
        syn::Item::Fn(i) => &i.attrs,
        syn::Item::Use(i) => &i.attrs,
        syn::Item::Impl(i) => &i.attrs,
        syn::Item::Struct(i) => &i.attrs,
        syn::Item::Enum(i) => &i.attrs,
        syn::Item::Const(i) => &i.attrs,
        syn::Item::Static(i) => &i.attrs,
        syn::Item::Trait(i) => &i.attrs,
        syn::Item::Type(i) => &i.attrs,
        _ => &[],
    }
}

fn name(item: &syn::Item) -> Option<String> {
    Some(match item {
        syn::Item::Fn(i) => i.sig.ident.to_string(),
        syn::Item::Struct(i) => i.ident.to_string(),
        syn::Item::Enum(i) => i.ident.to_string(),
        syn::Item::Const(i) => i.ident.to_string(),
        syn::Item::Static(i) => i.ident.to_string(),
        syn::Item::Trait(i) => i.ident.to_string(),
        syn::Item::Type(i) => i.ident.to_string(),
        _ => return None,
    })
}

/// A path made absolute: without `crate`, `self` and `super`.
fn absolute(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut at = module.to_vec();
    let mut rest = path.iter().peekable();
    match path.first()?.as_str() {
        "crate" => {
            at.clear();
            rest.next();
        }
        "self" => {
            rest.next();
        }
        "super" => {
            while rest.next_if(|s| *s == "super").is_some() {
                at.pop()?;
            }
        }
        _ => return None,
    }
    at.extend(rest.cloned());
    Some(at)
}

fn leaves(tree: &syn::UseTree, so_far: &mut Vec<String>, out: &mut Vec<(Vec<String>, String)>) {
    match tree {
        syn::UseTree::Path(p) => {
            so_far.push(p.ident.to_string());
            leaves(&p.tree, so_far, out);
            so_far.pop();
        }
        syn::UseTree::Name(n) if n.ident == "self" => {
            out.push((so_far.clone(), so_far.last().cloned().unwrap_or_default()));
        }
        syn::UseTree::Name(n) => {
            let mut path = so_far.clone();
            path.push(n.ident.to_string());
            out.push((path, n.ident.to_string()));
        }
        syn::UseTree::Rename(r) => {
            let mut path = so_far.clone();
            if r.ident != "self" {
                path.push(r.ident.to_string());
            }
            out.push((path, r.rename.to_string()));
        }
        syn::UseTree::Glob(_) => out.push((so_far.clone(), "*".into())),
        syn::UseTree::Group(g) => g.items.iter().for_each(|t| leaves(t, so_far, out)),
    }
}

/// Every `a::b::c` in some code, macros included.
fn paths(tokens: TokenStream, out: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(i) => {
                if colons != 2 {
                    out.push(std::mem::take(&mut path));
                }
                path.push(i.to_string());
                colons = 0;
            }
            TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
            other => {
                out.push(std::mem::take(&mut path));
                colons = 0;
                if let TokenTree::Group(g) = other {
                    paths(g.stream(), out);
                }
            }
        }
    }
    out.push(path);
}

/// Reads a module's file and those of its children.
fn read(root: &Path, file: &Path, dir: &Path, module: &[String], all: &mut Modules) {
    let text = std::fs::read_to_string(file).unwrap();
    let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut here = Module {
        file: file.strip_prefix(root).unwrap().to_path_buf(),
        ..Module::default()
    };
    let mut code = Vec::new();
    for item in syntax.items.iter().filter(|i| !is_test(attributes(i))) {
        match item {
            syn::Item::Mod(m) if m.content.is_none() => {
                let child = m.ident.to_string();
                let mut path = module.to_vec();
                path.push(child.clone());
                let folder = dir.join(&child);
                let flat = dir.join(format!("{child}.rs"));
                let file = if flat.is_file() {
                    flat
                } else {
                    folder.join("mod.rs")
                };
                here.children.insert(child);
                read(root, &file, &folder, &path, all);
            }
            syn::Item::Use(u) => {
                let mut found = Vec::new();
                leaves(&u.tree, &mut Vec::new(), &mut found);
                for (path, name) in found {
                    let path = absolute(module, &path).or_else(|| {
                        // `use child::X` of a module declared here.
                        let mut at = module.to_vec();
                        at.extend(path.clone());
                        here.children.contains(&path[0]).then_some(at)
                    });
                    let Some(path) = path else { continue };
                    if matches!(u.vis, syn::Visibility::Inherited) {
                        here.named.insert(path.clone());
                    }
                    if name == "*" {
                        here.globs.push(path);
                    } else {
                        here.imported.insert(name, path);
                    }
                }
            }
            _ => {
                here.defined.extend(name(item));
                paths(item.to_token_stream(), &mut code);
            }
        }
    }
    for path in code.into_iter().filter(|p| p.len() > 1) {
        let full = absolute(module, &path).or_else(|| {
            let mut at = match here.imported.get(&path[0]) {
                Some(imported) => imported.clone(),
                None if here.children.contains(&path[0]) => {
                    let mut at = module.to_vec();
                    at.push(path[0].clone());
                    at
                }
                None => return None,
            };
            at.extend(path[1..].iter().cloned());
            Some(at)
        });
        here.named.extend(full);
    }
    all.insert(module.to_vec(), here);
}

/// The file that defines what a path names; `None` for a module as a whole.
fn definition<'a>(all: &'a Modules, path: &[String], depth: usize) -> Option<&'a Path> {
    assert!(depth < 20, "re-exports in a circle at {path:?}");
    let mut at: Vec<String> = Vec::new();
    for (i, segment) in path.iter().enumerate() {
        let module = all.get(&at)?;
        if module.children.contains(segment)
            && all.contains_key(&[&at[..], std::slice::from_ref(segment)].concat())
        {
            at.push(segment.clone());
            continue;
        }
        if module.defined.contains(segment) {
            return Some(&module.file);
        }
        if let Some(target) = module.imported.get(segment) {
            let rest = path[i + 1..].iter().cloned();
            let target: Vec<String> = target.iter().cloned().chain(rest).collect();
            return definition(all, &target, depth + 1);
        }
        return module.globs.iter().find_map(|glob| {
            let mut target = glob.clone();
            target.extend(path[i..].iter().cloned());
            definition(all, &target, depth + 1)
        });
    }
    None
}

type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// Which file needs which, with one path that shows it.
fn files(all: &Modules) -> Graph {
    let mut graph = Graph::new();
    for module in all.values() {
        let from = module.file.display().to_string();
        let needs = graph.entry(from.clone()).or_default();
        for path in &module.named {
            if let Some(to) = definition(all, path, 0)
                && to != module.file
            {
                needs.insert(to.display().to_string(), path.join("::"));
            }
        }
    }
    graph
}

/// The same between the parts of each folder: its files and the folders in it.
fn folders(files: &Graph) -> Vec<Graph> {
    let mut graphs: BTreeMap<&str, Graph> = BTreeMap::new();
    for (from, needs) in files {
        for (to, path) in needs {
            let common = from
                .bytes()
                .zip(to.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            let folder = from[..common].rfind('/').map_or(0, |i| i + 1);
            let part = |file: &'_ str| file[folder..].split('/').next().unwrap_or("").to_string();
            let graph = graphs.entry(&from[..folder]).or_default();
            let (a, b) = (part(from), part(to));
            let shown = format!("{from} names {path}");
            graph.entry(a).or_default().entry(b).or_insert(shown);
        }
    }
    graphs.into_values().collect()
}

/// Everything that `from` needs, by however many steps.
fn reach<'a>(graph: &'a Graph, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(at) = todo.pop() {
        for to in graph.get(at).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(to.as_str()) {
                todo.push(to);
            }
        }
    }
    seen
}

/// Every import that lies on a circle, in words.
fn circles(graph: &Graph) -> Vec<String> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|k| (k.as_str(), reach(graph, k)))
        .collect();
    let returns = |from: &str, to: &str| reached.get(to).is_some_and(|r| r.contains(from));
    let mut found = Vec::new();
    for (from, needs) in graph {
        for (to, path) in needs.iter().filter(|(to, _)| returns(from, to)) {
            found.push(format!("{from} needs {to} ({path})"));
        }
    }
    found
}

fn graph_of(dir: &str, root: &str) -> Graph {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut all = Modules::new();
    read(&dir, &dir.join(root), &dir, &[], &mut all);
    assert!(all.len() > 5, "the sources were not found");
    let graph = files(&all);
    assert!(graph.values().any(|needs| !needs.is_empty()));
    graph
}

#[test]
fn nothing_imports_itself_by_a_detour() {
    let mut all = Vec::new();
    for (dir, root) in [
        ("collector/src", "lib.rs"),
        ("dashboard/src", "lib.rs"),
        ("ci", "main.rs"),
    ] {
        let files = graph_of(dir, root);
        for graph in folders(&files).iter().chain([&files]) {
            all.extend(circles(graph).iter().map(|c| format!("{dir}: {c}")));
        }
    }
    assert!(all.is_empty(), "on a circle:\n{}", all.join("\n"));
}

#[test]
fn a_circle_is_found_through_a_re_export() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file("lib.rs", "mod a;\nmod b;\npub use b::Y;\n");
    file("a.rs", "use crate::Y;\npub struct X(Y);\n");
    file(
        "b.rs",
        "pub struct Y;\nfn f() { println!(\"{:?}\", crate::a::X::new()); }\n",
    );
    let mut all = Modules::new();
    read(
        dir.path(),
        &dir.path().join("lib.rs"),
        dir.path(),
        &[],
        &mut all,
    );
    let found = circles(&files(&all)).join("\n");
    assert!(
        found.contains("a.rs needs b.rs") && found.contains("b.rs needs a.rs"),
        "{found}"
    );
}
