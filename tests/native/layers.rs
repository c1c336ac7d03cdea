//! The layer rule: a module uses only lower layers, or its own folder.

use std::path::Path;

/// Module and layer. A module may use those of a smaller number.
const LAYERS: [(&str, u32); 19] = [
    ("js", 0),
    ("error", 1),
    ("spec", 1),
    ("rng", 1),
    ("schedule", 10),
    ("diffusion", 11),
    ("dataset", 11),
    ("gpu", 20),
    ("graph", 30),
    ("ops", 40),
    ("checkpoint", 50),
    ("picture", 59),
    ("sampler", 60),
    ("film", 60),
    ("train", 60),
    ("eval", 60),
    ("self_test", 65),
    ("web", 70),
    ("bin", 70),
];

/// A crate, and the modules that may name it.
const RESERVED: [(&str, &[&str]); 5] = [
    ("wasm_bindgen", &["js", "checkpoint", "web"]),
    ("wasm_bindgen_futures", &["web"]),
    ("wgpu", &["gpu", "web", "bin"]),
    ("clap", &["bin"]),
    ("indicatif", &["bin"]),
];

/// What knows of no GPU: neither ours nor wgpu's.
const WITHOUT_GPU: [&str; 7] = ["error", "spec", "rng", "schedule", "diffusion", "dataset", "graph"];

fn layer(module: &str) -> Option<u32> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// A name or a punctuation mark of Rust code, and its line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token<'a> {
    line: usize,
    text: &'a str,
}

/// The names and marks of `code`, without comments, literals and lifetimes.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let name_length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let hashes = |text: &str| text.len() - text.trim_start_matches('#').len();
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment_length(rest)
        } else if first == '"' {
            string_length(rest)
        } else if matches!(&rest[..name_length], "r" | "br")
            && rest[name_length + hashes(&rest[name_length..])..].starts_with('"')
        {
            let start = name_length + hashes(&rest[name_length..]) + 1;
            let end = format!("\"{}", "#".repeat(hashes(&rest[name_length..])));
            rest[start..].find(&end).map_or(rest.len(), |length| start + length + end.len())
        } else if first == '\'' {
            char_or_lifetime_length(rest)
        } else if name_length > 0 {
            tokens.push(Token { line, text: &rest[..name_length] });
            name_length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token { line, text: &rest[..first.len_utf8()] });
            }
            first.len_utf8()
        };
        line += rest[..skipped].matches('\n').count();
        at += skipped;
    }
    tokens
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..rest.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn char_or_lifetime_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((escape, _))) => {
            let start = escape + 1;
            rest[start..].find('\'').map_or(rest.len(), |length| start + length + 1)
        }
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// The first names of a path or a use tree: `a` of `a::b`, `a` and `b` of `{a::{c, d}, b}`.
fn first_names<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let Some(first) = tokens.first() else { return vec![] };
    if first.text != "{" {
        return vec![*first];
    }
    let mut names = Vec::new();
    let (mut depth, mut expected) = (0, false);
    for token in tokens {
        match token.text {
            "{" => (depth, expected) = (depth + 1, depth == 0),
            "}" => depth -= 1,
            "," => expected = depth == 1,
            _ if expected => {
                names.push(*token);
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// The crate's modules that a file names, with lines; `module` is the file's own path.
fn used_modules<'a>(module: &[&'a str], tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let is_path = |at: usize| tokens.get(at..at + 2).is_some_and(|t| t.iter().all(|t| t.text == ":"));
    // A binary is a crate of its own; the library is `ddpm` to it.
    let root = if module[0] == "bin" { "ddpm" } else { "crate" };
    let mut used = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut next = at + 1;
        if tokens[at].text == root && is_path(next) {
            used.extend(first_names(&tokens[next + 2..]));
        } else if tokens[at].text == "super" && is_path(next) && module[0] != "bin" {
            let mut above = module.len() - 1;
            next += 2;
            while tokens.get(next).is_some_and(|t| t.text == "super") {
                above = above.saturating_sub(1);
                next += 3;
            }
            match module[..above].first() {
                Some(own) => used.push(Token { line: tokens[at].line, text: own }),
                None => used.extend(first_names(&tokens[next..])),
            }
        }
        at = next;
    }
    used
}

/// What breaks the rule in the file `file` of src/.
fn violations(file: &str, code: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").expect("a Rust file");
    let mut module: Vec<&str> = stem.split('/').collect();
    if module.last() == Some(&"mod") {
        module.pop();
    }
    if module == ["lib"] {
        return vec![];
    }
    let own = module[0];
    let Some(own_layer) = layer(own) else { return vec![format!("src/{file}: {own} is in no layer")] };
    let tokens = tokens(code);
    let mut violations = Vec::new();
    for Token { line, text } in used_modules(&module, &tokens) {
        match layer(text) {
            _ if text == own => {}
            Some(lower) if lower < own_layer && !(text == "gpu" && WITHOUT_GPU.contains(&own)) => {}
            Some(_) => violations.push(format!("src/{file}:{line}: {own} uses {text}")),
            None => violations.push(format!("src/{file}:{line}: {own} uses {text}, which is in no layer")),
        }
    }
    for token in &tokens {
        let reserved = RESERVED.iter().any(|(name, users)| *name == token.text && !users.contains(&own));
        if reserved || token.text == "wgpu" && WITHOUT_GPU.contains(&own) {
            violations.push(format!("src/{file}:{}: {own} uses {}", token.line, token.text));
        }
    }
    violations
}

/// Path from `root` and text of every Rust file below `folder`.
fn rust_files(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder of src/") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name =
                path.strip_prefix(root).expect("below src/").to_str().expect("UTF-8").replace('\\', "/");
            files.push((name, std::fs::read_to_string(&path).expect("UTF-8")));
        }
    }
}

#[test]
fn modules_use_only_lower_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &root, &mut files);
    assert!(files.len() > 20, "found {} files", files.len());
    let violations: Vec<String> = files.iter().flat_map(|(file, code)| violations(file, code)).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn violations_are_seen_in_every_spelling() {
    for (file, code, line) in [
        ("gpu/plan.rs", "use crate::error::Error;\nuse crate::graph::Graph;", 2),
        ("gpu/plan.rs", "use crate::{error::{Error, Result},\n    graph::{Graph, ops}};", 2),
        ("gpu/plan.rs", "fn f() {\n\n    crate::ops::f();\n}", 3),
        ("gpu/plan.rs", "use super::super::ops;", 1),
        ("gpu/mod.rs", "use super::ops;", 1),
        ("gpu/mod.rs", "use super::{error, ops};", 1),
        ("schedule.rs", "/* crate::\n */ use crate::diffusion::q_sample;", 2),
        ("schedule.rs", "use super::gpu::Buffer;", 1),
        ("diffusion.rs", "use crate::gpu;", 1),
        ("rng.rs", "use crate::error::Error;", 1),
        ("rng.rs", "fn f(x: wgpu::Buffer) {}", 1),
        ("graph/mod.rs", "use crate::gpu::Buffer;", 1),
        ("graph/unet/mod.rs", "use crate::graph::Op;\nuse wgpu::Buffer;", 2),
        ("sampler.rs", "const C: char = '\"';\nuse crate::film::Film; // \"", 2),
        ("sampler.rs", "const S: &str = r#\"\"#;\nuse crate::web::Player;", 2),
        ("sampler.rs", "fn f<'a>(x: &'a str) {\n    crate::web::f(x)\n}", 2),
        ("ops/conv2d.rs", "#[wasm_bindgen]\npub struct Conv2d;", 1),
        ("checkpoint/folder.rs", "use clap::Parser;", 1),
        ("bin/ddpm/main.rs", "use ddpm::web::Player;", 1),
        ("web/player.rs", "use crate::bin::f;", 1),
        ("ops/mod.rs", "use crate::*;", 1),
        ("ops/mod.rs", "use crate::helpers::f;", 1),
        ("helpers.rs", "", 0),
    ] {
        let found = violations(file, code);
        assert_eq!(found.len(), 1, "{file}: {code}: {found:?}");
        let place = if line == 0 { format!("src/{file}") } else { format!("src/{file}:{line}:") };
        assert!(found[0].starts_with(&place), "{code}: {found:?}");
    }
    for (file, code) in [
        ("diffusion.rs", "use crate::schedule::Schedule;\nuse super::error::Error;"),
        (
            "gpu/plan.rs",
            "//! [`crate::ops`]\nuse super::buffer::Buffer;\nuse crate::gpu::Plan;\nuse crate::{error, rng};",
        ),
        (
            "gpu/plan.rs",
            "const S: &str = \"crate::ops \\\" crate::web\";\n/* a /* crate::web */ crate::ops */",
        ),
        (
            "graph/unet/blocks.rs",
            "use super::super::Graph;\nuse super::builder::Builder;\npub(crate) struct X;",
        ),
        ("web/player.rs", "use crate::sampler::Sampler;\nuse wasm_bindgen::prelude::*;"),
        (
            "bin/ddpm/main.rs",
            "mod play;\nuse crate::play::f;\nuse super::x;\nuse ddpm::sampler::Sampler;\nuse clap::Parser;",
        ),
        ("lib.rs", "pub use crate::web::Player;"),
    ] {
        assert_eq!(violations(file, code), Vec::<String>::new(), "{file}: {code}");
    }
}
